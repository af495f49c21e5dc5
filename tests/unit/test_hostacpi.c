/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of host ACPI tables: good ones made by hand and by the builder of guest
 * tables, and every kind of broken one. The map callback hands out exact heap copies,
 * so that a read past what was mapped is caught by the sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake/fake_log.h"
#include "socle/bits.h"
#include "socle/guest_tables.h"
#include "socle/hostacpi.h"
#include "socle/le.h"

enum { PHYS = 1 << 20, MAPS = 4096 };

static uint8_t phys[PHYS];
static void *maps[MAPS];
static unsigned mapped;
static struct host_acpi h;

static const void *map(void *ctx, hpa_t at, uint64_t len)
{
    if (!range_inside(at.v, len, 0, PHYS) || len == 0 || mapped == MAPS)
        return NULL;
    void *p = malloc(len);
    memcpy(p, phys + at.v, len);
    return maps[mapped++] = p;
}

static const struct phys_map mem = { NULL, map };

static void unmap_all(void)
{
    while (mapped)
        free(maps[--mapped]);
}

static void fix(uint8_t *p, uint32_t at, size_t n)
{
    uint8_t sum = 0;
    p[at] = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

/* A table at `at`, its checksum right unless changed later. */
static uint8_t *table(uint32_t at, const char *sig, uint32_t len)
{
    memcpy(phys + at, sig, 4);
    put_le32(phys + at + 4, len);
    return phys + at;
}

static void seal(uint32_t at)
{
    if (get_le32(phys + at + 4) < 0x10000)
        fix(phys + at, 9, get_le32(phys + at + 4));
}

enum { RSDP = 0xe0010, XSDT = 0x1000, FADT = 0x2000, MADT = 0x3000, DSDT = 0x4000, OTHER = 0x5000 };

static void add_root_entry(uint64_t at)
{
    uint32_t len = get_le32(phys + XSDT + 4);
    put_le64(phys + XSDT + len, at);
    put_le32(phys + XSDT + 4, len + 8);
    seal(XSDT);
}

static void make_rsdp(void)
{
    uint8_t *r = phys + RSDP;
    memcpy(r, "RSD PTR ", 8);
    memcpy(r + 9, "OEM\x01  ", 6);
    r[15] = 2;
    put_le32(r + 20, 36);
    put_le64(r + 24, XSDT);
    fix(r, 8, 20);
    fix(r, 32, 36);
}

static void make_machine(void)
{
    memset(phys, 0, sizeof(phys));
    fake_log_count = 0;
    table(XSDT, "XSDT", 36);
    make_rsdp();
    uint8_t *f = table(FADT, "FACP", 276);
    f[8] = 6;
    put_le32(f + 40, DSDT);
    put_le16(f + 46, 9);
    put_le32(f + 64, 0x404);
    f[89] = 2;
    put_le32(f + 112, BIT(10) | BIT(8));
    memcpy(f + 116, "\x01\x08\x00\x01\xf9\x0c\0\0\0\0\0\0", 12);
    f[128] = 6;
    seal(FADT);
    uint8_t *d = table(DSDT, "DSDT", 36 + 20);
    memcpy(d + 40, "\x08\\_S5_\x12\x06\x04\x0a\x05\x01\x00\x00", 14);
    seal(DSDT);
    table(MADT, "APIC", 44);
    put_le32(phys + MADT + 36, 0xfee00000);
    phys[MADT + 40] = 1;
    seal(MADT);
    add_root_entry(FADT);
    add_root_entry(MADT);
}

static void madt_entry(const void *bytes, uint32_t n)
{
    uint32_t len = get_le32(phys + MADT + 4);
    memcpy(phys + MADT + len, bytes, n);
    put_le32(phys + MADT + 4, len + n);
    seal(MADT);
}

static hv_status parse(void)
{
    uint8_t rsdp[64];
    uint32_t n = host_acpi_find_rsdp(&mem, rsdp, sizeof(rsdp));
    hv_status s = n ? host_acpi_parse(&h, &mem, rsdp, n) : HV_RANGE;
    unmap_all();
    return s;
}

static void test_good(void **state)
{
    make_machine();
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(fake_log_count, 0);
    assert_true(h.present);
    assert_int_equal(h.revision, 2);
    assert_string_equal(h.oem_id, "OEM?  ");
    assert_int_equal(h.tables, 2);
    assert_int_equal(host_acpi_table(&h, "APIC")->at.v, MADT);
    assert_null(host_acpi_table(&h, "HPET"));
    assert_true(h.fadt.valid && h.fadt.has_reset && h.fadt.pm_timer_32bit);
    assert_int_equal(h.fadt.reset.addr, 0xcf9);
    assert_int_equal(h.fadt.reset_value, 6);
    assert_int_equal(h.fadt.pm1a_cnt.addr, 0x404);
    assert_int_equal(h.fadt.pm1a_cnt.bits, 16);
    assert_int_equal(h.fadt.pm1b_cnt.addr, 0);
    assert_true(h.s5.valid);
    assert_int_equal(h.s5.typ_a, 5);
    assert_int_equal(h.s5.typ_b, 1);
    assert_true(h.madt.valid && h.madt.pcat_compat);
    assert_int_equal(h.madt.lapic.v, 0xfee00000);
}

/* What we build for guests must be readable by our own reader. */
static void test_guest_tables(void **state)
{
    struct guest_machine m = { .vcpus = 64, .memory = MIB(256), .com_ports = 1, .has_hpet = true,
                               .has_ecam = true };
    struct guest_tables t;
    memset(phys, 0, sizeof(phys));
    fake_log_count = 0;
    assert_int_equal(guest_tables_build(&m, phys + PLAT_BIOS_BASE, &t), HV_OK);
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(fake_log_count, 0);
    assert_int_equal(h.tables, 4);
    assert_int_equal(h.madt.cpus, 64);
    assert_int_equal(h.madt.cpu[63].apic_id, 63);
    assert_int_equal(h.madt.ioapics, 1);
    assert_int_equal(h.madt.overrides, 2);
    assert_int_equal(h.madt.override[0].gsi, 2);
    assert_true(h.madt.override[1].level && !h.madt.override[1].active_low);
    assert_int_equal(h.madt.nmis, 1);
    assert_int_equal(h.madt.nmi[0].uid, UINT32_MAX);
    assert_int_equal(h.fadt.pm_timer.addr, 0x608);
    assert_int_equal(h.fadt.gpe0.addr, 0x620);
    assert_int_equal(h.fadt.facs.v, t.facs.v);
    assert_int_equal(h.fadt.century, 0x32);
    assert_true(h.s5.valid);
    assert_int_equal(h.s5.typ_a, 0);
    assert_true(h.hpet.valid);
    assert_int_equal(h.hpet.addr.v, 0xfed00000);
    assert_int_equal(h.mcfg.n, 1);
    assert_int_equal(h.mcfg.seg[0].bus_end, 255);
}

static void test_rsdp_places(void **state)
{
    uint8_t r[36];
    make_machine();
    put_le16(phys + 0x40e, 0x9fc0);
    memcpy(phys + 0x9fc40, phys + RSDP, 36);
    phys[RSDP + 9] = 'X';                       /* the other one is broken now */
    assert_int_equal(parse(), HV_OK);
    memset(phys + 0x9fc40, 0, 36);
    assert_int_equal(parse(), HV_RANGE);        /* none */
    assert_int_equal(host_acpi_find_rsdp(&mem, r, 0), 0);
    make_machine();
    phys[RSDP + 33] = 1;                        /* extended part wrong: the old part counts */
    assert_int_equal(host_acpi_find_rsdp(&mem, r, sizeof(r)), 20);
    make_machine();
    memcpy(phys + 0xffff0, "RSD PTR ", 8);      /* cut off by the end of the area */
    memset(phys + RSDP, 0, 36);
    assert_int_equal(host_acpi_find_rsdp(&mem, r, sizeof(r)), 0);
    make_machine();                             /* the old part fits, the new one does not */
    memcpy(phys + 0xfffe0, phys + RSDP, 32);
    memset(phys + RSDP, 0, 36);
    assert_int_equal(host_acpi_find_rsdp(&mem, r, sizeof(r)), 20);
    memmove(phys + 0xffff0 - 4, phys + 0xfffe0, 20);            /* not on a paragraph */
    memset(phys + 0xfffe0, 0, 8);
    assert_int_equal(host_acpi_find_rsdp(&mem, r, sizeof(r)), 0);
    make_machine();                             /* a longer, newer RSDP */
    put_le32(phys + RSDP + 20, 40);
    fix(phys + RSDP, 8, 20);
    fix(phys + RSDP, 32, 36);
    assert_int_equal(host_acpi_find_rsdp(&mem, r, sizeof(r)), 36);
    unmap_all();
}

static void test_rsdt(void **state)
{
    make_machine();
    uint8_t *r = phys + RSDP;
    r[15] = 0;
    put_le32(r + 16, OTHER);
    fix(r, 8, 20);
    table(OTHER, "RSDT", 44);
    put_le32(phys + OTHER + 36, FADT);
    put_le32(phys + OTHER + 40, MADT);
    seal(OTHER);
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.revision, 0);
    assert_true(h.fadt.valid && h.madt.valid);
    make_machine();                             /* a broken XSDT: the RSDT is used instead */
    put_le32(r + 16, OTHER);
    fix(r, 8, 20);
    fix(r, 32, 36);
    table(OTHER, "RSDT", 40);
    put_le32(phys + OTHER + 36, MADT);
    seal(OTHER);
    phys[XSDT + 40]++;
    assert_int_equal(parse(), HV_OK);
    assert_true(h.madt.valid && !h.fadt.valid);
    assert_int_equal(fake_log_count, 1);
}

