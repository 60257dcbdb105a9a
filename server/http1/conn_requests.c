/* SPDX-License-Identifier: MIT
 * From bytes to requests: feeding the parser, making exchanges, refusing what is malformed, and
 * going on with the next request when a response has ended. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "http1/conn_inside.h"
#include "http1/request_head.h"

/* ---- places for the head being parsed ---- */

/* Shared by all connections: a head that comes in one read needs no memory of its own. */
static request_places *shared_places;
static uint32_t shared_capacity;

#define FREE_PARSERS 64              /* kept for the next requests */
static request_parser *free_parsers; /* linked by their owner */
static size_t free_count;

bool conn_reserve_places(uint32_t count)
{
    request_places *grown;

    if (shared_places && count <= shared_capacity) return true;
    grown = realloc(shared_places, REQUEST_PLACES_SIZE(count));
    if (!grown) return false;
    shared_places = grown;
    shared_capacity = count;
    return true;
}

void http1_clear(void)
{
    free(shared_places);
    shared_places = NULL;
    shared_capacity = 0;
    while (free_parsers) {
        request_parser *next = free_parsers->owner;

        free(free_parsers);
        free_parsers = next;
    }
    free_count = 0;
}

/* ---- parsers ---- */

const request_parser conn_idle_parser;
/* Of a request that has been read whole, until its response has ended too. */
static const request_parser ended_parser = { .head_complete = true,
                                             .head_reported = true,
                                             .has_ended = true };

void conn_share_parser(http1_conn *self, const request_parser *shared)
{
    request_parser *own = self->own_parser;

    self->own_parser = NULL;
    self->parser = shared;
    if (!own) return;
    request_parser_fini(own);
    if (free_count == FREE_PARSERS) {
        free(own);
        return;
    }
    own->owner = free_parsers;
    free_parsers = own;
    free_count++;
}

/* Back-pressure: the peer has to wait. That it goes away meanwhile will have to be asked. */
static void stop_reading(http1_conn *self)
{
    if (!self->reading) return;
    stream_read_stop(self->stream);
    self->reading = false;
    conn_watch_peer(self);
}

static void on_body(void *owner, const char *bytes, size_t len)
{
    http1_conn *self = owner;

    if (self->expects_continue) { /* sent unasked: nobody has waited for it until now */
        self->expects_continue = false;
        conn_await_body(self);
    }
    conn_credit_body(self, len);
    if (!self->exchange) {
        self->discarded += len;
        return;
    }
    if (!exchange_push_body(self->exchange, bytes, len)) stop_reading(self);
}

/* A request begins, or goes on. False: no memory. */
static bool take_parser(http1_conn *self)
{
    request_parser *own = free_parsers;

    if (self->own_parser) return true;
    if (own) {
        free_parsers = own->owner;
        free_count--;
    } else {
        own = malloc(sizeof *own);
        if (!own) return false;
    }
    request_parser_init(own, &self->limits, on_body, self);
    self->parser = self->own_parser = own;
    return true;
}

/* Keeps the bytes and places of a head whose end has not come yet. */
static bool keep_partial(http1_conn *self, const char *bytes, size_t len)
{
    size_t places_size = REQUEST_PLACES_SIZE(self->limits.headers);

    if (!self->partial) {
        self->partial = malloc(offsetof(partial_head, places) + places_size);
        if (!self->partial) return false;
        self->partial->bytes = (buffer){ 0 };
        memcpy(&self->partial->places, shared_places,
               REQUEST_PLACES_SIZE(shared_places->field_count));
        self->own_parser->places = &self->partial->places;
    }
    conn_await_head(self, bytes, len);
    return buffer_append(&self->partial->bytes, bytes, len) == CSGI_OK;
}

/* ---- requests ---- */

static void refuse(http1_conn *self, uint32_t status, const char *detail)
{
    exchange *request = self->exchange;
    bool owes_release = !self->handed_up;

    self->closes = self->handed_up = true;
    /* It ends the response, and with it the wire's hold. */
    exchange_reply_error(request, status, detail, (csgi_fields){ NULL, 0 });
    if (owes_release) exchange_app_release(request);
}

