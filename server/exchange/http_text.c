/* SPDX-License-Identifier: MIT
 * What HTTP says in every version: the phrases of status codes, and paths. */
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/exchange.h"

typedef struct phrase {
    uint32_t status;
    const char *text;
} phrase;

/* The IANA registry of status codes, without the informational ones but for those we send. */
static const phrase phrases[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 103, "Early Hints" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 203, "Non-Authoritative Information" },
    { 204, "No Content" },
    { 205, "Reset Content" },
    { 206, "Partial Content" },
    { 207, "Multi-Status" },
    { 208, "Already Reported" },
    { 226, "IM Used" },
    { 300, "Multiple Choices" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 305, "Use Proxy" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 423, "Locked" },
    { 424, "Failed Dependency" },
    { 425, "Too Early" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 451, "Unavailable For Legal Reasons" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 506, "Variant Also Negotiates" },
    { 507, "Insufficient Storage" },
    { 508, "Loop Detected" },
    { 511, "Network Authentication Required" },
};

const char *http_reason_phrase(uint32_t status)
{
    size_t low = 0, high = COUNT_OF(phrases);

    if (status == 200) return "OK";
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (phrases[middle].status == status) return phrases[middle].text;
        if (phrases[middle].status < status)
            low = middle + 1;
        else
            high = middle;
    }
    return "Unknown";
}

static bool is_one_of(csgi_str name, const csgi_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(name, names[i])) return true;
    }
    return false;
}

bool http_is_framing_field(csgi_str name)
{
    static const csgi_str framing[] = {
        CSGI_STR("connection"), CSGI_STR("content-length"),    CSGI_STR("keep-alive"),
        CSGI_STR("te"),         CSGI_STR("trailer"),           CSGI_STR("proxy-connection"),
        CSGI_STR("upgrade"),    CSGI_STR("transfer-encoding"),
    };

    return is_one_of(name, framing, COUNT_OF(framing));
}

bool http_is_forbidden_trailer(csgi_str name)
{
    static const csgi_str forbidden[] = {
        /* routing, and what modifies or authenticates a request */
        CSGI_STR("host"), CSGI_STR("cache-control"), CSGI_STR("expect"), CSGI_STR("max-forwards"),
        CSGI_STR("pragma"), CSGI_STR("range"), CSGI_STR("authorization"), CSGI_STR("cookie"),
        CSGI_STR("proxy-authorization"), CSGI_STR("if-match"), CSGI_STR("if-none-match"),
        CSGI_STR("if-modified-since"), CSGI_STR("if-unmodified-since"), CSGI_STR("if-range"),
        /* what controls a response, or asks for authentication */
        CSGI_STR("age"), CSGI_STR("date"), CSGI_STR("expires"), CSGI_STR("location"),
        CSGI_STR("retry-after"), CSGI_STR("set-cookie"), CSGI_STR("vary"), CSGI_STR("warning"),
        CSGI_STR("www-authenticate"), CSGI_STR("proxy-authenticate"),
        /* how to read the content */
        CSGI_STR("content-encoding"), CSGI_STR("content-range"), CSGI_STR("content-type")
    };

    return http_is_framing_field(name) || is_one_of(name, forbidden, COUNT_OF(forbidden));
}

static bool has_high_byte(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80) return true;
    }
    return false;
}

csgi_status http_decode_path(arena *into, csgi_str raw, csgi_str *path, const char **why)
{
    csgi_str decoded = raw;

    if (str_find_char(raw, '%') < raw.len) {
        char *out = arena_alloc(into, raw.len + 1, 1);
        size_t len;

        if (!out) return CSGI_ENOMEM;
        *why = "The path has a malformed percent-escape";
        if (!str_percent_decode(raw, out, &len)) return CSGI_EINVAL;
        out[len] = '\0';
        decoded = (csgi_str){ out, len };
        *why = "The path has an encoded NUL";
        if (len && memchr(out, '\0', len)) return CSGI_EINVAL;
    }
    *why = "The path is not valid UTF-8";
    if (has_high_byte(decoded) && !str_is_utf8(decoded)) return CSGI_EINVAL;
    *why = "";
    *path = decoded;
    return CSGI_OK;
}
