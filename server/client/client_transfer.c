/* SPDX-License-Identifier: MIT
 * A transfer that lives longer than a call: it keeps its request and its time. */
#include "client/client_transfer.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/str.h"
#include "client/client_inside.h"
#include "client/outgoing.h"
#include "client/policy.h"

struct client_transfer {
    carrier carrier; /* of what may be asked several times */
    client *by;
    settings *with;              /* held; NULL: none */
    csgi_client_request request; /* the caller's, copied into the arena */
    arena *memory;
    outgoing out; /* what is asked once */
    request_facts facts;
    url to;
    buffer why;
    pending within;
    uint64_t own_due_ms; /* on loop_now_ms, without any caller's deadline */
    uint64_t deadline_ms;
    transfer talk;
    const csgi_client_response *head; /* NULL: it has not come */
    bool is_busy, is_closed;
};

static csgi_status fail_without_memory(client_transfer *self)
{
    self->why.len = 0;
    buffer_printf(&self->why, "no memory");
    return CSGI_ENOMEM;
}

/* ---- a copy of the request ---- */

static bool copy_str(arena *into, csgi_str *text)
{
    if (text->len == 0) return true;
    *text = arena_copy_str(into, *text);
    return text->ptr != NULL;
}

static bool copy_texts(arena *into, csgi_client_request *self)
{
    size_t count = self->headers.count;
    csgi_field *fields = arena_alloc(into, (count + 1) * sizeof *fields, _Alignof(csgi_field));

    if (!fields) return false;
    for (size_t i = 0; i < count; i++) {
        fields[i] = self->headers.items[i];
        if (!copy_str(into, &fields[i].name) || !copy_str(into, &fields[i].value)) return false;
    }
    self->headers.items = fields;
    return copy_str(into, &self->method) && copy_str(into, &self->url) &&
           copy_str(into, &self->body);
}

/* The time and size of a transfer have no limit, unless there is one of the request or its client.
 */
static void set_limits(client_transfer *self)
{
    const csgi_client_options *set = self->with ? &self->with->options : NULL;
    csgi_client_request *request = &self->request;

    if (set && !request->total_timeout_ms) request->total_timeout_ms = set->total_timeout_ms;
    if (set && !request->max_response_size) request->max_response_size = set->max_response_size;
    if (!request->total_timeout_ms) request->total_timeout_ms = UINT64_MAX;
    if (!request->max_response_size) request->max_response_size = UINT64_MAX;
}

/* It is checked before it is copied: what claims to have bytes and has none is found there. */
static csgi_status copy_request(client_transfer *self, const csgi_client_request *asked)
{
    request_facts unused;
    csgi_status status = request_check(asked, &unused, &self->why);

    if (status) return status;
    self->request = *asked;
    if (!copy_texts(self->memory, &self->request)) return fail_without_memory(self);
    set_limits(self);
    self->own_due_ms =
        pending_due_ms(loop_now_ms(self->by->pool.loop), self->request.total_timeout_ms);
    return CSGI_OK;
}

/* ---- asking ---- */

static void set_deadline(client_transfer *self, uint64_t deadline_ms)
{
    self->deadline_ms = deadline_ms;
    self->within.deadline_ms = deadline_ms;
    self->within.total_due_ms = pending_earlier(self->own_due_ms, deadline_ms);
}

static csgi_status check_reach(client_transfer *self, const csgi_client_request *request)
{
    if (self->with && self->with->options.transport) {
        buffer_printf(&self->why, "open: the client has a transport, which fetch alone can ask");
        return CSGI_ENOTSUP;
    }
    if (str_starts_with(request->url, STR("app:"))) {
        buffer_printf(&self->why, "open: apps of this server can be asked by fetch alone");
        return CSGI_ENOTSUP;
    }
    return client_check(self->by, request, &self->facts, &self->to, &self->why);
}

/* Sends the request, whose texts stay until the head has come. [suspends] */
static csgi_status send_one(client_transfer *self, const csgi_client_request *request, arena *into)
{
    loop *runner = self->by->pool.loop;
    task *caller = task_current(runner);
    const transfer_request asked = { .pool = &self->by->pool,
                                     .dialer = &self->by->dialer,
                                     .request = request,
                                     .facts = &self->facts,
                                     .to = &self->to,
                                     .in_pieces = true };
    csgi_status status = check_reach(self, request);

    if (status) return status;
    CHECK(caller);
    pending_init(&self->within, runner, self->to.origin, &self->why, self->request.total_timeout_ms,
                 self->deadline_ms);
    set_deadline(self, self->deadline_ms);
    if (task_is_cancelled(caller)) status = task_yield(runner);
    if (status == CSGI_ETIMEDOUT) return pending_explain_total(&self->within);
    if (status) return pending_explain(&self->within, status, "given up: the task is cancelled");
    return transfer_open(&self->talk, &asked, into, &self->within);
}

/* [suspends] */
static csgi_status ask_once(client_transfer *self, csgi_fields inbound)
{
    csgi_status status =
        outgoing_init(&self->out, &self->request, self->with, inbound, self->memory, &self->why);

    if (status) return status;
    if (outgoing_prepare(&self->out)) return fail_without_memory(self);
    return send_one(self, &self->out.request, self->memory);
}

/* ---- asking until there is a head to be shown ---- */

