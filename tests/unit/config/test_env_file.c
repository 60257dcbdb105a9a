/* SPDX-License-Identifier: MIT
 * config/env_file: files of environment variables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/env_file.h"
#include "failing_malloc.h"

static buffer pairs, problem;

/* Parses a copy in memory of just its size. */
static csgi_status parse(const char *text, size_t len, char **copy)
{
    *copy = malloc(len + 1);
    assert_non_null(*copy);
    memcpy(*copy, text, len + 1);
    return env_text_parse("f.env", *copy, len, &pairs, &problem);
}

/* "NAME=value|..." of what was read. */
static void assert_pairs(const char *text, const char *expected)
{
    char *copy;
    buffer found = { 0 };

    assert_int_equal(parse(text, strlen(text), &copy), CSGI_OK);
    for (size_t i = 0; i < pairs.len / sizeof(env_pair); i++) {
        const env_pair *pair = (const env_pair *)(const void *)pairs.bytes + i;

        buffer_printf(&found, "%s=%s|", pair->name, pair->value);
    }
    buffer_append(&found, "", 1);
    assert_string_equal(found.bytes, expected);
    buffer_fini(&found);
    buffer_fini(&pairs);
    free(copy);
}

static void assert_problem(const char *text, const char *expected)
{
    char *copy;

    assert_int_equal(parse(text, strlen(text), &copy), CSGI_EINVAL);
    buffer_append(&problem, "", 1);
    assert_string_equal(problem.bytes, expected);
    buffer_fini(&problem);
    buffer_fini(&pairs);
    free(copy);
}

static void lines_are_names_and_values(void **state)
{
    (void)state;
    assert_pairs("", "");
    assert_pairs("\n \n\t\r\n# x\n  # y", "");
    assert_pairs("A=1", "A=1|");
    assert_pairs("A=1\r\nB = two words \t\r\n", "A=1|B=two words|");
    assert_pairs("export A=1\nexport\t_b2=x=y\nexport=3", "A=1|_b2=x=y|export=3|");
    assert_pairs("A=\nB= \nC=it's $5 \\n # why\nD=a#b", "A=|B=|C=it's $5 \\n|D=a#b|");
}

static void quotes_keep_what_is_between_them(void **state)
{
    (void)state;
    assert_pairs("A='${x} \\n \"#'\nB=\"#\" # c\nC=''#c\n", "A=${x} \\n \"#|B=#|C=|");
    assert_pairs("A=\"\\n\\r\\t\\\\\\\"\\${x}$y\"", "A=\n\r\t\\\"${x}$y|");
    assert_pairs("A='1\n2'\nB=\"3\n4\"\n", "A=1\n2|B=3\n4|");
}

static void every_mistake_is_told_with_its_line(void **state)
{
    (void)state;
    assert_problem("A\nB=1\n=2\n1A=3\n-=4\nA B=5\n",
                   "f.env:1: expected NAME=VALUE, or a comment behind #\n"
                   "f.env:3: expected NAME=VALUE, or a comment behind #\n"
                   "f.env:4: expected NAME=VALUE, or a comment behind #\n"
                   "f.env:5: expected NAME=VALUE, or a comment behind #\n"
                   "f.env:6: expected NAME=VALUE, or a comment behind #\n");
    assert_problem("A=#x\nB=${x}\nC=\"${x}\"\nD=\"\\x\"\nE='a'b\nF='\n'x\nG='\n",
                   "f.env:1: a value that begins with # takes quotes\n"
                   "f.env:2: variables are not expanded: write it in '...'\n"
                   "f.env:3: variables are not expanded: write \\${ or use '...'\n"
                   "f.env:4: expected n, r, t, \\, \" or $ behind a backslash\n"
                   "f.env:5: expected nothing behind the closing quote\n"
                   "f.env:7: expected nothing behind the closing quote\n"
                   "f.env:8: the quote is never closed\n");
    assert_problem("A=1\n\nA=2", "f.env:3: A is set in line 1 already\n");
    assert_problem("A=\"\\", "f.env:1: expected n, r, t, \\, \" or $ behind a backslash\n");
}

static void a_nul_is_no_text(void **state)
{
    char *copy;

    (void)state;
    assert_int_equal(parse("A=1\0B=2\n", 8, &copy), CSGI_EINVAL);
    buffer_fini(&problem);
    free(copy);
}

/* Writes a file for this test; its path. */
static const char *file_of(const char *text)
{
    static char path[] = "/tmp/capricorn-env-XXXXXX";
    int fd;

    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void the_environment_beats_the_file(void **state)
{
    const char *path = file_of("ENV_A=file\nENV_B=file\n");

    (void)state;
    setenv("ENV_A", "own", 1);
    unsetenv("ENV_B");
    assert_int_equal(env_file_load(path, &problem), CSGI_OK);
    assert_string_equal(getenv("ENV_A"), "own");
    assert_string_equal(getenv("ENV_B"), "file");
    unlink(path);
}

static void a_file_with_a_mistake_sets_nothing(void **state)
{
    const char *path = file_of("ENV_C=1\nx\n");

    (void)state;
    assert_int_equal(env_file_load(path, &problem), CSGI_EINVAL);
    assert_null(getenv("ENV_C"));
    unlink(path);
    buffer_fini(&problem);
    assert_int_equal(env_file_load(path, &problem), CSGI_EINVAL);
    buffer_append(&problem, "", 1);
    assert_non_null(strstr(problem.bytes, "cannot be read: No such file or directory\n"));
    buffer_fini(&problem);
}

static void without_memory_nothing_is_set(void **state)
{
    const char *path = file_of("ENV_D=1\n");
    csgi_status status;

    (void)state;
    for (size_t n = 0;; n++) {
        failing_malloc_after(n);
        status = env_file_load(path, &problem);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_null(getenv("ENV_D"));
        assert_int_equal(problem.len, 0);
    }
    assert_int_equal(status, CSGI_OK);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_names_and_values),
        cmocka_unit_test(quotes_keep_what_is_between_them),
        cmocka_unit_test(every_mistake_is_told_with_its_line),
        cmocka_unit_test(a_nul_is_no_text),
        cmocka_unit_test(the_environment_beats_the_file),
        cmocka_unit_test(a_file_with_a_mistake_sets_nothing),
        cmocka_unit_test(without_memory_nothing_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
