/* SPDX-License-Identifier: MIT
 * Makes values of JSON text. cJSON knows no positions, and takes numbers and strings that RFC 8259
 * does not. */
#include "config/json_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"
#include "config/json_scan.h"

#define FOUND_MAX 40u /* bytes of a text that a complaint repeats */

typedef struct parser {
    json_scan scan;
    int depth;
    arena *memory;
} parser;

static csgi_status parse_value(parser *self, json_value *out);

static file_position position_of(const json_scan *scan)
{
    return (file_position){ scan->line, (uint32_t)(scan->at - scan->line_start) + 1 };
}

static csgi_status parse_number(json_scan *scan, json_value *out)
{
    const char *start = scan->at;

    if (!json_scan_number(scan)) {
        scan->at = start;
        return json_scan_expected(scan, "a number such as 12 or 1.5, or text in double quotes");
    }
    out->kind = JSON_NUMBER;
    out->text = (csgi_str){ start, (size_t)(scan->at - start) };
    return CSGI_OK;
}

static csgi_status parse_word(json_scan *scan, json_value *out)
{
    static const struct {
        csgi_str word;
        json_kind kind;
    } words[] = {
        { CSGI_STR("true"), JSON_BOOLEAN },
        { CSGI_STR("false"), JSON_BOOLEAN },
        { CSGI_STR("null"), JSON_NULL },
    };
    csgi_str word = json_scan_word(scan);

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (!str_eq(word, words[i].word)) continue;
        out->kind = words[i].kind;
        out->text = word;
        scan->at += word.len;
        return CSGI_OK;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_eq_nocase(word, words[i].word)) return json_scan_expected(scan, words[i].word.ptr);
    }
    if (word.len > 1 || json_scan_peek(scan) == '\'')
        return json_scan_expected(scan, "a value (text stands in double quotes)");
    return json_scan_expected(scan, "a value");
}

static csgi_status parse_key(parser *self, json_value *member)
{
    json_scan *scan = &self->scan;
    csgi_status status;

    member->key_at = position_of(scan);
    if (json_scan_peek(scan) != '"') return json_scan_expected(scan, "a key in double quotes");
    status = json_scan_string(scan, self->memory, &member->key);
    if (status != CSGI_OK) return status;
    json_scan_space(scan);
    if (!json_scan_take(scan, ':')) return json_scan_expected(scan, "\":\"");
    json_scan_space(scan);
    return CSGI_OK;
}

static int compare_positions(file_position a, file_position b)
{
    if (a.line != b.line) return a.line < b.line ? -1 : 1;
    return (a.column > b.column) - (a.column < b.column);
}

static int compare_members(const void *a, const void *b)
{
    const json_value *left = *(const json_value *const *)a, *right = *(const json_value *const *)b;
    int order = str_compare(left->key, right->key);

    return order ? order : compare_positions(left->key_at, right->key_at);
}

/* Sorts the members and finds those that repeat a key. */
static csgi_status index_members(parser *self, json_value *object)
{
    size_t size = (object->count + 1) * sizeof *object->by_key, count = 0;

    object->by_key = arena_alloc(self->memory, size, _Alignof(json_value *));
    if (!object->by_key) return CSGI_ENOMEM;
    for (json_value *member = object->first; member; member = member->next)
        object->by_key[count++] = member;
    qsort(object->by_key, count, sizeof *object->by_key, compare_members);
    for (size_t i = 1; i < count; i++) {
        json_value *member = object->by_key[i];

        member->repeats_key = str_eq(member->key, object->by_key[i - 1]->key);
    }
    return CSGI_OK;
}

static csgi_status parse_item(parser *self, bool is_member, json_value **out)
{
    json_value *item = arena_alloc(self->memory, sizeof *item, _Alignof(json_value));
    csgi_status status = CSGI_OK;

    if (!item) return CSGI_ENOMEM;
    *item = (json_value){ 0 };
    *out = item;
    if (is_member) status = parse_key(self, item);
    return status == CSGI_OK ? parse_value(self, item) : status;
}

/* The items of an array or object up to its end; the bracket that began it has been taken. */
static csgi_status parse_items(parser *self, json_value *out)
{
    json_scan *scan = &self->scan;
    bool is_object = out->kind == JSON_OBJECT;
    char closing = is_object ? '}' : ']';
    json_value **end = &out->first;

    json_scan_space(scan);
    while (out->count || !json_scan_take(scan, closing)) {
        csgi_status status = parse_item(self, is_object, end);

        if (status != CSGI_OK) return status;
        end = &(*end)->next;
        out->count++;
        json_scan_space(scan);
        if (json_scan_take(scan, closing)) break;
        if (!json_scan_take(scan, ','))
            return json_scan_expected(scan, is_object ? "\",\" or \"}\"" : "\",\" or \"]\"");
        json_scan_space(scan);
        if (json_scan_peek(scan) == closing) {
            return json_scan_expected(scan, is_object ? "another key, or no comma before it"
                                                      : "another value, or no comma before it");
        }
    }
    return is_object ? index_members(self, out) : CSGI_OK;
}

static csgi_status parse_value(parser *self, json_value *out)
{
    json_scan *scan = &self->scan;
    const char *start = scan->at;
    char c = json_scan_peek(scan);
    csgi_status status;

    out->at = position_of(scan);
    if (c == '-' || (c >= '0' && c <= '9')) return parse_number(scan, out);
    if (c == '"') {
        out->kind = JSON_STRING;
        return json_scan_string(scan, self->memory, &out->text);
    }
    if (c != '{' && c != '[') return parse_word(scan, out);
    if (self->depth == JSON_DEPTH_MAX) {
        return json_scan_refuse(scan, start, "found more than %d levels of [ and {, expected fewer",
                                JSON_DEPTH_MAX);
    }
    out->kind = c == '{' ? JSON_OBJECT : JSON_ARRAY;
    scan->at++;
    self->depth++;
    status = parse_items(self, out);
    self->depth--;
    out->text = (csgi_str){ start, (size_t)(scan->at - start) };
    return status;
}

