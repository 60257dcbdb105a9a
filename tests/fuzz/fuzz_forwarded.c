/* SPDX-License-Identifier: MIT
 * Any headers of a client, behind a trusted proxy that adds its own X-Forwarded-For or Forwarded:
 * whatever they are, the client is the one the proxy names, or the request is refused. The first
 * byte says what the proxy adds, and where; each line after it is a field, its first byte the name.
 */
#include "fuzz.h"

#include "base/str.h"
#include "exchange/forwarded.h"
#include "exchange/forwarded_text.h"

#define FIELDS_MAX 24u

static exchange request;
static address peer;
static csgi_field fields[FIELDS_MAX + 1];
static char *values[FIELDS_MAX];
static size_t count;

static csgi_str name_of(uint8_t byte)
{
    static const csgi_str names[] = {
        CSGI_STR("x-forwarded-for"),  CSGI_STR("forwarded"),        CSGI_STR("x-forwarded-proto"),
        CSGI_STR("x-forwarded-host"), CSGI_STR("x-forwarded-port"), CSGI_STR("host"),
        CSGI_STR("accept"),
    };

    return names[byte % 7];
}

/* In memory of its own size, a NUL behind it, as from the wire. */
static void add_field(csgi_str name, const void *value, size_t len)
{
    if (count == FIELDS_MAX) return;
    values[count] = malloc(len + 1);
    MUST(values[count]);
    memcpy(values[count], value, len);
    values[count][len] = '\0';
    fields[count] = (csgi_field){ name, { values[count], len }, 0, 0 };
    count++;
}

static void read_fields(const uint8_t *bytes, size_t len)
{
    size_t start = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i < len && bytes[i] != '\n') continue;
        if (i > start) add_field(name_of(bytes[start]), bytes + start + 1, i - start - 1);
        start = i + 1;
    }
}

/* Adds the proxy's own entry: to the last field of the name, or as a field behind all. */
static void add_entry(csgi_str name, const char *entry, bool joins)
{
    for (size_t i = count; joins && i-- > 0;) {
        buffer joined = { 0 };

        if (!str_eq(fields[i].name, name)) continue;
        MUST(buffer_append_str(&joined, fields[i].value) == CSGI_OK);
        MUST(buffer_printf(&joined, ", %s", entry) == CSGI_OK);
        free(values[i]);
        values[i] = exact_copy(joined.bytes, joined.len);
        fields[i].value = (csgi_str){ values[i], joined.len };
        buffer_fini(&joined);
        return;
    }
    if (count == FIELDS_MAX) free(values[--count]);
    add_field(name, entry, strlen(entry));
}

static void check_strings(void)
{
    MUST(str_eq(request.scheme, STR("http")) || str_eq(request.scheme, STR("https")));
    MUST(request.headers.count == count || request.headers.count == count + 1);
    for (size_t i = 0; i < request.headers.count; i++) {
        const csgi_field *field = &request.headers.items[i];

        if (!str_eq(field->name, STR("host")) || (i < count && field->value.ptr == values[i]))
            continue;
        MUST(forwarded_is_host(field->value) && field->value.ptr[field->value.len] == '\0');
    }
    MUST(request.client == &peer || (request.client->len && address_host(request.client).bytes[0]));
}

static csgi_status apply(const char *trusted)
{
    trust_list list;
    csgi_str wrong;
    const char *why;
    csgi_status status;

    MUST(trust_list_parse(&list, str_from(trusted), &wrong, &why) == CSGI_OK);
    arena_init(&request.arena, request.memory, sizeof request.memory);
    request.client = &peer;
    request.scheme = STR("http");
    request.headers = (csgi_fields){ fields, count };
    status = exchange_apply_forwarded(&request, &list);
    MUST(status == CSGI_OK || status == CSGI_EINVAL);
    if (status) MUST(request.client == &peer && str_eq(request.scheme, STR("http")));
    check_strings();
    trust_list_fini(&list);
    return status;
}

static void apply_and_forget(const char *trusted)
{
    csgi_field before[FIELDS_MAX];

    memcpy(before, fields, sizeof before);
    apply(trusted);
    arena_reset(&request.arena);
    memcpy(fields, before, sizeof before);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0) return 0;
    MUST(address_from_ip(&peer, "127.0.0.1", 1) == CSGI_OK);
    count = 0;
    read_fields(bytes + 1, len - 1);
    apply_and_forget("10.0.0.1, unix:");
    MUST(request.client == &peer);
    apply_and_forget("*");
    if (bytes[0] & 1)
        add_entry(STR("x-forwarded-for"), "203.0.113.9", bytes[0] & 2);
    else
        add_entry(STR("forwarded"), "proto=https;for=\"203.0.113.9:5\"", bytes[0] & 2);
    if (apply("127.0.0.1, 10.0.0.0/8") == CSGI_OK)
        MUST(strcmp(address_host(request.client).bytes, "203.0.113.9") == 0);
    arena_reset(&request.arena);
    while (count)
        free(values[--count]);
    return 0;
}
