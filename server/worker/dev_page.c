/* SPDX-License-Identifier: MIT
 * The error page of `capricorn dev`. */
#include "worker/dev_page.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_write.h"
#include "base/str.h"
#include "reload/diagnostics.h"

#define ERRORS_MAX    50u /* on a page */
#define LINES_AROUND  4u  /* before and after the one that is marked */
#define SOURCE_MAX    ((size_t)4 << 20)
#define QUALITY_WHOLE 1000u

/* ---- what is asked for ---- */

/* "0.85" in thousandths (RFC 9110 section 12.4.2); what is no such number is 0. */
static unsigned read_quality(csgi_str text)
{
    unsigned value = 0, weight = QUALITY_WHOLE;

    if (!text.len || text.len > 5) return 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (i == 1 ? c != '.' : c < '0' || c > '9') return 0;
        if (i == 1) continue;
        value += (unsigned)(c - '0') * weight;
        weight /= 10;
    }
    return value <= QUALITY_WHOLE ? value : 0;
}

static unsigned quality_of(csgi_str parameters)
{
    while (parameters.len) {
        csgi_str each = str_trim(str_take(&parameters, ';'));

        if (str_starts_with_nocase(each, STR("q="))) return read_quality(str_slice(each, 2, 8));
    }
    return QUALITY_WHOLE;
}

dev_format dev_format_of(csgi_str accept)
{
    unsigned html = 0, json = 0;

    while (accept.len) {
        csgi_str range = str_take(&accept, ',');
        csgi_str type = str_trim(str_take(&range, ';'));

        if (str_eq_nocase(type, STR("text/html")))
            html = quality_of(range);
        else if (str_eq_nocase(type, STR("application/json")))
            json = quality_of(range);
    }
    if (!html && !json) return DEV_FORMAT_NONE;
    return html >= json ? DEV_FORMAT_HTML : DEV_FORMAT_JSON;
}

/* ---- HTML ---- */

static csgi_status put(buffer *out, const char *text)
{
    return buffer_append_str(out, str_from(text));
}

