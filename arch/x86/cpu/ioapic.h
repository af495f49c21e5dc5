/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's I/O APICs: routes the few lines the hypervisor itself uses. 82093AA datasheet. */
#ifndef ARCH_X86_CPU_IOAPIC_H
#define ARCH_X86_CPU_IOAPIC_H

#include "socle/hostacpi.h"

/*
 * Masks both 8259s. Before the local APIC's LINT0 is masked: an interrupt that firmware
 * left pending must be taken back first, some CPUs deliver it from nowhere else.
 */
void host_pic_mask(void);
/* Masks every pin of every I/O APIC. Boot. */
void host_ioapic_init(const struct host_acpi *acpi);
/* Sends an ISA interrupt (overrides applied) to a vector of this CPU. HV_NOT_FOUND: no such pin.
 * HV_UNSUPPORTED: a level-triggered line, which the handlers here do not silence. */
MUST_CHECK hv_status host_ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t apic_id);

#endif
