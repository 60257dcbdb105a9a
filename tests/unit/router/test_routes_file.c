/* SPDX-License-Identifier: MIT
 * Routes files: what is read, and each mistake's line. */
#include "router/routes_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/str.h"
#include "failing_malloc.h"
#include "router/methods.h"

typedef struct desk {
    char dir[64], path[96];
    server_options options;
    routes_file file;
    buffer problem;
} desk;

static int set_up(void **state)
{
    desk *self = calloc(1, sizeof *self);

    *state = self;
    snprintf(self->dir, sizeof self->dir, "/tmp/test_routes_file_XXXXXX");
    if (!mkdtemp(self->dir)) return -1;
    snprintf(self->path, sizeof self->path, "%s/routes.json", self->dir);
    options_init(&self->options);
    return 0;
}

static int tear_down(void **state)
{
    desk *self = *state;

    unlink(self->path);
    rmdir(self->dir);
    buffer_fini(&self->problem);
    free(self);
    return 0;
}

static void write_file(desk *self, csgi_str text)
{
    FILE *file = fopen(self->path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

/* Reads a file that is good; routes_file_fini is owed. */
static const routes_file *read_good(desk *self, const char *text)
{
    self->problem.len = 0;
    write_file(self, str_from(text));
    if (routes_file_read(&self->file, self->path, &self->options, &self->problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&self->problem)));
    assert_int_equal(self->problem.len, 0);
    return &self->file;
}

/* Reads a file that is wrong: these are its lines, each without the path and with a newline. */
static void expect_problem(desk *self, csgi_str text, const char *expected)
{
    buffer told = { 0 };
    csgi_status status;

    self->problem.len = 0;
    write_file(self, text);
    status = routes_file_read(&self->file, self->path, &self->options, &self->problem);
    for (size_t start = 0; start < self->problem.len;) {
        csgi_str rest = str_slice(buffer_str(&self->problem), start, SIZE_MAX);
        csgi_str line = str_slice(rest, 0, str_find_char(rest, '\n') + 1);

        assert_true(str_starts_with(line, str_from(self->path)));
        start += line.len;
        buffer_append_str(&told, str_slice(line, strlen(self->path) + 1, SIZE_MAX));
    }
    assert_int_equal(buffer_append(&told, "", 1), CSGI_OK);
    if (strcmp(told.bytes, expected) != 0)
        fail_msg("of %s\nfound    %s\nexpected %s", text.ptr, told.bytes, expected);
    assert_int_equal(status, CSGI_EINVAL);
    buffer_fini(&told);
}

static void assert_use(const routes_use *use, const char *app, const char *endpoint)
{
    assert_string_equal(use->app.ptr, app);
    assert_string_equal(use->endpoint.ptr, endpoint);
}

static void a_route_has_all_that_is_said_of_it(void **state)
{
    const routes_file *file = read_good(
        *state, "{ \"routes\": [\n"
                "  { \"path\": \"/items/{id:int}\", \"methods\": [\"GET\", \"PURGE\"],\n"
                "    \"app\": \"shop:item\", \"host\": \"*.Example.COM\", \"timeout\": \"1.5s\",\n"
                "    \"limit_body\": \"2KiB\", \"config\": {\"a\": /* one */ 1.0},\n"
                "    \"middleware\": [\"auth:basic\"] },\n"
                "  { \"path\": \"/\", \"app\": \"shop\", \"limit_body\": 0, \"timeout\": 0 }\n"
                "] }");
    const routes_entry *first = &file->routes[0], *second = &file->routes[1];

    assert_int_equal(file->route_count, 2);
    assert_string_equal(first->pattern.ptr, "/items/{id:int}");
    assert_string_equal(first->methods.ptr, "GET,PURGE");
    assert_use(&first->use, "shop", "item");
    assert_string_equal(first->host.ptr, "*.example.com");
    assert_int_equal(first->timeout_ms, 1500);
    assert_int_equal(first->limit_body, 2048);
    assert_string_equal(first->config.ptr, "{\"a\":           1.0}");
    assert_int_equal(first->around.count, 1);
    assert_use(&first->around.uses[0], "auth", "basic");
    assert_false(first->is_mount);
    assert_int_equal(first->at.line, 2);
    assert_int_equal(first->at.column, 13);
    assert_use(&second->use, "shop", "");
    assert_string_equal(second->methods.ptr, "");
    assert_string_equal(second->host.ptr, "");
    assert_string_equal(second->config.ptr, "");
    assert_int_equal(second->timeout_ms, 0);
    assert_int_equal(second->limit_body, 0);
    assert_false(file->has_default_routes);
    routes_file_fini(&((desk *)*state)->file);
}

static void a_mount_has_its_prefix_and_the_servers_limits(void **state)
{
    const routes_file *file =
        read_good(*state, "{\"routes\": [{\"mount\": \"/admin\", \"app\": \"admin\"},"
                          "{\"mount\": \"/\", \"app\": \"site\"}], \"default_routes\": true}");

    assert_int_equal(file->route_count, 2);
    assert_string_equal(file->routes[0].pattern.ptr, "/admin");
    assert_string_equal(file->routes[1].pattern.ptr, "");
    assert_true(file->routes[0].is_mount);
    assert_true(file->routes[0].limit_body == UINT64_MAX);
    assert_true(file->has_default_routes);
    routes_file_fini(&((desk *)*state)->file);
}

static void apps_are_those_of_the_file_those_in_place_and_plugins_nobody_configured(void **state)
{
    static const struct {
        const char *name, *plugin, *config;
        uint32_t line, column;
    } expected[] = {
        { "site", "static", "{\"dir\": \".\"}", 2, 3 },
        { "other", "other", "{}", 3, 3 },
        { "gzip@4", "gzip", "{\"min\": 5}", 4, 20 },
        { "gzip@4.62", "gzip", "{}", 4, 62 },
        { "log", "log", "{}", 4, 81 },
        { "weather", "weather", "{}", 5, 35 },
        { "auth", "auth", "{}", 5, 67 },
    };
    const routes_file *file =
        read_good(*state,
                  "{\"apps\": {\n"
                  "  \"site\": {\"plugin\": \"static\", \"config\": {\"dir\": \".\"}},\n"
                  "  \"other\": {\"plugin\": \"other\"} },\n"
                  " \"middleware\": [   {\"plugin\": \"gzip\", \"config\": {\"min\": 5}},"
                  " {\"plugin\": \"gzip\"},\"log\",\"site\"],\n"
                  " \"routes\": [{\"path\": \"/a\", \"app\": \"weather:x\", \"middleware\": [  "
                  "  \"auth\", \"log\"]},\n"
                  " {\"path\": \"/b\", \"app\": \"weather:y\"}, {\"path\": \"/c\", \"app\": "
                  "\"other\"}]}");

    assert_int_equal(file->app_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const routes_app *app = &file->apps[i];

        assert_string_equal(app->name.ptr, expected[i].name);
        assert_string_equal(app->plugin.ptr, expected[i].plugin);
        assert_string_equal(app->config.ptr, expected[i].config);
        assert_int_equal(app->at.line, expected[i].line);
        assert_int_equal(app->at.column, expected[i].column);
    }
    assert_int_equal(file->around.count, 4);
    assert_use(&file->around.uses[1], "gzip@4.62", "");
    assert_int_equal(file->apps[0].plugin_at.column, 22);
    assert_int_equal(file->apps[0].config_at.column, 42);
    routes_file_fini(&((desk *)*state)->file);
}

static void relative_paths_start_at_the_files_directory(void **state)
{
    desk *self = *state;
    char expected[128];
    const routes_file *file =
        read_good(self, "{\"plugins\": {\"dir\": \"./plugins\"},"
                        "\"server\": {\"bind\": [\"unix:a.sock\", \"unix:/b.sock\", \"[::]:1\"]},"
                        "\"apps\": {\"a\": {\"plugin\": \"sub/a.so\"}, \"b\": {\"plugin\": "
                        "\"b.so\"}, \"c\": {\"plugin\": \"/c/c.so\"}}}");

    assert_string_equal(file->dir.ptr, self->dir);
    snprintf(expected, sizeof expected, "%s/plugins", self->dir);
    assert_string_equal(self->options.plugin_dir, expected);
    snprintf(expected, sizeof expected, "unix:%s/a.sock", self->dir);
    assert_true(str_eq(self->options.bind.items[0], str_from(expected)));
    assert_true(str_eq(self->options.bind.items[1], STR("unix:/b.sock")));
    assert_true(str_eq(self->options.bind.items[2], STR("[::]:1")));
    snprintf(expected, sizeof expected, "%s/sub/a.so", self->dir);
    assert_string_equal(file->apps[0].plugin.ptr, expected);
    snprintf(expected, sizeof expected, "%s/b.so", self->dir);
    assert_string_equal(file->apps[1].plugin.ptr, expected);
    assert_string_equal(file->apps[2].plugin.ptr, "/c/c.so");
    routes_file_fini(&self->file);
}

static void a_relative_file_stands_in_the_working_directory(void **state)
{
    static const struct {
        const char *path, *below;
    } places[] = { { "r.json", "" }, { "./r.json", "" }, { "./sub/r.json", "/sub" } };
    desk *self = *state;
    char here[4096], old[4096];

    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(self->dir), 0);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        char command[128], expected[4200];

        snprintf(command, sizeof command, "mkdir -p sub && echo '{}' > %s", places[i].path);
        assert_int_equal(system(command), 0);
        assert_int_equal(routes_file_read(&self->file, places[i].path, &self->options,
                                          &self->problem),
                         CSGI_OK);
        assert_string_equal(self->file.name.ptr, places[i].path);
        snprintf(expected, sizeof expected, "%s%s", getcwd(here, sizeof here), places[i].below);
        assert_string_equal(self->file.dir.ptr, expected);
        routes_file_fini(&self->file);
    }
    assert_int_equal(system("rm -r sub r.json"), 0);
    assert_int_equal(chdir(old), 0);
}

