/* SPDX-License-Identifier: MIT
 * The route table as a whole: what matches, what beats what, what collides, what else is answered.
 */
#include "table.h"

static void a_literal_path_matches_itself_only(void **state)
{
    table *self = *state;

    add(self, "/", "");
    add(self, "/weather", "GET");
    expect_pattern(self, "GET", "/", "/");
    expect_pattern(self, "GET", "/weather", "/weather");
    assert_int_equal(match(self, "GET", "/weather2"), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "GET", "/weathe"), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "GET", "/weather/x"), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "GET", "/Weather"), ROUTE_NOT_FOUND);
    assert_null(self->match.route);
}

static void an_empty_table_finds_nothing(void **state)
{
    assert_int_equal(match(*state, "GET", "/"), ROUTE_NOT_FOUND);
    assert_int_equal(match(*state, "GET", "/a/b/"), ROUTE_NOT_FOUND);
}

static void what_is_no_path_is_not_found(void **state)
{
    table *self = *state;

    add(self, "/{rest:path}", "");
    assert_int_equal(match(self, "GET", ""), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "GET", "*"), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "GET", "weather"), ROUTE_NOT_FOUND);
}

static void parameters_come_in_the_order_of_the_pattern(void **state)
{
    table *self = *state;

    add(self, "/users/{user}/items/{id:int}/{rest:path}", "GET");
    expect_pattern(self, "GET", "/users/ann/items/-42/a/b.c/",
                   "/users/{user}/items/{id:int}/{rest:path}");
    assert_int_equal(self->match.params.count, 3);
    expect_param(self, 0, "user", "ann");
    expect_param(self, 1, "id", "-42");
    expect_param(self, 2, "rest", "a/b.c/");
}

static void a_parameter_needs_at_least_one_byte_but_path_does_not(void **state)
{
    table *self = *state;

    add(self, "/a/{x}", "");
    add(self, "/b/{x:path}", "");
    assert_int_equal(match(self, "GET", "/a/"), ROUTE_NOT_FOUND);
    expect_pattern(self, "GET", "/b/", "/b/{x:path}");
    expect_param(self, 0, "x", "");
}

static void parameters_are_decoded_each_by_itself(void **state)
{
    table *self = *state;

    add(self, "/{a}/{b}", "");
    expect_pattern(self, "GET", "/S%C3%A3o%20Paulo/a%2Fb", "/{a}/{b}");
    expect_param(self, 0, "a", "S\xc3\xa3o Paulo");
    expect_param(self, 1, "b", "a/b");
    expect_pattern(self, "GET", "/%25/+", "/{a}/{b}");
    expect_param(self, 0, "a", "%");
    expect_param(self, 1, "b", "+");
}

static void a_path_parameter_is_decoded_as_a_whole(void **state)
{
    table *self = *state;

    add(self, "/f/{p:path}", "");
    expect_pattern(self, "GET", "/f/a%20b//c%2Fd", "/f/{p:path}");
    expect_param(self, 0, "p", "a b//c/d");
}

static void an_encoded_letter_is_that_letter(void **state)
{
    table *self = *state;

    add(self, "/admin/{id:int}", "");
    add(self, "/{any:path}", "");
    expect_pattern(self, "GET", "/%61dmin/%31", "/admin/{id:int}");
    expect_pattern(self, "GET", "/admin%2F1", "/{any:path}");
}

static void a_literal_may_be_written_encoded_or_not(void **state)
{
    table *self = *state;

    add(self, "/caf%C3%A9", "");
    add(self,
        "/stra\xc3\x9f"
        "e",
        "");
    expect_pattern(self, "GET", "/caf\xc3\xa9", "/caf%C3%A9");
    expect_pattern(self, "GET", "/stra%c3%9fe",
                   "/stra\xc3\x9f"
                   "e");
    expect_problem(self, "/caf\xc3\xa9", "", "collides with route \"/caf%C3%A9\"");
}

