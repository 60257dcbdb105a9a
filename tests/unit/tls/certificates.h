/* SPDX-License-Identifier: MIT
 * For the tests of TLS: certificates, made as the test runs. */
#ifndef CAPRICORN_TEST_TLS_CERTIFICATES_H
#define CAPRICORN_TEST_TLS_CERTIFICATES_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAY 86400L

typedef struct identity {
    X509 *certificate;
    EVP_PKEY *key;
} identity;

typedef struct wanted {
    const char *name;     /* the subject's common name */
    const char *names;    /* subjectAltName as OpenSSL's config has it, or NULL */
    const identity *by;   /* who signs it; NULL: itself */
    long from_s, until_s; /* from now; both 0: yesterday and tomorrow */
    bool is_ca;
} wanted;

static inline void add_extension(X509 *to, X509 *by, int kind, const char *value)
{
    X509V3_CTX about;
    X509_EXTENSION *made;

    X509V3_set_ctx(&about, by, to, NULL, NULL, 0);
    made = X509V3_EXT_conf_nid(NULL, &about, kind, value);
    assert_non_null(made);
    assert_int_equal(X509_add_ext(to, made, -1), 1);
    X509_EXTENSION_free(made);
}

static inline identity make_identity(wanted want)
{
    static long serial = 1;
    identity self = { X509_new(), EVP_EC_gen("P-256") };
    X509_NAME *name = X509_get_subject_name(self.certificate);
    identity by = want.by ? *want.by : self;

    if (!want.from_s && !want.until_s) want.from_s = -DAY, want.until_s = DAY;
    X509_set_version(self.certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(self.certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(self.certificate), want.from_s);
    X509_gmtime_adj(X509_getm_notAfter(self.certificate), want.until_s);
    X509_set_pubkey(self.certificate, self.key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)want.name, -1, -1,
                               0);
    X509_set_issuer_name(self.certificate, X509_get_subject_name(by.certificate));
    if (want.is_ca)
        add_extension(self.certificate, by.certificate, NID_basic_constraints, "critical,CA:TRUE");
    if (want.names)
        add_extension(self.certificate, by.certificate, NID_subject_alt_name, want.names);
    assert_true(X509_sign(self.certificate, by.key, EVP_sha256()) > 0);
    return self;
}

static inline void free_identity(identity *self)
{
    X509_free(self->certificate);
    EVP_PKEY_free(self->key);
}

/* A file in the folder; its path is valid until the next four. */
static inline const char *path_in(const char *folder, const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline const char *write_certificate(const char *folder, const char *name, const X509 *what)
{
    const char *path = path_in(folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, what), 1);
    fclose(file);
    return path;
}

static inline const char *write_key(const char *folder, const char *name, const EVP_PKEY *what,
                                    const char *passphrase)
{
    const char *path = path_in(folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, what, passphrase ? EVP_aes_128_cbc() : NULL, NULL,
                                          0, NULL, (void *)(uintptr_t)passphrase),
                     1);
    fclose(file);
    return path;
}

#endif
