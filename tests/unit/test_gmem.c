/* SPDX-License-Identifier: BSD-2-Clause */
/* mm/gmem.c: slots, copies across scattered blocks, refusals without effect, cmpxchg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "socle/gmem.h"

/* Host: 5 blocks. Guest: RAM 0-4 MiB over host blocks 3, 1; ROM at 4 MiB over 2; RAM far up. */
static uint8_t *host;
static struct gmem m;
static hpa_t low[2], rom[1], high[1];
#define HIGH 0x100000000ull
#define B ((uint64_t)BLOCK_SIZE)

static int setup(void **unused)
{
    host = aligned_alloc(BLOCK_SIZE, 5 * B);
    memset(host, 0, 5 * B);
    m = (struct gmem){ .window = host };
    low[0] = hpa(3 * B);
    low[1] = hpa(1 * B);
    rom[0] = hpa(2 * B);
    high[0] = hpa(4 * B);
    return gmem_add(&m, gpa(0), 2 * B, low, false) || gmem_add(&m, gpa(2 * B), B, rom, true) ||
           gmem_add(&m, gpa(HIGH), B, high, false);
}

static int teardown(void **unused)
{
    free(host);
    return 0;
}

static void slots_are_checked(void **unused)
{
    hpa_t b[1] = { hpa(0) };
    assert_int_equal(gmem_add(&m, gpa(HIGH + 4096), B, b, false), HV_INVALID);
    assert_int_equal(gmem_add(&m, gpa(HIGH + B), B + 1, b, false), HV_INVALID);
    assert_int_equal(gmem_add(&m, gpa(HIGH + B), 0, b, false), HV_INVALID);
    assert_int_equal(gmem_add(&m, gpa(0 - B), B, b, false), HV_INVALID);
    assert_int_equal(gmem_add(&m, gpa(B), 0 - B, b, false), HV_INVALID);
    assert_int_equal(gmem_add(&m, gpa(HIGH), B, b, false), HV_EXISTS);
    assert_int_equal(gmem_add(&m, gpa(HIGH - B), 2 * B, b, false), HV_EXISTS);
    for (uint64_t i = m.slots; i < GMEM_SLOTS; i++)
        assert_int_equal(gmem_add(&m, gpa(2 * HIGH + i * B), B, b, false), HV_OK);
    assert_int_equal(gmem_add(&m, gpa(4 * HIGH), B, b, false), HV_NOMEM);
    assert_int_equal(gmem_add(&m, gpa(0), B, b, false), HV_EXISTS);
}

static void copies_follow_the_blocks(void **unused)
{
    char out[16];
    assert_int_equal(gmem_write(&m, gpa(B - 5), "0123456789", 10), HV_OK);
    assert_memory_equal(host + 4 * B - 5, "01234", 5);
    assert_memory_equal(host + 1 * B, "56789", 5);
    assert_int_equal(gmem_read(&m, gpa(B - 5), out, 10), HV_OK);
    assert_memory_equal(out, "0123456789", 10);
    assert_int_equal(gmem_fill(&m, gpa(B - 2), 0xee, 4), HV_OK);
    assert_memory_equal(host + 4 * B - 5, "012\xee\xee", 5);
    assert_memory_equal(host + 1 * B, "\xee\xee" "789", 5);
    assert_int_equal(host[3 * B], 0);
}

static void reads_cross_from_ram_to_rom(void **unused)
{
    uint8_t out[8];
    memset(host + 2 * B - 4, 0x11, 4);
    memset(host + 2 * B, 0x22, 4);
    assert_int_equal(gmem_read(&m, gpa(2 * B - 4), out, 8), HV_OK);
    assert_memory_equal(out, "\x11\x11\x11\x11\x22\x22\x22\x22", 8);
}

static void bad_ranges_have_no_effect(void **unused)
{
    uint8_t out[8], in[8];
    memset(out, 0x77, 8);
    memset(in, 0x33, 8);
    static const uint64_t at[] = { 3 * B - 4, 3 * B, HIGH - 4, HIGH + B - 7, UINT64_MAX - 3 };
    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        assert_int_equal(gmem_read(&m, gpa(at[i]), out, 8), HV_RANGE);
        assert_int_equal(gmem_write(&m, gpa(at[i]), in, 8), HV_RANGE);
        assert_int_equal(gmem_fill(&m, gpa(at[i]), 1, 8), HV_RANGE);
        assert_false(gmem_contains(&m, gpa(at[i]), 8));
    }
    assert_memory_equal(out, "wwwwwwww", 8);
    assert_int_equal(gmem_read(&m, gpa(0), out, SIZE_MAX), HV_RANGE);
    assert_int_equal(gmem_fill(&m, gpa(HIGH), 1, SIZE_MAX), HV_RANGE);
    assert_int_equal(gmem_write(&m, gpa(2 * B), in, 1), HV_PERM);
    assert_int_equal(gmem_write(&m, gpa(2 * B - 4), in, 8), HV_PERM);
    assert_int_equal(gmem_fill(&m, gpa(2 * B - 4), 9, 8), HV_PERM);
    for (uint64_t i = 0; i < 5 * B; i++)
        if (host[i])
            fail_msg("byte %llu changed", (unsigned long long)i);
}

