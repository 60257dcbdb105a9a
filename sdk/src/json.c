/* SPDX-License-Identifier: MIT
 * Checks JSON by RFC 8259 to the letter, then has cJSON build the tree. */
#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { LONGEST_NUMBER = 62 /* cJSON 1.7 copies a number into 64 bytes */, FEW_NAMES = 8 };

typedef struct scanner {
    const char *at, *end;
    const char *why;
} scanner;

static int scan_fail(scanner *self, const char *why)
{
    self->why = why;
    return 0;
}

/* The byte at the cursor; 0 at the end, which is never a valid byte. */
static char scan_peek(const scanner *self)
{
    return (char)(self->at < self->end ? *self->at : '\0');
}

static int scan_take(scanner *self, char byte)
{
    if (scan_peek(self) != byte || self->at == self->end) return 0;
    self->at++;
    return 1;
}

static void scan_space(scanner *self)
{
    while (self->at < self->end &&
           (*self->at == ' ' || *self->at == '\t' || *self->at == '\n' || *self->at == '\r'))
        self->at++;
}

static int is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static int scan_digits(scanner *self)
{
    if (!is_digit(scan_peek(self))) return scan_fail(self, "a digit is missing");
    while (is_digit(scan_peek(self)))
        self->at++;
    return 1;
}

static int scan_number(scanner *self)
{
    const char *start = self->at;

    scan_take(self, '-');
    if (!scan_take(self, '0') && !scan_digits(self)) return 0;
    if (scan_take(self, '.') && !scan_digits(self)) return 0;
    if (scan_take(self, 'e') || scan_take(self, 'E')) {
        if (!scan_take(self, '+')) scan_take(self, '-');
        if (!scan_digits(self)) return 0;
    }
    if (self->at - start > LONGEST_NUMBER) return scan_fail(self, "a number is too long");
    return 1;
}

