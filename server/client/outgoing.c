/* SPDX-License-Identifier: MIT
 * The request that goes out is made of the caller's and its client's. */
#include "client/outgoing.h"

#include "base/str.h"
#include "client/request.h"

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
    size_t end = str_find_char(text, ':');

    if (str_starts_with(text, STR("app:"))) return true;
    for (size_t i = 0; i < end; i++) {
        char c = text.ptr[i];

        if (!char_is_alnum(c) && c != '+' && c != '-' && c != '.') return false;
    }
    return end > 0 && str_starts_with(str_slice(text, end, text.len), STR("://"));
}

static csgi_status set_url(outgoing *self, csgi_str text)
{
    csgi_str base = self->with ? self->with->options.base_url : STR("");
    const char *between = "/";

    if (base.len == 0 || has_scheme(text)) return CSGI_OK;
    if (text.len == 0 || text.ptr[0] == '/' || text.ptr[0] == '?') between = "";
    self->request.url =
        arena_printf(self->memory, "%.*s%s%.*s", STR_ARG(base), between, STR_ARG(text));
    return self->request.url.ptr ? CSGI_OK : CSGI_ENOMEM;
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
    request->max_response_size = chosen(request->max_response_size, from->max_response_size);
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

/* A field of the settings gives way to the caller's of that name, and to credentials. */
static bool is_wanted(const outgoing *self, csgi_str name)
{
    if (self->authorization.len && str_eq_nocase(name, STR("authorization"))) return false;
    return !outgoing_find_field(self->own, name);
}

static csgi_status set_fields(outgoing *self)
{
    csgi_fields added = self->with ? self->with->options.headers : (csgi_fields){ NULL, 0 };
    size_t count = 0, most = self->own.count + added.count + 1;
    csgi_field *fields;

    if (!added.count && !self->authorization.len) return CSGI_OK;
    fields = arena_alloc(self->memory, most * sizeof *fields, _Alignof(csgi_field));
    if (!fields) return CSGI_ENOMEM;
    for (size_t i = 0; i < self->own.count; i++)
        fields[count++] = self->own.items[i];
    for (size_t i = 0; i < added.count; i++) {
        if (is_wanted(self, added.items[i].name)) fields[count++] = added.items[i];
    }
    if (self->authorization.len)
        fields[count++] = (csgi_field){ STR("Authorization"), self->authorization, 0, 0 };
    self->request.headers = (csgi_fields){ fields, count };
    return CSGI_OK;
}

csgi_status outgoing_init(outgoing *self, const csgi_client_request *asked, const settings *with,
                          arena *memory, buffer *why)
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
    if (status == CSGI_OK) status = set_fields(self);
    if (status == CSGI_ENOMEM) buffer_printf(why, "no memory");
    return status;
}
