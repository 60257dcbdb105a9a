/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.client/1: requests and responses in pieces. A transfer belongs to the
 * call that opened it. */
#include "app/extensions.h"

#include <stdlib.h>

#include "app/call.h"
#include "app/instance.h"
#include "base/str.h"
#include "client/client_transfer.h"

struct csgi_transfer {
    csgi_transfer *next, **from; /* the call's others; who points here */
    call *of;
    client_transfer *moving;
};

static csgi_status fail_with(task *current, csgi_status status, csgi_str why)
{
    if (status) task_set_error(current, why);
    return status;
}

/* ---- the call's ---- */

static void add(call *self, csgi_transfer *made)
{
    made->of = self;
    made->next = self->transfers;
    made->from = &self->transfers;
    if (made->next) made->next->from = &made->next;
    self->transfers = made;
}

static void end(csgi_transfer *self)
{
    *self->from = self->next;
    if (self->next) self->next->from = self->from;
    client_transfer_close(self->moving);
    free(self);
}

void call_close_transfers(call *self)
{
    while (self->transfers)
        end(self->transfers);
}

/* ---- opening ---- */

/* [suspends] */
static csgi_status open_any(const instance *self, arena *into, const csgi_client_request *request,
                            csgi_transfer *made, buffer *why)
{
    client *by = self->set->client;
    client_asking taken;
    client_transfer_request asked;
    csgi_status status = ext_client_take(self, into, request, made, &taken, why);

    if (status) return status;
    if (taken.with && taken.with->network) by = taken.with->network;
    if (!by) {
        buffer_printf(why, "open: this server has no HTTP client");
        return CSGI_ENOSYS;
    }
    asked = (client_transfer_request){ .request = taken.request,
                                       .with = taken.with,
                                       .inbound = taken.inbound,
                                       .deadline_ms = call_due_ms(self->set->loop) };
    return client_transfer_open(by, into, &asked, &made->moving, why);
}

csgi_status ext_client_open(const csgi_host *host, csgi_arena *into,
                            const csgi_client_request *request, csgi_transfer **out)
{
    const instance *self = host->server;
    task *current = task_current(self->set->loop);
    csgi_transfer *made;
    buffer why = { 0 };
    csgi_status status;

    if (!current || !task_get_owner(current)) return CSGI_ESTATE;
    if (!out)
        return fail_with(current, CSGI_EINVAL, STR("open: where the transfer goes is missing"));
    made = malloc(sizeof *made);
    if (!made) return fail_with(current, CSGI_ENOMEM, STR("open: no memory"));
    status = open_any(self, into, request, made, &why);
    fail_with(current, status, buffer_str(&why));
    buffer_fini(&why);
    if (status) {
        free(made);
        return status;
    }
    add(task_get_owner(current), made);
    *out = made;
    return CSGI_OK;
}

/* ---- the rest ---- */

/* The task that calls; NULL: it may not. */
static task *caller_of(const csgi_transfer *self)
{
    task *current = self ? task_current(self->of->set->loop) : NULL;

    if (!current || task_get_owner(current) == self->of) return current;
    task_set_error(current, STR("the transfer belongs to another call"));
    return NULL;
}

/* Another task of the call may have closed it meanwhile: then status is CSGI_ESTATE, and it is
 * gone. */
static csgi_status tell(const csgi_transfer *self, task *current, csgi_status status)
{
    switch (status) {
    case CSGI_OK:
        return CSGI_OK;
    case CSGI_EBUSY:
        return fail_with(current, status, STR("another task is using the transfer"));
    case CSGI_ESTATE:
        return fail_with(current, status,
                         STR("the request's body is at its end, or the transfer was closed"));
    case CSGI_EDISCONNECTED:
        return fail_with(current, status,
                         STR("the server answered before it had taken the whole request"));
    default:
        return fail_with(current, status, client_transfer_why(self->moving));
    }
}

csgi_status ext_client_write(csgi_transfer *self, csgi_str piece, int32_t last)
{
    task *current = caller_of(self);

    if (!current) return CSGI_ESTATE;
    if (!piece.ptr && piece.len)
        return fail_with(current, CSGI_EINVAL, STR("write: a null pointer with a length"));
    return tell(self, current,
                client_transfer_write(self->moving, piece, last != 0,
                                      call_due_ms(self->of->set->loop)));
}

csgi_status ext_client_head(csgi_transfer *self, const csgi_client_response **response)
{
    task *current = caller_of(self);

    if (!current) return CSGI_ESTATE;
    if (!response)
        return fail_with(current, CSGI_EINVAL, STR("head: where the response goes is missing"));
    return tell(self, current,
                client_transfer_head(self->moving, response, call_due_ms(self->of->set->loop)));
}

csgi_status ext_client_read(csgi_transfer *self, csgi_str *piece)
{
    task *current = caller_of(self);

    if (!current) return CSGI_ESTATE;
    if (!piece)
        return fail_with(current, CSGI_EINVAL, STR("read: where the piece goes is missing"));
    return tell(self, current,
                client_transfer_read(self->moving, piece, call_due_ms(self->of->set->loop)));
}

void ext_client_close(csgi_transfer *self)
{
    if (caller_of(self)) end(self);
}
