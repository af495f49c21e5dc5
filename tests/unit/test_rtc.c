/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/rtc.c: the clock, its formats and update cycle, interrupts, CMOS, state. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/device/rtc.h"
#include "socle/device/rtc_time.h"

#define MS 1000000ull
#define S  1000000000ull

static struct fake_env *f;
static struct rtc rtc;
static struct pio_bus bus;

enum { START = 1709210096 };        /* 2024-02-29 12:34:56, a Thursday */

static int setup(void **unused)
{
    f = fake_env_new();
    pio_bus_init(&bus);
    rtc_init(&rtc, &f->env, START);
    rtc_reset(&rtc);
    assert_int_equal(rtc_attach(&rtc, &bus), HV_OK);
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

static uint8_t get(uint8_t index) { out(0x70, index); return in(0x71); }
static void set(uint8_t index, uint8_t v) { out(0x70, index), out(0x71, v); }

static void assert_clock(unsigned h, unsigned m, unsigned s)
{
    assert_int_equal(get(RTC_HOURS), h);
    assert_int_equal(get(RTC_MINUTES), m);
    assert_int_equal(get(RTC_SECONDS), s);
}

static void assert_date(unsigned century, unsigned y, unsigned m, unsigned d, unsigned wd)
{
    assert_int_equal(get(RTC_CENTURY), century);
    assert_int_equal(get(RTC_YEAR), y);
    assert_int_equal(get(RTC_MONTH), m);
    assert_int_equal(get(RTC_DAY), d);
    assert_int_equal(get(RTC_WEEKDAY), wd);
}

/* ---- the clock ------------------------------------------------------------------ */

static void test_runs(void **unused)
{
    assert_clock(0x12, 0x34, 0x56);
    assert_date(0x20, 0x24, 0x02, 0x29, 5);
    fake_env_advance(f, S - 1);
    assert_clock(0x12, 0x34, 0x56);
    fake_env_advance(f, 1);
    assert_clock(0x12, 0x34, 0x57);
    fake_env_advance(f, 12 * 3600 * S);
    assert_clock(0x00, 0x34, 0x57);
    assert_date(0x20, 0x24, 0x03, 0x01, 6);
    assert_int_equal(rtc_time(&rtc), START + 1 + 12 * 3600);
}

static void test_init_clamps(void **unused)
{
    rtc_init(&rtc, &f->env, INT64_MIN);
    assert_date(0x19, 0x70, 0x01, 0x01, 5);
    rtc_init(&rtc, &f->env, INT64_MAX);
    assert_date(0x99, 0x99, 0x12, 0x31, 6);
    fake_env_advance(f, 100 * S);
    (void)get(RTC_CENTURY);
}

static void test_formats(void **unused)
{
    fake_env_advance(f, 3600 * S);
    set(RTC_B, RTC_B_24H | RTC_B_BINARY);
    assert_clock(13, 34, 56);
    assert_date(20, 24, 2, 29, 5);
    set(RTC_B, 0);
    assert_clock(0x81, 0x34, 0x56);
    set(RTC_B, RTC_B_BINARY);
    assert_clock(0x81, 34, 56);
    fake_env_advance(f, 11 * 3600 * S);
    assert_clock(12, 34, 56);
    fake_env_advance(f, 12 * 3600 * S);
    assert_clock(0x8c, 34, 56);
}

static void test_set_time(void **unused)
{
    fake_env_advance(f, 300 * MS);
    set(RTC_B, 0x80 | RTC_B_24H);
    fake_env_advance(f, 10 * S);
    assert_clock(0x12, 0x34, 0x56);                     /* held */
    set(RTC_SECONDS, 0x59), set(RTC_MINUTES, 0x59), set(RTC_HOURS, 0x23);
    set(RTC_DAY, 0x31), set(RTC_MONTH, 0x12), set(RTC_YEAR, 0x99), set(RTC_CENTURY, 0x19);
    set(RTC_WEEKDAY, 2);                                /* it is Friday; the chip does not care */
    set(RTC_B, RTC_B_24H);
    assert_clock(0x23, 0x59, 0x59);
    fake_env_advance(f, 699 * MS);                      /* the divider kept its phase */
    assert_clock(0x23, 0x59, 0x59);
    fake_env_advance(f, MS);
    assert_clock(0x00, 0x00, 0x00);
    assert_date(0x20, 0x00, 0x01, 0x01, 3);
    assert_int_equal(rtc_time(&rtc), 946684800);
}

static void test_host_sets_time(void **unused)
{
    fake_env_advance(f, 300 * MS);
    set(RTC_WEEKDAY, 1);                                /* a guest's odd week is forgotten */
    set(RTC_B, 0x12);
    rtc_set_time(&rtc, 946684799);
    assert_clock(0x23, 0x59, 0x59);
    assert_date(0x19, 0x99, 0x12, 0x31, 6);
    fake_env_advance(f, 700 * MS);
    assert_clock(0x00, 0x00, 0x00);
    assert_int_equal(f->rises[8], 1);
    assert_int_equal(rtc_time(&rtc), 946684800);
    set(RTC_B, 0x82);                                   /* held by the guest: also then */
    rtc_set_time(&rtc, 86400 + 1);
    assert_date(0x19, 0x70, 0x01, 0x02, 6);
    set(RTC_B, 0x02);
    fake_env_advance(f, S);
    assert_clock(0x00, 0x00, 0x02);
    rtc_set_time(&rtc, -5);
    assert_int_equal(rtc_time(&rtc), 0);
}

static void test_set_time_without_set_bit(void **unused)
{
    set(RTC_HOURS, 0x20);
    assert_clock(0x20, 0x34, 0x56);
    fake_env_advance(f, S);
    assert_clock(0x20, 0x34, 0x57);
    set(RTC_SECONDS, 0x75);                             /* shown until it ticks */
    assert_int_equal(get(RTC_SECONDS), 0x75);
    fake_env_advance(f, S);
    assert_clock(0x20, 0x35, 0x16);
}

static void test_divider_reset(void **unused)
{
    set(RTC_A, 0x66);
    fake_env_advance(f, 10 * S + 123 * MS);
    assert_clock(0x12, 0x34, 0x56);
    assert_int_equal(get(RTC_A), 0x66);
    set(RTC_A, 0x26);
    fake_env_advance(f, 499 * MS);
    assert_clock(0x12, 0x34, 0x56);
    fake_env_advance(f, MS);                            /* half a second after the start */
    assert_clock(0x12, 0x34, 0x57);
}

static void test_uip(void **unused)
{
    fake_env_advance(f, S - 244001);
    assert_int_equal(get(RTC_A), 0x26);
    fake_env_advance(f, 1);
    assert_int_equal(get(RTC_A), 0xa6);
    fake_env_advance(f, 243999);
    assert_int_equal(get(RTC_A), 0xa6);
    fake_env_advance(f, 1);
    assert_int_equal(get(RTC_A), 0x26);
    fake_env_advance(f, S - 1);
    set(RTC_B, 0x82);
    assert_int_equal(get(RTC_A), 0x26);                 /* no updates while SET */
    set(RTC_A, 0xff);                                   /* UIP itself is read only */
    assert_int_equal(get(RTC_A), 0x7f);
}

/* ---- interrupts ----------------------------------------------------------------- */

static void test_update_interrupt(void **unused)
{
    assert_int_equal(get(RTC_C), 0);
    fake_env_advance(f, S);
    assert_int_equal(get(RTC_C) & 0x90, 0x10);          /* the flag comes without enable */
    set(RTC_B, 0x12);
    fake_env_advance(f, S - 1);
    assert_false(f->line[8]);
    fake_env_advance(f, 1);
    assert_true(f->line[8]);
    fake_env_advance(f, 5 * S);
    assert_int_equal(f->rises[8], 1);                   /* pending until register C is read */
    assert_int_equal(get(RTC_C) & 0x90, 0x90);
    assert_false(f->line[8]);
    assert_int_equal(get(RTC_C), 0);
    fake_env_advance(f, S);
    assert_int_equal(f->rises[8], 2);
    set(RTC_B, 0x92);                                   /* SET clears UIE */
    assert_int_equal(get(RTC_B), 0x82);
    assert_false(f->line[8]);
}

static void test_enable_of_a_set_flag(void **unused)
{
    fake_env_advance(f, 2 * S);
    set(RTC_B, 0x12);
    assert_true(f->line[8]);
    set(RTC_B, 0x02);
    assert_false(f->line[8]);
    assert_int_equal(get(RTC_C) & 0x90, 0x10);
}

static void test_periodic_rates(void **unused)
{
    static const uint16_t hz[16] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32,
                                     16, 8, 4, 2 };
    for (unsigned rs = 0; rs < 16; rs++) {
        set(RTC_A, (uint8_t)(0x20 | rs));
        set(RTC_B, 0x42);
        (void)get(RTC_C);
        unsigned count = 0;
        for (uint64_t end = f->now + S; f->now < end; ) {
            uint64_t next = alarm_next(&f->alarms);
            fake_env_advance(f, min_u64(next, end) - f->now);
            if (f->line[8]) {
                assert_int_equal(get(RTC_C) & 0xc0, 0xc0);
                count++;
            }
        }
        assert_int_equal(count, hz[rs]);
    }
    set(RTC_A, 0x66);                                   /* divider held: none */
    (void)get(RTC_C);
    fake_env_advance(f, S);
    assert_int_equal(get(RTC_C), 0);
}

