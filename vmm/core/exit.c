/* SPDX-License-Identifier: BSD-2-Clause */
/* Which handler takes which exit; stepping over the instruction that exited. */
#include "socle/exit.h"

#include "socle/cpu.h"
#include "socle/emul.h"
#include "socle/run.h"
#include "socle/vm.h"

const char *exit_kind_name(enum exit_kind kind)
{
    static const char *const names[EXIT_KINDS] = {
        [EXIT_NONE] = "none", [EXIT_INTR] = "host interrupt", [EXIT_IRQ_WINDOW] = "interrupt window",
        [EXIT_NMI_WINDOW] = "NMI window", [EXIT_PIO] = "port access", [EXIT_FAULT] = "memory fault",
        [EXIT_CPUID] = "cpuid", [EXIT_MSR] = "msr", [EXIT_CR] = "control register",
        [EXIT_XSETBV] = "xsetbv", [EXIT_HLT] = "hlt", [EXIT_HYPERCALL] = "hypercall",
        [EXIT_PAUSE] = "pause", [EXIT_CACHE] = "cache flush", [EXIT_RDPMC] = "rdpmc",
        [EXIT_UNDEFINED] = "undefined instruction", [EXIT_EXCEPTION] = "exception",
        [EXIT_FPU_ERROR] = "FPU error",
        [EXIT_EOI] = "end of interrupt", [EXIT_TASK_SWITCH] = "task switch",
        [EXIT_TRIPLE_FAULT] = "triple fault", [EXIT_INIT] = "init", [EXIT_BAD_STATE] = "bad state",
        [EXIT_UNKNOWN] = "unknown",
    };
    return kind < EXIT_KINDS ? names[kind] : "?";
}

/* With prefixes, across pages, in other modes: the decoder looks. */
static __attribute__((noinline)) bool decode_length(struct vcpu *v, enum insn_op op,
                                                    enum insn_op alt, unsigned *len)
{
    struct insn insn;
    struct emul_exception exc;
    switch (insn_fetch(&v->walker, &v->st, &insn, &exc)) {
    case HV_OK:
        *len = insn.len;
        return insn.op == op || insn.op == alt;
    case HV_INVALID:
        exit_exception_of(v, &exc);
        return false;
    default:
        return false;           /* page tables or code change under us: the guest tries again */
    }
}

bool exit_find_length(struct vcpu *v, enum insn_op op, enum insn_op alt, unsigned *len)
{
    vcpu_need(v, REGS_RIP | REGS_CODE | REGS_CR);
    *len = insn_peek(&v->walker, &v->st, op, &v->peek);
    return likely(*len != 0) || decode_length(v, op, alt, len);
}

void exit_advance_slow(struct vcpu *v, unsigned len)
{
    vcpu_need(v, REGS_CODE | REGS_CR | REGS_MSR);
    vcpu_change(v, REGS_DR);
    if (emul_retire(&v->st, len) && inject_debug(&v->inject, 0) == INJECT_TRIPLE)
        vm_end(v->vm, END_CRASH, "triple fault");
}

/* Every vCPU waits for what nobody can send: the guest has halted for good. */
static void check_all_halted(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->vcpus; i++) {
        struct vcpu *v = &vm->vcpu[i];
        if (v->mode == VCPU_WAIT_SIPI)
            continue;
        if (v->mode != VCPU_HALTED || inject_pending(&v->inject) || atomic_load(&v->requests))
            return;
        vcpu_need(v, REGS_RIP);
        if (v->st.rflags & RFLAGS_IF)
            return;
    }
    vm_end(vm, END_HALTED, " ");
}

static void exit_hlt(struct vcpu *v, const struct vm_exit *x)
{
    unsigned len;
    if (!exit_length(v, x, INSN_HLT, INSN_HLT, &len))
        return;
    exit_advance(v, len);
    v->mode = VCPU_HALTED;
    if (!(v->st.rflags & RFLAGS_IF))
        check_all_halted(v->vm);
}

static void skip(struct vcpu *v, const struct vm_exit *x, enum insn_op op, enum insn_op alt)
{
    unsigned len;
    if (exit_length(v, x, op, alt, &len))
        exit_advance(v, len);
}

/* #DB and #AC were intercepted so that their delivery cannot loop unseen; they go on. */
static void exit_exception(struct vcpu *v, const struct vm_exit *x)
{
    if (x->u.exc.vector == VEC_MC) {
        vm_end(v->vm, END_CRASH, "machine check while the guest ran");
        return;
    }
    if (x->u.exc.vector == VEC_DB) {
        if (x->insn_len)
            exit_advance(v, x->insn_len);
        if (inject_debug(&v->inject, x->u.exc.dr6) == INJECT_TRIPLE)
            vm_end(v->vm, END_CRASH, "triple fault");
        return;
    }
    vcpu_exception(v, x->u.exc.vector, x->u.exc.has_error, x->u.exc.error);
}

void exit_handle(struct vcpu *v, const struct vm_exit *x)
{
    switch (x->kind) {
    case EXIT_INTR:             /* served: run_once() let it in */
        break;
    case EXIT_IRQ_WINDOW:
        break;                  /* prepare() has v->irq_window to go by */
    case EXIT_NMI_WINDOW:
        v->nmi_blocked = false;     /* prepare() delivers the next one, if it waits, */
        v->nmi_window = false;      /* and asks anew for its end */
        break;
    case EXIT_PIO:
        exit_pio(v, x);
        break;
    case EXIT_FAULT:
        exit_fault(v, x);
        break;
    case EXIT_CPUID:
        exit_cpuid(v, x);
        break;
    case EXIT_MSR:
        exit_msr(v, x);
        break;
    case EXIT_CR:
        exit_cr(v, x);
        break;
    case EXIT_XSETBV:
        exit_xsetbv(v, x);
        break;
    case EXIT_HLT:
        exit_hlt(v, x);
        break;
    case EXIT_HYPERCALL:
        exit_hypercall(v, x);
        break;
    case EXIT_PAUSE:
        skip(v, x, INSN_PAUSE, INSN_PAUSE);
        sched_yield();
        break;
    case EXIT_CACHE:
        skip(v, x, INSN_INVD, INSN_WBINVD);
        break;
    case EXIT_RDPMC:
        vcpu_gp(v);
        break;
    case EXIT_UNDEFINED:
        vcpu_ud(v);
        break;
    case EXIT_EXCEPTION:
        exit_exception(v, x);
        break;
    case EXIT_FPU_ERROR:        /* the old way by IRQ 13 is not wired; #MF says the same */
        vcpu_exception(v, VEC_MF, false, 0);
        break;
    case EXIT_TRIPLE_FAULT:
        vm_end(v->vm, END_CRASH, "triple fault");
        break;
    case EXIT_INIT:
        break;
    case EXIT_TASK_SWITCH:
        exit_task_switch(v, x);
        break;
    case EXIT_BAD_STATE:
        exit_bad_state(v, x);
        break;
    case EXIT_EOI:
        lapic_hw_eoi(&v->lapic, x->u.eoi.vector);
        break;
    case EXIT_NONE:
    case EXIT_UNKNOWN:
    case EXIT_KINDS:
        vm_end(v->vm, END_CRASH, "exit that was not asked for: %lx", x->raw_reason);
        break;
    }
}
