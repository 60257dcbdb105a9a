/* SPDX-License-Identifier: MIT
 * From places to strings: the request line, the target's forms, the fields that frame a message. */
#include "http1/request_head.h"

#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "exchange/exchange.h"
#include "exchange/forwarded_text.h"

/* How often the fields that matter for framing and routing are there, and the last of each. */
typedef struct known_fields {
    unsigned hosts, lengths, encodings;
    csgi_field *host, *encoding;
    bool closes, keeps, expects, expects_other;
    bool accepts_trailers;
} known_fields;

typedef struct build {
    arena *arena;
    char *bytes;
    const request_parser *parser;
    request_head *out;
    request_problem *problem;
    csgi_field *fields;
    size_t field_count;
    known_fields known;
} build;

static csgi_status refuse(build *self, uint32_t status, const char *detail)
{
    *self->problem = (request_problem){ status, detail };
    return CSGI_EINVAL;
}

/* ---- the request line ---- */

/* Are the method, the target and the version apart by one space each, the line's end a CRLF, and
 * only empty lines before it? llhttp takes more spaces, and a bare CR or LF (RFC 9112 section 3).
 */
static bool is_plain_line(const build *self, csgi_str method)
{
    const request_span target = self->parser->places->target;
    const char *bytes = self->bytes, *rest = bytes + target.start + target.len;
    size_t rest_len = self->parser->head_len - target.start - target.len;
    size_t start;

    if (target.start < method.len + 1 || rest_len < sizeof " HTTP/1.1\r\n" - 1) return false;
    start = target.start - method.len - 1;
    if (start % 2) return false;
    for (size_t i = 0; i < start; i += 2) {
        if (bytes[i] != '\r' || bytes[i + 1] != '\n') return false;
    }
    return memcmp(bytes + start, method.ptr, method.len) == 0 && bytes[target.start - 1] == ' ' &&
           memcmp(rest, " HTTP/", 6) == 0 && rest[9] == '\r';
}

static csgi_status build_line(build *self)
{
    const llhttp_t *llhttp = &self->parser->llhttp;
    csgi_str method = str_from(llhttp_method_name((llhttp_method_t)llhttp->method));

    if (!request_parser_knows_method(self->parser))
        return refuse(self, 501, "The method is not supported");
    if (!is_plain_line(self, method)) return refuse(self, 400, "Malformed request line");
    if (llhttp->http_major != 1) return refuse(self, 505, "The HTTP version is not supported");
    self->out->http_version = llhttp->http_minor == 0 ? STR("1.0") : STR("1.1");
    self->out->method = method;
    return CSGI_OK;
}

/* ---- fields ---- */

/* Empty elements of a list mean nothing (RFC 9110 section 5.6.1.2). */
static void note_expectations(known_fields *known, csgi_str list)
{
    while (list.len) {
        size_t comma = str_find_char(list, ',');
        csgi_str element = str_trim(str_slice(list, 0, comma));

        list = str_slice(list, comma + 1, SIZE_MAX);
        if (element.len == 0) continue;
        known->expects = true;
        known->expects_other |= !str_eq_nocase(element, STR("100-continue"));
    }
}

static void note_known(known_fields *known, csgi_field *field)
{
    switch (field->name.len) {
    case 2:
        if (str_eq(field->name, STR("te")))
            known->accepts_trailers |= str_list_has(field->value, STR("trailers"));
        break;
    case 4:
        if (!str_eq(field->name, STR("host"))) break;
        known->hosts++;
        known->host = field;
        break;
    case 6:
        if (str_eq(field->name, STR("expect"))) note_expectations(known, field->value);
        break;
    case 10:
        if (!str_eq(field->name, STR("connection"))) break;
        known->closes |= str_list_has(field->value, STR("close"));
        known->keeps |= str_list_has(field->value, STR("keep-alive"));
        break;
    case 14:
        if (str_eq(field->name, STR("content-length"))) known->lengths++;
        break;
    case 17:
        if (!str_eq(field->name, STR("transfer-encoding"))) break;
        known->encodings++;
        known->encoding = field;
        break;
    default:
        break;
    }
}

/* A string of the head's bytes, ended by a NUL over its delimiter. */
static csgi_str end_string(char *at, size_t len)
{
    if (len == 0) return STR("");
    at[len] = '\0';
    return (csgi_str){ at, len };
}

