/* SPDX-License-Identifier: MIT
 * The loop: libuv's, and what happens in each of its rounds. After the poll: due timers, then ready
 * tasks; before the next poll: tasks that became ready since, then the round's end. */
#include "loop/loop.h"

#include <stdlib.h>
#include <time.h>

#include "log/log.h"
#include "loop/core.h"

#define DEFAULT_THREADS 32
#define DEFAULT_QUEUED  1024

struct loop_work {
    loop_work *next;
    csgi_fn fn;
    void *arg;
};

typedef struct signal_watch {
    list_node node;
    uv_signal_t signal;
    void (*on_signal)(void *arg, int signum);
    void *arg;
} signal_watch;

static void on_turn(uv_idle_t *turning)
{
    (void)turning; /* that it is active is all */
}

void loop_keep_turning(loop *self)
{
    if (!uv_is_active((uv_handle_t *)&self->turning)) uv_idle_start(&self->turning, on_turn);
}

static void on_before_poll(uv_prepare_t *before_poll)
{
    loop *self = before_poll->data;

    tasks_run(self);
    if (!self->tasks.ready.first && !timers_are_due(self)) uv_idle_stop(&self->turning);
    if (self->on_round_end) self->on_round_end();
    stall_end_round(&self->stall);
}

static void on_after_poll(uv_check_t *after_poll)
{
    loop *self = after_poll->data;

    self->clock_is_stale = false;
    stall_begin_round(&self->stall, uv_now(&self->uv));
    timers_run(self);
    tasks_run(self);
}

/* Runs what has been posted by now; was there any? */
static bool run_posts(loop *self)
{
    loop_work *next;
    bool any;

    pthread_mutex_lock(&self->posts_lock);
    next = self->first_post;
    self->first_post = NULL;
    self->last_post = &self->first_post;
    pthread_mutex_unlock(&self->posts_lock);

    any = next != NULL;
    while (next) {
        loop_work work = *next;

        free(next);
        next = work.next;
        work.fn(work.arg);
    }
    return any;
}

static void on_post(uv_async_t *async)
{
    loop *self = async->data;

    stall_begin_round(&self->stall, uv_now(&self->uv));
    run_posts(self);
}

static bool has_posts(loop *self)
{
    bool any;

    pthread_mutex_lock(&self->posts_lock);
    any = self->first_post != NULL;
    pthread_mutex_unlock(&self->posts_lock);
    return any;
}

static void init_handles(loop *self)
{
    CHECK(uv_prepare_init(&self->uv, &self->before_poll) == 0);
    CHECK(uv_check_init(&self->uv, &self->after_poll) == 0);
    CHECK(uv_idle_init(&self->uv, &self->turning) == 0);
    timers_init(self);
    self->before_poll.data = self->after_poll.data = self->turning.data = self;
    self->async.data = self;
    uv_prepare_start(&self->before_poll, on_before_poll);
    uv_check_start(&self->after_poll, on_after_poll);
    /* These alone are nothing to wait for. */
    uv_unref((uv_handle_t *)&self->before_poll);
    uv_unref((uv_handle_t *)&self->after_poll);
    uv_unref((uv_handle_t *)&self->async);
}

static void on_own_close(uv_handle_t *handle)
{
    ((loop *)handle->data)->open_handles--;
}

static void close_handles(loop *self)
{
    uv_handle_t *handles[] = { (uv_handle_t *)&self->before_poll, (uv_handle_t *)&self->after_poll,
                               (uv_handle_t *)&self->turning, (uv_handle_t *)&self->async,
                               (uv_handle_t *)&self->timers.alarm };

    for (size_t i = 0; i < COUNT_OF(handles); i++) {
        self->open_handles++;
        uv_close(handles[i], on_own_close);
    }
    loop_close_signals(self);
    readiness_close(self);
    thread_pools_close(self);
    while (self->open_handles > 0)
        uv_run(&self->uv, UV_RUN_NOWAIT);
}

static void on_uv_signal(uv_signal_t *handle, int signum)
{
    signal_watch *watch = handle->data;

    watch->on_signal(watch->arg, signum);
}

static void on_signal_close(uv_handle_t *handle)
{
    free(handle->data);
}

static bool is_watched(const loop *self, int signum)
{
    LIST_EACH (node, &self->signals)
        if (CONTAINER_OF(node, signal_watch, node)->signal.signum == signum) return true;
    return false;
}

