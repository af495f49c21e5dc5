/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First contents of a VMCS: the host's state, and what exits and why. Controls come from the
 * probe; SDM vol. 3, 25.5 (host), 25.6 (execution controls), 25.7 and 25.8 (exit, entry).
 */
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/mm/hostmem.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/vm.h"
#include "socle/str.h"

/*
 * Of the controls in probe.c: host interrupts and NMIs are the host's; HLT lets others run;
 * every port is virtual; MSRs but those in bitmaps.c follow the policy; RDPMC, MONITOR and
 * MWAIT are not offered; MOV DR exits until its first use; WBINVD would stop the machine for
 * long. INVLPG, CR3, RDTSC and PAUSE do not exit: with EPT and VPID the guest owns them.
 * CPUID, XSETBV, INVD, task switches and VT-x's own instructions always exit (26.1.2).
 */
static const uint32_t exceptions =
    BIT(VEC_DB) |       /* a fault loop in delivery would never end (CVE-2015-8104) */
    BIT(VEC_AC) |       /* likewise (CVE-2015-5307) */
    BIT(VEC_MC);        /* machine checks are the host's */

/*
 * CR0.NE must be set in VMX operation; caching is not the guest's to switch off. Everything
 * else in CR0 is the guest's (unrestricted guest), loads of PDPTEs and LMA included.
 */
const uint64_t vmx_cr0_host = CR0_NE | CR0_CD | CR0_NW;
/* Of CR4 only PGE, which some kernels toggle to flush; all other changes exit to the policy. */
static const uint64_t cr4_guest = CR4_PGE;

enum { PLE_GAP = 128, PLE_WINDOW = 4096 };

static uint32_t vpids;          /* given out so far; 0 is the host's */

#define FIELD_OF(name, member, encoding) encoding,
static const uint16_t every_field[] = { VMCS_CONTROL_FIELDS(FIELD_OF) VMCS_GUEST_FIELDS(FIELD_OF) };
#undef FIELD_OF

/* VMCLEAR leaves contents undefined. Fields that this CPU lacks refuse the write. */
static void clear_fields(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(every_field); i++)
        if (!vmwrite_safe((enum vmcs_field)every_field[i], 0))
            continue;
}

static uint64_t idt_base(void)
{
    struct { uint16_t limit; uint64_t base; } PACKED ptr;
    __asm__ volatile("sidt %0" : "=m"(ptr));
    return ptr.base;
}

/* What each exit loads. ES, DS, FS, GS and SS need nothing in 64-bit mode. */
void vmx_set_host(void)
{
    static const enum vmcs_field null_selectors[] = {
        VMCS_HOST_ES, VMCS_HOST_SS, VMCS_HOST_DS, VMCS_HOST_FS, VMCS_HOST_GS, VMCS_HOST_SYSENTER_CS,
        VMCS_HOST_SYSENTER_ESP, VMCS_HOST_SYSENTER_EIP, VMCS_HOST_FS_BASE,
    };
    struct pcpu *p = this_cpu();
    for (unsigned i = 0; i < ARRAY_LEN(null_selectors); i++)
        vmwrite(null_selectors[i], 0);
    vmwrite(VMCS_HOST_CS, GDT_CODE);
    vmwrite(VMCS_HOST_TR, GDT_TSS);
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR3, read_cr3());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmwrite(VMCS_HOST_GS_BASE, (uint64_t)p);
    vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&p->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, (uint64_t)p->gdt);
    vmwrite(VMCS_HOST_IDTR_BASE, idt_base());
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_point);
}

