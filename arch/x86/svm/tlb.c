/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address space identifiers (APM vol. 2, 15.15.1, 15.16): handed out per physical CPU
 * in generations. When they run out a new generation starts with a flush of everything,
 * so an ASID never names two vCPUs whose translations could both be cached.
 */
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"

/* A new generation: every vCPU gets another ASID, and the first entry flushes them all. */
void svm_forget_all(void)
{
    struct svm_cpu *c = svm_this_cpu();
    c->asid_gen++;
    c->asid_next = 1;
    c->flush_all = true;
}

static void new_asid(struct svm_cpu *c, struct svm_vcpu *s)
{
    if (c->asid_next >= svm_caps.asids)
        svm_forget_all();
    s->asid_gen = c->asid_gen;
    s->flush = false;                   /* nothing is cached under a fresh ASID */
    vmcb_set_asid(s->vmcb, c->asid_next++);
}

void svm_tlb_prepare(struct svm_cpu *c, struct svm_vcpu *s)
{
    uint32_t cpu = this_cpu()->index;
    if (unlikely(s->cpu != cpu)) {
        s->cpu = cpu;
        s->asid_gen = 0;
        s->vmcb->clean = 0;             /* cached fields belong to the other CPU (15.15.1) */
    }
    if (unlikely(s->asid_gen != c->asid_gen))
        new_asid(c, s);
    if (unlikely(c->flush_all))
        s->vmcb->tlb_control = TLB_FLUSH_ALL;
    else if (unlikely(s->flush))
        s->vmcb->tlb_control = svm_caps.flush_by_asid ? TLB_FLUSH_ASID : TLB_FLUSH_ALL;
    else
        s->vmcb->tlb_control = TLB_NOTHING;
    c->flush_all = false;
    s->flush = false;
}

void svm_tlb_flush(struct vcpu *v) { svm_of(v)->flush = true; }
