/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/vmclock.c: accuracy over years, alarms never early, freezing, and a guest's reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "socle/vmclock.h"

static const uint64_t hz[] = {
    1000000, 25000000, 999999000, 1000000000, 1000001000, 1193182000, 1999999000, 2000000000,
    2100000000, 2399998000, 2893202000, 3000000000, 3399999000, 4000001000, 5700000000,
    1000000000000,
};

static struct vmclock running(uint64_t f)
{
    struct vmclock c;
    assert_int_equal(vmclock_init(&c, f), HV_OK);
    vmclock_thaw(&c, 0);
    return c;
}

static void frequencies_are_checked_and_rounded(void **unused)
{
    struct vmclock c;
    assert_int_equal(vmclock_init(&c, 0), HV_INVALID);
    assert_int_equal(vmclock_init(&c, 999499), HV_INVALID);
    assert_int_equal(vmclock_init(&c, 1000000000000ull + 1000), HV_INVALID);
    assert_int_equal(vmclock_init(&c, UINT64_MAX), HV_INVALID);
    assert_int_equal(vmclock_init(&c, 2893202499ull), HV_OK);
    assert_true(c.tsc_khz == 2893202);
    assert_int_equal(vmclock_init(&c, 2893202500ull), HV_OK);
    assert_true(c.tsc_khz == 2893203);
}

/* mul and shift as Linux wants them, and right to 2^-32. */
static void scale_is_exact(void **unused)
{
    for (unsigned i = 0; i < ARRAY_LEN(hz); i++) {
        struct vmclock c = running(hz[i]);
        assert_true(c.mul >> 31);
        /* |mul * hz * 2^shift - 10^9 * 2^32| <= hz * 2^shift / 2, all times 2^12. */
        unsigned __int128 left = (unsigned __int128)c.mul * hz[i] << (12 + c.shift);
        unsigned __int128 right = (unsigned __int128)1000000000 << 44;
        unsigned __int128 error = left > right ? left - right : right - left;
        assert_true(error <= (unsigned __int128)hz[i] << (11 + c.shift));
    }
    struct vmclock one = running(1000000000);
    assert_true(vmclock_ns(&one, 123456789012345ull) == 123456789012345ull);
    struct vmclock two = running(2000000000);
    assert_true(vmclock_ns(&two, 123456789012345ull) == 123456789012345ull / 2);
}

static void ten_years_pass_without_overflow(void **unused)
{
    uint64_t years = 10ull * 365 * 24 * 3600;
    for (unsigned i = 0; i < ARRAY_LEN(hz); i++) {
        if (hz[i] > 10000000000ull)
            continue;
        struct vmclock c = running(hz[i]);
        uint64_t ns = vmclock_ns(&c, years * hz[i]), want = years * 1000000000ull;
        uint64_t error = ns > want ? ns - want : want - ns;
        assert_true(error <= want >> 31);       /* 0.15 s in ten years */
        assert_true(vmclock_ns(&c, (uint64_t)INT64_MAX) >= ns);
    }
    /* Time saturates, it does not wrap. */
    struct vmclock slow = running(1000000);
    assert_true(vmclock_ns(&slow, (uint64_t)INT64_MAX) == UINT64_MAX);
}

static uint64_t seed = 7;
static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void alarms_are_never_early_nor_a_tick_late(void **unused)
{
    for (unsigned i = 0; i < ARRAY_LEN(hz); i++) {
        struct vmclock c = running(hz[i]);
        vmclock_freeze(&c, 1000);
        vmclock_thaw(&c, 777777);
        vmclock_set_guest_tsc(&c, 888888, 5);
        for (int k = 0; k < 20000; k++) {
            uint64_t ns = c.base_ns + (rnd() >> (16 + rnd() % 44));
            uint64_t at = vmclock_host_tsc(&c, ns);
            assert_true(vmclock_ns(&c, at) >= ns);
            /* One step of the clock before, it is not yet time. */
            uint64_t step = c.shift < 0 ? 1ull << -c.shift : 1;
            if (at >= c.base + step && ns > c.base_ns)
                assert_true(vmclock_ns(&c, at - step) < ns);
        }
    }
}

