/* SPDX-License-Identifier: MIT
 * inet_pton for text that has no NUL behind it. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

bool ip_parse(int family, csgi_str text, void *out)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len)) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, out) == 1;
}
