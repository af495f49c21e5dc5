/* SPDX-License-Identifier: BSD-2-Clause */
/* VT-x's constants: SDM vol. 3, chapters 24 to 28, appendices A and C. */
#ifndef ARCH_X86_VMX_VMX_BITS_H
#define ARCH_X86_VMX_VMX_BITS_H

#include "socle/bits.h"

/* Capability MSRs (appendix A). */
#define MSR_VMX_BASIC           0x480u
#define MSR_VMX_PINBASED        0x481u
#define MSR_VMX_PROCBASED       0x482u
#define MSR_VMX_EXIT            0x483u
#define MSR_VMX_ENTRY           0x484u
#define MSR_VMX_MISC            0x485u
#define MSR_VMX_CR0_FIXED0      0x486u
#define MSR_VMX_CR0_FIXED1      0x487u
#define MSR_VMX_CR4_FIXED0      0x488u
#define MSR_VMX_CR4_FIXED1      0x489u
#define MSR_VMX_PROCBASED2      0x48bu
#define MSR_VMX_EPT_VPID        0x48cu
#define MSR_VMX_TRUE_PINBASED   0x48du
#define MSR_VMX_TRUE_PROCBASED  0x48eu
#define MSR_VMX_TRUE_EXIT       0x48fu
#define MSR_VMX_TRUE_ENTRY      0x490u

#define BASIC_REVISION          0x7fffffffu     /* A.1 */
#define BASIC_TRUE_CONTROLS     BIT64(55)
#define BASIC_ERROR_CODE_FREE   BIT64(56)       /* exceptions may come with an error code or without */

/* IA32_FEATURE_CONTROL (vol. 3, 24.7). */
#define FEATURE_LOCKED          BIT64(0)
#define FEATURE_VMX             BIT64(2)        /* VMXON outside of SMX operation */

/* Pin-based controls (table 25-5). */
enum { PIN_INTR = BIT(0), PIN_NMI = BIT(3), PIN_VIRTUAL_NMI = BIT(5), PIN_TIMER = BIT(6) };

/* Primary processor-based controls (table 25-6). */
enum {
    PROC_IRQ_WINDOW = BIT(2), PROC_TSC_OFFSET = BIT(3), PROC_HLT = BIT(7), PROC_INVLPG = BIT(9),
    PROC_MWAIT = BIT(10), PROC_RDPMC = BIT(11), PROC_RDTSC = BIT(12), PROC_CR3_LOAD = BIT(15),
    PROC_CR3_STORE = BIT(16), PROC_CR8_LOAD = BIT(19), PROC_CR8_STORE = BIT(20),
    PROC_TPR_SHADOW = BIT(21), PROC_NMI_WINDOW = BIT(22), PROC_MOV_DR = BIT(23), PROC_IO = BIT(24),
    PROC_IO_BITMAPS = BIT(25), PROC_MTF = BIT(27), PROC_MSR_BITMAP = BIT(28),
    PROC_MONITOR = BIT(29), PROC_PAUSE = BIT(30),
};
#define PROC_SECONDARY          BIT(31)

/* Secondary processor-based controls (table 25-7). */
enum {
    PROC2_APIC_ACCESS = BIT(0), PROC2_EPT = BIT(1), PROC2_DTABLE = BIT(2), PROC2_RDTSCP = BIT(3),
    PROC2_X2APIC = BIT(4), PROC2_VPID = BIT(5), PROC2_WBINVD = BIT(6), PROC2_UNRESTRICTED = BIT(7),
    PROC2_APIC_REGISTERS = BIT(8), PROC2_VIRTUAL_INTR = BIT(9), PROC2_PLE = BIT(10),
    PROC2_RDRAND = BIT(11), PROC2_INVPCID = BIT(12), PROC2_VMFUNC = BIT(13),
    PROC2_SHADOW_VMCS = BIT(14), PROC2_ENCLS = BIT(15), PROC2_RDSEED = BIT(16), PROC2_PML = BIT(17),
    PROC2_EPT_VE = BIT(18), PROC2_XSAVES = BIT(20), PROC2_MODE_EXECUTE = BIT(22),
};
#define PROC2_NOTIFY            BIT(31)

