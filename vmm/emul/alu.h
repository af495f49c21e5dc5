/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer arithmetic with its flags: values in, values out, nothing else. Operands are
 * zero-extended, sizes are 1, 2, 4 or 8 bytes, and results are cut to the size.
 */
#ifndef EMUL_ALU_H
#define EMUL_ALU_H

#include "socle/insn.h"
#include "socle/regs.h"

/* The flags that arithmetic changes. */
#define ALU_FLAGS   (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static inline unsigned alu_bits(unsigned size) { return 8 * size; }
static inline uint64_t alu_cut(uint64_t v, unsigned size) { return v & (~0ull >> (64 - 8 * size)); }
static inline uint64_t alu_sign_extend(uint64_t v, unsigned size)
{
    unsigned unused = 64 - 8 * size;
    return (uint64_t)((int64_t)(v << unused) >> unused);
}

/*
 * Each returns the result and changes *flags (a whole RFLAGS value) as the instruction
 * does. Flags that the manual leaves undefined get a fixed value.
 */

/* INSN_ADD to INSN_XOR, INSN_CMP (result: a) and INSN_TEST (result: a). */
uint64_t alu_binary(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *flags);
/* INSN_INC, INSN_DEC, INSN_NOT, INSN_NEG. */
uint64_t alu_unary(enum insn_op op, unsigned size, uint64_t a, uint64_t *flags);
/* INSN_ROL to INSN_SAR; the count as given, before masking. */
uint64_t alu_shift(enum insn_op op, unsigned size, uint64_t a, uint64_t count, uint64_t *flags);
/* INSN_SHLD and INSN_SHRD: bits shifted into a come from b. */
uint64_t alu_shift_double(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t count,
                          uint64_t *flags);
/* INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC; bit is below the size. */
uint64_t alu_bit(enum insn_op op, uint64_t a, unsigned bit, uint64_t *flags);
/* INSN_BSF, BSR, TZCNT, LZCNT, POPCNT. For BSF and BSR with ZF the result is meaningless. */
uint64_t alu_scan(enum insn_op op, unsigned size, uint64_t a, uint64_t *flags);

/* INSN_MUL and INSN_IMUL1: the low half is returned, the high half goes to *high. */
uint64_t alu_multiply(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *high,
                      uint64_t *flags);
/* INSN_DIV and INSN_IDIV of high:low; false: #DE. Flags stay. */
bool alu_divide(enum insn_op op, unsigned size, uint64_t high, uint64_t low, uint64_t divisor,
                uint64_t *quotient, uint64_t *remainder);

/* The condition in the low four bits of Jcc, SETcc and CMOVcc opcodes. */
bool alu_condition(unsigned cc, uint64_t flags);

#endif
