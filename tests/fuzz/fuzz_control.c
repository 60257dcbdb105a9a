/* SPDX-License-Identifier: MIT
 * Any bytes as the answer at a control socket: what is taken is whole. */
#include "fuzz.h"

#include "worker/control_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = exact_copy(bytes, len);
    uint32_t status = 0;
    csgi_str body = { NULL, 0 };

    if (control_answer_read((csgi_str){ copy, len }, &status, &body) == CSGI_OK) {
        MUST(status >= 100 && status <= 999);
        MUST(body.len < len && body.ptr + body.len == copy + len);
    }
    free(copy);
    return 0;
}