/* [suspends] */
static csgi_status on_carry(carrier *base, arena *into, const csgi_client_request *request,
                            uint64_t deadline_ms, bool *may_repeat,
                            const csgi_client_response **answer, buffer *why)
{
    client_transfer *self = CONTAINER_OF(base, client_transfer, carrier);
    csgi_client_response *head = NULL;
    csgi_status status;

    (void)deadline_ms;
    CHECK(why == &self->why);
    self->talk.may_repeat = false;
    status = send_one(self, request, into);
    if (status == CSGI_OK) status = transfer_head(&self->talk, &head);
    *may_repeat = self->talk.may_repeat;
    if (status)
        transfer_close(&self->talk);
    else
        *answer = head;
    return status;
}

/* [suspends] */
static void on_drop(carrier *base)
{
    client_transfer *self = CONTAINER_OF(base, client_transfer, carrier);

    transfer_drain(&self->talk);
    transfer_close(&self->talk);
}

/* [suspends] */
static csgi_status ask_until_settled(client_transfer *self, csgi_fields inbound)
{
    const policy_request asked = { .loop = self->by->pool.loop,
                                   .request = &self->request,
                                   .with = self->with,
                                   .inbound = inbound,
                                   .deadline_ms = self->deadline_ms };

    self->carrier = (carrier){ .carry = on_carry, .drop = on_drop };
    return policy_fetch(&asked, &self->carrier, self->memory, &self->head, &self->why);
}

static bool may_ask_again(const client_transfer *self)
{
    uint32_t flags = self->request.flags;

    if (self->with) flags |= self->with->options.flags;
    return !(flags & CSGI_CLIENT_BODY_FOLLOWS) &&
           (flags & (CSGI_CLIENT_FOLLOW_REDIRECTS | CSGI_CLIENT_RETRY));
}

/* [suspends] */
static csgi_status begin(client_transfer *self, const client_transfer_request *asked)
{
    csgi_status status = copy_request(self, asked->request);

    if (status) return status;
    self->deadline_ms = asked->deadline_ms;
    return may_ask_again(self) ? ask_until_settled(self, asked->inbound)
                               : ask_once(self, asked->inbound);
}

/* ---- the end ---- */

static void end(client_transfer *self)
{
    transfer_close(&self->talk);
    client_leave(self->by);
    if (self->with) settings_release(self->with); /* which may be whose client it is */
    buffer_fini(&self->why);
    free(self);
}

csgi_status client_transfer_open(client *by, arena *into, const client_transfer_request *asked,
                                 client_transfer **out, buffer *why)
{
    client_transfer *self = calloc(1, sizeof *self);
    csgi_status status;

    if (!self) {
        buffer_printf(why, "no memory");
        return CSGI_ENOMEM;
    }
    self->by = by;
    self->memory = into;
    if (asked->with) self->with = settings_hold(asked->with);
    by->requests++;
    status = begin(self, asked);
    if (status == CSGI_OK) {
        *out = self;
        return CSGI_OK;
    }
    buffer_append_str(why, buffer_str(&self->why));
    end(self);
    return status;
}

/* ---- calls ---- */

static csgi_status enter(client_transfer *self, uint64_t deadline_ms)
{
    if (self->is_busy) return CSGI_EBUSY;
    self->is_busy = true;
    set_deadline(self, deadline_ms);
    return CSGI_OK;
}

/* What a closed one would tell is of no use to anybody. */
static csgi_status leave(client_transfer *self, csgi_status status)
{
    self->is_busy = false;
    if (!self->is_closed) return status;
    end(self);
    return CSGI_ESTATE;
}

csgi_status client_transfer_write(client_transfer *self, csgi_str piece, bool last,
                                  uint64_t deadline_ms)
{
    csgi_status status = enter(self, deadline_ms);

    if (status) return status;
    status = transfer_write(&self->talk, piece, last);
    if (status == CSGI_EDISCONNECTED) pending_forgive(&self->within);
    return leave(self, status);
}

/* [suspends] */
static csgi_status find_head(client_transfer *self)
{
    csgi_client_response *found = NULL;
    csgi_status status = self->head ? CSGI_OK : transfer_head(&self->talk, &found);

    if (status || self->head) return status;
    outgoing_keep_cookies(&self->out, found);
    found->url = self->out.request.url;
    self->head = found;
    return CSGI_OK;
}

csgi_status client_transfer_head(client_transfer *self, const csgi_client_response **head,
                                 uint64_t deadline_ms)
{
    csgi_status status = enter(self, deadline_ms);

    if (status) return status;
    status = find_head(self);
    if (status == CSGI_OK && !self->is_closed) *head = self->head;
    return leave(self, status);
}

csgi_status client_transfer_read(client_transfer *self, csgi_str *piece, uint64_t deadline_ms)
{
    csgi_status status = enter(self, deadline_ms);

    if (status) return status;
    status = find_head(self);
    if (status == CSGI_OK) status = transfer_read(&self->talk, piece);
    if (status || self->is_closed) *piece = (csgi_str){ "", 0 };
    return leave(self, status);
}

csgi_str client_transfer_why(const client_transfer *self)
{
    return buffer_str(&self->why);
}

void client_transfer_close(client_transfer *self)
{
    if (self->is_busy)
        self->is_closed = true;
    else
        end(self);
}
