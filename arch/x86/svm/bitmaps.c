/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permission maps, shared by all guests. Ports: all intercepted (APM vol. 2, 15.10.1).
 * MSRs: all intercepted but those that VMLOAD/VMSAVE or VMRUN switch (15.11, 15.5.2),
 * so that a guest's own value is what it reads and writes.
 */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/mm/hostmem.h"
#include "arch/x86/svm/svm_priv.h"
#include "socle/assert.h"
#include "socle/str.h"

enum { IOPM_PAGES = 3, MSRPM_PAGES = 2 };

hpa_t svm_iopm, svm_msrpm;

static const uint32_t passed[] = {
    MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS_BASE, MSR_FS_BASE, MSR_GS_BASE,
    MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/* Two bits per MSR in three ranges of 8192 (15.11: from 0, c0000000 and c0010000). */
static void pass(uint8_t *map, uint32_t msr)
{
    uint32_t range = msr < 0x2000 ? 0 : msr - 0xc0000000u < 0x2000 ? 1 : 2;
    uint32_t bit = range * 2 * 0x2000 + 2 * (msr & 0x1fff);
    map[bit / 8] &= (uint8_t)~(3u << bit % 8);
}

hv_status svm_bitmaps_init(void)
{
    uint8_t *io = host_pages(IOPM_PAGES);
    uint8_t *msr = host_pages(MSRPM_PAGES);
    if (!io || !msr)
        return HV_NOMEM;
    memset(io, 0xff, IOPM_PAGES * PAGE_SIZE);
    memset(msr, 0xff, MSRPM_PAGES * PAGE_SIZE);
    for (unsigned i = 0; i < ARRAY_LEN(passed); i++)
        pass(msr, passed[i]);
    svm_iopm = virt_to_phys(io);
    svm_msrpm = virt_to_phys(msr);
    return HV_OK;
}
