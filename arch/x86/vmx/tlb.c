/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cached translations (SDM vol. 3, 29.4): those of linear addresses are tagged with the
 * vCPU's VPID, those of guest-physical ones with the EPT root. A vCPU flushes what may be
 * stale at its next entry; without VPID each entry and exit flushes the linear ones.
 */
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"

/* A new generation: every vCPU flushes by its EPT root before it runs here again. */
void vmx_forget_all(void) { vmx_this_cpu()->flush_gen++; }

void vmx_tlb_flush(struct vcpu *v) { vmx_of(v)->flush = true; }

/* Combined translations go with INVEPT; linear ones of guests without paging, too (29.4.3.1). */
static __attribute__((noinline)) void flush_ept(struct vmx_vcpu *s)
{
    invept(vmx_caps.invept_all ? INVEPT_ALL : INVEPT_CONTEXT, s->eptp);
}

static __attribute__((noinline)) void flush_linear(struct vmx_vcpu *s)
{
    if (s->vpid)
        invvpid(vmx_caps.invvpid_context ? INVVPID_CONTEXT : INVVPID_ALL, s->vpid);
    s->flush = false;
}

void vmx_tlb_prepare(struct vmx_vcpu *s)
{
    struct vmx_cpu *c = vmx_this_cpu();
    if (unlikely(s->flush_gen != c->flush_gen)) {
        flush_ept(s);
        s->flush_gen = c->flush_gen;
    }
    if (unlikely(s->flush))
        flush_linear(s);
}
