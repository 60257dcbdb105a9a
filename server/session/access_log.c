/* SPDX-License-Identifier: MIT
 * The lines of the access log. A format is read once into pieces: literal text, or an atom with the
 * function that prints it. */
#include "session/access_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"
#include "base/suggest.h"
#include "log/log.h"

typedef struct log_text {
    size_t len;
    char bytes[LOG_ACCESS_MAX];
} log_text;

typedef void (*print_fn)(log_text *out, const exchange *request, csgi_str argument);

typedef struct piece {
    print_fn print;
    csgi_str argument; /* of the format: the literal text, or the header's name */
} piece;

struct access_log {
    char *format; /* pieces point into it */
    bool is_json, needs_clock;
    size_t level_len; /* 0: lines have none */
    char level[LOG_LEVEL_ROOM];
    size_t count;
    piece pieces[];
};

/* ---- printing ---- */

static void put(log_text *out, csgi_str text)
{
    size_t len = text.len < sizeof out->bytes - out->len ? text.len : sizeof out->bytes - out->len;

    if (len) memcpy(out->bytes + out->len, text.ptr, len);
    out->len += len;
}

/* From outside; nothing is "-". */
static void put_outside(log_text *out, csgi_str text)
{
    if (text.len == 0) text = STR("-");
    out->len += escape_line(out->bytes + out->len, sizeof out->bytes - out->len, text, true);
}

__attribute__((format(printf, 2, 3))) static void put_format(log_text *out, const char *format, ...)
{
    char text[160];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len > 0)
        put(out, (csgi_str){ text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1 });
}

/* Each line has some: printf would cost more than all the rest of it. */
static void put_u64(log_text *out, uint64_t value)
{
    char digits[STR_U64_ROOM];

    put(out, (csgi_str){ digits, str_print_u64(digits, value) });
}

static uint64_t duration_ns(const exchange *request)
{
    return request->began_ns ? loop_clock_ns() - request->began_ns : 0;
}

static csgi_str find_header(const exchange *request, csgi_str name)
{
    for (size_t i = 0; i < request->headers.count; i++) {
        if (str_eq_nocase(request->headers.items[i].name, name))
            return request->headers.items[i].value;
    }
    return STR("");
}

/* ---- the atoms ---- */

static void print_literal(log_text *out, const exchange *request, csgi_str argument)
{
    (void)request;
    put(out, argument);
}

static void print_header(log_text *out, const exchange *request, csgi_str argument)
{
    put_outside(out, find_header(request, argument));
}

/* Nothing known: remote log name, user. */
static void print_dash(log_text *out, const exchange *request, csgi_str argument)
{
    (void)request, (void)argument;
    put(out, STR("-"));
}

/* A Unix socket's client, and one whom nobody named, have no address. */
static bool has_address(const exchange *request)
{
    return address_port(request->client) ||
           (!address_is_unix(request->client) && address_host(request->client).len);
}

static address_text host_of(const exchange *request)
{
    static const address_text unix_client = { 4, "unix" };

    return has_address(request) ? address_host(request->client) : unix_client;
}

static csgi_str text_of(const address_text *self)
{
    return (csgi_str){ self->bytes, self->len };
}

static void print_host(log_text *out, const exchange *request, csgi_str argument)
{
    address_text host = host_of(request);

    (void)argument;
    put(out, text_of(&host));
}

static void print_client_addr(log_text *out, const exchange *request, csgi_str argument)
{
    address_text host = host_of(request);
    bool is_ipv6 = str_find_char(text_of(&host), ':') < host.len;

    (void)argument;
    if (is_ipv6) put(out, STR("["));
    put(out, text_of(&host));
    if (is_ipv6) put(out, STR("]"));
    if (!has_address(request)) return;
    put(out, STR(":"));
    put_u64(out, address_port(request->client));
}

static void print_method(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_outside(out, request->method);
}

static void print_path(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_outside(out, request->raw_path);
}

static void print_query(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    if (request->query_string.len) put_outside(out, request->query_string);
}

static void print_protocol(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put(out, STR("HTTP/"));
    put_outside(out, request->http_version);
}

static void print_request_line(log_text *out, const exchange *request, csgi_str argument)
{
    print_method(out, request, argument);
    put(out, STR(" "));
    print_path(out, request, argument);
    if (request->query_string.len) put(out, STR("?"));
    print_query(out, request, argument);
    put(out, STR(" "));
    print_protocol(out, request, argument);
}

static void print_status(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_u64(out, request->status);
}

static void print_status_code(log_text *out, const exchange *request, csgi_str argument)
{
    print_status(out, request, argument);
    put(out, STR(" "));
    put(out, str_from(http_reason_phrase(request->status)));
}

static void print_bytes(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_u64(out, request->body_bytes_sent);
}

static void print_bytes_or_dash(log_text *out, const exchange *request, csgi_str argument)
{
    if (request->body_bytes_sent)
        print_bytes(out, request, argument);
    else
        put(out, STR("-"));
}

