/* SPDX-License-Identifier: MIT
 * Handshakes of the client: whom it believes, what it says when it does not, and what it keeps. */
#include "rig.h"

/* What a handshake with this server ends with. */
static void assert_ends(SSL_CTX *server, tls_config *config, const char *host, csgi_status status,
                        const char *reason)
{
    rig self;

    begin_with(&self, server, config, host);
    until_ready(&self);
    assert_string_equal(self.reason, reason);
    assert_int_equal(self.status, status);
    finish(&self);
}

static void assert_judged(wanted want, const char *host, csgi_status status, const char *reason)
{
    identity who = make_identity(want);
    SSL_CTX *server = server_context(&who);
    tls_config *config = config_for((tls_client_options){ 0 });

    assert_ends(server, config, host, status, reason);
    tls_config_release(config);
    SSL_CTX_free(server);
    free_identity(&who);
}

static void test_a_server_is_believed_by_name_and_by_address(void **state)
{
    wanted good = { .name = "s",
                    .names = "DNS:server.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1",
                    .by = &world.ca };

    (void)state;
    assert_judged(good, "server.example", CSGI_OK, "");
    assert_judged(good, "SERVER.example", CSGI_OK, "");
    assert_judged(good, "server.example.", CSGI_OK, "");
    assert_judged(good, "a.wild.example", CSGI_OK, "");
    assert_judged(good, "127.0.0.1", CSGI_OK, "");
    assert_judged(good, "::1", CSGI_OK, "");
    assert_judged(good, "[::1]", CSGI_OK, "");
    assert_judged(good, "127.0.0.2", CSGI_EUNREACH,
                  "its certificate is for server.example, *.wild.example, 127.0.0.1, ::1, not for "
                  "127.0.0.2");
    assert_judged(good, "a.b.wild.example", CSGI_EUNREACH,
                  "its certificate is for server.example, *.wild.example, 127.0.0.1, ::1, not for "
                  "a.b.wild.example");
}

static void test_a_certificate_for_others_is_told_with_their_names(void **state)
{
    (void)state;
    assert_judged((wanted){ .name = "s",
                            .names = "DNS:a,DNS:b,DNS:c,DNS:d,DNS:e,DNS:f",
                            .by = &world.ca },
                  "server.example", CSGI_EUNREACH,
                  "its certificate is for a, b, c, d and 2 more, not for server.example");
    assert_judged((wanted){ .name = "s",
                            .names = "DNS:a,DNS:b,DNS:c,DNS:d,DNS:e",
                            .by = &world.ca },
                  "server.example", CSGI_EUNREACH,
                  "its certificate is for a, b, c, d and 1 more, not for server.example");
    assert_judged((wanted){ .name = "server.example", .by = &world.ca }, "server.example",
                  CSGI_EUNREACH,
                  "its certificate is for no host (it has no subjectAltName), not for "
                  "server.example");
}

static void test_control_bytes_in_names_are_told_escaped(void **state)
{
    (void)state;
    assert_judged((wanted){ .name = "a\nb" }, "server.example", CSGI_EUNREACH,
                  "its certificate (a\\x0ab) is self-signed: to trust it, give it as ca_file");
}

static void assert_dated(wanted want, const char *before, const char *after)
{
    rig self;
    identity who = make_identity(want);
    SSL_CTX *server = server_context(&who);
    tls_config *config = config_for((tls_client_options){ 0 });
    csgi_str reason;

    begin_with(&self, server, config, "server.example");
    until_ready(&self);
    assert_int_equal(self.status, CSGI_EUNREACH);
    reason = str_from(self.reason);
    assert_int_equal(reason.len,
                     strlen(before) + strlen("2026-01-01 00:00:00 UTC") + strlen(after));
    assert_memory_equal(reason.ptr, before, strlen(before));
    assert_memory_equal(reason.ptr + strlen(before), "20", 2);
    assert_string_equal(reason.ptr + reason.len - strlen(after), after);
    finish(&self);
    tls_config_release(config);
    SSL_CTX_free(server);
    free_identity(&who);
}

static void test_certificates_out_of_their_time_are_told_with_the_date(void **state)
{
    (void)state;
    assert_dated((wanted){ .name = "old",
                           .names = "DNS:server.example",
                           .by = &world.ca,
                           .from_s = -9 * DAY,
                           .until_s = -DAY },
                 "its certificate (old) has expired on ", "");
    assert_dated((wanted){ .name = "new",
                           .names = "DNS:server.example",
                           .by = &world.ca,
                           .from_s = DAY,
                           .until_s = 9 * DAY },
                 "its certificate (new) is not valid before ", ": is the clock right?");
}

