/* SPDX-License-Identifier: MIT
 * Configuration texts in JSON: whether one is an object at all. What its members may be is for
 * those to say who read them. */
#ifndef CAPRICORN_CONFIG_JSON_TEXT_H
#define CAPRICORN_CONFIG_JSON_TEXT_H

#include "base/buffer.h"

/* Is the text, which a NUL follows, one JSON object and nothing else? On failure *problem is a
 * sentence that names source (a file) and the line. CSGI_EFAIL. */
csgi_status json_check_object(const char *source, csgi_str text, buffer *problem);

#endif
