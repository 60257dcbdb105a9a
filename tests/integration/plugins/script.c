/* SPDX-License-Identifier: MIT
 * An application that does what the query string says, one step after another, and reports what
 * each receive and send returned: so that a test of the contract reads as its steps.
 *
 * GET /script?ID;STEP,ARGUMENT,...;STEP,... with each argument percent-encoded. When the steps
 * are over it logs "script ID: NAME=RESULT NAME=RESULT ... end". The step "report" answers with
 * that text instead of waiting for the end. tests/harness/script.py writes these query strings. */
#include <csgi/ext/draft/notice.h>
#include <csgi/ext/draft/task.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "plug.h"

enum { MAX_STEPS = 64, MAX_ARGUMENTS = 24, MAX_ARGUMENT_BYTES = 8192 };

typedef struct step {
    csgi_str arguments[MAX_ARGUMENTS];
    size_t count;
} step;

typedef struct run {
    const csgi_host *host;
    const csgi_scope *scope;
    csgi_receive *receive;
    csgi_send *send;
    plug_text results;
    int over;           /* a step asked to return */
    csgi_status result; /* what to return */
    char large[65536];
} run;

typedef csgi_status (*step_fn)(run *self, const step *asked);

/* ---- arguments ---- */

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* Decodes into arena memory; the encoder is the test, so there are no mistakes to find. */
static csgi_str percent_decode(const run *self, csgi_str raw)
{
    char *bytes = self->host->alloc(self->scope->arena, raw.len + 1, 1);
    size_t len = 0;

    if (!bytes) abort();
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '%' && i + 2 < raw.len) {
            bytes[len++] = (char)(hex_digit(raw.ptr[i + 1]) * 16 + hex_digit(raw.ptr[i + 2]));
            i += 2;
        } else {
            bytes[len++] = raw.ptr[i];
        }
    }
    bytes[len] = 0;
    return (csgi_str){ bytes, len };
}

/* Cuts what stands before the separator off the front of the rest. */
static csgi_str cut(csgi_str *rest, char separator)
{
    const char *end = memchr(rest->ptr, separator, rest->len);
    csgi_str piece = { rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len };

    rest->ptr += piece.len;
    rest->len -= piece.len;
    if (end) {
        rest->ptr++;
        rest->len--;
    }
    return piece;
}

static int64_t number(const step *asked, size_t index)
{
    return index < asked->count ? strtoll(asked->arguments[index].ptr, NULL, 10) : 0;
}

static csgi_str text(const step *asked, size_t index)
{
    return index < asked->count ? asked->arguments[index] : (csgi_str){ "", 0 };
}

/* name, value, name, value ... from that argument on. */
static csgi_fields fields(const run *self, const step *asked, size_t first)
{
    size_t count = asked->count > first ? (asked->count - first) / 2 : 0;
    csgi_field *items = self->host->alloc(self->scope->arena, (count + 1) * sizeof(*items), 0);

    if (!items) abort();
    for (size_t i = 0; i < count; i++) {
        items[i] = (csgi_field){ text(asked, first + 2 * i), text(asked, first + 2 * i + 1), 0, 0 };
    }
    return (csgi_fields){ items, count };
}

/* ---- steps: what they return is noted in the results ---- */

static void note_event(run *self, const csgi_event *event)
{
    const csgi_http_body *body = (const csgi_http_body *)(const void *)event;

    if (event->type == CSGI_HTTP_DISCONNECT) {
        plug_addf(&self->results, " receive=disconnect");
    } else if (event->type == CSGI_HTTP_REQUEST) {
        plug_addf(&self->results, " receive=request:%zu:%s", body->body.len,
                  body->flags & CSGI_MORE ? "more" : "last");
        for (size_t i = 0; i < body->trailers.count; i++) {
            plug_addf(&self->results, ":%s:%s", body->trailers.items[i].name.ptr,
                      body->trailers.items[i].value.ptr);
        }
    } else {
        plug_addf(&self->results, " receive=type:%x", event->type);
    }
}

static csgi_status step_receive(run *self, const step *asked)
{
    const csgi_event *event = NULL;
    csgi_status status = self->receive->call(self->receive, &event);

    (void)asked;
    if (status != CSGI_OK) {
        plug_addf(&self->results, " receive=%d", status);
    } else {
        note_event(self, event);
    }
    return 1; /* noted already */
}

/* Receives the whole body and notes its length and a sum of its bytes. */
static csgi_status step_read(run *self, const step *asked)
{
    unsigned long long total = 0, sum = 0;

    (void)asked;
    for (;;) {
        const csgi_event *event = NULL;
        const csgi_http_body *body;
        csgi_status status = self->receive->call(self->receive, &event);

        if (status != CSGI_OK || event->type != CSGI_HTTP_REQUEST) {
            plug_addf(&self->results, " read=cut:%llu", total);
            return 1;
        }
        body = (const csgi_http_body *)(const void *)event;
        total += body->body.len;
        for (size_t i = 0; i < body->body.len; i++) {
            sum += (unsigned char)body->body.ptr[i];
        }
        if (!(body->flags & CSGI_MORE)) break;
    }
    plug_addf(&self->results, " read=%llu:%llu", total, sum);
    return 1;
}

