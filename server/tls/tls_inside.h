/* SPDX-License-Identifier: MIT
 * The structs of tls/, for its files alone. */
#ifndef CAPRICORN_TLS_TLS_INSIDE_H
#define CAPRICORN_TLS_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "base/list.h"
#include "loop/timer.h"
#include "net/stream_filter.h"
#include "tls/tls.h"

#define TLS_SESSIONS    64u /* kept of a config, the last used */
#define TLS_REASON_SIZE 640u
#define TLS_FIRST_BYTES 5u
#define TLS_PLAIN_MAX   ((size_t)16384) /* of one record (RFC 8446 section 5.1) */

/* Sessions of one config, by whom they are with; the last used first. */
typedef struct tls_sessions {
    list_node all;
    size_t count;
} tls_sessions;

struct tls_config {
    size_t users;
    SSL_CTX *context;
    BIO_METHOD *wire; /* how OpenSSL reads and writes encrypted bytes */
    tls_sessions sessions;
    bool verifies, has_ca_file, has_certificate;
    bool has_passphrase; /* the key file: it cannot be read */
    /* What was just read, and what is gathered to be written, of one connection at a time. */
    char plain[TLS_PLAIN_MAX], record[TLS_PLAIN_MAX];
};

/* What only the handshake needs. */
typedef struct tls_handshake {
    tls_ready_fn on_ready;
    void *arg;
    char first[TLS_FIRST_BYTES]; /* that the other side sent */
    size_t first_len;
    char reason[TLS_REASON_SIZE]; /* of the certificate's failure; "": none */
} tls_handshake;

typedef struct tls {
    stream_filter filter;
    tls_config *config;
    SSL *ssl;                 /* NULL: not begun */
    tls_handshake *handshake; /* NULL: over */
    timer soon;               /* begins the handshake, and goes on reading, from the loop */
    const char *in;           /* encrypted bytes that OpenSSL has yet to take */
    size_t in_len;
    buffer held;               /* those of them that outlive the read's callback */
    buffer postponed;          /* plain bytes to be written when OpenSSL has read more */
    csgi_status wire_status;   /* of the last write */
    const char *broken_reason; /* NULL: not broken, or not by what was said on it */
    bool reading;              /* the owner wants to be told */
    bool closed, failed;
    bool asked; /* the other side wants a certificate */
    bool mute;  /* nothing more is written: close_notify is sent, or nobody takes it */
    char *key;  /* of the session: "host:port", behind host */
    char host[];
} tls;

/* Makes the way to the wire; freed with BIO_meth_free. NULL: no memory. */
BIO_METHOD *tls_wire_new(void);

void tls_sessions_init(tls_sessions *self);
void tls_sessions_fini(tls_sessions *self);
/* The last session with that one, borrowed, or NULL. */
SSL_SESSION *tls_sessions_find(tls_sessions *self, const char *key);
/* Keeps a session in the place of the last one. True: it has been taken over. */
bool tls_sessions_put(tls_sessions *self, const char *key, SSL_SESSION *fresh);

/* Says why the other side's certificate is not believed, for OpenSSL's verification. */
void tls_explain_certificate(X509_STORE_CTX *judged, const tls *self, char *out, size_t size);
/* Says why a handshake failed, of OpenSSL's error queue and what the other side sent. */
csgi_status tls_explain_handshake(const tls *self, char *out, size_t size);
/* Says why an established connection broke, of OpenSSL's error queue. Never NULL. */
const char *tls_explain_break(const tls *self);

#endif
