/* SPDX-License-Identifier: MIT
 * Servers that speak no TLS, break off, or send whatever comes; and want of memory. */
#include "rig.h"

#include "failing_malloc.h"

/* What a handshake ends with when a server that is not OpenSSL says this, then hangs up or not. */
static void assert_said(const char *bytes, size_t len, bool hangs_up, csgi_status status,
                        const char *reason)
{
    rig self;

    begin(&self);
    SSL_free(self.server.ssl);
    self.server.ssl = NULL;
    self.server.in = BIO_new(BIO_s_mem());
    self.server.out = BIO_new(BIO_s_mem());
    run_rounds(&self, 2);
    if (len) server_says(&self.server, bytes, len);
    if (hangs_up) server_hang_up(&self.server);
    until_ready(&self);
    assert_string_equal(self.reason, reason);
    assert_int_equal(self.status, status);
    assert_int_equal(write_text(&self, "x"), CSGI_EDISCONNECTED);
    assert_int_equal(stream_read_start(self.stream), CSGI_EFAIL);
    run_rounds(&self, 3);
    assert_int_equal(self.readies, 1);
    BIO_free(self.server.in);
    BIO_free(self.server.out);
    finish(&self);
}

#define SAID(text, hangs_up, status, reason) \
    assert_said(text, sizeof(text) - 1, hangs_up, status, reason)

static void test_servers_without_tls_are_told_apart(void **state)
{
    (void)state;
    SAID("HTTP/1.1 400 Bad Request\r\n\r\n", false, CSGI_EPROTO,
         "it does not speak TLS: it answers in plain HTTP, so http:// may be right, or another "
         "port");
    SAID("HTTP/1.1 400 Bad Request\r\n\r\n", true, CSGI_EPROTO,
         "it does not speak TLS: it answers in plain HTTP, so http:// may be right, or another "
         "port");
    SAID("SSH-2.0-OpenSSH_9.2\r\n", false, CSGI_EPROTO,
         "it does not speak TLS: is it the right port?");
    SAID("\0\0\0\0\0\0\0\0", false, CSGI_EPROTO, "it does not speak TLS: is it the right port?");
    SAID("no", true, CSGI_EPROTO, "it does not speak TLS: is it the right port?");
}

static void test_a_connection_that_ends_in_the_handshake_is_told(void **state)
{
    (void)state;
    SAID("", true, CSGI_EUNREACH, "it closed the connection during the TLS handshake");
    SAID("\x16\x03\x03", true, CSGI_EUNREACH, "it closed the connection during the TLS handshake");
}

static void test_alerts_are_told(void **state)
{
    (void)state;
    SAID("\x15\x03\x03\0\2\2\x50", false, CSGI_EUNREACH,
         "it ended the TLS handshake (alert internal error)");
    SAID("\x15\x03\x03\0\2\2\x70", false, CSGI_EUNREACH,
         "it does not serve the name server.example (alert unrecognized name)");
    SAID("\x15\x03\x03\0\2\2\x78", false, CSGI_EUNREACH,
         "it does not offer HTTP/1.1 over TLS (ALPN)");
    SAID("\x15\x03\x03\0\2\2\x46", false, CSGI_EUNREACH,
         "it speaks no version of TLS that this client does (1.2 and 1.3)");
    SAID("\x15\x03\x03\0\2\2\x28", false, CSGI_EUNREACH,
         "it refused the TLS handshake: there is no cipher (or kind of key) that both it and this "
         "client accept");
    SAID("\x15\x03\x03\0\2\2\xff", true, CSGI_EUNREACH,
         "it ended the TLS handshake (alert unknown)");
}

/* ---- bytes at random ---- */

static uint32_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Changes one byte of what is on its way, drops one or doubles a run, once in so many rounds. */
static void spoil(tls_server *self)
{
    buffer *wire = &self->wire;
    size_t at;

    if (!wire->len || any(3)) return;
    at = any((uint32_t)wire->len);
    switch (any(3)) {
    case 0:
        wire->bytes[at] = (char)any(256);
        break;
    case 1:
        wire->len = at;
        break;
    default:
        assert_int_equal(buffer_reserve(wire, wire->len), CSGI_OK);
        memcpy(wire->bytes + wire->len, wire->bytes, at);
        wire->len += at;
    }
}

static void test_whatever_a_server_sends_ends_in_order(void **state)
{
    SSL_CTX *modern = server_context(&world.server), *older = server_context(&world.server);
    tls_config *config = config_for((tls_client_options){ 0 });
    int good = 0, failed = 0, broken = 0;

    (void)state;
    SSL_CTX_set_max_proto_version(older, TLS1_2_VERSION);
    for (uint32_t n = 0; n < 300; n++) {
        rig self;

        seed = n;
        begin_with(&self, n % 2 ? modern : older, config, "server.example");
        self.reads_at_once = true;
        self.server.change = spoil;
        self.server.chunk = any(8) ? 0 : 60 + any(200);
        say(&self.server, "an answer");
        /* A round without events takes a millisecond: no more of them than needed. */
        for (int i = 0; !self.brokens && !self.status && (i < 8 || self.server.wire.len); i++) {
            run_round(&self);
            if (self.readies && i == 5) write_text(&self, "a question");
        }
        if (!self.readies && self.server.fd >= 0) {
            server_hang_up(&self.server); /* something was dropped: it waits for that */
            until_ready(&self);
        }
        good += self.readies && !self.status && !self.brokens;
        failed += self.status != CSGI_OK;
        broken += self.brokens;
        assert_true(self.got.len == 0 || (self.got.len == 9 && !self.status));
        finish(&self);
    }
    /* It has seen some of each. */
    assert_true(good > 10 && failed > 30 && broken > 10);
    tls_config_release(config);
    SSL_CTX_free(modern);
    SSL_CTX_free(older);
}

