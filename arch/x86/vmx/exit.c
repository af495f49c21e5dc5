/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the VMCS's exit fields to the neutral record: the only reader of exit reasons. SDM
 * vol. 3, appendix C; details of each in 28.2. Only what a kind needs is read.
 */
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"

/*
 * Kinds by reason, for exits that cannot have cut off the delivery of an event (28.2.4) and need
 * little else. INSN: the instruction's length is wanted. 0: read_other().
 */
enum { INSN = 0x80 };

static const uint8_t kinds[] = {
    [VMX_INTR] = EXIT_INTR, [VMX_TRIPLE_FAULT] = EXIT_TRIPLE_FAULT, [VMX_INIT] = EXIT_INIT,
    [VMX_IRQ_WINDOW] = EXIT_IRQ_WINDOW,
    [VMX_CPUID] = INSN | EXIT_CPUID, [VMX_HLT] = INSN | EXIT_HLT, [VMX_INVD] = INSN | EXIT_CACHE,
    [VMX_WBINVD] = INSN | EXIT_CACHE, [VMX_RDPMC] = EXIT_RDPMC, [VMX_VMCALL] = INSN | EXIT_HYPERCALL,
    [VMX_IO] = INSN | EXIT_PIO, [VMX_CR] = EXIT_CR, [VMX_RDMSR] = INSN | EXIT_MSR, [VMX_WRMSR] = INSN | EXIT_MSR,
    [VMX_PAUSE] = INSN | EXIT_PAUSE, [VMX_XSETBV] = INSN | EXIT_XSETBV,
    [VMX_GETSEC] = EXIT_UNDEFINED, [VMX_RSM] = EXIT_UNDEFINED, [VMX_VMCLEAR] = EXIT_UNDEFINED,
    [VMX_VMLAUNCH] = EXIT_UNDEFINED, [VMX_VMPTRLD] = EXIT_UNDEFINED, [VMX_VMPTRST] = EXIT_UNDEFINED,
    [VMX_VMREAD] = EXIT_UNDEFINED, [VMX_VMRESUME] = EXIT_UNDEFINED, [VMX_VMWRITE] = EXIT_UNDEFINED,
    [VMX_VMXOFF] = EXIT_UNDEFINED, [VMX_VMXON] = EXIT_UNDEFINED, [VMX_MWAIT] = EXIT_UNDEFINED,
    [VMX_MONITOR] = EXIT_UNDEFINED, [VMX_INVEPT] = EXIT_UNDEFINED, [VMX_INVVPID] = EXIT_UNDEFINED,
    [VMX_VMFUNC] = EXIT_UNDEFINED, [VMX_ENCLS] = EXIT_UNDEFINED, [VMX_ENCLV] = EXIT_UNDEFINED,
    [VMX_XSAVES] = EXIT_UNDEFINED, [VMX_XRSTORS] = EXIT_UNDEFINED, [VMX_UMWAIT] = EXIT_UNDEFINED,
    [VMX_TPAUSE] = EXIT_UNDEFINED,
    [VMX_TPR] = EXIT_INTR,              /* run.c compares the TPR after each exit */
    [VMX_TIMER] = EXIT_INTR, [VMX_BUS_LOCK] = EXIT_INTR,
};

/* NMIs stay blocked after the exit until the next IRET: the handler is called at once. */
static void host_nmi(void) { __asm__ volatile("int $2" : : : "memory"); }

static void read_exception(struct vcpu *v, struct vm_exit *out)
{
    uint32_t info = (uint32_t)vmread(VMCS_EXIT_EVENT);
    uint8_t vector = info & EVENT_VECTOR;
    if ((info >> EVENT_TYPE_SHIFT & 7) == EVENT_TYPE_NMI) {
        host_nmi();
        out->kind = EXIT_INTR;
        return;
    }
    vmx_nmi_unblocked(v, info & EVENT_NMI_UNBLOCKED && vector != VEC_DF);
    out->kind = EXIT_EXCEPTION;
    out->u.exc.vector = vector;
    out->u.exc.has_error = vector == VEC_AC;
    out->u.exc.error = (uint32_t)vmread(VMCS_EXIT_ERROR);
    /* DR6 is not written by a #DB that exits; the qualification has its bits (table 28-1). */
    if ((info >> EVENT_TYPE_SHIFT & 7) == EVENT_TYPE_PRIVILEGED)
        out->insn_len = (uint8_t)vmread(VMCS_EXIT_LENGTH);      /* INT1: RIP is still at it */
    out->u.exc.dr6 = vector == VEC_DB ? vmread(VMCS_QUALIFICATION) & DEBUG_DR6 : 0;
}

static inline void read_pio(struct vm_exit *out)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    out->u.pio.port = (uint16_t)(q >> IO_PORT_SHIFT);
    out->u.pio.size = (uint8_t)((q & IO_SIZE) + 1);
    out->u.pio.in = q & IO_IN;
    out->u.pio.string = q & IO_STRING;
}

static void read_fault(struct vcpu *v, struct vm_exit *out)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    vmx_nmi_unblocked(v, q & EPT_NMI_UNBLOCKED);
    out->kind = EXIT_FAULT;
    out->u.fault.gpa = vmread(VMCS_EXIT_GPA);
    out->u.fault.write = q & EPT_WRITE;
    out->u.fault.fetch = q & EPT_FETCH;
    out->u.fault.walk = q & EPT_LINEAR && !(q & EPT_FINAL);
}

