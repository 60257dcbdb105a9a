/* SPDX-License-Identifier: MIT
 * The request parser: llhttp's callbacks, limits, and the meaning of its errors. Both llhttp 8.1
 * (strict) and 9.2 are served: only what they share is used. */
#include "http1/request_parser.h"

#include <string.h>

#include "base/check.h"
#include "base/str.h"

/* What a request line has after its target. */
#define LINE_REST ((size_t)9) /* " HTTP/1.1" */
#define LINE_END  ((size_t)2)

/* ---- failing ---- */

static int fail(request_parser *self, uint16_t status, const char *problem)
{
    self->problem_status = status;
    self->problem = problem;
    return HPE_USER;
}

static int fail_line_too_long(request_parser *self)
{
    return fail(self, 414, "The request line is too long");
}

static int fail_fields_too_large(request_parser *self)
{
    return fail(self, 431, "The header fields are too large");
}

/* ---- places ---- */

static size_t offset_of(const request_parser *self, const char *at)
{
    return self->head_len + (size_t)(at - self->piece);
}

/* Adds a run of bytes to a span. False when it does not join on: a folded line. */
static bool span_add(request_parser *self, request_span *span, const char *at, size_t len)
{
    size_t offset = offset_of(self, at);

    if (span->len == 0) {
        span->start = (uint32_t)offset;
    } else if (span->start + span->len != offset) {
        return false;
    }
    span->len += (uint32_t)len;
    return true;
}

static request_parser *of(llhttp_t *llhttp)
{
    return llhttp->data;
}

/* Is the line, whose target so far ends there, too long? Empty lines before it are not its bytes,
 * but may not be more than they. */
static bool is_line_too_long(const request_parser *self, const char *at, size_t len)
{
    const request_span *target = &self->places->target;
    size_t end = offset_of(self, at) + len, limit = self->limits->line;
    size_t line_start;

    if (end + LINE_REST <= limit) return false;
    line_start = (target->len ? target->start : offset_of(self, at)) -
                 strlen(llhttp_method_name((llhttp_method_t)self->llhttp.method)) - 1;
    return line_start > limit || end + LINE_REST - line_start > limit;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    request_parser *self = of(llhttp);

    if (is_line_too_long(self, at, len)) return fail_line_too_long(self);
    if (!span_add(self, &self->places->target, at, len))
        return fail(self, 400, "Malformed request target");
    return 0;
}

/* ---- fields ---- */

/* Where the field lines of a head must end at the latest. */
static size_t fields_limit(const request_parser *self)
{
    const request_span *target = &self->places->target;

    return (size_t)target->start + target->len + LINE_REST + LINE_END + self->limits->header_size;
}

/* Can the field line to which these bytes belong still be within the limit? llhttp places an empty
 * value behind its line. */
static bool is_within_header_size(const request_parser *self, const char *at, size_t len)
{
    return len == 0 || offset_of(self, at) + len + LINE_END <= fields_limit(self);
}

/* Trailers are kept as bytes: the head's memory is no longer to be pointed into. */
static int add_trailer_bytes(request_parser *self, const char *at, size_t len)
{
    if (len && memchr(at, '\0', len)) return fail(self, 400, "Malformed trailer");
    if (buffer_append(&self->trailers, at, len)) return fail(self, 503, "No memory");
    return 0;
}

static int end_trailer_part(request_parser *self)
{
    return buffer_append(&self->trailers, "", 1) ? fail(self, 503, "No memory") : 0;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
    request_parser *self = of(llhttp);
    request_field *field;

    if (self->head_complete) return add_trailer_bytes(self, at, len);
    if (!self->value_open) {
        if (self->places->field_count >= self->limits->headers)
            return fail(self, 431, "Too many header fields");
        self->places->fields[self->places->field_count++] = (request_field){ 0 };
        self->value_open = true;
    }
    field = &self->places->fields[self->places->field_count - 1];
    if (!is_within_header_size(self, at, len)) return fail_fields_too_large(self);
    if (!span_add(self, &field->name, at, len)) return fail(self, 400, "Malformed header name");
    return 0;
}

static int on_header_field_complete(llhttp_t *llhttp)
{
    request_parser *self = of(llhttp);

    if (!self->head_complete) return 0;
    if (++self->trailer_count > self->limits->headers)
        return fail(self, 431, "Too many trailer fields");
    return end_trailer_part(self);
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
    request_parser *self = of(llhttp);
    request_field *field;

    if (self->head_complete) return add_trailer_bytes(self, at, len);
    if (!self->value_open) return fail(self, 400, "Folded header line");
    field = &self->places->fields[self->places->field_count - 1];
    if (!is_within_header_size(self, at, len)) return fail_fields_too_large(self);
    if (!span_add(self, &field->value, at, len)) return fail(self, 400, "Folded header line");
    return 0;
}

static int on_header_value_complete(llhttp_t *llhttp)
{
    request_parser *self = of(llhttp);

    self->value_open = false;
    return self->head_complete ? end_trailer_part(self) : 0;
}

