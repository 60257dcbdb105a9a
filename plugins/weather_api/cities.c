/* SPDX-License-Identifier: MIT
 * The table of cities, and finding one whatever its case. */
#include "cities.h"

#include <stddef.h>
#include <stdint.h>

/* January to December. */
static const city cities[] = {
    { "Amsterdam", { 4, 4, 6, 9, 13, 16, 18, 18, 15, 11, 7, 4 } },
    { "Anchorage", { -9, -7, -4, 3, 9, 13, 15, 14, 9, 2, -5, -8 } },
    { "Athens", { 10, 11, 13, 16, 21, 26, 29, 29, 25, 20, 15, 11 } },
    { "Auckland", { 20, 20, 19, 17, 14, 12, 11, 12, 13, 14, 16, 18 } },
    { "Bangkok", { 27, 28, 30, 31, 30, 30, 29, 29, 29, 28, 28, 27 } },
    { "Beijing", { -3, 0, 7, 15, 21, 25, 27, 26, 21, 13, 5, -1 } },
    { "Berlin", { 1, 2, 5, 10, 15, 18, 20, 19, 15, 10, 5, 2 } },
    { "Bogotá", { 14, 14, 15, 15, 15, 14, 14, 14, 14, 14, 14, 14 } },
    { "Brussels", { 4, 4, 7, 10, 14, 17, 19, 18, 15, 11, 7, 4 } },
    { "Budapest", { 1, 3, 7, 12, 17, 21, 23, 22, 17, 12, 6, 2 } },
    { "Buenos Aires", { 25, 24, 22, 18, 15, 12, 11, 13, 15, 18, 21, 23 } },
    { "Cairo", { 14, 15, 18, 22, 26, 28, 29, 29, 27, 24, 19, 15 } },
    { "Cape Town", { 22, 22, 20, 18, 15, 13, 13, 13, 14, 17, 19, 21 } },
    { "Chicago", { -3, -1, 4, 10, 16, 22, 24, 23, 19, 12, 5, -1 } },
    { "Copenhagen", { 1, 1, 3, 7, 12, 16, 18, 18, 14, 10, 6, 3 } },
    { "Delhi", { 14, 17, 22, 29, 33, 34, 31, 30, 29, 26, 20, 16 } },
    { "Dubai", { 19, 20, 23, 27, 31, 33, 36, 36, 33, 30, 25, 21 } },
    { "Dublin", { 5, 5, 7, 8, 11, 14, 16, 15, 13, 11, 7, 5 } },
    { "Helsinki", { -4, -5, -1, 4, 11, 15, 18, 17, 12, 7, 2, -1 } },
    { "Hong Kong", { 17, 17, 19, 23, 26, 28, 29, 29, 28, 26, 22, 18 } },
    { "Istanbul", { 6, 6, 8, 12, 17, 22, 24, 25, 21, 16, 12, 8 } },
    { "Jakarta", { 27, 27, 27, 28, 28, 28, 28, 28, 28, 28, 28, 27 } },
    { "Johannesburg", { 20, 20, 19, 16, 13, 10, 11, 13, 17, 18, 19, 20 } },
    { "Lagos", { 27, 29, 29, 29, 28, 27, 26, 25, 26, 27, 28, 27 } },
    { "Lima", { 23, 24, 23, 22, 19, 18, 17, 17, 17, 18, 20, 21 } },
    { "Lisbon", { 11, 13, 15, 16, 18, 21, 23, 24, 22, 19, 15, 12 } },
    { "London", { 5, 5, 8, 10, 13, 16, 19, 18, 16, 12, 8, 6 } },
    { "Los Angeles", { 14, 15, 16, 17, 18, 20, 23, 23, 23, 20, 17, 14 } },
    { "Madrid", { 6, 8, 11, 13, 17, 23, 26, 25, 21, 15, 10, 7 } },
    { "Melbourne", { 21, 21, 19, 16, 13, 11, 10, 11, 13, 15, 17, 19 } },
    { "Mexico City", { 15, 16, 18, 19, 19, 19, 18, 18, 18, 17, 16, 15 } },
    { "Montréal", { -9, -8, -2, 6, 14, 19, 21, 20, 16, 9, 2, -5 } },
    { "Moscow", { -6, -6, 0, 7, 14, 17, 20, 18, 12, 6, 0, -4 } },
    { "Mumbai", { 24, 25, 27, 29, 30, 29, 28, 27, 28, 28, 28, 26 } },
    { "Nairobi", { 20, 21, 21, 20, 19, 18, 17, 18, 19, 20, 19, 19 } },
    { "New York", { 1, 2, 6, 12, 17, 22, 25, 25, 21, 15, 9, 4 } },
    { "Oslo", { -4, -3, 1, 6, 12, 16, 18, 17, 12, 6, 1, -3 } },
    { "Paris", { 5, 6, 9, 12, 16, 19, 21, 21, 17, 13, 8, 5 } },
    { "Prague", { 0, 1, 5, 10, 14, 18, 20, 19, 15, 9, 4, 1 } },
    { "Reykjavík", { 0, 0, 1, 3, 7, 10, 12, 11, 8, 5, 2, 0 } },
    { "Rio de Janeiro", { 27, 27, 26, 25, 23, 22, 22, 22, 22, 24, 25, 26 } },
    { "Rome", { 8, 8, 11, 14, 18, 22, 25, 25, 21, 17, 12, 9 } },
    { "San Francisco", { 11, 12, 13, 14, 14, 16, 16, 17, 17, 16, 14, 11 } },
    { "Santiago", { 21, 20, 19, 15, 12, 9, 8, 10, 12, 15, 17, 20 } },
    { "Seoul", { -2, 1, 6, 13, 18, 23, 25, 26, 22, 15, 8, 0 } },
    { "Shanghai", { 5, 7, 11, 16, 21, 25, 29, 28, 25, 20, 14, 7 } },
    { "Singapore", { 27, 27, 28, 28, 29, 29, 28, 28, 28, 28, 27, 27 } },
    { "Stockholm", { -1, -1, 2, 6, 12, 16, 19, 18, 13, 8, 4, 1 } },
    { "Sydney", { 23, 23, 22, 19, 16, 14, 13, 14, 17, 19, 20, 22 } },
    { "São Paulo", { 23, 23, 22, 21, 18, 17, 17, 18, 19, 20, 21, 22 } },
    { "Tehran", { 5, 7, 12, 18, 23, 29, 31, 30, 26, 20, 12, 7 } },
    { "Tokyo", { 5, 6, 9, 14, 19, 22, 26, 27, 23, 18, 13, 8 } },
    { "Toronto", { -4, -3, 1, 7, 14, 19, 22, 21, 17, 11, 5, -1 } },
    { "Vienna", { 1, 3, 7, 12, 16, 20, 22, 21, 16, 11, 6, 2 } },
    { "Warsaw", { -1, 0, 4, 9, 14, 18, 20, 19, 14, 9, 4, 1 } },
    { "Zürich", { 1, 2, 6, 9, 14, 17, 19, 18, 15, 10, 5, 2 } },
};

