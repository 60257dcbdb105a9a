/* SPDX-License-Identifier: MIT
 * The parameters of a route: found, decoded, checked, all errors told at once in FastAPI's words;
 * and what was declared, read by name. */
#include "call.h"

#include <string.h>

/* The list of errors of a 422, begun with the first. */
typedef struct complaint {
    csgi_call *call;
    csgi_web_text body;
    int count;
} complaint;

/* Where something may be declared. */
typedef struct place {
    uint32_t in;
    const char *word, *what, *declares, *reads;
} place;

static const place *place_of(uint32_t in)
{
    static const place places[] = {
        { CSGI_IN_QUERY, "query", "query parameter", "CSGI_QUERY", "csgi_query" },
        { CSGI_IN_PATH, "path", "path parameter", "CSGI_PATH", "csgi_path" },
        { CSGI_IN_HEADER, "header", "header", "CSGI_HEADER", "csgi_header" },
        { CSGI_IN_CONFIG, "config", "configuration key", "CSGI_CONFIG", "csgi_config" },
    };
    const place *each = places;

    while (each->in != in)
        each++;
    return each;
}

/* How a byte of a header's name is written on the wire. */
static char header_byte(char byte)
{
    if (byte == '_') return '-';
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static void add_name(csgi_web_text *body, const csgi_declaration *param)
{
    const char *at;

    if (param->in != CSGI_IN_HEADER) {
        csgi_web_text_json_string(body, param->name, strlen(param->name));
        return;
    }
    csgi_web_text_add(body, "\"", 1);
    for (at = param->name; *at; at++) /* it is a token: nothing to escape */
        csgi_web_text_add(body, (const char[]){ header_byte(*at) }, 1);
    csgi_web_text_add(body, "\"", 1);
}

static void complain(complaint *self, const csgi_declaration *param, const char *type,
                     const char *message, const csgi_str *input, const char *extra)
{
    csgi_web_text *body = &self->body;

    csgi_web_text_puts(body, self->count++ ? ",{\"type\":\"" : "{\"detail\":[{\"type\":\"");
    csgi_web_text_puts(body, type);
    csgi_web_text_puts(body, "\",\"loc\":[\"");
    csgi_web_text_puts(body, place_of(param->in)->word);
    csgi_web_text_puts(body, "\",");
    add_name(body, param);
    csgi_web_text_puts(body, "],\"msg\":");
    csgi_web_text_json_string(body, message, strlen(message));
    csgi_web_text_puts(body, ",\"input\":");
    if (input)
        csgi_web_text_json_string(body, input->ptr, input->len);
    else
        csgi_web_text_puts(body, "null");
    csgi_web_text_puts(body, extra);
    csgi_web_text_puts(body, "}");
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The next byte of a query, decoded as urllib.parse does: a "%" without two hex digits stands for
 * itself. */
static char query_next(const char **at, const char *end)
{
    const char *here = *at;

    *at = here + 1;
    if (*here == '+') return ' ';
    if (*here != '%' || end - here < 3) return *here;
    if (hex_digit(here[1]) < 0 || hex_digit(here[2]) < 0) return *here;
    *at = here + 3;
    return (char)(hex_digit(here[1]) * 16 + hex_digit(here[2]));
}

static int query_name_is(const char *at, const char *end, const char *name)
{
    while (at < end)
        if (*name == '\0' || query_next(&at, end) != *name++) return 0;
    return *name == '\0';
}

/* The last pair of that name; its value is still encoded. 0: there is none. */
static int query_find(csgi_str query, const char *name, csgi_str *value)
{
    const char *at = query.ptr, *end = query.ptr + query.len, *pair_end, *equals;
    int found = 0;

    for (; query.len && at < end; at = pair_end + 1) {
        pair_end = memchr(at, '&', (size_t)(end - at));
        if (!pair_end) pair_end = end;
        equals = memchr(at, '=', (size_t)(pair_end - at));
        if (!equals) equals = pair_end;
        if (equals == at && pair_end == at) continue; /* nothing between two "&" */
        if (!query_name_is(at, equals, name)) continue;
        if (equals < pair_end) equals++;
        *value = (csgi_str){ equals, (size_t)(pair_end - equals) };
        found = 1;
    }
    return found;
}

/* Decodes in memory of the call. 0: there is none. */
static int query_decode(csgi_call *call, csgi_str *value)
{
    const char *at = value->ptr, *end = at + value->len;
    char *decoded = csgi_alloc(call, value->len + 1);
    size_t length = 0;

    if (!decoded) return 0;
    while (at < end)
        decoded[length++] = query_next(&at, end);
    *value = (csgi_str){ decoded, length };
    return 1;
}

static int path_find(const csgi_scope *scope, const char *name, csgi_str *value)
{
    size_t i, length = strlen(name);

    for (i = 0; i < scope->path_params.count; i++) {
        const csgi_field *field = &scope->path_params.items[i];

        if (field->name.len != length || memcmp(field->name.ptr, name, length) != 0) continue;
        *value = field->value;
        return 1;
    }
    return 0;
}

static int header_name_is(csgi_str sent, const char *name)
{
    size_t i;

    for (i = 0; i < sent.len; i++)
        if (header_byte(name[i]) != sent.ptr[i]) return 0;
    return name[sent.len] == '\0';
}

/* The first of that name. */
static int header_find(const csgi_scope *scope, const char *name, csgi_str *value)
{
    size_t i;

    for (i = 0; i < scope->headers.count; i++) {
        if (!header_name_is(scope->headers.items[i].name, name)) continue;
        *value = scope->headers.items[i].value;
        return 1;
    }
    return 0;
}

static void int_check(complaint *errors, const csgi_declaration *param, csgi_str sent,
                      csgi_web_value *value)
{
    csgi_status code = csgi_web_int_parse(sent.ptr, &value->number);
    int bounds = code == CSGI_OK ? csgi_web_int_bounds(param, value->number) : 0;

    if (code == CSGI_ELIMIT)
        complain(errors, param, "int_parsing_size",
                 "Unable to parse input string as an integer, exceeded maximum size", &sent, "");
    else if (code != CSGI_OK)
        complain(errors, param, "int_parsing",
                 "Input should be a valid integer, unable to parse string as an integer", &sent,
                 "");
    else if (bounds < 0)
        complain(errors, param, "greater_than_equal",
                 csgi_format(errors->call, "Input should be greater than or equal to %s",
                             param->ge),
                 &sent, csgi_format(errors->call, ",\"ctx\":{\"ge\":%s}", param->ge));
    else if (bounds > 0)
        complain(errors, param, "less_than_equal",
                 csgi_format(errors->call, "Input should be less than or equal to %s", param->le),
                 &sent, csgi_format(errors->call, ",\"ctx\":{\"le\":%s}", param->le));
}

/* Checks what was sent, and stores it. */
static void param_check(complaint *errors, const csgi_declaration *param, csgi_str sent,
                        csgi_web_value *value)
{
    if (csgi_web_utf8_span(sent.ptr, sent.len) != sent.len) {
        complain(errors, param, "string_unicode",
                 "Input should be a valid string, unable to parse raw data as a unicode string",
                 &sent, "");
        return;
    }
    if (memchr(sent.ptr, '\0', sent.len)) {
        complain(errors, param, "value_error", "Value error, NUL is not allowed", &sent,
                 ",\"ctx\":{\"error\":{}}");
        return;
    }
    value->text = sent.ptr;
    if (param->type == CSGI_TYPE_INT) int_check(errors, param, sent, value);
}

static void param_read(complaint *errors, const csgi_declaration *param, csgi_web_value *value)
{
    csgi_call *call = errors->call;
    csgi_str sent = CSGI_STR("");
    int found;

    if (param->in == CSGI_IN_PATH) {
        found = path_find(call->scope, param->name, &sent);
    } else if (param->in == CSGI_IN_HEADER) {
        found = header_find(call->scope, param->name, &sent);
    } else {
        found = query_find(call->scope->query_string, param->name, &sent);
        if (found && !query_decode(call, &sent)) return;
    }
    if (found) {
        param_check(errors, param, sent, value);
        return;
    }
    value->text = param->default_value;
    if (param->default_value && param->type == CSGI_TYPE_INT)
        csgi_web_int_parse(param->default_value, &value->number); /* create has checked it */
    if (!param->default_value && !param->optional)
        complain(errors, param, "missing", "Field required", NULL, "");
}

int csgi_web_params_read(csgi_call *call)
{
    static const uint32_t places[] = { CSGI_IN_PATH, CSGI_IN_QUERY,
                                       CSGI_IN_HEADER }; /* FastAPI's order */
    const csgi_declaration *declared = call->own->route->declared;
    size_t i, at, count = csgi_web_declared_count(declared);
    complaint errors = { .call = call };
    const char *body;

    if (count == 0) return 1;
    call->own->values = csgi_alloc(call, count * sizeof(*call->own->values));
    if (!call->own->values) return 0;
    csgi_web_text_init(&errors.body, call->host, call->scope->arena);
    for (at = 0; at < sizeof(places) / sizeof(places[0]); at++)
        for (i = 0; i < count; i++)
            if (declared[i].in == places[at])
                param_read(&errors, &declared[i], &call->own->values[i]);
    if (csgi_failed(call)) return 0;
    if (errors.count == 0) return 1;

    csgi_web_text_puts(&errors.body, "]}");
    body = csgi_web_text_end(&errors.body);
    csgi_web_text_error(call, &errors.body, "the complaint");
    if (body) csgi_web_reply(call, 422, "application/json", (csgi_str){ body, errors.body.length });
    return 0;
}

/* ---- by name ---- */

size_t csgi_web_declared_count(const csgi_declaration *declared)
{
    size_t count = 0;

    while (declared[count].in != CSGI_IN_END)
        count++;
    return count;
}

/* is_declared: but as the other type. */
static void tell_undeclared(csgi_call *call, const place *where, uint32_t type, const char *name,
                            int is_declared)
{
    const char *reader = call->own->route ? call->own->route->name : "a start-up function";
    int is_int = type == CSGI_TYPE_INT;

    if (is_declared)
        csgi_web_author_error(call,
                              "%s reads the %s \"%s\" as %s, but it is declared as %s: read it "
                              "with %s_%s",
                              reader, where->what, name, is_int ? "int" : "str",
                              is_int ? "str" : "int", where->reads, is_int ? "str" : "int");
    else
        csgi_web_author_error(call,
                              "%s reads the %s \"%s\", which is not declared; declare it: "
                              "%s_%s(\"%s\")",
                              reader, where->what, name, where->declares, is_int ? "INT" : "STR",
                              name);
}

const csgi_web_value *csgi_web_value_find(csgi_call *call, const csgi_declaration *declared,
                                          const csgi_web_value *values, uint32_t in, uint32_t type,
                                          const char *name)
{
    int is_declared = 0;
    size_t i;

    if (call->own->failure != CSGI_OK) return NULL;
    for (i = 0; declared && declared[i].in != CSGI_IN_END; i++) {
        if (declared[i].in != in || strcmp(declared[i].name, name) != 0) continue;
        if (declared[i].type == type) return &values[i];
        is_declared = 1;
    }
    tell_undeclared(call, place_of(in), type, name, is_declared);
    return NULL;
}

static const csgi_web_value *param_find(csgi_call *call, uint32_t in, uint32_t type,
                                        const char *name)
{
    const csgi_declaration *declared = call->own->route ? call->own->route->declared : NULL;

    return csgi_web_value_find(call, declared, call->own->values, in, type, name);
}

const char *csgi_query_str(csgi_call *call, const char *name)
{
    const csgi_web_value *value = param_find(call, CSGI_IN_QUERY, CSGI_TYPE_STR, name);

    return value ? value->text : "";
}

int64_t csgi_query_int(csgi_call *call, const char *name)
{
    const csgi_web_value *value = param_find(call, CSGI_IN_QUERY, CSGI_TYPE_INT, name);

    return value ? value->number : 0;
}

const char *csgi_path_str(csgi_call *call, const char *name)
{
    const csgi_web_value *value;
    csgi_str sent;

    if (call->own->failure == CSGI_OK && path_find(call->scope, name, &sent)) return sent.ptr;
    value = param_find(call, CSGI_IN_PATH, CSGI_TYPE_STR, name);
    return value ? value->text : "";
}

int64_t csgi_path_int(csgi_call *call, const char *name)
{
    const csgi_web_value *value = param_find(call, CSGI_IN_PATH, CSGI_TYPE_INT, name);

    return value ? value->number : 0;
}

const char *csgi_header_str(csgi_call *call, const char *name)
{
    const csgi_web_value *value = param_find(call, CSGI_IN_HEADER, CSGI_TYPE_STR, name);

    return value ? value->text : "";
}

int64_t csgi_header_int(csgi_call *call, const char *name)
{
    const csgi_web_value *value = param_find(call, CSGI_IN_HEADER, CSGI_TYPE_INT, name);

    return value ? value->number : 0;
}