static void set_optional(struct vmx_vcpu *s)
{
    if (s->vpid)
        vmwrite(VMCS_VPID, s->vpid);
    if (vmx_caps.proc2 & PROC2_PLE) {
        vmwrite(VMCS_PLE_GAP, PLE_GAP);
        vmwrite(VMCS_PLE_WINDOW, PLE_WINDOW);
    }
    if (vmx_caps.proc2 & PROC2_XSAVES)
        vmwrite(VMCS_XSS_EXITS, 0);
    if (vmx_caps.proc2 & PROC2_ENCLS)
        vmwrite(VMCS_ENCLS_EXITS, ~0ull);
    for (unsigned i = 0; vmx_caps.virtual_apic && i < ARRAY_LEN(s->eoi_exits); i++)
        vmwrite((enum vmcs_field)(VMCS_EOI_EXIT0 + 2 * i), 0);
    if (vmx_caps.virtual_apic)
        vmwrite(VMCS_INTERRUPT_STATUS, 0);
    if (vmx_caps.proc2 & PROC2_NOTIFY)
        vmwrite(VMCS_NOTIFY_WINDOW, 0);         /* the CPU adds its own threshold (25.6.22) */
}

void vmx_set_proc(struct vmx_vcpu *s, uint32_t proc)
{
    if (proc == s->proc)
        return;
    s->proc = proc;
    vmwrite(VMCS_PROC_CONTROLS, proc);
}

static void set_controls(struct vcpu *v, struct vmx_vcpu *s)
{
    uint32_t proc2 = vmx_caps.proc2;
    if (!s->vpid)
        proc2 &= ~(uint32_t)PROC2_VPID;
    vmwrite(VMCS_PIN_CONTROLS, vmx_caps.pin);
    s->proc = ~vmx_caps.proc;
    vmx_set_proc(s, vmx_caps.proc);
    vmwrite(VMCS_PROC_CONTROLS2, proc2);
    vmwrite(VMCS_EXIT_CONTROLS, vmx_caps.exit);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx_caps.entry);
    vmwrite(VMCS_EXCEPTIONS, exceptions);
    vmwrite(VMCS_MSR_BITMAP, vmx_msr_bitmap.v);
    vmwrite(VMCS_EPTP, s->eptp);
    vmwrite(VMCS_VIRTUAL_APIC, virt_to_phys(v->lapic.page).v);
    vmwrite(VMCS_VMCS_LINK, ~0ull);
    vmwrite(VMCS_CR0_MASK, vmx_cr0_host);
    vmwrite(VMCS_CR4_MASK, ~(v->vm->cpu.cr4 & cr4_guest));
    set_optional(s);
}

hv_status vmx_vcpu_init(struct vcpu *v)
{
    struct vmx_vcpu *s = host_object(sizeof(*s));
    if (!s)
        return HV_NOMEM;
    s->vmcs = host_pages(1);
    if (!s->vmcs) {
        host_object_free(s, sizeof(*s));
        return HV_NOMEM;
    }
    *(uint32_t *)s->vmcs = vmx_caps.revision;
    s->vmcs_pa = virt_to_phys(s->vmcs);
    if (vmx_caps.vpid && vpids < UINT16_MAX)
        s->vpid = (uint16_t)++vpids;
    v->hw = s;
    vmx_vcpu_reset(v);
    return HV_OK;
}

void vmx_vcpu_fini(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    struct vmx_cpu *c = vmx_this_cpu();
    hv_assert(vmclear(s->vmcs_pa));
    if (c->current == s)
        c->current = NULL;
    host_pages_free(s->vmcs, 1);
    host_object_free(s, sizeof(*s));
    v->hw = NULL;
}

void vmx_vcpu_reset(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    hv_assert(vmclear(s->vmcs_pa));
    vmx_switch_to(s);
    s->launched = false;
    s->eptp = v->nested_root.v | EPTP_WB | EPTP_WALK_4 | (vmx_caps.ept_ad ? EPTP_AD : 0);
    clear_fields();
    set_controls(v, s);
    vmx_set_host();
    vmwrite(VMCS_TSC_OFFSET, s->tsc_offset);
    s->flush = true;
    s->flush_gen = 0;
    s->injected = false;
    s->dr_loaded = false;
    s->host_rsp = 0;
    s->timer_for = 0;
    s->tpr_threshold = 0;
    s->virtual_apic = false;
    memset(s->eoi_exits, 0, sizeof(s->eoi_exits));
    s->interruptibility = 0;
    s->rip = s->rflags = 0;
    memset(s->dr, 0, sizeof(s->dr));
    v->dirty = REGS_ALL;
    v->valid = REGS_ALL;
}
