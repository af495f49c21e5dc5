/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does to its CPU what no system does: every MSR, every bit of the control registers,
 * instructions of other privilege and other vendors, operands and stacks and tables in
 * device memory, random code. `case=n` chooses; "SURVIVED n faults" where it comes back.
 * AMD APM vol. 2 and Intel SDM vol. 3 say what each should do; the test only wants the
 * hypervisor and the others unharmed.
 */
#include "catch.h"

#define APIC 0xfee00000ull
#define NOWHERE 0xc0000000ull           /* no memory and no device */
#define HOST 0xffffffff00000000ull      /* where the hypervisor's image is */
#define NON_CANONICAL 0x8000000000000000ull

static void write_msr(uint32_t msr, uint64_t v)
{
    CATCH("wrmsr", "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static void all_msrs(void)
{
    static const struct { uint32_t from, to; } ranges[] = {
        { 0, 0x2000 }, { 0x40000000, 0x40000100 }, { 0x4b564d00, 0x4b564d10 },
        { 0xc0000000, 0xc0000200 }, { 0xc0010000, 0xc0011100 },
    };
    for (unsigned r = 0; r < sizeof(ranges) / sizeof(*ranges); r++)
        for (uint32_t msr = ranges[r].from; msr < ranges[r].to; msr++) {
            CATCH("rdmsr", "c"(msr));
            if (msr == 0x1b || (msr >= 0x800 && msr < 0x900))
                continue;                       /* the APIC has its own case */
            write_msr(msr, 0);
            write_msr(msr, UINT64_MAX);
            write_msr(msr, NON_CANONICAL);
            write_msr(msr, random64());
        }
}

static void control_registers(void)
{
    uint64_t cr0, cr3, cr4;
    __asm__ volatile("mov %%cr0, %0; mov %%cr3, %1; mov %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t one = 1ull << bit;
        /* Without paging in 64-bit code: #GP (SDM vol. 2, MOV to CR), but QEMU 7.2 lets it happen. */
        if (bit != 31)
            CATCH("mov %0, %%cr0", "r"(cr0 ^ one));
        CATCH("mov %0, %%cr0", "r"(cr0));
        CATCH("mov %0, %%cr4", "r"(cr4 ^ one));
        CATCH("mov %0, %%cr4", "r"(cr4));
        /* Reserved bits of CR3 end the guest on QEMU 7.2, whose #GP is VMEXIT_INVALID. */
        CATCH("mov %0, %%cr3", "r"(bit < 12 ? cr3 ^ one : cr3));
        CATCH("mov %0, %%cr3", "r"(cr3));
        CATCH("mov %0, %%cr8", "r"(one));
        CATCH("mov %0, %%dr0; mov %0, %%dr6", "r"(one));
        CATCH("mov %0, %%dr7", "r"(one & ~0x33ull));
        CATCH("xsetbv", "c"(0), "a"((uint32_t)one), "d"((uint32_t)(one >> 32)));
        CATCH("xsetbv", "c"(bit), "a"(1), "d"(0));
    }
    CATCH("mov %0, %%cr8", "r"(0ull));
}

static void instructions(void)
{
    const uint64_t at = 0x400000;
    CATCH("vmrun", "a"(at));
    CATCH("vmload", "a"(at));
    CATCH("vmsave", "a"(at));
    CATCH("stgi", "a"(at));
    CATCH("clgi", "a"(at));
    CATCH("skinit", "a"(at));
    CATCH("invlpga", "a"(at), "c"(0));
    for (uint64_t n = 0; n < 20; n++) {
        CATCH("vmmcall", "a"(n), "b"(at), "c"(UINT64_MAX), "d"(n));
        CATCH("vmcall", "a"(UINT64_MAX - n), "b"(at), "c"(UINT64_MAX), "d"(n));
    }
    CATCH("vmxon %0", "m"(*(uint64_t *)at));
    CATCH("vmread %0, %0", "a"(at));
    CATCH("vmptrld %0", "m"(*(uint64_t *)at));
    CATCH("vmlaunch", "a"(at));
    CATCH("invept %0, %1", "m"(*(uint64_t *)at), "a"(1ull));
    CATCH("getsec", "a"(0));
    CATCH("rsm", "a"(0));
    CATCH("monitor", "a"(at), "c"(0), "d"(0));
    CATCH("mwait", "a"(0), "c"(3));
    CATCH("rdpmc", "a"(0), "c"(0));
    CATCH("invd", "a"(0));
    CATCH("wbinvd", "a"(0));
    CATCH("ud2", "a"(0));
    CATCH(".byte 0xf1", "a"(0));            /* INT1 */
    CATCH("int3", "a"(0));
    CATCH("int $0x80", "a"(0));
    CATCH("swapgs; swapgs", "a"(0));
    CATCH("ljmp *%0", "m"(*(uint64_t *)at));
    CATCH("ltr %w0", "a"(0x33));
    CATCH("lldt %w0", "a"(0xfff8));
    CATCH("mov %w0, %%ss", "a"(0xfff8));
    CATCH("clflush %0", "m"(*(uint64_t *)APIC));
    for (uint32_t leaf = 0; leaf < 0x40; leaf++)
        for (uint32_t sub = 0; sub < 66; sub++)
            CATCH("cpuid", "a"(leaf | (sub & 3) << 30), "c"(sub));
}

/*
 * Operand n in device memory or in nothing: what the emulator has, and what it has not.
 * False behind the last.
 */
static bool device_operand(uint64_t at, unsigned n)
{
    uint64_t *const p = (uint64_t *)(at + 0x80);
    switch (n) {
    case 0: CATCH("lock btsq %1, %0", "m"(*p), "r"(-70ll)); return true;
    case 1: CATCH("btq %1, %0", "m"(*p), "r"(0x7fffffffffffffll)); return true;
    case 2: CATCH("lock cmpxchg8b %0", "m"(*p), "a"(0), "b"(0), "c"(0), "d"(0)); return true;
    case 3: CATCH("lock cmpxchg16b %0", "m"(*p), "a"(0), "b"(0), "c"(0), "d"(0)); return true;
    case 4: CATCH("lock xaddq %1, %0", "m"(*p), "r"(1ull)); return true;
    case 5: CATCH("xchgb %1, %0", "m"(*p), "q"((uint8_t)1)); return true;
    case 6: CATCH("movups %0, %%xmm0", "m"(*p)); return true;
    case 7: CATCH("movaps %%xmm0, %0", "m"(*p)); return true;
    case 8: CATCH("movntdq %%xmm0, %0", "m"(*p)); return true;
    case 9: CATCH("fldt %0", "m"(*p)); return true;
    case 10: CATCH("fxsave %0", "m"(*(uint64_t *)at)); return true;
    case 11: CATCH("fxrstor %0", "m"(*(uint64_t *)at)); return true;
    case 12: CATCH("sidt %0", "m"(*p)); return true;
    case 13: CATCH("pushq %0", "m"(*p)); return true;
    case 14: CATCH("pushq $0; popq %0", "m"(*p)); return true;
    case 15: CATCH("ljmp *%0", "m"(*p)); return true;
    case 16: CATCH("lss %0, %%eax", "m"(*p)); return true;
    case 17: CATCH("divq %0", "m"(*p), "a"(1ull), "d"(0ull)); return true;
    case 18: CATCH("crc32q %0, %%rax", "m"(*p)); return true;
    case 19: CATCH("rep movsb", "S"(at + 0xff0), "D"(at + 0x1ff8), "c"(0x2000ull)); return true;
    case 20: CATCH("rep movsq", "S"(0x400000ull), "D"(at - 4), "c"(0x400ull)); return true;
    case 21: CATCH("std; rep stosb", "D"(at + 8), "c"(0x1000ull), "a"(0)); return true;
    case 22: CATCH("rep cmpsb", "S"(at), "D"(at), "c"(1ull << 20)); return true;
    case 23: CATCH("rep outsb", "S"(at), "d"(0x80), "c"(0x1000ull)); return true;
    case 24: CATCH("rep insl", "D"(at + 0xffe), "d"(0x80), "c"(0x1000ull)); return true;
    case 25: CATCH("xgetbv; xsave %0", "m"(*(uint64_t *)at), "c"(0)); return true;
    }
    return false;
}

/* Each alignment at the end of the page. */
static void crossing_operands(uint64_t at)
{
    for (unsigned n = 0; n < 16; n++) {
        CATCH("movq %1, %0", "m"(*(uint64_t *)(at + 0xff8 + n)), "r"(0ull));
        CATCH("movl %0, %%eax", "m"(*(uint32_t *)(at + 0xffc + n)));
    }
}

/* Whoever reads these for the CPU finds no memory; a fault may have nowhere to go. */
static void stacks_in_devices(uint64_t at)
{
    CATCH("mov %0, %%rsp; int3", "r"(at + 0x800));
    CATCH("mov %0, %%rsp; push %%rax; pop %%rax; call 1f; 1: ret", "r"(at + 0x800));
    CATCH("mov %0, %%rsp; iretq", "r"(at + 0x800));
    CATCH("lgdt %0; mov %%ds, %%ax; mov %%ax, %%ds", "m"(*(uint64_t *)(at + 0x80)));
    CATCH("jmp *%0", "r"(at + 0x100));
}

static void random_code(uint64_t seconds)
{
    uint8_t *const code = (uint8_t *)0x700000;
    uint64_t end = rdtsc() + seconds * 2000000000ull;
    while (rdtsc() < end) {
        for (unsigned i = 0; i < 64; i += 8)
            *(uint64_t *)(code + i) = random64();
        CATCH("call *%0", "r"(code), "a"(random64()), "b"(APIC), "c"(0x10ull), "d"(0x3fdull),
              "S"(0x500000ull), "D"(0x600000ull));
    }
}

/* Everything that one virtual CPU might leave behind for the next, over and over. */
static void fill_registers(void)
{
    static const uint32_t msrs[] = { 0xc0000102, 0xc0000103, 0x277, 0xc0000082, 0xc0000084, 0x174, 0x176 };
    CATCH("mov %0, %%cr4", "r"(0x620ull));
    for (;;) {
        uint64_t r = random64(), v[2] = { r, ~r };
        for (unsigned i = 0; i < sizeof(msrs) / sizeof(*msrs); i++)
            write_msr(msrs[i], msrs[i] == 0x277 ? 0 : r & 0x7fffffff);
        CATCH("movups (%0), %%xmm0; movups (%0), %%xmm7; movups (%0), %%xmm15", "r"(v));
        CATCH("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3", "r"(r & 0xffffffff));
        CATCH("mov %0, %%cr2; fninit; fldz; fld1", "r"(r));
    }
}

__asm__("own_breakpoint: nop\n ret\n");
extern char own_breakpoint[];

/* Not bad at all: a breakpoint of its own, which must still be there after many exits. */
static void use_breakpoint(void)
{
    CATCH("mov %0, %%dr0; mov %1, %%dr7", "r"(own_breakpoint), "r"(0x402ull));
    for (unsigned i = 0; i < 1000; i++)
        CATCH("cpuid", "a"(0));
    for (unsigned i = 0; i < 10; i++)
        CATCH("call own_breakpoint", "a"(0));
    CATCH("mov %0, %%dr7", "r"(0x400ull));
    CATCH("call own_breakpoint", "a"(0));
    print("BREAKPOINTS %lu\n", caught);
}

void toy_main(void)
{
    uint64_t what = option("case", 1);
    random_state = option("seed", 1);
    print("TOY badcpu %lu\n", what);
    catch_init();
    switch (what) {
    case 1: all_msrs(); break;
    case 2: control_registers(); break;
    case 3: instructions(); break;
    case 4: print("OPERAND %u\n", device_operand(APIC, (unsigned)option("op", 0))); break;
    case 5: print("OPERAND %u\n", device_operand(NOWHERE, (unsigned)option("op", 0))); break;
    case 6: stacks_in_devices(NOWHERE); break;
    case 7: random_code(option("seconds", 3)); break;
    case 8: __asm__ volatile("mov %0, %%cr3" : : "r"(APIC)); break;     /* page tables in a device */
    case 9: __asm__ volatile("mov %0, %%rsp; int3" : : "r"(NON_CANONICAL)); break;
    case 10:                                                            /* a breakpoint on the #DB handler */
        __asm__ volatile("mov %0, %%dr0; mov %1, %%dr7; .byte 0xf1" : : "r"(catch_stubs + 32), "r"(0x402ull));
        break;
    case 11: for (;;) CATCH("cpuid", "a"(0));
    case 16:                                            /* breakpoints on the hypervisor's addresses */
        CATCH("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3", "r"(option("a", 0) | HOST),
              "r"(option("b", 0) | HOST), "r"(option("c", 0) | HOST), "r"(option("d", 0) | HOST));
        CATCH("mov %0, %%dr7", "r"(option("dr7", 0x4aa)));
        for (;;) CATCH("cpuid", "a"(0));
    case 17: use_breakpoint(); break;
    case 15: fill_registers(); break;
    case 14: crossing_operands(APIC); crossing_operands(NOWHERE); break;
    case 12: for (;;) CATCH("pause", "a"(0));
    case 13: for (;;) CATCH("wbinvd", "a"(0));
    }
    print("SURVIVED %lu faults\n", caught);
}
