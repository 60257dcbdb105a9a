/* SPDX-License-Identifier: MIT
 * Draft extension "csgi.draft.client/1": outbound HTTP/1.1 over pooled keep-alive connections on
 * the worker's own loop. A draft may change with any server. */
#ifndef CSGI_EXT_DRAFT_CLIENT_H
#define CSGI_EXT_DRAFT_CLIENT_H

#include <csgi/host.h>

#define CSGI_CLIENT_EXTENSION "csgi.draft.client/1"

/* Opaque: settings for requests, and what they keep; made by client_new. */
typedef struct csgi_client csgi_client;

/* Opaque: a request and its response that go piece by piece; made by open. */
typedef struct csgi_transfer csgi_transfer;

/* Flags of a request; those of its client count as well. */
enum {
    /* 301, 302, 303, 307 and 308 with a Location are followed (RFC 9110 section 15.4): a POST
     * becomes a GET by 301 and 302, all but HEAD by 303; 307 and 308 keep method and body. Another
     * origin (scheme, host or port) is not told the Authorization, Cookie and Proxy-Authorization
     * of the request or its client, nor is any later one; the way from https to http is such a one,
     * and allowed. A body that was given by write cannot be sent again: its redirect is the
     * response. CSGI_ELIMIT: more than max_redirects; CSGI_EPROTO: it leads to no http or https
     * URL. */
    CSGI_CLIENT_FOLLOW_REDIRECTS = 1,
    /* What cannot have been done twice is tried again, up to max_retries times: when no connection
     * came about, and, of the methods that are idempotent (RFC 9110 section 9.2.2), when it died
     * without an answer or the answer was 429, 502, 503 or 504. Before each comes a pause, longer
     * each time and random in part, or what Retry-After says. When the pause does not fit into what
     * is left of the time, the answer, or failure, that is there is returned at once. A timeout
     * after the request was sent is final. */
    CSGI_CLIENT_RETRY = 2,
    /* Compression is not asked for, and Content-Encoding not undone. */
    CSGI_CLIENT_KEEP_CODING = 4,
    /* For open alone: the request's body is given by write. */
    CSGI_CLIENT_BODY_FOLLOWS = 8,
    /* Of a client only: what Set-Cookie says is kept until the client ends, and sent along (RFC
     * 6265), each redirect included. A request's own Cookie field goes in the place of it. The jar
     * is the app's: never share one between users of yours, who would get one another's sessions.
     */
    CSGI_CLIENT_COOKIES = 1 << 8,
    /* Of a client only: whoever answers over https is believed to be who was asked, so anyone on
     * the way can read and change everything. For tests; better is a ca_file. The log warns. */
    CSGI_CLIENT_INSECURE = 1 << 9,
    /* Of a client only: http_proxy, https_proxy, all_proxy and no_proxy of the environment do not
     * count. */
    CSGI_CLIENT_NO_ENVIRONMENT = 1 << 10,
    /* The traceparent and tracestate (W3C Trace Context) of the request that is being served are
     * not passed on. */
    CSGI_CLIENT_NO_TRACE = 1 << 11
};

/* What to ask. Its memory is borrowed for the call. Zero the struct and set size = sizeof; what is
 * 0 or empty is as its client says, and else has a default. */
typedef struct csgi_client_request {
    uint32_t size, flags; /* CSGI_CLIENT_* */
    csgi_str method;      /* empty: GET */
    /* "http://host:port/path?query" (the path percent-encoded), the same with https,
     * "http+unix://%2Frun%2Fx.sock/path" for a Unix socket, or "app:NAME/path" for an app of this
     * server, called in process. What does not begin with a scheme is added to the client's
     * base_url. Servers asked over https must prove their name to the system's CAs, or the
     * client's. Through a proxy go the requests for which the client, or the server's environment,
     * names one (http_proxy, https_proxy, all_proxy, no_proxy, and HTTP_PROXY &c.). */
    csgi_str url;
    /* Host, Content-Length, Transfer-Encoding and Connection are the client's own, and refused. */
    csgi_fields headers;
    csgi_str body;               /* empty: none, unless the method is POST, PUT or PATCH */
    uint64_t connect_timeout_ms; /* name resolution, connecting and TLS: 5 s */
    uint64_t read_timeout_ms;    /* between two pieces of the response: 5 s */
    uint64_t total_timeout_ms;   /* from call to return: 30 s */
    uint64_t max_response_size;  /* of the decoded body, in bytes: 16 MiB; CSGI_ELIMIT beyond */
    csgi_client *client;         /* one of this app's; NULL: none, all is as said here */
    csgi_str user, password;     /* Basic authentication (RFC 7617); no ":" in the user */
    csgi_str bearer;        /* or a bearer token (RFC 6750). An Authorization header beats both */
    uint32_t max_redirects; /* that are followed: 20 */
    uint32_t max_retries;   /* after the first try: 2 */
    uint64_t write_timeout_ms; /* between two pieces of the request that the server takes: 5 s */
    uint64_t pool_timeout_ms;  /* of waiting for a free connection: 5 s */
    /* With CSGI_CLIENT_BODY_FOLLOWS: how many bytes follow, announced by Content-Length. 0 or
     * UINT64_MAX: that is not known, and the body goes out chunked. */
    uint64_t body_length;
} csgi_client_request;