/* [22/Nov/2026:13:21:23 +0000], whatever the locale. */
static void print_date(log_text *out, const exchange *request, csgi_str argument)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm at;

    (void)request, (void)argument;
    gmtime_r(&now, &at);
    put_format(out, "[%02d/%.3s/%04d:%02d:%02d:%02d +0000]", at.tm_mday, months + at.tm_mon * 3,
               at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
}

static void print_seconds(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_u64(out, duration_ns(request) / 1000000000);
}

static void print_milliseconds(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_u64(out, duration_ns(request) / 1000000);
}

static void print_microseconds(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_u64(out, duration_ns(request) / 1000);
}

static void print_decimal_seconds(log_text *out, const exchange *request, csgi_str argument)
{
    uint64_t us = duration_ns(request) / 1000;

    (void)argument;
    put_format(out, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

static void print_pid(log_text *out, const exchange *request, csgi_str argument)
{
    (void)request, (void)argument;
    put_u64(out, (uint64_t)getpid());
}

static void print_scheme(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_outside(out, request->scheme);
}

static void print_app(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_outside(out, request->app_name);
}

static void print_endpoint(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_outside(out, request->endpoint_name);
}

static void print_route(log_text *out, const exchange *request, csgi_str argument)
{
    (void)argument;
    put_outside(out, request->route_pattern);
}

typedef struct atom {
    csgi_str name;
    print_fn print;
    csgi_str argument;
    bool needs_clock;
} atom;

static const atom atoms[] = {
    { CSGI_STR("h"), print_host, { NULL, 0 }, false },
    { CSGI_STR("l"), print_dash, { NULL, 0 }, false },
    { CSGI_STR("u"), print_dash, { NULL, 0 }, false },
    { CSGI_STR("t"), print_date, { NULL, 0 }, false },
    { CSGI_STR("r"), print_request_line, { NULL, 0 }, false },
    { CSGI_STR("m"), print_method, { NULL, 0 }, false },
    { CSGI_STR("U"), print_path, { NULL, 0 }, false },
    { CSGI_STR("q"), print_query, { NULL, 0 }, false },
    { CSGI_STR("H"), print_protocol, { NULL, 0 }, false },
    { CSGI_STR("s"), print_status, { NULL, 0 }, false },
    { CSGI_STR("B"), print_bytes, { NULL, 0 }, false },
    { CSGI_STR("b"), print_bytes_or_dash, { NULL, 0 }, false },
    { CSGI_STR("f"), print_header, CSGI_STR("referer"), false },
    { CSGI_STR("a"), print_header, CSGI_STR("user-agent"), false },
    { CSGI_STR("T"), print_seconds, { NULL, 0 }, true },
    { CSGI_STR("M"), print_milliseconds, { NULL, 0 }, true },
    { CSGI_STR("D"), print_microseconds, { NULL, 0 }, true },
    { CSGI_STR("L"), print_decimal_seconds, { NULL, 0 }, true },
    { CSGI_STR("p"), print_pid, { NULL, 0 }, false },
    { CSGI_STR("S"), print_scheme, { NULL, 0 }, false },
    { CSGI_STR("client_addr"), print_client_addr, { NULL, 0 }, false },
    { CSGI_STR("request_line"), print_request_line, { NULL, 0 }, false },
    { CSGI_STR("status_code"), print_status_code, { NULL, 0 }, false },
    { CSGI_STR("app"), print_app, { NULL, 0 }, false },
    { CSGI_STR("endpoint"), print_endpoint, { NULL, 0 }, false },
    { CSGI_STR("route"), print_route, { NULL, 0 }, false },
};

/* ---- JSON ---- */

/* No more of a text than this many escaped bytes, so that the object is always whole. */
#define NAME_MAX_BYTES   64
#define TARGET_MAX_BYTES 1400

static void put_json(log_text *out, const char *member, csgi_str text, size_t most)
{
    put(out, STR(",\""));
    put(out, str_from(member));
    put(out, STR("\":\""));
    CHECK(sizeof out->bytes - out->len > most);
    out->len += escape_json(out->bytes + out->len, most, text);
    put(out, STR("\""));
}

static void print_json(log_text *out, const exchange *request)
{
    address_text host = host_of(request);
    uint64_t us = duration_ns(request) / 1000;

    put(out, STR("{\"time\":\""));
    out->len += log_print_time(out->bytes + out->len);
    put(out, STR("\",\"level\":\"INFO\""));
    put_json(out, "client", text_of(&host), NAME_MAX_BYTES);
    put_format(out, ",\"client_port\":%u", address_port(request->client));
    put_json(out, "method", request->method, NAME_MAX_BYTES);
    put_json(out, "path", request->raw_path, TARGET_MAX_BYTES);
    put_json(out, "query", request->query_string, TARGET_MAX_BYTES);
    put_json(out, "http_version", request->http_version, NAME_MAX_BYTES);
    put_format(out,
               ",\"status\":%" PRIu32 ",\"bytes\":%" PRIu64 ",\"duration_ms\":%" PRIu64 ".%03u",
               request->status, request->body_bytes_sent, us / 1000, (unsigned)(us % 1000));
    put_json(out, "app", request->app_name, NAME_MAX_BYTES);
    put_json(out, "endpoint", request->endpoint_name, NAME_MAX_BYTES);
    put_json(out, "route", request->route_pattern, 4 * NAME_MAX_BYTES);
    put(out, STR("}"));
}

/* ---- reading a format ---- */

static csgi_status report_unknown(csgi_str name, size_t column, buffer *problem)
{
    csgi_str known[COUNT_OF(atoms)], nearest;

    for (size_t i = 0; i < COUNT_OF(atoms); i++)
        known[i] = atoms[i].name;
    nearest = suggest_nearest(name, known, COUNT_OF(atoms));
    buffer_printf(problem, "column %zu: there is no \"%%(%.*s)s\"", column, STR_ARG(name));
    if (name.len > 1 && nearest.len)
        buffer_printf(problem, " (did you mean \"%%(%.*s)s\"?)", STR_ARG(nearest));
    buffer_printf(problem, "; there are");
    for (size_t i = 0; i < COUNT_OF(atoms); i++)
        buffer_printf(problem, " %.*s", STR_ARG(atoms[i].name));
    buffer_printf(problem, " and {NAME}i for a request header");
    return CSGI_EINVAL;
}

/* Reads what stands between "%(" and ")s". */
static csgi_status read_atom(access_log *self, csgi_str name, size_t column, buffer *problem)
{
    csgi_str header = str_slice(name, 1, name.len > 3 ? name.len - 3 : 0);

    if (name.len > 3 && name.ptr[0] == '{' && str_eq(str_slice(name, name.len - 2, 2), STR("}i")) &&
        str_is_token(header)) {
        self->pieces[self->count++] = (piece){ print_header, header };
        return CSGI_OK;
    }
    for (size_t i = 0; i < COUNT_OF(atoms); i++) {
        if (!str_eq(atoms[i].name, name)) continue;
        self->pieces[self->count++] = (piece){ atoms[i].print, atoms[i].argument };
        self->needs_clock |= atoms[i].needs_clock;
        return CSGI_OK;
    }
    return report_unknown(name, column, problem);
}

static void add_literal(access_log *self, csgi_str text)
{
    if (text.len) self->pieces[self->count++] = (piece){ print_literal, text };
}

static csgi_status read_format(access_log *self, csgi_str all, buffer *problem)
{
    csgi_str rest = all;

    while (rest.len) {
        size_t percent = str_find_char(rest, '%'), end;
        size_t column = all.len - rest.len + percent + 1;

        add_literal(self, str_slice(rest, 0, percent));
        rest = str_slice(rest, percent, SIZE_MAX);
        if (rest.len == 0) break;
        end = str_find_char(rest, ')');
        if (str_starts_with(rest, STR("%%"))) {
            add_literal(self, str_slice(rest, 0, 1));
            rest = str_slice(rest, 2, SIZE_MAX);
        } else if (str_starts_with(rest, STR("%(")) && end + 1 < rest.len &&
                   rest.ptr[end + 1] == 's') {
            csgi_status status = read_atom(self, str_slice(rest, 2, end - 2), column, problem);

            if (status != CSGI_OK) return status;
            rest = str_slice(rest, end + 2, SIZE_MAX);
        } else {
            buffer_printf(problem,
                          "column %zu: expected \"%%(NAME)s\", or \"%%%%\" "
                          "for a percent sign",
                          column);
            return CSGI_EINVAL;
        }
    }
    return CSGI_OK;
}

csgi_status access_log_new(const char *format, access_log **out, buffer *problem)
{
    const char *text = format ? format : ACCESS_LOG_DEFAULT;
    /* Each piece takes a character at least. */
    access_log *self = calloc(1, sizeof *self + strlen(text) * sizeof(piece));
    csgi_status status = CSGI_ENOMEM;

    if (!self) return CSGI_ENOMEM;
    self->level_len = format ? 0 : log_print_level(self->level, LOG_INFO);
    self->format = strdup(text);
    if (self->format) status = read_format(self, str_from(self->format), problem);
    if (status != CSGI_OK) {
        access_log_free(self);
        return status;
    }
    *out = self;
    return CSGI_OK;
}

csgi_status access_log_new_json(access_log **out)
{
    access_log *self = calloc(1, sizeof *self);

    if (!self) return CSGI_ENOMEM;
    self->is_json = self->needs_clock = true;
    *out = self;
    return CSGI_OK;
}

void access_log_free(access_log *self)
{
    if (!self) return;
    free(self->format);
    free(self);
}

bool access_log_needs_clock(const access_log *self)
{
    return self->needs_clock;
}

void access_log_write(const access_log *self, const exchange *request)
{
    log_text line;

    line.len = 0;
    put(&line, (csgi_str){ self->level, self->level_len });
    if (self->is_json) print_json(&line, request);
    for (size_t i = 0; i < self->count; i++)
        self->pieces[i].print(&line, request, self->pieces[i].argument);
    log_access((csgi_str){ line.bytes, line.len });
}
