/* SPDX-License-Identifier: MIT
 * Watching by inotify: always directories, never files, since a file that is replaced takes its
 * watch with it. */
#include "reload/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "log/log.h"
#include "loop/readiness.h"
#include "loop/task.h"

#define EVENTS                                                                          \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
    loop *loop;
    watch_options options;
    watch_fn on_change;
    void *arg;
    task *task;
    int fd;        /* inotify's; -1: it is polled */
    bool is_blind; /* something is not watched as it should be: look from time to time too */
    bool is_warned;
    bool is_closing;
    char **paths;
    size_t count;
    char changed[NAME_MAX + 1];
};

static const task_label label = { CSGI_STR("capricorn"), CSGI_STR("watch") };

/* ---- what is watched ---- */

static void add_directory(watch *self, const char *path)
{
    if (self->fd < 0 || inotify_add_watch(self->fd, path, EVENTS) >= 0) return;
    self->is_blind = true;
    if (errno == ENOENT || errno == ENOTDIR || self->is_warned) return;
    self->is_warned = true;
    log_warning("%s cannot be watched (%s): it is looked at every %" PRIu64 " ms instead", path,
                strerror(errno), self->options.poll_ms);
}

/* The directory that an entry stands in. */
static void add_parent(watch *self, const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    if (!slash) {
        add_directory(self, ".");
    } else if (len < sizeof parent) {
        memcpy(parent, path, len);
        parent[len] = '\0';
        add_directory(self, len ? parent : "/");
    }
}

/* Where it stands, where a symbolic link leads, and what is in it. */
static void add_path(watch *self, const char *path)
{
    char real[PATH_MAX];
    struct stat about;

    add_parent(self, path);
    if (!realpath(path, real)) return;
    if (strcmp(real, path) != 0) add_parent(self, real);
    if (stat(real, &about) == 0 && S_ISDIR(about.st_mode)) add_directory(self, real);
}

/* Also what is watched already, since another directory may be there now. What is not wanted any
 * more stays watched: it tells too often, that is all. */
static void add_all(watch *self)
{
    self->is_blind = false;
    for (size_t i = 0; i < self->count; i++)
        add_path(self, self->paths[i]);
}

/* ---- what is told ---- */

static void take_events(watch *self)
{
    _Alignas(struct inotify_event) char bytes[16384];
    ssize_t count;

    while ((count = read(self->fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < count;) {
            const struct inotify_event *event = (const void *)(bytes + at);

            at += (ssize_t)(sizeof *event + event->len);
            /* The first that is no editor's own is named. */
            if (event->len && event->name[0] != '.' && !self->changed[0])
                snprintf(self->changed, sizeof self->changed, "%s", event->name);
        }
    }
}

/* Until it has been quiet. [suspends] */
static csgi_status settle(watch *self)
{
    uint64_t end_ms = loop_now_ms(self->loop) + self->options.most_ms;
    csgi_status status = CSGI_OK;
    unsigned ready;

    while (status == CSGI_OK && loop_now_ms(self->loop) < end_ms) {
        take_events(self);
        status =
            readiness_wait(self->loop, self->fd, READINESS_READ, self->options.quiet_ms, &ready);
    }
    add_all(self);
    return status == CSGI_ETIMEDOUT ? CSGI_OK : status;
}

/* Until something may have happened. [suspends] */
static csgi_status wait_for_event(watch *self)
{
    csgi_status status;
    unsigned ready;

    do {
        if (self->fd < 0) return task_sleep(self->loop, self->options.poll_ms);
        status =
            readiness_wait(self->loop, self->fd, READINESS_READ, self->options.poll_ms, &ready);
        if (status == CSGI_ETIMEDOUT && self->is_blind) {
            add_all(self);
            return CSGI_OK;
        }
    } while (status == CSGI_ETIMEDOUT);
    return status == CSGI_OK ? settle(self) : status;
}

static csgi_status run(void *arg)
{
    watch *self = arg;

    while (!self->is_closing) {
        csgi_status status = wait_for_event(self);

        if (status != CSGI_OK) return status;
        self->on_change(self->arg, self->changed);
        self->changed[0] = '\0';
    }
    return CSGI_OK;
}

/* ---- public ---- */

static void free_paths(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}

static void on_end(void *arg, csgi_status status)
{
    watch *self = arg;

    (void)status;
    if (self->fd >= 0) close(self->fd);
    free_paths(self->paths, self->count);
    free(self);
}

csgi_status watch_new(loop *runner, const watch_options *options, watch_fn on_change, void *arg,
                      watch **out)
{
    watch *self = calloc(1, sizeof *self);
    csgi_status status;

    if (!self) return CSGI_ENOMEM;
    self->loop = runner;
    self->options = *options;
    self->on_change = on_change;
    self->arg = arg;
    self->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (self->fd < 0)
        log_warning("the system does not tell of changed files (%s): they are looked at every "
                    "%" PRIu64 " ms instead",
                    strerror(errno), options->poll_ms);
    status = task_spawn(runner, &label, 0, run, on_end, self, &self->task);
    if (status != CSGI_OK) {
        if (self->fd >= 0) close(self->fd);
        free(self);
        return status;
    }
    *out = self;
    return CSGI_OK;
}

csgi_status watch_set(watch *self, const char *const *paths, size_t count)
{
    char **copies = calloc(count + 1, sizeof *copies);

    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = strdup(paths[i]);
        if (copies[i]) continue;
        free_paths(copies, i);
        return CSGI_ENOMEM;
    }
    if (!copies) return CSGI_ENOMEM;
    free_paths(self->paths, self->count);
    self->paths = copies;
    self->count = count;
    add_all(self);
    return CSGI_OK;
}

void watch_close(watch *self)
{
    if (!self) return;
    self->is_closing = true;
    task_cancel(self->task);
}
