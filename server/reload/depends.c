/* SPDX-License-Identifier: MIT
 * Reading the rules that compilers write. */
#include "reload/depends.h"

#include "base/str.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Past blanks and continued lines; a line's end stays. */
static void skip_blanks(csgi_str *rest)
{
    for (;;) {
        if (rest->len && is_blank(rest->ptr[0]))
            *rest = str_slice(*rest, 1, SIZE_MAX);
        else if (str_starts_with(*rest, STR("\\\n")))
            *rest = str_slice(*rest, 2, SIZE_MAX);
        else if (str_starts_with(*rest, STR("\\\r\n")))
            *rest = str_slice(*rest, 3, SIZE_MAX);
        else
            return;
    }
}

/* How many bytes at the beginning are an escape, and what for; 0: it is none. Backslashes count
 * only before a space or "#", which 2n + 1 of them escape. */
static size_t read_escape(csgi_str rest, char *meant)
{
    if (str_starts_with(rest, STR("$$"))) {
        *meant = '$';
        return 2;
    }
    if (rest.len < 2 || rest.ptr[0] != '\\') return 0;
    *meant = rest.ptr[1];
    return *meant == ' ' || *meant == '#' || *meant == ':' || *meant == '\\' ? 2 : 0;
}

/* One word, up to a blank, a line's end, or the colon of the target. CSGI_EINVAL: a variable or a
 * control character. */
static csgi_status read_word(csgi_str *rest, bool is_target, buffer *out)
{
    csgi_status status = CSGI_OK;

    while (rest->len && status == CSGI_OK) {
        char c = rest->ptr[0], meant;
        size_t len = read_escape(*rest, &meant);

        if (!len && (is_blank(c) || c == '\n' || (is_target && c == ':'))) break;
        if (!len && (c == '$' || (unsigned char)c < ' ')) return CSGI_EINVAL;
        if (!len && c == '\\' && rest->len > 1 && (rest->ptr[1] == '\n' || rest->ptr[1] == '\r'))
            break;
        status = buffer_append(out, len ? &meant : &c, 1);
        *rest = str_slice(*rest, len ? len : 1, SIZE_MAX);
    }
    return status;
}

/* The prerequisites of one rule, whose targets were read. */
static csgi_status read_paths(csgi_str *rest, buffer *paths)
{
    csgi_status status = CSGI_OK;

    while (status == CSGI_OK) {
        size_t mark = paths->len;

        skip_blanks(rest);
        if (!rest->len || rest->ptr[0] == '\n') break;
        status = read_word(rest, false, paths);
        if (status == CSGI_OK && paths->len == mark) status = CSGI_EINVAL;
        if (status == CSGI_OK) status = buffer_append(paths, "", 1);
    }
    return status;
}

/* "target target:". */
static csgi_status read_targets(csgi_str *rest)
{
    csgi_status status = CSGI_OK;
    buffer word = { 0 };

    while (status == CSGI_OK) {
        size_t before = rest->len;

        skip_blanks(rest);
        if (!rest->len || rest->ptr[0] == '\n') status = CSGI_EINVAL;
        if (status == CSGI_OK && rest->ptr[0] == ':') break;
        if (status == CSGI_OK) status = read_word(rest, true, &word);
        if (rest->len == before) status = CSGI_EINVAL;
    }
    buffer_fini(&word);
    if (status == CSGI_OK) *rest = str_slice(*rest, 1, SIZE_MAX);
    return status;
}

csgi_status depends_read(csgi_str text, buffer *paths)
{
    csgi_status status = CSGI_OK;

    while (text.len && status == CSGI_OK) {
        if (text.ptr[0] == '\n' || text.ptr[0] == '#') {
            str_take(&text, '\n');
            continue;
        }
        status = read_targets(&text);
        if (status == CSGI_OK) status = read_paths(&text, paths);
    }
    return status;
}
