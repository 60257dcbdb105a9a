/* SPDX-License-Identifier: MIT
 * For the tests of TLS: a client's stream on one end of a socketpair, and on the other a server of
 * OpenSSL's, whose bytes the test may hold back, change or replace. All in one thread. */
#ifndef CAPRICORN_TEST_TLS_RIG_H
#define CAPRICORN_TEST_TLS_RIG_H

#include "certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/str.h"
#include "loop/timer.h"
#include "net/stream.h"
#include "tls/tls.h"

/* What the tests of one program share. */
static struct world {
    char folder[64];
    char ca_file[128];
    identity ca, server;
} world;

typedef struct tls_server {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* encrypted */
    int fd;
    size_t chunk;    /* bytes sent in a round; 0: all */
    bool deaf, dumb; /* it neither reads nor sends */
    bool is_ready, saw_eof, saw_goodbye;
    buffer got, to_send; /* plain */
    buffer wire;         /* encrypted, on its way */
    void (*change)(struct tls_server *self);
} tls_server;

typedef struct rig {
    loop *loop;
    timer timer;
    stream *stream;
    tls_config *config;
    tls_server server;
    buffer got;
    int readies, eofs, brokens, drains, closes, reads;
    csgi_status status;
    char reason[700];
    bool in_call, stops_on_read, closes_on_read, closes_on_ready, reads_at_once;
} rig;

/* ---- the server ---- */

static inline SSL_CTX *server_context(const identity *who)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());

    assert_non_null(made);
    assert_int_equal(SSL_CTX_use_certificate(made, who->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(made, who->key), 1);
    SSL_CTX_set_session_id_context(made, (const unsigned char *)"test", 4);
    return made;
}

static inline void server_init(tls_server *self, int fd, SSL_CTX *context)
{
    memset(self, 0, sizeof *self);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    self->fd = fd;
    self->in = BIO_new(BIO_s_mem());
    self->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(self->in, -1);
    SSL_CTX_up_ref(context);
    self->context = context;
    self->ssl = SSL_new(context);
    assert_non_null(self->ssl);
    SSL_set_bio(self->ssl, self->in, self->out);
    SSL_set_accept_state(self->ssl);
}

static inline void server_receive(tls_server *self)
{
    char bytes[16384];
    ssize_t len;

    while (!self->deaf && (len = recv(self->fd, bytes, sizeof bytes, 0)) >= 0) {
        if (len == 0) {
            self->saw_eof = true;
            return;
        }
        BIO_write(self->in, bytes, (int)len);
    }
}