/* Exit controls (table 25-13). */
enum {
    EXIT_SAVE_DEBUG = BIT(2), EXIT_HOST_64 = BIT(9), EXIT_LOAD_PERF = BIT(12), EXIT_ACK = BIT(15),
    EXIT_SAVE_PAT = BIT(18), EXIT_LOAD_PAT = BIT(19), EXIT_SAVE_EFER = BIT(20),
    EXIT_LOAD_EFER = BIT(21), EXIT_SAVE_TIMER = BIT(22),
};

/* Entry controls (table 25-15). */
enum {
    ENTRY_LOAD_DEBUG = BIT(2), ENTRY_GUEST_64 = BIT(9), ENTRY_SMM = BIT(10),
    ENTRY_DUAL_MONITOR = BIT(11), ENTRY_LOAD_PERF = BIT(13), ENTRY_LOAD_PAT = BIT(14),
    ENTRY_LOAD_EFER = BIT(15), ENTRY_LOAD_BNDCFGS = BIT(16), ENTRY_LOAD_RTIT = BIT(18),
    ENTRY_LOAD_CET = BIT(20), ENTRY_LOAD_PKRS = BIT(22),
};

/* IA32_VMX_MISC (A.6). */
#define MISC_TIMER_SHIFT        MASK64(4, 0)
#define MISC_STORES_LMA         BIT64(5)        /* exits put EFER.LMA into ENTRY_GUEST_64 */
#define MISC_ACTIVITY_SHIFT     6               /* from there on: HLT, shutdown, wait-for-SIPI exist */
#define MISC_CR3_TARGETS_SHIFT  16              /* bits 24:16 */
#define MISC_ENTRY_LENGTH_0     BIT64(30)       /* software events of length 0 may be injected */

/* IA32_VMX_EPT_VPID_CAP (A.10). */
#define EPT_CAP_WALK_4          BIT64(6)
#define EPT_CAP_WALK_5          BIT64(7)
#define EPT_CAP_UC              BIT64(8)
#define EPT_CAP_WB              BIT64(14)
#define EPT_CAP_2M              BIT64(16)
#define EPT_CAP_1G              BIT64(17)
#define EPT_CAP_INVEPT          BIT64(20)
#define EPT_CAP_AD              BIT64(21)
#define EPT_CAP_SHADOW_STACK    BIT64(23)
#define EPT_CAP_INVEPT_CONTEXT  BIT64(25)
#define EPT_CAP_INVEPT_ALL      BIT64(26)
#define VPID_CAP_INVVPID        BIT64(32)
#define VPID_CAP_CONTEXT        BIT64(41)
#define VPID_CAP_ALL            BIT64(42)

/* EPTP (table 25-9). */
#define EPTP_TYPE               7ull
#define EPTP_UC                 0ull
#define EPTP_WB                 6ull
#define EPTP_WALK               (7ull << 3)
#define EPTP_WALK_4             (3ull << 3)
#define EPTP_WALK_5             (4ull << 3)
#define EPTP_AD                 BIT64(6)
#define EPTP_SHADOW_STACK       BIT64(7)

/* Types of INVEPT and INVVPID (vol. 3, chapter 31). */
enum { INVEPT_CONTEXT = 1, INVEPT_ALL = 2, INVVPID_CONTEXT = 1, INVVPID_ALL = 2 };

/* Event fields: entry (table 25-17), exit (25-18) and vectoring (25-19) information. */
#define EVENT_VECTOR            0xffu
#define EVENT_TYPE_SHIFT        8
#define EVENT_TYPE              (7u << EVENT_TYPE_SHIFT)
#define EVENT_HAS_ERROR         BIT(11)
#define EVENT_NMI_UNBLOCKED     BIT(12)         /* exit: by an IRET that then faulted */
#define EVENT_VALID             BIT(31)
enum {
    EVENT_TYPE_INTR = 0, EVENT_TYPE_NMI = 2, EVENT_TYPE_EXCEPTION = 3, EVENT_TYPE_SOFT_INT = 4,
    EVENT_TYPE_PRIVILEGED = 5, EVENT_TYPE_SOFT_EXCEPTION = 6, EVENT_TYPE_OTHER = 7,
};

