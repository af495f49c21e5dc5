/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/pit.c: channel 0's interrupt, rate limit, lost ticks, save and load. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/device/pit.h"
#include "socle/device/ticks.h"

static struct fake_env *f;
static struct pit pit;
static struct pio_bus bus;

static int setup(void **unused)
{
    f = fake_env_new();
    pio_bus_init(&bus);
    pit_init(&pit, &f->env);
    assert_int_equal(pit_attach(&pit, &bus), HV_OK);
    pit_reset(&pit);
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(f);
    return 0;
}

static void out(uint16_t port, uint8_t v)
{
    struct bus_access a = { .value = v, .size = 1, .write = true };
    assert_true(pio_access(&bus, port, &a));
}

static uint8_t in(uint16_t port)
{
    struct bus_access a = { .size = 1 };
    assert_true(pio_access(&bus, port, &a));
    return (uint8_t)a.value;
}

static uint64_t tick(void) { return ticks_of_ns(f->now, PIT_HZ); }

/* Advances to the begin of the n-th tick from now. */
static void clocks(uint64_t n)
{
    fake_env_advance(f, ns_of_ticks(tick() + n, PIT_HZ) - f->now);
}

static void program(unsigned ch, unsigned mode, uint16_t count)
{
    out(0x43, (uint8_t)(ch << 6 | 0x30 | mode << 1));
    out((uint16_t)(0x40 + ch), (uint8_t)count);
    out((uint16_t)(0x40 + ch), (uint8_t)(count >> 8));
}

static void test_irq_mode2(void **unused)
{
    program(0, 2, 11932);                               /* 100 Hz */
    unsigned before = f->rises[0];
    fake_env_advance(f, 10 * NS_PER_S);
    assert_int_equal(f->rises[0] - before, 999);        /* 11931.82 would be exact */
    fake_env_advance(f, 90 * NS_PER_S);
    assert_int_equal(f->rises[0] - before, 100ull * PIT_HZ / 11932);
    assert_true(f->line[0]);
}

static void test_irq_mode3_new_count(void **unused)
{
    program(0, 3, 2000);
    clocks(1);
    unsigned before = f->rises[0];
    clocks(500);
    out(0x40, (uint8_t)1000), out(0x40, 1000 >> 8);     /* low half of 500 follows */
    clocks(999);
    assert_int_equal(f->rises[0] - before, 0);
    clocks(1);
    assert_int_equal(f->rises[0] - before, 1);
    clocks(1000);
    assert_int_equal(f->rises[0] - before, 2);
    out(0x40, (uint8_t)3000), out(0x40, 3000 >> 8);
    clocks(500);                                        /* end of the high half */
    clocks(1499);
    assert_int_equal(f->rises[0] - before, 2);
    clocks(1);
    assert_int_equal(f->rises[0] - before, 3);
}

static void test_irq_one_shots(void **unused)
{
    program(0, 0, 100);
    assert_false(f->line[0]);
    unsigned before = f->rises[0];
    clocks(100);
    assert_false(f->line[0]);
    clocks(1);
    assert_true(f->line[0]);
    clocks(200000);
    assert_int_equal(f->rises[0] - before, 1);
    program(0, 4, 100);
    before = f->rises[0];
    clocks(101);
    assert_int_equal(f->rises[0] - before, 0);
    clocks(1);
    assert_int_equal(f->rises[0] - before, 1);
    clocks(200000);
    assert_int_equal(f->rises[0] - before, 1);
    out(0x43, 0x30);                                    /* mode 0 without a count: silence */
    before = f->rises[0];
    clocks(1000000);
    assert_int_equal(f->rises[0] - before, 0);
    assert_false(f->line[0]);
}

static void test_rate_limit(void **unused)
{
    static const uint16_t counts[] = { 1, 2, 3, 10, 59 };
    for (unsigned mode = 0; mode < 6; mode++) {
        for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
            program(0, mode, counts[i]);
            unsigned before = f->rises[0];
            fake_env_advance(f, NS_PER_S);
            assert_in_range(f->rises[0] - before, 0, 20000);
            if (mode == 2 && counts[i] > 1)
                assert_true(f->rises[0] - before > 10000);
        }
    }
}

/* The queue may hand out an alarm just as a vCPU moves it. */
static void test_alarm_that_comes_early(void **unused)
{
    program(0, 4, 1000);
    clocks(1);
    unsigned before = f->rises[0];
    alarm_cancel(&f->alarms, &pit.alarm);
    pit.alarm.fire(pit.alarm.owner, f->now);
    assert_int_equal(f->rises[0] - before, 0);
    clocks(1000);
    assert_int_equal(f->rises[0] - before, 0);
    clocks(1);
    assert_int_equal(f->rises[0] - before, 1);
}

