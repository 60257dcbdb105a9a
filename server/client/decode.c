/* SPDX-License-Identifier: MIT
 * Content codings one behind the other (RFC 9110 section 8.4): each takes what the one before it
 * makes. */
#include "client/decode.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/str.h"
#include "client/coding.h"

#define CODED_SLACK ((uint64_t)65536)

/* A coding and its input. */
typedef struct stage {
    coding coding;
    csgi_str waiting; /* in memory: made by the stage before */
    char *memory;     /* DECODE_PIECE_MAX bytes; the first stage needs none, its is the sink's */
    uint64_t taken;
} stage;

struct decoder {
    size_t count;
    stage stages[DECODE_CODINGS_MAX]; /* the first takes what was received */
    uint64_t max_out, made;
    uint64_t max_coded; /* of each stage: else empty blocks go on for ever and make nothing */
    csgi_status failure;
    size_t failed; /* the stage */
    bool cut;
    char memory[];
};

/* ---- what the fields say ---- */

typedef struct codings {
    size_t count; /* may be larger than what there is room for */
    coding_kind kinds[DECODE_CODINGS_MAX];
} codings;

static csgi_status read_field(csgi_str list, codings *found)
{
    while (list.len) {
        csgi_str name = str_trim(str_take(&list, ','));
        coding_kind kind;

        if (name.len == 0 || str_eq_nocase(name, STR("identity"))) continue;
        if (!coding_find(name, &kind)) return CSGI_ENOTSUP;
        if (found->count < DECODE_CODINGS_MAX) found->kinds[found->count] = kind;
        found->count++;
    }
    return CSGI_OK;
}

static csgi_status read_fields(csgi_fields headers, codings *found)
{
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < headers.count && status == CSGI_OK; i++) {
        if (str_eq(headers.items[i].name, STR("content-encoding")))
            status = read_field(headers.items[i].value, found);
    }
    if (status == CSGI_OK && found->count > DECODE_CODINGS_MAX) return CSGI_ELIMIT;
    return status;
}

static uint64_t max_coded(uint64_t max_out)
{
    uint64_t slack = max_out / 8 + CODED_SLACK;

    return slack > UINT64_MAX - max_out ? UINT64_MAX : max_out + slack;
}

csgi_status decode_new(csgi_fields headers, uint64_t max_out, decoder **out)
{
    codings found = { .count = 0 };
    csgi_status status = read_fields(headers, &found);
    decoder *self;

    if (status) return status;
    if (found.count == 0) {
        *out = NULL;
        return CSGI_OK;
    }
    self = malloc(sizeof *self + found.count * DECODE_PIECE_MAX);
    if (!self) return CSGI_ENOMEM;
    *self = (decoder){ .max_out = max_out, .max_coded = max_coded(max_out) };
    for (; self->count < found.count; self->count++) {
        stage *next = &self->stages[self->count];

        next->memory = self->memory + self->count * DECODE_PIECE_MAX;
        status = coding_init(&next->coding, found.kinds[found.count - 1 - self->count]);
        if (status) {
            decode_free(self);
            return status;
        }
    }
    *out = self;
    return CSGI_OK;
}

void decode_free(decoder *self)
{
    if (!self) return;
    for (size_t i = 0; i < self->count; i++)
        coding_fini(&self->stages[i].coding);
    free(self);
}

/* ---- decoding ---- */

static csgi_status fail(decoder *self, csgi_status failure, size_t at)
{
    self->failure = failure;
    self->failed = at;
    return failure;
}

static csgi_status run(decoder *self, size_t at, csgi_str *in, char *out, size_t room, size_t *made)
{
    stage *now = &self->stages[at];
    size_t before = in->len;
    csgi_status status = coding_run(&now->coding, in, out, room, made);

    now->taken += before - in->len;
    if (status == CSGI_OK && now->taken > self->max_coded) status = CSGI_ELIMIT;
    return status ? fail(self, status, at) : CSGI_OK;
}

/* Makes output of that stage, and of those before it what it takes for that. */
static csgi_status pull(decoder *self, size_t at, csgi_str *in, char *out, size_t room,
                        size_t *made)
{
    stage *now = &self->stages[at];
    csgi_status status;
    size_t more;

    if (at == 0) return run(self, 0, in, out, room, made);
    for (;;) {
        status = run(self, at, &now->waiting, out, room, made);
        if (status || *made) return status;
        status = pull(self, at - 1, in, now->memory, DECODE_PIECE_MAX, &more);
        if (status || more == 0) return status;
        now->waiting = (csgi_str){ now->memory, more };
    }
}

csgi_status decode_some(decoder *self, csgi_str *in, char *out, size_t room, size_t *made)
{
    uint64_t left = self->max_out - self->made;
    size_t more = 0;
    csgi_status status;

    *made = 0;
    if (self->failure) return self->failure;
    if (room > left) room = (size_t)left + 1; /* the byte that is too many shows itself */
    status = pull(self, self->count - 1, in, out, room, &more);
    if (status) return status;
    if (more > left) return fail(self, CSGI_ELIMIT, self->count);
    self->made += more;
    *made = more;
    return CSGI_OK;
}

csgi_status decode_write(decoder *self, csgi_str *in, decode_sink sink, void *arg)
{
    char *memory = self->stages[0].memory;
    csgi_status status;
    size_t made;

    for (;;) {
        status = decode_some(self, in, memory, DECODE_PIECE_MAX, &made);
        if (status || made == 0) return status;
        if (!sink(arg, (csgi_str){ memory, made })) return CSGI_OK;
    }
}

csgi_status decode_end(decoder *self)
{
    if (self->failure) return self->failure;
    for (size_t i = 0; i < self->count; i++) {
        if (coding_is_whole(&self->stages[i].coding)) continue;
        self->cut = true;
        return fail(self, CSGI_EPROTO, i);
    }
    return CSGI_OK;
}

void decode_print_failure(const decoder *self, buffer *why)
{
    const coding *bad;
    const char *name;

    CHECK(self->failure);
    if (self->failed == self->count) {
        buffer_printf(why, "the decoded response is larger than %" PRIu64 " bytes", self->max_out);
        return;
    }
    bad = &self->stages[self->failed].coding;
    name = coding_name(bad->kind);
    if (self->failure == CSGI_ENOMEM)
        buffer_printf(why, "no memory to decode the %s body", name);
    else if (self->failure == CSGI_ELIMIT)
        buffer_printf(why, "the %s body is larger than %" PRIu64 " bytes before it is decoded",
                      name, self->max_coded);
    else if (self->cut)
        buffer_printf(why, "the %s body ended early", name);
    else
        buffer_printf(why, "the %s body is damaged (%s)", name, bad->wrong);
}
