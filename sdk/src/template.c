/* SPDX-License-Identifier: MIT
 * The templates of csgi_reply_json and csgi_get_json: printf's conversions, so that compilers check
 * the arguments, but written as JSON values or percent-encoded. */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

/* One conversion's argument: kind is its letter, with 'u' and 'd' for all widths. */
typedef struct argument {
    char kind;
    const char *string;
    int64_t integer;
    uint64_t natural;
    double real;
} argument;

/* How wide an integer is: the modifiers of printf. */
enum { WIDTH_INT, WIDTH_LONG, WIDTH_LONG_LONG, WIDTH_SIZE, WIDTH_MAX };

static void text_refuse(csgi_web_text *self, const char *why)
{
    if (self->status == CSGI_OK) self->status = CSGI_EINVAL;
    self->why = why;
}

static int64_t read_integer(int width, csgi_web_arguments *from)
{
    if (width == WIDTH_LONG) return va_arg(from->list, long);
    if (width == WIDTH_LONG_LONG) return va_arg(from->list, long long);
    if (width == WIDTH_SIZE) return (int64_t)va_arg(from->list, size_t);
    if (width == WIDTH_MAX) return va_arg(from->list, intmax_t);
    return va_arg(from->list, int);
}

static uint64_t read_natural(int width, csgi_web_arguments *from)
{
    if (width == WIDTH_LONG) return va_arg(from->list, unsigned long);
    if (width == WIDTH_LONG_LONG) return va_arg(from->list, unsigned long long);
    if (width == WIDTH_SIZE) return va_arg(from->list, size_t);
    if (width == WIDTH_MAX) return va_arg(from->list, uintmax_t);
    return va_arg(from->list, unsigned);
}

/* Reads the conversion after a "%" and its argument; returns what follows it, NULL: unknown. */
static const char *read_argument(const char *at, csgi_web_arguments *from, argument *result)
{
    int width = WIDTH_INT;

    if (at[0] == 'l' && at[1] == 'l')
        width = WIDTH_LONG_LONG, at += 2;
    else if (*at == 'l')
        width = WIDTH_LONG, at++;
    else if (*at == 'z')
        width = WIDTH_SIZE, at++;
    else if (*at == 'j')
        width = WIDTH_MAX, at++;

    memset(result, 0, sizeof(*result));
    result->kind = *at;
    if (*at == 'd')
        result->integer = read_integer(width, from);
    else if (*at == 'u')
        result->natural = read_natural(width, from);
    else if (width != WIDTH_INT)
        return NULL;
    else if (*at == 'i')
        result->integer = va_arg(from->list, int);
    else if (*at == 's')
        result->string = va_arg(from->list, const char *);
    else if (*at == 'g' || *at == 'f')
        result->real = va_arg(from->list, double);
    else
        return NULL;
    return at + 1;
}

/* A number or a truth value; the same in JSON and in URLs. */
static void add_plain(csgi_web_text *self, const argument *value)
{
    char number[32];

    switch (value->kind) {
    case 'd':
        snprintf(number, sizeof(number), "%" PRId64, value->integer);
        csgi_web_text_puts(self, number);
        return;
    case 'u':
        snprintf(number, sizeof(number), "%" PRIu64, value->natural);
        csgi_web_text_puts(self, number);
        return;
    case 'i':
        csgi_web_text_puts(self, value->integer ? "true" : "false");
        return;
    default:
        csgi_web_text_json_double(self, value->real);
    }
}

/* ---- JSON ---- */

/* May this token come now? 0: the template is refused. */
static int take_token(csgi_web_text *self, char token)
{
    int comma;
    const char *wrong = csgi_web_grammar_take(&self->grammar, token, &comma);

    if (wrong) text_refuse(self, wrong);
    if (!wrong && comma) csgi_web_text_add(self, ",", 1);
    return !wrong;
}

static const char *add_conversion(csgi_web_text *self, const char *at, csgi_web_arguments *from,
                                  int inside)
{
    argument value;
    size_t length;

    at = read_argument(at, from, &value);
    if (!at) {
        text_refuse(self, "a conversion is none of %s, %d, %u, %g, %i");
        return NULL;
    }
    if (!inside && !take_token(self, value.kind == 's' && value.string ? 's' : 'v')) return NULL;
    if (value.kind != 's') {
        add_plain(self, &value);
        return at;
    }
    if (!value.string) {
        if (!inside) csgi_web_text_puts(self, "null");
        return at;
    }
    length = strlen(value.string);
    if (csgi_web_utf8_span(value.string, length) != length)
        text_refuse(self, "a string is not UTF-8");
    if (inside)
        csgi_web_text_json_inside(self, value.string, length);
    else
        csgi_web_text_json_string(self, value.string, length);
    return at;
}

/* A conversion, or what a backslash or a percent sign makes of the next byte; NULL: it is refused.
 * An escape of JSON's own is kept as it is. */
