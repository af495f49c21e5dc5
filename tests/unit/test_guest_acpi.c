/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's tables, read back the way an operating system does: from the scan of the
 * BIOS area to every table, with checksums, lengths and pointers; the DSDT by a small
 * AML walker; resource descriptors one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/aml.h"
#include "socle/bits.h"
#include "socle/guest_tables.h"
#include "socle/le.h"

static uint8_t bios[PLAT_BIOS_SIZE];

static struct guest_machine machine(void)
{
    struct guest_machine m = { .vcpus = 3, .memory = MIB(512), .com_ports = 3, .has_8042 = true,
                               .has_hpet = true, .has_ecam = true, .name = "web" };
    for (uint8_t i = 0; i < 16; i++)
        m.uuid[i] = (uint8_t)(i * 0x11);
    return m;
}

static struct guest_tables build(const struct guest_machine *m)
{
    struct guest_tables t;
    memset(bios, 0xcc, sizeof(bios));                   /* nothing may be left over */
    assert_int_equal(guest_tables_build(m, bios, &t), HV_OK);
    return t;
}

static const uint8_t *at(uint64_t address, uint64_t len)
{
    assert_true(range_inside(address, len, PLAT_BIOS_BASE, PLAT_BIOS_SIZE));
    return bios + (address - PLAT_BIOS_BASE);
}

static uint8_t sum(const uint8_t *p, size_t n)
{
    uint8_t s = 0;
    while (n--)
        s = (uint8_t)(s + *p++);
    return s;
}

static uint64_t scan(const char *anchor, uint64_t from)
{
    for (uint64_t a = from; a < PLAT_BIOS_BASE + PLAT_BIOS_SIZE; a += 16)
        if (memcmp(at(a, 16), anchor, strlen(anchor)) == 0)
            return a;
    fail_msg("%s not found", anchor);
    return 0;
}

/* The table with this signature through the XSDT, checked; null: none. */
static const uint8_t *table(const char *sig)
{
    const uint8_t *rsdp = at(scan("RSD PTR ", PLAT_BIOS_BASE), 36);
    const uint8_t *xsdt = at(get_le64(rsdp + 24), 36);
    const uint8_t *rsdt = at(get_le32(rsdp + 16), 36);
    uint32_t n = (get_le32(xsdt + 4) - 36) / 8;
    assert_memory_equal(xsdt, "XSDT", 4);
    assert_memory_equal(rsdt, "RSDT", 4);
    assert_int_equal(sum(xsdt, get_le32(xsdt + 4)), 0);
    assert_int_equal(sum(rsdt, get_le32(rsdt + 4)), 0);
    assert_int_equal((get_le32(rsdt + 4) - 36) / 4, n);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t a = get_le64(xsdt + 36 + 8 * i);
        const uint8_t *t = at(a, 36);
        assert_int_equal(get_le32(rsdt + 36 + 4 * i), a);
        assert_int_equal(sum(at(a, get_le32(t + 4)), get_le32(t + 4)), 0);
        assert_memory_equal(t + 10, "SOCLE ", 6);
        if (memcmp(t, sig, 4) == 0)
            return t;
    }
    return NULL;
}

static void test_rsdp(void **state)
{
    struct guest_machine m = machine();
    struct guest_tables t = build(&m);
    uint64_t a = scan("RSD PTR ", PLAT_BIOS_BASE);
    assert_int_equal(a, t.rsdp.v);
    const uint8_t *r = at(a, 36);
    assert_int_equal(sum(r, 20), 0);
    assert_int_equal(sum(r, 36), 0);
    assert_int_equal(r[15], 2);
    assert_int_equal(get_le32(r + 20), 36);
    assert_non_null(table("FACP"));
    assert_null(table("NONE"));
}

static void check_gas(const uint8_t *g, unsigned space, unsigned bits, uint64_t address)
{
    static const uint8_t access[] = { [8] = 1, [16] = 2, [32] = 3 };
    if (space == 1 && address == 0x600)
        assert_int_equal(g[3], 2);                      /* two 16-bit registers */
    else if (space == 1 && address == 0x620)
        assert_int_equal(g[3], 1);                      /* byte registers (4.8.4.1) */
    else if (space == 1)
        assert_int_equal(g[3], access[bits]);
    assert_int_equal(g[0], space);
    assert_int_equal(g[1], bits);
    assert_int_equal(g[2], 0);
    assert_int_equal(get_le64(g + 4), address);
}

