/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A source of table pages for tests of the page-table builder: knows which pages are in
 * use, poisons freed ones, and can be made to run out after a number of pages.
 */
#ifndef FAKE_PAGES_H
#define FAKE_PAGES_H

#include "socle/ptab.h"

enum { FAKE_PAGES = 4096 };
/* Where the pages pretend to be: high bits catch entries cut too short. */
#define FAKE_PAGES_BASE 0x8765400000000ull

struct fake_pages {
    uint64_t (*memory)[512];
    bool     used[FAKE_PAGES];
    unsigned in_use;
    unsigned left;              /* allocations until HV_NOMEM */
};

/* Fills *source for ptab_init(). */
struct fake_pages *fake_pages_new(struct pt_pages *source);
void fake_pages_delete(struct fake_pages *p);
/* Is this a page now in use? */
bool fake_pages_live(const struct fake_pages *p, hpa_t page);

#endif
