/* SPDX-License-Identifier: MIT
 * Tasks: stackful coroutines on the loop's thread. A task runs until it waits; then others run. It
 * never changes thread. */
#ifndef CAPRICORN_LOOP_TASK_H
#define CAPRICORN_LOOP_TASK_H

#include "loop/loop.h"

typedef struct task task;

/* Who a task works for, in messages ("plugin weather, endpoint get_weather"); outlives the task. */
typedef struct task_label {
    csgi_str plugin, endpoint;
} task_label;

typedef csgi_status (*task_fn)(void *arg);
/* Called on the loop's stack when the task has ended; it is gone when this returns. */
typedef void (*task_end_fn)(void *arg, csgi_status result);

/* Makes a task that has yet to begin. *room: so many bytes at the top of its stack, which has them
 * to spare, for what lives no longer than until its on_end returns; suitably aligned, not zeroed.
 * stack_size 0: the loop's default. CSGI_ENOMEM; CSGI_ELIMIT: max_tasks. [loop] or in a task */
csgi_status task_new(loop *loop, size_t stack_size, size_t room_size, task **out, void **room);
/* fn(arg) begins when the loop next runs ready tasks. on_end may be NULL. */
void task_begin(task *self, const task_label *label, task_fn fn, task_end_fn on_end, void *arg);
/* Frees one that has not begun. */
void task_discard(task *self);
/* task_new, without room, and task_begin. */
csgi_status task_spawn(loop *loop, const task_label *label, size_t stack_size, task_fn fn,
                       task_end_fn on_end, void *arg, task **out);

/* The running task, or NULL on the loop's own stack. [loop] */
task *task_current(const loop *loop);
/* Whatever the one who spawned it wants to find again from the running task; NULL at first. */
void task_set_owner(task *self, void *owner);
void *task_get_owner(const task *self);
size_t task_count(const loop *loop);

/* What a task is about to wait for, for those who list tasks: { "fetch", url }. */
typedef struct task_note {
    const char *what;
    csgi_str about; /* may be empty */
} task_note;

/* Sets the note of the running task, which stays where it is until the next one is set; NULL: none.
 * Returns the one before. On the loop's own stack it does nothing. [loop] or task */
const task_note *task_set_note(loop *loop, const task_note *note);
const task_note *task_get_note(const task *self);
/* The wait that it is suspended in; NULL: it runs, or is about to. */
const struct task_wait *task_get_wait(const task *self);

/* One wait of one task, on its stack:
 *     task_wait wait;
 *     task_wait_begin(loop, &wait);
 *     ... hand &wait to who will call task_wake, perhaps before the next line ...
 *     status = task_wait_end(&wait);
 *     ... if it was not woken by task_wake (wait.woken is false), take &wait back now ...
 */
typedef struct task_wait {
    task *waiter;
    csgi_status status;
    bool woken;
} task_wait;

/* Prepares a wait of the running task, for task_wait_end; whoever is to wake it may have it from
 * then on. [task] */
void task_wait_begin(loop *loop, task_wait *wait);
/* Suspends until task_wake, and returns its status; or CSGI_ECANCELED as soon as the task is
 * cancelled. What was woken, before the cancellation or after it, returns its own status: an event
 * that was taken is never lost. A cancelled task that waits again gets CSGI_ECANCELED again, each
 * time after a longer pause on the loop (0, 1, 2, 4 ... 1000 ms), with one log line from 4 ms on.
 * A shielded task waits as if it were not cancelled. [suspends] */
csgi_status task_wait_end(task_wait *wait);
/* One whole wait of the running task, which *place holds for task_wake while it lasts; *place is
 * NULL before and after. Returns what task_wait_end does. [suspends] */
csgi_status task_wait_at(loop *loop, task_wait **place);
/* Ends the wait; the waiter runs when the loop next runs ready tasks. The first call counts, later
 * ones are ignored. [loop] or task */
void task_wake(task_wait *wait, csgi_status status);

/* Waits for that long. 0 or CSGI_ECANCELED. [suspends] */
csgi_status task_sleep(loop *loop, uint64_t ms);
/* Lets other tasks and events have a turn. 0 or CSGI_ECANCELED. [suspends] */
csgi_status task_yield(loop *loop);
/* 0, at once; but of a task that may not wait what its waits return, as task_yield: for what does
 * not always wait. On the loop's own stack 0. [suspends] */
csgi_status task_check(loop *loop);
/* A pause for one who does not listen: grows with each call by this task (0, 1, 2, 4 ... 1000 ms);
 * from 4 ms on it logs, once, what is being ignored ("sends after the client is gone").
 * Cancellation does not cut it short. [suspends] */
void task_penalty(loop *loop, const char *what);

/* Sticky: the current wait, and all later ones, return CSGI_ECANCELED. Of a task that has ended:
 * not allowed. [loop] or task */
void task_cancel(task *self);
/* Likewise, but the first wait that this ends returns CSGI_ETIMEDOUT: a deadline has passed. */
void task_time_out(task *self);
bool task_is_cancelled(const task *self);
/* While the count is above 0 cancellation is kept back (deferred cleanups). [task] */
void task_shield(task *self);
void task_unshield(task *self);

/* By the server or by the app. */
bool task_is_shielded(const task *self);
/* The same for the app, which cannot take away the server's: CSGI_ESTATE, there is none of its own.
 * The second returns what the next wait will, CSGI_ECANCELED or CSGI_ETIMEDOUT, or 0. */
void task_shield_for_app(task *self);
csgi_status task_unshield_for_app(task *self);
/* Takes away what the app has left. */
void task_unshield_from_app(task *self);

/* ---- deadlines of one task (deadline.c) ---- */

typedef struct task_deadline task_deadline;

/* From after so many milliseconds on every wait of the task returns CSGI_ETIMEDOUT, until the
 * deadline is left; the nearest of several counts. Cancellation outranks it; a shield that is put
 * up inside it keeps it back. out may be NULL. CSGI_ENOMEM. [loop] or task */
csgi_status task_enter_deadline(task *self, uint64_t delay_ms, task_deadline **out);
/* Ends it, with those that were entered after it. CSGI_ETIMEDOUT: it had passed. */
csgi_status task_leave_deadline(task *self, task_deadline *left);
/* Ends all that it has entered. */
void task_leave_deadlines(task *self);
/* Has the task entered it, and not left? It may be any address. */
bool task_has_deadline(const task *self, const task_deadline *wanted);
/* When the nearest passes that no shield keeps back, on loop_now_ms; UINT64_MAX: there is none. */
uint64_t task_due_ms(const task *self);

/* The text behind csgi_host.last_error: copied; dropped silently when there is no memory. */
void task_set_error(task *self, csgi_str detail);
csgi_str task_error(const task *self);

/* How to find __cxa_get_globals once libstdc++ is mapped (C++ tasks may then suspend inside a
 * catch). NULL: no C++. */
void task_set_exception_globals(void *(*cxa_get_globals)(void));

/* Installs the handler that reports "stack overflow in plugin P, endpoint E (256 KiB): ...", and
 * crashes of tasks likewise, then lets the process die of the signal. Once a process; calls after
 * the first do nothing. 0 or CSGI_EFAIL with the reason logged. */
csgi_status task_install_crash_report(void);

#endif
