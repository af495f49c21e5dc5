/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of one PCI bus through ports 0xcf8 and 0xcfc and through memory: PCI
 * Local Bus Specification 3.0, section 3.2.2.3.2 (mechanism #1) and chapter 6. Devices fill
 * in a struct pci_function and add it. Which bits a guest can change is data: a write mask
 * and a mask of bits that a written one clears. What follows from a change is in pci_bar.c
 * and pci_irq.c.
 */
#include "pci_priv.h"

#include "socle/assert.h"
#include "socle/str.h"

#define ADDR_ENABLE     0x80000000u

/* ---- one function --------------------------------------------------------------- */

static void merge(struct pci_function *f, unsigned offset, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size; i++) {
        uint8_t v = (uint8_t)(value >> 8 * i), *at = &f->config[offset + i];
        uint8_t mask = f->wmask[offset + i];
        *at = (uint8_t)((*at & ~mask) | (v & mask));
        *at &= (uint8_t)~(v & f->w1c[offset + i]);
    }
}

static void store(struct pci_function *f, unsigned offset, unsigned size, uint32_t value)
{
    const uint16_t before = command(f);
    spin_lock(&f->irq_lock);
    const bool msi = pci_msi_on(f);
    merge(f, offset, size, value);
    pci_irq_written(f, msi);
    spin_unlock(&f->irq_lock);
    pci_decode_written(f, before, offset, size);
    if (f->ops && f->ops->write)
        f->ops->write(f, offset, size);
}

static uint32_t fetch(struct pci_function *f, unsigned offset, unsigned size)
{
    uint32_t v = 0;
    if (f->ops && f->ops->read)
        f->ops->read(f, offset, size);
    spin_lock(&f->irq_lock);
    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)f->config[offset + i] << 8 * i;
    spin_unlock(&f->irq_lock);
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
        p->address = (uint32_t)a->value & PCI_ADDRESS_BITS;
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
        store(f, offset, a->size, (uint32_t)a->value);
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
        store(f, offset, a->size, (uint32_t)a->value);
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

void pci_function_init(struct pci_function *f, uint16_t vendor, uint16_t device,
                       uint32_t class_code, uint8_t revision)
{
    memset(f, 0, sizeof(*f));
    pci_set16(f->config, CFG_VENDOR, vendor);
    pci_set16(f->config, CFG_DEVICE, device);
    f->config[CFG_REVISION] = revision;
    f->config[CFG_CLASS] = (uint8_t)class_code;
    pci_set16(f->config, CFG_CLASS + 1, (uint16_t)(class_code >> 8));
    if (class_code >> 16 == CLASS_BRIDGE)
        return;
    /* All but bridges must have these (6.2.4); the device may replace them. */
    pci_set16(f->config, CFG_SUBSYSTEM, vendor);
    pci_set16(f->config, CFG_SUBSYSTEM + 2, device);
}

/* 6.7: each capability points to the next one; the header points to the first. */
unsigned pci_add_capability(struct pci_function *f, uint8_t id, unsigned len)
{
    const unsigned at = f->cap_last ? f->cap_end : CFG_HEADER_END;
    hv_assert(len >= 2 && len <= PCI_CONFIG_SIZE - at);
    memset(&f->config[at], 0, len);
    memset(&f->wmask[at], 0, len);
    f->config[at] = id;
    f->config[f->cap_last ? f->cap_last + 1u : CFG_CAPABILITIES] = (uint8_t)at;
    f->config[CFG_STATUS] |= STATUS_CAPABILITIES;
    f->cap_last = (uint8_t)at;
    f->cap_end = (uint16_t)align_up(at + len, 4);
    return at;
}

/* Registers that every device has, and that mean nothing here but are kept. */
static void add_common(struct pci_function *f)
{
    pci_set16(f->wmask, CFG_COMMAND, pci_get16(f->wmask, CFG_COMMAND) |
                                     COMMAND_MASTER | COMMAND_PARITY | COMMAND_SERR);
    f->wmask[CFG_CACHE_LINE] = 0xff;
    f->wmask[CFG_LATENCY] = 0xf8;       /* in steps of eight clocks (6.2.4) */
}

/* Software looks for functions 1 to 7 where function 0 says so. */
static void tell_multi(struct pci *p, unsigned slot)
{
    struct pci_function **fn = &p->fn[PCI_DEVFN(slot, 0)];
    for (unsigned i = 1; fn[0] && i < 8; i++)
        if (fn[i])
            fn[0]->config[CFG_HEADER_TYPE] |= HEADER_MULTI;
}

hv_status pci_add(struct pci *p, uint8_t devfn, struct pci_function *f)
{
    if (p->fn[devfn])
        return HV_EXISTS;
    f->devfn = devfn;
    f->gsi = plat_pci_irq(devfn >> 3, f->config[CFG_INT_PIN]);
    if (!pci_decode_add(p, f))
        return HV_NOMEM;
    f->bus = p;
    p->fn[devfn] = f;
    add_common(f);
    tell_multi(p, devfn >> 3);
    return HV_OK;
}

/* ---- life cycle ----------------------------------------------------------------- */

static void add_bridge(struct pci *p, uint8_t devfn, struct pci_function *f)
{
    f->bus = p;
    f->devfn = devfn;
    p->fn[devfn] = f;
}

void pci_init(struct pci *p, const struct dev_env *env, bus_handler cf9, void *cf9_dev)
{
    memset(p, 0, sizeof(*p));
    p->env = env;
    p->cf9 = cf9;
    p->cf9_dev = cf9_dev;
    pci_host_bridge_init(&p->host_bridge);
    pci_isa_bridge_init(&p->isa_bridge);
    add_bridge(p, PCI_DEVFN(0, 0), &p->host_bridge);
    add_bridge(p, PCI_DEVFN(1, 0), &p->isa_bridge);
}

static void reset_function(struct pci_function *f)
{
    spin_lock(&f->irq_lock);
    for (unsigned i = 0; i < CFG_HEADER_END; i++)
        f->config[i] &= (uint8_t)~f->wmask[i];
    pci_irq_reset(f);
    spin_unlock(&f->irq_lock);
    if (f->ops && f->ops->reset)
        f->ops->reset(f);
}

void pci_reset(struct pci *p)
{
    p->address = 0;
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++)
        if (p->fn[i])
            reset_function(p->fn[i]);
    pci_decode_all(p);
}
