/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sorted list of physical ranges behind memmap.h. Built at boot from the firmware's
 * map, the loader's modules and our own image; the frame allocator starts from it. The
 * input is not believed: ranges may overlap, touch, wrap or be empty (ACPI 6.5, 15.4
 * leaves overlaps to the reader). Knows nothing of what the ranges are used for.
 */
#include "socle/memmap.h"

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

static uint64_t end_of(const struct mem_range *r) { return r->base + r->len; }

const char *mem_kind_name(enum mem_kind kind)
{
    switch (kind) {
    case MEM_RAM:        return "free RAM";
    case MEM_ACPI:       return "ACPI tables";
    case MEM_RESERVED:   return "reserved";
    case MEM_NVS:        return "ACPI NVS";
    case MEM_BAD:        return "bad RAM";
    case MEM_BOOT:       return "boot modules";
    case MEM_HYPERVISOR: return "hypervisor";
    case MEM_KINDS:      break;
    }
    return "unknown";
}

void memmap_init(struct memmap *m) { m->count = 0; }

/* Index of the first range that ends above addr; m->count when there is none. */
static uint32_t first_ending_above(const struct memmap *m, uint64_t addr)
{
    uint32_t lo = 0, hi = m->count;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (end_of(&m->range[mid]) > addr)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* Room was checked by fits(). */
static void insert(struct memmap *m, uint32_t at, struct mem_range r)
{
    hv_assert(m->count < MEMMAP_MAX);
    memmove(&m->range[at + 1], &m->range[at], (m->count - at) * sizeof(r));
    m->range[at] = r;
    m->count++;
}

/* Makes `addr` a border if it is inside a range. */
static void split_at(struct memmap *m, uint64_t addr)
{
    uint32_t i = first_ending_above(m, addr);
    struct mem_range *r = &m->range[i];

    if (i == m->count || r->base >= addr)
        return;
    struct mem_range upper = { addr, end_of(r) - addr, r->kind };
    r->len = addr - r->base;
    insert(m, i + 1, upper);
}

/* Keeps the list short, and lets one range answer for all of its memory. */
static void merge_equal_neighbours(struct memmap *m)
{
    uint32_t kept = 0;

    for (uint32_t i = 1; i < m->count; i++) {
        struct mem_range *last = &m->range[kept];
        const struct mem_range *r = &m->range[i];
        if (r->kind == last->kind && r->base == end_of(last))
            last->len += r->len;
        else
            m->range[++kept] = *r;
    }
    if (m->count)
        m->count = kept + 1;
}

/* Would [base, end) find room? Two borders and each gap need at most one entry each. */
static bool fits(const struct memmap *m, uint64_t base, uint64_t end)
{
    uint64_t at = base;
    uint32_t need = 3;

    for (uint32_t i = first_ending_above(m, base); i < m->count; i++) {
        if (m->range[i].base >= end)
            break;
        need += m->range[i].base > at;
        at = end_of(&m->range[i]);
    }
    return need <= MEMMAP_MAX - m->count;
}

/* Page-aligned bounds of what is to be added; equal when nothing is left. */
static hv_status page_bounds(uint64_t *base, uint64_t *end, uint64_t len, enum mem_kind kind)
{
    if (len == 0 || !add_u64(*base, len, end))
        return HV_INVALID;
    if (*base >= PHYS_ADDR_END)
        return HV_RANGE;
    *end = min_u64(*end, PHYS_ADDR_END);
    if (kind == MEM_RAM) {
        *base = align_up(*base, PAGE_SIZE);
        *end = max_u64(align_down(*end, PAGE_SIZE), *base);
    } else {
        *base = align_down(*base, PAGE_SIZE);
        *end = align_up(*end, PAGE_SIZE);
    }
    return HV_OK;
}

hv_status memmap_add(struct memmap *m, uint64_t base, uint64_t len, enum mem_kind kind)
{
    uint64_t end;
    hv_status s = page_bounds(&base, &end, len, kind);

    if (s || base == end)
        return s;
    if (!fits(m, base, end))
        return HV_NOMEM;
    /* With borders at both ends, every range lies wholly inside or outside. */
    split_at(m, base);
    split_at(m, end);
    for (uint32_t i = first_ending_above(m, base); base < end; i++) {
        bool covered = i < m->count && m->range[i].base <= base;
        if (covered) {
            if (kind > m->range[i].kind)
                m->range[i].kind = kind;
        } else {
            uint64_t gap_end = i < m->count ? min_u64(end, m->range[i].base) : end;
            insert(m, i, (struct mem_range){ base, gap_end - base, kind });
        }
        base = end_of(&m->range[i]);
    }
    merge_equal_neighbours(m);
    return HV_OK;
}

hv_status memmap_reserve(struct memmap *m, uint64_t base, uint64_t len, enum mem_kind kind)
{
    uint64_t from = base, end;
    hv_status s = page_bounds(&from, &end, len, kind);

    if (s)
        return s;
    if (!memmap_is(m, from, end - from, MEM_RAM))
        return HV_PERM;
    return memmap_add(m, base, len, kind);
}

const struct mem_range *memmap_find(const struct memmap *m, uint64_t addr)
{
    uint32_t i = first_ending_above(m, addr);

    return i < m->count && m->range[i].base <= addr ? &m->range[i] : NULL;
}

bool memmap_is(const struct memmap *m, uint64_t base, uint64_t len, enum mem_kind kind)
{
    /* Equal neighbours are merged, so one range must hold it all. */
    const struct mem_range *r = memmap_find(m, base);

    return len && r && r->kind == kind && range_inside(base, len, r->base, r->len);
}

hv_status memmap_find_ram(const struct memmap *m, uint64_t len, uint64_t align, uint64_t limit,
                          uint64_t *base)
{
    for (uint32_t i = 0; i < m->count; i++) {
        const struct mem_range *r = &m->range[i];
        uint64_t end = min_u64(end_of(r), limit);
        /* Page 0 holds the real-mode interrupt vectors, and 0 often means nothing. */
        uint64_t at = align_up(max_u64(r->base, PAGE_SIZE), align);
        if (r->kind == MEM_RAM && len && at >= r->base && at < end && len <= end - at) {
            *base = at;
            return HV_OK;
        }
    }
    return HV_NOMEM;
}

const struct mem_range *memmap_largest(const struct memmap *m, enum mem_kind kind)
{
    const struct mem_range *best = NULL;

    for (uint32_t i = 0; i < m->count; i++)
        if (m->range[i].kind == kind && (!best || m->range[i].len > best->len))
            best = &m->range[i];
    return best;
}

uint64_t memmap_total(const struct memmap *m, enum mem_kind kind)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < m->count; i++)
        if (m->range[i].kind == kind)
            sum += m->range[i].len;
    return sum;
}

uint64_t memmap_end(const struct memmap *m, enum mem_kind kind)
{
    for (uint32_t i = m->count; i > 0; i--)
        if (m->range[i - 1].kind == kind)
            return end_of(&m->range[i - 1]);
    return 0;
}
