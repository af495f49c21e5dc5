/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into the guest and out again: what happens around entry.S each time, and when a vCPU
 * comes to or leaves a physical CPU. What the hypervisor does not use itself (CR2, DR0-6,
 * the SYSCALL MSRs, vector registers) stays the guest's between two entries.
 */
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/time.h"
#include "arch/x86/cpu/xstate.h"
#include "arch/x86/vmx/fault.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/bits.h"

void vmx_load(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    vmx_make_current(s);
    if (unlikely(s->cpu != this_cpu()->index)) {
        s->cpu = this_cpu()->index;
        s->flush = true;                /* what it left here at an earlier stay */
        s->flush_gen = 0;
        vmx_set_host();
    }
    s->timer_for = 0;
    xstate_load(v->xsave, v->xcr0, v->msr.tsc_aux);
    vmx_msrs_load(s);
    write_cr2(s->cr2);
    write_dr6(s->dr6);
    s->loaded = true;
}

void vmx_put(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    s->loaded = false;
    v->xcr0 = xstate_save(v->xsave);
    vmx_msrs_save(s);
    s->cr2 = read_cr2();
    s->dr6 = read_dr6();
    if (!s->dr_loaded)
        return;
    s->dr[0] = read_dr0();
    s->dr[1] = read_dr1();
    s->dr[2] = read_dr2();
    s->dr[3] = read_dr3();
    s->dr_loaded = false;
    vmx_make_current(s);
    vmx_set_proc(s, s->proc | PROC_MOV_DR);
}

/* First touch since the vCPU was loaded: its registers come in, the exit goes. */
void vmx_load_debug(struct vmx_vcpu *s)
{
    write_dr0(s->dr[0]);
    write_dr1(s->dr[1]);
    write_dr2(s->dr[2]);
    write_dr3(s->dr[3]);
    s->dr_loaded = true;
    vmx_set_proc(s, s->proc & ~(uint32_t)PROC_MOV_DR);
}

/*
 * The preemption timer ends the stay when the CPU's own timer is due, also where a guest
 * keeps interrupts off and an emulator forgets ours. It counts only while guests run, so it
 * is set when the deadline changes and never runs down before the real one (26.5.1).
 */
static void set_timer(struct vmx_vcpu *s, uint64_t due)
{
    uint64_t now = rdtsc(), at = due == UINT64_MAX ? UINT64_MAX : time_to_tsc(due);
    uint64_t left = at > now ? (at - now) >> vmx_caps.timer_shift : 0;
    s->timer_for = due;
    vmwrite(VMCS_PREEMPTION_TIMER, min_u64(left, UINT32_MAX));
}

static void before_entry(struct vcpu *v, struct vmx_vcpu *s)
{
    vmx_make_current(s);
    if (likely(v->dirty))
        vmx_state_put(v, v->dirty);
    vmx_tlb_prepare(s);
    if (unlikely(s->timer_for != time_armed_ns) && vmx_caps.timer)
        set_timer(s, time_armed_ns);
}

void vmx_run(struct vcpu *v, struct vm_exit *out)
{
    struct vmx_vcpu *s = vmx_of(v);
    before_entry(v, s);
    fault_inject();
    int fail = vmx_enter(v->st.gpr, s->launched, &s->host_rsp);
    v->valid = 0;
    v->dirty = 0;
    vmx_read_exit(v, fail, out);
    vmcs_count_exit(out);
}