static void alarms_out_of_range_are_never(void **unused)
{
    struct vmclock c = running(3000000000);
    assert_true(vmclock_host_tsc(&c, UINT64_MAX) == UINT64_MAX);
    assert_true(vmclock_host_tsc(&c, UINT64_MAX - 1) == UINT64_MAX);
    assert_true(vmclock_host_tsc(&c, 0) == 0);
    vmclock_freeze(&c, 100);
    assert_true(vmclock_host_tsc(&c, 5) == UINT64_MAX);
}

static void tsc_deadlines_are_never_early(void **unused)
{
    for (unsigned i = 0; i < ARRAY_LEN(hz); i++) {
        struct vmclock c = running(hz[i]);
        vmclock_set_guest_tsc(&c, 1000, 1ull << 40);
        for (int k = 0; k < 20000; k++) {
            uint64_t deadline = (1ull << 40) + (rnd() >> (16 + rnd() % 44));
            uint64_t ns = vmclock_tsc_to_ns(&c, deadline);
            if (ns >= UINT64_MAX / 2)
                continue;
            uint64_t at = vmclock_host_tsc(&c, ns);
            assert_true(vmclock_guest_tsc(&c, at) >= deadline);
            /* Nor later than two steps of the clock. */
            assert_true(ns <= c.base_ns + vmclock_ticks_to_ns(&c, deadline - (1ull << 40)) + 1);
        }
        assert_true(vmclock_tsc_to_ns(&c, 0) == c.base_ns);     /* in the past */
        assert_true(vmclock_tsc_to_ns(&c, UINT64_MAX) > GIB(1));
    }
    struct vmclock slow = running(1000000);
    assert_true(vmclock_tsc_to_ns(&slow, UINT64_MAX) == UINT64_MAX);
}

static void time_stands_still_while_frozen(void **unused)
{
    struct vmclock c;
    assert_int_equal(vmclock_init(&c, 2893202000ull), HV_OK);
    assert_true(c.frozen);
    assert_int_equal(vmclock_ns(&c, 999999), 0);
    assert_int_equal(vmclock_guest_tsc(&c, 999999), 0);
    vmclock_thaw(&c, 1ull << 50);
    vmclock_thaw(&c, 1ull << 51);               /* no effect */
    assert_int_equal(vmclock_ns(&c, 1ull << 50), 0);
    assert_int_equal(vmclock_guest_tsc(&c, (1ull << 50) + 7), 7);

    uint64_t at = (1ull << 50) + 1234567;
    uint64_t ns = vmclock_ns(&c, at), tsc = vmclock_guest_tsc(&c, at);
    uint8_t page[2][PVCLOCK_SIZE];
    vmclock_pvclock(&c, 0, 2, 0, page[0]);
    for (int i = 0; i < 1000; i++) {
        vmclock_freeze(&c, at);
        vmclock_freeze(&c, at + 5);
        assert_true(vmclock_ns(&c, at + 100) == ns);
        assert_true(vmclock_guest_tsc(&c, at + 100) == tsc);
        at += 1 + rnd() % 1000000;
        vmclock_thaw(&c, at);
        assert_true(vmclock_ns(&c, at) == ns);          /* pauses add up to nothing */
        assert_true(vmclock_guest_tsc(&c, at) == tsc);
    }
    vmclock_pvclock(&c, 0, 2, 0, page[1]);
    assert_memory_equal(page[0], page[1], PVCLOCK_SIZE);
}

static void a_cpu_a_little_behind_sees_no_leap(void **unused)
{
    struct vmclock c = running(3000000000);
    vmclock_set_guest_tsc(&c, 3000000, 0);
    assert_true(vmclock_ns(&c, 2999990) == 1000000);
    assert_true(vmclock_ns(&c, 3000000) == 1000000);
    assert_true(vmclock_ns(&c, 3000030) == 1000010);
}

