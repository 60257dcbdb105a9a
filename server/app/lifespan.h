/* SPDX-License-Identifier: MIT
 * The lifespan call of one instance: start-up, a long wait, shut-down. */
#ifndef CAPRICORN_APP_LIFESPAN_H
#define CAPRICORN_APP_LIFESPAN_H

#include "app/call.h"

typedef struct instance instance;

typedef enum lifespan_state {
    LIFESPAN_NONE,     /* not begun, or the app has none: it is served as it is */
    LIFESPAN_STARTING, /* the answer to lifespan.startup is awaited */
    LIFESPAN_STARTED,
    LIFESPAN_FAILED, /* start-up failed */
    LIFESPAN_STOPPING
} lifespan_state;

typedef struct lifespan {
    call call; /* its task is NULL when none is running */
    instance *owner;
    arena arena;
    task_label label;
    lifespan_state state;
    bool is_asked;    /* the event of this state was received */
    bool is_answered; /* lifespan.shutdown was answered */
    bool is_given_up; /* its time had passed, and it was cancelled */
    bool is_awaited;  /* app_set.unsettled counts it */
    task_wait *receiver;
    timer limit;
    csgi_receive receive;
    csgi_send send;
    csgi_scope scope;
    csgi_lifespan received;
} lifespan;

/* Once the owner has its set, plugin and names. Begins nothing. */
void lifespan_init(lifespan *self, instance *owner);
/* After its task has ended, if it had one. */
void lifespan_fini(lifespan *self);
bool lifespan_is_running(const lifespan *self);

#endif
