/* SPDX-License-Identifier: MIT
 * What a match costs, in instructions, as the table grows. They are counted by single-stepping a
 * child, so that the number is the same on a busy machine. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "router/router.h"

enum { MATCHES = 20 };

static router *make_table(int services)
{
    router *self = router_new();
    char literal[64], parameter[64];

    assert_non_null(self);
    for (int i = 0; i < services; i++) {
        route of_list = { { literal, 0 }, STR("GET"), NULL, STR("") };
        route of_item = { { parameter, 0 }, STR("GET"), NULL, STR("") };

        of_list.pattern.len = (size_t)snprintf(literal, sizeof(literal), "/api/svc%05d/items", i);
        of_item.pattern.len =
            (size_t)snprintf(parameter, sizeof(parameter), "/api/svc%05d/items/{id:int}", i);
        assert_int_equal(router_add(self, &of_list, NULL, NULL), CSGI_OK);
        assert_int_equal(router_add(self, &of_item, NULL, NULL), CSGI_OK);
    }
    return self;
}

/* The child's part: matches with every instruction counted. Exits 0 when all were found. */
_Noreturn static void match_under_trace(const router *self)
{
    static char memory[65536];
    int found = 0;
    arena scratch;

    arena_init(&scratch, memory, sizeof(memory));
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(2);
    raise(SIGSTOP);
    for (int i = 0; i < MATCHES; i++) {
        const route_request request = {
            .method = CSGI_STR("GET"),
            .raw_path = i % 2 ? STR("/api/svc00003/items/123") : STR("/api/svc00004/items"),
        };
        route_match match;
        csgi_status status;

        arena_reset(&scratch);
        found += router_match(self, &request, &scratch, &match, &status) == ROUTE_FOUND;
    }
    _exit(found == MATCHES ? 0 : 1);
}

/* The instructions of MATCHES matches, or -1 where tracing is not allowed. */
static long count_instructions(const router *self)
{
    long count = 0;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) match_under_trace(self);
    assert_int_equal(waitpid(child, &status, 0), child);
    while (WIFSTOPPED(status)) {
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        count++;
    }
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) return -1;
    assert_int_equal(WEXITSTATUS(status), 0);
    return count;
}

static void ten_thousand_routes_cost_within_a_fifth_of_ten(void **state)
{
    router *few = make_table(5), *many = make_table(5000);
    long of_few = count_instructions(few), of_many = count_instructions(many);

    (void)state;
    router_free(few);
    router_free(many);
    if (of_few < 0 || of_many < 0) {
        print_message("tracing is not allowed here\n");
        skip();
    }
    print_message("instructions a match: %ld with 10 routes, %ld with 10,000\n", of_few / MATCHES,
                  of_many / MATCHES);
    assert_true(of_many * 5 <= of_few * 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_routes_cost_within_a_fifth_of_ten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