/* ---- the request's course ---- */

static int on_headers_complete(llhttp_t *llhttp)
{
    request_parser *self = of(llhttp);

    if (llhttp->method == HTTP_CONNECT) return fail(self, 501, "CONNECT is not supported");
    if ((llhttp->flags & F_TRANSFER_ENCODING) && !(llhttp->flags & F_CHUNKED))
        return fail(self, 400, "Unsupported Transfer-Encoding");
    self->head_complete = true;
    self->is_chunked = llhttp->flags & F_CHUNKED;
    if (self->is_chunked) chunks_begin(&self->chunks);
    self->has_body = self->is_chunked || llhttp->content_length > 0;
    /* An offered upgrade is not taken: what follows is HTTP/1. */
    llhttp->upgrade = 0;
    return self->has_body ? HPE_PAUSED : 0;
}

static int fail_body_too_large(request_parser *self)
{
    return fail(self, 413, "The body is too large");
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    request_parser *self = of(llhttp);

    self->body_received += len;
    if (self->body_received > self->body_limit) return fail_body_too_large(self);
    self->on_body(self->owner, at, len);
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    of(llhttp)->has_ended = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- what llhttp's errors mean ---- */

/* Has the request line begun in these bytes? Empty lines may come before it. */
static bool begins_line(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\r' && bytes[i] != '\n') return true;
    }
    return false;
}

/* A method is unknown when a token is there that llhttp does not know. */
static void fail_method(request_parser *self, const char *at, const char *end)
{
    csgi_str culprit = { at, 1 };
    bool has_begun = self->line_begun || begins_line(self->piece, (size_t)(at - self->piece));

    if (at < end && (str_is_token(culprit) || (*at == ' ' && has_begun)))
        fail(self, 501, "The method is not supported");
    else
        fail(self, 400, "Malformed request line");
}

/* Has llhttp refused a version that it could read? It says the same of what stands where one should
 * be, and of what follows a good one. */
static bool is_version_read(const request_parser *self)
{
    unsigned major = self->llhttp.http_major, minor = self->llhttp.http_minor;

    return (major != 0 || minor != 0) && !(major == 1 && minor <= 1);
}

static parse_result explain(request_parser *self, llhttp_errno_t error, const char *at,
                            const char *end)
{
    if (self->problem_status) return PARSE_FAILED; /* one of our callbacks has said why */
    switch (error) {
    case HPE_INVALID_METHOD:
        fail_method(self, at, end);
        break;
    case HPE_INVALID_VERSION:
        if (!is_version_read(self)) {
            fail(self, 400, "Malformed request line");
            break;
        }
        /* fall through */
    case HPE_PAUSED_H2_UPGRADE:
        fail(self, 505, "The HTTP version is not supported");
        break;
    case HPE_INVALID_URL:
        fail(self, 400, "Malformed request target");
        break;
    case HPE_INVALID_TRANSFER_ENCODING:
        fail(self, 400, "Unsupported Transfer-Encoding");
        break;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        fail(self, 400, "Malformed Content-Length");
        break;
    case HPE_INVALID_CONSTANT: /* a method that is not of the protocol */
        if (!self->head_complete && !request_parser_knows_method(self)) {
            fail(self, 501, "The method is not supported");
            break;
        }
        /* fall through */
    default:
        fail(self, 400, self->head_complete ? "Malformed trailers" : "Malformed request");
    }
    return PARSE_FAILED;
}

/* ---- public ---- */

void request_parser_init(request_parser *self, const request_limits *limits,
                         void (*on_body_bytes)(void *owner, const char *bytes, size_t len),
                         void *owner)
{
    memset(self, 0, sizeof *self);
    self->limits = limits;
    self->on_body = on_body_bytes;
    self->owner = owner;
    self->body_limit = limits->body;
    llhttp_init(&self->llhttp, HTTP_REQUEST, &settings);
    self->llhttp.data = self;
}

void request_parser_fini(request_parser *self)
{
    buffer_fini(&self->trailers);
}

uint64_t request_parser_body_length(const request_parser *self)
{
    uint64_t length = self->has_body ? self->llhttp.content_length : 0;

    if (self->is_chunked) return UINT64_MAX;
    return length < UINT64_MAX ? length : UINT64_MAX - 1; /* it is said, and nobody can send it */
}

/* All bytes are used. A head that has no end in sight is refused even where no field grows. */
static parse_result end_piece(request_parser *self, bool was_complete, size_t len)
{
    if (was_complete) return PARSE_MORE;
    if (!self->line_begun) self->line_begun = begins_line(self->piece, len);
    self->head_len += (uint32_t)len;
    if (self->places->target.len == 0) { /* empty lines, perhaps the line's beginning */
        if (self->head_len <= 2 * (uint64_t)self->limits->line) return PARSE_MORE;
        fail_line_too_long(self);
    } else {
        /* The one more may be the CR of the empty line that ends the head. */
        if (self->head_len <= fields_limit(self) + 1) return PARSE_MORE;
        fail_fields_too_large(self);
    }
    return PARSE_FAILED;
}

