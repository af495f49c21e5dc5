/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which model-specific registers exist for a guest: those that unmodified Linux, BSD and
 * Windows touch on each vendor's CPUs (SDM vol. 4; AMD's BKDGs and PPRs). What stands
 * here as zero is a register of the physical chip that has nothing to say in a VM. All
 * others fault, as unimplemented registers do.
 */
#include "msr_table.h"
#include "socle/bits.h"

enum { INTEL = 1 << CPU_INTEL, AMD = 1 << CPU_AMD, BOTH = INTEL | AMD };

struct msr_range {
    uint32_t first, last;
    uint8_t  vendors;
    uint8_t  kind;              /* enum msr_kind */
};

/* In ascending order, without overlap: searched by halves. */
static const struct msr_range table[] = {
    { MSR_P5_MC_ADDR, MSR_P5_MC_TYPE, BOTH, M_ZERO },
    { MSR_TSC, MSR_TSC, BOTH, M_CORE },
    { MSR_KVM_WALL_CLOCK_OLD, MSR_KVM_SYSTEM_TIME_OLD, BOTH, M_KVM_CLOCK },
    { MSR_PLATFORM_ID, MSR_PLATFORM_ID, INTEL, M_ZERO_RO },
    { MSR_APIC_BASE, MSR_APIC_BASE, BOTH, M_CORE },
    { MSR_EBL_CR_POWERON, MSR_EBL_CR_POWERON, BOTH, M_ZERO },
    { MSR_SMI_COUNT, MSR_SMI_COUNT, INTEL, M_ZERO_RO },
    { MSR_CORE_THREAD_COUNT, MSR_CORE_THREAD_COUNT, INTEL, M_CORE_COUNT },
    { MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, INTEL, M_FEATURE_CONTROL },
    { MSR_TSC_ADJUST, MSR_TSC_ADJUST, BOTH, M_TSC_ADJUST },
    { MSR_SPEC_CTRL, MSR_SPEC_CTRL, BOTH, M_SPEC_CTRL },
    { MSR_PRED_CMD, MSR_PRED_CMD, BOTH, M_PRED_CMD },
    { MSR_BIOS_UPDT_TRIG, MSR_BIOS_UPDT_TRIG, INTEL, M_ZERO },
    { MSR_BIOS_SIGN_ID, MSR_BIOS_SIGN_ID, BOTH, M_MICROCODE },
    { MSR_PMC0, MSR_PMC0 + 1, INTEL, M_ZERO },
    { MSR_FSB_FREQ, MSR_FSB_FREQ, INTEL, M_FSB },
    { MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, INTEL, M_PLATFORM_INFO },
    { MSR_MTRR_CAP, MSR_MTRR_CAP, BOTH, M_MTRR_CAP },
    { MSR_ARCH_CAPABILITIES, MSR_ARCH_CAPABILITIES, INTEL, M_ARCH_CAP },
    { MSR_FLUSH_CMD, MSR_FLUSH_CMD, BOTH, M_FLUSH_CMD },
    { MSR_BBL_CR_CTL3, MSR_BBL_CR_CTL3, INTEL, M_L2_CONTROL },
    { MSR_MISC_FEATURES, MSR_MISC_FEATURES, INTEL, M_ZERO_ONLY },
    { MSR_SYSENTER_CS, MSR_SYSENTER_CS, BOTH, M_REG_LOW32 },
    { MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, BOTH, M_SYSENTER_ADDRESS },
    { MSR_MCG_CAP, MSR_MCG_CAP, BOTH, M_MCG_CAP },
    { MSR_MCG_STATUS, MSR_MCG_STATUS, BOTH, M_MCG_STATUS },
    { MSR_PERFEVTSEL0, MSR_PERFEVTSEL0 + 1, INTEL, M_ZERO },
    { MSR_PERF_STATUS, MSR_PERF_CTL, INTEL, M_ZERO },
    { MSR_MISC_ENABLE, MSR_MISC_ENABLE, INTEL, M_MISC_ENABLE },
    { MSR_DEBUGCTL, MSR_DEBUGCTL, BOTH, M_DEBUGCTL },
    { MSR_LASTBRANCHFROM, MSR_LASTBRANCHFROM + 3, BOTH, M_ZERO },
    { MSR_MTRR_PHYS0, MSR_MTRR_PHYS0 + 2 * MTRR_VARIABLE - 1, BOTH, M_MTRR_VARIABLE },
    { MSR_MTRR_FIX64K, MSR_MTRR_FIX64K, BOTH, M_MTRR_FIXED },
    { MSR_MTRR_FIX16K, MSR_MTRR_FIX16K + 1, BOTH, M_MTRR_FIXED },
    { MSR_MTRR_FIX4K, MSR_MTRR_FIX4K + 7, BOTH, M_MTRR_FIXED },
    { MSR_PAT, MSR_PAT, BOTH, M_PAT },
    { MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, BOTH, M_MTRR_DEF },
    { MSR_MC0_CTL, MSR_MC0_CTL + 4 * MC_BANKS - 1, BOTH, M_MC_BANK },
    { MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, BOTH, M_DEADLINE },
    { MSR_XSS, MSR_XSS, BOTH, M_XSS },
    { MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, BOTH, M_KVM_CLOCK },
    { MSR_KVM_PV_EOI, MSR_KVM_PV_EOI, BOTH, M_PV_EOI },
    { MSR_EFER, MSR_EFER, BOTH, M_EFER },
    { MSR_STAR, MSR_STAR, BOTH, M_REG },
    { MSR_LSTAR, MSR_CSTAR, BOTH, M_REG_CANONICAL },
    { MSR_SFMASK, MSR_SFMASK, BOTH, M_REG_LOW32 },
    { MSR_FS_BASE, MSR_KERNEL_GS_BASE, BOTH, M_REG_CANONICAL },
    { MSR_TSC_AUX, MSR_TSC_AUX, BOTH, M_TSC_AUX },
    { MSR_K7_EVNTSEL0, MSR_K7_PERFCTR0 + 3, AMD, M_ZERO },
    { MSR_SYSCFG, MSR_SYSCFG, AMD, M_SYSCFG },
    { MSR_HWCR, MSR_HWCR, AMD, M_HWCR },
    { MSR_IORR_BASE0, MSR_TOP_MEM, AMD, M_ZERO },
    { MSR_TOP_MEM2, MSR_TOP_MEM2, AMD, M_ZERO },
    { MSR_NB_CFG, MSR_PATCH_LOADER, AMD, M_ZERO },
    { MSR_INT_PENDING, MSR_INT_PENDING, AMD, M_ZERO },
    { MSR_MMIO_CONF_BASE, MSR_MMIO_CONF_BASE, AMD, M_ZERO },
    { MSR_PSTATE_LIMIT, MSR_PSTATE_LIMIT, AMD, M_ZERO_RO },
    { MSR_PSTATE_CTL, MSR_PSTATE0 + 7, AMD, M_ZERO },
    { MSR_SMM_ADDR, MSR_SMM_MASK, AMD, M_ZERO },
    { MSR_VM_CR, MSR_VM_CR, AMD, M_VM_CR },
    { MSR_IGNNE, MSR_IGNNE, AMD, M_ZERO },
    { MSR_VM_HSAVE_PA, MSR_VM_HSAVE_PA, AMD, M_ZERO_RO },
    { MSR_IC_CFG, MSR_BU_CFG, AMD, M_ZERO },
    { MSR_FP_CFG, MSR_FP_CFG, AMD, M_ZERO },
    { MSR_DE_CFG, MSR_DE_CFG, AMD, M_DE_CFG },
    { MSR_BU_CFG2, MSR_BU_CFG2, AMD, M_ZERO },
};

