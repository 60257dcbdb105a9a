/* SPDX-License-Identifier: MIT
 * Reading one response with llhttp: head, body and end. */
#include "client/response.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

#define FIELD_COST  ((size_t)4) /* ": " and the line's end */
#define KEPT_MEMORY ((size_t)16384)

/* ---- llhttp's callbacks ---- */

static int fail(response *self, csgi_status failure, const char *reason)
{
    if (!self->failure) {
        self->failure = failure;
        self->reason = reason;
    }
    return HPE_USER;
}

static int add_text(response *self, const char *bytes, size_t len)
{
    if (buffer_append(&self->text, bytes, len)) return fail(self, CSGI_ENOMEM, "no memory");
    return 0;
}

static int count_head(response *self, size_t len)
{
    self->head_len += len;
    if (self->head_len > RESPONSE_HEAD_MAX)
        return fail(self, CSGI_EPROTO, "the response's head is larger than 64 KiB");
    return 0;
}

static int on_status(llhttp_t *parser, const char *at, size_t len)
{
    (void)at;
    return count_head(CONTAINER_OF(parser, response, parser), len);
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    response *self = CONTAINER_OF(parser, response, parser);
    size_t start = self->text.len;

    if (count_head(self, len)) return HPE_USER;
    if (self->head_done) return 0; /* a trailer */
    if (len > 0) self->in_name = true;
    if (self->in_value) { /* the value before this name has ended */
        self->in_value = false;
        if (add_text(self, "", 1)) return HPE_USER;
        start++;
    }
    if (add_text(self, at, len)) return HPE_USER;
    if (start < self->text.len) str_lower(self->text.bytes + start, self->text.len - start);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    response *self = CONTAINER_OF(parser, response, parser);

    if (count_head(self, FIELD_COST)) return HPE_USER;
    if (self->head_done) return 0;
    /* llhttp 8.1 lets it pass. */
    if (!self->in_name) return fail(self, CSGI_EPROTO, "a header of the response has no name");
    self->in_name = false;
    if (++self->field_count > RESPONSE_FIELDS_MAX)
        return fail(self, CSGI_EPROTO, "the response has more than 200 header fields");
    self->in_value = true;
    return add_text(self, "", 1);
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    response *self = CONTAINER_OF(parser, response, parser);

    if (count_head(self, len)) return HPE_USER;
    if (self->head_done) return 0;
    if (memchr(at, '\0', len)) return fail(self, CSGI_EPROTO, "a header of the response has a NUL");
    return add_text(self, at, len);
}

/* Moves the fields to the arena. */
static int keep_fields(response *self)
{
    csgi_str text;
    char *at;

    if (self->in_value && add_text(self, "", 1)) return HPE_USER;
    self->in_value = false;
    self->fields = arena_alloc(self->arena, self->field_count * sizeof *self->fields, 0);
    text = arena_copy_str(self->arena, buffer_str(&self->text));
    if (!self->fields || !text.ptr) return fail(self, CSGI_ENOMEM, "no memory");
    at = (char *)text.ptr;
    for (size_t i = 0; i < self->field_count; i++) {
        csgi_str name = str_from(at), value = str_from(at + name.len + 1);

        at += name.len + 1 + value.len + 1;
        value = str_trim(value);
        ((char *)value.ptr)[value.len] = '\0';
        self->fields[i] = (csgi_field){ .name = name, .value = value };
    }
    return 0;
}

static bool is_interim(const response *self)
{
    return self->parser.status_code / 100 == 1;
}

/* RFC 9112 section 6.3: these have none, whatever their fields say. llhttp would wait for one. */
static bool is_bodiless(const response *self)
{
    return self->options.is_head || is_interim(self) || self->parser.status_code == 204 ||
           self->parser.status_code == 304;
}

/* The last coding is chunked when F_CHUNKED says so; another before it, or alone, was not asked for
 * and would be taken for the body. */
static bool is_plain(const response *self)
{
    for (size_t i = 0; i < self->field_count; i++) {
        const csgi_field *field = &self->fields[i];

        if (str_eq(field->name, STR("transfer-encoding")) &&
            !str_eq_nocase(field->value, STR("chunked")))
            return false;
    }
    return true;
}

