/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the PCI bus as a hostile guest would, with two functions that have every kind of
 * BAR, share a line, and know MSI and MSI-X: configuration accesses by both ways, accesses
 * to BARs wherever they are moved, requests of the devices, resets, saved and damaged
 * states. After each step lines and messages must agree with what the registers say.
 */
#include <string.h>

#include "fake/fake_pci.h"
#include "socle/assert.h"
#include "socle/bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STATE_MAX = 4096, STEPS_MAX = 1024, LOADS_MAX = 2, FUNCTIONS = 2, VECTORS = 4 };
enum { MSIX_CAP = 0x40, MSI_CAP = 0x4c };

static const uint8_t devfns[FUNCTIONS] = { PCI_DEVFN(2, 0), PCI_DEVFN(2, 5) };
/* Registers worth a visit; others come at random. */
static const uint8_t regs[] = {
    0x04, 0x06, 0x10, 0x14, 0x18, 0x20, 0x24, 0x3c, MSIX_CAP, MSIX_CAP + 2, MSI_CAP, MSI_CAP + 2,
    MSI_CAP + 0x10, MSI_CAP + 0x14, 0x0c, 0x30,
};

static struct fake_pci *p;
static struct pci_function fn[FUNCTIONS];
static const struct pci_bar bars[3] = {
    { .kind = PCI_BAR_IO, .size = 32, .widths = 1 | 2 | 4 },
    { .kind = PCI_BAR_MEM32, .size = 0x1000, .widths = 1 | 4 | 8 },
    { .kind = PCI_BAR_MEM64, .size = 0x10000, .widths = 1 | 2 | 4 | 8 },
};
static const uint8_t bar_at[3] = { 0, 2, 4 };

static const uint8_t *next;
static size_t left;
static unsigned loads;              /* of states: the slow steps, so there are few in an input */

static uint8_t u8(void)
{
    if (!left)
        return 0;
    left--;
    return *next++;
}

static uint32_t u32(void)
{
    uint32_t v = u8();
    v |= (uint32_t)u8() << 8;
    v |= (uint32_t)u8() << 16;
    return v | (uint32_t)u8() << 24;
}

static void on_access(void *dev, struct bus_access *a)
{
    const struct pci_bar *bar = dev;
    hv_assert(a->size && (bar->widths & a->size) && a->offset + a->size <= bar->size);
    hv_assert((a->value & ~ones_of_size(a->size)) == 0);
    hv_assert(spin_try(&p->pci.lock));
    spin_unlock(&p->pci.lock);
    if (!a->write)
        a->value = UINT64_MAX - a->offset;
}

/* May this message come from f? */
static bool may_send(const struct pci_function *f, uint64_t addr, uint32_t data)
{
    const uint16_t control = pci_get16(f->config, MSIX_CAP + 2);
    const uint8_t *msi = &f->config[MSI_CAP];
    if (!(f->config[4] & 4))
        return false;
    if (!(control & 0x8000))
        return (msi[2] & 1) && !(msi[0x10] & 1) && (uint32_t)addr == pci_get32(msi, 4) &&
               addr >> 32 == pci_get32(msi, 8) && data == pci_get16(msi, 12);
    for (unsigned v = 0; v < VECTORS && !(control & 0x4000); v++)
        if (!(f->msix[v].control & 1) && f->msix[v].addr == addr && f->msix[v].data == data)
            return true;
    return false;
}

static void on_msi(void *ctx, uint64_t addr, uint32_t data)
{
    hv_assert(may_send(&fn[0], addr, data) || may_send(&fn[1], addr, data));
}

static void build(void)
{
    if (!p)
        p = fake_pci_new();
    fake_pci_restart(p);
    p->env->env.msi = on_msi;
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        pci_function_init(&fn[i], 0x1af4, (uint16_t)(0x1041 + i), 0x020000, 1);
        for (unsigned k = 0; k < ARRAY_LEN(bars); k++) {
            struct pci_bar b = bars[k];
            b.access = on_access;
            b.dev = &fn[i].bar[bar_at[k]];
            pci_set_bar(&fn[i], bar_at[k], &b);
        }
        pci_use_intx(&fn[i]);
        pci_add_msix(&fn[i], 1, VECTORS);
        pci_add_msi(&fn[i]);
        hv_assert(fn[i].msix_cap == MSIX_CAP && fn[i].msi_cap == MSI_CAP);
        hv_assert(pci_add(&p->pci, devfns[i], &fn[i]) == HV_OK);
    }
    pci_reset(&p->pci);
    pci_assign(&p->pci);
}

/* ---- what must be true ---------------------------------------------------------- */

static void check_map(const struct pci_decode *d)
{
    const struct pci_map *m = &d->map[d->turn & 1];
    hv_assert(m->count <= ARRAY_LEN(m->window));
    for (uint32_t i = 0; i < m->count; i++) {
        hv_assert(m->window[i].first <= m->window[i].last);
        hv_assert(!i || m->window[i - 1].last < m->window[i].first);
    }
}

static bool check_function(const struct pci_function *f)
{
    const uint16_t command = pci_get16(f->config, 4), control = pci_get16(f->config, MSIX_CAP + 2);
    const bool msix = control & 0x8000, msi = (f->config[MSI_CAP + 2] & 1) && !msix, master = command & 4;
    hv_assert(f->intx_out == (f->intx && !(command & 0x400) && !msi && !msix));
    hv_assert((f->config[6] >> 3 & 1) == f->intx);
    hv_assert(f->config[MSI_CAP + 0x14] == f->msi_pending);
    hv_assert(!f->msi_pending || (msi && f->intx && (!master || (f->config[MSI_CAP + 0x10] & 1))));
    hv_assert(!f->msix_pending || msix);
    for (unsigned v = 0; v < 64; v++)
        if (f->msix_pending & BIT64(v))
            hv_assert(v < VECTORS && (!master || (control & 0x4000) || (f->msix[v].control & 1)));
    /* What a guest must not change. */
    hv_assert(pci_get16(f->config, 0) == 0x1af4 && f->config[0x34] == MSIX_CAP && f->config[0x3d] == 1);
    hv_assert((f->config[0x10] & 0x1f) == 1 && !(f->config[0x14] & 0xff) && (f->config[0x20] & 0xff) == 4);
    return f->intx_out;
}

