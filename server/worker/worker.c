/* SPDX-License-Identifier: MIT
 * One worker, from start to stop. */
#include "worker/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"
#include "config/header_text.h"
#include "loop/crash.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "session/session.h"
#include "worker/control.h"
#include "worker/dashboard.h"
#include "worker/early_stop.h"
#include "worker/identity.h"
#include "worker/listeners.h"
#include "worker/orphans.h"
#include "worker/pid_file.h"
#include "worker/plugins.h"
#include "worker/reload.h"
#include "worker/settings.h"
#include "worker/status.h"
#include "worker/systemd.h"

/* Cancelled calls may still say goodbye for this long before their connections are cut, */
#define CUT_AFTER_MS 1000u
/* and for this long before the process leaves without them. */
#define LEAVE_AFTER_MS 5000u

typedef enum stage {
    STAGE_STARTING,
    STAGE_SERVING,
    STAGE_DELAYING, /* stop was asked, and balancers have yet to notice */
    STAGE_DRAINING,
    STAGE_CANCELLED,
    STAGE_CUT,
    STAGE_CLOSING
} stage;

typedef struct worker {
    const server_options *options;
    loop *loop;
    client *client;
    bind_list *binds;
    listener_set listeners;
    systemd manager;
    registry *registry;
    reloader *reloader;
    control *control;                    /* NULL: none */
    bool has_dashboard, has_live_reload; /* for developers: never in `run` */
    dashboard *dashboard;                /* NULL: none */
    uint64_t began_ns;
    dev_plan *plan; /* NULL: nothing is compiled here */
    dev *dev;
    app_set *apps;
    session_set *sessions;
    trust_list proxies;
    buffer url;         /* the server's */
    buffer fixed_lines; /* of --header */
    timer patience;     /* of the stage */
    orphans orphans;
    timer recycling; /* --limit-max-requests has been reached */
    pid_file pid_file;
    uint64_t max_requests; /* --limit-max-requests, with its jitter */
    bool stop_asked;
    stage stage;
    int exit_status;
} worker;

/* ---- stopping ---- */

static void close_all(worker *self)
{
    if (self->reloader) reloader_stop(self->reloader, NULL, NULL);
    timer_stop(self->loop, &self->patience);
    orphans_close(&self->orphans);
    timer_stop(self->loop, &self->recycling);
    systemd_close(&self->manager);
    listeners_close(&self->listeners);
    control_close(self->control);
    if (self->apps) app_set_free(self->apps);
    if (self->client) client_close(self->client);
    late_stop_ignore();
    loop_close_signals(self->loop);
}

/* Calls that ignore their cancellation hold memory that cannot be freed under them: the process
 * ends as it is. */
_Noreturn static void leave(worker *self, int exit_status)
{
    control_close(self->control);
    pid_file_remove(&self->pid_file);
    log_flush();
    _exit(exit_status);
}

static void on_apps_ended(void *arg, csgi_status status)
{
    worker *self = arg;

    (void)status; /* each failure is logged by name, and nothing more can be done */
    if (app_set_is_stuck(self->apps)) { /* said by name; the loop would run for ever */
        leave(self, self->exit_status == EXIT_SERVED ? EXIT_STUCK : self->exit_status);
    }
    if (self->exit_status == EXIT_SERVED) log_info("Application shutdown complete.");
    close_all(self);
}

static void on_reloader_stopped(void *arg)
{
    worker *self = arg;

    app_set_shutdown(self->apps, on_apps_ended, self);
}

static void on_dev_stopped(void *arg)
{
    worker *self = arg;

    reloader_stop(self->reloader, on_reloader_stopped, self);
}

static void end_apps(worker *self)
{
    if (self->stage == STAGE_CLOSING) return;
    self->stage = STAGE_CLOSING;
    timer_stop(self->loop, &self->patience);
    if (self->exit_status == EXIT_SERVED) log_info("Waiting for application shutdown.");
    if (self->dev)
        dev_stop(self->dev, on_dev_stopped, self);
    else
        on_dev_stopped(self);
}

static void on_no_calls(void *arg)
{
    end_apps(arg);
}