static void test_fadt(void **state)
{
    struct guest_machine m = machine();
    struct guest_tables t = build(&m);
    const uint8_t *f = table("FACP");
    assert_int_equal(get_le32(f + 4), 276);
    assert_int_equal(f[8], 6);
    assert_int_equal(get_le32(f + 36), t.facs.v);
    assert_int_equal(get_le32(f + 40), get_le64(f + 140));
    assert_int_equal(get_le16(f + 46), 9);
    assert_int_equal(get_le32(f + 48), 0);              /* no SMI command port */
    assert_int_equal(get_le32(f + 56), 0x600);
    assert_int_equal(get_le32(f + 64), 0x604);
    assert_int_equal(get_le32(f + 76), 0x608);
    assert_int_equal(get_le32(f + 80), 0x620);
    assert_int_equal(f[88], 4);
    assert_int_equal(f[89], 2);
    assert_int_equal(f[91], 4);
    assert_int_equal(f[92], 4);
    assert_int_equal(f[108], 0x32);
    assert_int_equal(get_le16(f + 109), 7);
    uint32_t flags = get_le32(f + 112);
    assert_true(flags & BIT(8));                        /* 32-bit timer */
    assert_true(flags & BIT(10));                       /* reset register */
    assert_false(flags & BIT(4));                       /* power button: fixed feature */
    assert_true(flags & BIT(5));                        /* no sleep button */
    assert_false(flags & BIT(20));                      /* not hardware-reduced */
    check_gas(f + 116, 1, 8, 0xcf9);
    assert_int_equal(f[128], 6);
    check_gas(f + 148, 1, 32, 0x600);
    check_gas(f + 172, 1, 16, 0x604);
    check_gas(f + 208, 1, 32, 0x608);
    check_gas(f + 220, 1, 32, 0x620);
    const uint8_t *facs = at(t.facs.v, 64);
    assert_int_equal(t.facs.v % 64, 0);
    assert_memory_equal(facs, "FACS", 4);
    assert_int_equal(get_le32(facs + 4), 64);
    m.has_8042 = false;
    build(&m);
    assert_int_equal(get_le16(table("FACP") + 109), 5);
}

static void test_madt(void **state)
{
    struct guest_machine m = machine();
    for (m.vcpus = 1; m.vcpus <= PLAT_MAX_VCPUS; m.vcpus++) {
        build(&m);
        const uint8_t *t = table("APIC"), *end = t + get_le32(t + 4);
        unsigned cpus = 0, others = 0;
        assert_int_equal(get_le32(t + 36), 0xfee00000);
        assert_int_equal(get_le32(t + 40), 1);
        for (const uint8_t *e = t + 44; e < end; e += e[1]) {
            assert_true(e[1] >= 2 && e + e[1] <= end);
            switch (e[0]) {
            case 0:
                assert_int_equal(e[2], cpus);
                assert_int_equal(e[3], cpus++);
                assert_int_equal(get_le32(e + 4), 1);
                break;
            case 1:
                assert_int_equal(e[2], 0);
                assert_int_equal(get_le32(e + 4), 0xfec00000);
                assert_int_equal(get_le32(e + 8), 0);
                others |= 1;
                break;
            case 2:
                if (e[3] == 0) {
                    assert_int_equal(get_le32(e + 4), 2);
                    assert_int_equal(get_le16(e + 8), 0);
                    others |= 2;
                } else {
                    assert_int_equal(e[3], 9);
                    assert_int_equal(get_le32(e + 4), 9);
                    assert_int_equal(get_le16(e + 8), 0xd);
                    others |= 4;
                }
                break;
            case 4:
                assert_int_equal(e[2], 0xff);
                assert_int_equal(e[5], 1);
                others |= 8;
                break;
            default:
                fail_msg("entry type %u", e[0]);
            }
        }
        assert_int_equal(cpus, m.vcpus);
        assert_int_equal(others, 15);
    }
}

static void test_optional_tables(void **state)
{
    struct guest_machine m = machine();
    build(&m);
    const uint8_t *h = table("HPET"), *c = table("MCFG");
    assert_int_equal(get_le32(h + 4), 56);
    check_gas(h + 40, 0, 64, 0xfed00000);
    assert_int_equal(get_le32(c + 4), 60);
    assert_int_equal(get_le64(c + 44), 0xe0000000);
    assert_int_equal(c[54], 0);
    assert_int_equal(c[55], 255);
    m.has_hpet = m.has_ecam = false;
    build(&m);
    assert_null(table("HPET"));
    assert_null(table("MCFG"));
}

