/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended state (x87, SSE, AVX, ...) of guests: SDM vol. 1, ch. 13. The hypervisor
 * itself never touches these registers, so a guest's values stay in the CPU until
 * another vCPU comes; then they are switched at once, never lazily.
 */
#ifndef ARCH_X86_CPU_XSTATE_H
#define ARCH_X86_CPU_XSTATE_H

#include "socle/types.h"

/* Finds out what the CPU has and enables it. Each CPU, early. */
void xstate_init(void);
/* All components that are switched, as XCR0 bits; and the bytes an area needs. */
uint64_t xstate_mask(void);
uint32_t xstate_size(void);
/* An area as after reset: x87 and SSE initial, the rest in initial state (zero header bits). */
void xstate_reset(void *area);

/* Registers into the CPU, then the guest's own XCR0 and TSC_AUX. */
void xstate_load(const void *area, uint64_t xcr0, uint64_t tsc_aux);
/* Registers out of the CPU; returns the guest's XCR0. */
uint64_t xstate_save(void *area);

/* The loaded vCPU's XCR0 (1 when the CPU has none) and TSC_AUX. */
uint64_t xstate_guest_xcr0(void);
void xstate_set_guest_xcr0(uint64_t v);
void xstate_set_tsc_aux(uint64_t v);

#endif