static void test_periodic_unread_is_silent(void **unused)
{
    set(RTC_A, 0x23);
    set(RTC_B, 0x42);
    fake_env_advance(f, 60 * S);
    assert_int_equal(f->rises[8], 1);
    assert_int_equal(alarm_next(&f->alarms), ALARM_NEVER);
}

static void test_alarm_interrupt(void **unused)
{
    set(RTC_SECONDS_ALARM, 0x58), set(RTC_MINUTES_ALARM, 0x34), set(RTC_HOURS_ALARM, 0x12);
    set(RTC_B, 0x22);
    fake_env_advance(f, 2 * S - 1);
    assert_false(f->line[8]);
    fake_env_advance(f, 1);
    assert_true(f->line[8]);
    assert_int_equal(get(RTC_C) & 0xa0, 0xa0);
    fake_env_advance(f, 86400 * S - 1);
    assert_false(f->line[8]);
    fake_env_advance(f, 1);
    assert_true(f->line[8]);
    (void)get(RTC_C);
    set(RTC_SECONDS_ALARM, 0xc0), set(RTC_MINUTES_ALARM, 0xff), set(RTC_HOURS_ALARM, 0xde);
    fake_env_advance(f, S);
    assert_int_equal(f->rises[8], 3);                   /* each second */
    (void)get(RTC_C);
    set(RTC_SECONDS_ALARM, 0x60);
    fake_env_advance(f, 100000 * S);
    assert_int_equal(f->rises[8], 3);                   /* never */
    set(RTC_B, 0x02);
    set(RTC_SECONDS_ALARM, 0);
    fake_env_advance(f, 60 * S);
    assert_int_equal(get(RTC_C) & 0xa0, 0x20);          /* flag without enable */
}

