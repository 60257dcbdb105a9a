/* SPDX-License-Identifier: MIT
 * A tunnel through a proxy (CONNECT, RFC 9110 section 9.3.6): the request, and reading its answer.
 * What is then said through it is not its business. */
#ifndef CAPRICORN_CLIENT_TUNNEL_H
#define CAPRICORN_CLIENT_TUNNEL_H

#include <stdbool.h>

#include "client/proxies.h"
#include "net/stream.h"

#define TUNNEL_HEAD_MAX   ((size_t)8192) /* of the proxy's answer */
#define TUNNEL_REASON_MAX ((size_t)100)  /* of its words, in ours */

typedef struct tunnel tunnel;
/* Told once, from the loop. CSGI_OK: bytes go through now, and the stream is not read. Else reason
 * says why, valid for the call: CSGI_EUNREACH: the proxy refuses; CSGI_EPROTO: it talks nonsense;
 * CSGI_ENOMEM. */
typedef void (*tunnel_fn)(tunnel *self, csgi_status status, const char *reason);

struct tunnel {
    stream *through;
    tunnel_fn on_done;
    void *arg;
    bool is_over;
    bool is_cut; /* more came than fits */
    size_t len;
    char head[TUNNEL_HEAD_MAX];
};

/* Asks the proxy at the other end for a connection to where the URL leads. Both stay until the
 * end, which is on_done, or that the stream is closed. CSGI_EDISCONNECTED; CSGI_ENOMEM. */
csgi_status tunnel_begin(tunnel *self, stream *through, const proxy *via, const url *to,
                         tunnel_fn on_done, void *arg);

/* How an answer begins. */
typedef struct tunnel_answer {
    uint32_t status;
    csgi_str reason; /* part of the text */
    size_t len;      /* of the head, with the empty line */
} tunnel_answer;

typedef enum tunnel_state { TUNNEL_MORE, TUNNEL_DONE, TUNNEL_MALFORMED } tunnel_state;
/* Reads an answer's head (RFC 9112 section 4). */
tunnel_state tunnel_parse(csgi_str text, tunnel_answer *out);

#endif
