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

/* The same when the hardware does not tell the length: looks at the instruction. */
MUST_CHECK bool exit_find_length(struct vcpu *v, enum insn_op op, enum insn_op alt, unsigned *len);

/*
 * Length of the instruction that exited. When the hardware does not tell, it is fetched
 * and must be `op` or `alt`; otherwise, or when fetching fails, false: the guest got an
 * exception or tries again, and nothing may be done.
 */
static inline MUST_CHECK bool exit_length(struct vcpu *v, const struct vm_exit *x, enum insn_op op,
                                          enum insn_op alt, unsigned *len)
{
    *len = x->insn_len;
    return *len || exit_find_length(v, op, alt, len);
}

void exit_advance_slow(struct vcpu *v, unsigned len);

/*
 * Steps over it. Without single-stepping, and as long as no carry leaves the low 16 bits,
 * the new RIP is the same sum in every mode.
 */
static inline void exit_advance(struct vcpu *v, unsigned len)
{
    vcpu_change(v, REGS_RIP);
    uint64_t next = v->st.rip + len;
    if (unlikely(v->st.rflags & RFLAGS_TF || (next ^ v->st.rip) >= 0x10000)) {
        exit_advance_slow(v, len);
        return;
    }
    v->st.rip = next;
    v->st.shadow = 0;
    v->st.rflags &= ~RFLAGS_RF;
}

/* One kind each. */
void exit_pio(struct vcpu *v, const struct vm_exit *x);
void exit_fault(struct vcpu *v, const struct vm_exit *x);
void exit_msr(struct vcpu *v, const struct vm_exit *x);
void exit_cpuid(struct vcpu *v, const struct vm_exit *x);
void exit_cr(struct vcpu *v, const struct vm_exit *x);
void exit_xsetbv(struct vcpu *v, const struct vm_exit *x);
void exit_hypercall(struct vcpu *v, const struct vm_exit *x);
void exit_task_switch(struct vcpu *v, const struct vm_exit *x);
void exit_bad_state(struct vcpu *v, const struct vm_exit *x);

/* Loads st->pdpte where st says PAE paging, from st->cr3. False: #GP, nothing changed. */
MUST_CHECK bool exit_load_pdptes(struct vcpu *v, struct vcpu_state *st);

/* The emulator's way to memory and ports; its ops_ctx is the vCPU. */
extern const struct emul_ops exit_emul_ops;

/* What fetching or emulating gave the guest. */
static inline void exit_exception_of(struct vcpu *v, const struct emul_exception *exc)
{
    if (exc->vector == VEC_PF)
        vcpu_page_fault(v, exc->error, exc->cr2);
    else
        vcpu_exception(v, exc->vector, exc->has_error, exc->error);
}

/* Runs the emulator on the instruction at RIP and acts on its outcome. */
void exit_emulate(struct vcpu *v, const char *what, uint64_t where);

#endif
