/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's BIOS area at 0xe0000: ACPI tables, SMBIOS, MP table, a few BIOS services, and
 * what a jump to the reset vector finds. Called when a VM is made and when it restarts,
 * since the guest may write here. Each table has its own builder; this file puts them
 * side by side.
 */
#include "tables_priv.h"

#include "socle/bits.h"
#include "socle/str.h"

/* Places that scanners look at: RSDP from 0xe0000; SMBIOS and MP from 0xf0000. */
enum {
    ACPI_AT = 0x00000, SMBIOS_AT = 0x10000, MPTABLE_AT = 0x18000, SERVICES_AT = 0x1e000,
    LAST_SEGMENT = 0x10000, MEMORY_MAX_SHIFT = 46
};

uint8_t *area_room(struct table_area *a, size_t len, size_t align)
{
    uint64_t at = align_up(a->base + a->used, align) - a->base;
    if (a->full || at > a->cap || len > a->cap - at) {
        a->full = true;
        return NULL;
    }
    memset(a->buf + a->used, 0, at + len - a->used);
    a->used = at + len;
    return a->buf + at;
}

uint64_t area_address(const struct table_area *a, const uint8_t *p)
{
    return a->base + (uint64_t)(p - a->buf);
}

uint8_t checksum8(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;
    while (n--)
        sum = (uint8_t)(sum + *p++);
    return (uint8_t)-sum;
}

bool machine_valid(const struct guest_machine *m)
{
    return m->vcpus >= 1 && m->vcpus <= PLAT_MAX_VCPUS && m->memory >= GUEST_MEMORY_MIN
        && m->memory <= 1ull << MEMORY_MAX_SHIFT && is_aligned(m->memory, PAGE_SIZE);
}

hv_status guest_tables_build(const struct guest_machine *m, uint8_t *bios,
                             struct guest_tables *out)
{
    const gpa_t base = gpa(PLAT_BIOS_BASE);
    memset(bios, 0, PLAT_BIOS_SIZE);
    *out = (struct guest_tables){ 0 };
    hv_status s = guest_acpi_build(m, bios + ACPI_AT, SMBIOS_AT - ACPI_AT,
                                   gpa(base.v + ACPI_AT), out);
    if (s == HV_OK)
        s = guest_smbios_build(m, bios + SMBIOS_AT, MPTABLE_AT - SMBIOS_AT,
                               gpa(base.v + SMBIOS_AT), out);
    if (s == HV_OK)
        s = guest_mptable_build(m, bios + MPTABLE_AT, SERVICES_AT - MPTABLE_AT,
                                gpa(base.v + MPTABLE_AT), out);
    if (s == HV_OK)
        guest_bios_build(m, bios + LAST_SEGMENT);
    return s;
}
