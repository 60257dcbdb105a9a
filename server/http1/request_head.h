/* SPDX-License-Identifier: MIT
 * Makes a request out of a head's bytes and the places the parser found in it, and judges what
 * llhttp leaves to its user. No I/O. */
#ifndef CAPRICORN_HTTP1_REQUEST_HEAD_H
#define CAPRICORN_HTTP1_REQUEST_HEAD_H

#include "base/arena.h"
#include "http1/request_parser.h"

/* Every string is NUL-terminated and lives in the head's bytes, in the arena, or for ever. */
typedef struct request_head {
    csgi_str http_version, method, raw_path, query_string, path;
    csgi_str scheme;     /* as an absolute target says it; else "http" */
    csgi_fields headers; /* names in lower case */
    bool keep_alive;     /* the client wants another request on its connection */
    bool expects_continue;
    bool accepts_trailers; /* TE: trailers (RFC 9110 section 10.1.4) */
} request_head;

/* Why a request is refused: the status, and a sentence for the client. */
typedef struct request_problem {
    uint32_t status;
    const char *detail;
} request_problem;

/* bytes are the parser's head_len bytes of the head, in memory that lives as long as the arena;
 * they are changed in place. CSGI_EINVAL: *problem says why. CSGI_ENOMEM. */
csgi_status request_head_build(arena *arena, char *bytes, const request_parser *parser,
                               request_head *out, request_problem *problem);
/* The trailers that the parser gathered, copied into the arena, names in lower case. CSGI_EINVAL:
 * one of them may not be a trailer. CSGI_ENOMEM. */
csgi_status request_trailers_build(arena *arena, const request_parser *parser, csgi_fields *out);

#endif
