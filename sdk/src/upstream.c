/* SPDX-License-Identifier: MIT
 * Asking other servers for JSON: what goes wrong there becomes the call's 502, 504 or 404; the log
 * has the reason, the client only the kind. */
#include "call.h"

#include <csgi/ext/draft/client.h>
#include <math.h>
#include <string.h>

static const csgi_json nothing;

/* The URL without its query and user information, which do not belong in a log. */
static const char *shown(csgi_call *call, const char *url)
{
    const char *authority = strstr(url, "://");
    size_t length = strcspn(url, "?"), start, secret;

    authority = authority ? authority + 3 : url;
    start = (size_t)(authority - url);
    if (start > length) return csgi_format(call, "%.*s", (int)length, url);
    for (secret = strcspn(authority, "/?#"); secret > 0 && authority[secret - 1] != '@'; secret--)
        ;
    return csgi_format(call, "%.*s%.*s", (int)start, url, (int)(length - start - secret),
                       authority + secret);
}

static csgi_json fail_upstream(csgi_call *call, int status, const char *url, const char *detail,
                               const char *why)
{
    csgi_log(call, CSGI_LOG_WARNING, "%s: %s%s%s", shown(call, url), detail, *why ? ": " : "", why);
    csgi_fail(call, status, "%s", detail);
    return nothing;
}

static csgi_json fail_fetch(csgi_call *call, const char *url, csgi_status code)
{
    csgi_str error = CSGI_STR("");
    const char *why;

    if (code == CSGI_ENOMEM || code == CSGI_ECANCELED || code == CSGI_EDISCONNECTED) {
        csgi_web_break(call, code);
        return nothing;
    }
    call->host->last_error(call->host, &error);
    why = csgi_format(call, "%.*s", (int)error.len, error.len ? error.ptr : "");
    if (code == CSGI_ETIMEDOUT)
        return fail_upstream(call, 504, url, "The upstream took too long to answer", why);
    if (code == CSGI_EUNREACH)
        return fail_upstream(call, 502, url, "The upstream cannot be reached", why);
    if (code == CSGI_ELIMIT)
        return fail_upstream(call, 502, url, "The upstream's answer is too large", why);
    if (code == CSGI_EPROTO)
        return fail_upstream(call, 502, url, "The upstream's answer is not HTTP", why);
    csgi_web_author_error(call, "%s: cannot be asked: %s", shown(call, url),
                          *why ? why : "the client refuses it");
    return nothing;
}

csgi_json csgi_web_json_keep(csgi_call *call, csgi_str text, const char **why)
{
    csgi_web_tree *tree = csgi_alloc(call, sizeof(*tree));
    size_t offset;

    *why = NULL;
    if (!tree) return nothing;
    tree->root = csgi_web_json_parse(text.ptr, text.len, why, &offset);
    if (!tree->root) {
        if (*why)
            *why = csgi_format(call, "%s, at byte %zu of %zu", *why, offset, text.len);
        else
            csgi_web_break(call, CSGI_ENOMEM);
        return nothing;
    }
    tree->next = call->own->trees;
    call->own->trees = tree;
    return (csgi_json){ call, tree->root };
}

/* An answer of 404 is the answer to our client too, with its own words if it has any. */
static csgi_json pass_not_found(csgi_call *call, const csgi_client_response *response)
{
    const char *why;
    csgi_json body = csgi_web_json_keep(call, response->body, &why);
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(body.node, "detail");

    csgi_fail(call, 404, "%s", cJSON_IsString(detail) ? detail->valuestring : "Not Found");
    return nothing;
}

