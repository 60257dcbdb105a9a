/* SPDX-License-Identifier: MIT
 * JSON, written (RFC 8259). */
#include "base/json_write.h"

#include "base/escape.h"
#include "base/str.h"

/* The most bytes that one byte becomes: "\u0001". */
#define ESCAPED_MAX ((size_t)6)

static void put(json_writer *self, csgi_str text)
{
    if (self->status == CSGI_OK) self->status = buffer_append_str(self->out, text);
}

static void put_string(json_writer *self, csgi_str text)
{
    buffer *out = self->out;

    put(self, STR("\""));
    if (self->status == CSGI_OK) self->status = buffer_reserve(out, ESCAPED_MAX * text.len);
    if (self->status != CSGI_OK) return;
    out->len += escape_json(out->bytes + out->len, ESCAPED_MAX * text.len, text);
    put(self, STR("\""));
}

/* What stands before a value. */
static void begin(json_writer *self, const char *key)
{
    if (self->needs_comma) put(self, STR(", "));
    self->needs_comma = true;
    if (!key) return;
    put_string(self, str_from(key));
    put(self, STR(": "));
}

void json_write_open(json_writer *self, const char *key, char bracket)
{
    begin(self, key);
    put(self, (csgi_str){ &bracket, 1 });
    self->needs_comma = false;
}

void json_write_close(json_writer *self, char bracket)
{
    put(self, (csgi_str){ &bracket, 1 });
    self->needs_comma = true;
}

void json_write_text(json_writer *self, const char *key, csgi_str text)
{
    begin(self, key);
    put_string(self, text);
}

void json_write_text_or_null(json_writer *self, const char *key, csgi_str text)
{
    if (text.len) {
        json_write_text(self, key, text);
        return;
    }
    begin(self, key);
    put(self, STR("null"));
}

void json_write_number(json_writer *self, const char *key, uint64_t number)
{
    char digits[STR_U64_ROOM];

    begin(self, key);
    put(self, (csgi_str){ digits, str_print_u64(digits, number) });
}

void json_write_bool(json_writer *self, const char *key, bool value)
{
    begin(self, key);
    put(self, value ? STR("true") : STR("false"));
}
