/* SPDX-License-Identifier: MIT
 * TLS as a stream's filter: encrypted bytes go from the socket through OpenSSL to the owner and
 * back. OpenSSL takes them where the read has put them, and hands each record that it makes
 * straight to the socket, so that nothing is kept here but what the owner is not ready for. */
#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/ip.h"
#include "base/str.h"
#include "tls/tls_inside.h"

#define PORT_ROOM sizeof ":4294967295"

static tls *of(stream_filter *filter)
{
    return CONTAINER_OF(filter, tls, filter);
}

/* ---- the wire: what OpenSSL calls ---- */

static int wire_read(BIO *wire, char *into, int room)
{
    tls *self = BIO_get_data(wire);
    size_t len = self->in_len < (size_t)room ? self->in_len : (size_t)room;

    BIO_clear_retry_flags(wire);
    if (len == 0) {
        BIO_set_retry_read(wire);
        return -1;
    }
    memcpy(into, self->in, len);
    self->in += len;
    self->in_len -= len;
    return (int)len;
}

/* That the other side takes nothing any more is the stream's to tell, and no reason not to read
 * what it had said before. */
static int wire_write(BIO *wire, const char *bytes, int len)
{
    tls *self = BIO_get_data(wire);
    csgi_str piece = { bytes, (size_t)len };

    BIO_clear_retry_flags(wire);
    if (self->mute) return len;
    self->wire_status = stream_socket_write(self->filter.stream, &piece, 1);
    self->mute = self->wire_status == CSGI_EDISCONNECTED;
    return self->wire_status && !self->mute ? -1 : len;
}

static long wire_control(BIO *wire, int command, long number, void *pointer)
{
    (void)wire, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_wire_new(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

    if (!made) return NULL;
    BIO_meth_set_read(made, wire_read);
    BIO_meth_set_write(made, wire_write);
    BIO_meth_set_ctrl(made, wire_control);
    return made;
}

/* ---- the handshake ---- */

/* Ends it; the owner may close the stream meanwhile. */
static void tell_ready(tls *self, csgi_status status, const char *reason)
{
    tls_handshake *over = self->handshake;

    self->handshake = NULL;
    self->failed = status != CSGI_OK;
    timer_stop(stream_loop(self->filter.stream), &self->soon);
    if (self->failed || !self->reading) stream_socket_read_stop(self->filter.stream);
    ERR_clear_error();
    over->on_ready(over->arg, status, reason);
    free(over);
}

static void fail_handshake(tls *self)
{
    char reason[TLS_REASON_SIZE];
    csgi_status status = tls_explain_handshake(self, reason, sizeof reason);

    tell_ready(self, status, reason);
}

static int on_certificate(int is_good, X509_STORE_CTX *judged)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(judged, SSL_get_ex_data_X509_STORE_CTX_idx());
    tls *self = SSL_get_app_data(ssl);
    char *reason = self->handshake->reason;

    if (!is_good && !*reason) tls_explain_certificate(judged, self, reason, TLS_REASON_SIZE);
    return is_good;
}

static bool set_host(tls *self)
{
    struct in6_addr ignored;
    csgi_str host = str_from(self->host);
    X509_VERIFY_PARAM *param = SSL_get0_param(self->ssl);

    if (ip_parse(AF_INET, host, &ignored) || ip_parse(AF_INET6, host, &ignored))
        return X509_VERIFY_PARAM_set1_ip_asc(param, self->host);
    return SSL_set_tlsext_host_name(self->ssl, self->host) && SSL_set1_host(self->ssl, self->host);
}

static bool begin(tls *self)
{
    tls_config *config = self->config;
    SSL_SESSION *last = tls_sessions_find(&config->sessions, self->key);
    BIO *wire;

    self->ssl = SSL_new(config->context);
    wire = self->ssl ? BIO_new(config->wire) : NULL;
    if (!wire) return false;
    BIO_set_data(wire, self);
    BIO_set_init(wire, 1);
    SSL_set_bio(self->ssl, wire, wire);
    SSL_set_app_data(self->ssl, self);
    SSL_set_connect_state(self->ssl);
    if (config->verifies) SSL_set_verify(self->ssl, SSL_VERIFY_PEER, on_certificate);
    return !last || SSL_set_session(self->ssl, last);
}

