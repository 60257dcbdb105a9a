/* SPDX-License-Identifier: MIT
 * The URL at which this server can reach itself. */
#include "worker/server_url.h"

#include <stdlib.h>

#include "base/str.h"

static csgi_status append_encoded(buffer *out, const char *path)
{
    csgi_status status = CSGI_OK;

    for (; *path && status == CSGI_OK; path++) {
        bool is_plain = char_is_alnum(*path) || strchr("._-~", *path);

        status = is_plain ? buffer_append(out, path, 1)
                          : buffer_printf(out, "%%%02X", (unsigned char)*path);
    }
    return status;
}

static csgi_status print_unix(const char *path, buffer *out)
{
    char *absolute = realpath(path, NULL);
    csgi_status status;

    if (!absolute) return CSGI_EFAIL;
    status = buffer_printf(out, "http+unix://");
    if (status == CSGI_OK) status = append_encoded(out, absolute);
    free(absolute);
    return status;
}

csgi_status server_url_print(const address *listening, buffer *out)
{
    const address_text text = address_host(listening);
    const char *host = address_is_unix(listening) ? text.bytes : address_reachable(text.bytes);
    uint32_t port = address_port(listening);

    if (address_is_unix(listening)) return print_unix(host, out);
    if (strchr(host, ':')) return buffer_printf(out, "http://[%s]:%u", host, port);
    return buffer_printf(out, "http://%s:%u", host, port);
}
