/* SPDX-License-Identifier: MIT
 * W3C trace context: traceparent and tracestate. */
#include "client/trace.h"

#include <string.h>

#include "base/check.h"
#include "base/str.h"

#define KEY_MAX    256
#define TENANT_MAX 241
#define SYSTEM_MAX 14
#define VALUE_MAX  256
#define SAMPLED    1

/* ---- traceparent (section 3.2) ---- */

/* Digits and lower-case letters only. */
static bool is_hex(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
    }
    return true;
}

static bool is_id(csgi_str text)
{
    bool zero = true;

    for (size_t i = 0; i < text.len; i++)
        zero = zero && text.ptr[i] == '0';
    return is_hex(text) && !zero;
}

static bool read_parent(csgi_str text, trace *out)
{
    csgi_str version = str_slice(text, 0, 2), id = str_slice(text, 3, 32);
    csgi_str flags = str_slice(text, 53, 2);

    if (text.len < TRACE_PARENT_LENGTH) return false;
    if (text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-') return false;
    if (!is_hex(version) || str_eq(version, STR("ff"))) return false;
    if (text.len > TRACE_PARENT_LENGTH &&
        (str_eq(version, STR("00")) || text.ptr[TRACE_PARENT_LENGTH] != '-'))
        return false;
    if (!is_id(id) || !is_id(str_slice(text, 36, 16)) || !is_hex(flags)) return false;
    memcpy(out->id, id.ptr, sizeof out->id);
    out->sampled = char_hex(flags.ptr[1]) & SAMPLED;
    return true;
}

/* ---- tracestate (section 3.3) ---- */

static bool is_low_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 1 to max characters of a key. */
static bool is_key_part(csgi_str text, size_t max, bool may_begin_with_digit)
{
    if (text.len == 0 || text.len > max) return false;
    if (!is_low_letter(text.ptr[0]) && !(may_begin_with_digit && is_digit(text.ptr[0])))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!is_low_letter(c) && !is_digit(c) && (!c || !strchr("_-*/", c))) return false;
    }
    return true;
}

/* "vendor" or "tenant@vendor". */
static bool is_key(csgi_str text)
{
    csgi_str system = text, tenant = str_take(&system, '@');

    if (tenant.len == text.len) return is_key_part(text, KEY_MAX, false);
    return is_key_part(tenant, TENANT_MAX, true) && is_key_part(system, SYSTEM_MAX, false);
}

/* Printable, with neither comma nor equals sign; spaces at its end went with trimming. */
static bool is_value(csgi_str text)
{
    if (text.len == 0 || text.len > VALUE_MAX) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c < 0x20 || c > 0x7e || c == '=') return false;
    }
    return true;
}

static bool is_member(csgi_str text)
{
    csgi_str value = text, key = str_take(&value, '=');

    return key.len < text.len && is_key(key) && is_value(value);
}

typedef struct members {
    size_t count;
    csgi_str items[TRACE_MEMBERS_MAX];
} members;

static bool read_members(csgi_str list, members *out)
{
    while (list.len) {
        csgi_str member = str_trim(str_take(&list, ','));

        if (member.len == 0) continue;
        if (out->count == TRACE_MEMBERS_MAX || !is_member(member)) return false;
        out->items[out->count++] = member;
    }
    return true;
}

static size_t printed_length(const members *list)
{
    size_t len = 0;

    for (size_t i = 0; i < list->count; i++)
        len += list->items[i].len + (i > 0);
    return len;
}

/* Whole members only (section 3.3.1.5): the large ones first, then whatever stands last. */
static void shorten(members *list)
{
    for (size_t i = list->count; i > 0 && printed_length(list) > TRACE_STATE_MAX; i--) {
        csgi_str *item = &list->items[i - 1];

        if (item->len <= TRACE_LARGE_MEMBER) continue;
        memmove(item, item + 1, (list->count - i) * sizeof *item);
        list->count--;
    }
    while (printed_length(list) > TRACE_STATE_MAX)
        list->count--;
}

static void print_members(const members *list, trace *out)
{
    for (size_t i = 0; i < list->count; i++) {
        csgi_str item = list->items[i];

        if (i > 0) out->state[out->state_len++] = ',';
        memcpy(out->state + out->state_len, item.ptr, item.len);
        out->state_len += item.len;
    }
    CHECK(out->state_len <= TRACE_STATE_MAX);
}

/* Several fields are one list (RFC 9110 section 5.2). */
static void read_state(csgi_fields headers, trace *out)
{
    members list;

    list.count = 0;
    for (size_t i = 0; i < headers.count; i++) {
        const csgi_field *field = &headers.items[i];

        if (str_eq(field->name, STR("tracestate")) && !read_members(field->value, &list)) return;
    }
    shorten(&list);
    print_members(&list, out);
}

bool trace_read(csgi_fields headers, trace *out)
{
    const csgi_field *parent = NULL;

    for (size_t i = 0; i < headers.count; i++) {
        if (!str_eq(headers.items[i].name, STR("traceparent"))) continue;
        if (parent) return false;
        parent = &headers.items[i];
    }
    if (!parent || !read_parent(str_trim(parent->value), out)) return false;
    out->state_len = 0;
    read_state(headers, out);
    return true;
}

void trace_print_parent(const trace *self, uint64_t span, char out[TRACE_PARENT_LENGTH])
{
    static const char digits[] = "0123456789abcdef";

    if (span == 0) span = 1;
    memcpy(out, "00-", 3);
    memcpy(out + 3, self->id, sizeof self->id);
    out[35] = '-';
    for (int i = 0; i < 16; i++)
        out[36 + i] = digits[span >> (60 - 4 * i) & 15];
    memcpy(out + 52, self->sampled ? "-01" : "-00", 3);
}
