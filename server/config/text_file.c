/* SPDX-License-Identifier: MIT
 * Reads a small file that people write. */
#include "config/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static csgi_status refuse(const char *path, buffer *problem)
{
    buffer_printf(problem, "%s: cannot be read: %s", path, strerror(errno));
    return CSGI_EINVAL;
}

static csgi_status read_all(int fd, const char *path, buffer *out, buffer *problem)
{
    switch (buffer_read_all(out, fd, TEXT_FILE_MAX)) {
    case CSGI_OK:
        return CSGI_OK;
    case CSGI_EFAIL:
        return refuse(path, problem);
    case CSGI_ELIMIT:
        buffer_printf(problem, "%s: found more than %zu bytes, expected fewer", path,
                      TEXT_FILE_MAX);
        return CSGI_EINVAL;
    default:
        return CSGI_ENOMEM;
    }
}

csgi_status text_file_read(const char *path, buffer *out, buffer *problem)
{
    /* Anything may stand there: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat facts;
    csgi_status status;

    if (fd < 0) return refuse(path, problem);
    if (fstat(fd, &facts) != 0) {
        status = refuse(path, problem);
    } else if (!S_ISREG(facts.st_mode)) {
        buffer_printf(problem, "%s: is no regular file, expected one that can be read to its end",
                      path);
        status = CSGI_EINVAL;
    } else {
        status = read_all(fd, path, out, problem);
    }
    close(fd);
    return status;
}
