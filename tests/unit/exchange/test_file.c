/* SPDX-License-Identifier: MIT
 * Files as bodies, over a wire that writes down what it is told: what is read, what the kernel is
 * asked for, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_wire.h"

#define TO_END UINT64_MAX

static const csgi_fields no_fields = { NULL, 0 };
static const char *why;
static int file = -1;
static char path[64];

/* A file of that many bytes, by descriptor and by path. */
static void make_file(size_t size)
{
    char piece[1000];

    if (file >= 0) close(file);
    file = memfd_create("file", MFD_CLOEXEC);
    assert_true(file >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    for (size_t at = 0; at < size; at += sizeof piece) {
        size_t len = size - at < sizeof piece ? size - at : sizeof piece;

        for (size_t i = 0; i < len; i++)
            piece[i] = (char)('a' + (at + i) % 26);
        assert_int_equal(write(file, piece, len), len);
    }
}

static csgi_status start(exchange *self)
{
    return exchange_start(self, 200, no_fields, &why);
}

static csgi_status start_of_length(exchange *self, const char *length)
{
    csgi_field field = { STR("content-length"), str_from(length), 0, 0 };

    return exchange_start(self, 200, (csgi_fields){ &field, 1 }, &why);
}

static csgi_status send_path(exchange *self)
{
    return exchange_path(self, str_from(path), &why);
}

static csgi_status send_file(exchange *self, uint64_t offset, uint64_t count, bool more)
{
    return exchange_file(self, file, offset, count, more, &why);
}

static void run(task_fn fn)
{
    begin_call(fn);
    loop_run(world);
}

static void run_head(task_fn fn)
{
    begin_call(fn)->method = STR("HEAD");
    loop_run(world);
}

/* ---- by path ---- */

static csgi_status answer_by_path(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    task_result = send_path(arg);
    assert_int_equal(exchange_body(arg, STR("x"), false, &why), CSGI_ESTATE);
    return task_result;
}

static void a_small_file_is_read_and_has_its_length(void **state)
{
    exchange *self;

    (void)state;
    make_file(5);
    self = begin_call(answer_by_path);
    exchange_push_end(self, no_fields);
    loop_run(world);
    assert_int_equal(task_result, CSGI_OK);
    assert_string_equal(wire_log(), "start 200/0;body 5;last 0;");
    assert_memory_equal(wire.bytes.bytes, "abcde", 5);
    assert_true(self->has_declared_length);
    assert_int_equal(self->declared_length, 5);
}

static void an_empty_file_has_length_0(void **state)
{
    exchange *self;

    (void)state;
    make_file(0);
    self = begin_call(answer_by_path);
    exchange_push_end(self, no_fields);
    loop_run(world);
    assert_string_equal(wire_log(), "start 200/0;last 0;");
    assert_true(self->has_declared_length);
}

static void the_kernel_sends_what_follows_the_first_piece_in_slices(void **state)
{
    (void)state;
    make_file(300000);
    wire.file_takes = 100000;
    run(answer_by_path);
    assert_int_equal(task_result, CSGI_OK);
    assert_string_equal(wire_log(),
                        "start 200/0;body 65536;file 65536+100000/196608;file 165536+96608/96608;"
                        "file 262144+37856/37856;last 0;");
}

static void what_the_kernel_cannot_send_is_read(void **state)
{
    (void)state;
    make_file(150000);
    wire.file_failure = CSGI_ENOTSUP;
    run(answer_by_path);
    assert_string_equal(wire_log(), "start 200/0;body 65536;body 65536;body 18928;last 0;");
    for (size_t i = 0; i < wire.bytes.len; i++)
        assert_int_equal(wire.bytes.bytes[i], 'a' + i % 26);
}

static void when_the_kernel_takes_no_more_a_little_is_read_and_waited_for(void **state)
{
    (void)state;
    make_file(90000);
    wire.file_takes = 0;
    run(answer_by_path);
    assert_string_equal(wire_log(), "start 200/0;body 65536;file 65536+0/24464;body 16384;"
                                    "file 81920+0/8080;body 8080;last 0;");
}

static void a_head_has_the_length_and_nothing_is_read(void **state)
{
    (void)state;
    make_file(70000);
    run_head(answer_by_path);
    assert_int_equal(task_result, CSGI_OK);
    assert_string_equal(wire_log(), "start 200/0;last 0;");
}

static csgi_status refuse_paths(void *arg)
{
    static const csgi_str with_nul = CSGI_STR("/etc/host\0name");

    assert_int_equal(send_path(arg), CSGI_ESTATE);
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(exchange_path(arg, STR("etc/hostname"), &why), CSGI_EINVAL);
    assert_string_equal(why, "the path is not absolute");
    assert_int_equal(exchange_path(arg, STR(""), &why), CSGI_EINVAL);
    assert_int_equal(exchange_path(arg, with_nul, &why), CSGI_EINVAL);
    assert_int_equal(exchange_path(arg, STR("/no/such/file"), &why), CSGI_EFAIL);
    assert_string_equal(why, "/no/such/file: No such file or directory");
    assert_int_equal(exchange_path(arg, STR("/proc"), &why), CSGI_EFAIL);
    assert_string_equal(why, "it is a directory");
    assert_int_equal(exchange_path(arg, STR("/dev/null"), &why), CSGI_EFAIL);
    assert_string_equal(why, "it is no regular file");
    return CSGI_OK;
}

static void a_path_that_cannot_be_sent_puts_nothing_on_the_wire(void **state)
{
    (void)state;
    run(refuse_paths);
    assert_string_equal(wire_log(), "start 200/0;unstart;start 500/1;last 34;");
}

static csgi_status send_path_after_body(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(exchange_body(arg, STR("a"), true, &why), CSGI_OK);
    assert_int_equal(send_path(arg), CSGI_ESTATE);
    assert_string_equal(why, "it is a whole body, and some was sent before");
    return exchange_body(arg, STR("b"), false, &why);
}

static void a_path_is_the_whole_body(void **state)
{
    (void)state;
    make_file(5);
    run(send_path_after_body);
    assert_string_equal(wire_log(), "start 200/0;body 1;last 1;");
}

static csgi_status declare_another_length(void *arg)
{
    assert_int_equal(start_of_length(arg, "6"), CSGI_OK);
    assert_int_equal(send_path(arg), CSGI_EINVAL);
    assert_string_equal(why, "the body is shorter than its Content-Length");
    return CSGI_OK;
}

static void a_file_of_another_length_than_declared_is_refused(void **state)
{
    (void)state;
    make_file(5);
    run(declare_another_length);
    assert_string_equal(wire_log(), "start 200/1;unstart;start 500/2;last 34;");
}

static csgi_status then_a_body_instead(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(exchange_file(arg, 9999, 0, TO_END, false, &why), CSGI_EINVAL);
    assert_int_equal(exchange_path(arg, STR("/no/such/file"), &why), CSGI_EFAIL);
    return exchange_body(arg, STR("instead"), false, &why);
}

static void after_a_refusal_another_body_may_be_sent(void **state)
{
    (void)state;
    run(then_a_body_instead);
    assert_string_equal(wire_log(), "start 200/0;last 7;");
}

/* A file that has become shorter than it was when it was looked at. */
static csgi_status send_shrinking(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    wire.file_takes = 0;
    task_result = send_path(arg);
    return task_result;
}

static void shrink(timer *due)
{
    (void)due;
    assert_int_equal(ftruncate(file, 70000), 0);
    wire.queued = 0;
    exchange_push_drained(wire.exchange);
}

static void a_file_that_shrinks_cuts_the_response(void **state)
{
    timer later;

    (void)state;
    make_file(100000);
    wire.queued = 1;
    timer_init(&later, shrink);
    timer_start(world, &later, 5);
    run(send_shrinking);
    assert_int_equal(task_result, CSGI_EFAIL);
    assert_string_equal(why, "the file has become shorter than it was");
    assert_string_equal(wire_log(), "start 200/0;body 65536;file 65536+0/34464;body 4464;"
                                    "file 70000+0/30000;cut;");
}

static void leave_within(timer *due)
{
    (void)due;
    exchange_disconnect(wire.exchange);
}

static void a_client_that_leaves_ends_the_sending(void **state)
{
    timer later;

    (void)state;
    make_file(100000);
    wire.queued = 1;
    timer_init(&later, leave_within);
    timer_start(world, &later, 5);
    run(send_shrinking);
    assert_int_equal(task_result, CSGI_EDISCONNECTED);
    assert_string_equal(wire_log(), "start 200/0;body 65536;cut;");
}

static csgi_status watch_turns(void *arg)
{
    int *turns = arg;

    while (wire.exchange && task_yield(world) == CSGI_OK)
        ++*turns;
    return CSGI_OK;
}

static void others_have_their_turn_between_two_slices(void **state)
{
    int turns = 0;
    task *other;

    (void)state;
    make_file(3 * EXCHANGE_SLICE);
    wire.file_takes = SIZE_MAX;
    begin_call(answer_by_path);
    assert_int_equal(task_spawn(world, &fake_label, 0, watch_turns, NULL, &turns, &other), 0);
    loop_run(world);
    assert_true(turns >= 2);
}

/* ---- by descriptor ---- */

static csgi_status send_parts(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(send_file(arg, 20, 6, true), CSGI_OK);
    assert_int_equal(exchange_body(arg, STR("-"), true, &why), CSGI_OK);
    assert_int_equal(send_file(arg, 98, TO_END, true), CSGI_OK);
    assert_int_equal(send_file(arg, 100, TO_END, true), CSGI_OK); /* nothing */
    assert_int_equal(send_file(arg, 0, 3, false), CSGI_OK);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 100);
    return CSGI_OK;
}

