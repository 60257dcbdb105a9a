/* SPDX-License-Identifier: MIT
 * A plugin's descriptor: checked, and copied to structs of this server's size. It opens no file. */
#ifndef CAPRICORN_PLUGIN_DESCRIPTOR_H
#define CAPRICORN_PLUGIN_DESCRIPTOR_H

#include <csgi/csgi.h>

#include "base/buffer.h"

/* Checks what csgi_plugin_query returned (NULL too), and copies it: the descriptor to *out, whose
 * endpoints are then *endpoints, on the heap. CSGI_EFAIL: *problem is a sentence that begins with
 * the file's name. CSGI_ENOMEM. */
csgi_status descriptor_read(const csgi_plugin *from, const char *file, csgi_plugin *out,
                            csgi_endpoint **endpoints, buffer *problem);

#endif
