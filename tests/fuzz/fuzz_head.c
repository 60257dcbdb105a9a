/* SPDX-License-Identifier: MIT
 * Any bytes as the field lines of a request: what is accepted has names and values that may be
 * passed on, a Host, and a framing that can be read in one way only, however it is cut. */
#include "fuzz.h"

#include "../unit/http1/transcript.h"

static const request_limits limits = { 8192, 32768, 100, 1 << 20 };

static void append(buffer *text, const void *bytes, size_t len)
{
    MUST(buffer_append(text, bytes, len) == CSGI_OK);
}

/* How many lines of the transcript are headers of that name. */
static size_t count(const char *text, const char *header)
{
    size_t found = 0;

    for (const char *at = text; (at = strstr(at, header)); at++)
        found++;
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char line[] = "POST / HTTP/1.1\r\n", end[] = "\r\n\r\n";
    buffer request = { 0 }, whole = { 0 }, pieces = { 0 };
    size_t accepted;

    append(&request, line, sizeof line - 1);
    append(&request, bytes, len);
    append(&request, end, sizeof end - 1);
    accepted = transcript_of(request.bytes, request.len, 0, request.len, limits, &whole);
    MUST(transcript_of(request.bytes, request.len, 0, len % 13 + 1, limits, &pieces) == accepted);
    append(&whole, "", 1);
    /* Where no bytes of a body can pass for a line of the transcript. */
    if (accepted == 1 && !memmem(bytes, len, "\r\n\r\n", 4)) {
        size_t lengths = count(whole.bytes, "\nheader content-length=");
        size_t codings = count(whole.bytes, "\nheader transfer-encoding=");

        MUST(count(whole.bytes, "\nheader host=") == 1 && lengths + codings <= 1);
    }
    buffer_fini(&request);
    buffer_fini(&whole);
    buffer_fini(&pieces);
    return 0;
}
