/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From VM entry to VM entry: what is pending goes into the guest, the guest runs, its
 * exit is handled. Order of events: vmm/lib/inject.c.
 */
#include "socle/run.h"

#include "socle/console_io.h"
#include "socle/cpu.h"
#include "socle/vm.h"

/* The vCPU whose registers are in this CPU; it may stay there while the CPU idles. */
static struct vcpu *loaded;
static uint16_t last_guest;             /* the VM that ran on it last; 0: none */

static void load(struct vcpu *v)
{
    if (loaded == v)
        return;
    if (loaded)
        virt->put(loaded);
    if (v->vm->id != last_guest)
        cpu_change_guest();
    last_guest = v->vm->id;
    virt->load(v);
    loaded = v;
}

void vcpu_unload(struct vcpu *v)
{
    if (loaded == v) {
        virt->put(v);
        loaded = NULL;
    }
}

/* INIT and SIPI as SDM vol. 3, 9.4.3 and 11.4.7.3 have them. */
static void take_requests(struct vcpu *v, uint32_t req)
{
    if (req & REQ_INIT && v->index == 0) {      /* the boot CPU would run firmware: a reset */
        vm_reset_request(v->vm);
        return;
    }
    if (req & REQ_INIT) {
        vcpu_reset(v, true);
        v->mode = VCPU_WAIT_SIPI;
    }
    if (req & REQ_SIPI && v->mode == VCPU_WAIT_SIPI) {
        uint8_t vector = atomic_load(&v->sipi);
        vcpu_change(v, REGS_CODE | REGS_RIP);
        v->st.seg[SEG_CS].sel = (uint16_t)(vector << 8);
        v->st.seg[SEG_CS].base = (uint64_t)vector << 12;
        v->st.rip = 0;
        v->mode = VCPU_RUN;
    }
    if (req & REQ_NMI)
        inject_nmi(&v->inject);
}

/* An interrupt that could be delivered if the guest's flags let it. */
static bool irq_ready(const struct vcpu *v, bool *extint)
{
    const struct pc *pc = v->vm->pc;
    *extint = pic_output(&pc->pic) && lapic_accepts_extint(&v->lapic);
    return *extint || (!v->apic_hw && lapic_pending(&v->lapic) >= 0);
}

static void deliver_irq(struct vcpu *v, bool extint)
{
    struct inject_event e = { .kind = EVENT_IRQ };
    if (extint) {
        e.vector = pic_ack(&v->vm->pc->pic);
        lapic_extint_taken(&v->lapic);
    } else {
        e.vector = (uint8_t)lapic_pending(&v->lapic);
        lapic_ack(&v->lapic, e.vector);
        pv_eoi_arm(&v->pv_eoi, &v->lapic, &v->vm->mem);
    }
    virt->inject(v, &e);
}

static void set_windows(struct vcpu *v, bool irq, bool nmi)
{
    if (irq != v->irq_window || nmi != v->nmi_window) {
        virt->window(v, irq, nmi);
        v->irq_window = irq;
        v->nmi_window = nmi;
    }
    uint8_t threshold = v->apic_hw ? 0 : lapic_tpr_threshold(&v->lapic);
    if (threshold != v->tpr_watch) {
        virt->watch_tpr(v, threshold);
        v->tpr_watch = threshold;
    }
}

/*
 * What an event changes besides its delivery, which the hardware does. The handler of a #DB may
 * use the debug registers: their protection ends (SDM vol. 3, 17.2.4).
 */
static void set_registers(struct vcpu *v, const struct inject_event *e)
{
    if (e->set_cr2) {
        vcpu_change(v, REGS_CR);
        v->st.cr2 = e->cr2;
    }
    if (e->kind != EVENT_EXCEPTION || e->vector != VEC_DB)
        return;
    vcpu_need(v, REGS_DR);
    uint64_t dr6 = v->st.dr6 | (e->set_dr6 ? e->dr6 : 0), dr7 = v->st.dr7 & ~DR7_GD;
    if (dr6 != v->st.dr6 || dr7 != v->st.dr7)
        v->dirty |= REGS_DR;
    v->st.dr6 = dr6;
    v->st.dr7 = dr7;
}

