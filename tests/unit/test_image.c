/* SPDX-License-Identifier: BSD-2-Clause */
/* Files told apart by content, each with a text that helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/bits.h"
#include "socle/image.h"
#include "socle/le.h"

enum { BIG = 256 << 10 };
static uint8_t buf[BIG];

static enum image_kind identify(size_t len, const char *expect)
{
    const char *why = NULL;
    uint8_t *exact = malloc(len ? len : 1);     /* reads past the end are found */
    memcpy(exact, buf, len);
    enum image_kind kind = image_identify(exact, len, &why);
    assert_int_equal(image_identify(exact, len, NULL), kind);
    free(exact);
    assert_non_null(why);
    assert_true(strlen(why) > 4);
    if (expect && !strstr(why, expect))
        fail_msg("\"%s\" lacks \"%s\"", why, expect);
    return kind;
}

static void clear(void) { memset(buf, 0xaa, sizeof(buf)); }

struct magic { size_t at, n; const char *bytes; enum image_kind kind; const char *why; };

static const struct magic magics[] = {
    { 0, 2, "\x1f\x8b", IMAGE_GZIP, "gunzip" },
    { 0, 6, "\xfd" "7zXZ\0", IMAGE_XZ, "unxz" },
    { 0, 4, "\x28\xb5\x2f\xfd", IMAGE_ZSTD, "unzstd" },
    { 0, 3, "BZh", IMAGE_BZIP2, "bunzip2" },
    { 0, 4, "\x04\x22\x4d\x18", IMAGE_LZ4, "unlz4" },
    { 0, 4, "\x02\x21\x4c\x18", IMAGE_LZ4, "unlz4" },
    { 0, 5, "\x5d\0\0\x80\0", IMAGE_LZMA, "unlzma" },
    { 0, 9, "\x89LZO\0\r\n\x1a\n", IMAGE_LZOP, "lzop -d" },
    { 0, 4, "QFI\xfb", IMAGE_QCOW2, "qemu-img convert" },
    { 0, 4, "KDMV", IMAGE_VMDK, "qemu-img convert" },
    { 0, 21, "# Disk DescriptorFile", IMAGE_VMDK, "qemu-img convert" },
    { 0, 8, "vhdxfile", IMAGE_VHDX, "qemu-img convert" },
    { 0, 8, "conectix", IMAGE_VHD, "-f vpc" },
    { 64, 4, "\x7f\x10\xda\xbe", IMAGE_VDI, "qemu-img convert" },
    { 32769, 5, "CD001", IMAGE_ISO9660, "cdrom = true" },
    { 510, 2, "\x55\xaa", IMAGE_DISK, "guest.disk" },
    { 512, 8, "EFI PART", IMAGE_DISK, "guest.disk" },
    { 0, 5, "07070", IMAGE_CPIO, "initrd" },
    { 257, 5, "ustar", IMAGE_TAR, "tar" },
    { 0, 4, "PK\3\4", IMAGE_ZIP, "unzip" },
    { 40, 4, "_FVH", IMAGE_FIRMWARE, "firmware" },
    { 56, 4, "ARMd", IMAGE_LINUX_OTHER, "x86-64" },
    { 56, 4, "RSC\x05", IMAGE_LINUX_OTHER, "x86-64" },
};

static void test_magics(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        const struct magic *m = &magics[i];
        clear();
        memcpy(buf + m->at, m->bytes, m->n);
        assert_int_equal(identify(40000, m->why), m->kind);
        assert_int_equal(identify(m->at + m->n - 1, NULL) == m->kind, m->n > 12);   /* cut off */
        assert_false(image_is_kernel(m->kind));
    }
}

