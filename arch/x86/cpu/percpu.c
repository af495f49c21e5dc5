/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU areas and the descriptor tables in them (SDM vol. 3, 3.5 and 8.7). The
 * boot CPU gets its area before memory management exists: until then its double
 * faults, NMIs and machine checks share one small stack in the image.
 */
#include "arch/x86/cpu/percpu.h"

#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "socle/assert.h"

enum { EARLY_STACK = 4096 };

static struct pcpu area[PCPU_MAX];
static uint8_t early_stack[EARLY_STACK] ALIGNED(16);

struct pcpu *pcpu_at(uint32_t index)
{
    hv_assert(index < PCPU_MAX);
    return &area[index];
}

static void load_gdt(struct pcpu *p)
{
    uint64_t base = (uint64_t)&p->tss;
    p->gdt[GDT_CODE / 8] = 0x00af9b000000ffffull;
    p->gdt[GDT_DATA / 8] = 0x00cf93000000ffffull;
    /* 64-bit available TSS, 16 bytes (SDM vol. 3, figure 8-4). */
    p->gdt[GDT_TSS / 8] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
                          (base >> 24 & 0xff) << 56;
    p->gdt[GDT_TSS / 8 + 1] = base >> 32;

    struct { uint16_t limit; uint64_t base; } PACKED ptr = {
        sizeof(p->gdt) - 1, (uint64_t)p->gdt
    };
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "mov %2, %%ds\n\tmov %2, %%es\n\tmov %2, %%ss\n\t"
                     "ltr %3"
                     : : "m"(ptr), "i"(GDT_CODE), "r"((uint32_t)GDT_DATA), "r"((uint16_t)GDT_TSS)
                     : "rax", "memory");
}

void pcpu_init(struct pcpu *p, uint32_t index)
{
    p->self = p;
    p->index = index;
    p->tss.iomap = sizeof(struct tss);
    for (unsigned i = 0; i < IST_COUNT; i++)
        p->tss.ist[i] = (uint64_t)early_stack + EARLY_STACK;
    load_gdt(p);
    wrmsr(MSR_GS_BASE, (uint64_t)p);
    wrmsr(MSR_FS_BASE, 0);
}

void pcpu_set_ist(unsigned slot, void *top)
{
    hv_assert(slot >= 1 && slot <= IST_COUNT);
    this_cpu()->tss.ist[slot - 1] = (uint64_t)top;
}
