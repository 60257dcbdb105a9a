/* SPDX-License-Identifier: MIT
 * base/arena, base/buffer and base/list: what owns memory, and the lists that don't. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/str.h"

static void an_arena_uses_its_owners_memory_first(void **state)
{
    _Alignas(16) char memory[64];
    arena it;

    (void)state;
    arena_init(&it, memory, sizeof memory);
    assert_ptr_equal(arena_alloc(&it, 64, 1), memory);
    assert_null(it.blocks);
    assert_non_null(arena_alloc(&it, 1, 1));
    assert_non_null(it.blocks);
    arena_reset(&it);
    assert_null(it.blocks);
    assert_ptr_equal(arena_alloc(&it, 1, 1), memory);
    arena_reset(&it);
}

static void arena_memory_is_aligned(void **state)
{
    arena it;

    (void)state;
    arena_init(&it, NULL, 0);
    for (size_t align = 1; align <= 4096; align *= 2) {
        assert_non_null(arena_alloc(&it, 1, 1));
        assert_int_equal((uintptr_t)arena_alloc(&it, 3, align) % align, 0);
    }
    assert_int_equal((uintptr_t)arena_alloc(&it, 3, 0) % _Alignof(max_align_t), 0);
    arena_reset(&it);
}

static void an_arena_refuses_what_cannot_be(void **state)
{
    arena it;

    (void)state;
    arena_init(&it, NULL, 0);
    assert_null(arena_alloc(&it, SIZE_MAX, 16));
    assert_null(arena_alloc(&it, SIZE_MAX - 100, 1));
    assert_null(arena_alloc(&it, 8, 3));
    assert_null(arena_copy_str(&it, (csgi_str){ "", SIZE_MAX }).ptr);
    arena_reset(&it);
}

static void children_end_with_their_parent_or_earlier(void **state)
{
    arena it;
    arena *child;

    (void)state;
    arena_init(&it, NULL, 0);
    child = arena_open(&it);
    assert_non_null(arena_alloc(child, 10000, 0));
    assert_non_null(arena_alloc(arena_open(child), 10, 0));
    arena_close(child);
    assert_true(list_is_empty(&it.children));
    assert_non_null(arena_alloc(arena_open(&it), 10, 0));
    arena_reset(&it);
    assert_true(list_is_empty(&it.children));
}

static void copies_and_formatted_text_end_in_nul(void **state)
{
    arena it;
    csgi_str text;

    (void)state;
    arena_init(&it, NULL, 0);
    text = arena_copy_str(&it, (csgi_str){ "abcdef", 3 });
    assert_string_equal(text.ptr, "abc");
    text = arena_printf(&it, "%d-%s", 7, "x");
    assert_string_equal(text.ptr, "7-x");
    assert_int_equal(text.len, 3);
    arena_reset(&it);
}

static void a_buffer_grows(void **state)
{
    buffer it = { 0 };

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer_printf(&it, "%03d,", i), CSGI_OK);
    assert_int_equal(it.len, 4000);
    assert_memory_equal(it.bytes + 3996, "999,", 4);
    buffer_fini(&it);
    assert_null(it.bytes);
}

static void a_buffer_refuses_sizes_that_overflow(void **state)
{
    buffer it = { 0 };

    (void)state;
    assert_int_equal(buffer_append(&it, "x", 1), CSGI_OK);
    assert_int_equal(buffer_reserve(&it, SIZE_MAX), CSGI_ENOMEM);
    assert_int_equal(buffer_reserve(&it, SIZE_MAX / 2 + 2), CSGI_ENOMEM);
    assert_true(str_eq(buffer_str(&it), STR("x")));
    buffer_fini(&it);
}

static void lists_keep_order_and_allow_removal_while_walked(void **state)
{
    list_node head, nodes[4];
    size_t seen = 0;

    (void)state;
    list_init(&head);
    for (size_t i = 1; i < 4; i++)
        list_append(&head, &nodes[i]);
    list_prepend(&head, &nodes[0]);
    LIST_EACH_SAFE (node, &head) {
        assert_ptr_equal(node, &nodes[seen++]);
        list_remove(node);
        list_remove(node);
    }
    assert_int_equal(seen, 4);
    assert_true(list_is_empty(&head));
    assert_null(list_pop(&head));
}

static int file_of(size_t size)
{
    int fd = memfd_create("test_memory", MFD_CLOEXEC);

    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(pwrite(fd, i % 2 ? "b" : "a", 1, (off_t)i), 1);
    return fd;
}

static void a_descriptor_is_read_to_its_end_and_no_further_than_allowed(void **state)
{
    static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 9000 };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        buffer it = { 0 };
        int fd = file_of(sizes[i]);

        assert_int_equal(buffer_read_all(&it, fd, sizes[i]), CSGI_OK);
        assert_int_equal(it.len, sizes[i]);
        assert_int_equal(it.bytes[it.len], 0);
        if (it.len) assert_int_equal(it.bytes[it.len - 1], it.len % 2 ? 'a' : 'b');
        buffer_fini(&it);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        if (sizes[i]) assert_int_equal(buffer_read_all(&it, fd, sizes[i] - 1), CSGI_ELIMIT);
        buffer_fini(&it);
        close(fd);
    }
}

static void what_is_read_comes_behind_what_is_there(void **state)
{
    buffer it = { 0 };
    int fd = file_of(3);

    (void)state;
    assert_int_equal(buffer_append(&it, "x", 1), CSGI_OK);
    assert_int_equal(buffer_read_all(&it, fd, 4), CSGI_OK);
    assert_string_equal(it.bytes, "xaba");
    close(fd);
    assert_int_equal(buffer_read_all(&it, fd, 4), CSGI_EFAIL);
    assert_int_equal(errno, EBADF);
    buffer_fini(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_uses_its_owners_memory_first),
        cmocka_unit_test(arena_memory_is_aligned),
        cmocka_unit_test(an_arena_refuses_what_cannot_be),
        cmocka_unit_test(children_end_with_their_parent_or_earlier),
        cmocka_unit_test(copies_and_formatted_text_end_in_nul),
        cmocka_unit_test(a_buffer_grows),
        cmocka_unit_test(a_buffer_refuses_sizes_that_overflow),
        cmocka_unit_test(a_descriptor_is_read_to_its_end_and_no_further_than_allowed),
        cmocka_unit_test(what_is_read_comes_behind_what_is_there),
        cmocka_unit_test(lists_keep_order_and_allow_removal_while_walked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
