/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer arithmetic and its flags (SDM vol. 1, 3.4.3 and appendix A; vol. 2 at each
 * instruction). Called by the execution files with values they have read; compared
 * with the real CPU by test_emul_native.c.
 */
#include "alu.h"

#include "socle/bits.h"

static uint64_t top_bit(uint64_t v, unsigned size) { return v >> (alu_bits(size) - 1) & 1; }

static void set_flag(uint64_t *flags, uint64_t flag, bool on)
{
    *flags = on ? *flags | flag : *flags & ~flag;
}

/* SF, ZF and PF by the result. */
static void set_szp(uint64_t *flags, unsigned size, uint64_t result)
{
    set_flag(flags, RFLAGS_SF, top_bit(result, size));
    set_flag(flags, RFLAGS_ZF, !result);
    set_flag(flags, RFLAGS_PF, !__builtin_parity((unsigned)(result & 0xff)));
}

static uint64_t add(unsigned size, uint64_t a, uint64_t b, bool carry, uint64_t *flags)
{
    uint64_t r = alu_cut(a + b + carry, size);

    set_szp(flags, size, r);
    set_flag(flags, RFLAGS_CF, top_bit((a & b) | ((a | b) & ~r), size));
    set_flag(flags, RFLAGS_OF, top_bit((a ^ r) & (b ^ r), size));
    set_flag(flags, RFLAGS_AF, (a ^ b ^ r) & 0x10);
    return r;
}

static uint64_t subtract(unsigned size, uint64_t a, uint64_t b, bool borrow, uint64_t *flags)
{
    uint64_t r = alu_cut(a - b - borrow, size);

    set_szp(flags, size, r);
    set_flag(flags, RFLAGS_CF, top_bit((~a & b) | ((~a | b) & r), size));
    set_flag(flags, RFLAGS_OF, top_bit((a ^ b) & (a ^ r), size));
    set_flag(flags, RFLAGS_AF, (a ^ b ^ r) & 0x10);
    return r;
}

static uint64_t logic(unsigned size, uint64_t r, uint64_t *flags)
{
    set_szp(flags, size, r);
    *flags &= ~(RFLAGS_CF | RFLAGS_OF | RFLAGS_AF);
    return r;
}

uint64_t alu_binary(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *flags)
{
    bool carry = *flags & RFLAGS_CF;

    a = alu_cut(a, size);
    b = alu_cut(b, size);
    switch ((unsigned)op) {
    case INSN_ADD:  return add(size, a, b, false, flags);
    case INSN_ADC:  return add(size, a, b, carry, flags);
    case INSN_SUB:  return subtract(size, a, b, false, flags);
    case INSN_SBB:  return subtract(size, a, b, carry, flags);
    case INSN_OR:   return logic(size, a | b, flags);
    case INSN_AND:  return logic(size, a & b, flags);
    case INSN_XOR:  return logic(size, a ^ b, flags);
    case INSN_CMP:  (void)subtract(size, a, b, false, flags); return a;
    default:        (void)logic(size, a & b, flags); return a;      /* test */
    }
}

uint64_t alu_unary(enum insn_op op, unsigned size, uint64_t a, uint64_t *flags)
{
    uint64_t carry = *flags & RFLAGS_CF, r;

    switch ((unsigned)op) {
    case INSN_NOT:
        return alu_cut(~a, size);
    case INSN_NEG:
        return subtract(size, 0, a, false, flags);
    case INSN_INC:
        r = add(size, a, 1, false, flags);
        break;
    default:
        r = subtract(size, a, 1, false, flags);
        break;
    }
    *flags = (*flags & ~RFLAGS_CF) | carry;         /* inc and dec keep CF */
    return r;
}

/* Rotation of a value of `bits` bits by less than that. */
static uint64_t rotate_left(uint64_t a, unsigned bits, unsigned count)
{
    return count ? a << count | a >> (bits - count) : a;
}

static uint64_t rotate(enum insn_op op, unsigned size, uint64_t a, unsigned count, uint64_t *flags)
{
    unsigned bits = alu_bits(size), by = count % bits;
    bool left = op == INSN_ROL;
    uint64_t r = alu_cut(rotate_left(a, bits, left ? by : (bits - by) % bits), size);
    bool carry = left ? r & 1 : top_bit(r, size);

    set_flag(flags, RFLAGS_CF, carry);
    set_flag(flags, RFLAGS_OF, left ? top_bit(r, size) ^ carry : top_bit(r ^ r << 1, size));
    return r;
}

/* CF is one more bit above the operand. */
static uint64_t rotate_carry(enum insn_op op, unsigned size, uint64_t a, unsigned count,
                             uint64_t *flags)
{
    unsigned bits = alu_bits(size) + 1, by = count % bits;
    bool carry = *flags & RFLAGS_CF;
    unsigned __int128 v = (unsigned __int128)carry << (bits - 1) | a;
    uint64_t r;

    if (op == INSN_RCR)
        by = (bits - by) % bits;
    if (by)
        v = v << by | v >> (bits - by);
    r = alu_cut((uint64_t)v, size);
    carry = (uint64_t)(v >> (bits - 1)) & 1;
    set_flag(flags, RFLAGS_CF, carry);
    set_flag(flags, RFLAGS_OF, op == INSN_RCL ? top_bit(r, size) ^ carry
                                              : top_bit(r ^ r << 1, size));
    return r;
}

