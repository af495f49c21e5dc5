/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Treats its PC's devices as no driver does: all ports in all sizes, every page of the
 * address space, timers that expire at once, storms of interrupts, string output without
 * end. `case=n` chooses; "SURVIVED n faults" where it comes back.
 */
#include "catch.h"

#define APIC 0xfee00000ull

static inline void apic(unsigned at, uint32_t v) { *(volatile uint32_t *)(APIC + at) = v; }

/* Those that would end the test or the output: console, system control, reset, ACPI. */
static bool spared(uint32_t port)
{
    return (port >= 0x3f8 && port < 0x400) || port == 0x64 || port == 0x92 || port == 0xcf9 ||
           (port >= 0x600 && port < 0x640);
}

static void all_ports(void)
{
    for (uint32_t i = 0; i < 0x14000; i++) {
        uint32_t port = (uint32_t)random64() & 0xffff, v = (uint32_t)random64();
        if (i < 0x10000)
            port = i;
        CATCH("inb %w0, %%al; inw %w0, %%ax; inl %w0, %%eax", "d"(port));
        if (spared(port) || spared(port + 3))
            continue;
        CATCH("outb %%al, %w1; outw %%ax, %w1; outl %%eax, %w1", "a"(v), "d"(port));
    }
}

/* Index and data of the PCI configuration space, every register of every function. */
static void pci_config(void)
{
    for (uint32_t i = 0; i < 0x10000; i++) {
        uint32_t address = 0x80000000u | (uint32_t)(random64() & 0xfffffc) | (i & 0xff0000);
        CATCH("outl %0, %w1", "a"(address), "d"(0xcf8));
        CATCH("outl %0, %w1; inl %w1, %%eax", "a"((uint32_t)random64()), "d"(0xcfc + (i & 3)));
    }
}

/* Device memory densely, the rest sparsely; beyond our RAM there is nothing to break. */
static void all_memory(void)
{
    for (uint64_t at = 0x8000000; at < 0x100000000ull; at += at < 0xfe000000 ? 0x40000 : 0x1000) {
        if (at >= APIC && at < APIC + 0x1000)
            continue;
        CATCH("movl %0, %%eax; movl %%eax, %0", "m"(*(volatile uint32_t *)at));
        CATCH("movq %0, %%rax; movq %%rax, %0", "m"(*(volatile uint64_t *)(at + 0xffc)));
        CATCH("movb %0, %%al; movb $0xff, %0", "m"(*(volatile uint8_t *)(at + 0x11)));
    }
}

static void apic_registers(void)
{
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t r = random64();
        unsigned at = r & 0xfff;
        if ((at & 0xff0) == 0x300 || (at & 0xff0) == 0x310)
            continue;                   /* commands to others have their own case */
        if (r & 0x1000)
            CATCH("movl %1, %0", "m"(*(volatile uint32_t *)(APIC + at)), "r"((uint32_t)(r >> 32)));
        else if (r & 0x2000)
            CATCH("movb %1, %0", "m"(*(volatile uint8_t *)(APIC + at)), "q"((uint8_t)(r >> 32)));
        else
            CATCH("movq %1, %0", "m"(*(volatile uint64_t *)(APIC + at)), "r"(r));
    }
    for (uint32_t msr = 0x800; msr < 0x900; msr++)
        CATCH("rdmsr; wrmsr", "c"(msr), "a"(0), "d"(0));
}

/* Interrupts to itself, of every kind but those that reset it, as fast as they go. */
static void ipi_storm(void)
{
    apic(0xf0, 0x1ff);
    for (uint32_t i = 0;; i++) {
        uint32_t mode = i & 7;
        apic(0x310, (uint32_t)random64() & 0xff000000);
        /* An NMI finds its way back here. */
        CATCH("movl %1, %0", "m"(*(volatile uint32_t *)(APIC + 0x300)),
              "r"((i & 0xff) | (mode == 5 ? 0 : mode) << 8 | (i & 3) << 18 | 0x4000));
        if (!(i & 0xffff))
            apic(0xb0, 0);
    }
}

static void pit_again(void) { apic(0xb0, 0); }

static void rtc_read(void)
{
    out8(0x70, 0x0c);
    (void)in8(0x71);
}

/* The shortest periods every timer has, with interrupts on. */
static void timer_storm(void)
{
    irq_init();
    irq_on(0, pit_again);
    irq_on(8, rtc_read);
    out8(0x70, 0x0a);
    out8(0x71, 0x21);                   /* RTC: 32 kHz and faster are rates 1 and 2 of 3 */
    out8(0x70, 0x0b);
    out8(0x71, 0x42);
    out8(0x43, 0x34);                   /* PIT: divisor 1 does not exist, 2 is the least */
    out8(0x40, 1);
    out8(0x40, 0);
    apic(0xf0, 0x1ff);
    apic(0x3e0, 0xb);
    apic(0x320, 0x20020);               /* periodic, on the PIT's vector */
    apic(0x380, 1);
    sti();
    for (;;)
        hlt();
}

/* A second of the manual's longest instruction: 2^32 bytes to a port. */
static void endless_string(void)
{
    for (;;)
        CATCH("addr32 rep outsb", "S"(0ull), "d"(0x80), "c"(0xffffffffull));
}

/* What a guest before us left in memory: fill=1 leaves something. */
static void memory_of_others(void)
{
    uint64_t *const from = (uint64_t *)0x400000, *const to = (uint64_t *)0x1800000;
    uint64_t leaks = 0, fill = option("fill", 0);
    for (uint64_t *p = from; p < to; p++) {
        leaks += *p != 0;
        *p = fill;
    }
    print("LEAKS %lu\n", leaks);
}

void toy_main(void)
{
    uint64_t what = option("case", 1);
    random_state = option("seed", 1);
    print("TOY baddev %lu\n", what);
    catch_init();
    switch (what) {
    case 1: all_ports(); break;
    case 2: pci_config(); break;
    case 3: all_memory(); break;
    case 4: apic_registers(); break;
    case 5: ipi_storm(); break;
    case 6: timer_storm(); break;
    case 7: endless_string(); break;
    case 8: memory_of_others(); break;
    }
    print("SURVIVED %lu faults\n", caught);
}
