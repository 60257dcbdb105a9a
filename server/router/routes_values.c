/* SPDX-License-Identifier: MIT
 * The values of a routes file, one by one. */
#include "router/routes_values.h"

#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"
#include "base/suggest.h"
#include "config/units.h"
#include "router/methods.h"
#include "router/pattern.h"

#define HOST_MAX  253u /* RFC 1035 section 2.3.4, without the dot at the end */
#define LABEL_MAX 63u

/* ---- complaints ---- */

static csgi_status append_line(buffer *problem, csgi_str sentence)
{
    if (buffer_reserve(problem, 4 * sentence.len + 1) != CSGI_OK) return CSGI_ENOMEM;
    problem->len += escape_line(problem->bytes + problem->len, 4 * sentence.len, sentence, false);
    return buffer_append(problem, "\n", 1);
}

void routes_complain(routes_reader *self, file_position at, const char *format, ...)
{
    buffer sentence = { 0 };
    csgi_status status;
    va_list args;

    va_start(args, format);
    status = buffer_vprintf(&sentence, format, args);
    va_end(args);
    routes_file_complain(self->file, at, self->problem);
    if (status == CSGI_OK) status = append_line(self->problem, buffer_str(&sentence));
    self->has_mistakes = true;
    self->has_no_memory |= status != CSGI_OK;
    buffer_fini(&sentence);
}

void routes_refuse(routes_reader *self, const json_value *it, const char *key, const char *expected)
{
    buffer found = { 0 };

    json_print_found(it, &found);
    routes_complain(self, it->at, "\"%s\": found %.*s, expected %s", key,
                    STR_ARG(buffer_str(&found)), expected);
    buffer_fini(&found);
}

bool routes_is_repeated(routes_reader *self, const json_value *member)
{
    if (member->repeats_key) {
        routes_complain(self, member->key_at,
                        "found the key \"%.*s\" a second time, expected it once",
                        STR_ARG(json_shorten(member->key)));
    }
    return member->repeats_key;
}

static void refuse_repeated(routes_reader *self, const json_value *in)
{
    for (const json_value *item = in->first; item; item = item->next) {
        (void)routes_is_repeated(self, item);
        refuse_repeated(self, item);
    }
}

/* ---- texts ---- */

csgi_str routes_copy(routes_reader *self, csgi_str text)
{
    csgi_str copy = arena_copy_str(&self->file->memory, text);

    if (copy.ptr) return copy;
    self->has_no_memory = true;
    return STR("");
}

csgi_str routes_absolute(routes_reader *self, csgi_str path)
{
    csgi_str dir = self->file->dir, whole;
    bool is_root = str_eq(dir, STR("/"));

    if (str_starts_with(path, STR("/"))) return routes_copy(self, path);
    while (str_starts_with(path, STR("./")))
        path = str_slice(path, 2, SIZE_MAX);
    if (path.len == 0 || str_eq(path, STR("."))) return routes_copy(self, dir);
    whole = arena_printf(&self->file->memory, "%.*s/%.*s", is_root ? 0 : (int)dir.len, dir.ptr,
                         STR_ARG(path));
    if (whole.ptr) return whole;
    self->has_no_memory = true;
    return STR("");
}

void *routes_alloc(routes_reader *self, size_t count, size_t size)
{
    void *items = arena_alloc(&self->file->memory, count * size + 1, 0);

    if (!items) self->has_no_memory = true;
    return items;
}

/* Is it a plugin's file, not its name? */
static bool is_path(csgi_str plugin)
{
    csgi_str end = str_slice(plugin, plugin.len < 3 ? 0 : plugin.len - 3, 3);

    return str_find_char(plugin, '/') < plugin.len || str_eq(end, STR(".so"));
}

static void read_text(routes_reader *self, const json_value *it, const routes_key *key,
                      csgi_str *out)
{
    bool is_dir = key->kind == ROUTES_DIR, is_file = is_path(it->text);

    if (it->text.len == 0 || (!is_dir && !is_file && !str_is_name(it->text)))
        routes_refuse(self, it, key->name, routes_kind_expects(key->kind));
    else
        *out = is_dir || is_file ? routes_absolute(self, it->text) : routes_copy(self, it->text);
}

