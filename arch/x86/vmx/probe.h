/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can this CPU run guests with VT-x, and with which controls? Pure: facts in, answer out.
 * SDM vol. 3, 24.6 to 24.8 and appendix A.
 */
#ifndef ARCH_X86_VMX_PROBE_H
#define ARCH_X86_VMX_PROBE_H

#include "socle/types.h"

/* What was read from the CPU. A capability MSR that does not exist is zero. */
struct vmx_facts {
    bool     has_vmx;               /* CPUID 1 ECX[5] */
    bool     feature_readable;      /* IA32_FEATURE_CONTROL exists */
    uint64_t feature;
    uint64_t basic;
    /* Those of the TRUE registers where BASIC says that they exist. */
    uint64_t pin, proc, exit, entry, proc2;
    uint64_t ept_vpid, misc;
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
};

struct vmx_caps {
    bool     lock_feature;          /* firmware left FEATURE_CONTROL open: write `feature` first */
    uint64_t feature;
    uint32_t revision;
    uint32_t pin, proc, proc2, exit, entry;     /* the controls that every VMCS starts with */
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    bool     ept_1g, ept_ad, invept_all, vpid, invvpid_context;
    bool     timer, virtual_apic;   /* virtual_apic: x2APIC mode needs no exits for most of it */
    uint8_t  timer_shift;           /* the preemption timer counts TSC bit `shift` */
};

/*
 * True: *caps is filled in. False: `why` has one line for the operator, with what to do; it
 * is empty when the CPU has no VT-x at all.
 */
MUST_CHECK bool vmx_evaluate(const struct vmx_facts *f, struct vmx_caps *caps, char *why, size_t size);

#endif