/* Makes room for the body, when its length is known and it comes as a whole. */
static int expect_body(response *self)
{
    bool chunked = (self->parser.flags & F_CHUNKED) != 0;

    if (is_bodiless(self)) return 0;
    if (!is_plain(self))
        return fail(self, CSGI_EPROTO, "the response has a transfer coding other than chunked");
    if ((self->parser.flags & F_CONTENT_LENGTH) == 0 || chunked) return 0;
    self->length_known = true;
    self->length = self->parser.content_length;
    if (self->decoding) return 0; /* what comes of it is counted */
    if (self->length > self->options.max_body) return fail(self, CSGI_ELIMIT, NULL);
    if (self->options.in_pieces) return 0;
    if (self->length >= SIZE_MAX) return fail(self, CSGI_ELIMIT, NULL);
    self->body = arena_alloc(self->arena, (size_t)self->length + 1, 1);
    return self->body ? 0 : fail(self, CSGI_ENOMEM, "no memory");
}

/* What the caller shall not see of a body that is decoded for it. */
static void drop_coding_fields(response *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->field_count; i++) {
        csgi_str name = self->fields[i].name;

        if (str_eq(name, STR("content-encoding")) || str_eq(name, STR("content-length"))) continue;
        self->fields[kept++] = self->fields[i];
    }
    self->field_count = kept;
}

static int begin_decoding(response *self)
{
    csgi_status status;

    if (self->options.keep_coding || is_bodiless(self)) return 0;
    status = decode_new((csgi_fields){ self->fields, self->field_count }, self->options.max_body,
                        &self->decoding);
    if (status == CSGI_ENOTSUP) return 0; /* not asked for; it is the caller's */
    if (status == CSGI_ELIMIT)
        return fail(self, status, "the response has more than 3 content codings");
    if (status) return fail(self, status, "no memory");
    if (self->decoding) drop_coding_fields(self);
    return 0;
}

static int fail_decoding(response *self, csgi_status status)
{
    self->undecodable = true;
    return fail(self, status, NULL);
}

static bool keep_decoded(void *arg, csgi_str piece)
{
    response *self = arg;

    if (buffer_append_str(&self->gathered, piece)) fail(self, CSGI_ENOMEM, "no memory");
    return !self->failure;
}

static int decode_body(response *self, csgi_str coded)
{
    csgi_status status = decode_write(self->decoding, &coded, keep_decoded, self);

    if (self->failure) return HPE_USER;
    return status ? fail_decoding(self, status) : 0;
}