bool routes_read_use(routes_reader *self, const json_value *it, const char *key, routes_use *out)
{
    size_t colon = str_find_char(it->text, ':');
    csgi_str app = str_slice(it->text, 0, colon);
    csgi_str endpoint = str_slice(it->text, colon + 1, SIZE_MAX);

    if (!str_is_name(app) || (colon < it->text.len && !str_is_name(endpoint))) {
        const char *expected = routes_kind_expects(ROUTES_USE);

        if (!is_path(it->text)) {
            routes_refuse(self, it, key, expected);
        } else {
            routes_complain(self, it->at,
                            "\"%s\": found the path \"%.*s\", expected %s; a plugin's file is "
                            "named under \"apps\"",
                            key, STR_ARG(json_shorten(it->text)), expected);
        }
        return false;
    }
    *out = (routes_use){ routes_copy(self, app), routes_copy(self, endpoint), it->at };
    return true;
}

/* ---- numbers ---- */

/* A number or a string with a unit. */
static void read_measure(routes_reader *self, const json_value *it, const routes_key *key,
                         uint64_t *out)
{
    bool is_size = key->kind == ROUTES_SIZE;
    uint64_t number;
    bool is_good = is_size ? parse_size(it->text, &number) : parse_duration_ms(it->text, &number);

    if (is_good && number <= (is_size ? (uint64_t)INT64_MAX : ROUTES_TIMEOUT_MAX_MS))
        *out = number;
    else
        routes_refuse(self, it, key->name, routes_kind_expects(key->kind));
}

/* ---- methods ---- */

static bool has_lower(csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z') return true;
    }
    return false;
}

/* The standard method that was meant, or an empty string. */
static csgi_str nearest_method(const methods *standard, csgi_str name)
{
    char upper[16];

    if (name.len > sizeof upper) return STR("");
    for (size_t i = 0; i < name.len; i++)
        upper[i] = (char)(name.ptr[i] - (has_lower(str_slice(name, i, 1)) ? 'a' - 'A' : 0));
    return suggest_nearest((csgi_str){ upper, name.len }, standard->names, standard->count);
}

/* Is it a method that a request can have? One that is nearly a standard one is a mistake. */
static bool check_method(routes_reader *self, const json_value *it, const methods *standard)
{
    csgi_str nearest = it->kind == JSON_STRING ? nearest_method(standard, it->text) : STR("");

    if (it->kind != JSON_STRING || nearest.len == 0) {
        if (it->kind == JSON_STRING && str_is_token(it->text) && !has_lower(it->text)) return true;
        routes_refuse(self, it, "methods", "a method such as \"GET\", in upper case");
        return false;
    }
    if (str_eq(nearest, it->text)) return true;
    routes_complain(self, it->at,
                    "\"methods\": found \"%.*s\", expected a method in upper case (did you mean "
                    "\"%.*s\"?)",
                    STR_ARG(json_shorten(it->text)), STR_ARG(nearest));
    return false;
}

static bool has_earlier(const json_value *list, const json_value *item)
{
    for (const json_value *before = list->first; before != item; before = before->next) {
        if (before->kind == JSON_STRING && str_eq(before->text, item->text)) return true;
    }
    return false;
}

static void read_methods(routes_reader *self, const json_value *it, csgi_str *out)
{
    methods standard;
    buffer list = { 0 };

    methods_init(&standard);
    if (it->count == 0 || it->count > METHODS_MAX) {
        routes_refuse(self, it, "methods", routes_kind_expects(ROUTES_METHODS));
        return;
    }
    for (const json_value *item = it->first; item; item = item->next) {
        if (!check_method(self, item, &standard)) continue;
        if (has_earlier(it, item)) {
            routes_refuse(self, item, "methods", "each method once");
            continue;
        }
        if (buffer_printf(&list, "%s%.*s", list.len ? "," : "", STR_ARG(item->text)) != CSGI_OK)
            self->has_no_memory = true;
    }
    *out = routes_copy(self, buffer_str(&list));
    buffer_fini(&list);
}

