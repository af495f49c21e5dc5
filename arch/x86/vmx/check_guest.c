/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of the guest's registers at VM entry, but for its segments: SDM vol. 3, 27.3.1. */
#include "arch/x86/vmx/check_priv.h"

/* Not touched by the entry and so not checked (27.3.1.1). */
#define CR0_UNCHECKED       (CR0_NW | CR0_CD)
/* IA32_DEBUGCTL: bits 2:0 and 15:6 exist in one CPU or another (vol. 4, table 2-2). */
#define DEBUGCTL_DEFINED    (MASK64(2, 0) | MASK64(15, 6))
#define RFLAGS_RESERVED     (MASK64(63, 22) | BIT64(15) | BIT64(5) | BIT64(3))

/* 27.3.1.1: control registers. */
static void check_control_registers(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    const struct vmx_facts *cpu = &c->l->cpu;
    vmx_check_fixed(c, (struct named_field){ "guest CR0", FIELD_AT(cr0) }, cpu->cr0_fixed0, cpu->cr0_fixed1,
                    CR0_UNCHECKED | (c->unrestricted ? CR0_PE | CR0_PG : 0));
    must(c, !(m->cr0 & CR0_PG) || m->cr0 & CR0_PE, "guest CR0", m->cr0, "PG needs PE");
    vmx_check_fixed(c, (struct named_field){ "guest CR4", FIELD_AT(cr4) }, cpu->cr4_fixed0, cpu->cr4_fixed1, 0);
    must(c, !(m->cr4 & CR4_CET) || m->cr0 & CR0_WP, "guest CR4", m->cr4, "CET needs CR0.WP");
    if (c->ia32e) {
        must(c, m->cr0 & CR0_PG, "guest CR0", m->cr0, "PG must be set in IA-32e mode");
        must(c, m->cr4 & CR4_PAE, "guest CR4", m->cr4, "PAE must be set in IA-32e mode");
    } else {
        must(c, !(m->cr4 & CR4_PCIDE), "guest CR4", m->cr4, "PCIDE must be clear outside of IA-32e mode");
    }
    must(c, physical(c, m->cr3), "guest CR3", m->cr3, MUST_BE_PHYSICAL);
}

/* 27.3.1.1: EFER. */
static void check_efer(struct vmx_check *c)
{
    uint64_t efer = c->m->efer;
    bool lma = efer & EFER_LMA, lme = efer & EFER_LME;
    if (!(c->word[WORD_ENTRY] & ENTRY_LOAD_EFER))
        return;
    must(c, !(efer & ~EFER_DEFINED), "guest EFER", efer, "reserved bits must be clear");
    must(c, lma == c->ia32e, "guest EFER", efer, "LMA must be as the entry controls say (IA-32e mode guest)");
    must(c, lma == lme || !(c->m->cr0 & CR0_PG), "guest EFER", efer, "LMA must be LME with CR0.PG set");
}

/* 27.3.1.1. */
void vmx_check_guest_registers(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    check_control_registers(c);
    if (c->word[WORD_ENTRY] & ENTRY_LOAD_DEBUG) {
        must(c, !(m->debugctl & ~DEBUGCTL_DEFINED), "guest DEBUGCTL", m->debugctl, "reserved bits must be clear");
        must(c, !(m->dr7 >> 32), "guest DR7", m->dr7, "must have bits 63:32 clear");
    }
    must(c, canonical(c, m->sysenter_esp), "guest SYSENTER ESP", m->sysenter_esp, MUST_BE_CANONICAL);
    must(c, canonical(c, m->sysenter_eip), "guest SYSENTER EIP", m->sysenter_eip, MUST_BE_CANONICAL);
    if (c->word[WORD_ENTRY] & ENTRY_LOAD_PAT)
        must(c, entry_pat_valid(m->pat), "guest PAT", m->pat, "each byte must be 0, 1, 4, 5, 6 or 7");
    check_efer(c);
}

/* 27.3.1.3. */
void vmx_check_guest_tables(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    must(c, canonical(c, m->gdtr_base), "guest GDTR base", m->gdtr_base, MUST_BE_CANONICAL);
    must(c, canonical(c, m->idtr_base), "guest IDTR base", m->idtr_base, MUST_BE_CANONICAL);
    must(c, !(m->gdtr_limit >> 16), "guest GDTR limit", m->gdtr_limit, "must have bits 31:16 clear");
    must(c, !(m->idtr_limit >> 16), "guest IDTR limit", m->idtr_limit, "must have bits 31:16 clear");
}

/* 27.3.1.4: RIP need not be canonical, one may run off the end of the lower half. */
static void check_rip(struct vmx_check *c)
{
    uint64_t rip = c->m->rip, top = rip & ~MASK64(c->l->linear_bits - 1, 0);
    if (c->ia32e && c->m->cs_ar & AR_L)
        must(c, !top || top == ~MASK64(c->l->linear_bits - 1, 0), "guest RIP", rip,
             "must have the bits alike that are beyond linear addresses");
    else
        must(c, !(rip >> 32), "guest RIP", rip, "must have bits 63:32 clear outside of 64-bit mode");
}

/* 27.3.1.4. */
void vmx_check_guest_flow(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    check_rip(c);
    must(c, !(m->rflags & RFLAGS_RESERVED), "guest RFLAGS", m->rflags, "reserved bits must be clear");
    must(c, m->rflags & RFLAGS_FIXED, "guest RFLAGS", m->rflags, "bit 1 must be set");
    must(c, !c->v8086 || !c->ia32e, "guest RFLAGS", m->rflags, "VM must be clear in IA-32e mode");
    must(c, !c->v8086 || m->cr0 & CR0_PE, "guest RFLAGS", m->rflags, "VM must be clear in real mode");
    must(c, m->rflags & RFLAGS_IF || !event_is(c, EVENT_TYPE_INTR), "guest RFLAGS", m->rflags,
         "IF must be set to inject an external interrupt");
}

/* 27.3.1.6: with PAE paging. Bits as in vol. 3, table 4-8. */
void vmx_check_guest_pdptes(struct vmx_check *c)
{
    static const struct named_field pdptes[] = {
        { "guest PDPTE0", FIELD_AT(pdpte0) }, { "guest PDPTE1", FIELD_AT(pdpte1) },
        { "guest PDPTE2", FIELD_AT(pdpte2) }, { "guest PDPTE3", FIELD_AT(pdpte3) },
    };
    const uint64_t reserved = MASK64(2, 1) | MASK64(8, 5) | ~MASK64(c->l->phys_bits - 1, 0);
    if (!(c->m->cr0 & CR0_PG) || !(c->m->cr4 & CR4_PAE) || c->ia32e || !(c->word[WORD_PROC2] & PROC2_EPT))
        return;
    for (size_t i = 0; i < ARRAY_LEN(pdptes); i++) {
        uint64_t e = image_at(c->m, pdptes[i].at);
        must(c, !(e & 1) || !(e & reserved), pdptes[i].name, e, "reserved bits must be clear: it is present");
    }
}
