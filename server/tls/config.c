/* SPDX-License-Identifier: MIT
 * What TLS connections have in common: OpenSSL's context with its certificates. */
#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls_inside.h"

static const unsigned char protocols[] = "\x08http/1.1"; /* RFC 7301 section 3.1 */
static const char no_memory[] = "no memory";

/* ---- what is called back ---- */

/* Keys with a passphrase are refused: OpenSSL would ask the terminal for it. */
static int note_passphrase(char *into, int size, int writing, void *arg)
{
    (void)into, (void)size, (void)writing;
    ((tls_config *)arg)->has_passphrase = true;
    return -1;
}

static int on_session(SSL *ssl, SSL_SESSION *fresh)
{
    tls *self = SSL_get_app_data(ssl);

    return tls_sessions_put(&self->config->sessions, self->key, fresh);
}

/* The other side asks for a certificate: if it is not content with none, that is why. */
static int on_certificate_asked(SSL *ssl, void *arg)
{
    tls *self = SSL_get_app_data(ssl);

    (void)arg;
    self->asked = true;
    return 1;
}

/* ---- files ---- */

static const char *meaning_of(unsigned long error)
{
    int library = ERR_GET_LIB(error), code = ERR_GET_REASON(error);

    if (ERR_SYSTEM_ERROR(error)) return strerror(code);
    if (code == ERR_R_MALLOC_FAILURE) return no_memory;
    if (library == ERR_LIB_OSSL_DECODER ||
        (library == ERR_LIB_PEM && code == PEM_R_NO_START_LINE) ||
        (library == ERR_LIB_X509 && code == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
        return "there is none in it as PEM";
    if (library == ERR_LIB_X509 &&
        (code == X509_R_KEY_VALUES_MISMATCH || code == X509_R_KEY_TYPE_MISMATCH))
        return "it is not the key of the certificate";
    return NULL;
}

/* "what FILE: why", the first of OpenSSL's errors that means something, or the last. */
static csgi_status refuse(const char *what, const char *file, buffer *why)
{
    const char *meaning = NULL, *last = NULL;
    unsigned long error;

    while ((error = ERR_get_error())) {
        if (!meaning) meaning = meaning_of(error);
        last = ERR_reason_error_string(error);
    }
    if (!meaning) meaning = last ? last : "it could not be read";
    buffer_printf(why, "%s %s: %s", what, file, meaning);
    return meaning == no_memory ? CSGI_ENOMEM : CSGI_EINVAL;
}

static csgi_status trust_system(tls_config *self, buffer *why)
{
    const char *file = getenv(X509_get_default_cert_file_env());

    /* OpenSSL passes over one that it cannot read, and then knows nobody. */
    if (file && *file && !SSL_CTX_load_verify_file(self->context, file))
        return refuse("the CA file that SSL_CERT_FILE names,", file, why);
    if (!SSL_CTX_set_default_verify_paths(self->context))
        return refuse("the system's CA certificates,", X509_get_default_cert_file(), why);
    return CSGI_OK;
}

static csgi_status trust_file(tls_config *self, const char *file, buffer *why)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(self->context);

    if (!SSL_CTX_load_verify_file(self->context, file)) return refuse("CA file", file, why);
    self->has_ca_file = true;
    /* What the user names is trusted, be it the end of the chain or not. */
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    return CSGI_OK;
}

static csgi_status use_certificate(tls_config *self, const tls_client_options *options, buffer *why)
{
    const char *cert = options->cert_file, *key = options->key_file ? options->key_file : cert;

    if (!cert && !key) return CSGI_OK;
    if (!cert) {
        buffer_printf(why, "key file %s: it needs the file of its certificate beside it", key);
        return CSGI_EINVAL;
    }
    if (SSL_CTX_use_certificate_chain_file(self->context, cert) != 1)
        return refuse("certificate file", cert, why);
    if (SSL_CTX_use_PrivateKey_file(self->context, key, SSL_FILETYPE_PEM) != 1 &&
        !self->has_passphrase)
        return refuse("key file", key, why);
    if (self->has_passphrase) {
        buffer_printf(why, "key file %s: it has a passphrase: store it without", key);
        return CSGI_EINVAL;
    }
    self->has_certificate = true;
    return CSGI_OK;
}

/* ---- making ---- */

static bool set_up(tls_config *self)
{
    SSL_CTX *context = self->context;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_default_passwd_cb(context, note_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, self);
    SSL_CTX_set_cert_cb(context, on_certificate_asked, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
    /* RFC 9525 section 2: only the names of subjectAltName count; section 6.3: whole labels. */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) &&
           SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1) == 0;
}

static csgi_status fill(tls_config *self, const tls_client_options *options, buffer *why)
{
    csgi_status status = CSGI_OK;

    ERR_clear_error();
    self->context = SSL_CTX_new(TLS_client_method());
    self->wire = tls_wire_new();
    if (!self->context || !self->wire || !set_up(self)) return refuse("TLS", "(OpenSSL)", why);
    self->verifies = !options->insecure;
    if (options->ca_file)
        status = trust_file(self, options->ca_file, why);
    else if (self->verifies)
        status = trust_system(self, why);
    if (status == CSGI_OK) status = use_certificate(self, options, why);
    return status;
}

csgi_status tls_config_new_client(const tls_client_options *options, tls_config **out, buffer *why)
{
    tls_config *self = calloc(1, sizeof *self);
    csgi_status status;

    if (!self) {
        buffer_printf(why, "%s", no_memory);
        return CSGI_ENOMEM;
    }
    self->users = 1;
    tls_sessions_init(&self->sessions);
    status = fill(self, options, why);
    ERR_clear_error();
    if (status) {
        tls_config_release(self);
        return status;
    }
    *out = self;
    return CSGI_OK;
}

tls_config *tls_config_hold(tls_config *self)
{
    self->users++;
    return self;
}

void tls_config_release(tls_config *self)
{
    if (!self || --self->users > 0) return;
    tls_sessions_fini(&self->sessions);
    SSL_CTX_free(self->context);
    BIO_meth_free(self->wire);
    free(self);
}
