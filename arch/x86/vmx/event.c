/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events into the guest: injection, windows, events whose delivery an exit cut off, and
 * NMI blocking. SDM vol. 3, 25.8.3 (entry), 25.9.3 (vectoring), 27.6, 28.3.3.
 */
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"

static uint32_t event_type(enum inject_kind kind)
{
    switch (kind) {
    case EVENT_NMI:
        return EVENT_TYPE_NMI;
    case EVENT_EXCEPTION:
        return EVENT_TYPE_EXCEPTION;
    case EVENT_IRQ:
    case EVENT_SOFT_INT:
    case EVENT_SOFT_EXCEPTION:
    case EVENT_ICEBP:
    case EVENT_NONE:
    case EVENT_KINDS:
        break;
    }
    return EVENT_TYPE_INTR;
}

void vmx_nmi_block(struct vcpu *v, bool on)
{
    struct vmx_vcpu *s = vmx_of(v);
    vmx_make_current(s);
    vcpu_need(v, REGS_RIP);
    uint32_t blocked = (s->interruptibility & ~(uint32_t)BLOCK_NMI) | (on ? (uint32_t)BLOCK_NMI : 0);
    if (blocked == s->interruptibility)
        return;
    s->interruptibility = blocked;
    vmwrite(VMCS_INTERRUPTIBILITY, blocked);
}

/*
 * Software events return behind their instruction. They are not injected: RIP is still at
 * the instruction, which the guest executes again and so raises the same event.
 */
void vmx_inject(struct vcpu *v, const struct inject_event *e)
{
    struct vmx_vcpu *s = vmx_of(v);
    s->injected = true;
    if (e->kind == EVENT_SOFT_INT || e->kind == EVENT_SOFT_EXCEPTION || e->kind == EVENT_ICEBP)
        return;
    vmx_make_current(s);
    uint32_t info = EVENT_VALID | event_type(e->kind) << EVENT_TYPE_SHIFT | e->vector;
    if (e->has_error) {
        vcpu_need(v, REGS_CR);
        if (v->st.cr0 & CR0_PE) {       /* real mode pushes none (27.2.1.3) */
            info |= EVENT_HAS_ERROR;
            vmwrite(VMCS_ENTRY_ERROR, e->error);
        }
    }
    if (e->kind == EVENT_NMI)
        vmx_nmi_block(v, false);      /* its delivery blocks the next one (27.2.1.3, 27.6.1) */
    vmwrite(VMCS_ENTRY_EVENT, info);
}

void vmx_window(struct vcpu *v, bool irq, bool nmi)
{
    struct vmx_vcpu *s = vmx_of(v);
    vmx_make_current(s);
    vmx_set_proc(s, (s->proc & ~(uint32_t)(PROC_IRQ_WINDOW | PROC_NMI_WINDOW)) |
                    (irq ? (uint32_t)PROC_IRQ_WINDOW : 0) | (nmi ? (uint32_t)PROC_NMI_WINDOW : 0));
}

/* An exit follows when the guest lowers its TPR below it (28.1.2, TPR threshold). */
void vmx_watch_tpr(struct vcpu *v, uint8_t threshold)
{
    struct vmx_vcpu *s = vmx_of(v);
    vmx_make_current(s);
    if (threshold == s->tpr_threshold)
        return;
    s->tpr_threshold = threshold;
    vmwrite(VMCS_TPR_THRESHOLD, threshold);
}

/* The event information's common form, as inject.h has it. */
static void decode_event(uint32_t info, struct inject_event *e)
{
    static const uint8_t kinds[8] = {
        [EVENT_TYPE_INTR] = EVENT_IRQ, [EVENT_TYPE_NMI] = EVENT_NMI,
        [EVENT_TYPE_EXCEPTION] = EVENT_EXCEPTION, [EVENT_TYPE_SOFT_INT] = EVENT_SOFT_INT,
        [EVENT_TYPE_PRIVILEGED] = EVENT_ICEBP, [EVENT_TYPE_SOFT_EXCEPTION] = EVENT_SOFT_EXCEPTION,
    };
    *e = (struct inject_event){
        .kind = kinds[info >> EVENT_TYPE_SHIFT & 7], .vector = (uint8_t)info,
        .has_error = info & EVENT_HAS_ERROR,
    };
    if (e->has_error)
        e->error = (uint32_t)vmread(VMCS_VECTORING_ERROR);
}

/* What the exit cut off is delivered again. Only called where that can have happened. */
void vmx_requeue_interrupted(struct vcpu *v)
{
    struct inject_event e;
    uint32_t info = (uint32_t)vmread(VMCS_VECTORING);
    vmx_of(v)->injected = false;
    if (!(info & EVENT_VALID)) {
        inject_interrupted(&v->inject, NULL);
        return;
    }
    decode_event(info, &e);
    inject_interrupted(&v->inject, &e);
}

/*
 * An IRET ended NMI blocking and then faulted: it executes again, so blocking is as before
 * (28.2.3). Not when an event was being delivered, nor for a double fault.
 */
void vmx_nmi_unblocked(struct vcpu *v, bool by_iret)
{
    if (by_iret && v->inject.interrupted.kind == EVENT_NONE)
        vmx_nmi_block(v, true);
}
