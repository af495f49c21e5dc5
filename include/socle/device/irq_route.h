/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an interrupt line goes: each ISA line to a PIC input and an I/O APIC pin, as a
 * PC's board is wired. The functions have the signatures of struct dev_env, with the
 * struct irq_route as context.
 */
#ifndef SOCLE_DEVICE_IRQ_ROUTE_H
#define SOCLE_DEVICE_IRQ_ROUTE_H

#include "socle/device/ioapic.h"

struct irq_route {
    struct ioapic      *ioapic;
    struct apic_fabric *fabric;
    void               *pic;
    void              (*pic_line)(void *pic, unsigned irq, bool level);     /* irq 0 to 15 */
};

/* Lines 16-23 reach the I/O APIC only. GSI 0 is taken for the PIT's, GSI 2. */
void irq_route_irq(void *route, uint32_t gsi, bool level);
/* Messages that are no interrupt (see msi_decode) vanish. */
void irq_route_msi(void *route, uint64_t addr, uint32_t data);
/*
 * The PIC's output changed: to LINT0 of every local APIC and to I/O APIC pin 0. The core
 * kicks by itself the CPUs whose APIC is off. Not with the I/O APIC's lock held.
 */
void irq_route_pic_output(void *route, bool level);

#endif