static void setting_the_tsc_leaves_vm_time_alone(void **unused)
{
    struct vmclock c = running(2893202000ull);
    uint64_t at = 1000000007;
    for (int i = 0; i < 100; i++) {
        uint64_t ns = vmclock_ns(&c, at), value = rnd();
        vmclock_set_guest_tsc(&c, at, value);
        assert_true(vmclock_ns(&c, at) == ns);
        assert_true(vmclock_guest_tsc(&c, at) == value);
        assert_true(vmclock_guest_tsc(&c, at + 12) == value + 12);
        at += 123456;
        assert_true(vmclock_ns(&c, at) > ns);
    }
    vmclock_freeze(&c, at);
    uint64_t ns = vmclock_ns(&c, at);
    vmclock_set_guest_tsc(&c, at + 50, 42);
    vmclock_thaw(&c, at + 99);
    assert_true(vmclock_guest_tsc(&c, at + 99) == 42);
    assert_true(vmclock_ns(&c, at + 99) == ns);
}

static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | p[n];
    return v;
}

/* The algorithm of Linux's __pvclock_read_cycles() over the raw page. */
static uint64_t guest_reads(const uint8_t *p, uint64_t tsc)
{
    uint64_t delta = tsc - le(p + 8, 8);
    int8_t shift = (int8_t)p[28];
    delta = shift < 0 ? delta >> -shift : delta << shift;
    return le(p + 16, 8) + (uint64_t)(((unsigned __int128)delta * (uint32_t)le(p + 24, 4)) >> 32);
}

static void guest_and_host_agree_to_the_ns(void **unused)
{
    uint8_t p[PVCLOCK_SIZE];
    for (unsigned i = 0; i < ARRAY_LEN(hz) - 1; i++) {
        struct vmclock c = running(hz[i]);
        for (int k = 0; k < 3000; k++) {
            uint64_t host = c.base + (rnd() >> (20 + rnd() % 40)), adjust = rnd();
            if (k % 100 == 0)
                vmclock_set_guest_tsc(&c, host, rnd());
            vmclock_pvclock(&c, adjust, 6, PVCLOCK_TSC_STABLE, p);
            uint64_t tsc = vmclock_guest_tsc(&c, host) + adjust;
            assert_true(guest_reads(p, tsc) == vmclock_ns(&c, host));
        }
        assert_int_equal(le(p, 4), 6);
        assert_int_equal(le(p + 4, 4), 0);
        assert_int_equal(p[29], PVCLOCK_TSC_STABLE);
        assert_int_equal(p[30] | p[31], 0);
    }
}

static void wall_clock_layout(void **unused)
{
    uint8_t p[WALLCLOCK_SIZE];
    vmclock_wall(1704067200ull * 1000000000 + 123456789, 4, p);
    assert_int_equal(le(p, 4), 4);
    assert_int_equal(le(p + 4, 4), 1704067200);
    assert_int_equal(le(p + 8, 4), 123456789);
}