enum msr_kind policy_msr_kind(enum cpu_vendor vendor, uint32_t index)
{
    unsigned low = 0, high = ARRAY_LEN(table);
    if (index - MSR_X2APIC <= 0xff)     /* EOI and ICR: the hottest of all */
        return M_CORE;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (index > table[mid].last)
            low = mid + 1;
        else if (index < table[mid].first)
            high = mid;
        else
            return table[mid].vendors & 1u << vendor ? (enum msr_kind)table[mid].kind : M_UNKNOWN;
    }
    return M_UNKNOWN;
}

/* ---- memory types: SDM vol. 3, 12.11 and 12.12 ---- */

/* UC, WC, WT, WP, WB */
static bool mtrr_type_ok(uint64_t t) { return t <= 6 && t != 2 && t != 3; }

unsigned policy_mtrr_fixed(uint32_t index)
{
    if (index >= MSR_MTRR_FIX4K)
        return 3 + index - MSR_MTRR_FIX4K;
    return index >= MSR_MTRR_FIX16K ? 1 + index - MSR_MTRR_FIX16K : 0;
}

bool policy_mtrr_def_ok(uint64_t v)
{
    return !(v & ~0xcffull) && mtrr_type_ok(v & 0xff);
}

bool policy_mtrr_fixed_ok(uint64_t v)
{
    for (unsigned i = 0; i < 64; i += 8) {
        if (!mtrr_type_ok(v >> i & 0xff))
            return false;
    }
    return true;
}

bool policy_mtrr_variable_ok(const struct guest_cpu *g, unsigned n, uint64_t v)
{
    uint64_t address = MASK64(g->phys_bits - 1, PAGE_SHIFT);
    if (n & 1)
        return !(v & ~(address | BIT64(11)));
    return !(v & ~(address | 0xff)) && mtrr_type_ok(v & 0xff);
}

bool policy_pat_ok(uint64_t v)
{
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t t = v >> i & 0xff;
        if (!mtrr_type_ok(t) && t != 7)         /* UC- is a PAT type only */
            return false;
    }
    return true;
}
