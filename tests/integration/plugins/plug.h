/* SPDX-License-Identifier: MIT
 * What the test plugins share: sending a response in few words, and growing a text in a scope's
 * arena. It stands on the public headers alone, as anybody's plugin would. */
#ifndef CAPRICORN_TEST_PLUG_H
#define CAPRICORN_TEST_PLUG_H

#include <csgi/csgi.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PLUG_UNUSED __attribute__((unused))

/* A text of bounded size; what does not fit is left out. */
typedef struct plug_text {
    size_t len;
    char bytes[16384];
} plug_text;

static PLUG_UNUSED void plug_add(plug_text *text, const char *bytes, size_t len)
{
    if (len > sizeof(text->bytes) - text->len) return;
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

static PLUG_UNUSED __attribute__((format(printf, 2, 3))) void plug_addf(plug_text *text,
                                                                        const char *format, ...)
{
    size_t room = sizeof(text->bytes) - text->len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text->bytes + text->len, room, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < room) text->len += (size_t)len;
}

static PLUG_UNUSED csgi_str plug_str(const char *text)
{
    csgi_str str = { text, strlen(text) };
    return str;
}

static PLUG_UNUSED int plug_is(csgi_str str, const char *text)
{
    return str.len == strlen(text) && memcmp(str.ptr, text, str.len) == 0;
}

/* Does the configuration have these bytes? Enough for {"startup": "fail"}. */
static PLUG_UNUSED int plug_has(csgi_str str, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i + len <= str.len; i++) {
        if (memcmp(str.ptr + i, text, len) == 0) return 1;
    }
    return 0;
}

static PLUG_UNUSED csgi_status plug_start(csgi_send *send, uint32_t status)
{
    static const csgi_field headers[] = { { CSGI_STR("content-type"),
                                            CSGI_STR("text/plain; charset=utf-8"), 0, 0 } };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), status, 0, { headers, 1 }
    };

    return send->call(send, &start.event);
}

static PLUG_UNUSED csgi_status plug_body(csgi_send *send, csgi_str bytes, uint32_t flags)
{
    csgi_http_body body = {
        CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY), bytes, flags, 0, { NULL, 0 }
    };

    return send->call(send, &body.event);
}

static PLUG_UNUSED csgi_status plug_reply(csgi_send *send, uint32_t status, csgi_str bytes)
{
    csgi_status result = plug_start(send, status);

    return result == CSGI_OK ? plug_body(send, bytes, 0) : result;
}

/* The number in the query string "ms=250&..." after the name and "="; otherwise the default. */
static PLUG_UNUSED uint64_t plug_number(const csgi_scope *scope, const char *name,
                                        uint64_t otherwise)
{
    size_t len = strlen(name);
    csgi_str query = scope->query_string;
    uint64_t number = 0;
    size_t at;

    for (at = 0; at + len < query.len; at++) {
        if ((at == 0 || query.ptr[at - 1] == '&') && query.ptr[at + len] == '=' &&
            memcmp(query.ptr + at, name, len) == 0)
            break;
    }
    if (at + len >= query.len) return otherwise;
    for (at += len + 1; at < query.len && query.ptr[at] >= '0' && query.ptr[at] <= '9'; at++)
        number = number * 10 + (uint64_t)(query.ptr[at] - '0');
    return number;
}

#endif
