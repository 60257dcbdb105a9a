/* SPDX-License-Identifier: MIT
 * The request that goes out is made of the caller's and its client's. */
#include "client/outgoing.h"

#include <time.h>

#include "base/check.h"
#include "base/str.h"
#include "client/chance.h"
#include "client/reference.h"
#include "client/request.h"
#include "client/url.h"

const csgi_field *outgoing_find_field(csgi_fields fields, csgi_str name)
{
    for (size_t i = 0; i < fields.count; i++) {
        if (str_eq_nocase(fields.items[i].name, name)) return &fields.items[i];
    }
    return NULL;
}

/* ---- the URL ---- */

static bool has_scheme(csgi_str text)
{
    size_t colon = str_find_char(text, ':');

    return colon < text.len && colon < str_find_char(text, '/') && colon < str_find_char(text, '?');
}

/* An app of this server has a base too, which is no URL of RFC 3986. */
static csgi_status join_app(outgoing *self, csgi_str base, csgi_str text)
{
    while (str_starts_with(text, STR("/")))
        text = str_slice(text, 1, text.len);
    self->request.url = arena_printf(self->memory, "%.*s/%.*s", STR_ARG(base), STR_ARG(text));
    return self->request.url.ptr ? CSGI_OK : CSGI_ENOMEM;
}

static csgi_status set_url(outgoing *self, csgi_str text)
{
    csgi_str base = self->with ? self->with->options.base_url : STR("");
    const char *wrong = NULL;
    csgi_status status;

    if (base.len == 0 || str_starts_with(text, STR("app:"))) return CSGI_OK;
    if (str_starts_with(base, STR("app:")) && !has_scheme(text)) return join_app(self, base, text);
    status = url_join(base, text, self->memory, &self->request.url, &wrong);
    if (status == CSGI_EINVAL)
        buffer_printf(self->why, "the URL cannot be added to base_url: %s", wrong);
    return status;
}

/* ---- what the settings add ---- */

static uint64_t chosen(uint64_t mine, uint64_t of_settings)
{
    return mine ? mine : of_settings;
}

static void set_limits(csgi_client_request *request, const csgi_client_options *from)
{
    request->flags |= from->flags & SETTINGS_REQUEST_FLAGS;
    request->connect_timeout_ms = chosen(request->connect_timeout_ms, from->connect_timeout_ms);
    request->read_timeout_ms = chosen(request->read_timeout_ms, from->read_timeout_ms);
    request->total_timeout_ms = chosen(request->total_timeout_ms, from->total_timeout_ms);
    request->write_timeout_ms = chosen(request->write_timeout_ms, from->write_timeout_ms);
    request->pool_timeout_ms = chosen(request->pool_timeout_ms, from->pool_timeout_ms);
    request->max_response_size = chosen(request->max_response_size, from->max_response_size);
    if (!request->max_redirects) request->max_redirects = from->max_redirects;
    if (!request->max_retries) request->max_retries = from->max_retries;
}

/* The request's own credentials, or else the settings'; a field of the caller's beats both. */
static csgi_status set_authorization(outgoing *self, const csgi_client_request *asked)
{
    csgi_status status =
        settings_make_authorization(asked->user, asked->password, asked->bearer, "the request",
                                    self->memory, &self->authorization, self->why);

    if (status) return status;
    if (!self->authorization.len && self->with) self->authorization = self->with->authorization;
    if (outgoing_find_field(self->own, STR("authorization"))) self->authorization.len = 0;
    return CSGI_OK;
}

/* ---- fields ---- */

static bool is_one_of(csgi_str name, const csgi_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(name, list[i])) return true;
    }
    return false;
}

/* May the field be sent to where the request has been led, as what it has become? */
static bool is_allowed(const outgoing *self, csgi_str name)
{
    static const csgi_str credentials[] = { CSGI_STR("authorization"), CSGI_STR("cookie"),
                                            CSGI_STR("proxy-authorization") };
    static const csgi_str of_bodies[] = { CSGI_STR("content-type"), CSGI_STR("content-encoding"),
                                          CSGI_STR("content-language"),
                                          CSGI_STR("content-location") };

    if (self->is_elsewhere && is_one_of(name, credentials, COUNT_OF(credentials))) return false;
    return !self->is_bodiless || !is_one_of(name, of_bodies, COUNT_OF(of_bodies));
}

/* A field of the settings gives way to the caller's of that name, and to credentials. */
static bool is_wanted(const outgoing *self, csgi_str name)
{
    if (self->authorization.len && str_eq_nocase(name, STR("authorization"))) return false;
    return is_allowed(self, name) && !outgoing_find_field(self->own, name);
}

