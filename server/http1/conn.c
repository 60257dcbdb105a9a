/* SPDX-License-Identifier: MIT
 * An HTTP/1 connection's reading: bytes to requests, one at a time and in order. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "http1/conn_inside.h"
#include "http1/request_head.h"

#define DEFAULT_MAX_LINE        8192u
#define DEFAULT_MAX_HEADER_SIZE 32768u
#define DEFAULT_MAX_HEADERS     100u
#define DEFAULT_MAX_BODY        16777216u
#define DEFAULT_KEEP_ALIVE_MS   75000u
/* What the options may ask for at most. */
#define LIMIT_BYTES   16777216u
#define LIMIT_HEADERS 10000u

/* ---- places for the head being parsed ---- */

/* Shared by all connections: a head that comes in one read needs no memory of its own. */
static request_places *shared_places;
static uint32_t shared_capacity;

static bool reserve_shared_places(uint32_t count)
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
        self->parser.places = &self->partial->places;
    }
    return buffer_append(&self->partial->bytes, bytes, len) == CSGI_OK;
}

static void drop_partial(http1_conn *self)
{
    if (!self->partial) return;
    buffer_fini(&self->partial->bytes);
    free(self->partial);
    self->partial = NULL;
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
    request->began_ms = loop_now_ms(self->loop);
    self->exchange = request;
    self->handed_up = self->flushed = self->expects_continue = false;
    return true;
}

/* Request and response are over; the connection stays. */
static void end_request(http1_conn *self)
{
    request_parser_reset(&self->parser);
    if (self->draining) timer_start(self->loop, &self->timer, DRAIN_IDLE_MS);
}

/* Copies the head into the exchange's arena, where it stays. */
static char *copy_head(http1_conn *self, const char *piece, size_t len)
{
    size_t before = self->partial ? self->partial->bytes.len : 0;
    char *head = arena_alloc(&self->exchange->arena, before + len, 1);

    CHECK(before + len == self->parser.head_len);
    if (!head) return NULL;
    if (before) memcpy(head, self->partial->bytes.bytes, before);
    memcpy(head + before, piece, len);
    return head;
}

static csgi_status build_request(http1_conn *self, const char *piece, size_t len,
                                 request_problem *problem)
{
    exchange *request = self->exchange;
    char *bytes = copy_head(self, piece, len);
    request_head head;
    csgi_status status;

    if (!bytes) return CSGI_ENOMEM;
    status = request_head_build(&request->arena, bytes, &self->parser, &head, problem);
    if (head.method.len) request->method = head.method;
    if (status) return status;
    request->http_version = head.http_version;
    request->raw_path = head.raw_path;
    request->query_string = head.query_string;
    request->path = head.path;
    request->headers = head.headers;
    request->has_body = self->parser.has_body;
    self->expects_continue = head.expects_continue;
    return CSGI_OK;
}

static bool is_body_too_large(const http1_conn *self)
{
    return !self->parser.is_chunked &&
           request_parser_body_length(&self->parser) > self->limits.body;
}

static void hand_up(http1_conn *self)
{
    exchange *request = self->exchange;

    self->handed_up = true;
    self->closes = !self->parser.keep_alive;
    if (self->parser.has_ended) exchange_push_end(request, (csgi_fields){ NULL, 0 });
    self->events->on_request(self->owner, request);
    if (self->eof && self->exchange == request && self->parser.has_ended)
        exchange_push_half_close(request);
}

static void on_head(http1_conn *self, const char *piece, size_t len)
{
    request_problem problem = { 0, NULL };
    csgi_status status;

    if (!begin_exchange(self)) return;
    status = build_request(self, piece, len, &problem);
    drop_partial(self);
    if (status == CSGI_ENOMEM)
        refuse(self, 503, "Service Unavailable");
    else if (status)
        refuse(self, problem.status, problem.detail);
    else if (is_body_too_large(self))
        refuse(self, 413, "The body is too large");
    else
        hand_up(self);
}

