/* SPDX-License-Identifier: MIT
 * Response heads and framing. Date is made once a second. */
#include "http1/response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/exchange.h"

#define DATE_LINE_LEN 37 /* "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */
#define SERVER_LINE   "server: capricorn\r\n"
/* "HTTP/1.1 200 " and the longest phrase; the framing fields and the empty line. */
#define STATUS_ROOM  64u
#define FRAMING_ROOM 112u

static char *put(char *out, const char *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

static char *put_str(char *out, csgi_str text)
{
    return text.len ? put(out, text.ptr, text.len) : out;
}

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static char *put_u64(char *out, uint64_t value)
{
    return out + str_print_u64(out, value);
}

/* ---- Date ---- */

static char date_line[64];
static time_t date_second = -1, test_second;

void response_set_clock(int64_t now_s)
{
    test_second = now_s;
    date_second = -1;
}

/* RFC 9110 section 5.6.7, whatever the locale. */
static void make_date(time_t second)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm at;
    int len;

    gmtime_r(&second, &at);
    len = snprintf(date_line, sizeof date_line, "date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                   days + at.tm_wday * 3, at.tm_mday, months + at.tm_mon * 3, at.tm_year + 1900,
                   at.tm_hour, at.tm_min, at.tm_sec);
    CHECK(len == DATE_LINE_LEN);
    date_second = second;
}

static char *put_date(char *out)
{
    time_t now = test_second ? test_second : time(NULL);

    if (now != date_second) make_date(now);
    return put(out, date_line, DATE_LINE_LEN);
}

/* ---- fields ---- */

typedef enum field_kind {
    FIELD_PLAIN,
    FIELD_DATE,
    FIELD_SERVER,
    FIELD_CONNECTION,
    FIELD_UPGRADE,
    FIELD_FRAMING /* ours to write */
} field_kind;

static field_kind kind_of(csgi_str name)
{
    switch (name.len) {
    case 4:
        return str_eq_nocase(name, STR("date")) ? FIELD_DATE : FIELD_PLAIN;
    case 6:
        return str_eq_nocase(name, STR("server")) ? FIELD_SERVER : FIELD_PLAIN;
    case 7:
        return str_eq_nocase(name, STR("upgrade")) ? FIELD_UPGRADE : FIELD_PLAIN;
    case 10:
        if (str_eq_nocase(name, STR("connection"))) return FIELD_CONNECTION;
        return str_eq_nocase(name, STR("keep-alive")) ? FIELD_FRAMING : FIELD_PLAIN;
    case 14:
        return str_eq_nocase(name, STR("content-length")) ? FIELD_FRAMING : FIELD_PLAIN;
    case 17:
        return str_eq_nocase(name, STR("transfer-encoding")) ? FIELD_FRAMING : FIELD_PLAIN;
    default:
        return FIELD_PLAIN;
    }
}

static char *put_field(char *out, csgi_field field)
{
    char *at = put_str(out, field.name);

    at = PUT(at, ": ");
    at = put_str(at, field.value);
    return PUT(at, "\r\n");
}

static char *put_fields(char *out, csgi_fields fields)
{
    for (size_t i = 0; i < fields.count; i++)
        out = put_field(out, fields.items[i]);
    return out;
}

size_t response_fields_room(csgi_fields fields)
{
    size_t room = STATUS_ROOM;

    for (size_t i = 0; i < fields.count; i++)
        room += fields.items[i].name.len + fields.items[i].value.len + 4;
    return room;
}

size_t response_head_room(csgi_fields headers, response_style style)
{
    return response_fields_room(headers) + DATE_LINE_LEN + sizeof SERVER_LINE + style.fixed.len +
           FRAMING_ROOM;
}

size_t response_head_begin(char *out, uint32_t status, csgi_fields headers, response_style style,
                           bool *asks_close)
{
    char *at = PUT(out, "HTTP/1.1 ");
    bool has_date = !style.date_header, has_server = !style.server_header;
    bool has_upgrade = false;

    *asks_close = false;
    at = put_u64(at, status);
    *at++ = ' ';
    at = put_str(at, str_from(http_reason_phrase(status)));
    at = PUT(at, "\r\n");
    for (size_t i = 0; i < headers.count; i++) {
        csgi_field field = headers.items[i];
        field_kind kind = kind_of(field.name);

        if (kind == FIELD_FRAMING) continue;
        if (kind == FIELD_CONNECTION) {
            *asks_close |= str_list_has(field.value, STR("close"));
            continue;
        }
        has_date |= kind == FIELD_DATE;
        has_server |= kind == FIELD_SERVER;
        has_upgrade |= kind == FIELD_UPGRADE;
        at = put_field(at, field);
    }
    if (!has_date) at = put_date(at);
    if (!has_server) at = PUT(at, SERVER_LINE);
    if (has_upgrade) at = PUT(at, "connection: upgrade\r\n"); /* RFC 9110 section 7.8 */
    at = put_str(at, style.fixed);
    return (size_t)(at - out);
}

size_t response_hint(char *out, csgi_fields fields)
{
    char *at = PUT(out, "HTTP/1.1 103 Early Hints\r\n");

    at = put_fields(at, fields);
    at = PUT(at, "\r\n");
    return (size_t)(at - out);
}

size_t response_trailers(char *out, csgi_fields fields, bool first, bool last)
{
    char *at = first ? PUT(out, "0\r\n") : out;

    at = put_fields(at, fields);
    if (last) at = PUT(at, "\r\n");
    return (size_t)(at - out);
}

/* ---- framing ---- */

response_framing response_frame(const response_facts *facts)
{
    bool is_reset = facts->status == 205;
    bool is_bodyless = facts->is_head || is_reset || facts->status == 204 || facts->status == 304;
    response_framing framing = { .omit_body = is_bodyless, .close = !facts->keep_alive };

    framing.says_length = is_reset || (facts->has_length && facts->status != 204);
    framing.length = is_reset ? 0 : facts->length;
    if (facts->has_trailers && !is_bodyless) framing.says_length = false;
    if (is_bodyless || framing.says_length) return framing;
    framing.is_chunked = !facts->is_http10;
    framing.until_close = facts->is_http10;
    framing.close |= framing.until_close;
    return framing;
}

size_t response_head_end(char *out, const response_framing *framing, const response_facts *facts)
{
    char *at = out;

    if (framing->says_length) {
        at = PUT(at, "content-length: ");
        at = put_u64(at, framing->length);
        at = PUT(at, "\r\n");
    }
    if (framing->is_chunked) at = PUT(at, "transfer-encoding: chunked\r\n");
    if (framing->close)
        at = PUT(at, "connection: close\r\n");
    else if (facts->is_http10)
        at = PUT(at, "connection: keep-alive\r\n");
    at = PUT(at, "\r\n");
    return (size_t)(at - out);
}

size_t response_chunk_line(char *out, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    char digits[16];
    size_t at = sizeof digits;
    char *end;

    do {
        digits[--at] = hex[len & 15];
        len >>= 4;
    } while (len);
    end = put(out, digits + at, sizeof digits - at);
    end = PUT(end, "\r\n");
    return (size_t)(end - out);
}