/* ---- a walker for the AML that aml.c writes ---- */

struct walk {
    const uint8_t *p, *end;
    char text[16 << 10];        /* "name=value;" of what was met, nested in braces */
    size_t len;
};

PRINTF(2, 3) static void note(struct walk *w, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, format, ap);
    va_end(ap);
    w->len += (size_t)n;
    assert_true(w->len < sizeof(w->text));
}

static const uint8_t *take(struct walk *w, size_t n)
{
    const uint8_t *p = w->p;
    assert_true(n <= (size_t)(w->end - p));
    w->p += n;
    return p;
}

static const uint8_t *block_end(struct walk *w)
{
    const uint8_t *start = w->p;
    uint8_t b = *take(w, 1);
    uint32_t n = b & 0x3f;
    if (b >> 6) {
        n = b & 0xf;
        for (unsigned i = 0; i < b >> 6; i++)
            n |= (uint32_t)*take(w, 1) << (4 + 8 * i);
    }
    assert_true(n <= (size_t)(w->end - start));
    return start + n;
}

static void walk_name(struct walk *w)
{
    if (*w->p == '\\')
        note(w, "%c", *take(w, 1));
    const uint8_t *s = take(w, 4);
    for (int i = 0; i < 4; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';
        assert_true((s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_' || (i && digit));
        note(w, "%c", s[i]);
    }
}

static void walk_resources(struct walk *w)
{
    const uint8_t *p;
    do {
        p = take(w, 1);
        size_t n = p[0] & 0x80 ? (size_t)(2 + get_le16(p + 1)) : (size_t)(p[0] & 7);
        assert_true(n <= (size_t)(w->end - w->p));
        w->p += n;
        switch (p[0]) {
        case 0x22: note(w, "irq %x,", get_le16(p + 1)); break;
        case 0x47:
            assert_int_equal(get_le16(p + 2), get_le16(p + 4));
            note(w, "io %x+%x,", get_le16(p + 2), p[7]);
            break;
        case 0x79: break;
        case 0x86:
            note(w, "mem%s %x+%x,", p[3] ? "" : "ro", get_le32(p + 4), get_le32(p + 8));
            break;
        case 0x87:
            assert_int_equal(get_le32(p + 14) - get_le32(p + 10) + 1, get_le32(p + 22));
            note(w, "window %x-%x,", get_le32(p + 10), get_le32(p + 14));
            break;
        case 0x88:
            assert_int_equal((get_le16(p + 10) - get_le16(p + 8) + 1) & 0xffff, get_le16(p + 14));
            note(w, "%s %x-%x,", p[3] == 2 ? "bus" : "ports", get_le16(p + 8), get_le16(p + 10));
            break;
        default: fail_msg("descriptor %x", p[0]);
        }
    } while (p[0] != 0x79);
    assert_ptr_equal(w->p, w->end);
}

static void walk_terms(struct walk *w, unsigned depth);

static void walk_block(struct walk *w, const uint8_t *end, unsigned depth)
{
    const uint8_t *outer = w->end;
    w->end = end;
    note(w, "{");
    walk_terms(w, depth + 1);
    note(w, "}");
    w->end = outer;
}

static void walk_term(struct walk *w, unsigned depth)
{
    const uint8_t *end, *outer = w->end;
    uint16_t size;
    switch (*take(w, 1)) {
    case 0x00: note(w, "0;"); return;
    case 0x01: note(w, "1;"); return;
    case 0x0a: note(w, "%x;", *take(w, 1)); return;
    case 0x0b: note(w, "%x;", get_le16(take(w, 2))); return;
    case 0x0c: note(w, "%x;", get_le32(take(w, 4))); return;
    case 0x0d:
        note(w, "\"%s\";", w->p);
        take(w, strlen((const char *)w->p) + 1);
        return;
    case 0x08: walk_name(w); note(w, "="); walk_term(w, depth); return;
    case 0x10: end = block_end(w); walk_name(w); walk_block(w, end, depth); return;
    case 0x5b:
        assert_int_equal(*take(w, 1), 0x82);
        end = block_end(w);
        note(w, "Device ");
        walk_name(w);
        walk_block(w, end, depth);
        return;
    case 0x12:
        end = block_end(w);
        note(w, "[%u]", *take(w, 1));
        walk_block(w, end, depth);
        return;
    case 0x11:
        w->end = block_end(w);
        assert_int_equal(*take(w, 1), 0x0b);
        size = get_le16(take(w, 2));
        assert_int_equal(size, w->end - w->p);
        walk_resources(w);
        w->end = outer;
        return;
    default: fail_msg("opcode %x at depth %u", w->p[-1], depth);
    }
}

static void walk_terms(struct walk *w, unsigned depth)
{
    assert_true(depth < 10);
    while (w->p < w->end)
        walk_term(w, depth);
    assert_ptr_equal(w->p, w->end);
}

static struct walk walked;

static const char *walk_dsdt(const struct guest_machine *m)
{
    build(m);
    const uint8_t *d = at(get_le64(table("FACP") + 140), 36);
    assert_memory_equal(d, "DSDT", 4);
    assert_true(d[8] >= 2);
    assert_int_equal(sum(d, get_le32(d + 4)), 0);
    memset(&walked, 0, sizeof(walked));
    walked.p = d + 36;
    walked.end = d + get_le32(d + 4);
    walk_terms(&walked, 0);
    return walked.text;
}

#define assert_has(text, part)  assert_non_null(strstr(text, part))
#define assert_lacks(text, part) assert_null(strstr(text, part))

static void test_dsdt(void **state)
{
    struct guest_machine m = machine();
    const char *d = walk_dsdt(&m);
    assert_has(d, "\\_SB_{Device C000{_HID=\"ACPI0007\";_UID=0;}");
    assert_has(d, "Device C002{_HID=\"ACPI0007\";_UID=2;}");
    assert_lacks(d, "Device C003");
    assert_has(d, "Device PCI0{_HID=80ad041;_CID=30ad041;");
    assert_has(d, "bus 0-ff,io cf8+8,ports 0-cf7,ports d00-ffff,window c0000000-dfffffff,");
    assert_has(d, "Device ISA_{_ADR=10000;");
    assert_has(d, "Device COM1{_HID=105d041;_UID=1;_CRS=io 3f8+8,irq 10,}");
    assert_has(d, "Device COM2{_HID=105d041;_UID=2;_CRS=io 2f8+8,irq 8,}");
    assert_has(d, "Device RTC_{_HID=bd041;_CRS=io 70+2,irq 100,}");
    assert_has(d, "Device TMR_{_HID=1d041;_CRS=io 40+4,irq 1,}");
    assert_has(d, "Device KBD_{_HID=303d041;_CRS=io 60+1,io 64+1,irq 2,}");
    assert_has(d, "io 600+c,io 620+4,mem fec00000+1000,mem fee00000+1000,mem e0000000+10000000,");
    assert_has(d, "Device HPET{_HID=301d041;_UID=0;_CRS=memro fed00000+400,}");
    assert_has(d, "\\_S5_=[4]{0;0;0;0;}");
}

static void test_dsdt_options(void **state)
{
    struct guest_machine m = machine();
    m.has_hpet = m.has_ecam = m.has_8042 = false;
    m.com_ports = 2;
    const char *d = walk_dsdt(&m);
    assert_lacks(d, "HPET");
    assert_lacks(d, "e0000000");
    assert_lacks(d, "KBD");
    assert_lacks(d, "COM1");
    assert_has(d, "COM2");
    assert_has(d, "Device PCI0{_HID=30ad041;_UID=0;");
    m.vcpus = PLAT_MAX_VCPUS;
    assert_has(walk_dsdt(&m), "Device C03F{_HID=\"ACPI0007\";_UID=3f;}");
}

/* _PRT and plat_pci_irq() say the same for every slot and pin. */
static void test_prt(void **state)
{
    struct guest_machine m = machine();
    const char *d = walk_dsdt(&m);
    assert_has(d, "_PRT=[128]{[4]{ffff;0;0;a;}[4]{ffff;1;0;b;}");
    unsigned packages = 0;
    for (const char *s = d; (s = strstr(s, "[4]{")) != NULL; s++)
        packages++;
    assert_int_equal(packages, 128 + 1);                /* and the one of S5 */
    for (unsigned dev = 0; dev < 32; dev++)
        for (unsigned pin = 0; pin < 4; pin++) {
            char want[64];
            unsigned irq = plat_pci_irq(dev, pin + 1);
            assert_true(PLAT_PCI_IRQ_MASK & BIT(irq));
            snprintf(want, sizeof(want), "[4]{%x;%u;0;%x;}", dev << 16 | 0xffff, pin, irq);
            assert_has(d, want);
        }
}

/* Blocks of every length around the places where the length's encoding grows. */
static void test_aml_lengths(void **state)
{
    static uint8_t buf[3 << 20];
    static const size_t sizes[] = { 0, 1, 56, 57, 58, 59, 60, 61, 4080, 4088, 4089, 4090, 4091,
                                    4092, 4096, 1048560, 1048569, 1048570,
                                    1048571, 1048572, 2000000 };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct aml a;
        aml_init(&a, buf, sizeof(buf));
        aml_scope(&a, "\\AB");
        for (size_t n = 0; n < sizes[i]; n++)
            aml_int(&a, n & 1);
        aml_end(&a);
        assert_true(aml_good(&a));
        struct walk w = { .p = buf + 1, .end = buf + a.len };
        assert_ptr_equal(block_end(&w), buf + a.len);
        assert_memory_equal(w.p, "\\AB__", 5);
        assert_int_equal(w.end - w.p - 5, sizes[i]);
        for (size_t n = 0; n < sizes[i]; n++)
            assert_int_equal(w.p[5 + n], n & 1);
    }
}

static void test_aml_values(void **state)
{
    static const struct { uint64_t v; uint8_t len, bytes[9]; } cases[] = {
        { 0, 1, { 0 } }, { 1, 1, { 1 } }, { 2, 2, { 0x0a, 2 } }, { 255, 2, { 0x0a, 255 } },
        { 256, 3, { 0x0b, 0, 1 } }, { 65536, 5, { 0x0c, 0, 0, 1, 0 } },
        { 1ull << 32, 9, { 0x0e, 0, 0, 0, 0, 1, 0, 0, 0 } },
    };
    uint8_t buf[64];
    struct aml a;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        aml_init(&a, buf, sizeof(buf));
        aml_int(&a, cases[i].v);
        assert_int_equal(a.len, cases[i].len);
        assert_memory_equal(buf, cases[i].bytes, a.len);
    }
    aml_init(&a, buf, sizeof(buf));
    aml_eisa_id(&a, "PNP0A03");
    assert_memory_equal(buf, "\x0c\x41\xd0\x0a\x03", 5);
    aml_eisa_id(&a, "PNP");
    assert_false(aml_good(&a));
}

