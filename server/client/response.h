/* SPDX-License-Identifier: MIT
 * Reading one response: bytes in, a csgi_client_response in an arena out. No I/O. */
#ifndef CAPRICORN_CLIENT_RESPONSE_H
#define CAPRICORN_CLIENT_RESPONSE_H

#include <llhttp.h>

#include <csgi/ext/draft/client.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "client/decode.h"

/* Limits of a response's head: names and values together with 4 bytes for each field, and the
 * number of fields. */
#define RESPONSE_HEAD_MAX   ((size_t)65536)
#define RESPONSE_FIELDS_MAX ((size_t)200)
/* Interim (1xx) responses before the final one. */
#define RESPONSE_INTERIMS_MAX 16u

/* The reader of a body that comes in pieces is behind by so much: read no more from the server. */
#define RESPONSE_AHEAD_MAX ((size_t)65536)

typedef enum response_progress { RESPONSE_MORE, RESPONSE_DONE, RESPONSE_FAILED } response_progress;

/* How to read a response. */
typedef struct response_options {
    bool is_head;      /* the request was HEAD */
    bool in_pieces;    /* the body is taken by response_take, instead of whole by the arena */
    bool keep_coding;  /* content codings are not undone */
    uint64_t max_body; /* in bytes, decoded; UINT64_MAX: no limit */
} response_options;

/* Used for one response after another, of whatever connection. */
typedef struct response {
    /* Kept between responses. */
    buffer text;     /* "name\0value\0" of each field */
    buffer gathered; /* a body of unknown length; or what has come and is not taken yet */
    buffer shown;    /* the piece that was taken last */
    buffer decoded;  /* likewise, if it had to be */
    /* Of the response that is being read, from here on. */
    llhttp_t parser;
    response_options options;
    arena *arena;
    csgi_client_response *result; /* once head_done; the body is in it when done */
    csgi_status failure;          /* when failed */
    const char *reason;
    bool begun, in_name, in_value, head_done, done, keep_alive, length_known;
    bool cut; /* the connection ended too early */
    uint32_t interims;
    size_t field_count, head_len;
    csgi_field *fields;
    char *body; /* in the arena, if its length is known */
    uint64_t body_len, length;
    decoder *decoding; /* NULL: the body comes as it is */
    csgi_str coded;    /* of the piece that was taken last, what is yet to be decoded */
    bool undecodable;  /* decoding has failed */
} response;

void response_init(response *self);
void response_fini(response *self);
/* Begins another response. It uses the arena until done. */
void response_begin(response *self, arena *arena, response_options options);
/* Takes bytes. Done: *used of them belonged to the response. Failed: failure is CSGI_EPROTO,
 * CSGI_ELIMIT or CSGI_ENOMEM; response_print_failure says why. */
response_progress response_read(response *self, const char *bytes, size_t len, size_t *used);
/* No more bytes will come; clean: an orderly end of the connection, which ends a body of unknown
 * length. Never RESPONSE_MORE. */
response_progress response_end(response *self, bool clean);
/* The next piece of a body that comes in pieces, valid until the next call of any of these; empty:
 * nothing has come since. CSGI_OK, or the failure. */
csgi_status response_take(response *self, csgi_str *piece);
/* Appends why it failed, or how far it came: "the response ended after 10 of 20 bytes". */
void response_print_failure(const response *self, buffer *why);
/* Gives back memory that a large response needed. */
void response_trim(response *self);

#endif
