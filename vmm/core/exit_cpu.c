/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID, control registers, XSETBV, and guest states that the CPU refused. */
#include "socle/bits.h"
#include "socle/cpu.h"
#include "socle/emul.h"
#include "socle/log.h"
#include "socle/run.h"
#include "socle/vm.h"

enum { XSTATE_LEAF = 0xd };

void exit_cpuid(struct vcpu *v, const struct vm_exit *x)
{
    struct cpuid_regs out;
    unsigned len;
    if (!exit_length(v, x, INSN_CPUID, INSN_CPUID, &len))
        return;
    uint32_t leaf = (uint32_t)v->st.gpr[GPR_RAX];
    struct cpuid_facts f = {
        .apic_id = v->index, .apic_enabled = lapic_enabled(&v->lapic),
        .cr4 = v->st.cr4,               /* what CPUID shows of it is current (virt.h) */
        .xcr0 = leaf == XSTATE_LEAF ? cpu_guest_xcr0() : 0,     /* only that leaf shows it */
        .xss = v->msr.xss,
    };
    exit_advance(v, len);
    policy_cpuid(&v->vm->cpu, &f, leaf, (uint32_t)v->st.gpr[GPR_RCX], &out);
    v->st.gpr[GPR_RAX] = out.eax;
    v->st.gpr[GPR_RBX] = out.ebx;
    v->st.gpr[GPR_RCX] = out.ecx;
    v->st.gpr[GPR_RDX] = out.edx;
}

/*
 * PAE paging loads its four top entries into the CPU (SDM vol. 3, 4.4.1), which faults when a
 * present one has reserved bits set. False: #GP. Outside of PAE paging there is nothing to do.
 */
bool exit_load_pdptes(struct vcpu *v, struct vcpu_state *st)
{
    uint64_t reserved = ~MASK64(v->vm->cpu.phys_bits - 1, 0) | MASK64(8, 5) | MASK64(2, 1);
    uint64_t table[4];
    if (!(st->cr0 & CR0_PG) || !(st->cr4 & CR4_PAE) || st->efer & EFER_LMA)
        return true;
    if (gmem_read(&v->vm->mem, gpa(st->cr3 & MASK64(31, 5)), table, sizeof(table)))
        return false;                   /* nobody answers there: all ones */
    for (unsigned i = 0; i < 4; i++)
        if (table[i] & 1 && table[i] & reserved)
            return false;
    for (unsigned i = 0; i < 4; i++)
        st->pdpte[i] = table[i];
    return true;
}

/* Takes over control registers that the policy has allowed, with what hangs on them. False: #GP. */
static bool set_control(struct vcpu *v, uint64_t cr0, uint64_t cr4, uint64_t efer, bool flush)
{
    struct vcpu_state *st = &v->st;
    vcpu_change(v, REGS_CR);
    const uint64_t before[] = { st->cr0, st->cr4, st->efer };
    st->cr0 = cr0;
    st->cr4 = cr4;
    st->efer = efer;
    if (unlikely(!exit_load_pdptes(v, st))) {
        st->cr0 = before[0];
        st->cr4 = before[1];
        st->efer = before[2];
        return false;
    }
    if (flush)
        virt->tlb_flush(v);
    return true;
}

/* Bits of CR4 whose change makes the CPU forget translations (SDM vol. 3, 4.10.4.1). */
static const uint64_t cr4_flushing = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP |
                                     CR4_PKE | CR4_LA57 | CR4_CET | CR4_PKS;

/* False: #GP. */
static bool write_cr4(struct vcpu *v, uint64_t value)
{
    uint64_t cr4;
    if (!policy_cr4_write(&v->vm->cpu, &v->st, value, &cr4))
        return false;
    return set_control(v, v->st.cr0, cr4, v->st.efer, (cr4 ^ v->st.cr4) & cr4_flushing);
}

