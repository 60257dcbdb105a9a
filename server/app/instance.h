/* SPDX-License-Identifier: MIT
 * One app: a plugin with a configuration, the csgi_host it was given, and its lifespan. */
#ifndef CAPRICORN_APP_INSTANCE_H
#define CAPRICORN_APP_INSTANCE_H

#include "app/app_set.h"
#include "app/lifespan.h"

typedef struct post_queue post_queue;

struct instance {
    csgi_host host;
    list_node node; /* of app_set.instances or retired */
    app_set *set;
    plugin *plugin;
    arena memory;                       /* names and endpoints */
    csgi_str name, plugin_name, config; /* NUL-terminated, in memory */
    void *state;                        /* what create made; the host when there is no create */
    app_endpoint *endpoints;            /* in memory */
    size_t endpoint_count;
    bool is_serving;    /* it has been in a table: of the set, or of one before */
    bool is_retired;    /* it ends with what uses it */
    bool is_ending;     /* nothing uses it any more; its lifespan ends */
    size_t uses;        /* requests, up to the last byte of the answer, and jobs */
    int64_t made_at_ms; /* since 1970 */
    timer unused;       /* tells of that from the loop */
    lifespan_group ending;
    const router *routes; /* its default routes alone, for "app:NAME/path"; NULL at first */
    buffer error;         /* what host->fail said outside of tasks */
    post_queue *posts;
    list_node clients; /* settings that it has made, and not freed */
    lifespan lifespan;
};

/* Makes an instance, calling create. On failure *problem is a sentence. CSGI_EFAIL, CSGI_ENOMEM.
 * [loop] */
csgi_status instance_new(app_set *set, plugin *plugin, csgi_str name, csgi_str config_json,
                         instance **out, buffer *problem);
/* Is it of that plugin, with that configuration? */
bool instance_is_of(const instance *self, const plugin *plugin, csgi_str config_json);
/* Holds it for a request or a job. */
static inline void instance_hold(instance *self)
{
    self->uses++;
}
void instance_release(instance *self);
/* No request comes any more: what runs on it is told that the server drains, its periodic jobs are
 * cancelled, and when nothing uses it it shuts down and is freed. In no list. [loop] or task */
void instance_retire(instance *self);
/* Runs what was posted, then destroys the instance; nothing of it is running. [loop] */
void instance_free(instance *self);

/* Fills the host table of an instance. */
void host_init(csgi_host *host, instance *owner);

/* Functions that a plugin posts, from any thread, to run on the loop. */
post_queue *post_queue_new(instance *owner); /* NULL: no memory */
/* CSGI_ESTATE: closed. CSGI_ENOMEM. [any-thread] */
csgi_status post_queue_add(post_queue *self, csgi_fn fn, void *arg);
/* Runs what waits, and takes no more: from now on CSGI_ESTATE. [loop] */
void post_queue_close(post_queue *self);
/* No thread will call add any more; the memory goes when the loop has let go of it too. Harmless
 * with NULL. [loop] */
void post_queue_release(post_queue *self);

#endif
