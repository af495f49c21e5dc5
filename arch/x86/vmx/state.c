/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving groups of registers between the VMCS (or the CPU, for what stays in it while the
 * vCPU is loaded) and struct vcpu_state. SDM vol. 3, 25.4.
 */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/vm.h"

/* Segments by their place in the VMCS: enum seg, then LDTR and TR. */
enum { AT_LDTR = SEG_COUNT, AT_TR };

static enum vmcs_field nth(enum vmcs_field first, unsigned n) { return first + n * VMCS_NEXT_SEG; }

/* Access rights have a gap of four bits that the packed form lacks (table 25-2). */
static uint16_t attr_of(uint64_t ar)
{
    uint16_t attr = (uint16_t)((ar & 0xff) | (ar >> 4 & 0xf00));
    return ar & AR_UNUSABLE ? attr & (uint16_t)~SEG_P : attr;
}

/* A segment that is not present is unusable; the DPL of SS stays, it is the CPL. */
static uint32_t rights_of(uint16_t attr)
{
    uint32_t ar = (attr & 0xffu) | (attr & 0xf00u) << 4;
    return attr & SEG_P ? ar : (ar & SEG_DPL) | AR_UNUSABLE;
}

static struct segment seg_get(unsigned n)
{
    return (struct segment){
        .sel = (uint16_t)vmread(nth(VMCS_GUEST_ES, n)),
        .attr = attr_of(vmread(nth(VMCS_GUEST_ES_RIGHTS, n))),
        .limit = (uint32_t)vmread(nth(VMCS_GUEST_ES_LIMIT, n)),
        .base = vmread(nth(VMCS_GUEST_ES_BASE, n)),
    };
}

static void seg_put(unsigned n, const struct segment *s)
{
    vmwrite(nth(VMCS_GUEST_ES, n), s->sel);
    vmwrite(nth(VMCS_GUEST_ES_RIGHTS, n), rights_of(s->attr));
    vmwrite(nth(VMCS_GUEST_ES_LIMIT, n), s->limit);
    vmwrite(nth(VMCS_GUEST_ES_BASE, n), s->base);
}

/* The CPL is the DPL of SS in every mode (25.4.1). */
static uint8_t cpl_of(uint64_t ss_rights) { return (uint8_t)(ss_rights >> AR_DPL_SHIFT & 3); }

static void get_code(struct vcpu_state *st)
{
    st->seg[SEG_CS] = seg_get(SEG_CS);
    st->cpl = cpl_of(vmread(VMCS_GUEST_SS_RIGHTS));
}

static void put_code(struct vcpu *v)
{
    uint64_t ss = vmread(VMCS_GUEST_SS_RIGHTS);
    seg_put(SEG_CS, &v->st.seg[SEG_CS]);
    if (cpl_of(ss) != v->st.cpl && !(v->dirty & REGS_DATA))
        vmwrite(VMCS_GUEST_SS_RIGHTS, (ss & ~(3ull << AR_DPL_SHIFT)) | (uint64_t)v->st.cpl << AR_DPL_SHIFT);
}

static void get_data(struct vcpu_state *st)
{
    for (unsigned n = 0; n < SEG_COUNT; n++)
        if (n != SEG_CS)
            st->seg[n] = seg_get(n);
}

static void put_data(const struct vcpu_state *st)
{
    for (unsigned n = 0; n < SEG_COUNT; n++)
        if (n != SEG_CS)
            seg_put(n, &st->seg[n]);
}

static void get_system(struct vcpu_state *st)
{
    st->ldtr = seg_get(AT_LDTR);
    st->tr = seg_get(AT_TR);
    st->gdtr = (struct dtable){ vmread(VMCS_GUEST_GDTR_BASE), (uint32_t)vmread(VMCS_GUEST_GDTR_LIMIT) };
    st->idtr = (struct dtable){ vmread(VMCS_GUEST_IDTR_BASE), (uint32_t)vmread(VMCS_GUEST_IDTR_LIMIT) };
}

static void put_system(const struct vcpu_state *st)
{
    seg_put(AT_LDTR, &st->ldtr);
    seg_put(AT_TR, &st->tr);
    vmwrite(VMCS_GUEST_GDTR_BASE, st->gdtr.base);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, st->gdtr.limit);
    vmwrite(VMCS_GUEST_IDTR_BASE, st->idtr.base);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, st->idtr.limit);
}

