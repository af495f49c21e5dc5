/* SPDX-License-Identifier: BSD-2-Clause */
/* See lapic.h. Register offsets: SDM vol. 3, table 11-1; x2APIC MSR = 0x800 + offset / 16. */
#include "arch/x86/cpu/lapic.h"

#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/trap.h"

enum {
    R_ID = 0x20, R_TPR = 0x80, R_EOI = 0xb0, R_SVR = 0xf0, R_ESR = 0x280, R_LVT_TIMER = 0x320,
    R_LVT_THERMAL = 0x330, R_LVT_PERF = 0x340, R_LVT_LINT0 = 0x350, R_LVT_LINT1 = 0x360,
    R_LVT_ERROR = 0x370, R_TMICT = 0x380, R_TMCCT = 0x390, R_TDCR = 0x3e0,
};
enum { SVR_ENABLE = 0x100, LVT_MASKED = 0x10000, LVT_NMI = 0x400, TIMER_DEADLINE = 0x40000 };
enum { TDCR_BY_1 = 0xb };

static volatile uint8_t *mmio;
static bool x2apic;

static uint32_t rd(unsigned reg)
{
    return x2apic ? (uint32_t)rdmsr(0x800 + (reg >> 4)) : *(volatile uint32_t *)(mmio + reg);
}

static void wr(unsigned reg, uint32_t v)
{
    if (x2apic)
        wrmsr(0x800 + (reg >> 4), v);
    else
        *(volatile uint32_t *)(mmio + reg) = v;
}

hv_status host_lapic_init(volatile void *base)
{
    uint64_t msr = rdmsr(MSR_APIC_BASE);
    if (!(msr & MSR_APIC_BASE_EN)) {    /* may be switched on, unless for good (11.4.3) */
        if (!wrmsr_safe(MSR_APIC_BASE, msr | MSR_APIC_BASE_EN))
            return HV_UNSUPPORTED;
        msr = rdmsr(MSR_APIC_BASE);
        if (!(msr & MSR_APIC_BASE_EN))
            return HV_UNSUPPORTED;
    }
    x2apic = msr & MSR_APIC_BASE_EXTD;
    mmio = base;
    wr(R_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    wr(R_TPR, 0);
    wr(R_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    wr(R_LVT_LINT0, LVT_MASKED);
    wr(R_LVT_LINT1, LVT_NMI);
    wr(R_LVT_ERROR, VECTOR_ERROR);
    wr(R_ESR, 0);
    wr(R_EOI, 0);
    return HV_OK;
}

uint32_t host_lapic_id(void) { return x2apic ? rd(R_ID) : rd(R_ID) >> 24; }

void host_lapic_eoi(void) { wr(R_EOI, 0); }

void host_lapic_timer_setup(bool tsc_deadline)
{
    wr(R_TDCR, TDCR_BY_1);
    wr(R_LVT_TIMER, VECTOR_TIMER | (tsc_deadline ? TIMER_DEADLINE : 0));
    /* SDM vol. 3, 11.5.4.1: the mode must be in force before the first deadline is written. */
    __asm__ volatile("mfence" : : : "memory");
}

void host_lapic_timer_count(uint32_t ticks) { wr(R_TMICT, ticks); }
uint32_t host_lapic_timer_left(void) { return rd(R_TMCCT); }
void host_lapic_timer_deadline(uint64_t tsc) { wrmsr(MSR_TSC_DEADLINE, tsc); }