static void parts_of_files_and_bytes_make_one_body(void **state)
{
    (void)state;
    make_file(100);
    run(send_parts);
    assert_int_equal(wire.bytes.len, 12);
    assert_memory_equal(wire.bytes.bytes, "uvwxyz-uvabc", 12);
    assert_non_null(strstr(wire_log(), ";last 0;"));
}

static csgi_status send_one_part(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    return send_file(arg, 10, 5, false);
}

static void a_part_that_is_the_whole_body_has_its_length(void **state)
{
    exchange *self;

    (void)state;
    make_file(100);
    self = begin_call(send_one_part);
    exchange_push_end(self, no_fields);
    loop_run(world);
    assert_int_equal(self->declared_length, 5);
    assert_memory_equal(wire.bytes.bytes, "klmno", 5);
}

static csgi_status refuse_parts(void *arg)
{
    int directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(exchange_file(arg, -1, 0, 1, false, &why), CSGI_EINVAL);
    assert_string_equal(why, "its descriptor: Bad file descriptor");
    assert_int_equal(exchange_file(arg, directory, 0, TO_END, false, &why), CSGI_EINVAL);
    assert_string_equal(why, "it is a directory");
    assert_int_equal(send_file(arg, 101, TO_END, false), CSGI_EINVAL);
    assert_string_equal(why, "the file has only 100 bytes");
    assert_int_equal(send_file(arg, 0, 101, false), CSGI_EINVAL);
    assert_int_equal(send_file(arg, UINT64_MAX, 1, false), CSGI_EINVAL);
    assert_int_equal(send_file(arg, 1, UINT64_MAX - 1, false), CSGI_EINVAL);
    close(directory);
    return exchange_body(arg, STR("fine"), false, &why);
}