static void test_unknown_issuers_are_told_with_what_to_do(void **state)
{
    identity other = make_identity((wanted){ .name = "Other CA", .is_ca = true });
    wanted from_other = { .name = "s", .names = "DNS:server.example", .by = &other };
    identity who = make_identity(from_other);
    SSL_CTX *server = server_context(&who);
    tls_config *system = NULL, *trusting;
    buffer why = { 0 };

    (void)state;
    assert_judged((wanted){ .name = "me", .names = "DNS:server.example" }, "server.example",
                  CSGI_EUNREACH,
                  "its certificate (me) is self-signed: to trust it, give it as ca_file");
    assert_judged(from_other, "server.example", CSGI_EUNREACH,
                  "its certificate is signed by \"Other CA\", which is not in the CA file (or the "
                  "server does not send the certificates in between)");
    unsetenv("SSL_CERT_FILE");
    assert_int_equal(tls_config_new_client(&(tls_client_options){ 0 }, &system, &why), CSGI_OK);
    assert_ends(server, system, "server.example", CSGI_EUNREACH,
                "its certificate is signed by \"Other CA\", which this system does not know: if "
                "that is a CA of yours, give its certificate as ca_file; if it is a public one, "
                "install ca-certificates (or the server does not send the certificates in "
                "between)");
    /* A certificate that the user names is trusted without its issuer. */
    trusting = config_for((tls_client_options){
        .ca_file = write_certificate(world.folder, "other.pem", who.certificate) });
    assert_ends(server, trusting, "server.example", CSGI_OK, "");
    tls_config_release(system);
    tls_config_release(trusting);
    SSL_CTX_free(server);
    free_identity(&who);
    free_identity(&other);
}

static void test_the_environment_names_the_systems_CAs(void **state)
{
    SSL_CTX *server = server_context(&world.server);
    tls_config *config = NULL;
    buffer why = { 0 };
    char want[256];

    (void)state;
    setenv("SSL_CERT_FILE", world.ca_file, 1);
    assert_int_equal(tls_config_new_client(&(tls_client_options){ 0 }, &config, &why), CSGI_OK);
    assert_ends(server, config, "server.example", CSGI_OK, "");
    tls_config_release(config);
    setenv("SSL_CERT_FILE", path_in(world.folder, "missing.pem"), 1);
    assert_int_equal(tls_config_new_client(&(tls_client_options){ 0 }, &config, &why), CSGI_EINVAL);
    assert_int_equal(buffer_append(&why, "", 1), CSGI_OK);
    snprintf(want, sizeof want,
             "the CA file that SSL_CERT_FILE names, %s/missing.pem: No such file or directory",
             world.folder);
    assert_string_equal(why.bytes, want);
    unsetenv("SSL_CERT_FILE");
    buffer_fini(&why);
    SSL_CTX_free(server);
}

static void test_an_insecure_client_believes_whoever_answers(void **state)
{
    identity who = make_identity((wanted){ .name = "x", .from_s = -9 * DAY, .until_s = -DAY });
    SSL_CTX *server = server_context(&who);
    tls_config *config = config_for((tls_client_options){ .insecure = true });

    (void)state;
    assert_ends(server, config, "server.example", CSGI_OK, "");
    tls_config_release(config);
    SSL_CTX_free(server);
    free_identity(&who);
}

static char told_name[64], told_protocol[16];

static int note_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert, (void)arg;
    snprintf(told_name, sizeof told_name, "%s", name ? name : "(none)");
    return SSL_TLSEXT_ERR_OK;
}

static int note_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                          const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl, (void)arg;
    assert_int_equal(in_len, in[0] + 1);
    snprintf(told_protocol, sizeof told_protocol, "%.*s", in[0], in + 1);
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void test_the_server_is_told_the_name_but_no_address_and_the_protocol(void **state)
{
    SSL_CTX *server = server_context(&world.server);
    tls_config *config = config_for((tls_client_options){ 0 });

    (void)state;
    SSL_CTX_set_tlsext_servername_callback(server, note_name);
    SSL_CTX_set_alpn_select_cb(server, note_protocols, NULL);
    assert_ends(server, config, "server.example.", CSGI_OK, "");
    assert_string_equal(told_name, "server.example");
    assert_string_equal(told_protocol, "http/1.1");
    assert_ends(server, config, "127.0.0.1", CSGI_OK, "");
    assert_string_equal(told_name, "(none)");
    tls_config_release(config);
    SSL_CTX_free(server);
}