static parse_result end_head(request_parser *self, size_t len)
{
    self->head_len += (uint32_t)len;
    /* Spaces after a value are in no span. */
    if (self->head_len > fields_limit(self) + LINE_END) {
        fail_fields_too_large(self);
        return PARSE_FAILED;
    }
    self->head_reported = true;
    return PARSE_HEAD;
}

bool request_parser_knows_method(const request_parser *self)
{
    return self->llhttp.method < HTTP_SOURCE;
}

bool request_lines_are_whole(char last, const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len;

    if (len && last == '\n' && (*at == ' ' || *at == '\t')) return false;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        if ((at == bytes ? last : at[-1]) != '\r') return false;
        if (++at < end && (*at == ' ' || *at == '\t')) return false;
    }
    return true;
}

/* ---- chunks ---- */

static void resume(request_parser *self)
{
    if (self->is_paused) llhttp_resume(&self->llhttp);
    self->is_paused = false;
}

/* The trailers are llhttp's again: it is told of a last chunk. */
static void begin_trailers(request_parser *self)
{
    static const char last_chunk[] = "0\r\n";

    resume(self);
    CHECK(llhttp_execute(&self->llhttp, last_chunk, 3) == HPE_OK);
    self->in_trailers = true;
    self->last = '\n';
}

static parse_result execute_trailers(request_parser *self, const char *bytes, size_t len,
                                     size_t *used)
{
    llhttp_errno_t error;
    const char *stop = bytes + len;

    self->piece = bytes;
    error = llhttp_execute(&self->llhttp, bytes, len);
    if (error != HPE_OK) stop = llhttp_get_error_pos(&self->llhttp);
    *used = (size_t)(stop - bytes);
    CHECK(*used <= len);
    self->trailers_len += (uint32_t)*used;
    if (!request_lines_are_whole(self->last, bytes, *used))
        fail(self, 400, "Malformed line end in the trailers");
    else if (self->trailers_len > self->limits->header_size + LINE_END)
        fail_fields_too_large(self);
    else if (error == HPE_OK)
        self->last = stop[-1];
    else if (error != HPE_PAUSED)
        explain(self, error, stop, bytes + len);
    if (self->problem_status) return PARSE_FAILED;
    return error == HPE_OK ? PARSE_MORE : PARSE_END;
}

/* Takes what a chunk's line or bytes say. */
static void take_chunk(request_parser *self, chunk_result result, const char *body, size_t body_len)
{
    uint64_t left = self->chunks.left, limit = self->body_limit;

    switch (result) {
    case CHUNK_SIZE:
        if (left > limit || self->body_received > limit - left) fail_body_too_large(self);
        break;
    case CHUNK_BODY:
        on_body(&self->llhttp, body, body_len);
        break;
    case CHUNK_LAST:
        begin_trailers(self);
        break;
    case CHUNK_BAD:
        fail(self, 400, "Malformed chunk");
        break;
    case CHUNK_LONG:
        fail(self, 400, "The chunk extensions are too large");
        break;
    case CHUNK_MORE:
        break;
    }
}

static parse_result execute_chunks(request_parser *self, const char *bytes, size_t len,
                                   size_t *used)
{
    size_t at = 0, part = 0, body_len = 0;
    parse_result result;

    while (at < len && !self->in_trailers && !self->problem_status) {
        chunk_result step =
            chunks_read(&self->chunks, bytes + at, len - at, self->limits->line, &part, &body_len);

        at += part;
        take_chunk(self, step, bytes + at - body_len, body_len);
    }
    *used = at;
    if (self->problem_status) return PARSE_FAILED;
    if (at == len) return PARSE_MORE;
    result = execute_trailers(self, bytes + at, len - at, &part);
    *used = at + part;
    return result;
}

parse_result request_parser_execute(request_parser *self, const char *bytes, size_t len,
                                    size_t *used)
{
    bool was_complete = self->head_complete;
    const char *stop;
    llhttp_errno_t error;

    CHECK(len && !self->has_ended && !self->problem_status);
    if (was_complete && self->is_chunked) return execute_chunks(self, bytes, len, used);
    resume(self);
    self->piece = bytes;
    if (self->head_len == 0) {
        self->places->target = (request_span){ 0, 0 };
        self->places->field_count = 0;
    }
    error = llhttp_execute(&self->llhttp, bytes, len);
    if (error == HPE_OK) {
        *used = len;
        return end_piece(self, was_complete, len);
    }
    stop = llhttp_get_error_pos(&self->llhttp);
    if (error != HPE_PAUSED) {
        *used = len;
        return explain(self, error, stop, bytes + len);
    }
    *used = (size_t)(stop - bytes);
    CHECK(*used <= len);
    self->is_paused = true;
    if (was_complete) return PARSE_END;
    return end_head(self, *used);
}
