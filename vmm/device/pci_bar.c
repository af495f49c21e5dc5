/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Base address registers (PCI Local Bus 3.0, 6.2.5): what a function decodes, and which BAR
 * is behind an address. The VM's buses ask here for what lies in no fixed range; guests move
 * BARs by configuration writes (pci.c). Where BARs overlap, the lower devfn has it, and of
 * one function the lower BAR.
 */
#include "pci_priv.h"

#include "socle/assert.h"

#define BAR_IO          0x1u
#define BAR_MEM64       0x4u
#define BAR_PREFETCH    0x8u
#define BAR_IO_FLAGS    0x3u
#define BAR_MEM_FLAGS   0xfu

enum { IO_MIN = 4, IO_MAX = 256, MEM_MIN = 16 };

/* ---- registers ------------------------------------------------------------------ */

static unsigned bar_offset(unsigned n) { return CFG_BAR + 4 * n; }

static void check_bar(const struct pci_function *f, unsigned n, const struct pci_bar *bar)
{
    bool wide = bar->kind == PCI_BAR_MEM64;
    hv_assert(bar->kind != PCI_BAR_NONE && n + wide < PCI_BARS && bar->access);
    hv_assert(is_pow2(bar->size) && bar->size >= (bar->kind == PCI_BAR_IO ? IO_MIN : MEM_MIN));
    hv_assert(bar->size <= (wide ? BIT64(63) : bar->kind == PCI_BAR_IO ? IO_MAX : BIT64(31)));
    hv_assert(!is_bar(f, n) && !(wide && is_bar(f, n + 1)));
    hv_assert(!n || f->bar[n - 1].kind != PCI_BAR_MEM64);
}

/* Bits below the size read as zero: that is how software finds it (6.2.5.1). */
void pci_set_bar(struct pci_function *f, unsigned n, const struct pci_bar *bar)
{
    check_bar(f, n, bar);
    f->bar[n] = *bar;
    uint64_t mask = ~(bar->size - 1);
    uint32_t flags = bar->kind == PCI_BAR_IO ? BAR_IO
                   : (bar->kind == PCI_BAR_MEM64 ? BAR_MEM64 : 0) | (bar->prefetch ? BAR_PREFETCH : 0);
    pci_set32(f->config, bar_offset(n), flags);
    pci_set32(f->wmask, bar_offset(n), (uint32_t)mask);
    if (bar->kind == PCI_BAR_MEM64)
        pci_set32(f->wmask, bar_offset(n + 1), (uint32_t)(mask >> 32));
    f->wmask[CFG_COMMAND] |= bar->kind == PCI_BAR_IO ? COMMAND_IO : COMMAND_MEMORY;
}

uint64_t pci_bar_base(const struct pci_function *f, unsigned n)
{
    uint32_t low = pci_get32(f->config, bar_offset(n));
    if (is_io(f, n))
        return low & ~BAR_IO_FLAGS;
    uint64_t high = f->bar[n].kind == PCI_BAR_MEM64 ? pci_get32(f->config, bar_offset(n + 1)) : 0;
    return high << 32 | (low & ~BAR_MEM_FLAGS);
}

/* ---- who decodes what ----------------------------------------------------------- */

