/* SPDX-License-Identifier: MIT
 * The two ends' addresses. They are kept apart from the streams, for most connections of a server
 * have the same local end, and nobody asks for the ends of outbound ones. */
#include <stdlib.h>
#include <string.h>

#include "net/stream_inside.h"

#define FREE_ENDS 256 /* kept for reuse */

/* Only as long as its address: a Unix socket's would take four times as much as one of IP. */
struct stream_end {
    union {
        size_t users;
        stream_end *next_free;
    };
    address at;
};

#define IP_END_SIZE (offsetof(stream_end, at.as) + sizeof(struct sockaddr_in6))

static _Thread_local stream_end *free_ends;
static _Thread_local size_t free_count;
/* The local end that was asked for last. */
static _Thread_local stream_end *last_local;

static size_t end_size(socklen_t len)
{
    size_t size = offsetof(stream_end, at.as) + len;

    return size > IP_END_SIZE ? size : IP_END_SIZE;
}

static stream_end *end_new(const struct sockaddr *from, socklen_t len)
{
    stream_end *self = free_ends;

    if (len > sizeof self->at.as) len = sizeof self->at.as;
    if (self && end_size(len) == IP_END_SIZE) {
        free_ends = self->next_free;
        free_count--;
    } else {
        self = malloc(end_size(len));
        if (!self) return NULL;
    }
    self->users = 1;
    self->at.len = len;
    memcpy(&self->at.as, from, len);
    return self;
}

void stream_end_release(stream_end *self)
{
    if (!self || --self->users > 0) return;
    if (free_count >= FREE_ENDS || end_size(self->at.len) != IP_END_SIZE) {
        free(self);
        return;
    }
    self->next_free = free_ends;
    free_ends = self;
    free_count++;
}

void stream_ends_clear(void)
{
    stream_end_release(last_local);
    last_local = NULL;
    while (free_ends) {
        stream_end *next = free_ends->next_free;

        free(free_ends);
        free_ends = next;
    }
    free_count = 0;
}

void stream_set_peer(stream *self, const struct sockaddr *peer, socklen_t len)
{
    self->peer = end_new(peer, len);
}

csgi_status stream_replace_ends(stream *self, const address *peer, const address *local)
{
    stream_end *new_peer = end_new(&peer->as.any, peer->len);
    stream_end *new_local = end_new(&local->as.any, local->len);

    if (!new_peer || !new_local) {
        stream_end_release(new_peer);
        stream_end_release(new_local);
        return CSGI_ENOMEM;
    }
    stream_end_release(self->peer);
    stream_end_release(self->local);
    self->peer = new_peer;
    self->local = new_local;
    return CSGI_OK;
}

typedef int (*name_fn)(int fd, struct sockaddr *name, socklen_t *len);

static void ask_name(const stream *self, name_fn ask, struct sockaddr_storage *name, socklen_t *len)
{
    *len = sizeof *name;
    if (ask(self->fd, (struct sockaddr *)name, len) == 0) return;
    name->ss_family = self->is_tcp ? AF_INET : AF_UNIX; /* unnamed */
    *len = sizeof(sa_family_t);
}

/* When there is no memory for a better one. */
static const address unnamed = { .as = { .any = { .sa_family = AF_INET } } };

const address *stream_peer(stream *self)
{
    if (!self->peer) {
        struct sockaddr_storage name;
        socklen_t len;

        ask_name(self, getpeername, &name, &len);
        stream_set_peer(self, (const struct sockaddr *)&name, len);
    }
    return self->peer ? &self->peer->at : &unnamed;
}

static bool is_at(const stream_end *self, const struct sockaddr_storage *name, socklen_t len)
{
    return self && self->at.len == len && memcmp(&self->at.as, name, len) == 0;
}

const address *stream_local(stream *self)
{
    struct sockaddr_storage name;
    socklen_t len;

    if (self->local) return &self->local->at;
    ask_name(self, getsockname, &name, &len);
    if (!is_at(last_local, &name, len)) {
        stream_end *fresh = end_new((const struct sockaddr *)&name, len);

        if (!fresh) return &unnamed;
        stream_end_release(last_local);
        last_local = fresh;
    }
    self->local = last_local;
    self->local->users++;
    return &self->local->at;
}
