/* SPDX-License-Identifier: BSD-2-Clause */
/* See host_pci.h: scan, base address registers, capabilities. */
#include "drivers/pure/host_pci.h"

#include "socle/bits.h"

enum { HEADER_TYPE = 0x7f, HEADER_MULTI = 0x80, HEADER_DEVICE = 0, HEADER_BRIDGE = 1, CLASS_HOST_BRIDGE = 0x0600 };
enum { STATUS_CAPS = 1 << 4, CAPS_MAX = 48 };   /* 192 bytes after the header, 4 each at least */
enum { BAR_IO = 1, BAR_TYPE = 6, BAR_TYPE_64 = 4, BAR_PREFETCH = 8 };                   /* 6.2.5.1 */

static uint32_t rd(const struct host_pci_access *a, struct host_pci_addr at, unsigned offset, unsigned size)
{
    return a->read(a->ctx, at, offset, size);
}

/* What the register keeps of all ones, as found again afterwards. Decoding is off. */
static uint32_t probe(const struct host_pci_function *f, unsigned offset)
{
    uint32_t old = host_pci_read(f, offset, 4);
    host_pci_write(f, offset, 4, ~0u);
    uint32_t mask = host_pci_read(f, offset, 4);
    host_pci_write(f, offset, 4, old);
    return mask;
}

/* Size that a mask of writable address bits tells; 0 where it makes no sense. */
static uint64_t size_of(uint64_t mask)
{
    uint64_t size = mask & -mask;
    /* All bits above the lowest must be writable: else it is no size, but a register that sticks. */
    return mask && mask + size == 0 ? size : 0;
}

/* Reads BAR n; returns how many registers it takes. */
static unsigned read_bar(struct host_pci_function *f, unsigned n, unsigned bars)
{
    struct host_pci_bar *b = &f->bar[n];
    unsigned offset = HOST_PCI_BAR0 + 4 * n;
    uint32_t low = host_pci_read(f, offset, 4), mask = probe(f, offset);
    if (!mask || mask == ~0u)
        return 1;
    if (low & BAR_IO) {
        /* The upper 16 bits need not be writable (6.2.5.1). */
        uint64_t size = size_of((uint64_t)(mask & ~3u) | MASK64(63, 16));
        *b = (struct host_pci_bar){ HOST_BAR_IO, false, false, low & ~3u, size };
        return 1;
    }
    bool wide = (low & BAR_TYPE) == BAR_TYPE_64 && n + 1 < bars;
    uint64_t at = low & ~15u, bits = mask & ~15u;
    if (wide) {
        at |= (uint64_t)host_pci_read(f, offset + 4, 4) << 32;
        bits |= (uint64_t)probe(f, offset + 4) << 32;
    } else {
        bits |= MASK64(63, 32);
    }
    *b = (struct host_pci_bar){ HOST_BAR_MEM, wide, low & BAR_PREFETCH, at, size_of(bits) };
    if (!b->size)
        b->kind = HOST_BAR_NONE;
    return wide ? 2 : 1;
}

/*
 * While a BAR holds all ones the function must not decode, or it answers where others live.
 * Nothing is logged meanwhile: the console may be behind this function.
 */
static void read_bars(struct host_pci_function *f)
{
    unsigned bars = f->header == HEADER_DEVICE ? 6 : f->header == HEADER_BRIDGE ? 2 : 0;
    /* A host bridge may answer for memory itself. */
    if (!bars || f->class_code >> 8 == CLASS_HOST_BRIDGE)
        return;
    uint32_t command = host_pci_read(f, HOST_PCI_COMMAND, 2);
    host_pci_write(f, HOST_PCI_COMMAND, 2, command & ~(uint32_t)(HOST_PCI_IO | HOST_PCI_MEMORY));
    for (unsigned n = 0; n < bars;)
        n += read_bar(f, n, bars);
    host_pci_write(f, HOST_PCI_COMMAND, 2, command);
}

