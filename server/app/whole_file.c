/* SPDX-License-Identifier: MIT
 * Reading a file whole: a thread reads it into memory of its own, since arenas are the loop's, and
 * the task copies that. */
#include "app/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "loop/offload.h"

typedef struct reading {
    char *path;
    buffer bytes;
    size_t max_size;
    const char *did; /* what failed, with its errno */
    int error;
} reading;

static csgi_status fail(reading *self, const char *did)
{
    self->did = did;
    self->error = errno;
    return CSGI_EFAIL;
}

static csgi_status read_open_file(reading *self, int fd)
{
    struct stat found;
    csgi_status status;

    if (fstat(fd, &found)) return fail(self, "look at");
    if (!S_ISREG(found.st_mode)) return CSGI_EINVAL;
    if ((uint64_t)found.st_size > self->max_size) return CSGI_ELIMIT;
    /* In one piece; /proc tells no size. */
    status = buffer_reserve(&self->bytes, (size_t)found.st_size + 1);
    if (status == CSGI_OK) status = buffer_read_all(&self->bytes, fd, self->max_size);
    return status == CSGI_EFAIL ? fail(self, "read") : status;
}

/* On a thread of the pool. Without O_NONBLOCK a FIFO would wait for its writer. */
static csgi_status read_file(void *arg)
{
    reading *self = arg;
    int fd = open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    csgi_status status;

    if (fd < 0) return fail(self, "open");
    status = read_open_file(self, fd);
    close(fd);
    return status;
}

static void explain(const reading *self, csgi_status status, buffer *why)
{
    switch (status) {
    case CSGI_EFAIL:
        buffer_printf(why, "cannot %s %s: %s", self->did, self->path, strerror(self->error));
        break;
    case CSGI_EINVAL:
        buffer_printf(why, "%s is no regular file", self->path);
        break;
    case CSGI_ELIMIT:
        buffer_printf(why, "%s is larger than %zu bytes", self->path, self->max_size);
        break;
    default:
        break;
    }
}

static csgi_status run(loop *runner, arena *into, reading *self, csgi_str *content, buffer *why)
{
    csgi_status result, status = offload_run(runner, read_file, self, &result);
    char *copy;

    if (status == CSGI_ELIMIT) buffer_printf(why, "no thread is free to read %s", self->path);
    if (status != CSGI_OK) return status;
    if (result != CSGI_OK) {
        explain(self, result, why);
        return result;
    }
    copy = arena_alloc(into, self->bytes.len + 1, 1);
    if (!copy) return CSGI_ENOMEM;
    memcpy(copy, self->bytes.bytes, self->bytes.len + 1); /* with the NUL */
    *content = (csgi_str){ copy, self->bytes.len };
    return CSGI_OK;
}

csgi_status whole_file_read(loop *runner, arena *into, csgi_str path, uint64_t max_size,
                            csgi_str *content, buffer *why)
{
    reading self = { .max_size = max_size < SIZE_MAX / 2 ? (size_t)max_size : SIZE_MAX / 2 };
    csgi_status status;

    if (path.len == 0 || memchr(path.ptr, '\0', path.len)) {
        buffer_printf(why, "the path of a file is empty, or has a NUL in it");
        return CSGI_EINVAL;
    }
    self.path = malloc(path.len + 1);
    if (!self.path) return CSGI_ENOMEM;
    memcpy(self.path, path.ptr, path.len);
    self.path[path.len] = '\0';
    status = run(runner, into, &self, content, why);
    buffer_fini(&self.bytes);
    free(self.path);
    return status;
}
