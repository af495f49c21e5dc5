/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot2 and Multiboot 1 information: what loaders write, and what none should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake/fake_log.h"
#include "socle/bits.h"
#include "socle/bootinfo.h"
#include "socle/le.h"

static struct boot_info bi;

/* ---- a writer of tags ---- */

struct tags { uint8_t buf[32 << 10]; size_t len; };
static struct tags tags;

static void begin(void)
{
    memset(&tags, 0, sizeof(tags));
    tags.len = 8;
    fake_log_count = 0;
}

static uint8_t *tag(uint32_t type, uint32_t size)
{
    uint8_t *p = tags.buf + tags.len;
    put_le32(p, type);
    put_le32(p + 4, size);
    tags.len += align_up(size, 8);
    assert_true(tags.len < sizeof(tags.buf));
    return p;
}

static void string_tag(uint32_t type, const char *s)
{
    memcpy(tag(type, (uint32_t)(9 + strlen(s))) + 8, s, strlen(s) + 1);
}

static void module_tag(uint32_t start, uint32_t end, const char *s)
{
    uint8_t *p = tag(3, (uint32_t)(17 + strlen(s)));
    put_le32(p + 8, start);
    put_le32(p + 12, end);
    memcpy(p + 16, s, strlen(s) + 1);
}

static hv_status parse(void)
{
    put_le32(tags.buf, (uint32_t)tags.len);
    /* An exact allocation: a read past the end is an error of the sanitizer. */
    uint8_t *exact = malloc(tags.len);
    memcpy(exact, tags.buf, tags.len);
    memset(&bi, 0xaa, sizeof(bi));
    hv_status s = boot_info_parse_mb2(&bi, exact, tags.len, hpa(0x10000));
    free(exact);
    return s;
}

static hv_status finish(void)
{
    tag(0, 8);
    return parse();
}

static void mmap_entry(uint8_t *p, uint64_t base, uint64_t len, uint32_t type)
{
    put_le64(p, base);
    put_le64(p + 8, len);
    put_le32(p + 16, type);
}

static void test_strings(void **state)
{
    begin();
    string_tag(1, "console=com1 log=debug");
    string_tag(2, "GRUB 2.06");
    assert_int_equal(finish(), HV_OK);
    assert_string_equal(boot_info_cmdline(&bi), "console=com1 log=debug");
    assert_string_equal(boot_info_loader(&bi), "GRUB 2.06");
    assert_int_equal(bi.protocol, 2);
    assert_int_equal(bi.info_start, 0x10000);
    assert_int_equal(bi.info_len, tags.len);
    assert_int_equal(bi.dropped, 0);
    begin();
    assert_int_equal(finish(), HV_OK);
    assert_string_equal(boot_info_cmdline(&bi), "");
    assert_string_equal(boot_info_text(&bi, UINT32_MAX), "");
    begin();
    memset(tag(1, 12) + 8, 'x', 4);             /* no NUL inside the tag */
    assert_int_equal(finish(), HV_OK);
    assert_string_equal(boot_info_cmdline(&bi), "xxxx");
}

