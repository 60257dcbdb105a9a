/* SPDX-License-Identifier: MIT
 * The events that send files, through an exchange in memory: the rest is tested in exchange/. */
#include "fixture.h"

static csgi_status seen[4];

static csgi_status send_files(void *self, const csgi_scope *scope, csgi_receive *receive,
                              csgi_send *send)
{
    csgi_http_file file = { .event = CSGI_EVENT(csgi_http_file, CSGI_HTTP_RESPONSE_PATHSEND),
                            .path = CSGI_STR("/no/such/file"),
                            .flags = CSGI_MORE };

    (void)self, (void)scope, (void)receive;
    send_start(send, 200);
    seen[0] = send->call(send, &file.event);
    file.flags = 0;
    seen[1] = send->call(send, &file.event);
    file.event.type = CSGI_HTTP_RESPONSE_ZEROCOPYSEND;
    file.fd = -1;
    seen[2] = send->call(send, &file.event);
    file.fd = the_fixture->log_fd;
    file.count = 5;
    seen[3] = send->call(send, &file.event);
    return CSGI_OK;
}

static void files_in_memory_are_read_and_refusals_say_why(void **state)
{
    fixture f;
    answer got;

    (void)state;
    fixture_open(&f, NULL);
    fixture_serve(&f, send_files);
    got = get(&f, "/it");
    assert_logged(&f, "http.response.pathsend was refused with CSGI_EINVAL: it is a whole body");
    assert_logged(&f, "http.response.pathsend was refused with CSGI_EFAIL: /no/such/file: No such");
    assert_logged(&f, "http.response.zerocopysend was refused with CSGI_EINVAL: its descriptor:");
    assert_int_equal(seen[3], CSGI_OK);
    assert_int_equal(got.status, 200);
    assert_int_equal(strlen(got.body), 5);
    assert_memory_equal(got.body, fixture_log(&f), 5);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_in_memory_are_read_and_refusals_say_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
