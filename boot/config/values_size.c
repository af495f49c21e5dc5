/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes: "512M", with K, M, G, T as powers of 1024, in whole MiB. Most of this is about
 * recognizing what people write instead ("512 MiB", "1.5G", "512m") and giving it back in
 * the right form. Called through read_value().
 */
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"
#include "values.h"
#include "words.h"

struct amount {
    uint64_t whole, thousandths;        /* the number in front of the unit */
    unsigned shift;                     /* of the unit: 0, 10, 20, 30, 40 */
    bool     exact;                     /* written as we want it */
};

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

static bool read_unit(const char *s, struct amount *a)
{
    static const struct {
        const char *name;
        unsigned    shift;
    } units[] = {
        { "", 0 }, { "B", 0 }, { "bytes", 0 }, { "K", 10 }, { "KB", 10 }, { "KiB", 10 },
        { "M", 20 }, { "MB", 20 }, { "MiB", 20 }, { "mega", 20 }, { "G", 30 }, { "GB", 30 },
        { "GiB", 30 }, { "giga", 30 }, { "T", 40 }, { "TB", 40 }, { "TiB", 40 },
    };

    while (*s == ' ') {
        a->exact = false;
        s++;
    }
    a->exact &= *s == 'K' || *s == 'M' || *s == 'G' || *s == 'T';
    a->exact &= *s && !s[1];
    for (unsigned i = 0; i < ARRAY_LEN(units); i++) {
        if (same_any_case(s, units[i].name)) {
            a->shift = units[i].shift;
            return true;
        }
    }
    return false;
}

/* False when the text is no amount in any spelling. */
static bool read_amount(const char *s, struct amount *a)
{
    *a = (struct amount){ .exact = is_digit(*s) };
    while (*s == ' ')
        s++;
    if (!is_digit(*s))
        return false;
    s = read_digits(s, &a->whole);
    if (!s)
        return false;
    return read_unit(read_fraction(s, a), a);
}

/* Bytes; false when they do not fit. */
static bool amount_bytes(const struct amount *a, uint64_t *bytes)
{
    const uint64_t unit = 1ull << a->shift;
    uint64_t product;

    if (__builtin_mul_overflow(a->whole, unit, &product))
        return false;
    return add_u64(product, a->thousandths * (unit / 1000) + a->thousandths * (unit % 1000) / 1000,
                   bytes);
}

/* "536870912" and "512" mean bytes and megabytes to those who write them. */
static uint64_t meant(const struct amount *a, uint64_t bytes)
{
    uint64_t guess = a->shift == 0 && bytes < MIB(1) ? bytes << 20 : bytes;

    guess = align_down(guess, MIB(1));
    return guess ? guess : MIB(1);
}

static bool check_range(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                        uint64_t bytes)
{
    char least[FMT_SIZE_LEN], most[FMT_SIZE_LEN];

    if (bytes % MIB(1) != 0)
        return read_error(r, n->pos, "%s = \"%.40s\" is not a multiple of 1M; the next one is "
                                     "\"%s\"", spec->name, n->u.str.text,
                          fmt_size(least, align_down(bytes, MIB(1)) + MIB(1)));
    if (bytes < MIB(spec->min) || bytes > MIB(spec->max))
        return read_error(r, n->pos, "%s = \"%.40s\" is out of range: \"%s\" to \"%s\"",
                          spec->name, n->u.str.text, fmt_size(least, MIB(spec->min)),
                          fmt_size(most, MIB(spec->max)));
    return true;
}

bool read_size(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               uint64_t *to)
{
    struct amount a;
    uint64_t bytes;
    char right[FMT_SIZE_LEN];

    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (!read_amount(n->u.str.text, &a))
        return read_error(r, n->pos, "%s = \"%.40s\" is not a size; write a whole number and K, "
                                     "M, G or T, such as \"512M\"", spec->name, n->u.str.text);
    if (!amount_bytes(&a, &bytes))
        return read_error(r, n->pos, "%s = \"%.40s\" is too large", spec->name, n->u.str.text);
    if (!a.exact)
        return read_error(r, n->pos, "%s = \"%.40s\" is not written as a size; did you mean "
                                     "\"%s\"?", spec->name, n->u.str.text,
                          fmt_size(right, meant(&a, bytes)));
    if (!check_range(r, spec, n, bytes))
        return false;
    *to = bytes;
    return true;
}