static csgi_status build_fields(build *self)
{
    const request_places *places = self->parser->places;

    /* One more, for a Host that only an absolute target has. */
    self->fields = arena_alloc(self->arena, (places->field_count + 1) * sizeof *self->fields, 0);
    if (!self->fields) return CSGI_ENOMEM;
    self->field_count = places->field_count;
    for (uint32_t i = 0; i < places->field_count; i++) {
        request_span name = places->fields[i].name, value = places->fields[i].value;
        csgi_str text = str_trim((csgi_str){ self->bytes + value.start, value.len });

        if (name.len == 0) return refuse(self, 400, "A header has no name");
        str_lower(self->bytes + name.start, name.len);
        self->fields[i] = (csgi_field){ .name = end_string(self->bytes + name.start, name.len),
                                        .value = end_string((char *)text.ptr, text.len) };
        note_known(&self->known, &self->fields[i]);
    }
    return CSGI_OK;
}

static csgi_status check_framing(build *self)
{
    bool is_http10 = self->parser->llhttp.http_minor == 0;
    const known_fields *known = &self->known;

    if (known->encodings) {
        if (known->lengths)
            return refuse(self, 400, "Both Content-Length and Transfer-Encoding are given");
        if (is_http10) return refuse(self, 400, "Transfer-Encoding is not allowed in HTTP/1.0");
        if (known->encodings > 1 || !str_eq_nocase(known->encoding->value, STR("chunked")))
            return refuse(self, 400, "Unsupported Transfer-Encoding");
    }
    if (known->lengths > 1) return refuse(self, 400, "Content-Length is given twice");
    if (known->expects && !is_http10) {
        if (known->expects_other) return refuse(self, 417, "The expectation is not supported");
        self->out->expects_continue = self->parser->has_body;
    }
    self->out->keep_alive = !known->closes && (known->keeps || !is_http10);
    return CSGI_OK;
}

/* ---- Host ---- */

static bool is_absolute(csgi_str target)
{
    return !str_starts_with(target, STR("/")) && !str_eq(target, STR("*"));
}

/* A host, perhaps with a port; the port's digits may be missing (RFC 3986 section 3.2.3). */
static bool is_host(csgi_str text)
{
    if (text.len && text.ptr[text.len - 1] == ':') text.len--;
    return forwarded_is_host(text);
}

/* An empty Host is for targets without a host, which those of http are not, but for the absolute
 * one that says its own. */
static csgi_status check_host(build *self)
{
    csgi_str target = { self->bytes + self->parser->places->target.start,
                        self->parser->places->target.len };

    if (self->known.hosts > 1) return refuse(self, 400, "Host is given twice");
    if (self->known.hosts == 0) {
        if (self->parser->llhttp.http_minor == 0) return CSGI_OK;
        return refuse(self, 400, "Host is missing");
    }
    if (self->known.host->value.len == 0)
        return is_absolute(target) ? CSGI_OK : refuse(self, 400, "Host is empty");
    return is_host(self->known.host->value) ? CSGI_OK : refuse(self, 400, "Malformed Host");
}

/* The authority of an absolute target is the host, whatever Host says (RFC 9112 section 3.2.2). */
static csgi_status set_host(build *self, csgi_str authority)
{
    csgi_str copy = arena_copy_str(self->arena, authority);

    if (!copy.ptr) return CSGI_ENOMEM;
    if (!self->known.host) {
        self->known.host = &self->fields[self->field_count++];
        *self->known.host = (csgi_field){ .name = STR("host") };
    }
    self->known.host->value = copy;
    return CSGI_OK;
}

/* ---- the target ---- */

/* Takes scheme and authority off an absolute target. */
static csgi_status take_authority(build *self, csgi_str *target)
{
    csgi_str rest, authority;
    size_t end = 0;
    csgi_status status;

    if (str_starts_with_nocase(*target, STR("http://"))) {
        rest = str_slice(*target, 7, SIZE_MAX);
    } else if (str_starts_with_nocase(*target, STR("https://"))) {
        rest = str_slice(*target, 8, SIZE_MAX);
        self->out->scheme = STR("https");
    } else {
        return refuse(self, 400, "Malformed request target");
    }
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    authority = str_slice(rest, 0, end);
    if (!is_host(authority)) return refuse(self, 400, "Malformed host in the request target");
    if ((status = set_host(self, authority))) return status;
    *target = str_slice(rest, end, SIZE_MAX);
    return CSGI_OK;
}

