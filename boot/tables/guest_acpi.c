/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's ACPI tables (ACPI 6.5, chapter 5): RSDP, RSDT, XSDT, FADT, FACS, MADT, DSDT
 * and, if the machine has them, HPET and MCFG. Called through guest_tables_build() when
 * a VM is made; the same description always gives the same bytes.
 */
#include "tables_priv.h"

#include "socle/bits.h"
#include "socle/le.h"

enum { HEADER_LEN = 36, RSDP_LEN = 36, TABLES_MAX = 8, FACS_LEN = 64, FADT_LEN = 276 };

enum {                          /* FADT, ACPI 6.5, table 5.9 */
    F_FACS = 36, F_DSDT = 40, F_SCI = 46, F_PM1A_EVT = 56, F_PM1A_CNT = 64, F_PM_TIMER = 76,
    F_GPE0 = 80, F_PM1_EVT_LEN = 88, F_PM1_CNT_LEN = 89, F_PM_TIMER_LEN = 91, F_GPE0_LEN = 92,
    F_LVL2_LAT = 96, F_LVL3_LAT = 98, F_CENTURY = 108, F_BOOT_ARCH = 109, F_FLAGS = 112,
    F_RESET_REG = 116, F_RESET_VALUE = 128, F_MINOR = 131, F_X_DSDT = 140, F_X_PM1A_EVT = 148,
    F_X_PM1A_CNT = 172, F_X_PM_TIMER = 208, F_X_GPE0 = 220, F_HYPERVISOR = 268
};

enum {                          /* FADT Flags, table 5.10, and IAPC_BOOT_ARCH, table 5.11 */
    FLAG_WBINVD = BIT(0), FLAG_PROC_C1 = BIT(2), FLAG_SLP_BUTTON = BIT(5), FLAG_FIX_RTC = BIT(6),
    FLAG_TMR_VAL_EXT = BIT(8), FLAG_RESET_REG = BIT(10),
    ARCH_LEGACY = BIT(0), ARCH_8042 = BIT(1), ARCH_NO_VGA = BIT(2)
};

enum { LATENCY_NONE = 0xfff, CMOS_CENTURY = 0x32, RESET_VALUE = 6, SPACE_MEMORY = 0, SPACE_IO = 1 };

enum {                          /* MADT, 5.2.12 */
    MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4, MADT_ENABLED = 1,
    MADT_PCAT_COMPAT = 1, INTI_CONFORMS = 0, INTI_LEVEL_HIGH = 0xd, ALL_CPUS = 0xff
};

#define HPET_ID 0x8086a201u     /* revision 1, 3 timers, 64 bits, legacy routing, Intel */

struct build {
    const struct guest_machine *m;
    struct table_area area;
    uint64_t table[TABLES_MAX];         /* addresses for RSDT and XSDT, FADT first */
    unsigned tables;
};

/* Room for a table, its header filled except length and checksum. */
static uint8_t *new_table(struct build *b, const char *sig, uint8_t revision, size_t len)
{
    uint8_t *t = area_room(&b->area, len, 16);
    if (!t)
        return NULL;
    memcpy(t, sig, 4);
    put_le32(t + 4, (uint32_t)len);
    t[8] = revision;
    memcpy(t + 10, "SOCLE ", 6);
    memcpy(t + 16, "SOCLEVM ", 8);
    put_le32(t + 24, 1);                        /* OEM revision */
    memcpy(t + 28, "SOCL", 4);
    put_le32(t + 32, 1);                        /* creator revision */
    return t;
}

static void finish(uint8_t *t)
{
    t[9] = checksum8(t, get_le32(t + 4));
}

static void list(struct build *b, uint8_t *t)
{
    b->table[b->tables++] = area_address(&b->area, t);
}

static void put_gas(uint8_t *p, unsigned space, unsigned bits, unsigned access, uint64_t addr)
{
    p[0] = (uint8_t)space;
    p[1] = (uint8_t)bits;
    p[3] = (uint8_t)access;                     /* 1 byte, 2 word, 3 dword */
    put_le64(p + 4, addr);
}

