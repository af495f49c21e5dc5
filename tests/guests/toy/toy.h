/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every toy guest has: the first serial port, ports, interrupts, its command line.
 * A toy is one file with main(); it says what it is about to do, then does it.
 */
#ifndef TOY_H
#define TOY_H

#include <stdbool.h>
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void out16(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }

static inline void out32(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }

static inline uint8_t in8(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint16_t in16(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t in32(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

static inline void cli(void) { __asm__ volatile("cli"); }
static inline void sti(void) { __asm__ volatile("sti"); }
static inline void hlt(void) { __asm__ volatile("hlt"); }

/* printf with %s, %u, %lu, %x, %lx. */
__attribute__((format(printf, 1, 2))) void print(const char *f, ...);

/* The number behind `word=` on the command line, else `otherwise`. */
uint64_t option(const char *word, uint64_t otherwise);

/* Interrupts: masks all of the 8259s' lines, sets up an IDT; then one handler per IRQ 0-15. */
void irq_init(void);
void irq_on(unsigned irq, void (*handler)(void));

/* One gate of the same IDT, for a stub in assembly; without irq_init() the others are empty. */
void gate_set(unsigned vector, const void *stub);

/* A stub `name` that calls handler(address of the saved RIP) on an aligned stack. No error code. */
#define GATE_STUB(name, handler) \
    __asm__(#name ":\n" \
            "   push %rax\n   push %rcx\n   push %rdx\n   push %rsi\n   push %rdi\n" \
            "   push %r8\n   push %r9\n   push %r10\n   push %r11\n   push %rbp\n" \
            "   lea 80(%rsp), %rdi\n   mov %rsp, %rbp\n   and $-16, %rsp\n   cld\n" \
            "   call " #handler "\n   mov %rbp, %rsp\n" \
            "   pop %rbp\n   pop %r11\n   pop %r10\n   pop %r9\n   pop %r8\n" \
            "   pop %rdi\n   pop %rsi\n   pop %rdx\n   pop %rcx\n   pop %rax\n   iretq\n"); \
    extern const uint8_t name[]; \
    void handler(uint64_t *rip)

/* Sets PIT channel 0 going at `hz`. */
void pit_start(unsigned hz);

/* ACPI power-off: PM1a_CNT is at 0x604 and S5 is type 0, under Socle as on QEMU's PCs. */
__attribute__((noreturn)) void power_off(void);

int main(void *zero_page);
void toy_main(void);

#endif