/* Backends that let the guest own most of CR0 exit only for the rest, but all may change. */
static bool write_cr0(struct vcpu *v, uint64_t value)
{
    uint64_t cr0, efer;
    if (!policy_cr0_write(&v->vm->cpu, &v->st, value, &cr0, &efer))
        return false;
    return set_control(v, cr0, v->st.cr4, efer, (cr0 ^ v->st.cr0) & (CR0_PG | CR0_WP | CR0_PE));
}

static bool write_cr8(struct vcpu *v, uint64_t value)
{
    if (value > 15)
        return false;
    lapic_cr8_set(&v->lapic, value);
    return true;
}

/* SDM vol. 3, 17.2.4: the upper half must be zero, bit 10 is one. */
static bool write_dr7_of(struct vcpu *v, uint64_t value)
{
    if (value >> 32)
        return false;
    vcpu_change(v, REGS_DR);
    v->st.dr7 = (value & DR7_DEFINED) | DR7_NONE;
    return true;
}

static bool write_register(struct vcpu *v, const struct insn *insn, uint64_t value)
{
    if (insn->op == INSN_MOV_TO_DR)
        return write_dr7_of(v, value);
    switch (insn->reg) {
    case 0:
        return write_cr0(v, value);
    case 4:
        return write_cr4(v, value);
    default:
        return insn->reg == 8 && write_cr8(v, value);
    }
}

void exit_cr(struct vcpu *v, const struct vm_exit *x)
{
    struct insn insn;
    struct emul_exception exc;
    vcpu_need(v, REGS_GPR | REGS_RIP | REGS_CODE | REGS_CR);
    hv_status s = insn_fetch(&v->walker, &v->st, &insn, &exc);
    if (s == HV_INVALID) {
        exit_exception_of(v, &exc);
        return;
    }
    bool dr7 = !s && insn.op == INSN_MOV_TO_DR && (insn.reg == 7 || insn.reg == 5);
    if (s || !(insn.op == INSN_MOV_TO_CR || dr7))
        return;                         /* changed meanwhile: the guest tries again */
    uint64_t value = v->st.gpr[insn.rm & 15];
    if (insn.mode != INSN_64)
        value = (uint32_t)value;
    if (write_register(v, &insn, value))
        exit_advance(v, insn.len);
    else
        vcpu_gp(v);
}

void exit_xsetbv(struct vcpu *v, const struct vm_exit *x)
{
    unsigned len;
    uint64_t value = v->st.gpr[GPR_RDX] << 32 | (uint32_t)v->st.gpr[GPR_RAX];
    if (!exit_length(v, x, INSN_XSETBV, INSN_XSETBV, &len))
        return;
    vcpu_need(v, REGS_CR | REGS_CODE);
    if (!(v->st.cr4 & CR4_OSXSAVE)) {
        vcpu_ud(v);
        return;
    }
    if (v->st.cpl || !policy_xcr_write(&v->vm->cpu, (uint32_t)v->st.gpr[GPR_RCX], value)) {
        vcpu_gp(v);
        return;
    }
    exit_advance(v, len);
    cpu_set_guest_xcr0(value);
}

/*
 * A guest may have loaded a control register with reserved bits, which some CPUs notice
 * only at the next entry; hardware gives #GP at the instruction, and so do we.
 */
void exit_bad_state(struct vcpu *v, const struct vm_exit *x)
{
    struct insn insn;
    struct emul_exception exc;
    vcpu_need(v, REGS_ALL);
    if (insn_fetch(&v->walker, &v->st, &insn, &exc) == HV_OK && insn.op == INSN_MOV_TO_CR &&
        !inject_pending(&v->inject) && v->st.rip != v->refused_rip) {
        v->refused_rip = v->st.rip;     /* once: a state that stays bad ends the guest */
        vcpu_gp(v);
        return;
    }
    virt->dump(v);
    vm_end(v->vm, END_CRASH, "the CPU refused the guest's state (%lx)", x->raw_reason);
}
