/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two-byte opcodes (SDM vol. 2, table A-3; APM vol. 3, tables) and the
 * opcode groups of both maps (SDM vol. 2, table A-6). Used by decode.c only.
 */
#include "optab.h"

#include "socle/types.h"

const struct opcode optab_0f[256] = {
    [0x00] = { GROUP_6, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_GROUP },
    [0x01] = { GROUP_7, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_GROUP | OF_SPECIAL },
    [0x02 ... 0x03] = { .flags = OF_MODRM },            /* lar, lsl */
    [0x04] = { .flags = OF_UD },
    [0x06] = { .op = INSN_CLTS },
    [0x08] = { .op = INSN_INVD },
    [0x09] = { .op = INSN_WBINVD },
    [0x0a ... 0x0c] = { .flags = OF_UD },               /* 0b: ud2 */
    [0x0d] = { .op = INSN_NOP, .flags = OF_MODRM },     /* prefetchw */
    [0x0f] = { .imm = IMM_UB, .flags = OF_MODRM },      /* 3DNow!: the opcode comes last */
    [0x10 ... 0x17] = { .flags = OF_MODRM | OF_SSE },
    [0x18 ... 0x1f] = { .op = INSN_NOP, .flags = OF_MODRM },
    [0x20] = { INSN_MOV_FROM_CR, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_CRDR | OF_F64 },
    [0x21] = { INSN_MOV_FROM_DR, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_CRDR | OF_F64 },
    [0x22] = { INSN_MOV_TO_CR, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_CRDR | OF_F64 },
    [0x23] = { INSN_MOV_TO_DR, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_CRDR | OF_F64 },
    [0x24 ... 0x27] = { .flags = OF_UD },
    [0x28 ... 0x2f] = { .flags = OF_MODRM | OF_SSE },
    [0x30] = { .op = INSN_WRMSR },
    [0x31] = { .op = INSN_RDTSC },
    [0x32] = { .op = INSN_RDMSR },
    [0x33] = { .op = INSN_RDPMC },
    [0x36] = { .flags = OF_UD },
    [0x39] = { .flags = OF_UD },
    [0x3b ... 0x3f] = { .flags = OF_UD },
    [0x40 ... 0x4f] = { INSN_CMOVCC, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM },
    [0x50 ... 0x6d] = { .flags = OF_MODRM },
    [0x6e ... 0x6f] = { .flags = OF_MODRM | OF_SSE },
    [0x70 ... 0x73] = { .imm = IMM_UB, .flags = OF_MODRM },
    [0x74 ... 0x76] = { .flags = OF_MODRM },
    [0x78 ... 0x79] = { .op = INSN_VMX, .flags = OF_MODRM | OF_SPECIAL },  /* vmread; SSE4a */
    [0x7a ... 0x7b] = { .flags = OF_UD },
    [0x7c ... 0x7d] = { .flags = OF_MODRM },
    [0x7e ... 0x7f] = { .flags = OF_MODRM | OF_SSE },
    [0x80 ... 0x8f] = { .imm = IMM_RELZ, .flags = OF_F64 },
    [0x90 ... 0x9f] = { INSN_SETCC, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_BYTE },
    [0xa0 ... 0xa1] = { .flags = OF_D64 },              /* push/pop fs */
    [0xa2] = { .op = INSN_CPUID },
    [0xa3] = { INSN_BT, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM },
    [0xa4] = { INSN_SHLD, OPD_RM, OPD_REG, IMM_UB, OF_MODRM },
    [0xa5] = { INSN_SHLD, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM },
    [0xa6 ... 0xa7] = { .flags = OF_UD },
    [0xa8 ... 0xa9] = { .flags = OF_D64 },              /* push/pop gs */
    [0xaa] = { .op = INSN_RSM },
    [0xab] = { INSN_BTS, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_LOCK },
    [0xac] = { INSN_SHRD, OPD_RM, OPD_REG, IMM_UB, OF_MODRM },
    [0xad] = { INSN_SHRD, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM },
    [0xae] = { .flags = OF_MODRM | OF_SPECIAL },        /* group 15 */
    [0xaf] = { INSN_IMUL, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM },
    [0xb0] = { INSN_CMPXCHG, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_BYTE | OF_LOCK },
    [0xb1] = { INSN_CMPXCHG, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_LOCK },
    [0xb2] = { .flags = OF_MODRM | OF_MEM },            /* lss */
    [0xb3] = { INSN_BTR, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_LOCK },
    [0xb4 ... 0xb5] = { .flags = OF_MODRM | OF_MEM },   /* lfs, lgs */
    [0xb6] = { INSN_MOVZX, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_SRC8 },
    [0xb7] = { INSN_MOVZX, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_SRC16 },
    [0xb8] = { INSN_POPCNT, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_SPECIAL },  /* F3 only */
    [0xb9] = { .flags = OF_UD | OF_MODRM },             /* ud1 */
    [0xba] = { GROUP_8, OPD_RM, OPD_IMM, IMM_UB, OF_MODRM | OF_GROUP },
    [0xbb] = { INSN_BTC, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_LOCK },
    [0xbc] = { INSN_BSF, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_SPECIAL },     /* tzcnt */
    [0xbd] = { INSN_BSR, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_SPECIAL },     /* lzcnt */
    [0xbe] = { INSN_MOVSX, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_SRC8 },
    [0xbf] = { INSN_MOVSX, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_SRC16 },
    [0xc0] = { INSN_XADD, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_BYTE | OF_LOCK },
    [0xc1] = { INSN_XADD, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_LOCK },
    [0xc2] = { .imm = IMM_UB, .flags = OF_MODRM },      /* cmpps */
    [0xc3] = { INSN_MOV, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_MEM },     /* movnti */
    [0xc4 ... 0xc6] = { .imm = IMM_UB, .flags = OF_MODRM },     /* pinsrw, pextrw, shufps */
    [0xc7] = { GROUP_9, OPD_RM, 0, IMM_NONE, OF_MODRM | OF_GROUP | OF_SPECIAL },
    [0xd0 ... 0xd5] = { .flags = OF_MODRM },
    [0xd6] = { .flags = OF_MODRM | OF_SSE },
    [0xd7 ... 0xe6] = { .flags = OF_MODRM },
    [0xe7] = { .flags = OF_MODRM | OF_SSE },
    [0xe8 ... 0xef] = { .flags = OF_MODRM },
    [0xf0] = { .flags = OF_MODRM | OF_SSE },
    [0xf1 ... 0xfe] = { .flags = OF_MODRM },
    [0xff] = { .flags = OF_UD | OF_MODRM },             /* ud0 */
};

