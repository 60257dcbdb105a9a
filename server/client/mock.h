/* SPDX-License-Identifier: MIT
 * A client's transport function in the place of the network, for tests of plugins. */
#ifndef CAPRICORN_CLIENT_MOCK_H
#define CAPRICORN_CLIENT_MOCK_H

#include "client/settings.h"
#include "loop/task.h"

/* Calls the transport of the settings; the response is copied, and checked. Otherwise as
 * client_fetch. [task] [suspends] */
csgi_status mock_fetch(const settings *with, loop *runner, arena *into,
                       const csgi_client_request *request, bool *may_repeat,
                       const csgi_client_response **response, buffer *why);

#endif
