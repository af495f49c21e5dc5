/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into the guest and out again: what happens around entry.S each time, and when a vCPU
 * comes to or leaves a physical CPU. APM vol. 2, 15.5.
 */
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/xstate.h"
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"
#include "socle/str.h"

/*
 * VMRUN loads CR2 (APM vol. 2, 15.5.1), but not in Bochs 2.7, where one guest's page fault
 * became another's. Nothing else changes it between here and the next guest.
 */
static void load_cr2(const struct svm_vcpu *s) { write_cr2(s->vmcb->_cr2); }

void svm_load(struct vcpu *v)
{
    xstate_load(v->xsave, v->xcr0, v->msr.tsc_aux);
    load_cr2(svm_of(v));
}

/* DR0-3 are not in the VMCB; the hypervisor does not use them, so they may stay till now. */
void svm_put(struct vcpu *v)
{
    struct svm_vcpu *s = svm_of(v);
    v->xcr0 = xstate_save(v->xsave);
    if (s->dr_loaded) {
        s->dr[0] = read_dr0();
        s->dr[1] = read_dr1();
        s->dr[2] = read_dr2();
        s->dr[3] = read_dr3();
        s->dr_loaded = false;
        vmcb_set_intercept_dr(s->vmcb, INTERCEPT_DR_ALL);
    }
}

/* First touch since the vCPU was loaded: its registers come in, the intercept goes. */
void svm_load_debug(struct svm_vcpu *s)
{
    write_dr0(s->dr[0]);
    write_dr1(s->dr[1]);
    write_dr2(s->dr[2]);
    write_dr3(s->dr[3]);
    s->dr_loaded = true;
    vmcb_set_intercept_dr(s->vmcb, INTERCEPT_DR7_WRITE);
}

/*
 * Armed breakpoints must be in the CPU before the guest runs. DR7 comes and goes with the
 * VMCB (APM vol. 2, 15.5.1 and 15.6), but QEMU 7.2 neither arms what VMRUN loads nor disarms
 * at the exit: it would take one guest's breakpoints along to everybody else. So only we
 * write DR7, by MOV, also for the guest (exit_cr()).
 */
static bool breakpoints_armed(const struct vmcb *b) { return b->_dr7 & DR7_ENABLES; }

static void arm_breakpoints(struct svm_vcpu *s)
{
    if (!s->dr_loaded)
        svm_load_debug(s);
    write_dr7(s->vmcb->_dr7);
}

static void before_entry(struct vcpu *v, struct svm_vcpu *s)
{
    struct vmcb *b = s->vmcb;
    b->rax = v->st.gpr[GPR_RAX];
    b->rsp = v->st.gpr[GPR_RSP];
    b->rip = v->st.rip;
    b->rflags = v->st.rflags;
    b->int_state = v->st.shadow ? INT_STATE_SHADOW : 0;
    if (unlikely(v->dirty & ~(uint32_t)(REGS_GPR | REGS_RIP))) {
        svm_state_put(v, v->dirty);
        load_cr2(s);
    }
    svm_tlb_prepare(svm_this_cpu(), s);
    if (unlikely(breakpoints_armed(b)))
        arm_breakpoints(s);
}

static void after_exit(struct vcpu *v, struct svm_vcpu *s)
{
    struct vmcb *b = s->vmcb;
    if (unlikely(breakpoints_armed(b)))
        write_dr7(DR7_NONE);
    v->st.gpr[GPR_RAX] = b->rax;
    v->st.gpr[GPR_RSP] = b->rsp;
    v->st.rip = b->rip;
    v->st.rflags = b->rflags;
    v->st.shadow = b->int_state & INT_STATE_SHADOW ? SHADOW_STI : 0;
    v->valid = REGS_GPR | REGS_RIP;
    v->dirty = 0;
    b->clean = svm_caps.clean_bits && (uint32_t)b->exit_code != SVM_INVALID ? CLEAN_ALL : 0;
    b->event_inj = 0;
}

/* As if the CPU had: the guest's registers are still all in vcpu->st. */
static void refuse(struct svm_vcpu *s, struct vm_exit *out)
{
    s->vmcb->event_inj = 0;
    *out = (struct vm_exit){ .kind = EXIT_BAD_STATE, .raw_reason = SVM_INVALID };
}

void svm_run(struct vcpu *v, struct vm_exit *out)
{
    struct svm_vcpu *s = svm_of(v);
    before_entry(v, s);
    /* Some emulators stop the machine over a state that a CPU would refuse by an exit. */
    if (unlikely(v->dirty & REGS_CR) && svm_refuses(v)) {
        refuse(s, out);
        return;
    }
    svm_enter(s->vmcb_pa.v, v->st.gpr, svm_this_cpu()->host_vmcb_pa.v);
    after_exit(v, s);
    if (unlikely(s->injected || s->vmcb->exit_int_info & EV_VALID))
        svm_requeue_interrupted(v);
    svm_read_exit(v, out);
}
