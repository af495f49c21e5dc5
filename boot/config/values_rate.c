/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rates, each in the units of its field: disks in bytes a second ("50M", powers of 1024),
 * networks in bits a second ("100Mbit", powers of 1000). Both are kept as bytes a second.
 * Called through read_value().
 */
#include "amount.h"
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"
#include "values.h"

enum { RATE_TEXT = 32 };

static const struct amount_unit byte_units[] = {
    { "K", KIB(1), true }, { "M", MIB(1), true }, { "G", GIB(1), true },
    { "", 1, false },      { "B", 1, false },     { "B/s", 1, false },
    { "K/s", KIB(1), false }, { "KB", KIB(1), false }, { "KiB", KIB(1), false },
    { "KB/s", KIB(1), false }, { "KiB/s", KIB(1), false }, { "KBps", KIB(1), false },
    { "M/s", MIB(1), false }, { "MB", MIB(1), false }, { "MiB", MIB(1), false },
    { "MB/s", MIB(1), false }, { "MiB/s", MIB(1), false }, { "MBps", MIB(1), false },
    { "G/s", GIB(1), false }, { "GB", GIB(1), false }, { "GiB", GIB(1), false },
    { "GB/s", GIB(1), false }, { "GiB/s", GIB(1), false }, { "GBps", GIB(1), false },
    { NULL, 0, false },
};

/* In bits. A capital B says bytes; what is told apart by case stands in both forms. */
static const struct amount_unit bit_units[] = {
    { "Kbit", 1000, true }, { "Mbit", 1000000, true }, { "Gbit", 1000000000, true },
    { "", 1, false },       { "bit", 1, false },       { "bps", 1, false },
    { "bit/s", 1, false },
    { "K", 1000, false },   { "Kb", 1000, false },     { "kb", 1000, false },
    { "Kbps", 1000, false }, { "kbps", 1000, false },  { "Kb/s", 1000, false },
    { "kb/s", 1000, false }, { "Kbit/s", 1000, false },
    { "M", 1000000, false }, { "Mb", 1000000, false }, { "mb", 1000000, false },
    { "Mbps", 1000000, false }, { "mbps", 1000000, false }, { "Mb/s", 1000000, false },
    { "mb/s", 1000000, false }, { "Mbit/s", 1000000, false },
    { "G", 1000000000, false }, { "Gb", 1000000000, false }, { "gb", 1000000000, false },
    { "Gbps", 1000000000, false }, { "gbps", 1000000000, false }, { "Gb/s", 1000000000, false },
    { "gb/s", 1000000000, false }, { "Gbit/s", 1000000000, false },
    { "KB", 8000, false },  { "kB", 8000, false },     { "KB/s", 8000, false },
    { "kB/s", 8000, false }, { "KBps", 8000, false },  { "kBps", 8000, false },
    { "MB", 8000000, false }, { "MB/s", 8000000, false }, { "MBps", 8000000, false },
    { "GB", 8000000000, false }, { "GB/s", 8000000000, false }, { "GBps", 8000000000, false },
    { NULL, 0, false },
};

struct rate_form {
    const struct amount_unit *units;
    uint64_t                  least;        /* the smallest unit; in it are min and max */
    uint64_t                  step;         /* from a unit to the next */
    const char               *name[3];
    const char               *hint;
};

static const struct rate_form bytes_form = {
    byte_units, KIB(1), 1024, { "K", "M", "G" }, "K, M or G (bytes per second)",
};
static const struct rate_form bits_form = {
    bit_units, 1000, 1000, { "Kbit", "Mbit", "Gbit" }, "Kbit, Mbit or Gbit (per second)",
};

/* In the largest unit of which it is a multiple; of the smallest the next lower one. */
static const char *rate_text(const struct rate_form *f, uint64_t value, char buf[RATE_TEXT])
{
    uint64_t number = max_u64(value / f->least, 1);
    unsigned unit = 0;

    while (unit + 1 < ARRAY_LEN(f->name) && number % f->step == 0) {
        number /= f->step;
        unit++;
    }
    fmt(buf, RATE_TEXT, "%llu%s", (unsigned long long)number, f->name[unit]);
    return buf;
}

static bool read_rate(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                      const struct rate_form *f, uint64_t *to)
{
    struct amount a;
    uint64_t value;
    char least[RATE_TEXT], most[RATE_TEXT];

    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    const char *text = n->u.str.text;
    if (!amount_read(text, f->units, &a))
        return read_error(r, n->pos, "%s = \"%.40s\" is not a rate; write a whole number and %s, "
                                     "such as %s", spec->name, text, f->hint, spec->example);
    if (!amount_value(&a, &value))
        return read_error(r, n->pos, "%s = \"%.40s\" is too large", spec->name, text);
    if (!a.exact)
        return read_error(r, n->pos, "%s = \"%.40s\" is not written as a rate; did you mean "
                                     "\"%s\"?", spec->name, text, rate_text(f, value, least));
    if (value < f->least * spec->min || value > f->least * spec->max)
        return read_error(r, n->pos, "%s = \"%.40s\" is out of range: \"%s\" to \"%s\"",
                          spec->name, text, rate_text(f, f->least * spec->min, least),
                          rate_text(f, f->least * spec->max, most));
    *to = value;
    return true;
}

bool read_byte_rate(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                    uint64_t *to)
{
    return read_rate(r, spec, n, &bytes_form, to);
}

/* The smallest unit, 1000 bits, is a whole number of bytes. */
bool read_bit_rate(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                   uint64_t *to)
{
    uint64_t bits;

    if (!read_rate(r, spec, n, &bits_form, &bits))
        return false;
    *to = bits / 8;
    return true;
}
