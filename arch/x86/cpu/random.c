/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seeds for guests' random generators: RDRAND (SDM vol. 1, 7.3.17) where present, always
 * mixed with the TSC, through the finalizer of a 64-bit mixing function.
 */
#include "arch/x86/cpu/ops.h"
#include "socle/bits.h"
#include "socle/hostmem.h"
#include "socle/str.h"

static bool rdrand(uint64_t *v)
{
    bool ok;
    for (unsigned i = 0; i < 10; i++) {
        __asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
        if (ok)
            return true;
    }
    return false;
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

void host_random(void *buf, size_t n)
{
    static uint64_t pool;
    uint32_t r[4];
    uint8_t *p = buf;
    cpuid(1, 0, r);
    bool has = r[2] & BIT(30);
    while (n) {
        uint64_t v = 0;
        if (has && !rdrand(&v))
            v = 0;
        pool = mix(pool + rdtsc() + 0x9e3779b97f4a7c15ull);
        v ^= pool;
        size_t part = min_u64(n, sizeof(v));
        memcpy(p, &v, part);
        p += part;
        n -= part;
    }
}
