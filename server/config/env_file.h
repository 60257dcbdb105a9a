/* SPDX-License-Identifier: MIT
 * Files of environment variables (--env-file), as dotenv has them: a line is NAME=VALUE, perhaps
 * behind "export"; '...' is taken as it is, "..." has \n, \r, \t, \\, \" and \$, and either may go
 * on over lines; # begins a comment. Variables are not expanded: "${" is a mistake. */
#ifndef CAPRICORN_CONFIG_ENV_FILE_H
#define CAPRICORN_CONFIG_ENV_FILE_H

#include "base/buffer.h"

typedef struct env_pair {
    const char *name, *value; /* in the text */
    unsigned line;
} env_pair;

/* Reads a text, which a NUL follows, and changes it in place: *pairs gets an env_pair for each of
 * its variables. CSGI_EINVAL: *problem has a line for each mistake, "source:LINE: ...".
 * CSGI_ENOMEM. */
csgi_status env_text_parse(const char *source, char *text, size_t len, buffer *pairs,
                           buffer *problem);
/* Sets what the file says, but for what the environment has already. CSGI_EINVAL: nothing was set,
 * and *problem has a line for each mistake. CSGI_ENOMEM. */
csgi_status env_file_load(const char *path, buffer *problem);

#endif
