/* SPDX-License-Identifier: MIT
 * Any bytes as a proxy's answer to CONNECT: what is whole stays inside the text, and is whole with
 * anything behind it. */
#include "fuzz.h"

#include "client/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = exact_copy(bytes, len);
    tunnel_answer answer, again;

    if (tunnel_parse((csgi_str){ text, len }, &answer) == TUNNEL_DONE) {
        MUST(answer.len >= 16 && answer.len <= len);
        MUST(answer.status >= 100 && answer.status <= 999);
        MUST(memcmp(text + answer.len - 4, "\r\n\r\n", 4) == 0);
        MUST(tunnel_parse((csgi_str){ text, answer.len }, &again) == TUNNEL_DONE);
        MUST(tunnel_parse((csgi_str){ text, answer.len - 1 }, &again) == TUNNEL_MORE);
    }
    free(text);
    return 0;
}