const csgi_client_response *csgi_web_fetch(csgi_call *call, csgi_client_request *request,
                                           const char *url)
{
    const csgi_host *host = call->host;
    const csgi_client_extension *client = host->extension(host, CSGI_CLIENT_EXTENSION);
    const csgi_client_response *response;
    csgi_status code;

    if (call->own->failure != CSGI_OK) return NULL;
    if (!client || !CSGI_HAS(client, csgi_client_extension, fetch)) {
        csgi_web_author_error(call, "this server has no outbound client");
        return NULL;
    }
    if (*url == '/' && !call->own->client)
        url = csgi_format(call, "%.*s%s", (int)host->server_url.len, host->server_url.ptr, url);
    request->size = sizeof(*request);
    request->url = (csgi_str){ url, strlen(url) };
    request->client = call->own->client;
    if (!request->total_timeout_ms) request->total_timeout_ms = call->own->timeout_ms;
    request->connect_timeout_ms = request->total_timeout_ms;
    request->read_timeout_ms = request->total_timeout_ms;
    if (call->own->failure != CSGI_OK) return NULL;
    code = client->fetch(host, call->scope->arena, request, &response);
    if (code == CSGI_OK) return response;
    fail_fetch(call, url, code);
    return NULL;
}

csgi_json csgi_web_upstream_json(csgi_call *call, const char *url, csgi_str body)
{
    const char *why;
    csgi_json answer = csgi_web_json_keep(call, body, &why);

    if (why) return fail_upstream(call, 502, url, "The upstream's answer is not JSON", why);
    return answer;
}

/* json_body is NULL for a GET. */
static csgi_json ask(csgi_call *call, const char *method, const char *url,
                     const csgi_str *json_body)
{
    static const csgi_field headers[] = {
        { CSGI_STR("accept"), CSGI_STR("application/json"), 0, 0 },
        { CSGI_STR("content-type"), CSGI_STR("application/json"), 0, 0 },
    };
    csgi_client_request request = { .method = { method, strlen(method) },
                                    .headers = { headers, json_body ? 2 : 1 } };
    const csgi_client_response *response;

    if (json_body) request.body = *json_body;
    response = csgi_web_fetch(call, &request, url);
    if (!response) return nothing;
    if (response->status == 404) return pass_not_found(call, response);
    if (response->status < 200 || response->status > 299)
        return fail_upstream(call, 502, url,
                             csgi_format(call, "The upstream answered %u", response->status), "");
    return csgi_web_upstream_json(call, url, response->body);
}

static const char *make_url(csgi_call *call, const char *url_template,
                            csgi_web_arguments *arguments)
{
    csgi_web_text text;
    const char *url;

    csgi_web_text_init(&text, call->host, call->scope->arena);
    csgi_web_text_url(&text, url_template, arguments);
    url = csgi_web_text_end(&text);
    csgi_web_text_error(call, &text, "the URL");
    return url ? url : "";
}

const char *csgi_url(csgi_call *call, const char *url_template, ...)
{
    csgi_web_arguments arguments;
    const char *url;

    if (call->own->failure != CSGI_OK) return "";
    va_start(arguments.list, url_template);
    url = make_url(call, url_template, &arguments);
    va_end(arguments.list);
    return url;
}

csgi_json csgi_get_json(csgi_call *call, const char *url_template, ...)
{
    csgi_web_arguments arguments;
    const char *url;

    if (call->own->failure != CSGI_OK) return nothing;
    va_start(arguments.list, url_template);
    url = make_url(call, url_template, &arguments);
    va_end(arguments.list);
    return ask(call, "GET", url, NULL);
}

csgi_json csgi_post_json(csgi_call *call, const char *url, const char *json_template, ...)
{
    csgi_web_arguments arguments;
    csgi_web_text text;
    const char *bytes;

    if (call->own->failure != CSGI_OK) return nothing;
    csgi_web_text_init(&text, call->host, call->scope->arena);
    va_start(arguments.list, json_template);
    csgi_web_text_json(&text, json_template, &arguments);
    va_end(arguments.list);
    csgi_web_text_json_end(&text);
    bytes = csgi_web_text_end(&text);
    csgi_web_text_error(call, &text, "the request");
    return ask(call, "POST", url, &(csgi_str){ bytes, text.length });
}

