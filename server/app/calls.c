/* SPDX-License-Identifier: MIT
 * The calls that are running, for people to read. */
#include "app/blocking.h"
#include "app/http_call.h"
#include "app/instance.h"
#include "app/table.h"
#include "base/str.h"

static size_t count_tasks(const call *self)
{
    size_t count = 0;

    LIST_EACH (node, &self->children) {
        (void)node;
        count++;
    }
    return count;
}

static void find_wait(const http_call *self, app_call *out)
{
    const task *runner = self->base.task;
    const task_note *note = task_get_note(runner);
    const task_wait *wait = task_get_wait(runner);

    out->waits_for = "something";
    if (!wait)
        out->waits_for = "";
    else if (wait == self->request->receiver)
        out->waits_for = "receive";
    else if (wait == self->request->drain_waiter)
        out->waits_for = "send";
    else if (wait == self->base.children_waiter)
        out->waits_for = "its tasks";
    else if (blocking_holds_thread(&self->base))
        out->waits_for = "its thread";
    if (!wait || !note || strcmp(out->waits_for, "something") != 0) return;
    out->waits_for = note->what;
    out->about = note->about;
}

static app_call info_of(const http_call *it)
{
    app_call out = {
        .method = it->request->method,
        .path = it->request->raw_path,
        .app = it->target->endpoint->instance->name,
        .endpoint = it->target->endpoint->label.endpoint,
        .generation = it->target->endpoint->instance->host.generation,
        .began_ns = it->request->began_ns,
        .tasks = count_tasks(&it->base),
    };

    find_wait(it, &out);
    return out;
}

bool app_set_get_call(const app_set *self, size_t index, app_call *out)
{
    LIST_EACH (node, &self->calls) {
        if (index-- > 0) continue;
        *out = info_of(CONTAINER_OF(node, http_call, node));
        return true;
    }
    return false;
}
