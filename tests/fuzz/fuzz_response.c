/* SPDX-License-Identifier: MIT
 * Any bytes as the answer of another server, whole and in pieces: the outcome is the same. The
 * first byte says how large the pieces are, and whether the request was HEAD. */
#include "fuzz.h"

#include "client/response.h"

#define MAX_BODY 4096u

typedef struct outcome {
    response_progress progress;
    csgi_status failure;
    uint32_t status;
    size_t used, body_len, field_count;
    bool keep_alive;
} outcome;

static outcome read_in_pieces(const uint8_t *bytes, size_t len, size_t piece, bool is_head)
{
    outcome result = { .progress = RESPONSE_MORE };
    response reading;
    arena memory;

    arena_init(&memory, NULL, 0);
    response_init(&reading);
    response_begin(&reading, &memory,
                   (response_options){ .is_head = is_head, .max_body = MAX_BODY });
    for (size_t at = 0; at < len && result.progress == RESPONSE_MORE; at += piece) {
        size_t part = len - at < piece ? len - at : piece, used = 0;
        char *copy = exact_copy(bytes + at, part);

        result.progress = response_read(&reading, copy, part, &used);
        if (result.progress == RESPONSE_DONE) {
            MUST(used <= part);
            result.used = at + used;
        }
        free(copy);
    }
    if (result.progress == RESPONSE_MORE) result.progress = response_end(&reading, true);
    MUST(result.progress != RESPONSE_MORE);
    if (result.progress == RESPONSE_DONE) {
        result.status = reading.result->status;
        result.body_len = reading.result->body.len;
        result.field_count = reading.result->headers.count;
        result.keep_alive = reading.keep_alive;
        MUST(result.status >= 200 && result.body_len <= MAX_BODY);
        MUST(reading.result->body.ptr[result.body_len] == '\0');
    } else {
        result.failure = reading.failure;
        MUST(result.failure != CSGI_OK);
    }
    response_fini(&reading);
    arena_reset(&memory);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    outcome whole, pieces;

    if (len < 2) return 0;
    whole = read_in_pieces(bytes + 1, len - 1, len, bytes[0] & 1);
    pieces = read_in_pieces(bytes + 1, len - 1, (size_t)(bytes[0] >> 1) % 16 + 1, bytes[0] & 1);
    MUST(whole.progress == pieces.progress && whole.failure == pieces.failure);
    MUST(whole.status == pieces.status && whole.body_len == pieces.body_len);
    MUST(whole.field_count == pieces.field_count && whole.keep_alive == pieces.keep_alive);
    MUST(whole.used == pieces.used);
    return 0;
}
