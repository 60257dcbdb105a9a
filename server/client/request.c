/* SPDX-License-Identifier: MIT
 * The head of an outbound request (RFC 9112 section 3). */
#include "client/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "client/decode.h"

static bool is_one_of(csgi_str text, const csgi_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(text, list[i])) return true;
    }
    return false;
}

/* Framing and connections are the client's business. */
static bool is_own_field(csgi_str name)
{
    switch (name.len) {
    case 4:
        return str_eq_nocase(name, STR("host"));
    case 10:
        return str_eq_nocase(name, STR("connection"));
    case 14:
        return str_eq_nocase(name, STR("content-length"));
    case 17:
        return str_eq_nocase(name, STR("transfer-encoding"));
    default:
        return false;
    }
}

static void note_field(const csgi_field *field, request_facts *facts)
{
    switch (field->name.len) {
    case 6:
        if (str_eq_nocase(field->name, STR("accept"))) facts->has_accept = true;
        if (str_eq_nocase(field->name, STR("expect")) &&
            str_eq_nocase(field->value, STR("100-continue")))
            facts->expects = true;
        break;
    case 10:
        if (str_eq_nocase(field->name, STR("user-agent"))) facts->has_user_agent = true;
        break;
    case 15:
        if (str_eq_nocase(field->name, STR("accept-encoding"))) facts->has_accept_encoding = true;
        break;
    default:
        break;
    }
}

static csgi_status check_field(const csgi_field *field, request_facts *facts, buffer *why)
{
    if (!str_is_token(field->name)) {
        buffer_printf(why, "the header name '%.*s' is malformed", STR_ARG(field->name));
        return CSGI_EINVAL;
    }
    if (!str_is_field_value(field->value)) {
        buffer_printf(why, "the value of header %.*s has control bytes", STR_ARG(field->name));
        return CSGI_EINVAL;
    }
    if (is_own_field(field->name)) {
        buffer_printf(why, "the header %.*s is set by the client itself; leave it out",
                      STR_ARG(field->name));
        return CSGI_EINVAL;
    }
    note_field(field, facts);
    return CSGI_OK;
}

bool request_is_idempotent(csgi_str method)
{
    static const csgi_str idempotent[] = { CSGI_STR("GET"),     CSGI_STR("HEAD"),
                                           CSGI_STR("PUT"),     CSGI_STR("DELETE"),
                                           CSGI_STR("OPTIONS"), CSGI_STR("TRACE") };

    return !method.len || is_one_of(method, idempotent, COUNT_OF(idempotent));
}

static csgi_status check_method(const csgi_client_request *self, request_facts *facts, buffer *why)
{
    static const csgi_str with_body[] = { CSGI_STR("POST"), CSGI_STR("PUT"), CSGI_STR("PATCH") };

    facts->method = self->method.len ? self->method : STR("GET");
    if (!str_is_token(facts->method)) {
        buffer_printf(why, "the method '%.*s' is malformed", STR_ARG(facts->method));
        return CSGI_EINVAL;
    }
    if (str_eq(facts->method, STR("CONNECT"))) {
        buffer_printf(why, "the method CONNECT is not supported");
        return CSGI_EINVAL;
    }
    facts->is_head = str_eq(facts->method, STR("HEAD"));
    facts->is_idempotent = request_is_idempotent(facts->method);
    facts->has_length =
        self->body.len > 0 || is_one_of(facts->method, with_body, COUNT_OF(with_body));
    return CSGI_OK;
}

static bool is_null(csgi_str text)
{
    return !text.ptr && text.len;
}

/* What claims to have bytes and has none; NULL: nothing does. */
static const char *find_null(const csgi_client_request *self)
{
    if (is_null(self->method)) return "method";
    if (is_null(self->body)) return "body";
    if (self->headers.count && !self->headers.items) return "array of headers";
    for (size_t i = 0; i < self->headers.count; i++) {
        if (is_null(self->headers.items[i].name)) return "header name";
        if (is_null(self->headers.items[i].value)) return "header value";
    }
    return NULL;
}

static uint64_t or_default(uint64_t value, uint64_t when_zero)
{
    return value ? value : when_zero;
}

