/* SPDX-License-Identifier: MIT
 * Running a compiler. */
#include "reload/build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "loop/readiness.h"
#include "loop/task.h"

#define PIECE_SIZE ((size_t)16384)

extern char **environ;

/* The environment without the sanitizer that a server was started with, for its plugins: compilers
 * are slow with it. */
static char **plain_environment(void)
{
    size_t count = 0, kept = 0;
    char **list;

    while (environ[count])
        count++;
    list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; list && i < count; i++) {
        bool is_preload = strncmp(environ[i], "LD_PRELOAD=", 11) == 0;

        if (!is_preload || !strstr(environ[i], "libasan")) list[kept++] = environ[i];
    }
    return list;
}

/* A group of its own, so that what it starts can be killed too, and the signals of a new program.
 */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, usual;
    int failed =
        posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETSIGDEF);

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    sigaddset(&usual, SIGHUP);
    if (!failed) failed = posix_spawnattr_setpgroup(attributes, 0);
    if (!failed) failed = posix_spawnattr_setsigmask(attributes, &none);
    return failed ? failed : posix_spawnattr_setsigdefault(attributes, &usual);
}

static int add_actions(posix_spawn_file_actions_t *actions, const char *directory, int output)
{
    int failed = 0;

    if (directory) failed = posix_spawn_file_actions_addchdir_np(actions, directory);
    if (!failed)
        failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!failed) failed = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    return failed ? failed : posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
}

static int spawn(const build_order *order, int output, pid_t *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = plain_environment();
    int failed = environment ? posix_spawn_file_actions_init(&actions) : ENOMEM;

    if (failed) goto no_actions;
    failed = posix_spawnattr_init(&attributes);
    if (failed) goto no_attributes;
    failed = set_attributes(&attributes);
    if (!failed) failed = add_actions(&actions, order->directory, output);
    if (!failed)
        failed = posix_spawnp(out, order->arguments[0], &actions, &attributes, order->arguments,
                              environment);
    posix_spawnattr_destroy(&attributes);
no_attributes:
    posix_spawn_file_actions_destroy(&actions);
no_actions:
    free(environment);
    return failed;
}

/* What is beyond the limit is read and forgotten: a writer must not wait for us. */
static csgi_status take_piece(int fd, buffer *output, size_t limit, bool *has_ended)
{
    char piece[PIECE_SIZE];
    ssize_t count = read(fd, piece, sizeof piece);
    size_t room = output->len < limit ? limit - output->len : 0;

    *has_ended = count == 0;
    if (count < 0) return errno == EINTR || errno == EAGAIN ? CSGI_OK : CSGI_EFAIL;
    return buffer_append(output, piece, (size_t)count < room ? (size_t)count : room);
}

/* Until the last writer has gone. [suspends] */
static csgi_status read_output(loop *runner, int fd, buffer *output)
{
    size_t limit = output->len + BUILD_OUTPUT_MAX;
    csgi_status status = CSGI_OK;
    bool has_ended = false;
    unsigned ready;

    while (status == CSGI_OK && !has_ended) {
        status = readiness_wait(runner, fd, READINESS_READ, UINT64_MAX, &ready);
        if (status == CSGI_OK) status = take_piece(fd, output, limit, &has_ended);
    }
    return status;
}

/* [suspends] */
static int wait_for(loop *runner, pid_t child)
{
    int how = 0;
    pid_t ended;

    while ((ended = waitpid(child, &how, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (task_sleep(runner, 1) != CSGI_OK) kill(-child, SIGKILL);
    }
    return ended < 0 ? 0 : how; /* as process 1 the server may have reaped it already */
}

csgi_status build_run(build *self, loop *runner, const build_order *order, buffer *output)
{
    int ends[2], failed, how;
    csgi_status status;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return CSGI_ENOMEM;
    fcntl(ends[1], F_SETFL, 0); /* the child's end blocks */
    failed = spawn(order, ends[1], &child);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        buffer_printf(output, "%s cannot be run: %s\n", order->arguments[0], strerror(failed));
        return CSGI_EFAIL;
    }
    *self = (build){ .child = child };
    status = read_output(runner, ends[0], output);
    close(ends[0]);
    if (status != CSGI_OK) kill(-child, SIGKILL);
    how = wait_for(runner, child);
    self->child = 0;
    if (self->is_stopped) return CSGI_EBUSY;
    if (status != CSGI_OK) return status;
    if (WIFSIGNALED(how))
        buffer_printf(output, "%s was killed (%s)\n", order->arguments[0],
                      strsignal(WTERMSIG(how)));
    return how == 0 ? CSGI_OK : CSGI_EFAIL;
}

void build_stop(build *self)
{
    if (!self->child) return;
    self->is_stopped = true;
    kill(-self->child, SIGKILL);
}