static void test_reset_pin(void **unused)
{
    set(RTC_B, 0x7a);
    set(0x40, 0x77);
    out(0x70, 0x8f);
    fake_env_advance(f, 2 * S);
    assert_true(f->line[8]);
    rtc_reset(&rtc);
    assert_false(f->line[8]);
    assert_int_equal(alarm_next(&f->alarms), ALARM_NEVER);
    assert_int_equal(get(RTC_B), 0x02);
    assert_int_equal(get(RTC_C), 0);
    assert_int_equal(get(0x40), 0x77);
    assert_clock(0x12, 0x34, 0x58);
    assert_false(rtc.nmi_masked);
}

/* ---- memory --------------------------------------------------------------------- */

static void test_cmos(void **unused)
{
    for (unsigned i = RTC_D + 1; i < 128; i++)
        if (i != RTC_CENTURY)
            set((uint8_t)(i | 0x80), (uint8_t)(i ^ 0x5a));
    for (unsigned i = RTC_D + 1; i < 128; i++)
        if (i != RTC_CENTURY)
            assert_int_equal(get((uint8_t)i), i ^ 0x5a);
    for (unsigned i = 0; i < 128; i++)
        out(0x72, (uint8_t)i), out(0x73, (uint8_t)(i + 3));
    for (unsigned i = 0; i < 128; i++) {
        out(0x72, (uint8_t)(i | 0x80));
        assert_int_equal(in(0x73), (uint8_t)(i + 3));
    }
    assert_int_equal(get(0x20), 0x20 ^ 0x5a);           /* the banks are apart */
    assert_int_equal(in(0x70), 0xff);
    assert_int_equal(in(0x72), 0xff);
    set(RTC_D, 0);
    set(RTC_C, 0xff);
    assert_int_equal(get(RTC_D), 0x80);
    assert_int_equal(get(RTC_C), 0);
    out(0x70, 0x80);
    assert_true(rtc.nmi_masked);
    out(0x70, 0x00);
    assert_false(rtc.nmi_masked);
}

static unsigned word(uint8_t index) { return get(index) | (unsigned)get(index + 1) << 8; }

