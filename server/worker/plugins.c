/* SPDX-License-Identifier: MIT
 * Plugin files to instances. */
#include "worker/plugins.h"

#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "config/json_text.h"
#include "config/text_file.h"
#include "log/log.h"
#include "router/router.h"

/* What is being loaded, for whom. */
typedef struct loading {
    const edition *next;
    const char *file;
} loading;

static void on_load_step(void *arg, const char *step)
{
    const loading *self = arg;

    edition_tell_step(self->next, str_from(self->file), step);
}

/* The path of the configuration of "dir/NAME.so": "dir/NAME.json", into out. */
static csgi_status config_path(const char *file, buffer *out)
{
    csgi_str stem = str_from(file);

    if (stem.len > 3 && strcmp(file + stem.len - 3, ".so") == 0) stem.len -= 3;
    if (buffer_append_str(out, stem) != CSGI_OK) return CSGI_ENOMEM;
    return buffer_append(out, ".json", sizeof ".json");
}

static bool exists(const char *path)
{
    struct stat entry;

    return lstat(path, &entry) == 0;
}

/* Reads the whole file; a missing one is "{}". */
static csgi_status read_config(const char *path, buffer *text, buffer *problem)
{
    csgi_status status;

    if (exists(path)) return text_file_read(path, text, problem);
    status = buffer_append(text, "{}", sizeof "{}");
    if (status == CSGI_OK) text->len--; /* the NUL */
    return status;
}

/* A plugin that does not like its configuration cannot say which file it is. */
static csgi_status add_app(edition *next, plugin *loaded, const char *path, csgi_str config,
                           buffer *problem)
{
    size_t mark = problem->len;
    csgi_status status = edition_add(next, loaded, loaded->descriptor.name, config, problem);

    if (status == CSGI_OK || problem->len == mark || status == CSGI_EINVAL) return status;
    buffer_printf(problem, " (config: %s%s)", path, exists(path) ? "" : ", which is not there");
    return status;
}

csgi_status plugins_add_app(edition *next, const char *file, plugin *loaded, buffer *problem)
{
    buffer path = { 0 }, text = { 0 };
    csgi_status status = config_path(file, &path);

    if (status == CSGI_OK) status = read_config(path.bytes, &text, problem);
    if (status == CSGI_OK) status = json_check_object(path.bytes, buffer_str(&text), problem);
    if (status == CSGI_OK) status = add_app(next, loaded, path.bytes, buffer_str(&text), problem);
    buffer_fini(&text);
    buffer_fini(&path);
    return status;
}

void plugins_log_problem(const buffer *problem)
{
    for (csgi_str rest = buffer_str(problem); rest.len;) {
        csgi_str line = str_take(&rest, '\n');

        log_error("%.*s", STR_ARG(line));
    }
}

static void warn_of_patterns(const plugin *loaded)
{
    for (size_t i = 0; i < loaded->descriptor.endpoint_count; i++) {
        const csgi_endpoint *endpoint = &loaded->endpoints[i];
        buffer hint = { 0 };

        if (route_find_foreign(endpoint->path, &hint))
            log_warning("plugin %.*s, endpoint %.*s, route \"%.*s\": %.*s",
                        STR_ARG(loaded->descriptor.name), STR_ARG(endpoint->name),
                        STR_ARG(endpoint->path), STR_ARG(buffer_str(&hint)));
        buffer_fini(&hint);
    }
}

csgi_status plugins_open(const plugin_loading *from, const char *file, plugin **out,
                         buffer *problem)
{
    loading loaded_now = { from->next, file };
    const plugin_rules rules = { .allow_insecure = from->options->insecure_plugins,
                                 .on_step = on_load_step,
                                 .arg = &loaded_now };
    csgi_status status;

    if (from->registry) {
        status = registry_open(from->registry, file, &rules, out, problem);
    } else {
        status = plugin_load(file, &rules, out, problem);
        plugin_find_runtimes();
    }
    edition_tell_step(from->next, STR(""), NULL);
    if (status == CSGI_OK && !edition_serves_already(from->next, *out)) warn_of_patterns(*out);
    if (status != CSGI_OK && !problem->len)
        buffer_printf(problem, "%s: %s", file,
                      status == CSGI_ENOMEM ? "no memory to load it" : "it was given up");
    return status;
}

