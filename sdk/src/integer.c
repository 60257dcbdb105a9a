/* SPDX-License-Identifier: MIT
 * An int in a query or a path, read as pydantic reads one from a string: blanks around it, a sign,
 * single underscores between digits, and ".0" at the end are all right. */
#include "call.h"

#include <string.h>

static int is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The digits at *at, one "_" between two of them allowed. */
static csgi_status read_digits(const char **at, uint64_t *value)
{
    csgi_status code = CSGI_OK;

    *value = 0;
    if (!is_digit(**at)) return CSGI_EINVAL;
    for (; is_digit(**at) || (**at == '_' && is_digit((*at)[1])); (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');

        if (**at == '_') continue;
        if (*value > (UINT64_MAX - digit) / 10)
            code = CSGI_ELIMIT;
        else
            *value = *value * 10 + digit;
    }
    return code;
}

csgi_status csgi_web_int_parse(const char *text, int64_t *number)
{
    static const char blanks[] = " \t\n\v\f\r";
    uint64_t value, limit = INT64_MAX;
    csgi_status code;
    int is_negative;

    text += strspn(text, blanks);
    is_negative = *text == '-';
    if (*text == '-' || *text == '+') text++;
    code = read_digits(&text, &value);
    if (code == CSGI_EINVAL) return code;
    if (*text == '.' && text[1] == '0') text += 1 + strspn(text + 1, "0");
    text += strspn(text, blanks);
    if (*text) return CSGI_EINVAL;
    if (is_negative) limit++;
    if (code != CSGI_OK || value > limit) return CSGI_ELIMIT;
    *number = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return CSGI_OK;
}

int csgi_web_int_bounds(const csgi_declaration *declared, int64_t number)
{
    int64_t limit; /* create has checked that the bounds are ints */

    if (declared->ge && csgi_web_int_parse(declared->ge, &limit) == CSGI_OK && number < limit)
        return -1;
    if (declared->le && csgi_web_int_parse(declared->le, &limit) == CSGI_OK && number > limit)
        return 1;
    return 0;
}
