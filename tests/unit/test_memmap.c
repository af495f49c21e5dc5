/* SPDX-License-Identifier: BSD-2-Clause */
/* mm/memmap.c: single cases and, page by page, random overlapping ranges beside a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "socle/bits.h"
#include "socle/memmap.h"

#define P ((uint64_t)PAGE_SIZE)

static struct memmap m;

static int setup(void **unused)
{
    memmap_init(&m);
    return 0;
}

static void add(uint64_t base, uint64_t len, enum mem_kind kind)
{
    assert_int_equal(memmap_add(&m, base, len, kind), HV_OK);
}

static void check(uint32_t i, uint64_t base, uint64_t len, enum mem_kind kind)
{
    assert_true(i < m.count);
    assert_true(m.range[i].base == base);
    assert_true(m.range[i].len == len);
    assert_int_equal(m.range[i].kind, kind);
}

static void ranges_are_sorted_and_merged(void **unused)
{
    add(10 * P, 2 * P, MEM_RAM);
    add(2 * P, 2 * P, MEM_RAM);
    add(4 * P, P, MEM_RAM);
    add(5 * P, P, MEM_NVS);
    assert_int_equal(m.count, 3);
    check(0, 2 * P, 3 * P, MEM_RAM);
    check(1, 5 * P, P, MEM_NVS);
    check(2, 10 * P, 2 * P, MEM_RAM);
    add(6 * P, 4 * P, MEM_RAM);
    assert_int_equal(m.count, 3);
    check(2, 6 * P, 6 * P, MEM_RAM);
}

static void the_more_careful_kind_wins(void **unused)
{
    add(0, 10 * P, MEM_RAM);
    add(2 * P, 3 * P, MEM_RESERVED);
    add(0, 10 * P, MEM_RAM);
    add(3 * P, 20 * P, MEM_ACPI);
    assert_int_equal(m.count, 3);
    check(0, 0, 2 * P, MEM_RAM);
    check(1, 2 * P, 3 * P, MEM_RESERVED);
    check(2, 5 * P, 18 * P, MEM_ACPI);
}

static void ram_shrinks_and_others_grow_to_pages(void **unused)
{
    add(1, 3 * P, MEM_RAM);
    check(0, P, 2 * P, MEM_RAM);
    add(2 * P + 100, 1, MEM_RESERVED);
    check(1, 2 * P, P, MEM_RESERVED);
    add(10 * P + 1, P - 1, MEM_RAM);        /* less than a page: nothing */
    add(11 * P + 1, P, MEM_RAM);
    assert_int_equal(m.count, 2);
    add(0x9fc00, 0x400, MEM_RESERVED);
    check(2, 0x9f000, 0x1000, MEM_RESERVED);
}

static void nonsense_changes_nothing(void **unused)
{
    add(P, P, MEM_RAM);
    assert_int_equal(memmap_add(&m, 0, 0, MEM_RAM), HV_INVALID);
    assert_int_equal(memmap_add(&m, P, UINT64_MAX, MEM_RESERVED), HV_INVALID);
    assert_int_equal(memmap_add(&m, UINT64_MAX, 1, MEM_RESERVED), HV_INVALID);
    assert_int_equal(memmap_add(&m, UINT64_MAX - 5, 5, MEM_RESERVED), HV_RANGE);
    assert_int_equal(memmap_add(&m, PHYS_ADDR_END, P, MEM_RAM), HV_RANGE);
    assert_int_equal(m.count, 1);
    add(PHYS_ADDR_END - P, 5 * P, MEM_RESERVED);
    check(1, PHYS_ADDR_END - P, P, MEM_RESERVED);
    add(PHYS_ADDR_END - 2 * P + 5, 5, MEM_BAD);
    assert_int_equal(m.count, 3);
}

static void a_full_map_refuses_and_stays_good(void **unused)
{
    for (uint64_t i = 0; i < MEMMAP_MAX - 2; i++)
        add(2 * i * P, P, MEM_RAM);
    struct memmap before = m;
    /* Everything at once would need a range for each gap. */
    assert_int_equal(memmap_add(&m, 0, 2000 * P, MEM_RAM), HV_NOMEM);
    assert_memory_equal(&m, &before, sizeof(m));
    while (memmap_add(&m, 2 * m.count * P, P, MEM_RAM) == HV_OK)
        assert_true(m.count <= MEMMAP_MAX);
    assert_true(m.count >= MEMMAP_MAX - 3);
}

static void reserve_takes_from_ram_only(void **unused)
{
    add(0, 10 * P, MEM_RAM);
    add(10 * P, 10 * P, MEM_ACPI);
    assert_int_equal(memmap_reserve(&m, 2 * P + 1, 10, MEM_HYPERVISOR), HV_OK);
    check(1, 2 * P, P, MEM_HYPERVISOR);
    assert_int_equal(memmap_reserve(&m, 2 * P, P, MEM_BOOT), HV_PERM);
    assert_int_equal(memmap_reserve(&m, 9 * P, 2 * P, MEM_BOOT), HV_PERM);
    assert_int_equal(memmap_reserve(&m, 30 * P, P, MEM_BOOT), HV_PERM);
    assert_int_equal(memmap_reserve(&m, 3 * P, 0, MEM_BOOT), HV_INVALID);
    assert_int_equal(memmap_reserve(&m, 9 * P, P, MEM_BOOT), HV_OK);
    assert_true(memmap_total(&m, MEM_RAM) == 8 * P);
}

