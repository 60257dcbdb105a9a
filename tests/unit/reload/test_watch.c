/* SPDX-License-Identifier: MIT
 * Being told of changed files.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "reload/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "loop/timer.h"

typedef struct bench {
    loop *loop;
    watch *watch;
    char base[64], dir[96], file[128], other[128];
    int told;
    char changed[256];
} bench;

static bench *the_bench;

static void on_change(void *arg, const char *changed)
{
    bench *self = arg;

    self->told++;
    snprintf(self->changed, sizeof self->changed, "%s", changed);
}

static void on_over(timer *due)
{
    (void)due;
    loop_stop(the_bench->loop);
}

static void run_for(bench *self, uint64_t ms)
{
    timer over;

    timer_init(&over, on_over);
    timer_start(self->loop, &over, ms);
    loop_run(self->loop);
}

/* Until it was told, no longer than a second; then it stays quiet. */
static void expect_told(bench *self)
{
    for (int i = 0; i < 100 && self->told == 0; i++)
        run_for(self, 10);
    run_for(self, 40);
    assert_int_equal(self->told, 1);
    self->told = 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void bench_open(bench *self)
{
    static const watch_options options = { .quiet_ms = 15, .most_ms = 500, .poll_ms = 50 };
    const loop_options of_loop = { 0 };
    const char *paths[1];

    *self = (bench){ 0 };
    the_bench = self;
    snprintf(self->base, sizeof self->base, "/tmp/watch-XXXXXX");
    assert_non_null(mkdtemp(self->base));
    snprintf(self->dir, sizeof self->dir, "%s/plugins", self->base);
    snprintf(self->file, sizeof self->file, "%s/app.so", self->dir);
    snprintf(self->other, sizeof self->other, "%s/app.new", self->base);
    assert_int_equal(mkdir(self->dir, 0700), 0);
    write_file(self->file, "one");
    assert_int_equal(loop_new(&of_loop, &self->loop), CSGI_OK);
    assert_int_equal(watch_new(self->loop, &options, on_change, self, &self->watch), CSGI_OK);
    paths[0] = self->dir;
    assert_int_equal(watch_set(self->watch, paths, 1), CSGI_OK);
    run_for(self, 5);
    assert_int_equal(self->told, 0);
}

static void bench_close(bench *self)
{
    watch_close(self->watch);
    loop_run(self->loop);
    loop_free(self->loop);
    unlink(self->file);
    unlink(self->other);
    rmdir(self->dir);
    assert_int_equal(rmdir(self->base), 0);
}

static void writing_in_place_is_told(void **state)
{
    bench b;

    (void)state;
    bench_open(&b);
    write_file(b.file, "two");
    expect_told(&b);
    assert_string_equal(b.changed, "app.so");
    bench_close(&b);
}

static void renaming_over_is_told(void **state)
{
    bench b;

    (void)state;
    bench_open(&b);
    write_file(b.other, "two");
    run_for(&b, 60);
    b.told = 0; /* the parent is watched as well */
    assert_int_equal(rename(b.other, b.file), 0);
    expect_told(&b);
    bench_close(&b);
}

static void a_new_file_and_its_end_are_told(void **state)
{
    bench b;
    char added[160];

    (void)state;
    bench_open(&b);
    snprintf(added, sizeof added, "%s/added.so", b.dir);
    write_file(added, "x");
    expect_told(&b);
    assert_string_equal(b.changed, "added.so");
    unlink(added);
    expect_told(&b);
    bench_close(&b);
}

static void many_events_are_told_once(void **state)
{
    bench b;

    (void)state;
    bench_open(&b);
    for (int i = 0; i < 10; i++)
        write_file(b.file, "again");
    expect_told(&b);
    bench_close(&b);
}

static void without_end_it_is_told_after_the_most(void **state)
{
    bench b;

    (void)state;
    bench_open(&b);
    for (int i = 0; i < 200 && b.told == 0; i++) {
        write_file(b.file, "again");
        run_for(&b, 5);
    }
    assert_int_equal(b.told, 1);
    bench_close(&b);
}

static void a_directory_that_is_replaced_is_watched_on(void **state)
{
    bench b;
    char away[128], file[160];

    (void)state;
    bench_open(&b);
    snprintf(away, sizeof away, "%s/away", b.base);
    snprintf(file, sizeof file, "%s/app.so", away);
    assert_int_equal(rename(b.dir, away), 0);
    assert_int_equal(mkdir(b.dir, 0700), 0);
    expect_told(&b);
    write_file(b.file, "new");
    expect_told(&b);
    assert_string_equal(b.changed, "app.so");
    unlink(file);
    rmdir(away);
    bench_close(&b);
}

static void a_symbolic_link_that_is_switched_is_told(void **state)
{
    bench b;
    char link[128], target[128];
    const char *paths[] = { link };

    (void)state;
    bench_open(&b);
    snprintf(link, sizeof link, "%s/current.so", b.base);
    snprintf(target, sizeof target, "%s/app2.so", b.dir);
    write_file(target, "2");
    assert_int_equal(symlink(b.file, link), 0);
    assert_int_equal(watch_set(b.watch, paths, 1), CSGI_OK);
    run_for(&b, 60);
    b.told = 0;
    unlink(link);
    assert_int_equal(symlink(target, link), 0);
    expect_told(&b);
    write_file(target, "22"); /* where it leads is watched too, from now on */
    expect_told(&b);
    unlink(link);
    unlink(target);
    bench_close(&b);
}

static void what_is_missing_is_looked_for(void **state)
{
    bench b;
    char missing[160];
    const char *paths[] = { missing };

    (void)state;
    bench_open(&b);
    snprintf(missing, sizeof missing, "%s/not/yet/app.so", b.base);
    assert_int_equal(watch_set(b.watch, paths, 1), CSGI_OK);
    run_for(&b, 200);
    assert_true(b.told >= 1); /* from time to time, since nothing can be watched */
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_in_place_is_told),
        cmocka_unit_test(renaming_over_is_told),
        cmocka_unit_test(a_new_file_and_its_end_are_told),
        cmocka_unit_test(many_events_are_told_once),
        cmocka_unit_test(without_end_it_is_told_after_the_most),
        cmocka_unit_test(a_directory_that_is_replaced_is_watched_on),
        cmocka_unit_test(a_symbolic_link_that_is_switched_is_told),
        cmocka_unit_test(what_is_missing_is_looked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
