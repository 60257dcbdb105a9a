/* SPDX-License-Identifier: MIT
 * Any bytes as a routes file: each complaint is one line with a position inside the file, and
 * leaves the options alone; what is read hangs together. */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/str.h"
#include "router/routes_file.h"

static char path[64];
static int memory_file = -1;

static void write_file(const uint8_t *bytes, size_t len)
{
    if (memory_file < 0) {
        memory_file = memfd_create("routes.json", MFD_CLOEXEC);
        MUST(memory_file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", memory_file);
    }
    MUST(ftruncate(memory_file, 0) == 0);
    MUST(pwrite(memory_file, bytes, len, 0) == (ssize_t)len);
}

/* Is there such a line, and such a column or the end of the line there? */
static void check_position(csgi_str text, file_position at)
{
    MUST(at.line >= 1 && at.column >= 1);
    for (uint32_t line = 1; line < at.line; line++) {
        size_t end = str_find_char(text, '\n');

        MUST(end < text.len);
        text = str_slice(text, end + 1, SIZE_MAX);
    }
    MUST(at.column <= str_find_char(text, '\n') + 1);
}

static uint32_t take_number(csgi_str *line)
{
    size_t len = str_find_char(*line, ':');
    uint64_t number;

    MUST(str_parse_u64(str_slice(*line, 0, len), &number));
    MUST(number <= UINT32_MAX && len < line->len);
    *line = str_slice(*line, len + 1, SIZE_MAX);
    return (uint32_t)number;
}

static void check_problem(csgi_str text, csgi_str problem)
{
    MUST(problem.len && problem.ptr[problem.len - 1] == '\n');
    while (problem.len) {
        csgi_str line = str_slice(problem, 0, str_find_char(problem, '\n'));
        file_position at;

        problem = str_slice(problem, line.len + 1, SIZE_MAX);
        MUST(str_starts_with(line, str_from(path)));
        line = str_slice(line, strlen(path) + 1, SIZE_MAX);
        at.line = take_number(&line);
        at.column = take_number(&line);
        MUST(line.len > 1 && line.ptr[0] == ' ' && str_is_utf8(line));
        check_position(text, at);
    }
}

static void check_text(csgi_str text)
{
    MUST(text.ptr && text.ptr[text.len] == '\0' && !memchr(text.ptr, '\0', text.len));
}

static void check_use(const routes_file *file, csgi_str text, const routes_use *use)
{
    size_t found = 0;

    check_text(use->app);
    check_text(use->endpoint);
    check_position(text, use->at);
    for (size_t i = 0; i < file->app_count; i++)
        found += str_eq(file->apps[i].name, use->app);
    MUST(found == 1);
}

static void check_around(const routes_file *file, csgi_str text, const routes_around *around)
{
    for (size_t i = 0; i < around->count; i++)
        check_use(file, text, &around->uses[i]);
}

static void check_config(csgi_str config)
{
    buffer problem = { 0 };

    check_text(config);
    MUST(json_check_object("config", config, &problem) == CSGI_OK);
}

static void check_file(const routes_file *file, csgi_str text)
{
    for (size_t i = 0; i < file->app_count; i++) {
        check_text(file->apps[i].name);
        check_text(file->apps[i].plugin);
        check_config(file->apps[i].config);
        check_position(text, file->apps[i].at);
        check_position(text, file->apps[i].plugin_at);
        check_position(text, file->apps[i].config_at);
    }
    check_around(file, text, &file->around);
    for (size_t i = 0; i < file->route_count; i++) {
        const routes_entry *route = &file->routes[i];

        check_text(route->pattern);
        check_text(route->methods);
        check_text(route->host);
        if (route->config.len) check_config(route->config);
        check_position(text, route->at);
        check_use(file, text, &route->use);
        check_around(file, text, &route->around);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    csgi_str text = { (const char *)bytes, len };
    server_options options, before;
    buffer problem = { 0 };
    routes_file file;
    csgi_status status;

    options_init(&options);
    memcpy(&before, &options, sizeof before);
    write_file(bytes, len);
    status = routes_file_read(&file, path, &options, &problem);
    if (status == CSGI_OK) {
        MUST(problem.len == 0);
        check_file(&file, text);
        routes_file_fini(&file);
    } else {
        MUST(status == CSGI_EINVAL && memcmp(&before, &options, sizeof before) == 0);
        check_problem(text, buffer_str(&problem));
    }
    buffer_fini(&problem);
    return 0;
}