/* Nobody connects any more; calls may outlive their connections. */
static void on_no_sessions(void *arg)
{
    worker *self = arg;

    app_set_when_idle(self->apps, on_no_calls, self);
}

static void cancel_calls(worker *self)
{
    self->stage = STAGE_CANCELLED;
    app_set_cancel_all(self->apps);
    timer_start(self->loop, &self->patience, CUT_AFTER_MS);
}

static void cut_connections(worker *self)
{
    self->stage = STAGE_CUT;
    app_set_cancel_all(self->apps);
    session_set_cut(self->sessions);
    timer_start(self->loop, &self->patience, LEAVE_AFTER_MS);
}

/* No connection comes from now on, and those that wait have been accepted. */
static void begin_drain(worker *self)
{
    self->stage = STAGE_DRAINING;
    listeners_close(&self->listeners);
    dashboard_stop(self->dashboard);
    app_set_drain(self->apps);
    timer_start(self->loop, &self->patience, self->options->timeout_graceful_shutdown_ms);
    session_set_drain(self->sessions, on_no_sessions, self);
}

static void on_patience_over(timer *patience)
{
    worker *self = CONTAINER_OF(patience, worker, patience);

    switch (self->stage) {
    case STAGE_DELAYING:
        begin_drain(self);
        break;
    case STAGE_DRAINING:
        if (app_set_running(self->apps))
            log_warning("%zu requests have not ended within --timeout-graceful-shutdown: "
                        "cancelling them",
                        app_set_running(self->apps));
        app_set_log_jobs(self->apps, "has not ended within --timeout-graceful-shutdown: it is "
                                     "cancelled");
        cancel_calls(self);
        break;
    case STAGE_CANCELLED:
        cut_connections(self);
        break;
    case STAGE_CUT:
        app_set_log_jobs(self->apps, "goes on although it is cancelled");
        app_set_log_calls(self->apps, "goes on although it is cancelled");
        log_error("%zu calls go on although they are cancelled: leaving without them",
                  app_set_running(self->apps));
        leave(self, EXIT_STUCK);
    case STAGE_STARTING:
    case STAGE_SERVING:
    case STAGE_CLOSING:
        break;
    }
}

/* Told by the first signal. */
static void begin_stop(worker *self)
{
    uint64_t delay_ms = self->options->drain_delay_ms;

    log_info("Shutting down");
    app_set_announce_stop(self->apps);
    control_announce_stop(self->control);
    systemd_tell("STOPPING=1\nSTATUS=Shutting down");
    if (delay_ms == 0) {
        begin_drain(self);
        return;
    }
    self->stage = STAGE_DELAYING;
    timer_start(self->loop, &self->patience, delay_ms);
}

static void on_recycling(timer *recycling)
{
    worker *self = CONTAINER_OF(recycling, worker, recycling);

    if (self->stage != STAGE_SERVING) return;
    log_warning("Maximum request limit of %llu exceeded. Terminating process.",
                (unsigned long long)self->max_requests);
    begin_stop(self);
}

/* A connection is in the middle of an event: it is not to be drained under itself. */
static void on_max_requests(void *arg)
{
    worker *self = arg;

    timer_start(self->loop, &self->recycling, 0);
}

static void on_signal(void *arg, int signum)
{
    worker *self = arg;
    bool again = self->stop_asked;

    if (signum == SIGHUP && !self->plan) {
        if (self->stage == STAGE_SERVING) reloader_request(self->reloader, "SIGHUP");
        return;
    }
    self->stop_asked = true;
    if (self->stage == STAGE_SERVING) {
        begin_stop(self);
    } else if (self->dev && self->stage == STAGE_STARTING) { /* it compiles for the first time */
        end_apps(self);
    } else if (again && signum == SIGINT && self->stage == STAGE_STARTING) {
        log_error("stopped during start-up");
        leave(self, EXIT_START_FAILED);
    } else if (again && signum == SIGINT && self->stage < STAGE_CUT) {
        if (self->stage == STAGE_DELAYING) begin_drain(self);
        if (self->stage == STAGE_CLOSING) return; /* nothing was left to cut */
        log_warning("cutting %zu connections", session_set_count(self->sessions));
        cut_connections(self);
    } else if (again && signum == SIGINT && self->stage == STAGE_CLOSING) {
        app_set_cut_shutdown(self->apps);
    }
}