static void set_limits(const csgi_client_request *self, request_facts *facts)
{
    facts->connect_timeout_ms = or_default(self->connect_timeout_ms, REQUEST_CONNECT_TIMEOUT_MS);
    facts->read_timeout_ms = or_default(self->read_timeout_ms, REQUEST_READ_TIMEOUT_MS);
    facts->write_timeout_ms = REQUEST_WRITE_TIMEOUT_MS;
    if (CSGI_HAS(self, csgi_client_request, write_timeout_ms))
        facts->write_timeout_ms = or_default(self->write_timeout_ms, REQUEST_WRITE_TIMEOUT_MS);
    facts->pool_timeout_ms = REQUEST_POOL_TIMEOUT_MS;
    if (CSGI_HAS(self, csgi_client_request, pool_timeout_ms))
        facts->pool_timeout_ms = or_default(self->pool_timeout_ms, REQUEST_POOL_TIMEOUT_MS);
    facts->total_timeout_ms = or_default(self->total_timeout_ms, REQUEST_TOTAL_TIMEOUT_MS);
    facts->max_response_size = or_default(self->max_response_size, REQUEST_MAX_RESPONSE_SIZE);
}

static csgi_status check_flags(const csgi_client_request *self, request_facts *facts, buffer *why)
{
    facts->keep_coding = (self->flags & CSGI_CLIENT_KEEP_CODING) != 0;
    facts->body_follows = (self->flags & CSGI_CLIENT_BODY_FOLLOWS) != 0;
    if (!facts->body_follows) return CSGI_OK;
    facts->body_length = self->body_length ? self->body_length : UINT64_MAX;
    if (!self->body.len) return CSGI_OK;
    buffer_printf(why, "the request has a body, and CSGI_CLIENT_BODY_FOLLOWS");
    return CSGI_EINVAL;
}

csgi_status request_check(const csgi_client_request *self, request_facts *facts, buffer *why)
{
    const char *null;
    csgi_status status;

    if (!CSGI_HAS(self, csgi_client_request, max_response_size)) {
        buffer_printf(why, "the request's size is %u, not sizeof(csgi_client_request)", self->size);
        return CSGI_EINVAL;
    }
    null = find_null(self);
    if (null) {
        buffer_printf(why, "the request's %s is a null pointer with a length", null);
        return CSGI_EINVAL;
    }
    *facts = (request_facts){ .is_head = false };
    set_limits(self, facts);
    status = check_method(self, facts, why);
    if (status == CSGI_OK && self->flags) status = check_flags(self, facts, why);
    for (size_t i = 0; status == CSGI_OK && i < self->headers.count; i++)
        status = check_field(&self->headers.items[i], facts, why);
    return status;
}

/* ---- printing ---- */

typedef struct printer {
    char *at;
    size_t left;
    bool full;
} printer;

static void add(printer *self, csgi_str text)
{
    if (text.len > self->left) self->full = true;
    if (self->full || text.len == 0) return;
    memcpy(self->at, text.ptr, text.len);
    self->at += text.len;
    self->left -= text.len;
}

size_t request_print_head(const csgi_client_request *self, const request_facts *facts,
                          const url *to, const proxy *via, char *memory, size_t size)
{
    printer out = { memory, size, false };
    char length[48];
    int length_len;

    add(&out, facts->method);
    add(&out, STR(" "));
    if (via) add(&out, to->origin);
    if (to->needs_slash) add(&out, STR("/"));
    add(&out, to->target);
    add(&out, STR(" HTTP/1.1\r\nHost: "));
    add(&out, to->authority);
    add(&out, STR("\r\n"));
    if (via && via->authorization.len) {
        add(&out, STR("Proxy-Authorization: "));
        add(&out, via->authorization);
        add(&out, STR("\r\n"));
    }
    if (!facts->has_user_agent) add(&out, STR("User-Agent: capricorn/" CAPRICORN_VERSION "\r\n"));
    if (!facts->has_accept) add(&out, STR("Accept: */*\r\n"));
    if (!facts->has_accept_encoding && !facts->keep_coding)
        add(&out, STR("Accept-Encoding: " DECODE_ACCEPTED "\r\n"));
    if (facts->body_follows && facts->body_length == UINT64_MAX) {
        add(&out, STR("Transfer-Encoding: chunked\r\n"));
    } else if (facts->has_length || facts->body_follows) {
        length_len = snprintf(length, sizeof length, "Content-Length: %" PRIu64 "\r\n",
                              facts->body_follows ? facts->body_length : (uint64_t)self->body.len);
        add(&out, (csgi_str){ length, (size_t)length_len });
    }
    for (size_t i = 0; i < self->headers.count; i++) {
        add(&out, self->headers.items[i].name);
        add(&out, STR(": "));
        add(&out, self->headers.items[i].value);
        add(&out, STR("\r\n"));
    }
    add(&out, STR("\r\n"));
    return out.full ? 0 : (size_t)(out.at - memory);
}