/* Visible ASCII without a fragment. What else a URI may not have is let through: browsers send it
 * and the application sees what came. */
static csgi_status check_target_bytes(build *self, csgi_str target)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char byte = (unsigned char)target.ptr[i];

        if (byte <= ' ' || byte >= 0x7f) return refuse(self, 400, "Malformed request target");
        if (byte == '#') return refuse(self, 400, "The request target has a fragment");
    }
    return CSGI_OK;
}

static csgi_status build_target(build *self)
{
    request_span span = self->parser->places->target;
    csgi_str target = { self->bytes + span.start, span.len };
    request_head *out = self->out;
    size_t question;
    csgi_status status;

    if ((status = check_target_bytes(self, target))) return status;
    if (str_eq(target, STR("*"))) {
        if (!str_eq(out->method, STR("OPTIONS")))
            return refuse(self, 400, "The target * is for OPTIONS only");
        out->raw_path = out->path = STR("*");
        out->query_string = STR("");
        return CSGI_OK;
    }
    if (is_absolute(target) && (status = take_authority(self, &target))) return status;
    question = str_find_char(target, '?');
    out->query_string = STR("");
    if (question < target.len)
        out->query_string =
            end_string((char *)target.ptr + question + 1, target.len - question - 1);
    out->raw_path = end_string((char *)target.ptr, question);
    if (out->raw_path.len == 0) out->raw_path = STR("/");
    self->problem->status = 400;
    return http_decode_path(self->arena, out->raw_path, &out->path, &self->problem->detail);
}

/* ---- public ---- */

csgi_status request_head_build(arena *into, char *bytes, const request_parser *parser,
                               request_head *out, request_problem *problem)
{
    build self = {
        .arena = into, .bytes = bytes, .parser = parser, .out = out, .problem = problem
    };
    csgi_status status;

    *out = (request_head){ .scheme = STR("http") };
    if (!request_lines_are_whole('\n', bytes, parser->head_len))
        return refuse(&self, 400, "Malformed line end in the request's head");
    if ((status = build_line(&self))) return status;
    if ((status = build_fields(&self))) return status;
    if ((status = check_framing(&self))) return status;
    if ((status = check_host(&self))) return status;
    if ((status = build_target(&self))) return status;
    out->headers = (csgi_fields){ self.fields, self.field_count };
    out->accepts_trailers = self.known.accepts_trailers;
    return CSGI_OK;
}

/* Fields that frame or route may not come late (RFC 9110 section 6.5.1). */
static bool is_forbidden_trailer(csgi_str name)
{
    return str_eq(name, STR("content-length")) || str_eq(name, STR("transfer-encoding")) ||
           str_eq(name, STR("host")) || str_eq(name, STR("trailer")) || name.len == 0;
}

csgi_status request_trailers_build(arena *into, const request_parser *parser, csgi_fields *out)
{
    uint32_t count = parser->trailer_count;
    csgi_str text;
    csgi_field *fields;
    char *at;

    *out = (csgi_fields){ NULL, 0 };
    if (count == 0) return CSGI_OK;
    text = arena_copy_str(into, buffer_str(&parser->trailers));
    fields = arena_alloc(into, count * sizeof *fields, 0);
    if (!text.ptr || !fields) return CSGI_ENOMEM;
    at = (char *)text.ptr;
    for (uint32_t i = 0; i < count; i++) {
        csgi_str name = str_from(at);
        csgi_str value = str_from(name.ptr + name.len + 1);
        csgi_str trimmed = str_trim(value);

        CHECK(value.ptr + value.len < text.ptr + text.len);
        at = (char *)value.ptr + value.len + 1;
        str_lower((char *)name.ptr, name.len);
        if (is_forbidden_trailer(name)) return CSGI_EINVAL;
        fields[i] =
            (csgi_field){ .name = name, .value = end_string((char *)trimmed.ptr, trimmed.len) };
    }
    *out = (csgi_fields){ fields, count };
    return CSGI_OK;
}