static void test_versions_and_ciphers_that_do_not_meet_are_told(void **state)
{
    SSL_CTX *old = server_context(&world.server), *odd = server_context(&world.server),
            *fine = server_context(&world.server);
    tls_config *config = config_for((tls_client_options){ 0 });

    (void)state;
    SSL_CTX_set_security_level(old, 0);
    SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    assert_ends(old, config, "server.example", CSGI_EUNREACH,
                "it speaks no version of TLS that this client does (1.2 and 1.3)");
    SSL_CTX_set_max_proto_version(odd, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(odd, "ECDHE-RSA-AES128-GCM-SHA256"); /* its key is no RSA key */
    assert_ends(odd, config, "server.example", CSGI_EUNREACH,
                "it refused the TLS handshake: there is no cipher (or kind of key) that both it "
                "and this client accept");
    SSL_CTX_set_max_proto_version(fine, TLS1_2_VERSION);
    assert_ends(fine, config, "server.example", CSGI_OK, "");
    tls_config_release(config);
    SSL_CTX_free(old);
    SSL_CTX_free(odd);
    SSL_CTX_free(fine);
}

static void test_the_loop_begins_the_handshake(void **state)
{
    rig self;

    (void)state;
    begin(&self);
    server_receive(&self.server);
    assert_int_equal(BIO_pending(self.server.in), 0); /* nothing in tls_connect's own call */
    until_ready(&self);
    assert_int_equal(self.status, CSGI_OK);
    finish(&self);
}

static void test_a_handshake_may_come_byte_by_byte(void **state)
{
    rig self;

    (void)state;
    begin(&self);
    self.server.chunk = 1;
    until_ready(&self);
    assert_int_equal(self.status, CSGI_OK);
    finish(&self);
}

static void test_a_handshake_may_be_given_up_at_any_time(void **state)
{
    (void)state;
    for (int rounds = 0; rounds < 6; rounds++) {
        rig self;

        begin(&self);
        run_rounds(&self, rounds);
        if (self.readies) {
            finish(&self);
            return;
        }
        stream_close(self.stream);
        loop_run(self.loop);
        assert_int_equal(self.readies, 0);
        finish(&self);
    }
    fail_msg("it was never ready");
}

static void test_the_stream_may_be_closed_when_it_is_ready_or_has_failed(void **state)
{
    rig self;
    tls_config *config = config_for((tls_client_options){ 0 });
    SSL_CTX *server = server_context(&world.server);

    (void)state;
    begin_with(&self, server, config, "server.example");
    self.closes_on_ready = true;
    until_ready(&self);
    assert_int_equal(self.status, CSGI_OK);
    loop_run(self.loop);
    finish(&self);
    begin_with(&self, server, config, "other.example");
    self.closes_on_ready = true;
    until_ready(&self);
    assert_int_equal(self.status, CSGI_EUNREACH);
    loop_run(self.loop);
    finish(&self);
    tls_config_release(config);
    SSL_CTX_free(server);
}

/* ---- client certificates ---- */

static SSL_CTX *asking_server(int max_version)
{
    SSL_CTX *made = server_context(&world.server);

    SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(made), world.ca.certificate);
    SSL_CTX_set_max_proto_version(made, max_version);
    return made;
}

static void test_a_client_without_certificate_is_told_that_one_is_wanted(void **state)
{
    SSL_CTX *old = asking_server(TLS1_2_VERSION), *new = asking_server(TLS1_3_VERSION);
    tls_config *config = config_for((tls_client_options){ 0 });
    rig self;

    (void)state;
    assert_ends(old, config, "server.example", CSGI_EUNREACH,
                "it wants a client certificate, and none is configured (cert_file and key_file)");
    /* TLS 1.3 tells it after the client's handshake is over. */
    begin_with(&self, new, config, "server.example");
    self.reads_at_once = true;
    until_ready(&self);
    assert_int_equal(self.status, CSGI_OK);
    run_rounds(&self, 5);
    assert_int_equal(self.brokens, 1);
    assert_string_equal(stream_broken_reason(self.stream),
                        "it wants a client certificate, and none is configured (cert_file and "
                        "key_file)");
    assert_int_equal(write_text(&self, "x"), CSGI_EDISCONNECTED);
    finish(&self);
    tls_config_release(config);
    SSL_CTX_free(old);
    SSL_CTX_free(new);
}