/* PAE paging keeps its four top entries in registers (29.3.1; SDM vol. 3, 4.4.1). */
static bool pae_paging(const struct vcpu_state *st)
{
    return st->cr0 & CR0_PG && st->cr4 & CR4_PAE && !(st->efer & EFER_LMA);
}

static void get_control(struct vcpu *v)
{
    struct vcpu_state *st = &v->st;
    uint64_t cr4_host = ~(v->vm->cpu.cr4 & CR4_PGE);
    st->cr0 = (vmread(VMCS_GUEST_CR0) & ~vmx_cr0_host) | (vmread(VMCS_CR0_SHADOW) & vmx_cr0_host);
    st->cr4 = (vmread(VMCS_GUEST_CR4) & ~cr4_host) | (vmread(VMCS_CR4_SHADOW) & cr4_host);
    st->cr3 = vmread(VMCS_GUEST_CR3);
    st->efer = vmread(VMCS_GUEST_EFER);
    st->cr2 = vmx_of(v)->loaded ? read_cr2() : vmx_of(v)->cr2;
    if (pae_paging(st))
        for (unsigned i = 0; i < 4; i++)
            st->pdpte[i] = vmread(nth(VMCS_GUEST_PDPTE0, i));
}

/*
 * CR4.MCE stays on: with it off a machine check would shut the whole CPU down. The PDPTEs
 * are those that the architecture loaded; nothing is read from guest memory here.
 */
static void put_control(struct vcpu *v)
{
    const struct vcpu_state *st = &v->st;
    vmwrite(VMCS_GUEST_CR0, (st->cr0 | CR0_NE) & ~(CR0_CD | CR0_NW));
    vmwrite(VMCS_CR0_SHADOW, st->cr0);
    vmwrite(VMCS_GUEST_CR4, st->cr4 | CR4_VMXE | (read_cr4() & CR4_MCE));
    vmwrite(VMCS_CR4_SHADOW, st->cr4);
    vmwrite(VMCS_GUEST_CR3, st->cr3);
    vmwrite(VMCS_GUEST_EFER, st->efer);
    vmwrite(VMCS_ENTRY_CONTROLS, vmx_caps.entry | (st->efer & EFER_LMA ? ENTRY_GUEST_64 : 0));
    if (pae_paging(st))
        for (unsigned i = 0; i < 4; i++)
            vmwrite(nth(VMCS_GUEST_PDPTE0, i), st->pdpte[i]);
    write_cr2(st->cr2);
}

static const uint32_t msr_number[VMX_MSRS] = {
    [VMX_STAR] = MSR_STAR, [VMX_LSTAR] = MSR_LSTAR, [VMX_CSTAR] = MSR_CSTAR,
    [VMX_SFMASK] = MSR_SFMASK, [VMX_KERNEL_GS] = MSR_KERNEL_GS_BASE,
};

void vmx_msrs_save(struct vmx_vcpu *s)
{
    for (unsigned i = 0; i < VMX_MSRS; i++)
        s->msr[i] = rdmsr(msr_number[i]);
}

void vmx_msrs_load(const struct vmx_vcpu *s)
{
    for (unsigned i = 0; i < VMX_MSRS; i++)
        wrmsr(msr_number[i], s->msr[i]);
}

static void get_msrs(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    struct vcpu_state *st = &v->st;
    if (s->loaded)
        vmx_msrs_save(s);
    st->star = s->msr[VMX_STAR];
    st->lstar = s->msr[VMX_LSTAR];
    st->cstar = s->msr[VMX_CSTAR];
    st->sfmask = s->msr[VMX_SFMASK];
    st->kernel_gs_base = s->msr[VMX_KERNEL_GS];
    st->sysenter_cs = vmread(VMCS_GUEST_SYSENTER_CS);
    st->sysenter_esp = vmread(VMCS_GUEST_SYSENTER_ESP);
    st->sysenter_eip = vmread(VMCS_GUEST_SYSENTER_EIP);
    st->pat = vmread(VMCS_GUEST_PAT);
    st->debugctl = vmread(VMCS_GUEST_DEBUGCTL);
}

static void put_msrs(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    const struct vcpu_state *st = &v->st;
    s->msr[VMX_STAR] = st->star;
    s->msr[VMX_LSTAR] = st->lstar;
    s->msr[VMX_CSTAR] = st->cstar;
    s->msr[VMX_SFMASK] = st->sfmask;
    s->msr[VMX_KERNEL_GS] = st->kernel_gs_base;
    vmx_msrs_load(s);
    vmwrite(VMCS_GUEST_SYSENTER_CS, st->sysenter_cs);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, st->sysenter_esp);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, st->sysenter_eip);
    vmwrite(VMCS_GUEST_PAT, st->pat);
    vmwrite(VMCS_GUEST_DEBUGCTL, st->debugctl);
}

