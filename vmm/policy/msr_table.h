/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of MSR, and which MSR is of which kind for which vendor. */
#ifndef MSR_TABLE_H
#define MSR_TABLE_H

#include "socle/policy.h"

enum msr_kind {
    M_UNKNOWN,          /* #GP, counted */
    M_CORE,             /* the core does everything */
    M_TSC_ADJUST,       /* the core, if offered */
    M_DEADLINE,
    M_KVM_CLOCK,
    M_PV_EOI,
    M_ZERO,             /* reads 0, writes vanish */
    M_ZERO_RO,          /* reads 0, writes #GP */
    M_ZERO_ONLY,        /* reads 0 and takes nothing else */
    M_REG,              /* in struct vcpu_state, no rule */
    M_REG_CANONICAL,
    M_REG_LOW32,        /* upper half does not exist and is dropped */
    M_SYSENTER_ADDRESS,
    M_PAT,
    M_EFER,
    M_MICROCODE,
    M_FEATURE_CONTROL,
    M_CORE_COUNT,
    M_FSB,
    M_L2_CONTROL,
    M_PLATFORM_INFO,
    M_MISC_ENABLE,
    M_DEBUGCTL,
    M_MTRR_CAP,
    M_MTRR_DEF,
    M_MTRR_FIXED,
    M_MTRR_VARIABLE,
    M_MCG_CAP,
    M_MCG_STATUS,
    M_MC_BANK,
    M_SPEC_CTRL,
    M_PRED_CMD,
    M_FLUSH_CMD,
    M_ARCH_CAP,
    M_XSS,
    M_TSC_AUX,
    M_SYSCFG,
    M_HWCR,
    M_VM_CR,
    M_DE_CFG
};

enum { MC_BANKS = 4 };

enum msr_kind policy_msr_kind(enum cpu_vendor vendor, uint32_t index);
/* Index into msr_state.mtrr_fixed for an M_MTRR_FIXED. */
unsigned policy_mtrr_fixed(uint32_t index);

/* Are these values legal for the register? */
bool policy_pat_ok(uint64_t value);
bool policy_mtrr_def_ok(uint64_t value);
bool policy_mtrr_fixed_ok(uint64_t value);
/* n: even: base, odd: mask */
bool policy_mtrr_variable_ok(const struct guest_cpu *g, unsigned n, uint64_t value);

#endif
