/* SPDX-License-Identifier: BSD-2-Clause */
/* Can this CPU run guests with AMD-V? Pure: facts in, answer out. APM vol. 2, 15.4. */
#ifndef ARCH_X86_SVM_PROBE_H
#define ARCH_X86_SVM_PROBE_H

#include "socle/types.h"

/* What was read from the CPU. */
struct svm_facts {
    uint32_t max_ext;           /* CPUID 8000_0000 EAX */
    uint32_t ext1_ecx;          /* CPUID 8000_0001 ECX: bit 2 SVM */
    uint32_t svm_ebx, svm_edx;  /* CPUID 8000_000A: number of ASIDs, features */
    bool     vm_cr_readable;    /* the MSR exists */
    uint64_t vm_cr;
};

struct svm_caps {
    bool     clear_svmdis;      /* switched off but not locked: VM_CR.SVMDIS is to be cleared first */
    uint32_t asids;             /* usable: 1 .. asids - 1 */
    bool     nrips, clean_bits, flush_by_asid, decode_assists, pause_filter, pause_threshold, lbrv;
};

/*
 * True: *caps is filled in. False: `why` has one line for the operator, with what to do; it
 * is empty when the CPU has no AMD-V at all.
 */
MUST_CHECK bool svm_evaluate(const struct svm_facts *f, struct svm_caps *caps, char *why,
                             size_t size);

#endif