/* ---- starting ---- */

/* Where the options say, or else the sockets of the service manager, or else the default. */
static csgi_status bind_listeners(worker *self, buffer *problem)
{
    csgi_status status = CSGI_OK;

    if (self->binds->count)
        systemd_forget_sockets();
    else
        status = systemd_find_sockets(self->binds, problem);
    if (status != CSGI_OK) return status;
    if (self->binds->count == 0) bind_list_default(self->binds, self->options);
    return listeners_bind(&self->listeners, self->loop, self->binds, problem);
}

static csgi_status print_status(void *arg, buffer *out)
{
    const worker *self = arg;
    const status_sources from = { .mode = self->has_dashboard ? "dev" : "run",
                                  .state = self->stage == STAGE_SERVING ? "serving" : "stopping",
                                  .url = buffer_str(&self->url),
                                  .began_ns = self->began_ns,
                                  .apps = self->apps,
                                  .listeners = &self->listeners,
                                  .sessions = self->sessions,
                                  .client = self->client,
                                  .reloader = self->reloader };

    return status_print(&from, out);
}

/* Begins to answer, at the control socket too. */
static csgi_status begin_listening(worker *self, buffer *problem)
{
    const control_parts parts = { self->reloader, print_status, self };
    csgi_status status = listeners_start(&self->listeners, (int)self->options->backlog,
                                         session_set_accept, self->sessions, problem);

    if (status != CSGI_OK || !self->control) return status;
    return control_start(self->control, &parts, problem);
}

static void fail_start(worker *self)
{
    log_error("Application startup failed. Exiting.");
    self->exit_status = EXIT_START_FAILED;
    end_apps(self);
}

static void begin_serving(void *arg)
{
    worker *self = arg;
    buffer problem = { 0 };

    if (begin_listening(self, &problem) != CSGI_OK) {
        log_error("%.*s", STR_ARG(buffer_str(&problem)));
        buffer_fini(&problem);
        fail_start(self);
        return;
    }
    self->stage = STAGE_SERVING;
    listeners_log(&self->listeners);
    systemd_open(&self->manager, self->loop);
    systemd_tell("READY=1\nSTATUS=Serving %.*s", STR_ARG(buffer_str(&self->url)));
}

static void begin_compiling(worker *self)
{
    const dev_parts parts = { .loop = self->loop,
                              .plan = self->plan,
                              .options = self->options,
                              .reloader = self->reloader,
                              .on_ready = begin_serving,
                              .arg = self };

    if (dev_new(&parts, &self->dev) == CSGI_OK) return;
    log_error("no memory to compile anything");
    fail_start(self);
}

static void on_apps_started(void *arg, csgi_status status)
{
    worker *self = arg;

    if (status != CSGI_OK) {
        fail_start(self);
        return;
    }
    if (!self->plan) log_info("Application startup complete.");
    if (self->stop_asked)
        end_apps(self);
    else if (self->plan)
        begin_compiling(self);
    else
        begin_serving(self);
}

/* What can fail before the loop runs. On failure what was made is freed by close_all. */
static csgi_status make_loop(worker *self)
{
    const loop_options of_loop = { .stack_size = self->options->stack_size,
                                   .max_threads = (size_t)self->options->threads,
                                   .max_queued = (size_t)self->options->thread_queue,
                                   .stall_threshold_ms = self->options->stall_threshold_ms };
    csgi_status status = loop_new(&of_loop, &self->loop);

    if (status != CSGI_OK) return status;
    timer_init(&self->patience, on_patience_over);
    timer_init(&self->recycling, on_recycling);
    loop_set_round_end(self->loop, log_flush);
    self->client = client_new(self->loop, NULL);
    return self->client ? CSGI_OK : CSGI_ENOMEM;
}