/* As text or as an attribute's value. What is no UTF-8, and control characters, become U+FFFD. */
static csgi_status put_text(buffer *out, csgi_str text)
{
    csgi_status status = CSGI_OK;

    while (text.len && status == CSGI_OK) {
        unsigned char c = (unsigned char)text.ptr[0];
        size_t len = str_utf8_sequence(text);
        bool is_odd = !len || (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;

        if (is_odd)
            status = put(out, "\xef\xbf\xbd");
        else if (c == '<')
            status = put(out, "&lt;");
        else if (c == '>')
            status = put(out, "&gt;");
        else if (c == '&')
            status = put(out, "&amp;");
        else if (c == '"')
            status = put(out, "&quot;");
        else if (c == '\'')
            status = put(out, "&#39;");
        else
            status = buffer_append(out, text.ptr, len);
        text = str_slice(text, len ? len : 1, SIZE_MAX);
    }
    return status;
}

/* The whole file; nothing is said of one that cannot be read. */
static void read_source(const dev_trouble *of, csgi_str file, buffer *out)
{
    buffer path = { 0 };
    struct stat about;
    int fd = -1;

    if (of->directory && file.ptr[0] != '/') buffer_printf(&path, "%s/", of->directory);
    if (buffer_append_str(&path, file) == CSGI_OK && buffer_append(&path, "", 1) == CSGI_OK)
        fd = open(path.bytes, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
        if (buffer_read_all(out, fd, SOURCE_MAX) != CSGI_OK) out->len = 0;
    }
    if (fd >= 0) close(fd);
    buffer_fini(&path);
}

/* The lines around the one that is meant, which is marked. */
static csgi_status put_excerpt(const dev_trouble *of, const diagnostic *error, buffer *out)
{
    buffer source = { 0 };
    csgi_status status = CSGI_OK;
    csgi_str rest;
    uint64_t number = 0, last = (uint64_t)error->line + LINES_AROUND;

    read_source(of, error->file, &source);
    if (source.len) status = put(out, "<pre class=\"source\">");
    for (rest = buffer_str(&source); rest.len && number < last && status == CSGI_OK;) {
        csgi_str line = str_take(&rest, '\n');
        bool is_it = ++number == error->line;

        if (number + LINES_AROUND < error->line) continue;
        status = buffer_printf(out, "%s<b>%5llu</b> ", is_it ? "<mark>" : "",
                               (unsigned long long)number);
        if (status == CSGI_OK) status = put_text(out, line);
        if (status == CSGI_OK) status = put(out, is_it ? "</mark>\n" : "\n");
    }
    if (source.len && status == CSGI_OK) status = put(out, "</pre>\n");
    buffer_fini(&source);
    return status;
}

static csgi_status put_error(const dev_trouble *of, const diagnostic *error, buffer *out)
{
    csgi_status status = put(out, "<section>\n<h2>");

    if (status == CSGI_OK) status = put_text(out, error->message);
    if (status == CSGI_OK) status = put(out, "</h2>\n<p><code>");
    if (status == CSGI_OK) status = put_text(out, error->file);
    if (status == CSGI_OK) status = buffer_printf(out, ":%u", error->line);
    if (status == CSGI_OK && error->column) status = buffer_printf(out, ":%u", error->column);
    if (status == CSGI_OK) status = put(out, "</code></p>\n");
    if (status == CSGI_OK) status = put_excerpt(of, error, out);
    return status == CSGI_OK ? put(out, "</section>\n") : status;
}

static csgi_status put_trouble(const dev_trouble *of, buffer *out)
{
    csgi_str rest = of->text;
    diagnostic error;
    csgi_status status = put(out, "<h1>");

    if (status == CSGI_OK) status = put_text(out, str_from(of->headline));
    if (status == CSGI_OK) status = put(out, "</h1>\n");
    for (unsigned i = 0; i < ERRORS_MAX && status == CSGI_OK && diagnostics_next(&rest, &error);
         i++)
        status = put_error(of, &error, out);
    if (status == CSGI_OK) status = put(out, "<h3>All that was said</h3>\n<pre class=\"said\">");
    if (status == CSGI_OK) status = put_text(out, of->text);
    return status == CSGI_OK ? put(out, "</pre>\n") : status;
}

static const char page_head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>It does not work yet</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;\n"
    "  padding: 0 1rem }\n"
    "h1 { font-size: 1.5rem; border-bottom: 3px solid #c22 }\n"
    "h2 { font-size: 1.1rem; margin-bottom: 0 }\n"
    "h3 { font-size: 1rem }\n"
    "p { margin: 0.2rem 0 }\n"
    "pre { overflow-x: auto; padding: 0.7rem; border: 1px solid #8888; border-radius: 4px }\n"
    "pre b { font-weight: normal; opacity: 0.5 }\n"
    "mark { background: #f552; color: inherit; font-weight: bold; display: inline-block;\n"
    "  min-width: 100% }\n"
    "</style>\n"
    "</head>\n"
    "<body>\n";

csgi_status dev_page_html(const dev_trouble *troubles, size_t count, buffer *out)
{
    csgi_status status = put(out, page_head);

    for (size_t i = 0; i < count && status == CSGI_OK; i++)
        status = put_trouble(&troubles[i], out);
    if (status == CSGI_OK)
        status = put(out, "<p>Save a change, and load this page again. Clients that do not ask for "
                          "HTML or JSON are served by the last code that worked, if there is "
                          "any.</p>\n</body>\n</html>\n");
    return status;
}

/* ---- JSON ---- */

static void put_object(json_writer *to, const diagnostic *error)
{
    json_write_open(to, NULL, '{');
    json_write_text(to, "file", error->file);
    json_write_number(to, "line", error->line);
    json_write_number(to, "column", error->column);
    json_write_text(to, "message", error->message);
    json_write_close(to, '}');
}

/* What is said in no compiler's words is told a line each, of no file. */
static void put_errors(const dev_trouble *of, json_writer *to)
{
    csgi_str rest = of->text;
    diagnostic error;
    bool has_any = false;

    while (diagnostics_next(&rest, &error)) {
        put_object(to, &error);
        has_any = true;
    }
    for (rest = has_any ? STR("") : of->text; rest.len;) {
        error = (diagnostic){ .file = STR(""), .message = str_take(&rest, '\n') };
        if (error.message.len) put_object(to, &error);
    }
}

csgi_status dev_page_json(const dev_trouble *troubles, size_t count, buffer *out)
{
    json_writer to = { .out = out };
    buffer detail = { 0 };

    for (size_t i = 0; i < count; i++)
        buffer_printf(&detail, "%s%s", i ? "; " : "", troubles[i].headline);
    json_write_open(&to, NULL, '{');
    json_write_text(&to, "detail", buffer_str(&detail));
    json_write_open(&to, "errors", '[');
    for (size_t i = 0; i < count; i++)
        put_errors(&troubles[i], &to);
    json_write_close(&to, ']');
    json_write_close(&to, '}');
    buffer_fini(&detail);
    return to.status;
}
