/* SPDX-License-Identifier: MIT
 * Why TLS failed, in words that say what to do about it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/escape.h"
#include "base/str.h"
#include "tls/tls_inside.h"

#define NAME_SIZE  160
#define NAMES_SIZE 300
#define DATE_SIZE  32
#define NAMES_TOLD 4

#define WANTS_CERTIFICATE                                               \
    "it wants a client certificate, and none is configured (cert_file " \
    "and key_file)"

enum { FIRST_ALERT = 0x15, FIRST_HANDSHAKE = 0x16 }; /* RFC 8446 section 5.1 */

/* ---- certificates ---- */

static const char *tell_date(char out[DATE_SIZE], const ASN1_TIME *time)
{
    struct tm when;

    if (!ASN1_TIME_to_tm(time, &when) || !strftime(out, DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &when))
        snprintf(out, DATE_SIZE, "an unknown date");
    return out;
}

static size_t put_escaped(char *out, size_t size, const unsigned char *text, int len)
{
    size_t used = escape_line(out, size - 1, (csgi_str){ (const char *)text, (size_t)len }, false);

    out[used] = '\0';
    return used;
}

/* The common name, or organisation, or whatever there is of a subject or issuer. */
static const char *tell_name(char out[NAME_SIZE], const X509_NAME *name)
{
    static const int kinds[] = { NID_commonName, NID_organizationalUnitName, NID_organizationName };

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        int at = X509_NAME_get_index_by_NID(name, kinds[i], -1);
        unsigned char *text = NULL;
        int len =
            at < 0 ? -1
                   : ASN1_STRING_to_UTF8(&text,
                                         X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

        if (len < 0) continue;
        put_escaped(out, NAME_SIZE, text, len);
        OPENSSL_free(text);
        return out;
    }
    snprintf(out, NAME_SIZE, "(no name)");
    return out;
}

/* One of subjectAltName as text; "" for kinds that name no server. */
static void tell_alternative(char *out, size_t size, const GENERAL_NAME *name)
{
    const ASN1_OCTET_STRING *ip = name->d.iPAddress;

    *out = '\0';
    if (name->type == GEN_DNS) {
        put_escaped(out, size, ASN1_STRING_get0_data(name->d.dNSName),
                    ASN1_STRING_length(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
        const unsigned char *bytes = ASN1_STRING_get0_data(ip);
        int family = ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6;

        if (ASN1_STRING_length(ip) == (family == AF_INET ? 4 : 16))
            inet_ntop(family, bytes, out, (socklen_t)size);
    }
}

/* "a.example, b.example and 3 more". */
static const char *tell_names(char out[NAMES_SIZE], const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names ? sk_GENERAL_NAME_num(names) : 0, told = 0, more = 0;
    size_t used = 0;

    *out = '\0';
    for (int i = 0; i < count; i++) {
        char text[NAME_SIZE];

        tell_alternative(text, sizeof text, sk_GENERAL_NAME_value(names, i));
        if (!*text) continue;
        if (told == NAMES_TOLD || used + strlen(text) + sizeof ", and 2147483647 more" > NAMES_SIZE)
            more++;
        else
            used +=
                (size_t)snprintf(out + used, NAMES_SIZE - used, "%s%s", told++ ? ", " : "", text);
    }
    if (more) snprintf(out + used, NAMES_SIZE - used, " and %d more", more);
    if (!told) snprintf(out, NAMES_SIZE, "no host (it has no subjectAltName)");
    GENERAL_NAMES_free(names);
    return out;
}

static void explain_unknown(const X509 *certificate, const tls *self, char *out, size_t size)
{
    char issuer[NAME_SIZE];

    tell_name(issuer, X509_get_issuer_name(certificate));
    if (self->config->has_ca_file)
        snprintf(out, size,
                 "its certificate is signed by \"%s\", which is not in the CA file (or the server "
                 "does not send the certificates in between)",
                 issuer);
    else
        snprintf(out, size,
                 "its certificate is signed by \"%s\", which this system does not know: if that is "
                 "a CA of yours, give its certificate as ca_file; if it is a public one, install "
                 "ca-certificates (or the server does not send the certificates in between)",
                 issuer);
}

void tls_explain_certificate(X509_STORE_CTX *judged, const tls *self, char *out, size_t size)
{
    const X509 *certificate = X509_STORE_CTX_get_current_cert(judged);
    int error = X509_STORE_CTX_get_error(judged);
    const char *whose =
        X509_STORE_CTX_get_error_depth(judged) ? "the certificate of its CA" : "its certificate";
    char date[DATE_SIZE], name[NAME_SIZE], names[NAMES_SIZE];

    if (!certificate) error = X509_V_ERR_UNSPECIFIED;
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(out, size, "%s (%s) has expired on %s", whose,
                 tell_name(name, X509_get_subject_name(certificate)),
                 tell_date(date, X509_get0_notAfter(certificate)));
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(out, size, "%s (%s) is not valid before %s: is the clock right?", whose,
                 tell_name(name, X509_get_subject_name(certificate)),
                 tell_date(date, X509_get0_notBefore(certificate)));
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(out, size, "its certificate is for %s, not for %s", tell_names(names, certificate),
                 self->host);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        snprintf(out, size, "its certificate (%s) is self-signed: to trust it, give it as ca_file",
                 tell_name(name, X509_get_subject_name(certificate)));
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        explain_unknown(certificate, self, out, size);
        break;
    default:
        snprintf(out, size, "%s is not good: %s", whose, X509_verify_cert_error_string(error));
    }
}

/* ---- the handshake ---- */

/* The first error that says something; clears the queue. */
static unsigned long take_error(bool *no_memory)
{
    unsigned long first = 0, error;

    *no_memory = false;
    while ((error = ERR_get_error())) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) *no_memory = true;
        if (!first) first = error;
    }
    return first;
}