/* Nothing is asked first while nothing is compiled. */
static bool answer_first(void *arg, exchange *request)
{
    worker *self = arg;

    return self->dev && dev_answer(self->dev, request);
}

static csgi_status make_apps(worker *self, buffer *problem)
{
    const app_options of_apps = { .server_url = buffer_str(&self->url),
                                  .root_path = str_from(self->options->root_path),
                                  .answers_health = self->options->health,
                                  .max_concurrency = self->options->limit_concurrency,
                                  .startup_timeout_ms = self->options->timeout_startup_ms,
                                  .notes_waits = self->has_dashboard,
                                  .answer_first = self->plan ? answer_first : NULL,
                                  .answer_first_arg = self,
                                  .on_step = crash_set_step };
    session_options of_sessions =
        settings_of_sessions(self->options, buffer_str(&self->fixed_lines));
    csgi_status status = settings_read_proxies(self->options, &self->proxies);

    of_sessions.proxies = &self->proxies;
    of_sessions.max_requests = self->max_requests;
    of_sessions.on_max_requests = on_max_requests;
    of_sessions.on_max_requests_arg = self;
    of_sessions.answer_first = self->dashboard ? dashboard_answer_first : NULL;
    of_sessions.on_answered = self->dashboard ? dashboard_on_answered : NULL;
    of_sessions.watcher = self->dashboard;
    client_set_own_url(self->client, of_apps.server_url);
    if (status == CSGI_OK) status = app_set_new(self->loop, self->client, &of_apps, &self->apps);
    if (status != CSGI_OK) return status;
    self->sessions = session_set_new(self->apps, &of_sessions, problem);
    if (self->sessions) return CSGI_OK;
    return problem->len ? CSGI_EINVAL : CSGI_ENOMEM;
}

static csgi_status give_sockets(void *arg, uid_t user, gid_t group, buffer *problem)
{
    worker *self = arg;

    return listeners_give(&self->listeners, user, group, problem);
}

/* What only root may do comes before. */
static csgi_status assume_identity(worker *self, buffer *problem)
{
    const server_options *options = self->options;
    csgi_status status = CSGI_OK;

    if (options->pid_file) status = pid_file_create(&self->pid_file, options->pid_file, problem);
    if (status != CSGI_OK) return status;
    return identity_assume(options->user, options->group, give_sockets, self, problem);
}

static csgi_status make_dashboard(worker *self)
{
    const dashboard_parts parts = {
        .loop = self->loop,
        .url = buffer_str(&self->url),
        .has_live_reload = self->has_live_reload,
        .has_unknown_peers = self->options->proxy_protocol,
        .print_status = print_status,
        .arg = self,
    };

    return self->has_dashboard ? dashboard_new(&parts, &self->dashboard) : CSGI_OK;
}

static void on_reload_tried(void *arg, csgi_str problem)
{
    worker *self = arg;

    dev_note_attempt(self->dev, problem);
    if (self->dashboard) dashboard_tell(self->dashboard, true); /* what is wrong is a page too */
}

static csgi_status make_reloader(worker *self, const plugin_choice *choice)
{
    csgi_status status = registry_new(self->loop, self->options, &self->registry);
    reloader_parts parts = { .loop = self->loop,
                             .apps = self->apps,
                             .registry = self->registry,
                             .options = self->options,
                             .choice = choice,
                             .probe_arguments = self->plan ? self->plan->probe_arguments : NULL,
                             .tries_startup = self->plan != NULL,
                             .on_attempt = on_reload_tried,
                             .arg = self };

    if (status == CSGI_OK && self->plan) registry_keep_mapped(self->registry);
    if (status == CSGI_OK) status = reloader_new(&parts, &self->reloader);
    if (status == CSGI_OK && self->dashboard)
        dashboard_open(self->dashboard, self->apps, self->reloader);
    return status;
}