const struct opcode optab_group[GROUP_COUNT][8] = {
    [GROUP_1] = {
        { .op = INSN_ADD, .flags = OF_LOCK }, { .op = INSN_OR, .flags = OF_LOCK },
        { .op = INSN_ADC, .flags = OF_LOCK }, { .op = INSN_SBB, .flags = OF_LOCK },
        { .op = INSN_AND, .flags = OF_LOCK }, { .op = INSN_SUB, .flags = OF_LOCK },
        { .op = INSN_XOR, .flags = OF_LOCK }, { .op = INSN_CMP },
    },
    [GROUP_1A] = { { .op = INSN_POP }, [1 ... 7] = { .flags = OF_UD } },
    [GROUP_2] = {
        { .op = INSN_ROL }, { .op = INSN_ROR }, { .op = INSN_RCL }, { .op = INSN_RCR },
        { .op = INSN_SHL }, { .op = INSN_SHR }, { .op = INSN_SAL }, { .op = INSN_SAR },
    },
    [GROUP_3] = {                       /* the size of test's immediate: resolve.c */
        { .op = INSN_TEST, .src = OPD_IMM, .imm = IMM_Z },
        { .op = INSN_TEST, .src = OPD_IMM, .imm = IMM_Z },
        { .op = INSN_NOT, .flags = OF_LOCK }, { .op = INSN_NEG, .flags = OF_LOCK },
        { .op = INSN_MUL }, { .op = INSN_IMUL1 }, { .op = INSN_DIV }, { .op = INSN_IDIV },
    },
    [GROUP_4] = {
        { .op = INSN_INC, .flags = OF_LOCK }, { .op = INSN_DEC, .flags = OF_LOCK },
        [2 ... 7] = { .flags = OF_UD },
    },
    [GROUP_5] = {
        { .op = INSN_INC, .flags = OF_LOCK }, { .op = INSN_DEC, .flags = OF_LOCK },
        { .flags = OF_F64 }, { .flags = OF_MEM },       /* call near, far */
        { .flags = OF_F64 }, { .flags = OF_MEM },       /* jmp near, far */
        { .op = INSN_PUSH, .src = OPD_RM, .flags = OF_D64 }, { .flags = OF_UD },
    },
    [GROUP_6] = {
        { .op = INSN_SLDT }, { .op = INSN_STR }, { .op = INSN_LLDT }, { .op = INSN_LTR },
        [6 ... 7] = { .flags = OF_UD },
    },
    [GROUP_7] = {                       /* with a register operand: optab_group7_reg */
        { .op = INSN_SGDT }, { .op = INSN_SIDT }, { .op = INSN_LGDT }, { .op = INSN_LIDT },
        { .op = INSN_SMSW }, { .op = INSN_OTHER }, { .op = INSN_LMSW }, { .op = INSN_INVLPG },
    },
    [GROUP_8] = {
        [0 ... 3] = { .flags = OF_UD },
        { .op = INSN_BT }, { .op = INSN_BTS, .flags = OF_LOCK },
        { .op = INSN_BTR, .flags = OF_LOCK }, { .op = INSN_BTC, .flags = OF_LOCK },
    },
    [GROUP_9] = {                       /* rdrand, rdseed, rdpid share 6 and 7: resolve.c */
        { .flags = OF_UD }, { .op = INSN_CMPXCHG8B, .flags = OF_LOCK | OF_MEM }, { .flags = OF_UD },
        [3 ... 5] = { .flags = OF_MEM }, { .op = INSN_VMX }, { .op = INSN_VMX },
    },
    [GROUP_11] = { { .op = INSN_MOV }, [1 ... 6] = { .flags = OF_UD }, { .flags = OF_REG } },
};

