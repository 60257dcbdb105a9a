/* SPDX-License-Identifier: MIT
 * When to ask again: Retry-After, or exponential back-off with jitter. */
#include "client/retry.h"

#include <time.h>

#include "base/str.h"
#include "client/backoff.h"
#include "client/outgoing.h"
#include "client/request.h"

bool retry_is_worth(const csgi_client_request *request, const csgi_client_response *response)
{
    uint32_t status = response->status;

    return (status == 429 || (status >= 502 && status <= 504)) &&
           request_is_idempotent(request->method);
}

uint64_t retry_pause_ms(uint32_t retries, const csgi_client_response *response, uint64_t random)
{
    const csgi_field *said =
        response ? outgoing_find_field(response->headers, STR("retry-after")) : NULL;
    uint64_t pause_ms;

    if (said && backoff_retry_after_ms(said->value, time(NULL), &pause_ms)) return pause_ms;
    return backoff_delay_ms(RETRY_FIRST_MS, RETRY_LONGEST_MS, retries, random);
}
