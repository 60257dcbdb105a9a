/* SPDX-License-Identifier: MIT
 * A crowd of slow clients: heads and bodies that come a byte a second, and clients that do not read
 * their response. Each one that the server ends is replaced at once. In C, so that the crowd does
 * not take the processor that the measured client needs.
 *
 *     crowd PORT EACH LIMIT_MS    EACH of the three kinds, arriving in the course of that time;
 * says "here"; when its input ends it replaces no more, waits until all are ended (ten times as
 * long at most), and counts them crowd sink PORT LIMIT_MS    what the crowd talks to when no server
 * is meant: it takes what comes and ends each connection after that time */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX    65536
#define EVENTS_MAX 256
#define TICK_MS    1
#define TICKS_IN_S (1000 / TICK_MS)
#define DOWN_BYTES 8000000

typedef enum kind { SLOW_HEAD, SLOW_BODY, SLOW_READ, KINDS } kind;

static const char *const names[] = { "slow head", "slow body", "slow read" };
static const char *const first_words[] = {
    "GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: ",
    "POST /up HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000000\r\n\r\n",
    "GET /down?bytes=8000000 HTTP/1.1\r\nHost: slow\r\n\r\n",
};

/* How a connection ended: a status, or closed without a word, or cut. */
enum { CLOSED = 1, CUT = 2, STATUSES = 600 };

typedef struct client {
    int fd; /* -1: to be connected */
    kind kind;
    bool has_spoken;
} client;

static client *clients;
static size_t client_count, open_count, next_speaker;
static unsigned long ended[KINDS][STATUSES], bytes_sent;
static int epoll_fd;
static struct sockaddr_in server = { .sin_family = AF_INET };

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void watch(int op, int fd, uint32_t events, uint64_t number)
{
    struct epoll_event event = { .events = events, .data.u64 = number };

    if (epoll_ctl(epoll_fd, op, fd, &event)) die("epoll_ctl");
}

/* ---- the crowd ---- */

static void start_client(size_t i)
{
    client *self = &clients[i];
    int size = 4096;

    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->fd < 0) die("socket");
    if (self->kind == SLOW_READ) setsockopt(self->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (connect(self->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS)
        die("connect");
    self->has_spoken = false;
    watch(EPOLL_CTL_ADD, self->fd, EPOLLOUT, i);
    open_count++;
}

static void speak_first(size_t i)
{
    client *self = &clients[i];
    const char *words = first_words[self->kind];

    self->has_spoken = true;
    if (send(self->fd, words, strlen(words), MSG_NOSIGNAL) > 0) bytes_sent += strlen(words);
    /* Of who does not read, only the end is to be noticed. */
    watch(EPOLL_CTL_MOD, self->fd, self->kind == SLOW_READ ? 0 : EPOLLIN, i);
}

static void end_client(client *self, size_t how)
{
    ended[self->kind][how]++;
    close(self->fd);
    self->fd = -1;
    open_count--;
}

static void on_client_event(size_t i, uint32_t events)
{
    client *self = &clients[i];
    char heard[4096];
    ssize_t count;
    unsigned long status = CLOSED;

    if (self->fd < 0) return;
    if (!self->has_spoken && !(events & (EPOLLERR | EPOLLHUP))) {
        speak_first(i);
        return;
    }
    if (self->kind == SLOW_READ) {
        end_client(self, CUT);
        return;
    }
    count = recv(self->fd, heard, sizeof heard - 1, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count > 12) {
        heard[count] = '\0';
        status = strtoul(heard + 9, NULL, 10);
    }
    end_client(self, count < 0 ? CUT : status < STATUSES ? status : CLOSED);
}

/* So many of those that have something to say say a byte of it. */
static void speak(size_t count)
{
    for (; count > 0; count--) {
        client *self = &clients[next_speaker++ % client_count];

        if (self->fd < 0 || !self->has_spoken || self->kind == SLOW_READ) continue;
        if (send(self->fd, "x", 1, MSG_NOSIGNAL) == 1) bytes_sent++;
    }
}

static void replace_ended(size_t arrived)
{
    for (size_t i = 0; i < arrived; i++) {
        if (clients[i].fd < 0) start_client(i);
    }
}

static void hear(int wait_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll_fd, events, EVENTS_MAX, wait_ms);

    for (int i = 0; i < count; i++)
        on_client_event((size_t)events[i].data.u64, events[i].events);
}