/* Without room nothing is written outside, and the caller learns of it. */
static void test_aml_overflow(void **state)
{
    struct guest_machine m = machine();
    struct guest_tables t;
    for (size_t cap = 0; cap < 3400; cap += cap < 200 ? 1 : 37) {
        uint8_t *buf = malloc(cap ? cap : 1);
        hv_status s = guest_acpi_build(&m, buf, cap, gpa(PLAT_BIOS_BASE), &t);
        assert_true(s == HV_NOMEM || (s == HV_OK && cap > 2800));
        free(buf);
    }
    uint8_t buf[16];
    struct aml a;
    aml_init(&a, buf, sizeof(buf));
    for (int i = 0; i <= AML_DEPTH_MAX; i++)
        aml_scope(&a, "A");
    assert_false(aml_good(&a));
    aml_init(&a, buf, sizeof(buf));
    aml_end(&a);
    assert_false(aml_good(&a));
    aml_init(&a, buf, sizeof(buf));
    aml_scope(&a, "A");
    assert_false(aml_good(&a));                         /* still open */
}

static void test_bad_machines(void **state)
{
    struct guest_tables t;
    struct guest_machine m = machine();
    m.vcpus = 0;
    assert_int_equal(guest_tables_build(&m, bios, &t), HV_INVALID);
    m.vcpus = PLAT_MAX_VCPUS + 1;
    assert_int_equal(guest_tables_build(&m, bios, &t), HV_INVALID);
    m = machine();
    m.memory = MIB(1);
    assert_int_equal(guest_tables_build(&m, bios, &t), HV_INVALID);
    m.memory = MIB(64) + 1;
    assert_int_equal(guest_tables_build(&m, bios, &t), HV_INVALID);
    m.memory = 1ull << 47;
    assert_int_equal(guest_tables_build(&m, bios, &t), HV_INVALID);
    m = machine();
    assert_int_equal(guest_acpi_build(&m, bios, 4096, gpa(8), &t), HV_INVALID);
    assert_int_equal(guest_acpi_build(&m, bios, 4096, gpa(0xfffff000), &t), HV_INVALID);
    assert_int_equal(guest_smbios_build(&m, bios, 4096, gpa(8), &t), HV_INVALID);
    assert_int_equal(guest_mptable_build(&m, bios, 4096, gpa(8), &t), HV_INVALID);
}