static void write_beginning_in_rom_is_refused(void **unused)
{
    hpa_t b[1] = { hpa(0) };
    assert_int_equal(gmem_add(&m, gpa(3 * B), B, b, false), HV_OK);
    assert_int_equal(gmem_fill(&m, gpa(3 * B - 4), 9, 8), HV_PERM);
    assert_int_equal(host[0] | host[3 * B - 1], 0);
}

static void empty_copies_are_fine(void **unused)
{
    assert_int_equal(gmem_read(&m, gpa(UINT64_MAX), NULL, 0), HV_OK);
    assert_int_equal(gmem_write(&m, gpa(2 * B), NULL, 0), HV_OK);
    assert_int_equal(gmem_fill(&m, gpa(12345), 1, 0), HV_OK);
    assert_true(gmem_contains(&m, gpa(0), 0));
}

static void all_sizes_and_alignments_copy_right(void **unused)
{
    uint8_t in[20], out[20];
    for (size_t n = 0; n <= 17; n++) {
        for (uint64_t at = 0; at < 9; at++) {
            for (size_t i = 0; i < sizeof(in); i++)
                in[i] = (uint8_t)(n * 16 + at + i + 1);
            assert_int_equal(gmem_fill(&m, gpa(HIGH), 0xcc, 64), HV_OK);
            assert_int_equal(gmem_write(&m, gpa(HIGH + at), in, n), HV_OK);
            assert_int_equal(gmem_read(&m, gpa(HIGH + at), out, n), HV_OK);
            assert_memory_equal(in, out, n);
            for (uint64_t i = 0; i < 64; i++)
                assert_int_equal(host[4 * B + i],
                                 i >= at && i < at + n ? in[i - at] : 0xcc);
        }
    }
}

static void edges_of_memory_are_inside(void **unused)
{
    assert_true(gmem_contains(&m, gpa(0), 3 * B));
    assert_false(gmem_contains(&m, gpa(0), 3 * B + 1));
    assert_true(gmem_contains(&m, gpa(HIGH), B));
    assert_true(gmem_contains(&m, gpa(HIGH + B - 1), 1));
    assert_int_equal(gmem_fill(&m, gpa(HIGH + B - 1), 5, 1), HV_OK);
    assert_int_equal(host[5 * B - 1], 5);
}

static void cmpxchg_compares_and_reports(void **unused)
{
    uint64_t e = 0;
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH + 8), 8, &e, 0x1122334455667788ull), HV_OK);
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH + 8), 8, &e, 1), HV_BUSY);
    assert_true(e == 0x1122334455667788ull);
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH + 8), 8, &e, 0xffffffffffffffffull), HV_OK);
    e = 0xffffffff;
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH + 12), 4, &e, 0xaaaaaaaabbbbbbbbull), HV_OK);
    assert_true(*(uint64_t *)(host + 4 * B + 8) == 0xbbbbbbbbffffffffull);
    e = 3;
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH + 12), 4, &e, 1), HV_BUSY);
    assert_true(e == 0xbbbbbbbb);
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH + 4), 8, &e, 1), HV_INVALID);
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH + 2), 4, &e, 1), HV_INVALID);
    assert_int_equal(gmem_cmpxchg(&m, gpa(HIGH), 2, &e, 1), HV_INVALID);
    assert_int_equal(gmem_cmpxchg(&m, gpa(2 * B), 4, &e, 1), HV_PERM);
    assert_int_equal(gmem_cmpxchg(&m, gpa(3 * B), 4, &e, 1), HV_RANGE);
    assert_int_equal(gmem_cmpxchg(&m, gpa(UINT64_MAX - 7), 8, &e, 1), HV_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slots_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_follow_the_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_cross_from_ram_to_rom, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_ranges_have_no_effect, setup, teardown),
        cmocka_unit_test_setup_teardown(write_beginning_in_rom_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_copies_are_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(all_sizes_and_alignments_copy_right, setup, teardown),
        cmocka_unit_test_setup_teardown(edges_of_memory_are_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(cmpxchg_compares_and_reports, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
