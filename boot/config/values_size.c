/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes: "512M", with K, M, G, T as powers of 1024, in whole MiB. What people write instead
 * ("512 MiB", "1.5G", "512m") is recognized and given back in the right form. Called
 * through read_value().
 */
#include "amount.h"
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"
#include "values.h"

static const struct amount_unit units[] = {
    { "K", KIB(1), true },  { "M", MIB(1), true },  { "G", GIB(1), true },
    { "T", GIB(1024), true },
    { "", 1, false },       { "B", 1, false },      { "bytes", 1, false },
    { "KB", KIB(1), false }, { "KiB", KIB(1), false },
    { "MB", MIB(1), false }, { "MiB", MIB(1), false }, { "mega", MIB(1), false },
    { "GB", GIB(1), false }, { "GiB", GIB(1), false }, { "giga", GIB(1), false },
    { "TB", GIB(1024), false }, { "TiB", GIB(1024), false },
    { NULL, 0, false },
};

/* "536870912" and "512" mean bytes and megabytes to those who write them. */
static uint64_t meant(const struct amount *a, uint64_t bytes)
{
    uint64_t guess = a->scale == 1 && bytes < MIB(1) ? bytes << 20 : bytes;

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
    if (!amount_read(n->u.str.text, units, &a))
        return read_error(r, n->pos, "%s = \"%.40s\" is not a size; write a whole number and K, "
                                     "M, G or T, such as \"512M\"", spec->name, n->u.str.text);
    if (!amount_value(&a, &bytes))
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
