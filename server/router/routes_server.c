/* SPDX-License-Identifier: MIT
 * The server's options in a routes file. */
#include "router/routes_values.h"

#include "base/str.h"

/* The text as an option takes it: a path of a file starts at this one's directory. */
static const char *option_text(routes_reader *self, const option_entry *entry, csgi_str text)
{
    csgi_str unix_socket = STR("unix:");

    if (entry->kind == OPTION_PATH && text.len) return routes_absolute(self, text).ptr;
    if (entry->kind == OPTION_LIST && str_starts_with(text, unix_socket)) {
        csgi_str path = routes_absolute(self, str_slice(text, unix_socket.len, SIZE_MAX));
        csgi_str whole = arena_printf(&self->file->memory, "unix:%.*s", STR_ARG(path));

        if (whole.ptr) return whole.ptr;
        self->has_no_memory = true;
    }
    return routes_copy(self, text).ptr;
}

static void set_option(routes_reader *self, const option_entry *entry, const json_value *it,
                       const char *key)
{
    buffer why = { 0 };
    const char *text = option_text(self, entry, it->text);

    if (options_set_from_file(self->options, entry, text, &why) != CSGI_OK)
        routes_complain(self, it->at, "\"%s\": %.*s", key, STR_ARG(buffer_str(&why)));
    options_set_place(self->options, entry, self->file->name.ptr, it->at.line, it->at.column);
    buffer_fini(&why);
}

static bool has_form(const option_form *form, json_kind kind)
{
    return (kind == JSON_BOOLEAN && form->is_boolean) || (kind == JSON_STRING && form->is_string) ||
           (kind == JSON_NUMBER && (form->is_integer || form->is_number));
}

static void read_option(routes_reader *self, const option_entry *entry, const json_value *it)
{
    option_form form = option_form_of(entry->kind);
    bool is_list = it->kind == JSON_ARRAY && form.is_list;
    bool is_quoted = it->kind == JSON_STRING && form.is_integer;
    const char *expected = form.is_boolean ? "true or false"
                           : is_quoted     ? "a number without quotes"
                                           : option_expects(entry->kind);

    for (const json_value *item = is_list ? it->first : it; item; item = item->next) {
        if (has_form(&form, item->kind))
            set_option(self, entry, item, it->key.ptr);
        else
            routes_refuse(self, item, it->key.ptr, expected);
        if (!is_list) return;
    }
}

static void complain_unknown(routes_reader *self, const json_value *member,
                             const option_entry *nearest)
{
    const option_entry *late = options_find_late_key(member->key);
    char key[OPTION_NAME_MAX];

    if (late) {
        option_print_name(late->name, OPTION_FROM_ENVIRONMENT, key, sizeof key);
        routes_complain(self, member->key_at,
                        "\"%.*s\": found in a routes file, where it is too late for it; say --%s "
                        "or "
                        "%s",
                        STR_ARG(json_shorten(member->key)), late->name, key);
    } else if (nearest) {
        option_print_key(nearest, key, sizeof key);
        routes_complain(self, member->key_at,
                        "\"%.*s\": there is no such option (did you mean \"%s\"?)",
                        STR_ARG(json_shorten(member->key)), key);
    } else {
        routes_complain(self, member->key_at,
                        "\"%.*s\": there is no such option, expected one that \"capricorn run "
                        "--help\" lists, with _ for -",
                        STR_ARG(json_shorten(member->key)));
    }
}

void routes_read_server(routes_reader *self, const json_value *server)
{
    for (const json_value *member = server->first; member; member = member->next) {
        const option_entry *entry = options_find_key(member->key);
        const option_entry *meant = entry ? entry : options_suggest_key(member->key);

        if (routes_is_repeated(self, member)) continue;
        if (meant && meant->offset == offsetof(server_options, plugin_dir)) {
            routes_complain(self, member->key_at,
                            "\"%.*s\": found under \"server\", expected \"plugins\": {\"dir\": "
                            "...}",
                            STR_ARG(json_shorten(member->key)));
            self->is_lost = true;
        } else if (!entry) {
            complain_unknown(self, member, meant);
        } else {
            read_option(self, entry, member);
        }
    }
}
