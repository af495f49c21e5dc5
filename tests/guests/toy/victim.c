/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs beside a hostile guest: counts the seconds of its PIT as "COUNT n" and checks that its
 * memory, its vector, debug and model-specific registers hold what it put there. What does
 * not is "VICTIM WRONG what".
 */
#include "toy.h"

enum { KERNEL_GS_BASE = 0xc0000102, TSC_AUX = 0xc0000103, PAT = 0x277, LSTAR = 0xc0000082, HZ = 100 };
enum { WORDS = 1 << 20 };
static uint64_t *const memory = (uint64_t *)0x800000;       /* 8 MiB of it */
static volatile uint64_t ticks;

static void on_tick(void) { ticks++; }

static void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static const struct { uint32_t msr; uint64_t value; const char *name; } msrs[] = {
    { KERNEL_GS_BASE, 0x123456789a, "KERNEL_GS_BASE" }, { TSC_AUX, 0x5aa5, "TSC_AUX" },
    { PAT, 0x0007040600070401, "PAT" }, { LSTAR, 0xffff800012345678, "LSTAR" },
};

static void set_up(void)
{
    static const uint64_t pattern[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
    for (uint64_t i = 0; i < WORDS; i++)
        memory[i] = i * 0x9e3779b97f4a7c15;
    for (unsigned i = 0; i < sizeof(msrs) / sizeof(*msrs); i++)
        wrmsr(msrs[i].msr, msrs[i].value);
    __asm__ volatile("mov %0, %%cr4" : : "r"(0x620ull));     /* PAE, OSFXSR, OSXMMEXCPT */
    __asm__ volatile("movups %0, %%xmm7" : : "m"(pattern));
    __asm__ volatile("mov %0, %%dr0; mov %1, %%dr3" : : "r"(0x1111ull), "r"(0x3333ull));
    __asm__ volatile("mov %0, %%cr2" : : "r"(0xdeadbeef000ull));
}

static void want(uint64_t value, uint64_t right, const char *what)
{
    if (value != right)
        print("VICTIM WRONG %s %lx, not %lx\n", what, value, right);
}

static void check(void)
{
    uint64_t v[2], dr0, dr3, cr2, cr4;
    for (uint64_t i = 0; i < WORDS; i++)
        if (memory[i] != i * 0x9e3779b97f4a7c15) {
            want(memory[i], i * 0x9e3779b97f4a7c15, "memory");
            break;
        }
    for (unsigned i = 0; i < sizeof(msrs) / sizeof(*msrs); i++)
        want(rdmsr(msrs[i].msr), msrs[i].value, msrs[i].name);
    __asm__ volatile("movups %%xmm7, %0" : "=m"(v));
    want(v[0], 0x0123456789abcdef, "xmm7");
    want(v[1], 0xfedcba9876543210, "xmm7");
    __asm__ volatile("mov %%dr0, %0; mov %%dr3, %1" : "=r"(dr0), "=r"(dr3));
    want(dr0, 0x1111, "dr0");
    want(dr3, 0x3333, "dr3");
    __asm__ volatile("mov %%cr2, %0; mov %%cr4, %1" : "=r"(cr2), "=r"(cr4));
    want(cr2, 0xdeadbeef000, "cr2");
    want(cr4, 0x620, "cr4");
}

void toy_main(void)
{
    uint64_t seconds = option("seconds", UINT64_MAX);
    print("TOY victim\n");
    set_up();
    irq_init();
    pit_start(HZ);
    irq_on(0, on_tick);
    sti();
    for (uint64_t n = 1; n <= seconds; n++) {
        while (ticks < n * HZ)
            hlt();
        check();
        print("COUNT %lu\n", n);
    }
    print("TOY done\n");
}
