/* SPDX-License-Identifier: MIT
 * A request and its response: find a connection, talk on it, once more if a pooled one was dead. */
#include "client/transfer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/str.h"

/* A long piece is sent in parts of that size, so that no more than one waits in memory. */
#define PART_SIZE ((size_t)65536)
/* How long leave to send the body is waited for (RFC 9110 section 10.1.1). */
#define LEAVE_MS 1000u

/* ---- what has come ---- */

static csgi_client_response *head_of(const transfer *self)
{
    const response *reading = self->talk.reading;

    if (self->talk.result) return self->talk.result;
    return reading && reading->head_done ? reading->result : NULL;
}

/* It will not do what it was asked, and need not read the rest (RFC 9112 section 9.5). */
static bool is_refused(const transfer *self)
{
    const csgi_client_response *head = head_of(self);

    return head && head->status >= 400;
}

static bool is_reached(const transfer *self, transfer_goal goal)
{
    const response *reading = self->talk.reading;

    if (self->talk.is_over) return true;
    switch (goal) {
    case TRANSFER_WAITS_FOR_ROOM:
        return connection_queued(self->talk.on) == 0 || is_refused(self);
    case TRANSFER_WAITS_FOR_LEAVE:
        return !self->expects || (reading && (reading->interims > 0 || reading->head_done));
    case TRANSFER_WAITS_FOR_HEAD:
        return head_of(self) != NULL;
    case TRANSFER_WAITS_FOR_PIECE:
        return reading && reading->gathered.len > 0;
    case TRANSFER_WAITS_TO_DRAIN:
        return reading && reading->body_len > TRANSFER_DRAIN_MAX;
    case TRANSFER_WAITS_FOR_END:
    case TRANSFER_WAITS_FOR_NOTHING:
        break;
    }
    return false;
}

/* The request waits for the other side, not the other way round. */
static bool is_sending(const transfer *self)
{
    return (self->goal == TRANSFER_WAITS_FOR_ROOM || !self->talk.answered) &&
           connection_queued(self->talk.on) > 0;
}

static uint64_t wait_due_ms(const transfer *self)
{
    const request_facts *facts = self->asked.facts;
    uint64_t timeout_ms = is_sending(self) ? facts->write_timeout_ms : facts->read_timeout_ms;

    if (self->goal == TRANSFER_WAITS_FOR_LEAVE) timeout_ms = LEAVE_MS;
    if (self->goal == TRANSFER_WAITS_TO_DRAIN) timeout_ms = TRANSFER_DRAIN_MS;
    return pending_due_ms(loop_now_ms(self->within->loop), timeout_ms);
}

static void on_progress(conversation *talk)
{
    transfer *self = CONTAINER_OF(talk, transfer, talk);

    if (self->goal == TRANSFER_WAITS_FOR_NOTHING) return;
    if (is_reached(self, self->goal)) {
        self->goal = TRANSFER_WAITS_FOR_NOTHING;
        pending_settle(self->within, CSGI_OK);
    } else if (self->goal >= TRANSFER_WAITS_FOR_HEAD && self->goal != TRANSFER_WAITS_TO_DRAIN) {
        pending_set_limit(self->within, wait_due_ms(self));
    }
}

/* ---- waiting ---- */

static csgi_status explain_silence(transfer *self, bool was_sending)
{
    const request_facts *facts = self->asked.facts;

    if (pending_is_over(self->within)) return pending_explain_total(self->within);
    if (was_sending)
        return pending_explain(self->within, CSGI_ETIMEDOUT,
                               "the server took nothing of the request within %" PRIu64 " ms",
                               facts->write_timeout_ms);
    if (!self->talk.answered)
        return pending_explain(self->within, CSGI_ETIMEDOUT, "no answer within %" PRIu64 " ms",
                               facts->read_timeout_ms);
    return pending_explain(self->within, CSGI_ETIMEDOUT,
                           "the response went no further within %" PRIu64 " ms",
                           facts->read_timeout_ms);
}

/* Nothing has happened for too long. CSGI_OK: that is no failure. */
static csgi_status on_silence(transfer *self, transfer_goal goal, bool was_sending, uint64_t taken)
{
    bool is_total = pending_is_over(self->within);

    if (!is_total && was_sending && connection_progress(self->talk.on) != taken) return CSGI_OK;
    if (!is_total && goal == TRANSFER_WAITS_FOR_LEAVE) {
        self->expects = false;
        return CSGI_OK;
    }
    if (!is_total && goal == TRANSFER_WAITS_FOR_ROOM && head_of(self)) return CSGI_EDISCONNECTED;
    return explain_silence(self, was_sending);
}