static void test_a_client_shows_its_certificate(void **state)
{
    SSL_CTX *server = asking_server(TLS1_3_VERSION);
    identity client = make_identity((wanted){ .name = "the client", .by = &world.ca });
    const char *cert = write_certificate(world.folder, "cert.pem", client.certificate);
    const char *key = write_key(world.folder, "key.pem", client.key, NULL);
    tls_config *config = config_for((tls_client_options){ .cert_file = cert, .key_file = key });
    rig self;

    (void)state;
    begin_with(&self, server, config, "server.example");
    until_ready(&self);
    assert_int_equal(self.status, CSGI_OK);
    run_rounds(&self, 5);
    assert_true(self.server.is_ready);
    assert_non_null(SSL_get0_peer_certificate(self.server.ssl));
    finish(&self);
    tls_config_release(config);
    SSL_CTX_free(server);
    free_identity(&client);
}

static void assert_refused(tls_client_options options, const char *want)
{
    tls_config *config = NULL;
    buffer why = { 0 };

    assert_int_equal(tls_config_new_client(&options, &config, &why), CSGI_EINVAL);
    assert_null(config);
    assert_int_equal(buffer_append(&why, "", 1), CSGI_OK);
    assert_string_equal(why.bytes + strlen(want) < why.bytes + why.len
                            ? why.bytes + why.len - 1 - strlen(want)
                            : why.bytes,
                        want);
    assert_int_equal(ERR_peek_error(), 0);
    buffer_fini(&why);
}

static void test_files_of_no_use_are_refused_with_the_reason(void **state)
{
    identity client = make_identity((wanted){ .name = "the client", .by = &world.ca });
    identity other = make_identity((wanted){ .name = "another", .by = &world.ca });
    const char *cert = write_certificate(world.folder, "cert.pem", client.certificate);
    const char *key = write_key(world.folder, "key.pem", client.key, "secret");
    const char *bad = path_in(world.folder, "bad.pem");
    FILE *file = fopen(bad, "w");

    (void)state;
    assert_non_null(file);
    fputs("nothing here\n", file);
    fclose(file);
    assert_refused((tls_client_options){ .ca_file = "/nowhere" },
                   "CA file /nowhere: No such file or directory");
    assert_refused((tls_client_options){ .ca_file = bad }, "bad.pem: there is none in it as PEM");
    assert_refused((tls_client_options){ .ca_file = cert, .cert_file = bad },
                   "bad.pem: there is none in it as PEM");
    assert_refused((tls_client_options){ .ca_file = cert, .cert_file = "/nowhere" },
                   "certificate file /nowhere: No such file or directory");
    assert_refused((tls_client_options){ .ca_file = cert, .cert_file = cert, .key_file = key },
                   "key.pem: it has a passphrase: store it without");
    assert_refused((tls_client_options){ .ca_file = cert, .cert_file = cert },
                   "cert.pem: there is none in it as PEM");
    key = write_key(world.folder, "key.pem", other.key, NULL);
    assert_refused((tls_client_options){ .ca_file = cert, .cert_file = cert, .key_file = key },
                   "key.pem: it is not the key of the certificate");
    assert_refused((tls_client_options){ .ca_file = cert, .key_file = "k" },
                   "key file k: it needs the file of its certificate beside it");
    free_identity(&client);
    free_identity(&other);
}

/* ---- resumption ---- */

static bool resumes(SSL_CTX *server, tls_config *config, const char *host)
{
    rig self;
    bool resumed;

    begin_with(&self, server, config, host);
    self.reads_at_once = true;
    until_ready(&self);
    assert_int_equal(self.status, CSGI_OK);
    run_rounds(&self, 4); /* tickets come after the handshake */
    assert_int_equal(self.reads, 0);
    assert_int_equal(self.brokens, 0);
    resumed = tls_is_resumed(self.stream);
    finish(&self);
    return resumed;
}

