/* SPDX-License-Identifier: MIT
 * One request and its response, between the protocol (the wire) below and the application above. It
 * knows neither HTTP/1's bytes nor CSGI's events: the wire pushes a request and body bytes in, the
 * application side receives, starts, writes and ends.
 *
 * It is shared by two: the wire (from exchange_new to exchange_wire_release) and the application
 * side (from on_request, or the wire's refusal, to exchange_app_release); the memory goes with the
 * last. */
#ifndef CAPRICORN_EXCHANGE_EXCHANGE_H
#define CAPRICORN_EXCHANGE_EXCHANGE_H

#include <csgi/scope.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "net/address.h"

typedef struct exchange exchange;

/* What the protocol does for an exchange. All [loop] or in a task; none suspends. */
typedef struct exchange_wire {
    /* The application asked for the body for the first time: 100 Continue is due, if it was
     * expected. */
    void (*want_body)(exchange *self);
    /* The inbox has room again: read on. */
    void (*resume)(exchange *self);
    /* Takes the response's head (copying what it keeps) and holds it back. Validated already. The
     * status and fields are as the application said; content-length is one of the fields or not.
     * CSGI_ENOMEM; CSGI_EDISCONNECTED. */
    csgi_status (*start)(exchange *self, uint32_t status, csgi_fields headers);
    /* Forgets a head that is still held back. */
    void (*unstart)(exchange *self);
    /* Writes body bytes, after the head if that is still held back; last: this ends the response.
     * An empty piece that is not the last flushes the head. For HEAD, 204, 205, 304 the bytes stay
     * off the wire. CSGI_EDISCONNECTED, CSGI_ENOMEM. */
    csgi_status (*body)(exchange *self, csgi_str bytes, bool last);
    /* Bytes that wait for the kernel. */
    size_t (*queued)(const exchange *self);
    /* The response cannot be completed: cut the connection (or stream), never a clean end. */
    void (*cut)(exchange *self);
    /* Writes an informational response (103) before the head. Only with CSGI_CAN_EARLY_HINT among
     * the features; else NULL. CSGI_EDISCONNECTED, CSGI_ENOMEM. */
    csgi_status (*hint)(exchange *self, csgi_fields fields);
    /* Writes trailers after the body, whose pieces were none of them the last; last: they end the
     * response. For HEAD, 204, 205, 304 they stay off the wire. Only with CSGI_CAN_TRAILERS; else
     * NULL. CSGI_EDISCONNECTED, CSGI_ENOMEM. */
    csgi_status (*trailers)(exchange *self, csgi_fields fields, bool first, bool last);
    /* Writes the beginning of len bytes of a file, as body, after bytes of body; the rest of them
     * follows before anything else, by this or by body. *sent counts what went out; 0 with CSGI_OK:
     * none can go so now, or the file has ended: read it and use body. CSGI_ENOTSUP: never this
     * file. CSGI_EDISCONNECTED, CSGI_ENOMEM. NULL: files are always read. */
    csgi_status (*file)(exchange *self, int fd, uint64_t offset, size_t len, size_t *sent);
} exchange_wire;

typedef enum exchange_phase {
    EXCHANGE_IDLE,     /* nothing said yet */
    EXCHANGE_STARTED,  /* head accepted, held back */
    EXCHANGE_FLUSHED,  /* bytes of the response are on their way */
    EXCHANGE_COMPLETE, /* the response has ended well */
    EXCHANGE_CUT       /* cut by us, or let go by the wire before its end */
} exchange_phase;

/* Space for a request's head and the app's small allocations, before the heap is asked. */
#define EXCHANGE_ARENA_SIZE ((size_t)1216)
/* The inbox stops the wire above this, and lets it go on when it is empty. */
#define EXCHANGE_INBOX_HIGH ((size_t)65536)
/* A send suspends while more than this waits for the kernel. */
#define EXCHANGE_OUTBOX_HIGH ((size_t)65536)
/* A larger piece of body is written in slices of this size, each when the one before has drained.
 */
#define EXCHANGE_SLICE ((size_t)262144)
/* After a disconnect the task may go on for this long before it is cancelled. */
#define EXCHANGE_GRACE_MS 3000u

struct exchange {
    /* The request: set by the wire before on_request, in the arena, every string NUL-terminated. */
    arena arena;
    csgi_str http_version, method, scheme, raw_path, query_string;
    csgi_str path;        /* decoded: valid UTF-8, no NUL */
    csgi_fields headers;  /* names in lower case */
    bool has_body;        /* framing says that a body follows (perhaps an empty one) */
    uint64_t body_length; /* as the head declares it; UINT64_MAX: it does not */
    uint64_t body_limit; /* UINT64_MAX: none; set to another before on_request returns, it counts */
    uint64_t features;   /* CSGI_CAN_*: what can be sent beyond head and body */
    const address *client, *server; /* or as its proxy says; NULL once the wire let go */