static void step(tls *self)
{
    int done;

    ERR_clear_error();
    done = SSL_do_handshake(self->ssl);
    if (done == 1)
        tell_ready(self, CSGI_OK, NULL);
    else if (SSL_get_error(self->ssl, done) != SSL_ERROR_WANT_READ)
        fail_handshake(self);
}

/* On the loop's own stack, which has room for what certificates take. */
static void begin_handshake(tls *self)
{
    ERR_clear_error();
    if (!begin(self))
        tell_ready(self, CSGI_ENOMEM, "no memory for TLS");
    else if (!set_host(self))
        tell_ready(self, CSGI_EUNREACH, "TLS cannot ask for a host of that name");
    else if (stream_socket_read_start(self->filter.stream))
        fail_handshake(self);
    else
        step(self);
}

/* ---- reading ---- */

static void break_off(tls *self, const char *reason)
{
    self->failed = true;
    if (!self->broken_reason) self->broken_reason = reason;
    ERR_clear_error();
    stream_break_soon(self->filter.stream);
}

static void tell_eof(tls *self)
{
    self->reading = false;
    stream_socket_read_stop(self->filter.stream);
    self->filter.events->on_eof(self->filter.owner);
}

/* Nothing was decrypted. */
static void end_round(tls *self, int result)
{
    switch (SSL_get_error(self->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_ZERO_RETURN:
        tell_eof(self);
        break;
    default:
        break_off(self, tls_explain_break(self));
    }
}

/* Gives the owner what there is, as long as it wants it. */
static void deliver(tls *self)
{
    char *plain = self->config->plain;

    while (self->reading && !self->closed && !self->failed) {
        int len;

        ERR_clear_error();
        len = SSL_read(self->ssl, plain, TLS_PLAIN_MAX);
        if (len <= 0) {
            end_round(self, len);
            return;
        }
        self->filter.events->on_read(self->filter.owner, plain, (size_t)len);
    }
}

/* What OpenSSL has not taken must outlive the read. */
static void hold_rest(tls *self)
{
    bool is_held = self->held.bytes && self->in >= self->held.bytes &&
                   self->in <= self->held.bytes + self->held.len;

    if (self->in_len == 0 || self->closed || self->failed) {
        self->in_len = 0;
        buffer_fini(&self->held);
    } else if (!is_held) {
        csgi_status status = buffer_append(&self->held, self->in, self->in_len);

        self->in = self->held.bytes;
        if (status) break_off(self, "no memory");
    }
}

static void note_first(tls_handshake *self, const char *bytes, size_t len)
{
    size_t room = TLS_FIRST_BYTES - self->first_len;

    if (len > room) len = room;
    memcpy(self->first + self->first_len, bytes, len);
    self->first_len += len;
}

/* ---- writing ---- */

/* One record. A message of TLS itself that has come only in part keeps OpenSSL from writing. */
static csgi_status write_record(tls *self, csgi_str bytes)
{
    csgi_status status = CSGI_EDISCONNECTED;

    self->wire_status = CSGI_OK;
    if (self->postponed.len == 0) {
        ERR_clear_error();
        if (SSL_write(self->ssl, bytes.ptr, (int)bytes.len) > 0) return self->wire_status;
    }
    if (self->postponed.len || SSL_want_read(self->ssl)) {
        status = buffer_append_str(&self->postponed, bytes);
        if (status == CSGI_OK) return CSGI_OK;
    }
    if (self->wire_status) status = self->wire_status;
    break_off(self, status == CSGI_ENOMEM ? "no memory for TLS" : tls_explain_break(self));
    return status;
}

/* Writing goes on when OpenSSL has read the rest of what kept it. */
static void write_postponed(tls *self)
{
    buffer late = self->postponed;

    if (late.len == 0 || self->closed || self->failed || SSL_in_init(self->ssl)) return;
    self->postponed = (buffer){ 0 };
    for (size_t at = 0; at < late.len && !self->failed; at += TLS_PLAIN_MAX)
        write_record(self, str_slice(buffer_str(&late), at, TLS_PLAIN_MAX));
    buffer_fini(&late);
}

/* The socket is read only while nothing is held. */
static void on_read(void *owner, char *bytes, size_t len)
{
    tls *self = of(owner);

    self->in = bytes;
    self->in_len = len;
    if (self->handshake) {
        note_first(self->handshake, bytes, len);
        step(self);
    }
    if (!self->handshake) deliver(self);
    write_postponed(self);
    hold_rest(self);
}

/* Without close_notify somebody may have cut off the rest (RFC 8446 section 6.1). */
static void on_eof(void *owner)
{
    tls *self = of(owner);

    if (self->handshake)
        fail_handshake(self);
    else if (SSL_get_shutdown(self->ssl) & SSL_RECEIVED_SHUTDOWN)
        tell_eof(self);
    else
        break_off(self, "ended without TLS's close_notify: it may have been cut off");
}

static void on_broken(void *owner)
{
    tls *self = of(owner);

    self->failed = true;
    if (self->handshake)
        fail_handshake(self);
    else if (self->filter.events)
        self->filter.events->on_broken(self->filter.owner);
}

static void on_soon(timer *due)
{
    tls *self = CONTAINER_OF(due, tls, soon);

    if (self->handshake) {
        begin_handshake(self);
        return;
    }
    deliver(self);
    write_postponed(self);
    hold_rest(self);
    if (!self->reading || self->closed || self->failed) return;
    if (stream_socket_read_start(self->filter.stream)) break_off(self, "reading failed");
}

/* ---- what the owner calls ---- */

static csgi_status read_start(stream_filter *filter)
{
    tls *self = of(filter);

    if (self->failed) return CSGI_EFAIL;
    self->reading = true;
    if (self->handshake) return CSGI_OK; /* which reads anyway */
    if (self->in_len == 0 && !SSL_has_pending(self->ssl))
        return stream_socket_read_start(filter->stream);
    timer_start(stream_loop(filter->stream), &self->soon, 0);
    return CSGI_OK;
}

static void read_stop(stream_filter *filter)
{
    tls *self = of(filter);

    self->reading = false;
    if (!self->handshake) stream_socket_read_stop(filter->stream);
}

static bool has_unread(const stream_filter *filter)
{
    const tls *self = CONTAINER_OF(filter, tls, filter);

    return !self->failed && !self->handshake && (self->in_len || SSL_has_pending(self->ssl));
}

/* Small pieces share a record; the end of the last one needs no copy if nothing stands before. */
static csgi_status write_pieces(stream_filter *filter, const csgi_str *pieces, size_t count)
{
    tls *self = of(filter);
    char *record = self->config->record;
    csgi_status status = CSGI_OK;
    size_t filled = 0;

    CHECK(!self->handshake);
    if (self->failed) return CSGI_EDISCONNECTED;
    for (size_t i = 0; i < count; i++) {
        const char *at = pieces[i].ptr;

        for (size_t left = pieces[i].len, n; left && status == CSGI_OK; left -= n, at += n) {
            n = left < TLS_PLAIN_MAX - filled ? left : TLS_PLAIN_MAX - filled;
            if (filled == 0 && (n == TLS_PLAIN_MAX || i + 1 == count)) {
                status = write_record(self, (csgi_str){ at, n });
                continue;
            }
            memcpy(record + filled, at, n);
            filled += n;
            if (filled < TLS_PLAIN_MAX) continue;
            status = write_record(self, (csgi_str){ record, filled });
            filled = 0;
        }
    }
    if (filled && status == CSGI_OK) status = write_record(self, (csgi_str){ record, filled });
    return status;
}

/* close_notify; from then on OpenSSL writes into the void, also what it would answer later. */
static void say_goodbye(tls *self)
{
    if (self->handshake || self->failed || self->mute) return;
    ERR_clear_error();
    SSL_shutdown(self->ssl);
    ERR_clear_error();
    self->mute = true;
}

static void shut(stream_filter *filter)
{
    tls *self = of(filter);

    if (self->postponed.len) break_off(self, "shut while it waited for the other side");
    say_goodbye(self);
    stream_socket_shutdown(filter->stream);
}

static void close_tls(stream_filter *filter, bool orderly)
{
    tls *self = of(filter);

    if (orderly && stream_queued(filter->stream) == 0) say_goodbye(self);
    self->closed = true;
    timer_stop(stream_loop(filter->stream), &self->soon);
}

static const char *broken_reason(const stream_filter *filter)
{
    return CONTAINER_OF(filter, tls, filter)->broken_reason;
}

static void on_drained(void *owner)
{
    tls *self = of(owner);

    if (!self->handshake && self->filter.events)
        self->filter.events->on_drained(self->filter.owner);
}

static void on_closed(void *owner)
{
    tls *self = of(owner);
    stream_filter above = self->filter;

    if (self->ssl) {
        /* Else OpenSSL would not resume a session whose connection was just dropped. */
        if (SSL_is_init_finished(self->ssl))
            SSL_set_shutdown(self->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(self->ssl);
        ERR_clear_error();
    }
    tls_config_release(self->config);
    buffer_fini(&self->held);
    buffer_fini(&self->postponed);
    free(self->handshake);
    free(self);
    if (above.events) above.events->on_closed(above.owner);
}

static const stream_filter_functions functions = {
    .events = { .on_read = on_read,
                .on_eof = on_eof,
                .on_broken = on_broken,
                .on_drained = on_drained,
                .on_closed = on_closed },
    .read_start = read_start,
    .read_stop = read_stop,
    .has_unread = has_unread,
    .write = write_pieces,
    .shutdown = shut,
    .close = close_tls,
    .broken_reason = broken_reason,
};

/* ---- public ---- */

/* Without the brackets of a URL, and the dot of a name's root. */
static csgi_str bare(const char *text)
{
    csgi_str host = str_from(text);

    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        return str_slice(host, 1, host.len - 2);
    if (host.len > 1 && host.ptr[host.len - 1] == '.') host.len--;
    return host;
}

static tls *tls_new(csgi_str host, uint32_t port)
{
    size_t key_size = host.len + PORT_ROOM;
    tls *self = calloc(1, sizeof *self + host.len + 1 + key_size);

    if (!self) return NULL;
    self->handshake = calloc(1, sizeof *self->handshake);
    if (!self->handshake) {
        free(self);
        return NULL;
    }
    memcpy(self->host, host.ptr, host.len);
    self->key = self->host + host.len + 1;
    snprintf(self->key, key_size, "%.*s:%u", STR_ARG(host), port);
    timer_init(&self->soon, on_soon);
    return self;
}

csgi_status tls_connect(stream *on, tls_config *config, const char *host, uint32_t port,
                        tls_ready_fn on_ready, void *arg)
{
    tls *self = tls_new(bare(host), port);

    if (!self) return CSGI_ENOMEM;
    self->config = tls_config_hold(config);
    self->handshake->on_ready = on_ready;
    self->handshake->arg = arg;
    stream_set_filter(on, &self->filter, &functions);
    timer_start(stream_loop(on), &self->soon, 0);
    return CSGI_OK;
}

bool tls_is_resumed(const stream *self)
{
    stream_filter *filter = stream_get_filter(self, &functions);

    return filter && SSL_session_reused(of(filter)->ssl);
}
