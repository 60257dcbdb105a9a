/* SPDX-License-Identifier: MIT
 * Apps without a server: opening them, and one call from start-up to shut-down. */
#include "worker/offline.h"

#include <signal.h>

#include "base/str.h"
#include "log/log.h"
#include "loop/crash.h"
#include "net/stream.h"
#include "worker/plugins.h"

/* One call; the steps follow one another by callbacks. */
typedef struct offline_run {
    offline *apart;
    const memory_request *request;
    memory_done_fn on_response;
    void *arg;
    memory_call *call;
    csgi_status status;
    bool is_over; /* the apps have been shut down */
} offline_run;

static void end_loop(offline *self)
{
    if (self->client) client_close(self->client);
    self->client = NULL;
    loop_run(self->loop);
}

static csgi_status make_set(offline *self, const server_options *options,
                            const offline_purpose *purpose)
{
    const loop_options of_loop = { .stack_size = options->stack_size,
                                   .max_threads = (size_t)options->threads,
                                   .max_queued = (size_t)options->thread_queue,
                                   .stall_threshold_ms = options->stall_threshold_ms };
    const app_options of_apps = { .server_url = purpose->server_url,
                                  .root_path = str_from(options->root_path),
                                  .host_flags = purpose->host_flags,
                                  .startup_timeout_ms = options->timeout_startup_ms,
                                  .on_step = purpose->on_step ? purpose->on_step : crash_set_step };
    csgi_status status = loop_new(&of_loop, &self->loop);

    if (status != CSGI_OK) return status;
    self->client = client_new(self->loop, NULL);
    if (!self->client) return CSGI_ENOMEM;
    return app_set_new(self->loop, self->client, &of_apps, &self->apps);
}

csgi_status offline_init(offline *self, const server_options *options,
                         const offline_purpose *purpose)
{
    csgi_status status;

    *self = (offline){ 0 };
    signal(SIGPIPE, SIG_IGN);
    if (!purpose->on_step) task_install_crash_report();
    status = make_set(self, options, purpose);
    if (status != CSGI_OK) offline_close(self);
    return status;
}

csgi_status offline_open(offline *self, const server_options *options, const plugin_choice *choice,
                         const offline_purpose *purpose, buffer *problem)
{
    csgi_status status = offline_init(self, options, purpose);
    bool is_made = status == CSGI_OK;

    if (is_made) status = plugins_serve(self->apps, options, choice, NULL, problem);
    if (status == CSGI_ENOMEM && !problem->len)
        buffer_printf(problem, "no memory to load the plugins");
    if (status != CSGI_OK && is_made) offline_close(self);
    return status;
}

csgi_status offline_open_logged(offline *self, const server_options *options,
                                const plugin_choice *choice, uint32_t host_flags)
{
    const offline_purpose purpose = { .server_url = CSGI_STR("app:"), .host_flags = host_flags };
    buffer problem = { 0 };
    csgi_status status = offline_open(self, options, choice, &purpose, &problem);

    plugins_log_problem(&problem);
    buffer_fini(&problem);
    return status;
}

void offline_close(offline *self)
{
    bool is_stuck = self->apps && (app_set_running(self->apps) || app_set_is_stuck(self->apps));

    if (!self->loop || is_stuck) return;
    app_set_free(self->apps);
    end_loop(self);
    exchange_pool_clear();
    stream_pool_clear();
    loop_free(self->loop);
}

/* ---- one call ---- */

static void on_ended(void *arg, csgi_status status)
{
    offline_run *self = arg;

    (void)status; /* each failure is logged by name */
    self->is_over = true;
    client_close(self->apart->client); /* its idle connections would keep the loop running */
    self->apart->client = NULL;
}

static void on_no_calls(void *arg)
{
    offline_run *self = arg;

    app_set_shutdown(self->apart->apps, on_ended, self);
}

static void on_response(void *arg, csgi_status status, const memory_response *response)
{
    offline_run *self = arg;

    self->on_response(self->arg, status, response);
    memory_call_free(self->call);
    self->call = NULL;
    app_set_drain(self->apart->apps); /* jobs that end by themselves are waited for */
    app_set_when_idle(self->apart->apps, on_no_calls, self);
}

static void on_started(void *arg, csgi_status status)
{
    offline_run *self = arg;
    exchange *asked;

    if (status == CSGI_OK)
        status = memory_call_new(self->apart->loop, self->request, on_response, self, &self->call,
                                 &asked);
    self->status = status;
    if (status == CSGI_OK)
        app_set_dispatch(self->apart->apps, asked);
    else
        on_no_calls(self);
}

csgi_status offline_call(offline *self, const memory_request *request, memory_done_fn on_done,
                         void *arg)
{
    offline_run run = { .apart = self, .request = request, .on_response = on_done, .arg = arg };

    app_set_startup(self->apps, on_started, &run);
    loop_run(self->loop);
    if (run.is_over) return run.status;
    log_error("the call has not ended, and waits for nothing that could come");
    app_set_cancel_all(self->apps);
    loop_run(self->loop);
    memory_call_free(run.call);
    return CSGI_EFAIL;
}
