/* SPDX-License-Identifier: MIT
 * Makes and removes the file that says the server's process id. */
#include "worker/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "log/log.h"

#define TEXT_MAX  32  /* of a process id, with its line end */
#define PATH_ROOM 512 /* of the file's path, which gets a suffix while it is made */
#define TRIES     10  /* others may replace the file at the same time */

static csgi_status refuse(const char *path, const char *doing, buffer *problem)
{
    buffer_printf(problem, "--pid-file: %s %s: %s", doing, path, strerror(errno));
    return CSGI_EFAIL;
}

/* Makes a file of its own name, locked, with our process id in it. */
static csgi_status make_draft(const char *draft, int *fd, buffer *problem)
{
    char text[TEXT_MAX];
    int len = snprintf(text, sizeof text, "%d\n", (int)getpid());

    unlink(draft); /* of a process that had our number */
    *fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (*fd < 0) return refuse(draft, "cannot make", problem);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0 && write(*fd, text, (size_t)len) == len) return CSGI_OK;
    refuse(draft, "cannot write", problem);
    unlink(draft);
    close(*fd);
    return CSGI_EFAIL;
}

static bool is_file_of(int fd, const char *path)
{
    struct stat open_one, named;

    errno = 0;
    return fstat(fd, &open_one) == 0 && lstat(path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/* Devices and FIFOs say nothing when read, as an empty file does. */
static csgi_status check_regular(int fd, const char *path, buffer *problem)
{
    struct stat is;

    if (fstat(fd, &is) != 0) return refuse(path, "cannot look at", problem);
    if (S_ISREG(is.st_mode)) return CSGI_OK;
    buffer_printf(problem, "--pid-file: %s is no regular file: it is left alone", path);
    return CSGI_EFAIL;
}

/* A process id and a line end, or nothing. */
static bool is_process_id(csgi_str text)
{
    uint64_t number;

    if (text.len && text.ptr[text.len - 1] == '\n') text.len--;
    return text.len == 0 || str_parse_u64(text, &number);
}

/* Puts the draft in the place of the file that is open as fd, if no process holds that. *again: it
 * was another's in the meantime. */
static csgi_status replace(int fd, const char *draft, const char *path, bool *again,
                           buffer *problem)
{
    char text[TEXT_MAX + 1];
    ssize_t len = read(fd, text, sizeof text);
    csgi_str content = { text, len > 0 ? (size_t)len : 0 };

    if (len < 0) return refuse(path, "cannot read", problem);
    if (len > TEXT_MAX || !is_process_id(content)) {
        buffer_printf(problem,
                      "--pid-file: %s holds something else than a process id: it is left alone",
                      path);
        return CSGI_EFAIL;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        content = str_slice(content, 0, str_find_char(content, '\n'));
        buffer_printf(problem, "--pid-file: %s belongs to process %.*s, which is running", path,
                      STR_ARG(content));
        return CSGI_EFAIL;
    }
    *again = !is_file_of(fd, path);
    if (*again || rename(draft, path) == 0) return CSGI_OK;
    return refuse(path, "cannot make", problem);
}

/* Gives the draft its name. */
static csgi_status publish(const char *draft, const char *path, buffer *problem)
{
    for (unsigned i = 0; i < TRIES; i++) {
        bool again = false;
        csgi_status status;
        int fd;

        if (link(draft, path) == 0) return unlink(draft) == 0 ? CSGI_OK : CSGI_EFAIL;
        if (errno != EEXIST) return refuse(path, "cannot make", problem);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT) continue;
        if (fd < 0) return refuse(path, "cannot read", problem);
        status = check_regular(fd, path, problem);
        if (status == CSGI_OK) status = replace(fd, draft, path, &again, problem);
        close(fd);
        if (status != CSGI_OK || !again) return status;
    }
    errno = EBUSY;
    return refuse(path, "cannot make", problem);
}

csgi_status pid_file_create(pid_file *self, const char *path, buffer *problem)
{
    char draft[PATH_ROOM];
    csgi_status status;
    int len = snprintf(draft, sizeof draft, "%s.%d", path, (int)getpid());
    int fd;

    if (len < 0 || (size_t)len >= sizeof draft) {
        errno = ENAMETOOLONG;
        return refuse(path, "cannot make", problem);
    }
    status = make_draft(draft, &fd, problem);
    if (status != CSGI_OK) return status;
    status = publish(draft, path, problem);
    if (status != CSGI_OK) {
        unlink(draft);
        close(fd);
        return status;
    }
    *self = (pid_file){ path, fd };
    return CSGI_OK;
}

void pid_file_remove(pid_file *self)
{
    if (!self->path) return;
    /* A folder that we may not even look into has nobody else's file there either. */
    if ((is_file_of(self->fd, self->path) || errno == EACCES) && unlink(self->path) != 0) {
        log_warning("--pid-file: cannot remove %s: %s (it was emptied)", self->path,
                    strerror(errno));
        if (ftruncate(self->fd, 0) != 0) log_warning("--pid-file: it was not: %s", strerror(errno));
    }
    close(self->fd);
    self->path = NULL;
}
