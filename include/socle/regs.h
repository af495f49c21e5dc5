/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Architectural state of one vCPU, independent of VT-x and AMD-V, and the groups in
 * which the backend fetches and stores it.
 */
#ifndef SOCLE_REGS_H
#define SOCLE_REGS_H

#include "socle/types.h"

enum gpr {                      /* numbering of ModRM and REX (SDM vol. 2, 2.1.5) */
    GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
    GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
    GPR_COUNT
};

enum seg {                      /* numbering of the segment override fields */
    SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT
};

/*
 * Attributes in the packed 12-bit form of APM vol. 2, 15.5.1: type in bits 3:0, S 4,
 * DPL 6:5, P 7, AVL 8, L 9, D/B 10, G 11. `limit` is in bytes, already scaled.
 */
struct segment {
    uint16_t sel, attr;
    uint32_t limit;
    uint64_t base;
};

#define SEG_TYPE        0x00fu
#define SEG_S           0x010u
#define SEG_DPL_SHIFT   5
#define SEG_DPL         0x060u
#define SEG_P           0x080u
#define SEG_L           0x200u
#define SEG_DB          0x400u
#define SEG_G           0x800u

struct dtable { uint64_t base; uint32_t limit; };

struct vcpu_state {
    uint64_t gpr[GPR_COUNT];
    uint64_t rip, rflags;
    struct segment seg[SEG_COUNT], ldtr, tr;
    struct dtable  gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, efer;
    uint64_t pdpte[4];          /* with PAE paging: as loaded with CR3 (SDM vol. 3, 4.4.1) */
    uint64_t dr6, dr7;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, debugctl;
    uint8_t  cpl;
    uint8_t  shadow;            /* SHADOW_* */
};

/* Interrupt shadow: interrupts (and for MOV SS also #DB) held off for one instruction. */
enum { SHADOW_STI = 1, SHADOW_MOV_SS = 2 };

/* Groups of vcpu_state that a backend fetches and stores together. */
enum {
    REGS_GPR  = 1 << 0,         /* gpr[GPR_RSP]; the others are always there */
    REGS_RIP  = 1 << 1,         /* rip, rflags, shadow */
    REGS_CODE = 1 << 2,         /* seg[SEG_CS], cpl */
    REGS_DATA = 1 << 7,         /* the other segments */
    REGS_SEG  = REGS_CODE | REGS_DATA,
    REGS_SYS  = 1 << 3,         /* ldtr, tr, gdtr, idtr */
    REGS_CR   = 1 << 4,         /* cr0, cr2, cr3, cr4, efer, pdpte[] */
    REGS_DR   = 1 << 5,         /* dr6, dr7 */
    REGS_MSR  = 1 << 6,         /* star to debugctl */
    REGS_ALL  = (1 << 8) - 1
};

#define CR0_PE          (1ull << 0)
#define CR0_MP          (1ull << 1)
#define CR0_EM          (1ull << 2)
#define CR0_TS          (1ull << 3)
#define CR0_ET          (1ull << 4)
#define CR0_NE          (1ull << 5)
#define CR0_WP          (1ull << 16)
#define CR0_AM          (1ull << 18)
#define CR0_NW          (1ull << 29)
#define CR0_CD          (1ull << 30)
#define CR0_PG          (1ull << 31)

#define CR4_VME         (1ull << 0)
#define CR4_PVI         (1ull << 1)
#define CR4_TSD         (1ull << 2)
#define CR4_DE          (1ull << 3)
#define CR4_PSE         (1ull << 4)
#define CR4_PAE         (1ull << 5)
#define CR4_MCE         (1ull << 6)
#define CR4_PGE         (1ull << 7)
#define CR4_PCE         (1ull << 8)
#define CR4_OSFXSR      (1ull << 9)
#define CR4_OSXMMEXCPT  (1ull << 10)
#define CR4_UMIP        (1ull << 11)
#define CR4_LA57        (1ull << 12)
#define CR4_VMXE        (1ull << 13)
#define CR4_SMXE        (1ull << 14)
#define CR4_FSGSBASE    (1ull << 16)
#define CR4_PCIDE       (1ull << 17)
#define CR4_OSXSAVE     (1ull << 18)
#define CR4_SMEP        (1ull << 20)
#define CR4_SMAP        (1ull << 21)
#define CR4_PKE         (1ull << 22)
#define CR4_CET         (1ull << 23)
#define CR4_PKS         (1ull << 24)

#define EFER_SCE        (1ull << 0)
#define EFER_LME        (1ull << 8)
#define EFER_LMA        (1ull << 10)
#define EFER_NXE        (1ull << 11)
#define EFER_SVME       (1ull << 12)
#define EFER_LMSLE      (1ull << 13)
#define EFER_FFXSR      (1ull << 14)
#define EFER_TCE        (1ull << 15)

#define RFLAGS_CF       (1ull << 0)
#define RFLAGS_FIXED    (1ull << 1)
#define RFLAGS_PF       (1ull << 2)
#define RFLAGS_AF       (1ull << 4)
#define RFLAGS_ZF       (1ull << 6)
#define RFLAGS_SF       (1ull << 7)
#define RFLAGS_TF       (1ull << 8)
#define RFLAGS_IF       (1ull << 9)
#define RFLAGS_DF       (1ull << 10)
#define RFLAGS_OF       (1ull << 11)
#define RFLAGS_IOPL     (3ull << 12)
#define RFLAGS_NT       (1ull << 14)
#define RFLAGS_RF       (1ull << 16)
#define RFLAGS_VM       (1ull << 17)
#define RFLAGS_AC       (1ull << 18)
#define RFLAGS_VIF      (1ull << 19)
#define RFLAGS_VIP      (1ull << 20)
#define RFLAGS_ID       (1ull << 21)

#define DR6_BD          (1ull << 13)    /* debug register touched, DR7.GD set */
#define DR6_BS          (1ull << 14)    /* single step */
#define DR6_CAUSES      0xe00full       /* B0-3, BD, BS, BT (SDM vol. 3, 17.2.3) */
#define DR7_ENABLES     0xffull         /* L0-3, G0-3 (SDM vol. 3, 17.2.4) */
#define DR7_GD          (1ull << 13)
#define DR7_NONE        0x400ull        /* its value at reset */
#define DR7_DEFINED     0xffff23ffull

/* Exception vectors (SDM vol. 3, 6.15). */
enum vector {
    VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_OF = 4, VEC_BR = 5, VEC_UD = 6,
    VEC_NM = 7, VEC_DF = 8, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14,
    VEC_MF = 16, VEC_AC = 17, VEC_MC = 18, VEC_XM = 19, VEC_VE = 20, VEC_CP = 21, VEC_SX = 30
};

#endif
