/* SPDX-License-Identifier: MIT
 * The server's log (standard error) and access log (standard output). Text that came from outside
 * is escaped. One log a process. */
#ifndef CAPRICORN_LOG_LOG_H
#define CAPRICORN_LOG_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include <csgi/types.h>

/* The values are CSGI_LOG_*'s. */
typedef enum log_level {
    LOG_DEBUG = 10,
    LOG_INFO = 20,
    LOG_WARNING = 30,
    LOG_ERROR = 40,
    LOG_CRITICAL = 50
} log_level;

/* What is below the level is dropped. Colours: on a terminal only. Called once, before other
 * threads. */
void log_init(log_level lowest, bool colors);
bool log_is_on(log_level level);

/* Writes one line "LEVEL:    text", control bytes escaped. It never waits: a line that does not fit
 * is dropped and counted. [any-thread] */
void log_write(log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_vwrite(log_level level, const char *format, va_list args);
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)

/* Adds one finished line to the access log; it reaches standard output by log_flush. [loop] */
void log_access(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Writes out what log_access gathered; the loop calls it once an iteration. [loop] */
void log_flush(void);

#endif
