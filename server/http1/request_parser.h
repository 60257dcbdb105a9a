/* SPDX-License-Identifier: MIT
 * Finds the parts of HTTP/1 requests in bytes, on llhttp. No I/O and no memory but for trailers:
 * what it finds in a head it notes as places, which request_head.h makes strings of. */
#ifndef CAPRICORN_HTTP1_REQUEST_PARSER_H
#define CAPRICORN_HTTP1_REQUEST_PARSER_H

#include <stdbool.h>

#include <llhttp.h>

#include "base/buffer.h"
#include "http1/chunks.h"

/* Bytes of a head, counted from its first byte. */
typedef struct request_span {
    uint32_t start, len;
} request_span;

typedef struct request_field {
    request_span name, value;
} request_field;

/* Where the parts of one head are. The owner provides it, with room for max_headers fields. */
typedef struct request_places {
    request_span target;
    uint32_t field_count;
    request_field fields[];
} request_places;

/* The bytes of a request_places with so many fields. */
#define REQUEST_PLACES_SIZE(count) (sizeof(request_places) + (count) * sizeof(request_field))

typedef struct request_limits {
    uint32_t line;        /* bytes, without the CRLF */
    uint32_t header_size; /* bytes of all field lines, with their CRLF */
    uint32_t headers;     /* fields */
    uint64_t body;        /* bytes, without chunk sizes; see request_parser.body_limit */
} request_limits;

typedef enum parse_result {
    PARSE_MORE,  /* all bytes are used; the request goes on */
    PARSE_HEAD,  /* the head is complete; if has_ended, the whole request is */
    PARSE_END,   /* the body is complete */
    PARSE_FAILED /* see problem_status and problem; nothing more can be read */
} parse_result;

typedef struct request_parser {
    llhttp_t llhttp;
    const request_limits *limits;
    /* Told each piece of the body, as it comes. */
    void (*on_body)(void *owner, const char *bytes, size_t len);
    void *owner;
    request_places *places; /* used until the head is complete */
    const char *piece;      /* the bytes being parsed, during a call */
    const char *problem;    /* a sentence for the client */
    uint64_t body_received;
    uint64_t body_limit; /* of this request; the owner may change it after PARSE_HEAD */
    uint32_t head_len;   /* bytes of the head so far; all of it once complete */
    uint16_t problem_status;
    bool head_complete, head_reported, has_ended, value_open, is_paused;
    bool has_body, is_chunked, line_begun, in_trailers;
    char last; /* byte of the trailers so far */
    chunk_reader chunks;
    buffer trailers; /* name NUL value NUL ... */
    uint32_t trailer_count, trailers_len;
} request_parser;

/* Prepares for one request. limits, on_body's owner and places outlive their use. */
void request_parser_init(request_parser *self, const request_limits *limits,
                         void (*on_body)(void *owner, const char *bytes, size_t len), void *owner);
void request_parser_fini(request_parser *self);
/* Parses; *used <= len bytes are done with. len is at least 1. Not to be called once has_ended or
 * after PARSE_FAILED. Call it again with what is left after PARSE_HEAD. The outcome does not depend
 * on how the bytes are cut into pieces. */
parse_result request_parser_execute(request_parser *self, const char *bytes, size_t len,
                                    size_t *used);
/* The body's length as the head says it; UINT64_MAX when it is chunked. Valid after PARSE_HEAD,
 * before the body. */
uint64_t request_parser_body_length(const request_parser *self);
/* Does the line have a method of HTTP? llhttp knows those of ICE and RTSP too, and not the same in
 * each release. Valid after PARSE_HEAD. */
bool request_parser_knows_method(const request_parser *self);
/* Does every LF of these field lines follow a CR, and does no line begin with a space or tab
 * (obs-fold)? llhttp 8.1 lets both pass at the end of a field (RFC 9112 sections 2.2 and 5.2). last
 * is the byte before them. */
bool request_lines_are_whole(char last, const char *bytes, size_t len);

#endif