static void test_modules(void **state)
{
    const struct boot_module *m;
    begin();
    module_tag(0x100000, 0x200000, "socle.toml");
    module_tag(0x200000, 0x200000, "/boot/vmlinuz  vmlinuz\tdebian/vmlinuz ");
    module_tag(0x300000, 0x2fffff, "backwards");
    module_tag(0x400000, 0x400010, "");
    module_tag(0xfffff000, 0xffffffff, "same other");
    module_tag(0x500000, 0x600000, "same");
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.modules, 5);
    assert_int_equal(bi.dropped, 1);
    assert_int_equal(fake_log_count, 1);
    assert_int_equal(boot_info_find_module(&bi, "socle.toml", &m), HV_OK);
    assert_int_equal(m->start.v, 0x100000);
    assert_int_equal(m->len, 0x100000);
    assert_int_equal(boot_info_find_module(&bi, "vmlinuz", &m), HV_OK);
    assert_int_equal(m->len, 0);
    assert_int_equal(boot_info_find_module(&bi, "debian/vmlinuz", &m), HV_OK);
    assert_int_equal(boot_info_find_module(&bi, "/boot/vmlinuz", &m), HV_OK);
    assert_int_equal(boot_info_find_module(&bi, "vmlinu", &m), HV_NOT_FOUND);
    assert_null(m);
    assert_int_equal(boot_info_find_module(&bi, "", &m), HV_NOT_FOUND);
    assert_int_equal(boot_info_find_module(&bi, "vmlinuz debian/vmlinuz", &m), HV_NOT_FOUND);
    assert_int_equal(boot_info_find_module(&bi, "same", &m), HV_EXISTS);
    assert_string_equal(boot_module_string(&bi, m), "same other");
}

static void test_too_many_modules(void **state)
{
    begin();
    for (uint32_t i = 0; i < BOOT_MODULES_MAX + 3; i++)
        module_tag(i << 12, (i + 1) << 12, "m");
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.modules, BOOT_MODULES_MAX);
    assert_int_equal(bi.dropped, 3);
    assert_int_equal(fake_log_count, 1);
}

static void test_text_full(void **state)
{
    enum { PART = BOOT_TEXT_SIZE / 16 * 5 };      /* three fit, the fourth does not */
    _Static_assert(PART % 8 == 0, "tags are aligned to 8");
    static char big[PART];
    begin();
    memset(big, 'y', sizeof(big) - 1);
    string_tag(1, big);
    string_tag(2, "loader");
    for (int i = 0; i < 4; i++)
        assert_int_equal(finish(), HV_OK);
    /* four tags at once: a hand-made list */
    uint8_t *list = calloc(1, 4 * (PART + 8) + 32);
    size_t at = 8;
    for (int i = 0; i < 4; i++) {
        put_le32(list + at, 1);
        put_le32(list + at + 4, 8 + PART);
        memcpy(list + at + 8, big, sizeof(big));
        at += 8 + PART;
    }
    put_le32(list, (uint32_t)(at + 8));
    put_le32(list + at + 4, 8);
    assert_int_equal(boot_info_parse_mb2(&bi, list, at + 8, hpa(0)), HV_OK);
    assert_int_equal(bi.dropped, 1);
    assert_true(bi.text_len <= BOOT_TEXT_SIZE);
    free(list);
}

static void test_memory_map(void **state)
{
    begin();
    put_le32(tag(4, 16) + 8, 640);              /* basic memory: not used beside a map */
    uint8_t *p = tag(6, 16 + 7 * 32);
    put_le32(p + 8, 32);                        /* larger entries than today's */
    mmap_entry(p + 16, 0, 0x9fc00, 1);
    mmap_entry(p + 48, 0x9fc00, 0x400, 2);
    mmap_entry(p + 80, 0x100000, 0, 1);         /* empty */
    mmap_entry(p + 112, UINT64_MAX - 0xfff, 0x1001, 1);
    mmap_entry(p + 144, 0x100000, 0x1000, 3);
    mmap_entry(p + 176, 0x200000, 0x1000, 99);
    mmap_entry(p + 208, 0x300000, 0x1000, 5);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.mems, 5);
    assert_int_equal(bi.mem[0].len, 0x9fc00);
    assert_int_equal(bi.mem[0].type, BOOT_MEM_RAM);
    assert_int_equal(bi.mem[1].type, BOOT_MEM_RESERVED);
    assert_int_equal(bi.mem[2].type, BOOT_MEM_ACPI);
    assert_int_equal(bi.mem[3].type, BOOT_MEM_RESERVED);
    assert_int_equal(bi.mem[4].type, BOOT_MEM_BAD);
    assert_int_equal(bi.dropped, 1);
}

