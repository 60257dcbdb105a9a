/* SPDX-License-Identifier: MIT
 * Stacks: limits at n and n + 1 with both guards, sizes, and what the pool gives back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/mman.h>

#include "base/str.h"
#include "loop/core.h"

#define PAGE ((size_t)4096)

static const task_label label = { CSGI_STR("weather"), CSGI_STR("get_weather") };
static const stack_guard guards[] = { STACK_GUARD_AUTO, STACK_GUARD_MPROTECT };
static loop *world;

/* ---- limits ---- */

static csgi_status wait_for_ever(void *arg)
{
    task_wait wait;

    (void)arg;
    task_wait_begin(world, &wait);
    return task_wait_end(&wait);
}

static void the_task_after_the_last_is_refused_until_one_has_ended(void **state)
{
    (void)state;
    for (size_t g = 0; g < COUNT_OF(guards); g++) {
        loop_options options = { .max_tasks = 70, .guard = guards[g] };
        task *tasks[70], *extra;

        assert_int_equal(loop_new(&options, &world), 0);
        for (size_t i = 0; i < 70; i++)
            assert_int_equal(task_spawn(world, &label, 0, wait_for_ever, NULL, NULL, &tasks[i]), 0);
        assert_int_equal(task_spawn(world, &label, 0, wait_for_ever, NULL, NULL, &extra),
                         CSGI_ELIMIT);
        loop_run(world);
        task_cancel(tasks[33]);
        loop_run(world);
        assert_int_equal(task_spawn(world, &label, 0, wait_for_ever, NULL, NULL, &tasks[33]), 0);
        assert_int_equal(task_spawn(world, &label, 0, wait_for_ever, NULL, NULL, &extra),
                         CSGI_ELIMIT);
        loop_run(world);
        for (size_t i = 0; i < 70; i++)
            task_cancel(tasks[i]);
        loop_run(world);
        assert_int_equal(task_count(world), 0);
        loop_free(world);
    }
}

static void mapped_guards_stay_below_the_kernels_limit_of_mappings(void **state)
{
    unsigned long maps = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    stack_pool pool;

    (void)state;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &maps), 1);
    fclose(file);
    assert_int_equal(stack_pool_init(&pool, STACK_GUARD_MPROTECT), 0);
    assert_int_equal(pool.guard, STACK_GUARD_MPROTECT);
    assert_true(pool.max_stacks > 0 && 2 * pool.max_stacks < maps);
    stack_pool_fini(&pool);
}

static void a_full_pool_makes_room_for_another_size(void **state)
{
    stack_pool pool;
    stack *taken[5], *extra;

    (void)state;
    assert_int_equal(stack_pool_init(&pool, STACK_GUARD_MPROTECT), 0);
    pool.max_stacks = 5;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(stack_take(&pool, STACK_MIN, &taken[i]), 0);
    assert_int_equal(stack_take(&pool, STACK_MIN, &extra), CSGI_ELIMIT);
    assert_int_equal(stack_take(&pool, 2 * STACK_MIN, &extra), CSGI_ELIMIT);
    for (size_t i = 0; i < 5; i++)
        stack_give_back(&pool, taken[i]);
    assert_int_equal(stack_take(&pool, 2 * STACK_MIN, &extra), 0);
    stack_give_back(&pool, extra);
    stack_pool_fini(&pool);
}

static void sizes_are_rounded_up_and_have_an_end(void **state)
{
    static const struct {
        size_t asked, got;
    } sizes[] = { { 1, STACK_MIN },
                  { STACK_MIN, STACK_MIN },
                  { STACK_MIN + 1, 2 * STACK_MIN },
                  { 1000000, 1048576 },
                  { STACK_MAX, STACK_MAX } };
    stack_pool pool;
    stack *item;

    (void)state;
    assert_int_equal(stack_pool_init(&pool, STACK_GUARD_AUTO), 0);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_int_equal(stack_take(&pool, sizes[i].asked, &item), 0);
        assert_int_equal(item->size, sizes[i].got);
        item->low[0] = item->low[item->size - 1] = 1;
        stack_give_back(&pool, item);
    }
    assert_int_equal(stack_take(&pool, STACK_MAX + 1, &item), CSGI_ELIMIT);
    stack_pool_fini(&pool);
}

/* ---- what is given back ---- */

/* How many pages of [low, low + size) have memory or were read. */
static size_t count_pages(char *low, size_t size)
{
    static unsigned char pages[STACK_MAX / PAGE];
    size_t count = 0;

    assert_int_equal(mincore(low, size, pages), 0);
    for (size_t i = 0; i < size / PAGE; i++)
        count += pages[i] & 1;
    return count;
}

static unsigned recurse(volatile unsigned depth)
{
    volatile char frame[512];

    frame[0] = (char)depth;
    if (depth > 0) return recurse(depth - 1) + (unsigned)frame[0];
    return (unsigned)frame[0];
}

static stack *used_stack;
static size_t pages_when_deep;

static csgi_status go_deep(void *arg)
{
    used_stack = task_current(world)->stack;
    recurse(250); /* 125 KiB, and more when sanitized */
    pages_when_deep = count_pages(used_stack->low, used_stack->size);
    (void)arg;
    return 0;
}