static void lookups_know_the_edges(void **unused)
{
    add(2 * P, 2 * P, MEM_RAM);
    add(4 * P, P, MEM_BAD);
    assert_null(memmap_find(&m, 0));
    assert_null(memmap_find(&m, 2 * P - 1));
    assert_ptr_equal(memmap_find(&m, 2 * P), &m.range[0]);
    assert_ptr_equal(memmap_find(&m, 4 * P - 1), &m.range[0]);
    assert_ptr_equal(memmap_find(&m, 4 * P), &m.range[1]);
    assert_null(memmap_find(&m, 5 * P));
    assert_null(memmap_find(&m, UINT64_MAX));
    assert_true(memmap_is(&m, 2 * P, 2 * P, MEM_RAM));
    assert_false(memmap_is(&m, 2 * P, 2 * P + 1, MEM_RAM));
    assert_false(memmap_is(&m, 2 * P, 0, MEM_RAM));
    assert_false(memmap_is(&m, 2 * P, P, MEM_BAD));
    assert_false(memmap_is(&m, 3 * P, UINT64_MAX, MEM_RAM));
    assert_true(memmap_end(&m, MEM_RAM) == 4 * P);
    assert_true(memmap_end(&m, MEM_BAD) == 5 * P);
    assert_true(memmap_end(&m, MEM_NVS) == 0);
    assert_null(memmap_largest(&m, MEM_NVS));
    add(20 * P, 9 * P, MEM_RAM);
    assert_ptr_equal(memmap_largest(&m, MEM_RAM), &m.range[2]);
}

static hv_status find(uint64_t len, uint64_t align, uint64_t limit, uint64_t *at)
{
    *at = 12345;
    return memmap_find_ram(&m, len, align, limit, at);
}

static void find_ram_keeps_alignment_and_limit(void **unused)
{
    uint64_t at;
    add(0, 3 * P, MEM_RAM);
    add(5 * P, 20 * P, MEM_RAM);
    add(30 * P, 10 * P, MEM_RESERVED);
    assert_int_equal(find(P, P, UINT64_MAX, &at), HV_OK);
    assert_true(at == P);                       /* never page 0 */
    assert_int_equal(find(3 * P, P, UINT64_MAX, &at), HV_OK);
    assert_true(at == 5 * P);
    assert_int_equal(find(P, 8 * P, UINT64_MAX, &at), HV_OK);
    assert_true(at == 8 * P);
    assert_int_equal(find(17 * P, 8 * P, UINT64_MAX, &at), HV_OK);
    assert_int_equal(find(18 * P, 8 * P, UINT64_MAX, &at), HV_NOMEM);
    assert_int_equal(find(10 * P, P, 15 * P, &at), HV_OK);
    assert_int_equal(find(10 * P, P, 15 * P - 1, &at), HV_NOMEM);
    assert_int_equal(find(2 * P, P, 3 * P, &at), HV_OK);
    assert_int_equal(find(0, P, UINT64_MAX, &at), HV_NOMEM);
    assert_int_equal(find(P, 1ull << 63, UINT64_MAX, &at), HV_NOMEM);
    assert_true(at == 12345);
}

static uint32_t seed = 1;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

enum { PAGES = 200 };

static void random_maps_match_a_page_array(void **unused)
{
    for (int round = 0; round < 300; round++) {
        int model[PAGES];
        memmap_init(&m);
        for (int i = 0; i < PAGES; i++)
            model[i] = -1;
        for (int step = 0; step < 40; step++) {
            uint32_t from = rnd(PAGES), n = 1 + rnd(PAGES - from);
            int kind = (int)rnd(MEM_KINDS);
            add(from * P, n * P, (enum mem_kind)kind);
            for (uint32_t i = from; i < from + n; i++)
                model[i] = kind > model[i] ? kind : model[i];
        }
        for (uint32_t i = 1; i < m.count; i++) {
            uint64_t end = m.range[i - 1].base + m.range[i - 1].len;
            assert_true(m.range[i].base >= end);
            assert_true(m.range[i].base > end || m.range[i].kind != m.range[i - 1].kind);
        }
        for (uint32_t i = 0; i < PAGES; i++) {
            const struct mem_range *r = memmap_find(&m, i * P + 5);
            assert_int_equal(r ? (int)r->kind : -1, model[i]);
        }
    }
}

static void kinds_have_names(void **unused)
{
    for (int i = 0; i < MEM_KINDS; i++)
        assert_string_not_equal(mem_kind_name((enum mem_kind)i), "unknown");
    assert_string_equal(mem_kind_name(MEM_KINDS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ranges_are_sorted_and_merged, setup),
        cmocka_unit_test_setup(the_more_careful_kind_wins, setup),
        cmocka_unit_test_setup(ram_shrinks_and_others_grow_to_pages, setup),
        cmocka_unit_test_setup(nonsense_changes_nothing, setup),
        cmocka_unit_test_setup(a_full_map_refuses_and_stays_good, setup),
        cmocka_unit_test_setup(reserve_takes_from_ram_only, setup),
        cmocka_unit_test_setup(lookups_know_the_edges, setup),
        cmocka_unit_test_setup(find_ram_keeps_alignment_and_limit, setup),
        cmocka_unit_test_setup(random_maps_match_a_page_array, setup),
        cmocka_unit_test_setup(kinds_have_names, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