/* Until something happens. A failure has ended the conversation, but for CSGI_EDISCONNECTED.
 * [suspends] */
static csgi_status wait_once(transfer *self, transfer_goal goal)
{
    bool was_sending;
    uint64_t taken;
    csgi_status status;

    self->goal = goal;
    was_sending = is_sending(self);
    taken = was_sending ? connection_progress(self->talk.on) : 0;
    pending_begin(self->within, wait_due_ms(self));
    status = pending_end(self->within);
    self->goal = TRANSFER_WAITS_FOR_NOTHING;
    if (self->within->settled) return CSGI_OK;
    if (status == CSGI_ETIMEDOUT) status = on_silence(self, goal, was_sending, taken);
    if (status && status != CSGI_EDISCONNECTED) conversation_give_up(&self->talk, status);
    return status;
}

/* ---- connections ---- */

/* It died unanswered, and nothing was done yet. */
static bool is_dead(const transfer *self)
{
    return self->talk.is_over && self->talk.status == CSGI_EPROTO && !self->talk.answered &&
           !self->is_committed;
}

static csgi_status send_request(transfer *self, connection *on)
{
    const transfer_request *asked = &self->asked;
    const request_facts *facts = asked->facts;
    loop *runner = self->within->loop;
    csgi_str pieces[] = { { loop_scratch(runner), 0 }, asked->request->body };
    csgi_status status;

    pieces[0].len = request_print_head(asked->request, facts, asked->to,
                                       dialer_find_proxy(asked->dialer, asked->to),
                                       loop_scratch(runner), LOOP_SCRATCH_SIZE);
    if (pieces[0].len == 0) {
        origin_put(self->origin, on);
        return pending_explain(self->within, CSGI_EINVAL,
                               "the request's head is larger than 64 KiB");
    }
    connection_begin(on, &self->talk);
    self->talk.is_sent = !facts->body_follows;
    self->body_left = facts->body_length;
    self->expects = facts->expects;
    status = connection_send(on, pieces, facts->body_follows ? 1 : 2);
    self->is_committed = !status && !facts->is_idempotent && !facts->body_follows;
    if (status == CSGI_OK) return CSGI_OK;
    conversation_give_up(&self->talk, status == CSGI_ENOMEM ? status : CSGI_EPROTO);
    if (status == CSGI_ENOMEM) return pending_explain(self->within, status, "no memory");
    return pending_explain(self->within, CSGI_EPROTO,
                           "the connection was closed without an answer");
}

/* One that waits for a connection, on its task's stack. */
typedef struct waiting {
    pool_waiter waiter;
    pending *within;
} waiting;

static void on_granted(pool_waiter *waiter)
{
    pending_settle(CONTAINER_OF(waiter, waiting, waiter)->within, CSGI_OK);
}

static csgi_status wait_in_queue(transfer *self, bool wants_fresh, connection **out)
{
    pending *within = self->within;
    uint64_t timeout_ms = self->asked.facts->pool_timeout_ms;
    waiting queued = { .waiter = { .wants_fresh = wants_fresh, .on_granted = on_granted },
                       .within = within };
    csgi_status status = origin_wait(self->origin, &queued.waiter);

    if (status)
        return pending_explain(within, status, "%zu requests wait for a connection already",
                               self->origin->waiting);
    pending_begin(within, pending_due_ms(loop_now_ms(within->loop), timeout_ms));
    status = pending_end(within);
    if (queued.waiter.is_granted) {
        *out = queued.waiter.connection;
        return CSGI_OK;
    }
    origin_leave(&queued.waiter);
    if (status != CSGI_ETIMEDOUT) return status;
    if (pending_is_over(within)) return pending_explain_total(within);
    return pending_explain(within, status, "no free connection within %" PRIu64 " ms (%zu in use)",
                           timeout_ms, self->origin->places);
}

static csgi_status make_connection(transfer *self, connection **out)
{
    const transfer_request *asked = &self->asked;
    stream *connected;
    csgi_status status = dial(asked->dialer, asked->to, asked->facts->connect_timeout_ms,
                              self->talk.memory, self->within, &connected);

    self->may_repeat = status == CSGI_EUNREACH || status == CSGI_ETIMEDOUT;
    if (status) {
        origin_free_place(self->origin);
        return status;
    }
    *out = connection_new(self->origin, connected);
    return *out ? CSGI_OK
                : pending_explain(self->within, CSGI_ENOMEM, "no memory for a connection");
}

