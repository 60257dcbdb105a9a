/* SPDX-License-Identifier: MIT
 * A line as traceparent, the others as tracestates: what is passed on is read again as the same. */
#include "fuzz.h"

#include "base/str.h"
#include "client/trace.h"

#define STATES_MAX 4

static csgi_field field(csgi_str name, csgi_str value)
{
    return (csgi_field){ .name = name, .value = value };
}

static void must_read_again(const trace *now)
{
    char parent[TRACE_PARENT_LENGTH];
    csgi_field both[2];
    trace again;

    trace_print_parent(now, 0, parent);
    both[0] = field(STR("traceparent"), (csgi_str){ parent, sizeof parent });
    both[1] = field(STR("tracestate"), (csgi_str){ now->state, now->state_len });
    MUST(trace_read((csgi_fields){ both, 2 }, &again));
    MUST(memcmp(again.id, now->id, sizeof now->id) == 0);
    MUST(again.sampled == now->sampled);
    MUST(again.state_len == now->state_len);
    MUST(memcmp(again.state, now->state, now->state_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = exact_copy(bytes, len);
    csgi_str rest = { copy, len };
    csgi_field fields[1 + STATES_MAX];
    csgi_fields given = { fields, 0 };
    trace now;

    fields[given.count++] = field(STR("traceparent"), str_take(&rest, '\n'));
    while (rest.len && given.count <= STATES_MAX)
        fields[given.count++] = field(STR("tracestate"), str_take(&rest, '\n'));
    if (trace_read(given, &now)) {
        MUST(now.state_len <= TRACE_STATE_MAX);
        must_read_again(&now);
    }
    free(copy);
    return 0;
}