/* Four hex digits; -1 if they are none. */
static int scan_hex4(scanner *self)
{
    int value = 0, i;
    char byte;

    for (i = 0; i < 4; i++, self->at++) {
        byte = scan_peek(self);
        if (is_digit(byte))
            value = value * 16 + (byte - '0');
        else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
            value = value * 16 + ((byte | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static int scan_unicode_escape(scanner *self)
{
    int unit = scan_hex4(self), low;

    if (unit < 0) return scan_fail(self, "\\u needs four hex digits");
    if (unit == 0) return scan_fail(self, "a string has a NUL inside");
    if (unit < 0xd800 || unit > 0xdfff) return 1;
    if (unit > 0xdbff || !scan_take(self, '\\') || !scan_take(self, 'u'))
        return scan_fail(self, "half of a surrogate pair");
    low = scan_hex4(self);
    if (low < 0xdc00 || low > 0xdfff) return scan_fail(self, "half of a surrogate pair");
    return 1;
}

static int scan_string(scanner *self)
{
    const char *start;

    self->at++; /* the quote */
    for (;;) {
        start = self->at;
        while (self->at < self->end && *self->at != '"' && *self->at != '\\' &&
               (unsigned char)*self->at >= 0x20)
            self->at++;
        if (csgi_web_utf8_span(start, (size_t)(self->at - start)) != (size_t)(self->at - start))
            return scan_fail(self, "a string is not UTF-8");
        if (self->at == self->end) return scan_fail(self, "a string does not end");
        if (scan_take(self, '"')) return 1;
        if (!scan_take(self, '\\')) return scan_fail(self, "a string has a control character");
        if (scan_take(self, 'u')) {
            if (!scan_unicode_escape(self)) return 0;
        } else if (scan_peek(self) && strchr("\"\\/bfnrt", *self->at)) {
            self->at++;
        } else {
            return scan_fail(self, "a string has an unknown escape");
        }
    }
}

static int scan_word(scanner *self, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(self->end - self->at) < length || memcmp(self->at, word, length) != 0)
        return scan_fail(self, "a value is missing");
    self->at += length;
    return 1;
}

static int scan_scalar(scanner *self)
{
    char first = scan_peek(self);

    if (first == '"') return scan_string(self);
    if (first == '-' || is_digit(first)) return scan_number(self);
    if (first == 't') return scan_word(self, "true");
    if (first == 'f') return scan_word(self, "false");
    return scan_word(self, "null");
}

static int scan_name(scanner *self)
{
    scan_space(self);
    if (scan_peek(self) != '"') return scan_fail(self, "a member's name is missing");
    if (!scan_string(self)) return 0;
    scan_space(self);
    return scan_take(self, ':') || scan_fail(self, "a \":\" is missing");
}

/* One value and nothing else. objects has a bit for each level that is open, the innermost
 * lowest. */
static int scan_text(scanner *self)
{
    uint64_t objects = 0;
    int depth = 0;

value:
    scan_space(self);
    if (scan_peek(self) == '{' || scan_peek(self) == '[') {
        int is_object = *self->at == '{';

        if (depth == CSGI_WEB_JSON_DEPTH) return scan_fail(self, "it is nested too deep");
        self->at++;
        depth++;
        objects = objects << 1 | (uint64_t)is_object;
        scan_space(self);
        if (scan_peek(self) != (is_object ? '}' : ']')) {
            if (is_object && !scan_name(self)) return 0;
            goto value;
        }
    } else if (!scan_scalar(self)) {
        return 0;
    }
    for (;;) { /* after a value, or before the end of an empty object or array */
        scan_space(self);
        if (depth == 0) break;
        if (scan_take(self, objects & 1 ? '}' : ']')) {
            depth--;
            objects >>= 1;
            continue;
        }
        if (!scan_take(self, ',')) return scan_fail(self, "a \",\" is missing");
        if (objects & 1 && !scan_name(self)) return 0;
        goto value;
    }
    return self->at == self->end || scan_fail(self, "there is more after the value");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* 1: two members have the same name; -1: no memory. */
static int has_twins(const cJSON *object)
{
    const char *few[FEW_NAMES], **names = few;
    size_t count = 0, i = 0;
    const cJSON *child;
    int found = 0;

    cJSON_ArrayForEach(child, object) count++;
    if (count > FEW_NAMES) names = malloc(count * sizeof(*names));
    if (!names) return -1;
    cJSON_ArrayForEach(child, object) names[i++] = child->string;
    if (count) qsort(names, count, sizeof(*names), compare_names);
    for (i = 1; i < count && !found; i++)
        found = strcmp(names[i - 1], names[i]) == 0;
    if (names != few) free(names);
    return found;
}

/* As has_twins, for the whole tree; the depth has been checked. */
static int tree_has_twins(const cJSON *tree)
{
    const cJSON *child;
    int found = cJSON_IsObject(tree) ? has_twins(tree) : 0;

    cJSON_ArrayForEach(child, tree)
    {
        if (found) break;
        if (child->child) found = tree_has_twins(child);
    }
    return found;
}

const char *csgi_web_json_check(const char *bytes, size_t length, size_t *offset)
{
    scanner text = { bytes, bytes + length, NULL };

    if (scan_text(&text)) return NULL;
    *offset = (size_t)(text.at - bytes);
    return text.why;
}

cJSON *csgi_web_json_parse(const char *bytes, size_t length, const char **why, size_t *offset)
{
    cJSON *tree;
    int twins;

    *offset = 0;
    *why = csgi_web_json_check(bytes, length, offset);
    if (*why) return NULL;
    tree = cJSON_ParseWithLength(bytes, length);
    if (!tree) return NULL; /* what was checked can only fail for want of memory */
    twins = tree_has_twins(tree);
    if (!twins) return tree;
    cJSON_Delete(tree);
    if (twins > 0) *why = "an object has a name twice";
    return NULL;
}

int csgi_web_json_int(const cJSON *node, int64_t *number)
{
    const double most = 9007199254740992.0; /* 2^53 */

    if (!cJSON_IsNumber(node) || !(node->valuedouble >= -most && node->valuedouble <= most))
        return 0;
    if (node->valuedouble != (double)(int64_t)node->valuedouble) return 0;
    *number = (int64_t)node->valuedouble;
    return 1;
}
