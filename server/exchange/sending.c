/* SPDX-License-Identifier: MIT
 * The sending half of an exchange: the order of senders, what may be sent when, back-pressure, and
 * the responses that the server makes itself. */
#include "exchange/exchange.h"

#include <string.h>

#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"
#include "exchange/exchange_inside.h"

/* ---- whose turn it is ---- */

typedef struct waiting_sender {
    list_node node;
    task_wait wait;
} waiting_sender;

/* Passes the turn on. */
void exchange_leave(exchange *self)
{
    list_node *next = list_pop(&self->senders);

    if (next)
        task_wake(&CONTAINER_OF(next, waiting_sender, node)->wait, CSGI_OK);
    else
        self->sending = false;
}

/* [suspends] */
static csgi_status wait_for_turn(exchange *self)
{
    waiting_sender me;
    csgi_status status;

    task_wait_begin(self->loop, &me.wait);
    list_append(&self->senders, &me.node);
    status = task_wait_end(&me.wait);
    if (!me.wait.woken)
        list_remove(&me.node);
    else if (status)
        exchange_leave(self); /* cancelled with the turn already ours */
    return status;
}

csgi_status exchange_enter(exchange *self)
{
    if (self->sending) return wait_for_turn(self);
    self->sending = true;
    return CSGI_OK;
}

csgi_status exchange_end_send(exchange *self, csgi_status status)
{
    if (status == CSGI_EDISCONNECTED) task_penalty(self->loop, "sends after the client is gone");
    return status;
}

csgi_status exchange_refuse(const char **why, csgi_status status, const char *text)
{
    *why = text;
    return status;
}

bool exchange_is_closed(const exchange *self)
{
    if (self->phase == EXCHANGE_COMPLETE) return self->disconnected;
    return self->disconnected || !self->wire_owner || self->phase == EXCHANGE_CUT;
}

/* ---- the head ---- */

csgi_status exchange_refuse_field(exchange *self, csgi_field field, const char *problem,
                                  const char **why)
{
    csgi_str text = arena_printf(&self->arena, "header \"%.*s\": %s",
                                 field.name.len > 64 ? 64 : (int)field.name.len,
                                 field.name.ptr ? field.name.ptr : "", problem);

    return exchange_refuse(why, CSGI_EINVAL, text.ptr ? text.ptr : problem);
}

csgi_status exchange_check_field(exchange *self, csgi_field field, const char **why)
{
    if (!str_is_token(field.name))
        return exchange_refuse_field(self, field, "the name is no token (RFC 9110 section 5.6.2)",
                                     why);
    if (!str_is_field_value(field.value))
        return exchange_refuse_field(self, field, "the value has control characters", why);
    return CSGI_OK;
}

/* Looks at every field, and finds the declared length. */
static csgi_status check_fields(exchange *self, csgi_fields fields, bool *has_length,
                                uint64_t *length, const char **why)
{
    *has_length = false;
    for (size_t i = 0; i < fields.count; i++) {
        csgi_field field = fields.items[i];
        csgi_status failed = exchange_check_field(self, field, why);

        if (failed) return failed;
        if (!str_eq_nocase(field.name, STR("content-length"))) continue;
        if (*has_length) return exchange_refuse_field(self, field, "given twice", why);
        if (!str_parse_u64(str_trim(field.value), length))
            return exchange_refuse_field(self, field, "the value is no number", why);
        *has_length = true;
    }
    return CSGI_OK;
}

/* Gives a head to the wire. Cuts when the wire cannot take it. */
static csgi_status start_wire(exchange *self, uint32_t status, csgi_fields headers, bool has_length,
                              uint64_t length)
{
    csgi_status failed;

    self->status = status;
    self->has_declared_length = has_length;
    self->declared_length = has_length ? length : 0;
    self->body_bytes = self->body_bytes_sent = 0;
    failed = self->wire->start(self, status, headers);
    if (!failed) self->phase = EXCHANGE_STARTED;
    return failed;
}