static void test_memory_map_limits(void **state)
{
    begin();
    uint8_t *p = tag(6, 16 + 300 * 24);
    put_le32(p + 8, 24);
    for (unsigned i = 0; i < 300; i++)
        mmap_entry(p + 16 + 24 * i, i << 12, 0x1000, 1);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.mems, BOOT_MEM_MAX);
    assert_int_equal(bi.dropped, 44);
    static const uint32_t bad[] = { 0, 1, 23, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        begin();
        p = tag(6, 16 + 48);
        put_le32(p + 8, bad[i]);
        assert_int_equal(finish(), HV_OK);
        assert_int_equal(bi.mems, 0);
    }
    begin();
    tag(6, 12);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.dropped, 1);
}

static void test_memory_fallbacks(void **state)
{
    begin();
    uint8_t *p = tag(4, 16);
    put_le32(p + 8, 639);
    put_le32(p + 12, 64512);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.mems, 2);
    assert_int_equal(bi.mem[0].len, 639 * 1024);
    assert_int_equal(bi.mem[1].base, MIB(1));
    assert_int_equal(bi.mem[1].len, 63 * MIB(1));
    begin();
    p = tag(17, 16 + 3 * 48);                   /* EFI memory map only */
    put_le32(p + 8, 48);
    put_le32(p + 16, 7);
    put_le64(p + 24, 0x100000);
    put_le64(p + 40, 16);
    put_le32(p + 64, 0);
    put_le64(p + 72, 0x200000);
    put_le64(p + 88, 1);
    put_le32(p + 112, 7);
    put_le64(p + 136, UINT64_MAX);
    assert_int_equal(finish(), HV_OK);
    assert_true(bi.efi_mmap);
    assert_int_equal(bi.mems, 2);
    assert_int_equal(bi.mem[0].len, 0x10000);
    assert_int_equal(bi.mem[0].type, BOOT_MEM_RAM);
    assert_int_equal(bi.mem[1].type, BOOT_MEM_RESERVED);
    assert_int_equal(bi.dropped, 1);
    static const uint32_t types[][2] = {        /* UEFI memory types and what they become */
        { 0, 2 }, { 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 1 }, { 5, 2 }, { 6, 2 }, { 7, 1 }, { 8, 5 },
        { 9, 3 }, { 10, 4 }, { 11, 2 }, { 14, 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        begin();
        p = tag(17, 16 + 40);
        put_le32(p + 8, 40);
        put_le32(p + 16, types[i][0]);
        put_le64(p + 40, 1);
        assert_int_equal(finish(), HV_OK);
        assert_int_equal(bi.mems, 1);
        assert_int_equal(bi.mem[0].type, types[i][1]);
    }
    begin();
    put_le32(tag(17, 16) + 8, 39);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.dropped, 1);
}

static uint8_t *framebuffer(uint32_t size, uint8_t type, uint32_t pitch)
{
    begin();
    uint8_t *p = tag(8, size);
    put_le64(p + 8, 0x80000000);
    put_le32(p + 16, pitch);
    put_le32(p + 20, 1024);
    put_le32(p + 24, 768);
    p[28] = 32;
    p[29] = type;
    memcpy(p + 32, "\x10\x08\x08\x08\x00\x08", 6);
    return p;
}

