/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions that compilers call by these names instead of inlining them (libgcc's interface). */
#include "socle/types.h"

unsigned __int128 __udivti3(unsigned __int128 n, unsigned __int128 d);
int __popcountdi2(uint64_t v);

/* hi:lo / d for hi < d, by one DIV. */
static uint64_t div_narrow(uint64_t hi, uint64_t lo, uint64_t d, uint64_t *rest)
{
    uint64_t q;
    __asm__("divq %4" : "=a"(q), "=d"(*rest) : "a"(lo), "d"(hi), "r"(d) : "cc");
    return q;
}

unsigned __int128 __udivti3(unsigned __int128 n, unsigned __int128 d)
{
    uint64_t rest, hi = (uint64_t)(n >> 64), lo = (uint64_t)n;
    if (!(d >> 64)) {
        uint64_t q_hi = hi / (uint64_t)d;
        uint64_t q_lo = div_narrow(hi % (uint64_t)d, lo, (uint64_t)d, &rest);
        return (unsigned __int128)q_hi << 64 | q_lo;
    }
    unsigned __int128 q = 0, r = 0;
    for (int bit = 127; bit >= 0; bit--) {
        r = r << 1 | (n >> bit & 1);
        if (r >= d) {
            r -= d;
            q |= (unsigned __int128)1 << bit;
        }
    }
    return q;
}

int __popcountdi2(uint64_t v)
{
    int n = 0;
    for (; v; v &= v - 1)
        n++;
    return n;
}
