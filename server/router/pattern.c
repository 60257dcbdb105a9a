/* SPDX-License-Identifier: MIT
 * Parsing of route patterns, and the converters. */
#include "router/pattern.h"

#include "base/str.h"

static const char *const converter_names[SEGMENT_CONVERTERS] = {
    [SEGMENT_PATH] = "path",   [SEGMENT_STR] = "str",   [SEGMENT_INT] = "int",
    [SEGMENT_FLOAT] = "float", [SEGMENT_UUID] = "uuid",
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(csgi_str text)
{
    if (text.len == 0 || is_digit(text.ptr[0])) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!char_is_alnum(text.ptr[i]) && text.ptr[i] != '_') return false;
    }
    return true;
}

/* Writes the sentence; the caller returns what this returns. */
__attribute__((format(printf, 3, 4))) static csgi_status refuse(buffer *problem, csgi_str text,
                                                                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (buffer_printf(problem, "route \"%.*s\": ", STR_ARG(text)) == CSGI_OK)
        (void)buffer_vprintf(problem, format, args);
    va_end(args);
    return CSGI_EINVAL;
}

/* Parses what stands between the braces: "name" or "name:converter". */
static csgi_status parse_param(csgi_str text, csgi_str inside, pattern_segment *out,
                               buffer *problem)
{
    size_t colon = str_find_char(inside, ':');
    csgi_str name = str_slice(inside, 0, colon);
    csgi_str converter =
        colon < inside.len ? str_slice(inside, colon + 1, inside.len) : str_from("str");

    if (!is_name(name)) {
        return refuse(problem, text,
                      "\"{%.*s}\" has no proper parameter name: use letters, digits and \"_\", "
                      "not beginning with a digit",
                      STR_ARG(inside));
    }
    for (segment_kind kind = 0; kind < SEGMENT_CONVERTERS; kind++) {
        if (!str_eq(converter, str_from(converter_names[kind]))) continue;
        *out = (pattern_segment){ kind, name };
        return CSGI_OK;
    }
    return refuse(problem, text,
                  "\"{%.*s}\" has an unknown converter \"%.*s\": expected str, int, float, uuid or "
                  "path",
                  STR_ARG(inside), STR_ARG(converter));
}

static csgi_status parse_literal(csgi_str text, csgi_str segment, arena *memory,
                                 pattern_segment *out, buffer *problem)
{
    char *decoded = arena_alloc(memory, segment.len + 1, 1);
    size_t len = 0;

    if (!decoded) return CSGI_ENOMEM;
    if (!str_percent_decode(segment, decoded, &len)) {
        return refuse(problem, text,
                      "\"%.*s\" has a broken percent-escape: expected two hexadecimal digits; "
                      "write a plain \"%%\" as \"%%25\"",
                      STR_ARG(segment));
    }
    decoded[len] = '\0';
    out->kind = SEGMENT_LITERAL;
    out->text = (csgi_str){ decoded, len };
    if (!str_is_utf8(out->text)) return refuse(problem, text, "it is not valid UTF-8");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)decoded[i] < 0x20 || decoded[i] == 0x7f)
            return refuse(problem, text, "it has a control character: no request can match it");
    }
    return CSGI_OK;
}

static csgi_status parse_segment(csgi_str text, csgi_str segment, arena *memory,
                                 pattern_segment *out, buffer *problem)
{
    bool opens = segment.len && segment.ptr[0] == '{';
    bool closes = segment.len && segment.ptr[segment.len - 1] == '}';
    csgi_str inside = str_slice(segment, 1, segment.len - (segment.len >= 2 ? 2 : segment.len));
    csgi_status status;

    if (str_find_char(segment, '{') == segment.len && str_find_char(segment, '}') == segment.len)
        return parse_literal(text, segment, memory, out, problem);
    if (!opens || !closes || str_find_char(inside, '{') != inside.len ||
        str_find_char(inside, '}') != inside.len) {
        return refuse(problem, text,
                      "\"%.*s\" is neither literal nor one parameter: a parameter is a whole "
                      "segment, \"{name}\" or \"{name:converter}\"",
                      STR_ARG(segment));
    }
    status = parse_param(text, inside, out, problem);
    if (status != CSGI_OK) return status;
    out->text = arena_copy_str(memory, out->text);
    return out->text.ptr ? CSGI_OK : CSGI_ENOMEM;
}

/* Checks the segment just parsed against those before it. */
static csgi_status check_segment(csgi_str text, const pattern *self, bool is_last, buffer *problem)
{
    const pattern_segment *last = &self->segments[self->count - 1];

    if (last->kind == SEGMENT_LITERAL) {
        if (last->text.len || is_last) return CSGI_OK;
        return refuse(problem, text, "it has an empty segment (\"//\"): take one slash away");
    }
    if (last->kind == SEGMENT_PATH && !is_last) {
        return refuse(problem, text,
                      "\"{%s:path}\" takes the rest of the path, so it must come last",
                      last->text.ptr);
    }
    if (self->param_count > ROUTE_MAX_PARAMS)
        return refuse(problem, text, "it has more than %d parameters", ROUTE_MAX_PARAMS);
    for (size_t i = 0; i + 1 < self->count; i++) {
        const pattern_segment *before = &self->segments[i];

        if (before->kind != SEGMENT_LITERAL && str_eq(before->text, last->text)) {
            return refuse(problem, text, "it has two parameters named \"%s\": rename one",
                          last->text.ptr);
        }
    }
    return CSGI_OK;
}