/* The same machine gives the same bytes, whatever was in the buffer. */
static void test_repeatable(void **state)
{
    static uint8_t first[PLAT_BIOS_SIZE];
    struct guest_machine m = machine();
    struct guest_tables t;
    build(&m);
    memcpy(first, bios, sizeof(first));
    memset(bios, 0x5a, sizeof(bios));
    assert_int_equal(guest_tables_build(&m, bios, &t), HV_OK);
    assert_memory_equal(first, bios, sizeof(first));
    const uint8_t stub[] = { 0xb0, 6, 0xba, 0xf9, 0x0c, 0xee };
    assert_memory_equal(at(0xffff0, 16), stub, sizeof(stub));
}

/* ---- SMBIOS ---- */

/* The structure of a type; its n-th string through *text. */
static const uint8_t *smbios(uint8_t type, unsigned nth, const char **text)
{
    const uint8_t *e = at(scan("_SM3_", 0xf0000), 24);
    assert_int_equal(sum(e, e[6]), 0);
    const uint8_t *p = at(get_le64(e + 16), get_le32(e + 12)), *end = p + get_le32(e + 12);
    const uint8_t *found = NULL;
    while (p < end) {
        const uint8_t *s = p;
        assert_true(s[1] >= 4 && s + s[1] < end);
        p += s[1];
        for (unsigned n = 1; *p; n++) {
            if (s[0] == type && !found && n == nth)
                *text = (const char *)p;
            p += strlen((const char *)p) + 1;
        }
        p += p == s + s[1] ? 2 : 1;                     /* no strings: two zeros */
        assert_true(p <= end);
        if (s[0] == type && !found)
            found = s;
        if (s[0] == 127)
            assert_ptr_equal(p, end);
    }
    return found;
}