/* 5.2.10. Guests cannot sleep and resume, so the waking vectors stay 0. */
static uint64_t build_facs(struct build *b)
{
    uint8_t *f = area_room(&b->area, FACS_LEN, 64);
    if (!f)
        return 0;
    memcpy(f, "FACS", 4);
    put_le32(f + 4, FACS_LEN);
    f[32] = 2;                                  /* version; no checksum in this one */
    return area_address(&b->area, f);
}

/* The AML goes straight behind its header; its length is known only then. */
static uint64_t build_dsdt(struct build *b)
{
    uint8_t *d = new_table(b, "DSDT", 2, HEADER_LEN);
    if (!d)
        return 0;
    size_t n = guest_dsdt_build(b->m, d + HEADER_LEN, b->area.cap - b->area.used);
    if (n == 0) {
        b->area.full = true;
        return 0;
    }
    b->area.used += n;
    put_le32(d + 4, (uint32_t)(HEADER_LEN + n));
    finish(d);
    return area_address(&b->area, d);
}

/* Each block twice, as 32-bit port and as generic address: old and new systems differ. */
static void fill_fadt_registers(uint8_t *f)
{
    put_le32(f + F_PM1A_EVT, PLAT_PM_BASE);
    put_le32(f + F_PM1A_CNT, PLAT_PM_BASE + 4);
    put_le32(f + F_PM_TIMER, PLAT_PM_TIMER);
    put_le32(f + F_GPE0, PLAT_GPE0);
    f[F_PM1_EVT_LEN] = 4;
    f[F_PM1_CNT_LEN] = 2;
    f[F_PM_TIMER_LEN] = 4;
    f[F_GPE0_LEN] = 4;
    put_gas(f + F_X_PM1A_EVT, SPACE_IO, 32, 2, PLAT_PM_BASE);
    put_gas(f + F_X_PM1A_CNT, SPACE_IO, 16, 2, PLAT_PM_BASE + 4);
    put_gas(f + F_X_PM_TIMER, SPACE_IO, 32, 3, PLAT_PM_TIMER);
    put_gas(f + F_X_GPE0, SPACE_IO, 32, 1, PLAT_GPE0);
    put_gas(f + F_RESET_REG, SPACE_IO, 8, 1, PLAT_RESET_PORT);
    f[F_RESET_VALUE] = RESET_VALUE;
}

/* SMI_CMD stays 0: the machine is in ACPI mode from the start. */
static void build_fadt(struct build *b, uint64_t facs, uint64_t dsdt)
{
    uint8_t *f = new_table(b, "FACP", 6, FADT_LEN);
    if (!f)
        return;
    put_le32(f + F_FACS, (uint32_t)facs);
    put_le32(f + F_DSDT, (uint32_t)dsdt);
    put_le64(f + F_X_DSDT, dsdt);
    put_le16(f + F_SCI, PLAT_IRQ_SCI);
    put_le16(f + F_LVL2_LAT, LATENCY_NONE);
    put_le16(f + F_LVL3_LAT, LATENCY_NONE);
    f[F_CENTURY] = CMOS_CENTURY;
    f[F_MINOR] = 5;
    put_le16(f + F_BOOT_ARCH, ARCH_LEGACY | ARCH_NO_VGA | (b->m->has_8042 ? ARCH_8042 : 0));
    put_le32(f + F_FLAGS, FLAG_WBINVD | FLAG_PROC_C1 | FLAG_SLP_BUTTON | FLAG_FIX_RTC
                          | FLAG_TMR_VAL_EXT | FLAG_RESET_REG);
    fill_fadt_registers(f);
    memcpy(f + F_HYPERVISOR, "SOCLE\0\0\0", 8);
    finish(f);
    list(b, f);
}

/* 5.2.12.5; returns where the next entry goes. */
static uint8_t *put_override(uint8_t *e, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    e[0] = MADT_OVERRIDE;
    e[1] = 10;
    e[2] = 0;                                   /* ISA */
    e[3] = irq;
    put_le32(e + 4, gsi);
    put_le16(e + 8, flags);
    return e + 10;
}

