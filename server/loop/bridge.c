/* SPDX-License-Identifier: MIT
 * Bridges. The pool's lock guards what both sides touch: a turn is the thread's while its function
 * computes, and the task's while the function waits. */
#include "loop/bridge.h"

#include "loop/thread_pool.h"

typedef struct bridge_turn bridge_turn;

struct bridge {
    pool_job job;
    loop *loop;
    void *owner;
    thread_pool *pool;
    list_node wanted;       /* turns that the thread is to take, the oldest first */
    pthread_cond_t changed; /* something is wanted or performed, or must_leave */
    bridge_turn *turn;      /* [thread] the innermost that it has begun */
    pool_note gone;         /* answers must_leave */
    bool is_kept, must_leave;
    bool has_left;     /* the thread takes no more turns */
    bool has_ended;    /* [loop] and that was heard, or there was none */
    pool_note *queued; /* [loop] of the first turn, while it may be given up */
};

struct bridge_turn {
    list_node node; /* of bridge.wanted */
    pool_note note; /* to the task: it has ended, or something is to be performed */
    const task_label *label;
    task_fn fn;
    void *arg;
    csgi_status result;
    bool has_ended;
    csgi_fn perform; /* NULL: it is performed */
    void *perform_arg;
};

_Thread_local bridge *bridge_of_thread;

/* ---- on the thread ---- */

/* Has the lock, and has it again afterwards. */
static bridge_turn *take_turn(bridge *self)
{
    list_node *first = list_pop(&self->wanted);
    bridge_turn *turn = first ? CONTAINER_OF(first, bridge_turn, node) : NULL;
    bridge_turn *outer = self->turn;

    if (!turn) return NULL;
    pthread_mutex_unlock(&self->pool->lock);
    self->turn = turn;
    crash_set_offload(turn->label, "");
    turn->result = turn->fn(turn->arg);
    crash_set_offload(outer ? outer->label : NULL, "");
    self->turn = outer;
    pthread_mutex_lock(&self->pool->lock);
    turn->has_ended = true;
    return turn;
}

static void leave(bridge *self, pool_note *last)
{
    self->has_left = true;
    last->ends_job = true;
    thread_pool_tell(self->pool, last);
}

static void run_turns(bridge *self)
{
    for (;;) {
        bridge_turn *taken = take_turn(self);

        if (taken && (self->is_kept || !list_is_empty(&self->wanted))) {
            thread_pool_tell(self->pool, &taken->note);
        } else if (taken || self->must_leave) {
            leave(self, taken ? &taken->note : &self->gone);
            return;
        } else {
            pthread_cond_wait(&self->changed, &self->pool->lock);
        }
    }
}

static void run(pool_job *job)
{
    bridge *self = CONTAINER_OF(job, bridge, job);

    bridge_of_thread = self;
    run_turns(self);
    bridge_of_thread = NULL; /* and the bridge may be gone */
}

void bridge_perform(csgi_fn fn, void *arg)
{
    bridge *self = bridge_of_thread;
    bridge_turn *turn = self->turn;

    pthread_mutex_lock(&self->pool->lock);
    turn->perform = fn;
    turn->perform_arg = arg;
    thread_pool_tell(self->pool, &turn->note);
    while (turn->perform) {
        bridge_turn *nested = take_turn(self);

        if (nested) {
            thread_pool_tell(self->pool, &nested->note);
        } else {
            pthread_cond_wait(&self->changed, &self->pool->lock);
        }
    }
    pthread_mutex_unlock(&self->pool->lock);
}

void bridge_keep(void)
{
    bridge_of_thread->is_kept = true; /* asked by this thread alone */
}

void *bridge_owner(void)
{
    const bridge *here = bridge_here();

    return here ? here->owner : NULL;
}

const task_label *bridge_label(void)
{
    return bridge_of_thread->turn->label;
}

/* ---- on the loop ---- */

bool bridge_finds_thread(const loop *owner)
{
    const thread_pool *pool = owner->pools[POOL_ENDPOINTS];

    return !pool || pool->unfinished < pool->max_threads;
}

bridge *bridge_new(arena *memory, loop *runner, void *owner)
{
    bridge *self = arena_alloc(memory, sizeof *self, 0);

    if (!self) return NULL;
    *self = (bridge){ .job.run = run, .loop = runner, .owner = owner, .has_ended = true };
    list_init(&self->wanted);
    return self;
}

bool bridge_has_ended(const bridge *self)
{
    return self->has_ended;
}

/* Has the lock. */
static void want(bridge *self, bridge_turn *turn)
{
    list_append(&self->wanted, &turn->node);
    pthread_cond_signal(&self->changed);
}

static void end(bridge *self)
{
    self->has_ended = true;
    pthread_cond_destroy(&self->changed);
}

static void perform(bridge *self, bridge_turn *turn)
{
    turn->perform(turn->perform_arg);
    pthread_mutex_lock(&self->pool->lock);
    turn->perform = NULL;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->pool->lock);
}

/* Performs what the turn asks for, which has told something, until it ends. */
static csgi_status attend(bridge *self, bridge_turn *turn)
{
    while (!turn->has_ended) {
        perform(self, turn);
        thread_pool_wait(self->pool, &turn->note);
    }
    if (turn->note.ends_job) end(self);
    return turn->result;
}

csgi_status bridge_begin(bridge *self, bool may_wait, const task_label *label, task_fn fn,
                         void *arg, csgi_status *result)
{
    bridge_turn turn = { .label = label, .fn = fn, .arg = arg };
    csgi_status status = task_check(self->loop);

    if (status == CSGI_OK) status = thread_pool_open(self->loop, POOL_ENDPOINTS, &self->pool);
    if (status != CSGI_OK) return status;
    list_append(&self->wanted, &turn.node);
    pthread_cond_init(&self->changed, NULL);
    self->has_ended = false;
    status = thread_pool_give(self->pool, &self->job, may_wait);
    if (status == CSGI_OK) {
        self->queued = &turn.note;
        status = thread_pool_wait_first(self->pool, &turn.note, &self->job);
        self->queued = NULL;
    }
    if (status != CSGI_OK) {
        end(self);
        return status;
    }
    *result = attend(self, &turn);
    return CSGI_OK;
}

csgi_status bridge_run(bridge *self, const task_label *label, task_fn fn, void *arg,
                       csgi_status *result)
{
    bridge_turn turn = { .label = label, .fn = fn, .arg = arg };
    bool has_left;

    if (self->has_ended) return CSGI_ESTATE;
    pthread_mutex_lock(&self->pool->lock);
    has_left = self->has_left;
    if (!has_left) want(self, &turn);
    pthread_mutex_unlock(&self->pool->lock);
    if (has_left) return CSGI_ESTATE;
    thread_pool_wait(self->pool, &turn.note);
    *result = attend(self, &turn);
    return CSGI_OK;
}

void bridge_give_up(bridge *self, csgi_status why)
{
    if (self->queued && self->queued->waiter) task_wake(self->queued->waiter, why);
}

void bridge_end(bridge *self)
{
    if (self->has_ended) return;
    pthread_mutex_lock(&self->pool->lock);
    self->must_leave = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->pool->lock);
    thread_pool_wait(self->pool, &self->gone);
    end(self);
}
