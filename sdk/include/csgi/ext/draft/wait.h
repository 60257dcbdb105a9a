/* SPDX-License-Identifier: MIT
 * Draft extension "csgi.draft.wait/1": waiting for whatever has a file descriptor, so that a
 * library which can work without blocking (libpq, hiredis, libcurl's multi interface) serves a
 * handler that waits in a straight line; and threads for what blocks. A draft may change with any
 * server. */
#ifndef CSGI_EXT_DRAFT_WAIT_H
#define CSGI_EXT_DRAFT_WAIT_H

#include <csgi/host.h>

#define CSGI_WAIT_EXTENSION "csgi.draft.wait/1"

/* What to wait for, and what has come; together: whichever comes first. */
#define CSGI_READABLE 1u
#define CSGI_WRITABLE 2u

/* A timeout that never passes. */
#define CSGI_NO_TIMEOUT UINT64_MAX

/* IP addresses as text ("127.0.0.1", "::1"), in the order in which they should be tried. */
typedef struct csgi_addresses {
    const csgi_str *items;
    size_t count;
} csgi_addresses;

typedef struct csgi_wait_extension {
    uint32_t size, reserved;

    /* Suspends the calling task until the descriptor is readable or writable, as asked, and stores
     * in *ready (may be NULL) which of them it is. An error or a hang-up counts as what was asked
     * for: the next read or write says what it is. The descriptor stays the caller's, and should be
     * non-blocking. With a timeout of 0 it looks, and others have a turn meanwhile. One task may
     * wait for reading and another for writing.
     *
     *     while ((n = read(fd, bytes, size)) < 0 && errno == EAGAIN) {
     *         status = wait->fd(host, fd, CSGI_READABLE, 5000, NULL);
     *         if (status != CSGI_OK) return status;
     *     }
     *
     * A descriptor is not to be closed while a task waits for it. Nothing breaks when it is: that
     * wait lasts for its timeout, or ends with CSGI_ESTATE when a task waits for something else
     * that got the same number.
     *
     * CSGI_ETIMEDOUT: that many milliseconds have passed, or the call's deadline has.
     * CSGI_ECANCELED. CSGI_EBUSY: another task waits for the same. CSGI_EINVAL: the descriptor is
     * not open, or a regular file or directory, which has no readiness; or what to wait for is
     * neither. CSGI_ELIMIT: no more descriptors may be watched. CSGI_ENOMEM. CSGI_ESTATE: outside
     * of a task. last_error says which and why. [task] [suspends] */
    csgi_status (*fd)(const csgi_host *host, int32_t fd, uint32_t wanted, uint64_t timeout_ms,
                      uint32_t *ready);

    /* Calls fn(arg) on another thread, a real one with a real stack, and suspends the calling task
     * until it has returned; what it returned is stored in *result. For code that blocks: a library
     * that cannot wait politely, a large file, a long computation. There fn may use, of the server,
     * only what is marked [any-thread]; and since calls of other requests run meanwhile, whatever
     * else it touches needs locks. Its crash is told as the endpoint's.
     *
     * Once fn has begun the task waits for its end even when it is cancelled, so that arg may lie
     * on the task's stack; then the result is CSGI_OK, and the next wait says that the task is
     * cancelled. fn should have limits of its own: until it returns the call cannot end.
     *
     * A blocking endpoint is on such a thread already: there fn is called at once.
     *
     * On every failure fn was not called. CSGI_ECANCELED, CSGI_ETIMEDOUT: before its turn had come.
     * CSGI_ELIMIT: all threads (--threads) are busy and too many wait for one, or the system gives
     * none. CSGI_ENOMEM. CSGI_EINVAL. CSGI_ESTATE: outside of a task. [task] [suspends] */
    csgi_status (*offload)(const csgi_host *host, csgi_status (*fn)(void *arg), void *arg,
                           csgi_status *result);

    /* Reads a regular file of at most max_size bytes, by a thread as offload's; content lives in
     * the arena, and a NUL follows it that len does not count. A relative path starts at the
     * server's working directory. CSGI_EFAIL: last_error says what the system said, as in "cannot
     * open prices.csv: No such file or directory". CSGI_ELIMIT: it is larger, or as for offload.
     * CSGI_EINVAL: it is no regular file, or the path is none. CSGI_ECANCELED, CSGI_ETIMEDOUT,
     * CSGI_ENOMEM. CSGI_ESTATE: outside of a task. [task] [suspends] */
    csgi_status (*read_file)(const csgi_host *host, csgi_arena *arena, csgi_str path,
                             uint64_t max_size, csgi_str *content);

    /* Looks the addresses of a host up, at least one, as the system does (/etc/hosts, DNS), which
     * getaddrinfo would do while everybody waits. They live in the arena; an address is its own.
     * CSGI_EUNREACH: there is none; last_error says why. CSGI_EINVAL: this is no name.
     * CSGI_ECANCELED, CSGI_ETIMEDOUT, CSGI_ENOMEM. CSGI_ESTATE: outside of a task. [task]
     * [suspends] */
    csgi_status (*resolve)(const csgi_host *host, csgi_arena *arena, csgi_str name,
                           csgi_addresses *addresses);
} csgi_wait_extension;

#endif