csgi_status json_parse(const char *source, csgi_str text, arena *memory, const json_value **out,
                       buffer *problem)
{
    parser self = { .scan = json_scan_of(source, text, problem), .memory = memory };
    json_value *root = arena_alloc(memory, sizeof *root, _Alignof(json_value));
    csgi_status status = root ? json_scan_check(self.scan) : CSGI_ENOMEM;

    if (status != CSGI_OK) return status;
    *root = (json_value){ 0 };
    json_scan_space(&self.scan);
    status = parse_value(&self, root);
    if (status != CSGI_OK) return status;
    json_scan_space(&self.scan);
    if (self.scan.at == self.scan.end) {
        *out = root;
        return CSGI_OK;
    }
    json_scan_expected(&self.scan, "the end of the file");
    return CSGI_EINVAL;
}

/* ---- comments ---- */

/* Where the comment that begins there ends; 0: it does not. */
static size_t comment_end(const char *text, size_t len, size_t start)
{
    bool is_block = text[start + 1] == '*';

    for (size_t i = start + 2; i < len; i++) {
        if (!is_block && text[i] == '\n') return i;
        if (is_block && i > start + 2 && text[i] == '/' && text[i - 1] == '*') return i + 1;
    }
    return is_block ? 0 : len;
}

static csgi_status refuse_comment(json_scan scan, size_t start)
{
    const char *at = scan.at + start;

    for (; scan.at < at; scan.at++) {
        if (*scan.at != '\n') continue;
        scan.line++;
        scan.line_start = scan.at + 1;
    }
    return json_scan_refuse(&scan, at, "found a comment without an end, expected \"*/\"");
}

csgi_status json_blank_comments(const char *source, char *text, size_t len, buffer *problem)
{
    json_scan scan = json_scan_of(source, (csgi_str){ text, len }, problem);
    csgi_status status = json_scan_check(scan);
    bool is_quoted = false;

    for (size_t i = 0; status == CSGI_OK && i < len; i++) {
        size_t end;

        if (is_quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            is_quoted = !is_quoted;
        } else if (text[i] == '\n') { /* no string goes on behind it */
            is_quoted = false;
        } else if (!is_quoted && text[i] == '/' && i + 1 < len && memchr("/*", text[i + 1], 2)) {
            end = comment_end(text, len, i);
            if (end == 0) return refuse_comment(scan, i);
            for (; i < end; i++) {
                if (text[i] != '\n') text[i] = ' ';
            }
            i--;
        }
    }
    return status;
}

/* ---- what others ask of values ---- */

const json_value *json_find(const json_value *object, csgi_str key)
{
    size_t low = 0, high = object->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (str_compare(object->by_key[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == object->count || !str_eq(object->by_key[low]->key, key)) return NULL;
    return object->by_key[low];
}

const json_value *json_find_repeated(const json_value *in)
{
    for (const json_value *item = in->first; item; item = item->next) {
        const json_value *found = item->repeats_key ? item : json_find_repeated(item);

        if (found) return found;
    }
    return NULL;
}

csgi_str json_shorten(csgi_str text)
{
    size_t len = FOUND_MAX;

    if (text.len <= len) return text;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return str_slice(text, 0, len);
}

void json_print_found(const json_value *it, buffer *out)
{
    char text[4 * FOUND_MAX];
    size_t len = escape_line(text, sizeof text, json_shorten(it->text), false);
    const char *more = it->text.len > FOUND_MAX ? "..." : "";

    if (it->kind == JSON_ARRAY)
        buffer_printf(out, it->count ? "an array" : "an empty array");
    else if (it->kind == JSON_OBJECT)
        buffer_printf(out, it->count ? "an object" : "an empty object");
    else if (it->kind == JSON_STRING)
        buffer_printf(out, "\"%.*s%s\"", (int)len, text, more);
    else
        buffer_printf(out, "%.*s%s", (int)len, text, more);
}

static csgi_status refuse_object(const char *source, file_position at, const json_value *found,
                                 buffer *problem)
{
    buffer_printf(problem, "%s:%u:%u: found ", source, at.line, at.column);
    json_print_found(found, problem);
    buffer_printf(problem, ", expected an object: {...}");
    return CSGI_EFAIL;
}

static csgi_status refuse_repeated(const char *source, const json_value *member, buffer *problem)
{
    buffer_printf(problem, "%s:%u:%u: found the key ", source, member->key_at.line,
                  member->key_at.column);
    json_print_found(&(json_value){ .kind = JSON_STRING, .text = member->key }, problem);
    buffer_printf(problem, " a second time, expected it once");
    return CSGI_EFAIL;
}

csgi_status json_check_object(const char *source, csgi_str text, buffer *problem)
{
    const json_value *root, *repeated;
    csgi_status status;
    arena memory;

    arena_init(&memory, NULL, 0);
    status = json_parse(source, text, &memory, &root, problem);
    repeated = status == CSGI_OK ? json_find_repeated(root) : NULL;
    if (status == CSGI_EINVAL) status = CSGI_EFAIL;
    if (status == CSGI_OK && root->kind != JSON_OBJECT)
        status = refuse_object(source, root->at, root, problem);
    else if (repeated)
        status = refuse_repeated(source, repeated, problem);
    arena_reset(&memory);
    return status;
}
