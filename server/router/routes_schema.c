/* SPDX-License-Identifier: MIT
 * The JSON Schema of a routes file (https://json-schema.org/draft/2020-12), for editors. */
#include "router/routes_file.h"

#include "base/check.h"
#include "base/escape.h"
#include "base/str.h"
#include "router/methods.h"
#include "router/routes_keys.h"

#define NAME "[A-Za-z0-9_-]+"
#define USE  "^" NAME "(:" NAME ")?$"
/* RFC 1123 section 2.1, and "_" */
#define LABEL "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"

typedef struct printer {
    buffer *out;
    csgi_status status;
} printer;

__attribute__((format(printf, 2, 3))) static void put(printer *self, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (self->status == CSGI_OK) self->status = buffer_vprintf(self->out, format, args);
    va_end(args);
}

static void put_string(printer *self, csgi_str text)
{
    put(self, "\"");
    if (self->status == CSGI_OK) self->status = buffer_reserve(self->out, 6 * text.len);
    if (self->status != CSGI_OK) return;
    self->out->len += escape_json(self->out->bytes + self->out->len, 6 * text.len, text);
    put(self, "\"");
}

/* ---- the options of the server ---- */

static void put_types(printer *self, const option_form *form)
{
    const char *names[5];
    size_t count = 0;

    if (form->is_boolean) names[count++] = "boolean";
    if (form->is_integer && !form->is_number) names[count++] = "integer";
    if (form->is_number) names[count++] = "number";
    if (form->is_string) names[count++] = "string";
    if (form->is_list) names[count++] = "array";
    put(self, "\"type\": %s", count > 1 ? "[" : "");
    for (size_t i = 0; i < count; i++)
        put(self, "%s\"%s\"", i ? ", " : "", names[i]);
    put(self, "%s", count > 1 ? "]" : "");
}

/* What the strings of the form may be. */
static void put_strings(printer *self, const option_form *form)
{
    for (size_t i = 0; form->words && form->words[i]; i++)
        put(self, "%s\"%s\"", i ? ", " : ", \"enum\": [", form->words[i]);
    if (form->words) put(self, "]");
    if (form->pattern) {
        put(self, ", \"pattern\": ");
        put_string(self, str_from(form->pattern));
    }
}

static void put_form(printer *self, option_kind kind, uint64_t min, uint64_t max)
{
    option_form form = option_form_of(kind);

    put_types(self, &form);
    put_strings(self, &form);
    if (form.is_integer) {
        put(self, ", \"minimum\": %llu, \"maximum\": %llu", (unsigned long long)min,
            (unsigned long long)max);
    } else if (form.is_number) {
        put(self, ", \"minimum\": %g, \"maximum\": %llu", (double)min / 1000,
            (unsigned long long)max / 1000);
    }
    if (form.is_list) {
        put(self, ", \"maxItems\": %u, \"items\": {\"type\": \"string\"", OPTION_LIST_MAX);
        put_strings(self, &form);
        put(self, "}");
    }
}

static void put_default(printer *self, const option_entry *entry)
{
    option_form form = option_form_of(entry->kind);
    uint64_t number;

    if (!*entry->fallback) return;
    put(self, ", \"default\": ");
    if (form.is_boolean)
        put(self, "%s", strcmp(entry->fallback, "yes") == 0 ? "true" : "false");
    else if (form.is_integer && str_parse_u64(str_from(entry->fallback), &number))
        put(self, "%llu", (unsigned long long)number);
    else
        put_string(self, str_from(entry->fallback));
}

static void put_server(printer *self)
{
    const char *separator = "";

    put(self, "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {");
    for (size_t i = 0; i < option_count; i++) {
        const option_entry *entry = &option_table[i];
        char key[OPTION_NAME_MAX];

        option_print_key(entry, key, sizeof key);
        if (entry->is_not_in_file) continue;
        if (strcmp(key, "plugin_dir") == 0) continue; /* its place is under "plugins" */
        put(self, "%s\n        \"%s\": {\"description\": ", separator, key);
        put_string(self, str_from(entry->help));
        put(self, ", ");
        put_form(self, entry->kind, entry->min, entry->max);
        put_default(self, entry);
        put(self, "}");
        separator = ",";
    }
    put(self, "}");
}

/* ---- values ---- */

