/* SPDX-License-Identifier: MIT
 * Reading one response: bytes in, a csgi_client_response in an arena out. No I/O. */
#ifndef CAPRICORN_CLIENT_RESPONSE_H
#define CAPRICORN_CLIENT_RESPONSE_H

#include <llhttp.h>

#include <csgi/ext/draft/client.h>

#include "base/arena.h"
#include "base/buffer.h"

/* Limits of a response's head: names and values together with 4 bytes for each field, and the
 * number of fields. */
#define RESPONSE_HEAD_MAX   ((size_t)65536)
#define RESPONSE_FIELDS_MAX ((size_t)200)
/* Interim (1xx) responses before the final one. */
#define RESPONSE_INTERIMS_MAX 16u

typedef enum response_progress { RESPONSE_MORE, RESPONSE_DONE, RESPONSE_FAILED } response_progress;

/* Used for one response after another, of whatever connection. */
typedef struct response {
    llhttp_t parser;
    /* Of the response that is being read. */
    arena *arena;
    uint64_t max_body;
    csgi_client_response *result; /* when done */
    csgi_status failure;          /* when failed */
    const char *reason;
    bool is_head, begun, in_name, in_value, head_done, done, keep_alive, length_known;
    bool cut; /* the connection ended too early */
    uint32_t interims;
    size_t field_count, head_len;
    csgi_field *fields;
    char *body; /* in the arena, if its length is known */
    uint64_t body_len, length;
    /* Kept between responses. */
    buffer text;     /* "name\0value\0" of each field */
    buffer gathered; /* a body of unknown length */
} response;

void response_init(response *self);
void response_fini(response *self);
/* Begins another response, to a HEAD request or not. It uses the arena until done. */
void response_begin(response *self, arena *arena, bool is_head, uint64_t max_body);
/* Takes bytes. Done: *used of them belonged to the response. Failed: failure is CSGI_EPROTO,
 * CSGI_ELIMIT or CSGI_ENOMEM; response_print_failure says why. */
response_progress response_read(response *self, const char *bytes, size_t len, size_t *used);
/* No more bytes will come; clean: an orderly end of the connection, which ends a body of unknown
 * length. Never RESPONSE_MORE. */
response_progress response_end(response *self, bool clean);
/* Appends why it failed, or how far it came: "the response ended after 10 of 20 bytes". */
void response_print_failure(const response *self, buffer *why);
/* Gives back memory that a large response needed. */
void response_trim(response *self);

#endif
