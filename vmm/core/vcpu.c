/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's power-up state, requests from elsewhere, exceptions, its TSC. */
#include "socle/vcpu.h"

#include "socle/cpu.h"
#include "socle/pvclock.h"
#include "socle/vm.h"

enum { ATTR_CODE16 = 0x9b, ATTR_DATA16 = 0x93, ATTR_LDT = 0x82, ATTR_TSS = 0x8b };
#define RESET_VECTOR_BASE   0xffff0000u
#define RESET_VECTOR_RIP    0xfff0u
#define RESET_CR0           (CR0_CD | CR0_NW | CR0_ET)
#define RESET_PAT           0x0007040600070406ull
#define RESET_DR6           0xffff0ff0ull
#define RESET_DR7           0x400ull

void vcpu_request(struct vcpu *v, uint32_t bits)
{
    atomic_fetch_or(&v->requests, bits);
    if (v->vm->state == VM_RUNNING && v->mode != VCPU_STOPPED)
        sched_wake(&v->item);
}

/* SDM vol. 3, table 10-1: RESET and INIT differ in what they leave alone. */
void vcpu_reset(struct vcpu *v, bool init_signal)
{
    struct vcpu_state *st = &v->st;
    uint64_t cr0_cache = CR0_CD | CR0_NW;
    struct vcpu_state old = { .pat = RESET_PAT };
    if (init_signal) {
        vcpu_need(v, REGS_CR | REGS_MSR);
        old = *st;
        cr0_cache = st->cr0 & (CR0_CD | CR0_NW);
    }
    *st = (struct vcpu_state){
        .star = old.star, .lstar = old.lstar, .cstar = old.cstar, .sfmask = old.sfmask,
        .kernel_gs_base = old.kernel_gs_base, .sysenter_cs = old.sysenter_cs,
        .sysenter_esp = old.sysenter_esp, .sysenter_eip = old.sysenter_eip, .pat = old.pat,
    };
    st->rip = RESET_VECTOR_RIP;
    st->rflags = RFLAGS_FIXED;
    st->gpr[GPR_RDX] = v->vm->cpu.basic[1].eax;     /* family, model, stepping */
    for (unsigned i = 0; i < SEG_COUNT; i++)
        st->seg[i] = (struct segment){ .attr = ATTR_DATA16, .limit = 0xffff };
    st->seg[SEG_CS] = (struct segment){ 0xf000, ATTR_CODE16, 0xffff, RESET_VECTOR_BASE };
    st->ldtr = (struct segment){ .attr = ATTR_LDT, .limit = 0xffff };
    st->tr = (struct segment){ .attr = ATTR_TSS, .limit = 0xffff };
    st->gdtr.limit = st->idtr.limit = 0xffff;
    st->cr0 = CR0_ET | cr0_cache;
    st->dr6 = RESET_DR6;
    st->dr7 = RESET_DR7;
    inject_init(&v->inject);
    v->nmi_blocked = false;
    v->irq_window = v->nmi_window = false;
    v->tpr_watch = 0;
    v->tpr_shown = 0;
    v->pv_eoi.armed = false;
    v->valid = v->dirty = REGS_ALL;
    v->peek = (struct peek_cache){ 0 };
    if (init_signal) {
        lapic_init_signal(&v->lapic);
        policy_msr_init_signal(&v->msr);
    } else {
        lapic_reset(&v->lapic);
        policy_msr_reset(&v->msr, &v->vm->cpu);
        cpu_xstate_reset(v->xsave);
        v->xcr0 = 1;
        v->tsc_adjust = 0;
        v->pvclock = (struct pvclock_page){ 0 };
        v->pv_eoi = (struct pv_eoi){ 0 };
        atomic_store(&v->requests, 0);
    }
    virt->vcpu_reset(v);
    v->apic_hw = virt->apic_mode(v);
    virt->set_tsc_offset(v, v->vm->clock.offset + v->tsc_adjust);   /* again when the clock starts */
}

static void queued(struct vcpu *v, enum inject_result r)
{
    if (r == INJECT_TRIPLE)
        vm_end(v->vm, END_CRASH, "triple fault");
}

void vcpu_exception(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
    queued(v, inject_exception(&v->inject, vector, has_error, error));
}

void vcpu_page_fault(struct vcpu *v, uint32_t error, uint64_t cr2)
{
    queued(v, inject_page_fault(&v->inject, error, cr2));
}

uint64_t vcpu_tsc(const struct vcpu *v)
{
    return vmclock_guest_tsc(&v->vm->clock, cpu_tsc()) + v->tsc_adjust;
}

void vcpu_set_tsc_adjust(struct vcpu *v, uint64_t adjust)
{
    v->tsc_adjust = adjust;
    virt->set_tsc_offset(v, v->vm->clock.offset + adjust);
    lapic_tsc_changed(&v->lapic);
    pvclock_update(v);
}
