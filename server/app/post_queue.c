/* SPDX-License-Identifier: MIT
 * Functions that a plugin posts from any thread. They run on the loop in the order of the calls, or
 * all at once when the queue is closed, before the instance is destroyed. */
#include <pthread.h>
#include <stdlib.h>

#include "app/instance.h"

typedef struct posted posted;
struct posted {
    posted *next;
    csgi_fn fn;
    void *arg;
};

struct post_queue {
    pthread_mutex_t lock; /* guards all below */
    instance *owner;
    posted *first, **last_next;
    bool is_closed;
    bool is_scheduled; /* the loop holds a reference, and will run the queue */
    bool is_released;  /* by the instance */
};

post_queue *post_queue_new(instance *owner)
{
    post_queue *self = calloc(1, sizeof *self);

    if (!self) return NULL;
    if (pthread_mutex_init(&self->lock, NULL)) {
        free(self);
        return NULL;
    }
    self->owner = owner;
    self->last_next = &self->first;
    return self;
}

static void destroy(post_queue *self)
{
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static posted *take_all(post_queue *self)
{
    posted *all = self->first;

    self->first = NULL;
    self->last_next = &self->first;
    return all;
}

static void run_all(const instance *owner, posted *at)
{
    if (!at) return;
    app_set_tell_step(owner->set, owner->plugin_name, "a posted function");
    while (at) {
        posted *next = at->next;

        at->fn(at->arg);
        free(at);
        at = next;
    }
    app_set_tell_step(owner->set, owner->plugin_name, NULL);
}

/* The loop's turn. */
static void on_turn(void *arg)
{
    post_queue *self = arg;
    posted *all;
    bool is_released;

    pthread_mutex_lock(&self->lock);
    self->is_scheduled = false;
    is_released = self->is_released;
    all = take_all(self);
    pthread_mutex_unlock(&self->lock);
    if (is_released) {
        destroy(self);
    } else {
        run_all(self->owner, all);
    }
}

/* Under the lock. */
static csgi_status add(post_queue *self, posted *added)
{
    csgi_status status;

    if (self->is_closed) return CSGI_ESTATE;
    if (!self->is_scheduled) {
        status = loop_post(self->owner->set->loop, on_turn, self);
        if (status != CSGI_OK) return status;
        self->is_scheduled = true;
    }
    *self->last_next = added;
    self->last_next = &added->next;
    return CSGI_OK;
}

csgi_status post_queue_add(post_queue *self, csgi_fn fn, void *arg)
{
    posted *added = malloc(sizeof *added);
    csgi_status status;

    if (!added) return CSGI_ENOMEM;
    *added = (posted){ NULL, fn, arg };
    pthread_mutex_lock(&self->lock);
    status = add(self, added);
    pthread_mutex_unlock(&self->lock);
    if (status != CSGI_OK) free(added);
    return status;
}

void post_queue_close(post_queue *self)
{
    posted *all;

    pthread_mutex_lock(&self->lock);
    self->is_closed = true;
    all = take_all(self);
    pthread_mutex_unlock(&self->lock);
    run_all(self->owner, all);
}

void post_queue_release(post_queue *self)
{
    bool is_scheduled;

    if (!self) return;
    pthread_mutex_lock(&self->lock);
    self->is_closed = self->is_released = true;
    is_scheduled = self->is_scheduled;
    pthread_mutex_unlock(&self->lock);
    if (!is_scheduled) destroy(self);
}
