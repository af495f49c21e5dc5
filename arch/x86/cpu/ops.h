/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One wrapper per privileged or special instruction: the only inline assembly
 * outside of the svm and vmx folders.
 */
#ifndef ARCH_X86_CPU_OPS_H
#define ARCH_X86_CPU_OPS_H

#include "socle/types.h"

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/*
 * Each instruction that may fault names where to go on; trap.c looks the pair up in
 * the table between fixup_start and fixup_end.
 */
#define FIXUP(from, to) ".pushsection .fixup, \"a\"\n\t.quad " from ", " to "\n\t.popsection\n\t"

/* RDMSR that may fault: false (and *v is 0) when the CPU raised #GP. Any context. */
static inline MUST_CHECK bool rdmsr_safe(uint32_t msr, uint64_t *v)
{
    uint32_t lo = 0, hi = 0;
    bool ok = false;
    __asm__ volatile("1: rdmsr\n\tmovb $1, %2\n\t2:\n\t" FIXUP("1b", "2b")
                     : "+a"(lo), "+d"(hi), "+q"(ok) : "c"(msr));
    *v = (uint64_t)hi << 32 | lo;
    return ok;
}

/* WRMSR that may fault: false when the CPU raised #GP. Any context. */
static inline MUST_CHECK bool wrmsr_safe(uint32_t msr, uint64_t v)
{
    bool ok = false;
    __asm__ volatile("1: wrmsr\n\tmovb $1, %0\n\t2:\n\t" FIXUP("1b", "2b")
                     : "+q"(ok) : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
    return ok;
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(subleaf));
}

#define CR_ACCESSORS(n) \
    static inline uint64_t read_cr##n(void) \
    { uint64_t v; __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)); return v; } \
    static inline void write_cr##n(uint64_t v) \
    { __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory"); }
CR_ACCESSORS(0)
CR_ACCESSORS(2)
CR_ACCESSORS(3)
CR_ACCESSORS(4)

#define DR_ACCESSORS(n) \
    static inline uint64_t read_dr##n(void) \
    { uint64_t v; __asm__ volatile("mov %%db" #n ", %0" : "=r"(v)); return v; } \
    static inline void write_dr##n(uint64_t v) \
    { __asm__ volatile("mov %0, %%db" #n : : "r"(v)); }
DR_ACCESSORS(0)
DR_ACCESSORS(1)
DR_ACCESSORS(2)
DR_ACCESSORS(3)
DR_ACCESSORS(6)
DR_ACCESSORS(7)

/* Needs CR4.PKE. */
static inline uint32_t rdpkru(void)
{
    uint32_t v, zero;
    __asm__ volatile("rdpkru" : "=a"(v), "=d"(zero) : "c"(0));
    return v;
}

static inline uint64_t xgetbv0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static inline void xsetbv0(uint64_t v)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline void xsave64(void *area, uint64_t mask)
{
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
                     : "memory");
}

static inline void xrstor64(const void *area, uint64_t mask)
{
    __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
                     : "memory");
}

static inline void fxsave64(void *area) { __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory"); }
static inline void fxrstor64(const void *area) { __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory"); }

static inline void cpu_irq_off(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void cpu_halt_forever(void) { for (;;) __asm__ volatile("cli; hlt"); }

#endif