static void on_end(http1_conn *self)
{
    exchange *request = self->exchange;
    csgi_fields trailers;

    if (!request) { /* it was answered before its body had come */
        end_request(self);
        return;
    }
    if (request_trailers_build(&request->arena, &self->parser, &trailers)) {
        refuse(self, 400, "Malformed trailers");
        if (self->exchange) conn_close(self);
        return;
    }
    exchange_push_end(request, trailers);
}

static void on_failed(http1_conn *self)
{
    if (!self->parser.head_reported && !begin_exchange(self)) return;
    if (!self->exchange) {
        conn_linger(self);
        return;
    }
    refuse(self, self->parser.problem_status, self->parser.problem);
    /* Bytes of the response are on their way: all that is left is to cut it. */
    if (self->exchange) conn_close(self);
}

static void on_body(void *owner, const char *bytes, size_t len)
{
    http1_conn *self = owner;

    if (!self->exchange) {
        self->discarded += len;
        return;
    }
    if (!exchange_push_body(self->exchange, bytes, len) && self->reading) {
        stream_read_stop(self->stream);
        self->reading = false;
    }
}

/* ---- feeding the parser ---- */

static bool may_parse(const http1_conn *self)
{
    if (self->closing || self->lingering) return false;
    if (self->exchange) return !self->parser.has_ended;
    return stream_queued(self->stream) <= EXCHANGE_OUTBOX_HIGH;
}

static void on_more(http1_conn *self, const char *bytes, size_t len)
{
    if (!self->parser.head_complete) {
        if (!keep_partial(self, bytes, len)) conn_close(self);
    } else if (!self->exchange && self->discarded > DISCARD_MAX) {
        conn_linger(self);
    }
}

/* Parses until a response must be waited for. Returns the bytes that are done with. */
static size_t feed(http1_conn *self, const char *bytes, size_t len)
{
    size_t done = 0;

    self->feeding = true;
    while (done < len && may_parse(self)) {
        const char *piece = bytes + done;
        size_t used = 0;
        parse_result result;

        self->parser.places = self->partial ? &self->partial->places : shared_places;
        result = request_parser_execute(&self->parser, piece, len - done, &used);
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
    }
    self->feeding = false;
    self->unparsed = 0;
    return done;
}

void conn_read(http1_conn *self)
{
    if (self->reading || self->eof || self->closing) return;
    self->reading = stream_read_start(self->stream) == CSGI_OK;
}

static void keep_carry(http1_conn *self, const char *bytes, size_t len)
{
    if (self->closing || self->lingering || len == 0) return;
    if (buffer_append(&self->carry, bytes, len)) {
        conn_close(self);
        return;
    }
    if (self->carry.len - self->carry_start > CARRY_HIGH && self->reading) {
        stream_read_stop(self->stream);
        self->reading = false;
    }
}

static void after_eof(http1_conn *self);

void conn_advance(http1_conn *self)
{
    if (self->feeding) return;
    while (self->carry.len && may_parse(self)) {
        buffer carried = self->carry;
        size_t start = self->carry_start;

        self->carry = (buffer){ 0 };
        self->carry_start = 0;
        start += feed(self, carried.bytes + start, carried.len - start);
        if (start == carried.len || self->closing || self->lingering) {
            buffer_fini(&carried);
        } else {
            self->carry = carried;
            self->carry_start = (uint32_t)start;
        }
    }
    if (self->closing || self->lingering) return;
    if (self->carry.len - self->carry_start <= CARRY_HIGH && may_parse(self)) conn_read(self);
    if (self->eof) after_eof(self);
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
    if (self->parser.has_ended) end_request(self);
    conn_advance(self);
}

/* ---- the stream's events ---- */

static void on_read(void *owner, char *bytes, size_t len)
{
    http1_conn *self = owner;
    size_t done = 0;

    if (self->lingering) {
        conn_linger_read(self, len);
        return;
    }
    if (self->carry.len == 0) done = feed(self, bytes, len);
    keep_carry(self, bytes + done, len - done);
}

/* The peer sends no more, and all it sent has been parsed as far as it goes. */
static void after_eof(http1_conn *self)
{
    if (self->exchange && self->parser.has_ended) {
        exchange_push_half_close(self->exchange);
    } else if (self->exchange || stream_queued(self->stream) == 0) {
        conn_close(self);
    } else if (self->carry.len == 0) {
        conn_linger(self);
    }
}

