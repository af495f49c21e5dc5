/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task switches of a guest, which some CPUs leave to the hypervisor (SDM vol. 3, 26.4.2),
 * and what becomes of an event that led to one through a task gate.
 */
#include "socle/run.h"
#include "socle/task.h"
#include "socle/vm.h"

/*
 * The event on its way, if any, and NMIs. It has arrived once the new task is there; not so
 * an exception if the new task begins with another, with which it may make a double fault.
 */
static void settle_events(struct vcpu *v, const struct task_switch *t,
                          const struct task_outcome *out, enum emul_status e)
{
    enum inject_kind kind = v->inject.interrupted.kind;

    if (t->source == TASK_IRET && (e == EMUL_DONE || e == EMUL_EXCEPTION))
        v->nmi_blocked = false;         /* by any IRET, also one that faults (6.7.1) */
    if (t->source != TASK_GATE || !out->committed)
        return;                         /* not arrived: inject_add() sees to it, or it goes in again */
    if (kind == EVENT_NMI)
        v->nmi_blocked = true;          /* until the new task's IRET */
    if (e != EMUL_EXCEPTION || kind != EVENT_EXCEPTION)
        inject_delivered(&v->inject);
}

static void act(struct vcpu *v, const struct emul_ctx *c, const struct task_outcome *out,
                enum emul_status e)
{
    if (e == EMUL_EXCEPTION)
        exit_exception_of(v, &c->exc);
    else if (e == EMUL_DONE && out->trap && inject_debug(&v->inject, 0) == INJECT_TRIPLE)
        vm_end(v->vm, END_CRASH, "triple fault");
}

void exit_task_switch(struct vcpu *v, const struct vm_exit *x)
{
    bool event = x->u.task.event;
    struct task_switch t = {
        .selector = x->u.task.selector, .source = (enum task_source)x->u.task.source,
        /* INT1 counts as external, unlike the other software events (SDM vol. 3, 6.13). */
        .external = event && (!x->insn_len || v->inject.interrupted.kind == EVENT_ICEBP),
        .has_error = event && x->u.task.has_error, .error = x->u.task.error,
        .insn_len = x->insn_len,
    };
    struct task_outcome out = { 0 };
    struct emul_ctx c = {
        .s = &v->st, .w = &v->walker, .ops = &exit_emul_ops, .ops_ctx = v,
    };
    enum emul_status e = EMUL_UNSUPPORTED;

    vcpu_change(v, REGS_ALL & ~REGS_MSR);
    uint64_t rip = v->st.rip;
    if (event == (t.source == TASK_GATE) && (event || t.insn_len))
        e = emul_task_switch(&c, &t, &out);
    if (out.cr3_changed) {
        virt->tlb_flush(v);
        if (!exit_load_pdptes(v, &v->st))
            e = EMUL_FAILED;            /* they were good a moment ago */
    }
    if (e == EMUL_UNSUPPORTED || e == EMUL_FAILED) {
        vcpu_need(v, REGS_ALL);
        vm_end(v->vm, END_CRASH, "task switch to TSS %x at rip %lx cannot be done: %s", t.selector, rip,
               e == EMUL_FAILED ? "its tables are not in memory, or keep changing" : "not in this mode");
        return;
    }
    settle_events(v, &t, &out, e);
    virt->nmi_block(v, v->nmi_blocked);
    act(v, &c, &out, e);
}
