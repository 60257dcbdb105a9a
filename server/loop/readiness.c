/* SPDX-License-Identifier: MIT
 * Waiting for descriptors of others. Each is watched for one event at a time (EPOLLONESHOT): what a
 * descriptor's owner does wrong may leave something behind in the kernel's set, but never something
 * that wakes the loop again and again. */
#include "loop/readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/core.h"

#define EVENTS_AT_ONCE 64
#define PLACES_MIN     64u

/* One wait, on its task's stack. */
typedef struct waiter {
    task_wait wait;
    timer limit;
    unsigned wanted, ready;
} waiter;

/* Who waits for one descriptor number. The era tells events of what it names now from those of what
 * was closed without a word. */
struct readiness_place {
    waiter *reader, *writer;
    uint32_t era;
};

static struct epoll_event event_of(const readiness_place *place, int fd)
{
    return (struct epoll_event){
        .events = EPOLLONESHOT | (place->reader ? EPOLLIN : 0u) | (place->writer ? EPOLLOUT : 0u),
        .data.u64 = (uint64_t)place->era << 32 | (uint32_t)fd,
    };
}

static int control(readiness *self, int operation, const readiness_place *place, int fd)
{
    struct epoll_event event = event_of(place, fd);

    return epoll_ctl(self->set, operation, fd, &event) ? errno : 0;
}

/* Watches for those who still wait, or not at all. What fails here was closed by its owner. */
static void watch_the_rest(readiness *self, readiness_place *place, int fd)
{
    bool any = place->reader || place->writer;

    (void)control(self, any ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, place, fd);
}

static void detach(readiness_place *place, const waiter *item)
{
    if (place->reader == item) place->reader = NULL;
    if (place->writer == item) place->writer = NULL;
}

static void wake(readiness_place *place, waiter *item, unsigned ready, csgi_status status)
{
    item->ready |= ready;
    detach(place, item);
    task_wake(&item->wait, status);
}

static void on_event(readiness *self, const struct epoll_event *event)
{
    uint32_t fd = (uint32_t)event->data.u64;
    readiness_place *place = &self->places[fd];
    waiter *reader = place->reader, *writer = place->writer;
    bool failed = event->events & (EPOLLERR | EPOLLHUP);
    bool is_in = reader && (failed || (event->events & EPOLLIN));
    bool is_out = writer && (failed || (event->events & EPOLLOUT));

    if (place->era != event->data.u64 >> 32) return; /* of one that was closed */
    if (is_in && reader == writer && is_out) {
        wake(place, reader, READINESS_READ | READINESS_WRITE, CSGI_OK);
    } else {
        if (is_in) wake(place, reader, READINESS_READ, CSGI_OK);
        if (is_out) wake(place, writer, READINESS_WRITE, CSGI_OK);
    }
    watch_the_rest(self, place, (int)fd);
}

/* What does not fit is there again in the next round. */
static void on_set_readable(uv_poll_t *poll, int failed, int events)
{
    readiness *self = poll->data;
    struct epoll_event found[EVENTS_AT_ONCE];
    int count;

    (void)failed;
    (void)events;
    count = epoll_wait(self->set, found, EVENTS_AT_ONCE, 0);
    for (int i = 0; i < count; i++)
        on_event(self, &found[i]);
}

static csgi_status status_of(int error)
{
    switch (error) {
    case 0:
        return CSGI_OK;
    case ENOMEM:
        return CSGI_ENOMEM;
    case EMFILE:
    case ENFILE:
    case ENOSPC: /* fs.epoll.max_user_watches */
        return CSGI_ELIMIT;
    default: /* EBADF, EPERM, ELOOP */
        return CSGI_EINVAL;
    }
}

/* The set is made for the first that waits. */
static csgi_status open_set(loop *owner)
{
    readiness *self = &owner->readiness;
    int error;

    if (self->is_open) return CSGI_OK;
    self->set = epoll_create1(EPOLL_CLOEXEC);
    if (self->set < 0) return status_of(errno);
    error = uv_poll_init(&owner->uv, &self->poll, self->set);
    if (error) {
        close(self->set);
        return error == UV_ENOMEM ? CSGI_ENOMEM : CSGI_ELIMIT;
    }
    self->poll.data = self;
    CHECK(uv_poll_start(&self->poll, UV_READABLE, on_set_readable) == 0);
    uv_unref((uv_handle_t *)&self->poll);
    self->is_open = true;
    return CSGI_OK;
}

/* A number that is open nowhere may be of any size. */
static csgi_status make_room(readiness *self, int fd)
{
    size_t count = self->place_count ? self->place_count : PLACES_MIN;
    readiness_place *grown;

    if ((size_t)fd < self->place_count) return CSGI_OK;
    if (fcntl(fd, F_GETFD) < 0) return CSGI_EINVAL;
    while (count <= (size_t)fd)
        count *= 2;
    grown = realloc(self->places, count * sizeof *grown);
    if (!grown) return CSGI_ENOMEM;
    memset(grown + self->place_count, 0, (count - self->place_count) * sizeof *grown);
    self->places = grown;
    self->place_count = count;
    return CSGI_OK;
}

