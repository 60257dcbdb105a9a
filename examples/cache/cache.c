/* SPDX-License-Identifier: MIT
 * A cache that survives a reload: PUT /cache/{key}?value=... keeps a value, GET /cache/{key} tells
 * it, whatever code comes in between. */
#include <csgi/web.h>
#include <stdlib.h>
#include <string.h>

CSGI_PUT(put_value, "/cache/{key}", CSGI_SUMMARY("Keeps a value"), CSGI_QUERY_STR("value"));
CSGI_GET(get_value, "/cache/{key}", CSGI_SUMMARY("Tells the value"));

enum { SLOTS = 4096 };

/* Each key has one slot; two keys of the same slot push each other out. */
typedef struct slot {
    char *key, *value; /* both or none */
} slot;

static slot *find(csgi_call *call, const char *key)
{
    slot *slots = csgi_state(call);
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return &slots[hash % SLOTS];
}

/* From the heap, for it outlives the call. 0: there is no memory. */
static int keep(csgi_call *call, const char *key, const char *value)
{
    slot fresh = { strdup(key), strdup(value) }, *at = find(call, key), old = *at;
    int is_kept = fresh.key && fresh.value;

    if (is_kept) *at = fresh;
    free(is_kept ? old.key : fresh.key);
    free(is_kept ? old.value : fresh.value);
    return is_kept;
}

static csgi_status put_value(csgi_call *call)
{
    const char *key = csgi_path_str(call, "key");

    if (!keep(call, key, csgi_query_str(call, "value")))
        return csgi_fail(call, 507, "there is no room for %s", key);
    return csgi_reply_json(call, 200, "{'kept': %s}", key);
}

static csgi_status get_value(csgi_call *call)
{
    const char *key = csgi_path_str(call, "key");
    const slot *at = find(call, key);

    if (!at->key || strcmp(at->key, key) != 0) return csgi_fail(call, 404, "no value for %s", key);
    return csgi_reply_json(call, 200, "{'value': %s}", at->value);
}

/* ---- a reload: the old code saves, the new one restores ---- */

static csgi_status save(csgi_call *call)
{
    const slot *slots = csgi_state(call);

    csgi_json_write(call, "{'values': [");
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].key)
            csgi_json_write(call, "{'key': %s, 'value': %s}", slots[i].key, slots[i].value);
    csgi_json_write(call, "]}");
    return CSGI_OK;
}

static csgi_status restore(csgi_call *call)
{
    csgi_json values = csgi_json_array(csgi_saved_json(call), "values");

    for (size_t i = 0; i < csgi_json_count(values); i++) {
        csgi_json each = csgi_json_at(values, i);
        const char *key = csgi_json_str(each, "key"), *value = csgi_json_str(each, "value");

        if (!csgi_failed(call) && !keep(call, key, value))
            return csgi_fail(call, 507, "there is no room for %s", key);
    }
    return CSGI_OK; /* what was malformed has failed the call by itself */
}

/* ---- start and end ---- */

static csgi_status begin(csgi_call *call)
{
    csgi_set_state(call, csgi_alloc(call, SLOTS * sizeof(slot)));
    return CSGI_OK;
}

static csgi_status end(csgi_call *call)
{
    slot *slots = csgi_state(call);

    for (size_t i = 0; i < SLOTS; i++) {
        free(slots[i].key);
        free(slots[i].value);
    }
    return CSGI_OK;
}

/* The 1 is the version of what save writes: raise it when that changes, and the new code starts
 * with an empty cache instead of misreading it. */
CSGI_WEB_PLUGIN("cache", "1.0.0", "Keeps values across reloads", CSGI_ROUTES(put_value, get_value),
                CSGI_STATE(1, save, restore), CSGI_ON_STARTUP(begin), CSGI_ON_SHUTDOWN(end));