static void test_no_root(void **state)
{
    make_machine();
    phys[XSDT + 40]++;
    assert_int_equal(parse(), HV_NOT_FOUND);
    assert_false(h.present);
    make_machine();
    memcpy(phys + XSDT, "XXXX", 4);
    seal(XSDT);
    assert_int_equal(parse(), HV_NOT_FOUND);
    make_machine();
    put_le64(phys + RSDP + 24, UINT64_MAX - 4);
    fix(phys + RSDP, 32, 36);
    assert_int_equal(parse(), HV_NOT_FOUND);
    assert_int_equal(host_acpi_parse(&h, &mem, "RSD PTR ", 8), HV_NOT_FOUND);
    assert_int_equal(host_acpi_parse(&h, &mem, "", 0), HV_NOT_FOUND);
}

/* One broken table is named and does not spoil the others. */
static void test_broken_tables(void **state)
{
    static const uint32_t lens[] = { 0, 35, (16 << 20) + 1, PHYS, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        make_machine();
        put_le32(phys + FADT + 4, lens[i]);
        assert_int_equal(parse(), HV_OK);
        assert_false(h.fadt.valid);
        assert_true(h.madt.valid);
        assert_int_equal(fake_log_count, 1);
        assert_non_null(strstr(fake_log_last, "FACP"));
    }
    make_machine();
    memcpy(phys + FADT, "\0\xff\n%", 4);
    phys[FADT + 100]++;
    assert_int_equal(parse(), HV_OK);
    assert_non_null(strstr(fake_log_last, "table ???% at"));
    make_machine();
    add_root_entry(UINT64_MAX - 10);
    add_root_entry(0);
    add_root_entry(MADT);                       /* listed twice: read once */
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.tables, 2);
    assert_int_equal(fake_log_count, 1);
}

