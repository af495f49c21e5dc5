/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A decoded x86 instruction (SDM vol. 2, chapter 2 and appendix A). The decoder knows
 * the length of every legacy integer, system, x87, MMX and SSE instruction, and names
 * those that the hypervisor executes or meets as exits. See emul.h for fetching.
 */
#ifndef SOCLE_INSN_H
#define SOCLE_INSN_H

#include "socle/status.h"
#include "socle/types.h"

enum { INSN_MAX_LEN = 15 };

enum insn_mode { INSN_16, INSN_32, INSN_64 };

enum insn_op {
    INSN_OTHER,                 /* length known, not named here */
    INSN_VEX,                   /* VEX, EVEX or XOP encoded: length known */

    /* Two operands, one result. The first eight in the order of their encoding. */
    INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
    INSN_TEST, INSN_MOV, INSN_MOVZX, INSN_MOVSX, INSN_MOVBE, INSN_LEA,
    INSN_XCHG, INSN_XADD, INSN_CMPXCHG, INSN_CMPXCHG8B,
    INSN_INC, INSN_DEC, INSN_NOT, INSN_NEG,
    INSN_ROL, INSN_ROR, INSN_RCL, INSN_RCR, INSN_SHL, INSN_SHR, INSN_SAL, INSN_SAR,
    INSN_SHLD, INSN_SHRD,
    INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC, INSN_BSF, INSN_BSR, INSN_TZCNT, INSN_LZCNT,
    INSN_POPCNT, INSN_SETCC, INSN_CMOVCC,
    INSN_MUL, INSN_IMUL1, INSN_DIV, INSN_IDIV, INSN_IMUL,
    INSN_PUSH, INSN_POP, INSN_MOV_FROM_SREG, INSN_XLAT, INSN_NOP,
    INSN_CLFLUSH,               /* also clflushopt and clwb */
    INSN_MOVS, INSN_CMPS, INSN_STOS, INSN_LODS, INSN_SCAS,
    INSN_IN, INSN_OUT, INSN_INS, INSN_OUTS,
    INSN_VEC_MOV,               /* 16-byte SSE move, struct insn says which way */
    INSN_VEC_MOV_LOW,           /* movd, movq, movss, movsd and the like with memory */

    /* Met as exits; not executed by emul_exec. */
    INSN_CPUID, INSN_RDMSR, INSN_WRMSR, INSN_HLT, INSN_PAUSE, INSN_INVD, INSN_WBINVD,
    INSN_RDTSC, INSN_RDTSCP, INSN_RDPMC, INSN_XSETBV, INSN_XGETBV, INSN_MONITOR, INSN_MWAIT,
    INSN_MOV_FROM_CR, INSN_MOV_TO_CR, INSN_MOV_FROM_DR, INSN_MOV_TO_DR, INSN_CLTS, INSN_LMSW,
    INSN_SMSW, INSN_LGDT, INSN_LIDT, INSN_SGDT, INSN_SIDT, INSN_LLDT, INSN_LTR, INSN_SLDT,
    INSN_STR, INSN_INVLPG, INSN_INVPCID, INSN_INVLPGA, INSN_SWAPGS,
    INSN_VMCALL, INSN_VMMCALL, INSN_VMRUN, INSN_VMLOAD, INSN_VMSAVE, INSN_STGI, INSN_CLGI,
    INSN_SKINIT, INSN_VMX,      /* any other VMX instruction */
    INSN_RSM, INSN_INT3, INSN_INT1, INSN_INT, INSN_INTO, INSN_IRET, INSN_PUSHF, INSN_POPF,
    INSN_CLI, INSN_STI, INSN_MOV_TO_SREG,

    INSN_OP_COUNT
};

/* Where an operand is. */
enum insn_opd {
    OPD_NONE,
    OPD_RM,                     /* register or memory of ModRM */
    OPD_REG,                    /* register of ModRM.reg */
    OPD_OPREG,                  /* register in the low bits of the opcode */
    OPD_ACC,                    /* AL, AX, EAX, RAX */
    OPD_IMM,
    OPD_MOFFS,                  /* memory at the offset in disp */
    OPD_ONE, OPD_CL,            /* shift counts */
    OPD_DX,                     /* a port */
    OPD_SEG,                    /* the segment register `reg` */
};

enum insn_map { INSN_MAP_1, INSN_MAP_0F, INSN_MAP_0F38, INSN_MAP_0F3A, INSN_MAP_OTHER };

enum { INSN_REP_NONE = 0, INSN_REPNE = 0xf2, INSN_REP = 0xf3 };

struct insn {
    uint8_t  bytes[INSN_MAX_LEN];
    uint8_t  len;               /* length; on a failed decode, how many bytes were given */
    uint8_t  op;                /* enum insn_op */
    uint8_t  map, opcode;       /* enum insn_map, and the opcode byte in it */
    uint8_t  mode;              /* enum insn_mode it was decoded for */
    uint8_t  dst, src;          /* enum insn_opd */
    uint8_t  opsize;            /* of the operation in bytes: 1, 2, 4, 8 (16 for vector) */
    uint8_t  srcsize;           /* of the source where it differs (movzx, movsx), else opsize */
    uint8_t  adsize;            /* address size in bytes: 2, 4, 8 */
    uint8_t  rep;               /* last of the F2/F3 prefixes, INSN_REP* */
    uint8_t  rex;               /* the REX byte, or 0 */
    bool     lock, opsize_prefix;
    bool     has_modrm, is_mem; /* is_mem: ModRM names memory */
    uint8_t  modrm;
    uint8_t  reg, rm;           /* register numbers with REX; rm when !is_mem */
    uint8_t  seg;               /* enum seg that memory operands use by default or override */
    bool     seg_override;
    bool     rip_relative;
    uint8_t  base, index;       /* enum gpr, or INSN_NO_REG */
    uint8_t  scale;             /* shift count, 0 to 3 */
    int64_t  disp;              /* sign-extended displacement, or moffs, or jump offset */
    uint64_t imm;               /* sign-extended to 64 bits where the instruction does */
    uint16_t imm2;              /* selector of a far pointer; second operand of enter */
    uint8_t  fault;             /* HV_INVALID only: VEC_UD or VEC_GP */
};

enum { INSN_NO_REG = 0xff };

/*
 * Decodes the instruction at the start of bytes[0..n). Reads no byte beyond its end.
 *   HV_OK       *out complete (also INSN_OTHER and INSN_VEX)
 *   HV_RANGE    n < 15 bytes are not the whole instruction; *out only has the bytes
 *   HV_INVALID  the CPU raises out->fault: #UD, or #GP beyond 15 bytes
 * What depends on the CPU model is taken as defined. Any context.
 */
MUST_CHECK hv_status insn_decode(const uint8_t *bytes, size_t n, enum insn_mode mode,
                                 struct insn *out);

/* Short lower-case name for reports, "other" for the unnamed; never null. */
const char *insn_name(enum insn_op op);

#endif
