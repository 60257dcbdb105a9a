/* SPDX-License-Identifier: MIT
 * Copies of plugin files.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "reload/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct place {
    char parent[64], source[128];
    stage *stage;
} place;

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
}

/* As if it had been written some time ago. */
static void age(const char *path)
{
    const struct timespec times[] = { { time(NULL) - 3600, 0 }, { time(NULL) - 3600, 0 } };

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void open_place(place *self)
{
    snprintf(self->parent, sizeof self->parent, "/tmp/stage-XXXXXX");
    assert_non_null(mkdtemp(self->parent));
    snprintf(self->source, sizeof self->source, "%s/app.so", self->parent);
    assert_int_equal(stage_open(self->parent, &self->stage), CSGI_OK);
    write_file(self->source, "one");
}

static void close_place(place *self)
{
    stage_close(self->stage);
    unlink(self->source);
    assert_int_equal(rmdir(self->parent), 0); /* nothing was left */
}

static void assert_content(const char *path, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text - 1, file), strlen(expected));
    fclose(file);
    assert_string_equal(text, expected);
}

static stage_result take(place *self, const char *known, staged *out)
{
    buffer problem = { 0 };
    stage_result result = stage_take(self->stage, self->source, 3, known, out, &problem);

    buffer_fini(&problem);
    return result;
}

static void a_copy_outlives_its_source(void **state)
{
    place p;
    staged got;

    (void)state;
    open_place(&p);
    assert_int_equal(take(&p, NULL, &got), STAGE_TAKEN);
    assert_non_null(strstr(got.image, stage_directory(p.stage)));
    assert_non_null(strstr(got.image, "/app.3."));
    assert_non_null(strstr(got.image, got.hash));
    write_file(p.source, "another");
    assert_content(got.image, "one");
    staged_discard(&got);
    close_place(&p);
}

