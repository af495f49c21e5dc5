/* SPDX-License-Identifier: BSD-2-Clause */
/* A PCI bus with both buses of its VM around it, and what a guest does with them. */
#ifndef FAKE_PCI_H
#define FAKE_PCI_H

#include "fake/fake_env.h"
#include "socle/device/pci.h"

struct fake_pci {
    struct fake_env *env;
    struct pio_bus   pio;
    struct mmio_bus  mmio;
    struct pci       pci;
};

struct fake_pci *fake_pci_new(void);
/* An empty bus again, lines low: quicker than a new one. */
void fake_pci_restart(struct fake_pci *p);
void fake_pci_free(struct fake_pci *p);

/* Configuration space: registers by mechanism #1, any width within a double word. */
uint32_t fake_pci_get(struct fake_pci *p, uint8_t devfn, unsigned reg, unsigned size);
void fake_pci_set(struct fake_pci *p, uint8_t devfn, unsigned reg, unsigned size, uint32_t v);

/* Accesses through the buses. hit (may be null): did somebody answer? */
uint64_t fake_pci_in(struct fake_pci *p, uint16_t port, unsigned size, bool *hit);
bool fake_pci_out(struct fake_pci *p, uint16_t port, unsigned size, uint64_t v);
uint64_t fake_pci_read(struct fake_pci *p, uint64_t addr, unsigned size, bool *hit);
bool fake_pci_write(struct fake_pci *p, uint64_t addr, unsigned size, uint64_t v);

#endif
