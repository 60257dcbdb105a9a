/* SPDX-License-Identifier: MIT
 * What an HTTP/1 connection does for its exchange: 100 Continue, the response's head and body. */
#include "base/check.h"
#include "base/str.h"
#include "http1/conn_inside.h"
#include "http1/response.h"

bool conn_is_waiting_for_continue(const http1_conn *self)
{
    return self->expects_continue && !self->parser->has_ended && self->parser->body_received == 0;
}

/* stream_write, with the time limit. */
static csgi_status write_pieces(http1_conn *self, const csgi_str *pieces, size_t count)
{
    csgi_status status = stream_write(self->stream, pieces, count);

    if (!self->writing && stream_queued(self->stream)) conn_watch_writing(self);
    return status;
}

static void want_body(exchange *request)
{
    static const csgi_str answer = CSGI_STR("HTTP/1.1 100 Continue\r\n\r\n");
    http1_conn *self = request->wire_owner;

    /* Who has seen a response instead need not send it any more. */
    if (!conn_is_waiting_for_continue(self) || self->flushed) return;
    self->expects_continue = false;
    write_pieces(self, &answer, 1);
    conn_await_body(self);
    conn_watch(self);
}

static void resume(exchange *request)
{
    conn_read(request->wire_owner);
}

static csgi_status start(exchange *request, uint32_t status, csgi_fields headers)
{
    http1_conn *self = request->wire_owner;
    response_style style = { self->options->server_header, self->options->date_header,
                             self->options->fixed_lines };
    char *head = arena_alloc(&request->arena, response_head_room(headers, style), 1);
    bool asks_close;

    if (!head) return CSGI_ENOMEM;
    self->head_len = (uint32_t)response_head_begin(head, status, headers, style, &asks_close);
    self->head = head;
    self->closes |= asks_close;
    return CSGI_OK;
}

static void unstart(exchange *request)
{
    http1_conn *self = request->wire_owner;

    self->head = NULL; /* an asked close stays: it does no harm */
}

/* Is the rest of the request's body too much to be read away? */
static bool is_much_unread(const http1_conn *self, bool is_last)
{
    if (!is_last || self->parser->has_ended || self->parser->is_chunked) return false;
    return self->parser->llhttp.content_length > DISCARD_MAX; /* what is left of it */
}

/* Ends the held-back head, now that the body's framing is known. */
static void end_head(http1_conn *self, bool is_last)
{
    const exchange *request = self->exchange;
    bool nothing_waits = self->carry.len == self->carry_start && self->unparsed == 0;
    response_facts facts = {
        .status = request->status,
        .is_head = str_eq(request->method, STR("HEAD")),
        .is_http10 = str_eq(request->http_version, STR("1.0")),
        .has_length = request->has_declared_length,
        .has_trailers = request->has_trailers,
        .length = request->declared_length,
    };
    response_framing framing;

    self->closes |= self->options->max_requests && self->served >= self->options->max_requests;
    self->closes |= (self->draining || self->eof) && nothing_waits;
    self->closes |= conn_is_waiting_for_continue(self) || is_much_unread(self, is_last);
    facts.keep_alive = !self->closes;
    framing = response_frame(&facts);
    self->head_len += (uint32_t)response_head_end(self->head + self->head_len, &framing, &facts);
    self->closes = framing.close;
    self->chunks = framing.is_chunked;
    self->omits_body = framing.omit_body;
    self->until_close = framing.until_close;
    self->flushed = true;
}

static csgi_status body(exchange *request, csgi_str bytes, bool last)
{
    static const csgi_str chunk_end = CSGI_STR("\r\n"), chunks_end = CSGI_STR("\r\n0\r\n\r\n");
    http1_conn *self = request->wire_owner;
    char chunk_line[20];
    csgi_str pieces[4];
    size_t count = 0;
    csgi_status status;

    if (self->closing) return CSGI_EDISCONNECTED;
    CHECK(!self->piece_left || (bytes.len <= self->piece_left && !last));
    if (self->head) {
        end_head(self, last);
        pieces[count++] = (csgi_str){ self->head, self->head_len };
        self->head = NULL;
    }
    if (self->piece_left) {
        pieces[count++] = bytes;
        self->piece_left -= bytes.len;
        if (!self->piece_left) pieces[count++] = chunk_end;
    } else if (!self->omits_body && bytes.len) {
        if (self->chunks)
            pieces[count++] = (csgi_str){ chunk_line, response_chunk_line(chunk_line, bytes.len) };
        pieces[count++] = bytes;
        if (self->chunks) pieces[count++] = last ? chunks_end : chunk_end;
    } else if (self->chunks && last) {
        pieces[count++] = str_slice(chunks_end, 2, SIZE_MAX);
    }
    status = count ? write_pieces(self, pieces, count) : CSGI_OK;
    if (status) return status;
    if (last) conn_end_response(self);
    return CSGI_OK;
}

static csgi_status write_bytes(http1_conn *self, const char *bytes, size_t len)
{
    csgi_str piece = { bytes, len };

    return len ? write_pieces(self, &piece, 1) : CSGI_OK;
}

static csgi_status hint(exchange *request, csgi_fields fields)
{
    http1_conn *self = request->wire_owner;
    char *bytes = arena_alloc(&request->arena, response_fields_room(fields), 1);

    if (self->closing) return CSGI_EDISCONNECTED;
    if (!bytes) return CSGI_ENOMEM;
    return write_bytes(self, bytes, response_hint(bytes, fields));
}

static csgi_status trailers(exchange *request, csgi_fields fields, bool first, bool last)
{
    http1_conn *self = request->wire_owner;
    char *bytes = arena_alloc(&request->arena, response_fields_room(fields), 1);
    csgi_status status = CSGI_OK;

    if (self->closing) return CSGI_EDISCONNECTED;
    if (!bytes) return CSGI_ENOMEM;
    if (self->chunks)
        status = write_bytes(self, bytes, response_trailers(bytes, fields, first, last));
    if (!status && last) conn_end_response(self);
    return status;
}

static csgi_status file(exchange *request, int fd, uint64_t offset, size_t len, size_t *sent)
{
    static const csgi_str chunk_end = CSGI_STR("\r\n");
    http1_conn *self = request->wire_owner;
    csgi_status status = CSGI_OK;

    CHECK(!self->head && !self->omits_body);
    if (self->closing) return CSGI_EDISCONNECTED;
    if (self->chunks && !self->piece_left) {
        char line[20];

        status = write_bytes(self, line, response_chunk_line(line, len));
        if (status) return status;
        self->piece_left = len;
    }
    status = stream_send_file(self->stream, fd, offset, len, sent);
    if (status || !self->chunks) return status;
    self->piece_left -= *sent;
    return self->piece_left ? CSGI_OK : write_bytes(self, chunk_end.ptr, chunk_end.len);
}

static size_t queued(const exchange *request)
{
    const http1_conn *self = request->wire_owner;

    return stream_queued(self->stream);
}

static void cut(exchange *request)
{
    conn_close(request->wire_owner);
}

const exchange_wire conn_wire = {
    .want_body = want_body,
    .resume = resume,
    .start = start,
    .unstart = unstart,
    .body = body,
    .queued = queued,
    .cut = cut,
    .hint = hint,
    .trailers = trailers,
    .file = file,
};