static void a_path_that_cannot_be_decoded_is_bad(void **state)
{
    static const char *const bad[] = { "/%",   "/a%2",       "/%zz/x", "/%00",
                                       "/%ff", "/a/b/c/%c3", "/\xff",  "/%ed%a0%80" };
    const route_request with_nul = { .method = CSGI_STR("GET"), .raw_path = CSGI_STR("/a\0b") };
    table *self = *state;

    add(self, "/{any:path}", "");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (match(self, "GET", bad[i]) != ROUTE_BAD_PATH) fail_msg("%s was accepted", bad[i]);
        assert_int_equal(self->status, CSGI_EINVAL);
    }
    assert_int_equal(router_match(self->router, &with_nul, &self->arena, &self->match,
                                  &self->status),
                     ROUTE_BAD_PATH);
}

static void literal_beats_typed_beats_str_beats_path_whatever_the_order(void **state)
{
    static const char *const patterns[] = { "/i/{p:path}", "/i/{s}", "/i/{n:int}", "/i/7" };
    static const char *const paths[] = { "/i/a/b", "/i/a", "/i/8", "/i/7" };

    (void)state;
    for (int backwards = 0; backwards < 2; backwards++) {
        void *made;
        table *self;

        assert_int_equal(make_table(&made), 0);
        self = made;
        for (size_t i = 0; i < 4; i++)
            add(self, patterns[backwards ? 3 - i : i], "");
        for (size_t i = 0; i < 4; i++)
            expect_pattern(self, "GET", paths[i], patterns[i]);
        end_table(&made);
    }
}

static void the_first_segment_that_differs_decides(void **state)
{
    table *self = *state;

    add(self, "/{a}/b/c", "");
    add(self, "/a/{b}/{c}", "");
    expect_pattern(self, "GET", "/a/b/c", "/a/{b}/{c}");
    expect_pattern(self, "GET", "/x/b/c", "/{a}/b/c");
}

static void a_dead_end_goes_back_to_the_next_best(void **state)
{
    table *self = *state;

    add(self, "/a/b/c", "");
    add(self, "/a/{x}/d", "");
    add(self, "/{y}/b/e", "");
    add(self, "/{rest:path}", "");
    expect_pattern(self, "GET", "/a/b/d", "/a/{x}/d");
    expect_pattern(self, "GET", "/a/b/e", "/{y}/b/e");
    expect_pattern(self, "GET", "/a/b/f", "/{rest:path}");
    expect_param(self, 0, "rest", "a/b/f");
}

static void int_and_float_share_a_rank_so_what_follows_decides(void **state)
{
    table *self = *state;

    add(self, "/a/{x:int}/{s}", "");
    add(self, "/a/{y:float}/b", "");
    expect_pattern(self, "GET", "/a/1/b", "/a/{y:float}/b");
    expect_pattern(self, "GET", "/a/1/c", "/a/{x:int}/{s}");
    expect_pattern(self, "GET", "/a/1.5/b", "/a/{y:float}/b");
    assert_int_equal(match(self, "GET", "/a/1.5/c"), ROUTE_NOT_FOUND);
}

static void routes_that_match_the_same_requests_with_one_rank_collide(void **state)
{
    table *self = *state;

    add(self, "/a/{x}", "GET,POST");
    add(self, "/n/{x:int}", "");
    add(self, "/p/{x:path}", "");
    expect_problem(self, "/a/{y}", "POST,PUT",
                   "route \"/a/{y}\" collides with route \"/a/{x}\": both match the same paths "
                   "with POST; ");
    expect_problem(self, "/a/{x}", "", "collides with route \"/a/{x}\"");
    expect_problem(self, "/n/{f:float}", "GET", "collides with route \"/n/{x:int}\"");
    expect_problem(self, "/n/{x:int}", "", "with any method");
    expect_problem(self, "/p/{y:path}", "GET", "collides with route \"/p/{x:path}\"");
    assert_int_equal(router_count(self->router), 3);
}

static void routes_that_differ_by_method_or_further_on_do_not_collide(void **state)
{
    table *self = *state;

    add(self, "/a/{x}", "GET");
    add(self, "/a/{y}", "POST");
    add(self, "/n/{x:int}/b", "");
    add(self, "/n/{x:float}/c", "");
    add(self, "/u/{x:uuid}", "");
    add(self, "/u/{x:int}", "");
    add(self, "/a", "");
    add(self, "/a/", "");
    expect_pattern(self, "GET", "/a/1", "/a/{x}");
    expect_param(self, 0, "x", "1");
    expect_pattern(self, "POST", "/a/1", "/a/{y}");
    expect_param(self, 0, "y", "1");
    expect_pattern(self, "GET", "/n/1/c", "/n/{x:float}/c");
    expect_pattern(self, "GET", "/a", "/a");
    expect_pattern(self, "GET", "/a/", "/a/");
}

