/* SPDX-License-Identifier: MIT
 * Reading what --bind says, and choosing between the options that say where to listen. */
#include "config/bind.h"

#include <string.h>

#include "base/check.h"
#include "base/str.h"

#define FIRST_FD  3u /* before it stand the standard streams */
#define LAST_FD   65535u
#define LAST_MODE 0777u

_Static_assert(BIND_PATH_MAX <= BIND_HOST_MAX, "where has room for a path");

static csgi_status refuse(const char *source, csgi_str text, const char *expected, buffer *problem)
{
    buffer_printf(problem, "%s: found \"%.*s\", expected %s\n", source, STR_ARG(text), expected);
    return CSGI_EINVAL;
}

static bool keep_where(bind_spec *self, csgi_str where, size_t most)
{
    if (where.len == 0 || where.len > most || memchr(where.ptr, 0, where.len)) return false;
    memcpy(self->where, where.ptr, where.len);
    self->where[where.len] = '\0';
    return true;
}

/* One to four octal digits. */
static bool parse_mode(csgi_str text, uint32_t *mode)
{
    uint32_t value = 0;

    if (text.len < 1 || text.len > 4) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7') return false;
        value = value * 8 + (uint32_t)(text.ptr[i] - '0');
    }
    *mode = value;
    return value <= LAST_MODE;
}

static csgi_status parse_unix(bind_spec *self, const char *source, csgi_str text, buffer *problem)
{
    csgi_str rest = str_slice(text, strlen("unix:"), SIZE_MAX);
    size_t query = str_find_char(rest, '?');
    csgi_str asked = str_slice(rest, query, SIZE_MAX);

    self->kind = BIND_UNIX;
    self->mode = BIND_MODE_BY_MASK;
    if (!keep_where(self, str_slice(rest, 0, query), BIND_PATH_MAX))
        return refuse(source, text, "unix: and a path of 1 to 107 bytes", problem);
    if (asked.len == 0) return CSGI_OK;
    if (!str_starts_with(asked, STR("?mode=")) ||
        !parse_mode(str_slice(asked, strlen("?mode="), SIZE_MAX), &self->mode))
        return refuse(source, text, "?mode= and octal digits, as in unix:/path?mode=660", problem);
    return CSGI_OK;
}

static csgi_status parse_fd(bind_spec *self, const char *source, csgi_str text, buffer *problem)
{
    uint64_t fd;

    self->kind = BIND_FD;
    if (!str_parse_u64(str_slice(text, strlen("fd://"), SIZE_MAX), &fd) || fd < FIRST_FD ||
        fd > LAST_FD)
        return refuse(source, text, "fd:// and a descriptor's number, 3 to 65535", problem);
    self->fd = (uint32_t)fd;
    return CSGI_OK;
}

/* Splits "host:port" or "[host]:port". */
static bool split_port(csgi_str text, csgi_str *host, csgi_str *port)
{
    size_t end;

    if (text.len && text.ptr[0] == '[') {
        end = str_find_char(text, ']');
        *host = str_slice(text, 1, end - 1);
        end++;
    } else {
        end = str_find_char(text, ':');
        *host = str_slice(text, 0, end);
    }
    if (end >= text.len || text.ptr[end] != ':') return false;
    *port = str_slice(text, end + 1, SIZE_MAX);
    return true;
}

/* Letters, digits and what else stands in names and addresses. */
static bool is_host(csgi_str text, bool is_bracketed)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (char_is_alnum(c) || c == '.' || c == '-' || c == '_') continue;
        if (!is_bracketed || (c != ':' && c != '%')) return false;
    }
    return !is_bracketed || str_find_char(text, ':') < text.len;
}

static csgi_status parse_tcp(bind_spec *self, const char *source, csgi_str text, buffer *problem)
{
    csgi_str host, port;
    uint64_t number;

    self->kind = BIND_TCP;
    if (!split_port(text, &host, &port) || !is_host(host, text.ptr[0] == '[') ||
        !keep_where(self, host, BIND_HOST_MAX))
        return refuse(source, text, "HOST:PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER", problem);
    if (port.len > 5 || !str_parse_u64(port, &number) || number > UINT16_MAX)
        return refuse(source, text, "a port, 0 to 65535, behind the last colon", problem);
    self->port = (uint32_t)number;
    return CSGI_OK;
}