static void test_memory_sizes(void **unused)
{
    rtc_set_memory(&rtc, GIB(3), GIB(5));
    assert_int_equal(word(0x15), 640);
    assert_int_equal(word(0x17), 0xffff);
    assert_int_equal(word(0x30), 0xffff);
    assert_int_equal(word(0x34), (GIB(3) - MIB(16)) >> 16);
    assert_int_equal(word(0x5b) | get(0x5d) << 16, GIB(5) >> 16);
    unsigned sum = 0;
    for (uint8_t i = 0x10; i < 0x2e; i++)
        sum += get(i);
    assert_int_equal(get(0x2e) << 8 | get(0x2f), sum);
    rtc_set_memory(&rtc, MIB(8), 0);
    assert_int_equal(word(0x17), 7 * 1024);
    assert_int_equal(word(0x34), 0);
    assert_int_equal(word(0x5b) | get(0x5d) << 16, 0);
    rtc_set_memory(&rtc, KIB(512), UINT64_MAX);
    assert_int_equal(word(0x15), 512);
    assert_int_equal(word(0x17), 0);
    assert_int_equal(word(0x5b) | get(0x5d) << 16, 0xffffff);
    rtc_set_cmos(&rtc, 0x3d, 0x21);
    assert_int_equal(get(0x3d), 0x21);
    rtc_set_cmos(&rtc, RTC_HOURS, 0);
    rtc_set_cmos(&rtc, 0x80, 0);
    assert_int_equal(get(RTC_HOURS), 0x12);
}

/* ---- save and load -------------------------------------------------------------- */

static uint32_t seed;
static uint32_t random32(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void churn(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint32_t r = random32();
        switch (r & 3) {
        case 0: set(r >> 2 & 15, (uint8_t)(r >> 8)); break;
        case 1: set(r >> 2 & 1 ? RTC_B : RTC_A, (uint8_t)(r >> 8) & 0x7f); break;
        case 2: (void)get(r >> 2 & 15); break;
        default: fake_env_advance(f, (uint64_t)(r >> 2 & 0xfffff) << (r & 12)); break;
        }
    }
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    rtc_save(&rtc, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t first[512], second[512], again[512];
    for (uint32_t round = 1; round < 200; round++) {
        seed = round;
        churn(60);
        size_t n = save(first, sizeof(first));
        uint64_t now = f->now;
        bool line = f->line[8];
        uint32_t resume = seed;
        churn(60);
        assert_int_equal(save(second, sizeof(second)), n);
        alarm_cancel(&f->alarms, &rtc.alarm);
        f->now = now;
        f->line[8] = line;
        unsigned rises = f->rises[8];
        rtc_init(&rtc, &f->env, 0);
        struct state_in i = { .buf = first, .len = n };
        assert_int_equal(rtc_load(&rtc, &i), HV_OK);
        assert_int_equal(f->rises[8], rises);
        save(again, sizeof(again));
        assert_memory_equal(again, first, n);
        seed = resume;
        churn(60);
        save(again, sizeof(again));
        assert_memory_equal(again, second, n);
    }
}

static void test_load_refuses(void **unused)
{
    uint8_t good[512], bad[512], now[512];
    size_t n = save(good, sizeof(good));
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in i = { .buf = good, .len = cut };
        assert_int_not_equal(rtc_load(&rtc, &i), HV_OK);
    }
    enum { WEEKDAY = 12 + 256 + 4, BASE, PHASE = BASE + 8, SHOWN = PHASE + 8, SEEN = SHOWN + 8 };
    static const struct { size_t at; uint8_t v; } wrong[] = {
        { WEEKDAY, 7 }, { BASE + 7, 0x7f }, { BASE + 7, 0x80 }, { PHASE + 4, 1 },
        { SHOWN + 7, 0x7f }, { SHOWN + 7, 0x80 }, { SEEN + 7, 0xff },
    };
    for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
        memcpy(bad, good, n);
        bad[wrong[k].at] = wrong[k].v;
        struct state_in i = { .buf = bad, .len = n };
        assert_int_equal(rtc_load(&rtc, &i), HV_INVALID);
        save(now, sizeof(now));
        assert_memory_equal(now, good, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_init_clamps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_sets_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_time_without_set_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_divider_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_update_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_enable_of_a_set_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(test_periodic_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_periodic_unread_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alarm_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset_pin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cmos, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_load_refuses, setup, teardown),
    };
    return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
