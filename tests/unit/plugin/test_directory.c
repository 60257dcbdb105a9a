/* SPDX-License-Identifier: MIT
 * Which files of a directory are plugin files. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "plugin/plugin.h"
#include "workshop.h"

static void plugin_files_are_listed_by_name_and_others_left_alone(void **state)
{
    static const char *const names[] = { "b.so",     "a.so",   ".hidden.so", "c.so~",
                                         "d.so.tmp", "e.so.1", "readme",     ".so",
                                         "B.so",     "so",     "a.json",     "a.so.part" };
    workshop *self = *state;
    char **files;
    size_t count, len = strlen(self->directory);

    for (size_t i = 0; i < COUNT_OF(names); i++)
        workshop_write(self, names[i], "x", 1);
    assert_int_equal(mkdir(workshop_path(self, "folder.so"), 0755), 0);
    assert_int_equal(plugin_directory_list(self->directory, &files, &count, &self->problem),
                     CSGI_OK);
    assert_int_equal(count, 3);
    assert_string_equal(files[0] + len, "/B.so");
    assert_string_equal(files[1] + len, "/a.so");
    assert_string_equal(files[2] + len, "/b.so");
    plugin_directory_list_free(files, count);
}

static void many_files_are_all_listed(void **state)
{
    workshop *self = *state;
    char **files, name[16], with_slash[80];
    size_t count;

    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "p%02d.so", i);
        workshop_write(self, name, "x", 1);
    }
    snprintf(with_slash, sizeof(with_slash), "%s/", self->directory);
    assert_int_equal(plugin_directory_list(with_slash, &files, &count, &self->problem), CSGI_OK);
    assert_int_equal(count, 40);
    assert_non_null(strstr(files[39], "/p39.so"));
    assert_null(strstr(files[39], "//"));
    plugin_directory_list_free(files, count);
}

static void an_empty_directory_has_no_files(void **state)
{
    workshop *self = *state;
    char **files;
    size_t count;

    assert_int_equal(plugin_directory_list(self->directory, &files, &count, &self->problem),
                     CSGI_OK);
    assert_int_equal(count, 0);
    plugin_directory_list_free(files, count);
}

static void a_directory_that_cannot_be_read_is_told(void **state)
{
    workshop *self = *state;
    char **files;
    size_t count;

    assert_int_equal(plugin_directory_list(workshop_path(self, "none"), &files, &count,
                                           &self->problem),
                     CSGI_EFAIL);
    expect_part(&self->problem, "/none: the plugin directory cannot be read: No such file or "
                                "directory; create it, or name another with --plugin-dir");
    self->problem.len = 0;
    workshop_write(self, "file", "x", 1);
    assert_int_equal(plugin_directory_list(self->path, &files, &count, &self->problem), CSGI_EFAIL);
    expect_part(&self->problem, "Not a directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, workshop_open, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plugin_files_are_listed_by_name_and_others_left_alone),
        TEST(many_files_are_all_listed),
        TEST(an_empty_directory_has_no_files),
        TEST(a_directory_that_cannot_be_read_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
