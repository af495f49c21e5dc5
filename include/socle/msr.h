/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of model-specific registers: SDM vol. 4, chapter 2; APM vol. 2, appendix A;
 * AMD PPR/BKDG for the C001 range; Linux Documentation/virt/kvm/x86/msr.rst for KVM's.
 */
#ifndef SOCLE_MSR_H
#define SOCLE_MSR_H

#define MSR_P5_MC_ADDR          0x00000000u
#define MSR_P5_MC_TYPE          0x00000001u
#define MSR_TSC                 0x00000010u
#define MSR_PLATFORM_ID         0x00000017u
#define MSR_APIC_BASE           0x0000001bu
#define MSR_EBL_CR_POWERON      0x0000002au
#define MSR_SMI_COUNT           0x00000034u
#define MSR_CORE_THREAD_COUNT   0x00000035u
#define MSR_FEATURE_CONTROL     0x0000003au
#define MSR_TSC_ADJUST          0x0000003bu
#define MSR_SPEC_CTRL           0x00000048u
#define MSR_PRED_CMD            0x00000049u
#define MSR_BIOS_UPDT_TRIG      0x00000079u
#define MSR_BIOS_SIGN_ID        0x0000008bu     /* AMD: PATCH_LEVEL */
#define MSR_PMC0                0x000000c1u     /* to 0xc8 */
#define MSR_FSB_FREQ            0x000000cdu
#define MSR_PLATFORM_INFO       0x000000ceu
#define MSR_MPERF               0x000000e7u
#define MSR_APERF               0x000000e8u
#define MSR_MTRR_CAP            0x000000feu
#define MSR_ARCH_CAPABILITIES   0x0000010au
#define MSR_FLUSH_CMD           0x0000010bu
#define MSR_BBL_CR_CTL3         0x0000011eu
#define MSR_MISC_FEATURES       0x00000140u
#define MSR_SYSENTER_CS         0x00000174u
#define MSR_SYSENTER_ESP        0x00000175u
#define MSR_SYSENTER_EIP        0x00000176u
#define MSR_MCG_CAP             0x00000179u
#define MSR_MCG_STATUS          0x0000017au
#define MSR_MCG_CTL             0x0000017bu
#define MSR_PERFEVTSEL0         0x00000186u     /* to 0x18d */
#define MSR_PERF_STATUS         0x00000198u
#define MSR_PERF_CTL            0x00000199u
#define MSR_THERM_INTERRUPT     0x0000019bu
#define MSR_THERM_STATUS        0x0000019cu
#define MSR_MISC_ENABLE         0x000001a0u
#define MSR_DEBUGCTL            0x000001d9u
#define MSR_LASTBRANCHFROM      0x000001dbu     /* AMD; to 0x1de */
#define MSR_MTRR_PHYS0          0x00000200u     /* base, mask; pairs */
#define MSR_MTRR_FIX64K         0x00000250u
#define MSR_MTRR_FIX16K         0x00000258u     /* 2 */
#define MSR_MTRR_FIX4K          0x00000268u     /* 8 */
#define MSR_PAT                 0x00000277u
#define MSR_MTRR_DEF_TYPE       0x000002ffu
#define MSR_MC0_CTL             0x00000400u     /* CTL, STATUS, ADDR, MISC per bank */
#define MSR_TSC_DEADLINE        0x000006e0u
#define MSR_X2APIC              0x00000800u     /* to 0x8ff */
#define MSR_XSS                 0x00000da0u

#define MSR_KVM_WALL_CLOCK_OLD  0x00000011u
#define MSR_KVM_SYSTEM_TIME_OLD 0x00000012u
#define MSR_KVM_WALL_CLOCK      0x4b564d00u
#define MSR_KVM_SYSTEM_TIME     0x4b564d01u
#define MSR_KVM_PV_EOI          0x4b564d04u
#define MSR_KVM_LAST            0x4b564d08u

#define MSR_EFER                0xc0000080u
#define MSR_STAR                0xc0000081u
#define MSR_LSTAR               0xc0000082u
#define MSR_CSTAR               0xc0000083u
#define MSR_SFMASK              0xc0000084u
#define MSR_FS_BASE             0xc0000100u
#define MSR_GS_BASE             0xc0000101u
#define MSR_KERNEL_GS_BASE      0xc0000102u
#define MSR_TSC_AUX             0xc0000103u
#define MSR_TSC_RATIO           0xc0000104u

#define MSR_K7_EVNTSEL0         0xc0010000u     /* 4, then PERFCTR 4 */
#define MSR_K7_PERFCTR0         0xc0010004u
#define MSR_SYSCFG              0xc0010010u
#define MSR_HWCR                0xc0010015u
#define MSR_IORR_BASE0          0xc0010016u     /* to 0xc0010019 */
#define MSR_TOP_MEM             0xc001001au
#define MSR_TOP_MEM2            0xc001001du
#define MSR_NB_CFG              0xc001001fu
#define MSR_PATCH_LOADER        0xc0010020u
#define MSR_INT_PENDING         0xc0010055u
#define MSR_MMIO_CONF_BASE      0xc0010058u
#define MSR_PSTATE_LIMIT        0xc0010061u
#define MSR_PSTATE_CTL          0xc0010062u
#define MSR_PSTATE_STATUS       0xc0010063u
#define MSR_PSTATE0             0xc0010064u     /* 8 */
#define MSR_SMM_ADDR            0xc0010112u
#define MSR_SMM_MASK            0xc0010113u
#define MSR_VM_CR               0xc0010114u
#define MSR_IGNNE               0xc0010115u
#define MSR_VM_HSAVE_PA         0xc0010117u
#define MSR_OSVW_LENGTH         0xc0010140u
#define MSR_OSVW_STATUS         0xc0010141u
#define MSR_F15H_PERF0          0xc0010200u     /* CTL, CTR pairs; 6 */
#define MSR_CPUID_EXT7          0xc0011002u     /* feature overrides, to 0xc0011005 */
#define MSR_LS_CFG              0xc0011020u
#define MSR_IC_CFG              0xc0011021u
#define MSR_DC_CFG              0xc0011022u
#define MSR_BU_CFG              0xc0011023u
#define MSR_FP_CFG              0xc0011028u
#define MSR_DE_CFG              0xc0011029u
#define MSR_BU_CFG2             0xc001102au

#endif
