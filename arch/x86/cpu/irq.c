/* SPDX-License-Identifier: BSD-2-Clause */
/* See irq.h. */
#include "arch/x86/cpu/irq.h"

#include <stdatomic.h>

#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/trap.h"

#define MSI_ADDRESS 0xfee00000u         /* physical destination, APIC ID in bits 19-12; fixed, edge */

static struct { void (*handler)(void *ctx); void *ctx; } irqs[VECTOR_DEVICE_END - VECTOR_DEVICE + 1];
static uint32_t used;

hv_status irq_alloc(void (*handler)(void *ctx), void *ctx, struct irq_message *out)
{
    uint32_t apic_id = this_cpu()->apic_id;
    if (used == ARRAY_LEN(irqs))
        return HV_NOMEM;
    if (apic_id > 0xff)
        return HV_UNSUPPORTED;
    irqs[used].handler = handler;
    irqs[used].ctx = ctx;
    *out = (struct irq_message){ MSI_ADDRESS | apic_id << 12, VECTOR_DEVICE + used };
    used++;
    return HV_OK;
}

void irq_deliver(uint8_t vector)
{
    uint32_t n = vector - VECTOR_DEVICE;
    if (n >= used)
        return;
    irqs[n].handler(irqs[n].ctx);
    atomic_fetch_or(&this_cpu()->events, PCPU_EVENT_DEVICE);
}
