/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message-signalled interrupts of real devices: every one is allocated by the one call here, so that
 * interrupt remapping will have one place to be.
 */
#ifndef ARCH_X86_CPU_IRQ_H
#define ARCH_X86_CPU_IRQ_H

#include "socle/status.h"
#include "socle/types.h"

/* What the device writes where (SDM vol. 3, 11.11). */
struct irq_message { uint64_t addr; uint32_t data; };

/*
 * A message that interrupts this CPU. handler runs with interrupts off, in the handler of
 * the interrupt: it only sets flags; PCPU_EVENT_DEVICE is set after it. HV_NOMEM: no vector is left;
 * HV_UNSUPPORTED: this CPU has a number that needs remapping. Boot.
 */
MUST_CHECK hv_status irq_alloc(void (*handler)(void *ctx), void *ctx, struct irq_message *out);

/* Called by trap.c for VECTOR_DEVICE to VECTOR_DEVICE_END. */
void irq_deliver(uint8_t vector);

#endif
