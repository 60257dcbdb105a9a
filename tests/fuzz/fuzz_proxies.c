/* SPDX-License-Identifier: MIT
 * Any text as a proxy's URL, and as a list of exceptions; they stand on lines of their own. */
#include "fuzz.h"

#include "base/str.h"
#include "client/proxies.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    csgi_str rest = { (const char *)bytes, len };
    csgi_str place = str_take(&rest, '\n'), host = str_take(&rest, '\n');
    char *text = exact_copy(place.ptr, place.len), *list = exact_copy(rest.ptr, rest.len);
    char *name = exact_copy(host.ptr, host.len);
    proxies found = { NULL, NULL, NULL };
    const char *why = NULL;
    csgi_status status = proxies_from_url(&found, (csgi_str){ text, place.len }, &why);

    if (status == CSGI_OK) {
        MUST(found.http->at.port > 0 && found.http->at.port < 65536);
        MUST(memchr(found.http->at.host, '\0', sizeof found.http->at.host));
        MUST(str_is_field_value(found.http->authorization));
        MUST(str_find_char(found.http->name, '@') == found.http->name.len);
    } else {
        MUST(status == CSGI_EINVAL && why && *why && !found.http);
    }
    proxies_fini(&found);
    proxies_list_has((csgi_str){ list, rest.len }, (csgi_str){ name, host.len }, 80);
    free(text);
    free(list);
    free(name);
    return 0;
}
