/* SPDX-License-Identifier: MIT
 * Who may see the dashboard, and what is answered where. */
#include "worker/dashboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "exchange/html_tail.h"
#include "worker/dashboard_inside.h"

#define PATH      "/_capricorn"
#define LIVE_PATH PATH "/live.js"

static const char page_html[] =
#include "worker/dashboard/page.html.inc"
    ;
static const struct {
    const char *path, *type, *content;
} files[] = {
    {
        "/style.css",
        "text/css; charset=utf-8",
#include "worker/dashboard/style.css.inc"
    },
    {
        "/dashboard.js",
        "text/javascript; charset=utf-8",
#include "worker/dashboard/dashboard.js.inc"
    },
    {
        "/live.js",
        "text/javascript; charset=utf-8",
#include "worker/dashboard/live.js.inc"
    },
    {
        "/icon.svg",
        "image/svg+xml",
#include "worker/dashboard/icon.svg.inc"
    },
};

int64_t dashboard_time_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

csgi_str dashboard_serving(const dashboard *self, char out[48])
{
    int len = snprintf(out, 48, "%llx.%llu", (unsigned long long)self->began_ms,
                       (unsigned long long)self->pages);

    return (csgi_str){ out, (size_t)len };
}

/* ---- who may see it ---- */

static csgi_str find_header(const exchange *request, csgi_str name)
{
    for (size_t i = 0; i < request->headers.count; i++) {
        if (str_eq(request->headers.items[i].name, name)) return request->headers.items[i].value;
    }
    return STR("");
}

static bool is_loopback(const address *peer)
{
    const struct sockaddr_in6 *six = &peer->as.ipv6;

    if (peer->as.any.sa_family == AF_INET)
        return ntohl(peer->as.ipv4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (peer->as.any.sa_family != AF_INET6) return false;
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) return six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static bool ends_with_nocase(csgi_str text, csgi_str end)
{
    return text.len >= end.len && str_eq_nocase(str_slice(text, text.len - end.len, end.len), end);
}

/* A name that leads to this machine whatever a name server says. */
static bool is_loopback_name(csgi_str host)
{
    size_t colon;
    char text[64];
    address ip;

    if (host.len && host.ptr[0] == '[') {
        colon = str_find_char(host, ']');
        if (colon == host.len) return false;
        if (colon + 1 < host.len && host.ptr[colon + 1] != ':') return false;
        host = str_slice(host, 1, colon - 1);
    } else {
        host.len = str_find_char(host, ':');
    }
    if (str_eq_nocase(host, STR("localhost")) || ends_with_nocase(host, STR(".localhost")))
        return true;
    if (host.len == 0 || host.len >= sizeof text) return false;
    snprintf(text, sizeof text, "%.*s", STR_ARG(host));
    return address_from_ip(&ip, text, 0) == CSGI_OK && is_loopback(&ip);
}

static bool is_for(const dashboard *self, const exchange *request)
{
    return !self->parts.has_unknown_peers && request->client && is_loopback(request->client) &&
           is_loopback_name(find_header(request, STR("host")));
}

/* ---- pages of the app ---- */

/* A page that a browser shows, not one that a script has asked for. */
static bool is_for_showing(const exchange *request)
{
    csgi_str wanted = find_header(request, STR("sec-fetch-dest"));

    return wanted.len == 0 || str_eq(wanted, STR("document"));
}

static void add_script(const dashboard *self, exchange *request)
{
    char serving[48];
    csgi_str tag;

    dashboard_serving(self, serving);
    tag =
        arena_printf(&request->arena,
                     "<script src=\"" LIVE_PATH "\" data-serving=\"%s\" defer></script>", serving);
    if (tag.ptr) html_tail_add(request, tag); /* without memory it is as without the script */
}

/* ---- answers ---- */

static void refuse(exchange *request, uint32_t status, const char *detail, csgi_fields headers)
{
    exchange_reply_error(request, status, detail, headers);
    exchange_app_release(request);
}

static void reply(exchange *request, const char *type, csgi_str body)
{
    const csgi_field headers[] = {
        { CSGI_STR("content-type"), str_from(type), 0, 0 },
        { CSGI_STR("cache-control"), CSGI_STR("no-store"), 0, 0 },
        { CSGI_STR("content-security-policy"),
          CSGI_STR("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                   "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                   "frame-ancestors 'none'"),
          0, 0 },
        { CSGI_STR("x-content-type-options"), CSGI_STR("nosniff"), 0, 0 },
        { CSGI_STR("referrer-policy"), CSGI_STR("no-referrer"), 0, 0 },
        { CSGI_STR("cross-origin-resource-policy"), CSGI_STR("same-origin"), 0, 0 },
    };

    exchange_reply(request, 200, (csgi_fields){ headers, sizeof headers / sizeof *headers }, body);
    exchange_app_release(request);
}

/* "<main id="main">{plugins}..." has each "{name}" replaced by its section. */
static csgi_status print_page(const dashboard *self, buffer *out)
{
    csgi_str rest = { page_html, sizeof page_html - 1 };
    csgi_status status = CSGI_OK;

    for (size_t i = 0; i < DASHBOARD_SECTIONS; i++) {
        const dashboard_section *each = &dashboard_sections[i];
        char place[32];
        int len = snprintf(place, sizeof place, "{%s}", each->name);
        const char *found = memmem(rest.ptr, rest.len, place, (size_t)len);

        CHECK(found); /* the page has them in the table's order */
        status = buffer_append(out, rest.ptr, (size_t)(found - rest.ptr));
        each->print(self, out);
        rest.len -= (size_t)(found - rest.ptr) + (size_t)len;
        rest.ptr = found + len;
    }
    return status == CSGI_OK ? buffer_append_str(out, rest) : status;
}

static void reply_made(exchange *request, const char *type, csgi_status status, buffer *made)
{
    if (status == CSGI_OK)
        reply(request, type, buffer_str(made));
    else
        refuse(request, 503, "Service Unavailable", (csgi_fields){ NULL, 0 });
    buffer_fini(made);
}

static void answer_file(exchange *request, csgi_str path)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!str_eq(path, str_from(files[i].path))) continue;
        reply(request, files[i].type, str_from(files[i].content));
        return;
    }
    refuse(request, 404, "Not Found", (csgi_fields){ NULL, 0 });
}

