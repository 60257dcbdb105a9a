/* SPDX-License-Identifier: MIT
 * Binding what the options ask for: several sockets, several addresses of one name. */
#include "worker/listeners.h"

#include "base/check.h"
#include "base/str.h"
#include "log/log.h"
#include "worker/server_url.h"

/* The addresses of one element of the list. */
typedef struct target {
    size_t count;
    address found[8];
} target;

static csgi_status find_targets(target *targets, const bind_list *binds, buffer *problem)
{
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < binds->count && status == CSGI_OK; i++) {
        const bind_spec *spec = &binds->specs[i];

        targets[i].count = 0;
        if (spec->kind == BIND_TCP)
            status = listener_find_host(spec->where, spec->port, targets[i].found,
                                        COUNT_OF(targets[i].found), &targets[i].count, problem);
    }
    return status;
}

/* Is the port wanted on an IPv4 address too? Then "::" must leave IPv4 alone. */
static bool has_ipv4_at(const target *targets, size_t count, uint32_t port)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < targets[i].count; k++) {
            const address *each = &targets[i].found[k];

            if (port && address_port(each) == port && each->as.any.sa_family == AF_INET)
                return true;
        }
    }
    return false;
}

static bool is_bound(const listener_set *self, const address *at)
{
    for (size_t i = 0; i < self->count; i++) {
        if (address_is_same(listener_address(self->items[i]), at)) return true;
    }
    return false;
}

static csgi_status refuse_more(buffer *problem)
{
    buffer_printf(problem, "cannot listen on more than %u addresses (give fewer --bind)",
                  LISTENERS_MAX);
    return CSGI_EFAIL;
}

/* All addresses of a name, at one port. Those that this machine lacks (no IPv6) do not count, if
 * others are there. */
static csgi_status bind_target(listener_set *self, loop *runner, const target *one,
                               const target *all, size_t count, buffer *problem)
{
    uint32_t port = address_port(&one->found[0]);
    size_t mark = problem->len;
    csgi_status status = CSGI_OK;
    bool is_served = false;

    for (size_t i = 0; i < one->count; i++) {
        address at = one->found[i];

        address_set_port(&at, port);
        if (port && is_bound(self, &at)) {
            is_served = true;
            continue;
        }
        if (self->count == LISTENERS_MAX) return refuse_more(problem);
        status = listener_bind_tcp(runner, &at, has_ipv4_at(all, count, port),
                                   &self->items[self->count], problem);
        if (status != CSGI_OK && status != CSGI_EUNREACH) return status;
        if (status != CSGI_OK) continue;
        port = address_port(listener_address(self->items[self->count++]));
        is_served = true;
    }
    if (!is_served && status) return status;
    problem->len = mark;
    return CSGI_OK;
}

static csgi_status bind_one(listener_set *self, loop *runner, const bind_spec *spec,
                            buffer *problem)
{
    csgi_status status;

    if (self->count == LISTENERS_MAX) return refuse_more(problem);
    if (spec->kind == BIND_FD) {
        status = listener_adopt(runner, (int)spec->fd, &self->items[self->count], problem);
    } else {
        mode_t mode = spec->mode == BIND_MODE_BY_MASK ? LISTENER_MODE_BY_MASK : spec->mode;

        status = listener_bind_unix(runner, spec->where, mode, &self->items[self->count], problem);
    }
    if (status == CSGI_OK) self->count++;
    return status;
}

csgi_status listeners_bind(listener_set *self, loop *runner, const bind_list *binds,
                           buffer *problem)
{
    target targets[BIND_MAX];
    csgi_status status = find_targets(targets, binds, problem);

    for (size_t i = 0; i < binds->count && status == CSGI_OK; i++) {
        const bind_spec *spec = &binds->specs[i];

        status = spec->kind == BIND_TCP
                     ? bind_target(self, runner, &targets[i], targets, binds->count, problem)
                     : bind_one(self, runner, spec, problem);
    }
    return status;
}

csgi_status listeners_give(const listener_set *self, uid_t user, gid_t group, buffer *problem)
{
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < self->count && status == CSGI_OK; i++)
        status = listener_give(self->items[i], user, group, problem);
    return status;
}

csgi_status listeners_start(listener_set *self, int backlog, accept_fn on_accept, void *arg,
                            buffer *problem)
{
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < self->count && status == CSGI_OK; i++)
        status = listener_start(self->items[i], backlog, on_accept, arg, problem);
    return status;
}

void listeners_log(const listener_set *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const address *at = listener_address(self->items[i]);
        buffer text = { 0 };

        address_print(at, &text);
        log_info("Capricorn running on %s%.*s (Press CTRL+C to quit)",
                 address_is_unix(at) ? "unix socket " : "http://",
                 STR_ARG(text.len ? buffer_str(&text) : STR("without a path")));
        buffer_fini(&text);
    }
}

csgi_status listeners_print_url(const listener_set *self, buffer *out)
{
    for (size_t i = 0; i < self->count; i++) {
        csgi_status status = server_url_print(listener_address(self->items[i]), out);

        /* A socket that was passed on may have no path, or one that is gone. */
        if (status != CSGI_EFAIL) return status;
    }
    return CSGI_OK;
}

void listeners_close(listener_set *self)
{
    for (size_t i = 0; i < self->count; i++)
        listener_close(self->items[i]);
    self->count = 0;
}
