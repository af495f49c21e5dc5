/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's memory map in the form BIOS call E820 gives it (ACPI 6.5, section 15): RAM
 * from 0 to 3 GiB less the PC's traditional holes, the rest from 4 GiB. Used by the VM
 * builder for its memory slots, by the loaders for placement and boot parameters.
 */
#include "socle/bits.h"
#include "socle/guest_tables.h"

static void add(struct guest_layout *l, uint64_t base, uint64_t end, enum e820_type type)
{
    if (end > base)
        l->entry[l->entries++] = (struct e820_entry){ base, end - base, type };
}

void guest_layout(struct guest_layout *l, const struct guest_machine *m)
{
    *l = (struct guest_layout){ 0 };
    l->low_ram = min_u64(m->memory, PLAT_HOLE_START);
    l->high_ram = m->memory - l->low_ram;

    add(l, 0, PLAT_EBDA, E820_RAM);
    add(l, PLAT_EBDA, PLAT_LOWMEM_END, E820_RESERVED);
    add(l, PLAT_BIOS_BASE, MIB(1), E820_RESERVED);
    add(l, MIB(1), l->low_ram, E820_RAM);
    if (m->has_ecam)            /* PCI Firmware 3.3, 4.1.2: ECAM must be reserved */
        add(l, PLAT_ECAM_BASE, PLAT_ECAM_BASE + MIB(256), E820_RESERVED);
    add(l, PLAT_IOAPIC_BASE, PLAT_IOAPIC_BASE + PAGE_SIZE, E820_RESERVED);
    add(l, PLAT_LAPIC_BASE, PLAT_LAPIC_BASE + PAGE_SIZE, E820_RESERVED);
    add(l, PLAT_HOLE_END, PLAT_HOLE_END + l->high_ram, E820_RAM);
}

bool guest_layout_is_ram(const struct guest_layout *l, uint64_t at, uint64_t len)
{
    for (uint32_t i = 0; i < l->entries; i++)
        if (l->entry[i].type == E820_RAM
            && range_inside(at, len, l->entry[i].base, l->entry[i].len))
            return true;
    return false;
}

bool guest_layout_top(const struct guest_layout *l, uint64_t len, uint64_t align, uint64_t min,
                      uint64_t max, uint64_t *at)
{
    for (uint32_t i = l->entries; i-- > 0;) {
        const struct e820_entry *e = &l->entry[i];
        uint64_t end = min_u64(e->base + e->len, max);
        uint64_t start = max_u64(e->base, min);
        if (e->type != E820_RAM || end < start || end - start < len)
            continue;
        uint64_t found = align_down(end - len, align);
        if (found < start)
            continue;
        *at = found;
        return true;
    }
    return false;
}
