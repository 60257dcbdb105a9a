/* SPDX-License-Identifier: MIT
 * The outbound client: what it keeps, and a fetch from its check to its end. */
#include "client/client.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/str.h"
#include "client/client_inside.h"

#define IDLE_MS             30000u
#define MAX_IDLE_PER_ORIGIN 1024u

static void free_if_unused(client *self)
{
    if (self->is_held || !self->pool.closing || self->requests || self->pool.connections) return;
    dialer_fini(&self->dialer);
    pool_free_responses(&self->pool);
    free(self);
}

static void on_pool_unused(pool *unused)
{
    free_if_unused(CONTAINER_OF(unused, client, pool));
}

static csgi_status make(loop *runner, const client_options *options, const dialer_options *dialling,
                        client **out, buffer *why)
{
    client_options chosen = options ? *options : (client_options){ 0 };
    client *self = calloc(1, sizeof *self);
    csgi_status status = self ? dialer_init(&self->dialer, runner, dialling, why) : CSGI_ENOMEM;

    if (status) {
        free(self);
        return status;
    }
    if (!chosen.idle_ms) chosen.idle_ms = IDLE_MS;
    if (!chosen.max_idle_per_origin) chosen.max_idle_per_origin = MAX_IDLE_PER_ORIGIN;
    pool_init(&self->pool, runner, &chosen, on_pool_unused);
    list_init(&self->beside);
    list_init(&self->in_other);
    self->is_held = true;
    *out = self;
    return CSGI_OK;
}

client *client_new(loop *runner, const client_options *options)
{
    client *made = NULL;
    buffer why = { 0 };

    make(runner, options, NULL, &made, &why);
    buffer_fini(&why);
    return made;
}

csgi_status client_new_beside(client *other, const client_options *options,
                              const dialer_options *dialling, client **out, buffer *why)
{
    client *made;
    csgi_status status = make(other->pool.loop, options, dialling, &made, why);

    if (status) return status;
    made->dialer.own = other->dialer.own;
    if (other->pool.closing)
        pool_close(&made->pool);
    else
        list_append(&other->beside, &made->in_other);
    *out = made;
    return CSGI_OK;
}

void client_set_own_url(client *self, csgi_str text)
{
    dialer_set_own_url(&self->dialer, text);
}

void client_close(client *self)
{
    list_node *node;

    CHECK(self->is_held);
    self->is_held = false;
    list_remove(&self->in_other);
    while ((node = list_pop(&self->beside)))
        pool_close(&CONTAINER_OF(node, client, in_other)->pool);
    if (!self->pool.closing) pool_close(&self->pool);
    free_if_unused(self);
}

client_counts client_get_counts(const client *self)
{
    return (client_counts){ self->pool.connections, self->pool.idle, self->requests,
                            self->pool.waiting };
}

/* Without user information, which is a secret. */
static void explain_url(csgi_str text, const char *wrong, buffer *why)
{
    size_t start = str_find_char(text, ':'), end, secret;

    start = str_starts_with(str_slice(text, start, text.len), STR("://")) ? start + 3 : 0;
    end = start;
    while (end < text.len && text.ptr[end] != '/' && text.ptr[end] != '?')
        end++;
    for (secret = end; secret > start && text.ptr[secret - 1] != '@'; secret--)
        continue;
    buffer_printf(why, "cannot fetch '%.*s%.*s': %s", (int)start, text.ptr,
                  (int)(text.len - secret), text.ptr + secret, wrong);
}

csgi_status client_check(const client *self, const csgi_client_request *request,
                         request_facts *facts, url *to, buffer *why)
{
    const char *wrong = NULL;
    csgi_status status;

    if (self->pool.closing) {
        buffer_printf(why, "the server is stopping: no more outbound requests");
        return CSGI_ESTATE;
    }
    status = request_check(request, facts, why);
    if (status) return status;
    if (url_parse(request->url, to, &wrong) == CSGI_OK) return CSGI_OK;
    explain_url(request->url, wrong, why);
    return CSGI_EINVAL;
}

void client_leave(client *self)
{
    self->requests--;
    free_if_unused(self);
}

csgi_status client_fetch(client *self, arena *into, const csgi_client_request *request,
                         uint64_t deadline_ms, bool *may_repeat,
                         const csgi_client_response **answer, buffer *why)
{
    loop *runner = self->pool.loop;
    task *caller = task_current(runner);
    request_facts facts;
    url to;
    pending within;
    transfer talk;
    transfer_request asked = {
        .pool = &self->pool, .dialer = &self->dialer, .request = request, .facts = &facts, .to = &to
    };
    csgi_client_response *whole;
    csgi_status status;

    CHECK(caller);
    *may_repeat = false;
    status = client_check(self, request, &facts, &to, why);
    if (status) return status;
    pending_init(&within, runner, to.origin, why, facts.total_timeout_ms, deadline_ms);
    self->requests++;
    if (task_is_cancelled(caller)) status = task_yield(runner);
    if (status == CSGI_ETIMEDOUT)
        pending_explain_total(&within);
    else if (status)
        pending_explain(&within, status, "given up: the task is cancelled");
    else {
        status = transfer_fetch(&talk, &asked, into, &within, &whole);
        *may_repeat = talk.may_repeat;
    }
    if (status == CSGI_OK) *answer = whole;
    client_leave(self);
    return status;
}
