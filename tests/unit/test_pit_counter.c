/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/pit_counter.c through its ports, device/ticks.h: modes, latches, gate, BCD. */
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

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_ticks), T(test_reset_state), T(test_mode0), T(test_mode0_gate), T(test_mode1),
        T(test_mode2), T(test_mode2_gate), T(test_mode3), T(test_mode3_new_count),
        T(test_mode3_gate), T(test_mode4), T(test_mode5), T(test_bcd), T(test_byte_modes),
        T(test_latch), T(test_read_back), T(test_port61),
    };
    return cmocka_run_group_tests_name("pit_counter", tests, NULL, NULL);
}