const struct sse_move optab_sse[] = {
    { INSN_MAP_0F, 0x10, 0x00, INSN_VEC_MOV, 16, false },       /* movups */
    { INSN_MAP_0F, 0x11, 0x00, INSN_VEC_MOV, 16, true },
    { INSN_MAP_0F, 0x10, 0x66, INSN_VEC_MOV, 16, false },       /* movupd */
    { INSN_MAP_0F, 0x11, 0x66, INSN_VEC_MOV, 16, true },
    { INSN_MAP_0F, 0x28, 0x00, INSN_VEC_MOV, 16, false },       /* movaps */
    { INSN_MAP_0F, 0x29, 0x00, INSN_VEC_MOV, 16, true },
    { INSN_MAP_0F, 0x28, 0x66, INSN_VEC_MOV, 16, false },       /* movapd */
    { INSN_MAP_0F, 0x29, 0x66, INSN_VEC_MOV, 16, true },
    { INSN_MAP_0F, 0x2b, 0x00, INSN_VEC_MOV, 16, true },        /* movntps */
    { INSN_MAP_0F, 0x2b, 0x66, INSN_VEC_MOV, 16, true },        /* movntpd */
    { INSN_MAP_0F, 0x6f, 0x66, INSN_VEC_MOV, 16, false },       /* movdqa */
    { INSN_MAP_0F, 0x7f, 0x66, INSN_VEC_MOV, 16, true },
    { INSN_MAP_0F, 0x6f, 0xf3, INSN_VEC_MOV, 16, false },       /* movdqu */
    { INSN_MAP_0F, 0x7f, 0xf3, INSN_VEC_MOV, 16, true },
    { INSN_MAP_0F, 0xe7, 0x66, INSN_VEC_MOV, 16, true },        /* movntdq */
    { INSN_MAP_0F38, 0x2a, 0x66, INSN_VEC_MOV, 16, false },     /* movntdqa */
    { INSN_MAP_0F, 0xf0, 0xf2, INSN_VEC_MOV, 16, false },       /* lddqu */
    { INSN_MAP_0F, 0x10, 0xf3, INSN_VEC_MOV_LOW, 4, false },    /* movss */
    { INSN_MAP_0F, 0x11, 0xf3, INSN_VEC_MOV_LOW, 4, true },
    { INSN_MAP_0F, 0x10, 0xf2, INSN_VEC_MOV_LOW, 8, false },    /* movsd */
    { INSN_MAP_0F, 0x11, 0xf2, INSN_VEC_MOV_LOW, 8, true },
    { INSN_MAP_0F, 0x6e, 0x66, INSN_VEC_MOV_LOW, 0, false },    /* movd, movq */
    { INSN_MAP_0F, 0x7e, 0x66, INSN_VEC_MOV_LOW, 0, true },
    { INSN_MAP_0F, 0x7e, 0xf3, INSN_VEC_MOV_LOW, 8, false },    /* movq */
    { INSN_MAP_0F, 0xd6, 0x66, INSN_VEC_MOV_LOW, 8, true },
};
const unsigned optab_sse_count = ARRAY_LEN(optab_sse);

uint8_t optab_group7_reg(uint8_t modrm)
{
    switch (modrm) {
    case 0xc1: return INSN_VMCALL;
    case 0xc0:                          /* enclv; then vmlaunch, vmresume, vmxoff, vmfunc */
    case 0xc2: case 0xc3: case 0xc4: case 0xd4: return INSN_VMX;
    case 0xc8: return INSN_MONITOR;
    case 0xc9: return INSN_MWAIT;
    case 0xd0: return INSN_XGETBV;
    case 0xd1: return INSN_XSETBV;
    case 0xd8: return INSN_VMRUN;
    case 0xd9: return INSN_VMMCALL;
    case 0xda: return INSN_VMLOAD;
    case 0xdb: return INSN_VMSAVE;
    case 0xdc: return INSN_STGI;
    case 0xdd: return INSN_CLGI;
    case 0xde: return INSN_SKINIT;
    case 0xdf: return INSN_INVLPGA;
    case 0xf8: return INSN_SWAPGS;
    case 0xf9: return INSN_RDTSCP;
    default: break;
    }
    switch (modrm & 0x38) {
    case 0x20: return INSN_SMSW;        /* /4 and /6 have their register forms */
    case 0x30: return INSN_LMSW;
    default:   return INSN_OTHER;
    }
}
