/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching AMD-V on and off on a physical CPU: APM vol. 2, 15.4 and 15.30. */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/mm/hostmem.h"
#include "arch/x86/svm/insn.h"
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"
#include "socle/log.h"

struct svm_caps svm_caps;

static struct svm_cpu cpus[PCPU_MAX];

bool svm_probe(char *why, size_t size)
{
    uint32_t r[4];
    struct svm_facts f = { 0 };
    cpuid(0x80000000, 0, r);
    f.max_ext = r[0];
    if (f.max_ext >= 0x80000001) {
        cpuid(0x80000001, 0, r);
        f.ext1_ecx = r[2];
    }
    if (f.max_ext >= 0x8000000a) {
        cpuid(0x8000000a, 0, r);
        f.svm_ebx = r[1];
        f.svm_edx = r[3];
    }
    f.vm_cr_readable = rdmsr_safe(MSR_VM_CR, &f.vm_cr);
    return svm_evaluate(&f, &svm_caps, why, size);
}

/*
 * LFENCE waits for all earlier instructions (AMD "Software techniques for managing
 * speculation", G-2): guests are told that it does.
 */
static void make_lfence_serializing(void)
{
    uint64_t v;
    if (rdmsr_safe(MSR_DE_CFG, &v) && !(v & 2) && !wrmsr_safe(MSR_DE_CFG, v | 2))
        log_debug("LFENCE cannot be made serializing on this CPU");
}

/* A stray INIT is reported like an NMI instead of resetting this CPU (15.28). */
static void redirect_init(void)
{
    uint64_t v;
    if (rdmsr_safe(MSR_VM_CR, &v) && !wrmsr_safe(MSR_VM_CR, v | VM_CR_R_INIT))
        log_debug("INIT cannot be redirected on this CPU");
}

hv_status svm_cpu_enable(void)
{
    struct svm_cpu *c = &cpus[this_cpu()->index];
    this_cpu()->virt = c;
    c->hsave = host_pages(1);
    c->host_vmcb = host_pages(1);
    if (!c->hsave || !c->host_vmcb)
        return HV_NOMEM;
    if (!svm_iopm.v) {
        hv_status s = svm_bitmaps_init();
        if (s)
            return s;
    }
    make_lfence_serializing();
    if (svm_caps.clear_svmdis)
        wrmsr(MSR_VM_CR, rdmsr(MSR_VM_CR) & ~VM_CR_SVMDIS);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    redirect_init();
    wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(c->hsave).v);
    c->host_vmcb_pa = virt_to_phys(c->host_vmcb);
    vmsave(c->host_vmcb_pa);
    c->asid_gen = 1;
    c->asid_next = 1;
    c->flush_all = true;
    return HV_OK;
}

void svm_cpu_disable(void)
{
    wrmsr(MSR_VM_HSAVE_PA, 0);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}
