/* SPDX-License-Identifier: MIT
 * Reading what --header says. */
#include "config/header_text.h"

#include "base/check.h"
#include "base/str.h"

/* They frame the message or concern the connection: the server's own (RFC 9110 section 7.6.1). */
static bool is_the_servers(csgi_str name)
{
    static const csgi_str names[] = { CSGI_STR("connection"), CSGI_STR("content-length"),
                                      CSGI_STR("keep-alive"), CSGI_STR("te"),
                                      CSGI_STR("trailer"),    CSGI_STR("transfer-encoding"),
                                      CSGI_STR("upgrade") };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq_nocase(name, names[i])) return true;
    }
    return false;
}

const char *header_split(csgi_str text, csgi_str *name, csgi_str *value)
{
    size_t colon = str_find_char(text, ':');

    *name = str_slice(text, 0, colon);
    *value = str_trim(str_slice(text, colon + 1, SIZE_MAX));
    if (colon == text.len || !str_is_token(*name)) return "NAME:VALUE, with a header's name";
    if (!str_is_field_value(*value)) return "a value without control characters";
    if (is_the_servers(*name)) return "a header that the server does not set itself";
    return NULL;
}

bool headers_have(const option_list *headers, csgi_str name)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        csgi_str item = headers->items[i];

        if (str_eq_nocase(str_slice(item, 0, str_find_char(item, ':')), name)) return true;
    }
    return false;
}

csgi_status headers_print_lines(const option_list *headers, buffer *out)
{
    csgi_status status = CSGI_OK;

    for (uint32_t i = 0; i < headers->count && status == CSGI_OK; i++) {
        csgi_str name, value;
        size_t start = out->len;

        CHECK(header_split(headers->items[i], &name, &value) == NULL);
        status = buffer_printf(out, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
        if (status == CSGI_OK) str_lower(out->bytes + start, name.len);
    }
    return status;
}
