/* SPDX-License-Identifier: MIT
 * What the dashboard shows, as HTML: the same for a browser without scripts, and for the events
 * that renew it. No section has a line end, and nothing from outside is in it unescaped. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"
#include "worker/dashboard_inside.h"

/* Rows of a table that has no end. */
#define RECENT_SHOWN  50u
#define CALLS_SHOWN   100u
#define RELOADS_SHOWN 20u

/* ---- small pieces ---- */

static void put(buffer *out, const char *html)
{
    buffer_append_str(out, str_from(html));
}

/* Escaped, control bytes and line ends too; for texts and for attributes in quotes. */
static void put_text(buffer *out, csgi_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'' || c == '\n' || c == '\t')
            buffer_printf(out, "&#%u;", c);
        else if (c < 0x20 || c == 0x7f)
            put(out, "&#xfffd;");
        else
            buffer_append(out, &text.ptr[i], 1);
    }
}

static void put_cell(buffer *out, const char *class, csgi_str text)
{
    buffer_printf(out, "<td%s%s%s>", class ? " class=\"" : "", class ? class : "",
                  class ? "\"" : "");
    put_text(out, text);
    put(out, "</td>");
}

static void put_number_cell(buffer *out, uint64_t number)
{
    buffer_printf(out, "<td class=\"num\">%" PRIu64 "</td>", number);
}

/* "42 us", "1.30 ms", "25 ms", "1.3 s". */
static void put_time(buffer *out, uint64_t us)
{
    if (us < 1000)
        buffer_printf(out, "%" PRIu64 "&nbsp;&micro;s", us);
    else if (us < 10000)
        buffer_printf(out, "%" PRIu64 ".%02" PRIu64 "&nbsp;ms", us / 1000, us % 1000 / 10);
    else if (us < 1000000)
        buffer_printf(out, "%" PRIu64 "&nbsp;ms", us / 1000);
    else
        buffer_printf(out, "%" PRIu64 ".%" PRIu64 "&nbsp;s", us / 1000000, us % 1000000 / 100000);
}

/* The time of day, here. */
static void put_clock(buffer *out, int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm parts;
    char text[32];

    if (!localtime_r(&at, &parts) || !strftime(text, sizeof text, "%H:%M:%S", &parts)) return;
    buffer_printf(out, "<time>%s</time>", text);
}

static void put_clock_cell(buffer *out, int64_t at_ms)
{
    put(out, "<td class=\"num\">");
    put_clock(out, at_ms);
    put(out, "</td>");
}

static csgi_str base_name(csgi_str path)
{
    const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;

    return slash ? str_slice(path, (size_t)(slash + 1 - path.ptr), SIZE_MAX) : path;
}

static void begin_table(buffer *out, const char *caption, const char *heads)
{
    buffer_printf(out,
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>"
                  "<caption>%s</caption><thead><tr>%s</tr></thead><tbody>",
                  caption, caption, heads);
}

static void end_table(buffer *out)
{
    put(out, "</tbody></table></div>");
}

static void put_nothing(buffer *out, const char *why)
{
    buffer_printf(out, "<p class=\"none\">%s</p>", why);
}

/* ---- the summary ---- */

static size_t count_calls(const dashboard *self)
{
    return app_set_running(self->apps);
}

static void put_card(buffer *out, const char *class, const char *name, const char *value)
{
    buffer_printf(out, "<div class=\"card %s\"><dt>%s</dt><dd>%s</dd></div>", class, name, value);
}

static void put_reload_card(const dashboard *self, buffer *out)
{
    const reload_record *last = reloader_record(self->reloader, 0);
    char text[96];

    if (reloader_is_busy(self->reloader)) {
        put_card(out, "busy", "Last reload", "under way &hellip;");
    } else if (!last) {
        put_card(out, "", "Last reload", "none yet");
    } else {
        snprintf(text, sizeof text, "%s <small>in %" PRIu64 " ms</small>",
                 last->is_ok ? "served" : "failed", last->took_ms);
        put_card(out, last->is_ok ? "good" : "bad", "Last reload", text);
    }
}

