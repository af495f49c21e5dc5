/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/pit.c, pit_counter.c, device/ticks.h: modes, latches, gate, interrupt, state. */
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

static uint16_t latch(unsigned ch)
{
    out(0x43, (uint8_t)(ch << 6));
    uint8_t low = in((uint16_t)(0x40 + ch));
    return (uint16_t)(low | in((uint16_t)(0x40 + ch)) << 8);
}

static uint8_t status(unsigned ch)
{
    out(0x43, (uint8_t)(0xe0 | 2 << ch));
    return in((uint16_t)(0x40 + ch));
}

static bool out_pin(unsigned ch) { return status(ch) >> 7; }
static bool null_count(unsigned ch) { return status(ch) >> 6 & 1; }

static void program(unsigned ch, unsigned mode, uint16_t count)
{
    out(0x43, (uint8_t)(ch << 6 | 0x30 | mode << 1));
    out((uint16_t)(0x40 + ch), (uint8_t)count);
    out((uint16_t)(0x40 + ch), (uint8_t)(count >> 8));
}

static void gate2(bool level) { out(0x61, level); }

/* OUT of channel ch over n clocks from the next one on: 'H' and 'L'. */
static const char *wave(unsigned ch, unsigned n)
{
    static char s[80];
    assert_true(n < sizeof(s));
    for (unsigned i = 0; i < n; i++) {
        clocks(1);
        s[i] = out_pin(ch) ? 'H' : 'L';
    }
    s[n] = 0;
    return s;
}

static void test_ticks(void **unused)
{
    assert_int_equal(ticks_of_ns(0, PIT_HZ), 0);
    assert_int_equal(ticks_of_ns(NS_PER_S, PIT_HZ), PIT_HZ);
    assert_int_equal(ticks_of_ns(838, PIT_HZ), 0);
    assert_int_equal(ticks_of_ns(839, PIT_HZ), 1);
    /* A hundred years: still exact. */
    uint64_t century = 3155760000ull;
    assert_int_equal(ticks_of_ns(century * NS_PER_S, PIT_HZ), century * PIT_HZ);
    for (uint64_t t = 1; t < 1ull << 52; t = t * 3 + 1) {
        uint64_t ns = ns_of_ticks(t, PIT_HZ);
        assert_int_equal(ticks_of_ns(ns, PIT_HZ), t);
        assert_int_equal(ticks_of_ns(ns - 1, PIT_HZ), t - 1);
    }
    assert_int_equal(ns_of_ticks(UINT64_MAX, PIT_HZ), UINT64_MAX);
}

static void test_reset_state(void **unused)
{
    assert_int_equal(status(0) & 0x3f, 0x36);
    assert_int_equal(status(1) & 0x3f, 0x14);
    clocks(2);
    assert_false(null_count(0));
    unsigned before = f->rises[0];
    fake_env_advance(f, 10 * NS_PER_S);
    assert_int_equal(f->rises[0] - before, 182);        /* 18.2 Hz */
    assert_int_equal(in(0x43), 0xff);                   /* write only */
}

static void test_mode0(void **unused)
{
    program(0, 0, 4);
    assert_false(out_pin(0));
    assert_true(null_count(0));
    clocks(1);
    assert_int_equal(latch(0), 4);
    assert_false(null_count(0));
    assert_string_equal(wave(0, 6), "LLLHHH");
    assert_int_equal(latch(0), 0xfffe);                 /* on through zero */
    program(0, 0, 3);
    assert_string_equal(wave(0, 5), "LLLHH");
    out(0x40, 9);                                       /* the first byte stops it */
    assert_false(out_pin(0));
    uint16_t held = latch(0);
    clocks(50);
    assert_int_equal(latch(0), held);
    assert_false(out_pin(0));
    out(0x40, 0);
    assert_string_equal(wave(0, 11), "LLLLLLLLLHH");
}

static void test_mode0_gate(void **unused)
{
    gate2(true);
    program(2, 0, 10);
    clocks(4);
    assert_int_equal(latch(2), 7);
    gate2(false);
    clocks(100);
    assert_int_equal(latch(2), 7);
    assert_int_equal(in(0x61) & 0x20, 0);
    gate2(true);
    clocks(6);
    assert_int_equal(latch(2), 1);
    assert_int_equal(in(0x61) & 0x20, 0);
    clocks(1);
    assert_int_equal(in(0x61) & 0x21, 0x21);
    gate2(false);
    program(2, 0, 5);                                   /* loads while the gate is low */
    clocks(9);
    assert_int_equal(latch(2), 5);
    assert_false(null_count(2));
}

