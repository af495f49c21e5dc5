/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's memory layout: holes, the 3 GiB split, and looking for room in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/bits.h"
#include "socle/guest_tables.h"

static struct guest_layout make(uint64_t memory, bool ecam)
{
    struct guest_machine m = { .vcpus = 1, .memory = memory, .has_ecam = ecam };
    struct guest_layout l;
    guest_layout(&l, &m);
    return l;
}

static uint64_t ram_total(const struct guest_layout *l)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < l->entries; i++)
        if (l->entry[i].type == E820_RAM)
            sum += l->entry[i].len;
    return sum;
}

static void test_invariants(void **state)
{
    static const uint64_t sizes[] = { MIB(2), MIB(3), MIB(64), MIB(256), GIB(3) - MIB(1), GIB(3),
                                      GIB(3) + 4096, GIB(4), GIB(64), 1ull << 46 };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (int ecam = 0; ecam < 2; ecam++) {
            struct guest_layout l = make(sizes[i], ecam);
            assert_int_equal(l.low_ram + l.high_ram, sizes[i]);
            assert_true(l.low_ram <= PLAT_HOLE_START);
            assert_true(l.entries <= GUEST_E820_MAX);
            for (uint32_t k = 1; k < l.entries; k++)
                assert_true(l.entry[k - 1].base + l.entry[k - 1].len <= l.entry[k].base);
            /* Only EBDA to 1 MiB is lost. */
            assert_int_equal(ram_total(&l), sizes[i] - (MIB(1) - PLAT_EBDA));
            assert_int_equal(l.entry[0].base, 0);
        }
}

static void test_entries(void **state)
{
    struct guest_layout l = make(GIB(5), true);
    static const struct e820_entry want[] = {
        { 0, 0x9fc00, E820_RAM }, { 0x9fc00, 0x400, E820_RESERVED },
        { 0xe0000, 0x20000, E820_RESERVED }, { 0x100000, 0xbff00000, E820_RAM },
        { 0xe0000000, 0x10000000, E820_RESERVED }, { 0xfec00000, 0x1000, E820_RESERVED },
        { 0xfee00000, 0x1000, E820_RESERVED }, { 0x100000000, GIB(2), E820_RAM },
    };
    assert_int_equal(l.entries, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(l.entry[i].base, want[i].base);
        assert_int_equal(l.entry[i].len, want[i].len);
        assert_int_equal(l.entry[i].type, want[i].type);
    }
    l = make(MIB(64), false);
    assert_int_equal(l.entries, 6);
    assert_int_equal(l.high_ram, 0);
}

static void test_is_ram(void **state)
{
    struct guest_layout l = make(GIB(4), false);
    assert_true(guest_layout_is_ram(&l, 0, 1));
    assert_true(guest_layout_is_ram(&l, 0, 0x9fc00));
    assert_false(guest_layout_is_ram(&l, 0, 0x9fc01));
    assert_false(guest_layout_is_ram(&l, 0xa0000, 1));
    assert_false(guest_layout_is_ram(&l, 0xe0000, 1));
    assert_true(guest_layout_is_ram(&l, MIB(1), GIB(3) - MIB(1)));
    assert_false(guest_layout_is_ram(&l, MIB(1), GIB(3)));
    assert_false(guest_layout_is_ram(&l, GIB(3), 1));
    assert_true(guest_layout_is_ram(&l, GIB(4), GIB(1)));
    assert_false(guest_layout_is_ram(&l, GIB(4) + 1, GIB(1)));
    assert_false(guest_layout_is_ram(&l, MIB(2), UINT64_MAX));
    assert_false(guest_layout_is_ram(&l, UINT64_MAX, 2));
}

static void test_top(void **state)
{
    struct guest_layout l = make(GIB(4), false);
    uint64_t at;
    assert_true(guest_layout_top(&l, 100, 4096, 0, UINT64_MAX, &at));
    assert_int_equal(at, GIB(5) - 4096);
    assert_true(guest_layout_top(&l, 100, 4096, 0, GIB(4), &at));
    assert_int_equal(at, GIB(3) - 4096);
    assert_true(guest_layout_top(&l, GIB(2), MIB(2), 0, UINT64_MAX, &at));
    assert_int_equal(at, GIB(1));                       /* too large for the part above */
    assert_true(guest_layout_top(&l, 100, 4096, 0, 0x100001, &at));
    assert_int_equal(at, 0x9f000);                      /* the EBDA is not a page boundary */
    assert_false(guest_layout_top(&l, 100, 4096, 0xa0000, 0x100001, &at));
    assert_false(guest_layout_top(&l, GIB(3), 1, 0, UINT64_MAX, &at));
    assert_false(guest_layout_top(&l, UINT64_MAX, 1, 0, UINT64_MAX, &at));
    assert_true(guest_layout_top(&l, 4096, 4096, GIB(3) - 4096, GIB(3), &at));
    assert_int_equal(at, GIB(3) - 4096);
    assert_false(guest_layout_top(&l, 4096, 8192, GIB(3) - 4096, GIB(3), &at));
    assert_false(guest_layout_top(&l, 1, 1, GIB(6), UINT64_MAX, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invariants), cmocka_unit_test(test_entries),
        cmocka_unit_test(test_is_ram), cmocka_unit_test(test_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