/* The alert that the other side sent, or -1. */
static int alert_of(unsigned long error)
{
    int reason = ERR_GET_REASON(error);

    if (ERR_GET_LIB(error) != ERR_LIB_SSL || ERR_SYSTEM_ERROR(error)) return -1;
    if (reason < SSL_AD_REASON_OFFSET || reason > SSL_AD_REASON_OFFSET + 255) return -1;
    return reason - SSL_AD_REASON_OFFSET;
}

static bool is_about_certificate(int alert)
{
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
           alert == SSL_AD_CERTIFICATE_REQUIRED || alert == SSL_AD_HANDSHAKE_FAILURE;
}

static bool lacks_certificate(const tls *self, int alert)
{
    return self->asked && !self->config->has_certificate && is_about_certificate(alert);
}

static void explain_alert(const tls *self, int alert, char *out, size_t size)
{
    if (lacks_certificate(self, alert)) {
        snprintf(out, size, WANTS_CERTIFICATE);
        return;
    }
    switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
        snprintf(out, size, "it speaks no version of TLS that this client does (1.2 and 1.3)");
        break;
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_INSUFFICIENT_SECURITY:
        snprintf(out, size,
                 "it refused the TLS handshake: there is no cipher (or kind of key) that both it "
                 "and this client accept");
        break;
    case SSL_AD_UNRECOGNIZED_NAME:
        snprintf(out, size, "it does not serve the name %s (alert unrecognized name)", self->host);
        break;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        snprintf(out, size, "it does not offer HTTP/1.1 over TLS (ALPN)");
        break;
    default:
        snprintf(out, size,
                 is_about_certificate(alert) && self->asked
                     ? "it does not accept the client certificate (alert %s)"
                     : "it ended the TLS handshake (alert %s)",
                 SSL_alert_desc_string_long(alert));
    }
}

static void explain_error(unsigned long error, char *out, size_t size)
{
    const char *reason = ERR_reason_error_string(error);

    switch (ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
        snprintf(out, size, "it speaks only versions of TLS older than 1.2");
        break;
    default:
        snprintf(out, size, "the TLS handshake failed: %s", reason ? reason : "unknown error");
    }
}

static bool speaks_tls(const tls_handshake *self)
{
    return self->first_len == 0 || self->first[0] == FIRST_ALERT ||
           self->first[0] == FIRST_HANDSHAKE;
}

csgi_status tls_explain_handshake(const tls *self, char *out, size_t size)
{
    const tls_handshake *of = self->handshake;
    csgi_str first = { of->first, of->first_len };
    bool no_memory;
    unsigned long error = take_error(&no_memory);

    if (no_memory || self->wire_status == CSGI_ENOMEM) {
        snprintf(out, size, "no memory for TLS");
        return CSGI_ENOMEM;
    }
    if (!speaks_tls(of)) {
        snprintf(out, size, "it does not speak TLS: %s",
                 str_eq(first, STR("HTTP/")) ? "it answers in plain HTTP, so http:// may be right, "
                                               "or another port"
                                             : "is it the right port?");
        return CSGI_EPROTO;
    }
    if (*of->reason)
        snprintf(out, size, "%s", of->reason);
    else if (alert_of(error) >= 0)
        explain_alert(self, alert_of(error), out, size);
    else if (error)
        explain_error(error, out, size);
    else
        snprintf(out, size, "it %s during the TLS handshake",
                 self->failed ? "reset the connection" : "closed the connection");
    return CSGI_EUNREACH;
}

const char *tls_explain_break(const tls *self)
{
    bool no_memory;
    unsigned long error = take_error(&no_memory);
    const char *reason = error ? ERR_reason_error_string(error) : NULL;

    if (no_memory || self->wire_status == CSGI_ENOMEM) return "no memory for TLS";
    /* With TLS 1.3 the client is ready before the server has looked for its certificate. */
    if (lacks_certificate(self, alert_of(error))) return WANTS_CERTIFICATE;
    if (alert_of(error) >= 0) return SSL_alert_desc_string_long(alert_of(error));
    return reason ? reason : "TLS failed";
}
