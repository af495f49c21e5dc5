/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of one PCI bus through ports 0xcf8 and 0xcfc: PCI Local Bus
 * Specification 3.0, section 3.2.2.3.2 (mechanism #1) and chapter 6. Guests reach it
 * through the ports; devices fill in a struct pci_function and add it. Which bits a guest
 * can change is data: a write mask and a mask of bits that a written one clears.
 */
#include "socle/device/pci.h"

#include "socle/bits.h"
#include "socle/platform.h"
#include "socle/str.h"

#define ADDR_ENABLE     0x80000000u
#define ADDR_WRITABLE   0x80fffffcu

#define CFG_VENDOR      0x00        /* offsets of the common header, figure 6-1 */
#define CFG_DEVICE      0x02
#define CFG_COMMAND     0x04
#define CFG_STATUS      0x06
#define CFG_REVISION    0x08
#define CFG_CLASS       0x09

#define VENDOR_INTEL    0x8086

#define STATE_PCI       STATE_ID('P', 'C', 'I', ' ')

/* ---- one function --------------------------------------------------------------- */

static void merge(struct pci_function *f, unsigned offset, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size; i++) {
        uint8_t v = (uint8_t)(value >> 8 * i), *at = &f->config[offset + i];
        uint8_t mask = f->wmask[offset + i];
        *at = (uint8_t)((*at & ~mask) | (v & mask));
        *at &= (uint8_t)~(v & f->w1c[offset + i]);
    }
    if (f->ops && f->ops->write)
        f->ops->write(f, offset, size);
}

static uint32_t fetch(struct pci_function *f, unsigned offset, unsigned size)
{
    uint32_t v = 0;
    if (f->ops && f->ops->read)
        f->ops->read(f, offset, size);
    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)f->config[offset + i] << 8 * i;
    return v;
}

/* The function that CONFIG_ADDRESS names; null when disabled, or nothing is there. */
static struct pci_function *selected(const struct pci *p)
{
    uint32_t bus = p->address >> 16 & 0xff;
    if (!(p->address & ADDR_ENABLE) || bus != 0)
        return NULL;
    return p->fn[p->address >> 8 & 0xff];
}

/* ---- ports ---------------------------------------------------------------------- */

/*
 * CONFIG_ADDRESS exists for double words only. Narrower accesses pass it by and reach
 * whatever lies there on the ISA bus: the reset control register.
 */
static void access_address(void *dev, struct bus_access *a)
{
    struct pci *p = dev;
    if (a->size != 4) {
        if (a->size == 1 && a->offset == PLAT_RESET_PORT - PLAT_PCI_ADDR && p->cf9) {
            a->offset = 0;
            p->cf9(p->cf9_dev, a);
        }
        return;
    }
    spin_lock(&p->lock);
    if (a->write)
        p->address = (uint32_t)a->value & ADDR_WRITABLE;
    else
        a->value = p->address;
    spin_unlock(&p->lock);
}

static void access_data(void *dev, struct bus_access *a)
{
    struct pci *p = dev;
    struct pci_function *f = selected(p);
    unsigned offset = (p->address & 0xfc) + (unsigned)a->offset;
    if (!f)
        return;                     /* master abort: ones, and writes vanish */
    if (a->write)
        merge(f, offset, a->size, (uint32_t)a->value);
    else
        a->value = fetch(f, offset, a->size);
}

hv_status pci_attach(struct pci *p, struct pio_bus *b)
{
    const struct bus_range address = {
        PLAT_PCI_ADDR, 4, 1 | 2 | 4, access_address, p, NULL, "pci-address"
    };
    const struct bus_range data = {
        PLAT_PCI_DATA, 4, 1 | 2 | 4, access_data, p, &p->lock, "pci-data"
    };
    hv_status s = pio_attach(b, &address);
    return s == HV_OK ? pio_attach(b, &data) : s;
}

/*
 * Memory-mapped configuration (PCI Firmware Specification 3.3, 4.1.3): bus in address
 * bits 27:20, device and function in 19:12, register in 11:0. Our functions are
 * conventional ones: beyond 256 bytes nobody answers.
 */
static void access_ecam(void *dev, struct bus_access *a)
{
    struct pci *p = dev;
    unsigned offset = a->offset & 0xfff;
    struct pci_function *f = a->offset >> 20 ? NULL : p->fn[a->offset >> 12 & 0xff];
    if (!f || offset + a->size > PCI_CONFIG_SIZE || offset % a->size)
        return;
    if (a->write)
        merge(f, offset, a->size, (uint32_t)a->value);
    else
        a->value = fetch(f, offset, a->size);
}

hv_status pci_attach_ecam(struct pci *p, struct mmio_bus *b)
{
    const struct bus_range ecam = {
        PLAT_ECAM_BASE, MIB(256), 1 | 2 | 4, access_ecam, p, &p->lock, "pci-ecam"
    };
    return mmio_attach(b, &ecam);
}

/* ---- functions on the bus ------------------------------------------------------- */

hv_status pci_add(struct pci *p, uint8_t devfn, struct pci_function *f)
{
    if (p->fn[devfn])
        return HV_EXISTS;
    p->fn[devfn] = f;
    return HV_OK;
}

void pci_function_init(struct pci_function *f, uint16_t vendor, uint16_t device,
                       uint32_t class_code, uint8_t revision)
{
    memset(f, 0, sizeof(*f));
    pci_set16(f->config, CFG_VENDOR, vendor);
    pci_set16(f->config, CFG_DEVICE, device);
    f->config[CFG_REVISION] = revision;
    f->config[CFG_CLASS] = (uint8_t)class_code;
    pci_set16(f->config, CFG_CLASS + 1, (uint16_t)(class_code >> 8));
}