static void parts_that_are_not_there_are_refused(void **state)
{
    (void)state;
    make_file(100);
    run(refuse_parts);
    assert_string_equal(wire_log(), "start 200/0;last 4;");
}

static csgi_status send_too_much(void *arg)
{
    assert_int_equal(start_of_length(arg, "10"), CSGI_OK);
    assert_int_equal(send_file(arg, 0, 8, true), CSGI_OK);
    assert_int_equal(send_file(arg, 0, 8, true), CSGI_EINVAL);
    return CSGI_OK;
}

static void a_part_that_exceeds_the_declared_length_cuts(void **state)
{
    (void)state;
    make_file(100);
    run(send_too_much);
    assert_string_equal(wire_log(), "start 200/1;body 8;cut;");
}

static csgi_status send_for_head(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(send_file(arg, 0, 8, true), CSGI_OK);
    return send_file(arg, 0, TO_END, false);
}

static void a_head_has_no_parts_either(void **state)
{
    (void)state;
    make_file(100);
    run_head(send_for_head);
    assert_string_equal(wire_log(), "start 200/0;body 0;last 0;");
}

/* ---- what has no offset ---- */

static int pipe_ends[2];

static void feed(timer *due)
{
    (void)due;
    assert_int_equal(write(pipe_ends[1], "late", 4), 4);
    close(pipe_ends[1]);
}

