/* SPDX-License-Identifier: MIT
 * An outbound request: checking what the caller gave, its limits, and the bytes of its head. No
 * I/O. */
#ifndef CAPRICORN_CLIENT_REQUEST_H
#define CAPRICORN_CLIENT_REQUEST_H

#include <csgi/ext/draft/client.h>

#include "base/buffer.h"
#include "client/proxies.h"
#include "client/url.h"

/* The limits of a request that says 0, as csgi/ext/draft/client.h promises them. */
#define REQUEST_CONNECT_TIMEOUT_MS 5000u
#define REQUEST_READ_TIMEOUT_MS    5000u
#define REQUEST_WRITE_TIMEOUT_MS   5000u
#define REQUEST_POOL_TIMEOUT_MS    5000u
#define REQUEST_TOTAL_TIMEOUT_MS   30000u
#define REQUEST_MAX_RESPONSE_SIZE  ((uint64_t)16 << 20)

/* What the checks find out, so that it is looked at once. */
typedef struct request_facts {
    csgi_str method;
    uint64_t connect_timeout_ms, read_timeout_ms, write_timeout_ms, pool_timeout_ms;
    uint64_t total_timeout_ms;
    uint64_t max_response_size;  /* of the body, in bytes */
    bool is_head, is_idempotent; /* RFC 9110 section 9.2.2: may be sent again unasked */
    bool has_user_agent, has_accept, has_length;
    bool body_follows;                     /* piece by piece, after the head */
    bool has_accept_encoding, keep_coding; /* the response's is not undone */
    bool expects;                          /* it waits for 100 Continue */
    uint64_t body_length; /* of a body that follows; UINT64_MAX: not known before its end */
} request_facts;

/* May a request of that method (empty: GET) be sent twice (RFC 9110 section 9.2.2)? */
bool request_is_idempotent(csgi_str method);
/* Of a request of full size, or one that is only to be checked. CSGI_EINVAL: *why gets what is
 * wrong. */
csgi_status request_check(const csgi_client_request *self, request_facts *facts, buffer *why);
/* Writes the head into the memory; its length, or 0 when it does not fit. via: the proxy that gets
 * it, which is told the whole URL (absolute-form, RFC 9112 section 3.2.2); NULL: none. */
size_t request_print_head(const csgi_client_request *self, const request_facts *facts,
                          const url *to, const proxy *via, char *memory, size_t size);

#endif