static void check(void)
{
    bool level = false;
    for (unsigned i = 0; i < FUNCTIONS; i++)
        level |= check_function(&fn[i]);
    hv_assert(fn[0].gsi == fn[1].gsi && p->env->line[fn[0].gsi] == level);
    check_map(&p->pci.io);
    check_map(&p->pci.mem);
}

/* ---- state ---------------------------------------------------------------------- */

static size_t save(uint8_t *buf)
{
    struct state_out o = { .buf = buf, .cap = STATE_MAX };
    pci_save(&p->pci, &o);
    hv_assert(o.len <= STATE_MAX);
    return o.len;
}

static bool load(const uint8_t *buf, size_t n)
{
    struct state_in in = { .buf = buf, .len = n };
    bool good = pci_load(&p->pci, &in) == HV_OK;
    /* Loading drives no lines: controllers load theirs. */
    p->env->line[fn[0].gsi] = fn[0].intx_out || fn[1].intx_out;
    return good;
}

static void round_trip(void)
{
    uint8_t first[STATE_MAX], again[STATE_MAX];
    const size_t n = save(first);
    hv_assert(load(first, n));
    hv_assert(save(again) == n && !memcmp(first, again, n));
}

static void damaged_load(void)
{
    uint8_t buf[STATE_MAX];
    const size_t n = save(buf);
    for (unsigned i = u8() & 15; i; i--) {
        const uint32_t at = u32();
        buf[(at & 0xffff) % n] = (uint8_t)(at >> 16);
    }
    (void)load(buf, n);
    check();
    round_trip();
}

/* ---- steps ---------------------------------------------------------------------- */

static void access_config(bool write)
{
    const uint8_t how = u8(), which = u8(), size = (uint8_t)(1 << how % 3);
    const uint8_t devfn = how & 0x80 ? u8() : devfns[how >> 6 & 1];
    const unsigned reg = which < 0xe0 ? regs[which % ARRAY_LEN(regs)] : u8();
    struct bus_access a = { .size = size, .write = write, .value = write ? u32() & ones_of_size(size) : 0 };
    if (how & 0x20) {
        mmio_access(&p->mmio, gpa(PLAT_ECAM_BASE + ((uint64_t)devfn << 12) + reg), &a);
    } else {
        fake_pci_out(p, PLAT_PCI_ADDR, 4, 0x80000000u | (unsigned)devfn << 8 | (reg & 0xfc));
        pio_access(&p->pio, (uint16_t)(PLAT_PCI_DATA + (reg & 3)), &a);
    }
    hv_assert((a.value & ~ones_of_size(size)) == 0);
}

/* Mostly at a BAR, or just around its ends. */
static void access_bar(bool write)
{
    const uint8_t how = u8(), size = (uint8_t)(1 << how % 4);
    const struct pci_function *f = &fn[how >> 7];
    const unsigned n = how >> 4 & 7;
    const bool io = n == 0;
    uint64_t addr = pci_get32(f->config, 0x10 + 4 * (n % 6)) & ~15u;
    if (n == 4)
        addr |= (uint64_t)pci_get32(f->config, 0x24) << 32;
    addr += n < 6 ? (uint64_t)(int16_t)(u8() | u8() << 8) : (uint64_t)u32() << 32;
    struct bus_access a = { .size = io && size == 8 ? 4 : size, .write = write, .value = write ? u32() : 0 };
    if (io)
        pio_access(&p->pio, (uint16_t)addr, &a);
    else
        mmio_access(&p->mmio, gpa(addr), &a);
    hv_assert(write || (a.value & ~ones_of_size(a.size)) == 0);
}

/* A whole entry, so that messages are really sent. */
static void write_vector(void)
{
    const uint8_t how = u8();
    const struct pci_function *f = &fn[how & 1];
    const uint64_t at = (pci_get32(f->config, 0x14) & ~0xfffu) + 16u * (how >> 1 & 7) + (how >> 4 & 0xc);
    (void)fake_pci_write(p, at, 4, u32());
}

/* Rarely a bus reset, with and without firmware after it. */
static void restart(bool really, bool firmware)
{
    if (!really || u8() & 3)
        return;
    pci_reset(&p->pci);
    if (firmware)
        pci_assign(&p->pci);
}

static void step(void)
{
    const uint8_t byte = u8();
    struct pci_function *f = &fn[byte >> 4 & 1];
    switch (byte & 15) {
    case 0: pci_set_intx(f, byte & 0x80); break;
    case 1: pci_msix_send(f, byte >> 5); break;
    case 2: pci_msix_clear(f, byte >> 5); break;
    case 3:
    case 4:
        if (loads++ < LOADS_MAX)
            damaged_load();
        break;
    case 5: restart(byte & 0x80, byte & 0x40); break;
    case 6: write_vector(); break;
    case 7: write_vector(); break;
    case 8:
    case 9: access_config(false); break;
    case 10: access_bar(false); break;
    case 11: access_bar(true); break;
    default: access_config(true); break;
    }
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next = data;
    left = size;
    loads = 0;
    build();
    for (unsigned i = 0; left && i < STEPS_MAX; i++)
        step();
    return 0;
}