static void test_mode1(void **unused)
{
    gate2(false);
    program(2, 1, 4);
    assert_string_equal(wave(2, 3), "HHH");             /* waits for its trigger */
    assert_true(null_count(2));
    gate2(true);
    assert_string_equal(wave(2, 6), "LLLLHH");
    assert_false(null_count(2));
    gate2(false), gate2(true);
    assert_string_equal(wave(2, 2), "LL");
    gate2(false), gate2(true);                          /* retrigger: four more */
    assert_string_equal(wave(2, 5), "LLLLH");
    gate2(false), gate2(true);
    clocks(1);
    out(0x42, 2), out(0x42, 0);                         /* the new count waits */
    assert_true(null_count(2));
    assert_string_equal(wave(2, 4), "LLLH");
    gate2(false), gate2(true);
    assert_string_equal(wave(2, 3), "LLH");
    gate2(false);                                       /* the level does not matter */
    assert_int_equal(latch(2), 0);
    clocks(1);
    assert_int_equal(latch(2), 0xffff);
}

static void test_mode2(void **unused)
{
    program(0, 2, 3);
    assert_string_equal(wave(0, 9), "HHLHHLHHL");
    clocks(1);
    assert_int_equal(latch(0), 3);
    clocks(1);
    assert_int_equal(latch(0), 2);
    out(0x40, 5), out(0x40, 0);                         /* after the running cycle */
    assert_true(null_count(0));
    assert_string_equal(wave(0, 7), "LHHHHLH");
    assert_false(null_count(0));
    program(0, 6, 2);                                   /* 110 is mode 2, too */
    assert_int_equal(status(0) & 0x3f, 0x3c);
    assert_string_equal(wave(0, 4), "HLHL");
}

static void test_mode2_gate(void **unused)
{
    gate2(true);
    program(2, 2, 4);
    clocks(4);
    assert_false(out_pin(2));
    gate2(false);
    assert_true(out_pin(2));                            /* at once */
    clocks(7);
    assert_int_equal(latch(2), 1);
    gate2(true);
    assert_string_equal(wave(2, 5), "HHHLH");           /* starts anew */
    out(0x42, 9), out(0x42, 0);
    gate2(false);
    clocks(20);
    assert_true(null_count(2));                         /* waits for the gate, too */
    out(0x42, 3), out(0x42, 0);
    gate2(true);
    assert_string_equal(wave(2, 6), "HHLHHL");
}

static void test_mode3(void **unused)
{
    program(0, 3, 4);
    assert_string_equal(wave(0, 8), "HHLLHHLL");
    program(0, 3, 5);
    assert_string_equal(wave(0, 10), "HHHLLHHHLL");
    clocks(1);
    static const uint16_t odd[] = { 4, 2, 0, 4, 2, 4 };
    for (unsigned i = 0; i < ARRAY_LEN(odd); i++, clocks(1))
        assert_int_equal(latch(0), odd[i]);
    program(0, 3, 6);
    clocks(1);
    static const uint16_t even[] = { 6, 4, 2, 6, 4, 2, 6 };
    for (unsigned i = 0; i < ARRAY_LEN(even); i++, clocks(1))
        assert_int_equal(latch(0), even[i]);
    program(0, 7, 0);                                   /* 65536 */
    clocks(1);
    assert_int_equal(latch(0), 0);
    clocks(1);
    assert_int_equal(latch(0), 0xfffe);
}

static void test_mode3_new_count(void **unused)
{
    program(0, 3, 6);
    clocks(2);
    out(0x40, 4), out(0x40, 0);                         /* in the high half */
    assert_string_equal(wave(0, 8), "HLLHHLLH");
    program(0, 3, 6);
    clocks(5);
    out(0x40, 4), out(0x40, 0);                         /* in the low half */
    assert_string_equal(wave(0, 7), "LHHLLHH");
}

static void test_mode3_gate(void **unused)
{
    gate2(true);
    program(2, 3, 8);
    clocks(6);
    assert_false(out_pin(2));
    gate2(false);
    assert_true(out_pin(2));
    uint16_t held = latch(2);
    clocks(5);
    assert_int_equal(latch(2), held);
    gate2(true);
    assert_string_equal(wave(2, 9), "HHHHLLLLH");
}

static void test_mode4(void **unused)
{
    program(0, 4, 3);
    assert_string_equal(wave(0, 7), "HHHLHHH");
    out(0x40, 2);
    clocks(3);                                          /* the first byte changes nothing */
    out(0x40, 0);
    assert_string_equal(wave(0, 5), "HHLHH");
    gate2(true);
    program(2, 4, 5);
    clocks(3);
    gate2(false);
    clocks(9);
    gate2(true);
    assert_string_equal(wave(2, 4), "HHLH");
}

