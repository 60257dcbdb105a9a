/* SPDX-License-Identifier: MIT
 * What a compiler has read, as it says by -MMD: a make rule. */
#ifndef CAPRICORN_RELOAD_DEPENDS_H
#define CAPRICORN_RELOAD_DEPENDS_H

#include "base/buffer.h"

/* Appends the prerequisites of the rules in the text, each with a NUL behind it, in order. Nothing
 * of make but rules, comments and continued lines is understood: CSGI_EINVAL; CSGI_ENOMEM. What was
 * appended until then stays. */
csgi_status depends_read(csgi_str text, buffer *paths);

#endif