/* ---- hosts and paths ---- */

/* One label of a name: RFC 1123 section 2.1, and "_", which names in use have. */
static bool is_label(csgi_str label)
{
    if (label.len == 0 || label.len > LABEL_MAX) return false;
    if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-') return false;
    return str_is_name(label);
}

static bool is_host(csgi_str host)
{
    csgi_str rest = host;

    if (str_starts_with(rest, STR("*."))) rest = str_slice(rest, 2, SIZE_MAX);
    if (host.len > HOST_MAX) return false;
    for (;;) {
        size_t dot = str_find_char(rest, '.');

        if (!is_label(str_slice(rest, 0, dot))) return false;
        if (dot == rest.len) return true;
        rest = str_slice(rest, dot + 1, SIZE_MAX);
    }
}

static void read_host(routes_reader *self, const json_value *it, csgi_str *out)
{
    csgi_str host;

    if (!is_host(it->text)) {
        routes_refuse(self, it, "host", routes_kind_expects(ROUTES_HOST));
        return;
    }
    host = routes_copy(self, it->text);
    if (host.len) str_lower((char *)(uintptr_t)host.ptr, host.len); /* our own copy */
    *out = host;
}

/* Is it a pattern? It is taken apart. */
static bool check_pattern(routes_reader *self, const json_value *it, const char *key, pattern *out)
{
    buffer why = { 0 };
    csgi_status status = pattern_parse(it->text, &self->scratch, out, &why);

    if (status == CSGI_EINVAL)
        routes_complain(self, it->at, "\"%s\": %.*s", key, STR_ARG(buffer_str(&why)));
    else if (status != CSGI_OK)
        self->has_no_memory = true;
    buffer_fini(&why);
    return status == CSGI_OK;
}

static void read_pattern(routes_reader *self, const json_value *it, csgi_str *out)
{
    pattern parsed;

    if (check_pattern(self, it, "path", &parsed)) *out = routes_copy(self, it->text);
}

/* A pattern that something comes behind. */
static void read_prefix(routes_reader *self, const json_value *it, csgi_str *out)
{
    csgi_str prefix = it->text;
    pattern parsed;

    if (!check_pattern(self, it, "mount", &parsed)) return;
    if (prefix.len > 1 && prefix.ptr[prefix.len - 1] == '/') {
        routes_complain(self, it->at,
                        "\"mount\": found \"%.*s\", expected no slash at its end (did you mean "
                        "\"%.*s\"?)",
                        STR_ARG(prefix), (int)prefix.len - 1, prefix.ptr);
    } else if (parsed.segments[parsed.count - 1].kind == SEGMENT_PATH) {
        routes_refuse(self, it, "mount",
                      "no path converter: all that is below a mount is the app's");
    } else {
        *out = prefix.len == 1 ? STR("") : routes_copy(self, prefix);
    }
}

void routes_read_value(routes_reader *self, const json_value *it, const routes_key *key,
                       void *field)
{
    switch (key->kind) {
    case ROUTES_BOOLEAN:
        *(bool *)field = str_eq(it->text, STR("true"));
        return;
    case ROUTES_CONFIG:
        refuse_repeated(self, it);
        *(csgi_str *)field = routes_copy(self, it->text);
        return;
    case ROUTES_DURATION:
    case ROUTES_SIZE:
        read_measure(self, it, key, field);
        return;
    case ROUTES_METHODS:
        read_methods(self, it, field);
        return;
    case ROUTES_HOST:
        read_host(self, it, field);
        return;
    case ROUTES_PATTERN:
        read_pattern(self, it, field);
        return;
    case ROUTES_PREFIX:
        read_prefix(self, it, field);
        return;
    case ROUTES_USE:
        (void)routes_read_use(self, it, key->name, field);
        return;
    case ROUTES_PLUGIN:
    case ROUTES_DIR:
        read_text(self, it, key, field);
        return;
    default:
        CHECK(!"a kind that is one value");
    }
}