static csgi_status send_pipe(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    assert_int_equal(exchange_file(arg, pipe_ends[0], 1, TO_END, false, &why), CSGI_EINVAL);
    assert_string_equal(why, "a pipe, socket or device has no offset");
    assert_int_equal(exchange_file(arg, pipe_ends[0], 0, 5, true, &why), CSGI_OK);
    assert_int_equal(exchange_file(arg, pipe_ends[0], 0, TO_END, false, &why), CSGI_OK);
    return CSGI_OK;
}

static void a_pipe_is_read_to_its_end_and_waited_for(void **state)
{
    timer later;

    (void)state;
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    assert_int_equal(write(pipe_ends[1], "early", 5), 5);
    timer_init(&later, feed);
    timer_start(world, &later, 20);
    run(send_pipe);
    close(pipe_ends[0]);
    assert_string_equal(wire_log(), "start 200/0;body 5;body 4;last 0;");
    assert_memory_equal(wire.bytes.bytes, "earlylate", 9);
}

static csgi_status send_cut_pipe(void *arg)
{
    assert_int_equal(start_of_length(arg, "9"), CSGI_OK);
    return exchange_file(arg, pipe_ends[0], 0, 9, false, &why);
}

static void a_pipe_that_ends_too_early_cuts(void **state)
{
    timer later;

    (void)state;
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    timer_init(&later, feed);
    timer_start(world, &later, 1);
    run(send_cut_pipe);
    close(pipe_ends[0]);
    assert_int_equal(task_result, CSGI_EFAIL);
    assert_string_equal(wire_log(), "start 200/1;body 4;cut;");
}

static csgi_status send_proc(void *arg)
{
    assert_int_equal(start(arg), CSGI_OK);
    return exchange_path(arg, STR("/proc/self/status"), &why);
}

static void a_file_that_says_nothing_of_its_size_is_read_to_its_end(void **state)
{
    (void)state;
    run(send_proc);
    assert_int_equal(task_result, CSGI_OK);
    assert_memory_equal(wire.bytes.bytes, "Name:", 5);
    assert_non_null(strstr(wire_log(), ";last 0;"));
}

static int end_with_file(void **state)
{
    if (file >= 0) close(file);
    file = -1;
    return end_world(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_world, end_with_file)
        TEST(a_small_file_is_read_and_has_its_length),
        TEST(an_empty_file_has_length_0),
        TEST(the_kernel_sends_what_follows_the_first_piece_in_slices),
        TEST(what_the_kernel_cannot_send_is_read),
        TEST(when_the_kernel_takes_no_more_a_little_is_read_and_waited_for),
        TEST(a_head_has_the_length_and_nothing_is_read),
        TEST(a_path_that_cannot_be_sent_puts_nothing_on_the_wire),
        TEST(a_path_is_the_whole_body),
        TEST(a_file_of_another_length_than_declared_is_refused),
        TEST(after_a_refusal_another_body_may_be_sent),
        TEST(a_file_that_shrinks_cuts_the_response),
        TEST(a_client_that_leaves_ends_the_sending),
        TEST(others_have_their_turn_between_two_slices),
        TEST(parts_of_files_and_bytes_make_one_body),
        TEST(a_part_that_is_the_whole_body_has_its_length),
        TEST(parts_that_are_not_there_are_refused),
        TEST(a_part_that_exceeds_the_declared_length_cuts),
        TEST(a_head_has_no_parts_either),
        TEST(a_pipe_is_read_to_its_end_and_waited_for),
        TEST(a_pipe_that_ends_too_early_cuts),
        TEST(a_file_that_says_nothing_of_its_size_is_read_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