static csgi_fields settings_fields(const outgoing *self)
{
    return self->with ? self->with->options.headers : (csgi_fields){ NULL, 0 };
}

/* What the jar has for that URL, unless the caller or the settings say it; empty: nothing. */
static csgi_status find_cookies(const outgoing *self, csgi_str *value)
{
    const char *wrong;
    buffer text = { 0 };
    csgi_status status;
    url to;

    *value = (csgi_str){ NULL, 0 };
    if (!self->with || !self->with->jar || outgoing_find_field(self->own, STR("cookie")) ||
        outgoing_find_field(settings_fields(self), STR("cookie")) ||
        url_parse(self->request.url, &to, &wrong))
        return CSGI_OK;
    status = cookies_print(self->with->jar, &to, time(NULL), &text);
    if (status == CSGI_OK && text.len) {
        *value = arena_copy_str(self->memory, buffer_str(&text));
        if (!value->ptr) status = CSGI_ENOMEM;
    }
    buffer_fini(&text);
    return status;
}

void outgoing_keep_cookies(const outgoing *self, const csgi_client_response *response)
{
    const char *wrong;
    url from;

    if (!self->with || !self->with->jar || url_parse(self->request.url, &from, &wrong)) return;
    for (size_t i = 0; i < response->headers.count; i++) {
        const csgi_field *each = &response->headers.items[i];

        if (str_eq(each->name, STR("set-cookie")))
            cookies_take(self->with->jar, &from, each->value, time(NULL), &wrong);
    }
}

/* At first the caller's fields serve as they are, if nothing is added. */
csgi_status outgoing_prepare(outgoing *self)
{
    csgi_fields added = settings_fields(self);
    size_t count = 0, most = self->own.count + added.count + self->passed_count + 2;
    csgi_field *fields;
    csgi_str jar;
    csgi_status status = find_cookies(self, &jar);

    if (status) return status;
    if (most == self->own.count + 2 && !self->authorization.len && !jar.len &&
        !self->is_elsewhere && !self->is_bodiless)
        return CSGI_OK;
    fields = arena_alloc(self->memory, most * sizeof *fields, _Alignof(csgi_field));
    if (!fields) return CSGI_ENOMEM;
    for (size_t i = 0; i < self->own.count; i++) {
        if (is_allowed(self, self->own.items[i].name)) fields[count++] = self->own.items[i];
    }
    for (size_t i = 0; i < added.count; i++) {
        if (is_wanted(self, added.items[i].name)) fields[count++] = added.items[i];
    }
    if (self->authorization.len && !self->is_elsewhere)
        fields[count++] = (csgi_field){ STR("Authorization"), self->authorization, 0, 0 };
    if (jar.len) fields[count++] = (csgi_field){ STR("Cookie"), jar, 0, 0 };
    for (size_t i = 0; i < self->passed_count; i++)
        fields[count++] = self->passed[i];
    self->request.headers = (csgi_fields){ fields, count };
    return CSGI_OK;
}

/* ---- the trace ---- */

bool outgoing_has_trace(csgi_fields inbound)
{
    for (size_t i = 0; i < inbound.count; i++) {
        if (str_eq(inbound.items[i].name, STR("traceparent"))) return true;
    }
    return false;
}

static csgi_status pass_trace_on(outgoing *self, csgi_fields inbound)
{
    static const csgi_str names[] = { CSGI_STR("traceparent"), CSGI_STR("tracestate") };
    char parent[TRACE_PARENT_LENGTH];
    csgi_str texts[2];
    trace found;

    if (self->request.flags & CSGI_CLIENT_NO_TRACE || !outgoing_has_trace(inbound)) return CSGI_OK;
    for (size_t i = 0; i < 2; i++) {
        if (outgoing_find_field(self->own, names[i]) ||
            outgoing_find_field(settings_fields(self), names[i]))
            return CSGI_OK;
    }
    if (!trace_read(inbound, &found)) return CSGI_OK;
    trace_print_parent(&found, chance(), parent);
    texts[0] = arena_copy_str(self->memory, (csgi_str){ parent, sizeof parent });
    texts[1] = arena_copy_str(self->memory, (csgi_str){ found.state, found.state_len });
    if (!texts[0].ptr || !texts[1].ptr) return CSGI_ENOMEM;
    self->passed_count = found.state_len ? 2 : 1;
    for (size_t i = 0; i < self->passed_count; i++)
        self->passed[i] = (csgi_field){ names[i], texts[i], 0, 0 };
    return CSGI_OK;
}