static void on_eof(void *owner)
{
    http1_conn *self = owner;

    self->eof = true;
    self->reading = false;
    if (!self->lingering)
        after_eof(self);
    else if (stream_queued(self->stream) == 0)
        conn_close(self);
}

static void on_broken(void *owner)
{
    conn_close(owner);
}

static void on_drained(void *owner)
{
    http1_conn *self = owner;

    if (self->lingering) {
        if (self->eof) conn_close(self);
        return;
    }
    if (self->exchange) exchange_push_drained(self->exchange);
    conn_advance(self);
}

static const stream_events stream_told = { on_read, on_eof, on_broken, on_drained, conn_on_closed };

/* ---- idling ---- */

static bool is_idle(const http1_conn *self)
{
    return !self->exchange && self->carry.len == 0 && request_parser_is_fresh(&self->parser);
}

static uint64_t keep_alive_ms(const http1_conn *self)
{
    return self->options->keep_alive_ms ? self->options->keep_alive_ms : DEFAULT_KEEP_ALIVE_MS;
}

/* The timer is not touched for each request: it looks how long the connection has been idle. */
static void on_timer(timer *due)
{
    http1_conn *self = CONTAINER_OF(due, http1_conn, timer);
    uint64_t idle_ms = loop_now_ms(self->loop) - self->idle_since_ms;
    uint64_t limit_ms = keep_alive_ms(self);

    if (self->lingering) {
        conn_linger_due(self);
    } else if (self->draining && is_idle(self) && stream_queued(self->stream) == 0) {
        conn_close(self);
    } else if (self->exchange) {
        timer_start(self->loop, due, limit_ms);
    } else if (idle_ms < limit_ms) {
        timer_start(self->loop, due, limit_ms - idle_ms);
    } else if (stream_queued(self->stream)) {
        timer_start(self->loop, due, limit_ms);
    } else {
        conn_close(self);
    }
}

/* ---- public ---- */

static uint32_t limit_or(size_t asked, uint32_t otherwise, uint32_t most)
{
    if (asked == 0) return otherwise;
    return asked > most ? most : (uint32_t)asked;
}

static request_limits limits_of(const http1_options *options)
{
    return (request_limits){
        .line = limit_or(options->max_request_line, DEFAULT_MAX_LINE, LIMIT_BYTES),
        .header_size = limit_or(options->max_header_size, DEFAULT_MAX_HEADER_SIZE, LIMIT_BYTES),
        .headers = limit_or(options->max_headers, DEFAULT_MAX_HEADERS, LIMIT_HEADERS),
        .body = options->max_body ? options->max_body : DEFAULT_MAX_BODY,
    };
}

csgi_status http1_conn_new(stream *from, const http1_options *options, const http1_events *events,
                           void *owner, http1_conn **out)
{
    request_limits limits = limits_of(options);
    http1_conn *self = reserve_shared_places(limits.headers) ? calloc(1, sizeof *self) : NULL;

    if (!self) return CSGI_ENOMEM;
    self->stream = from;
    self->loop = stream_loop(from);
    self->options = options;
    self->events = events;
    self->owner = owner;
    self->limits = limits;
    self->idle_since_ms = loop_now_ms(self->loop);
    request_parser_init(&self->parser, &self->limits, on_body, self);
    timer_init(&self->timer, on_timer);
    timer_start(self->loop, &self->timer, keep_alive_ms(self));
    stream_set_owner(from, &stream_told, self);
    conn_read(self); /* if it fails the stream will say that it is broken */
    *out = self;
    return CSGI_OK;
}

void http1_conn_drain(http1_conn *self)
{
    if (self->closing || self->draining) return;
    self->draining = true;
    if (self->lingering) {
        if (stream_queued(self->stream) == 0) conn_close(self);
    } else if (is_idle(self)) {
        timer_start(self->loop, &self->timer, DRAIN_IDLE_MS);
    }
}

void http1_conn_cut(http1_conn *self)
{
    conn_close(self);
}
