/* SPDX-License-Identifier: MIT
 * The same of an endpoint. */
#define ENDPOINT_FLAGS (1u << 31)
#include "bad.h"

BAD_PLUGIN;
CSGI_PLUGIN(plugin);
