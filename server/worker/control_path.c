/* SPDX-License-Identifier: MIT
 * The directories of control sockets. */
#include "worker/control_path.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

enum { DIRECTORY_MAX = 3 };

typedef struct directories {
    size_t count;
    char paths[DIRECTORY_MAX][sizeof((control_place *)0)->path];
} directories;

static void add(directories *self, const char *parent, const char *name)
{
    size_t room = sizeof self->paths[0];
    int len = snprintf(self->paths[self->count], room, "%s/%s", parent, name);

    if (len > 0 && (size_t)len < room) self->count++;
}

/* After su it is often that of the user before, who could rename what is in it. */
static bool is_of_this_user(const char *runtime)
{
    struct stat found;

    return stat(runtime, &found) != 0 || found.st_uid == geteuid();
}

/* The best one first. A server of this user may be in any of them: environments differ. */
static directories list_directories(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char name[32];
    directories all = { 0 };

    if (runtime && *runtime == '/' && is_of_this_user(runtime)) add(&all, runtime, "capricorn");
    if (geteuid() == 0) add(&all, "/run", "capricorn");
    snprintf(name, sizeof name, "capricorn-%u", (unsigned)geteuid());
    add(&all, "/tmp", name);
    return all;
}

/* Where others could put their files, they could answer in a server's place. */
static bool is_own(const char *path)
{
    struct stat found;

    return lstat(path, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
           (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The number of "123.sock", or 0. */
static pid_t pid_of(const char *name)
{
    csgi_str rest = str_from(name), digits = str_take(&rest, '.');
    uint64_t number;

    if (!str_eq(rest, STR("sock")) || !str_parse_u64(digits, &number)) return 0;
    return number <= INT32_MAX ? (pid_t)number : 0;
}

static bool place_in(control_place *self, const char *directory, pid_t pid)
{
    int len = snprintf(self->path, sizeof self->path, "%s/%d.sock", directory, (int)pid);

    self->pid = pid;
    return len > 0 && (size_t)len < sizeof self->path;
}

static bool listens(const control_place *it)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_there;

    if (fd < 0) return false;
    memcpy(to.sun_path, it->path, sizeof to.sun_path);
    is_there = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno == EAGAIN;
    close(fd);
    return is_there;
}

/* Calls fn for each socket in the directory. */
static void each_in(const char *directory, void (*fn)(void *arg, const control_place *it),
                    void *arg)
{
    DIR *opened = is_own(directory) ? opendir(directory) : NULL;
    struct dirent *entry;

    while (opened && (entry = readdir(opened))) {
        pid_t pid = pid_of(entry->d_name);
        control_place it;

        if (pid && place_in(&it, directory, pid)) fn(arg, &it);
    }
    if (opened) closedir(opened);
}

/* Another's number space may be in use here (a container's), so the process alone is no proof. */
static void remove_stale(void *arg, const control_place *it)
{
    (void)arg;
    if (kill(it->pid, 0) != 0 && errno == ESRCH && !listens(it)) unlink(it->path);
}

csgi_status control_path_choose(control_place *out, buffer *problem)
{
    directories all = list_directories();

    for (size_t i = 0; i < all.count; i++) {
        const char *path = all.paths[i];

        if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST) continue;
        if (!is_own(path) || access(path, W_OK) != 0 || !place_in(out, path, getpid())) continue;
        each_in(path, remove_stale, NULL);
        return CSGI_OK;
    }
    buffer_printf(problem, "no directory of this user's for it (");
    for (size_t i = 0; i < all.count; i++)
        buffer_printf(problem, "%s%s", i ? ", " : "", all.paths[i]);
    buffer_printf(problem, "): say where with --control-socket");
    return CSGI_EFAIL;
}

typedef struct search {
    control_place *out;
    size_t room, count;
} search;

static void find(void *arg, const control_place *it)
{
    search *self = arg;

    if (!listens(it)) return;
    if (self->count < self->room) self->out[self->count] = *it;
    self->count++;
}

size_t control_path_find(control_place *out, size_t room)
{
    directories all = list_directories();
    search self = { out, room, 0 };

    for (size_t i = 0; i < all.count; i++)
        each_in(all.paths[i], find, &self);
    return self.count;
}