static void test_plain(void **state)
{
    clear();
    assert_int_equal(identify(0, "empty"), IMAGE_EMPTY);
    assert_int_equal(identify(1000, "not a kernel"), IMAGE_UNKNOWN);
    strcpy((char *)buf, "version = 1\n[host]\n\tlog = \"info\"\r\n");
    assert_int_equal(identify(30, "text"), IMAGE_TEXT);
    strcpy((char *)buf, "\xef\xbb\xbfgr\xc3\xbc\xc3\x9f dich\n");
    assert_int_equal(identify(15, "text"), IMAGE_TEXT);
    static const char *const not_utf8[] = {
        "a\x80z", "a\xc1\x80", "a\xc3(", "a\xe2\x82", "a\xf5\x80\x80\x80", "a\xe0\x80(", "a\x7f",
    };
    static const char *const utf8[] = {
        "a\xc2\x80", "a\xdf\xbf", "a\xe0\xa0\x80", "a\xf4\x80\x80\x80",
    };
    for (size_t i = 0; i < ARRAY_LEN(not_utf8); i++) {
        strcpy((char *)buf, not_utf8[i]);
        assert_int_equal(identify(strlen(not_utf8[i]), NULL), IMAGE_UNKNOWN);
    }
    for (size_t i = 0; i < ARRAY_LEN(utf8); i++) {
        strcpy((char *)buf, utf8[i]);
        assert_int_equal(identify(strlen(utf8[i]), NULL), IMAGE_TEXT);
    }
    memset(buf, 'x', 8192);
    buf[4096] = 0;                              /* four KiB are looked at */
    assert_int_equal(identify(8192, NULL), IMAGE_TEXT);
    buf[4095] = 0;
    assert_int_equal(identify(8192, NULL), IMAGE_UNKNOWN);
    strcpy((char *)buf, "\xef\xbb\xbfgr\xc3\xbc\xc3\x9f dich\n");
    buf[3] = 1;
    assert_int_equal(identify(15, NULL), IMAGE_UNKNOWN);
    for (int k = 0; k < IMAGE_KIND_COUNT; k++)
        assert_true(strlen(image_kind_name((enum image_kind)k)) > 3);
    assert_non_null(image_kind_name((enum image_kind)999));
}

static void make_linux(uint16_t version, uint8_t loadflags)
{
    clear();
    buf[0] = 'M';
    buf[1] = 'Z';                               /* the EFI stub must not confuse */
    put_le32(buf + 60, 0x80);
    memcpy(buf + 0x80, "PE\0\0", 4);
    put_le16(buf + 0x1fe, 0xaa55);
    memcpy(buf + 0x202, "HdrS", 4);
    put_le16(buf + 0x206, version);
    buf[0x211] = loadflags;
}

static void test_linux(void **state)
{
    make_linux(0x20f, 1);
    assert_int_equal(identify(4096, "bzImage"), IMAGE_LINUX);
    assert_true(image_is_kernel(IMAGE_LINUX));
    make_linux(0x204, 1);
    assert_int_equal(identify(0x212, NULL), IMAGE_LINUX);
    make_linux(0x203, 1);
    assert_int_equal(identify(4096, "2.04"), IMAGE_LINUX_OLD);
    make_linux(0x20f, 0);
    assert_int_equal(identify(4096, "zImage"), IMAGE_LINUX_OLD);
    assert_false(image_is_kernel(IMAGE_LINUX_OLD));
}

static void test_pe(void **state)
{
    clear();
    memcpy(buf, "MZ", 2);
    put_le32(buf + 60, 0x80);
    memcpy(buf + 0x80, "PE\0\0", 4);
    assert_int_equal(identify(4096, "firmware"), IMAGE_EFI);
    memcpy(buf + 56, "ARMd", 4);
    assert_int_equal(identify(4096, NULL), IMAGE_LINUX_OTHER);
    memset(buf + 56, 0, 4);
    memcpy(buf + 4, "zimg", 4);
    assert_int_equal(identify(4096, NULL), IMAGE_LINUX_OTHER);
    memset(buf + 4, 0, 4);
    put_le32(buf + 60, UINT32_MAX - 1);         /* PE header far outside */
    assert_int_equal(identify(4096, NULL), IMAGE_UNKNOWN);
}

static void make_elf(bool wide, uint16_t machine)
{
    clear();
    memset(buf, 0, 4096);
    memcpy(buf, "\x7f" "ELF", 4);
    buf[4] = wide ? 2 : 1;
    buf[5] = 1;
    put_le16(buf + 18, machine);
    if (wide) {
        put_le64(buf + 32, 64);
        put_le16(buf + 54, 56);
        put_le16(buf + 56, 1);
        put_le32(buf + 64, 4);
        put_le64(buf + 72, 0x800);
        put_le64(buf + 96, 20);
    } else {
        put_le32(buf + 28, 52);
        put_le16(buf + 42, 32);
        put_le16(buf + 44, 1);
        put_le32(buf + 52, 4);
        put_le32(buf + 56, 0x800);
        put_le32(buf + 68, 20);
    }
}

static void add_note(void)
{
    put_le32(buf + 0x800, 4);
    put_le32(buf + 0x804, 4);
    put_le32(buf + 0x808, 18);
    memcpy(buf + 0x80c, "Xen", 4);
}

static void add_mb1(size_t at)
{
    put_le32(buf + at, 0x1badb002);
    put_le32(buf + at + 4, 3);
    put_le32(buf + at + 8, 0u - 0x1badb005u);
}

static void add_mb2(size_t at)
{
    put_le32(buf + at, 0xe85250d6);
    put_le32(buf + at + 4, 0);
    put_le32(buf + at + 8, 24);
    put_le32(buf + at + 12, 0u - 0xe85250d6u - 24);
}

