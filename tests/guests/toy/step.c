/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single steps (SDM vol. 3, 17.3.1.4): each instruction ends with a #DB behind it, those that
 * leave the guest too; MOV SS holds it off for one more. Also a breakpoint on data, DR7.GD, and
 * INT1, which traps behind itself.
 */
#include "toy.h"

enum { VEC_DB = 1, STEPS = 32 };
#define DR6_BS              0x4000u
#define DR6_BD              0x2000u

extern uint8_t walk_start[];
extern const uint8_t *const walk_stops[];
void walk(void);

static volatile unsigned steps;
static uint64_t at[STEPS], dr6[STEPS];

GATE_STUB(db_stub, db_handler);

/* TF goes on with POPF, and off with the last one; s1, s2 ... are the stops. */
__asm__("walk:\n"
        "   push %rbx\n"
        "   pushf\n   pushf\n   orl $0x100, (%rsp)\n   popf\n"
        "walk_start:\n"
        "   nop\n"
        "s1: xor %eax, %eax\n"
        "s2: cpuid\n"
        "s3: in $0x61, %al\n"
        "s4: mov 0xfee00030, %eax\n"
        "s5: mov $0x1b, %ecx\n"
        "s6: rdmsr\n"
        "s7: mov %ss, %edx\n"
        "s8: mov %edx, %ss\n"
        "    nop\n"
        "s9: sti\n"
        "s10: nop\n"
        "s11: cli\n"
        "s12: mov %edx, %ss\n"
        "    cpuid\n"
        "s13: wbinvd\n"
        "s14: out %al, $0x80\n"
        "s15: popf\n"
        "s16: pop %rbx\n"
        "   ret\n"
        "walk_stops: .quad s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, s16, 0\n");

void db_handler(uint64_t *rip)
{
    uint64_t v;
    __asm__ volatile("mov %%db6, %0" : "=r"(v));
    if (steps < STEPS) {
        at[steps] = *rip;
        dr6[steps++] = v;
    }
    __asm__ volatile("mov %0, %%db6" : : "r"(0xffff0ff0ull));
}

/* Where the walk stopped, against where it should have. */
static bool single_steps(void)
{
    bool good = true;
    unsigned wanted = 0;
    steps = 0;
    walk();
    /* POPF that sets TF traps after the next instruction; the one that clears it traps itself. */
    for (; walk_stops[wanted]; wanted++)
        if (wanted >= steps || at[wanted] != (uint64_t)walk_stops[wanted] || !(dr6[wanted] & DR6_BS)) {
            print("STEP %u: at +%lx, not +%lx, dr6 %lx\n", wanted + 1, at[wanted] - (uint64_t)walk_start,
                  (uint64_t)walk_stops[wanted] - (uint64_t)walk_start, dr6[wanted]);
            good = false;
        }
    print("STEP walk: %u of %u\n", steps, wanted);
    return good && steps == wanted;
}

static void set_dr7(uint64_t v) { __asm__ volatile("mov %0, %%db7" : : "r"(v)); }

static bool breakpoints(void)
{
    static volatile uint32_t word;
    steps = 0;
    __asm__ volatile("mov %0, %%db0" : : "r"(&word));
    set_dr7(0x400 | 0xd0000 | 2);       /* G0: writes of four bytes */
    word = 1;
    set_dr7(0x400);
    bool good = steps == 1 && dr6[0] & 1;
    print("STEP data breakpoint: %u, dr6 %lx\n", steps, dr6[0]);
    return good;
}

/* A debug register that is touched with GD set faults before it is; the handler may touch them. */
static bool general_detect(void)
{
    uint64_t v;
    steps = 0;
    set_dr7(0x400 | 0x2000);
    __asm__ volatile("mov %%db7, %0" : "=r"(v));
    bool good = steps == 1 && dr6[0] & DR6_BD && !(v & 0x2000);
    print("STEP general detect: %u, dr6 %lx, dr7 %lx\n", steps, dr6[0], v);
    set_dr7(0x400);
    return good;
}

extern uint8_t after_int1[];

static bool int1(void)
{
    steps = 0;
    __asm__ volatile(".byte 0xf1\n.globl after_int1\nafter_int1:" : : : "memory");
    bool good = steps == 1 && at[0] == (uint64_t)after_int1 && !(dr6[0] & (DR6_BS | DR6_BD));
    print("STEP int1: %u, at %s, dr6 %lx\n", steps, at[0] == (uint64_t)after_int1 ? "its end" : "another place", dr6[0]);
    return good;
}

void toy_main(void)
{
    print("TOY step\n");
    gate_set(VEC_DB, db_stub);
    bool good = single_steps();
    good = breakpoints() && good;
    good = general_detect() && good;
    if (option("int1", 0))              /* QEMU 7.2 takes it for INT 1 of a user */
        good = int1() && good;
    print("STEP %s\n", good ? "GOOD" : "BAD");
}