static const char *add_special(csgi_web_text *self, const char *at, csgi_web_arguments *from)
{
    if (*at == '%' && at[1] != '%') return add_conversion(self, at + 1, from, 1);
    if (at[1] == '\0') return at + 1; /* and the string does not end */
    if (*at == '%' || at[1] == '\'')
        csgi_web_text_json_inside(self, at + 1, 1);
    else
        csgi_web_text_add(self, at, 2);
    return at + 2;
}

/* A quoted string of the template: either quote will do. */
static const char *add_literal_string(csgi_web_text *self, const char *at, csgi_web_arguments *from)
{
    char stops[] = { *at, '\\', '%', '\0' };
    size_t start = self->length, length, offset;
    const char *wrong = NULL;
    int has_escapes = 0;

    csgi_web_text_add(self, "\"", 1);
    for (at++; at; at = add_special(self, at, from)) {
        length = strcspn(at, stops);
        if (length) csgi_web_text_json_inside(self, at, length);
        at += length;
        if (*at == stops[0] || *at == '\0') break;
        has_escapes |= *at == '\\';
    }
    if (!at) return NULL;
    if (*at == '\0') wrong = "a string does not end";
    csgi_web_text_add(self, "\"", 1);
    if (has_escapes && !wrong && self->status == CSGI_OK)
        wrong = csgi_web_json_check(self->bytes + start, self->length - start, &offset);
    if (wrong) text_refuse(self, wrong);
    return wrong ? NULL : at + 1;
}

/* A number, true, false or null. */
static const char *add_word(csgi_web_text *self, const char *at)
{
    size_t offset, length = strspn(at, "abcdefghijklmnopqrstuvwxyzE0123456789+-.");

    if (!length || csgi_web_json_check(at, length, &offset)) {
        text_refuse(self, "this is no value (a string needs quotes)");
        return NULL;
    }
    if (!take_token(self, 'v')) return NULL;
    csgi_web_text_add(self, at, length);
    return at + length;
}

static int is_structure(char byte)
{
    return byte == '{' || byte == '}' || byte == '[' || byte == ']' || byte == ',' || byte == ':';
}

static int is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* One step through a template; NULL: it is refused. */
static const char *add_token(csgi_web_text *self, const char *at, csgi_web_arguments *from)
{
    if (is_structure(*at)) {
        if (!take_token(self, *at)) return NULL;
        csgi_web_text_add(self, at, 1);
        return at + 1;
    }
    if (*at == '%') return add_conversion(self, at + 1, from, 0);
    if (*at != '\'' && *at != '"') return add_word(self, at);
    return take_token(self, 's') ? add_literal_string(self, at, from) : NULL;
}

void csgi_web_text_json(csgi_web_text *self, const char *json_template,
                        csgi_web_arguments *arguments)
{
    const char *at = json_template;

    if (self->status != CSGI_OK) return;
    self->source = json_template;
    while (self->status == CSGI_OK && *at) {
        self->offset = (size_t)(at - json_template);
        at = is_space(*at) ? at + 1 : add_token(self, at, arguments);
    }
    if (self->status == CSGI_OK) self->offset = (size_t)(at - json_template);
}

void csgi_web_text_json_end(csgi_web_text *self)
{
    const char *wrong = csgi_web_grammar_end(&self->grammar);

    if (wrong && self->status == CSGI_OK) text_refuse(self, wrong);
}

/* ---- URLs ---- */

/* Keeps what RFC 3986 section 2.3 calls unreserved, but for the dots of "." and "..", which
 * would be taken as steps in the path. */
static void add_encoded(csgi_web_text *self, const char *string)
{
    static const char unreserved[256] = {
        ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['-'] = 1,
        ['_'] = 1,         ['~'] = 1,         ['.'] = 1,
    };
    int is_step = strcmp(string, ".") == 0 || strcmp(string, "..") == 0;
    char encoded[4];
    size_t length;

    while (*string) {
        for (length = 0; !is_step && unreserved[(unsigned char)string[length]]; length++)
            continue;
        csgi_web_text_add(self, string, length);
        string += length;
        if (length) continue;
        snprintf(encoded, sizeof(encoded), "%%%02X", (unsigned char)*string++);
        csgi_web_text_add(self, encoded, 3);
    }
}

void csgi_web_text_url(csgi_web_text *self, const char *url_template, csgi_web_arguments *arguments)
{
    const char *at = url_template, *start;
    argument value;

    while (*at) {
        for (start = at; *at && *at != '%'; at++)
            continue;
        csgi_web_text_add(self, start, (size_t)(at - start));
        if (*at == '\0') return;
        if (at[1] == '%') {
            csgi_web_text_add(self, "%", 1);
            at += 2;
            continue;
        }
        start = at;
        at = read_argument(at + 1, arguments, &value);
        if (!at || (value.kind == 's' && !value.string)) {
            text_refuse(self, at ? "a string of the URL is NULL"
                                 : "the URL has a conversion that is none of %s, %d, %u, %g, %i");
            return;
        }
        if (value.kind != 's')
            add_plain(self, &value);
        else if (start == url_template)
            csgi_web_text_puts(self, value.string);
        else
            add_encoded(self, value.string);
    }
}
