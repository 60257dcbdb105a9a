/* SPDX-License-Identifier: MIT
 * The wrong routes files of tests/integration/routes_wrong: each NAME.json whose mistakes are seen
 * without plugins gets exactly the lines of NAME.txt. */
#include "router/routes_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/text_file.h"

#define FOLDER    "tests/integration/routes_wrong" /* tests run from the top of the tree */
#define COUNT_MIN 70

static int is_json(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');

    return end && strcmp(end, ".json") == 0;
}

static void read_expected(const char *name, buffer *out)
{
    buffer problem = { 0 };
    char path[280];

    snprintf(path, sizeof path, "%.*s.txt", (int)(strlen(name) - strlen(".json")), name);
    if (text_file_read(path, out, &problem) != CSGI_OK)
        fail_msg("%.*s", STR_ARG(buffer_str(&problem)));
}

/* What is seen without plugins is a part of what is said of a file with mistakes of both kinds. */
static void assert_lines_among(const buffer *problem, buffer *expected)
{
    assert_int_equal(buffer_append(expected, "", 1), CSGI_OK);
    for (csgi_str rest = buffer_str(problem); rest.len;) {
        csgi_str line = str_take(&rest, '\n');

        if (!memmem(expected->bytes, expected->len, line.ptr, line.len + 1))
            fail_msg("found:\n%.*s\nexpected:\n%s", STR_ARG(line), expected->bytes);
    }
}

/* Has the file mistakes that are seen without plugins? They are as expected. */
static int is_told(const char *name)
{
    buffer problem = { 0 }, expected = { 0 };
    server_options options;
    routes_file file;
    csgi_status status;

    options_init(&options);
    status = routes_file_read(&file, name, &options, &problem);
    if (status == CSGI_OK) {
        routes_file_fini(&file);
        return 0;
    }
    assert_int_equal(status, CSGI_EINVAL);
    read_expected(name, &expected);
    if (strncmp(name, "mixed-", 6) == 0)
        assert_lines_among(&problem, &expected);
    else if (!str_eq(buffer_str(&problem), buffer_str(&expected)))
        fail_msg("found:\n%.*sexpected:\n%.*s", STR_ARG(buffer_str(&problem)),
                 STR_ARG(buffer_str(&expected)));
    buffer_fini(&problem);
    buffer_fini(&expected);
    return 1;
}

static void each_wrong_file_gets_the_lines_that_are_expected(void **state)
{
    struct dirent **entries;
    int count, told = 0;

    (void)state;
    assert_int_equal(chdir(FOLDER), 0);
    count = scandir(".", &entries, is_json, alphasort);
    for (int i = 0; i < count; i++) {
        told += is_told(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    assert_true(told >= COUNT_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_file_gets_the_lines_that_are_expected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
