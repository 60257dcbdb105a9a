/* SPDX-License-Identifier: MIT
 * CONNECT. The answer is read strictly: it decides whether a secret talk begins. */
#include "client/tunnel.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

/* ---- the answer ---- */

/* "HTTP/1.1 200 Connection established". */
static bool parse_status_line(csgi_str line, tunnel_answer *out)
{
    csgi_str rest = str_slice(line, 9, line.len), code;
    uint64_t status;

    if (!str_starts_with(line, STR("HTTP/1.1 ")) && !str_starts_with(line, STR("HTTP/1.0 ")))
        return false;
    code = str_slice(rest, 0, 3);
    if (code.len < 3 || !str_parse_u64(code, &status) || status < 100) return false;
    if (rest.len > 3 && rest.ptr[3] != ' ') return false;
    out->status = (uint32_t)status;
    out->reason = str_slice(rest, 4, rest.len);
    return str_is_field_value(out->reason);
}

static bool is_field(csgi_str line)
{
    csgi_str value = line, name = str_take(&value, ':');

    return name.len < line.len && str_is_token(name) && str_is_field_value(value);
}

tunnel_state tunnel_parse(csgi_str text, tunnel_answer *out)
{
    size_t start = 0, end;
    tunnel_answer found = { .len = 0 };

    for (;; start = end + 1) {
        csgi_str line = str_slice(text, start, text.len);

        end = start + str_find_char(line, '\n');
        if (start == text.len || end == text.len) return TUNNEL_MORE;
        line = str_slice(text, start, end - start);
        if (line.len == 0 || line.ptr[line.len - 1] != '\r') return TUNNEL_MALFORMED;
        line.len--;
        if (line.len == 0 && start > 0) break;
        if (start == 0 ? !parse_status_line(line, &found) : !is_field(line))
            return TUNNEL_MALFORMED;
    }
    found.len = end + 1;
    *out = found;
    return TUNNEL_DONE;
}

/* ---- the stream ---- */

static void finish(tunnel *self, csgi_status status, const char *reason)
{
    if (self->is_over) return;
    self->is_over = true;
    stream_read_stop(self->through);
    self->on_done(self, status, reason);
}

static void judge(tunnel *self, const tunnel_answer *answer)
{
    char reason[TUNNEL_REASON_MAX + 100];
    csgi_str words = str_slice(answer->reason, 0, TUNNEL_REASON_MAX);

    if (answer->status / 100 != 2) {
        snprintf(reason, sizeof reason, "it refused the tunnel: %u%s%.*s%s", answer->status,
                 words.len ? " " : "", STR_ARG(words),
                 answer->status == 407 ? " (are its user and password right?)" : "");
        finish(self, CSGI_EUNREACH, reason);
    } else if (answer->len < self->len || self->is_cut) {
        /* The client speaks first: nobody can have answered yet. */
        finish(self, CSGI_EPROTO, "it sent something ahead of the tunnel's other end");
    } else {
        finish(self, CSGI_OK, NULL);
    }
}

static void on_read(void *owner, char *bytes, size_t len)
{
    tunnel *self = owner;
    size_t room = sizeof self->head - self->len;
    tunnel_answer answer;

    self->is_cut = len > room;
    if (len > room) len = room;
    memcpy(self->head + self->len, bytes, len);
    self->len += len;
    switch (tunnel_parse((csgi_str){ self->head, self->len }, &answer)) {
    case TUNNEL_MORE:
        if (self->len == sizeof self->head)
            finish(self, CSGI_EPROTO, "the head of its answer is larger than 8 KiB");
        break;
    case TUNNEL_DONE:
        judge(self, &answer);
        break;
    case TUNNEL_MALFORMED:
        finish(self, CSGI_EPROTO, "its answer is not HTTP/1.1");
        break;
    }
}

static void on_end(void *owner)
{
    finish(owner, CSGI_EPROTO, "it closed the connection instead of opening a tunnel");
}

static void on_nothing(void *owner)
{
    (void)owner; /* it may be gone */
}

static const stream_events events = {
    .on_read = on_read,
    .on_eof = on_end,
    .on_broken = on_end,
    .on_drained = on_nothing,
    .on_closed = on_nothing,
};

/* "host:443", "[::1]:443". */
static csgi_str print_place(const url *to, char *memory, size_t size)
{
    bool is_ipv6 = strchr(to->host, ':') != NULL;
    int len = snprintf(memory, size, "%s%s%s:%u", is_ipv6 ? "[" : "", to->host, is_ipv6 ? "]" : "",
                       to->port);

    return (csgi_str){ memory, (size_t)len };
}

csgi_status tunnel_begin(tunnel *self, stream *through, const proxy *via, const url *to,
                         tunnel_fn on_done, void *arg)
{
    char place[URL_HOST_MAX + 16];
    const csgi_str target = print_place(to, place, sizeof place);
    const csgi_str pieces[] = {
        STR("CONNECT "),
        target,
        STR(" HTTP/1.1\r\nHost: "),
        target,
        via->authorization.len ? STR("\r\nProxy-Authorization: ") : STR(""),
        via->authorization,
        STR("\r\nUser-Agent: capricorn/" CAPRICORN_VERSION "\r\n\r\n"),
    };
    csgi_status status;

    self->through = through;
    self->on_done = on_done;
    self->arg = arg;
    self->len = 0;
    self->is_over = false;
    stream_set_owner(through, &events, self);
    status = stream_write(through, pieces, COUNT_OF(pieces));
    if (status == CSGI_OK) status = stream_read_start(through);
    return status == CSGI_ENOMEM ? status : status ? CSGI_EDISCONNECTED : CSGI_OK;
}
