/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The opcode tables the decoder works from (SDM vol. 2, appendix A): what follows the
 * opcode, and for named instructions what they do with which operands.
 */
#ifndef EMUL_OPTAB_H
#define EMUL_OPTAB_H

#include "socle/insn.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

enum imm_kind {
    IMM_NONE,
    IMM_B,                      /* byte, sign-extended */
    IMM_UB,                     /* byte, zero-extended */
    IMM_W,                      /* 2 bytes */
    IMM_Z,                      /* 2 bytes with 16-bit operands, else 4, sign-extended */
    IMM_V,                      /* as many bytes as the operand */
    IMM_FAR,                    /* offset of operand size, then a selector */
    IMM_MOFFS,                  /* offset of address size */
    IMM_ENTER,                  /* 2 bytes and 1 byte */
    IMM_REL8, IMM_RELZ,         /* jump offsets; relz is 4 bytes in 64-bit mode */
};

enum {
    OF_MODRM = 1 << 0,
    OF_BYTE  = 1 << 1,          /* 8-bit operands */
    OF_D64   = 1 << 2,          /* operand size defaults to 64 in 64-bit mode */
    OF_F64   = 1 << 3,          /* operand size is always 64 in 64-bit mode */
    OF_NO64  = 1 << 4,          /* #UD in 64-bit mode */
    OF_LOCK  = 1 << 5,          /* takes LOCK when the destination is memory */
    OF_MEM   = 1 << 6,          /* #UD with a register operand */
    OF_REG   = 1 << 7,          /* #UD with a memory operand */
    OF_GROUP = 1 << 8,          /* op is an enum op_group; ModRM.reg selects */
    OF_UD    = 1 << 9,          /* undefined on every CPU */
    OF_CRDR  = 1 << 10,         /* ModRM.mod is ignored: a control or debug register */
    OF_SRC8  = 1 << 11,         /* source of 8 bits (movzx, movsx) */
    OF_SRC16 = 1 << 12,         /* source of 16 bits */
    OF_SSE   = 1 << 13,         /* the mandatory prefix selects: optab_resolve_sse */
    OF_MAX32 = 1 << 14,         /* REX.W does not widen: I/O */
    OF_SPECIAL = 1 << 15,       /* resolve.c looks closer */
};

struct opcode {
    uint8_t  op, dst, src, imm; /* enum insn_op, insn_opd, insn_opd, imm_kind */
    uint16_t flags;
};

enum op_group {
    GROUP_1, GROUP_1A, GROUP_2, GROUP_3, GROUP_4, GROUP_5, GROUP_6, GROUP_7, GROUP_8, GROUP_9,
    GROUP_11, GROUP_COUNT
};

extern const struct opcode optab_1[256], optab_0f[256];
/* Rows 00 to 3F of map 1, by opcode & 7; bits 5:3 of the opcode are added to INSN_ADD. */
extern const struct opcode optab_alu[6];
/* The entry's members that are not zero replace those of the opcode; flags are added. */
extern const struct opcode optab_group[GROUP_COUNT][8];

/* Moves between memory and XMM registers, by opcode and mandatory prefix. */
struct sse_move {
    uint8_t map, opcode, prefix;/* prefix: 0, 0x66, 0xf2, 0xf3 */
    uint8_t op;                 /* INSN_VEC_MOV or INSN_VEC_MOV_LOW */
    uint8_t size;               /* 0: 4, or 8 with REX.W */
    bool    store;
};
extern const struct sse_move optab_sse[];
extern const unsigned optab_sse_count;

/* enum insn_op of group 7 with a register operand (0F 01, mod = 3), by the ModRM byte. */
uint8_t optab_group7_reg(uint8_t modrm);

/* The entry for i->opcode in map 0F 38; its prefixes are known. */
struct opcode optab_0f38(const struct insn *i);
/* For entries with OF_GROUP or OF_SPECIAL: replaces *o by the final one. ModRM is known. */
void optab_resolve(const struct insn *i, struct opcode *o);
/* For entries with OF_SSE: names a move between memory and an XMM register, sets opsize. */
void optab_resolve_sse(struct insn *i, struct opcode *o);

#endif