void csgi_set_timeout(csgi_call *call, int64_t ms)
{
    call->own->timeout_ms = ms > 0 ? (uint64_t)ms : 0;
}

/* ---- what the answer has ---- */

static const cJSON *fail_shape(csgi_json from, const char *type, const char *name)
{
    csgi_call *call = from.call;

    if (call->own->hand_over) {
        csgi_fail(call, 500, "the saved state has no %s \"%s\"", type, name);
        return NULL;
    }
    csgi_log(call, CSGI_LOG_WARNING, "an upstream's answer has no %s \"%s\"", type, name);
    csgi_fail(call, 502, "The upstream's answer has no %s \"%s\"", type, name);
    return NULL;
}

/* The member of that name, "" for the value itself; NULL, and the call has failed, if it is none of
 * that type. */
static const cJSON *member(csgi_json from, const char *name, cJSON_bool (*is_type)(const cJSON *),
                           const char *type)
{
    const cJSON *node = from.node;

    if (!from.call || from.call->own->failure != CSGI_OK) return NULL;
    if (*name) node = cJSON_IsObject(node) ? cJSON_GetObjectItemCaseSensitive(node, name) : NULL;
    return node && is_type(node) ? node : fail_shape(from, type, name);
}

double csgi_json_double(csgi_json object, const char *name)
{
    const cJSON *node = member(object, name, cJSON_IsNumber, "number");

    if (node && !isfinite(node->valuedouble)) node = fail_shape(object, "number", name);
    return node ? node->valuedouble : 0;
}

int64_t csgi_json_int(csgi_json object, const char *name)
{
    const cJSON *node = member(object, name, cJSON_IsNumber, "integer");
    int64_t number = 0;

    if (node && !csgi_web_json_int(node, &number)) fail_shape(object, "integer", name);
    return number;
}

int csgi_json_bool(csgi_json object, const char *name)
{
    const cJSON *node = member(object, name, cJSON_IsBool, "boolean");

    return node ? cJSON_IsTrue(node) : 0;
}

const char *csgi_json_str(csgi_json object, const char *name)
{
    const cJSON *node = member(object, name, cJSON_IsString, "string");

    return node ? node->valuestring : "";
}

csgi_json csgi_json_object(csgi_json object, const char *name)
{
    return (csgi_json){ object.call, member(object, name, cJSON_IsObject, "object") };
}

csgi_json csgi_json_array(csgi_json object, const char *name)
{
    return (csgi_json){ object.call, member(object, name, cJSON_IsArray, "array") };
}

int csgi_json_has(csgi_json object, const char *name)
{
    if (!object.call || object.call->own->failure != CSGI_OK) return 0;
    return cJSON_IsObject(object.node) &&
           cJSON_GetObjectItemCaseSensitive(object.node, name) != NULL;
}

/* The walk of that array; NULL, and the call has failed, if it is none. */
static csgi_web_walk *walk_array(csgi_json array)
{
    const cJSON *node = member(array, "", cJSON_IsArray, "array");
    csgi_web_walk *walk;

    if (!node) return NULL;
    walk = &array.call->own->walk;
    if (walk->array != node)
        *walk = (csgi_web_walk){ node, node->child, 0, (size_t)cJSON_GetArraySize(node) };
    return walk;
}

size_t csgi_json_count(csgi_json array)
{
    const csgi_web_walk *walk = walk_array(array);

    return walk ? walk->count : 0;
}

csgi_json csgi_json_at(csgi_json array, size_t index)
{
    csgi_web_walk *walk = walk_array(array);

    if (!walk) return nothing;
    if (index >= walk->count) {
        fail_shape(array, "item", csgi_format(array.call, "%zu", index));
        return nothing;
    }
    if (index < walk->index) walk->item = walk->array->child, walk->index = 0;
    for (; walk->index < index; walk->index++)
        walk->item = walk->item->next;
    return (csgi_json){ array.call, walk->item };
}