static void a_refused_route_leaves_the_table_as_it_was(void **state)
{
    table *self = *state;

    add(self, "/a/{x}", "GET");
    assert_int_equal(try_add(self, "/a/{y}", "GET"), CSGI_EINVAL);
    assert_int_equal(try_add(self, "/b/{", "GET"), CSGI_EINVAL);
    assert_int_equal(router_count(self->router), 1);
    assert_int_equal(match(self, "GET", "/b"), ROUTE_NOT_FOUND);
    expect_pattern(self, "GET", "/a/1", "/a/{x}");
}

static void get_answers_head(void **state)
{
    table *self = *state;

    add(self, "/a", "GET");
    add(self, "/b", "POST");
    add(self, "/c", "GET");
    add(self, "/c", "HEAD");
    expect_pattern(self, "HEAD", "/a", "/a");
    assert_int_equal(match(self, "HEAD", "/b"), ROUTE_METHOD_NOT_ALLOWED);
    assert_int_equal(match(self, "HEAD", "/c"), ROUTE_FOUND);
    assert_string_equal(self->match.route->methods.ptr, "HEAD");
}

static void a_known_path_with_another_method_lists_all_that_are_allowed(void **state)
{
    table *self = *state;

    add(self, "/a/b", "GET");
    add(self, "/a/{x}", "DELETE, PUT");
    add(self, "/{rest:path}", "PURGE");
    assert_int_equal(match(self, "POST", "/a/b"), ROUTE_METHOD_NOT_ALLOWED);
    assert_string_equal(self->match.allow.ptr, "GET, HEAD, OPTIONS, PUT, DELETE, PURGE");
    assert_int_equal(match(self, "GET", "/a/c"), ROUTE_METHOD_NOT_ALLOWED);
    assert_string_equal(self->match.allow.ptr, "OPTIONS, PUT, DELETE, PURGE");
    assert_null(self->match.route);
}

static void a_pattern_without_the_method_leaves_the_path_to_the_next(void **state)
{
    table *self = *state;

    add(self, "/a/b", "GET");
    add(self, "/a/{x}", "POST");
    expect_pattern(self, "POST", "/a/b", "/a/{x}");
    expect_param(self, 0, "x", "b");
}

static void options_is_answered_from_the_table_unless_routed(void **state)
{
    table *self = *state;

    add(self, "/a", "POST");
    add(self, "/b", "OPTIONS,GET");
    add(self, "/c", "");
    assert_int_equal(match(self, "OPTIONS", "/a"), ROUTE_OPTIONS);
    assert_string_equal(self->match.allow.ptr, "OPTIONS, POST");
    expect_pattern(self, "OPTIONS", "/b", "/b");
    expect_pattern(self, "OPTIONS", "/c", "/c");
    assert_int_equal(match(self, "OPTIONS", "/d"), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "OPTIONS", "*"), ROUTE_OPTIONS);
    assert_string_equal(self->match.allow.ptr, "GET, HEAD, OPTIONS, POST");
}

static void methods_differ_by_case_and_unknown_ones_reach_only_routes_for_any(void **state)
{
    table *self = *state;

    add(self, "/a", "GET");
    add(self, "/any", "");
    assert_int_equal(match(self, "get", "/a"), ROUTE_METHOD_NOT_ALLOWED);
    assert_int_equal(match(self, "BREW", "/a"), ROUTE_METHOD_NOT_ALLOWED);
    expect_pattern(self, "BREW", "/any", "/any");
}

