/* SPDX-License-Identifier: MIT
 * What a loop is made of, for the files of this folder alone. */
#ifndef CAPRICORN_LOOP_CORE_H
#define CAPRICORN_LOOP_CORE_H

#include <pthread.h>
#include <uv.h>

#include "loop/crash.h"
#include "loop/stack.h"
#include "loop/stall.h"
#include "loop/switch.h"
#include "loop/task.h"
#include "loop/timer.h"

/* A wheel of wheels: a timer lies in the level of the highest 6-bit digit in which its due time
 * differs from now, in the slot of that digit. When now reaches a slot, its timers are due or move
 * to lower levels. */
#define TIMER_DIGIT_BITS 6
#define TIMER_SLOTS      64
#define TIMER_LEVELS     11 /* 66 bits: any due time has a place */

typedef struct timer_wheel {
    uint64_t now_ms; /* all that was due by then has been called */
    size_t count;
    uint64_t alarm_ms; /* when `alarm` wakes the loop; UINT64_MAX: it does not */
    uv_timer_t alarm;
    uint64_t occupied[TIMER_LEVELS]; /* a bit for each slot; may be set for an empty one */
    list_node slots[TIMER_LEVELS][TIMER_SLOTS];
    list_node due; /* being called */
} timer_wheel;

struct task {
    switch_side side;
    loop *loop;
    task *next_ready;
    task_wait *waiting; /* suspended in it: an event or cancellation ends that */
    const task_label *label;
    task_fn fn;
    task_end_fn on_end;
    void *arg, *owner;
    const task_note *note;
    task_deadline *deadlines; /* the innermost first */
    stack *stack;
    char *error;
    size_t error_len;
    csgi_status result, cancel_reason; /* reason: of the first wait that cancellation ends */
    uint32_t shields, app_shields;     /* the app's are among them */
    uint32_t next_penalty_ms;
    bool is_ready, has_ended, is_cancelled, cancel_was_told, penalty_was_told;
};

/* What the struct takes of its stack. */
#define STACK_ROOM(size) (((size) + 63) & ~(size_t)63)
#define TASK_ROOM        STACK_ROOM(sizeof(task))

typedef struct task_queue {
    task *first, *last;
} task_queue;

typedef struct scheduler {
    switch_side loop_side;
    task *current;
    task_queue ready;
    size_t count, max_tasks;
    size_t stack_size;
    stack_pool stacks;
} scheduler;

typedef struct readiness_place readiness_place;

/* Who waits for descriptors; all zero until the first does. */
typedef struct readiness {
    bool is_open;
    int set; /* an epoll set in libuv's */
    uv_poll_t poll;
    readiness_place *places; /* by descriptor number */
    size_t place_count;
    int waiters;
} readiness;

typedef struct thread_pool thread_pool;

/* Each kind has threads of its own, so that neither waits for the other: an endpoint that blocks
 * may ask for what takes a thread of the functions'. */
typedef enum pool_kind {
    POOL_FUNCTIONS, /* given to offload_run */
    POOL_ENDPOINTS, /* bridges */
    POOL_KINDS
} pool_kind;

typedef struct thread_limits {
    size_t max_threads, max_queued; /* of each pool */
} thread_limits;

typedef struct loop_work loop_work;

struct loop {
    uv_loop_t uv;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_idle_t turning; /* active: there is work, poll must not block */
    uv_async_t async;  /* wakes the loop for posts */
    int open_handles;  /* our own, until loop_free has closed them */
    bool must_stop;
    bool clock_is_stale; /* a task has run since the clock was read */
    pthread_mutex_t posts_lock;
    loop_work *first_post, **last_post;
    list_node signals;
    void (*on_round_end)(void);
    char *scratch;
    timer_wheel timers;
    scheduler tasks;
    stall stall;
    crash_stack crash_stack;
    readiness readiness;
    thread_pool *pools[POOL_KINDS]; /* NULL until one is first needed */
    thread_limits thread_limits;
};

/* Keeps the loop from blocking in its next poll, and from ending. */
void loop_keep_turning(loop *self);

void timers_init(loop *self);
/* Calls what is due. */
void timers_run(loop *self);
bool timers_are_due(const loop *self);

/* Begins to close what readiness_wait has made. Nobody waits (CHECKed). */
void readiness_close(loop *self);

/* Ends the threads of the pools, and begins to close the rest. Nobody waits (CHECKed). */
void thread_pools_close(loop *self);

/* Makes the scheduler, without tasks; fails as stack_pool_init does. */
csgi_status tasks_init(loop *self, const loop_options *options);
void tasks_fini(loop *self);
/* Runs the tasks that are ready now; those they make ready wait for the next call. */
void tasks_run(loop *self);

/* Ends its wait, if it must end. */
void task_interrupt(task *self);
/* What it waited for in vain is no longer held against it. */
void task_forgive(task *self);
/* Why its wait has ended was not passed on, and is for the next wait to say. */
void task_tell_later(task *self, csgi_status reason);
/* A shield has gone: those still to come are inside of all its deadlines. */
void task_unshield_deadlines(task *self);
/* One of its deadlines has passed, and no shield inside keeps it back. */
bool task_is_late(const task *self);

/* "plugin P, endpoint E", or "the server's own work" for NULL; cut to fit. Returns text. */
const char *task_label_print(const task_label *label, char *text, size_t size);

#endif
