/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V's constants: APM vol. 2, chapter 15 and appendices B and C. */
#ifndef ARCH_X86_SVM_SVM_BITS_H
#define ARCH_X86_SVM_SVM_BITS_H

#include "socle/bits.h"

/* Intercept words (table B-1, offsets 00c, 010, 014). */
enum {
    I1_INTR = BIT(0), I1_NMI = BIT(1), I1_SMI = BIT(2), I1_INIT = BIT(3), I1_VINTR = BIT(4),
    I1_RDPMC = BIT(15), I1_CPUID = BIT(18), I1_IRET = BIT(20), I1_INVD = BIT(22),
    I1_PAUSE = BIT(23), I1_HLT = BIT(24), I1_INVLPGA = BIT(26), I1_IOIO = BIT(27),
    I1_MSR = BIT(28), I1_TASK = BIT(29), I1_FERR = BIT(30),
};
#define I1_SHUTDOWN BIT(31)
enum {
    I2_VMRUN = BIT(0), I2_VMMCALL = BIT(1), I2_VMLOAD = BIT(2), I2_VMSAVE = BIT(3),
    I2_STGI = BIT(4), I2_CLGI = BIT(5), I2_SKINIT = BIT(6), I2_WBINVD = BIT(9),
    I2_MONITOR = BIT(10), I2_MWAIT = BIT(11), I2_XSETBV = BIT(13), I2_RDPRU = BIT(14),
};
enum { I3_INVLPGB = BIT(0), I3_INVLPGB_ILLEGAL = BIT(1), I3_MCOMMIT = BIT(3), I3_TLBSYNC = BIT(4) };

/* Writes are in the high half of the CR intercept word. */
#define CR4_WRITE           BIT(16 + 4)
#define CR8_WRITE           BIT(16 + 8)

/* int_ctl (table B-1, offset 060). */
#define INT_TPR_MASK        0xffull
#define INT_V_IRQ           BIT64(8)
#define INT_V_PRIO_SHIFT    16
#define INT_V_IGN_TPR       BIT64(20)
#define INT_V_MASKING       BIT64(24)
#define INT_V_VECTOR_SHIFT  32

#define INT_STATE_SHADOW    BIT64(0)

/* EVENTINJ and EXITINTINFO (15.20). */
#define EV_TYPE_INTR        (0ull << 8)
#define EV_TYPE_NMI         (2ull << 8)
#define EV_TYPE_EXCEPTION   (3ull << 8)
#define EV_TYPE_SOFT        (4ull << 8)
#define EV_TYPE_MASK        (7ull << 8)
#define EV_HAS_ERROR        BIT64(11)
#define EV_VALID            BIT64(31)

enum { TLB_NOTHING = 0, TLB_FLUSH_ALL = 1, TLB_FLUSH_ASID = 3 };

/* Exit codes (appendix C), low 32 bits. */
enum {
    SVM_READ_CR0 = 0x00, SVM_WRITE_CR0 = 0x10, SVM_READ_DR0 = 0x20, SVM_WRITE_DR15 = 0x3f,
    SVM_EXC0 = 0x40, SVM_EXC31 = 0x5f,
    SVM_INTR = 0x60, SVM_NMI = 0x61, SVM_SMI = 0x62, SVM_INIT = 0x63, SVM_VINTR = 0x64,
    SVM_RDPMC = 0x6f, SVM_CPUID = 0x72, SVM_IRET = 0x74, SVM_INVD = 0x76, SVM_PAUSE = 0x77,
    SVM_HLT = 0x78, SVM_INVLPGA = 0x7a, SVM_IOIO = 0x7b, SVM_MSR = 0x7c, SVM_FERR = 0x7e,
    SVM_SHUTDOWN = 0x7f,
    SVM_VMRUN = 0x80, SVM_VMMCALL = 0x81, SVM_VMLOAD = 0x82, SVM_VMSAVE = 0x83, SVM_STGI = 0x84,
    SVM_CLGI = 0x85, SVM_SKINIT = 0x86, SVM_WBINVD = 0x89, SVM_MONITOR = 0x8a, SVM_MWAIT = 0x8b,
    SVM_XSETBV = 0x8d, SVM_RDPRU = 0x8e, SVM_INVLPGB = 0xa0, SVM_INVLPGB_ILLEGAL = 0xa1,
    SVM_MCOMMIT = 0xa3, SVM_TLBSYNC = 0xa4, SVM_NPF = 0x400,
};
#define SVM_WRITE_DR5       (SVM_READ_DR0 + 16 + 5)     /* DR7's other name while CR4.DE is clear */
#define SVM_WRITE_DR7       (SVM_READ_DR0 + 16 + 7)
#define INTERCEPT_DR_ALL    0xffffffffu
#define INTERCEPT_DR7_WRITE (BIT(16 + 5) | BIT(16 + 7))
#define SVM_WRITE_CR4       (SVM_WRITE_CR0 + 4)
#define SVM_WRITE_CR8       (SVM_WRITE_CR0 + 8)
#define SVM_INVALID         0xffffffffu

/* EXITINFO1 of IOIO (15.10.2) and of NPF (15.25.6). */
#define IOIO_IN             BIT64(0)
#define IOIO_STRING         BIT64(2)
#define NPF_WRITE           BIT64(1)
#define NPF_FETCH           BIT64(4)
#define NPF_FINAL           BIT64(32)
#define NPF_WALK            BIT64(33)

/* CPUID 8000_000A EDX (APM vol. 3, E.4.9). */
#define SVM_FEAT_NP         BIT(0)
#define SVM_FEAT_LBRV       BIT(1)
#define SVM_FEAT_NRIPS      BIT(3)
#define SVM_FEAT_CLEAN      BIT(5)
#define SVM_FEAT_FLUSHASID  BIT(6)
#define SVM_FEAT_DECODE     BIT(7)
#define SVM_FEAT_PAUSE      BIT(10)
#define SVM_FEAT_PAUSE_THR  BIT(12)

/* VM_CR MSR (15.30.1). */
#define VM_CR_R_INIT        BIT64(1)            /* INIT becomes #SX */
#define VM_CR_LOCK          BIT64(3)
#define VM_CR_SVMDIS        BIT64(4)

#endif
