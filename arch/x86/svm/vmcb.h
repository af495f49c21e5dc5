/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine control block: APM vol. 2, appendix B, tables B-1 and B-2. Fields
 * that the CPU may cache carry a clean bit (15.15.3); they start with an underscore
 * and change only through the setters below, which clear the bit.
 */
#ifndef ARCH_X86_SVM_VMCB_H
#define ARCH_X86_SVM_VMCB_H

#include "socle/regs.h"
#include "socle/types.h"

struct vmcb_seg {
    uint16_t sel, attr;
    uint32_t limit;
    uint64_t base;
};
_Static_assert(sizeof(struct vmcb_seg) == 16, "VMCB segment layout");

struct vmcb {
    /* control area */
    uint32_t _intercept_cr;         /* 000: reads in the low, writes in the high half */
    uint32_t _intercept_dr;         /* 004 */
    uint32_t _intercept_exc;        /* 008 */
    uint32_t _intercept1, _intercept2, _intercept3; /* 00c, 010, 014 */
    uint8_t  reserved018[0x3c - 0x18];
    uint16_t _pause_threshold, _pause_count;        /* 03c, 03e */
    uint64_t _iopm, _msrpm;         /* 040, 048: physical addresses */
    uint64_t _tsc_offset;           /* 050 */
    uint32_t _asid;                 /* 058 */
    uint8_t  tlb_control;           /* 05c */
    uint8_t  reserved05d[3];
    uint64_t int_ctl;               /* 060: V_TPR, V_IRQ, V_INTR_MASKING, ... */
    uint64_t int_state;             /* 068: bit 0 interrupt shadow */
    uint64_t exit_code;             /* 070 */
    uint64_t exit_info1, exit_info2;/* 078, 080 */
    uint64_t exit_int_info;         /* 088 */
    uint64_t _np_enable;            /* 090 */
    uint64_t avic_bar, ghcb;        /* 098, 0a0 */
    uint64_t event_inj;             /* 0a8 */
    uint64_t _n_cr3;                /* 0b0 */
    uint64_t _lbr_enable;           /* 0b8 */
    uint32_t clean;                 /* 0c0 */
    uint32_t reserved0c4;
    uint64_t next_rip;              /* 0c8 */
    uint8_t  fetched;               /* 0d0 */
    uint8_t  insn_bytes[15];
    uint8_t  reserved0e0[0x400 - 0xe0];
    /* save area, from 400 */
    struct vmcb_seg _es, _cs, _ss, _ds, fs, gs, _gdtr, ldtr, _idtr, tr;
    uint8_t  reserved4a0[43];
    uint8_t  _cpl;                  /* 4cb */
    uint32_t reserved4cc;
    uint64_t _efer;                 /* 4d0 */
    uint8_t  reserved4d8[0x548 - 0x4d8];
    uint64_t _cr4, _cr3, _cr0;      /* 548, 550, 558 */
    uint64_t _dr7, _dr6;            /* 560, 568 */
    uint64_t rflags, rip;           /* 570, 578 */
    uint8_t  reserved580[0x5d8 - 0x580];
    uint64_t rsp;                   /* 5d8 */
    uint8_t  reserved5e0[0x5f8 - 0x5e0];
    uint64_t rax;                   /* 5f8 */
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;    /* 600 .. 620 */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;       /* 628 .. 638 */
    uint64_t _cr2;                  /* 640 */
    uint8_t  reserved648[0x668 - 0x648];
    uint64_t _g_pat;                /* 668 */
    uint64_t _debugctl;             /* 670 */
    uint64_t br_from, br_to, last_excp_from, last_excp_to;
    uint8_t  reserved698[0x1000 - 0x698];
};
_Static_assert(sizeof(struct vmcb) == 4096, "the VMCB is a page");
#define VMCB_AT(field, at) _Static_assert(offsetof(struct vmcb, field) == (at), "VMCB " #field)
VMCB_AT(_iopm, 0x40);
VMCB_AT(_asid, 0x58);
VMCB_AT(exit_code, 0x70);
VMCB_AT(_np_enable, 0x90);
VMCB_AT(event_inj, 0xa8);
VMCB_AT(clean, 0xc0);
VMCB_AT(next_rip, 0xc8);
VMCB_AT(_es, 0x400);
VMCB_AT(tr, 0x490);
VMCB_AT(_cpl, 0x4cb);
VMCB_AT(_efer, 0x4d0);
VMCB_AT(_cr4, 0x548);
VMCB_AT(rflags, 0x570);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(star, 0x600);
VMCB_AT(_cr2, 0x640);
VMCB_AT(_g_pat, 0x668);