static void options_are_set_where_nobody_else_has(void **state)
{
    desk *self = *state;
    char *arguments[] = { (char *)(uintptr_t) "--port=5" };
    const char *asked;
    int count;

    assert_int_equal(options_read_arguments(&self->options,
                                            &(option_taker){ .uses = OPTION_OF_RUN }, 1, arguments,
                                            &count, &asked, &self->problem),
                     CSGI_OK);
    read_good(self, "{\"server\": {\"port\": 6, \"limit_body\": \"1MiB\", \"timeout_write\": 2.5,"
                    "\"access_log\": false, \"log_level\": \"warning\", \"host\": \"::1\"}}");
    assert_int_equal(self->options.port, 5);
    assert_int_equal(self->options.limit_body, 1048576);
    assert_int_equal(self->options.timeout_write_ms, 2500);
    assert_false(self->options.access_log);
    assert_string_equal(self->options.host, "::1");
    routes_file_fini(&self->file);
}

static void a_mistake_leaves_the_options_as_they_were(void **state)
{
    desk *self = *state;
    server_options before = self->options;

    expect_problem(self, STR("{\"server\": {\"port\": 6}, \"route\": []}"),
                   "1:25: \"route\": there is no such key in a routes file (did you mean "
                   "\"routes\"?)\n");
    assert_memory_equal(&before, &self->options, sizeof before);
}