static void put_methods(printer *self)
{
    methods standard;

    methods_init(&standard);
    put(self,
        "\"type\": \"array\", \"minItems\": 1, \"maxItems\": %d, \"uniqueItems\": true, "
        "\"items\": {\"anyOf\": [{\"enum\": [",
        METHODS_MAX);
    for (size_t i = 0; i < standard.count; i++)
        put(self, "%s\"%.*s\"", i ? ", " : "", STR_ARG(standard.names[i]));
    put(self, "]}, {\"type\": \"string\", \"pattern\": \"^[!#$%%&'*+.^_`|~0-9A-Z-]+$\"}]}");
}

static void put_kind(printer *self, routes_kind kind)
{
    static const char *const fixed[ROUTES_KIND_COUNT] = {
        [ROUTES_TEXT] = "\"type\": \"string\"",
        [ROUTES_BOOLEAN] = "\"type\": \"boolean\"",
        [ROUTES_CONFIG] = "\"type\": \"object\"",
        [ROUTES_HOST] = "\"type\": \"string\", \"maxLength\": 253, \"pattern\": "
                        "\"^(\\\\*\\\\.)?" LABEL "(\\\\." LABEL ")*$\"",
        [ROUTES_PATTERN] = "\"type\": \"string\", \"pattern\": \"^/[^?#]*$\"",
        [ROUTES_PREFIX] = "\"type\": \"string\", \"pattern\": \"^(/|(/[^/?#]+)+)$\"",
        [ROUTES_USE] = "\"type\": \"string\", \"pattern\": \"" USE "\"",
        [ROUTES_PLUGIN] = "\"type\": \"string\", \"pattern\": \"^(" NAME "|.*/.*|.*\\\\.so)$\"",
        [ROUTES_DIR] = "\"type\": \"string\", \"minLength\": 1",
        [ROUTES_PLUGINS] = "\"$ref\": \"#/$defs/plugins\"",
        [ROUTES_APPS] = "\"type\": \"object\", \"propertyNames\": {\"pattern\": \"^" NAME
                        "$\"}, \"additionalProperties\": {\"$ref\": \"#/$defs/app\"}",
        [ROUTES_AROUND] = "\"type\": \"array\", \"items\": {\"anyOf\": [{\"type\": \"string\", "
                          "\"pattern\": \"" USE "\"}, {\"$ref\": \"#/$defs/middleware\"}]}",
        [ROUTES_LIST] = "\"type\": \"array\", \"items\": {\"anyOf\": [{\"$ref\": "
                        "\"#/$defs/route\"}, {\"$ref\": \"#/$defs/mount\"}]}",
    };

    if (fixed[kind])
        put(self, "%s", fixed[kind]);
    else if (kind == ROUTES_SERVER)
        put_server(self);
    else if (kind == ROUTES_METHODS)
        put_methods(self);
    else if (kind == ROUTES_DURATION)
        put_form(self, OPTION_DURATION, 0, ROUTES_TIMEOUT_MAX_MS);
    else if (kind == ROUTES_SIZE)
        put_form(self, OPTION_SIZE, 0, INT64_MAX);
}

/* ---- objects ---- */

static void put_shape(printer *self, const routes_shape *shape)
{
    const char *separator = "";

    put(self, "\"type\": \"object\", \"additionalProperties\": false");
    for (size_t i = 0; i < shape->count; i++) {
        if (!shape->keys[i].is_required) continue;
        put(self, "%s\"%s\"", *separator ? separator : ", \"required\": [", shape->keys[i].name);
        separator = ", ";
    }
    put(self, "%s, \"properties\": {", *separator ? "]" : "");
    for (size_t i = 0; i < shape->count; i++) {
        const routes_key *key = &shape->keys[i];

        put(self, "%s\n      \"%s\": {\"description\": ", i ? "," : "", key->name);
        put_string(self, str_from(key->help));
        put(self, ", ");
        put_kind(self, key->kind);
        put(self, "}");
    }
    put(self, "}");
}

csgi_status routes_file_print_schema(buffer *out)
{
    static const routes_shape *const inner[] = { &routes_plugins_shape, &routes_app_shape,
                                                 &routes_middleware_shape, &routes_route_shape,
                                                 &routes_mount_shape };
    printer self = { out, CSGI_OK };

    put(&self, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
               "  \"title\": \"A routes file of Capricorn\",\n  ");
    put_shape(&self, &routes_root_shape);
    put(&self, ",\n  \"$defs\": {");
    for (size_t i = 0; i < COUNT_OF(inner); i++) {
        put(&self, "%s\n    \"%s\": {\"description\": ", i ? "," : "", inner[i]->def);
        put_string(&self, str_from(inner[i]->what));
        put(&self, ", ");
        put_shape(&self, inner[i]);
        put(&self, "}");
    }
    put(&self, "\n  }\n}\n");
    return self.status;
}