static void test_framebuffer(void **state)
{
    framebuffer(38, 1, 4096);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.fb.type, BOOT_FB_RGB);
    assert_int_equal(bi.fb.addr.v, 0x80000000);
    assert_int_equal(bi.fb.pitch, 4096);
    assert_int_equal(bi.fb.width, 1024);
    assert_int_equal(bi.fb.height, 768);
    assert_int_equal(bi.fb.bpp, 32);
    assert_int_equal(bi.fb.red_pos, 16);
    assert_int_equal(bi.fb.blue_size, 8);
    framebuffer(38, 2, 4096 * 4);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.fb.type, BOOT_FB_TEXT);
    static const struct { uint32_t size; uint8_t type; uint32_t pitch; } bad[] = {
        { 38, 3, 4096 }, { 38, 1, 4095 }, { 32, 1, 4096 }, { 31, 0, 4096 }, { 38, 255, 4096 },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        framebuffer(bad[i].size, bad[i].type, bad[i].pitch);
        assert_int_equal(finish(), HV_OK);
        assert_int_equal(bi.fb.type, BOOT_FB_NONE);
        assert_int_equal(bi.dropped, 1);
    }
    put_le64(framebuffer(38, 1, 4096) + 8, UINT64_MAX - 4096);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.fb.type, BOOT_FB_NONE);
    put_le64(framebuffer(38, 1, 4096) + 8, 0);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.fb.type, BOOT_FB_NONE);
    assert_int_equal(bi.dropped, 0);
}

static void test_acpi_and_efi(void **state)
{
    begin();
    memcpy(tag(15, 8 + 36) + 8, "RSD PTR new", 11);
    memcpy(tag(14, 8 + 20) + 8, "RSD PTR old", 11);
    put_le64(tag(12, 16) + 8, 0x7f000000);
    tag(18, 8);
    put_le32(tag(21, 12) + 8, 0x400000);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.rsdp_len, 36);
    assert_memory_equal(bi.rsdp, "RSD PTR new", 11);
    assert_true(bi.efi_64bit && bi.efi_boot_services && bi.load_base_valid);
    assert_int_equal(bi.efi_system_table, 0x7f000000);
    assert_int_equal(bi.load_base.v, 0x400000);
    begin();
    memcpy(tag(14, 8 + 20) + 8, "RSD PTR old", 11);
    memcpy(tag(15, 8 + 200) + 8, "RSD PTR new", 11);
    assert_int_equal(finish(), HV_OK);
    assert_memory_equal(bi.rsdp, "RSD PTR new", 11);
    assert_int_equal(bi.rsdp_len, BOOT_RSDP_MAX);
    begin();
    tag(14, 8 + 19);
    tag(12, 12);
    tag(21, 8);
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.rsdp_len, 0);
    assert_false(bi.load_base_valid);
    assert_int_equal(bi.dropped, 2);
}

static void test_bad_lists(void **state)
{
    begin();
    assert_int_equal(boot_info_parse_mb2(&bi, tags.buf, 7, hpa(0)), HV_INVALID);
    assert_int_equal(bi.protocol, 0);
    put_le32(tags.buf, 4);
    assert_int_equal(boot_info_parse_mb2(&bi, tags.buf, 100, hpa(0)), HV_INVALID);
    put_le32(tags.buf, 101);
    assert_int_equal(boot_info_parse_mb2(&bi, tags.buf, 100, hpa(0)), HV_INVALID);
    put_le32(tags.buf, UINT32_MAX);
    assert_int_equal(boot_info_parse_mb2(&bi, tags.buf, 100, hpa(0)), HV_INVALID);
    static const uint32_t sizes[] = { 0, 7, 17, 0x7fffffff, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        begin();
        string_tag(1, "kept");
        put_le32(tag(1, 16) + 4, sizes[i]);
        assert_int_equal(parse(), HV_OK);
        assert_int_equal(bi.dropped, 1);
        assert_string_equal(boot_info_cmdline(&bi), "kept");
    }
    begin();
    string_tag(1, "no end tag");
    assert_int_equal(parse(), HV_OK);
    assert_int_equal(bi.dropped, 1);
    begin();
    tag(77, 20);                                /* unknown: skipped silently */
    assert_int_equal(finish(), HV_OK);
    assert_int_equal(bi.dropped, 0);
}