/*
 * 82441FX PMC, section 3.2. Memory and mastering are always on. The DRAM row boundaries,
 * PAM and SMRAM registers keep what firmware writes; memory does not move yet by them.
 */
static void reset_host_bridge(struct pci_function *f)
{
    memset(&f->config[0x40], 0, PCI_CONFIG_SIZE - 0x40);
    pci_set16(f->config, CFG_COMMAND, 0x0006);
    pci_set16(f->config, CFG_STATUS, 0x0280);
    memset(&f->config[0x60], 0x01, 8);      /* DRB */
    f->config[0x72] = 0x02;                 /* SMRAM: the fixed base segment */
}

static void init_host_bridge(struct pci_function *f)
{
    static const struct pci_ops ops = { .reset = reset_host_bridge };
    pci_function_init(f, VENDOR_INTEL, 0x1237, 0x060000, 0x02);
    f->ops = &ops;
    pci_set16(f->w1c, CFG_STATUS, 0xf900);  /* error bits; none is ever set */
    f->wmask[0x59] = 0x30;                  /* PAM0 has one segment, the others two */
    memset(&f->wmask[0x5a], 0x33, 6);
    memset(&f->wmask[0x60], 0xff, 8);
    f->wmask[0x72] = 0x78;
    reset_host_bridge(f);
}

/* 82371SB (PIIX3), section 2.2, function 0. Its IDE and USB functions are not there. */
static void reset_isa_bridge(struct pci_function *f)
{
    memset(&f->config[0x40], 0, PCI_CONFIG_SIZE - 0x40);
    pci_set16(f->config, CFG_COMMAND, 0x0007);
    pci_set16(f->config, CFG_STATUS, 0x0200);
    f->config[0x4c] = 0x4d;                 /* I/O recovery times */
    f->config[0x4e] = 0x03;                 /* XBCS: chip selects */
    memset(&f->config[0x60], 0x80, 4);      /* PIRQ routes A-D: off */
    f->config[0x69] = 0x02;                 /* top of memory */
}

static void init_isa_bridge(struct pci_function *f)
{
    static const struct pci_ops ops = { .reset = reset_isa_bridge };
    pci_function_init(f, VENDOR_INTEL, 0x7000, 0x060100, 0x00);
    f->ops = &ops;
    pci_set16(f->w1c, CFG_STATUS, 0x7800);
    f->wmask[0x4c] = 0x7f;
    pci_set16(f->wmask, 0x4e, 0x01ff);
    memset(&f->wmask[0x60], 0x8f, 4);
    f->wmask[0x69] = 0xfe;
    f->wmask[0x82] = 0x0f;                  /* DLC: passive release and its like */
    reset_isa_bridge(f);
}

/* ---- life cycle ----------------------------------------------------------------- */

void pci_init(struct pci *p, bus_handler cf9, void *cf9_dev)
{
    memset(p, 0, sizeof(*p));
    p->cf9 = cf9;
    p->cf9_dev = cf9_dev;
    init_host_bridge(&p->host_bridge);
    init_isa_bridge(&p->isa_bridge);
    p->fn[PCI_DEVFN(0, 0)] = &p->host_bridge;
    p->fn[PCI_DEVFN(1, 0)] = &p->isa_bridge;
}

void pci_reset(struct pci *p)
{
    p->address = 0;
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        struct pci_function *f = p->fn[i];
        if (f && f->ops && f->ops->reset)
            f->ops->reset(f);
    }
}

/* Functions follow in order, each as {u16 devfn, 256 bytes}; 0xffff ends the list. */
#define NO_MORE 0xffffu

void pci_save(const struct pci *p, struct state_out *o)
{
    state_begin(o, STATE_PCI, 1);
    state_put_u32(o, p->address);
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        if (!p->fn[i])
            continue;
        state_put_u16(o, (uint16_t)i);
        state_put_bytes(o, p->fn[i]->config, PCI_CONFIG_SIZE);
    }
    state_put_u16(o, NO_MORE);
    state_end(o);
}

/* Does this saved space belong to f? What no guest can change must be equal. */
static bool matches(const struct pci_function *f, const uint8_t *config)
{
    return pci_get32(config, CFG_VENDOR) == pci_get32(f->config, CFG_VENDOR) &&
           pci_get32(config, CFG_REVISION) == pci_get32(f->config, CFG_REVISION);
}

static void adopt(struct pci_function *f, const uint8_t *config)
{
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t mask = f->wmask[i] | f->w1c[i];
        f->config[i] = (uint8_t)((f->config[i] & ~mask) | (config[i] & mask));
    }
}

/* Reads the list once: checks it, or takes it over. */
static bool walk(struct pci *p, struct state_in *in, bool take)
{
    uint8_t config[PCI_CONFIG_SIZE];
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        struct pci_function *f = p->fn[i];
        if (!f)
            continue;
        if (state_get_u16(in) != i)
            return false;
        state_get_bytes(in, config, sizeof(config));
        if (take)
            adopt(f, config);
        else if (!matches(f, config))
            return false;
    }
    return state_get_u16(in) == NO_MORE;
}

hv_status pci_load(struct pci *p, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_PCI, 1, &version);
    if (s != HV_OK)
        return s;
    uint32_t address = state_get_u32(in) & ADDR_WRITABLE;
    struct state_in again = *in;
    bool good = walk(p, in, false);
    s = state_close(in);
    if (s != HV_OK || !good)
        return HV_INVALID;
    p->address = address;
    return walk(p, &again, true) ? HV_OK : HV_INVALID;
}
