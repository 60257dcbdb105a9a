/* SPDX-License-Identifier: MIT
 * A double as JSON text: the fewest digits that read back as the same number, laid out as Python's
 * repr does, so that both say 21.5, 14.0 and 1e-05. No locale changes it. */
#include "text.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 17, FIXED_FROM = -4, FIXED_TO = 16, FEW_PLACES = 6 };

typedef struct decimal {
    char digits[MOST_DIGITS + 2];
    int count, exponent; /* d.ddd * 10^exponent */
} decimal;

static void decimal_make(decimal *self, double value, int count)
{
    char text[64];
    const char *at;

    snprintf(text, sizeof(text), "%.*e", count - 1, value);
    self->count = 0;
    for (at = text; *at != 'e'; at++) /* over the locale's decimal point */
        if (*at >= '0' && *at <= '9' && self->count < count) self->digits[self->count++] = *at;
    self->exponent = (int)strtol(at + 1, NULL, 10);
}

/* Numbers with few digits, as most are, without printf and strtod, which cost forty times as much.
 * 0: it is not such a number. Whole numbers below 10^15 and these powers of ten are exact, so the
 * quotient is the double nearest to that decimal; and no other decimal of 15 digits reads back as
 * the same double. */
static int decimal_from_few(decimal *self, double value)
{
    static const double powers[FEW_PLACES + 1] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
    char reversed[MOST_DIGITS];
    uint64_t number = 0;
    int places, length = 0;

    for (places = 0; places <= FEW_PLACES; places++) {
        if (value * powers[places] >= 1e15 - 1) return 0;
        number = (uint64_t)(value * powers[places] + 0.5);
        if ((double)number / powers[places] == value) break;
    }
    if (places > FEW_PLACES) return 0;
    do {
        reversed[length++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    for (self->count = 0; self->count < length; self->count++)
        self->digits[self->count] = reversed[length - 1 - self->count];
    self->exponent = length - 1 - places;
    return 1;
}

static int decimal_reads_as(const decimal *self, double value)
{
    char text[64];

    snprintf(text, sizeof(text), "%.*se%d", self->count, self->digits,
             self->exponent - self->count + 1);
    return strtod(text, NULL) == value;
}

static void decimal_next(decimal *self)
{
    int i = self->count - 1;

    while (i >= 0 && self->digits[i] == '9')
        self->digits[i--] = '0';
    if (i >= 0) {
        self->digits[i]++;
        return;
    }
    self->digits[0] = '1';
    self->exponent++;
}

static void decimal_search(decimal *self, double value)
{
    int binary_exponent;
    /* A normal number keeps any 15 digits, so that with trailing zeros cut off they are the
     * shortest. */
    int count = value >= DBL_MIN ? DBL_DIG : 1;

    for (;; count++) {
        decimal_make(self, value, count);
        if (count == MOST_DIGITS || decimal_reads_as(self, value)) return;
        /* Above a power of two the neighbours are twice as far as below: the next decimal up may
         * read back where the nearest one does not. */
        if (frexp(value, &binary_exponent) != 0.5) continue;
        decimal_next(self);
        if (decimal_reads_as(self, value)) return;
    }
}

/* value is finite and not negative. */
static void decimal_shortest(decimal *self, double value)
{
    if (!decimal_from_few(self, value)) decimal_search(self, value);
    while (self->count > 1 && self->digits[self->count - 1] == '0')
        self->count--;
}

static void add_zeros(csgi_web_text *text, int count)
{
    while (count-- > 0)
        csgi_web_text_add(text, "0", 1);
}

static void add_fixed(csgi_web_text *text, const decimal *number)
{
    int whole = number->exponent + 1;

    if (whole <= 0) {
        csgi_web_text_puts(text, "0.");
        add_zeros(text, -whole);
        csgi_web_text_add(text, number->digits, (size_t)number->count);
    } else if (whole >= number->count) {
        csgi_web_text_add(text, number->digits, (size_t)number->count);
        add_zeros(text, whole - number->count);
        csgi_web_text_puts(text, ".0");
    } else {
        csgi_web_text_add(text, number->digits, (size_t)whole);
        csgi_web_text_puts(text, ".");
        csgi_web_text_add(text, number->digits + whole, (size_t)(number->count - whole));
    }
}

static void add_scientific(csgi_web_text *text, const decimal *number)
{
    char exponent[16];

    csgi_web_text_add(text, number->digits, 1);
    if (number->count > 1) {
        csgi_web_text_puts(text, ".");
        csgi_web_text_add(text, number->digits + 1, (size_t)number->count - 1);
    }
    snprintf(exponent, sizeof(exponent), "e%c%02d", number->exponent < 0 ? '-' : '+',
             abs(number->exponent));
    csgi_web_text_puts(text, exponent);
}

void csgi_web_text_json_double(csgi_web_text *self, double value)
{
    decimal number;

    if (!isfinite(value)) {
        if (self->status == CSGI_OK) self->status = CSGI_EINVAL;
        self->why = "JSON has no number for infinity or NaN";
        return;
    }
    if (signbit(value)) csgi_web_text_puts(self, "-");
    decimal_shortest(&number, fabs(value));
    if (number.exponent >= FIXED_FROM && number.exponent < FIXED_TO)
        add_fixed(self, &number);
    else
        add_scientific(self, &number);
}