static void test_many_tables(void **state)
{
    make_machine();
    for (uint32_t i = 0; i < 400; i++) {
        table(0x10000 + i * 64, "SSDT", 36);
        seal(0x10000 + i * 64);
        add_root_entry(0x10000 + i * 64);
        if (get_le32(phys + XSDT + 4) > FADT - XSDT - 16)
            break;
    }
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.tables, HOST_TABLES_MAX);
}

static void test_fadt_revisions(void **state)
{
    make_machine();
    uint8_t *f = phys + FADT;
    put_le64(f + 140, OTHER);                   /* X_DSDT wins */
    memcpy(f + 172, "\x01\x10\x00\x02\x04\x18\0\0\0\0\0\0", 12);
    put_le32(f + 112, BIT(20));
    put_le16(f + 109, 2);
    seal(FADT);
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.fadt.dsdt.v, OTHER);
    assert_int_equal(h.fadt.pm1a_cnt.addr, 0x1804);
    assert_true(h.fadt.hw_reduced && !h.fadt.has_reset && !h.s5.valid);
    assert_int_equal(h.fadt.boot_arch, 2);
    f[8] = 5;                                   /* the first with hardware-reduced machines */
    f[88] = 4;
    f[89] = 2;
    f[91] = 3;
    put_le32(f + 60, 0x1900);
    put_le32(f + 68, 0x1908);
    put_le32(f + 76, 0x1910);
    put_le32(f + 84, 0x1920);
    f[93] = 8;
    memcpy(f + 244, "\x01\x08\x00\x01\x01\x02\0\0\0\0\0\0", 12);
    memcpy(f + 256, "\x01\x08\x00\x01\x02\x02\0\0\0\0\0\0", 12);
    seal(FADT);
    assert_int_equal(parse(), HV_OK);
    assert_true(h.fadt.hw_reduced);
    assert_int_equal(h.fadt.pm1b_evt.addr, 0x1900);
    assert_int_equal(h.fadt.pm1b_evt.bits, 32);
    assert_int_equal(h.fadt.pm1b_cnt.addr, 0x1908);
    assert_int_equal(h.fadt.pm1b_cnt.bits, 16);
    assert_int_equal(h.fadt.pm_timer.addr, 0x1910);
    assert_int_equal(h.fadt.pm_timer.bits, 24);
    assert_int_equal(h.fadt.gpe1.addr, 0x1920);
    assert_int_equal(h.fadt.gpe1.bits, 64);
    assert_int_equal(h.fadt.sleep_control.addr, 0x201);
    assert_int_equal(h.fadt.sleep_status.addr, 0x202);
    f[8] = 4;
    seal(FADT);
    assert_int_equal(parse(), HV_OK);
    assert_false(h.fadt.hw_reduced);
    put_le32(f + 4, 116);                       /* revision 1 */
    f[8] = 1;
    seal(FADT);
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.fadt.dsdt.v, DSDT);
    assert_int_equal(h.fadt.pm1a_cnt.addr, 0x404);
    assert_false(h.fadt.boot_arch_valid);
    assert_true(h.s5.valid);
    put_le32(f + 4, 115);
    seal(FADT);
    assert_int_equal(parse(), HV_OK);
    assert_false(h.fadt.valid);
}