/* shl (also as sal), shr, sar; counts up to 63 may exceed the operand. */
static uint64_t shift(enum insn_op op, unsigned size, uint64_t a, unsigned count, uint64_t *flags)
{
    unsigned bits = alu_bits(size);
    bool carry, overflow;
    uint64_t r;

    if (op == INSN_SHR) {
        r = a >> count;
        carry = a >> (count - 1) & 1;
        overflow = top_bit(a, size);
    } else if (op == INSN_SAR) {
        int64_t wide = (int64_t)alu_sign_extend(a, size);
        r = alu_cut((uint64_t)(wide >> count), size);
        carry = wide >> (count - 1) & 1;
        overflow = false;
    } else {
        r = alu_cut(a << count, size);
        carry = count <= bits && (a >> (bits - count) & 1);
        overflow = top_bit(r, size) ^ carry;
    }
    set_szp(flags, size, r);
    set_flag(flags, RFLAGS_CF, carry);
    set_flag(flags, RFLAGS_OF, overflow);
    *flags &= ~RFLAGS_AF;
    return r;
}

uint64_t alu_shift(enum insn_op op, unsigned size, uint64_t a, uint64_t count, uint64_t *flags)
{
    unsigned by = (unsigned)count & (size == 8 ? 63 : 31);

    a = alu_cut(a, size);
    if (!by)
        return a;
    if (op == INSN_ROL || op == INSN_ROR)
        return rotate(op, size, a, by, flags);
    if (op == INSN_RCL || op == INSN_RCR)
        return rotate_carry(op, size, a, by, flags);
    return shift(op, size, a, by, flags);
}

uint64_t alu_shift_double(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t count,
                          uint64_t *flags)
{
    unsigned bits = alu_bits(size), by = (unsigned)count & (size == 8 ? 63 : 31);
    bool left = op == INSN_SHLD;
    bool carry;
    uint64_t r;

    a = alu_cut(a, size);
    b = alu_cut(b, size);
    if (!by)
        return a;
    if (by > bits) {
        /* Only with 16 bits, and undefined: what is shifted in is b, then a again. */
        uint64_t t = a;
        a = b;
        b = t;
        by -= bits;
    }
    if (left) {
        r = by == bits ? b : alu_cut(a << by | b >> (bits - by), size);
        carry = a >> (bits - by) & 1;
    } else {
        r = by == bits ? b : alu_cut(a >> by | b << (bits - by), size);
        carry = a >> (by - 1) & 1;
    }
    set_szp(flags, size, r);
    set_flag(flags, RFLAGS_CF, carry);
    set_flag(flags, RFLAGS_OF, top_bit(r ^ a, size));
    *flags &= ~RFLAGS_AF;
    return r;
}

uint64_t alu_bit(enum insn_op op, uint64_t a, unsigned bit, uint64_t *flags)
{
    uint64_t mask = 1ull << bit;

    set_flag(flags, RFLAGS_CF, a & mask);
    switch ((unsigned)op) {
    case INSN_BTS: return a | mask;
    case INSN_BTR: return a & ~mask;
    case INSN_BTC: return a ^ mask;
    default:       return a;
    }
}

uint64_t alu_scan(enum insn_op op, unsigned size, uint64_t a, uint64_t *flags)
{
    unsigned bits = alu_bits(size);
    uint64_t r;

    a = alu_cut(a, size);
    switch ((unsigned)op) {
    case INSN_BSF:
    case INSN_BSR:
        set_flag(flags, RFLAGS_ZF, !a);
        if (!a)
            return 0;
        return (unsigned)(op == INSN_BSF ? __builtin_ctzll(a) : 63 - __builtin_clzll(a));
    case INSN_POPCNT:
        *flags &= ~ALU_FLAGS;
        set_flag(flags, RFLAGS_ZF, !a);
        for (r = 0; a; a &= a - 1)
            r++;
        return r;
    case INSN_TZCNT:
        r = a ? (unsigned)__builtin_ctzll(a) : bits;
        break;
    default:
        r = a ? (unsigned)__builtin_clzll(a) - (64 - bits) : bits;
        break;
    }
    set_flag(flags, RFLAGS_CF, !a);
    set_flag(flags, RFLAGS_ZF, !r);
    return r;
}

bool alu_condition(unsigned cc, uint64_t flags)
{
    bool c = flags & RFLAGS_CF, z = flags & RFLAGS_ZF;
    bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF);
    bool yes;

    switch (cc >> 1 & 7) {
    case 0:  yes = flags & RFLAGS_OF; break;
    case 1:  yes = c; break;
    case 2:  yes = z; break;
    case 3:  yes = c || z; break;
    case 4:  yes = flags & RFLAGS_SF; break;
    case 5:  yes = flags & RFLAGS_PF; break;
    case 6:  yes = less; break;
    default: yes = z || less; break;
    }
    return yes != (cc & 1);
}
