/* SPDX-License-Identifier: MIT
 * POST /guests/{name}: writes a line to a file and answers once the disk has it. fsync knows no
 * other way than to block, so the handler has a thread of its own. GET /guests counts the lines. */
#include <csgi/web.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

CSGI_BLOCKING_POST(sign, "/guests/{name}", CSGI_SUMMARY("Writes a guest down"));
CSGI_GET(count_guests, "/guests", CSGI_SUMMARY("Counts the guests of this run"));

/* Several blocking handlers run at once, and plain ones beside them: what they share has a lock,
 * which nobody holds while it waits. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int guests;

static int add_guests(int more)
{
    int now;

    pthread_mutex_lock(&lock);
    now = guests += more;
    pthread_mutex_unlock(&lock);
    return now;
}

/* One write, so that lines of several threads do not mix. 0, or errno. */
static int append(const char *path, const char *line)
{
    size_t len = strlen(line);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644), error = 0;

    if (fd < 0) return errno;
    if (write(fd, line, len) != (ssize_t)len || fsync(fd)) error = errno ? errno : EIO;
    close(fd);
    return error;
}

static csgi_status sign(csgi_call *call)
{
    const char *name = csgi_path_str(call, "name");
    int error = append(csgi_config_str(call, "file"), csgi_format(call, "%s\n", name));

    if (error) {
        csgi_log(call, CSGI_LOG_ERROR, "cannot write to the guest book: %s", strerror(error));
        return csgi_fail(call, 503, "the guest book cannot be written to");
    }
    return csgi_reply_json(call, 201, "{'guest': %s, 'number': %d}", name, add_guests(1));
}

static csgi_status count_guests(csgi_call *call)
{
    return csgi_reply_json(call, 200, "{'guests': %d}", add_guests(0));
}

CSGI_WEB_PLUGIN("blocking", "1.0.0", "Keeps a guest book", CSGI_ROUTES(sign, count_guests),
                CSGI_CONFIG_STR("file", .default_value = "guests.txt"));
