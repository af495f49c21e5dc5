/* SPDX-License-Identifier: BSD-2-Clause */
/* See xstate.h. */
#include "arch/x86/cpu/xstate.h"

#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "socle/bits.h"
#include "socle/regs.h"
#include "socle/str.h"

enum { FXSAVE_SIZE = 512, XSAVE_MIN = 576 };
enum { FCW_AT = 0, MXCSR_AT = 24, MXCSR_MASK_AT = 28 };

/* x87, SSE, AVX, MPX (2), AVX-512 (3), PKRU, AMX (2): all that XSAVE of user state may hold. */
static const uint64_t known = 0x7 | 0x18 | 0xe0 | 0x200 | 0x60000;

static uint64_t mask;
static uint32_t size = FXSAVE_SIZE;
static bool has_xsave, has_rdtscp, leaks_pointers;

void xstate_init(void)
{
    uint32_t r[4];
    cpuid(1, 0, r);
    has_xsave = r[2] & BIT(26);
    cpuid(0x80000001, 0, r);
    has_rdtscp = r[3] & BIT(27);
    cpuid(0x80000000, 0, r);
    if (r[0] >= 0x80000008) {
        cpuid(0x80000008, 0, r);
        leaks_pointers = !(r[1] & BIT(2));      /* Intel has no such bit, and no harm from this */
    }
    write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | (has_xsave ? CR4_OSXSAVE : 0));
    mask = 3;
    if (!has_xsave)
        return;
    cpuid(0xd, 0, r);
    mask = ((uint64_t)r[3] << 32 | r[0]) & known;
    xsetbv0(mask);
    cpuid(0xd, 0, r);
    size = r[1] < XSAVE_MIN ? XSAVE_MIN : r[1];
}

uint64_t xstate_mask(void) { return mask; }
uint32_t xstate_size(void) { return size; }

void xstate_reset(void *area)
{
    uint16_t fcw = 0x0040;              /* power-up value (SDM vol. 3, table 10-1) */
    uint32_t mxcsr = 0x1f80, mxcsr_mask = 0xffff;
    memset(area, 0, size);
    memcpy((uint8_t *)area + FCW_AT, &fcw, sizeof(fcw));
    memcpy((uint8_t *)area + MXCSR_AT, &mxcsr, sizeof(mxcsr));
    memcpy((uint8_t *)area + MXCSR_MASK_AT, &mxcsr_mask, sizeof(mxcsr_mask));
    if (has_xsave)
        ((uint64_t *)area)[FXSAVE_SIZE / 8] = 3;        /* XSTATE_BV: x87 and SSE are here */
}

/*
 * Without the fix of CPUID 8000_0008 EBX[2] AMD CPUs restore the x87 instruction and data
 * pointers only while an exception is pending, and would show the last guest's (CVE-2006-1056).
 * A harmless load gives them values of ours first.
 */
static void hide_x87_pointers(void)
{
    static const int32_t zero;
    __asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
}

void xstate_load(const void *area, uint64_t xcr0, uint64_t tsc_aux)
{
    if (leaks_pointers)
        hide_x87_pointers();
    if (has_xsave) {
        xrstor64(area, mask);
        if (xcr0 != mask)
            xsetbv0(xcr0);
    } else {
        fxrstor64(area);
    }
    xstate_set_tsc_aux(tsc_aux);
}

uint64_t xstate_save(void *area)
{
    if (!has_xsave) {
        fxsave64(area);
        return 1;
    }
    uint64_t guest = xgetbv0();
    if (guest != mask)
        xsetbv0(mask);
    xsave64(area, mask);
    return guest;
}

uint64_t xstate_guest_xcr0(void) { return has_xsave ? xgetbv0() : 1; }

void xstate_set_guest_xcr0(uint64_t v)
{
    if (has_xsave)
        xsetbv0(v);
}

void xstate_set_tsc_aux(uint64_t v)
{
    if (has_rdtscp)
        wrmsr(MSR_TSC_AUX, v);
}
