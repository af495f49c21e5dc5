/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiplication and division (SDM vol. 2, MUL, IMUL, DIV, IDIV) for exec.c. A 128-bit
 * division is done bit by bit: the compiler would call a library function for it, and
 * nobody divides device registers in a loop.
 */
#include "alu.h"

#include "socle/bits.h"

uint64_t alu_multiply(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *high,
                      uint64_t *flags)
{
    unsigned bits = alu_bits(size);
    unsigned __int128 product;
    uint64_t low;
    bool fits;

    if (op == INSN_MUL) {
        product = (unsigned __int128)alu_cut(a, size) * alu_cut(b, size);
        low = alu_cut((uint64_t)product, size);
        fits = product == low;
    } else {
        product = (unsigned __int128)((__int128)(int64_t)alu_sign_extend(a, size) *
                                      (int64_t)alu_sign_extend(b, size));
        low = alu_cut((uint64_t)product, size);
        fits = (__int128)product == (int64_t)alu_sign_extend(low, size);
    }
    *high = alu_cut((uint64_t)(product >> bits), size);
    *flags &= ~(RFLAGS_CF | RFLAGS_OF);
    if (!fits)
        *flags |= RFLAGS_CF | RFLAGS_OF;
    return low;
}

/* high:low / divisor with high < divisor, so that the quotient fits 64 bits. */
static uint64_t divide_wide(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *remainder)
{
    uint64_t quotient = 0;

    for (unsigned i = 0; i < 64; i++) {
        bool carry = high >> 63;
        high = high << 1 | low >> 63;
        low <<= 1;
        quotient <<= 1;
        if (carry || high >= divisor) {
            high -= divisor;
            quotient |= 1;
        }
    }
    *remainder = high;
    return quotient;
}

/* Unsigned; false when the quotient does not fit `size`. */
static bool divide(unsigned size, uint64_t high, uint64_t low, uint64_t divisor,
                   uint64_t *quotient, uint64_t *remainder)
{
    if (high >= divisor)
        return false;                           /* also when the divisor is 0 */
    if (size == 8) {
        *quotient = divide_wide(high, low, divisor, remainder);
    } else {
        uint64_t dividend = high << alu_bits(size) | low;
        *quotient = dividend / divisor;
        *remainder = dividend % divisor;
    }
    return true;
}

bool alu_divide(enum insn_op op, unsigned size, uint64_t high, uint64_t low, uint64_t divisor,
                uint64_t *quotient, uint64_t *remainder)
{
    uint64_t sign = 1ull << (alu_bits(size) - 1);
    bool negative, negative_divisor;

    high = alu_cut(high, size);
    low = alu_cut(low, size);
    divisor = alu_cut(divisor, size);
    if (op == INSN_DIV)
        return divide(size, high, low, divisor, quotient, remainder);

    /* Signed: divide the magnitudes; the remainder takes the dividend's sign. */
    negative = high & sign;
    negative_divisor = divisor & sign;
    if (negative) {
        low = alu_cut(-low, size);
        high = alu_cut(~high + !low, size);
    }
    if (negative_divisor)
        divisor = alu_cut(-divisor, size);
    if (!divide(size, high, low, divisor, quotient, remainder))
        return false;
    bool negative_result = negative != negative_divisor;
    if (*quotient > sign - !negative_result)
        return false;
    if (negative_result)
        *quotient = alu_cut(-*quotient, size);
    if (negative)
        *remainder = alu_cut(-*remainder, size);
    return true;
}