    /* For the access log: set as things become known. */
    csgi_str app_name, endpoint_name, route_pattern;
    uint32_t status;
    uint64_t body_bytes_sent;
    uint64_t began_ns;          /* on loop_clock_ns; 0: nobody asked */
    bool is_unlogged;           /* it is worth no line */
    void (*on_over)(void *arg); /* see exchange_when_over */
    void *on_over_arg;

    /* The response. */
    exchange_phase phase;
    bool has_declared_length;
    uint64_t declared_length, body_bytes; /* said by content-length; given by the app */
    bool has_trailers;                    /* they will follow the body */
    bool awaits_trailers;                 /* the body has ended; they are due */
    bool trailers_begun;

    /* Private to exchange/. */
    loop *loop;
    const exchange_wire *wire;
    void *wire_owner; /* the connection; NULL once released */
    int references;
    buffer inbox, lent; /* arriving; borrowed by the application until it receives again */
    bool body_ended, body_reported, body_wanted;
    bool wire_waits;      /* the wire was told to stop reading */
    bool half_closed;     /* the client sends no more; it may still read */
    bool disconnected;    /* sends fail, receive yields disconnect */
    bool disconnect_told; /* receive has said so once: from then on it is slowed down */
    bool length_broken;   /* the held-back head and its body did not agree: see exchange_body */
    csgi_fields trailers;
    task_wait *receiver;
    bool app_released;
    bool sending;      /* someone is inside start or body */
    list_node senders; /* who waits for that to end, in order of the calls */
    task_wait *drain_waiter;
    task *task; /* the application's, to be cancelled some time after a disconnect */
    void (*on_gone)(void *arg); /* see exchange_app_watch */
    void *on_gone_arg;
    timer grace;
    list_node node; /* of the wire's or the pool's lists */
    char memory[EXCHANGE_ARENA_SIZE];
};

/* Calls fn(arg) once, when both sides have let go of it and its memory is about to end. */
static inline void exchange_when_over(exchange *self, void (*fn)(void *arg), void *arg)
{
    self->on_over = fn;
    self->on_over_arg = arg;
}

/* ---- for the wire ---- */

/* From the pool, with both references: the wire's, and the application side's, which on_request
 * hands up (a wire that refuses the request itself calls exchange_app_release too). NULL: no
 * memory. */
exchange *exchange_new(loop *loop, const exchange_wire *wire, void *wire_owner);
/* The wire lets go: wire_owner becomes NULL, and what the application still says is answered
 * CSGI_EDISCONNECTED (unless complete). */
void exchange_wire_release(exchange *self);
/* Body bytes have come; they are copied. True: go on reading; false: the inbox is full, wait for
 * resume. Ignored once complete. */
bool exchange_push_body(exchange *self, const char *bytes, size_t len);
/* The body has ended; trailers in the exchange's arena. */
void exchange_push_end(exchange *self, csgi_fields trailers);
/* The client will send no more, after a whole request; most often it is gone, but a client that has
 * shut down only its sending half still reads. So receive yields disconnect (after what is left of
 * the body) and the grace runs, but sends go on until a write fails or the application has been
 * told by receive. */
void exchange_push_half_close(exchange *self);
/* The kernel took all: a suspended sender goes on. */
void exchange_push_drained(exchange *self);
/* Frees the pool's memory. */
void exchange_pool_clear(void);

/* ---- for the application side ---- */

/* Says which task answers, so that it can be cancelled after a disconnect. */
void exchange_app_hold(exchange *self, task *task);
/* Calls on_gone(arg), once, from wherever it happens, when receive would begin to yield disconnect
 * though the application has not ended its response: the client is gone, or sends no more, or the
 * server has answered. At once if that is so already. NULL: no more. */
void exchange_app_watch(exchange *self, void (*on_gone)(void *arg), void *arg);
/* The application side lets go; concludes first. Once. */
void exchange_app_release(exchange *self);

typedef enum exchange_received { EXCHANGE_GOT_BODY, EXCHANGE_GOT_DISCONNECT } exchange_received;
/* Waits for a piece of the body or the disconnect. bytes are valid until the next receive; the last
 * piece has *more false and brings the trailers. A body is reported at least once, even an empty
 * one. After a complete response: disconnect. CSGI_EBUSY, CSGI_ECANCELED. [suspends] */
csgi_status exchange_receive(exchange *self, exchange_received *kind, csgi_str *bytes, bool *more,
                             csgi_fields *trailers);
/* Accepts the head; it is held back until the first body. CSGI_ESTATE: started already.
 * CSGI_EDISCONNECTED after a penalty; CSGI_EINVAL for a status or header that may not be sent: *why
 * then says which. [suspends] */