/* From the pool, or a fresh one. [suspends] */
static csgi_status find_connection(transfer *self, bool wants_fresh, connection **out)
{
    csgi_status status = origin_claim(self->origin, wants_fresh, out);

    if (status == CSGI_EBUSY) status = wait_in_queue(self, wants_fresh, out);
    self->is_pooled = status == CSGI_OK && *out;
    return status || *out ? status : make_connection(self, out);
}

/* The pooled connection was dead: the other server had let it go, which is no failure yet.
 * [suspends] */
static csgi_status replace(transfer *self)
{
    connection *on;
    csgi_status status;

    pending_forgive(self->within);
    conversation_end(&self->talk, self->origin);
    status = find_connection(self, true, &on);
    if (status == CSGI_OK) status = send_request(self, on);
    if (status) self->talk.status = status;
    return status;
}

/* Failed, or not dead, or replaced. [suspends] */
static csgi_status replace_if_dead(transfer *self)
{
    return self->is_pooled && is_dead(self) ? replace(self) : CSGI_OK;
}

/* CSGI_OK: it is reached, or all is over. [suspends] */
static csgi_status wait_until(transfer *self, transfer_goal goal)
{
    csgi_status status = replace_if_dead(self);

    while (status == CSGI_OK && !is_reached(self, goal)) {
        status = wait_once(self, goal);
        if (status == CSGI_OK) status = replace_if_dead(self);
    }
    if (self->talk.is_over && self->talk.status && is_dead(self)) self->may_repeat = true;
    return status;
}

csgi_status transfer_open(transfer *self, const transfer_request *asked, arena *memory,
                          pending *within)
{
    connection *on;
    csgi_status status;

    *self = (transfer){ .talk = { .on_progress = on_progress,
                                  .wanted = { .is_head = asked->facts->is_head,
                                              .in_pieces = asked->in_pieces,
                                              .keep_coding = asked->facts->keep_coding,
                                              .max_body = asked->facts->max_response_size },
                                  .memory = memory,
                                  .origin_name = asked->to->origin,
                                  .why = within->why },
                        .asked = *asked,
                        .within = within };
    self->origin = origin_get(asked->pool, asked->to->origin);
    if (!self->origin) return pending_explain(within, CSGI_ENOMEM, "no memory");
    status = find_connection(self, false, &on);
    if (status == CSGI_OK) status = send_request(self, on);
    if (status == CSGI_EPROTO && self->is_pooled) status = replace(self);
    if (status == CSGI_EPROTO) self->may_repeat = true;
    if (status) transfer_close(self);
    return status;
}

/* ---- the request's body ---- */

static csgi_status check_piece(transfer *self, size_t len, bool last)
{
    uint64_t announced = self->asked.facts->body_length;
    csgi_status status;

    if (!self->asked.facts->body_follows || self->talk.is_sent)
        return pending_explain(self->within, CSGI_ESTATE, "the request's body is at its end");
    if (announced == UINT64_MAX) return CSGI_OK;
    if (len <= self->body_left && (!last || len == self->body_left)) return CSGI_OK;
    status =
        pending_explain(self->within, CSGI_EINVAL,
                        "the request's body has %s than the %" PRIu64 " bytes of its body_length",
                        len > self->body_left ? "more" : "fewer", announced);
    conversation_give_up(&self->talk, status);
    return status;
}

static csgi_status explain_early_answer(transfer *self)
{
    return pending_explain(self->within, CSGI_EDISCONNECTED,
                           "the server answered before it had taken the whole request");
}

/* CSGI_OK: it takes more. */
static csgi_status see_if_taken(transfer *self)
{
    if (self->talk.is_over && self->talk.status) return self->talk.status;
    return self->talk.is_over || is_refused(self) ? explain_early_answer(self) : CSGI_OK;
}

static csgi_status send_part(transfer *self, csgi_str part, bool last)
{
    bool chunked = self->asked.facts->body_length == UINT64_MAX;
    bool is_chunk = chunked && part.len > 0;
    char size[24];
    int size_len = is_chunk ? snprintf(size, sizeof size, "%zx\r\n", part.len) : 0;
    const csgi_str pieces[] = { { size, (size_t)size_len },
                                part,
                                is_chunk ? STR("\r\n") : STR(""),
                                chunked && last ? STR("0\r\n\r\n") : STR("") };
    csgi_status status = connection_send(self->talk.on, pieces, COUNT_OF(pieces));

    self->is_committed = true;
    if (status == CSGI_OK) {
        self->body_left -= chunked ? 0 : part.len;
        self->talk.is_sent = last;
        return CSGI_OK;
    }
    if (status == CSGI_ENOMEM) {
        pending_explain(self->within, status, "no memory");
        conversation_give_up(&self->talk, status);
        return status;
    }
    status = wait_until(self, TRANSFER_WAITS_FOR_HEAD); /* which may have come before the end */
    if (status) return status;
    return head_of(self) ? explain_early_answer(self) : self->talk.status;
}

