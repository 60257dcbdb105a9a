/* SPDX-License-Identifier: MIT
 * The URL at which this server can reach itself: csgi_host.server_url. */
#ifndef CAPRICORN_WORKER_SERVER_URL_H
#define CAPRICORN_WORKER_SERVER_URL_H

#include "base/buffer.h"
#include "net/address.h"

/* Appends "http://127.0.0.1:8000" (a wildcard address becomes the loopback one) or
 * "http+unix://%2Frun%2Fx.sock" (the path made absolute). CSGI_ENOMEM, CSGI_EFAIL. */
csgi_status server_url_print(const address *listening, buffer *out);

#endif
