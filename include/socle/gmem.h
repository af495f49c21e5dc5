/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's physical memory as the hypervisor sees it: slots of RAM or ROM backed
 * by 2 MiB blocks of host memory. These copies are the only way the host touches
 * guest memory; writes go through one function, where copy-on-write and dirty
 * marking have their place.
 */
#ifndef SOCLE_GMEM_H
#define SOCLE_GMEM_H

#include "socle/status.h"
#include "socle/types.h"

enum { GMEM_SLOTS = 8 };

struct gmem_slot {
    gpa_t    base;              /* 2 MiB aligned */
    uint64_t len;               /* multiple of 2 MiB */
    hpa_t   *block;             /* host address of each 2 MiB block */
    bool     readonly;          /* guest and host copies cannot write (ROM) */
};

struct gmem {
    uint8_t         *window;    /* host virtual address of host-physical 0 */
    uint32_t         slots;
    struct gmem_slot slot[GMEM_SLOTS];
};

/* HV_EXISTS on overlap, HV_INVALID on misalignment or wrap, HV_NOMEM when full. VM setup. */
MUST_CHECK hv_status gmem_add(struct gmem *m, gpa_t base, uint64_t len, hpa_t *block,
                              bool readonly);

/*
 * Copies n bytes; nothing is copied and HV_RANGE returned when any byte is outside
 * RAM and ROM. Each byte is read once. HV_PERM: a write to a read-only slot.
 */
MUST_CHECK hv_status gmem_read(const struct gmem *m, gpa_t from, void *to, size_t n);
MUST_CHECK hv_status gmem_write(const struct gmem *m, gpa_t to, const void *from, size_t n);
MUST_CHECK hv_status gmem_fill(const struct gmem *m, gpa_t to, uint8_t byte, size_t n);

/*
 * Atomically replaces the naturally aligned `size`-byte (4 or 8) value at `at` if it is
 * *expected; otherwise HV_BUSY and *expected holds what was found.
 */
MUST_CHECK hv_status gmem_cmpxchg(const struct gmem *m, gpa_t at, unsigned size,
                                  uint64_t *expected, uint64_t value);

/*
 * One load of the 8 bytes at `at`, which is a multiple of 8; false outside of RAM and ROM.
 * For page walks, which do it several times per exit.
 */
static inline MUST_CHECK bool gmem_load64(const struct gmem *m, gpa_t at, uint64_t *value)
{
    for (uint32_t i = 0; i < m->slots; i++) {
        const struct gmem_slot *s = &m->slot[i];
        uint64_t offset = at.v - s->base.v;
        if (likely(offset < s->len)) {
            *value = *(const volatile uint64_t *)(m->window + s->block[offset >> BLOCK_SHIFT].v +
                                                  (offset & (BLOCK_SIZE - 1)));
            return true;
        }
    }
    return false;
}

/*
 * Where the byte at `at` is in the host, to be read only, up to the end of its 4 KiB page;
 * null outside of RAM and ROM. For caches that check their contents on each use; good until
 * slots or blocks change, which they do only while the VM does not run.
 */
static inline const volatile void *gmem_peek(const struct gmem *m, gpa_t at)
{
    for (uint32_t i = 0; i < m->slots; i++) {
        const struct gmem_slot *s = &m->slot[i];
        uint64_t offset = at.v - s->base.v;
        if (offset < s->len)
            return m->window + s->block[offset >> BLOCK_SHIFT].v + (offset & (BLOCK_SIZE - 1));
    }
    return NULL;
}

/*
 * Lends the host's view of guest memory for a copy that is made at once: where the byte at
 * `at` is; *n, in: bytes wanted, not 0, out: how many of them follow there without a break.
 * Null outside of RAM and ROM, or for writing to ROM. Other vCPUs may write there meanwhile.
 * Never keep the pointer: slots and blocks may change as soon as the caller returns to its loop.
 */
static inline void *gmem_span(const struct gmem *m, gpa_t at, bool write, size_t *n)
{
    for (uint32_t i = 0; i < m->slots; i++) {
        const struct gmem_slot *s = &m->slot[i];
        uint64_t offset = at.v - s->base.v, in_block = offset & (BLOCK_SIZE - 1);
        if (offset >= s->len)
            continue;
        if (write && s->readonly)
            return NULL;
        if (*n > BLOCK_SIZE - in_block)
            *n = BLOCK_SIZE - in_block;
        return m->window + s->block[offset >> BLOCK_SHIFT].v + in_block;
    }
    return NULL;
}

/* True when [at, at+n) lies in RAM or ROM. */
bool gmem_contains(const struct gmem *m, gpa_t at, size_t n);

#endif
