/* SPDX-License-Identifier: MIT
 * Reads a small file that people write: a configuration, a routes file. */
#ifndef CAPRICORN_CONFIG_TEXT_FILE_H
#define CAPRICORN_CONFIG_TEXT_FILE_H

#include "base/buffer.h"

#define TEXT_FILE_MAX ((size_t)1 << 20) /* bytes */

/* Reads the whole of a regular file of at most TEXT_FILE_MAX bytes; a NUL follows that out->len
 * does not count. CSGI_EINVAL: *problem is a sentence that begins with the path.
 * CSGI_ENOMEM. Whatever came of it, *out is to be ended. */
csgi_status text_file_read(const char *path, buffer *out, buffer *problem);

#endif