static void test_mode5(void **unused)
{
    gate2(false);
    program(2, 5, 3);
    assert_string_equal(wave(2, 5), "HHHHH");
    gate2(true);
    assert_string_equal(wave(2, 6), "HHHLHH");
    gate2(false), gate2(true);
    clocks(2);
    gate2(false), gate2(true);
    assert_string_equal(wave(2, 5), "HHHLH");
}

static void test_bcd(void **unused)
{
    out(0x43, 0x35);
    out(0x40, 0x00), out(0x40, 0x01);                   /* 100 */
    clocks(1);
    assert_int_equal(latch(0), 0x100);
    clocks(1);
    assert_int_equal(latch(0), 0x99);
    clocks(99);
    assert_int_equal(latch(0), 0x100);
    out(0x43, 0x31);
    out(0x40, 0), out(0x40, 0);                         /* 10000 */
    clocks(1);
    assert_int_equal(latch(0), 0);
    clocks(1);
    assert_int_equal(latch(0), 0x9999);
    out(0x43, 0x31);
    out(0x40, 0xff), out(0x40, 0xff);                   /* no BCD: something, but defined */
    clocks(3);
    (void)latch(0);
}

static void test_byte_modes(void **unused)
{
    out(0x43, 0x14);                                    /* LSB only */
    out(0x40, 7);
    clocks(1);
    assert_int_equal(in(0x40), 7);
    clocks(1);
    assert_int_equal(in(0x40), 6);
    out(0x43, 0x24);                                    /* MSB only */
    out(0x40, 2);
    clocks(1);
    assert_int_equal(in(0x40), 2);
    clocks(1);
    assert_int_equal(in(0x40), 1);
    out(0x43, 0x00);
    assert_int_equal(in(0x40), 1);
}

static void test_latch(void **unused)
{
    program(0, 2, 1000);
    clocks(1);
    out(0x43, 0x00);
    clocks(10);
    out(0x43, 0x00);                                    /* ignored: not read yet */
    assert_int_equal(in(0x40), 1000 & 0xff);
    clocks(10);
    assert_int_equal(in(0x40), 1000 >> 8);
    assert_int_equal(latch(0), 980);
    uint8_t low = in(0x40);                             /* unlatched: the moving counter */
    assert_int_equal(low, 980 & 0xff);
    assert_int_equal(in(0x40), 980 >> 8);
    out(0x43, 0x00);
    program(0, 2, 500);                                 /* a control word drops the latch */
    clocks(1);
    assert_int_equal(in(0x40), 500 & 0xff);
    assert_int_equal(in(0x40), 500 >> 8);
}

static void test_read_back(void **unused)
{
    program(0, 2, 100);
    program(2, 0, 0x1234);
    gate2(true);
    clocks(1);
    out(0x43, 0xca);                                    /* count and status of 0 and 2 */
    clocks(5);
    out(0x43, 0xca);                                    /* both are latched already */
    assert_int_equal(in(0x40), 0xb4);                   /* status first */
    assert_int_equal(in(0x40), 100);
    assert_int_equal(in(0x40), 0);
    assert_int_equal(in(0x40), 95);
    assert_int_equal(in(0x40), 0);
    assert_int_equal(in(0x42), 0x30);
    assert_int_equal(in(0x42), 0x34);
    assert_int_equal(in(0x42), 0x12);
    out(0x43, 0xd2);                                    /* count of 0 only */
    assert_int_equal(in(0x40), 95);
    assert_int_equal(in(0x40), 0);
    out(0x43, 0xf2);                                    /* nothing */
    assert_int_equal(in(0x40), 95);
}

static void test_port61(void **unused)
{
    out(0x61, 0xff);
    assert_int_equal(in(0x61) & 0xcf, 0x0f);
    unsigned toggles = 0;
    uint8_t last = in(0x61);
    for (unsigned i = 0; i < 1000; i++) {
        fake_env_advance(f, 1000);
        uint8_t v = in(0x61);
        toggles += (v ^ last) >> 4 & 1;
        last = v;
    }
    assert_in_range(toggles, 65, 67);                   /* 1 ms / 15.085 us */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),
        cmocka_unit_test_setup_teardown(test_reset_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode0, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode0_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode2_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode3, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode3_new_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode3_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode4, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode5, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bcd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_byte_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_latch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port61, setup, teardown),
        cmocka_unit_test_setup_teardown(test_irq_mode2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_irq_mode3_new_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_irq_one_shots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alarm_that_comes_early, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missed_ticks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_keeps_due_edge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses, setup, teardown),
    };
    return cmocka_run_group_tests_name("pit", tests, NULL, NULL);
}
