/* SPDX-License-Identifier: MIT
 * From names to commands. */
#include "cli/dev_targets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "reload/sources.h"

#define COMMAND_MAX 12u /* arguments, with a NULL */
#define SANITIZERS  "-fsanitize=address,undefined -fno-omit-frame-pointer"
#define ARGUMENT(s) ((char *)(uintptr_t)(s))

/* $1 the source, $2 the plugin, $3 what was read, $4 colours, $5 sanitizers. A linker that fails
 * takes away what was there: the last good plugin stays. */
#define FIND_FLAGS                                                                               \
    "flags=$(pkg-config --cflags --libs csgi) || {\n"                                            \
    "    echo 'the flags for plugins are asked of pkg-config: install it, and let it find '\\\n" \
    "'csgi.pc (PKG_CONFIG_PATH)'\n"                                                              \
    "    exit 1\n"                                                                               \
    "}\n"
static const char compile_c[] =
    FIND_FLAGS "${CC:-cc} -g -O0 -Wall $4 $5 $CPPFLAGS $CFLAGS -MMD -MT made -MF \"$3\" "
               "-o \"$2.new\" \"$1\" $LDFLAGS $flags $LDLIBS && mv \"$2.new\" \"$2\"";
static const char compile_cxx[] =
    FIND_FLAGS "${CXX:-c++} $(pkg-config --variable=cxxflags csgi) -g -O0 -Wall $4 $5 "
               "$CPPFLAGS $CXXFLAGS -MMD -MT made -MF \"$3\" -o \"$2.new\" \"$1\" $LDFLAGS "
               "$flags $LDLIBS && mv \"$2.new\" \"$2\"";

/* ---- what is named ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static bool is_source(const char *path)
{
    return source_is_c(path) || source_is_cxx(path);
}

static bool is_directory(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* "weather" of "src/weather.c". */
static csgi_str stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    csgi_str name = str_from(slash ? slash + 1 : path);

    for (size_t at = name.len; at > 1; at--) {
        if (name.ptr[at - 1] == '.') return str_slice(name, 0, at - 1);
    }
    return name;
}

static bool has_stem(const dev_sources *self, csgi_str stem)
{
    for (size_t i = 0; i < self->plan.target_count; i++) {
        if (str_eq(stem_of(self->plan.targets[i].source), stem)) return true;
    }
    return false;
}

/* A path that begins with "-" would be an option of the compiler. */
static csgi_status add_source(dev_sources *self, const char *path, buffer *problem)
{
    dev_plan *plan = &self->plan;
    dev_target *grown;
    char *source;

    if (access(path, R_OK) != 0) {
        buffer_printf(problem, "%s: cannot be read: %s\n", path, strerror(errno));
        return CSGI_EFAIL;
    }
    if (has_stem(self, stem_of(path))) {
        buffer_printf(problem, "%s: another source makes %.*s.so already\n", path,
                      STR_ARG(stem_of(path)));
        return CSGI_EFAIL;
    }
    grown = realloc(plan->targets, (plan->target_count + 1) * sizeof *grown);
    if (!grown) return CSGI_ENOMEM;
    plan->targets = grown;
    if (asprintf(&source, "%s%s", *path == '-' ? "./" : "", path) < 0) return CSGI_ENOMEM;
    plan->targets[plan->target_count++] = (dev_target){ .source = source };
    return CSGI_OK;
}

static csgi_status add_made(dev_sources *self, const char *path)
{
    char **grown = realloc(self->made, (self->made_count + 1) * sizeof *grown);

    if (!grown) return CSGI_ENOMEM;
    self->made = grown;
    grown[self->made_count] = strdup(path);
    return grown[self->made_count++] ? CSGI_OK : CSGI_ENOMEM;
}

static int is_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && (is_source(entry->d_name) || ends_with(entry->d_name, ".so"));
}

/* Sources first, then the plugins that none of them makes. */
static csgi_status add_entry(dev_sources *self, const char *path, bool are_sources, buffer *problem)
{
    if (is_source(path) != are_sources) return CSGI_OK;
    if (are_sources) return add_source(self, path, problem);
    return has_stem(self, stem_of(path)) ? CSGI_OK : add_made(self, path);
}

