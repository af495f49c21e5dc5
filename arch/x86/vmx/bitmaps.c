/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MSR bitmap, shared by all guests (SDM vol. 3, 25.6.9): all exit but those whose guest
 * values are in the CPU or in the VMCS while the guest runs, so that a guest's own value is
 * what it reads and writes. Ports need no bitmap: all exit (unconditional I/O exiting).
 */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/mm/hostmem.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/str.h"

hpa_t vmx_msr_bitmap;

static const uint32_t passed[] = {
    MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS_BASE, MSR_FS_BASE, MSR_GS_BASE,
    MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/* Four parts of 1 KiB: reads of low, of high MSRs (from c0000000), then writes likewise. */
enum { HIGH_PART = 1024, WRITE_PART = 2048 };

static void pass(uint8_t *map, uint32_t msr)
{
    uint32_t at = (msr < 0x2000 ? 0 : HIGH_PART) + (msr & 0x1fff) / 8;
    map[at] &= (uint8_t)~(1u << msr % 8);
    map[WRITE_PART + at] &= (uint8_t)~(1u << msr % 8);
}

hv_status vmx_bitmaps_init(void)
{
    uint8_t *map = host_pages(1);
    if (!map)
        return HV_NOMEM;
    memset(map, 0xff, PAGE_SIZE);
    for (unsigned i = 0; i < ARRAY_LEN(passed); i++)
        pass(map, passed[i]);
    vmx_msr_bitmap = virt_to_phys(map);
    return HV_OK;
}
