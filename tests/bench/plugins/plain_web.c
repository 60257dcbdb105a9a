/* SPDX-License-Identifier: MIT
 * GET /: thirteen bytes by the framework, as FastAPI's and Flask's peers of the benchmark do. */
#include <csgi/web.h>

CSGI_GET(plain, "/", CSGI_SUMMARY("Thirteen bytes"));

static csgi_status plain(csgi_call *call)
{
    return csgi_reply_text(call, 200, "Hello, world!");
}

CSGI_WEB_PLUGIN("plain_web", "1.0.0", "Thirteen bytes", CSGI_ROUTES(plain));