static void test_smbios(void **state)
{
    struct guest_machine m = machine();
    struct guest_tables t = build(&m);
    const char *s;
    assert_int_equal(t.smbios.v, scan("_SM3_", 0xf0000));
    static const uint8_t types[] = { 0, 1, 3, 4, 16, 17, 19, 32, 127 };
    for (size_t i = 0; i < sizeof(types); i++)
        assert_non_null(smbios(types[i], 0, &s));
    const uint8_t *sys = smbios(1, 2, &s);
    assert_string_equal(s, "Socle Virtual Machine");
    static const uint8_t uuid[] = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99,
                                    0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    assert_memory_equal(sys + 8, uuid, 16);
    smbios(1, 4, &s);
    assert_string_equal(s, "web");
    assert_int_equal(smbios(4, 0, &s)[0x23], 3);
    assert_int_equal(get_le16(smbios(17, 0, &s) + 0x0c), 512);
    assert_int_equal(get_le32(smbios(19, 0, &s) + 8), 512 * 1024 - 1);
    assert_int_equal(smbios(0, 0, &s)[9], 1);           /* 128 KiB of ROM */
    assert_int_equal(get_le16(smbios(0, 0, &s) + 6), 0xe000);
    assert_int_equal(smbios(16, 0, &s)[5], 3);
    assert_int_equal(get_le32(smbios(16, 0, &s) + 7), 512 * 1024);
    assert_int_equal(get_le16(smbios(17, 0, &s) + 4), get_le16(smbios(16, 0, &s) + 2));
    assert_int_equal(get_le16(smbios(19, 0, &s) + 12), get_le16(smbios(16, 0, &s) + 2));
    assert_int_equal(smbios(3, 0, &s)[5], 1);
    assert_int_equal(smbios(4, 0, &s)[0x18], 0x41);
    m.memory = GIB(8) * 1024;
    m.name = NULL;
    build(&m);
    assert_int_equal(get_le16(smbios(17, 0, &s) + 0x0c), 0x7fff);
    assert_int_equal(get_le32(smbios(17, 0, &s) + 0x1c), 8 << 20);
    assert_int_equal(get_le64(smbios(16, 0, &s) + 0x0f), GIB(8) * 1024);
    for (size_t cap = 0; cap < 300; cap++) {
        uint8_t *buf = malloc(cap ? cap : 1);
        assert_int_equal(guest_smbios_build(&m, buf, cap, gpa(0xf0000), &t), HV_NOMEM);
        free(buf);
    }
}

static void test_smbios_long_name(void **state)
{
    char name[200];
    const char *s = "";
    struct guest_machine m = machine();
    memset(name, 'n', sizeof(name));
    name[199] = '\0';
    m.name = name;
    build(&m);
    smbios(1, 4, &s);
    assert_int_equal(strlen(s), 64);
    m.name = "";
    build(&m);
    smbios(1, 4, &s);
    assert_string_equal(s, "none");
}

