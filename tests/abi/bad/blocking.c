/* SPDX-License-Identifier: MIT
 * A blocking endpoint. */
#define ENDPOINT_FLAGS CSGI_BLOCKING
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