static inline void server_send(tls_server *self)
{
    char bytes[16384];
    int len;
    size_t count;
    ssize_t sent;

    while ((len = BIO_read(self->out, bytes, sizeof bytes)) > 0)
        assert_int_equal(buffer_append(&self->wire, bytes, (size_t)len), CSGI_OK);
    if (self->change) self->change(self);
    count = self->chunk && self->chunk < self->wire.len ? self->chunk : self->wire.len;
    if (self->dumb || count == 0 || self->fd < 0) return;
    sent = send(self->fd, self->wire.bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return;
    self->wire.len -= (size_t)sent;
    memmove(self->wire.bytes, self->wire.bytes + sent, self->wire.len);
}

static inline void server_talk(tls_server *self)
{
    char bytes[16384];
    int len;

    if (!self->is_ready) {
        if (SSL_do_handshake(self->ssl) != 1) return;
        self->is_ready = true;
    }
    while ((len = SSL_read(self->ssl, bytes, sizeof bytes)) > 0)
        assert_int_equal(buffer_append(&self->got, bytes, (size_t)len), CSGI_OK);
    if (SSL_get_shutdown(self->ssl) & SSL_RECEIVED_SHUTDOWN) self->saw_goodbye = true;
    /* No more than the kernel takes: so that the client's reading bounds it. */
    while (self->to_send.len && self->wire.len < 65536) {
        size_t count = self->to_send.len < 16384 ? self->to_send.len : 16384;

        if (SSL_write(self->ssl, self->to_send.bytes, (int)count) <= 0) break;
        self->to_send.len -= count;
        memmove(self->to_send.bytes, self->to_send.bytes + count, self->to_send.len);
        if (BIO_pending(self->out) > 65536) break;
    }
}

static inline void server_round(tls_server *self)
{
    if (self->fd < 0) return;
    ERR_clear_error();
    server_receive(self);
    if (self->ssl) server_talk(self);
    ERR_clear_error();
    server_send(self);
}

static inline void server_fini(tls_server *self)
{
    SSL_free(self->ssl);
    SSL_CTX_free(self->context);
    if (self->fd >= 0) close(self->fd);
    buffer_fini(&self->got);
    buffer_fini(&self->to_send);
    buffer_fini(&self->wire);
}

/* From now on it says this, which is no TLS of its own. */
static inline void server_says(tls_server *self, const void *bytes, size_t len)
{
    assert_int_equal(send(self->fd, bytes, len, MSG_NOSIGNAL), len);
}

static inline void server_hang_up(tls_server *self)
{
    close(self->fd);
    self->fd = -1;
}

/* ---- the client's owner ---- */

static void on_read(void *owner, char *bytes, size_t len)
{
    rig *self = owner;

    assert_false(self->in_call);
    self->reads++;
    bytes[0] ^= 0; /* writable */
    assert_int_equal(buffer_append(&self->got, bytes, len), CSGI_OK);
    if (self->stops_on_read) stream_read_stop(self->stream);
    if (self->closes_on_read) stream_close(self->stream);
}

static void on_eof(void *owner)
{
    rig *self = owner;

    assert_false(self->in_call);
    self->eofs++;
}

static void on_broken(void *owner)
{
    rig *self = owner;

    assert_false(self->in_call);
    self->brokens++;
}

static void on_drained(void *owner)
{
    rig *self = owner;

    assert_false(self->in_call);
    self->drains++;
}

static void on_closed(void *owner)
{
    ((rig *)owner)->closes++;
}

static const stream_events events = { .on_read = on_read,
                                      .on_eof = on_eof,
                                      .on_broken = on_broken,
                                      .on_drained = on_drained,
                                      .on_closed = on_closed };

static void on_ready(void *arg, csgi_status status, const char *reason)
{
    rig *self = arg;

    assert_false(self->in_call);
    self->readies++;
    self->status = status;
    assert_int_equal(!status, !reason);
    snprintf(self->reason, sizeof self->reason, "%s", reason ? reason : "");
    if (self->closes_on_ready)
        stream_close(self->stream);
    else if (status == CSGI_OK && self->reads_at_once)
        stream_read_start(self->stream);
}

/* ---- running ---- */

static void stop_loop(timer *due)
{
    loop_stop(CONTAINER_OF(due, rig, timer)->loop);
}

/* A round of the loop, then one of the server. */
static inline void run_round(rig *self)
{
    timer_start(self->loop, &self->timer, 0);
    loop_run(self->loop);
    server_round(&self->server);
}

static inline void run_rounds(rig *self, int count)
{
    while (count-- > 0)
        run_round(self);
}

static inline void until_ready(rig *self)
{
    for (int i = 0; i < 20000 && !self->readies; i++)
        run_round(self);
    assert_int_equal(self->readies, 1);
}

/* ---- making ---- */

static inline tls_config *config_for(tls_client_options options)
{
    tls_config *made = NULL;
    buffer why = { 0 };

    if (!options.ca_file) options.ca_file = world.ca_file;
    if (tls_config_new_client(&options, &made, &why)) fail_msg("%.*s", (int)why.len, why.bytes);
    return made;
}

static inline void begin_unstarted(rig *self, SSL_CTX *context)
{
    static const loop_options usual;
    int pair[2];

    memset(self, 0, sizeof *self);
    assert_int_equal(loop_new(&usual, &self->loop), CSGI_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(stream_from_fd(self->loop, pair[0], &self->stream), CSGI_OK);
    server_init(&self->server, pair[1], context);
    timer_init(&self->timer, stop_loop);
    stream_set_owner(self->stream, &events, self);
}

static inline void begin_with(rig *self, SSL_CTX *context, tls_config *config, const char *host)
{
    begin_unstarted(self, context);
    self->config = tls_config_hold(config);
    self->in_call = true;
    assert_int_equal(tls_connect(self->stream, config, host, 443, on_ready, self), CSGI_OK);
    self->in_call = false;
}

/* The usual server, which this config trusts. */
static inline void begin(rig *self)
{
    SSL_CTX *context = server_context(&world.server);
    tls_config *config = config_for((tls_client_options){ 0 });

    begin_with(self, context, config, "server.example");
    tls_config_release(config);
    SSL_CTX_free(context);
}

static inline void begin_ready(rig *self)
{
    begin(self);
    until_ready(self);
    assert_string_equal(self->reason, "");
    assert_int_equal(self->status, CSGI_OK);
}

static inline void finish(rig *self)
{
    if (!self->closes) {
        self->in_call = true;
        stream_close(self->stream);
        self->in_call = false;
        loop_run(self->loop);
    }
    assert_int_equal(self->closes, 1);
    assert_int_equal(ERR_peek_error(), 0);
    loop_free(self->loop);
    tls_config_release(self->config);
    server_fini(&self->server);
    buffer_fini(&self->got);
    stream_pool_clear();
}

static inline csgi_status write_text(rig *self, const char *text)
{
    csgi_str piece = str_from(text);
    csgi_status status;

    self->in_call = true;
    status = stream_write(self->stream, &piece, 1);
    self->in_call = false;
    return status;
}

static inline void assert_buffer(const buffer *got, const char *want)
{
    assert_int_equal(got->len, strlen(want));
    if (got->len) assert_memory_equal(got->bytes, want, got->len);
}

static inline void say(tls_server *self, const char *text)
{
    assert_int_equal(buffer_append(&self->to_send, text, strlen(text)), CSGI_OK);
}

static inline int make_world(void **state)
{
    (void)state;
    snprintf(world.folder, sizeof world.folder, "/tmp/capricorn-tls-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    world.ca = make_identity((wanted){ .name = "Test CA", .is_ca = true });
    world.server = make_identity((wanted){
        .name = "server", .names = "DNS:server.example,IP:127.0.0.1,IP:::1", .by = &world.ca });
    snprintf(world.ca_file, sizeof world.ca_file, "%s",
             write_certificate(world.folder, "ca.pem", world.ca.certificate));
    return 0;
}

static inline int end_world(void **state)
{
    static const char *const files[] = { "ca.pem", "other.pem", "cert.pem", "key.pem", "bad.pem" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        unlink(path_in(world.folder, files[i]));
    assert_int_equal(rmdir(world.folder), 0);
    free_identity(&world.ca);
    free_identity(&world.server);
    return 0;
}

#endif
