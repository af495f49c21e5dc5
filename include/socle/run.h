/* SPDX-License-Identifier: BSD-2-Clause */
/* Running one vCPU: from entry to entry. Split over vmm/core/run.c and exit*.c. */
#ifndef SOCLE_RUN_H
#define SOCLE_RUN_H

#include "socle/insn.h"
#include "socle/vcpu.h"

/* Runs the vCPU until it blocks, its slice ends or its VM stops. The CPU's loop. */
void vcpu_run(struct vcpu *v);
/* The vCPU is torn down: this CPU must not keep its registers. */
void vcpu_unload(struct vcpu *v);

/* Acts on an exit. */
void exit_handle(struct vcpu *v, const struct vm_exit *x);

/*
 * Steps over the instruction that exited. When the hardware does not tell its length
 * it is fetched, and must be one of `op` and `alt`; otherwise, or when fetching fails,
 * false: the guest got an exception or tries again, and nothing may be done.
 */
MUST_CHECK bool exit_length(struct vcpu *v, const struct vm_exit *x, enum insn_op op,
                            enum insn_op alt, unsigned *len);
void exit_advance(struct vcpu *v, unsigned len);

/* One kind each. */
void exit_pio(struct vcpu *v, const struct vm_exit *x);
void exit_fault(struct vcpu *v, const struct vm_exit *x);
void exit_msr(struct vcpu *v, const struct vm_exit *x);
void exit_cpuid(struct vcpu *v, const struct vm_exit *x);
void exit_cr(struct vcpu *v, const struct vm_exit *x);
void exit_xsetbv(struct vcpu *v, const struct vm_exit *x);
void exit_hypercall(struct vcpu *v, const struct vm_exit *x);
void exit_bad_state(struct vcpu *v, const struct vm_exit *x);

/* Runs the emulator on the instruction at RIP and acts on its outcome. */
void exit_emulate(struct vcpu *v, const char *what, uint64_t where);

#endif
