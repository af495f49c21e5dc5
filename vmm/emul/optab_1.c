/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One-byte opcodes and their groups (SDM vol. 2, tables ). Used by decode.c
 * only. Prefixes and the 0F escape never reach the table; the eight arithmetic rows
 * 00 to 3F, alike but for their operation, are in optab_alu.
 */
#include "optab.h"

const struct opcode optab_alu[6] = {
    { INSN_ADD, OPD_RM,  OPD_REG, IMM_NONE, OF_MODRM | OF_BYTE | OF_LOCK },
    { INSN_ADD, OPD_RM,  OPD_REG, IMM_NONE, OF_MODRM | OF_LOCK },
    { INSN_ADD, OPD_REG, OPD_RM,  IMM_NONE, OF_MODRM | OF_BYTE },
    { INSN_ADD, OPD_REG, OPD_RM,  IMM_NONE, OF_MODRM },
    { INSN_ADD, OPD_ACC, OPD_IMM, IMM_B, OF_BYTE },
    { INSN_ADD, OPD_ACC, OPD_IMM, IMM_Z, 0 },
};

const struct opcode optab_1[256] = {
    [0x06 ... 0x07] = { .flags = OF_NO64 },             /* push/pop es */
    [0x0e] = { .flags = OF_NO64 },                      /* push cs */
    [0x16 ... 0x17] = { .flags = OF_NO64 },             /* push/pop ss */
    [0x1e ... 0x1f] = { .flags = OF_NO64 },             /* push/pop ds */
    [0x27] = { .flags = OF_NO64 },                      /* daa */
    [0x2f] = { .flags = OF_NO64 },                      /* das */
    [0x37] = { .flags = OF_NO64 },                      /* aaa */
    [0x3f] = { .flags = OF_NO64 },                      /* aas */
    [0x40 ... 0x47] = { INSN_INC, OPD_OPREG, 0, IMM_NONE, 0 },   /* REX in 64-bit mode */
    [0x48 ... 0x4f] = { INSN_DEC, OPD_OPREG, 0, IMM_NONE, 0 },
    [0x50 ... 0x57] = { INSN_PUSH, 0, OPD_OPREG, IMM_NONE, OF_D64 },
    [0x58 ... 0x5f] = { INSN_POP, OPD_OPREG, 0, IMM_NONE, OF_D64 },
    [0x60 ... 0x61] = { .flags = OF_NO64 },             /* pusha, popa */
    [0x62] = { .flags = OF_MODRM | OF_NO64 | OF_MEM },  /* bound; EVEX elsewhere */
    [0x63] = { .flags = OF_MODRM | OF_SPECIAL },        /* arpl; movsxd is made by resolve.c */
    [0x68] = { INSN_PUSH, 0, OPD_IMM, IMM_Z, OF_D64 },
    [0x69] = { INSN_IMUL, OPD_REG, OPD_RM, IMM_Z, OF_MODRM },
    [0x6a] = { INSN_PUSH, 0, OPD_IMM, IMM_B, OF_D64 },
    [0x6b] = { INSN_IMUL, OPD_REG, OPD_RM, IMM_B, OF_MODRM },
    [0x6c] = { INSN_INS, 0, OPD_DX, IMM_NONE, OF_BYTE },
    [0x6d] = { INSN_INS, 0, OPD_DX, IMM_NONE, OF_MAX32 },
    [0x6e] = { INSN_OUTS, OPD_DX, 0, IMM_NONE, OF_BYTE },
    [0x6f] = { INSN_OUTS, OPD_DX, 0, IMM_NONE, OF_MAX32 },
    [0x70 ... 0x7f] = { .imm = IMM_REL8, .flags = OF_F64 },
    [0x80] = { GROUP_1, OPD_RM, OPD_IMM, IMM_B, OF_MODRM | OF_BYTE | OF_GROUP },
    [0x81] = { GROUP_1, OPD_RM, OPD_IMM, IMM_Z, OF_MODRM | OF_GROUP },
    [0x82] = { GROUP_1, OPD_RM, OPD_IMM, IMM_B, OF_MODRM | OF_BYTE | OF_GROUP | OF_NO64 },
    [0x83] = { GROUP_1, OPD_RM, OPD_IMM, IMM_B, OF_MODRM | OF_GROUP },
    [0x84] = { INSN_TEST, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_BYTE },
    [0x85] = { INSN_TEST, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM },
    [0x86] = { INSN_XCHG, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_BYTE | OF_LOCK },
    [0x87] = { INSN_XCHG, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_LOCK },
    [0x88] = { INSN_MOV, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_BYTE },
    [0x89] = { INSN_MOV, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM },
    [0x8a] = { INSN_MOV, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_BYTE },
    [0x8b] = { INSN_MOV, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM },
    [0x8c] = { INSN_MOV_FROM_SREG, OPD_RM, OPD_SEG, IMM_NONE, OF_MODRM },
    [0x8d] = { INSN_LEA, OPD_REG, 0, IMM_NONE, OF_MODRM | OF_MEM },
    [0x8e] = { INSN_MOV_TO_SREG, OPD_SEG, OPD_RM, IMM_NONE, OF_MODRM | OF_SRC16 },
    [0x8f] = { GROUP_1A, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_GROUP | OF_D64 },
    [0x90] = { INSN_XCHG, OPD_ACC, OPD_OPREG, IMM_NONE, OF_SPECIAL },  /* nop, pause */
    [0x91 ... 0x97] = { INSN_XCHG, OPD_ACC, OPD_OPREG, IMM_NONE, 0 },
    [0x9a] = { .imm = IMM_FAR, .flags = OF_NO64 },
    [0x9c] = { .op = INSN_PUSHF, .flags = OF_D64 },
    [0x9d] = { .op = INSN_POPF, .flags = OF_D64 },
    [0xa0] = { INSN_MOV, OPD_ACC, OPD_MOFFS, IMM_MOFFS, OF_BYTE },
    [0xa1] = { INSN_MOV, OPD_ACC, OPD_MOFFS, IMM_MOFFS, 0 },
    [0xa2] = { INSN_MOV, OPD_MOFFS, OPD_ACC, IMM_MOFFS, OF_BYTE },
    [0xa3] = { INSN_MOV, OPD_MOFFS, OPD_ACC, IMM_MOFFS, 0 },
    [0xa4] = { .op = INSN_MOVS, .flags = OF_BYTE },
    [0xa5] = { .op = INSN_MOVS },
    [0xa6] = { .op = INSN_CMPS, .flags = OF_BYTE },
    [0xa7] = { .op = INSN_CMPS },
    [0xa8] = { INSN_TEST, OPD_ACC, OPD_IMM, IMM_B, OF_BYTE },
    [0xa9] = { INSN_TEST, OPD_ACC, OPD_IMM, IMM_Z, 0 },
    [0xaa] = { .op = INSN_STOS, .flags = OF_BYTE },
    [0xab] = { .op = INSN_STOS },
    [0xac] = { .op = INSN_LODS, .flags = OF_BYTE },
    [0xad] = { .op = INSN_LODS },
    [0xae] = { .op = INSN_SCAS, .flags = OF_BYTE },
    [0xaf] = { .op = INSN_SCAS },
    [0xb0 ... 0xb7] = { INSN_MOV, OPD_OPREG, OPD_IMM, IMM_B, OF_BYTE },
    [0xb8 ... 0xbf] = { INSN_MOV, OPD_OPREG, OPD_IMM, IMM_V, 0 },
    [0xc0] = { GROUP_2, OPD_RM, OPD_IMM, IMM_UB, OF_MODRM | OF_BYTE | OF_GROUP },
    [0xc1] = { GROUP_2, OPD_RM, OPD_IMM, IMM_UB, OF_MODRM | OF_GROUP },
    [0xc2] = { .imm = IMM_W, .flags = OF_F64 },         /* ret */
    [0xc3] = { .flags = OF_F64 },
    [0xc4 ... 0xc5] = { .flags = OF_MODRM | OF_NO64 | OF_MEM }, /* les, lds; VEX elsewhere */
    [0xc6] = { GROUP_11, OPD_RM, OPD_IMM, IMM_B, OF_MODRM | OF_BYTE | OF_GROUP },
    [0xc7] = { GROUP_11, OPD_RM, OPD_IMM, IMM_Z, OF_MODRM | OF_GROUP | OF_SPECIAL },
    [0xc8] = { .imm = IMM_ENTER, .flags = OF_D64 },
    [0xc9] = { .flags = OF_D64 },                       /* leave */
    [0xca] = { .imm = IMM_W },                          /* retf */
    [0xcc] = { .op = INSN_INT3 },
    [0xcd] = { INSN_INT, 0, OPD_IMM, IMM_UB, 0 },
    [0xce] = { .op = INSN_INTO, .flags = OF_NO64 },
    [0xcf] = { .op = INSN_IRET },
    [0xd0] = { GROUP_2, OPD_RM, OPD_ONE, IMM_NONE, OF_MODRM | OF_BYTE | OF_GROUP },
    [0xd1] = { GROUP_2, OPD_RM, OPD_ONE, IMM_NONE, OF_MODRM | OF_GROUP },
    [0xd2] = { GROUP_2, OPD_RM, OPD_CL, IMM_NONE, OF_MODRM | OF_BYTE | OF_GROUP },
    [0xd3] = { GROUP_2, OPD_RM, OPD_CL, IMM_NONE, OF_MODRM | OF_GROUP },
    [0xd4 ... 0xd5] = { .imm = IMM_UB, .flags = OF_NO64 },      /* aam, aad */
    [0xd6] = { .flags = OF_NO64 },                      /* salc */
    [0xd7] = { .op = INSN_XLAT, .flags = OF_BYTE },
    [0xd8 ... 0xdf] = { .flags = OF_MODRM },            /* x87 */
    [0xe0 ... 0xe3] = { .imm = IMM_REL8, .flags = OF_F64 },
    [0xe4] = { INSN_IN, OPD_ACC, OPD_IMM, IMM_UB, OF_BYTE },
    [0xe5] = { INSN_IN, OPD_ACC, OPD_IMM, IMM_UB, OF_MAX32 },
    [0xe6] = { INSN_OUT, OPD_IMM, OPD_ACC, IMM_UB, OF_BYTE },
    [0xe7] = { INSN_OUT, OPD_IMM, OPD_ACC, IMM_UB, OF_MAX32 },
    [0xe8 ... 0xe9] = { .imm = IMM_RELZ, .flags = OF_F64 },
    [0xea] = { .imm = IMM_FAR, .flags = OF_NO64 },
    [0xeb] = { .imm = IMM_REL8, .flags = OF_F64 },
    [0xec] = { INSN_IN, OPD_ACC, OPD_DX, IMM_NONE, OF_BYTE },
    [0xed] = { INSN_IN, OPD_ACC, OPD_DX, IMM_NONE, OF_MAX32 },
    [0xee] = { INSN_OUT, OPD_DX, OPD_ACC, IMM_NONE, OF_BYTE },
    [0xef] = { INSN_OUT, OPD_DX, OPD_ACC, IMM_NONE, OF_MAX32 },
    [0xf1] = { .op = INSN_INT1 },
    [0xf4] = { .op = INSN_HLT },
    [0xf6] = { GROUP_3, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_BYTE | OF_GROUP | OF_SPECIAL },
    [0xf7] = { GROUP_3, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_GROUP },
    [0xfa] = { .op = INSN_CLI },
    [0xfb] = { .op = INSN_STI },
    [0xfe] = { GROUP_4, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_BYTE | OF_GROUP },
    [0xff] = { GROUP_5, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_GROUP },
};
