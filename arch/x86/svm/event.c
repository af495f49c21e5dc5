/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events into the guest: injection, windows, events whose delivery an exit cut off, and
 * the end of an NMI handler. APM vol. 2, 15.20 (EVENTINJ), 15.21 (virtual interrupts).
 */
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"

static uint64_t event_type(enum inject_kind kind)
{
    switch (kind) {
    case EVENT_IRQ:
    case EVENT_NONE:
    case EVENT_KINDS:
        return EV_TYPE_INTR;
    case EVENT_NMI:
        return EV_TYPE_NMI;
    case EVENT_SOFT_INT:
        return EV_TYPE_SOFT;
    case EVENT_EXCEPTION:
    case EVENT_SOFT_EXCEPTION:
    case EVENT_ICEBP:
        break;
    }
    return EV_TYPE_EXCEPTION;
}

/* Another event comes before the IRET: it must not push our RFLAGS.TF. IRET is watched again. */
static void cancel_iret_step(struct vcpu *v)
{
    struct svm_vcpu *s = svm_of(v);
    s->nmi_step = false;
    vcpu_change(v, REGS_RIP);
    v->st.rflags = (v->st.rflags & ~RFLAGS_TF) | s->nmi_step_tf;
    vmcb_set_intercept1(s->vmcb, s->vmcb->_intercept1 | I1_IRET);
}

/*
 * Software events return behind their instruction. They are not injected: RIP is still at
 * the instruction, which the guest executes again and so raises the same event.
 */
void svm_inject(struct vcpu *v, const struct inject_event *e)
{
    struct svm_vcpu *s = svm_of(v);
    s->injected = true;
    if (s->nmi_step)
        cancel_iret_step(v);
    if (e->kind == EVENT_SOFT_INT || e->kind == EVENT_SOFT_EXCEPTION || e->kind == EVENT_ICEBP)
        return;
    s->vmcb->event_inj = EV_VALID | event_type(e->kind) | e->vector;
    if (e->has_error)
        s->vmcb->event_inj |= EV_HAS_ERROR | (uint64_t)e->error << 32;
}

/*
 * A dummy virtual interrupt of highest priority makes the CPU exit (VINTR) as soon as
 * the guest could take it; IRET is watched for the end of an NMI handler.
 */
void svm_window(struct vcpu *v, bool irq, bool nmi)
{
    struct vmcb *b = svm_of(v)->vmcb;
    uint32_t i1 = b->_intercept1 & ~(uint32_t)(I1_VINTR | I1_IRET);
    uint64_t ctl = b->int_ctl & ~(INT_V_IRQ | INT_V_IGN_TPR | 15ull << INT_V_PRIO_SHIFT);
    if (irq) {
        i1 |= I1_VINTR;
        ctl |= INT_V_IRQ | INT_V_IGN_TPR | 15ull << INT_V_PRIO_SHIFT;
    }
    if (nmi && !svm_of(v)->nmi_step)
        i1 |= I1_IRET;
    if (i1 != b->_intercept1)
        vmcb_set_intercept1(b, i1);
    if (ctl != b->int_ctl)
        vmcb_set_int_ctl(b, ctl);
}

/*
 * A pending interrupt waits for the guest to lower its TPR, which it may do by CR8 without
 * an exit: CR8 writes are intercepted as long as that lasts.
 */
void svm_watch_tpr(struct vcpu *v, uint8_t threshold)
{
    struct vmcb *b = svm_of(v)->vmcb;
    uint32_t cr = b->_intercept_cr & ~(uint32_t)CR8_WRITE;
    if (threshold)
        cr |= CR8_WRITE;
    if (cr != b->_intercept_cr)
        vmcb_set_intercept_cr(b, cr);
}

/*
 * The IRET of an NMI handler is about to execute; NMIs stay blocked until it has. It is
 * single-stepped with RFLAGS.TF: the step's #DB comes after IRET whatever it pops.
 */
void svm_iret_seen(struct vcpu *v)
{
    struct svm_vcpu *s = svm_of(v);
    vmcb_set_intercept1(s->vmcb, s->vmcb->_intercept1 & ~(uint32_t)I1_IRET);
    vcpu_change(v, REGS_RIP);
    s->nmi_step = true;
    s->nmi_step_tf = v->st.rflags & RFLAGS_TF;
    v->st.rflags |= RFLAGS_TF;
}

/* After #DB: was it our step over an IRET? Then the NMI handler has ended. */
bool svm_iret_stepped(struct vcpu *v)
{
    struct svm_vcpu *s = svm_of(v);
    if (!s->nmi_step)
        return false;
    s->nmi_step = false;
    if (s->nmi_step_tf) {               /* the guest steps too: it gets its #DB as well */
        inject_debug(&v->inject, 0);
        return true;
    }
    vcpu_change(v, REGS_DR);
    v->st.dr6 &= ~(uint64_t)BIT(14);
    return true;
}

/*
 * EXITINTINFO (15.20): what the exit cut off is delivered again. One emulator reports
 * INT3 and INTO as type "soft" too; those and INT n are executed again by the guest.
 */
void svm_requeue_interrupted(struct vcpu *v)
{
    uint64_t info = svm_of(v)->vmcb->exit_int_info;
    struct inject_event e = { .vector = (uint8_t)info };
    svm_of(v)->injected = false;
    if (!(info & EV_VALID)) {
        inject_interrupted(&v->inject, NULL);
        return;
    }
    switch (info & EV_TYPE_MASK) {
    case EV_TYPE_INTR:
        e.kind = EVENT_IRQ;
        break;
    case EV_TYPE_NMI:
        e.kind = EVENT_NMI;
        break;
    case EV_TYPE_EXCEPTION:
        e.kind = e.vector == VEC_BP || e.vector == VEC_OF ? EVENT_SOFT_EXCEPTION : EVENT_EXCEPTION;
        break;
    default:
        e.kind = EVENT_SOFT_INT;
        break;
    }
    if (info & EV_HAS_ERROR) {
        e.has_error = true;
        e.error = (uint32_t)(info >> 32);
    }
    inject_interrupted(&v->inject, &e);
}
