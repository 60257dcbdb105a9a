/* SPDX-License-Identifier: MIT
 * A request and its response: find a connection, talk on it, once more if a pooled one was dead. */
#include "client/transfer.h"

#include <inttypes.h>

/* One call of transfer_fetch, on its task's stack. */
typedef struct transfer {
    conversation talk;
    const transfer_request *asked;
    arena *memory;
    pending *within;
    origin *origin;
    connection *connection; /* that we talk on */
} transfer;

/* While the request is being written and nothing has been answered, only the total limit counts. */
static uint64_t reading_due_ms(const transfer *self)
{
    bool waiting = self->talk.answered || connection_queued(self->connection) == 0;

    return waiting ? pending_due_ms(loop_now_ms(self->within->loop),
                                    self->asked->facts->read_timeout_ms)
                   : UINT64_MAX;
}

static void on_progress(conversation *talk)
{
    transfer *self = CONTAINER_OF(talk, transfer, talk);

    pending_set_limit(self->within, reading_due_ms(self));
}

static void on_settled(conversation *talk, csgi_status status)
{
    transfer *self = CONTAINER_OF(talk, transfer, talk);

    self->connection = NULL;
    pending_settle(self->within, status);
}

static csgi_status explain_silence(transfer *self)
{
    uint64_t timeout_ms = self->asked->facts->read_timeout_ms;

    if (pending_is_over(self->within)) return pending_explain_total(self->within);
    if (!self->talk.answered)
        return pending_explain(self->within, CSGI_ETIMEDOUT, "no answer within %" PRIu64 " ms",
                               timeout_ms);
    return pending_explain(self->within, CSGI_ETIMEDOUT,
                           "the response went no further within %" PRIu64 " ms", timeout_ms);
}

/* Sends the request on the connection and waits for the answer. *dead: it was not answered, and
 * another connection may be tried. [suspends] */
static csgi_status talk_on(transfer *self, connection *on, bool *dead)
{
    const transfer_request *asked = self->asked;
    loop *runner = self->within->loop;
    csgi_str head = { loop_scratch(runner), 0 };
    csgi_status status;

    head.len = request_print_head(asked->request, asked->facts, asked->to, loop_scratch(runner),
                                  LOOP_SCRATCH_SIZE);
    if (head.len == 0) {
        origin_put(self->origin, on);
        return pending_explain(self->within, CSGI_EINVAL,
                               "the request's head is larger than 64 KiB");
    }
    status = connection_talk(on, &self->talk, head, asked->request->body, self->memory,
                             asked->facts->is_head, asked->facts->max_response_size);
    if (status == CSGI_EDISCONNECTED) {
        *dead = true;
        return pending_explain(self->within, CSGI_EPROTO,
                               "the connection was closed without an answer");
    }
    if (status) return pending_explain(self->within, status, "no memory");
    self->connection = on;
    pending_begin(self->within, reading_due_ms(self));
    status = pending_end(self->within);
    if (!self->within->settled) {
        connection_give_up(on);
        return status == CSGI_ETIMEDOUT ? explain_silence(self) : status;
    }
    *dead = status == CSGI_EPROTO && !self->talk.answered && asked->facts->is_idempotent;
    return status;
}

/* A fresh connection. [suspends] */
static csgi_status open_connection(transfer *self, connection **out)
{
    const transfer_request *asked = self->asked;
    stream *connected;
    csgi_status status = dial(asked->dialer, asked->to, asked->facts->connect_timeout_ms,
                              self->memory, self->within, &connected);

    if (status) return status;
    *out = connection_new(self->origin, connected);
    return *out ? CSGI_OK
                : pending_explain(self->within, CSGI_ENOMEM, "no memory for a connection");
}

static csgi_status transfer_run(transfer *self)
{
    connection *on = origin_take(self->origin);
    bool dead = false;
    csgi_status status;

    if (on) {
        status = talk_on(self, on, &dead);
        if (!dead) return status;
        pending_forgive(self->within); /* the other server had let it go; that is no failure yet */
    }
    status = open_connection(self, &on);
    return status ? status : talk_on(self, on, &dead);
}

csgi_status transfer_fetch(const transfer_request *asked, arena *memory, pending *within,
                           const csgi_client_response **answer)
{
    transfer self = { .talk = { .on_progress = on_progress,
                                .on_settled = on_settled,
                                .why = within->why,
                                .origin_name = asked->to->origin },
                      .asked = asked,
                      .memory = memory,
                      .within = within };
    csgi_status status;

    self.origin = origin_get(asked->pool, asked->to->origin);
    if (!self.origin) return pending_explain(within, CSGI_ENOMEM, "no memory");
    status = transfer_run(&self);
    if (status == CSGI_OK) *answer = self.talk.response;
    origin_release(self.origin);
    return status;
}
