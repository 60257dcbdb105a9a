/* SPDX-License-Identifier: MIT
 * The events an application receives and sends. They carry ASGI's messages (HTTP and WebSocket
 * format 2.5, lifespan 2.0).
 *
 * The maker of an event sets size to the size of its own struct; a reader looks no further than
 * that. Received events are const and live until the next receive; what is passed to send is
 * borrowed for the call alone. An event of an unknown type is forwarded untouched. To change an
 * event, copy it with csgi_host.copy_event and change the copy; a struct assignment would keep a
 * size that lies. Flag bits 0-15 that are not known are ignored, 16-31 are refused. */
#ifndef CSGI_EVENT_H
#define CSGI_EVENT_H

#include <csgi/types.h>

/* The head of each event; frozen. */
typedef struct csgi_event {
    uint32_t size, type;
} csgi_event;

/* Initialises an event's head: csgi_http_start start = { CSGI_EVENT(csgi_http_start,
 * CSGI_HTTP_RESPONSE_START), 200, ... }; */
#define CSGI_EVENT(struct_type, event_type)         \
    {                                               \
        (uint32_t)sizeof(struct_type), (event_type) \
    }

/* The types, each with its struct. 0x80000000 and up belong to drafts. */
enum {
    /* Received: csgi_http_body, a piece of the request's body; at least one, even when it has
     * none. */
    CSGI_HTTP_REQUEST = 0x101,
    /* Received: csgi_event. The client is gone, or the response is complete; sticky. */
    CSGI_HTTP_DISCONNECT = 0x102,
    /* Sent: csgi_http_start, once, before any body. */
    CSGI_HTTP_RESPONSE_START = 0x181,
    /* Sent: csgi_http_body. */
    CSGI_HTTP_RESPONSE_BODY = 0x182,
    /* Sent: csgi_http_fields. Only with CSGI_CAN_TRAILERS. */
    CSGI_HTTP_RESPONSE_TRAILERS = 0x183,
    /* Sent: csgi_http_fields, before the start. Only with CSGI_CAN_EARLY_HINT. */
    CSGI_HTTP_RESPONSE_EARLY_HINT = 0x184,
    /* Sent: csgi_http_file by path. Only with CSGI_CAN_PATHSEND. */
    CSGI_HTTP_RESPONSE_PATHSEND = 0x185,
    /* Sent: csgi_http_file by fd. Only with CSGI_CAN_ZEROCOPYSEND. */
    CSGI_HTTP_RESPONSE_ZEROCOPYSEND = 0x186,

    /* Received: csgi_event. The handshake is held until the app answers. */
    CSGI_WEBSOCKET_CONNECT = 0x201,
    /* Received: csgi_websocket_close. */
    CSGI_WEBSOCKET_DISCONNECT = 0x202,
    /* Received and sent: csgi_websocket_message, always whole. */
    CSGI_WEBSOCKET_MESSAGE = 0x240,
    /* Sent: csgi_websocket_accept. To deny, send the HTTP response events instead. */
    CSGI_WEBSOCKET_ACCEPT = 0x281,
    /* Sent: csgi_websocket_close. */
    CSGI_WEBSOCKET_CLOSE = 0x282,

    /* Received: csgi_lifespan. */
    CSGI_LIFESPAN_STARTUP = 0x301,
    CSGI_LIFESPAN_SHUTDOWN = 0x302,
    /* Sent: csgi_lifespan, the answer to either; when it failed, with a message. */
    CSGI_LIFESPAN_COMPLETE = 0x381,
    CSGI_LIFESPAN_FAILED = 0x382
};

/* Flags of events. */
enum {
    CSGI_MORE = 1,      /* http body: more of the body follows; trailers: more of them follow */
    CSGI_TRAILERS = 2,  /* http start: trailers will follow the body; ignored where the scope does
                           not have CSGI_CAN_TRAILERS */
    CSGI_TEXT = 4,      /* websocket message: text in UTF-8; without it, binary */
    CSGI_FOR_RELOAD = 8 /* lifespan: for a reload, the process goes on */
};

/* The response's head. It need not reach the wire before the first body event, so a failure in
 * between can still become a 500; a body event that is empty and has CSGI_MORE flushes it. A
 * Transfer-Encoding among the headers is ignored. Without a Content-Length, a response whose first
 * body event is its last gets one. With one, a body of another length is refused (CSGI_EINVAL), and
 * the connection closed, so that the client can tell (RFC 9112 section 6.3). */
typedef struct csgi_http_start {
    csgi_event event;
    uint32_t status, flags; /* 200-999; CSGI_TRAILERS */
    csgi_fields headers;    /* names and values are refused (CSGI_EINVAL) when RFC 9110 section 5
                               forbids them */
} csgi_http_start;

/* A piece of a body, request's or response's; of a request's, de-chunked. To a HEAD request, and
 * with the status 204 or 304, a response's is not put on the wire (RFC 9110 section 6.4.1). */
typedef struct csgi_http_body {
    csgi_event event;
    csgi_str body;
    uint32_t flags, reserved; /* CSGI_MORE */
    csgi_fields trailers;     /* received only: the request's trailers, on its last event */
} csgi_http_body;

/* Early hints, or trailers. Hints (Link, most often) are sent at once, any number of times before
 * the start. Trailers come after the body's last piece, and the response is complete with the last
 * of them; those that RFC 9110 section 6.5.1 forbids are refused (CSGI_EINVAL). */
typedef struct csgi_http_fields {
    csgi_event event;
    csgi_fields fields;
    uint32_t flags, reserved; /* CSGI_MORE (trailers only) */
} csgi_http_fields;

/* A file as the whole body (pathsend), or a part of one as a piece of it (zerocopysend). They go
 * from the file to the socket without being copied where the kernel can do that, else they are
 * read; the event may be sent wherever its feature is offered. A Content-Length that the start does
 * not declare is taken from the file when this is the whole body. Refused with nothing on the wire:
 * CSGI_EINVAL: the path is not absolute, fd is not open or is a directory, the file does not have
 * that part, or not the declared length. CSGI_EFAIL: the file cannot be opened or read, or is no
 * regular one (pathsend); last_error says why. A file that becomes shorter while it is sent cuts
 * the response. A file that is not in memory is read from the disk on the worker's thread, a slice
 * at a time: others wait for as long as that takes. */
typedef struct csgi_http_file {
    csgi_event event;
    csgi_str path;          /* pathsend: absolute */
    uint64_t offset, count; /* zerocopysend: UINT64_MAX counts to the end of the file; a pipe,
                               socket or device is read from where it is, with offset 0 */
    int32_t fd;             /* zerocopysend: borrowed for the call; its position is not moved */
    uint32_t flags;         /* CSGI_MORE (zerocopysend only) */
} csgi_http_file;

typedef struct csgi_websocket_message {
    csgi_event event;
    csgi_str payload;
    uint32_t flags, reserved; /* CSGI_TEXT */
} csgi_websocket_message;

typedef struct csgi_websocket_accept {
    csgi_event event;
    csgi_str subprotocol; /* empty: none */
    csgi_fields headers;
} csgi_websocket_accept;

typedef struct csgi_websocket_close {
    csgi_event event;
    uint32_t code, reserved; /* RFC 6455 section 7.4 */
    csgi_str reason;
} csgi_websocket_close;

typedef struct csgi_lifespan {
    csgi_event event;
    uint32_t flags, reserved; /* CSGI_FOR_RELOAD */
    csgi_str message;         /* CSGI_LIFESPAN_FAILED: why */
} csgi_lifespan;

#endif
