/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checked copies between the host and a guest's physical memory, for devices,
 * loaders and the instruction emulator. A copy is first checked as a whole and then
 * made block by block, as neighbouring guest blocks may lie anywhere in the host.
 * Other vCPUs may write the same memory meanwhile: whoever needs a consistent value
 * reads it once, and aligned values of 1, 2, 4 and 8 bytes are never torn, which
 * rings shared with a guest rely on. Slots change only while the VM is not running.
 */
#include "socle/gmem.h"

#include "socle/bits.h"
#include "socle/str.h"

static const struct gmem_slot *find_slot(const struct gmem *m, uint64_t at)
{
    for (uint32_t i = 0; i < m->slots; i++)
        /* Addresses below the base wrap to large differences. */
        if (at - m->slot[i].base.v < m->slot[i].len)
            return &m->slot[i];
    return NULL;
}

hv_status gmem_add(struct gmem *m, gpa_t base, uint64_t len, hpa_t *block, bool readonly)
{
    uint64_t end;

    if (!len || !is_aligned(base.v | len, BLOCK_SIZE) || !add_u64(base.v, len, &end))
        return HV_INVALID;
    for (uint32_t i = 0; i < m->slots; i++)
        if (range_overlaps(base.v, len, m->slot[i].base.v, m->slot[i].len))
            return HV_EXISTS;
    if (m->slots == GMEM_SLOTS)
        return HV_NOMEM;
    m->slot[m->slots++] = (struct gmem_slot){ base, len, block, readonly };
    return HV_OK;
}

/* Are all n bytes there, and writable if `write`? Slots that touch form one range. */
static hv_status check(const struct gmem *m, uint64_t at, uint64_t n, bool write)
{
    /* Where both are wrong, a hole counts for more than a lacking permission. */
    bool perm = true;

    while (n) {
        const struct gmem_slot *s = find_slot(m, at);
        if (!s)
            return HV_RANGE;
        uint64_t here = min_u64(n, s->len - (at - s->base.v));
        perm = perm && !(write && s->readonly);
        at += here;
        n -= here;
    }
    return perm ? HV_OK : HV_PERM;
}

/* Host pointer to `at`, and how many of n bytes follow there without a break. */
static uint8_t *host_span(const struct gmem *m, uint64_t at, size_t n, size_t *span)
{
    const struct gmem_slot *s = find_slot(m, at);
    uint64_t offset = at - s->base.v;
    uint64_t in_block = offset & (BLOCK_SIZE - 1);

    *span = min_u64(n, BLOCK_SIZE - in_block);
    return m->window + s->block[offset >> BLOCK_SHIFT].v + in_block;
}

/* One load and one store if `shared` is aligned and n is a machine size; false if not. */
static bool copy_whole(void *to, const void *from, const void *shared, size_t n)
{
    if (n > 8 || !is_pow2(n) || !is_aligned((uintptr_t)shared, n))
        return false;
    /* Volatile: the compiler may neither split the access nor repeat it. */
    uint64_t v = 0;
    if (shared == from) {
        switch (n) {
        case 1: v = *(const volatile uint8_t *)from; break;
        case 2: v = *(const volatile uint16_t *)from; break;
        case 4: v = *(const volatile uint32_t *)from; break;
        case 8: v = *(const volatile uint64_t *)from; break;
        }
        memcpy(to, &v, n);
        return true;
    }
    memcpy(&v, from, n);
    switch (n) {
    case 1: *(volatile uint8_t *)to = (uint8_t)v; break;
    case 2: *(volatile uint16_t *)to = (uint16_t)v; break;
    case 4: *(volatile uint32_t *)to = (uint32_t)v; break;
    case 8: *(volatile uint64_t *)to = v; break;
    }
    return true;
}

hv_status gmem_read(const struct gmem *m, gpa_t from, void *to, size_t n)
{
    hv_status s = check(m, from.v, n, false);
    uint8_t *out = to;

    if (s)
        return s;
    while (n) {
        size_t span;
        const uint8_t *p = host_span(m, from.v, n, &span);
        if (!copy_whole(out, p, p, span))
            memcpy(out, p, span);
        out += span;
        from.v += span;
        n -= span;
    }
    return HV_OK;
}

/* The one place where the host changes guest memory; a null `from` means fill with `byte`. */
static hv_status change(const struct gmem *m, uint64_t at, const uint8_t *from, uint8_t byte,
                        size_t n)
{
    hv_status s = check(m, at, n, true);

    if (s)
        return s;
    while (n) {
        size_t span;
        uint8_t *p = host_span(m, at, n, &span);
        if (!from)
            memset(p, byte, span);
        else if (!copy_whole(p, from, p, span))
            memcpy(p, from, span);
        from = from ? from + span : NULL;
        at += span;
        n -= span;
    }
    return HV_OK;
}

hv_status gmem_write(const struct gmem *m, gpa_t to, const void *from, size_t n)
{
    return n ? change(m, to.v, from, 0, n) : HV_OK;
}

hv_status gmem_fill(const struct gmem *m, gpa_t to, uint8_t byte, size_t n)
{
    return change(m, to.v, NULL, byte, n);
}

hv_status gmem_cmpxchg(const struct gmem *m, gpa_t at, unsigned size, uint64_t *expected,
                       uint64_t value)
{
    if ((size != 4 && size != 8) || !is_aligned(at.v, size))
        return HV_INVALID;
    hv_status s = check(m, at.v, size, true);
    if (s)
        return s;

    size_t span;
    uint8_t *p = host_span(m, at.v, size, &span);
    bool done;
    if (size == 8) {
        done = __atomic_compare_exchange_n((uint64_t *)p, expected, value, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t old = (uint32_t)*expected;
        done = __atomic_compare_exchange_n((uint32_t *)p, &old, (uint32_t)value, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        *expected = old;
    }
    return done ? HV_OK : HV_BUSY;
}

bool gmem_contains(const struct gmem *m, gpa_t at, size_t n)
{
    return check(m, at.v, n, false) == HV_OK;
}
