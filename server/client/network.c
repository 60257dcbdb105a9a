/* SPDX-License-Identifier: MIT
 * From the options of a csgi_client to connections of its own. */
#include "client/network.h"

#include <string.h>

#include "base/str.h"
#include "client/dial.h"

typedef struct named_text {
    const char *name;
    csgi_str text;
} named_text;

static csgi_status refuse(buffer *why, const char *option, const char *wrong)
{
    buffer_printf(why, "client_new: %s: %s", option, wrong);
    return CSGI_EINVAL;
}

static bool is_wanted(const csgi_client_options *options)
{
    const uint32_t flags = CSGI_CLIENT_INSECURE | CSGI_CLIENT_NO_ENVIRONMENT;

    return (options->flags & flags) || options->ca_file.len || options->cert_file.len ||
           options->key_file.len || options->proxy.len || options->max_connections ||
           options->max_connections_per_origin || options->max_idle_per_origin || options->idle_ms;
}

static csgi_status check_texts(const csgi_client_options *options, buffer *why)
{
    const named_text all[] = { { "ca_file", options->ca_file },
                               { "cert_file", options->cert_file },
                               { "key_file", options->key_file },
                               { "proxy", options->proxy } };

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].text.len && memchr(all[i].text.ptr, '\0', all[i].text.len))
            return refuse(why, all[i].name, "it has a NUL");
    }
    if (options->key_file.len && !options->cert_file.len)
        return refuse(why, "key_file", "it needs the certificate's cert_file beside it");
    if (options->ca_file.len && (options->flags & CSGI_CLIENT_INSECURE))
        return refuse(why, "ca_file",
                      "with CSGI_CLIENT_INSECURE nobody is asked for a certificate "
                      "of it");
    return CSGI_OK;
}

static const char *text_or_null(csgi_str text)
{
    return text.len ? text.ptr : NULL;
}

csgi_status network_open(const csgi_client_options *options, client *shared, client **out,
                         buffer *why)
{
    const client_options chosen = {
        .max_idle_per_origin = options->max_idle_per_origin,
        .idle_ms = options->idle_ms,
        .max_connections_per_origin = options->max_connections_per_origin,
        .max_connections = options->max_connections,
    };
    const dialer_options dialling = {
        .tls = { .ca_file = text_or_null(options->ca_file),
                 .cert_file = text_or_null(options->cert_file),
                 .key_file = text_or_null(options->key_file),
                 .insecure = (options->flags & CSGI_CLIENT_INSECURE) != 0 },
        .proxy = options->proxy,
        .ignores_environment = (options->flags & CSGI_CLIENT_NO_ENVIRONMENT) != 0,
    };
    csgi_status status = check_texts(options, why);
    size_t start = why->len;

    *out = NULL;
    if (status || !is_wanted(options)) return status;
    buffer_printf(why, "client_new: ");
    status = client_new_beside(shared, &chosen, &dialling, out, why);
    if (status == CSGI_OK) why->len = start;
    return status;
}
