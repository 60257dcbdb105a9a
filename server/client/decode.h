/* SPDX-License-Identifier: MIT
 * Taking a response's content codings off its body, piece by piece, within a limit: bytes in, bytes
 * out, no I/O. */
#ifndef CAPRICORN_CLIENT_DECODE_H
#define CAPRICORN_CLIENT_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include <csgi/types.h>

#include "base/buffer.h"

/* What a request may say that it takes: the value of Accept-Encoding. */
#define DECODE_ACCEPTED "gzip, deflate, br"
/* How many codings a response may have, one upon the other. */
#define DECODE_CODINGS_MAX ((size_t)3)
/* The most that a sink is given at once, however much a few bytes expand to. */
#define DECODE_PIECE_MAX ((size_t)16384)

typedef struct decoder decoder;

/* Reads the Content-Encoding fields (RFC 9110 section 8.4; names in lower case) and makes what
 * undoes them, to be freed. *out is NULL when there is nothing to undo, which allocates nothing.
 * The body's decoded size may be max_out bytes; its coded form an eighth and 64 KiB more.
 * CSGI_ENOTSUP: a coding is none of ours; the caller may take the body as it is. CSGI_ELIMIT: more
 * than DECODE_CODINGS_MAX. CSGI_ENOMEM. */
csgi_status decode_new(csgi_fields headers, uint64_t max_out, decoder **out);
/* NULL is fine. */
void decode_free(decoder *self);

/* Decodes from *in, which is moved behind what was used, into room (not 0) bytes; *made of them are
 * written. Nothing made: all of *in was used, and nothing is left inside.
 * CSGI_EPROTO: the body is damaged. CSGI_ELIMIT: it is larger than it may be. CSGI_ENOMEM. Each
 * call after a failure gives it again. */
csgi_status decode_some(decoder *self, csgi_str *in, char *out, size_t room, size_t *made);

/* Is given a decoded piece, 1 to DECODE_PIECE_MAX bytes, for the call. False: no more for now. */
typedef bool (*decode_sink)(void *arg, csgi_str piece);
/* Decodes *in piece by piece into the sink, until all is given or the sink says stop. What was used
 * is taken from *in. After a stop call it again with what is left of *in, even if that is nothing:
 * there may be more inside. Fails as decode_some. */
csgi_status decode_write(decoder *self, csgi_str *in, decode_sink sink, void *arg);

/* The body has ended, and all of it was decoded: CSGI_OK, or CSGI_EPROTO if it ended early. A body
 * of no bytes is whole; what follows a coding's own end is ignored, as browsers do, but gzip's
 * further members are decoded (RFC 1952 section 2.2). */
csgi_status decode_end(decoder *self);
/* Appends why it failed: "the gzip body ended early". */
void decode_print_failure(const decoder *self, buffer *why);

#endif
