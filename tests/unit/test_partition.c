/* SPDX-License-Identifier: BSD-2-Clause */
/* drivers/pure/partition.c, gpt.c: tables as tools write them, damaged ones, and those that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/pure/partition.h"
#include "socle/le.h"

enum { BLOCKS = 8192, SIZE = BLOCKS * 512 };

static uint8_t disk[SIZE], buf[PARTITION_CHUNK];
static struct partition_table t;
static uint64_t unreadable = ~0ull;
static unsigned reads;
static uint32_t block_size = 512;

static bool read_disk(void *ctx, uint64_t block, void *to, uint32_t n)
{
    reads++;
    assert_true(n && n <= PARTITION_CHUNK && n % block_size == 0);
    assert_true(block <= SIZE / block_size && n <= SIZE - block * block_size);
    if (unreadable - block < n / block_size)
        return false;
    memcpy(to, disk + block * block_size, n);
    return true;
}

static bool read_table(void)
{
    const struct partition_source s = { NULL, read_disk, block_size, SIZE / block_size };
    reads = 0;
    return partition_read(&s, buf, &t);
}

static int setup(void **unused)
{
    memset(disk, 0, sizeof(disk));
    unreadable = ~0ull;
    block_size = 512;
    return 0;
}

/* ---- MBR ---- */

static void entry(uint64_t block, unsigned n, uint8_t type, uint32_t first, uint32_t blocks)
{
    uint8_t *p = disk + block * block_size, *e = p + 446 + 16 * n;
    e[4] = type;
    put_le32(e + 8, first);
    put_le32(e + 12, blocks);
    p[510] = 0x55;
    p[511] = 0xaa;
}

static void expect(unsigned n, uint32_t number, uint64_t first, uint64_t sectors, const char *uuid)
{
    assert_true(n < t.count);
    assert_int_equal(t.part[n].number, number);
    assert_int_equal(t.part[n].first, first);
    assert_int_equal(t.part[n].sectors, sectors);
    assert_string_equal(t.part[n].uuid, uuid);
}

static void test_empty(void **unused)
{
    assert_true(read_table());
    assert_int_equal(t.kind, PARTITION_TABLE_NONE);
    assert_true(!t.count && !t.note[0]);
    unreadable = 0;
    assert_false(read_table());
    assert_non_null(strstr(t.note, "first block"));
}

static void test_mbr(void **unused)
{
    put_le32(disk + 440, 0x0badcafe);
    entry(0, 0, 0x83, 64, 100);
    entry(0, 1, 0, 500, 100);                   /* no type: none */
    entry(0, 2, 0x07, 200, 0);                  /* no size: none */
    entry(0, 3, 0x83, 8000, 192);               /* up to the end */
    assert_true(read_table());
    assert_int_equal(t.kind, PARTITION_TABLE_MBR);
    assert_int_equal(t.count, 2);
    expect(0, 1, 64, 100, "0badcafe-01");
    expect(1, 4, 8000, 192, "0badcafe-04");
    assert_false(t.note[0]);
    disk[446 + 16] = 0x80;                      /* bootable */
    assert_true(read_table() && t.count == 2);
    disk[446 + 16] = 0x33;                      /* code: a boot sector of a file system */
    assert_true(read_table() && t.count == 0 && t.kind == PARTITION_TABLE_NONE);
}

static void test_mbr_outside(void **unused)
{
    entry(0, 0, 0x83, 8000, 193);
    entry(0, 1, 0x83, 9000, 1);
    entry(0, 2, 0x83, 0xffffffff, 0xffffffff);
    entry(0, 3, 0x83, 1, 8191);
    assert_true(read_table());
    assert_int_equal(t.count, 1);
    expect(0, 4, 1, 8191, "00000000-04");
    assert_non_null(strstr(t.note, "partition 1 lies outside"));
}

static void test_logical(void **unused)
{
    put_le32(disk + 440, 0x12345678);
    entry(0, 0, 0x83, 64, 100);
    entry(0, 1, 0x0f, 1000, 4000);
    entry(1000, 0, 0x83, 10, 100);              /* counts from its own record */
    entry(1000, 1, 0x05, 500, 200);             /* counts from the first */
    entry(1500, 0, 0x83, 20, 50);
    entry(1500, 1, 0x05, 900, 200);
    entry(1900, 0, 0x83, 1, 2);
    assert_true(read_table());
    assert_int_equal(t.count, 4);
    expect(0, 1, 64, 100, "12345678-01");
    expect(1, 5, 1010, 100, "12345678-05");
    expect(2, 6, 1520, 50, "12345678-06");
    expect(3, 7, 1901, 2, "12345678-07");
    assert_false(t.note[0]);
    unreadable = 1500;
    assert_false(read_table());
    assert_non_null(strstr(t.note, "block 1500"));
}

