/* SPDX-License-Identifier: MIT
 * What a plugin sees of its process: the environment, and who it is, now and when it was made. */
#define _GNU_SOURCE /* getresuid */
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "plug.h"

static uid_t creator;

static csgi_status create(const csgi_host *host, csgi_str config_json, void **instance)
{
    (void)host;
    (void)config_json;
    creator = getuid();
    *instance = &creator;
    return CSGI_OK;
}

/* GET /variable?NAME */
static csgi_status variable(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    char name[128];
    const char *value;

    (void)instance;
    (void)receive;
    snprintf(name, sizeof(name), "%.*s", (int)scope->query_string.len, scope->query_string.ptr);
    value = getenv(name);
    return plug_reply(send, 200, plug_str(value ? value : "(unset)"));
}

/* "made by 65534, user 65534 65534 65534, group 65534 65534 65534, groups 65534" */
static csgi_status identity(void *instance, const csgi_scope *scope, csgi_receive *receive,
                            csgi_send *send)
{
    plug_text text = { 0, "" };
    uid_t user[3];
    gid_t group[3], groups[64];
    int count = getgroups(64, groups);

    (void)instance;
    (void)scope;
    (void)receive;
    if (getresuid(&user[0], &user[1], &user[2]) || getresgid(&group[0], &group[1], &group[2]))
        return CSGI_EFAIL;
    plug_addf(&text, "made by %u, user %u %u %u, group %u %u %u, groups", creator, user[0], user[1],
              user[2], group[0], group[1], group[2]);
    for (int i = 0; i < count; i++)
        plug_addf(&text, " %u", groups[i]);
    return plug_reply(send, 200, (csgi_str){ text.bytes, text.len });
}

static const csgi_endpoint endpoints[] = {
    { CSGI_STR("variable"), CSGI_STR("/variable"), CSGI_STR("GET"), CSGI_HTTP, 0, variable, NULL },
    { CSGI_STR("identity"), CSGI_STR("/identity"), CSGI_STR("GET"), CSGI_HTTP, 0, identity, NULL },
};

static const csgi_plugin plugin = { CSGI_PLUGIN_HEAD,
                                    0,
                                    0,
                                    sizeof(csgi_endpoint),
                                    CSGI_STR("process"),
                                    CSGI_STR("1.0.0"),
                                    CSGI_STR("tells of its process"),
                                    endpoints,
                                    sizeof(endpoints) / sizeof(endpoints[0]),
                                    create,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL };

CSGI_PLUGIN(plugin);