/* Clean bits: APM vol. 2, 15.15.3. */
enum {
    CLEAN_INTERCEPTS = 1 << 0, CLEAN_PERMISSION = 1 << 1, CLEAN_ASID = 1 << 2, CLEAN_TPR = 1 << 3,
    CLEAN_NP = 1 << 4, CLEAN_CR = 1 << 5, CLEAN_DR = 1 << 6, CLEAN_DT = 1 << 7, CLEAN_SEG = 1 << 8,
    CLEAN_CR2 = 1 << 9, CLEAN_LBR = 1 << 10, CLEAN_AVIC = 1 << 11, CLEAN_ALL = 0xfff,
};

#define VMCB_SETTER(name, field, type, bit) \
    static inline void vmcb_set_##name(struct vmcb *b, type v) \
    { b->field = v; b->clean &= ~(uint32_t)(bit); }

VMCB_SETTER(intercept_cr, _intercept_cr, uint32_t, CLEAN_INTERCEPTS)
VMCB_SETTER(intercept_dr, _intercept_dr, uint32_t, CLEAN_INTERCEPTS)
VMCB_SETTER(intercept_exc, _intercept_exc, uint32_t, CLEAN_INTERCEPTS)
VMCB_SETTER(intercept1, _intercept1, uint32_t, CLEAN_INTERCEPTS)
VMCB_SETTER(intercept2, _intercept2, uint32_t, CLEAN_INTERCEPTS)
VMCB_SETTER(intercept3, _intercept3, uint32_t, CLEAN_INTERCEPTS)
VMCB_SETTER(pause_threshold, _pause_threshold, uint16_t, CLEAN_INTERCEPTS)
VMCB_SETTER(pause_count, _pause_count, uint16_t, CLEAN_INTERCEPTS)
VMCB_SETTER(tsc_offset, _tsc_offset, uint64_t, CLEAN_INTERCEPTS)
VMCB_SETTER(iopm, _iopm, uint64_t, CLEAN_PERMISSION)
VMCB_SETTER(msrpm, _msrpm, uint64_t, CLEAN_PERMISSION)
VMCB_SETTER(asid, _asid, uint32_t, CLEAN_ASID)
VMCB_SETTER(int_ctl, int_ctl, uint64_t, CLEAN_TPR)
VMCB_SETTER(np_enable, _np_enable, uint64_t, CLEAN_NP)
VMCB_SETTER(n_cr3, _n_cr3, uint64_t, CLEAN_NP)
VMCB_SETTER(g_pat, _g_pat, uint64_t, CLEAN_NP)
VMCB_SETTER(cr0, _cr0, uint64_t, CLEAN_CR)
VMCB_SETTER(cr3, _cr3, uint64_t, CLEAN_CR)
VMCB_SETTER(cr4, _cr4, uint64_t, CLEAN_CR)
VMCB_SETTER(efer, _efer, uint64_t, CLEAN_CR)
VMCB_SETTER(dr6, _dr6, uint64_t, CLEAN_DR)
VMCB_SETTER(dr7, _dr7, uint64_t, CLEAN_DR)
VMCB_SETTER(gdtr, _gdtr, struct vmcb_seg, CLEAN_DT)
VMCB_SETTER(idtr, _idtr, struct vmcb_seg, CLEAN_DT)
VMCB_SETTER(es, _es, struct vmcb_seg, CLEAN_SEG)
VMCB_SETTER(cs, _cs, struct vmcb_seg, CLEAN_SEG)
VMCB_SETTER(ss, _ss, struct vmcb_seg, CLEAN_SEG)
VMCB_SETTER(ds, _ds, struct vmcb_seg, CLEAN_SEG)
VMCB_SETTER(cpl, _cpl, uint8_t, CLEAN_SEG)
VMCB_SETTER(cr2, _cr2, uint64_t, CLEAN_CR2)
VMCB_SETTER(debugctl, _debugctl, uint64_t, CLEAN_LBR)

#endif
