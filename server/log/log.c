/* SPDX-License-Identifier: MIT
 * The log and the access log: lines are escaped, then written only as far as the reader takes them.
 */
#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES   2048  /* of one line's text; the rest is cut off */
#define ACCESS_MAX_BYTES 65536 /* what may wait for standard output */
/* A pipe that polls writable takes this much without waiting: PIPE_BUF. */
#define PIECE_BYTES 4096
/* Of a line beside its text: the level in colour; how many were dropped, and the end. */
#define LEVEL_ROOM   64
#define DROPPED_ROOM 64

static struct {
    log_level lowest;
    bool colors;
    pthread_mutex_t lock; /* one line after the other; guards dropped */
    unsigned dropped;
} the_log = { .lowest = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
    char bytes[ACCESS_MAX_BYTES];
    size_t len;
    unsigned dropped;
} the_access_log;

void log_init(log_level lowest, bool colors)
{
    the_log.lowest = lowest;
    the_log.colors = colors;
}

bool log_is_on(log_level level)
{
    return level >= the_log.lowest;
}

/* "INFO:     ", as wide for every level; in colour on a terminal. */
static int print_level(char *out, size_t size, log_level level)
{
    static const struct {
        const char *name, *color;
    } levels[] = {
        { "DEBUG", "36" }, { "INFO", "32" },       { "WARNING", "33" },
        { "ERROR", "31" }, { "CRITICAL", "1;31" },
    };
    size_t index = level < LOG_INFO       ? 0
                   : level < LOG_WARNING  ? 1
                   : level < LOG_ERROR    ? 2
                   : level < LOG_CRITICAL ? 3
                                          : 4;
    const char *name = levels[index].name;
    int pad = 9 - (int)strlen(name);

    if (!the_log.colors) return snprintf(out, size, "%s:%*s", name, pad, "");
    return snprintf(out, size, "\x1b[%sm%s\x1b[0m:%*s", levels[index].color, name, pad, "");
}

/* Copies text with control bytes as \xNN; returns the bytes written, never more than size. */
static size_t escape(char *out, size_t size, const char *text, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != 0x7f) {
            if (at + 1 > size) break;
            out[at++] = (char)c;
            continue;
        }
        if (at + 4 > size) break;
        memcpy(out + at, "\\x", 2);
        out[at + 2] = digits[c >> 4];
        out[at + 3] = digits[c & 15];
        at += 4;
    }
    return at;
}

/* One line, being made. */
typedef struct log_line {
    char bytes[LEVEL_ROOM + LINE_MAX_BYTES + DROPPED_ROOM];
    size_t len;
} log_line;

static void line_begin(log_line *self, log_level level, const char *format, va_list args)
{
    char text[LINE_MAX_BYTES];
    int len = vsnprintf(text, sizeof text, format, args);

    self->len = (size_t)print_level(self->bytes, LEVEL_ROOM, level);
    if (len < 0) return;
    self->len += escape(self->bytes + self->len, sizeof self->bytes - DROPPED_ROOM - self->len,
                        text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

static void line_end(log_line *self, unsigned dropped)
{
    if (dropped) {
        self->len += (size_t)snprintf(self->bytes + self->len, DROPPED_ROOM - 1,
                                      " (%u lines before this were dropped)", dropped);
    }
    self->bytes[self->len++] = '\n';
}

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

void log_vwrite(log_level level, const char *format, va_list args)
{
    log_line line;

    if (!log_is_on(level)) return;
    line_begin(&line, level, format, args);
    pthread_mutex_lock(&the_log.lock);
    if (is_writable(STDERR_FILENO)) {
        line_end(&line, the_log.dropped);
        write_some(STDERR_FILENO, line.bytes, line.len);
        the_log.dropped = 0;
    } else {
        the_log.dropped++;
    }
    pthread_mutex_unlock(&the_log.lock);
}

void log_write(log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_vwrite(level, format, args);
    va_end(args);
}

void log_access(const char *format, ...)
{
    log_line line;
    va_list args;

    va_start(args, format);
    line_begin(&line, LOG_INFO, format, args);
    va_end(args);
    line_end(&line, the_access_log.dropped);
    if (line.len > sizeof the_access_log.bytes - the_access_log.len) log_flush();
    if (line.len > sizeof the_access_log.bytes - the_access_log.len) {
        the_access_log.dropped++;
        return;
    }
    memcpy(the_access_log.bytes + the_access_log.len, line.bytes, line.len);
    the_access_log.len += line.len;
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
