/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consistency checks that VMRUN makes (APM vol. 2, 15.5.1) over a VMCB: to say in words why
 * the CPU answered VMEXIT_INVALID, and to refuse by ourselves what makes an emulator fail as a
 * whole instead. Pure, without loops over anything: cheap enough before an entry.
 *
 * Assumed: the CPU has long mode, and the host runs in it. Not covered are features that are
 * never switched on: SEV, CET, AVIC, VGIF and virtual NMIs.
 */
#ifndef ARCH_X86_SVM_CHECK_H
#define ARCH_X86_SVM_CHECK_H

#include "arch/x86/cpu/entry_check.h"
#include "arch/x86/svm/vmcb.h"

struct svm_check_limits {
    uint8_t  phys_bits;             /* CPUID 8000_0008 EAX[7:0] */
    uint32_t asids;                 /* CPUID 8000_000A EBX: ASIDs are below it */
    /* Bits that are not MBZ. What a guest is offered is a good choice: no guest has more. */
    uint64_t cr4, efer;
};

/* All that is wrong with *b, at most `max` findings; the result is their number. */
size_t svm_check_entry(const struct vmcb *b, const struct svm_check_limits *l,
                       struct entry_finding *out, size_t max);

#endif