/* Every prefix of a good list, and every byte of it changed, is survived. */
static void test_truncation_and_noise(void **state)
{
    begin();
    string_tag(1, "cmdline");
    module_tag(1, 2, "m one");
    uint8_t *p = tag(6, 16 + 48);
    put_le32(p + 8, 24);
    memset(tag(8, 38), 3, 30);
    tag(0, 8);
    put_le32(tags.buf, (uint32_t)tags.len);
    for (size_t n = 0; n <= tags.len; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, tags.buf, n);
        if (n >= 4)
            put_le32(copy, (uint32_t)n);
        hv_status s = boot_info_parse_mb2(&bi, copy, n, hpa(0));
        assert_true(s == HV_OK || n < 8);
        free(copy);
    }
    uint8_t *copy = malloc(tags.len);
    for (size_t i = 0; i < tags.len; i++)
        for (int v = 0; v < 256; v += 15) {
            memcpy(copy, tags.buf, tags.len);
            copy[i] = (uint8_t)v;
            hv_status s = boot_info_parse_mb2(&bi, copy, tags.len, hpa(0));
            assert_true(s == HV_OK || i < 4);
        }
    free(copy);
}

/* ---- Multiboot 1 ---- */

enum { PHYS = 64 << 10 };
static uint8_t phys[PHYS];
static uint64_t readable = PHYS;

static const void *map(void *ctx, hpa_t at, uint64_t len)
{
    return range_inside(at.v, len, 0, readable) ? phys + at.v : NULL;
}

static const struct phys_map mem = { NULL, map };

static void mb1_begin(uint32_t flags)
{
    memset(phys, 0, sizeof(phys));
    memset(&bi, 0xaa, sizeof(bi));
    readable = PHYS;
    fake_log_count = 0;
    put_le32(phys + 0x1000, flags);
}

static void test_mb1(void **state)
{
    const struct boot_module *m;
    mb1_begin(BIT(0) | BIT(2) | BIT(3) | BIT(6) | BIT(9) | BIT(12));
    uint8_t *p = phys + 0x1000;
    put_le32(p + 4, 639);
    put_le32(p + 16, 0x2000);
    strcpy((char *)phys + 0x2000, "log=debug");
    put_le32(p + 20, 2);
    put_le32(p + 24, 0x3000);
    put_le32(phys + 0x3000, 0x5000);
    put_le32(phys + 0x3004, 0x5800);
    put_le32(phys + 0x3008, 0x4000);
    strcpy((char *)phys + 0x4000, "/tmp/x.toml socle.toml");
    put_le32(phys + 0x3010, 0x6000);
    put_le32(phys + 0x3014, 0x6001);
    put_le32(p + 44, 24 + 28);
    put_le32(p + 48, 0x3100);
    put_le32(phys + 0x3100, 20);
    mmap_entry(phys + 0x3104, 0, 0x9fc00, 1);
    put_le32(phys + 0x3118, 24);
    mmap_entry(phys + 0x311c, 0x100000000, GIB(1), 1);
    put_le32(p + 64, 0x4100);
    strcpy((char *)phys + 0x4100, "qemu");
    put_le64(p + 88, 0xb8000);
    put_le32(p + 96, 160);
    put_le32(p + 100, 80);
    put_le32(p + 104, 25);
    p[108] = 16;
    p[109] = 2;
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_int_equal(bi.dropped, 0);
    assert_int_equal(bi.protocol, 1);
    assert_string_equal(boot_info_cmdline(&bi), "log=debug");
    assert_string_equal(boot_info_loader(&bi), "qemu");
    assert_int_equal(bi.modules, 2);
    assert_int_equal(boot_info_find_module(&bi, "socle.toml", &m), HV_OK);
    assert_int_equal(m->start.v, 0x5000);
    assert_int_equal(m->len, 0x800);
    assert_string_equal(boot_module_string(&bi, &bi.module[1]), "");
    assert_int_equal(bi.mems, 2);
    assert_int_equal(bi.mem[1].base, GIB(4));
    assert_int_equal(bi.fb.type, BOOT_FB_TEXT);
    assert_int_equal(bi.fb.width, 80);
    assert_int_equal(bi.fb.height, 25);
    assert_int_equal(bi.fb.pitch, 160);
}