static csgi_status add_directory(dev_sources *self, const char *directory, buffer *problem)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_wanted, alphasort);
    const char *before = strcmp(directory, ".") == 0 ? "" : directory;
    csgi_status status = count >= 0 ? CSGI_OK : CSGI_EFAIL;

    if (count <= 0)
        buffer_printf(problem, "%s: %s\n", directory,
                      count < 0 ? strerror(errno) : "there is no source in it, and no plugin");
    for (int i = 0; i < 2 * count && status == CSGI_OK; i++) {
        char *path;

        if (asprintf(&path, "%s%s%s", before, *before ? "/" : "", entries[i % count]->d_name) < 0)
            status = CSGI_ENOMEM;
        else
            status = add_entry(self, path, i < count, problem);
        if (status != CSGI_ENOMEM) free(path);
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    if (count >= 0) free(entries);
    return status == CSGI_OK && count == 0 ? CSGI_EFAIL : status;
}

bool dev_sources_take(dev_sources *self, char **names, int *count, bool may_be_none,
                      buffer *problem)
{
    int left = 0;
    csgi_status status = CSGI_OK;

    *self = (dev_sources){ .named_count = (size_t)*count };
    self->named = calloc(self->named_count + 1, sizeof *self->named);
    if (!self->named) return false;
    for (int i = 0; i < *count && status != CSGI_ENOMEM; i++) {
        self->named[i] = names[i];
        if (is_directory(names[i]))
            status = add_directory(self, names[i], problem);
        else if (is_source(names[i]))
            status = add_source(self, names[i], problem);
        else if (ends_with(names[i], ".so") || ends_with(names[i], ".json"))
            names[left++] = names[i];
        else
            buffer_printf(problem,
                          "%s: expected a source (NAME.c, NAME.cc, NAME.cpp), a plugin (NAME.so), "
                          "a routes file (NAME.json) or a directory\n",
                          names[i]);
    }
    if (*count == 0 && !may_be_none) status = add_directory(self, ".", problem);
    *count = left;
    if (status == CSGI_ENOMEM) buffer_printf(problem, "no memory for the names\n");
    return problem->len == 0;
}

/* ---- how they are made ---- */

static bool has_makefile(const char *directory)
{
    static const char *const names[] = { "GNUmakefile", "makefile", "Makefile" };

    for (size_t i = 0; i < 3; i++) {
        char *path;
        bool is_there;

        if (asprintf(&path, "%s%s%s", directory, *directory ? "/" : "", names[i]) < 0) return false;
        is_there = access(path, F_OK) == 0;
        free(path);
        if (is_there) return true;
    }
    return false;
}

/* A private file, and what was read for it beside it. */
static csgi_status plan_compiling(dev_target *of, const dev_wishes *wishes, const char *into,
                                  csgi_str stem)
{
    char **next = of->command;

    if (asprintf(&of->file, "%s/%.*s.so", into, STR_ARG(stem)) < 0 ||
        asprintf(&of->depends, "%s/%.*s.d", into, STR_ARG(stem)) < 0 ||
        asprintf(&of->config_link, "%s/%.*s.json", into, STR_ARG(stem)) < 0)
        return CSGI_ENOMEM;
    *next++ = ARGUMENT("/bin/sh");
    *next++ = ARGUMENT("-c");
    *next++ = ARGUMENT(source_is_c(of->source) ? compile_c : compile_cxx);
    *next++ = ARGUMENT("capricorn");
    *next++ = of->source;
    *next++ = of->file;
    *next++ = of->depends;
    *next++ = ARGUMENT(wishes->is_colored ? "-fdiagnostics-color=always" : "");
    *next++ = ARGUMENT(wishes->is_sanitized ? SANITIZERS : "");
    return CSGI_OK;
}

/* What is beside it decides; flags for sanitizers are offered. */
static csgi_status plan_making(dev_target *of, const dev_wishes *wishes, csgi_str stem)
{
    char **next = of->command;

    if (asprintf(&of->file, "%s%s%.*s.so", of->directory, *of->directory ? "/" : "",
                 STR_ARG(stem)) < 0)
        return CSGI_ENOMEM;
    if (wishes->is_sanitized) {
        *next++ = ARGUMENT("env");
        *next++ = ARGUMENT("CFLAGS=-g -O0 -Wall " SANITIZERS);
        *next++ = ARGUMENT("CXXFLAGS=-g -O0 -Wall " SANITIZERS);
    }
    *next++ = ARGUMENT(wishes->command ? "/bin/sh" : "make");
    if (wishes->command) {
        *next++ = ARGUMENT("-c");
        *next++ = ARGUMENT(wishes->command);
    } else if (wishes->is_sanitized) {
        *next++ = ARGUMENT("-B");
    }
    return CSGI_OK;
}