/* Room for as many segments as the pattern has; NULL: no memory. */
static pattern_segment *alloc_segments(csgi_str text, arena *memory)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len && count < ROUTE_MAX_SEGMENTS; i++) {
        if (text.ptr[i] == '/') count++;
    }
    return arena_alloc(memory, count * sizeof(pattern_segment), _Alignof(pattern_segment));
}

/* The parameter's name that another framework would see; empty: it is none. */
static csgi_str foreign_name(csgi_str segment)
{
    csgi_str name = { "", 0 };

    if (segment.len > 1 && (segment.ptr[0] == ':' || segment.ptr[0] == '*'))
        name = str_slice(segment, 1, SIZE_MAX);
    else if (segment.len > 2 && segment.ptr[0] == '<' && segment.ptr[segment.len - 1] == '>')
        name = str_slice(segment, 1, segment.len - 2);
    if (str_find_char(name, ':') < name.len) /* Flask's "<int:id>" */
        name = str_slice(name, str_find_char(name, ':') + 1, SIZE_MAX);
    return is_name(name) ? name : (csgi_str){ "", 0 };
}

bool route_find_foreign(csgi_str text, buffer *hint)
{
    while (text.len) {
        csgi_str segment = str_take(&text, '/'), name = foreign_name(segment);
        bool is_rest = segment.len && segment.ptr[0] == '*' && (segment.len == 1 || name.len);

        if (is_rest && !name.len) name = STR("path");
        if (!name.len) continue;
        buffer_printf(hint, "\"%.*s\" is taken as it is: a parameter is written \"{%.*s%s}\"",
                      STR_ARG(segment), STR_ARG(name), is_rest ? ":path" : "");
        return true;
    }
    return false;
}

csgi_status pattern_parse(csgi_str text, arena *memory, pattern *out, buffer *problem)
{
    pattern_segment *segments = alloc_segments(text, memory);
    pattern self = { segments, 0, 0 };
    csgi_str rest = text;

    if (!segments) return CSGI_ENOMEM;
    if (text.len == 0 || text.ptr[0] != '/')
        return refuse(problem, text, "a path begins with \"/\"");
    if (str_find_char(text, '?') < text.len || str_find_char(text, '#') < text.len) {
        return refuse(problem, text,
                      "\"?\" and \"#\" are no part of a path: routes match the path alone; write "
                      "them as \"%%3F\" and \"%%23\" when they are meant");
    }
    while (rest.len) {
        size_t len = str_find_char(str_slice(rest, 1, rest.len), '/');
        csgi_str segment = str_slice(rest, 1, len);
        csgi_status status;

        rest = str_slice(rest, 1 + len, rest.len);
        if (self.count == ROUTE_MAX_SEGMENTS)
            return refuse(problem, text, "it has more than %d segments", ROUTE_MAX_SEGMENTS);
        status = parse_segment(text, segment, memory, &segments[self.count], problem);
        if (status != CSGI_OK) return status;
        if (segments[self.count++].kind != SEGMENT_LITERAL) self.param_count++;
        status = check_segment(text, &self, rest.len == 0, problem);
        if (status != CSGI_OK) return status;
    }
    *out = self;
    return CSGI_OK;
}

static size_t skip_digits(csgi_str text, size_t from)
{
    while (from < text.len && is_digit(text.ptr[from]))
        from++;
    return from;
}

/* "-"? digits ("." digits)? */
static unsigned number_kinds(csgi_str segment)
{
    size_t start = segment.ptr[0] == '-';
    size_t end = skip_digits(segment, start), fraction_end;

    if (end == start) return 0;
    if (end == segment.len) return 1u << SEGMENT_INT | 1u << SEGMENT_FLOAT;
    if (segment.ptr[end] != '.') return 0;
    fraction_end = skip_digits(segment, end + 1);
    return fraction_end == segment.len && fraction_end > end + 1 ? 1u << SEGMENT_FLOAT : 0;
}

/* RFC 9562 section 4: 8-4-4-4-12 hexadecimal digits of either case. */
static bool is_uuid(csgi_str segment)
{
    if (segment.len != 36) return false;
    for (size_t i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? segment.ptr[i] != '-' : char_hex(segment.ptr[i]) < 0) return false;
    }
    return true;
}

unsigned segment_typed_kinds(csgi_str segment)
{
    unsigned kinds = number_kinds(segment);

    if (!kinds && is_uuid(segment)) kinds = 1u << SEGMENT_UUID;
    return kinds;
}
