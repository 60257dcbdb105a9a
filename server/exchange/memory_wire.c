/* SPDX-License-Identifier: MIT
 * The wire in memory: the request is there from the start, the response is gathered. */
#include "exchange/memory_wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "exchange/exchange_inside.h"

struct memory_call {
    exchange *exchange; /* NULL once done */
    memory_done_fn on_done;
    void *arg;
    size_t max_body;
    arena headers_arena;
    csgi_fields headers;
    uint32_t status;
    bool flushed, too_large;
    buffer body;
};

/* ---- the end ---- */

/* May free the call. */
static void finish(memory_call *self, csgi_status status)
{
    exchange *done = self->exchange;
    memory_response response = { self->status, self->headers, buffer_str(&self->body) };

    self->exchange = NULL;
    exchange_wire_release(done);
    self->on_done(self->arg, status, &response);
}

/* ---- the wire ---- */

static void wire_want_body(exchange *request)
{
    (void)request; /* it is all there */
}

static void wire_resume(exchange *request)
{
    (void)request;
}

static csgi_str copy_lower(arena *into, csgi_str text)
{
    csgi_str copy = arena_copy_str(into, text);

    str_lower((char *)copy.ptr, copy.len);
    return copy;
}

static csgi_status copy_fields(arena *into, csgi_fields from, csgi_fields *to)
{
    csgi_field *items;

    *to = (csgi_fields){ NULL, 0 };
    if (from.count == 0) return CSGI_OK;
    items = arena_alloc(into, from.count * sizeof *items, 0);
    if (!items) return CSGI_ENOMEM;
    for (size_t i = 0; i < from.count; i++) {
        items[i] = (csgi_field){ .name = copy_lower(into, from.items[i].name),
                                 .value = arena_copy_str(into, from.items[i].value) };
        if (!items[i].name.ptr || !items[i].value.ptr) return CSGI_ENOMEM;
    }
    *to = (csgi_fields){ items, from.count };
    return CSGI_OK;
}

static csgi_status wire_start(exchange *request, uint32_t status, csgi_fields headers)
{
    memory_call *self = request->wire_owner;
    csgi_status failed = copy_fields(&self->headers_arena, headers, &self->headers);

    if (!failed) self->status = status;
    return failed;
}

static void wire_unstart(exchange *request)
{
    memory_call *self = request->wire_owner;

    arena_reset(&self->headers_arena);
    self->headers = (csgi_fields){ NULL, 0 };
    self->status = 0;
}

static csgi_status wire_body(exchange *request, csgi_str bytes, bool last)
{
    memory_call *self = request->wire_owner;

    self->flushed = true;
    if (!exchange_is_bodyless(request)) {
        if (self->max_body && bytes.len > self->max_body - self->body.len) {
            self->too_large = true;
            return CSGI_ELIMIT;
        }
        if (buffer_append_str(&self->body, bytes)) return CSGI_ENOMEM;
    }
    if (last) finish(self, CSGI_OK);
    return CSGI_OK;
}

static size_t wire_queued(const exchange *request)
{
    (void)request;
    return 0;
}

static void wire_cut(exchange *request)
{
    memory_call *self = request->wire_owner;

    if (!self->flushed) wire_unstart(request);
    finish(self, self->too_large ? CSGI_ELIMIT : CSGI_EDISCONNECTED);
}

static const exchange_wire memory_wire = {
    .want_body = wire_want_body,
    .resume = wire_resume,
    .start = wire_start,
    .unstart = wire_unstart,
    .body = wire_body,
    .queued = wire_queued,
    .cut = wire_cut,
};

/* ---- making the request ---- */

static const address unnamed = { .len = sizeof(sa_family_t), .as.any.sa_family = AF_UNIX };

static csgi_status set_request(exchange *made, const memory_request *from)
{
    arena *into = &made->arena;
    const char *why;
    csgi_status status;

    made->http_version = STR("1.1");
    made->scheme = STR("http");
    made->method = arena_copy_str(into, from->method.len ? from->method : STR("GET"));
    made->raw_path = arena_copy_str(into, from->raw_path);
    made->query_string = arena_copy_str(into, from->query_string);
    if (!made->method.ptr || !made->raw_path.ptr || !made->query_string.ptr) return CSGI_ENOMEM;
    if (!str_is_token(made->method) || !str_starts_with(made->raw_path, STR("/")))
        return CSGI_EINVAL;
    if ((status = http_decode_path(into, made->raw_path, &made->path, &why))) return status;
    if ((status = copy_fields(into, from->headers, &made->headers))) return status;
    made->client = from->client ? from->client : &unnamed;
    made->server = from->server ? from->server : &unnamed;
    made->has_body = from->body.len > 0;
    made->body_length = from->body.len;
    made->body_limit = UINT64_MAX;
    made->features = CSGI_CAN_PATHSEND | CSGI_CAN_ZEROCOPYSEND;
    exchange_push_body(made, from->body.ptr, from->body.len);
    if (made->inbox.len != from->body.len) return CSGI_ENOMEM;
    exchange_push_end(made, (csgi_fields){ NULL, 0 });
    return CSGI_OK;
}

csgi_status memory_call_new(loop *runner, const memory_request *request, memory_done_fn on_done,
                            void *arg, memory_call **out, exchange **out_exchange)
{
    memory_call *self = calloc(1, sizeof *self);
    csgi_status status = CSGI_ENOMEM;

    if (!self) return CSGI_ENOMEM;
    self->exchange = exchange_new(runner, &memory_wire, self);
    if (!self->exchange) goto fail;
    if ((status = set_request(self->exchange, request))) goto fail;
    self->on_done = on_done;
    self->arg = arg;
    self->max_body = request->max_response_body;
    arena_init(&self->headers_arena, NULL, 0);
    *out = self;
    *out_exchange = self->exchange;
    return CSGI_OK;

fail:
    if (self->exchange) {
        exchange_wire_release(self->exchange);
        exchange_app_release(self->exchange);
    }
    free(self);
    return status;
}

void memory_call_free(memory_call *self)
{
    if (!self) return;
    if (self->exchange) exchange_wire_release(self->exchange);
    arena_reset(&self->headers_arena);
    buffer_fini(&self->body);
    free(self);
}

exchange *memory_call_exchange(const memory_call *self)
{
    return self->exchange;
}
