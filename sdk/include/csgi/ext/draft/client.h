/* SPDX-License-Identifier: MIT
 * Draft extension "csgi.draft.client/1": outbound HTTP/1.1 over pooled keep-alive connections on
 * the worker's own loop. A draft may change with any server. */
#ifndef CSGI_EXT_DRAFT_CLIENT_H
#define CSGI_EXT_DRAFT_CLIENT_H

#include <csgi/host.h>

#define CSGI_CLIENT_EXTENSION "csgi.draft.client/1"

/* What to ask. Its memory is borrowed for the call. Zero the struct and set size = sizeof; what is
 * 0 or empty has a default. */
typedef struct csgi_client_request {
    uint32_t size, reserved;
    csgi_str method; /* empty: GET */
    /* "http://host:port/path?query" (the path percent-encoded), "http+unix://%2Frun%2Fx.sock/path"
     * for a Unix socket, or "app:NAME/path" for an app of this server, called in process. */
    csgi_str url;
    /* Host, Content-Length, Transfer-Encoding and Connection are the client's own, and refused. */
    csgi_fields headers;
    csgi_str body;               /* empty: none, unless the method is POST, PUT or PATCH */
    uint64_t connect_timeout_ms; /* name resolution and connecting: 5 s */
    uint64_t read_timeout_ms;    /* between two pieces of the response: 5 s */
    uint64_t total_timeout_ms;   /* from call to return: 30 s */
    uint64_t max_response_size;  /* of the body, in bytes: 16 MiB; CSGI_ELIMIT beyond */
} csgi_client_request;

typedef struct csgi_client_response {
    uint32_t size, status;
    csgi_fields headers; /* names in lower case; order and duplicates kept */
    csgi_str body;       /* whole, de-chunked, NUL-terminated */
} csgi_client_response;

typedef struct csgi_client_extension {
    uint32_t size, reserved;

    /* Asks and waits for the whole response, which lives in the arena. Any status is a success. A
     * pooled connection that proves dead before the first byte is replaced once, where nothing can
     * have been done twice: an idempotent method (RFC 9110 section 9.2.2), or a request that could
     * not be written; else it is CSGI_EPROTO. [task] [suspends]
     * CSGI_EUNREACH: the name did not resolve, or no connection. CSGI_EPROTO: the answer is no
     * HTTP, or was cut short. CSGI_ETIMEDOUT: a limit of the request, or the call's deadline.
     * CSGI_ECANCELED: this task is cancelled (as when the client went away). CSGI_ELIMIT: the
     * response is too large, or apps of this server ask one another too deep. CSGI_EINVAL: the
     * request. CSGI_ESTATE: outside of a task, or the server is stopping. CSGI_ENOMEM. last_error
     * says which and why. */
    csgi_status (*fetch)(const csgi_host *host, csgi_arena *arena,
                         const csgi_client_request *request, const csgi_client_response **response);
} csgi_client_extension;

#endif
