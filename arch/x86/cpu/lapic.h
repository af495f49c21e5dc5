/* SPDX-License-Identifier: BSD-2-Clause */
/* The physical CPU's local APIC, in xAPIC or x2APIC mode as firmware left it. SDM vol. 3, ch. 11. */
#ifndef ARCH_X86_CPU_LAPIC_H
#define ARCH_X86_CPU_LAPIC_H

#include "socle/status.h"
#include "socle/types.h"

/*
 * Enables the APIC of this CPU. `base`: its registers mapped uncached (unused in x2APIC
 * mode). HV_UNSUPPORTED: it is switched off for good.
 */
MUST_CHECK hv_status host_lapic_init(volatile void *base);
uint32_t host_lapic_id(void);
void host_lapic_eoi(void);

/* The timer as a one-shot on VECTOR_TIMER; frequency in ticks per second of the count register. */
void host_lapic_timer_setup(bool tsc_deadline);
void host_lapic_timer_count(uint32_t ticks);        /* 0 stops */
uint32_t host_lapic_timer_left(void);
void host_lapic_timer_deadline(uint64_t tsc);       /* 0 stops */

#endif
