/* SPDX-License-Identifier: MIT
 * For the tests of an app's transfers: one of them, driven step by step in a task. */
#ifndef CAPRICORN_TEST_CLIENT_TRANSFER_RIG_H
#define CAPRICORN_TEST_CLIENT_TRANSFER_RIG_H

#include "client/client_transfer.h"
#include "policy_rig.h"

typedef struct moved moved;

struct moved {
    asked plain; /* its request is the transfer's */
    settings *with;
    void (*steps)(moved *self);
    client_transfer *transfer;
    const csgi_client_response *head;
    size_t read; /* bytes */
    buffer body;
    size_t running;
};

static inline void prepare_move(rig *bench, moved *out, const char *path)
{
    memset(out, 0, sizeof *out);
    prepare(bench, &out->plain, path);
}

static inline csgi_status open_it(moved *self)
{
    const client_transfer_request wanted = { .request = &self->plain.request,
                                             .with = self->with,
                                             .deadline_ms = self->plain.deadline_ms };

    return client_transfer_open(self->plain.bench->client, &self->plain.arena, &wanted,
                                &self->transfer, &self->plain.why);
}

static inline csgi_status write_it(moved *self, csgi_str piece, bool last)
{
    return client_transfer_write(self->transfer, piece, last, self->plain.deadline_ms);
}

static inline csgi_status find_head(moved *self)
{
    return client_transfer_head(self->transfer, &self->head, self->plain.deadline_ms);
}

static inline csgi_status read_it(moved *self)
{
    csgi_str piece = STR("?");
    csgi_status status = client_transfer_read(self->transfer, &piece, self->plain.deadline_ms);

    if (status == CSGI_OK && self->body.len < 8192) buffer_append_str(&self->body, piece);
    self->read += piece.len;
    return status ? status : piece.len ? CSGI_OK : 1;
}

static inline csgi_status read_all(moved *self)
{
    csgi_status status;

    do
        status = read_it(self);
    while (status == CSGI_OK);
    return status == 1 ? CSGI_OK : status;
}

/* Keeps the first failure, and its sentence. */
static inline bool went(moved *self, csgi_status status)
{
    if (status == CSGI_OK || self->plain.status) return self->plain.status == CSGI_OK;
    self->plain.status = status;
    if (self->transfer) buffer_append_str(&self->plain.why, client_transfer_why(self->transfer));
    return false;
}

/* The whole of a request without a body that follows. */
static inline void fetch_in_pieces(moved *self)
{
    if (!went(self, open_it(self))) return;
    /* what was asked is not the caller's any more */
    memset(self->plain.url, '!', sizeof self->plain.url - 1);
    if (went(self, find_head(self))) went(self, read_all(self));
}

static inline csgi_status move_in_task(void *arg)
{
    moved *self = arg;

    self->steps(self);
    if (self->transfer) client_transfer_close(self->transfer);
    self->transfer = NULL;
    return CSGI_OK;
}

static inline void move(moved *self, void (*steps)(moved *self))
{
    rig *bench = self->plain.bench;

    self->steps = steps;
    self->plain.running = &self->running;
    self->running = 1;
    assert_int_equal(task_spawn(bench->loop, &label, 0, move_in_task, on_asked, self,
                                &bench->victim),
                     CSGI_OK);
    loop_run(bench->loop);
    assert_int_equal(self->running, 0);
    assert_int_equal(client_get_counts(bench->client).requests, 0);
}

static inline void end_move(moved *self)
{
    done(&self->plain);
    buffer_fini(&self->body);
    if (self->with) settings_release(self->with);
}

static inline void assert_went(moved *self)
{
    if (self->plain.status)
        fail_msg("%d: %.*s", self->plain.status, STR_ARG(buffer_str(&self->plain.why)));
}

static inline void assert_body(moved *self, const char *want)
{
    assert_went(self);
    assert_int_equal(buffer_append(&self->body, "", 1), CSGI_OK);
    assert_string_equal(self->body.bytes, want);
}

static inline void assert_has(moved *self, const char *part, bool has)
{
    assert_went(self);
    assert_int_equal(buffer_append(&self->body, "", 1), CSGI_OK);
    if ((strstr(self->body.bytes, part) != NULL) != has)
        fail_msg("'%s' %s '%s'", self->body.bytes, has ? "lacks" : "has", part);
}

static inline void assert_failed_with(moved *self, csgi_status status, const char *reason)
{
    assert_int_equal(buffer_append(&self->plain.why, "", 1), CSGI_OK);
    assert_int_equal(self->plain.status, status);
    if (!strstr(self->plain.why.bytes, reason))
        fail_msg("'%s' lacks '%s'", self->plain.why.bytes, reason);
}

#endif
