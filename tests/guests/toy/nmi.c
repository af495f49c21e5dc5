/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NMIs of a guest to itself (SDM vol. 3, 6.7): one arrives with interrupts off; one that is sent
 * inside the handler waits for its IRET, and only one can wait; the handler may exit to the hypervisor
 * meanwhile. Also through the register page, and as x2APIC.
 */
#include "toy.h"

enum { VEC_NMI = 2, APIC_BASE_MSR = 0x1b, X2APIC_ICR = 0x830, DELIVER_NMI = 0x400 };
#define LAPIC       0xfee00000u
#define X2APIC_BITS 0xc00u
#define CPUID_X2APIC (1u << 21)

static volatile unsigned depth, deepest, count, send_more;
static bool x2apic;

static uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/* An IPI takes its time to arrive. */
static void until(unsigned wanted)
{
    for (unsigned i = 0; i < 1000 && count < wanted; i++)
        in8(0x61);
}

/* To the APIC with ID 0, which is this CPU: an NMI has no "self" form (table 11-3). */
static void send(void)
{
    if (x2apic) {
        wrmsr(X2APIC_ICR, DELIVER_NMI);
        return;
    }
    *(volatile uint32_t *)(uintptr_t)(LAPIC + 0x310) = 0;
    *(volatile uint32_t *)(uintptr_t)(LAPIC + 0x300) = DELIVER_NMI;
}

GATE_STUB(nmi_stub, nmi_handler);

void nmi_handler(uint64_t *rip)
{
    (void)rip;
    count++;
    if (++depth > deepest)
        deepest = depth;
    for (; send_more; send_more--)
        send();
    for (unsigned i = 0; i < 10; i++)   /* exits, behind which a nested one could come in */
        in8(0x61);
    depth--;
}

static bool check(const char *what, unsigned wanted)
{
    until(wanted);
    until(wanted + 1);                  /* nor is there one too many */
    bool good = count == wanted && deepest == 1;
    print("NMI %s, %s: %u of %u, depth %u\n", x2apic ? "x2APIC" : "xAPIC", what, count, wanted, deepest);
    count = deepest = 0;
    return good;
}

static bool all(void)
{
    bool good = true;
    cli();
    send();
    good = check("interrupts off", 1) && good;
    send_more = 3;
    send();
    good = check("sent in the handler", 2) && good;
    send_more = 1;
    send();
    until(2);
    send();
    good = check("twice", 3) && good;
    return good;
}

void toy_main(void)
{
    print("TOY nmi\n");
    gate_set(VEC_NMI, nmi_stub);
    bool good = all();
    uint32_t a = 1, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    if (c & CPUID_X2APIC) {
        wrmsr(APIC_BASE_MSR, rdmsr(APIC_BASE_MSR) | X2APIC_BITS);
        x2apic = true;
        good = all() && good;
    }
    print("NMI %s\n", good ? "GOOD" : "BAD");
}
