/* SPDX-License-Identifier: MIT
 * Adds a text to the pages that an exchange answers with: what `dev` has browsers load beside the
 * app's own. */
#ifndef CAPRICORN_EXCHANGE_HTML_TAIL_H
#define CAPRICORN_EXCHANGE_HTML_TAIL_H

#include "exchange/exchange.h"

/* If the response, whoever makes it, is a page, the tail (borrowed; ASCII) is part of it: before
 * "</body>" if that, and perhaps "</html>", ends it, else behind all; its Content-Length is
 * adjusted. A page is a whole response (200 to 299, 400 and above) of text/html in a charset that
 * extends ASCII, not encoded, not for download and without a digest, to what is no HEAD. All else
 * passes as it is, byte for byte. Before the response has started. CSGI_ENOMEM: it is as without.
 * [loop] */
csgi_status html_tail_add(exchange *self, csgi_str tail);

#endif
