/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MSR bitmaps, shared by all guests (SDM vol. 3, 25.6.9): all exit but those whose guest
 * values are in the CPU or in the VMCS while the guest runs, so that a guest's own value is
 * what it reads and writes. Ports need no bitmap: all exit (unconditional I/O exiting).
 */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/mm/hostmem.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/str.h"

hpa_t vmx_msr_bitmap, vmx_msr_bitmap_x2apic;

static const uint32_t passed[] = {
    MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS_BASE, MSR_FS_BASE, MSR_GS_BASE,
    MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/*
 * Registers of the x2APIC that the CPU reads from the register page (30.5): all that exist but
 * the ICR, which the page holds in two slots, and the current count, which is computed.
 */
static const struct { uint8_t first, last; } apic_reads[] = {
    { LAPIC_ID, LAPIC_VERSION }, { LAPIC_TPR, LAPIC_TPR }, { LAPIC_PPR, LAPIC_PPR }, { LAPIC_LDR, LAPIC_LDR },
    { LAPIC_SVR, LAPIC_ESR }, { LAPIC_LVT_TIMER, LAPIC_TMICT }, { LAPIC_TDCR, LAPIC_TDCR },
};
static const uint8_t apic_writes[] = { LAPIC_TPR, LAPIC_EOI, LAPIC_SELF_IPI };

/* Four parts of 1 KiB: reads of low, of high MSRs (from c0000000), then writes likewise. */
enum { HIGH_PART = 1024, WRITE_PART = 2048 };

static void pass(uint8_t *map, uint32_t msr, bool read, bool write)
{
    uint32_t at = (msr < 0x2000 ? 0 : HIGH_PART) + (msr & 0x1fff) / 8;
    uint8_t keep = (uint8_t)~(1u << msr % 8);
    map[at] &= read ? keep : 0xff;
    map[WRITE_PART + at] &= write ? keep : 0xff;
}

static void pass_apic(uint8_t *map)
{
    for (unsigned i = 0; i < ARRAY_LEN(apic_reads); i++)
        for (uint32_t slot = apic_reads[i].first; slot <= apic_reads[i].last; slot++)
            pass(map, MSR_X2APIC + slot, true, false);
    for (unsigned i = 0; i < ARRAY_LEN(apic_writes); i++)
        pass(map, MSR_X2APIC + apic_writes[i], false, true);
}

static hv_status make_bitmap(hpa_t *at, bool apic)
{
    uint8_t *map = host_pages(1);
    if (!map)
        return HV_NOMEM;
    memset(map, 0xff, PAGE_SIZE);
    for (unsigned i = 0; i < ARRAY_LEN(passed); i++)
        pass(map, passed[i], true, true);
    if (apic)
        pass_apic(map);
    *at = virt_to_phys(map);
    return HV_OK;
}

hv_status vmx_bitmaps_init(void)
{
    hv_status s = make_bitmap(&vmx_msr_bitmap, false);
    return s ? s : make_bitmap(&vmx_msr_bitmap_x2apic, true);
}