static void test_madt_entries(void **state)
{
    make_machine();
    madt_entry("\x00\x08\x01\x10\x01\0\0\0", 8);                /* enabled */
    madt_entry("\x00\x08\x02\x11\x00\0\0\0", 8);                /* disabled */
    madt_entry("\x00\x08\x03\x12\x02\0\0\0", 8);                /* can be brought online */
    madt_entry("\x00\x08\x04\xff\x01\0\0\0", 8);                /* no such APIC */
    madt_entry("\x09\x10\0\0\x10\0\0\0\x01\0\0\0\x01\0\0\0", 16);       /* same as the first */
    madt_entry("\x09\x10\0\0\x00\x01\0\0\x01\0\0\0\x09\0\0\0", 16);
    madt_entry("\x09\x10\0\0\x01\x01\0\0\x00\0\0\0\x0a\0\0\0", 16);       /* disabled */
    madt_entry("\x01\x0c\x07\0\0\0\xc0\xfe\x18\0\0\0", 12);
    madt_entry("\x01\x0c\x07\0\0\0\0\0\x18\0\0\0", 12);         /* address 0 */
    madt_entry("\x02\x0a\0\x05\x05\0\0\0\x0f\0", 10);
    madt_entry("\x02\x0a\x01\x05\x05\0\0\0\x0f\0", 10);         /* not ISA */
    madt_entry("\x02\x0a\0\x10\x05\0\0\0\x0f\0", 10);           /* no such IRQ */
    madt_entry("\x04\x06\xff\x05\0\x01", 6);
    madt_entry("\x04\x06\x01\x05\0\x02", 6);                    /* no such pin */
    madt_entry("\x0a\x0c\x0d\0\x09\0\0\0\x00\0\0\0", 12);
    madt_entry("\x05\x0c\0\0\0\0\xe0\xfe\x01\0\0\0", 12);
    madt_entry("\x7f\x05zzz", 5);                               /* unknown: skipped */
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.madt.cpus, 3);
    assert_int_equal(h.madt.cpu[0].apic_id, 0x10);
    assert_int_equal(h.madt.cpu[0].uid, 1);
    assert_true(h.madt.cpu[0].enabled && !h.madt.cpu[0].x2apic);
    assert_true(h.madt.cpu[1].online_capable && !h.madt.cpu[1].enabled);
    assert_int_equal(h.madt.cpu[2].apic_id, 0x100);
    assert_int_equal(h.madt.cpu[2].uid, 9);
    assert_true(h.madt.cpu[2].x2apic);
    assert_int_equal(h.madt.ioapics, 1);
    assert_int_equal(h.madt.ioapic[0].addr.v, 0xfec00000);
    assert_int_equal(h.madt.ioapic[0].gsi_base, 24);
    assert_int_equal(h.madt.ioapic[0].id, 7);
    assert_int_equal(h.madt.overrides, 1);
    assert_int_equal(h.madt.override[0].irq, 5);
    assert_true(h.madt.override[0].level && h.madt.override[0].active_low);
    assert_int_equal(h.madt.nmis, 2);
    assert_int_equal(h.madt.nmi[1].uid, 9);
    assert_true(h.madt.nmi[1].level && !h.madt.nmi[1].active_low);
    assert_int_equal(h.madt.lapic.v, 0x1fee00000);
    assert_int_equal(fake_log_count, 4);
}