static void test_logical_loops(void **unused)
{
    entry(0, 0, 0x05, 1000, 4000);
    entry(1000, 0, 0x83, 10, 10);
    entry(1000, 1, 0x05, 0, 10);                /* itself */
    assert_true(read_table());
    assert_true(reads < 300 && t.count == PARTITIONS_MAX && t.dropped);
    assert_non_null(strstr(t.note, "does not end"));
    entry(1000, 1, 0x05, 100000, 10);
    assert_true(read_table());
    assert_non_null(strstr(t.note, "leaves the disk"));
    entry(1000, 1, 0x05, 0xffffffff, 10);       /* no wrap to the beginning */
    assert_true(read_table());
    assert_int_equal(t.count, 1);
}

static void test_mbr_of_large_blocks(void **unused)
{
    block_size = 4096;
    entry(0, 0, 0x83, 10, 20);
    assert_true(read_table());
    assert_int_equal(t.count, 1);
    expect(0, 1, 80, 160, "00000000-01");
}

/* ---- GPT: its own checksum, table driven, against the parser's ---- */

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256 && !table[255]; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    uint32_t c = ~0u;
    while (n--)
        c = table[(c ^ *p++) & 255] ^ c >> 8;
    return ~c;
}

static const uint8_t linux_fs[16] = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47,
                                      0x7d, 0xe4 };
static const uint64_t last_block = BLOCKS - 1;

static void gpt_entry(uint8_t *entries, unsigned n, uint64_t first, uint64_t last)
{
    uint8_t *e = entries + 128 * n;
    memcpy(e, linux_fs, 16);
    for (unsigned i = 0; i < 16; i++)
        e[16 + i] = (uint8_t)(0xa0 + i + n);
    put_le64(e + 32, first);
    put_le64(e + 40, last);
}

static void sign(uint64_t at)
{
    uint8_t *h = disk + at * block_size;
    put_le32(h + 16, 0);
    put_le32(h + 16, crc32_of(h, get_le32(h + 12)));
}

static void gpt_header(uint64_t at, uint64_t other, uint64_t entries_at)
{
    uint8_t *h = disk + at * block_size;
    uint32_t blocks = 128 * 128 / block_size;
    memcpy(h, "EFI PART", 8);
    put_le32(h + 8, 0x10000);
    put_le32(h + 12, 92);
    put_le64(h + 24, at);
    put_le64(h + 32, other);
    put_le64(h + 40, 2 + blocks);
    put_le64(h + 48, SIZE / block_size - 2 - blocks);
    put_le64(h + 72, entries_at);
    put_le32(h + 80, 128);
    put_le32(h + 84, 128);
    put_le32(h + 88, crc32_of(disk + entries_at * block_size, 128 * 128));
    sign(at);
}

/* Three entries, one of them in the last place. */
static void make_gpt(void)
{
    uint64_t last = SIZE / block_size - 1, blocks = 128 * 128 / block_size, unit = block_size / 512;
    uint8_t *entries = disk + 2 * block_size;
    entry(0, 0, 0xee, 1, 0xffffffff);
    gpt_entry(entries, 0, 64 / unit, 127 / unit);
    gpt_entry(entries, 2, 128 / unit, 128 / unit);
    gpt_entry(entries, 127, 256 / unit, 4095 / unit);
    memcpy(disk + (last - blocks) * block_size, entries, 128 * 128);
    gpt_header(1, last, 2);
    gpt_header(last, 1, last - blocks);
}

static void expect_gpt(void)
{
    uint64_t unit = block_size / 512;
    assert_int_equal(t.kind, PARTITION_TABLE_GPT);
    assert_int_equal(t.count, 3);
    expect(0, 1, 64, 64, "a3a2a1a0-a5a4-a7a6-a8a9-aaabacadaeaf");
    expect(1, 3, 128, unit, "a5a4a3a2-a7a6-a9a8-aaab-acadaeafb0b1");
    expect(2, 128, 256, 3840, "2221201f-2423-2625-2728-292a2b2c2d2e");
}

