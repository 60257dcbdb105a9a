/* SPDX-License-Identifier: MIT
 * TLS on a stream: once tls_connect has told that it is ready, the stream carries plain bytes for
 * its owner, who goes on using net/stream.h. OpenSSL is first touched when a config is made. */
#ifndef CAPRICORN_TLS_TLS_H
#define CAPRICORN_TLS_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "net/stream.h"

/* What connections have in common: whom they trust, who they are, and the sessions that they may
 * resume. Of one thread, which need not be the one that made it. */
typedef struct tls_config tls_config;

/* All zero is the usual: the other side must prove its name to the system's CAs (those of the
 * OpenSSL installation, or of SSL_CERT_FILE and SSL_CERT_DIR). */
typedef struct tls_client_options {
    const char *ca_file;   /* PEM: these are trusted, instead of the system's; NULL: the system's */
    const char *cert_file; /* PEM: the client's certificate, then its chain; NULL: none */
    const char *key_file;  /* PEM, without a passphrase; NULL: in cert_file */
    bool insecure;         /* whoever answers is believed */
} tls_client_options;

/* Reads the files (on this thread). CSGI_EINVAL: a file, or SSL_CERT_FILE, is of no use;
 * CSGI_ENOMEM. why is told then, one line without its end. The config has one user, the caller. */
csgi_status tls_config_new_client(const tls_client_options *options, tls_config **out, buffer *why);
/* One more user: each connection is one as well. */
tls_config *tls_config_hold(tls_config *self);
/* One user less; the last one frees it. NULL is harmless. */
void tls_config_release(tls_config *self);

/* Told once, from the loop, on the loop's own stack. CSGI_OK: plain bytes may be written and read
 * from now on. Else reason says why, as the end of a sentence, and is valid for the call; the
 * stream is of no more use and still to be closed. CSGI_EUNREACH; CSGI_EPROTO: what answers does
 * not speak TLS; CSGI_ENOMEM. */
typedef void (*tls_ready_fn)(void *arg, csgi_status status, const char *reason);

/* Begins TLS as the client on a connected stream that is not read. host is whom the other side must
 * prove to be, a name or an IP address (brackets and a last dot are left away); with the port it
 * names the sessions that may be resumed. The owner may be set before or after, and neither writes
 * before it is ready. To give up, close the stream: on_ready is not called then. CSGI_ENOMEM:
 * nothing has changed. [loop] or task */
csgi_status tls_connect(stream *on, tls_config *config, const char *host, uint32_t port,
                        tls_ready_fn on_ready, void *arg);

/* Did the handshake resume an earlier session? Of a stream that is ready. */
bool tls_is_resumed(const stream *self);

#endif
