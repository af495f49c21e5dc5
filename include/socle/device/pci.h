/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI bus behind configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2), with a
 * host bridge (82441FX) at 00:00.0 and an ISA bridge (82371SB) at 00:01.0. Other
 * functions are added by their devices.
 *
 * Locking: accesses lock the bus, so address and data port cannot be torn apart by
 * two vCPUs; a function's hooks run under that lock. Everything else needs the VM to
 * stand still.
 */
#ifndef SOCLE_DEVICE_PCI_H
#define SOCLE_DEVICE_PCI_H

#include "socle/bus.h"
#include "socle/lock.h"
#include "socle/state.h"

enum { PCI_CONFIG_SIZE = 256, PCI_FUNCTIONS = 256 };

#define PCI_DEVFN(dev, fn) ((uint8_t)((dev) << 3 | (fn)))

struct pci_function;

/* Hooks of a device into its configuration space; each may be null. */
struct pci_ops {
    /* Before a read of [offset, offset+size): bring config[] up to date. */
    void (*read)(struct pci_function *f, unsigned offset, unsigned size);
    /* After a write has been merged into config[]. */
    void (*write)(struct pci_function *f, unsigned offset, unsigned size);
    /* Bus reset: put config[] into its power-on state. Without it, config[] is kept. */
    void (*reset)(struct pci_function *f);
};

struct pci_function {
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t wmask[PCI_CONFIG_SIZE];     /* bits that take what is written */
    uint8_t w1c[PCI_CONFIG_SIZE];       /* bits that a written one clears */
    const struct pci_ops *ops;          /* may be null */
    void   *dev;
};

struct pci {
    struct spinlock      lock;
    uint32_t             address;       /* CONFIG_ADDRESS */
    struct pci_function *fn[PCI_FUNCTIONS];     /* by devfn; null: empty slot */
    struct pci_function  host_bridge, isa_bridge;
    bus_handler          cf9;
    void                *cf9_dev;
};

/*
 * cf9 serves one-byte accesses to port 0xcf9, which lies inside of CONFIG_ADDRESS but
 * belongs to somebody else (misc_ports_cf9); null: nobody.
 */
void pci_init(struct pci *p, bus_handler cf9, void *cf9_dev);
void pci_reset(struct pci *p);
/* Ports 0xcf8-0xcff. */
MUST_CHECK hv_status pci_attach(struct pci *p, struct pio_bus *b);
/* The same functions in memory: 256 MiB at PLAT_ECAM_BASE. */
MUST_CHECK hv_status pci_attach_ecam(struct pci *p, struct mmio_bus *b);

/* HV_EXISTS: the slot is taken. f stays the caller's and must outlive the bus. VM setup. */
MUST_CHECK hv_status pci_add(struct pci *p, uint8_t devfn, struct pci_function *f);
/* Vendor, device, class (24 bits: base, sub, interface) and revision into a zeroed function. */
void pci_function_init(struct pci_function *f, uint16_t vendor, uint16_t device,
                       uint32_t class_code, uint8_t revision);

/* Little-endian fields of configuration space; offset + 2 or 4 within it. */
static inline uint16_t pci_get16(const uint8_t *space, unsigned offset)
{
    return (uint16_t)(space[offset] | space[offset + 1] << 8);
}
static inline uint32_t pci_get32(const uint8_t *space, unsigned offset)
{
    return pci_get16(space, offset) | (uint32_t)pci_get16(space, offset + 2) << 16;
}
static inline void pci_set16(uint8_t *space, unsigned offset, uint16_t v)
{
    space[offset] = (uint8_t)v;
    space[offset + 1] = (uint8_t)(v >> 8);
}
static inline void pci_set32(uint8_t *space, unsigned offset, uint32_t v)
{
    pci_set16(space, offset, (uint16_t)v);
    pci_set16(space, offset + 2, (uint16_t)(v >> 16));
}

void pci_save(const struct pci *p, struct state_out *o);
/*
 * Loads the bits a guest can change; HV_INVALID when the record names other functions
 * than exist here, and nothing is changed then. Hooks are not called.
 */
MUST_CHECK hv_status pci_load(struct pci *p, struct state_in *in);

#endif
