/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR. The policy (vmm/policy) knows every register and its rules; what
 * touches clock, APIC or hardware is done here.
 */
#include "socle/cpu.h"
#include "socle/log.h"
#include "socle/msr.h"
#include "socle/pvclock.h"
#include "socle/run.h"
#include "socle/vm.h"

static bool is_x2apic(uint32_t msr) { return msr >= MSR_X2APIC && msr <= MSR_X2APIC + 0xff; }

static bool core_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    if (is_x2apic(msr))
        return lapic_msr_read(&v->lapic, msr, value);
    switch (msr) {
    case MSR_TSC:
        *value = vcpu_tsc(v);
        return true;
    case MSR_TSC_ADJUST:
        *value = v->tsc_adjust;
        return true;
    case MSR_TSC_DEADLINE:
        *value = lapic_deadline_read(&v->lapic);
        return true;
    case MSR_APIC_BASE:
        *value = v->lapic.base;
        return true;
    case MSR_KVM_SYSTEM_TIME:
    case MSR_KVM_SYSTEM_TIME_OLD:
    case MSR_KVM_WALL_CLOCK:
    case MSR_KVM_WALL_CLOCK_OLD:
        *value = pvclock_msr_read(v, msr);
        return true;
    case MSR_KVM_PV_EOI:
        *value = pv_eoi_read(&v->pv_eoi);
        return true;
    default:
        return false;
    }
}

static bool write_apic_base(struct vcpu *v, uint64_t value)
{
    if (!lapic_base_write(&v->lapic, value))
        return false;
    v->apic_hw = virt->apic_mode(v);
    return true;
}

static bool core_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (is_x2apic(msr))
        return lapic_msr_write(&v->lapic, msr, value);
    switch (msr) {
    case MSR_TSC:
        vcpu_set_tsc_adjust(v, v->tsc_adjust + (value - vcpu_tsc(v)));
        return true;
    case MSR_TSC_ADJUST:
        vcpu_set_tsc_adjust(v, value);
        return true;
    case MSR_TSC_DEADLINE:
        lapic_deadline_write(&v->lapic, value);
        return true;
    case MSR_APIC_BASE:
        return write_apic_base(v, value);
    case MSR_KVM_SYSTEM_TIME:
    case MSR_KVM_SYSTEM_TIME_OLD:
    case MSR_KVM_WALL_CLOCK:
    case MSR_KVM_WALL_CLOCK_OLD:
        return pvclock_msr_write(v, msr, value);
    case MSR_KVM_PV_EOI:
        return pv_eoi_write(&v->pv_eoi, &v->lapic, &v->vm->mem, value);
    case MSR_EFER:
        vcpu_change(v, REGS_CR);
        if ((v->st.efer ^ value) & EFER_NXE)
            virt->tlb_flush(v);
        v->st.efer = value;
        return true;
    case MSR_XSS:                       /* no supervisor state is offered: it stays 0 */
        return !value;
    case MSR_TSC_AUX:
        cpu_set_guest_tsc_aux(value);
        return true;
    default:
        return false;
    }
}

/* False: #GP. */
static bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    struct msr_view view = { &v->vm->cpu, &v->msr, &v->st, v->index };
    uint32_t group;
    switch (policy_msr_read(&view, msr, value)) {
    case MSR_OK:
        return true;
    case MSR_GP:
        return false;
    case MSR_REG: {
        const uint64_t *field = policy_msr_reg(&v->st, msr, &group);
        vcpu_need(v, group);
        *value = *field;
        return true;
    }
    case MSR_CORE:
        return core_read(v, msr, value);
    }
    return false;
}

static bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct msr_view view = { &v->vm->cpu, &v->msr, &v->st, v->index };
    uint32_t group;
    switch (policy_msr_write(&view, msr, &value)) {
    case MSR_OK:
        return true;
    case MSR_GP:
        return false;
    case MSR_REG: {
        uint64_t *field = policy_msr_reg(&v->st, msr, &group);
        vcpu_change(v, group);
        *field = value;
        return true;
    }
    case MSR_CORE:
        return core_write(v, msr, value);
    }
    return false;
}

void exit_msr(struct vcpu *v, const struct vm_exit *x)
{
    unsigned len;
    enum insn_op op = x->u.msr.write ? INSN_WRMSR : INSN_RDMSR;
    if (!exit_length(v, x, op, op, &len))
        return;
    uint32_t msr = (uint32_t)v->st.gpr[GPR_RCX];
    if (msr == MSR_EFER)                /* its rules ask the control registers */
        vcpu_need(v, REGS_CR);
    uint64_t value = v->st.gpr[GPR_RDX] << 32 | (uint32_t)v->st.gpr[GPR_RAX];
    if (!(x->u.msr.write ? msr_write(v, msr, value) : msr_read(v, msr, &value))) {
        if (vm_may_log(v->vm))
            log_debug("guest %s: %s of MSR 0x%x (0x%lx) faults", v->vm->name,
                      x->u.msr.write ? "write" : "read", msr, value);
        vcpu_gp(v);
        return;
    }
    if (!x->u.msr.write) {
        v->st.gpr[GPR_RAX] = (uint32_t)value;
        v->st.gpr[GPR_RDX] = value >> 32;
    }
    exit_advance(v, len);
}
