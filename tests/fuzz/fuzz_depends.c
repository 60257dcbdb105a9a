/* SPDX-License-Identifier: MIT
 * Fuzzing reload/depends: any bytes make paths without a NUL inside, each ended, or are refused. */
#include "fuzz.h"
#include "reload/depends.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = exact_copy(bytes, len);
    buffer paths = { 0 };
    csgi_status status = depends_read((csgi_str){ copy, len }, &paths);

    MUST(status == CSGI_OK || status == CSGI_EINVAL);
    if (status == CSGI_OK && paths.len) MUST(paths.bytes[paths.len - 1] == '\0');
    MUST(paths.len <= len + 1);
    buffer_fini(&paths);
    free(copy);
    return 0;
}