/* Number of windows that begin at or below addr. */
static uint32_t upper(const struct pci_map *m, uint64_t addr)
{
    uint32_t lo = 0, hi = m->count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (m->window[mid].first <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Every end of a window is an end of one of the BARs, so n BARs make at most 2n - 1. */
static void insert(struct pci_map *m, uint32_t at, uint64_t first, uint64_t last, const struct pci_bar *bar)
{
    hv_assert(m->count < ARRAY_LEN(m->window));
    for (uint32_t i = m->count++; i > at; i--)
        m->window[i] = m->window[i - 1];
    m->window[at] = (struct pci_window){ first, last, bar };
}

/* Gives the BAR those of its addresses that nobody has yet. */
static void claim(struct pci_map *m, uint64_t first, uint64_t last, const struct pci_bar *bar)
{
    uint32_t i = upper(m, first);
    if (i && m->window[i - 1].last >= first)
        i--;
    for (;; i++) {
        bool below = i < m->count && m->window[i].first <= last;
        if (!below || m->window[i].first > first) {
            insert(m, i, first, below ? m->window[i].first - 1 : last, bar);
            if (!below)
                return;
            i++;
        }
        if (m->window[i].last >= last)
            return;
        first = m->window[i].last + 1;
    }
}

static void rebuild(struct pci_decode *d, uint16_t enable)
{
    unsigned turn = atomic_load_explicit(&d->turn, memory_order_relaxed) + 1;
    struct pci_map *m = &d->map[turn & 1];
    /* Who reads this map from before sees the turn that made it stale, or none of what follows. */
    atomic_thread_fence(memory_order_seq_cst);
    m->count = 0;
    for (unsigned i = 0; i < d->bars; i++) {
        const struct pci_function *f = d->bar[i].f;
        if (!(command(f) & enable))
            continue;
        const struct pci_bar *bar = &f->bar[d->bar[i].n];
        uint64_t base = pci_bar_base(f, d->bar[i].n);
        claim(m, base, base + (bar->size - 1), bar);
    }
    atomic_store_explicit(&d->turn, turn, memory_order_release);
}

void pci_decode_all(struct pci *p)
{
    rebuild(&p->io, COMMAND_IO);
    rebuild(&p->mem, COMMAND_MEMORY);
}

/* A map stays as it is while nothing that decodes moves: sizing happens with decoding off. */
void pci_decode_written(struct pci_function *f, uint16_t before, unsigned offset, unsigned size)
{
    uint16_t now = command(f), stale = before ^ now;
    if (offset < CFG_BAR_END && offset + size > CFG_BAR)
        stale |= now;
    if (stale & COMMAND_IO)
        rebuild(&f->bus->io, COMMAND_IO);
    if (stale & COMMAND_MEMORY)
        rebuild(&f->bus->mem, COMMAND_MEMORY);
}

static void enter(struct pci_decode *d, struct pci_function *f, unsigned n)
{
    unsigned at = d->bars++;
    for (; at && d->bar[at - 1].f->devfn > f->devfn; at--)
        d->bar[at] = d->bar[at - 1];
    d->bar[at].f = f;
    d->bar[at].n = (uint8_t)n;
}

bool pci_decode_add(struct pci *p, struct pci_function *f)
{
    unsigned io = 0, mem = 0;
    for (unsigned n = 0; n < PCI_BARS; n++) {
        io += is_bar(f, n) && is_io(f, n);
        mem += is_bar(f, n) && !is_io(f, n);
    }
    if (io > PCI_BARS_MAX - p->io.bars || mem > PCI_BARS_MAX - p->mem.bars)
        return false;
    for (unsigned n = 0; n < PCI_BARS; n++)
        if (is_bar(f, n))
            enter(is_io(f, n) ? &p->io : &p->mem, f, n);
    return true;
}

/* ---- accesses ------------------------------------------------------------------- */

/* The BAR at addr; null: none. A map that changed under our feet is looked at again. */
static const struct pci_bar *find(struct pci_decode *d, uint64_t addr)
{
    for (;;) {
        unsigned turn = atomic_load_explicit(&d->turn, memory_order_acquire);
        const struct pci_map *m = &d->map[turn & 1];
        const uint32_t n = upper(m, addr);
        const struct pci_bar *bar = n && addr <= m->window[n - 1].last ? m->window[n - 1].bar : NULL;
        atomic_thread_fence(memory_order_acquire);
        if (likely(atomic_load_explicit(&d->turn, memory_order_relaxed) == turn))
            return bar;
    }
}

/* As perform() in vmm/lib/bus.c. A BAR's base is a multiple of its size. */
static bool perform(struct pci_decode *d, uint64_t addr, struct bus_access *a)
{
    const struct pci_bar *bar = find(d, addr);
    if (!bar)
        return false;
    a->offset = addr & (bar->size - 1);
    if (a->size > bar->size - a->offset)
        return false;
    uint64_t ones = ones_of_size(a->size);
    a->value = a->write ? a->value & ones : ones;
    if (!(bar->widths & a->size))
        return true;
    if (bar->lock)
        spin_lock(bar->lock);
    bar->access(bar->dev, a);
    if (bar->lock)
        spin_unlock(bar->lock);
    a->value &= ones;
    return true;
}

bool pci_io_access(void *pci, uint64_t port, struct bus_access *a)
{
    return perform(&((struct pci *)pci)->io, port, a);
}

bool pci_mem_access(void *pci, uint64_t addr, struct bus_access *a)
{
    return perform(&((struct pci *)pci)->mem, addr, a);
}