csgi_status bind_spec_parse(bind_spec *self, const char *source, csgi_str text, buffer *problem)
{
    memset(self, 0, sizeof *self);
    if (str_starts_with(text, STR("unix:"))) return parse_unix(self, source, text, problem);
    if (str_starts_with(text, STR("fd://"))) return parse_fd(self, source, text, problem);
    return parse_tcp(self, source, text, problem);
}

void bind_list_default(bind_list *self, const server_options *options)
{
    bind_spec *spec = &self->specs[0];
    size_t len = strlen(options->host);

    memset(spec, 0, sizeof *spec);
    self->count = 1;
    spec->port = (uint32_t)options->port;
    /* A longer one is cut short, and will not be found. */
    memcpy(spec->where, options->host, len < BIND_HOST_MAX ? len : BIND_HOST_MAX);
}

/* ---- choosing ---- */

/* The first two of the ways that were given in this manner; how many there are. */
static size_t find_ways(const server_options *options, option_source manner, const char *found[2])
{
    static const char *const names[] = { "bind", "uds", "fd", "host", "port" };
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        bool joins_host = count && strcmp(found[count - 1], "host") == 0;

        if (options_source(options, names[i]) != manner || joins_host) continue;
        if (count < 2) found[count++] = names[i];
    }
    return count;
}

/* Is it one of these, which would be bound twice? (Addresses are told apart when they are bound.)
 */
static bool is_given(const bind_spec *self, const bind_spec *others, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (others[i].kind != self->kind || self->kind == BIND_TCP) continue;
        if (others[i].fd == self->fd && strcmp(others[i].where, self->where) == 0) return true;
    }
    return false;
}

static csgi_status read_spec(bind_list *self, const char *source, csgi_str text, buffer *problem)
{
    bind_spec *spec = &self->specs[self->count];

    if (bind_spec_parse(spec, source, text, problem)) return CSGI_EINVAL;
    if (is_given(spec, self->specs, self->count)) {
        if (spec->kind == BIND_FD)
            buffer_printf(problem, "%s: fd://%u is given twice\n", source, (unsigned)spec->fd);
        else
            buffer_printf(problem, "%s: unix:%s is given twice\n", source, spec->where);
        return CSGI_EINVAL;
    }
    self->count++;
    return CSGI_OK;
}

static csgi_status read_list(bind_list *self, const server_options *options, const char *source,
                             buffer *problem)
{
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < options->bind.count; i++) {
        if (read_spec(self, source, options->bind.items[i], problem)) status = CSGI_EINVAL;
    }
    return status;
}

csgi_status bind_list_choose(bind_list *self, const server_options *options, buffer *problem)
{
    const char *ways[2];
    char names[2][OPTION_PLACE_MAX];
    size_t count = find_ways(options, OPTION_FROM_ARGUMENTS, ways);

    self->count = 0;
    if (!count) count = find_ways(options, OPTION_FROM_ENVIRONMENT, ways);
    if (!count) count = find_ways(options, OPTION_FROM_FILE, ways);
    if (!count) return CSGI_OK;
    for (size_t i = 0; i < count; i++)
        options_print_place(options, ways[i], names[i], sizeof names[i]);
    if (count > 1) {
        buffer_printf(problem,
                      "%s and %s: each says where to listen; give one of them, or a --bind for "
                      "each\n",
                      names[0], names[1]);
        return CSGI_EINVAL;
    }
    if (strcmp(ways[0], "bind") == 0) return read_list(self, options, names[0], problem);
    bind_list_default(self, options);
    if (strcmp(ways[0], "fd") == 0) {
        self->specs[0].kind = BIND_FD;
        self->specs[0].fd = (uint32_t)options->fd;
    } else if (strcmp(ways[0], "uds") == 0) {
        self->specs[0].kind = BIND_UNIX;
        self->specs[0].mode = BIND_MODE_BY_MASK;
        if (!keep_where(&self->specs[0], str_from(options->uds), BIND_PATH_MAX))
            return refuse(names[0], str_from(options->uds), "a path of 1 to 107 bytes", problem);
    }
    return CSGI_OK;
}
