/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What belongs to one physical CPU, reached through GS. Only the CPU itself touches
 * its area, except the fields marked shared.
 */
#ifndef ARCH_X86_CPU_PERCPU_H
#define ARCH_X86_CPU_PERCPU_H

#include "socle/types.h"

enum { PCPU_MAX = 1 };                  /* physical CPUs in use */

enum {                                  /* interrupt stack table slots (SDM vol. 3, 6.14.5) */
    IST_DF = 1, IST_NMI = 2, IST_MC = 3, IST_COUNT = 3
};

struct tss {                            /* SDM vol. 3, figure 8-11 */
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, iomap;
} PACKED;
_Static_assert(sizeof(struct tss) == 104, "TSS layout");

struct pcpu {
    struct pcpu *self;                  /* GS:0 */
    uint32_t     index;                 /* 0 .. CPUs - 1 */
    uint32_t     apic_id;
    _Atomic uint32_t events;            /* shared: PCPU_EVENT_*, set by interrupt handlers */
    uint32_t     lapic_errors;
    void        *virt;                  /* the backend's own area */
    void        *sched;                 /* the scheduler's own area */
    uint64_t     gdt[8];
    struct tss   tss;
    _Atomic uint32_t nmis;              /* that nobody has reported yet */
};

/* Work that an interrupt left for the CPU's loop. */
enum { PCPU_EVENT_TIMER = 1, PCPU_EVENT_UART = 2, PCPU_EVENT_KICK = 4, PCPU_EVENT_DEVICE = 8 };

static inline struct pcpu *this_cpu(void)
{
    struct pcpu *p;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(p));
    return p;
}

/* Loads GDT, TSS and GS for this CPU; stacks are mapped already. Once per CPU, early. */
void pcpu_init(struct pcpu *p, uint32_t index);
struct pcpu *pcpu_at(uint32_t index);
/* Gives this CPU stacks with guard pages for double faults, NMIs and machine checks. */
void pcpu_set_ist(unsigned slot, void *top);

#endif
