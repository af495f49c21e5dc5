/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the PCI bus share with each other: registers of the header, inner calls. */
#ifndef PCI_PRIV_H
#define PCI_PRIV_H

#include "socle/bits.h"
#include "socle/device/pci.h"

/* What CONFIG_ADDRESS keeps. */
#define PCI_ADDRESS_BITS    0x80fffffcu

/* The header of a function (PCI 3.0, figure 6-1). */
#define CFG_VENDOR          0x00
#define CFG_DEVICE          0x02
#define CFG_COMMAND         0x04
#define CFG_STATUS          0x06
#define CFG_REVISION        0x08
#define CFG_CLASS           0x09
#define CFG_CACHE_LINE      0x0c
#define CFG_LATENCY         0x0d
#define CFG_HEADER_TYPE     0x0e
#define CFG_BAR             0x10
#define CFG_BAR_END         0x28
#define CFG_SUBSYSTEM       0x2c        /* vendor, then device */
#define CFG_CAPABILITIES    0x34
#define CFG_INT_LINE        0x3c
#define CFG_INT_PIN         0x3d
#define CFG_HEADER_END      0x40

/* 6.2.2 and 6.2.3 */
#define COMMAND_IO          0x0001u
#define COMMAND_MEMORY      0x0002u
#define COMMAND_MASTER      0x0004u
#define COMMAND_PARITY      0x0040u
#define COMMAND_SERR        0x0100u
#define COMMAND_INTX_OFF    0x0400u
#define STATUS_INTX         0x0008u
#define STATUS_CAPABILITIES 0x0010u

#define HEADER_MULTI        0x80u       /* 6.2.1 */
#define CLASS_BRIDGE        0x06u

/* Of the ISA bridge (82371SB, 2.2.10): where its inputs PIRQA to PIRQD lead. */
#define PIIX_PIRQ           0x60
#define PIIX_PIRQ_OFF       0x80u

static inline bool is_bar(const struct pci_function *f, unsigned n) { return f->bar[n].kind != PCI_BAR_NONE; }
static inline bool is_io(const struct pci_function *f, unsigned n) { return f->bar[n].kind == PCI_BAR_IO; }
static inline uint16_t command(const struct pci_function *f) { return pci_get16(f->config, CFG_COMMAND); }

/* ---- pci_bridges.c ---- */
void pci_host_bridge_init(struct pci_function *f);
void pci_isa_bridge_init(struct pci_function *f);

/* ---- pci_bar.c: the bus is locked, or stands still ---- */

uint64_t pci_bar_base(const struct pci_function *f, unsigned n);
/* Enters the BARs of a function that is added to the bus; false: no room, nothing is done. */
bool pci_decode_add(struct pci *p, struct pci_function *f);
/* [offset, offset+size) of f's configuration space was written; COMMAND was `before`. */
void pci_decode_written(struct pci_function *f, uint16_t before, unsigned offset, unsigned size);
/* Anything may have changed. */
void pci_decode_all(struct pci *p);

/* ---- pci_irq.c: irq_lock is held, or the VM stands still ---- */

/* Does the function send a message in place of INTx? */
bool pci_msi_on(const struct pci_function *f);
/* Configuration space was written; msi: pci_msi_on() before that. Sends what may leave now. */
void pci_irq_written(struct pci_function *f, bool msi);
/* The part of the bus reset: no request, no message, masks as after power-up; lowers the line. */
void pci_irq_reset(struct pci_function *f);
/*
 * After a load: nothing is pending that could have left, and the line is as the state says.
 * Drives nothing, as the interrupt controllers load their inputs themselves.
 */
void pci_irq_adopt(struct pci_function *f);

#endif