static int compare_times(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* In the middle of those that are kept; 0: there is none. */
static uint64_t median_us(const dashboard *self)
{
    uint64_t times[RECENT_KEPT];
    size_t count = 0;
    const recent_request *each;

    while ((each = dashboard_recent(self, count)))
        times[count++] = each->took_us;
    if (count == 0) return 0;
    qsort(times, count, sizeof *times, compare_times);
    return times[count / 2];
}

static void print_summary(const dashboard *self, buffer *out)
{
    char number[24];
    buffer median = { 0 };

    put(out, "<dl class=\"cards\">");
    put(out, "<div class=\"card\"><dt>Serving</dt><dd class=\"url\">");
    put_text(out, self->parts.url);
    put(out, "</dd></div>");
    snprintf(number, sizeof number, "%zu", count_calls(self));
    put_card(out, "", "Live requests", number);
    snprintf(number, sizeof number, "%" PRIu64, self->recent_count);
    put_card(out, "", "Answered", number);
    if (self->recent_count)
        put_time(&median, median_us(self));
    else
        put(&median, "&ndash;");
    buffer_append(&median, "", 1);
    put_card(out, "", "Median time", median.bytes ? median.bytes : "");
    put_reload_card(self, out);
    put(out, "</dl>");
    buffer_fini(&median);
}

/* ---- plugins ---- */

/* When its file was written; not told of a file that is newer than what is served. */
static void put_built_cell(buffer *out, const app_info *it)
{
    struct stat found;
    int64_t built_ms = -1;

    if (it->file.ptr && stat(it->file.ptr, &found) == 0)
        built_ms = (int64_t)found.st_mtim.tv_sec * 1000 + found.st_mtim.tv_nsec / 1000000;
    if (!it->is_serving || built_ms < 0)
        put(out, "<td class=\"num\">&ndash;</td>");
    else if (built_ms > it->made_at_ms)
        put(out, "<td class=\"num\"><span class=\"badge\">newer file</span></td>");
    else
        put_clock_cell(out, built_ms);
}

static void put_app(buffer *out, const app_info *it)
{
    buffer_printf(out, "<tr%s><th scope=\"row\">", it->is_serving ? "" : " class=\"old\"");
    put_text(out, it->name);
    put(out, "</th><td>");
    put_text(out, it->plugin);
    put(out, " <small>");
    put_text(out, it->version);
    put(out, "</small></td><td title=\"");
    put_text(out, it->file);
    put(out, "\">");
    put_text(out, base_name(it->file));
    buffer_printf(out, "</td><td class=\"num\">%" PRIu64 "</td><td class=\"code\">",
                  it->generation);
    put_text(out, it->hash);
    put(out, "</td>");
    put_built_cell(out, it);
    put_clock_cell(out, it->made_at_ms);
    put_number_cell(out, it->requests);
    put_number_cell(out, it->jobs);
    put(out, it->is_serving ? "<td><span class=\"badge good\">serving</span></td></tr>"
                            : "<td><span class=\"badge warn\">finishing</span></td></tr>");
}

static void print_plugins(const dashboard *self, buffer *out)
{
    app_info each;

    if (!app_set_get_app(self->apps, 0, &each)) {
        put_nothing(out, "No plugin is loaded.");
        return;
    }
    begin_table(out, "Apps and the plugins that they are of",
                "<th scope=\"col\">App</th><th scope=\"col\">Plugin</th><th scope=\"col\">File</th>"
                "<th scope=\"col\" class=\"num\">Generation</th><th scope=\"col\">Hash</th>"
                "<th scope=\"col\" class=\"num\">Built</th><th scope=\"col\" class=\"num\">Loaded"
                "</th><th scope=\"col\" class=\"num\">Requests</th><th scope=\"col\" class=\"num\">"
                "Jobs</th><th scope=\"col\">State</th>");
    for (size_t i = 0; app_set_get_app(self->apps, i, &each); i++)
        put_app(out, &each);
    end_table(out);
}

/* ---- live requests ---- */

static void put_request_cell(buffer *out, csgi_str method, csgi_str path)
{
    put(out, "<th scope=\"row\" class=\"request\"><b>");
    put_text(out, method);
    put(out, "</b> ");
    put_text(out, path);
    put(out, "</th>");
}

static void put_endpoint_cell(buffer *out, csgi_str app, csgi_str endpoint)
{
    put(out, "<td>");
    put_text(out, app);
    if (endpoint.len) put(out, ":");
    put_text(out, endpoint);
    put(out, "</td>");
}

static void put_call(buffer *out, const app_call *it)
{
    put(out, "<tr>");
    put_request_cell(out, it->method, it->path);
    put_endpoint_cell(out, it->app, it->endpoint);
    put_number_cell(out, it->generation);
    buffer_printf(out, "<td><span class=\"badge %s\">%s</span> ", *it->waits_for ? "" : "good",
                  *it->waits_for ? it->waits_for : "running");
    put_text(out, it->about);
    if (it->tasks) buffer_printf(out, " <small>and %zu tasks of its own</small>", it->tasks);
    put(out, "</td><td class=\"num\">");
    if (it->began_ns) put_time(out, (loop_clock_ns() - it->began_ns) / 100000000 * 100000);
    put(out, "</td></tr>");
}

static void print_live(const dashboard *self, buffer *out)
{
    app_call each;
    size_t count = 0;

    if (!app_set_get_call(self->apps, 0, &each)) {
        put_nothing(out, "No request is being answered.");
        return;
    }
    begin_table(out, "Requests that are being answered, the newest first",
                "<th scope=\"col\">Request</th><th scope=\"col\">Endpoint</th><th scope=\"col\" "
                "class=\"num\">Generation</th><th scope=\"col\">Waits for</th><th scope=\"col\" "
                "class=\"num\">Since</th>");
    while (count < CALLS_SHOWN && app_set_get_call(self->apps, count, &each)) {
        put_call(out, &each);
        count++;
    }
    end_table(out);
    if (count == CALLS_SHOWN)
        buffer_printf(out, "<p class=\"none\">No more than %u are shown.</p>", CALLS_SHOWN);
}

/* ---- recent requests ---- */

#define CHART_WIDTH  1000u /* ten for each request */
#define CHART_HEIGHT 150u
/* The bottom is 4 us, each doubling is so high; the top is above 10 s. */
#define CHART_STEP 7u

/* 16 times the logarithm to base 2, by straight lines between its whole numbers. */
static unsigned log2_times_16(uint64_t number)
{
    unsigned whole = 63 - (unsigned)__builtin_clzll(number | 1);
    uint64_t rest = (number << (63 - whole)) << 1 >> 60;

    return whole * 16 + (unsigned)rest;
}

static unsigned bar_height(uint64_t us)
{
    unsigned least = log2_times_16(4), now = log2_times_16(us ? us : 1);
    unsigned height = now > least ? (now - least) * CHART_STEP / 16 : 0;

    if (height < 2) return 2;
    return height < CHART_HEIGHT ? height : CHART_HEIGHT;
}

static const char *class_of_status(uint32_t status)
{
    if (status >= 500) return "s5";
    if (status >= 400) return "s4";
    return status >= 300 ? "s3" : "s2";
}

static void put_grid_line(buffer *out, uint64_t us, const char *name)
{
    unsigned y = CHART_HEIGHT - bar_height(us);

    buffer_printf(out,
                  "<line x1=\"0\" x2=\"%u\" y1=\"%u\" y2=\"%u\"/><text x=\"%u\" y=\"%u\">%s</text>",
                  CHART_WIDTH, y, y, CHART_WIDTH + 6, y + 4, name);
}

static void put_bar(buffer *out, const recent_request *it, size_t index)
{
    unsigned height = bar_height(it->took_us);

    buffer_printf(out,
                  "<rect class=\"%s\" x=\"%zu\" y=\"%u\" width=\"8\" height=\"%u\" rx=\"1.5\">"
                  "<title>",
                  class_of_status(it->status), CHART_WIDTH - (index + 1) * 10 + 1,
                  CHART_HEIGHT - height, height);
    put_text(out, str_from(it->method));
    put(out, " ");
    put_text(out, str_from(it->path));
    buffer_printf(out, ": %u, ", it->status);
    put_time(out, it->took_us);
    put(out, "</title></rect>");
}

static void put_chart(const dashboard *self, buffer *out)
{
    const recent_request *each;

    buffer_printf(out,
                  "<figure><svg class=\"chart\" viewBox=\"0 -6 1060 %u\" role=\"img\" "
                  "aria-label=\"How long the last %zu requests took, the newest on the right, in "
                  "a logarithmic scale; the table below has the newest of them\"><g "
                  "class=\"grid\">",
                  CHART_HEIGHT + 8,
                  (size_t)(self->recent_count < RECENT_KEPT ? self->recent_count : RECENT_KEPT));
    put_grid_line(out, 10, "10 &micro;s");
    put_grid_line(out, 100, "100 &micro;s");
    put_grid_line(out, 1000, "1 ms");
    put_grid_line(out, 10000, "10 ms");
    put_grid_line(out, 100000, "100 ms");
    put_grid_line(out, 1000000, "1 s");
    put_grid_line(out, 10000000, "10 s");
    put(out, "</g>");
    for (size_t i = 0; (each = dashboard_recent(self, i)); i++)
        put_bar(out, each, i);
    put(out, "</svg><figcaption><span class=\"s2\">2xx</span><span class=\"s3\">3xx</span><span "
             "class=\"s4\">4xx</span><span class=\"s5\">5xx</span></figcaption></figure>");
}

static void put_recent(buffer *out, const recent_request *it)
{
    put(out, "<tr>");
    put_request_cell(out, str_from(it->method), str_from(it->path));
    buffer_printf(out, "<td class=\"num\"><span class=\"status %s\">%u</span></td>",
                  class_of_status(it->status), it->status);
    put_endpoint_cell(out, str_from(it->app), str_from(it->endpoint));
    put(out, "<td class=\"num\">");
    put_time(out, it->took_us);
    put(out, "</td>");
    put_number_cell(out, it->bytes);
    put_clock_cell(out, it->at_ms);
    put(out, "</tr>");
}

static void print_recent(const dashboard *self, buffer *out)
{
    const recent_request *each;

    if (!self->recent_count) {
        put_nothing(out, "No request has been answered yet.");
        return;
    }
    put_chart(self, out);
    begin_table(out, "The last requests that were answered, the newest first",
                "<th scope=\"col\">Request</th><th scope=\"col\" class=\"num\">Status</th><th "
                "scope=\"col\">Endpoint</th><th scope=\"col\" class=\"num\">Took</th><th "
                "scope=\"col\" class=\"num\">Bytes</th><th scope=\"col\" class=\"num\">At</th>");
    for (size_t i = 0; i < RECENT_SHOWN && (each = dashboard_recent(self, i)); i++)
        put_recent(out, each);
    end_table(out);
}

/* ---- reloads and stalls ---- */

static void put_reload(buffer *out, const reload_record *it)
{
    csgi_str report = buffer_str(&it->report);

    while (report.len && report.ptr[report.len - 1] == '\n')
        report.len--;
    buffer_printf(out,
                  "<tr><th scope=\"row\" class=\"num\">%" PRIu64
                  "</th><td><span class=\"badge %s</span></td>",
                  it->number, it->is_ok ? "good\">served" : "bad\">failed");
    put_cell(out, NULL, str_from(it->why));
    buffer_printf(out, "<td class=\"num\">%" PRIu64 "&nbsp;ms</td>", it->took_ms);
    put_clock_cell(out, it->at_ms);
    put(out, it->is_ok ? "<td>" : "<td><pre>");
    put_text(out, report);
    put(out, it->is_ok ? "</td></tr>" : "</pre></td></tr>");
}

static void print_reloads(const dashboard *self, buffer *out)
{
    const reload_record *each = reloader_record(self->reloader, 0);

    if (!each) {
        put_nothing(out, "Nothing has been reloaded yet: save a source, or replace a plugin.");
        return;
    }
    begin_table(out, "Reloads, the newest first",
                "<th scope=\"col\" class=\"num\">No.</th><th scope=\"col\">Outcome</th><th "
                "scope=\"col\">Asked for by</th><th scope=\"col\" class=\"num\">Took</th><th "
                "scope=\"col\" class=\"num\">At</th><th scope=\"col\">Report</th>");
    for (size_t i = 0; i < RELOADS_SHOWN && (each = reloader_record(self->reloader, i)); i++)
        put_reload(out, each);
    end_table(out);
}

static void print_stalls(const dashboard *self, buffer *out)
{
    const loop_stall *each = loop_get_stall(self->parts.loop, 0);

    if (!each) {
        put_nothing(out, "Nothing has held the loop.");
        return;
    }
    begin_table(out, "What has held the loop, while others waited",
                "<th scope=\"col\">Who</th><th scope=\"col\" class=\"num\">Held for</th><th "
                "scope=\"col\" class=\"num\">Until</th>");
    for (size_t i = 0; (each = loop_get_stall(self->parts.loop, i)); i++) {
        put(out, "<tr><th scope=\"row\">");
        put_text(out, str_from(each->holder));
        put(out, "</th><td class=\"num\">");
        put_time(out, each->held_ms * 1000);
        put(out, "</td>");
        put_clock_cell(out, each->at_ms);
        put(out, "</tr>");
    }
    end_table(out);
}

/* ---- routes ---- */

/* Columns that would be empty are left out. */
typedef struct route_columns {
    bool host, around, timeout;
} route_columns;

static void put_around_cell(buffer *out, const app_route *it)
{
    put(out, "<td>");
    for (size_t i = 0; i < it->around_count; i++) {
        if (i) put(out, ", ");
        put_text(out, it->around[i]);
    }
    put(out, "</td>");
}

static void put_route(buffer *out, const app_route *it, route_columns with)
{
    put(out, "<tr>");
    put_request_cell(out, it->methods.len ? it->methods : STR("*"), it->path);
    if (with.host) put_cell(out, NULL, it->host);
    put_cell(out, NULL, it->use);
    put_number_cell(out, it->generation);
    if (with.around) put_around_cell(out, it);
    if (with.timeout) {
        put(out, "<td class=\"num\">");
        if (it->timeout_ms) put_time(out, it->timeout_ms * 1000);
        put(out, "</td>");
    }
    put(out, "</tr>");
}

static route_columns find_columns(const app_set *apps, arena *memory)
{
    route_columns with = { false, false, false };
    app_route each;

    for (size_t i = 0; i < app_set_route_count(apps); i++) {
        if (app_set_get_route(apps, i, memory, &each) != CSGI_OK) continue;
        with.host |= each.host.len > 0;
        with.around |= each.around_count > 0;
        with.timeout |= each.timeout_ms > 0;
    }
    return with;
}

static void print_routes(const dashboard *self, buffer *out)
{
    size_t count = app_set_route_count(self->apps);
    route_columns with;
    app_route each;
    arena memory;
    char heads[256];

    if (!count) {
        put_nothing(out, "There is no route: every request is answered 404.");
        return;
    }
    arena_init(&memory, NULL, 0);
    with = find_columns(self->apps, &memory);
    snprintf(heads, sizeof heads,
             "<th scope=\"col\">Route</th>%s<th scope=\"col\">Endpoint</th>"
             "<th scope=\"col\" class=\"num\">Generation</th>%s%s",
             with.host ? "<th scope=\"col\">Host</th>" : "",
             with.around ? "<th scope=\"col\">Middleware</th>" : "",
             with.timeout ? "<th scope=\"col\" class=\"num\">Timeout</th>" : "");
    begin_table(out, "Routes, in the order of the table", heads);
    for (size_t i = 0; i < count; i++) {
        if (app_set_get_route(self->apps, i, &memory, &each) == CSGI_OK)
            put_route(out, &each, with);
    }
    end_table(out);
    arena_reset(&memory);
}

const dashboard_section dashboard_sections[DASHBOARD_SECTIONS] = {
    { "summary", print_summary }, { "live", print_live },       { "recent", print_recent },
    { "plugins", print_plugins }, { "reloads", print_reloads }, { "stalls", print_stalls },
    { "routes", print_routes },
};
