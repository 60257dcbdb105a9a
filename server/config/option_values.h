/* SPDX-License-Identifier: MIT
 * Setting one option from a text, for the files that know where texts come from. */
#ifndef CAPRICORN_CONFIG_OPTION_VALUES_H
#define CAPRICORN_CONFIG_OPTION_VALUES_H

#include "config/options.h"

/* Has it several elements, of which each text is one? */
bool option_is_list(const option_entry *entry);
/* Where they are kept. */
option_list *option_list_of(server_options *self, const option_entry *entry);
/* Adds one. CSGI_EINVAL: *problem has "found ..., expected ...". */
csgi_status option_append(server_options *self, const option_entry *entry, csgi_str text,
                          buffer *problem);
/* Sets one option, or one more element of a list. CSGI_EINVAL: *problem has "found ..., expected
 * ...", and nothing was set. */
csgi_status option_set(server_options *self, const option_entry *entry, const char *text,
                       buffer *problem);

#endif