/* [suspends] */
static csgi_status write_part(transfer *self, csgi_str part, bool last)
{
    csgi_status status = see_if_taken(self);

    if (status == CSGI_OK) status = send_part(self, part, last);
    if (status == CSGI_OK) status = wait_until(self, TRANSFER_WAITS_FOR_ROOM);
    if (status == CSGI_EDISCONNECTED) return explain_early_answer(self);
    if (status) return status;
    return last ? CSGI_OK : see_if_taken(self);
}

csgi_status transfer_write(transfer *self, csgi_str piece, bool last)
{
    csgi_status status = check_piece(self, piece.len, last);

    if (status) return status;
    if (piece.len == 0 && !last) return see_if_taken(self);
    status = wait_until(self, TRANSFER_WAITS_FOR_LEAVE);
    self->expects = false;
    while (status == CSGI_OK && (piece.len > 0 || last)) {
        csgi_str part = { piece.ptr, piece.len < PART_SIZE ? piece.len : PART_SIZE };
        bool is_all = part.len == piece.len;

        piece.ptr += part.len;
        piece.len -= part.len;
        status = write_part(self, part, last && is_all);
        if (is_all) break;
    }
    return status;
}

/* ---- the response ---- */

csgi_status transfer_head(transfer *self, csgi_client_response **answer)
{
    csgi_status status = wait_until(self, TRANSFER_WAITS_FOR_HEAD);
    csgi_client_response *head = head_of(self);

    if (status) return status;
    if (!head) return self->talk.status;
    *answer = head;
    return CSGI_OK;
}

csgi_status transfer_finish(transfer *self, csgi_client_response **answer)
{
    csgi_status status;

    CHECK(!self->asked.in_pieces);
    status = wait_until(self, TRANSFER_WAITS_FOR_END);
    if (status == CSGI_OK) status = self->talk.status;
    if (status == CSGI_OK) *answer = self->talk.result;
    return status;
}

/* What has come, perhaps nothing. */
static csgi_status take_piece(transfer *self, csgi_str *piece)
{
    response *reading = self->talk.reading;
    csgi_status status;

    *piece = (csgi_str){ "", 0 };
    if (!reading) return CSGI_OK;
    status = response_take(reading, piece);
    if (status) {
        pending_explain(self->within, status, "%s", "");
        response_print_failure(reading, self->within->why);
        conversation_give_up(&self->talk, status);
        self->talk.status = status;
        return status;
    }
    if (self->talk.on && reading->gathered.len < RESPONSE_AHEAD_MAX)
        connection_resume(self->talk.on);
    return status;
}

csgi_status transfer_read(transfer *self, csgi_str *piece)
{
    CHECK(self->asked.in_pieces);
    for (;;) {
        csgi_status status = take_piece(self, piece);

        if (status || piece->len > 0) return status;
        if (self->talk.is_over && !(self->is_pooled && is_dead(self))) return self->talk.status;
        status = wait_until(self, TRANSFER_WAITS_FOR_PIECE);
        if (status) return status;
    }
}

/* ---- the end ---- */

csgi_status transfer_drain(transfer *self)
{
    const response *reading = self->talk.reading;
    csgi_status status;

    if (self->talk.is_over || !reading) return CSGI_OK;
    if (reading->length_known && reading->length > TRANSFER_DRAIN_MAX) return CSGI_OK;
    status = wait_until(self, TRANSFER_WAITS_TO_DRAIN);
    return status == CSGI_ETIMEDOUT && !pending_is_over(self->within) ? CSGI_OK : status;
}

void transfer_close(transfer *self)
{
    if (!self->origin) return;
    conversation_give_up(&self->talk, CSGI_ESTATE);
    conversation_end(&self->talk, self->origin);
    origin_release(self->origin);
    self->origin = NULL;
}

csgi_status transfer_fetch(transfer *self, const transfer_request *asked, arena *memory,
                           pending *within, csgi_client_response **answer)
{
    csgi_status status = transfer_open(self, asked, memory, within);

    if (status) return status;
    status = transfer_finish(self, answer);
    transfer_close(self);
    return status;
}