static void tick(uint64_t due_ms)
{
    uint64_t now;

    while ((now = now_ms()) < due_ms)
        hear((int)(due_ms - now));
    hear(0);
    speak(client_count / TICKS_IN_S + 1);
}

static bool input_has_ended(void)
{
    char byte;

    return read(STDIN_FILENO, &byte, 1) == 0;
}

static void tell(void)
{
    for (int k = 0; k < KINDS; k++) {
        for (int how = 0; how < STATUSES; how++) {
            if (!ended[k][how]) continue;
            printf("%s: %lu ended by ", names[k], ended[k][how]);
            if (how == CLOSED || how == CUT)
                printf("%s\n", how == CUT ? "a cut" : "closing");
            else
                printf("%d\n", how);
        }
    }
    printf("%lu bytes sent by the crowd\nstill open at the end: %zu\n", bytes_sent, open_count);
}

static int run_crowd(size_t each, uint64_t limit_ms)
{
    uint64_t began = now_ms(), due = began, arrival_ms = limit_ms * 9 / 10;
    size_t arrived = 0;

    client_count = each * KINDS;
    clients = calloc(client_count, sizeof *clients);
    if (!clients) die("calloc");
    for (size_t i = 0; i < client_count; i++)
        clients[i] = (client){ -1, (kind)(i % KINDS), false };
    while (!input_has_ended()) {
        size_t wanted = arrived;

        tick(due += TICK_MS);
        if (arrived < client_count) wanted = client_count * (now_ms() - began) / arrival_ms;
        if (wanted > client_count) wanted = client_count;
        if (arrived < client_count && wanted == client_count) {
            printf("here\n");
            fflush(stdout);
        }
        replace_ended(arrived = wanted);
        if (now_ms() > due + 1000) due = now_ms(); /* it was held up: no catching up */
    }
    began = now_ms();
    while (open_count && now_ms() < began + 10 * limit_ms + 1000)
        tick(due += TICK_MS);
    tell();
    return open_count ? 1 : 0;
}

/* ---- the sink ---- */

static char nothing[65536];
static uint64_t sink_due_ms[FDS_MAX];
static int sink_queue[FDS_MAX]; /* the first that came is the first to end */
static unsigned sink_first, sink_last;

static void accept_all(int listen_fd, uint64_t limit_ms)
{
    /* Unread bytes would keep a close from being noticed: it resets. */
    struct linger at_once = { 1, 0 };

    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 || fd >= FDS_MAX) return;
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, (uint64_t)fd);
        sink_due_ms[fd] = now_ms() + limit_ms;
        sink_queue[sink_last++ % FDS_MAX] = fd;
    }
}

static void take(int fd)
{
    char heard[4096];
    ssize_t count = recv(fd, heard, sizeof heard, 0);

    if (count < 6 || memcmp(heard, "GET /d", 6) != 0) return;
    for (size_t left = DOWN_BYTES; left > 0; left -= (size_t)count) {
        count = send(fd, nothing, left < sizeof nothing ? left : sizeof nothing, MSG_NOSIGNAL);
        if (count <= 0) return;
    }
}

_Noreturn static void run_sink(uint64_t limit_ms)
{
    int on = 1, listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listen_fd, (struct sockaddr *)&server, sizeof server)) die("bind");
    if (listen(listen_fd, 4096)) die("listen");
    watch(EPOLL_CTL_ADD, listen_fd, EPOLLIN, (uint64_t)listen_fd);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, TICK_MS);

        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == (uint64_t)listen_fd)
                accept_all(listen_fd, limit_ms);
            else
                take((int)events[i].data.u64);
        }
        while (sink_first != sink_last && sink_due_ms[sink_queue[sink_first % FDS_MAX]] <= now_ms())
            close(sink_queue[sink_first++ % FDS_MAX]);
    }
}

int main(int argc, char **argv)
{
    bool is_sink = argc == 4 && strcmp(argv[1], "sink") == 0;
    struct rlimit files;

    if (argc != 4) return 2;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((uint16_t)strtoul(argv[is_sink ? 2 : 1], NULL, 10));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (is_sink) run_sink(strtoul(argv[3], NULL, 10));
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    return run_crowd(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
}
