/* SPDX-License-Identifier: MIT
 * POST /signup/{name}: replies at once, and sends the welcome mail afterwards. GET /sent counts the
 * mails. */
#include <csgi/web.h>
#include <stdio.h>

CSGI_POST(signup, "/signup/{name}", CSGI_SUMMARY("Signs somebody up"));
CSGI_GET(sent, "/sent", CSGI_SUMMARY("Counts the mails that were sent"));

/* It is copied, so the name goes in as an array: the request's memory is gone by then. */
typedef struct mail {
    char name[64];
} mail;

/* Runs after the reply. Sleeping stands for a mail server that takes its time. */
static csgi_status send_mail(csgi_call *call, void *arg)
{
    const mail *welcome = arg;
    int *count = csgi_state(call);

    csgi_sleep(call, 200);
    if (csgi_failed(call)) return CSGI_EFAIL;
    csgi_log(call, CSGI_LOG_INFO, "welcome, %s", welcome->name);
    ++*count;
    return CSGI_OK;
}

static csgi_status signup(csgi_call *call)
{
    const char *name = csgi_path_str(call, "name");
    mail welcome;

    if (snprintf(welcome.name, sizeof(welcome.name), "%s", name) >= (int)sizeof(welcome.name))
        return csgi_fail(call, 400, "%s is too long a name", name);
    csgi_background(call, send_mail, &welcome, sizeof(welcome));
    return csgi_reply_json(call, 202, "{'accepted': %s}", name);
}

static csgi_status sent(csgi_call *call)
{
    const int *count = csgi_state(call);

    return csgi_reply_json(call, 200, "{'sent': %d}", *count);
}

static csgi_status begin(csgi_call *call)
{
    csgi_set_state(call, csgi_alloc(call, sizeof(int)));
    return CSGI_OK;
}

CSGI_WEB_PLUGIN("background", "1.0.0", "Works on after the reply", CSGI_ROUTES(signup, sent),
                CSGI_ON_STARTUP(begin));
