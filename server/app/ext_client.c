/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.client/1: requests to other servers by client/, to apps of this server
 * in process, and an app's clients. */
#include "app/extensions.h"

#include "app/anywhere.h"
#include "app/http_call.h"
#include "app/instance.h"
#include "base/str.h"
#include "client/mock.h"
#include "client/policy.h"
#include "log/log.h"

/* Where requests of one app go. */
typedef struct outlet {
    carrier carrier;
    const instance *app;
    const settings *with; /* NULL: none */
} outlet;

static client *network_of(const outlet *self)
{
    return self->with && self->with->network ? self->with->network : self->app->set->client;
}

static csgi_status on_carry(carrier *base, arena *into, const csgi_client_request *request,
                            uint64_t deadline_ms, bool *may_repeat,
                            const csgi_client_response **response, buffer *why)
{
    const outlet *self = CONTAINER_OF(base, outlet, carrier);
    app_set *set = self->app->set;

    if (self->with && self->with->options.transport)
        return mock_fetch(self->with, set->loop, into, request, may_repeat, response, why);
    if (str_starts_with(request->url, STR("app:")))
        return in_process_fetch(set, into, request, response, why);
    if (!set->client) {
        buffer_printf(why, "fetch: this server has no HTTP client");
        return CSGI_ENOSYS;
    }
    return client_fetch(network_of(self), into, request, deadline_ms, may_repeat, response, why);
}

/* The fields of the request that the running task serves; none, if that is no HTTP. */
static csgi_fields inbound_fields(const app_set *set)
{
    const call *of = call_current(set->loop);

    if (!of || !of->is_http) return (csgi_fields){ NULL, 0 };
    return CONTAINER_OF(of, const http_call, base)->request->headers;
}

/* A client may be freed while its request is under way; who uses a freed one hears of it. */
static csgi_status find_settings(const char *what, const instance *self, const csgi_client *wanted,
                                 settings **found, buffer *why)
{
    if (!wanted) return CSGI_OK;
    LIST_EACH (node, &self->clients) {
        settings *each = CONTAINER_OF(node, settings, node);

        if (each != wanted) continue;
        *found = each;
        return CSGI_OK;
    }
    buffer_printf(why, "%s: the request's client is none of this app's, or was freed", what);
    return CSGI_EINVAL;
}

/* what: the function, for sentences; out: where its result goes; known: the flags that it has. */
static csgi_status check_arguments(const char *what, const arena *into,
                                   const csgi_client_request *request, const void *out,
                                   uint32_t known, buffer *why)
{
    if (!into || !request || !out || !CSGI_HAS(request, csgi_client_request, max_response_size)) {
        buffer_printf(why,
                      "%s: the arena, the response or the request is missing, or the request's "
                      "size is not set",
                      what);
        return CSGI_EINVAL;
    }
    if (!request->url.ptr &&
        (request->url.len || !CSGI_HAS(request, csgi_client_request, client) || !request->client)) {
        buffer_printf(why, "%s: the request has no url", what);
        return CSGI_EINVAL;
    }
    if (request->flags & ~known) {
        buffer_printf(why, "%s: the request's flags 0x%x are not known to this server", what,
                      request->flags & ~known);
        return CSGI_EINVAL;
    }
    return CSGI_OK;
}

/* Whoever carried it has just made it, in the caller's arena. */
static void set_url(const csgi_client_response *made, csgi_str asked)
{
    ((csgi_client_response *)(uintptr_t)made)->url = asked;
}

/* One of an older header is completed, in the room; most are of this one. */
static const csgi_client_request *complete(const csgi_client_request *request,
                                           csgi_client_request *room)
{
    if (request->size >= sizeof *room) return request;
    memset(room, 0, sizeof *room);
    memcpy(room, request, request->size);
    room->size = sizeof *room;
    return room;
}

csgi_status ext_client_take(const instance *self, const arena *into,
                            const csgi_client_request *request, const void *out,
                            client_asking *taken, buffer *why)
{
    csgi_status status = check_arguments("open", into, request, out,
                                         SETTINGS_REQUEST_FLAGS | CSGI_CLIENT_BODY_FOLLOWS, why);

    if (status) return status;
    taken->request = complete(request, &taken->room);
    taken->inbound = inbound_fields(self->set);
    taken->with = NULL;
    return find_settings("open", self, taken->request->client, &taken->with, why);
}

