/* SPDX-License-Identifier: MIT
 * "did you mean": optimal string alignment distance over short words. */
#include "base/suggest.h"

#include <stdint.h>

#define WORD_MAX 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(csgi_str a, csgi_str b)
{
    size_t rows[3][WORD_MAX + 1]; /* the row before the last, the last, and this one, in turn */

    if (a.len > WORD_MAX || b.len > WORD_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;

            row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + change);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

csgi_str suggest_nearest(csgi_str word, const csgi_str *known, size_t count)
{
    csgi_str nearest = { NULL, 0 };
    size_t best = word.len < 4 ? 2 : word.len < 8 ? 3 : 4; /* one more than is near enough */

    for (size_t i = 0; i < count; i++) {
        size_t distance = suggest_distance(word, known[i]);

        if (distance >= best) continue;
        best = distance;
        nearest = known[i];
    }
    return nearest;
}