static csgi_status start_in_turn(exchange *self, uint32_t status, csgi_fields headers,
                                 bool with_trailers, const char **why)
{
    bool has_length;
    uint64_t length = 0;
    csgi_status failed;

    if (exchange_is_closed(self)) return CSGI_EDISCONNECTED;
    if (self->phase == EXCHANGE_COMPLETE)
        return exchange_refuse(why, CSGI_ESTATE, "the response is complete");
    if (self->phase != EXCHANGE_IDLE)
        return exchange_refuse(why, CSGI_ESTATE, "the response has already started");
    if (status < 200 || status > 999)
        return exchange_refuse(why, CSGI_EINVAL, "the status is not between 200 and 999");
    failed = check_fields(self, headers, &has_length, &length, why);
    if (failed) return failed;
    self->has_trailers = with_trailers && (self->features & CSGI_CAN_TRAILERS);
    return start_wire(self, status, headers, has_length, length);
}

static csgi_status start_any(exchange *self, uint32_t status, csgi_fields headers,
                             bool with_trailers, const char **why)
{
    csgi_status failed = exchange_enter(self);

    *why = "";
    if (failed) return failed;
    failed = start_in_turn(self, status, headers, with_trailers, why);
    exchange_leave(self);
    return exchange_end_send(self, failed);
}

csgi_status exchange_start(exchange *self, uint32_t status, csgi_fields headers, const char **why)
{
    return start_any(self, status, headers, false, why);
}

csgi_status exchange_start_with_trailers(exchange *self, uint32_t status, csgi_fields headers,
                                         const char **why)
{
    return start_any(self, status, headers, true, why);
}

/* ---- the body ---- */

void exchange_cut(exchange *self)
{
    self->phase = EXCHANGE_CUT;
    exchange_disconnect(self);
    if (self->wire_owner) self->wire->cut(self);
}

void exchange_completed(exchange *self)
{
    timer_stop(self->loop, &self->grace);
    exchange_wake_receiver(self);
}

csgi_status exchange_deliver(exchange *self, csgi_str bytes, bool last)
{
    csgi_status status;

    self->awaits_trailers = last && self->has_trailers;
    last = last && !self->has_trailers;
    self->phase = last ? EXCHANGE_COMPLETE : EXCHANGE_FLUSHED;
    self->body_bytes += bytes.len;
    if (!exchange_is_bodyless(self)) self->body_bytes_sent += bytes.len;
    status = self->wire->body(self, bytes, last);
    if (status) {
        exchange_cut(self);
    } else if (last) {
        exchange_completed(self);
    }
    return status;
}

csgi_status exchange_wait_drained(exchange *self, size_t most)
{
    while (!exchange_is_closed(self) && self->wire->queued(self) > most) {
        csgi_status status = task_wait_at(self->loop, &self->drain_waiter);

        if (status) return status;
    }
    return exchange_is_closed(self) ? CSGI_EDISCONNECTED : CSGI_OK;
}

static csgi_status deliver_in_slices(exchange *self, csgi_str bytes, bool more)
{
    csgi_status status;

    while (bytes.len > EXCHANGE_SLICE) {
        status = exchange_deliver(self, str_slice(bytes, 0, EXCHANGE_SLICE), false);
        if (!status && (status = exchange_wait_drained(self, EXCHANGE_OUTBOX_HIGH))) {
            /* The rest of this piece will never come: nothing may follow. */
            if (self->phase == EXCHANGE_FLUSHED) exchange_cut(self);
        }
        if (status) return status;
        bytes = str_slice(bytes, EXCHANGE_SLICE, SIZE_MAX);
    }
    status = exchange_deliver(self, bytes, !more);
    return status || !more ? status : exchange_wait_drained(self, EXCHANGE_OUTBOX_HIGH);
}

/* Does a piece of that length agree with the declared one? */
static csgi_status check_length(exchange *self, uint64_t len, bool more, const char **why)
{
    uint64_t left = self->declared_length - self->body_bytes;

    if (!self->has_declared_length || exchange_is_bodyless(self)) return CSGI_OK;
    if (len > left)
        *why = "the body is longer than its Content-Length";
    else if (!more && len < left)
        *why = "the body is shorter than its Content-Length";
    else
        return CSGI_OK;
    if (self->phase == EXCHANGE_STARTED)
        self->length_broken = true;
    else
        exchange_cut(self);
    return CSGI_EINVAL;
}

csgi_status exchange_fit_length(exchange *self, uint64_t len, bool more, const char **why)
{
    csgi_status status = check_length(self, len, more, why);

    if (status) return status;
    self->length_broken = false;
    if (self->phase == EXCHANGE_STARTED && !more && !self->has_declared_length &&
        !self->has_trailers && (len || !exchange_is_bodyless(self))) {
        self->has_declared_length = true;
        self->declared_length = len;
    }
    return CSGI_OK;
}

