/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own exceptions and interrupts. */
#ifndef ARCH_X86_CPU_TRAP_H
#define ARCH_X86_CPU_TRAP_H

#include "socle/types.h"

/* Pushed by trap.S and the CPU, lowest address first. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Vectors of the hypervisor's own interrupts. */
enum {
    VECTOR_UART     = 0x40,
    VECTOR_DEVICE   = 0x50,             /* to VECTOR_DEVICE_END: given out by irq.h */
    VECTOR_DEVICE_END = 0xef,
    VECTOR_TIMER    = 0xf0,
    VECTOR_KICK     = 0xf1,
    VECTOR_ERROR    = 0xfe,
    VECTOR_SPURIOUS = 0xff,
};

typedef void (*irq_handler)(void);

/* Builds and loads the IDT. Once, on the boot CPU. */
void trap_init(void);
/* handler runs with interrupts off and sends no EOI itself. Before the vector is used. */
void trap_set_irq(uint8_t vector, irq_handler handler);

/* Called by trap.S. */
void trap_entry(struct trap_frame *f);

#endif