/* Kept as read, so that the next entry writes only what has changed. */
static void get_rip(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    v->st.rip = s->rip = vmread(VMCS_GUEST_RIP);
    v->st.rflags = s->rflags = vmread(VMCS_GUEST_RFLAGS);
    s->interruptibility = (uint32_t)vmread(VMCS_INTERRUPTIBILITY);
    v->st.shadow = (s->interruptibility & BLOCK_STI ? SHADOW_STI : 0) |
                   (s->interruptibility & BLOCK_MOV_SS ? SHADOW_MOV_SS : 0);
}

/* A shadow of STI needs IF, and a single step that is held off must be pending (27.3.1.5). */
static void put_shadow(struct vcpu *v, uint32_t blocked)
{
    bool steps = v->st.rflags & RFLAGS_TF;
    vmwrite(VMCS_INTERRUPTIBILITY, blocked);
    if (blocked & (BLOCK_STI | BLOCK_MOV_SS))
        vmwrite(VMCS_PENDING_DEBUG, steps ? PENDING_STEP : 0);
}

static void put_rip(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    uint32_t blocked = s->interruptibility & BLOCK_NMI;
    if (v->st.shadow & SHADOW_MOV_SS)
        blocked |= BLOCK_MOV_SS;
    else if (v->st.shadow & SHADOW_STI && v->st.rflags & RFLAGS_IF)
        blocked |= BLOCK_STI;
    if (v->st.rip != s->rip)
        vmwrite(VMCS_GUEST_RIP, v->st.rip);
    if (v->st.rflags != s->rflags)
        vmwrite(VMCS_GUEST_RFLAGS, v->st.rflags | RFLAGS_FIXED);
    if (unlikely(blocked != s->interruptibility))
        put_shadow(v, blocked);
    s->rip = v->st.rip;
    s->rflags = v->st.rflags;
    s->interruptibility = blocked;
}

/* Apart, so that the usual case needs no registers for it. */
static __attribute__((noinline)) void get_groups(struct vcpu *v, uint32_t groups)
{
    struct vmx_vcpu *s = vmx_of(v);
    struct vcpu_state *st = &v->st;
    if (groups & REGS_GPR)
        st->gpr[GPR_RSP] = vmread(VMCS_GUEST_RSP);
    if (groups & REGS_CODE)
        get_code(st);
    if (groups & REGS_DATA)
        get_data(st);
    if (groups & REGS_SYS)
        get_system(st);
    if (groups & REGS_CR)
        get_control(v);
    if (groups & REGS_DR) {
        st->dr6 = s->loaded ? read_dr6() : s->dr6;
        st->dr7 = vmread(VMCS_GUEST_DR7);
    }
    if (groups & REGS_MSR)
        get_msrs(v);
}

void vmx_state_get(struct vcpu *v, uint32_t groups)
{
    vmx_make_current(vmx_of(v));
    if (groups & REGS_RIP)
        get_rip(v);
    if (unlikely(groups & ~(uint32_t)REGS_RIP))
        get_groups(v, groups);
    v->valid |= groups;
}

static __attribute__((noinline)) void put_groups(struct vcpu *v, uint32_t groups)
{
    const struct vcpu_state *st = &v->st;
    if (groups & REGS_GPR)
        vmwrite(VMCS_GUEST_RSP, st->gpr[GPR_RSP]);
    if (groups & REGS_DATA)
        put_data(st);
    if (groups & REGS_CODE)
        put_code(v);
    if (groups & REGS_SYS)
        put_system(st);
    if (groups & REGS_CR)
        put_control(v);
    if (groups & REGS_DR) {
        write_dr6(st->dr6);
        vmwrite(VMCS_GUEST_DR7, st->dr7);
    }
    if (groups & REGS_MSR)
        put_msrs(v);
}

/* The vCPU is loaded and its VMCS current. */
void vmx_state_put(struct vcpu *v, uint32_t groups)
{
    if (groups & REGS_RIP)
        put_rip(v);
    if (unlikely(groups & ~(uint32_t)REGS_RIP))
        put_groups(v, groups);
}