static void test_gpt(void **unused)
{
    make_gpt();
    assert_true(read_table());
    expect_gpt();
    assert_false(t.note[0]);
}

static void test_gpt_of_large_blocks(void **unused)
{
    block_size = 4096;
    make_gpt();
    assert_true(read_table());
    expect_gpt();
    assert_false(t.note[0]);
}

static void damaged(uint64_t at, unsigned offset, const char *what)
{
    setup(NULL);
    make_gpt();
    disk[at * 512 + offset] ^= 0x10;
    assert_true(read_table());
    expect_gpt();                               /* from the backup */
    assert_non_null(strstr(t.note, what));
    assert_non_null(strstr(t.note, "backup"));
}

static void test_gpt_backup(void **unused)
{
    damaged(1, 0, "not there");
    damaged(1, 8, "unknown kind");
    damaged(1, 41, "checksum of its header");
    damaged(2, 32, "checksum of its entries");
    damaged(33, 500, "checksum of its entries");
    setup(NULL);
    make_gpt();
    unreadable = 1;
    assert_true(read_table());
    expect_gpt();
    assert_non_null(strstr(t.note, "cannot be read"));
    unreadable = 20;                            /* within the entries */
    assert_true(read_table());
    expect_gpt();
}

static void test_gpt_both_damaged(void **unused)
{
    make_gpt();
    disk[512] = disk[last_block * 512] = 0;
    assert_true(read_table());
    assert_int_equal(t.count, 0);
    assert_non_null(strstr(t.note, "and so is the backup"));
}

/* A header with a right checksum that says what cannot be. */
static void lies(unsigned offset, unsigned size, uint64_t v, const char *what)
{
    setup(NULL);
    make_gpt();
    uint8_t *h = disk + 512;
    if (size == 4)
        put_le32(h + offset, (uint32_t)v);
    else
        put_le64(h + offset, v);
    if (offset != 12 || v <= 512)
        sign(1);
    assert_true(read_table());
    if (!strstr(t.note, what))
        fail_msg("%s: %s", what, t.note);
    assert_true(reads < 200);
}

static void test_gpt_lies(void **unused)
{
    lies(12, 4, 91, "unknown kind");
    lies(12, 4, 513, "unknown kind");
    lies(12, 4, 0xffffffff, "unknown kind");
    lies(24, 8, 2, "belongs elsewhere");
    lies(40, 8, 9000, "outside of the disk");
    lies(48, 8, BLOCKS, "outside of the disk");
    lies(48, 8, ~0ull, "outside of the disk");
    lies(72, 8, BLOCKS - 31, "outside of the disk");
    lies(72, 8, ~0ull, "outside of the disk");
    lies(72, 8, ~0ull - 30, "outside of the disk");
    lies(80, 4, 0, "unusual number");
    lies(80, 4, 0xffffffff, "unusual number");
    lies(84, 4, 0, "impossible size");
    lies(84, 4, 64, "impossible size");
    lies(84, 4, 192, "impossible size");
    lies(84, 4, 0x80000000, "impossible size");
}

static void bad_entry(uint64_t first, uint64_t last)
{
    setup(NULL);
    make_gpt();
    put_le64(disk + 1024 + 32, first);
    put_le64(disk + 1024 + 40, last);
    gpt_header(1, last_block, 2);
    assert_true(read_table());
    assert_int_equal(t.count, 2);
    assert_non_null(strstr(t.note, "partition 1 lies outside"));
}

static void test_gpt_entries_outside(void **unused)
{
    bad_entry(33, 100);                         /* over the table itself */
    bad_entry(0, 100);
    bad_entry(100, 99);
    bad_entry(100, BLOCKS - 33);
    bad_entry(100, ~0ull);
    bad_entry(~0ull, ~0ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, setup), cmocka_unit_test_setup(test_mbr, setup),
        cmocka_unit_test_setup(test_mbr_outside, setup), cmocka_unit_test_setup(test_logical, setup),
        cmocka_unit_test_setup(test_logical_loops, setup), cmocka_unit_test_setup(test_mbr_of_large_blocks, setup),
        cmocka_unit_test_setup(test_gpt, setup), cmocka_unit_test_setup(test_gpt_of_large_blocks, setup),
        cmocka_unit_test_setup(test_gpt_backup, setup), cmocka_unit_test_setup(test_gpt_both_damaged, setup),
        cmocka_unit_test_setup(test_gpt_lies, setup), cmocka_unit_test_setup(test_gpt_entries_outside, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
