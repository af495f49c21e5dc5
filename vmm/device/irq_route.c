/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wiring of a PC's interrupt lines: see irq_route.h. The ACPI MADT and the MP table
 * describe the same wiring: identity, but for the PIT, whose ISA IRQ 0 is GSI 2.
 */
#include "socle/device/irq_route.h"

#include "socle/device/lapic.h"

enum { ISA_LINES = 16, EXTINT_PIN = 0, LINT_PIC = 0 };

void irq_route_irq(void *route, uint32_t gsi, bool level)
{
    struct irq_route *r = route;
    /* PIC input 2 is the cascade and I/O APIC pin 0 the PIC's output: both are no lines. */
    if (gsi == PLAT_IRQ_PIT)
        gsi = PLAT_GSI_PIT;
    if (gsi < ISA_LINES)
        r->pic_line(r->pic, gsi == PLAT_GSI_PIT ? PLAT_IRQ_PIT : gsi, level);
    ioapic_set_line(r->ioapic, gsi, level);
}

void irq_route_msi(void *route, uint64_t addr, uint32_t data)
{
    struct irq_route *r = route;
    struct apic_msg m;
    if (msi_decode(addr, data, &m))
        apic_deliver(r->fabric, &m);
}

void irq_route_pic_output(void *route, bool level)
{
    struct irq_route *r = route;
    for (uint32_t i = 0; i < r->fabric->count; i++) {
        if (r->fabric->lapic[i])
            lapic_set_lint(r->fabric->lapic[i], LINT_PIC, level);
    }
    ioapic_set_line(r->ioapic, EXTINT_PIN, level);
}