static void assert_resumes(int version)
{
    SSL_CTX *server = server_context(&world.server);
    tls_config *config = config_for((tls_client_options){ 0 });

    SSL_CTX_set_max_proto_version(server, version);
    assert_false(resumes(server, config, "server.example"));
    assert_true(resumes(server, config, "server.example"));
    assert_true(resumes(server, config, "server.example"));
    assert_false(resumes(server, config, "127.0.0.1"));
    tls_config_release(config);
    config = config_for((tls_client_options){ 0 });
    assert_false(resumes(server, config, "server.example"));
    tls_config_release(config);
    SSL_CTX_free(server);
}

static void test_sessions_are_resumed_with_the_same_host_only(void **state)
{
    (void)state;
    assert_resumes(TLS1_2_VERSION);
    assert_resumes(TLS1_3_VERSION);
}

static void test_the_sessions_of_64_servers_are_kept(void **state)
{
    identity who =
        make_identity((wanted){ .name = "s", .names = "DNS:*.many.example", .by = &world.ca });
    SSL_CTX *context = server_context(&who);
    tls_config *config = config_for((tls_client_options){ 0 });
    char host[32];

    (void)state;
    for (int i = 0; i < 64; i++) {
        snprintf(host, sizeof host, "h%d.many.example", i);
        assert_false(resumes(context, config, host));
    }
    assert_true(resumes(context, config, "h0.many.example"));
    assert_false(resumes(context, config, "h64.many.example")); /* in the place of h1's */
    assert_true(resumes(context, config, "h0.many.example"));
    assert_true(resumes(context, config, "h2.many.example"));
    assert_false(resumes(context, config, "h1.many.example"));
    tls_config_release(config);
    SSL_CTX_free(context);
    free_identity(&who);
}

static void test_a_server_that_forgot_the_session_is_no_trouble(void **state)
{
    SSL_CTX *server = server_context(&world.server), *again = server_context(&world.server);
    tls_config *config = config_for((tls_client_options){ 0 });

    (void)state;
    assert_false(resumes(server, config, "server.example"));
    assert_false(resumes(again, config, "server.example"));
    assert_true(resumes(again, config, "server.example"));
    tls_config_release(config);
    SSL_CTX_free(server);
    SSL_CTX_free(again);
}

static void test_the_config_outlives_its_maker_as_long_as_a_connection_needs_it(void **state)
{
    rig self;

    (void)state;
    begin(&self);
    tls_config_release(self.config);
    self.config = NULL;
    until_ready(&self);
    assert_int_equal(self.status, CSGI_OK);
    run_rounds(&self, 4);
    finish(&self);
    tls_config_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_is_believed_by_name_and_by_address),
        cmocka_unit_test(test_a_certificate_for_others_is_told_with_their_names),
        cmocka_unit_test(test_control_bytes_in_names_are_told_escaped),
        cmocka_unit_test(test_certificates_out_of_their_time_are_told_with_the_date),
        cmocka_unit_test(test_unknown_issuers_are_told_with_what_to_do),
        cmocka_unit_test(test_the_environment_names_the_systems_CAs),
        cmocka_unit_test(test_an_insecure_client_believes_whoever_answers),
        cmocka_unit_test(test_the_server_is_told_the_name_but_no_address_and_the_protocol),
        cmocka_unit_test(test_versions_and_ciphers_that_do_not_meet_are_told),
        cmocka_unit_test(test_the_loop_begins_the_handshake),
        cmocka_unit_test(test_a_handshake_may_come_byte_by_byte),
        cmocka_unit_test(test_a_handshake_may_be_given_up_at_any_time),
        cmocka_unit_test(test_the_stream_may_be_closed_when_it_is_ready_or_has_failed),
        cmocka_unit_test(test_a_client_without_certificate_is_told_that_one_is_wanted),
        cmocka_unit_test(test_a_client_shows_its_certificate),
        cmocka_unit_test(test_files_of_no_use_are_refused_with_the_reason),
        cmocka_unit_test(test_sessions_are_resumed_with_the_same_host_only),
        cmocka_unit_test(test_the_sessions_of_64_servers_are_kept),
        cmocka_unit_test(test_a_server_that_forgot_the_session_is_no_trouble),
        cmocka_unit_test(test_the_config_outlives_its_maker_as_long_as_a_connection_needs_it),
    };

    return cmocka_run_group_tests(tests, make_world, end_world);
}