typedef struct csgi_client_response {
    uint32_t size, status;
    /* Names in lower case; order and duplicates kept. Of a body that was decoded (gzip, deflate,
     * br: asked for, unless the request has its own Accept-Encoding) without Content-Encoding and
     * Content-Length. */
    csgi_fields headers;
    csgi_str body; /* whole, de-chunked, decoded, NUL-terminated */
    csgi_str url;  /* that answered in the end; the request's own text, if it was that one */
    uint32_t redirects, retries; /* how many it took to get there */
} csgi_client_response;

/* Settings for many requests, as httpx.Client has them. Zero the struct and set size = sizeof. All
 * is copied. */
typedef struct csgi_client_options {
    uint32_t size, flags; /* CSGI_CLIENT_*, for each request */
    /* "http://host:port/v1": what goes before URLs without a scheme: "/items?x=1" and "items?x=1"
     * are then both http://host:port/v1/items?x=1. May be "app:NAME". */
    csgi_str base_url;
    csgi_fields headers; /* of each request; its own field of that name, in any case, wins */
    csgi_str user, password, bearer;
    uint64_t connect_timeout_ms, read_timeout_ms, total_timeout_ms, max_response_size;
    uint32_t max_redirects, max_retries;
    /* For tests: called in the place of any other server, in the task that asks, with each request
     * as it would go out (redirects, retries and cookies are done above it). It sets *response,
     * which needs status, headers and body alone and is copied, or fails as fetch would. [suspends]
     */
    csgi_status (*transport)(void *arg, csgi_arena *arena, const csgi_client_request *request,
                             const csgi_client_response **response);
    void *transport_arg;
    uint64_t write_timeout_ms, pool_timeout_ms;
    /* What follows gives the client connections of its own, which it shares with none.
     * Files in PEM, read by client_new: the CAs that are trusted instead of the system's; the
     * certificate that is shown to servers which ask for one, with its chain; its key, without a
     * passphrase (empty: in cert_file). */
    csgi_str ca_file, cert_file, key_file;
    /* "http://user:password@host:3128" or "https://...": all goes through it, whatever the
     * environment says. Empty: the environment. */
    csgi_str proxy;
    /* Connections at the same moment in all (4096) and to one server (1024): who needs one more
     * waits, no longer than pool_timeout_ms. And of these idle ones to one server (1024). */
    uint32_t max_connections, max_connections_per_origin, max_idle_per_origin, reserved;
    uint64_t idle_ms; /* an idle connection is closed after it: 30 s */
} csgi_client_options;

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

    /* Makes a client, for this app alone; its connections are shared with all others that ask
     * for none of their own. Checks all options: CSGI_EINVAL, and last_error names the wrong one.
     * CSGI_ENOMEM. It ends with client_free, at the latest with the app. In create too. [loop] */
    csgi_status (*client_new)(const csgi_host *host, const csgi_client_options *options,
                              csgi_client **out);
    /* Its requests under way go on. Harmless with NULL. [loop] */
    void (*client_free)(csgi_client *self);

    /* A request or a response of any length, in pieces: neither is ever in memory as a whole, and
     * who is behind holds the other up. The steps: open, then write for a body that follows, then
     * head, then read until the end, and close. A transfer is used by the call that opened it, by
     * one task at a time; it is closed when that call ends, if not before. Each of the functions
     * fails as fetch does, and last_error says why; in addition CSGI_EBUSY: another task of the
     * call is in one of them; CSGI_ESTATE: another call's. After a failure only close is of use,
     * but for CSGI_EBUSY and CSGI_EDISCONNECTED. */

    /* Sends the head, and the body unless CSGI_CLIENT_BODY_FOLLOWS. The request is copied into the
     * arena, in which the response's head will live: it outlives the transfer. All settings count
     * as in fetch, but total_timeout_ms (from open to the end) and max_response_size (of what read
     * gives) are unlimited unless they are set, in the request or its client. With
     * CSGI_CLIENT_FOLLOW_REDIRECTS or CSGI_CLIENT_RETRY it also waits for the head, and asks again
     * up to there; where the body follows neither is done. On failure *out is not set.
     * CSGI_ENOTSUP: a URL of app:, or a client with a transport. [task] [suspends] */
    csgi_status (*open)(const csgi_host *host, csgi_arena *arena,
                        const csgi_client_request *request, csgi_transfer **out);
    /* Sends a piece of a body that follows; last, which may be empty, ends it. Waits while the
     * other side is behind. CSGI_EDISCONNECTED: it answered before it took everything, and takes no
     * more: go on with head. CSGI_EINVAL: more than body_length bytes, or fewer by the last.
     * CSGI_ESTATE: after the last. CSGI_ETIMEDOUT: nothing was taken for write_timeout_ms. [task]
     * [suspends] */
    csgi_status (*write)(csgi_transfer *self, csgi_str piece, int32_t last);
    /* Waits for status and headers; the body is empty. Again at once with the same. May be asked
     * for while the body is under way. [task] [suspends] */
    csgi_status (*head)(csgi_transfer *self, const csgi_client_response **response);
    /* Waits for the next piece of the response's body, of any size, decoded; valid until the next
     * call. Empty with CSGI_OK: the end. What came before a failure is given first. [task]
     * [suspends] */
    csgi_status (*read)(csgi_transfer *self, csgi_str *piece);
    /* Ends it. The connection is used again if everything was read, and else closed. Harmless with
     * NULL. [task] */
    void (*close)(csgi_transfer *self);
} csgi_client_extension;

#endif