static void test_mb1_basic_memory(void **state)
{
    mb1_begin(BIT(0));
    put_le32(phys + 0x1004, 640);
    put_le32(phys + 0x1008, 1024);
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_int_equal(bi.mems, 2);
    assert_int_equal(bi.mem[1].len, MIB(1));
}

static void test_mb1_unreadable(void **state)
{
    mb1_begin(UINT32_MAX);
    memset(phys + 0x1004, 0xff, 200);
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_int_equal(bi.modules, 0);
    assert_int_equal(bi.fb.type, BOOT_FB_NONE);
    assert_int_equal(fake_log_count, 1);
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(PHYS - 51)), HV_RANGE);
    assert_int_equal(bi.protocol, 0);
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(UINT64_MAX)), HV_RANGE);
    /* The short form of the structure, at the end of what is readable. */
    mb1_begin(0);
    put_le32(phys + PHYS - 52, BIT(9) | BIT(12));
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(PHYS - 52)), HV_OK);
    assert_string_equal(boot_info_loader(&bi), "");
}

static void test_mb1_strings(void **state)
{
    mb1_begin(BIT(2));
    put_le32(phys + 0x1010, 0x2ffe);
    memset(phys + 0x2ffe, 'a', 10);             /* across a page */
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_string_equal(boot_info_cmdline(&bi), "aaaaaaaaaa");
    put_le32(phys + 0x1010, PHYS - 0x2345);     /* three pages, ending where memory ends */
    memset(phys + PHYS - 0x2345, 'b', 0x2344);
    phys[PHYS - 1] = 0;
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_int_equal(strlen(boot_info_cmdline(&bi)), 0x2344);
    assert_int_equal(bi.dropped, 0);
    put_le32(phys + 0x1010, PHYS - 4);
    memcpy(phys + PHYS - 4, "end", 4);
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_string_equal(boot_info_cmdline(&bi), "end");
    phys[PHYS - 1] = 'x';                       /* runs into unreadable memory */
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_string_equal(boot_info_cmdline(&bi), "");
    assert_int_equal(bi.dropped, 1);
    put_le32(phys + 0x1010, 0x2000);
    memset(phys + 0x2000, 'z', 0x8000);         /* no end for 32 KiB */
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_string_equal(boot_info_cmdline(&bi), "");
    assert_int_equal(bi.dropped, 1);
}

static void test_mb1_lists(void **state)
{
    mb1_begin(BIT(3) | BIT(6));
    put_le32(phys + 0x1014, 1000);              /* bounded, and readable */
    put_le32(phys + 0x1018, 0x4000);
    put_le32(phys + 0x102c, 1 << 20);
    put_le32(phys + 0x1030, 0x2000);
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
    assert_int_equal(bi.modules, BOOT_MODULES_MAX);
    assert_int_equal(bi.mems, 0);
    static const uint32_t bad[] = { 0, 19, 25, UINT32_MAX, UINT32_MAX - 3 };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        mb1_begin(BIT(6));
        put_le32(phys + 0x102c, 28);
        put_le32(phys + 0x1030, 0x2000);
        put_le32(phys + 0x2000, bad[i]);
        assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(0x1000)), HV_OK);
        assert_int_equal(bi.mems, 0);
        assert_int_equal(bi.dropped, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings), cmocka_unit_test(test_modules),
        cmocka_unit_test(test_too_many_modules), cmocka_unit_test(test_text_full),
        cmocka_unit_test(test_memory_map), cmocka_unit_test(test_memory_map_limits),
        cmocka_unit_test(test_memory_fallbacks), cmocka_unit_test(test_framebuffer),
        cmocka_unit_test(test_acpi_and_efi), cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_truncation_and_noise), cmocka_unit_test(test_mb1),
        cmocka_unit_test(test_mb1_basic_memory), cmocka_unit_test(test_mb1_unreadable),
        cmocka_unit_test(test_mb1_strings), cmocka_unit_test(test_mb1_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