/* The number names something else now. */
static void dismiss(readiness_place *place)
{
    place->era++;
    if (place->reader) wake(place, place->reader, 0, CSGI_ESTATE);
    if (place->writer) wake(place, place->writer, 0, CSGI_ESTATE);
}

static bool is_taken(const readiness_place *place, unsigned wanted)
{
    return ((wanted & READINESS_READ) && place->reader) ||
           ((wanted & READINESS_WRITE) && place->writer);
}

static void attach(readiness_place *place, waiter *item)
{
    if (item->wanted & READINESS_READ) place->reader = item;
    if (item->wanted & READINESS_WRITE) place->writer = item;
}

/* Beside those who wait for it already, if it is still the same. ENOENT: it is not. */
static csgi_status join(readiness *self, readiness_place *place, int fd, waiter *item)
{
    int error = control(self, EPOLL_CTL_MOD, place, fd);

    if (error == ENOENT) {
        dismiss(place);
        return CSGI_OK;
    }
    if (error) return status_of(error);
    if (is_taken(place, item->wanted)) return CSGI_EBUSY;
    attach(place, item);
    return status_of(control(self, EPOLL_CTL_MOD, place, fd));
}

/* EEXIST: it was there before, under the number of something that has been closed since. */
static csgi_status add(readiness *self, readiness_place *place, int fd, waiter *item)
{
    int error;

    place->era++;
    attach(place, item);
    error = control(self, EPOLL_CTL_ADD, place, fd);
    if (error == EEXIST) error = control(self, EPOLL_CTL_MOD, place, fd);
    return status_of(error);
}

static csgi_status begin(loop *owner, int fd, waiter *item)
{
    readiness *self = &owner->readiness;
    csgi_status status = fd < 0 ? CSGI_EINVAL : open_set(owner);
    readiness_place *place;

    if (status == CSGI_OK && fd == self->set) status = CSGI_EINVAL;
    if (status == CSGI_OK) status = make_room(self, fd);
    if (status != CSGI_OK) return status;
    place = &self->places[fd];
    if (place->reader || place->writer) status = join(self, place, fd, item);
    if (status == CSGI_OK && !place->reader && !place->writer) status = add(self, place, fd, item);
    if (status != CSGI_OK) detach(place, item);
    return status;
}

static void on_limit(timer *limit)
{
    task_wake(&CONTAINER_OF(limit, waiter, limit)->wait, CSGI_ETIMEDOUT);
}

/* The place may have moved meanwhile. Who was woken by an event has left it already. */
static void leave(readiness *self, int fd, waiter *item)
{
    readiness_place *place = &self->places[fd];

    if (place->reader != item && place->writer != item) return;
    detach(place, item);
    watch_the_rest(self, place, fd);
}

/* While somebody waits the loop goes on. */
static void count_waiter(readiness *self, int change)
{
    self->waiters += change;
    if (self->waiters == 0) uv_unref((uv_handle_t *)&self->poll);
    if (self->waiters == 1 && change == 1) uv_ref((uv_handle_t *)&self->poll);
}

csgi_status readiness_wait(loop *owner, int fd, unsigned wanted, uint64_t timeout_ms,
                           unsigned *ready)
{
    readiness *self = &owner->readiness;
    waiter item = { .wanted = wanted };
    csgi_status status;

    if (wanted == 0 || (wanted & ~(READINESS_READ | READINESS_WRITE))) return CSGI_EINVAL;
    status = task_check(owner);
    if (status != CSGI_OK) return status;
    task_wait_begin(owner, &item.wait);
    timer_init(&item.limit, on_limit);
    status = begin(owner, fd, &item);
    if (status != CSGI_OK) return status;
    count_waiter(self, 1);
    if (timeout_ms != UINT64_MAX) timer_start(owner, &item.limit, timeout_ms);
    status = task_wait_end(&item.wait);
    timer_stop(owner, &item.limit);
    count_waiter(self, -1);
    leave(self, fd, &item);
    if (status == CSGI_OK) *ready = item.ready;
    return status;
}

static void on_set_closed(uv_handle_t *handle)
{
    loop *owner = CONTAINER_OF((uv_poll_t *)handle, loop, readiness.poll);

    owner->open_handles--;
}

void readiness_close(loop *owner)
{
    readiness *self = &owner->readiness;

    CHECK(self->waiters == 0);
    free(self->places);
    if (!self->is_open) return;
    owner->open_handles++;
    uv_close((uv_handle_t *)&self->poll, on_set_closed);
    close(self->set);
}
