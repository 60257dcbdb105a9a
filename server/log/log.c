/* SPDX-License-Identifier: MIT
 * The log and the access log: lines are escaped, then written only as far as the reader takes them.
 */
#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"

#define LINE_MAX_BYTES   2048  /* of one line's text; the rest is cut off */
#define ACCESS_MAX_BYTES 65536 /* what may wait for standard output */
/* A pipe that polls writable takes this much without waiting: PIPE_BUF. */
#define PIECE_BYTES 4096
/* Of a line beside its text: the level, or JSON's other members; how many were dropped, the end. */
#define FRAME_ROOM   128
#define DROPPED_ROOM 64

static struct {
    log_level lowest;
    log_style style;
    pthread_mutex_t lock; /* one line after the other; guards dropped */
    unsigned dropped;
} the_log = { .lowest = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
    char bytes[ACCESS_MAX_BYTES];
    size_t len;
    unsigned dropped;
} the_access_log;

void log_init(log_level lowest, log_style style)
{
    the_log.lowest = lowest;
    the_log.style = style;
}

/* ---- one line ---- */

typedef struct level_name {
    const char *name, *color;
} level_name;

static const level_name *name_of(log_level level)
{
    static const level_name names[] = {
        { "DEBUG", "36" }, { "INFO", "32" },       { "WARNING", "33" },
        { "ERROR", "31" }, { "CRITICAL", "1;31" },
    };

    return &names[level < LOG_INFO       ? 0
                  : level < LOG_WARNING  ? 1
                  : level < LOG_ERROR    ? 2
                  : level < LOG_CRITICAL ? 3
                                         : 4];
}

size_t log_print_level(char *out, log_level level)
{
    const level_name *it = name_of(level);
    int pad = 9 - (int)strlen(it->name);

    if (the_log.style != LOG_COLORED)
        return (size_t)snprintf(out, LOG_LEVEL_ROOM, "%s:%*s", it->name, pad, "");
    return (size_t)snprintf(out, LOG_LEVEL_ROOM, "\x1b[%sm%s\x1b[0m:%*s", it->color, it->name, pad,
                            "");
}

size_t log_print_time(char *out)
{
    struct timespec now;
    struct tm at;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &at);
    len = strftime(out, LOG_TIME_ROOM, "%Y-%m-%dT%H:%M:%S", &at);
    return len + (size_t)snprintf(out + len, LOG_TIME_ROOM - len, ".%03ldZ", now.tv_nsec / 1000000);
}

typedef struct log_line {
    char bytes[FRAME_ROOM + LINE_MAX_BYTES + DROPPED_ROOM];
    size_t len;
} log_line;

static void line_add(log_line *self, csgi_str text)
{
    memcpy(self->bytes + self->len, text.ptr, text.len);
    self->len += text.len;
}

static void line_add_json(log_line *self, log_level level, csgi_str text)
{
    line_add(self, STR("{\"time\":\""));
    self->len += log_print_time(self->bytes + self->len);
    line_add(self, STR("\",\"level\":\""));
    line_add(self, str_from(name_of(level)->name));
    line_add(self, STR("\",\"message\":\""));
    self->len +=
        escape_json(self->bytes + self->len, sizeof self->bytes - DROPPED_ROOM - self->len, text);
    line_add(self, STR("\"}"));
}

static void line_begin(log_line *self, log_level level, const char *format, va_list args)
{
    char bytes[LINE_MAX_BYTES];
    int len = vsnprintf(bytes, sizeof bytes, format, args);
    csgi_str text = { bytes, len < 0                      ? 0
                             : (size_t)len < sizeof bytes ? (size_t)len
                                                          : sizeof bytes - 1 };

    self->len = 0;
    if (the_log.style == LOG_JSON) {
        line_add_json(self, level, text);
        return;
    }
    self->len = log_print_level(self->bytes, level);
    self->len += escape_line(self->bytes + self->len, sizeof self->bytes - DROPPED_ROOM - self->len,
                             text, false);
}

/* Ends a line, which has DROPPED_ROOM left; returns its length. */
static size_t end_line(char *bytes, size_t len, unsigned dropped)
{
    if (dropped && the_log.style == LOG_JSON) {
        len--; /* the brace */
        len += (size_t)snprintf(bytes + len, DROPPED_ROOM, ",\"dropped_before\":%u}", dropped);
    } else if (dropped) {
        len += (size_t)snprintf(bytes + len, DROPPED_ROOM - 1,
                                " (%u lines before this were dropped)", dropped);
    }
    bytes[len++] = '\n';
    return len;
}

/* ---- writing ---- */

/* Whether a write of up to PIECE_BYTES would not wait. */
static bool is_writable(int fd)
{
    struct pollfd entry = { .fd = fd, .events = POLLOUT };

    return poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT);
}

/* Writes what the reader takes without waiting; returns the bytes taken, or len when it is of no
 * use to try again. */
static size_t write_some(int fd, const char *bytes, size_t len)
{
    size_t done = 0;

    while (done < len && is_writable(fd)) {
        size_t piece = len - done < PIECE_BYTES ? len - done : PIECE_BYTES;
        ssize_t count = write(fd, bytes + done, piece);

        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno == EAGAIN ? done : len;
        done += (size_t)count;
    }
    return done;
}

void log_write(log_level level, const char *format, ...)
{
    log_line line;
    va_list args;

    if (level < the_log.lowest) return;
    va_start(args, format);
    line_begin(&line, level, format, args);
    va_end(args);
    pthread_mutex_lock(&the_log.lock);
    if (is_writable(STDERR_FILENO)) {
        line.len = end_line(line.bytes, line.len, the_log.dropped);
        write_some(STDERR_FILENO, line.bytes, line.len);
        the_log.dropped = 0;
    } else {
        the_log.dropped++;
    }
    pthread_mutex_unlock(&the_log.lock);
}

static bool has_access_room(size_t len)
{
    return len + DROPPED_ROOM <= sizeof the_access_log.bytes - the_access_log.len;
}

void log_access(csgi_str line)
{
    char *end;

    CHECK(line.len <= LOG_ACCESS_MAX);
    if (!has_access_room(line.len)) log_flush();
    if (!has_access_room(line.len)) {
        the_access_log.dropped++;
        return;
    }
    end = the_access_log.bytes + the_access_log.len;
    memcpy(end, line.ptr, line.len);
    the_access_log.len += end_line(end, line.len, the_access_log.dropped);
    the_access_log.dropped = 0;
}

void log_flush(void)
{
    size_t done;

    if (the_access_log.len == 0) return;
    done = write_some(STDOUT_FILENO, the_access_log.bytes, the_access_log.len);
    the_access_log.len -= done;
    memmove(the_access_log.bytes, the_access_log.bytes + done, the_access_log.len);
}
