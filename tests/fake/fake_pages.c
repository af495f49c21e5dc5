/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_pages.h. */
#include "fake/fake_pages.h"

#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/bits.h"

static unsigned number(const struct fake_pages *p, hpa_t page)
{
    uint64_t n = (page.v - FAKE_PAGES_BASE) / PAGE_SIZE;
    hv_assert(page.v >= FAKE_PAGES_BASE && n < FAKE_PAGES && is_aligned(page.v, PAGE_SIZE));
    return (unsigned)n;
}

bool fake_pages_live(const struct fake_pages *p, hpa_t page) { return p->used[number(p, page)]; }

static hv_status alloc(void *ctx, hpa_t *page)
{
    struct fake_pages *p = ctx;
    if (p->left == 0)
        return HV_NOMEM;
    p->left--;
    for (unsigned i = 0; i < FAKE_PAGES; i++)
        if (!p->used[i]) {
            p->used[i] = true;
            p->in_use++;
            memset(p->memory[i], 0, PAGE_SIZE);
            *page = hpa(FAKE_PAGES_BASE + (uint64_t)i * PAGE_SIZE);
            return HV_OK;
        }
    return HV_NOMEM;
}

static void release(void *ctx, hpa_t page)
{
    struct fake_pages *p = ctx;
    hv_assert(fake_pages_live(p, page));
    p->used[number(p, page)] = false;
    p->in_use--;
    memset(p->memory[number(p, page)], 0xa5, PAGE_SIZE);
}

static uint64_t *ptr(void *ctx, hpa_t page)
{
    struct fake_pages *p = ctx;
    hv_assert(fake_pages_live(p, page));
    return p->memory[number(p, page)];
}

struct fake_pages *fake_pages_new(struct pt_pages *source)
{
    struct fake_pages *p = calloc(1, sizeof(*p));
    hv_assert(p);
    p->memory = malloc(FAKE_PAGES * sizeof(*p->memory));
    hv_assert(p->memory);
    p->left = FAKE_PAGES;
    *source = (struct pt_pages){ p, alloc, release, ptr };
    return p;
}

void fake_pages_delete(struct fake_pages *p)
{
    free(p->memory);
    free(p);
}
