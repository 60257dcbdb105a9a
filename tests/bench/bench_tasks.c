/* SPDX-License-Identifier: MIT
 * Measures the task layer: how long a spawn and a switch take, and what a suspended task costs in
 * memory. Usage: bench_tasks [TASKS [mprotect]], 100000 when not said; mprotect: with the guards of
 * kernels before 6.13. It fails when a task cannot be spawned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "loop/loop.h"
#include "loop/task.h"

#define YIELDERS     100
#define YIELDS       20000
#define SHORT_ROUNDS 2000
#define SHORT_TASKS  100

static const task_label label = { CSGI_STR("bench"), CSGI_STR("wait") };
static loop *world;

static double ns_since(uint64_t began_ns)
{
    return (double)(loop_clock_ns() - began_ns);
}

static unsigned long read_kib(const char *path, const char *format)
{
    unsigned long kib = 0;
    char line[256];
    FILE *file = fopen(path, "re");

    if (!file) return 0;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, format, &kib) == 1) break;
    fclose(file);
    return kib;
}

/* The process's own share of memory, and its page tables. */
static unsigned long memory_kib(void)
{
    return read_kib("/proc/self/smaps_rollup", "Pss: %lu kB") +
           read_kib("/proc/self/status", "VmPTE: %lu kB");
}

static void spawn(task_fn fn, void *arg)
{
    csgi_status status = task_spawn(world, &label, 0, fn, NULL, arg, NULL);

    if (status == 0) return;
    fprintf(stderr, "cannot spawn task %zu: status %d\n", task_count(world) + 1, (int)status);
    exit(1);
}

static csgi_status wait_once(void *arg)
{
    task_wait *wait = arg;

    task_wait_begin(world, wait);
    return task_wait_end(wait);
}

static csgi_status yield_often(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < YIELDS; i++)
        task_yield(world);
    return 0;
}

static csgi_status do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void measure_many(size_t count)
{
    task_wait *waits = calloc(count, sizeof(*waits));
    unsigned long before_kib, waiting_kib;
    double tasks = (double)count;
    uint64_t began_ns;

    if (!waits) exit(1);
    for (size_t i = 0; i < count; i++)
        waits[i].status = 1; /* its pages are not the tasks' */
    before_kib = memory_kib();

    began_ns = loop_clock_ns();
    for (size_t i = 0; i < count; i++)
        spawn(wait_once, &waits[i]);
    printf("spawn, first use    %7.0f ns\n", ns_since(began_ns) / tasks);

    began_ns = loop_clock_ns();
    loop_run(world); /* until all of them wait */
    printf("run until it waits  %7.0f ns\n", ns_since(began_ns) / tasks);

    waiting_kib = memory_kib() - before_kib;
    printf("%zu tasks wait   %7.2f KiB each, %lu MiB in all\n", task_count(world),
           (double)waiting_kib / tasks, waiting_kib / 1024);

    began_ns = loop_clock_ns();
    for (size_t i = 0; i < count; i++)
        task_wake(&waits[i], 0);
    loop_run(world);
    printf("wake and end        %7.0f ns\n", ns_since(began_ns) / tasks);
    waiting_kib = memory_kib();
    printf("kept when all ended %7lu MiB\n",
           waiting_kib > before_kib ? (waiting_kib - before_kib) / 1024 : 0);
    free(waits);
}

static void measure_short(void)
{
    uint64_t began_ns = loop_clock_ns();

    for (size_t round = 0; round < SHORT_ROUNDS; round++) {
        for (size_t i = 0; i < SHORT_TASKS; i++)
            spawn(do_nothing, NULL);
        loop_run(world);
    }
    printf("spawn, run and end  %7.1f ns (pooled)\n",
           ns_since(began_ns) / SHORT_ROUNDS / SHORT_TASKS);
}

static void measure_switches(void)
{
    uint64_t began_ns;

    for (size_t i = 0; i < YIELDERS; i++)
        spawn(yield_often, NULL);
    began_ns = loop_clock_ns();
    loop_run(world);
    printf("suspend and resume  %7.1f ns\n", ns_since(began_ns) / YIELDERS / YIELDS);
}

int main(int argc, char **argv)
{
    loop_options options = { .stall_threshold_ms = 100 };
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;

    if (argc > 2 && strcmp(argv[2], "mprotect") == 0) options.guard = STACK_GUARD_MPROTECT;
    if (loop_new(&options, &world)) return 1;
    measure_short();
    measure_switches();
    measure_many(count);
    loop_free(world);
    return 0;
}
