/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of instructions for reports: what could not be emulated, what an exit was
 * about. Called by whoever logs; not a disassembler.
 */
#include "socle/insn.h"

static const char *const names[INSN_OP_COUNT] = {
    [INSN_OTHER] = "other", [INSN_VEX] = "vex-encoded", [INSN_ADD] = "add", [INSN_OR] = "or",
    [INSN_ADC] = "adc", [INSN_SBB] = "sbb", [INSN_AND] = "and", [INSN_SUB] = "sub",
    [INSN_XOR] = "xor", [INSN_CMP] = "cmp", [INSN_TEST] = "test", [INSN_MOV] = "mov",
    [INSN_MOVZX] = "movzx", [INSN_MOVSX] = "movsx", [INSN_MOVBE] = "movbe", [INSN_LEA] = "lea",
    [INSN_XCHG] = "xchg", [INSN_XADD] = "xadd", [INSN_CMPXCHG] = "cmpxchg",
    [INSN_CMPXCHG8B] = "cmpxchg8b", [INSN_INC] = "inc", [INSN_DEC] = "dec", [INSN_NOT] = "not",
    [INSN_NEG] = "neg", [INSN_ROL] = "rol", [INSN_ROR] = "ror", [INSN_RCL] = "rcl",
    [INSN_RCR] = "rcr", [INSN_SHL] = "shl", [INSN_SHR] = "shr", [INSN_SAL] = "sal",
    [INSN_SAR] = "sar", [INSN_SHLD] = "shld", [INSN_SHRD] = "shrd", [INSN_BT] = "bt",
    [INSN_BTS] = "bts", [INSN_BTR] = "btr", [INSN_BTC] = "btc", [INSN_BSF] = "bsf",
    [INSN_BSR] = "bsr", [INSN_TZCNT] = "tzcnt", [INSN_LZCNT] = "lzcnt", [INSN_POPCNT] = "popcnt",
    [INSN_SETCC] = "setcc", [INSN_CMOVCC] = "cmovcc", [INSN_MUL] = "mul", [INSN_IMUL1] = "imul",
    [INSN_DIV] = "div", [INSN_IDIV] = "idiv", [INSN_IMUL] = "imul", [INSN_PUSH] = "push",
    [INSN_POP] = "pop", [INSN_MOV_FROM_SREG] = "mov from sreg", [INSN_XLAT] = "xlat",
    [INSN_NOP] = "nop", [INSN_CLFLUSH] = "clflush", [INSN_MOVS] = "movs", [INSN_CMPS] = "cmps",
    [INSN_STOS] = "stos",
    [INSN_LODS] = "lods", [INSN_SCAS] = "scas", [INSN_IN] = "in", [INSN_OUT] = "out",
    [INSN_INS] = "ins", [INSN_OUTS] = "outs", [INSN_VEC_MOV] = "sse move",
    [INSN_VEC_MOV_LOW] = "sse scalar move", [INSN_CPUID] = "cpuid", [INSN_RDMSR] = "rdmsr",
    [INSN_WRMSR] = "wrmsr", [INSN_HLT] = "hlt", [INSN_PAUSE] = "pause", [INSN_INVD] = "invd",
    [INSN_WBINVD] = "wbinvd", [INSN_RDTSC] = "rdtsc", [INSN_RDTSCP] = "rdtscp",
    [INSN_RDPMC] = "rdpmc", [INSN_XSETBV] = "xsetbv", [INSN_XGETBV] = "xgetbv",
    [INSN_MONITOR] = "monitor", [INSN_MWAIT] = "mwait", [INSN_MOV_FROM_CR] = "mov from cr",
    [INSN_MOV_TO_CR] = "mov to cr", [INSN_MOV_FROM_DR] = "mov from dr",
    [INSN_MOV_TO_DR] = "mov to dr", [INSN_CLTS] = "clts", [INSN_LMSW] = "lmsw",
    [INSN_SMSW] = "smsw", [INSN_LGDT] = "lgdt", [INSN_LIDT] = "lidt", [INSN_SGDT] = "sgdt",
    [INSN_SIDT] = "sidt", [INSN_LLDT] = "lldt", [INSN_LTR] = "ltr", [INSN_SLDT] = "sldt",
    [INSN_STR] = "str", [INSN_INVLPG] = "invlpg", [INSN_INVPCID] = "invpcid",
    [INSN_INVLPGA] = "invlpga", [INSN_SWAPGS] = "swapgs", [INSN_VMCALL] = "vmcall",
    [INSN_VMMCALL] = "vmmcall", [INSN_VMRUN] = "vmrun", [INSN_VMLOAD] = "vmload",
    [INSN_VMSAVE] = "vmsave", [INSN_STGI] = "stgi", [INSN_CLGI] = "clgi",
    [INSN_SKINIT] = "skinit", [INSN_VMX] = "vmx instruction", [INSN_RSM] = "rsm",
    [INSN_INT3] = "int3", [INSN_INT1] = "int1", [INSN_INT] = "int", [INSN_INTO] = "into",
    [INSN_IRET] = "iret", [INSN_PUSHF] = "pushf", [INSN_POPF] = "popf", [INSN_CLI] = "cli",
    [INSN_STI] = "sti", [INSN_MOV_TO_SREG] = "mov to sreg",
};

const char *insn_name(enum insn_op op)
{
    return (unsigned)op < INSN_OP_COUNT && names[op] ? names[op] : "unknown";
}