static bool begin_exchange(http1_conn *self)
{
    exchange *request = exchange_new(self->loop, &conn_wire, self);

    if (!request) {
        conn_close(self);
        return false;
    }
    request->method = request->raw_path = STR("-");
    request->query_string = request->path = STR("");
    request->http_version = STR("1.1");
    request->scheme = STR("http");
    request->client = stream_peer(self->stream);
    request->server = stream_local(self->stream);
    self->exchange = request;
    self->served++;
    self->client_due_ms = 0;
    self->handed_up = self->flushed = self->expects_continue = false;
    return true;
}

/* Request and response are over; the connection stays. */
static void end_request(http1_conn *self)
{
    conn_share_parser(self, &conn_idle_parser);
    self->client_due_ms = 0;
    if (self->draining) timer_start(self->loop, &self->timer, DRAIN_IDLE_MS);
}

/* Copies the head into the exchange's arena, where it stays. */
static char *copy_head(http1_conn *self, const char *piece, size_t len)
{
    size_t before = self->partial ? self->partial->bytes.len : 0;
    char *head = arena_alloc(&self->exchange->arena, before + len, 1);

    CHECK(before + len == self->parser->head_len);
    if (!head) return NULL;
    if (before) memcpy(head, self->partial->bytes.bytes, before);
    memcpy(head + before, piece, len);
    return head;
}

/* HTTP/1.0 knows neither interim responses nor chunks. */
static uint64_t features_of(const request_head *head)
{
    uint64_t always = CSGI_CAN_PATHSEND | CSGI_CAN_ZEROCOPYSEND;

    if (str_eq(head->http_version, STR("1.0"))) return always;
    return always | CSGI_CAN_EARLY_HINT | (head->accepts_trailers ? CSGI_CAN_TRAILERS : 0u);
}

static csgi_status build_request(http1_conn *self, const char *piece, size_t len,
                                 request_problem *problem)
{
    exchange *request = self->exchange;
    char *bytes = copy_head(self, piece, len);
    request_head head;
    csgi_status status;

    if (!bytes) return CSGI_ENOMEM;
    status = request_head_build(&request->arena, bytes, self->parser, &head, problem);
    if (head.method.len) request->method = head.method;
    if (status) return status;
    request->http_version = head.http_version;
    request->scheme = head.scheme;
    request->raw_path = head.raw_path;
    request->query_string = head.query_string;
    request->path = head.path;
    request->headers = head.headers;
    request->has_body = self->parser->has_body;
    request->body_length = request_parser_body_length(self->parser);
    request->body_limit = self->limits.body;
    request->features = features_of(&head);
    self->expects_continue = head.expects_continue;
    self->closes = !head.keep_alive;
    return CSGI_OK;
}

static void hand_up(http1_conn *self)
{
    exchange *request = self->exchange;

    self->handed_up = true;
    if (self->parser->has_ended) exchange_push_end(request, (csgi_fields){ NULL, 0 });
    self->events->on_request(self->owner, request);
    if (self->exchange != request) return;
    /* The application's, which may be another than ours. */
    self->own_parser->body_limit = request->body_limit;
    if (exchange_is_body_too_large(request))
        exchange_refuse_large_body(request);
    else if (self->eof && self->parser->has_ended)
        exchange_push_half_close(request);
}

static void on_head(http1_conn *self, const char *piece, size_t len)
{
    request_problem problem = { 0, NULL };
    csgi_status status;

    if (!begin_exchange(self)) return;
    if (!self->parser->has_ended) conn_await_body(self);
    status = build_request(self, piece, len, &problem);
    conn_drop_partial(self);
    if (status == CSGI_ENOMEM)
        refuse(self, 503, "Service Unavailable");
    else if (status)
        refuse(self, problem.status, problem.detail);
    else
        hand_up(self);
}

static void on_end(http1_conn *self)
{
    exchange *request = self->exchange;
    csgi_fields trailers;
    csgi_status status;

    if (!request) { /* it was answered before its body had come */
        end_request(self);
        return;
    }
    status = request_trailers_build(&request->arena, self->parser, &trailers);
    if (status) {
        if (status == CSGI_ENOMEM)
            refuse(self, 503, "Service Unavailable");
        else
            refuse(self, 400, "Malformed trailers");
        if (self->exchange) conn_close(self);
        return;
    }
    self->client_due_ms = 0;
    exchange_push_end(request, trailers);
}

static void on_failed(http1_conn *self)
{
    if (!self->parser->head_reported && !begin_exchange(self)) return;
    if (!self->exchange) {
        conn_linger(self);
        return;
    }
    refuse(self, self->parser->problem_status, self->parser->problem);
    /* Bytes of the response are on their way: all that is left is to cut it. */
    if (self->exchange) conn_close(self);
}