csgi_status exchange_start(exchange *self, uint32_t status, csgi_fields headers, const char **why);
/* Likewise, and says that trailers will follow the body: then the last piece of body does not end
 * the response. Without CSGI_CAN_TRAILERS among the features it is exchange_start. [suspends] */
csgi_status exchange_start_with_trailers(exchange *self, uint32_t status, csgi_fields headers,
                                         const char **why);
/* Fields that the head will have, sent ahead (RFC 8297), any number of times before the start.
 * CSGI_ESTATE: started. CSGI_EINVAL: no field, or one that may not be sent or frames a message.
 * CSGI_ENOTSUP: the features do not offer it. CSGI_EDISCONNECTED, CSGI_ECANCELED. [suspends] */
csgi_status exchange_hint(exchange *self, csgi_fields fields, const char **why);
/* Trailers, after the last piece of body; the last of them end the response. CSGI_ESTATE: the start
 * did not announce them, the body has not ended, or the response has. CSGI_EINVAL: a field that may
 * not be sent, or not so late (RFC 9110 section 6.5.1). CSGI_EDISCONNECTED, CSGI_ECANCELED.
 * [suspends] */
csgi_status exchange_trailers(exchange *self, csgi_fields fields, bool more, const char **why);
/* Body bytes in order of the calls; suspends above EXCHANGE_OUTBOX_HIGH. CSGI_ESTATE: not started,
 * or complete. CSGI_EINVAL: more than the declared length, or the last piece came short of it. The
 * piece is then refused; a response whose bytes are on their way is cut, one that is still held
 * back becomes a 500 that closes the connection, unless the application corrects itself.
 * CSGI_EDISCONNECTED, CSGI_ECANCELED. [suspends] */
csgi_status exchange_body(exchange *self, csgi_str bytes, bool more, const char **why);
/* A file as the whole body; a length that was not declared is taken from it. CSGI_EINVAL: the path
 * is not absolute, or the length is not the declared one. CSGI_EFAIL: it cannot be opened or read,
 * or is no regular file; one that becomes shorter while it is sent cuts the response. Else as
 * exchange_body. It is read from the disk on the loop's thread, a slice at a time, and others have
 * their turn between two slices. [suspends] */
csgi_status exchange_path(exchange *self, csgi_str path, const char **why);
/* A part of an open file as a piece of the body; count UINT64_MAX: to its end. Pipes, sockets and
 * devices are read from where they are, and have no offset. CSGI_EINVAL: fd is not open or is a
 * directory, or the file does not have that part. Else as exchange_path. [suspends] */
csgi_status exchange_file(exchange *self, int fd, uint64_t offset, uint64_t count, bool more,
                          const char **why);
/* The application is done, whatever it did: before the first byte a 500 is sent; a response that
 * has not ended is cut. */
void exchange_conclude(exchange *self);

/* Has the client gone, or was the response cut? Also so after a reply of the server's own. */
static inline bool exchange_is_gone(const exchange *self)
{
    return self->disconnected || self->phase == EXCHANGE_CUT;
}

/* A whole response made by the server: {"detail":"..."} as JSON, with further headers. Replaces a
 * held-back head. May be called outside a task; ignored when bytes are already on their way, and
 * when the client is gone. An application that still runs sees a disconnect. */
void exchange_reply_error(exchange *self, uint32_t status, const char *detail,
                          csgi_fields more_headers);
/* Likewise with any body. */
void exchange_reply(exchange *self, uint32_t status, csgi_fields headers, csgi_str body);
/* Does the head declare a body that is larger than the limit? */
static inline bool exchange_is_body_too_large(const exchange *self)
{
    return self->body_length > self->body_limit && self->body_length < UINT64_MAX;
}
/* Then it is answered 413, before any of it was asked for, and the connection ends: the client may
 * have begun to send it. */
void exchange_refuse_large_body(exchange *self);

/* ---- what HTTP says, whatever its version ---- */

/* Does a field of that name frame the message or manage the connection? Whatever the case. */
bool http_is_framing_field(csgi_str name);
/* May a field of that name not stand among trailers (RFC 9110 section 6.5.1): because it frames or
 * routes, says who asks or how to read the content, or steers the answer? Whatever the case. */
bool http_is_forbidden_trailer(csgi_str name);
/* The standard phrase of a status ("OK", "Not Found"); "Unknown" for others. */
const char *http_reason_phrase(uint32_t status);
/* Percent-decodes a path into the arena, NUL-terminated; without escapes raw itself is the result.
 * CSGI_EINVAL: a bad escape, an encoded NUL, or no UTF-8 after decoding; *why is a sentence for the
 * client. CSGI_ENOMEM. */
csgi_status http_decode_path(arena *arena, csgi_str raw, csgi_str *path, const char **why);

#endif
