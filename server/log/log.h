/* SPDX-License-Identifier: MIT
 * The server's log (standard error) and access log (standard output). Text that came from outside
 * is escaped. One log a process. */
#ifndef CAPRICORN_LOG_LOG_H
#define CAPRICORN_LOG_LOG_H

#include <stdarg.h>

#include <csgi/types.h>

/* The values are CSGI_LOG_*'s. */
typedef enum log_level {
    LOG_DEBUG = 10,
    LOG_INFO = 20,
    LOG_WARNING = 30,
    LOG_ERROR = 40,
    LOG_CRITICAL = 50
} log_level;

typedef enum log_style {
    LOG_PLAIN,   /* "INFO:     text" */
    LOG_COLORED, /* the same in colour: for a terminal */
    LOG_JSON     /* {"time":"...","level":"INFO","message":"text"} */
} log_style;

/* What is below the level is dropped. Called once, before other threads. */
void log_init(log_level lowest, log_style style);

/* Writes one line in the log's style, control bytes escaped. It never waits: a line that does not
 * fit is dropped and counted. [any-thread] */
void log_write(log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)

/* Of a line of the access log; what is longer must be cut before. */
#define LOG_ACCESS_MAX ((size_t)4096)
/* Adds one finished line, without its end, to the access log; it reaches standard output by
 * log_flush. In the JSON style it is an object. [loop] */
void log_access(csgi_str line);
/* Writes out what log_access gathered; the loop calls it once an iteration. [loop] */
void log_flush(void);

/* "INFO:     ", as wide for every level, in colour where the style is; returns the bytes written,
 * LOG_LEVEL_ROOM at most. */
#define LOG_LEVEL_ROOM 64
size_t log_print_level(char *out, log_level level);
/* "2026-11-22T13:21:23.123Z", in UTC; returns the bytes written. */
#define LOG_TIME_ROOM 32
size_t log_print_time(char *out);

#endif