static csgi_status step_start(run *self, const step *asked)
{
    csgi_http_start start = { CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START),
                              (uint32_t)number(asked, 1), (uint32_t)number(asked, 2),
                              fields(self, asked, 3) };

    return self->send->call(self->send, &start.event);
}

static csgi_status step_body(run *self, const step *asked)
{
    return plug_body(self->send, text(asked, 1), (uint32_t)number(asked, 2));
}

/* As many bytes as the first argument says, in pieces of 64 KiB. */
static csgi_status step_large(run *self, const step *asked)
{
    csgi_status status = CSGI_OK;

    memset(self->large, 'x', sizeof(self->large));
    for (int64_t left = number(asked, 1); left > 0 && status == CSGI_OK;) {
        csgi_str piece = { self->large, sizeof(self->large) };

        if (left < (int64_t)piece.len) piece.len = (size_t)left;
        left -= (int64_t)piece.len;
        status = plug_body(self->send, piece, left > 0 ? CSGI_MORE : (uint32_t)number(asked, 2));
    }
    return status;
}

/* A start event that claims a size: too small lacks fields, too large has some nobody knows. */
static csgi_status step_sized_start(run *self, const step *asked)
{
    struct {
        csgi_http_start start;
        char unknown[64];
    } event = { { CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), 200, 0, { NULL, 0 } },
                "" };

    memset(event.unknown, 0xA5, sizeof(event.unknown));
    event.start.event.size = (uint32_t)number(asked, 1);
    return self->send->call(self->send, &event.start.event);
}

/* Likewise a body. */
static csgi_status step_sized_body(run *self, const step *asked)
{
    struct {
        csgi_http_body body;
        char unknown[64];
    } event = { { CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY),
                  CSGI_STR("sized"),
                  0,
                  0,
                  { NULL, 0 } },
                "" };

    memset(event.unknown, 0xA5, sizeof(event.unknown));
    event.body.event.size = (uint32_t)number(asked, 1);
    return self->send->call(self->send, &event.body.event);
}

/* Any type, in a struct that is large enough for all. */
static csgi_status step_event(run *self, const step *asked)
{
    union {
        csgi_event event;
        csgi_http_file file;
        char space[128];
    } any;

    memset(&any, 0, sizeof(any));
    any.file.fd = -1;
    any.file.path = plug_str("/etc/hostname");
    any.event.size = sizeof(any);
    any.event.type = (uint32_t)number(asked, 1);
    return self->send->call(self->send, &any.event);
}

static csgi_status step_fields_event(run *self, const step *asked)
{
    csgi_http_fields event = { CSGI_EVENT(csgi_http_fields, (uint32_t)number(asked, 1)),
                               fields(self, asked, 2), 0, 0 };

    return self->send->call(self->send, &event.event);
}

static csgi_status step_trailers(run *self, const step *asked)
{
    csgi_http_fields event = { CSGI_EVENT(csgi_http_fields, CSGI_HTTP_RESPONSE_TRAILERS),
                               fields(self, asked, 2), (uint32_t)number(asked, 1), 0 };

    return self->send->call(self->send, &event.event);
}

static csgi_status step_path(run *self, const step *asked)
{
    csgi_http_file event = { .event = CSGI_EVENT(csgi_http_file, CSGI_HTTP_RESPONSE_PATHSEND),
                             .path = text(asked, 1),
                             .flags = (uint32_t)number(asked, 2) };

    return self->send->call(self->send, &event.event);
}

/* path, offset, count (negative: to the end), flags: opens the file and sends its descriptor. */
static csgi_status step_file(run *self, const step *asked)
{
    csgi_http_file event = { .event = CSGI_EVENT(csgi_http_file, CSGI_HTTP_RESPONSE_ZEROCOPYSEND),
                             .offset = (uint64_t)number(asked, 2),
                             .count = (uint64_t)number(asked, 3),
                             .fd = open(text(asked, 1).ptr, O_RDONLY | O_NONBLOCK),
                             .flags = (uint32_t)number(asked, 4) };
    csgi_status status = self->send->call(self->send, &event.event);

    if (event.fd >= 0) close(event.fd);
    return status;
}

static csgi_status step_sleep(run *self, const step *asked)
{
    const csgi_task_extension *tasks = self->host->extension(self->host, CSGI_TASK_EXTENSION);

    return tasks ? tasks->sleep_ms(self->host, (uint64_t)number(asked, 1)) : CSGI_ENOSYS;
}