static void add_function(struct host_pci *p, const struct host_pci_access *a, struct host_pci_addr at, uint32_t id)
{
    if (p->count == HOST_PCI_MAX) {
        p->dropped++;
        return;
    }
    struct host_pci_function *f = &p->fn[p->count++];
    uint32_t class_code = rd(a, at, HOST_PCI_CLASS, 4);
    *f = (struct host_pci_function){
        .access = a, .at = at, .vendor = (uint16_t)id, .device = (uint16_t)(id >> 16),
        .class_code = class_code >> 8, .revision = (uint8_t)class_code,
        .header = (uint8_t)(rd(a, at, HOST_PCI_HEADER, 1) & HEADER_TYPE),
    };
    read_bars(f);
}

struct buses { uint64_t bit[4]; };

static bool take_bus(struct buses *b, uint8_t *bus)
{
    for (unsigned w = 0; w < 4; w++)
        if (b->bit[w]) {
            *bus = (uint8_t)(64 * w + (unsigned)__builtin_ctzll(b->bit[w]));
            b->bit[w] &= b->bit[w] - 1;
            return true;
        }
    return false;
}

/* One slot: its functions; buses behind bridges go to `todo`. */
static void scan_slot(struct host_pci *p, struct buses *todo, const struct host_pci_access *a,
                      struct host_pci_addr at)
{
    unsigned last = 0;
    for (unsigned fn = 0; fn <= last; fn++, at.devfn++) {
        uint32_t id = rd(a, at, HOST_PCI_ID, 4);
        if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0)
            continue;
        uint32_t header = rd(a, at, HOST_PCI_HEADER, 1);
        if (fn == 0 && header & HEADER_MULTI)
            last = 7;
        add_function(p, a, at, id);
        if ((header & HEADER_TYPE) == HEADER_BRIDGE) {
            uint8_t behind = (uint8_t)rd(a, at, HOST_PCI_SECONDARY, 1);
            todo->bit[behind / 64] |= BIT64(behind % 64);
        }
    }
}

void host_pci_scan_bus(struct host_pci *p, struct host_pci_scan *s, const struct host_pci_access *a,
                       uint16_t segment, uint8_t bus)
{
    struct buses todo = { { 0 } };
    todo.bit[bus / 64] = BIT64(bus % 64);
    while (take_bus(&todo, &bus)) {
        if (s->seen[bus / 64] & BIT64(bus % 64))
            continue;                   /* also a bridge that firmware gave no bus: it says 0 */
        s->seen[bus / 64] |= BIT64(bus % 64);
        for (unsigned dev = 0; dev < 32; dev++)
            scan_slot(p, &todo, a, (struct host_pci_addr){ segment, bus, (uint8_t)(dev << 3) });
    }
}

uint8_t host_pci_capability(const struct host_pci_function *f, uint8_t id, uint8_t from)
{
    if (!(host_pci_read(f, HOST_PCI_STATUS, 2) & STATUS_CAPS))
        return 0;
    unsigned at = host_pci_read(f, from ? from + 1u : (unsigned)HOST_PCI_CAP, 1) & ~3u;
    for (unsigned n = 0; n < CAPS_MAX && at >= 0x40; n++) {
        if (host_pci_read(f, at, 1) == id)
            return (uint8_t)at;
        at = host_pci_read(f, at + 1, 1) & ~3u;
    }
    return 0;
}

void host_pci_enable(const struct host_pci_function *f)
{
    uint32_t command = host_pci_read(f, HOST_PCI_COMMAND, 2);
    host_pci_write(f, HOST_PCI_COMMAND, 2, command | HOST_PCI_MEMORY | HOST_PCI_MASTER | HOST_PCI_NO_INTX);
}

void host_pci_stop_dma(const struct host_pci_function *f)
{
    uint32_t command = host_pci_read(f, HOST_PCI_COMMAND, 2);
    host_pci_write(f, HOST_PCI_COMMAND, 2, command & ~(uint32_t)HOST_PCI_MASTER);
}