csgi_status exchange_body_is_due(const exchange *self, const char **why)
{
    if (exchange_is_closed(self)) return CSGI_EDISCONNECTED;
    if (self->phase == EXCHANGE_IDLE)
        return exchange_refuse(why, CSGI_ESTATE, "the response has not started");
    if (self->phase == EXCHANGE_COMPLETE)
        return exchange_refuse(why, CSGI_ESTATE, "the response is complete");
    if (self->awaits_trailers)
        return exchange_refuse(why, CSGI_ESTATE, "the body has ended, and its trailers are due");
    return CSGI_OK;
}

csgi_status exchange_body_in_turn(exchange *self, csgi_str bytes, bool more, const char **why)
{
    csgi_status status = exchange_body_is_due(self, why);

    if (!status) status = exchange_fit_length(self, bytes.len, more, why);
    return status ? status : deliver_in_slices(self, bytes, more);
}

csgi_status exchange_body(exchange *self, csgi_str bytes, bool more, const char **why)
{
    csgi_status failed = exchange_enter(self);

    *why = "";
    if (failed) return failed;
    failed = exchange_body_in_turn(self, bytes, more, why);
    exchange_leave(self);
    return exchange_end_send(self, failed);
}

/* ---- the server's own ---- */

void exchange_reply(exchange *self, uint32_t status, csgi_fields headers, csgi_str body)
{
    bool has_length;
    uint64_t length;
    const char *why;

    if (exchange_is_closed(self) || self->phase >= EXCHANGE_FLUSHED) return;
    exchange_hold(self);
    if (self->phase == EXCHANGE_STARTED) self->wire->unstart(self);
    self->phase = EXCHANGE_IDLE;
    self->has_trailers = false;
    if (check_fields(self, headers, &has_length, &length, &why)) headers = (csgi_fields){ 0 };
    if (start_wire(self, status, headers, true, body.len))
        exchange_cut(self);
    else
        exchange_deliver(self, body, true);
    exchange_disconnect(self);
    exchange_drop(self);
}

static csgi_str make_error_body(exchange *self, const char *detail)
{
    static const char head[] = "{\"detail\":\"", tail[] = "\"}";
    size_t len = sizeof head - 1, room = 6 * strlen(detail);
    char *body = arena_alloc(&self->arena, sizeof head + sizeof tail + room, 1);

    if (!body) return STR("{\"detail\":\"Error\"}");
    memcpy(body, head, len);
    len += escape_json(body + len, room, str_from(detail));
    memcpy(body + len, tail, sizeof tail - 1);
    return (csgi_str){ body, len + sizeof tail - 1 };
}

void exchange_reply_error(exchange *self, uint32_t status, const char *detail,
                          csgi_fields more_headers)
{
    static const csgi_field content_type = { CSGI_STR("content-type"), CSGI_STR("application/json"),
                                             0, 0 };
    csgi_field *fields;

    if (exchange_is_closed(self) || self->phase >= EXCHANGE_FLUSHED) return;
    fields = arena_alloc(&self->arena, (more_headers.count + 1) * sizeof *fields, 0);
    if (!fields) {
        exchange_reply(self, status, (csgi_fields){ 0 }, STR(""));
        return;
    }
    fields[0] = content_type;
    if (more_headers.count)
        memcpy(fields + 1, more_headers.items, more_headers.count * sizeof *fields);
    exchange_reply(self, status, (csgi_fields){ fields, more_headers.count + 1 },
                   make_error_body(self, detail));
}

static const csgi_field closing = { CSGI_STR("connection"), CSGI_STR("close"), 0, 0 };

void exchange_refuse_large_body(exchange *self)
{
    exchange_reply_error(self, 413, "The body is too large", (csgi_fields){ &closing, 1 });
}

void exchange_conclude(exchange *self)
{
    if (!self->wire_owner || self->phase >= EXCHANGE_COMPLETE) return;
    if (self->phase == EXCHANGE_FLUSHED || exchange_is_closed(self)) {
        exchange_cut(self);
        return;
    }
    exchange_reply_error(self, 500, "Internal Server Error",
                         (csgi_fields){ &closing, self->length_broken ? 1 : 0 });
}
