/* SPDX-License-Identifier: MIT
 * Any bytes as the start of a connection with the PROXY protocol, byte by byte: what they are does
 * not depend on how they come, and a header has its bounds. */
#include "fuzz.h"

#include "session/proxy_header.h"

static proxy_result parse(const uint8_t *bytes, size_t len, proxy_header *out, size_t *used)
{
    char *copy = exact_copy(bytes, len);
    proxy_result result = proxy_header_parse(copy, len, out, used);

    free(copy);
    return result;
}

static void check_end(const address *self)
{
    address_text host = address_host(self);
    uint32_t port = address_port(self);

    MUST(host.len < sizeof(host.bytes) && host.bytes[host.len] == '\0');
    MUST(address_is_unix(self) ? port == 0 : host.len && port <= UINT16_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    proxy_header whole = { 0 }, part = { 0 };
    size_t used = 0, part_used = 0;
    proxy_result result = parse(bytes, len, &whole, &used), before = PROXY_MORE;

    if (result == PROXY_DONE) {
        MUST(used > 0 && used <= len && used <= PROXY_BINARY_MAX);
        MUST(bytes[0] != 'P' || used <= PROXY_LINE_MAX);
        if (whole.has_ends) check_end(&whole.peer);
        if (whole.has_ends) check_end(&whole.local);
    }
    if (result == PROXY_MORE) MUST(len < PROXY_BINARY_MAX);
    for (size_t i = 0; i <= len && i < 2 * PROXY_LINE_MAX; i++) {
        proxy_result now = parse(bytes, i, &part, &part_used);

        MUST(before == PROXY_MORE || now == before);
        if (now == PROXY_DONE) MUST(part_used <= i && result == PROXY_DONE && part_used == used);
        if (now == PROXY_FAILED) MUST(result == PROXY_FAILED);
        before = now;
    }
    return 0;
}
