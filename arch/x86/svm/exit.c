/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the VMCB's exit fields to the neutral record: the only reader of exit codes.
 * APM vol. 2, appendix C; details of each in 15.8 to 15.25.
 */
#include "arch/x86/svm/svm_bits.h"
#include "arch/x86/svm/svm_priv.h"

static void read_pio(const struct vmcb *b, struct vm_exit *out)
{
    uint64_t info = b->exit_info1;      /* 15.10.2 */
    out->kind = EXIT_PIO;
    out->u.pio.port = (uint16_t)(info >> 16);
    out->u.pio.size = info >> 4 & 7;
    out->u.pio.in = info & IOIO_IN;
    out->u.pio.string = info & IOIO_STRING;
    out->insn_len = (uint8_t)(b->exit_info2 - b->rip);
}

static void read_fault(const struct vmcb *b, struct vm_exit *out)
{
    uint64_t info = b->exit_info1;      /* 15.25.6 */
    out->kind = EXIT_FAULT;
    out->u.fault.gpa = b->exit_info2;
    out->u.fault.write = info & NPF_WRITE;
    out->u.fault.fetch = info & NPF_FETCH;
    out->u.fault.walk = info & NPF_WALK;
}

/*
 * DR6 is in the VMCB already (15.12.2), but not on Bochs 2.7, which leaves the cause to be guessed
 * from what is switched on; which breakpoint it was stays unknown there.
 */
static uint64_t debug_cause(const struct vmcb *b)
{
    if (b->_dr6 & DR6_CAUSES)
        return 0;
    return b->_dr7 & DR7_GD ? DR6_BD : b->rflags & RFLAGS_TF ? DR6_BS : 0;
}

static void read_exception(struct vcpu *v, uint8_t vector, struct vm_exit *out)
{
    const struct vmcb *b = svm_of(v)->vmcb;
    if (vector == VEC_DB && svm_iret_stepped(v)) {
        out->kind = EXIT_NMI_WINDOW;
        return;
    }
    out->kind = EXIT_EXCEPTION;
    out->u.exc.vector = vector;
    out->u.exc.has_error = vector == VEC_AC;
    out->u.exc.error = (uint32_t)b->exit_info1;
    out->u.exc.cr2 = b->exit_info2;
    out->u.exc.dr6 = vector == VEC_DB ? debug_cause(b) : 0;
}

/* Kinds that need nothing but an instruction length; the rest is EXIT_UNKNOWN. */
static const uint8_t plain_kinds[] = {
    [SVM_CPUID] = EXIT_CPUID, [SVM_HLT] = EXIT_HLT, [SVM_VMMCALL] = EXIT_HYPERCALL,
    [SVM_XSETBV] = EXIT_XSETBV, [SVM_RDPMC] = EXIT_RDPMC, [SVM_PAUSE] = EXIT_PAUSE,
    [SVM_INVD] = EXIT_CACHE, [SVM_WBINVD] = EXIT_CACHE,
    [SVM_VMRUN] = EXIT_UNDEFINED, [SVM_VMLOAD] = EXIT_UNDEFINED, [SVM_VMSAVE] = EXIT_UNDEFINED,
    [SVM_STGI] = EXIT_UNDEFINED, [SVM_CLGI] = EXIT_UNDEFINED, [SVM_SKINIT] = EXIT_UNDEFINED,
    [SVM_INVLPGA] = EXIT_UNDEFINED, [SVM_MONITOR] = EXIT_UNDEFINED, [SVM_MWAIT] = EXIT_UNDEFINED,
    [SVM_INVLPGB] = EXIT_UNDEFINED, [SVM_INVLPGB_ILLEGAL] = EXIT_UNDEFINED,
    [SVM_MCOMMIT] = EXIT_UNDEFINED, [SVM_TLBSYNC] = EXIT_UNDEFINED, [SVM_RDPRU] = EXIT_UNDEFINED,
    [SVM_FERR] = EXIT_FPU_ERROR, [SVM_SMI] = EXIT_INTR, [SVM_INIT] = EXIT_INIT,
    [SVM_SHUTDOWN] = EXIT_TRIPLE_FAULT, [SVM_WRITE_CR4] = EXIT_CR, [SVM_WRITE_CR8] = EXIT_CR,
};

static enum exit_kind plain_kind(uint32_t code)
{
    if (code == SVM_INVALID)
        return EXIT_BAD_STATE;
    enum exit_kind kind = code < ARRAY_LEN(plain_kinds) ? plain_kinds[code] : EXIT_NONE;
    return kind == EXIT_NONE ? EXIT_UNKNOWN : kind;
}

static void read_plain(struct vcpu *v, uint32_t code, struct vm_exit *out)
{
    const struct vmcb *b = svm_of(v)->vmcb;
    if (code >= SVM_EXC0 && code <= SVM_EXC31) {
        read_exception(v, (uint8_t)(code - SVM_EXC0), out);
    } else if (code == SVM_WRITE_DR5 || code == SVM_WRITE_DR7) {
        out->kind = EXIT_CR;
    } else if (code >= SVM_READ_DR0 && code <= SVM_WRITE_DR15) {
        svm_load_debug(svm_of(v));
        out->kind = EXIT_INTR;          /* the guest executes it again, now for itself */
    } else {
        out->kind = plain_kind(code);
        if (svm_caps.nrips)
            out->insn_len = (uint8_t)(b->next_rip - b->rip);
    }
}

void svm_read_exit(struct vcpu *v, struct vm_exit *out)
{
    const struct vmcb *b = svm_of(v)->vmcb;
    /* One emulator stores the code of a refused entry as 32 bits, hence the cut. */
    uint32_t code = (uint32_t)b->exit_code;
    out->insn_len = 0;
    out->raw_reason = b->exit_code;
    switch (code) {
    case SVM_INTR:
    case SVM_NMI:
        out->kind = EXIT_INTR;
        break;
    case SVM_IOIO:
        read_pio(b, out);
        break;
    case SVM_NPF:
        read_fault(b, out);
        break;
    case SVM_MSR:
        out->kind = EXIT_MSR;
        out->u.msr.write = b->exit_info1 & 1;
        if (svm_caps.nrips)
            out->insn_len = (uint8_t)(b->next_rip - b->rip);
        break;
    case SVM_VINTR:
        out->kind = EXIT_IRQ_WINDOW;
        break;
    case SVM_IRET:
        svm_iret_seen(v);
        out->kind = EXIT_INTR;          /* nothing for upper layers yet */
        break;
    default:
        read_plain(v, code, out);
    }
}
