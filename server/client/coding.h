/* SPDX-License-Identifier: MIT
 * One content coding taken off a stream of bytes, by zlib or brotli: bytes in, bytes out, no I/O.
 * What a response's codings are together, and how much they may expand, is decode.h. */
#ifndef CAPRICORN_CLIENT_CODING_H
#define CAPRICORN_CLIENT_CODING_H

#include <stdbool.h>

#include <brotli/decode.h>
#include <zlib.h>

#include <csgi/types.h>

typedef enum coding_kind { CODING_GZIP, CODING_DEFLATE, CODING_BR } coding_kind;

typedef struct coding {
    coding_kind kind;
    bool begun; /* it was given a byte */
    bool ended; /* its last byte was seen; what follows is ignored */
    const char *wrong;
    z_stream zlib;
    /* gzip: between two members (RFC 1952 section 2.2), and whether there was one. */
    bool between, has_member;
    /* deflate: the first bytes, which tell its two forms apart, and what of them is still to be
     * inflated. */
    char head[2];
    size_t head_len;
    csgi_str kept;
    BrotliDecoderState *brotli;
} coding;

/* The coding of that name, whatever its case: "gzip", "x-gzip", "deflate", "br" (RFC 9110 section
 * 8.4.1). False: not one of ours. */
bool coding_find(csgi_str name, coding_kind *kind);
/* "gzip" */
const char *coding_name(coding_kind kind);

/* CSGI_ENOMEM. On success coding_fini is owed, and the struct must not move. */
csgi_status coding_init(coding *self, coding_kind kind);
void coding_fini(coding *self);
/* Decodes from *in, which is moved behind what was used, into room (not 0) bytes; *made of them are
 * written. When nothing is made, all of *in was used. When *in is used up there may still be more:
 * call again until nothing is made.
 * CSGI_EPROTO: it is not of this coding (wrong says why). CSGI_ENOMEM. */
csgi_status coding_run(coding *self, csgi_str *in, char *out, size_t room, size_t *made);
/* Was it all there? Nothing at all is whole as well: servers mark empty bodies as coded. */
bool coding_is_whole(const coding *self);

#endif
