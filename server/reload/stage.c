/* SPDX-License-Identifier: MIT
 * Taking copies: waiting writers out by a lease, hashing, copying, all through one descriptor. */
#include "reload/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/str.h"

/* Nobody else's directory begins with it: those of dead servers are removed. */
#define NAME_PREFIX "capricorn-loaded-copies."
#define COPY_SIZE   ((size_t)65536)
/* One that was made this recently may be about to be locked. */
#define LEFT_AFTER_S 60
/* Where there are no leases a file that was written this recently may not be whole. */
#define QUIET_NS INT64_C(20000000)

struct stage {
    char *path;     /* NULL: there is none */
    int fd;         /* of the directory; it is locked as long as this server lives */
    bool in_memory; /* nothing may be mapped from there, or there is no directory */
    unsigned next;  /* makes names unique */
};

__attribute__((format(printf, 3, 4))) static stage_result refuse(buffer *problem, const char *file,
                                                                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (buffer_printf(problem, "%s: ", file) == CSGI_OK) buffer_vprintf(problem, format, args);
    va_end(args);
    return STAGE_REFUSED;
}

/* ---- the directory ---- */

/* Copies, and what is compiled there: others put nothing into it. */
static bool is_ours(csgi_str name)
{
    static const csgi_str endings[] = { CSGI_STR(".so"), CSGI_STR(".so.new"), CSGI_STR(".d"),
                                        CSGI_STR(".json") };

    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        csgi_str end = endings[i];

        if (name.len > end.len && str_eq(str_slice(name, name.len - end.len, end.len), end))
            return true;
    }
    return false;
}

static void remove_files(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;

    if (!list) {
        if (copy >= 0) close(copy);
        return;
    }
    while ((entry = readdir(list))) {
        if (is_ours(str_from(entry->d_name))) unlinkat(directory, entry->d_name, 0);
    }
    closedir(list);
}

/* Its server holds a lock on it, as long as that lives. */
static void remove_if_left(int parent, const char *name)
{
    int found = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat about;

    if (found < 0) return;
    if (fstat(found, &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 07777) == 0700 &&
        about.st_mtime < time(NULL) - LEFT_AFTER_S && flock(found, LOCK_EX | LOCK_NB) == 0) {
        remove_files(found);
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    close(found);
}

static void remove_leftovers(const char *parent)
{
    DIR *list = opendir(parent);
    const struct dirent *entry;

    if (!list) return;
    while ((entry = readdir(list))) {
        if (strncmp(entry->d_name, NAME_PREFIX, sizeof NAME_PREFIX - 1) == 0)
            remove_if_left(dirfd(list), entry->d_name);
    }
    closedir(list);
}

/* Others who may rename in it could put their code in the place of what is mapped next: after su,
 * $XDG_RUNTIME_DIR is often still that of the user before. */
static bool is_usable(const char *directory)
{
    struct stat about;

    if (!directory || access(directory, W_OK | X_OK) != 0 || stat(directory, &about) != 0)
        return false;
    if (about.st_uid != geteuid() && about.st_uid != 0) return false;
    return (about.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (about.st_mode & S_ISVTX) != 0;
}

static const char *choose_parent(void)
{
    const char *chosen = getenv("XDG_RUNTIME_DIR");

    if (!is_usable(chosen)) chosen = getenv("TMPDIR");
    return is_usable(chosen) ? chosen : "/tmp";
}

static void make_directory(stage *self, const char *parent)
{
    struct statvfs about;

    if (asprintf(&self->path, "%s/" NAME_PREFIX "XXXXXX", parent) < 0) self->path = NULL;
    if (self->path && mkdtemp(self->path))
        self->fd = open(self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->fd < 0) {
        free(self->path);
        self->path = NULL;
        self->in_memory = true;
        return;
    }
    flock(self->fd, LOCK_EX | LOCK_NB);
    self->in_memory = fstatvfs(self->fd, &about) == 0 && (about.f_flag & ST_NOEXEC);
}

csgi_status stage_open(const char *parent, stage **out)
{
    stage *self = calloc(1, sizeof *self);

    if (!self) return CSGI_ENOMEM;
    if (!parent) parent = choose_parent();
    remove_leftovers(parent);
    self->fd = -1;
    make_directory(self, parent);
    *out = self;
    return CSGI_OK;
}

void stage_close(stage *self)
{
    if (!self) return;
    if (self->path) {
        remove_files(self->fd);
        rmdir(self->path);
        close(self->fd);
    }
    free(self->path);
    free(self);
}

const char *stage_directory(const stage *self)
{
    return self->path;
}

/* ---- is it whole? ---- */

static bool is_same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool was_just_written(const struct stat *about)
{
    struct timespec now;
    int64_t age_ns;

    clock_gettime(CLOCK_REALTIME, &now);
    age_ns = (now.tv_sec - about->st_mtim.tv_sec) * INT64_C(1000000000) +
             (now.tv_nsec - about->st_mtim.tv_nsec);
    return age_ns >= 0 && age_ns < QUIET_NS;
}

/* A lease is granted when nobody has the file open for writing, and keeps who opens it so waiting
 * until it is given up. Some file systems have none, and others' files are not leased. */
static stage_result lease(int fd, const struct stat *about)
{
    /* What a writer's arrival sends: the default of this one is to be ignored. */
    fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) return STAGE_TAKEN;
    if (errno == EAGAIN) return STAGE_BUSY;
    return was_just_written(about) ? STAGE_BUSY : STAGE_TAKEN;
}

/* ---- copying ---- */

static uint64_t hash_more(uint64_t hash, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) /* FNV-1a */
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

static bool write_all(int fd, const unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, bytes, len);

        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        bytes += count;
        len -= (size_t)count;
    }
    return true;
}