static csgi_status step_log(run *self, const step *asked)
{
    self->host->log(self->host, CSGI_LOG_INFO, text(asked, 1));
    return CSGI_OK;
}

static csgi_status step_return(run *self, const step *asked)
{
    self->over = 1;
    self->result = (csgi_status)number(asked, 1);
    if (asked->count > 2) self->host->fail(self->host, self->result, text(asked, 2));
    return self->result;
}

static csgi_status step_draining(run *self, const step *asked)
{
    (void)asked;
    return self->host->is_draining(self->scope);
}

/* Sleeps until the server says that it is draining. */
static csgi_status step_until_draining(run *self, const step *asked)
{
    const csgi_task_extension *tasks = self->host->extension(self->host, CSGI_TASK_EXTENSION);
    csgi_status status = CSGI_OK;

    (void)asked;
    while (status == CSGI_OK && !self->host->is_draining(self->scope)) {
        status = tasks->sleep_ms(self->host, 5);
    }
    return status;
}

static void on_gone(void *arg)
{
    const csgi_host *host = arg;

    host->log(host, CSGI_LOG_INFO, plug_str("noticed: gone"));
}

static void on_draining(void *arg, uint32_t why)
{
    const csgi_host *host = arg;

    host->log(host, CSGI_LOG_INFO,
              plug_str(why == CSGI_DRAINING_STOP ? "noticed: stop" : "noticed: reload"));
}

/* Asks to be told that the client has gone, and that the server drains. */
static csgi_status step_watch(run *self, const step *asked)
{
    const csgi_notice_extension *notices = self->host->extension(self->host, CSGI_NOTICE_EXTENSION);
    void *host = (void *)(uintptr_t)self->host;
    csgi_status status = notices->on_disconnect(self->scope, on_gone, host, NULL);

    (void)asked;
    return status == CSGI_OK ? notices->on_draining(self->scope, on_draining, host, NULL) : status;
}

static csgi_status step_report(run *self, const step *asked)
{
    (void)asked;
    return plug_reply(self->send, 200, (csgi_str){ self->results.bytes, self->results.len });
}

static csgi_status step_last_error(run *self, const step *asked)
{
    csgi_str detail = { "", 0 };

    (void)asked;
    self->host->last_error(self->host, &detail);
    plug_addf(&self->results, " last_error=<%.*s>", (int)detail.len, detail.ptr);
    return 1;
}

static const struct {
    const char *name;
    step_fn run;
} steps[] = {
    { "receive", step_receive },
    { "read", step_read },
    { "start", step_start },
    { "body", step_body },
    { "large", step_large },
    { "sized_start", step_sized_start },
    { "sized_body", step_sized_body },
    { "event", step_event },
    { "fields", step_fields_event },
    { "trailers", step_trailers },
    { "path", step_path },
    { "file", step_file },
    { "sleep", step_sleep },
    { "log", step_log },
    { "return", step_return },
    { "draining", step_draining },
    { "until_draining", step_until_draining },
    { "watch", step_watch },
    { "report", step_report },
    { "last_error", step_last_error },
};

static void run_step(run *self, csgi_str source)
{
    step parsed = { .count = 0 };

    for (int more = 1; more && parsed.count < MAX_ARGUMENTS;) {
        more = memchr(source.ptr, ',', source.len) != NULL; /* an empty last argument counts */
        parsed.arguments[parsed.count++] = percent_decode(self, cut(&source, ','));
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (parsed.count > 0 && plug_is(parsed.arguments[0], steps[i].name)) {
            csgi_status status = steps[i].run(self, &parsed);
            if (status <= 0) plug_addf(&self->results, " %s=%d", steps[i].name, status);
            return;
        }
    }
    plug_addf(&self->results, " unknown-step");
}

static csgi_status script(void *instance, const csgi_scope *scope, csgi_receive *receive,
                          csgi_send *send)
{
    const csgi_host *host = instance;
    csgi_str source = scope->query_string, id;
    plug_text line = { .len = 0 };
    run *self;

    if (scope->type != CSGI_HTTP) return CSGI_ENOTSUP;
    self = host->alloc(scope->arena, sizeof(*self), 0);
    if (!self) return CSGI_ENOMEM;
    memset(self, 0, sizeof(*self));
    self->host = host;
    self->scope = scope;
    self->receive = receive;
    self->send = send;
    id = cut(&source, ';');
    while (source.len > 0 && !self->over) {
        run_step(self, cut(&source, ';'));
    }
    plug_addf(&line, "script %.*s:", (int)id.len, id.ptr);
    plug_add(&line, self->results.bytes, self->results.len);
    plug_addf(&line, " end");
    host->log(host, CSGI_LOG_INFO, (csgi_str){ line.bytes, line.len });
    return self->result;
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("run"), CSGI_STR("/script"), CSGI_STR(""), CSGI_HTTP, 0, script, NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    512 * 1024,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("script"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("does what the query string says"),
                                    endpoints,
                                    1,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
