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
}

/* Kinds that need nothing but an instruction length. */
static enum exit_kind plain_kind(uint32_t code)
{
    switch (code) {
    case SVM_CPUID:   return EXIT_CPUID;
    case SVM_HLT:     return EXIT_HLT;
    case SVM_VMMCALL: return EXIT_HYPERCALL;
    case SVM_XSETBV:  return EXIT_XSETBV;
    case SVM_RDPMC:   return EXIT_RDPMC;
    case SVM_PAUSE:   return EXIT_PAUSE;
    case SVM_INVD:
    case SVM_WBINVD:  return EXIT_CACHE;
    case SVM_VMRUN:
    case SVM_VMLOAD:
    case SVM_VMSAVE:
    case SVM_STGI:
    case SVM_CLGI:
    case SVM_SKINIT:
    case SVM_INVLPGA:
    case SVM_MONITOR:
    case SVM_MWAIT:
    case SVM_INVLPGB:
    case SVM_INVLPGB_ILLEGAL:
    case SVM_MCOMMIT:
    case SVM_TLBSYNC:
    case SVM_RDPRU:   return EXIT_UNDEFINED;
    case SVM_FERR:    return EXIT_FPU_ERROR;
    case SVM_INTR:
    case SVM_NMI:
    case SVM_SMI:     return EXIT_INTR;
    case SVM_INIT:    return EXIT_INIT;
    case SVM_SHUTDOWN: return EXIT_TRIPLE_FAULT;
    case SVM_WRITE_CR4:
    case SVM_WRITE_CR8: return EXIT_CR;
    case SVM_INVALID: return EXIT_BAD_STATE;
    default:          return EXIT_UNKNOWN;
    }
}

static void read_plain(struct vcpu *v, uint32_t code, struct vm_exit *out)
{
    const struct vmcb *b = svm_of(v)->vmcb;
    if (code >= SVM_EXC0 && code <= SVM_EXC31) {
        read_exception(v, (uint8_t)(code - SVM_EXC0), out);
    } else if (code >= SVM_READ_DR0 && code <= SVM_WRITE_DR15) {
        svm_load_debug(svm_of(v));
        out->kind = EXIT_INTR;          /* the guest executes it again, now for itself */
    } else {
        out->kind = plain_kind(code);
        if (svm_caps.nrips && out->kind != EXIT_INTR)
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