csgi_status outgoing_init(outgoing *self, const csgi_client_request *asked, const settings *with,
                          csgi_fields inbound, arena *memory, buffer *why)
{
    request_facts unused;
    csgi_status status = request_check(asked, &unused, why);

    if (status) return status;
    *self = (outgoing){
        .request = *asked, .with = with, .own = asked->headers, .memory = memory, .why = why
    };
    if (with) set_limits(&self->request, &with->options);
    status = set_authorization(self, asked);
    if (status == CSGI_OK) status = set_url(self, asked->url);
    if (status == CSGI_OK) status = pass_trace_on(self, inbound);
    if (status == CSGI_ENOMEM) buffer_printf(why, "no memory");
    return status;
}

/* ---- redirects ---- */

bool outgoing_is_redirect(const csgi_client_response *response, csgi_str *location)
{
    static const uint32_t statuses[] = { 301, 302, 303, 307, 308 };
    const csgi_field *found = NULL;

    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (response->status == statuses[i])
            found = outgoing_find_field(response->headers, STR("location"));
    }
    if (found) *location = found->value;
    return found != NULL;
}

csgi_str outgoing_origin(const outgoing *self)
{
    csgi_str asked = self->request.url;
    size_t at = str_find_char(asked, ':') + 1;

    if (str_starts_with(str_slice(asked, at, asked.len), STR("//"))) at += 2;
    while (at < asked.len && asked.ptr[at] != '/' && asked.ptr[at] != '?' && asked.ptr[at] != '#')
        at++;
    return str_slice(asked, 0, at);
}

/* An app of this server says "/path", and means itself. */
static csgi_status resolve_in_app(outgoing *self, csgi_str location, csgi_str *out)
{
    location.len = str_find_char(location, '#');
    *out =
        arena_printf(self->memory, "%.*s%.*s", STR_ARG(outgoing_origin(self)), STR_ARG(location));
    return out->ptr ? CSGI_OK : CSGI_ENOMEM;
}

/* Where it leads; NULL, or what is wrong. */
static const char *judge(const outgoing *self, csgi_str to, bool *is_elsewhere)
{
    const char *wrong = NULL;
    url here, there;
    bool is_same;

    if (!str_starts_with_nocase(to, STR("http://")) &&
        !str_starts_with_nocase(to, STR("https://")) &&
        !str_starts_with_nocase(to, STR("http+unix://")))
        return "it leads to a URL that is neither http nor https";
    if (url_parse(to, &there, &wrong)) return wrong;
    is_same =
        url_parse(self->request.url, &here, &wrong) == CSGI_OK && url_same_origin(&here, &there);
    if (there.is_unix && !is_same) return "it leads to a Unix socket";
    *is_elsewhere = !is_same;
    return NULL;
}

static csgi_status resolve(outgoing *self, csgi_str location, csgi_str *to, const char **wrong)
{
    bool is_elsewhere = false;
    csgi_status status;

    if (str_starts_with(self->request.url, STR("app:")) && str_starts_with(location, STR("/")) &&
        !str_starts_with(location, STR("//")))
        return resolve_in_app(self, location, to);
    status = url_resolve(self->request.url, location, self->memory, to, wrong);
    if (status) return status;
    *wrong = judge(self, *to, &is_elsewhere);
    if (*wrong) return CSGI_EPROTO;
    if (is_elsewhere) self->is_elsewhere = true;
    return CSGI_OK;
}

/* RFC 9110 section 15.4: POST becomes GET by 301 and 302, as everybody does; 303 is for that. */
static void change_method(outgoing *self, uint32_t status)
{
    csgi_client_request *request = &self->request;
    bool is_post = str_eq(request->method, STR("POST"));
    bool is_head = str_eq(request->method, STR("HEAD"));

    if (status == 303 ? is_head : !((status == 301 || status == 302) && is_post)) return;
    request->method = STR("GET");
    request->body = (csgi_str){ NULL, 0 };
    self->is_bodiless = true;
}

csgi_status outgoing_follow(outgoing *self, uint32_t status, csgi_str location)
{
    const char *wrong = NULL;
    csgi_str to;
    csgi_status failure = resolve(self, location, &to, &wrong);

    if (failure == CSGI_OK) {
        self->request.url = to;
        change_method(self, status);
    }
    if (failure == CSGI_OK) return CSGI_OK;
    self->why->len = 0;
    if (failure == CSGI_ENOMEM) {
        buffer_printf(self->why, "no memory");
        return failure;
    }
    buffer_printf(self->why, "%.*s: its redirect (%u) cannot be followed: %s",
                  STR_ARG(outgoing_origin(self)), status, wrong);
    return CSGI_EPROTO;
}
