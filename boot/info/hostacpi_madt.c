/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reader of the host's MADT (ACPI 6.5, 5.2.12): processors, I/O APICs and how ISA
 * interrupts and NMI are wired. Called by hostacpi_tables.c. Entries of unknown types
 * are skipped; a wrong length ends the list, since nothing after it can be trusted.
 */
#include "hostacpi_priv.h"

#include "socle/bits.h"
#include "socle/le.h"
#include "socle/log.h"

enum {
    T_LAPIC = 0, T_IOAPIC = 1, T_OVERRIDE = 2, T_LAPIC_NMI = 4, T_LAPIC_ADDR = 5, T_X2APIC = 9,
    T_X2APIC_NMI = 10, T_COUNT = 11, ENABLED = BIT(0), ONLINE_CAPABLE = BIT(1)
};

/* Shortest length of each entry type that is read. */
static const uint8_t min_len[T_COUNT] = {
    [T_LAPIC] = 8, [T_IOAPIC] = 12, [T_OVERRIDE] = 10, [T_LAPIC_NMI] = 6, [T_LAPIC_ADDR] = 12,
    [T_X2APIC] = 16, [T_X2APIC_NMI] = 12,
};

/* Table 5.24: polarity in bits 1:0 and trigger in 3:2, 3 = low and level; 0 = as the bus has it. */
static bool is_low(uint16_t flags) { return (flags & 3) == 3; }
static bool is_level(uint16_t flags) { return (flags >> 2 & 3) == 3; }

/* By APIC ID: that is what an interrupt is sent to, whatever the firmware calls the CPU. */
static bool known(const struct host_acpi *h, uint32_t apic_id)
{
    for (uint32_t i = 0; i < h->madt.cpus; i++)
        if (h->madt.cpu[i].apic_id == apic_id)
            return true;
    return false;
}

/* Firmware lists CPUs below 255 in both forms at times (5.2.12.12); one entry is enough. */
static void add_cpu(struct host_acpi *h, uint32_t apic_id, uint32_t uid, uint32_t flags, bool x2)
{
    if (!(flags & (ENABLED | ONLINE_CAPABLE)) || apic_id == (x2 ? UINT32_MAX : 255u)
        || known(h, apic_id))
        return;
    if (h->madt.cpus == HOST_CPUS_MAX) {
        log_warn("ACPI: more than %u processors; the rest is ignored", (unsigned)HOST_CPUS_MAX);
        return;
    }
    h->madt.cpu[h->madt.cpus++] = (struct host_cpu){
        .apic_id = apic_id, .uid = uid, .enabled = flags & ENABLED,
        .online_capable = flags & ONLINE_CAPABLE, .x2apic = x2,
    };
}

/* 5.2.12.3 */
static void add_ioapic(struct host_acpi *h, const uint8_t *e)
{
    struct host_ioapic io = { hpa(get_le32(e + 4)), get_le32(e + 8), e[2] };
    if (io.addr.v == 0 || h->madt.ioapics == HOST_IOAPICS_MAX) {
        log_warn("ACPI: an I/O APIC at address %#llx is ignored", (unsigned long long)io.addr.v);
        return;
    }
    h->madt.ioapic[h->madt.ioapics++] = io;
}

/* 5.2.12.5: only ISA interrupts have overrides. */
static void add_override(struct host_acpi *h, const uint8_t *e)
{
    uint16_t flags = get_le16(e + 8);
    if (e[2] != 0 || e[3] > 15 || h->madt.overrides == HOST_OVERRIDES_MAX) {
        log_warn("ACPI: an override of interrupt %u on bus %u is ignored", e[3], e[2]);
        return;
    }
    h->madt.override[h->madt.overrides++] = (struct host_override){
        .gsi = get_le32(e + 4), .irq = e[3], .level = is_level(flags), .active_low = is_low(flags),
    };
}

/* 5.2.12.7, 5.2.12.13 */
static void add_nmi(struct host_acpi *h, uint32_t uid, uint16_t flags, uint8_t lint)
{
    if (lint > 1 || h->madt.nmis == HOST_NMIS_MAX) {
        log_warn("ACPI: an NMI on local pin %u is ignored", lint);
        return;
    }
    h->madt.nmi[h->madt.nmis++] = (struct host_nmi){
        .uid = uid, .lint = lint, .level = is_level(flags), .active_low = is_low(flags),
    };
}

/* The caller has checked the length against min_len. */
static void read_entry(struct host_acpi *h, const uint8_t *e)
{
    switch (e[0]) {
    case T_LAPIC:
        add_cpu(h, e[3], e[2], get_le32(e + 4), false);
        break;
    case T_IOAPIC:
        add_ioapic(h, e);
        break;
    case T_OVERRIDE:
        add_override(h, e);
        break;
    case T_LAPIC_NMI:
        add_nmi(h, e[2] == 255 ? UINT32_MAX : e[2], get_le16(e + 3), e[5]);
        break;
    case T_LAPIC_ADDR:
        h->madt.lapic = hpa(get_le64(e + 4));
        break;
    case T_X2APIC:
        add_cpu(h, get_le32(e + 4), get_le32(e + 12), get_le32(e + 8), true);
        break;
    case T_X2APIC_NMI:
        add_nmi(h, get_le32(e + 4), get_le16(e + 2), e[8]);
        break;
    default:
        break;
    }
}

void acpi_read_madt(struct host_acpi *h, const uint8_t *p, uint32_t len)
{
    if (h->madt.valid) {
        log_warn("ACPI: a second MADT is ignored");
        return;
    }
    if (len < 44) {
        log_warn("ACPI: the MADT has only %u bytes", len);
        return;
    }
    h->madt.valid = true;
    h->madt.lapic = hpa(get_le32(p + 36));
    h->madt.pcat_compat = p[40] & 1;
    for (uint32_t at = 44; len - at >= 2;) {
        uint8_t type = p[at], size = p[at + 1];
        if (size < 2 || size > len - at || (type < T_COUNT && size < min_len[type])) {
            log_warn("ACPI: the MADT is damaged at byte %u; the rest of it is ignored", at);
            return;
        }
        read_entry(h, p + at);
        at += size;
    }
}
