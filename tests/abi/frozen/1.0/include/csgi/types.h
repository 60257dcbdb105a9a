/* SPDX-License-Identifier: MIT
 * Versions, strings, fields and error codes: what every other CSGI header stands on. No function is
 * declared here. */
#ifndef CSGI_TYPES_H
#define CSGI_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* Change log of the ABI. Before 1.0 is declared, a change costs a line here; afterwards it costs a
 * major.
 *
 *   1.0  the first: HTTP, WebSocket and lifespan events, the host table, endpoints, middleware;
 *        csgi_http_fields has flags at its end, so that trailers may come in several events
 */
#define CSGI_MAGIC     0x49475343u /* "CSGI", read as a little-endian word */
#define CSGI_ABI_MAJOR 1u
/* What this header knows. It decides which events, scopes and features a plugin is offered, never
 * whether it loads. */
#define CSGI_ABI_MINOR 0u
/* What the plugin cannot do without: it decides whether the plugin loads. Define it before the
 * first include to raise it. */
#ifndef CSGI_ABI_MINOR_REQUIRED
#define CSGI_ABI_MINOR_REQUIRED 0u
#endif

#if defined(__GNUC__)
#define CSGI_EXPORT __attribute__((visibility("default")))
#else
#define CSGI_EXPORT
#endif

/* Does this struct, made by the other side, have the field? Every struct that may grow begins with
 * its uint32_t size. */
#define CSGI_HAS(ptr, type, field) \
    (*(const uint32_t *)(const void *)(ptr) >= offsetof(type, field) + sizeof((ptr)->field))

/* Every error code with its text: X(name, code, text). */
#define CSGI_ERRORS(X)                                                       \
    X(CSGI_EINVAL, -1, "malformed argument, missing or unknown field value") \
    X(CSGI_ENOSYS, -2, "this server lacks the function")                     \
    X(CSGI_ENOTSUP, -3, "scope or event type not supported here")            \
    X(CSGI_ESTATE, -4, "not allowed now: wrong order, or already finished")  \
    X(CSGI_ENOMEM, -5, "no memory")                                          \
    X(CSGI_EBUSY, -6, "another task is already receiving")                   \
    X(CSGI_EFAIL, -7, "failed; last_error says why")                         \
    X(CSGI_EDISCONNECTED, -8, "the client is gone")                          \
    X(CSGI_ECANCELED, -9, "this task is cancelled")                          \
    X(CSGI_ETIMEDOUT, -10, "a deadline or time limit passed")                \
    X(CSGI_ELIMIT, -11, "over a configured limit")                           \
    X(CSGI_EUNREACH, -12, "the other server could not be reached")           \
    X(CSGI_EPROTO, -13, "the other server broke its protocol")

#define CSGI_ERROR_CODE(name, code, text) name = code,
enum { CSGI_ERRORS(CSGI_ERROR_CODE) CSGI_OK = 0 };
#undef CSGI_ERROR_CODE

/* CSGI_OK or one of CSGI_E*. An unknown negative value is a failure; a positive one is reserved,
 * and a failure too. */
typedef int32_t csgi_status;

/* Bytes, borrowed from whoever made them. Every csgi_str of a scope is followed by a NUL that len
 * does not count. */
typedef struct csgi_str {
    const char *ptr;
    size_t len;
} csgi_str;

/* Initialises a csgi_str from a string literal: csgi_str name = CSGI_STR("city"); */
#define CSGI_STR(literal)               \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }

/* One header, trailer or path parameter. Frozen, for it stands in arrays. Of flags, bits 0-15 that
 * are not known are ignored, 16-31 are refused; none is known yet. reserved is 0. */
typedef struct csgi_field {
    csgi_str name, value;
    uint32_t flags, reserved;
} csgi_field;

/* An array of fields, borrowed. items may be NULL when count is 0. */
typedef struct csgi_fields {
    const csgi_field *items;
    size_t count;
} csgi_fields;

/* Opaque: memory that ends all at once; see csgi_host.alloc. */
typedef struct csgi_arena csgi_arena;
/* Opaque, until there is an ext/tls.h. */
typedef struct csgi_tls csgi_tls;

/* A function and its argument, for csgi_host.post and csgi_host.defer. */
typedef void (*csgi_fn)(void *arg);

#endif
