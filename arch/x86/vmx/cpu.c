/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching VT-x on and off on a physical CPU: SDM vol. 3, 24.7, 24.8 and 32.5. */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/mm/hostmem.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/log.h"
#include "socle/regs.h"

struct vmx_caps vmx_caps;
struct vmx_facts vmx_facts;

static struct vmx_cpu cpus[PCPU_MAX];

static uint64_t read_or_0(uint32_t msr)
{
    uint64_t v;
    return rdmsr_safe(msr, &v) ? v : 0;
}

static void read_controls(struct vmx_facts *f)
{
    bool t = f->basic & BASIC_TRUE_CONTROLS;
    f->pin = read_or_0(t ? MSR_VMX_TRUE_PINBASED : MSR_VMX_PINBASED);
    f->proc = read_or_0(t ? MSR_VMX_TRUE_PROCBASED : MSR_VMX_PROCBASED);
    f->exit = read_or_0(t ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT);
    f->entry = read_or_0(t ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY);
    /* The secondary ones and what they need exist only where the primary ones say so (A.3.3). */
    if (f->proc >> 32 & PROC_SECONDARY)
        f->proc2 = read_or_0(MSR_VMX_PROCBASED2);
    if (f->proc2 >> 32 & (PROC2_EPT | PROC2_VPID))
        f->ept_vpid = read_or_0(MSR_VMX_EPT_VPID);
}

bool vmx_probe(char *why, size_t size)
{
    struct vmx_facts *f = &vmx_facts;
    uint32_t r[4];
    cpuid(1, 0, r);
    f->has_vmx = r[2] & BIT(5);
    if (f->has_vmx) {
        f->feature_readable = rdmsr_safe(MSR_FEATURE_CONTROL, &f->feature);
        f->basic = read_or_0(MSR_VMX_BASIC);
        read_controls(f);
        f->misc = read_or_0(MSR_VMX_MISC);
        f->cr0_fixed0 = read_or_0(MSR_VMX_CR0_FIXED0);
        f->cr0_fixed1 = read_or_0(MSR_VMX_CR0_FIXED1);
        f->cr4_fixed0 = read_or_0(MSR_VMX_CR4_FIXED0);
        f->cr4_fixed1 = read_or_0(MSR_VMX_CR4_FIXED1);
    }
    return vmx_evaluate(f, &vmx_caps, why, size);
}

static void *region(void)
{
    uint32_t *p = host_pages(1);
    if (p)
        *p = vmx_caps.revision;
    return p;
}

hv_status vmx_cpu_enable(void)
{
    struct vmx_cpu *c = &cpus[this_cpu()->index];
    this_cpu()->virt = c;
    c->flush_gen = 1;
    c->vmxon = region();
    if (!c->vmxon || (!vmx_msr_bitmap.v && vmx_bitmaps_init()))
        return HV_NOMEM;
    if (vmx_caps.lock_feature && !wrmsr_safe(MSR_FEATURE_CONTROL, vmx_caps.feature))
        log_warn("VT-x: the feature control register cannot be written (0x%lx)", vmx_facts.feature);
    write_cr0((read_cr0() | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1);
    write_cr4(read_cr4() | CR4_VMXE);
    if (!vmxon(virt_to_phys(c->vmxon))) {
        write_cr4(read_cr4() & ~CR4_VMXE);
        return HV_BUSY;
    }
    return HV_OK;                       /* each vCPU flushes before its first entry (tlb.c) */
}

void vmx_cpu_disable(void)
{
    struct vmx_cpu *c = vmx_this_cpu();
    if (c->current && !vmclear(c->current->vmcs_pa))
        log_error("VT-x: VMCLEAR failed");
    c->current = NULL;
    vmxoff();
    write_cr4(read_cr4() & ~CR4_VMXE);
}

void vmx_switch_to(struct vmx_vcpu *s)
{
    hv_assert(vmptrld(s->vmcs_pa));
    vmx_this_cpu()->current = s;
}