static int make_result(response *self)
{
    self->result = arena_alloc(self->arena, sizeof *self->result, 0);
    if (!self->result) return fail(self, CSGI_ENOMEM, "no memory");
    *self->result = (csgi_client_response){
        .size = sizeof *self->result,
        .status = self->parser.status_code,
        .headers = { self->fields, self->field_count },
        .body = { "", 0 },
    };
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    response *self = CONTAINER_OF(parser, response, parser);

    if (parser->http_major != 1)
        return fail(self, CSGI_EPROTO, "the answer is of another version of HTTP");
    if (parser->status_code < 100 || parser->status_code > 599)
        return fail(self, CSGI_EPROTO, "the answer's status is not from 100 to 599");
    if (parser->status_code == 101)
        return fail(self, CSGI_EPROTO, "the server changed the protocol unasked");
    if (is_interim(self)) {
        if (++self->interims > RESPONSE_INTERIMS_MAX)
            return fail(self, CSGI_EPROTO, "too many interim responses");
        return 1;
    }
    if (keep_fields(self) || begin_decoding(self) || expect_body(self) || make_result(self))
        return HPE_USER;
    self->head_done = true;
    return is_bodiless(self) ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    response *self = CONTAINER_OF(parser, response, parser);

    if (self->decoding && !self->options.in_pieces) {
        self->body_len += len;
        return decode_body(self, (csgi_str){ at, len });
    }
    if (!self->decoding && len > self->options.max_body - self->body_len)
        return fail(self, CSGI_ELIMIT, NULL);
    if (self->body) {
        CHECK(len <= self->length - self->body_len);
        memcpy(self->body + self->body_len, at, len);
    } else if (buffer_append(&self->gathered, at, len)) {
        return fail(self, CSGI_ENOMEM, "no memory");
    }
    self->body_len += len;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    response *self = CONTAINER_OF(parser, response, parser);

    if (is_interim(self)) { /* forget it; the next one follows */
        self->text.len = self->field_count = 0;
        self->in_value = false;
        return 0;
    }
    self->done = true;
    self->keep_alive = llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_status = on_status,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- for the connection ---- */

void response_init(response *self)
{
    memset(self, 0, sizeof *self);
}

void response_fini(response *self)
{
    buffer_fini(&self->text);
    buffer_fini(&self->gathered);
    buffer_fini(&self->shown);
    buffer_fini(&self->decoded);
    decode_free(self->decoding);
}

void response_begin(response *self, arena *arena_of_result, response_options options)
{
    size_t kept = offsetof(response, parser);

    if (self->decoding) decode_free(self->decoding);
    self->text.len = self->gathered.len = self->shown.len = 0;
    memset((char *)self + kept, 0, sizeof *self - kept);
    self->arena = arena_of_result;
    self->options = options;
    llhttp_init(&self->parser, HTTP_RESPONSE, &settings);
}

static response_progress finish(response *self)
{
    csgi_str body = { self->body, (size_t)self->body_len };
    csgi_status status;

    if (self->options.in_pieces) return RESPONSE_DONE;
    if (self->decoding && (status = decode_end(self->decoding))) {
        fail_decoding(self, status);
        return RESPONSE_FAILED;
    }
    if (self->body)
        self->body[self->body_len] = '\0';
    else
        body = arena_copy_str(self->arena, buffer_str(&self->gathered));
    if (!body.ptr) {
        fail(self, CSGI_ENOMEM, "no memory");
        return RESPONSE_FAILED;
    }
    self->result->body = body;
    return RESPONSE_DONE;
}

response_progress response_read(response *self, const char *bytes, size_t len, size_t *used)
{
    llhttp_errno_t error;

    self->begun = true;
    error = llhttp_execute(&self->parser, bytes, len);
    if (self->failure) return RESPONSE_FAILED;
    if (self->done) {
        *used = (size_t)(llhttp_get_error_pos(&self->parser) - bytes);
        return finish(self);
    }
    if (error == HPE_OK) return RESPONSE_MORE;
    fail(self, CSGI_EPROTO, NULL);
    return RESPONSE_FAILED;
}

response_progress response_end(response *self, bool clean)
{
    if (self->begun && clean) llhttp_finish(&self->parser);
    if (self->done && !self->failure) {
        self->keep_alive = false;
        return finish(self);
    }
    fail(self, CSGI_EPROTO, NULL);
    self->cut = true;
    return RESPONSE_FAILED;
}

static csgi_str take_gathered(response *self)
{
    buffer taken = self->gathered;

    self->gathered = self->shown;
    self->gathered.len = 0;
    self->shown = taken;
    return buffer_str(&self->shown);
}

/* A little at a time, however much it expands to. */
static csgi_status take_decoded(response *self, csgi_str *piece)
{
    size_t made = 0;
    csgi_status status;

    if (buffer_reserve(&self->decoded, DECODE_PIECE_MAX)) {
        fail(self, CSGI_ENOMEM, "no memory");
        return CSGI_ENOMEM;
    }
    do {
        if (self->coded.len == 0) self->coded = take_gathered(self);
        status =
            decode_some(self->decoding, &self->coded, self->decoded.bytes, DECODE_PIECE_MAX, &made);
    } while (status == CSGI_OK && made == 0 && self->gathered.len > 0);
    if (status == CSGI_OK && made == 0 && self->done) status = decode_end(self->decoding);
    if (status) fail_decoding(self, status);
    *piece = (csgi_str){ self->decoded.bytes, made };
    return status;
}

csgi_status response_take(response *self, csgi_str *piece)
{
    CHECK(self->options.in_pieces);
    if (self->decoding) return take_decoded(self, piece);
    *piece = take_gathered(self);
    return CSGI_OK;
}

static void print_end(const response *self, buffer *why)
{
    if (!self->begun)
        buffer_printf(why, "the connection was closed without an answer");
    else if (!self->head_done)
        buffer_printf(why, "the response ended within its head");
    else if (self->length_known)
        buffer_printf(why, "the response ended after %" PRIu64 " of %" PRIu64 " bytes",
                      self->body_len, self->length);
    else
        buffer_printf(why, "the response ended early, after %" PRIu64 " bytes", self->body_len);
}

void response_print_failure(const response *self, buffer *why)
{
    const char *parse_error = llhttp_get_error_reason(&self->parser);

    if (self->undecodable)
        decode_print_failure(self->decoding, why);
    else if (self->reason)
        buffer_printf(why, "%s", self->reason);
    else if (self->failure == CSGI_ELIMIT)
        buffer_printf(why, "the response is larger than %" PRIu64 " bytes", self->options.max_body);
    else if (self->cut || !self->failure)
        print_end(self, why);
    else
        buffer_printf(why, "the answer is not HTTP/1.1 (%s)",
                      parse_error && *parse_error ? parse_error : "malformed");
}

void response_trim(response *self)
{
    if (self->text.capacity > KEPT_MEMORY) buffer_fini(&self->text);
    if (self->gathered.capacity > KEPT_MEMORY) buffer_fini(&self->gathered);
    if (self->shown.capacity > KEPT_MEMORY) buffer_fini(&self->shown);
    if (self->decoded.capacity > KEPT_MEMORY) buffer_fini(&self->decoded);
    decode_free(self->decoding);
    self->decoding = NULL;
    self->arena = NULL;
}
