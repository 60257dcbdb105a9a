/* SPDX-License-Identifier: MIT
 * Text that grows in an arena; JSON strings and UTF-8. Templates are in template.c. */
#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_CAPACITY = 120 };

static int text_grow(csgi_web_text *self, size_t length)
{
    size_t needed, capacity = self->capacity ? self->capacity : FIRST_CAPACITY;
    char *bytes;

    if (length > SIZE_MAX / 4 || self->length > SIZE_MAX / 4) {
        self->status = CSGI_ENOMEM;
        return 0;
    }
    needed = self->length + length + 1;
    while (capacity < needed)
        capacity *= 2;
    bytes = self->host->alloc(self->arena, capacity, 1);
    if (!bytes) {
        self->status = CSGI_ENOMEM;
        return 0;
    }
    if (self->length) memcpy(bytes, self->bytes, self->length);
    self->bytes = bytes;
    self->capacity = capacity;
    return 1;
}

/* Makes room for length more bytes and the NUL. */
static inline int text_reserve(csgi_web_text *self, size_t length)
{
    if (self->status != CSGI_OK) return 0;
    return length < self->capacity - self->length || text_grow(self, length);
}

/* The bytes at the front that are ASCII. */
static size_t ascii_span(const unsigned char *bytes, size_t length)
{
    size_t i = 0;

    while (i < length && bytes[i] < 0x80)
        i++;
    return i;
}

/* The length of the well-formed sequence at bytes, 0 if there is none: RFC 3629 section 4. */
static size_t utf8_sequence(const unsigned char *bytes, size_t length)
{
    unsigned char first = bytes[0], low = 0x80, high = 0xbf;
    size_t i, count;

    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    count = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (count > length) return 0;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (bytes[1] < low || bytes[1] > high) return 0;
    for (i = 2; i < count; i++)
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    return count;
}

static void add_escape(csgi_web_text *self, unsigned char byte)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char escape[8];
    size_t i;

    for (i = 0; letters[i]; i += 2) {
        if ((unsigned char)letters[i] != byte) continue;
        escape[0] = '\\';
        escape[1] = letters[i + 1];
        csgi_web_text_add(self, escape, 2);
        return;
    }
    snprintf(escape, sizeof(escape), "\\u%04x", byte);
    csgi_web_text_add(self, escape, 6);
}

void csgi_web_text_init(csgi_web_text *self, const csgi_host *host, csgi_arena *arena)
{
    memset(self, 0, sizeof(*self));
    self->host = host;
    self->arena = arena;
}

void csgi_web_text_add(csgi_web_text *self, const char *bytes, size_t length)
{
    if (!length || !text_reserve(self, length)) return;
    memcpy(self->bytes + self->length, bytes, length);
    self->length += length;
}

void csgi_web_text_puts(csgi_web_text *self, const char *string)
{
    csgi_web_text_add(self, string, strlen(string));
}

void csgi_web_text_vprintf(csgi_web_text *self, const char *format, csgi_web_arguments *arguments)
{
    csgi_web_arguments again;
    int length;

    va_copy(again.list, arguments->list);
    length = vsnprintf(NULL, 0, format, again.list);
    va_end(again.list);
    if (length < 0) {
        if (self->status == CSGI_OK) self->status = CSGI_EINVAL;
        self->why = "printf refuses the format";
        return;
    }
    if (!text_reserve(self, (size_t)length)) return;
    vsnprintf(self->bytes + self->length, (size_t)length + 1, format, arguments->list);
    self->length += (size_t)length;
}

const char *csgi_web_text_end(csgi_web_text *self)
{
    if (!text_reserve(self, 0)) return NULL;
    self->bytes[self->length] = '\0';
    return self->bytes;
}

void csgi_web_text_json_inside(csgi_web_text *self, const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;
    size_t i = 0, plain = 0, count;

    while (i < length) {
        if (at[i] < 0x80 && at[i] >= 0x20 && at[i] != '"' && at[i] != '\\') {
            i++;
            continue;
        }
        count = utf8_sequence(at + i, length - i);
        if (count > 1) {
            i += count;
            continue;
        }
        csgi_web_text_add(self, bytes + plain, i - plain);
        if (count)
            add_escape(self, at[i]);
        else
            csgi_web_text_puts(self, "\xef\xbf\xbd");
        plain = ++i;
    }
    csgi_web_text_add(self, bytes + plain, i - plain);
}

void csgi_web_text_json_string(csgi_web_text *self, const char *bytes, size_t length)
{
    csgi_web_text_add(self, "\"", 1);
    csgi_web_text_json_inside(self, bytes, length);
    csgi_web_text_add(self, "\"", 1);
}

size_t csgi_web_utf8_span(const char *bytes, size_t length)
{
    size_t i = 0, count;

    for (;;) {
        i += ascii_span((const unsigned char *)bytes + i, length - i);
        if (i == length) return i;
        count = utf8_sequence((const unsigned char *)bytes + i, length - i);
        if (!count) return i;
        i += count;
    }
}
