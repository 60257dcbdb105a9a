/* SPDX-License-Identifier: MIT
 * An upstream that misbehaves: each connection follows a short script, on one epoll loop. */
#include "bad_upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DRIP_MS  20
#define RESET_MS 5 /* after the last byte, which is to be read before */
#define HEAD_MAX 4096

typedef enum and_then {
    THEN_KEEP,
    THEN_STAY,
    THEN_CLOSE,
    THEN_RESET,
    THEN_DRIP,
    THEN_REPEAT
} and_then;

/* What is said, and what follows it; more: what is dripped or repeated. */
typedef struct fault_script {
    const char *name, *said;
    size_t said_len;
    and_then then;
    const char *more;
} fault_script;

#define SAID(text) text, sizeof(text) - 1
#define OK_LENGTH  "HTTP/1.1 200 OK\r\nContent-Length: "
#define OK_CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* 120,000 NULs by gzip, in 151 bytes. */
#define NULS_32 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define GZIP_BOMB                                                                      \
    "\037\213\010\000\000\000\000\000\002\003\355\301\201\000\000\000\000\303\240\371" \
    "\123\337\340\004\125\001" NULS_32 NULS_32 NULS_32                                 \
    "\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\360" \
    "\014\231\053\114\063\300\324\001\000"
#define OK_GZIP "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "

