/* SPDX-License-Identifier: MIT
 * Replies: their headers, and what is made of JSON templates and of text. */
#include "call.h"

#include <string.h>
#include <strings.h>

/* 0: the call has failed, now or before. */
static int can_reply(csgi_call *call)
{
    if (!call->send || call->own->is_replied)
        csgi_web_author_error(call, "%s: %s", csgi_web_route_name(call),
                              call->send ? "a second reply; a call replies once"
                                         : "there is nobody to reply to");
    return call->own->failure == CSGI_OK;
}

/* One that csgi_reply_header was given. */
struct csgi_web_header {
    csgi_field field;
    csgi_web_header *next;
};

/* The given ones, and the type if they do not say it; in the call's memory. NULL: there is none. */
static const csgi_field *join_headers(csgi_call *call, const csgi_field *type, size_t *count)
{
    const csgi_web_header *each;
    csgi_field *fields;
    int has_type = 0;

    for (each = call->own->headers; each; each = each->next)
        ++*count;
    fields = csgi_alloc(call, *count * sizeof(*fields));
    if (!fields) return NULL;
    *count = 0;
    for (each = call->own->headers; each; each = each->next) {
        has_type |= strcasecmp(each->field.name.ptr, "content-type") == 0;
        fields[(*count)++] = each->field;
    }
    if (!has_type) fields[(*count)++] = *type;
    return fields;
}

csgi_status csgi_web_reply(csgi_call *call, int status, const char *content_type, csgi_str body)
{
    csgi_field type = { CSGI_STR("content-type"), { content_type, strlen(content_type) }, 0, 0 };
    csgi_http_start start = {
        CSGI_EVENT(csgi_http_start, CSGI_HTTP_RESPONSE_START), (uint32_t)status, 0, { &type, 1 }
    };
    csgi_http_body end = {
        CSGI_EVENT(csgi_http_body, CSGI_HTTP_RESPONSE_BODY), body, 0, 0, { NULL, 0 }
    };
    csgi_status code;

    if (call->own->headers && call->own->failure == CSGI_OK) {
        start.headers.items = join_headers(call, &type, &start.headers.count);
        if (!start.headers.items) return call->own->failure;
    }
    call->own->is_replied = 1;
    code = call->send->call(call->send, &start.event);
    if (code == CSGI_OK) code = call->send->call(call->send, &end.event);
    if (code != CSGI_OK) csgi_web_break(call, code);
    return code;
}

/* ---- what authors use ---- */

void csgi_reply_header(csgi_call *call, const char *name, const char *value)
{
    csgi_web_header *header, **end = &call->own->headers;

    if (call->own->is_replied)
        csgi_web_author_error(call, "%s: the reply header \"%s\" comes after the reply",
                              csgi_web_route_name(call), name);
    if (!value)
        csgi_web_author_error(call, "%s: the reply header \"%s\" has no value",
                              csgi_web_route_name(call), name);
    header = csgi_alloc(call, sizeof(*header));
    if (!header) return;
    name = csgi_format(call, "%s", name); /* kept, as the reply may come much later */
    value = csgi_format(call, "%s", value);
    header->field = (csgi_field){ { name, strlen(name) }, { value, strlen(value) }, 0, 0 };
    while (*end)
        end = &(*end)->next;
    *end = header;
}

void csgi_json_write(csgi_call *call, const char *json_template, ...)
{
    csgi_web_arguments arguments;

    if (call->own->failure != CSGI_OK) return;
    va_start(arguments.list, json_template);
    csgi_web_text_json(&call->own->reply, json_template, &arguments);
    va_end(arguments.list);
    csgi_web_text_error(call, &call->own->reply, call->own->hand_over ? "the state" : "the reply");
}

csgi_status csgi_reply_json(csgi_call *call, int status, const char *json_template, ...)
{
    csgi_web_text *reply = &call->own->reply;
    csgi_web_arguments arguments;
    const char *bytes;

    if (!can_reply(call)) return call->own->failure;
    va_start(arguments.list, json_template);
    csgi_web_text_json(reply, json_template, &arguments);
    va_end(arguments.list);
    csgi_web_text_json_end(reply);
    bytes = csgi_web_text_end(reply);
    csgi_web_text_error(call, reply, "the reply");
    if (!bytes) return call->own->failure;
    return csgi_web_reply(call, status, "application/json", (csgi_str){ bytes, reply->length });
}

csgi_status csgi_reply_text(csgi_call *call, int status, const char *format, ...)
{
    csgi_web_arguments arguments;
    csgi_web_text text;
    const char *bytes;

    if (!can_reply(call)) return call->own->failure;
    va_start(arguments.list, format);
    bytes = csgi_web_format(call, &text, format, &arguments);
    va_end(arguments.list);
    csgi_web_text_error(call, &text, "the reply");
    if (!bytes) return call->own->failure;
    return csgi_web_reply(call, status, "text/plain; charset=utf-8",
                          (csgi_str){ bytes, text.length });
}