static void every_mistake_is_told_at_once_in_the_files_order(void **state)
{
    expect_problem(*state,
                   STR("{\"default_routes\": 1,\n \"server\": {\"prot\": 1, \"port\": 70000},\n"
                       " \"routes\": [{\"path\": \"a\"}, 7, {\"path\": \"/\", \"app\": \"x\",\n"
                       "   \"path\": \"/b\", \"config\": {\"k\": {\"z\": 1, \"z\": 2}}}]}"),
                   "1:20: \"default_routes\": found 1, expected true or false\n"
                   "2:13: \"prot\": there is no such option (did you mean \"port\"?)\n"
                   "2:32: \"port\": found \"70000\", expected 0 to 65535\n"
                   "3:13: found a route without \"app\", expected \"APP\" or \"APP:ENDPOINT\", of "
                   "letters, digits, _ and -\n"
                   "3:22: \"path\": route \"a\": a path begins with \"/\"\n"
                   "3:28: \"routes\": found 7, expected a route such as {\"path\": \"/\", "
                   "\"app\": \"APP\"}\n"
                   "4:4: found the key \"path\" a second time, expected it once\n"
                   "4:43: found the key \"z\" a second time, expected it once\n");
}

static void a_mistake_in_hostile_text_is_still_one_line(void **state)
{
    expect_problem(*state,
                   STR("{\"a\\nb\\u001b\": 1, \"routes\": [{\"path\": \"/\\n\", "
                       "\"app\": \"\\n\"}]}"),
                   "1:2: \"a\\x0ab\\x1b\": there is no such key in a routes file, expected one of "
                   "$schema, server, plugins, apps, middleware, default_routes, routes\n"
                   "1:39: \"path\": route \"/\\x0a\": it has a control character: no request can "
                   "match it\n"
                   "1:53: \"app\": found \"\\x0a\", expected \"APP\" or \"APP:ENDPOINT\", of "
                   "letters, digits, _ and -\n");
}

