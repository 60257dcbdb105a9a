/* SPDX-License-Identifier: MIT
 * Outbound requests of any kind, and clients. */
#include "call.h"

#include <string.h>
#include <strings.h>

static csgi_str text_of(const char *string)
{
    return (csgi_str){ string, string ? strlen(string) : 0 };
}

/* The pairs, and the type of a JSON body unless they say it; in the call's memory. 0: there is
 * none. */
static int make_headers(csgi_call *call, const csgi_http_request *from, csgi_fields *to)
{
    static const csgi_field json_type = { CSGI_STR("content-type"), CSGI_STR("application/json"), 0,
                                          0 };
    size_t count = 0, i;
    int has_type = 0;
    csgi_field *fields;

    while (from->headers && from->headers[2 * count] && from->headers[2 * count + 1])
        count++;
    fields = csgi_alloc(call, (count + 1) * sizeof(*fields));
    if (!fields) return 0;
    for (i = 0; i < count; i++) {
        fields[i].name = text_of(from->headers[2 * i]);
        fields[i].value = text_of(from->headers[2 * i + 1]);
        has_type |= strcasecmp(fields[i].name.ptr, json_type.name.ptr) == 0;
    }
    if (from->json && !has_type) fields[count++] = json_type;
    *to = (csgi_fields){ fields, count };
    return 1;
}

csgi_http_response csgi_http(csgi_call *call, const csgi_http_request *request)
{
    csgi_http_response answer = { .call = call, .body = "", .url = "" };
    csgi_client_request out = { .method = text_of(request->method),
                                .body = { request->body, request->size },
                                .user = text_of(request->user),
                                .password = text_of(request->password),
                                .bearer = text_of(request->bearer) };
    const csgi_client_response *got;

    if (call->own->failure != CSGI_OK) return answer;
    if (!request->url) {
        csgi_web_author_error(call, "%s: csgi_http without a url", csgi_web_route_name(call));
        return answer;
    }
    if (request->json) out.body = text_of(request->json);
    if (request->follow_redirects) out.flags |= CSGI_CLIENT_FOLLOW_REDIRECTS;
    if (request->retry) out.flags |= CSGI_CLIENT_RETRY;
    if (request->timeout_ms > 0) out.total_timeout_ms = (uint64_t)request->timeout_ms;
    if (!make_headers(call, request, &out.headers)) return answer;
    got = csgi_web_fetch(call, &out, request->url);
    if (!got) return answer;
    answer.status = (int)got->status;
    answer.body = got->body.ptr ? got->body.ptr : "";
    answer.size = got->body.len;
    answer.headers = got->headers;
    answer.url = csgi_format(call, "%.*s", (int)got->url.len, got->url.len ? got->url.ptr : "");
    return answer;
}

const char *csgi_http_header(const csgi_http_response *response, const char *name)
{
    size_t i;

    for (i = 0; i < response->headers.count; i++)
        if (strcasecmp(response->headers.items[i].name.ptr, name) == 0)
            return response->headers.items[i].value.ptr;
    return NULL;
}

csgi_json csgi_http_json(const csgi_http_response *response)
{
    if (response->status == 0 || csgi_failed(response->call)) return (csgi_json){ NULL, NULL };
    return csgi_web_upstream_json(response->call, response->url,
                                  (csgi_str){ response->body, response->size });
}

const char *csgi_json_text(csgi_call *call, const char *json_template, ...)
{
    csgi_web_arguments arguments;
    csgi_web_text text;
    const char *bytes;

    if (call->own->failure != CSGI_OK) return "";
    csgi_web_text_init(&text, call->host, call->scope->arena);
    va_start(arguments.list, json_template);
    csgi_web_text_json(&text, json_template, &arguments);
    va_end(arguments.list);
    csgi_web_text_json_end(&text);
    bytes = csgi_web_text_end(&text);
    csgi_web_text_error(call, &text, "the JSON");
    return bytes ? bytes : "";
}

csgi_client *csgi_make_client(csgi_call *call, const csgi_client_options *options)
{
    const csgi_host *host = call->host;
    const csgi_client_extension *extension = host->extension(host, CSGI_CLIENT_EXTENSION);
    csgi_client_options sized = *options;
    csgi_client *made = NULL;
    csgi_str error = CSGI_STR("");
    csgi_status code;

    if (call->own->failure != CSGI_OK) return NULL;
    if (!extension || !CSGI_HAS(extension, csgi_client_extension, client_free)) {
        csgi_web_author_error(call, "this server has no clients with settings");
        return NULL;
    }
    sized.size = sizeof(sized);
    code = extension->client_new(host, &sized, &made);
    if (code == CSGI_OK) return made;
    if (code == CSGI_ENOMEM) {
        csgi_web_break(call, code);
        return NULL;
    }
    host->last_error(host, &error);
    csgi_fail(call, 500, "%.*s", (int)error.len, error.len ? error.ptr : "");
    return NULL;
}

void csgi_set_client(csgi_call *call, csgi_client *client)
{
    call->own->client = client;
    if (call->own->is_startup) call->own->instance->client = client;
}