static void the_slash_that_is_missing_or_too_many_is_a_redirect(void **state)
{
    table *self = *state;

    add(self, "/a", "GET");
    add(self, "/b/", "POST");
    add(self, "/c/{x}/", "");
    add(self, "/files/{p:path}", "");
    assert_int_equal(match(self, "GET", "/a/"), ROUTE_REDIRECT);
    assert_string_equal(self->match.location.ptr, "/a");
    assert_int_equal(match(self, "GET", "/b"), ROUTE_REDIRECT);
    assert_string_equal(self->match.location.ptr, "/b/");
    assert_int_equal(match(self, "GET", "/c/%20x"), ROUTE_REDIRECT);
    assert_string_equal(self->match.location.ptr, "/c/%20x/");
    assert_int_equal(match(self, "GET", "/files"), ROUTE_REDIRECT);
    assert_string_equal(self->match.location.ptr, "/files/");
    assert_int_equal(match(self, "GET", "/a//"), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "GET", "/"), ROUTE_NOT_FOUND);
}

static void a_redirect_never_leads_to_another_host(void **state)
{
    table *self = *state;

    add(self, "/{x}", "");
    assert_int_equal(match(self, "GET", "/host/"), ROUTE_REDIRECT);
    assert_int_equal(match(self, "GET", "/\\host/"), ROUTE_NOT_FOUND);
    assert_int_equal(match(self, "GET", "//host/"), ROUTE_NOT_FOUND);
}

/* "/{a0}/{a1}..." of that many parameters. */
static char *many(size_t count, bool literals)
{
    buffer text = { 0 };

    for (size_t i = 0; i < count; i++)
        assert_int_equal(buffer_printf(&text, literals ? "/a%zu" : "/{a%zu}", i), CSGI_OK);
    assert_int_equal(buffer_append(&text, "", 1), CSGI_OK);
    return text.bytes;
}

static void a_pattern_may_have_as_many_parameters_as_the_limit_and_no_more(void **state)
{
    table *self = *state;
    char *most = many(ROUTE_MAX_PARAMS, false), *more = many(ROUTE_MAX_PARAMS + 1, false);
    char *path = many(ROUTE_MAX_PARAMS, true);

    expect_problem(self, more, "", "more than 16 parameters");
    add(self, most, "");
    expect_pattern(self, "GET", path, most);
    assert_int_equal(self->match.params.count, ROUTE_MAX_PARAMS);
    expect_param(self, 15, "a15", "a15");
    free(most);
    free(more);
    free(path);
}

static void a_pattern_may_have_as_many_segments_as_the_limit_and_no_more(void **state)
{
    table *self = *state;
    char *most = many(ROUTE_MAX_SEGMENTS, true), *more = many(ROUTE_MAX_SEGMENTS + 1, true);

    expect_problem(self, more, "", "more than 32 segments");
    add(self, most, "");
    expect_pattern(self, "GET", most, most);
    assert_int_equal(match(self, "GET", more), ROUTE_NOT_FOUND);
    add(self, "/{rest:path}", "");
    expect_pattern(self, "GET", more, "/{rest:path}");
    assert_int_equal(self->match.params.items[0].value.len, strlen(more) - 1);
    free(most);
    free(more);
}

static void a_slash_is_tried_on_a_path_of_as_many_segments_as_the_limit(void **state)
{
    table *self = *state;
    char *most = many(ROUTE_MAX_SEGMENTS, true);

    add(self, "/x", "");
    assert_int_equal(match(self, "GET", most), ROUTE_NOT_FOUND);
    free(most);
}

/* All 2^12 mixtures of a literal and a parameter, each ending in "z": a path that nearly matches
 * them all looks at each node once, and not at each way to it. */
static void overlapping_patterns_cost_no_more_than_the_table_is_large(void **state)
{
    enum { DEPTH = 12 };
    table *self = *state;
    char path[2 * DEPTH + 3], pattern[8 * DEPTH + 8];

    for (unsigned mix = 0; mix < 1u << DEPTH; mix++) {
        size_t len = 0;

        for (unsigned i = 0; i < DEPTH; i++)
            len += (size_t)snprintf(pattern + len, sizeof(pattern) - len,
                                    mix >> i & 1 ? "/a" : "/{p%u}", i);
        snprintf(pattern + len, sizeof(pattern) - len, "/z");
        assert_int_equal(try_add(self, pattern, "GET"), CSGI_OK);
    }
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(path + 2 * i, "/a", 2);
    memcpy(path + sizeof(path) - 3, "/y", 3);
    for (int i = 0; i < 100; i++)
        assert_int_equal(match(self, "GET", path), ROUTE_NOT_FOUND);
    path[sizeof(path) - 2] = 'z';
    assert_int_equal(match(self, "GET", path), ROUTE_FOUND);
    assert_int_equal(self->match.params.count, 0);
}

