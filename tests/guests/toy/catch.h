/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For toys that do forbidden things: exceptions 0-31 are counted and lead to where `resume`
 * points, on the stack as it was then. Included by one file of a toy.
 */
#ifndef CATCH_H
#define CATCH_H

#include "toy.h"

extern volatile uint64_t resume, resume_sp, caught, caught_vector;
extern char catch_stubs[];

/* Sets up an IDT for all exceptions; interrupts stay without handlers. */
void catch_init(void);

#define CATCH_SAVE "push %%rax; push %%rbx; push %%rcx; push %%rdx; push %%rsi; push %%rdi; push %%rbp; " \
    "push %%r8; push %%r9; push %%r10; push %%r11; push %%r12; push %%r13; push %%r14; push %%r15\n\t"
#define CATCH_RESTORE "pop %%r15; pop %%r14; pop %%r13; pop %%r12; pop %%r11; pop %%r10; pop %%r9; pop %%r8; " \
    "pop %%rbp; pop %%rdi; pop %%rsi; pop %%rdx; pop %%rcx; pop %%rbx; pop %%rax\n\t"

/* Runs `code`; where it faults, execution goes on behind it. Registers are as before. */
#define CATCH(code, ...) \
    __asm__ volatile(CATCH_SAVE "movq $77f, resume\n\tmovq %%rsp, resume_sp\n\t" code "\n" \
                     "77:\tcld\n\tmovq resume_sp, %%rsp\n\t" CATCH_RESTORE : : __VA_ARGS__ : "memory", "cc")

/* Whether an exception pushed an error code does not matter: its stack is thrown away. */
__asm__(".text\n"
        "catch_stubs:\n"
        ".set v, 0\n"
        ".rept 32\n"
        "    .balign 32\n"
        "    movq $v, caught_vector\n"
        "    jmp catch_common\n"
        "    .set v, v + 1\n"
        ".endr\n"
        "catch_common:\n"
        "    cld\n"
        "    incq caught\n"
        "    movq resume_sp, %rsp\n"
        "    pushq $0x10\n"
        "    pushq resume_sp\n"
        "    pushq $2\n"
        "    pushq $0x18\n"
        "    pushq resume\n"
        "    iretq\n");

volatile uint64_t resume, resume_sp, caught, caught_vector;

struct catch_gate {
    uint16_t low, selector, flags, mid;
    uint32_t high, reserved;
};

void catch_init(void)
{
    static struct catch_gate gates[32];
    for (unsigned i = 0; i < 32; i++) {
        uint64_t at = (uint64_t)catch_stubs + 32 * i;
        gates[i] = (struct catch_gate){ (uint16_t)at, 0x18, 0x8e00, (uint16_t)(at >> 16), 0, 0 };
    }
    const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) pointer = {
        sizeof(gates) - 1, (uint64_t)gates
    };
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

/* xorshift64*: the same bytes for the same seed. */
static uint64_t random_state = 1;

static inline uint64_t random64(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

#endif
