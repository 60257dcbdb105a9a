/* SPDX-License-Identifier: MIT
 * The stall detector. It looks at the loop from its own thread, a few times within the threshold,
 * and sleeps while the loop has nothing to do. */
#include "loop/stall.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "log/log.h"
#include "loop/core.h"

/* A stall is told when it has lasted for 1 to 1.25 thresholds. */
#define LOOKS_PER_THRESHOLD 4
/* After so many looks at a loop that did nothing the thread sleeps until the loop has work. */
#define LOOKS_UNTIL_SLEEP 4
#define NS_PER_MS         UINT64_C(1000000)
#define NS_PER_S          UINT64_C(1000000000)

/* Holds the loop while it waits for events. */
static const task_label nobody;

/* What the detector has seen. */
typedef struct sight {
    uint64_t segment;
    uint64_t looked_ns; /* the last look */
    uint64_t first_ns;  /* the first look at this segment */
    uint64_t unseen_ns; /* the look before that */
    unsigned quiet_looks;
    bool is_told;
} sight;

static void tell_stall(stall *self, const sight *seen, const task_label *holder)
{
    uint64_t round_ns = atomic_load_explicit(&self->round_ms, memory_order_relaxed) * NS_PER_MS;
    uint64_t since_ns = seen->unseen_ns > round_ns ? seen->unseen_ns : round_ns;
    char text[256];

    if (since_ns > seen->first_ns) since_ns = seen->first_ns;
    log_warning("%s has held the loop for over %llu ms; other requests wait",
                task_label_print(holder, text, sizeof(text)),
                (unsigned long long)self->threshold_ms);
    atomic_store_explicit(&self->stalled_since_ns, since_ns, memory_order_relaxed);
    atomic_store_explicit(&self->stalled_segment, seen->segment, memory_order_release);
}

static void look(stall *self, sight *seen)
{
    uint64_t segment = atomic_load_explicit(&self->segment, memory_order_acquire);
    const task_label *holder = atomic_load_explicit(&self->holder, memory_order_acquire);
    uint64_t now_ns = loop_clock_ns();

    if (segment != seen->segment) {
        seen->segment = segment;
        seen->unseen_ns = seen->looked_ns;
        seen->first_ns = now_ns;
        seen->quiet_looks = 0;
        seen->is_told = false;
    }
    seen->looked_ns = now_ns;
    if (holder == &nobody) {
        seen->quiet_looks++;
        return;
    }
    if (seen->is_told || now_ns - seen->first_ns < self->threshold_ms * NS_PER_MS) return;
    /* The holder is that of the segment only if neither has changed. */
    if (atomic_load_explicit(&self->segment, memory_order_acquire) != segment) return;
    seen->is_told = true;
    tell_stall(self, seen, holder);
}

/* Sleeps until the loop has work, unless it has some by now. Called with the lock held. */
static void sleep_until_work(stall *self, sight *seen)
{
    atomic_store(&self->is_asleep, true);
    if (atomic_load(&self->segment) != seen->segment) atomic_store(&self->is_asleep, false);
    while (atomic_load(&self->is_asleep) && !self->must_stop)
        pthread_cond_wait(&self->changed, &self->lock);
    atomic_store(&self->is_asleep, false);
    seen->quiet_looks = 0;
}

static void wait_for_next_look(stall *self)
{
    uint64_t pause_ns = self->threshold_ms * NS_PER_MS / LOOKS_PER_THRESHOLD;
    uint64_t until_ns = loop_clock_ns() + pause_ns;
    struct timespec until = { .tv_sec = (time_t)(until_ns / NS_PER_S),
                              .tv_nsec = (long)(until_ns % NS_PER_S) };

    pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

static void *detector_main(void *arg)
{
    stall *self = arg;
    sight seen = { .looked_ns = loop_clock_ns() };

    pthread_mutex_lock(&self->lock);
    while (!self->must_stop) {
        pthread_mutex_unlock(&self->lock);
        look(self, &seen);
        pthread_mutex_lock(&self->lock);
        if (self->must_stop) break;
        if (seen.quiet_looks >= LOOKS_UNTIL_SLEEP)
            sleep_until_work(self, &seen);
        else
            wait_for_next_look(self);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* The detector has told the stall of the segment that ends now. */
static void tell_end(stall *self)
{
    uint64_t since_ns = atomic_load_explicit(&self->stalled_since_ns, memory_order_relaxed);
    const task_label *holder = atomic_load_explicit(&self->holder, memory_order_relaxed);
    loop_stall *past = &self->past[self->past_count % LOOP_STALLS_KEPT];
    char text[256];
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    past->number = ++self->past_count;
    past->at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    past->held_ms = (loop_clock_ns() - since_ns) / NS_PER_MS;
    task_label_print(holder, past->holder, sizeof past->holder);
    log_warning("%s held the loop for %llu ms in all", task_label_print(holder, text, sizeof(text)),
                (unsigned long long)past->held_ms);
}

const loop_stall *loop_get_stall(const loop *self, size_t index)
{
    const stall *from = &self->stall;

    if (index >= from->past_count || index >= LOOP_STALLS_KEPT) return NULL;
    return &from->past[(from->past_count - 1 - index) % LOOP_STALLS_KEPT];
}

/* segment is stored first: who sees the new holder sees the new segment too. */
static inline void begin_segment(stall *self, const task_label *holder, memory_order order)
{
    uint64_t stalled = atomic_load_explicit(&self->stalled_segment, memory_order_acquire);

    if (__builtin_expect(stalled == self->segment_now, 0)) tell_end(self);
    atomic_store_explicit(&self->segment, ++self->segment_now, order);
    atomic_store_explicit(&self->holder, holder, memory_order_release);
}

/* Signals are the loop thread's: a thread inherits the mask of its maker. */
static int start_thread(stall *self)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&self->thread, NULL, detector_main, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

csgi_status stall_init(stall *self, uint64_t threshold_ms)
{
    pthread_condattr_t attributes;
    int error;

    memset(self, 0, sizeof(*self));
    atomic_init(&self->holder, &nobody);
    if (threshold_ms == 0) return 0;

    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    self->segment_now = 1;
    atomic_init(&self->segment, 1);
    self->threshold_ms = threshold_ms;
    error = start_thread(self);
    if (!error) return 0;

    log_error("cannot start the stall detector's thread: %s", strerror(error));
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    self->threshold_ms = 0;
    return CSGI_EFAIL;
}

void stall_fini(stall *self)
{
    if (self->threshold_ms == 0) return;
    pthread_mutex_lock(&self->lock);
    self->must_stop = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    self->threshold_ms = 0;
}

void stall_begin_round(stall *self, uint64_t now_ms)
{
    if (self->threshold_ms == 0) return;
    atomic_store_explicit(&self->round_ms, now_ms, memory_order_relaxed);
    begin_segment(self, NULL, memory_order_seq_cst);
    if (!atomic_load(&self->is_asleep)) return;
    pthread_mutex_lock(&self->lock);
    atomic_store(&self->is_asleep, false);
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void stall_end_round(stall *self)
{
    if (self->threshold_ms) begin_segment(self, &nobody, memory_order_relaxed);
}

void stall_set_holder(stall *self, const task_label *label)
{
    if (self->threshold_ms) begin_segment(self, label, memory_order_relaxed);
}