static void the_directory_is_private(void **state)
{
    place p;
    struct stat about;

    (void)state;
    open_place(&p);
    assert_int_equal(stat(stage_directory(p.stage), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0700);
    close_place(&p);
}

static void what_has_not_changed_is_the_same(void **state)
{
    place p;
    staged got, again;

    (void)state;
    open_place(&p);
    assert_int_equal(take(&p, NULL, &got), STAGE_TAKEN);
    write_file(p.source, "one");
    assert_int_equal(take(&p, got.hash, &again), STAGE_SAME);
    write_file(p.source, "two");
    assert_int_equal(take(&p, got.hash, &again), STAGE_TAKEN);
    assert_string_not_equal(got.hash, again.hash);
    staged_discard(&got);
    staged_discard(&again);
    close_place(&p);
}

static void a_file_that_is_being_written_is_busy(void **state)
{
    place p;
    staged got;
    int writer;

    (void)state;
    open_place(&p);
    writer = open(p.source, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(writer, "thr", 3), 3);
    assert_int_equal(take(&p, NULL, &got), STAGE_BUSY);
    close(writer);
    age(p.source);
    assert_int_equal(take(&p, NULL, &got), STAGE_TAKEN);
    assert_content(got.image, "thr");
    staged_discard(&got);
    close_place(&p);
}

static void a_missing_file_is_gone(void **state)
{
    place p;
    staged got;

    (void)state;
    open_place(&p);
    unlink(p.source);
    assert_int_equal(take(&p, NULL, &got), STAGE_GONE);
    close_place(&p);
}

static void what_is_no_file_is_refused(void **state)
{
    place p;
    staged got;
    buffer problem = { 0 };

    (void)state;
    open_place(&p);
    assert_int_equal(stage_take(p.stage, p.parent, 1, NULL, &got, &problem), STAGE_REFUSED);
    assert_int_equal(buffer_append(&problem, "", 1), CSGI_OK);
    assert_non_null(strstr(problem.bytes, "no regular file"));
    buffer_fini(&problem);
    unlink(p.source);
    assert_int_equal(mkfifo(p.source, 0600), 0);
    assert_int_equal(take(&p, NULL, &got), STAGE_REFUSED); /* and did not wait for a writer */
    close_place(&p);
}

static size_t count_directories(const char *parent)
{
    DIR *list = opendir(parent);
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(list);
    while ((entry = readdir(list)))
        count += strncmp(entry->d_name, "capricorn-loaded-copies.", 24) == 0;
    closedir(list);
    return count;
}

static void leftovers_of_dead_servers_are_removed(void **state)
{
    place p;
    stage *other;
    char left[128], file[160];

    (void)state;
    open_place(&p);
    snprintf(left, sizeof left, "%s/capricorn-loaded-copies.dead00", p.parent);
    snprintf(file, sizeof file, "%s/old.1.00.1.so", left);
    assert_int_equal(mkdir(left, 0700), 0);
    write_file(file, "old");
    age(left);
    assert_int_equal(stage_open(p.parent, &other), CSGI_OK);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(count_directories(p.parent), 2); /* this one's, and that of p, which lives */
    stage_close(other);
    assert_int_equal(count_directories(p.parent), 1);
    close_place(&p);
}

static void directories_of_others_are_left_alone(void **state)
{
    place p;
    stage *other;
    char theirs[128], file[160];

    (void)state;
    open_place(&p);
    snprintf(theirs, sizeof theirs, "%s/capricorn-theirs", p.parent);
    snprintf(file, sizeof file, "%s/mine.so", theirs);
    assert_int_equal(mkdir(theirs, 0700), 0);
    write_file(file, "x");
    age(theirs);
    assert_int_equal(stage_open(p.parent, &other), CSGI_OK);
    assert_int_equal(access(file, F_OK), 0);
    stage_close(other);
    unlink(file);
    rmdir(theirs);
    close_place(&p);
}

static void without_a_directory_copies_lie_in_memory(void **state)
{
    stage *here;
    place p;
    staged got;
    buffer problem = { 0 };

    (void)state;
    open_place(&p);
    assert_int_equal(stage_open("/nonexistent/place", &here), CSGI_OK);
    assert_null(stage_directory(here));
    assert_int_equal(stage_take(here, p.source, 1, NULL, &got, &problem), STAGE_TAKEN);
    assert_true(got.fd >= 0);
    assert_content(got.image, "one");
    staged_discard(&got);
    stage_close(here);
    close_place(&p);
}

/* Where $XDG_RUNTIME_DIR and $TMPDIR are that directory. */
static bool is_chosen(const char *directory)
{
    stage *here;
    bool is_below;

    assert_int_equal(setenv("XDG_RUNTIME_DIR", directory, 1), 0);
    assert_int_equal(setenv("TMPDIR", directory, 1), 0);
    assert_int_equal(stage_open(NULL, &here), CSGI_OK);
    is_below = strncmp(stage_directory(here), directory, strlen(directory)) == 0;
    stage_close(here);
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("TMPDIR");
    return is_below;
}

/* Its owner, and who may rename in it, could put other code in the place of a copy. */
static void no_copies_are_put_where_others_can_replace_them(void **state)
{
    place p;

    (void)state;
    open_place(&p);
    assert_true(is_chosen(p.parent));
    assert_int_equal(chmod(p.parent, 01777), 0);
    assert_true(is_chosen(p.parent));
    assert_int_equal(chmod(p.parent, 0777), 0);
    assert_false(is_chosen(p.parent));
    assert_int_equal(chmod(p.parent, 0770), 0);
    assert_false(is_chosen(p.parent));
    assert_int_equal(chmod(p.parent, 0700), 0);
    if (geteuid() == 0) { /* a user's, which su leaves in the environment */
        assert_int_equal(chown(p.parent, 12345, 12345), 0);
        assert_false(is_chosen(p.parent));
    }
    close_place(&p);
}

static void where_nothing_may_be_written_only_the_hash_is_told(void **state)
{
    struct rlimit before, none;
    place p;
    staged got;

    (void)state;
    open_place(&p);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){ 0, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(take(&p, NULL, &got), STAGE_NO_COPY);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_null(got.image);
    assert_int_equal(strlen(got.hash), STAGE_HASH_SIZE - 1);
    close_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_outlives_its_source),
        cmocka_unit_test(the_directory_is_private),
        cmocka_unit_test(what_has_not_changed_is_the_same),
        cmocka_unit_test(a_file_that_is_being_written_is_busy),
        cmocka_unit_test(a_missing_file_is_gone),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(leftovers_of_dead_servers_are_removed),
        cmocka_unit_test(directories_of_others_are_left_alone),
        cmocka_unit_test(without_a_directory_copies_lie_in_memory),
        cmocka_unit_test(no_copies_are_put_where_others_can_replace_them),
        cmocka_unit_test(where_nothing_may_be_written_only_the_hash_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
