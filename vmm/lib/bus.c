/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the device behind a port or an MMIO address and performs a checked access.
 * Built while the VM is set up and constant afterwards, so accesses from all vCPUs
 * need no lock of the bus; the range's own lock is taken around the device. What a
 * device does with an access is not decided here.
 */
#include "socle/bus.h"

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

#define PORTS 0x10000u

void pio_bus_init(struct pio_bus *b) { memset(b, 0, sizeof(*b)); }
void mmio_bus_init(struct mmio_bus *b) { memset(b, 0, sizeof(*b)); }

/* The access as the range sees it. The caller knows that it lies inside. */
static void perform(const struct bus_range *r, uint64_t addr, struct bus_access *a)
{
    uint64_t ones = ones_of_size(a->size);

    a->offset = addr - r->base;
    a->value = a->write ? a->value & ones : ones;
    if (!(r->widths & a->size))
        return;
    if (r->lock)
        spin_lock(r->lock);
    r->access(r->dev, a);
    if (r->lock)
        spin_unlock(r->lock);
    a->value &= ones;
}

static bool nobody(struct bus_access *a)
{
    if (!a->write)
        a->value = ones_of_size(a->size);
    return false;
}

/* No range is at addr, nor within the access. */
static bool ask_rest(const struct bus_rest *r, uint64_t addr, struct bus_access *a)
{
    return (r->access && r->access(r->ctx, addr, a)) || nobody(a);
}

/* Sizes come from the decoder and the backend, never raw from a guest. */
static void check_size(const struct bus_access *a)
{
    hv_assert(is_pow2(a->size) && a->size <= 8);
}

/* ---- ports ---- */

static uint8_t *port_entry(struct pio_bus *b, uint32_t port)
{
    return &b->index[b->page[port >> 8] - 1][port & 255];
}

/* How many pages the range needs that do not exist yet, or why it cannot be had. */
static hv_status pio_check(struct pio_bus *b, const struct bus_range *r, unsigned *new_pages)
{
    *new_pages = 0;
    if (r->len == 0 || !range_inside(r->base, r->len, 0, PORTS))
        return HV_RANGE;
    for (uint32_t i = 0; i < b->ranges; i++)
        if (range_overlaps(r->base, r->len, b->range[i].base, b->range[i].len))
            return HV_EXISTS;
    for (uint64_t p = r->base >> 8; p <= (r->base + r->len - 1) >> 8; p++)
        *new_pages += b->page[p] == 0;
    return HV_OK;
}

hv_status pio_attach(struct pio_bus *b, const struct bus_range *r)
{
    unsigned new_pages;
    hv_status s = pio_check(b, r, &new_pages);

    if (s)
        return s;
    if (b->ranges == BUS_MAX_RANGES || new_pages > PIO_PAGES_MAX - (unsigned)b->pages)
        return HV_NOMEM;
    /* All checks are done: from here on nothing fails, so nothing is left half made. */
    hv_assert(r->access);
    b->range[b->ranges++] = *r;
    for (uint32_t port = (uint32_t)r->base; port < r->base + r->len; port++) {
        if (!b->page[port >> 8])
            b->page[port >> 8] = ++b->pages;
        *port_entry(b, port) = b->ranges;
    }
    return HV_OK;
}

/* 1 + range at the port, 0: none. */
static unsigned pio_range(const struct pio_bus *b, uint16_t port)
{
    uint8_t page = b->page[port >> 8];
    return page ? b->index[page - 1][port & 255] : 0;
}

static bool pio_rest(const struct pio_bus *b, uint16_t port, struct bus_access *a)
{
    for (unsigned i = 1; i < a->size; i++)
        if (pio_range(b, (uint16_t)(port + i)))
            return nobody(a);
    return ask_rest(&b->rest, port, a);
}

bool pio_access(const struct pio_bus *b, uint16_t port, struct bus_access *a)
{
    check_size(a);
    unsigned range = pio_range(b, port);
    if (!range)
        return pio_rest(b, port, a);
    const struct bus_range *r = &b->range[range - 1];
    if (!range_inside(port, a->size, r->base, r->len))
        return nobody(a);
    perform(r, port, a);
    return true;
}

/* ---- MMIO ---- */

/* Number of ranges that begin at or below addr. */
static uint32_t mmio_upper(const struct mmio_bus *b, uint64_t addr)
{
    uint32_t lo = 0, hi = b->ranges;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (b->range[mid].base <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

hv_status mmio_attach(struct mmio_bus *b, const struct bus_range *r)
{
    uint64_t last;

    if (r->len == 0 || !add_u64(r->base, r->len - 1, &last))
        return HV_RANGE;
    for (uint32_t i = 0; i < b->ranges; i++)
        if (range_overlaps(r->base, r->len, b->range[i].base, b->range[i].len))
            return HV_EXISTS;
    if (b->ranges == BUS_MAX_RANGES)
        return HV_NOMEM;
    hv_assert(r->access);
    uint32_t at = mmio_upper(b, r->base);
    memmove(&b->range[at + 1], &b->range[at], (b->ranges - at) * sizeof(*r));
    b->range[at] = *r;
    b->ranges++;
    return HV_OK;
}

/* Nothing is at addr; `next` is the first range above it. */
static bool mmio_rest(const struct mmio_bus *b, uint32_t next, uint64_t addr, struct bus_access *a)
{
    if (next < b->ranges && b->range[next].base - addr < a->size)
        return nobody(a);
    return ask_rest(&b->rest, addr, a);
}

bool mmio_access(const struct mmio_bus *b, gpa_t addr, struct bus_access *a)
{
    check_size(a);
    uint32_t n = mmio_upper(b, addr.v);
    const struct bus_range *r = n ? &b->range[n - 1] : NULL;
    if (!r || addr.v - r->base >= r->len)
        return mmio_rest(b, n, addr.v, a);
    if (!range_inside(addr.v, a->size, r->base, r->len))
        return nobody(a);
    perform(r, addr.v, a);
    return true;
}