/* Puts the next event into the guest, or asks for an exit when it can go. */
static void prepare_events(struct vcpu *v)
{
    struct inject_event e;
    bool extint, irq_window = false, nmi_window;
    if (v->apic_hw)
        virt->apic_post(v);
    if (v->pv_eoi.armed)
        pv_eoi_disarm(&v->pv_eoi, &v->lapic, &v->vm->mem);
    vcpu_need(v, REGS_RIP);
    struct inject_gates g = {
        .if_flag = v->st.rflags & RFLAGS_IF,
        .sti_shadow = v->st.shadow & SHADOW_STI,
        .movss_shadow = v->st.shadow & SHADOW_MOV_SS,
        .nmi_blocked = v->nmi_blocked,
        .irq_pending = irq_ready(v, &extint),
    };
    switch (inject_choose(&v->inject, &g, &e, &irq_window, &nmi_window)) {
    case INJECT_NOTHING:
        break;
    case INJECT_EVENT:
        set_registers(v, &e);
        virt->inject(v, &e);
        inject_taken(&v->inject, &e);
        if (e.kind == EVENT_NMI)
            v->nmi_blocked = true;
        break;
    case INJECT_IRQ:
        deliver_irq(v, extint);
        irq_window = irq_window || irq_ready(v, &extint);
        break;
    case INJECT_SHUTDOWN:
        vm_end(v->vm, END_CRASH, "triple fault");
        break;
    }
    /*
     * Bochs 2.7 delivers an interrupt that waits in the CPU for STI as soon as a physical one
     * arrives. None waits there while an exit is asked for instead (SDM vol. 3, 30.2.1).
     */
    if (v->apic_hw && !g.if_flag && lapic_hw_requests(&v->lapic))
        irq_window = true;
    set_windows(v, irq_window, v->nmi_blocked);
}

/* Is there anything for prepare_events() to do? Short: this is on the way of each entry. */
static inline bool events_waiting(const struct vcpu *v)
{
    return atomic_load_explicit(&v->lapic.irr_words, memory_order_relaxed) ||
           pic_output(&v->vm->pc->pic) || inject_pending(&v->inject) || v->irq_window ||
           v->nmi_window != v->nmi_blocked || v->tpr_watch;
}

/* A halted vCPU goes on when an event can be delivered to it. */
static bool wakes(struct vcpu *v)
{
    bool extint;
    if (inject_pending(&v->inject))
        return true;
    vcpu_need(v, REGS_RIP);
    return v->st.rflags & RFLAGS_IF && (irq_ready(v, &extint) || (v->apic_hw && lapic_hw_wakes(&v->lapic)));
}

/* False: the vCPU has nothing to execute now. */
static bool prepare(struct vcpu *v)
{
    if (unlikely(atomic_load_explicit(&v->requests, memory_order_relaxed)))
        take_requests(v, atomic_exchange(&v->requests, 0));
    if (unlikely(v->mode != VCPU_RUN)) {
        if (v->mode != VCPU_HALTED || !wakes(v)) {
            sched_sleep(&v->item);
            return false;
        }
        v->mode = VCPU_RUN;
    }
    if (unlikely(events_waiting(v)))
        prepare_events(v);
    uint8_t cr8 = (uint8_t)lapic_cr8_get(&v->lapic);
    if (unlikely(cr8 != v->tpr_shown)) {
        virt->set_tpr(v, cr8);
        v->tpr_shown = cr8;
    }
    return v->item.active;
}

static void run_once(struct vcpu *v)
{
    struct vm_exit x;
    sched_arm();
    virt->run(v, &x);
    /* At every exit: a guest that exits before it can be interrupted must not keep the host's out. */
    cpu_irq_window();
    uint64_t start = cpu_tsc();
    uint8_t cr8 = virt->get_tpr(v);
    if (unlikely(cr8 != v->tpr_shown)) {
        v->tpr_shown = cr8;
        lapic_cr8_set(&v->lapic, cr8);
    }
    if (v->pv_eoi.armed)
        pv_eoi_sync(&v->pv_eoi, &v->lapic, &v->vm->mem);
    exit_handle(v, &x);
    if (unlikely(v->vm->out_len > VM_OUT_FLUSH))
        console_io_guest_flush(v->vm);
    v->exits[x.kind]++;
    v->exit_ticks[x.kind] += cpu_tsc() - start;
}

void vcpu_run(struct vcpu *v)
{
    load(v);
    while (v->item.active && !sched_interrupted() && prepare(v))
        run_once(v);
}
