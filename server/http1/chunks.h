/* SPDX-License-Identifier: MIT
 * The chunks of a request's body (RFC 9112 section 7.1), up to the line of the last one: the
 * trailers are fields. llhttp is not asked: its releases differ in which extensions they refuse,
 * and none bounds them. No I/O and no memory. */
#ifndef CAPRICORN_HTTP1_CHUNKS_H
#define CAPRICORN_HTTP1_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

typedef struct chunk_reader {
    uint64_t left;      /* of the chunk: its size while that is read */
    uint32_t extra_len; /* bytes of all lines beyond plain sizes: extensions, leading zeros */
    uint8_t digits, state;
} chunk_reader;

typedef enum chunk_result {
    CHUNK_MORE, /* all bytes are used */
    CHUNK_SIZE, /* a chunk's line is over; left bytes of body follow */
    CHUNK_BODY, /* the last body_len bytes that were used are of the body */
    CHUNK_LAST, /* the line of the last chunk is over */
    CHUNK_BAD,
    CHUNK_LONG /* more than extra_max bytes beyond plain sizes */
} chunk_result;

/* Prepares for the first chunk. */
void chunks_begin(chunk_reader *self);
/* Reads on; *used bytes are done with. Not to be called after CHUNK_LAST, CHUNK_BAD or
 * CHUNK_LONG. */
chunk_result chunks_read(chunk_reader *self, const char *bytes, size_t len, uint32_t extra_max,
                         size_t *used, size_t *body_len);

#endif