/* A guest that does not run for a second gets one tick, and the phase stays. */
static void test_missed_ticks(void **unused)
{
    program(0, 2, 1193);
    clocks(1);
    uint64_t start = tick();
    unsigned before = f->rises[0];
    f->now += NS_PER_S;
    fake_env_advance(f, 0);
    assert_int_equal(f->rises[0] - before, 1);
    uint64_t behind = (tick() - start) % 1193;
    clocks(1193 - behind - 1);
    assert_int_equal(f->rises[0] - before, 1);
    clocks(1);
    assert_int_equal(f->rises[0] - before, 2);
}

/* ---- save and load -------------------------------------------------------------- */

static uint32_t seed;
static uint32_t random32(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    pit_save(&pit, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void churn(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint32_t r = random32();
        switch (r & 7) {
        case 0: out(0x43, (uint8_t)(r >> 8)); break;
        case 1: out(0x61, (uint8_t)(r >> 8)); break;
        case 2: fake_env_advance(f, r >> 8 & 0xfffff); break;
        case 3: (void)in(0x61); break;
        case 4:
        case 5: out((uint16_t)(0x40 + (r >> 4) % 3), (uint8_t)(r >> 8)); break;
        default: (void)in((uint16_t)(0x40 + (r >> 4) % 3)); break;
        }
    }
}

static void test_round_trip(void **unused)
{
    uint8_t first[512], second[512], again[512];
    for (uint32_t round = 1; round < 200; round++) {
        seed = round;
        churn(100);
        size_t n = save(first, sizeof(first));
        uint64_t now = f->now;
        bool line = f->line[0];
        seed = round + 1000;
        churn(100);
        assert_int_equal(save(second, sizeof(second)), n);
        /* Back in time, into a fresh device. */
        alarm_cancel(&f->alarms, &pit.alarm);
        f->now = now;
        f->line[0] = line;
        pit_init(&pit, &f->env);
        struct state_in i = { .buf = first, .len = n };
        unsigned rises = f->rises[0];
        assert_int_equal(pit_load(&pit, &i), HV_OK);
        assert_int_equal(f->rises[0], rises);
        assert_int_equal(save(again, sizeof(again)), n);
        assert_memory_equal(again, first, n);
        seed = round + 1000;
        churn(100);
        save(again, sizeof(again));
        assert_memory_equal(again, second, n);
    }
}

static void test_load_keeps_due_edge(void **unused)
{
    uint8_t buf[512];
    program(0, 4, 1000);
    clocks(500);
    size_t n = save(buf, sizeof(buf));
    alarm_cancel(&f->alarms, &pit.alarm);
    f->now += NS_PER_S;                                 /* the alarm was overdue */
    struct state_in i = { .buf = buf, .len = n };
    assert_int_equal(pit_load(&pit, &i), HV_OK);
    unsigned before = f->rises[0];
    fake_env_advance(f, 1);
    assert_int_equal(f->rises[0] - before, 1);
}

static void test_load_refuses(void **unused)
{
    uint8_t good[512], bad[512];
    size_t n = save(good, sizeof(good));
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in i = { .buf = good, .len = cut };
        assert_int_not_equal(pit_load(&pit, &i), HV_OK);
    }
    enum { COUNTER = 12, ORIGIN_TOP = 7, COUNT = 32, CONTROL = 44, LATCHED = 46, SIZE = 49 };
    static const struct { size_t at; uint8_t v; } wrong[] = {
        { COUNTER + ORIGIN_TOP, 0x7f }, { COUNTER + ORIGIN_TOP, 0x80 },
        { COUNTER + SIZE + COUNT + 2, 2 }, { COUNTER + CONTROL, 0x06 },
        { COUNTER + 2 * SIZE + LATCHED, 3 }, { COUNTER + CONTROL, 0x37 },
    };
    for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
        memcpy(bad, good, n);
        bad[wrong[k].at] = wrong[k].v;
        struct state_in i = { .buf = bad, .len = n };
        assert_int_equal(pit_load(&pit, &i), HV_INVALID);
        uint8_t now[512];
        save(now, sizeof(now));
        assert_memory_equal(now, good, n);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_irq_mode2), T(test_irq_mode3_new_count), T(test_irq_one_shots), T(test_rate_limit),
        T(test_alarm_that_comes_early), T(test_missed_ticks), T(test_round_trip),
        T(test_load_keeps_due_edge), T(test_load_refuses),
    };
    return cmocka_run_group_tests_name("pit", tests, NULL, NULL);
}
