/* SPDX-License-Identifier: MIT
 * The chunk reader: one state for each place in a chunk's line. */
#include "http1/chunks.h"

#include "base/str.h"

/* Digits of a size that are not worth counting: as many as the largest size has. */
#define PLAIN_DIGITS 16u

enum {
    AT_SIZE,        /* before its first digit */
    IN_SIZE,        /* after a digit */
    AFTER_PART,     /* spaces after a size or a value: a semicolon follows */
    AT_NAME,        /* after a semicolon, perhaps spaces */
    IN_NAME,        /* in an extension's name */
    AFTER_NAME,     /* spaces after a name */
    AT_VALUE,       /* after an equals sign, perhaps spaces */
    IN_VALUE,       /* in a token */
    IN_QUOTES,      /* in a quoted string */
    IN_QUOTED_PAIR, /* after a backslash there */
    AFTER_QUOTES,   /* after the closing quote */
    AT_LINE_END,    /* after CR */
    IN_BODY,        /* in the chunk's bytes */
    AT_CR_OF_BODY,  /* after them */
    AT_LF_OF_BODY,
    IS_WRONG
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token_char(char c)
{
    return str_is_token((csgi_str){ &c, 1 });
}

/* What may follow a size, a name or a value. */
static uint8_t after_part(char c, uint8_t spaces)
{
    if (c == '\r') return AT_LINE_END;
    if (c == ';') return AT_NAME;
    return is_space(c) ? spaces : IS_WRONG;
}

static uint8_t after_digit(chunk_reader *self, char c)
{
    int digit = char_hex(c);

    if (digit < 0) return self->state == AT_SIZE ? IS_WRONG : after_part(c, AFTER_PART);
    if (self->left > UINT64_MAX >> 4) return IS_WRONG;
    self->left = self->left << 4 | (unsigned)digit;
    if (self->digits < PLAIN_DIGITS)
        self->digits++;
    else
        self->extra_len++;
    return IN_SIZE;
}

static uint8_t after_quoted(char c)
{
    unsigned char byte = (unsigned char)c;

    return c == '\t' || (byte >= ' ' && byte != 0x7f) ? IN_QUOTES : IS_WRONG;
}

static uint8_t next_state(chunk_reader *self, char c)
{
    switch (self->state) {
    case AT_SIZE:
    case IN_SIZE:
        return after_digit(self, c);
    case AFTER_PART: /* a line may not end in spaces */
        return c == '\r' ? IS_WRONG : after_part(c, AFTER_PART);
    case AT_NAME:
        if (is_space(c)) return AT_NAME;
        return is_token_char(c) ? IN_NAME : IS_WRONG;
    case IN_NAME:
        if (is_token_char(c)) return IN_NAME;
        return c == '=' ? AT_VALUE : after_part(c, AFTER_NAME);
    case AFTER_NAME:
        if (c == '=') return AT_VALUE;
        return c == '\r' ? IS_WRONG : after_part(c, AFTER_NAME);
    case AT_VALUE:
        if (is_space(c)) return AT_VALUE;
        if (c == '"') return IN_QUOTES;
        return is_token_char(c) ? IN_VALUE : IS_WRONG;
    case IN_VALUE:
        return is_token_char(c) ? IN_VALUE : after_part(c, AFTER_PART);
    case IN_QUOTES:
        if (c == '"') return AFTER_QUOTES;
        return c == '\\' ? IN_QUOTED_PAIR : after_quoted(c);
    case IN_QUOTED_PAIR:
        return after_quoted(c);
    case AFTER_QUOTES:
        return after_part(c, AFTER_PART);
    case AT_LINE_END:
        return c == '\n' ? IN_BODY : IS_WRONG;
    case AT_CR_OF_BODY:
        return c == '\r' ? AT_LF_OF_BODY : IS_WRONG;
    case AT_LF_OF_BODY:
        return c == '\n' ? AT_SIZE : IS_WRONG;
    default:
        return IS_WRONG;
    }
}

static bool is_in_extension(const chunk_reader *self)
{
    return self->state >= AFTER_PART && self->state <= AFTER_QUOTES;
}

static chunk_result read_body(chunk_reader *self, size_t len, size_t *used, size_t *body_len)
{
    size_t part = len - *used;

    if (part >= self->left) {
        part = (size_t)self->left;
        self->state = AT_CR_OF_BODY;
    }
    self->left -= part;
    *used += part;
    *body_len = part;
    return CHUNK_BODY;
}

void chunks_begin(chunk_reader *self)
{
    *self = (chunk_reader){ .state = AT_SIZE };
}

chunk_result chunks_read(chunk_reader *self, const char *bytes, size_t len, uint32_t extra_max,
                         size_t *used, size_t *body_len)
{
    *used = 0;
    while (*used < len) {
        if (self->state == IN_BODY) return read_body(self, len, used, body_len);
        self->state = next_state(self, bytes[(*used)++]);
        if (self->state == IS_WRONG) return CHUNK_BAD;
        if (is_in_extension(self)) self->extra_len++;
        if (self->extra_len > extra_max) return CHUNK_LONG;
        if (self->state == AT_SIZE) {
            self->left = self->digits = 0;
        } else if (self->state == IN_BODY) {
            return self->left ? CHUNK_SIZE : CHUNK_LAST;
        }
    }
    return CHUNK_MORE;
}
