/* SPDX-License-Identifier: MIT
 * The lifespan call of one instance: start-up, a long wait, shut-down. */
#ifndef CAPRICORN_APP_LIFESPAN_H
#define CAPRICORN_APP_LIFESPAN_H

#include "app/call.h"
#include "base/buffer.h"

typedef struct instance instance;

typedef enum lifespan_state {
    LIFESPAN_NONE,     /* not begun, or the app has none: it is served as it is */
    LIFESPAN_STARTING, /* the answer to lifespan.startup is awaited */
    LIFESPAN_STARTED,
    LIFESPAN_FAILED, /* start-up failed */
    LIFESPAN_STOPPING
} lifespan_state;

/* Lifespans that start or stop side by side, and who waits for all of them. */
typedef struct lifespan_group {
    loop *loop;
    size_t unsettled; /* have not answered */
    bool has_failures;
    buffer *problem; /* what goes wrong, a line for each; NULL: it is logged */
    timer settled;
    void (*on_done)(void *arg, csgi_status status);
    void *arg;
} lifespan_group;

/* Once; nobody waits for it. */
void lifespan_group_init(lifespan_group *self, loop *loop);
/* Of those that begin from now on: on_done is called from the loop when all have answered, failed
 * or run out of time, with CSGI_OK or CSGI_EFAIL. After the last of them lifespan_group_close. */
void lifespan_group_expect(lifespan_group *self, void (*on_done)(void *arg, csgi_status status),
                           void *arg);
void lifespan_group_close(lifespan_group *self);
/* Nobody waits any more. */
void lifespan_group_fini(lifespan_group *self);

typedef struct lifespan {
    call call; /* its task is NULL when none is running */
    instance *owner;
    lifespan_group *group; /* that waits for it; NULL: nobody does */
    arena arena;
    task_label label;
    lifespan_state state;
    bool is_asked;    /* the event of this state was received */
    bool is_answered; /* lifespan.shutdown was answered */
    bool is_given_up; /* its time had passed, and it was cancelled */
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
/* Has its start-up ended well, or does it have none? */
bool lifespan_has_started(const lifespan *self);
/* Begins its start-up, unless it has none or was started. [loop] */
void lifespan_start(lifespan *self, lifespan_group *waiting);
/* Begins its shut-down, if it is running; one that has begun is waited for by this group from now
 * on. [loop] */
void lifespan_stop(lifespan *self, lifespan_group *waiting);
/* Its group need wait for it no more. */
void lifespan_settle(lifespan *self);
/* Gives a shut-down that is under way no more time. */
void lifespan_cut(lifespan *self);

#endif
