/* SPDX-License-Identifier: MIT
 * The order of what is said of a routes file: that of the file, whoever complained. */
#include "router/routes_file.h"

#include <stdlib.h>

#include "base/str.h"

typedef struct complaint {
    file_position at;
    csgi_str lines; /* with their ends */
} complaint;

/* Takes "12:" off the text. False: it does not begin so. */
static bool take_number(csgi_str *text, uint32_t *out)
{
    size_t colon = str_find_char(*text, ':');
    uint64_t number;

    if (colon == text->len || !str_parse_u64(str_slice(*text, 0, colon), &number)) return false;
    if (number > UINT32_MAX) return false;
    *out = (uint32_t)number;
    *text = str_slice(*text, colon + 1, SIZE_MAX);
    return true;
}

static bool take_position(csgi_str name, csgi_str line, file_position *out)
{
    csgi_str rest = str_slice(line, name.len, SIZE_MAX);

    if (!str_starts_with(line, name) || !str_starts_with(rest, STR(":"))) return false;
    rest = str_slice(rest, 1, SIZE_MAX);
    return take_number(&rest, &out->line) && take_number(&rest, &out->column);
}

static csgi_status split(csgi_str name, csgi_str text, buffer *out)
{
    while (text.len) {
        complaint each = { .lines = str_slice(text, 0, str_find_char(text, '\n') + 1) };
        csgi_status status = CSGI_OK;

        text = str_slice(text, each.lines.len, SIZE_MAX);
        if (take_position(name, each.lines, &each.at) || !out->len)
            status = buffer_append(out, &each, sizeof each);
        else
            ((complaint *)(void *)(out->bytes + out->len))[-1].lines.len += each.lines.len;
        if (status != CSGI_OK) return status;
    }
    return CSGI_OK;
}

/* Of two at one place the one that was made first comes first. */
static int compare(const void *a, const void *b)
{
    const complaint *first = a, *second = b;

    if (first->at.line != second->at.line) return first->at.line < second->at.line ? -1 : 1;
    if (first->at.column != second->at.column) return first->at.column < second->at.column ? -1 : 1;
    return first->lines.ptr < second->lines.ptr ? -1 : first->lines.ptr > second->lines.ptr;
}

void routes_file_sort_complaints(const routes_file *self, buffer *problem)
{
    buffer list = { 0 }, sorted = { 0 };
    csgi_status status = split(self->name, buffer_str(problem), &list);
    complaint *all = (complaint *)(void *)list.bytes;
    size_t count = list.len / sizeof *all;

    if (status == CSGI_OK) status = buffer_reserve(&sorted, problem->len);
    if (status == CSGI_OK && count > 1) {
        qsort(all, count, sizeof *all, compare);
        for (size_t i = 0; i < count; i++)
            buffer_append_str(&sorted, all[i].lines);
        buffer_fini(problem);
        *problem = sorted;
        sorted = (buffer){ 0 };
    }
    buffer_fini(&list);
    buffer_fini(&sorted);
}