/* Reads all of it, into to unless that is -1, and counts. */
static bool read_all(int from, int to, uint64_t *hash, int64_t *size)
{
    static _Thread_local unsigned char piece[COPY_SIZE];
    ssize_t count;

    *hash = UINT64_C(14695981039346656037);
    *size = 0;
    while ((count = pread(from, piece, sizeof piece, *size)) != 0) {
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 || (to >= 0 && !write_all(to, piece, (size_t)count))) return false;
        *hash = hash_more(*hash, piece, (size_t)count);
        *size += count;
    }
    return true;
}

/* "weather" of "plugins/weather.so", as much as a name takes. */
static csgi_str stem_of(const char *source)
{
    const char *slash = strrchr(source, '/');
    csgi_str name = str_from(slash ? slash + 1 : source);

    if (name.len > 3 && strcmp(name.ptr + name.len - 3, ".so") == 0) name.len -= 3;
    return str_slice(name, 0, 64);
}

/* A new file for the copy, or memory. */
static int open_copy(const stage *self, const char *name, bool in_memory, staged *out)
{
    if (in_memory) {
        out->fd = memfd_create(name, MFD_CLOEXEC);
        if (out->fd < 0 || asprintf(&out->image, "/proc/self/fd/%d", out->fd) >= 0) return out->fd;
        out->image = NULL;
        return -1;
    }
    if (asprintf(&out->image, "%s/%s", self->path, name) < 0) {
        out->image = NULL;
        return -1;
    }
    return open(out->image, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
}

static bool copy_to(const stage *self, const char *name, bool in_memory, int from, staged *out)
{
    int to = open_copy(self, name, in_memory, out);
    uint64_t hash;
    int64_t size;
    bool copied = to >= 0 && read_all(from, to, &hash, &size);

    if (to >= 0 && to != out->fd) close(to);
    if (!copied) staged_discard(out);
    return copied;
}

static stage_result copy(stage *self, const char *source, uint64_t generation, int from,
                         staged *out)
{
    csgi_str stem = stem_of(source);
    unsigned number = __atomic_add_fetch(&self->next, 1, __ATOMIC_RELAXED);
    char name[160], hash[STAGE_HASH_SIZE];
    bool copied;

    memcpy(hash, out->hash, sizeof hash);
    snprintf(name, sizeof name, "%.*s.%" PRIu64 ".%s.%u.so", STR_ARG(stem), generation, hash,
             number);
    copied = (!self->in_memory && copy_to(self, name, false, from, out)) ||
             copy_to(self, name, true, from, out);
    memcpy(out->hash, hash, sizeof hash);
    return copied ? STAGE_TAKEN : STAGE_NO_COPY;
}

static stage_result take(stage *self, const char *source, uint64_t generation, const char *known,
                         int fd, staged *out, buffer *problem)
{
    size_t told = problem->len;
    struct stat before, after;
    stage_result result;
    uint64_t hash;
    int64_t size;

    if (fstat(fd, &before) != 0) return refuse(problem, source, "%s", strerror(errno));
    if (!S_ISREG(before.st_mode)) return refuse(problem, source, "it is no regular file");
    result = lease(fd, &before);
    if (result != STAGE_TAKEN) return result;
    if (!read_all(fd, -1, &hash, &size))
        return refuse(problem, source, "cannot be read: %s", strerror(errno));
    snprintf(out->hash, sizeof out->hash, "%016" PRIx64, hash);
    if (known && strcmp(known, out->hash) == 0)
        result = STAGE_SAME;
    else
        result = copy(self, source, generation, fd, out);
    out->device = before.st_dev;
    out->inode = before.st_ino;
    if (fstat(fd, &after) != 0 || !is_same_state(&before, &after) || size != after.st_size) {
        problem->len = told; /* what others complain of stays */
        return STAGE_BUSY;
    }
    return result;
}

stage_result stage_take(stage *self, const char *source, uint64_t generation, const char *known,
                        staged *out, buffer *problem)
{
    int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    staged taken = { .fd = -1 };
    stage_result result;

    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return STAGE_GONE;
        if (errno == EWOULDBLOCK) return STAGE_BUSY;
        return refuse(problem, source, "cannot be opened: %s", strerror(errno));
    }
    result = take(self, source, generation, known, fd, &taken, problem);
    close(fd); /* and with it the lease */
    if (result == STAGE_TAKEN || result == STAGE_NO_COPY)
        *out = taken;
    else
        staged_discard(&taken);
    return result;
}

void staged_discard(staged *self)
{
    if (self->fd >= 0)
        close(self->fd);
    else if (self->image)
        unlink(self->image);
    free(self->image);
    *self = (staged){ .fd = -1 };
}
