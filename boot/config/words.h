/* SPDX-License-Identifier: BSD-2-Clause */
/* Suggestions: the nearest right word, and the right word for what other tools call it. */
#ifndef BOOT_CONFIG_WORDS_H
#define BOOT_CONFIG_WORDS_H

#include "keys.h"
#include "socle/types.h"

/* Collects the candidate nearest to a word; start with { word, len }. */
struct nearest {
    const char *word;
    size_t      len;
    const char *best;           /* null: nothing is near enough */
    unsigned    distance;
};

void nearest_try(struct nearest *n, const char *candidate);

/* Insertions, deletions, changes and swaps of neighbours, ignoring case; big when too long. */
unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* What to write instead of a key of other tools, such as `cpus = 2`; null when unknown. */
const char *foreign_key(enum section section, const char *key);

/* The right value for what other tools call it; null when unknown. */
const char *foreign_value(const char *key, const char *value);

/* text == word but for the case of ASCII letters */
bool same_any_case(const char *a, const char *b);

#endif
