/* SPDX-License-Identifier: MIT
 * The bytes of HTTP/1 responses: the head, how its body is framed, and the fields that say so. No
 * I/O. */
#ifndef CAPRICORN_HTTP1_RESPONSE_H
#define CAPRICORN_HTTP1_RESPONSE_H

#include <stdbool.h>

#include <csgi/types.h>

typedef struct response_style {
    bool server_header, date_header;
    csgi_str fixed; /* lines that every head has, "name: value\r\n" each */
} response_style;

/* What decides the framing. */
typedef struct response_facts {
    uint32_t status;
    bool is_head, is_http10; /* of the request */
    bool has_length;         /* the body's length is known */
    bool has_trailers;       /* so it is chunked, whatever its length */
    bool keep_alive;         /* nothing else closes the connection */
    uint64_t length;
} response_facts;

typedef struct response_framing {
    bool omit_body; /* no body bytes on the wire */
    bool says_length, is_chunked;
    bool until_close; /* the end of the connection ends the body */
    bool close;       /* the connection ends after this response */
    uint64_t length;  /* what is said */
} response_framing;

/* RFC 9112 section 6.3. A 205 says a length of 0 (RFC 9110 section 15.3.6). */
response_framing response_frame(const response_facts *facts);

/* Bytes enough for the head of a response with these fields, all of it. */
size_t response_head_room(csgi_fields headers, response_style style);
/* Writes status line, fields, Date, Server and the fixed lines; what frames or manages the
 * connection is left out, but for the "upgrade" that an Upgrade field asks for. Returns the length.
 * *asks_close: the application's Connection header has "close". */
size_t response_head_begin(char *out, uint32_t status, csgi_fields headers, response_style style,
                           bool *asks_close);
/* Appends the framing fields and the empty line at out. Returns the length. */
size_t response_head_end(char *out, const response_framing *framing, const response_facts *facts);

/* Bytes enough for the two below. */
size_t response_fields_room(csgi_fields fields);
/* Writes a whole informational response (RFC 8297). Returns the length. */
size_t response_hint(char *out, csgi_fields fields);
/* Writes trailers; first: after the last chunk's line; last: and the empty line. Returns the
 * length. */
size_t response_trailers(char *out, csgi_fields fields, bool first, bool last);

/* Writes the line before a chunk (at most 18 bytes). Returns the length. */
size_t response_chunk_line(char *out, size_t len);

/* Only for tests: forgets the cached Date. now 0 asks the clock. */
void response_set_clock(int64_t now_s);

#endif
