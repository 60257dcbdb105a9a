/* SPDX-License-Identifier: MIT
 * A stream that has the kernel send files, against plain sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "net/stream.h"

static loop *world;
static stream *sender;
static int peer, file, brokens;

static void ignore_read(void *owner, char *bytes, size_t len)
{
    (void)owner, (void)bytes, (void)len;
}

static void ignore(void *owner)
{
    (void)owner;
}

static void count_broken(void *owner)
{
    (void)owner;
    brokens++;
}

static const stream_events events = { ignore_read, ignore, count_broken, ignore, ignore };

static int begin(void **state)
{
    static const loop_options usual;
    int pair[2];

    (void)state;
    brokens = 0;
    file = memfd_create("file", MFD_CLOEXEC);
    if (file < 0 || write(file, "0123456789", 10) != 10) return -1;
    if (loop_new(&usual, &world) != CSGI_OK) return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) return -1;
    peer = pair[1];
    if (stream_from_fd(world, pair[0], &sender) != CSGI_OK) return -1;
    stream_set_owner(sender, &events, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (sender) stream_close(sender);
    loop_run(world);
    stream_pool_clear();
    loop_free(world);
    if (peer >= 0) close(peer);
    close(file);
    return 0;
}

static void a_part_of_a_file_arrives(void **state)
{
    char got[16];
    size_t sent;

    (void)state;
    assert_int_equal(stream_send_file(sender, file, 3, 4, &sent), CSGI_OK);
    assert_int_equal(sent, 4);
    assert_int_equal(read(peer, got, sizeof got), 4);
    assert_memory_equal(got, "3456", 4);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 10); /* where writing left it */
}

static void progress_is_what_the_peer_has_taken(void **state)
{
    uint64_t before = stream_progress(sender);
    char got[16];
    size_t sent;

    (void)state;
    assert_int_equal(stream_send_file(sender, file, 0, 4, &sent), CSGI_OK);
    assert_int_equal(sent, 4);
    assert_int_equal(read(peer, got, sizeof got), 4);
    assert_int_equal(stream_progress(sender), before + 4);
}

static void at_the_end_of_the_file_nothing_is_sent(void **state)
{
    size_t sent;

    (void)state;
    assert_int_equal(stream_send_file(sender, file, 8, 4, &sent), CSGI_OK);
    assert_int_equal(sent, 2);
    assert_int_equal(stream_send_file(sender, file, 10, 4, &sent), CSGI_OK);
    assert_int_equal(sent, 0);
}

static void a_full_socket_takes_nothing_and_what_is_queued_goes_first(void **state)
{
    size_t sent, total = 0;
    csgi_str piece = STR("queued");

    (void)state;
    assert_int_equal(ftruncate(file, 16 << 20), 0);
    do {
        assert_int_equal(stream_send_file(sender, file, 0, 1 << 20, &sent), CSGI_OK);
        total += sent;
    } while (sent);
    assert_true(total > 0 && total < (16 << 20));
    assert_int_equal(stream_write(sender, &piece, 1), CSGI_OK);
    assert_int_equal(stream_queued(sender), piece.len);
    {
        char *all = malloc(total);
        size_t got = 0;

        assert_non_null(all);
        while (got < total)
            got += (size_t)read(peer, all + got, total - got);
        free(all);
    }
    assert_int_equal(stream_send_file(sender, file, 0, 10, &sent), CSGI_OK);
    assert_int_equal(sent, 0); /* it would overtake */
}

static void what_is_no_file_has_to_be_read(void **state)
{
    int ends[2];
    size_t sent = 1;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(stream_send_file(sender, ends[0], 0, 4, &sent), CSGI_ENOTSUP);
    assert_int_equal(sent, 0);
    assert_int_equal(stream_send_file(sender, -1, 0, 4, &sent), CSGI_ENOTSUP);
    assert_int_equal(stream_send_file(sender, file, UINT64_MAX, 4, &sent), CSGI_ENOTSUP);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(brokens, 0);
}

static void a_peer_that_is_gone_is_told_once_from_the_loop(void **state)
{
    size_t sent;

    (void)state;
    close(peer);
    peer = -1;
    assert_int_equal(stream_send_file(sender, file, 0, 4, &sent), CSGI_EDISCONNECTED);
    assert_int_equal(brokens, 0);
    loop_run(world);
    assert_int_equal(brokens, 1);
    assert_int_equal(stream_send_file(sender, file, 0, 4, &sent), CSGI_EDISCONNECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_part_of_a_file_arrives),
        TEST(progress_is_what_the_peer_has_taken),
        TEST(at_the_end_of_the_file_nothing_is_sent),
        TEST(a_full_socket_takes_nothing_and_what_is_queued_goes_first),
        TEST(what_is_no_file_has_to_be_read),
        TEST(a_peer_that_is_gone_is_told_once_from_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