/* The next code point of valid UTF-8; 0 at its end. */
static uint32_t next_letter(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    int i, more = bytes[0] < 0x80 ? 0 : bytes[0] < 0xe0 ? 1 : bytes[0] < 0xf0 ? 2 : 3;
    uint32_t letter = more ? bytes[0] & (0x3fu >> more) : bytes[0];

    for (i = 1; i <= more && bytes[i]; i++)
        letter = letter << 6 | (bytes[i] & 0x3fu);
    if (bytes[0]) *at += i;
    return letter;
}

/* Unicode's simple case folding for ASCII, Latin-1 and Latin Extended-A, where a capital and its
 * small letter stand 32 apart, or side by side. */
static uint32_t fold(uint32_t letter)
{
    if (letter >= 'A' && letter <= 'Z') return letter + 32;
    if (letter >= 0xc0 && letter <= 0xde && letter != 0xd7) return letter + 32;
    if (letter < 0x100 || letter > 0x17e) return letter;
    if (letter == 0x130 || letter == 0x131 || letter == 0x138 || letter == 0x149) return letter;
    if (letter == 0x178) return 0xff;
    if ((letter >= 0x139 && letter <= 0x148) || letter >= 0x179) return letter + (letter & 1);
    return letter | 1;
}

static int is_same(const char *a, const char *b)
{
    uint32_t letter;

    do {
        letter = fold(next_letter(&a));
        if (letter != fold(next_letter(&b))) return 0;
    } while (letter);
    return 1;
}

const city *city_find(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(cities) / sizeof(cities[0]); i++)
        if (is_same(name, cities[i].name)) return &cities[i];
    return NULL;
}
