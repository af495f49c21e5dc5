/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers with a unit, however people write them: "512M", "1.5 GiB", "100 mbit/s". */
#ifndef BOOT_CONFIG_AMOUNT_H
#define BOOT_CONFIG_AMOUNT_H

#include "socle/types.h"

struct amount_unit {
    const char *name;
    uint64_t    scale;
    bool        right;              /* the spelling that we want */
};

struct amount {
    uint64_t whole, thousandths;    /* the number in front of the unit */
    uint64_t scale;                 /* of the unit */
    bool     exact;                 /* written as we want it */
};

/*
 * False when the text is no amount in any spelling. A unit is taken by its exact name, else
 * by its name in any case; units end with one without name.
 */
bool amount_read(const char *s, const struct amount_unit *units, struct amount *a);

/* Number times unit; false when that does not fit. */
bool amount_value(const struct amount *a, uint64_t *value);

#endif