static csgi_status fetch_any(const instance *self, arena *into, const csgi_client_request *request,
                             const csgi_client_response **response, buffer *why)
{
    loop *runner = self->set->loop;
    csgi_client_request room;
    outlet to = { .carrier = { .carry = on_carry }, .app = self };
    policy_request asked = { .loop = runner };
    settings *with = NULL;
    bool may_repeat;
    csgi_status status =
        check_arguments("fetch", into, request, response, SETTINGS_REQUEST_FLAGS, why);

    if (status) return status;
    asked.request = complete(request, &room);
    status = find_settings("fetch", self, asked.request->client, &with, why);
    if (status) return status;
    to.with = asked.with = with;
    asked.deadline_ms = call_due_ms(runner);
    asked.inbound = inbound_fields(self->set);
    if (!policy_is_needed(&asked)) {
        status = on_carry(&to.carrier, into, asked.request, asked.deadline_ms, &may_repeat,
                          response, why);
        if (status == CSGI_OK) set_url(*response, request->url);
        return status;
    }
    if (with) settings_hold(with);
    status = policy_fetch(&asked, &to.carrier, into, response, why);
    if (with) settings_release(with);
    return status;
}

static csgi_status on_fetch(const csgi_host *host, csgi_arena *into,
                            const csgi_client_request *request,
                            const csgi_client_response **response)
{
    const instance *self = host->server;
    task *current = task_current(self->set->loop);
    buffer why = { 0 };
    csgi_status status;

    if (!current) return CSGI_ESTATE;
    status = fetch_any(self, into, request, response, &why);
    if (status != CSGI_OK) task_set_error(current, buffer_str(&why));
    buffer_fini(&why);
    return status;
}

static csgi_status on_client_new(const csgi_host *host, const csgi_client_options *options,
                                 csgi_client **out)
{
    instance *self = host->server;
    buffer why = { 0 };
    settings *made = NULL;
    csgi_status status = CSGI_EINVAL;

    if (options && out)
        status = settings_new(options, self->set->client, &made, &why);
    else
        buffer_printf(&why, "client_new: the options, or where the client goes, are missing");
    if (status == CSGI_OK && (options->flags & CSGI_CLIENT_INSECURE))
        log_warning("plugin %.*s: a client of it believes whoever answers over https "
                    "(CSGI_CLIENT_INSECURE)",
                    STR_ARG(self->name));
    if (status == CSGI_OK) {
        list_append(&self->clients, &made->node);
        *out = made;
    } else {
        host->fail(host, status, buffer_str(&why));
    }
    buffer_fini(&why);
    return status;
}

static void on_client_free(csgi_client *self)
{
    if (!self) return;
    list_remove(&self->node);
    settings_release(self);
}

void ext_client_free_all(instance *owner)
{
    list_node *first;

    while ((first = list_pop(&owner->clients)))
        settings_release(CONTAINER_OF(first, settings, node));
}

ANYWHERE_3(csgi_status, on_client_new, const csgi_host *, const csgi_client_options *,
           csgi_client **)
ANYWHERE_VOID_1(on_client_free, csgi_client *)
ANYWHERE_4(csgi_status, on_fetch, const csgi_host *, csgi_arena *, const csgi_client_request *,
           const csgi_client_response **)
ANYWHERE_4(csgi_status, ext_client_open, const csgi_host *, csgi_arena *,
           const csgi_client_request *, csgi_transfer **)
ANYWHERE_3(csgi_status, ext_client_write, csgi_transfer *, csgi_str, int32_t)
ANYWHERE_2(csgi_status, ext_client_head, csgi_transfer *, const csgi_client_response **)
ANYWHERE_2(csgi_status, ext_client_read, csgi_transfer *, csgi_str *)
ANYWHERE_VOID_1(ext_client_close, csgi_transfer *)

const csgi_client_extension ext_client = {
    .size = sizeof(csgi_client_extension),
    .fetch = on_fetch_anywhere,
    .client_new = on_client_new_anywhere,
    .client_free = on_client_free_anywhere,
    .open = ext_client_open_anywhere,
    .write = ext_client_write_anywhere,
    .head = ext_client_head_anywhere,
    .read = ext_client_read_anywhere,
    .close = ext_client_close_anywhere,
};
