/* SPDX-License-Identifier: MIT
 * The extension csgi.draft.client/1: requests to other servers by client/, to apps of this server
 * in process. */
#include "app/extensions.h"

#include "app/instance.h"
#include "base/str.h"

static csgi_status fetch_any(const instance *self, arena *into, const csgi_client_request *request,
                             const csgi_client_response **response, buffer *why)
{
    if (!into || !request || !response || !CSGI_HAS(request, csgi_client_request, url) ||
        !request->url.ptr) {
        buffer_printf(why, "fetch: the arena, the response, the request or its url is missing, or "
                           "the request's size is not set");
        return CSGI_EINVAL;
    }
    if (str_starts_with(request->url, STR("app:")))
        return in_process_fetch(self->set, into, request, response, why);
    if (!self->set->client) {
        buffer_printf(why, "fetch: this server has no HTTP client");
        return CSGI_ENOSYS;
    }
    return client_fetch(self->set->client, into, request, call_due_ms(self->set->loop), response,
                        why);
}

static csgi_status on_fetch(const csgi_host *host, csgi_arena *into,
                            const csgi_client_request *request,
                            const csgi_client_response **response)
{
    const instance *self = host->server;
    task *current = task_current(self->set->loop);
    buffer why = { 0 };
    csgi_status status;

    if (!current) return CSGI_ESTATE;
    status = fetch_any(self, into, request, response, &why);
    if (status != CSGI_OK) task_set_error(current, buffer_str(&why));
    buffer_fini(&why);
    return status;
}

const csgi_client_extension ext_client = {
    .size = sizeof(csgi_client_extension),
    .fetch = on_fetch,
};
