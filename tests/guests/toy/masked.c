/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lets the timer of its local APIC, in x2APIC mode, expire while interrupts are off, many
 * times: none may arrive before STI, and each must arrive after it.
 */
#include "toy.h"

enum { APIC_BASE = 0x1b, X2APIC_ON = 0xc00, EOI = 0x80b, SPURIOUS = 0x80f, LVT_TIMER = 0x832,
       INITIAL_COUNT = 0x838, DIVIDE = 0x83e, BY_1 = 0xb, VECTOR = 0x20, ROUNDS = 100 };
enum { COUNT = 10000, SPINS = 100000, PATIENCE = 1000000000 };

static volatile unsigned arrived;

static void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static void on_timer(void)
{
    arrived++;
    wrmsr(EOI, 0);
}

void toy_main(void)
{
    unsigned early = 0, late = 0;
    print("TOY masked\n");
    irq_init();
    irq_on(0, on_timer);
    out8(0x21, 0xff);                   /* the vector is the APIC's timer's alone */
    wrmsr(APIC_BASE, rdmsr(APIC_BASE) | X2APIC_ON);
    wrmsr(SPURIOUS, 0x1ff);
    wrmsr(LVT_TIMER, VECTOR);
    wrmsr(DIVIDE, BY_1);
    for (unsigned n = 0; n < ROUNDS; n++) {
        cli();
        arrived = 0;
        wrmsr(INITIAL_COUNT, COUNT);
        for (unsigned i = 0; i < SPINS; i++)
            cli();                      /* as nested critical sections do */
        early += arrived;
        sti();
        for (unsigned i = 0; i < PATIENCE && !arrived; i++) {}
        late += !arrived;
    }
    cli();
    print("MASKED %u early, %u lost\n", early, late);
}
