/* SPDX-License-Identifier: MIT
 * The lines of the access log: a format, read once, and the line it makes of a request. */
#ifndef CAPRICORN_SESSION_ACCESS_LOG_H
#define CAPRICORN_SESSION_ACCESS_LOG_H

#include "base/buffer.h"
#include "exchange/exchange.h"

/* The format of Uvicorn's lines, of its own atoms; its level prefix is not part of it. */
#define ACCESS_LOG_DEFAULT "%(client_addr)s - \"%(request_line)s\" %(status_code)s"

typedef struct access_log access_log;

/* Reads a format of "%(ATOM)s" and literal text; "%%" is a percent sign. NULL: Uvicorn's line
 * behind its "INFO:     ". What came from outside is escaped: control bytes, quotes and backslashes
 * as \xNN. CSGI_EINVAL: *problem is a sentence with the column. CSGI_ENOMEM. */
csgi_status access_log_new(const char *format, access_log **out, buffer *problem);
/* Instead of a format: a JSON object for each request. */
csgi_status access_log_new_json(access_log **out);
void access_log_free(access_log *self);

/* Must began_ns be known? */
bool access_log_needs_clock(const access_log *self);
/* Adds the line of a request whose response has ended. [loop] */
void access_log_write(const access_log *self, const exchange *request);

#endif