void conn_refuse_late(http1_conn *self)
{
    bool is_head = !self->parser->head_complete;

    if (is_head && !begin_exchange(self)) return;
    if (!self->exchange) { /* answered already; the rest of the body was being read away */
        conn_linger(self);
        return;
    }
    refuse(self, 408,
           is_head ? "The request's head took too long" : "The request's body comes too slowly");
    if (self->exchange) conn_close(self);
}

/* ---- feeding the parser ---- */

static bool may_parse(const http1_conn *self)
{
    if (self->closing || self->lingering) return false;
    if (self->exchange) return !self->parser->has_ended;
    return stream_queued(self->stream) <= EXCHANGE_OUTBOX_HIGH;
}

static void on_more(http1_conn *self, const char *bytes, size_t len)
{
    if (!self->parser->head_complete) {
        if (!keep_partial(self, bytes, len)) conn_close(self);
    } else if (!self->exchange && self->discarded > DISCARD_MAX) {
        conn_linger(self);
    }
}

size_t conn_feed(http1_conn *self, const char *bytes, size_t len)
{
    size_t done = 0;

    self->feeding = true;
    while (done < len && may_parse(self)) {
        const char *piece = bytes + done;
        size_t used = 0;
        parse_result result;

        if (!take_parser(self)) {
            conn_close(self);
            break;
        }
        self->own_parser->places = self->partial ? &self->partial->places : shared_places;
        result = request_parser_execute(self->own_parser, piece, len - done, &used);
        done += used;
        self->unparsed = (uint32_t)(len - done);
        switch (result) {
        case PARSE_MORE:
            on_more(self, piece, used);
            break;
        case PARSE_HEAD:
            on_head(self, piece, used);
            break;
        case PARSE_END:
            on_end(self);
            break;
        case PARSE_FAILED:
            on_failed(self);
            break;
        }
        if (self->own_parser && self->own_parser->has_ended) conn_share_parser(self, &ended_parser);
    }
    self->feeding = false;
    self->unparsed = 0;
    if (self->client_due_ms) conn_watch(self);
    return done;
}

void conn_read(http1_conn *self)
{
    if (self->reading || self->eof || self->closing) return;
    self->reading = stream_read_start(self->stream) == CSGI_OK;
    if (!self->parser->head_complete || self->parser->has_ended) return;
    conn_await_body(self); /* what was kept back is no fault of the client's */
    conn_watch(self);
}

void conn_keep(http1_conn *self, const char *bytes, size_t len)
{
    if (self->closing || self->lingering || len == 0) return;
    if (buffer_append(&self->carry, bytes, len)) {
        conn_close(self);
        return;
    }
    if (self->carry.len - self->carry_start > CARRY_HIGH) stop_reading(self);
}

void conn_after_eof(http1_conn *self)
{
    if (self->exchange && self->parser->has_ended) {
        exchange_push_half_close(self->exchange);
    } else if (self->exchange || stream_queued(self->stream) == 0) {
        conn_close(self);
    } else if (self->carry.len == 0) {
        conn_linger(self);
    }
}

void conn_advance(http1_conn *self)
{
    if (self->feeding) return;
    while (self->carry.len && may_parse(self)) {
        buffer carried = self->carry;
        size_t start = self->carry_start;

        self->carry = (buffer){ 0 };
        self->carry_start = 0;
        start += conn_feed(self, carried.bytes + start, carried.len - start);
        if (start == carried.len || self->closing || self->lingering) {
            buffer_fini(&carried);
        } else {
            self->carry = carried;
            self->carry_start = (uint32_t)start;
        }
    }
    if (self->closing || self->lingering) return;
    if (self->carry.len - self->carry_start <= CARRY_HIGH && may_parse(self)) conn_read(self);
    if (self->eof) conn_after_eof(self);
}

void conn_end_response(http1_conn *self)
{
    exchange *done = self->exchange;

    self->exchange = NULL;
    self->events->on_response(self->owner, done);
    exchange_wire_release(done);
    self->idle_since_ms = loop_now_ms(self->loop);
    self->discarded = 0;
    if (self->closes) {
        conn_linger(self);
        return;
    }
    if (self->parser->has_ended) end_request(self);
    conn_advance(self);
}
