/* SPDX-License-Identifier: BSD-2-Clause */
/* The real machine's PCI: configuration space by ports and memory, the scan, MSI-X. Boot, boot CPU. */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include "drivers/pure/host_pci.h"
#include "socle/hostacpi.h"
#include "socle/status.h"

/* All functions of the machine; none where there is no PCI. */
struct host_pci *pci_find_all(const struct host_acpi *acpi);

/* Registers [offset, offset+len) in a memory BAR, mapped; null: there is no such memory. */
volatile void *pci_map(const struct host_pci_function *f, unsigned bar, uint64_t offset, uint64_t len);

/*
 * Switches MSI-X on, with one handler for each of the first n entries of its table; the other entries
 * stay masked. Null, or why not.
 */
struct pci_irq { void (*handler)(void *ctx); void *ctx; };
MUST_CHECK const char *pci_use_msix(const struct host_pci_function *f, const struct pci_irq *irq, unsigned n);

#endif