static void answer(dashboard *self, exchange *request, csgi_str path)
{
    buffer made = { 0 };

    if (path.len == 0 || str_eq(path, STR("/")))
        reply_made(request, "text/html; charset=utf-8", print_page(self, &made), &made);
    else if (str_eq(path, STR("/status")))
        reply_made(request, "application/json", self->parts.print_status(self->parts.arg, &made),
                   &made);
    else if (str_eq(path, STR("/events")))
        dashboard_begin_events(self, request, true);
    else if (str_eq(path, STR("/reloads")))
        dashboard_begin_events(self, request, false);
    else
        answer_file(request, path);
}

/* Is the path the dashboard's? *inside is what follows. */
static bool is_ours(csgi_str path, csgi_str *inside)
{
    if (!str_starts_with(path, STR(PATH))) return false;
    *inside = str_slice(path, sizeof PATH - 1, SIZE_MAX);
    return inside->len == 0 || inside->ptr[0] == '/';
}

bool dashboard_answer_first(void *arg, exchange *request)
{
    static const csgi_field allow = { CSGI_STR("allow"), CSGI_STR("GET, HEAD"), 0, 0 };
    dashboard *self = arg;
    csgi_str inside;
    bool may_see = is_for(self, request);

    if (!is_ours(request->raw_path, &inside)) {
        if (may_see && self->parts.has_live_reload && is_for_showing(request))
            add_script(self, request);
        return false;
    }
    request->is_unlogged = may_see;
    if (!may_see)
        refuse(request, 404, "Not Found", (csgi_fields){ NULL, 0 });
    else if (!str_eq(request->method, STR("GET")) && !str_eq(request->method, STR("HEAD")))
        refuse(request, 405, "Method Not Allowed", (csgi_fields){ &allow, 1 });
    else
        answer(self, request, inside);
    return true;
}

/* ---- what was answered ---- */

static void keep_text(char *into, size_t size, csgi_str text)
{
    snprintf(into, size, "%.*s", STR_ARG(text));
}

void dashboard_on_answered(void *arg, const exchange *request)
{
    dashboard *self = arg;
    recent_request *into = &self->recent[self->recent_count % RECENT_KEPT];
    csgi_str inside;

    if (is_ours(request->raw_path, &inside)) return;
    self->recent_count++;
    *into = (recent_request){ .status = request->status,
                              .took_us = (loop_clock_ns() - request->began_ns) / 1000,
                              .bytes = request->body_bytes_sent,
                              .at_ms = dashboard_time_ms() };
    keep_text(into->method, sizeof into->method, request->method);
    keep_text(into->path, sizeof into->path, request->raw_path);
    keep_text(into->app, sizeof into->app, request->app_name);
    keep_text(into->endpoint, sizeof into->endpoint, request->endpoint_name);
    dashboard_tell(self, false);
}

const recent_request *dashboard_recent(const dashboard *self, size_t index)
{
    if (index >= self->recent_count || index >= RECENT_KEPT) return NULL;
    return &self->recent[(self->recent_count - 1 - index) % RECENT_KEPT];
}
