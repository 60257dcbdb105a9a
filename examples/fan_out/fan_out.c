/* SPDX-License-Identifier: MIT
 * GET /warmest: asks for the weather of three cities at once. The first that fails cancels the
 * others, and is the reply. */
#include <csgi/ext/draft/task.h>
#include <csgi/web.h>

CSGI_GET(warmest, "/warmest", CSGI_SUMMARY("The warmest of three cities"));

#define CITIES 3

typedef struct asked {
    csgi_call *call;
    const char *city;
    double temp_c;
} asked;

/* A task of the group. The tasks of a request share its call: what fails, sticks for all. */
static csgi_status ask(void *arg)
{
    asked *self = arg;
    csgi_json weather = csgi_get_json(self->call, "%s/weather?city=%s",
                                      csgi_config_str(self->call, "upstream"), self->city);

    self->temp_c = csgi_json_double(weather, "temp_c");
    return csgi_failed(self->call) ? CSGI_EFAIL : CSGI_OK;
}

static csgi_status ask_all(csgi_call *call, asked each[CITIES])
{
    const csgi_task_extension *tasks = call->host->extension(call->host, CSGI_TASK_EXTENSION);
    csgi_status status, failed;
    csgi_group *group;
    int i;

    if (!tasks || !CSGI_HAS(tasks, csgi_task_extension, group_cancel)) return CSGI_ENOSYS;
    status = tasks->group_open(call->scope, &group);
    if (status != CSGI_OK) return status;
    for (i = 0; i < CITIES && status == CSGI_OK; i++)
        status = tasks->group_spawn(group, ask, &each[i]);
    if (status != CSGI_OK) tasks->group_cancel(group);
    failed = tasks->group_wait(group); /* in any case: until then its tasks use each */
    return status != CSGI_OK ? status : failed;
}

static csgi_status warmest(csgi_call *call)
{
    asked each[CITIES] = { { call, "London", 0 }, { call, "Paris", 0 }, { call, "Rome", 0 } };
    csgi_status status = ask_all(call, each);
    const asked *best = &each[0];
    int i;

    if (status != CSGI_OK) return status;
    for (i = 1; i < CITIES; i++)
        if (each[i].temp_c > best->temp_c) best = &each[i];
    return csgi_reply_json(call, 200, "{'city': %s, 'temp_c': %g}", best->city, best->temp_c);
}

CSGI_WEB_PLUGIN("fan_out", "1.0.0", "Asks three cities at once", CSGI_ROUTES(warmest),
                CSGI_CONFIG_STR("upstream", .default_value = "", .description = "of the weather"));
