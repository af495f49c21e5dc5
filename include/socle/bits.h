/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits, fields, alignment, and range arithmetic that cannot overflow. */
#ifndef SOCLE_BITS_H
#define SOCLE_BITS_H

#include "socle/types.h"

#define BIT(n)          (1u << (n))
#define BIT64(n)        (1ull << (n))
/* Bits hi..lo set, both included; 63 >= hi >= lo. */
#define MASK64(hi, lo)  ((~0ull >> (63 - (hi))) & (~0ull << (lo)))

static inline uint64_t align_down(uint64_t v, uint64_t pow2) { return v & ~(pow2 - 1); }

/* The caller knows that v + pow2 - 1 does not wrap. */
static inline uint64_t align_up(uint64_t v, uint64_t pow2)
{
    return (v + pow2 - 1) & ~(pow2 - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t pow2) { return (v & (pow2 - 1)) == 0; }
static inline bool is_pow2(uint64_t v) { return v && !(v & (v - 1)); }

static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* All ones in the low `size` bytes, 1 <= size <= 8. */
static inline uint64_t ones_of_size(unsigned size) { return ~0ull >> (64 - 8 * size); }

/* a + b, false when it does not fit 64 bits. */
static inline MUST_CHECK bool add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

/* Is [start, start+len) inside [base, base+size)? No sum is formed that could wrap. */
static inline bool range_inside(uint64_t start, uint64_t len, uint64_t base, uint64_t size)
{
    return start >= base && start - base <= size && len <= size - (start - base);
}

/* Do [a, a+alen) and [b, b+blen) share a byte? Neither range wraps. */
static inline bool range_overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return alen && blen && (a < b ? b - a < alen : a - b < blen);
}

/* a * b >> shift with a 128-bit product; shift < 64. */
static inline uint64_t mul_shift(uint64_t a, uint64_t b, unsigned shift)
{
    return (uint64_t)(((unsigned __int128)a * b) >> shift);
}

#endif
