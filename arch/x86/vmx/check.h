/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks that the CPU makes at VM entry (SDM vol. 3, 27.2 and 27.3.1), over a copy of the
 * VMCS: to say in words why an entry failed, which the CPU itself does not. Pure.
 *
 * Assumed: the CPU runs in IA-32e mode, outside of SMM and without dual-monitor treatment.
 * Not covered are features that are never switched on and whose fields vmcs.h does not list
 * (APIC-access page, posted interrupts, PML, VM functions, VMCS shadowing, #VE, processor
 * trace, TSC scaling, PERF_GLOBAL_CTRL, BNDCFGS, CET, PKRS), and what would have to be read from
 * memory: the PDPTEs without EPT, what the link pointer points to.
 */
#ifndef ARCH_X86_VMX_CHECK_H
#define ARCH_X86_VMX_CHECK_H

#include "arch/x86/cpu/entry_check.h"
#include "arch/x86/vmx/probe.h"
#include "arch/x86/vmx/vmcs.h"

struct vmx_check_limits {
    struct vmx_facts cpu;           /* its capability MSRs; has_vmx and feature do not matter */
    uint8_t phys_bits;              /* CPUID 8000_0008 EAX[7:0] */
    uint8_t linear_bits;            /* EAX[15:8] of the same leaf: 48 or 57 */
    bool    sgx, rtm;               /* CPUID 7.0 EBX[2] and EBX[11] */
};

/*
 * All that is wrong with *m, in the order of the manual, at most `max` findings; the result is
 * their number. The caller also fills in m->vtpr, which is not a field.
 */
size_t vmx_check_entry(const struct vmcs_image *m, const struct vmx_check_limits *l,
                       struct entry_finding *out, size_t max);

#endif