static const fault_script scripts[BAD_COUNT] = {
    [BAD_GOOD] = { "good", SAID(OK_LENGTH "2\r\n\r\nhi"), THEN_KEEP, NULL },
    [BAD_GOOD_CHUNKED] = { "good-chunked", SAID(OK_CHUNKED "1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"),
                           THEN_KEEP, NULL },
    [BAD_GOOD_CLOSE] = { "good-close", SAID("HTTP/1.1 200 OK\r\n\r\nhi"), THEN_CLOSE, NULL },
    [BAD_STATS] = { "stats", SAID(""), THEN_KEEP, NULL },
    [BAD_HANG] = { "hang", SAID(""), THEN_STAY, NULL },
    [BAD_HANG_HEAD] = { "hang-head", SAID("HTTP/1.1 200 OK\r\nContent-"), THEN_STAY, NULL },
    [BAD_HANG_BODY] = { "hang-body", SAID(OK_LENGTH "2\r\n\r\nh"), THEN_STAY, NULL },
    [BAD_RESET] = { "reset", SAID(""), THEN_RESET, NULL },
    [BAD_RESET_HEAD] = { "reset-head", SAID("HTTP/1.1 200 OK\r\nContent-"), THEN_RESET, NULL },
    [BAD_RESET_BODY] = { "reset-body", SAID(OK_LENGTH "9\r\n\r\nabc"), THEN_RESET, NULL },
    [BAD_RESET_CLOSE] = { "reset-close", SAID("HTTP/1.1 200 OK\r\n\r\nabc"), THEN_RESET, NULL },
    [BAD_CLOSE] = { "close", SAID(""), THEN_CLOSE, NULL },
    [BAD_CLOSE_HEAD] = { "close-head", SAID("HTTP/1.1 200 OK\r\nContent-"), THEN_CLOSE, NULL },
    [BAD_CLOSE_BODY] = { "close-body", SAID(OK_LENGTH "9\r\n\r\nabc"), THEN_CLOSE, NULL },
    [BAD_CLOSE_CHUNKS] = { "close-chunks", SAID(OK_CHUNKED "9\r\nabc"), THEN_CLOSE, NULL },
    [BAD_DRIP] = { "drip", SAID(OK_LENGTH "99999\r\n\r\n"), THEN_DRIP, "d" },
    [BAD_DRIP_HEAD] = { "drip-head", SAID("HTTP/1.1 200 OK\r\nX-Drip: "), THEN_DRIP, "d" },
    [BAD_ENDLESS_HEAD] = { "endless-head", SAID("HTTP/1.1 200 OK\r\n"), THEN_REPEAT,
                           "X-Pad: 0123456789abcdef0123456789abcdef0123456789abcdef\r\n" },
    [BAD_ENDLESS_INTERIMS] = { "endless-interims", SAID(""), THEN_REPEAT,
                               "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" },
    [BAD_ENDLESS_BODY] = { "endless-body", SAID(OK_CHUNKED), THEN_REPEAT,
                           "40\r\n0123456789abcdef0123456789abcdef"
                           "0123456789abcdef0123456789abcdef\r\n" },
    [BAD_HUGE] = { "huge", SAID(OK_LENGTH "1099511627776\r\n\r\nh"), THEN_STAY, NULL },
    [BAD_GARBAGE] = { "garbage", SAID("220 mail.example ESMTP\r\n"), THEN_STAY, NULL },
    [BAD_HTTP2] = { "http2",
                    SAID("\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x04\x08\0\0\0\0\0\0\0"
                         "\xff\0\x01"),
                    THEN_STAY, NULL },
    [BAD_CHUNK_SIZE] = { "chunk-size", SAID(OK_CHUNKED "2\r\nhi\r\nfish\r\n"), THEN_STAY, NULL },
    [BAD_LENGTHS] = { "lengths", SAID(OK_LENGTH "2\r\nContent-Length: 3\r\n\r\nhi"), THEN_STAY,
                      NULL },
    [BAD_LONG] = { "long",
                   SAID(OK_LENGTH "2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                   THEN_STAY, NULL },
    [BAD_BOMB] = { "bomb", SAID(OK_GZIP "151\r\n\r\n" GZIP_BOMB), THEN_STAY, NULL },
    [BAD_CUT_GZIP] = { "cut-gzip",
                       SAID(OK_GZIP "20\r\n\r\n\037\213\010\0\0\0\0\000\002\003\143\140\300\004\000"
                                    "\215\233\325\017\024"),
                       THEN_STAY, NULL },
    [BAD_UNREAD] = { "unread", SAID(""), THEN_STAY, NULL },
};

typedef struct bad_connection {
    struct bad_connection *next, *previous; /* of all that are open */
    struct bad_connection *timed_next;
    bad_upstream *from;
    int fd;
    bool is_spoilt, is_timed;
    bad_fault fault;
    uint64_t skip; /* of the request's body */
    uint64_t due_ms;
    size_t head_len, said;
    char head[HEAD_MAX];
    char stats[2048];
} bad_connection;

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- connections come and go ---- */

static void connection_close(bad_connection *self)
{
    bad_upstream *from = self->from;
    bad_connection **at = &from->timed;

    while (self->is_timed && *at != self)
        at = &(*at)->timed_next;
    if (self->is_timed) *at = self->timed_next;
    if (self->previous) self->previous->next = self->next;
    if (self->next) self->next->previous = self->previous;
    if (from->open == self) from->open = self->next;
    close(self->fd);
    from->seen.open--;
    free(self);
}

static void connection_left(bad_connection *self)
{
    if (self->is_spoilt) self->from->seen.left[self->fault]++;
    connection_close(self);
}

static void connection_reset(bad_connection *self)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    connection_close(self);
}

static void watch(bad_connection *self, bool wants_read, bool wants_write)
{
    struct epoll_event event = { .events = (wants_read ? EPOLLIN : 0u) |
                                           (wants_write ? EPOLLOUT : 0u) | EPOLLRDHUP,
                                 .data.ptr = self };

    if (epoll_ctl(self->from->poll, EPOLL_CTL_MOD, self->fd, &event)) abort();
}

static void set_due(bad_connection *self, uint64_t delay_ms)
{
    self->due_ms = now_ms() + delay_ms;
    if (self->is_timed) return;
    self->is_timed = true;
    self->timed_next = self->from->timed;
    self->from->timed = self;
}

/* ---- answering ---- */

/* What the socket takes of it. Below 0: the client has gone. */
static ssize_t say(bad_connection *self, const char *bytes, size_t len)
{
    ssize_t sent = send(self->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : sent;
}

/* As much as the socket takes now, a piece each turn. */
static void repeat(bad_connection *self)
{
    const char *more = scripts[self->fault].more;
    size_t len = strlen(more);
    char piece[16384];
    ssize_t sent;

    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = more[(self->said + i) % len];
    sent = say(self, piece, sizeof piece);
    if (sent < 0) {
        connection_left(self);
        return;
    }
    self->said += (size_t)sent;
    watch(self, true, true);
}

static void finish(bad_connection *self)
{
    switch (scripts[self->fault].then) {
    case THEN_KEEP:
        break;
    case THEN_STAY:
        /* What is not read stays, and hides that the client has gone. */
        if (self->fault == BAD_UNREAD) watch(self, false, false);
        break;
    case THEN_CLOSE:
        connection_close(self);
        break;
    case THEN_RESET:
        set_due(self, RESET_MS);
        break;
    case THEN_DRIP:
        set_due(self, DRIP_MS);
        break;
    case THEN_REPEAT:
        repeat(self);
        break;
    }
}

static size_t print_stats(bad_connection *self)
{
    const bad_upstream_seen *seen = &self->from->seen;
    char body[1600];
    int len = snprintf(body, sizeof body, "{\"accepted\":%u,\"open\":%u,\"spoilt\":%u",
                       seen->accepted, seen->open, seen->spoilt);

    for (int i = 0; i < BAD_COUNT; i++)
        len += snprintf(body + len, sizeof body - (size_t)len, ",\"%s\":[%u,%u]", scripts[i].name,
                        seen->asked[i], seen->left[i]);
    return (size_t)snprintf(self->stats, sizeof self->stats, OK_LENGTH "%d\r\n\r\n%s}", len + 1,
                            body);
}

/* The request's head is there. */
static void answer(bad_connection *self)
{
    const fault_script *script = &scripts[self->fault];
    const char *said = script->said;
    size_t len = script->said_len;

    self->from->seen.asked[self->fault]++;
    if (self->fault == BAD_STATS) {
        len = print_stats(self);
        said = self->stats;
    }
    self->is_spoilt = script->then != THEN_KEEP;
    self->said = 0;
    if (len && say(self, said, len) != (ssize_t)len) /* the socket's buffer is empty by now */
        connection_left(self);
    else
        finish(self);
}

static bad_fault find_fault(const char *head)
{
    const char *path = strchr(head, ' ');

    for (int i = 0; path && path[1] == '/' && i < BAD_COUNT; i++) {
        size_t len = strlen(scripts[i].name);

        if (!strncmp(path + 2, scripts[i].name, len) && strchr(" /?", path[2 + len]))
            return (bad_fault)i;
    }
    fprintf(stderr, "bad_upstream: no such fault: %.60s\n", head);
    abort();
}

static uint64_t find_length(const char *head)
{
    const char *length = strcasestr(head, "\r\nContent-Length:");

    return length ? strtoull(length + 17, NULL, 10) : 0;
}

/* Takes bytes of requests, whose bodies it forgets. */
static void take(bad_connection *self, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (self->skip) {
            size_t skipped = self->skip < len - i ? (size_t)self->skip : len - i;

            self->skip -= skipped;
            i += skipped - 1;
            if (self->skip == 0) answer(self);
            if (self->skip == 0) return; /* nobody pipelines */
            continue;
        }
        if (self->head_len == HEAD_MAX - 1) abort();
        self->head[self->head_len++] = bytes[i];
        if (self->head_len < 4 || memcmp(self->head + self->head_len - 4, "\r\n\r\n", 4)) continue;
        if (self->is_spoilt) self->from->seen.spoilt++;
        self->head[self->head_len] = '\0';
        self->head_len = 0;
        self->fault = find_fault(self->head);
        self->skip = self->fault == BAD_UNREAD ? 0 : find_length(self->head);
        if (self->skip) continue;
        answer(self);
        return;
    }
}

static void on_readable(bad_connection *self)
{
    char bytes[65536];
    /* One that is to see no body reads no further than the head. */
    ssize_t got = recv(self->fd, bytes, self->skip ? sizeof bytes : HEAD_MAX / 2, MSG_DONTWAIT);

    if (got > 0)
        take(self, bytes, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        connection_left(self);
}

static void on_due(bad_connection *self)
{
    ssize_t sent;

    if (scripts[self->fault].then == THEN_RESET) {
        connection_reset(self);
        return;
    }
    sent = say(self, scripts[self->fault].more, 1);
    if (sent < 0)
        connection_left(self);
    else
        set_due(self, DRIP_MS);
}

/* ---- the loop ---- */

static void accept_all(bad_upstream *self)
{
    int fd;

    while ((fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        bad_connection *made = calloc(1, sizeof *made);
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = made };

        if (!made) abort();
        made->from = self;
        made->fd = fd;
        made->next = self->open;
        if (self->open) self->open->previous = made;
        self->open = made;
        self->seen.accepted++;
        self->seen.open++;
        if (epoll_ctl(self->poll, EPOLL_CTL_ADD, fd, &event)) abort();
    }
}

static void run_due(bad_upstream *self)
{
    uint64_t now = now_ms();
    bad_connection *next;

    for (bad_connection *each = self->timed; each; each = next) {
        next = each->timed_next;
        if (each->due_ms <= now) on_due(each);
    }
}

static void on_event(bad_connection *self, uint32_t events)
{
    bool unread = self->is_spoilt && self->fault == BAD_UNREAD;

    if (events & (EPOLLHUP | EPOLLERR) || (unread && events & EPOLLRDHUP))
        connection_left(self);
    else if (events & (EPOLLIN | EPOLLRDHUP))
        on_readable(self);
    else if (events & EPOLLOUT)
        repeat(self);
}

static void *serve(void *arg)
{
    bad_upstream *self = arg;
    struct epoll_event events[256];

    for (;;) {
        int count = epoll_wait(self->poll, events, 256, self->timed ? 2 : -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &self->stopper) return NULL;
            if (events[i].data.ptr == &self->listener)
                accept_all(self);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        run_due(self);
    }
}

/* ---- public ---- */

const char *bad_fault_name(bad_fault fault)
{
    return scripts[fault].name;
}

void bad_upstream_start(bad_upstream *self)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    struct epoll_event of_listener = { .events = EPOLLIN, .data.ptr = &self->listener };
    struct epoll_event of_stopper = { .events = EPOLLIN, .data.ptr = &self->stopper };

    memset(self, 0, sizeof *self);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    self->stopper = eventfd(0, EFD_CLOEXEC);
    self->poll = epoll_create1(EPOLL_CLOEXEC);
    if (bind(self->listener, (struct sockaddr *)&at, sizeof at) || listen(self->listener, 4096) ||
        getsockname(self->listener, (struct sockaddr *)&at, &len) ||
        epoll_ctl(self->poll, EPOLL_CTL_ADD, self->listener, &of_listener) ||
        epoll_ctl(self->poll, EPOLL_CTL_ADD, self->stopper, &of_stopper))
        abort();
    self->port = ntohs(at.sin_port);
    if (pthread_create(&self->thread, NULL, serve, self)) abort();
}

void bad_upstream_stop(bad_upstream *self)
{
    uint64_t one = 1;

    if (write(self->stopper, &one, sizeof one) != sizeof one) abort();
    pthread_join(self->thread, NULL);
    while (self->open)
        connection_close(self->open);
    close(self->poll);
    close(self->stopper);
    close(self->listener);
}
