/* SPDX-License-Identifier: MIT
 * How long to wait before a request is tried again. Time and chance are given. */
#ifndef CAPRICORN_CLIENT_BACKOFF_H
#define CAPRICORN_CLIENT_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include <csgi/types.h>

/* Exponential back-off with full jitter: anything from 0 to first_ms, doubled with each attempt
 * that failed after the first (attempt 0) but never more than max_ms, as random (all of its 64
 * bits) says. */
uint64_t backoff_delay_ms(uint64_t first_ms, uint64_t max_ms, uint32_t attempt, uint64_t random);
/* What a Retry-After field asks for (RFC 9110 section 10.2.3): seconds, or a date, which may have
 * passed: 0 ms. As long as it is asked: the caller has a limit. False: malformed. */
bool backoff_retry_after_ms(csgi_str value, int64_t now_s, uint64_t *delay_ms);

#endif