static void what_a_deep_call_has_soiled_is_given_back(void **state)
{
    (void)state;
    for (size_t g = 0; g < COUNT_OF(guards); g++) {
        loop_options options = { .max_tasks = 10, .guard = guards[g], .stack_size = 1048576 };

        assert_int_equal(loop_new(&options, &world), 0);
        assert_int_equal(task_spawn(world, &label, 0, go_deep, NULL, NULL, NULL), 0);
        loop_run(world);
        assert_true(pages_when_deep >= 30);
        assert_true(count_pages(used_stack->low, used_stack->size) <= STACK_WARM_SIZE / PAGE);
        loop_free(world);
    }
}

static void pages_that_no_look_finds_are_given_back_after_some_uses(void **state)
{
    stack_pool pool;
    stack *item;
    unsigned uses = 0;

    (void)state;
    assert_int_equal(stack_pool_init(&pool, STACK_GUARD_AUTO), 0);
    do {
        assert_int_equal(stack_take(&pool, STACK_MIN, &item), 0);
        item->low[0] = 1; /* one large frame: nothing between */
        stack_give_back(&pool, item);
        uses++;
    } while (count_pages(item->low, PAGE) == 1 && uses < 1000);
    assert_true(uses <= 64);
    stack_pool_fini(&pool);
}

static void use_pages(stack_pool *pool, size_t deepest)
{
    stack *item;

    assert_int_equal(stack_take(pool, STACK_MIN, &item), 0);
    for (size_t at = item->size - deepest; at < item->size; at += 512)
        item->low[at] = 1;
    stack_give_back(pool, item);
}

/* Shallow calls in plenty let the pool look away most of the time; not for long, though. */
static void deep_calls_are_found_when_shallow_ones_came_before(void **state)
{
    enum { DEEP = 40 };
    static stack *taken[DEEP];
    stack_pool pool;
    size_t kept = 0;

    (void)state;
    assert_int_equal(stack_pool_init(&pool, STACK_GUARD_AUTO), 0);
    for (size_t i = 0; i < 1000; i++)
        use_pages(&pool, 1024);
    for (size_t i = 0; i < DEEP; i++) {
        assert_int_equal(stack_take(&pool, STACK_MIN, &taken[i]), 0);
        memset(taken[i]->low, 1, taken[i]->size);
    }
    for (size_t i = 0; i < DEEP; i++)
        stack_give_back(&pool, taken[i]);
    for (size_t i = 0; i < DEEP; i++)
        kept += count_pages(taken[i]->low, STACK_MIN) > STACK_WARM_SIZE / PAGE;
    assert_true(kept < 8);
    stack_pool_fini(&pool);
}

static void the_pool_keeps_a_bounded_number_of_stacks(void **state)
{
    enum { COUNT = 3 * STACK_WARM_MAX };
    static stack *taken[COUNT];
    stack_pool pool;
    size_t kept = 0;

    (void)state;
    assert_int_equal(stack_pool_init(&pool, STACK_GUARD_AUTO), 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(stack_take(&pool, STACK_MIN, &taken[i]), 0);
        taken[i]->low[STACK_MIN - 1] = 1;
    }
    for (size_t i = 0; i < COUNT; i++)
        stack_give_back(&pool, taken[i]);
    assert_true(pool.mapped_count <= STACK_WARM_MAX + 64);
    LIST_EACH (node, &pool.classes[0].free) {
        stack *item = CONTAINER_OF(node, stack, node);

        kept += count_pages(item->low + STACK_MIN - PAGE, PAGE);
    }
    assert_true(kept > 0 && kept <= STACK_WARM_MAX);
    /* Stacks with pages are taken first. */
    assert_int_equal(stack_take(&pool, STACK_MIN, &taken[0]), 0);
    assert_int_equal(count_pages(taken[0]->low + STACK_MIN - PAGE, PAGE), 1);
    stack_give_back(&pool, taken[0]);
    stack_pool_fini(&pool);
}

static void a_waiting_task_touches_two_pages_at_most(void **state)
{
    loop_options options = { .max_tasks = 10 };
    task *waiter;

    (void)state;
    assert_int_equal(loop_new(&options, &world), 0);
    assert_int_equal(task_spawn(world, &label, 0, wait_for_ever, NULL, NULL, &waiter), 0);
    loop_run(world);
    assert_true(count_pages(waiter->stack->low, waiter->stack->size) <= 2);
    task_cancel(waiter);
    loop_run(world);
    loop_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_task_after_the_last_is_refused_until_one_has_ended),
        cmocka_unit_test(mapped_guards_stay_below_the_kernels_limit_of_mappings),
        cmocka_unit_test(a_full_pool_makes_room_for_another_size),
        cmocka_unit_test(sizes_are_rounded_up_and_have_an_end),
        cmocka_unit_test(what_a_deep_call_has_soiled_is_given_back),
        cmocka_unit_test(pages_that_no_look_finds_are_given_back_after_some_uses),
        cmocka_unit_test(deep_calls_are_found_when_shallow_ones_came_before),
        cmocka_unit_test(the_pool_keeps_a_bounded_number_of_stacks),
        cmocka_unit_test(a_waiting_task_touches_two_pages_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