static csgi_status plan_target(dev_target *of, const dev_wishes *wishes, const char *into)
{
    const char *slash = strrchr(of->source, '/');
    csgi_str stem = stem_of(of->source);

    of->directory = strndup(of->source, slash ? (size_t)(slash - of->source) : 0);
    if (!of->directory || asprintf(&of->config, "%s%s%.*s.json", of->directory,
                                   *of->directory ? "/" : "", STR_ARG(stem)) < 0)
        return CSGI_ENOMEM;
    if (wishes->command || has_makefile(of->directory)) return plan_making(of, wishes, stem);
    return plan_compiling(of, wishes, into, stem);
}

/* ---- what is served ---- */

static bool is_name(const dev_sources *self, const char *argument)
{
    for (size_t i = 0; i < self->named_count; i++) {
        if (self->named[i] == argument) return true;
    }
    return false;
}

/* "run", the options, the routes file, and the plugins that there are. */
static csgi_status plan_probe(dev_sources *self, const plugin_choice *choice, char *const *given)
{
    dev_plan *plan = &self->plan;
    size_t given_count = 0;

    while (given[given_count])
        given_count++;
    plan->probe_arguments =
        calloc(given_count + self->named_count + self->made_count + plan->target_count + 4,
               sizeof(char *));
    if (!plan->probe_arguments) return CSGI_ENOMEM;
    plan->probe_arguments[plan->probe_count++] = ARGUMENT("capricorn");
    plan->probe_arguments[plan->probe_count++] = ARGUMENT("run");
    for (size_t i = 0; i < given_count; i++) {
        if (!is_name(self, given[i])) plan->probe_arguments[plan->probe_count++] = given[i];
    }
    for (size_t i = 0; i < self->named_count; i++) {
        if (ends_with(self->named[i], ".json") && !is_directory(self->named[i]))
            plan->probe_arguments[plan->probe_count++] = self->named[i];
    }
    for (size_t i = 0; i < choice->file_count; i++)
        plan->probe_arguments[plan->probe_count++] = choice->files[i];
    return CSGI_OK;
}

static csgi_status plan_choice(dev_sources *self, plugin_choice *choice)
{
    size_t room = choice->file_count + self->made_count + self->plan.target_count + 1;

    self->files = calloc(room, sizeof *self->files);
    if (!self->files) return CSGI_ENOMEM;
    for (size_t i = 0; i < choice->file_count; i++)
        self->files[i] = choice->files[i];
    for (size_t i = 0; i < self->made_count; i++)
        self->files[choice->file_count++] = self->made[i];
    choice->files = self->files;
    self->plan.choice = choice;
    return CSGI_OK;
}

bool dev_sources_plan(dev_sources *self, const dev_wishes *wishes, plugin_choice *choice,
                      server_options *options, char *const *given, buffer *problem)
{
    dev_plan *plan = &self->plan;
    csgi_status status = stage_open(NULL, &self->stage);

    if (status == CSGI_OK && !stage_directory(self->stage)) {
        buffer_printf(problem, "no directory for what is built can be made: name one by "
                               "$XDG_RUNTIME_DIR or $TMPDIR\n");
        status = CSGI_EFAIL;
    }
    if (status == CSGI_OK) {
        self->commands = calloc((plan->target_count + 1) * COMMAND_MAX, sizeof(char *));
        if (!self->commands) status = CSGI_ENOMEM;
    }
    for (size_t i = 0; i < plan->target_count && status == CSGI_OK; i++) {
        plan->targets[i].command = self->commands + i * COMMAND_MAX;
        status = plan_target(&plan->targets[i], wishes, stage_directory(self->stage));
    }
    if (status == CSGI_OK) status = plan_choice(self, choice);
    if (status == CSGI_OK) status = plan_probe(self, choice, given);
    if (status == CSGI_ENOMEM) buffer_printf(problem, "no memory to start\n");
    if (status == CSGI_OK && !choice->routes &&
        asprintf(&self->no_directory, "%s/none", stage_directory(self->stage)) < 0)
        status = CSGI_ENOMEM;
    /* Nothing but what is named is served. */
    if (self->no_directory) options->plugin_dir = self->no_directory;
    return status == CSGI_OK;
}

void dev_sources_fini(dev_sources *self)
{
    for (size_t i = 0; i < self->plan.target_count; i++)
        dev_target_fini(&self->plan.targets[i]);
    for (size_t i = 0; i < self->made_count; i++)
        free(self->made[i]);
    free(self->plan.targets);
    free(self->plan.probe_arguments);
    free(self->named);
    free(self->made);
    free(self->files);
    free(self->commands);
    free(self->no_directory);
    stage_close(self->stage);
}