/* Processors first and in order: the first one is the one that boots (5.2.12.1). */
static void build_madt(struct build *b)
{
    const size_t len = HEADER_LEN + 8 + 8 * b->m->vcpus + 12 + 2 * 10 + 6;
    uint8_t *t = new_table(b, "APIC", 5, len);
    if (!t)
        return;
    put_le32(t + 36, PLAT_LAPIC_BASE);
    put_le32(t + 40, MADT_PCAT_COMPAT);
    uint8_t *e = t + 44;
    for (uint32_t i = 0; i < b->m->vcpus; i++, e += 8) {
        e[0] = MADT_LAPIC;
        e[1] = 8;
        e[2] = (uint8_t)i;                      /* _UID of the processor device */
        e[3] = (uint8_t)i;                      /* APIC ID */
        put_le32(e + 4, MADT_ENABLED);
    }
    e[0] = MADT_IOAPIC;
    e[1] = 12;
    e[2] = PLAT_IOAPIC_ID;
    put_le32(e + 4, PLAT_IOAPIC_BASE);
    e = put_override(e + 12, PLAT_IRQ_PIT, PLAT_GSI_PIT, INTI_CONFORMS);
    e = put_override(e, PLAT_IRQ_SCI, PLAT_IRQ_SCI, INTI_LEVEL_HIGH);
    e[0] = MADT_LAPIC_NMI;
    e[1] = 6;
    e[2] = ALL_CPUS;
    e[5] = 1;                                   /* LINT1 */
    finish(t);
    list(b, t);
}

/* IA-PC HPET 1.0a, 3.2.4. */
static void build_hpet(struct build *b)
{
    uint8_t *t = new_table(b, "HPET", 1, 56);
    if (!t)
        return;
    put_le32(t + 36, HPET_ID);
    put_gas(t + 40, SPACE_MEMORY, 64, 0, PLAT_HPET_BASE);
    finish(t);
    list(b, t);
}

/* PCI Firmware 3.3, 4.1.2. */
static void build_mcfg(struct build *b)
{
    uint8_t *t = new_table(b, "MCFG", 1, 60);
    if (!t)
        return;
    put_le64(t + 44, PLAT_ECAM_BASE);
    t[55] = 255;                                /* segment 0, buses 0 to 255 */
    finish(t);
    list(b, t);
}

/* Last, when all addresses are known. Nothing points at the roots but the RSDP. */
static void build_roots(struct build *b, uint8_t *rsdp)
{
    uint8_t *rsdt = new_table(b, "RSDT", 1, HEADER_LEN + 4 * b->tables);
    uint8_t *xsdt = new_table(b, "XSDT", 1, HEADER_LEN + 8 * b->tables);
    if (!rsdt || !xsdt)
        return;
    for (unsigned i = 0; i < b->tables; i++) {
        put_le32(rsdt + HEADER_LEN + 4 * i, (uint32_t)b->table[i]);
        put_le64(xsdt + HEADER_LEN + 8 * i, b->table[i]);
    }
    finish(rsdt);
    finish(xsdt);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "SOCLE ", 6);
    rsdp[15] = 2;                               /* revision */
    put_le32(rsdp + 16, (uint32_t)area_address(&b->area, rsdt));
    put_le32(rsdp + 20, RSDP_LEN);
    put_le64(rsdp + 24, area_address(&b->area, xsdt));
    rsdp[8] = checksum8(rsdp, 20);
    rsdp[32] = checksum8(rsdp, RSDP_LEN);
}

hv_status guest_acpi_build(const struct guest_machine *m, uint8_t *buf, size_t cap, gpa_t base,
                           struct guest_tables *out)
{
    if (!machine_valid(m) || !is_aligned(base.v, 64) || base.v > UINT32_MAX - cap)
        return HV_INVALID;
    struct build b = { .m = m, .area = { buf, cap, 0, base.v, false } };
    uint8_t *rsdp = area_room(&b.area, RSDP_LEN, 16);
    uint64_t facs = build_facs(&b);
    uint64_t dsdt = build_dsdt(&b);
    build_fadt(&b, facs, dsdt);
    build_madt(&b);
    if (m->has_hpet)
        build_hpet(&b);
    if (m->has_ecam)
        build_mcfg(&b);
    if (b.area.full)
        return HV_NOMEM;
    build_roots(&b, rsdp);
    if (b.area.full)
        return HV_NOMEM;
    out->rsdp = gpa(area_address(&b.area, rsdp));
    out->facs = gpa(facs);
    return HV_OK;
}