static void test_elf(void **state)
{
    make_elf(true, 62);
    assert_int_equal(identify(4096, "vmlinuz"), IMAGE_ELF_PLAIN);
    add_note();
    assert_int_equal(identify(4096, NULL), IMAGE_PVH);
    assert_int_equal(identify(0x800 + 19, NULL), IMAGE_ELF_PLAIN);
    add_mb1(0x900);
    assert_int_equal(identify(4096, NULL), IMAGE_PVH);  /* 64-bit: PVH first */
    make_elf(false, 3);
    add_note();
    assert_int_equal(identify(4096, NULL), IMAGE_PVH);
    add_mb2(0x900);
    assert_int_equal(identify(4096, NULL), IMAGE_MULTIBOOT2);
    add_mb1(0xa00);
    assert_int_equal(identify(4096, NULL), IMAGE_MULTIBOOT1);
    make_elf(true, 62);
    add_mb1(0xa00);
    assert_int_equal(identify(4096, NULL), IMAGE_MULTIBOOT1);
    static const uint16_t others[] = { 183, 40, 243, 8, 0 };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        make_elf(true, others[i]);
        assert_int_equal(identify(4096, "another processor"), IMAGE_ELF_OTHER);
    }
    make_elf(true, 62);
    buf[5] = 2;                                 /* big endian */
    assert_int_equal(identify(4096, NULL), IMAGE_ELF_OTHER);
    assert_int_equal(identify(4, NULL), IMAGE_ELF_OTHER);
}

static void test_multiboot_headers(void **state)
{
    clear();
    add_mb1(8192 - 12);
    assert_int_equal(identify(BIG, NULL), IMAGE_MULTIBOOT1);
    clear();
    add_mb1(8192 - 8);                          /* not wholly in the first 8 KiB */
    assert_int_equal(identify(BIG, NULL), IMAGE_UNKNOWN);
    clear();
    add_mb1(402);                               /* not aligned */
    assert_int_equal(identify(BIG, NULL), IMAGE_UNKNOWN);
    clear();
    add_mb1(400);
    buf[408]++;                                 /* checksum */
    assert_int_equal(identify(BIG, NULL), IMAGE_UNKNOWN);
    clear();
    add_mb2(32768 - 24);
    assert_int_equal(identify(BIG, NULL), IMAGE_MULTIBOOT2);
    clear();
    add_mb2(32768 - 16);
    assert_int_equal(identify(BIG, NULL), IMAGE_UNKNOWN);
    clear();
    add_mb2(404);
    assert_int_equal(identify(BIG, NULL), IMAGE_UNKNOWN);
    clear();
    add_mb2(400);
    assert_int_equal(identify(400 + 23, NULL), IMAGE_UNKNOWN);
    assert_int_equal(identify(400 + 24, NULL), IMAGE_MULTIBOOT2);
    clear();
    add_mb1(0);
    assert_int_equal(identify(12, NULL), IMAGE_MULTIBOOT1);
    assert_int_equal(identify(11, NULL), IMAGE_UNKNOWN);
    clear();                                    /* address fields must be there, too */
    put_le32(buf, 0x1badb002);
    put_le32(buf + 4, 0x10000);
    put_le32(buf + 8, 0u - 0x1baeb002u);
    assert_int_equal(identify(31, NULL), IMAGE_UNKNOWN);
    assert_int_equal(identify(32, NULL), IMAGE_MULTIBOOT1);
}

static void test_firmware(void **state)
{
    clear();
    buf[BIG - 16] = 0xea;
    assert_int_equal(identify(BIG, "firmware"), IMAGE_FIRMWARE);
    assert_int_equal(identify(BIG - 1, NULL), IMAGE_UNKNOWN);
    memcpy(buf + BIG - 16, "\x0f\x09\xe9", 3);
    assert_int_equal(identify(BIG, NULL), IMAGE_FIRMWARE);
    memcpy(buf + BIG - 16, "\xeb\x7f\xcc", 3); /* a reset vector jumps back, not on */
    assert_int_equal(identify(BIG, NULL), IMAGE_UNKNOWN);
    buf[BIG - 15] = 0x80;
    assert_int_equal(identify(BIG, NULL), IMAGE_FIRMWARE);
    buf[BIG - 16] = 0xcc;
    assert_int_equal(identify(BIG, NULL), IMAGE_UNKNOWN);
    buf[65536 - 16] = 0xe9;
    assert_int_equal(identify(65536, NULL), IMAGE_FIRMWARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_magics), cmocka_unit_test(test_plain), cmocka_unit_test(test_linux),
        cmocka_unit_test(test_pe), cmocka_unit_test(test_elf),
        cmocka_unit_test(test_multiboot_headers), cmocka_unit_test(test_firmware),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
