/* SPDX-License-Identifier: MIT
 * Which answers are worth asking again, and when. No I/O. */
#ifndef CAPRICORN_CLIENT_RETRY_H
#define CAPRICORN_CLIENT_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include <csgi/ext/draft/client.h>

/* How often a request that says 0 is tried again. */
#define RETRY_MAX 2u
/* The first pause at most, and any at most; each may be twice the one before. */
#define RETRY_FIRST_MS   200u
#define RETRY_LONGEST_MS 10000u

/* 429, 502, 503 and 504, to a request whose method is idempotent. */
bool retry_is_worth(const csgi_client_request *request, const csgi_client_response *response);
/* How long to wait before the retry after so many: what Retry-After says (RFC 9110 section 10.2.3;
 * a response may be NULL), or as backoff_delay_ms. */
uint64_t retry_pause_ms(uint32_t retries, const csgi_client_response *response, uint64_t random);

#endif
