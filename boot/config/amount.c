/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a number with a unit and remembers whether it was written as wanted, so that the
 * readers of sizes and rates can give other spellings back in the right form. Called by
 * values_size.c and values_rate.c.
 */
#include "amount.h"

#include "socle/bits.h"
#include "socle/str.h"
#include "words.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *read_digits(const char *s, uint64_t *value)
{
    *value = 0;
    while (is_digit(*s)) {
        if (*value > UINT64_MAX / 16)
            return NULL;
        *value = *value * 10 + (unsigned)(*s++ - '0');
    }
    return s;
}

static const char *read_fraction(const char *s, struct amount *a)
{
    unsigned weight = 100;

    if (*s != '.' || !is_digit(s[1]))
        return s;
    a->exact = false;
    for (s++; is_digit(*s); s++, weight /= 10)
        a->thousandths += (unsigned)(*s - '0') * weight;
    return s;
}

static const struct amount_unit *find_unit(const char *s, const struct amount_unit *units)
{
    for (const struct amount_unit *u = units; u->name; u++)
        if (strcmp(s, u->name) == 0)
            return u;
    for (const struct amount_unit *u = units; u->name; u++)
        if (same_any_case(s, u->name))
            return u;
    return NULL;
}

static bool read_unit(const char *s, const struct amount_unit *units, struct amount *a)
{
    while (*s == ' ') {
        a->exact = false;
        s++;
    }
    const struct amount_unit *u = find_unit(s, units);
    if (!u)
        return false;
    a->exact &= u->right && strcmp(s, u->name) == 0;
    a->scale = u->scale;
    return true;
}

bool amount_read(const char *s, const struct amount_unit *units, struct amount *a)
{
    *a = (struct amount){ .exact = is_digit(*s) };
    while (*s == ' ')
        s++;
    if (!is_digit(*s))
        return false;
    s = read_digits(s, &a->whole);
    if (!s)
        return false;
    return read_unit(read_fraction(s, a), units, a);
}

/* No unit is so large that its thousandths overflow. */
bool amount_value(const struct amount *a, uint64_t *value)
{
    uint64_t product;

    if (__builtin_mul_overflow(a->whole, a->scale, &product))
        return false;
    return add_u64(product, a->thousandths * a->scale / 1000, value);
}