static size_t save(const struct vmclock *c, uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    vmclock_save(c, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void save_and_load_on_a_similar_machine(void **unused)
{
    uint8_t a[128], b[128], page[2][PVCLOCK_SIZE];
    struct vmclock c = running(2893202000ull), d;
    vmclock_set_guest_tsc(&c, 5000, 999);
    vmclock_freeze(&c, 1ull << 45);
    uint64_t ns = vmclock_ns(&c, 0), tsc = vmclock_guest_tsc(&c, 0);
    size_t n = save(&c, a, sizeof(a));

    assert_int_equal(vmclock_init(&d, 2893202000ull + 500000), HV_OK);
    struct state_in in = { .buf = a, .len = n };
    assert_int_equal(vmclock_load(&d, &in), HV_OK);
    assert_true(d.frozen && d.tsc_khz == 2893202 && d.mul == c.mul && d.shift == c.shift);
    assert_true(vmclock_ns(&d, 12345) == ns);
    assert_true(vmclock_guest_tsc(&d, 12345) == tsc);
    assert_int_equal(save(&d, b, sizeof(b)), n);
    assert_memory_equal(a, b, n);
    vmclock_pvclock(&c, 0, 2, 0, page[0]);
    vmclock_pvclock(&d, 0, 2, 0, page[1]);
    assert_memory_equal(page[0], page[1], PVCLOCK_SIZE);
    vmclock_thaw(&d, 77);
    assert_true(vmclock_ns(&d, 77) == ns);
    assert_true(vmclock_guest_tsc(&d, 78) == tsc + 1);
}

/* A VM that has run for a day comes to a machine that has just been switched on. */
static void alarms_work_after_loading_on_a_young_machine(void **unused)
{
    uint8_t a[128];
    uint64_t day = 86400ull * 1000000000;
    struct vmclock c = running(3000000000), d;
    vmclock_freeze(&c, 86400ull * 3000000000);
    struct state_in in = { .buf = a, .len = save(&c, a, sizeof(a)) };
    assert_int_equal(vmclock_init(&d, 3000000000), HV_OK);
    assert_int_equal(vmclock_load(&d, &in), HV_OK);
    vmclock_thaw(&d, 1000);
    uint64_t now = vmclock_ns(&d, 1000);
    assert_true(now >= day - 20000 && now <= day + 20000);     /* 2^-32 of a day */
    uint64_t at = vmclock_host_tsc(&d, now + 1000000);
    assert_true(at >= 1000 + 2999990 && at <= 1000 + 3000010);
    assert_true(vmclock_host_tsc(&d, 5) == 0);          /* long ago */
    uint64_t deadline = vmclock_tsc_to_ns(&d, vmclock_guest_tsc(&d, 1000) + 3000000);
    assert_true(deadline >= now + 999990 && deadline <= now + 1000010);
}

static void unfit_records_are_refused(void **unused)
{
    uint8_t a[128], bad[128];
    struct vmclock c = running(2893202000ull), before;
    vmclock_freeze(&c, 1000);
    size_t n = save(&c, a, sizeof(a));
    struct vmclock other;
    assert_int_equal(vmclock_init(&other, 3000000000ull), HV_OK);
    memcpy(&before, &other, sizeof(before));
    struct state_in in = { .buf = a, .len = n };
    assert_int_equal(vmclock_load(&other, &in), HV_UNSUPPORTED);
    assert_memory_equal(&before, &other, sizeof(before));
    for (size_t i = 0; i < n; i++) {
        memcpy(bad, a, n);
        bad[i] |= 0x80;
        in = (struct state_in){ .buf = bad, .len = n };
        assert_int_equal(vmclock_init(&other, 2893202000ull), HV_OK);
        if (vmclock_load(&other, &in) == HV_OK)
            assert_true(other.base_ns >> 63 == 0 && (0 - other.base) >> 63 == 0);
        in = (struct state_in){ .buf = a, .len = i };
        assert_int_not_equal(vmclock_load(&other, &in), HV_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_are_checked_and_rounded),
        cmocka_unit_test(scale_is_exact),
        cmocka_unit_test(ten_years_pass_without_overflow),
        cmocka_unit_test(alarms_are_never_early_nor_a_tick_late),
        cmocka_unit_test(alarms_out_of_range_are_never),
        cmocka_unit_test(tsc_deadlines_are_never_early),
        cmocka_unit_test(time_stands_still_while_frozen),
        cmocka_unit_test(a_cpu_a_little_behind_sees_no_leap),
        cmocka_unit_test(setting_the_tsc_leaves_vm_time_alone),
        cmocka_unit_test(guest_and_host_agree_to_the_ns),
        cmocka_unit_test(wall_clock_layout),
        cmocka_unit_test(save_and_load_on_a_similar_machine),
        cmocka_unit_test(alarms_work_after_loading_on_a_young_machine),
        cmocka_unit_test(unfit_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
