/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a CPU refuses to enter a guest: what the checks of the VT-x and of the AMD-V backend
 * find, and what both need for it. Pure.
 */
#ifndef ARCH_X86_CPU_ENTRY_CHECK_H
#define ARCH_X86_CPU_ENTRY_CHECK_H

#include "socle/bits.h"

/* Reads as "FIELD VALUE: RULE", for example "guest TR access rights 0x89: type must be ...". */
struct entry_finding {
    const char *field, *rule;
    uint64_t value;
};

struct entry_findings {
    struct entry_finding *out;
    size_t max, count;          /* what does not fit is dropped */
};

static inline void entry_must(struct entry_findings *f, bool holds, const char *field, uint64_t value,
                              const char *rule)
{
    if (!holds && f->count < f->max)
        f->out[f->count++] = (struct entry_finding){ field, rule, value };
}

/* Bits 63 to `bits` - 1 are alike; 1 <= bits <= 64. */
static inline bool entry_canonical(uint64_t address, unsigned bits)
{
    return (uint64_t)((int64_t)(address << (64 - bits)) >> (64 - bits)) == address;
}

/* Memory types of a PAT: UC, WC, WT, WP, WB, UC- (SDM vol. 3, 12.12.2; APM vol. 2, 7.8.1). */
static inline bool entry_pat_valid(uint64_t pat)
{
    const uint64_t known = BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(6) | BIT(7);
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t type = pat >> shift & 0xff;
        if (type > 7 || !(known >> type & 1))
            return false;
    }
    return true;
}

#endif