/* An instruction's length is kept only if one caused the switch; so says IDT vectoring. */
static void read_task_switch(struct vcpu *v, struct vm_exit *out)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    uint32_t vectoring = (uint32_t)vmread(VMCS_VECTORING);
    uint32_t type = vectoring >> EVENT_TYPE_SHIFT & 7;
    bool event = vectoring & EVENT_VALID;
    out->kind = EXIT_TASK_SWITCH;
    out->u.task.selector = (uint16_t)(q & TASK_SELECTOR);
    out->u.task.source = (uint8_t)(q >> TASK_SOURCE_SHIFT & 3);
    out->u.task.event = event;
    out->u.task.has_error = event && vectoring & EVENT_HAS_ERROR;
    out->u.task.error = out->u.task.has_error ? (uint32_t)vmread(VMCS_VECTORING_ERROR) : 0;
    if (!event || type >= EVENT_TYPE_SOFT_INT)
        out->insn_len = (uint8_t)vmread(VMCS_EXIT_LENGTH);
}

/* First touch of a debug register: they come in, and the guest executes it again. */
static void read_debug(struct vcpu *v, struct vm_exit *out)
{
    vmx_load_debug(vmx_of(v));
    out->kind = EXIT_INTR;
}

static void read_notify(struct vm_exit *out)
{
    bool lost = vmread(VMCS_QUALIFICATION) & NOTIFY_INVALID;
    out->kind = lost ? EXIT_UNKNOWN : EXIT_INTR;
}

/* Can the exit have cut off the delivery of an event (28.2.4)? */
static bool may_interrupt_delivery(uint32_t reason)
{
    return reason == VMX_EXCEPTION || reason == VMX_TASK_SWITCH || reason == VMX_EPT_VIOLATION ||
           reason == VMX_EPT_MISCONFIG || reason == VMX_APIC_ACCESS || reason == VMX_PML ||
           reason == VMX_NOTIFY;
}

/* The event that went in with the entry, if any, has arrived. */
static inline void delivered(struct vcpu *v)
{
    if (unlikely(vmx_of(v)->injected)) {
        vmx_of(v)->injected = false;
        inject_interrupted(&v->inject, NULL);
    }
}

static __attribute__((noinline)) void read_other(struct vcpu *v, uint32_t reason, struct vm_exit *out)
{
    if (may_interrupt_delivery(reason))
        vmx_requeue_interrupted(v);
    else
        delivered(v);
    switch (reason) {
    case VMX_EXCEPTION:
        read_exception(v, out);
        break;
    case VMX_EPT_VIOLATION:
        read_fault(v, out);
        break;
    case VMX_TASK_SWITCH:
        read_task_switch(v, out);
        break;
    case VMX_NMI_WINDOW:
        vmx_set_proc(vmx_of(v), vmx_of(v)->proc & ~(uint32_t)PROC_NMI_WINDOW);
        out->kind = EXIT_NMI_WINDOW;
        break;
    case VMX_DR:
        read_debug(v, out);
        break;
    case VMX_EOI:
        out->kind = EXIT_EOI;
        out->u.eoi.vector = (uint8_t)vmread(VMCS_QUALIFICATION);
        break;
    case VMX_APIC_WRITE:
        vmx_apic_write(v, (unsigned)vmread(VMCS_QUALIFICATION));
        out->kind = EXIT_INTR;
        break;
    case VMX_NOTIFY:
        read_notify(out);
        break;
    default:
        out->kind = EXIT_UNKNOWN;
        out->raw_info[0] = vmread(VMCS_QUALIFICATION);
        break;
    }
}

/*
 * A step that is held off by STI or MOV SS must be pending, or the CPU refuses the state
 * (27.3.1.5); some exits lose that flag. True: it was so, and the entry may be tried again.
 */
static bool repair_step(struct vcpu *v)
{
    vcpu_need(v, REGS_RIP);
    if (!v->st.shadow || !(v->st.rflags & RFLAGS_TF) || vmread(VMCS_PENDING_DEBUG) & PENDING_STEP)
        return false;
    vmwrite(VMCS_PENDING_DEBUG, PENDING_STEP);
    return true;
}

static void read_failure(struct vcpu *v, int fail, uint32_t reason, struct vm_exit *out)
{
    out->kind = EXIT_BAD_STATE;
    if (fail)                           /* a number of table 31-1, above the exit reasons */
        out->raw_reason = (uint64_t)(fail == 2 ? vmread(VMCS_INSTRUCTION_ERROR) : 0) << 32;
    else if ((reason & EXIT_REASON_BASIC) == VMX_BAD_GUEST && repair_step(v))
        out->kind = EXIT_INTR;
}

void vmx_read_exit(struct vcpu *v, int fail, struct vm_exit *out)
{
    uint32_t reason = fail ? 0 : (uint32_t)vmread(VMCS_EXIT_REASON);
    out->insn_len = 0;
    out->raw_reason = reason;
    if (unlikely(fail || reason & EXIT_REASON_ENTRY)) {
        read_failure(v, fail, reason, out);
        return;
    }
    vmx_of(v)->launched = true;
    uint8_t kind = reason < ARRAY_LEN(kinds) ? kinds[reason] : 0;
    if (unlikely(!kind)) {
        read_other(v, reason, out);
        return;
    }
    delivered(v);
    out->kind = (enum exit_kind)(kind & ~INSN);
    if (kind & INSN)
        out->insn_len = (uint8_t)vmread(VMCS_EXIT_LENGTH);
    if (reason == VMX_IO)
        read_pio(out);
    else if (unlikely(reason == VMX_TIMER))
        vmx_of(v)->timer_for = 0;       /* it has run down: set anew at the next entry */
    else
        out->u.msr.write = reason == VMX_WRMSR;
}
