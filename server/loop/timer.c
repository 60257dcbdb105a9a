/* SPDX-License-Identifier: MIT
 * Timers: a wheel of wheels, driven by one timer of libuv. */
#include "loop/timer.h"

#include "loop/core.h"

/* The slot of a time in a level's wheel. */
static unsigned slot_of(uint64_t time_ms, unsigned level)
{
    return (unsigned)(time_ms >> (level * TIMER_DIGIT_BITS)) & (TIMER_SLOTS - 1);
}

static void wheel_place(timer_wheel *self, timer *item)
{
    uint64_t differing;
    unsigned level, slot;

    if (item->due_ms <= self->now_ms) {
        list_append(&self->due, &item->node);
        return;
    }
    differing = item->due_ms ^ self->now_ms;
    level = (63 - (unsigned)__builtin_clzll(differing)) / TIMER_DIGIT_BITS;
    slot = slot_of(item->due_ms, level);
    list_append(&self->slots[level][slot], &item->node);
    self->occupied[level] |= UINT64_C(1) << slot;
}

/* The next occupied slot of a level; false when there is none. All of them lie ahead of now: their
 * timers differ from now in this digit, and not in higher ones. */
static bool level_next(timer_wheel *self, unsigned level, unsigned *slot)
{
    while (self->occupied[level]) {
        *slot = (unsigned)__builtin_ctzll(self->occupied[level]);
        if (!list_is_empty(&self->slots[level][*slot])) return true;
        self->occupied[level] &= self->occupied[level] - 1; /* all of it was stopped */
    }
    return false;
}

/* When the wheel must turn next, and which slot is then reached; UINT64_MAX: never. The lowest
 * level that has any timer has the first. */
static uint64_t wheel_next(timer_wheel *self, unsigned *level, unsigned *slot)
{
    for (*level = 0; *level < TIMER_LEVELS; (*level)++) {
        unsigned shift = *level * TIMER_DIGIT_BITS;
        uint64_t above;

        if (!level_next(self, *level, slot)) continue;
        above = shift + TIMER_DIGIT_BITS < 64
                    ? self->now_ms >> (shift + TIMER_DIGIT_BITS) << (shift + TIMER_DIGIT_BITS)
                    : 0;
        return above | (uint64_t)*slot << shift;
    }
    return UINT64_MAX;
}

static void wheel_call_due(timer_wheel *self)
{
    list_node *node;

    while ((node = list_pop(&self->due))) {
        timer *item = CONTAINER_OF(node, timer, node);

        self->count--;
        item->on_due(item);
    }
}

/* Moves what is in a slot to where it belongs, now that now has reached the slot. */
static void wheel_empty_slot(timer_wheel *self, unsigned level, unsigned slot)
{
    list_node reached, *node;

    list_init(&reached);
    self->occupied[level] &= ~(UINT64_C(1) << slot);
    while ((node = list_pop(&self->slots[level][slot])))
        list_append(&reached, node);
    while ((node = list_pop(&reached)))
        wheel_place(self, CONTAINER_OF(node, timer, node));
}

static void wheel_turn(timer_wheel *self, uint64_t now_ms)
{
    unsigned level, slot;
    uint64_t next;

    while ((next = wheel_next(self, &level, &slot)) <= now_ms) {
        self->now_ms = next;
        wheel_empty_slot(self, level, slot);
        wheel_call_due(self);
    }
    if (now_ms > self->now_ms) self->now_ms = now_ms;
}

/* It came between two rounds. The timers are called after the next poll, so that what has arrived
 * in time counts as in time however long the loop was held. */
static void on_alarm(uv_timer_t *alarm)
{
    loop_keep_turning(alarm->data);
}

static void set_alarm(loop *self, uint64_t due_ms)
{
    uint64_t now_ms = uv_now(&self->uv);

    self->timers.alarm_ms = due_ms;
    if (due_ms == UINT64_MAX)
        uv_timer_stop(&self->timers.alarm);
    else
        uv_timer_start(&self->timers.alarm, on_alarm, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* A task may have used the processor for long since the clock was read. */
static void freshen_clock(loop *self)
{
    if (!self->tasks.current && !self->clock_is_stale) return;
    uv_update_time(&self->uv);
    self->clock_is_stale = false;
}

/* The clock is cut to whole milliseconds: one more makes it "at least". UINT64_MAX is no time. */
static uint64_t due_after(uint64_t now_ms, uint64_t delay_ms)
{
    if (delay_ms == 0) return now_ms;
    return delay_ms < UINT64_MAX - 1 - now_ms ? now_ms + delay_ms + 1 : UINT64_MAX - 1;
}

void timers_init(loop *self)
{
    timer_wheel *wheel = &self->timers;

    wheel->alarm_ms = UINT64_MAX;
    list_init(&wheel->due);
    for (unsigned level = 0; level < TIMER_LEVELS; level++)
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    CHECK(uv_timer_init(&self->uv, &wheel->alarm) == 0);
    wheel->alarm.data = self;
}

bool timers_are_due(const loop *self)
{
    return self->timers.alarm_ms <= uv_now(&self->uv);
}

void timers_run(loop *self)
{
    unsigned level, slot;

    if (!timers_are_due(self)) return;
    wheel_turn(&self->timers, uv_now(&self->uv));
    set_alarm(self, wheel_next(&self->timers, &level, &slot));
}

void timer_init(timer *self, void (*on_due)(timer *self))
{
    list_init(&self->node);
    self->due_ms = 0;
    self->on_due = on_due;
}

void timer_start(loop *owner, timer *self, uint64_t delay_ms)
{
    timer_wheel *wheel = &owner->timers;
    uint64_t now_ms;

    freshen_clock(owner);
    now_ms = uv_now(&owner->uv);
    if (timer_is_running(self)) {
        list_remove(&self->node);
        wheel->count--;
    }
    if (wheel->count == 0) wheel->now_ms = now_ms; /* saves turning an empty wheel */
    self->due_ms = due_after(now_ms, delay_ms);
    if (self->due_ms <= wheel->now_ms) self->due_ms = wheel->now_ms + 1;
    wheel_place(wheel, self);
    wheel->count++;
    if (self->due_ms < wheel->alarm_ms) set_alarm(owner, self->due_ms);
}

void timer_stop(loop *owner, timer *self)
{
    timer_wheel *wheel = &owner->timers;

    if (!timer_is_running(self)) return;
    list_remove(&self->node);
    wheel->count--;
    if (wheel->count == 0) set_alarm(owner, UINT64_MAX);
}

bool timer_is_running(const timer *self)
{
    return !list_is_empty(&self->node);
}
