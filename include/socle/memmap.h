/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's physical address map: a sorted list of disjoint ranges, equal
 * neighbours merged. Firmware's lists are taken as they come (overlaps, holes, wraps,
 * any order); where entries overlap the more careful kind wins.
 */
#ifndef SOCLE_MEMMAP_H
#define SOCLE_MEMMAP_H

#include "socle/status.h"
#include "socle/types.h"

enum { MEMMAP_MAX = 512 };

/* No address above this exists on any x86-64 (SDM vol. 3, 4.1.4: MAXPHYADDR <= 52). */
#define PHYS_ADDR_END (1ull << 52)

/* In order of precedence: where ranges overlap, the later kind stays. */
enum mem_kind {
    MEM_RAM,            /* free for use */
    MEM_ACPI,           /* ACPI tables; RAM again for whoever has read them */
    MEM_RESERVED,
    MEM_NVS,            /* ACPI: to be kept over sleep */
    MEM_BAD,
    MEM_BOOT,           /* RAM in use by modules and loader data */
    MEM_HYPERVISOR,     /* RAM in use by the hypervisor's image and early memory */
    MEM_KINDS
};

struct mem_range {
    uint64_t base, len;         /* len > 0; both multiples of PAGE_SIZE */
    enum mem_kind kind;
};

struct memmap {
    uint32_t count;
    struct mem_range range[MEMMAP_MAX];     /* sorted by base, disjoint */
};

/* Lower-case name such as "reserved"; never null. */
const char *mem_kind_name(enum mem_kind kind);

void memmap_init(struct memmap *m);

/*
 * Adds a range of bytes. RAM shrinks to whole pages, every other kind grows to them;
 * what lies above PHYS_ADDR_END is cut off. HV_INVALID: length 0 or wrapping;
 * HV_RANGE: all of it above PHYS_ADDR_END; HV_NOMEM: too many ranges. In these cases
 * nothing changes.
 */
MUST_CHECK hv_status memmap_add(struct memmap *m, uint64_t base, uint64_t len,
                                enum mem_kind kind);

/* Takes a range out of RAM for `kind`. As memmap_add; HV_PERM unless every byte is RAM. */
MUST_CHECK hv_status memmap_reserve(struct memmap *m, uint64_t base, uint64_t len,
                                    enum mem_kind kind);

/* The range that holds `addr`, null when there is none. O(log n). */
const struct mem_range *memmap_find(const struct memmap *m, uint64_t addr);

/* Is every byte of the range of that kind? False for an empty range. */
bool memmap_is(const struct memmap *m, uint64_t base, uint64_t len, enum mem_kind kind);

/*
 * Finds the lowest free RAM of `len` bytes that is aligned to `align` (a power of two,
 * at least a page) and ends at or below `limit`. HV_NOMEM when there is none. Page 0
 * is never chosen. Does not reserve it.
 */
MUST_CHECK hv_status memmap_find_ram(const struct memmap *m, uint64_t len, uint64_t align,
                                     uint64_t limit, uint64_t *base);

/* The largest range of that kind, null when there is none. */
const struct mem_range *memmap_largest(const struct memmap *m, enum mem_kind kind);

/* Bytes of that kind in all, and the first address above the last of them (0: none). */
uint64_t memmap_total(const struct memmap *m, enum mem_kind kind);
uint64_t memmap_end(const struct memmap *m, enum mem_kind kind);

#endif