/* ---- no memory ---- */

/* OpenSSL's own allocations, apart from those that the harness counts; -1: none fails. */
void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
static _Atomic long until_failure = -1;
static bool has_failed;

static bool must_fail(void)
{
    if (until_failure < 0) return false;
    if (until_failure > 0) {
        until_failure--;
        return false;
    }
    has_failed = true;
    return true;
}

static void *library_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return must_fail() ? NULL : __real_malloc(size);
}

static void *library_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return must_fail() ? NULL : __real_realloc(old, size);
}

static void library_free(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old);
}

/* One connection, a request and its answer; only the client's allocations fail. */
static void talk(rig *self)
{
    long kept;

    for (int i = 0; i < 14 && !self->brokens && self->status == CSGI_OK; i++) {
        timer_start(self->loop, &self->timer, 0);
        loop_run(self->loop);
        if (self->readies && i == 7) write_text(self, "a question");
        kept = until_failure;
        until_failure = -1;
        server_round(&self->server);
        until_failure = kept;
    }
}

static void test_a_handshake_without_memory_fails_and_leaks_nothing(void **state)
{
    SSL_CTX *server = server_context(&world.server);
    long n;

    (void)state;
    for (n = 0;; n += 1 + n / 40) {
        tls_config *config = config_for((tls_client_options){ 0 });
        rig self;

        begin_with(&self, server, config, "server.example");
        self.reads_at_once = true;
        say(&self.server, "an answer");
        has_failed = false;
        until_failure = n;
        talk(&self);
        until_failure = -1;
        if (!has_failed) {
            assert_buffer(&self.got, "an answer");
            assert_buffer(&self.server.got, "a question");
        } else if (!self.readies) {
            fail_msg("allocation %ld: it is never told", n);
        }
        if (self.status) assert_true(self.reason[0]);
        finish(&self);
        tls_config_release(config);
        if (!has_failed) break;
    }
    assert_true(n > 100);
    SSL_CTX_free(server);
}

static void test_a_config_without_memory_fails_and_leaks_nothing(void **state)
{
    tls_config *config = NULL;
    csgi_status status = CSGI_ENOMEM;
    buffer why = { 0 };

    (void)state;
    for (long n = 0; status; n += 1 + n / 40) {
        tls_client_options options = { .ca_file = world.ca_file };

        has_failed = false;
        until_failure = n;
        status = tls_config_new_client(&options, &config, &why);
        until_failure = -1;
        if (!has_failed) assert_int_equal(status, CSGI_OK);
        if (status == CSGI_OK && has_failed) tls_config_release(config);
        if (status == CSGI_OK && has_failed) status = CSGI_ENOMEM;
    }
    tls_config_release(config);
    buffer_fini(&why);
}

static void test_our_own_allocations_may_fail(void **state)
{
    tls_client_options options = { .ca_file = world.ca_file };
    SSL_CTX *server = server_context(&world.server);
    tls_config *config = NULL;

    (void)state;
    for (size_t n = 0;; n++) {
        buffer why = { 0 };
        csgi_status status;

        failing_malloc_after(n);
        status = tls_config_new_client(&options, &config, &why);
        if (!failing_malloc_off()) break;
        assert_int_equal(status, CSGI_ENOMEM);
        assert_null(config);
        buffer_fini(&why);
    }
    for (size_t n = 0;; n++) {
        rig self;
        csgi_status status;

        begin_unstarted(&self, server);
        self.config = tls_config_hold(config);
        failing_malloc_after(n);
        status = tls_connect(self.stream, config, "server.example", 443, on_ready, &self);
        if (!failing_malloc_off()) {
            finish(&self);
            break;
        }
        assert_int_equal(status, CSGI_ENOMEM);
        /* It is as it was: a plain stream. */
        assert_int_equal(write_text(&self, "plain"), CSGI_OK);
        finish(&self);
    }
    tls_config_release(config);
    SSL_CTX_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers_without_tls_are_told_apart),
        cmocka_unit_test(test_a_connection_that_ends_in_the_handshake_is_told),
        cmocka_unit_test(test_alerts_are_told),
        cmocka_unit_test(test_whatever_a_server_sends_ends_in_order),
        cmocka_unit_test(test_a_handshake_without_memory_fails_and_leaks_nothing),
        cmocka_unit_test(test_a_config_without_memory_fails_and_leaks_nothing),
        cmocka_unit_test(test_our_own_allocations_may_fail),
    };

    CRYPTO_set_mem_functions(library_malloc, library_realloc, library_free);
    return cmocka_run_group_tests(tests, make_world, end_world);
}
