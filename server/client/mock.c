/* SPDX-License-Identifier: MIT
 * Asking an app's own function, and making a whole response of what it gave. */
#include "client/mock.h"

#include <inttypes.h>

#include "base/str.h"
#include "client/request.h"

static csgi_status fail(buffer *why, csgi_status status, const char *sentence)
{
    buffer_printf(why, "the client's transport function %s", sentence);
    return status;
}

/* Why it failed, if it has said so with host->fail. */
static csgi_status explain(const task *caller, csgi_status status, buffer *why)
{
    csgi_str said = task_error(caller);

    if (said.len)
        buffer_append_str(why, said);
    else
        buffer_printf(why, "the client's transport function failed with %" PRId32, status);
    return status;
}

static bool has_null(const csgi_client_response *given)
{
    if (!given->body.ptr && given->body.len) return true;
    if (!given->headers.items && given->headers.count) return true;
    for (size_t i = 0; i < given->headers.count; i++) {
        if (!given->headers.items[i].name.ptr || !given->headers.items[i].value.ptr) return true;
    }
    return false;
}

static csgi_status check(const csgi_client_response *given, uint64_t max_size, buffer *why)
{
    if (!given) return fail(why, CSGI_EPROTO, "gave no response");
    if (given->size < offsetof(csgi_client_response, url))
        return fail(why, CSGI_EPROTO, "gave a response with no size set");
    if (given->status < 200 || given->status > 599)
        return fail(why, CSGI_EPROTO, "gave a status that is not from 200 to 599");
    if (has_null(given)) return fail(why, CSGI_EPROTO, "gave a response with a null pointer in it");
    if (given->body.len > (max_size ? max_size : REQUEST_MAX_RESPONSE_SIZE))
        return fail(why, CSGI_ELIMIT, "gave a larger body than max_response_size");
    return CSGI_OK;
}

static bool copy_fields(arena *into, csgi_fields from, csgi_fields *to)
{
    csgi_field *copies = arena_alloc(into, from.count * sizeof *copies + 1, _Alignof(csgi_field));

    if (!copies) return false;
    for (size_t i = 0; i < from.count; i++) {
        char *name = arena_alloc(into, from.items[i].name.len + 1, 1);

        copies[i] = (csgi_field){
            { name, from.items[i].name.len }, arena_copy_str(into, from.items[i].value), 0, 0
        };
        if (!name || !copies[i].value.ptr) return false;
        memcpy(name, from.items[i].name.ptr, from.items[i].name.len);
        name[from.items[i].name.len] = '\0';
        str_lower(name, from.items[i].name.len);
    }
    *to = (csgi_fields){ copies, from.count };
    return true;
}

static csgi_status copy(arena *into, const csgi_client_response *given,
                        const csgi_client_response **out, buffer *why)
{
    csgi_client_response *made = arena_alloc(into, sizeof *made, _Alignof(csgi_client_response));

    if (made)
        *made = (csgi_client_response){ .size = sizeof *made,
                                        .status = given->status,
                                        .body = arena_copy_str(into, given->body) };
    if (!made || !made->body.ptr || !copy_fields(into, given->headers, &made->headers)) {
        buffer_printf(why, "no memory");
        return CSGI_ENOMEM;
    }
    *out = made;
    return CSGI_OK;
}

csgi_status mock_fetch(const settings *with, loop *runner, arena *into,
                       const csgi_client_request *request, bool *may_repeat,
                       const csgi_client_response **response, buffer *why)
{
    const csgi_client_options *options = &with->options;
    const csgi_client_response *given = NULL;
    task *caller = task_current(runner);
    csgi_status status;

    task_set_error(caller, STR(""));
    status = options->transport(options->transport_arg, into, request, &given);
    if (status != CSGI_OK) {
        *may_repeat = status == CSGI_EUNREACH ||
                      (status == CSGI_EPROTO && request_is_idempotent(request->method));
        return explain(caller, status, why);
    }
    status = check(given, request->max_response_size, why);
    return status ? status : copy(into, given, response, why);
}