/* Two mapped ranges above 3 GiB; above 4 TiB the 64-bit fields. Handles are unique. */
static void test_smbios_ranges(void **state)
{
    static const struct { uint64_t memory, start, end; } cases[] = {
        { GIB(5), GIB(4), GIB(6) - 1 }, { GIB(5000), GIB(4), GIB(5001) - 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct guest_machine m = machine();
        m.memory = cases[i].memory;
        build(&m);
        const uint8_t *e = at(scan("_SM3_", 0xf0000), 24);
        const uint8_t *p = at(get_le64(e + 16), 1), *found = NULL;
        uint16_t last = 0;
        for (bool first = true; p[0] != 127; first = false) {
            assert_true(first || get_le16(p + 2) > last);
            last = get_le16(p + 2);
            found = p[0] == 19 ? p : found;
            for (p += p[1]; p[0] || p[1]; p++)
                ;
            p += 2;
        }
        bool wide = get_le32(found + 4) == UINT32_MAX;
        uint64_t start = wide ? get_le64(found + 15) : (uint64_t)get_le32(found + 4) << 10;
        uint64_t end = wide ? get_le64(found + 23) : ((uint64_t)get_le32(found + 8) << 10) + 1023;
        assert_int_equal(wide, i == 1);
        assert_int_equal(start, cases[i].start);
        assert_int_equal(end, cases[i].end);
    }
}

/* ---- BIOS services ---- */

/* The data the real-mode code gives out: it agrees with the memory map. */
static void test_bios_services(void **state)
{
    static const struct { uint64_t memory; uint16_t below, above, extended; } cases[] = {
        { MIB(2), 1024, 0, 1024 }, { MIB(16), 15 * 1024, 0, 15 * 1024 },
        { MIB(64), 15 * 1024, 48 * 16, 63 * 1024 }, { MIB(512), 15 * 1024, 496 * 16, 63 * 1024 },
        { GIB(8), 15 * 1024, (3072 - 16) * 16, 63 * 1024 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct guest_machine m = machine();
        struct guest_layout l;
        m.memory = cases[i].memory;
        guest_layout(&l, &m);
        build(&m);
        const uint8_t *d = at(0xfe0e0, 12 + 20 * GUEST_E820_MAX);
        assert_int_equal(get_le16(d), cases[i].below);
        assert_int_equal(get_le16(d + 2), cases[i].above);
        assert_int_equal(get_le16(d + 4), cases[i].extended);
        assert_int_equal(get_le32(d + 8), l.entries);
        for (uint32_t k = 0; k < l.entries; k++) {
            assert_int_equal(get_le64(d + 12 + 20 * k), l.entry[k].base);
            assert_int_equal(get_le64(d + 20 + 20 * k), l.entry[k].len);
            assert_int_equal(get_le32(d + 28 + 20 * k), l.entry[k].type);
        }
    }
}

/* Each vector leads to code: the first bytes of the handler it should have. */
static void test_vectors(void **state)
{
    static const struct { unsigned vector; uint8_t n, bytes[5]; } cases[] = {
        { 0x00, 2, { 0xfa, 0xf4 } }, { 0x06, 2, { 0xfa, 0xf4 } }, { 0x02, 1, { 0xcf } },
        { 0x1c, 1, { 0xcf } }, { 0x08, 5, { 0x50, 0xb0, 0x20, 0xe6, 0x20 } },
        { 0x0f, 5, { 0x50, 0xb0, 0x20, 0xe6, 0x20 } }, { 0x10, 2, { 0xb4, 0x86 } },
        { 0x70, 5, { 0x50, 0xb0, 0x20, 0xe6, 0xa0 } }, { 0x78, 2, { 0xb4, 0x86 } },
        { 0x77, 5, { 0x50, 0xb0, 0x20, 0xe6, 0xa0 } }, { 0x11, 2, { 0x2e, 0xa1 } },
        { 0x12, 4, { 0xb8, 0x7f, 2, 0xcf } }, { 0x13, 2, { 0xb4, 0x86 } },
        { 0x15, 3, { 0x3d, 0x20, 0xe8 } }, { 0x16, 2, { 0x31, 0xc0 } },
        { 0x19, 5, { 0xea, 0xf0, 0xff, 0, 0xf0 } }, { 0xff, 2, { 0xb4, 0x86 } },
    };
    struct guest_machine m = machine();
    uint8_t page[GUEST_LOWMEM_LEN];
    build(&m);
    memset(page, 0xcc, sizeof(page));
    guest_lowmem_build(page);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint8_t *v = page + 4 * cases[i].vector;
        uint64_t address = ((uint64_t)get_le16(v + 2) << 4) + get_le16(v);
        assert_memory_equal(at(address, 5), cases[i].bytes, cases[i].n);
    }
    for (unsigned i = 0x400; i < sizeof(page); i++)
        assert_int_not_equal(page[i], 0xcc);
    assert_int_equal(get_le16(page + 0x410), get_le16(at(0xfe0e6, 2)));
}

/* ---- MP table ---- */

static void test_mptable(void **state)
{
    static const uint8_t sizes[] = { 20, 8, 8, 8, 8 };
    struct guest_machine m = machine();
    struct guest_tables t = build(&m);
    const uint8_t *p = at(scan("_MP_", 0xf0000), 16);
    assert_int_equal(t.mptable.v, scan("_MP_", 0xf0000));
    assert_int_equal(sum(p, 16), 0);
    assert_int_equal(p[9], 4);
    assert_int_equal(p[11], 0);
    const uint8_t *h = at(get_le32(p + 4), 44);
    uint16_t len = get_le16(h + 4);
    assert_memory_equal(h, "PCMP", 4);
    assert_int_equal(sum(at(get_le32(p + 4), len), len), 0);
    unsigned count[5] = { 0 }, isa = 0, pci = 0, entries = 0;
    const uint8_t *e = h + 44;
    for (; e < h + len; e += sizes[e[0]], entries++) {
        assert_true(e[0] < 5);
        count[e[0]]++;
        if (e[0] == 0) {
            assert_int_equal(e[1], count[0] - 1);
            assert_int_equal(e[2], 0x14);
            assert_int_equal(e[3], e[1] == 0 ? 3 : 1);
            assert_int_equal(get_le32(e + 4), 0x600);
            assert_int_equal(get_le32(e + 8), 0x201);
        } else if (e[0] == 1) {
            assert_memory_equal(e + 2, e[1] == 0 ? "PCI   " : "ISA   ", 6);
        } else if (e[0] == 2) {
            assert_int_equal(e[1], 0);
            assert_int_equal(e[3], 1);
            assert_int_equal(get_le32(e + 4), 0xfec00000);
        } else if (e[0] == 4) {
            assert_int_equal(e[1], e[7] == 0 ? 3 : 1);  /* LINT0: ExtINT, LINT1: NMI */
            assert_int_equal(e[6], 0xff);
        }
        if (e[0] == 3 && e[4] == 1) {
            isa |= BIT(e[5]);
            assert_int_equal(e[7], e[5] == 0 ? 2 : e[5]);
            assert_int_equal(get_le16(e + 2), e[5] == 9 ? 0xd : 0);
        } else if (e[0] == 3) {
            pci++;
            assert_int_equal(e[7], plat_pci_irq(e[5] >> 2, (e[5] & 3u) + 1));
            assert_int_equal(get_le16(e + 2), 0xf);
        }
    }
    assert_ptr_equal(e, h + len);
    assert_int_equal(entries, get_le16(h + 34));
    assert_int_equal(count[0], 3);
    assert_int_equal(count[1], 2);
    assert_int_equal(count[2], 1);
    assert_int_equal(count[4], 2);
    assert_int_equal(isa, 0xffff & ~(BIT(2) | PLAT_PCI_IRQ_MASK));
    assert_int_equal(pci, 128);
    for (size_t cap = 0; cap < 1300; cap++) {
        uint8_t *buf = malloc(cap ? cap : 1);
        hv_status s = guest_mptable_build(&m, buf, cap, gpa(0xf0000), &t);
        assert_true(s == HV_NOMEM || cap >= (size_t)len + 16);
        free(buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsdp), cmocka_unit_test(test_fadt), cmocka_unit_test(test_madt),
        cmocka_unit_test(test_optional_tables), cmocka_unit_test(test_dsdt),
        cmocka_unit_test(test_dsdt_options), cmocka_unit_test(test_prt),
        cmocka_unit_test(test_aml_lengths), cmocka_unit_test(test_aml_values),
        cmocka_unit_test(test_aml_overflow), cmocka_unit_test(test_bad_machines),
        cmocka_unit_test(test_repeatable), cmocka_unit_test(test_smbios),
        cmocka_unit_test(test_smbios_long_name), cmocka_unit_test(test_smbios_ranges),
        cmocka_unit_test(test_bios_services), cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_mptable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