static csgi_status make_parts(worker *self, const plugin_choice *choice, buffer *problem)
{
    csgi_status status = make_loop(self);

    self->max_requests = settings_choose_max_requests(self->options);
    if (status == CSGI_OK) status = bind_listeners(self, problem);
    if (status == CSGI_OK)
        status = control_bind(self->loop, self->options, &self->control, problem);
    if (status == CSGI_OK) status = assume_identity(self, problem);
    if (status == CSGI_OK) status = listeners_print_url(&self->listeners, &self->url);
    if (status == CSGI_OK)
        status = headers_print_lines(&self->options->headers, &self->fixed_lines);
    if (status == CSGI_OK) status = make_dashboard(self);
    if (status == CSGI_OK) status = make_apps(self, problem);
    return status == CSGI_OK ? make_reloader(self, choice) : status;
}

static csgi_status watch_signals(worker *self)
{
    csgi_status status = loop_watch_signal(self->loop, SIGINT, on_signal, self);

    if (status == CSGI_OK) status = loop_watch_signal(self->loop, SIGTERM, on_signal, self);
    if (status == CSGI_OK && early_stop_heeds_hangup())
        status = loop_watch_signal(self->loop, SIGHUP, on_signal, self);
    /* The first process of a container inherits what others leave behind. */
    if (status == CSGI_OK && getpid() == 1) status = orphans_watch(&self->orphans, self->loop);
    return status;
}

/* A plugin's create that never returns holds this thread: two SIGINT end it all the same. */
static csgi_status load_plugins_stoppably(worker *self, const plugin_choice *choice,
                                          buffer *problem)
{
    csgi_status status, watched;

    if (self->options->reload && !self->plan && reloader_watch(self->reloader) != CSGI_OK)
        log_warning("no memory to watch the plugins: SIGHUP reloads them");
    early_stop_watch();
    status = self->plan ? plugins_serve_none(self->apps, problem)
                        : plugins_serve(self->apps, self->options, choice, self->registry, problem);
    watched = watch_signals(self);
    self->stop_asked = early_stop_was_asked();
    return status == CSGI_OK ? watched : status;
}

/* Runs the loop until all that was made is closed again. */
static void run(worker *self, const plugin_choice *choice)
{
    buffer problem = { 0 };
    csgi_status status = make_parts(self, choice, &problem);

    if (status == CSGI_OK) {
        if (!self->plan) log_info("Waiting for application startup.");
        status = load_plugins_stoppably(self, choice, &problem);
    }
    plugins_log_problem(&problem);
    if (status == CSGI_ENOMEM && !problem.len) log_error("no memory to start");
    buffer_fini(&problem);
    if (status != CSGI_OK) {
        log_error("Application startup failed. Exiting.");
        self->exit_status = EXIT_START_FAILED;
        if (self->loop) close_all(self);
    } else {
        app_set_startup(self->apps, on_apps_started, self);
    }
    if (self->loop) loop_run(self->loop);
}

static int serve(const server_options *options, bind_list *binds, const plugin_choice *choice,
                 dev_plan *plan)
{
    worker self = { .options = options,
                    .binds = binds,
                    .plan = plan,
                    .has_dashboard = plan != NULL,
                    .has_live_reload = plan && !plan->leaves_pages,
                    .exit_status = EXIT_SERVED };

    self.began_ns = loop_clock_ns();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a log file at its limit loses lines */
    if (task_install_crash_report() != CSGI_OK)
        log_warning("crashes will not name the plugin: the signal handler could not be installed");
    log_info("Started server process [%d]", (int)getpid());
    run(&self, choice);
    dev_free(self.dev);
    reloader_free(self.reloader);
    registry_free(self.registry);
    session_set_free(self.sessions);
    control_free(self.control);
    dashboard_free(self.dashboard);
    exchange_pool_clear();
    stream_pool_clear();
    if (self.loop) loop_free(self.loop);
    pid_file_remove(&self.pid_file);
    trust_list_fini(&self.proxies);
    buffer_fini(&self.url);
    buffer_fini(&self.fixed_lines);
    log_info("Finished server process [%d]", (int)getpid());
    log_flush();
    return self.exit_status;
}

int worker_run(const server_options *options, bind_list *binds, const plugin_choice *choice)
{
    return serve(options, binds, choice, NULL);
}

int worker_develop(const server_options *options, bind_list *binds, dev_plan *plan)
{
    return serve(options, binds, plan->choice, plan);
}
