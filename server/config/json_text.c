/* SPDX-License-Identifier: MIT
 * Checks texts with cJSON. */
#include "config/json_text.h"

#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/str.h"

csgi_status json_check_object(const char *source, csgi_str text, buffer *problem)
{
    const char *stopped_at = text.ptr;
    bool has_nul = memchr(text.ptr, 0, text.len) != NULL;
    bool is_utf8 = str_is_utf8(text); /* cJSON does not ask */
    bool is_text = is_utf8 && !has_nul;
    cJSON *json =
        is_text ? cJSON_ParseWithLengthOpts(text.ptr, text.len + 1, &stopped_at, 1) : NULL;
    bool is_object = cJSON_IsObject(json);
    unsigned line = 1;

    if (has_nul) {
        buffer_printf(problem, "%s: found a NUL, expected a JSON object", source);
    } else if (!is_utf8) {
        buffer_printf(problem, "%s: found bytes that are no UTF-8, expected a JSON object", source);
    } else if (!json) {
        for (const char *at = text.ptr; at < stopped_at; at++)
            line += *at == '\n';
        buffer_printf(problem, "%s:%u: found what is no JSON, expected a JSON object", source,
                      line);
    } else if (!is_object) {
        buffer_printf(problem, "%s: found another JSON value, expected a JSON object: {...}",
                      source);
    }
    cJSON_Delete(json);
    return is_object ? CSGI_OK : CSGI_EFAIL;
}