/* Reads a file with one route that has this key. */
static csgi_status read_with(desk *self, const char *key, const char *value)
{
    buffer text = { 0 };
    csgi_status status;

    buffer_printf(&text, "{\"routes\": [{\"path\": \"/\", \"app\": \"a\", \"%s\": %s}]}", key,
                  value);
    write_file(self, buffer_str(&text));
    self->problem.len = 0;
    status = routes_file_read(&self->file, self->path, &self->options, &self->problem);
    if (status == CSGI_OK) routes_file_fini(&self->file);
    buffer_fini(&text);
    return status;
}

/* A host of labels of so many bytes, but for the last; of len bytes in all. */
static void print_host(size_t label, size_t len, char *out)
{
    *out++ = '"';
    for (size_t i = 0; i < len; i++)
        *out++ = (char)((i + 1) % (label + 1) == 0 ? '.' : 'a');
    memcpy(out, "\"", 2);
}

static void print_methods(size_t count, char *out)
{
    *out++ = '[';
    for (size_t i = 0; i < count; i++)
        out += snprintf(out, 16, "%s\"M-%zu\"", i ? "," : "", i);
    memcpy(out, "]", 2);
}

static void limits_hold_at_their_value_and_not_beyond(void **state)
{
    desk *self = *state;
    char within[1024], beyond[1024];

    assert_int_equal(read_with(self, "timeout", "\"8760h\""), CSGI_OK);
    assert_int_equal(read_with(self, "timeout", "31536000.001"), CSGI_EINVAL);
    assert_int_equal(read_with(self, "limit_body", "9223372036854775807"), CSGI_OK);
    assert_int_equal(read_with(self, "limit_body", "9223372036854775808"), CSGI_EINVAL);
    print_host(63, 63, within);
    print_host(64, 64, beyond);
    assert_int_equal(read_with(self, "host", within), CSGI_OK);
    assert_int_equal(read_with(self, "host", beyond), CSGI_EINVAL);
    print_host(61, 253, within);
    print_host(61, 254, beyond);
    assert_int_equal(read_with(self, "host", within), CSGI_OK);
    assert_int_equal(read_with(self, "host", beyond), CSGI_EINVAL);
    print_methods(METHODS_MAX, within);
    print_methods(METHODS_MAX + 1, beyond);
    assert_int_equal(read_with(self, "methods", within), CSGI_OK);
    assert_int_equal(read_with(self, "methods", beyond), CSGI_EINVAL);
}

static void without_memory_it_says_so(void **state)
{
    static const char *const texts[] = {
        "{\"server\": {\"bind\": \"unix:a\"}, \"plugins\": {\"dir\": \"p\"}, \"middleware\": "
        "[\"a\", {\"plugin\": \"b\", \"config\": {}}], \"routes\": [{\"path\": \"/{x}\", "
        "\"methods\": [\"GET\"], \"app\": \"w\", \"host\": \"h\"}]}",
        "{\"server\": {\"prot\": 1, \"port\": -1}, \"routes\": [{\"methods\": [\"get\"]}], \"x\": "
        "1}",
        "{\"a\"}",
    };
    desk *self = *state;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        csgi_status wanted = i == 0 ? CSGI_OK : CSGI_EINVAL, status = CSGI_ENOMEM;
        server_options before = self->options;

        write_file(self, str_from(texts[i]));
        for (size_t n = 0; status == CSGI_ENOMEM; n++) {
            buffer problem = { 0 };

            self->options = before;
            failing_malloc_after(n);
            status = routes_file_read(&self->file, self->path, &self->options, &problem);
            if (!failing_malloc_off()) assert_int_equal(status, wanted);
            assert_true(status == wanted || status == CSGI_ENOMEM);
            if (status == CSGI_OK) routes_file_fini(&self->file);
            buffer_fini(&problem);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_route_has_all_that_is_said_of_it),
        TEST(a_mount_has_its_prefix_and_the_servers_limits),
        TEST(apps_are_those_of_the_file_those_in_place_and_plugins_nobody_configured),
        TEST(relative_paths_start_at_the_files_directory),
        TEST(a_relative_file_stands_in_the_working_directory),
        TEST(options_are_set_where_nobody_else_has),
        TEST(a_mistake_leaves_the_options_as_they_were),
        TEST(every_mistake_is_told_at_once_in_the_files_order),
        TEST(a_mistake_in_hostile_text_is_still_one_line),
        TEST(limits_hold_at_their_value_and_not_beyond),
        TEST(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
