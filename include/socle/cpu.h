/* SPDX-License-Identifier: BSD-2-Clause */
/* The few services of the physical CPU that the virtual machines' code needs. */
#ifndef SOCLE_CPU_H
#define SOCLE_CPU_H

#include "socle/types.h"

/* The CPU's time stamp counter. */
static inline uint64_t cpu_tsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

/* ns since boot; 0 before the clock is calibrated. */
uint64_t cpu_now(void);
/* The time on that clock when the TSC shows `tsc`, rounded up; UINT64_MAX stays. */
uint64_t cpu_ns_at_tsc(uint64_t tsc);
/* One timer event at that time; UINT64_MAX: none. */
void cpu_timer_arm(uint64_t due_ns);

/* Which CPU this is, from 0. */
uint32_t cpu_number(void);

/* Did interrupt handlers leave work? take: forget that they did, the caller looks at everything. */
bool cpu_events_pending(void);
void cpu_events_take(void);
/* Warns of what the machine reported by NMI since the last call. */
void cpu_report_nmis(void);

/* XCR0 of the vCPU whose registers are in the CPU; 1 when the CPU has none. */
uint64_t cpu_guest_xcr0(void);
void cpu_set_guest_xcr0(uint64_t v);
/* State components and bytes of an extended-state area; a fresh area; TSC_AUX of that vCPU. */
uint64_t cpu_xstate_mask(void);
uint32_t cpu_xstate_size(void);
void cpu_xstate_reset(void *area);
void cpu_set_guest_tsc_aux(uint64_t v);
/* Protection key rights of the vCPU whose registers are in the CPU; the CPU has them. */
uint32_t cpu_guest_pkru(void);

/* XMM register n (0 to 15) of the vCPU whose registers are in the CPU; upper bits stay. */
void cpu_vector_get(unsigned n, uint8_t out[16]);
void cpu_vector_set(unsigned n, const uint8_t in[16]);

/* Speculation measures: found out at boot; taken when the CPU goes on to another guest. */
void cpu_spec_init(void);
void cpu_change_guest(void);

/* Lets pending interrupts in for a moment; sleeps until one comes (not when one is pending). */
void cpu_irq_window(void);
void cpu_sleep(void);

#endif