static void routes_are_listed_in_the_order_of_adding(void **state)
{
    table *self = *state;
    char pattern[16];

    for (int i = 0; i < 100; i++) {
        snprintf(pattern, sizeof(pattern), "/r%d", i);
        add(self, pattern, "GET");
    }
    assert_int_equal(router_count(self->router), 100);
    assert_string_equal(router_get(self->router, 0)->pattern.ptr, "/r0");
    assert_string_equal(router_get(self->router, 99)->pattern.ptr, "/r99");
    for (int i = 0; i < 100; i++) {
        snprintf(pattern, sizeof(pattern), "/r%d", i);
        assert_int_equal(match(self, "GET", pattern), ROUTE_FOUND);
        assert_string_equal(self->match.route->pattern.ptr, pattern);
    }
}

/* Adds and matches; *result is what the match was. */
static csgi_status use_table(table *self, route_result *result)
{
    static const char *const patterns[] = { "/a/{x}", "/b/{y:path}", "/c", "/d", "/e" };
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < COUNT_OF(patterns) && status == CSGI_OK; i++)
        status = try_add_for(self, i % 2 ? "" : patterns[i] + 1, patterns[i], "GET,BREW");
    if (status != CSGI_OK) return status;
    *result = match(self, "GET", "/b/%20/x");
    return self->status;
}

static void no_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        table self = { .status = CSGI_OK };
        route_result result = ROUTE_NOT_FOUND;
        csgi_status status = CSGI_ENOMEM;
        bool has_failed;

        arena_init(&self.arena, NULL, 0);
        failing_malloc_after(n);
        self.router = router_new();
        if (self.router) status = use_table(&self, &result);
        has_failed = failing_malloc_off();
        router_free(self.router);
        arena_reset(&self.arena);
        buffer_fini(&self.problem);
        if (!has_failed) {
            assert_int_equal(status, CSGI_OK);
            assert_int_equal(result, ROUTE_FOUND);
            break;
        }
        assert_int_equal(status, CSGI_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_literal_path_matches_itself_only),
        TEST(an_empty_table_finds_nothing),
        TEST(what_is_no_path_is_not_found),
        TEST(parameters_come_in_the_order_of_the_pattern),
        TEST(a_parameter_needs_at_least_one_byte_but_path_does_not),
        TEST(parameters_are_decoded_each_by_itself),
        TEST(a_path_parameter_is_decoded_as_a_whole),
        TEST(an_encoded_letter_is_that_letter),
        TEST(a_literal_may_be_written_encoded_or_not),
        TEST(a_path_that_cannot_be_decoded_is_bad),
        cmocka_unit_test(literal_beats_typed_beats_str_beats_path_whatever_the_order),
        TEST(the_first_segment_that_differs_decides),
        TEST(a_dead_end_goes_back_to_the_next_best),
        TEST(int_and_float_share_a_rank_so_what_follows_decides),
        TEST(routes_that_match_the_same_requests_with_one_rank_collide),
        TEST(routes_that_differ_by_method_or_further_on_do_not_collide),
        TEST(a_refused_route_leaves_the_table_as_it_was),
        TEST(get_answers_head),
        TEST(a_known_path_with_another_method_lists_all_that_are_allowed),
        TEST(a_pattern_without_the_method_leaves_the_path_to_the_next),
        TEST(options_is_answered_from_the_table_unless_routed),
        TEST(methods_differ_by_case_and_unknown_ones_reach_only_routes_for_any),
        TEST(the_slash_that_is_missing_or_too_many_is_a_redirect),
        TEST(a_redirect_never_leads_to_another_host),
        TEST(a_pattern_may_have_as_many_parameters_as_the_limit_and_no_more),
        TEST(a_pattern_may_have_as_many_segments_as_the_limit_and_no_more),
        TEST(a_slash_is_tried_on_a_path_of_as_many_segments_as_the_limit),
        TEST(overlapping_patterns_cost_no_more_than_the_table_is_large),
        TEST(routes_are_listed_in_the_order_of_adding),
        cmocka_unit_test(no_memory_is_an_error_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
