/* SPDX-License-Identifier: MIT
 * Any bytes on a connection whose application answers each request at once: each accepted request
 * has one response, in order; a refusal is the last response; after it, and after a response that
 * says "close", there is nothing; no request is seen that the parser would not accept. The first
 * byte says how large the pieces are. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/http1/transcript.h"
#include "http1/http1.h"

#define MOST_PIECES 100u

static const csgi_fields no_fields = { NULL, 0 };
static const request_limits limits = { 8192, 32768, 100, UINT64_MAX };

typedef struct world {
    loop *loop;
    http1_conn *conn;
    int client;
    const char *words;
    size_t words_len, piece;
    size_t requests, responses;
    buffer heard;
} world;

/* The body says which request it answers. */
static void on_request(void *owner, exchange *request)
{
    world *self = owner;
    char number[24];

    MUST(str_is_token(request->method) && request->raw_path.len);
    snprintf(number, sizeof number, "%zu", self->requests++);
    exchange_reply(request, 200, no_fields, str_from(number));
    exchange_app_release(request);
}

static void on_response(void *owner, exchange *request)
{
    world *self = owner;

    MUST(request->phase == EXCHANGE_COMPLETE);
    self->responses++;
}

static void on_closed(void *owner, http1_conn *conn)
{
    world *self = owner;

    MUST(conn == self->conn);
    self->conn = NULL;
}

static void begin(world *self)
{
    static const loop_options of_loop = { .max_tasks = 1 };
    static const http1_options options = { .max_body = UINT64_MAX };
    static const http1_events events = { on_request, on_response, on_closed };
    stream *accepted;
    int pair[2];

    MUST(loop_new(&of_loop, &self->loop) == CSGI_OK);
    MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    self->client = pair[0];
    MUST(stream_from_fd(self->loop, pair[1], &accepted) == CSGI_OK);
    MUST(http1_conn_new(accepted, &options, &events, self, &self->conn) == CSGI_OK);
}

/* One piece in each round of the loop: the server reads it by itself. */
static void say(void *arg)
{
    world *self = arg;
    size_t len = self->words_len < self->piece ? self->words_len : self->piece;

    if (len == 0 || send(self->client, self->words, len, MSG_NOSIGNAL) < 0) {
        shutdown(self->client, SHUT_WR);
        return;
    }
    self->words += len;
    self->words_len -= len;
    MUST(loop_post(self->loop, say, self) == CSGI_OK);
}

static void hear(world *self)
{
    static char bytes[1 << 18];
    ssize_t len;

    while ((len = read(self->client, bytes, sizeof bytes)) > 0)
        MUST(buffer_append(&self->heard, bytes, (size_t)len) == CSGI_OK);
    MUST(buffer_append(&self->heard, "", 1) == CSGI_OK);
}

/* The length of the response there. HEAD has no body, and its length is as if it had. */
static size_t response_len(const char *at, size_t number)
{
    const char *end = strstr(at, "\r\n\r\n"), *length;
    char body[24];

    MUST(end);
    length = strstr(at, "content-length: ");
    MUST(length && length < end);
    snprintf(body, sizeof body, "%zu", number);
    end += 4;
    if (memcmp(at + 9, "200", 3) == 0) {
        bool has_body = strncmp(end, body, strlen(body)) == 0;

        MUST(has_body || *end == '\0' || strncmp(end, "HTTP/1.1 ", 9) == 0);
        return (size_t)(end - at) + (has_body ? strlen(body) : 0);
    }
    MUST(*end == '\0' || strlen(end) == strtoul(length + 16, NULL, 10));
    return strlen(at);
}

static void check_responses(const world *self)
{
    const char *at = self->heard.bytes;
    size_t count = 0;
    bool is_over = false;

    for (; *at; count++) {
        const char *head_end = strstr(at, "\r\n\r\n"), *close;
        bool is_refusal = strncmp(at, "HTTP/1.1 200 ", 13) != 0;

        MUST(!is_over && strncmp(at, "HTTP/1.1 ", 9) == 0 && head_end);
        close = strstr(at, "\r\nconnection: close\r\n");
        is_over = close && close < head_end;
        MUST(is_over || !is_refusal);
        MUST(is_refusal || count < self->requests);
        at += response_len(at, count);
    }
    MUST(count == self->responses);
    MUST(count == self->requests || (is_over && count == self->requests + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    world self = { 0 };
    buffer meaning = { 0 };
    size_t accepted;

    if (len < 2 || len > 16384) return 0;
    self.words = (const char *)bytes + 1;
    self.words_len = len - 1;
    self.piece = bytes[0] ? bytes[0] : len;
    if (self.piece < len / MOST_PIECES) self.piece = len / MOST_PIECES + 1;
    begin(&self);
    MUST(loop_post(self.loop, say, &self) == CSGI_OK);
    loop_run(self.loop);
    MUST(!self.conn);
    hear(&self);
    check_responses(&self);
    accepted = transcript_of((const char *)bytes + 1, len - 1, 0, len, limits, &meaning);
    MUST(self.requests <= accepted);
    /* An answer to who waits for 100 Continue may close. */
    if (!memmem(bytes, len, "100-", 4)) MUST(self.requests == accepted);
    close(self.client);
    buffer_fini(&self.heard);
    buffer_fini(&meaning);
    exchange_pool_clear();
    http1_clear();
    loop_free(self.loop);
    return 0;
}