static void test_madt_damage(void **state)
{
    static const struct { uint8_t n, bytes[16]; } bad[] = {
        { 2, { 0, 0 } }, { 2, { 0, 1 } }, { 2, { 0x55, 255 } }, { 7, { 0, 7 } }, { 5, { 5, 5 } },
        { 9, { 2, 9 } }, { 3, { 9, 3 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        make_machine();
        madt_entry("\x00\x08\x01\x10\x01\0\0\0", 8);
        madt_entry(bad[i].bytes, bad[i].n);
        madt_entry("\x00\x08\x01\x20\x01\0\0\0", 8);
        assert_int_equal(parse(), HV_OK);
        assert_int_equal(h.madt.cpus, 1);
        assert_non_null(strstr(fake_log_last, "MADT"));
    }
    make_machine();
    madt_entry("\0", 1);                        /* one stray byte: ignored */
    assert_int_equal(parse(), HV_OK);
    assert_true(h.madt.valid);
    put_le32(phys + MADT + 4, 43);
    seal(MADT);
    assert_int_equal(parse(), HV_OK);
    assert_false(h.madt.valid);
}

static void test_madt_limits(void **state)
{
    make_machine();
    memcpy(phys + 0x20000, phys + MADT, 44);    /* more room */
    uint32_t at = 44;
    for (uint32_t i = 0; i < HOST_CPUS_MAX + 2; i++, at += 16) {
        memcpy(phys + 0x20000 + at, "\x09\x10", 2);
        put_le32(phys + 0x20000 + at + 4, 1000 + i);
        put_le32(phys + 0x20000 + at + 8, 1);
    }
    for (uint32_t i = 0; i < HOST_IOAPICS_MAX + 2; i++, at += 12)
        memcpy(phys + 0x20000 + at, "\x01\x0c\x07\0\0\0\xc0\xfe\x18\0\0\0", 12);
    for (uint32_t i = 0; i < HOST_OVERRIDES_MAX + 2; i++, at += 10)
        memcpy(phys + 0x20000 + at, "\x02\x0a\0\x05\x05\0\0\0\x0f\0", 10);
    for (uint32_t i = 0; i < HOST_NMIS_MAX + 2; i++, at += 6)
        memcpy(phys + 0x20000 + at, "\x04\x06\xff\x05\0\x01", 6);
    put_le32(phys + 0x20004, at);
    seal(0x20000);
    put_le32(phys + MADT + 4, 0);
    add_root_entry(0x20000);
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.madt.cpus, HOST_CPUS_MAX);
    assert_int_equal(h.madt.ioapics, HOST_IOAPICS_MAX);
    assert_int_equal(h.madt.overrides, HOST_OVERRIDES_MAX);
    assert_int_equal(h.madt.nmis, HOST_NMIS_MAX);
}

static void test_s5(void **state)
{
    static const struct { uint8_t n; char aml[20]; bool found; uint8_t a, b; } cases[] = {
        { 12, "\x08_S5_\x12\x05\x02\x0a\x07\x0a\x03", true, 7, 3 },
        { 10, "\x08_S5_\x12\x04\x02\x00\x01", true, 0, 1 },
        { 11, "\x08_S5_\x12\x46\x00\x02\x01\x00", true, 1, 0 },     /* two-byte length */
        { 9, "\x08_S5_\x12\x03\x01\x01", true, 1, 0 },              /* one element */
        { 14, "\x08_S5_\x12\x07\x02\x0b\x05\x00\x0b\x06\x00", true, 5, 6 },
        { 18, "\x08_S5_\x12\x0b\x02\x0c\x05\x00\x00\x00\x0c\x06\0\0\0", true, 5, 6 },
        { 12, "\x08_S5_\x12\x05\x02\x0a\xff\x0a\x03", true, 7, 3 }, /* three bits count */
        { 10, "\x70_S5_\x12\x04\x02\x00\x01", false, 0, 0 },        /* a use, no definition */
        { 10, "\x08_S5_\x11\x04\x02\x00\x01", false, 0, 0 },        /* no package */
        { 10, "\x08_S5_\x12\x04\x00\x00\x01", false, 0, 0 },        /* empty package */
        { 10, "\x08_S5_\x12\x04\x02\x68\x01", false, 0, 0 },        /* no constant */
        { 5, "\x08_S5_", false, 0, 0 },                             /* cut off, each step */
        { 6, "\x08_S5_\x12", false, 0, 0 },
        { 8, "\x08_S5_\x12\xc6\x02", false, 0, 0 },
        { 8, "\x08_S5_\x12\x06\x02", false, 0, 0 },
        { 9, "\x08_S5_\x12\x06\x02\x0a", false, 0, 0 },
        { 10, "\x08_S5_\x12\x06\x02\x0a\x05", false, 0, 0 },
        { 4, "_S5_", false, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        make_machine();
        put_le32(phys + DSDT + 4, 36 + cases[i].n);
        memcpy(phys + DSDT + 36, cases[i].aml, sizeof(cases[i].aml));
        seal(DSDT);
        assert_int_equal(parse(), HV_OK);
        assert_int_equal(h.s5.valid, cases[i].found);
        assert_int_equal(h.s5.typ_a, cases[i].a);
        assert_int_equal(h.s5.typ_b, cases[i].b);
    }
}

static void test_s5_in_ssdt(void **state)
{
    make_machine();
    memset(phys + DSDT + 36, 0, 20);
    seal(DSDT);
    table(OTHER, "SSDT", 36 + 10);
    memcpy(phys + OTHER + 36, "\x08_S5_\x12\x04\x02\x00\x01", 10);
    seal(OTHER);
    add_root_entry(OTHER);
    assert_int_equal(parse(), HV_OK);
    assert_true(h.s5.valid);
    assert_int_equal(h.s5.typ_b, 1);
}

static void test_hpet_mcfg_spcr(void **state)
{
    make_machine();
    uint8_t *p = table(OTHER, "HPET", 56);
    put_le32(p + 36, 0x8086a201);
    put_le64(p + 44, 0xfed00000);
    put_le16(p + 53, 128);
    seal(OTHER);
    add_root_entry(OTHER);
    p = table(OTHER + 0x100, "MCFG", 44 + 32);
    put_le64(p + 44, 0xe0000000);
    p[55] = 63;
    put_le64(p + 60, UINT64_MAX);               /* impossible */
    seal(OTHER + 0x100);
    add_root_entry(OTHER + 0x100);
    p = table(OTHER + 0x200, "SPCR", 80);
    p[40] = 1;
    p[41] = 8;
    put_le64(p + 44, 0x2f8);
    p[52] = 3;
    p[53] = 3;
    put_le32(p + 54, 3);
    p[58] = 7;
    seal(OTHER + 0x200);
    add_root_entry(OTHER + 0x200);
    assert_int_equal(parse(), HV_OK);
    assert_true(h.hpet.valid);
    assert_int_equal(h.hpet.min_tick, 128);
    assert_int_equal(h.mcfg.n, 1);
    assert_int_equal(h.mcfg.seg[0].bus_end, 63);
    assert_true(h.spcr.valid);
    assert_int_equal(h.spcr.port.addr, 0x2f8);
    assert_int_equal(h.spcr.baud, 115200);
    assert_int_equal(h.spcr.gsi, 3);
    static const uint32_t rates[][2] = { { 0, 0 }, { 3, 9600 }, { 4, 19200 }, { 6, 57600 },
                                         { 7, 115200 }, { 9, 0 } };
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        p[52] = 1;                              /* the IRQ number only */
        p[53] = 4;
        p[58] = (uint8_t)rates[i][0];
        seal(OTHER + 0x200);
        assert_int_equal(parse(), HV_OK);
        assert_int_equal(h.spcr.baud, rates[i][1]);
        assert_int_equal(h.spcr.gsi, 4);
    }
    p[52] = 0;
    seal(OTHER + 0x200);
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(h.spcr.gsi, 0);
    put_le64(phys + OTHER + 0x200 + 44, 0);
    seal(OTHER + 0x200);
    phys[OTHER + 40] = 1;
    seal(OTHER);
    assert_int_equal(parse(), HV_OK);
    assert_false(h.spcr.valid);
    assert_false(h.hpet.valid);
}

/* Any single byte of the whole machine changed: no read outside, no crash. */
static void test_noise(void **state)
{
    static const uint32_t areas[][2] = { { RSDP, 36 }, { XSDT, 52 }, { FADT, 276 }, { MADT, 60 },
                                         { DSDT, 56 } };
    make_machine();
    madt_entry("\x00\x08\x01\x10\x01\0\0\0", 8);
    madt_entry("\x00\x08\x01\x11\x01\0\0\0", 8);
    for (size_t a = 0; a < ARRAY_LEN(areas); a++)
        for (uint32_t i = 0; i < areas[a][1]; i++)
            for (int v = 0; v < 256; v += 51) {
                uint8_t *p = phys + areas[a][0], was = p[i];
                p[i] = (uint8_t)v;
                if (a)
                    seal(areas[a][0]);
                (void)parse();
                p[i] = was;
                if (a)
                    seal(areas[a][0]);
            }
    assert_int_equal(parse(), HV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_guest_tables),
        cmocka_unit_test(test_rsdp_places), cmocka_unit_test(test_rsdt),
        cmocka_unit_test(test_no_root), cmocka_unit_test(test_broken_tables),
        cmocka_unit_test(test_many_tables), cmocka_unit_test(test_fadt_revisions),
        cmocka_unit_test(test_madt_entries), cmocka_unit_test(test_madt_damage),
        cmocka_unit_test(test_madt_limits), cmocka_unit_test(test_s5),
        cmocka_unit_test(test_s5_in_ssdt), cmocka_unit_test(test_hpet_mcfg_spcr),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
