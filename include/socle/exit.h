/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a vCPU left guest mode, in terms of the architecture and not of VT-x or AMD-V.
 * The backend fills in what the kind needs; raw values are for the log only.
 */
#ifndef SOCLE_EXIT_H
#define SOCLE_EXIT_H

#include "socle/types.h"

enum exit_kind {
    EXIT_NONE,              /* no exit */
    EXIT_INTR,              /* host interrupt or NMI: served already */
    EXIT_IRQ_WINDOW,        /* the guest can take an interrupt now */
    EXIT_NMI_WINDOW,        /* the guest ended an NMI handler; the window is closed again */
    EXIT_PIO,               /* IN, OUT, INS, OUTS */
    EXIT_FAULT,             /* second-level page fault */
    EXIT_CPUID,
    EXIT_MSR,
    EXIT_CR,                /* MOV to CR0, CR4, CR8 or DR7 */
    EXIT_XSETBV,
    EXIT_HLT,
    EXIT_HYPERCALL,
    EXIT_PAUSE,
    EXIT_CACHE,             /* INVD, WBINVD: nothing to do */
    EXIT_RDPMC,
    EXIT_UNDEFINED,         /* instruction that the guest does not have: #UD */
    EXIT_EXCEPTION,         /* intercepted exception */
    EXIT_FPU_ERROR,         /* x87 error with CR0.NE clear: a PC reports it by IRQ 13 */
    EXIT_TRIPLE_FAULT,
    EXIT_INIT,              /* the host got an INIT signal */
    EXIT_EOI,               /* the CPU did an EOI; the I/O APIC wants to know */
    EXIT_TASK_SWITCH,       /* by a task gate or a TSS; insn_len 0: not by an instruction */
    EXIT_BAD_STATE,         /* the CPU refused the guest's state */
    EXIT_UNKNOWN,           /* a reason that was never asked for */
    EXIT_KINDS
};

/* Lower-case name of a kind, as `exits` shows it. */
const char *exit_kind_name(enum exit_kind kind);

struct vm_exit {
    enum exit_kind kind;
    uint8_t insn_len;       /* of the instruction that exited; 0: to be decoded */
    union {
        struct { uint16_t port; uint8_t size; bool in, string; } pio;
        struct { uint64_t gpa; bool write, fetch, walk; } fault;    /* walk: of a guest table */
        struct { bool write; } msr;
        struct { uint8_t vector; } eoi;
        /* dr6: bits that a #DB has not set in the register yet; insn_len: of INT1, to step over */
        struct { uint8_t vector; bool has_error; uint32_t error; uint64_t cr2, dr6; } exc;
        /*
         * source: enum task_source; event: an event met a task gate in the IDT, `error` is its
         * code. insn_len has the instruction (CALL, JMP, IRET, INT n, INT3, INTO, INT1), 0 for
         * any other event.
         */
        struct { uint16_t selector; uint8_t source; bool has_error, event; uint32_t error; } task;
    } u;
    uint64_t raw_reason, raw_info[2];
};

#endif