/* All but what needs libuv; 0 or why not, with nothing left to undo. */
static csgi_status init_parts(loop *self, const loop_options *options)
{
    csgi_status status = tasks_init(self, options);

    if (status) return status;
    status = crash_stack_init(&self->crash_stack, self);
    if (status) goto fail_tasks;
    status = stall_init(&self->stall, options->stall_threshold_ms);
    if (status) goto fail_crash_stack;
    pthread_mutex_init(&self->posts_lock, NULL);
    self->last_post = &self->first_post;
    list_init(&self->signals);
    self->thread_limits = (thread_limits){
        .max_threads = options->max_threads ? options->max_threads : DEFAULT_THREADS,
        .max_queued = options->max_queued ? options->max_queued : DEFAULT_QUEUED,
    };
    return 0;

fail_crash_stack:
    crash_stack_fini(&self->crash_stack);
fail_tasks:
    tasks_fini(self);
    return status;
}

static void fini_parts(loop *self)
{
    pthread_mutex_destroy(&self->posts_lock);
    stall_fini(&self->stall);
    crash_stack_fini(&self->crash_stack);
    tasks_fini(self);
}

static csgi_status init_uv(loop *self)
{
    int error = uv_loop_init(&self->uv);

    if (!error) {
        error = uv_async_init(&self->uv, &self->async, on_post);
        if (!error) return 0;
        uv_loop_close(&self->uv);
    }
    log_error("cannot make an event loop: %s", uv_strerror(error));
    return error == UV_ENOMEM ? CSGI_ENOMEM : CSGI_EFAIL;
}

csgi_status loop_new(const loop_options *options, loop **out)
{
    loop *self = calloc(1, sizeof(*self));
    csgi_status status = CSGI_ENOMEM;

    if (!self) return CSGI_ENOMEM;
    self->scratch = malloc(LOOP_SCRATCH_SIZE);
    if (!self->scratch) goto fail_self;
    status = init_parts(self, options);
    if (status) goto fail_scratch;
    status = init_uv(self);
    if (status) goto fail_parts;
    init_handles(self);
    *out = self;
    return 0;

fail_parts:
    fini_parts(self);
fail_scratch:
    free(self->scratch);
fail_self:
    free(self);
    return status;
}

void loop_free(loop *self)
{
    while (run_posts(self))
        ;
    close_handles(self);
    CHECK(uv_loop_close(&self->uv) == 0);
    fini_parts(self);
    free(self->scratch);
    free(self);
}

void loop_run(loop *self)
{
    do {
        loop_keep_turning(self);
        uv_run(&self->uv, UV_RUN_DEFAULT);
        stall_end_round(&self->stall); /* libuv ends without a last turn */
    } while (!self->must_stop && has_posts(self));
    self->must_stop = false;
}

void loop_stop(loop *self)
{
    self->must_stop = true;
    uv_stop(&self->uv);
}

csgi_status loop_post(loop *self, csgi_fn fn, void *arg)
{
    loop_work *work = malloc(sizeof(*work));

    if (!work) return CSGI_ENOMEM;
    *work = (loop_work){ .fn = fn, .arg = arg };
    pthread_mutex_lock(&self->posts_lock);
    *self->last_post = work;
    self->last_post = &work->next;
    pthread_mutex_unlock(&self->posts_lock);
    uv_async_send(&self->async);
    return 0;
}

void loop_set_round_end(loop *self, void (*fn)(void))
{
    self->on_round_end = fn;
}

uint64_t loop_now_ms(const loop *self)
{
    return uv_now(&self->uv);
}

uint64_t loop_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

csgi_status loop_watch_signal(loop *self, int signum, void (*on_signal)(void *arg, int signum),
                              void *arg)
{
    signal_watch *watch;
    int error;

    if (is_watched(self, signum)) {
        log_error("cannot watch signal %d: it is watched already", signum);
        return CSGI_EFAIL;
    }
    watch = calloc(1, sizeof(*watch));
    if (!watch) return CSGI_ENOMEM;
    watch->on_signal = on_signal;
    watch->arg = arg;
    error = uv_signal_init(&self->uv, &watch->signal);
    if (error) {
        free(watch);
        log_error("cannot watch signal %d: %s", signum, uv_strerror(error));
        return CSGI_EFAIL;
    }
    watch->signal.data = watch;
    error = uv_signal_start(&watch->signal, on_uv_signal, signum);
    if (error) {
        uv_close((uv_handle_t *)&watch->signal, on_signal_close);
        log_error("cannot watch signal %d: %s", signum, uv_strerror(error));
        return CSGI_EFAIL;
    }
    uv_unref((uv_handle_t *)&watch->signal);
    list_append(&self->signals, &watch->node);
    return 0;
}

void loop_close_signals(loop *self)
{
    list_node *node;

    while ((node = list_pop(&self->signals)))
        uv_close((uv_handle_t *)&CONTAINER_OF(node, signal_watch, node)->signal, on_signal_close);
}

void *loop_uv(loop *self)
{
    return &self->uv;
}

char *loop_scratch(loop *self)
{
    return self->scratch;
}