void plugins_log_loaded(const plugin_loading *from, const plugin *loaded)
{
    const csgi_plugin *it = &loaded->descriptor;

    if (edition_serves_already(from->next, loaded)) return;
    log_info("Loaded %.*s %.*s from %s (CSGI %u.%u, generation %llu, %zu endpoint%s)",
             STR_ARG(it->name), STR_ARG(it->version), loaded->file, it->abi_major, it->abi_minor,
             (unsigned long long)loaded->generation, it->endpoint_count,
             it->endpoint_count == 1 ? "" : "s");
}

/* Loads one file and makes its app. On failure *problem is a sentence. */
static csgi_status load_file(const plugin_loading *from, const char *file, buffer *problem)
{
    plugin *loaded;
    csgi_status status = plugins_open(from, file, &loaded, problem);

    if (status != CSGI_OK) return status;
    status = plugins_add_app(from->next, file, loaded, problem);
    if (status == CSGI_OK) plugins_log_loaded(from, loaded);
    if (status != CSGI_OK && !problem->len)
        buffer_printf(problem, "%s: no memory to load it", file);
    plugin_release(loaded);
    return status;
}

/* A line for each mistake, all at once. CSGI_EFAIL when there was one. */
static csgi_status load_files(const plugin_loading *from, char **files, size_t file_count,
                              buffer *problem)
{
    csgi_status result = CSGI_OK;

    for (size_t i = 0; i < file_count; i++) {
        buffer why = { 0 };

        if (load_file(from, files[i], &why) != CSGI_OK) {
            buffer_printf(problem, "%.*s\n", STR_ARG(buffer_str(&why)));
            result = CSGI_EFAIL;
        }
        buffer_fini(&why);
    }
    return result;
}

static csgi_status load_directory(const plugin_loading *from, buffer *problem)
{
    const char *directory = from->options->plugin_dir;
    char **files;
    size_t count;
    csgi_status status = plugin_directory_list(directory, &files, &count, problem);

    if (status != CSGI_OK) return status;
    if (count == 0)
        log_warning("%s: no plugin (*.so) in this directory; every request will be answered 404",
                    directory);
    status = load_files(from, files, count, problem);
    plugin_directory_list_free(files, count);
    return status;
}

csgi_status plugins_load(const plugin_loading *from, buffer *problem)
{
    const plugin_choice *choice = from->choice;
    csgi_status status;

    if (choice->routes) return plugins_load_routed(from, problem);
    status = choice->file_count ? load_files(from, choice->files, choice->file_count, problem)
                                : load_directory(from, problem);
    return status == CSGI_OK ? edition_route_defaults(from->next, problem) : status;
}

csgi_status plugins_serve(app_set *apps, const server_options *options, const plugin_choice *choice,
                          registry *known, buffer *problem)
{
    edition *first;
    csgi_status status = edition_new(apps, &first);

    if (status != CSGI_OK) return status;
    status = plugins_load(&(plugin_loading){ first, options, choice, known }, problem);
    if (status == CSGI_OK) status = edition_serve(first, problem);
    if (status != CSGI_OK) edition_discard(first);
    if (known && status == CSGI_OK) registry_commit(known);
    return status;
}

csgi_status plugins_serve_none(app_set *apps, buffer *problem)
{
    edition *first;
    csgi_status status = edition_new(apps, &first);

    if (status != CSGI_OK) return status;
    status = edition_route_defaults(first, problem);
    if (status == CSGI_OK) status = edition_serve(first, problem);
    if (status != CSGI_OK) edition_discard(first);
    return status;
}