/* Guest interruptibility (table 25-3), activity (25.4.2), pending debug exceptions (25-4). */
enum {
    BLOCK_STI = BIT(0), BLOCK_MOV_SS = BIT(1), BLOCK_SMI = BIT(2), BLOCK_NMI = BIT(3),
    BLOCK_ENCLAVE = BIT(4),
};
enum { ACTIVITY_ACTIVE = 0, ACTIVITY_HLT = 1, ACTIVITY_SHUTDOWN = 2, ACTIVITY_WAIT_SIPI = 3 };
#define PENDING_ENABLED_BP      BIT64(12)
#define PENDING_STEP            BIT64(14)       /* BS */
#define PENDING_RTM             BIT64(16)

/* Access rights (table 25-2). */
#define AR_TYPE                 0xfu
#define AR_S                    BIT(4)
#define AR_DPL_SHIFT            5
#define AR_P                    BIT(7)
#define AR_L                    BIT(13)
#define AR_DB                   BIT(14)
#define AR_G                    BIT(15)
#define AR_UNUSABLE             BIT(16)

/* Qualifications: ports (table 28-5), EPT violations (28-7), control registers (28-3),
 * debug registers (28-4), task switches (28-2). */
#define IO_SIZE                 7u
#define IO_IN                   BIT64(3)
#define IO_STRING               BIT64(4)
#define IO_PORT_SHIFT           16
#define EPT_WRITE               BIT64(1)
#define EPT_FETCH               BIT64(2)
#define EPT_LINEAR              BIT64(7)        /* there was a linear address ... */
#define EPT_FINAL               BIT64(8)        /* ... and this is its translation, not a table */
#define EPT_NMI_UNBLOCKED       BIT64(12)
#define TASK_SELECTOR           0xffffu
#define TASK_SOURCE_SHIFT       30
#define DEBUG_DR6               (0xfull | BIT64(13) | BIT64(14) | BIT64(11))   /* table 28-1 */

#define EXIT_REASON_BASIC       0xffffu
#define EXIT_REASON_ENTRY       BIT(31)         /* the entry failed */

/* Basic exit reasons (appendix C). */
enum {
    VMX_EXCEPTION = 0, VMX_INTR = 1, VMX_TRIPLE_FAULT = 2, VMX_INIT = 3, VMX_SIPI = 4,
    VMX_IRQ_WINDOW = 7, VMX_NMI_WINDOW = 8, VMX_TASK_SWITCH = 9, VMX_CPUID = 10, VMX_GETSEC = 11,
    VMX_HLT = 12, VMX_INVD = 13, VMX_INVLPG = 14, VMX_RDPMC = 15, VMX_RDTSC = 16, VMX_RSM = 17,
    VMX_VMCALL = 18, VMX_VMCLEAR = 19, VMX_VMLAUNCH = 20, VMX_VMPTRLD = 21, VMX_VMPTRST = 22,
    VMX_VMREAD = 23, VMX_VMRESUME = 24, VMX_VMWRITE = 25, VMX_VMXOFF = 26, VMX_VMXON = 27,
    VMX_CR = 28, VMX_DR = 29, VMX_IO = 30, VMX_RDMSR = 31, VMX_WRMSR = 32,
    VMX_BAD_GUEST = 33, VMX_BAD_MSR = 34, VMX_MWAIT = 36, VMX_MTF = 37, VMX_MONITOR = 39,
    VMX_PAUSE = 40, VMX_ENTRY_MC = 41, VMX_TPR = 43, VMX_APIC_ACCESS = 44, VMX_EOI = 45,
    VMX_DTABLE = 46, VMX_LDTR_TR = 47, VMX_EPT_VIOLATION = 48, VMX_EPT_MISCONFIG = 49,
    VMX_INVEPT = 50, VMX_RDTSCP = 51, VMX_TIMER = 52, VMX_INVVPID = 53, VMX_WBINVD = 54,
    VMX_XSETBV = 55, VMX_APIC_WRITE = 56, VMX_RDRAND = 57, VMX_INVPCID = 58, VMX_VMFUNC = 59,
    VMX_ENCLS = 60, VMX_RDSEED = 61, VMX_PML = 62, VMX_XSAVES = 63, VMX_XRSTORS = 64,
    VMX_UMWAIT = 67, VMX_TPAUSE = 68, VMX_ENCLV = 70, VMX_BUS_LOCK = 74, VMX_NOTIFY = 75,
};
#define NOTIFY_INVALID          BIT64(0)        /* 28.2.1: the guest's state is lost */

#endif
