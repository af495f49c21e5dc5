/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC timer: counting, modes, dividers, deadlines, rate limit. 1 tick is 1 ns / divider. */
#include "apic_fixture.h"

#define DIV1 0xb

static int setup(void **state)
{
    struct apics *t = apics_new(1);
    enable(&t->lapic[0]);
    wr(&t->lapic[0], 0x3e0, DIV1);
    fake_env_advance(t->fake, 12345);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    apics_free(*state);
    return 0;
}

/* Did the timer's interrupt come since the last call? Completes it. */
static bool came(struct lapic *l, int vector)
{
    if (lapic_pending(l) != vector)
        return false;
    take(l, vector);
    wr(l, 0xb0, 0);
    return true;
}

static void one_shot(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x60);
    wr(l, 0x380, 1000);
    assert_int_equal(rd(l, 0x390), 1000);
    fake_env_advance(t->fake, 1);
    assert_int_equal(rd(l, 0x390), 999);
    fake_env_advance(t->fake, 998);
    assert_int_equal(rd(l, 0x390), 1);
    assert_false(came(l, 0x60));
    fake_env_advance(t->fake, 1);
    assert_int_equal(rd(l, 0x390), 0);
    assert_true(came(l, 0x60));
    fake_env_advance(t->fake, 100000);
    assert_false(came(l, 0x60));
    assert_int_equal(rd(l, 0x380), 1000);
    wr(l, 0x380, 50);                       /* again, and stopped before it is over */
    wr(l, 0x380, 0);
    fake_env_advance(t->fake, 1000);
    assert_false(came(l, 0x60));
    assert_int_equal(alarm_next(&t->fake->alarms), ALARM_NEVER);
}

static void dividers(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    static const struct { uint32_t tdcr, divider; } d[] = {
        { 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 }, { 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 },
        { 0xb, 1 },
    };
    wr(l, 0x320, 0x60);
    for (unsigned i = 0; i < ARRAY_LEN(d); i++) {
        wr(l, 0x3e0, d[i].tdcr);
        wr(l, 0x380, 10);
        fake_env_advance(t->fake, d[i].divider * 3 - 1);
        assert_int_equal(rd(l, 0x390), 8);
        fake_env_advance(t->fake, 1);
        assert_int_equal(rd(l, 0x390), 7);
        fake_env_advance(t->fake, d[i].divider * 7 - 1);
        assert_false(came(l, 0x60));
        fake_env_advance(t->fake, 1);
        assert_true(came(l, 0x60));
    }
}

static void divider_changed_while_counting(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x60);
    wr(l, 0x380, 1000);
    fake_env_advance(t->fake, 400);
    wr(l, 0x3e0, 0x0);                      /* /2 */
    assert_int_equal(rd(l, 0x390), 600);
    fake_env_advance(t->fake, 1199);
    assert_false(came(l, 0x60));
    fake_env_advance(t->fake, 1);
    assert_true(came(l, 0x60));
}

static void longest_count(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x3e0, 0xa);
    wr(l, 0x320, 0x60);
    wr(l, 0x380, 0xffffffff);
    fake_env_advance(t->fake, 0xffffffffull * 128 - 1);
    assert_int_equal(rd(l, 0x390), 1);
    assert_false(came(l, 0x60));
    fake_env_advance(t->fake, 1);
    assert_true(came(l, 0x60));
}

static void periodic(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    unsigned n = 0;
    wr(l, 0x320, 0x20061);
    wr(l, 0x380, 100000);
    for (unsigned i = 0; i < 1000; i++) {
        fake_env_advance(t->fake, 10000);
        n += came(l, 0x61);
        assert_int_equal(rd(l, 0x390), i % 10 == 9 ? 100000 : 100000 - (i % 10 + 1) * 10000);
    }
    assert_int_equal(n, 100);
}

/* Periods that nobody served count once, and the phase is kept. */
static void missed_periods(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x20061);
    wr(l, 0x380, 100000);
    t->fake->now += 1234567;                /* the machine was busy: no alarm ran */
    assert_int_equal(rd(l, 0x390), 100000 - 34567);
    fake_env_advance(t->fake, 0);
    assert_true(came(l, 0x61));
    assert_false(came(l, 0x61));
    assert_int_equal(rd(l, 0x390), 100000 - 34567);
    fake_env_advance(t->fake, 100000 - 34567 - 1);
    assert_false(came(l, 0x61));
    fake_env_advance(t->fake, 1);
    assert_true(came(l, 0x61));
}

static void absurd_periods_are_limited(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    static const uint32_t counts[] = { 1, 2, 7, 19999, 20000 };
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
        unsigned n = 0;
        wr(l, 0x320, 0x20061);
        wr(l, 0x380, counts[i]);
        for (uint64_t end = t->fake->now + 10000000; t->fake->now < end;) {
            fake_env_advance(t->fake, 100);
            n += came(l, 0x61);
        }
        assert_in_range(n, 10000000 / 40000, 10000000 / LAPIC_MIN_PERIOD + 1);
        assert_in_range(rd(l, 0x390), 1, counts[i]);
        wr(l, 0x380, 0);
        came(l, 0x61);
    }
}

static void masked_timer_counts_silently(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x30061);
    wr(l, 0x380, 100000);
    assert_int_equal(alarm_next(&t->fake->alarms), ALARM_NEVER);
    fake_env_advance(t->fake, 250000);
    assert_int_equal(rd(l, 0x390), 50000);
    wr(l, 0x320, 0x20061);
    assert_false(came(l, 0x61));            /* what expired while masked is gone */
    fake_env_advance(t->fake, 50000);
    assert_true(came(l, 0x61));
    wr(l, 0x320, 0x10061);                  /* one-shot, masked: runs out */
    fake_env_advance(t->fake, 150000);
    wr(l, 0x320, 0x00061);
    fake_env_advance(t->fake, 1000000);
    assert_false(came(l, 0x61));
    assert_int_equal(rd(l, 0x390), 0);
}

static void mode_switch_between_one_shot_and_periodic(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x60);
    wr(l, 0x380, 100000);
    fake_env_advance(t->fake, 30000);
    wr(l, 0x320, 0x20060);
    assert_int_equal(rd(l, 0x390), 70000);  /* keeps counting */
    fake_env_advance(t->fake, 70000);
    assert_true(came(l, 0x60));
    fake_env_advance(t->fake, 100000);
    assert_true(came(l, 0x60));
}

/* The expiry comes with the vector in force when it happened. */
static void vector_change_at_expiry(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x60);
    wr(l, 0x380, 1000);
    t->fake->now += 5000;                   /* expired, alarm still to come */
    wr(l, 0x320, 0x70);
    fake_env_advance(t->fake, 0);
    assert_true(came(l, 0x60));
    assert_int_equal(lapic_pending(l), -1);
}

static void deadline(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    t->tsc_offset = 1000000000;
    lapic_deadline_write(l, tsc_now(t) + 100);      /* not in deadline mode: ignored */
    assert_int_equal(lapic_deadline_read(l), 0);
    wr(l, 0x320, 0x40062);
    wr(l, 0x380, 1000);                             /* ignored in this mode */
    assert_int_equal(rd(l, 0x380), 0);
    assert_int_equal(rd(l, 0x390), 0);
    uint64_t due = tsc_now(t) + 20001;
    lapic_deadline_write(l, due);
    assert_int_equal(lapic_deadline_read(l), due);
    fake_env_advance(t->fake, 10000);
    assert_false(came(l, 0x62));
    fake_env_advance(t->fake, 1);
    assert_true(came(l, 0x62));
    assert_int_equal(lapic_deadline_read(l), 0);
    lapic_deadline_write(l, tsc_now(t));            /* now, or in the past: at once */
    assert_true(came(l, 0x62));
    lapic_deadline_write(l, 1);
    assert_true(came(l, 0x62));
    assert_int_equal(lapic_deadline_read(l), 0);
    lapic_deadline_write(l, tsc_now(t) + 1000);
    lapic_deadline_write(l, 0);                     /* disarms */
    fake_env_advance(t->fake, 100000);
    assert_false(came(l, 0x62));
}

static void deadline_far_away(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x40062);
    lapic_deadline_write(l, UINT64_MAX);
    fake_env_advance(t->fake, 1000000000);
    assert_false(came(l, 0x62));
    assert_int_equal(lapic_deadline_read(l), UINT64_MAX);
    lapic_deadline_write(l, UINT64_MAX - 1);
    lapic_deadline_write(l, 1ull << 63);
    assert_false(came(l, 0x62));
}

static void deadline_masked(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x50062);
    lapic_deadline_write(l, tsc_now(t) + 2000);
    assert_int_equal(alarm_next(&t->fake->alarms), ALARM_NEVER);
    fake_env_advance(t->fake, 1001);
    assert_int_equal(lapic_deadline_read(l), 0);
    lapic_deadline_write(l, tsc_now(t) + 2000);
    wr(l, 0x320, 0x40062);
    fake_env_advance(t->fake, 1000);
    assert_true(came(l, 0x62));
}

static void deadline_mode_changes_disarm(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x40062);
    lapic_deadline_write(l, tsc_now(t) + 2000);
    wr(l, 0x320, 0x00062);
    assert_int_equal(lapic_deadline_read(l), 0);
    fake_env_advance(t->fake, 10000);
    assert_false(came(l, 0x62));
    wr(l, 0x380, 5000);
    wr(l, 0x320, 0x40062);
    fake_env_advance(t->fake, 10000);
    assert_false(came(l, 0x62));
    lapic_deadline_write(l, tsc_now(t) + 2000);
    wr(l, 0x320, 0x60062);                          /* reserved mode: nothing runs */
    assert_int_equal(lapic_deadline_read(l), 0);
    lapic_deadline_write(l, 1);
    wr(l, 0x380, 5);
    fake_env_advance(t->fake, 10000);
    assert_false(came(l, 0x62));
}

static void deadline_follows_the_tsc(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x40062);
    lapic_deadline_write(l, tsc_now(t) + 200000);
    t->tsc_offset += 100000;                        /* the guest set its TSC ahead */
    lapic_tsc_changed(l);
    fake_env_advance(t->fake, 50000);
    assert_true(came(l, 0x62));
    lapic_deadline_write(l, tsc_now(t) + 2000);
    t->tsc_offset -= 2000;                          /* behind: an early alarm must not count */
    fake_env_advance(t->fake, 1000);
    assert_false(came(l, 0x62));
    fake_env_advance(t->fake, 1000);
    assert_true(came(l, 0x62));
    lapic_deadline_write(l, tsc_now(t) + 2000);
    t->tsc_offset += 5000;
    lapic_tsc_changed(l);                           /* passed by the change */
    assert_true(came(l, 0x62));
}

static void not_offered(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    l->tsc_deadline = false;
    wr(l, 0x320, 0x40062);
    assert_int_equal(rd(l, 0x320), 0x62);
    to_x2apic(l);
    assert_false(lapic_msr_write(l, 0x832, 0x40062));
}

static void stops_with_the_apic(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    wr(l, 0x320, 0x20061);
    wr(l, 0x380, 100000);
    wr(l, 0xf0, 0xff);                              /* software disable masks */
    fake_env_advance(t->fake, 250000);
    assert_int_equal(alarm_next(&t->fake->alarms), ALARM_NEVER);
    assert_int_equal(rd(l, 0x390), 50000);
    enable(l);
    wr(l, 0x320, 0x20061);
    fake_env_advance(t->fake, 50000);
    assert_true(came(l, 0x61));
    assert_true(lapic_base_write(l, 0xfee00100));
    assert_int_equal(alarm_next(&t->fake->alarms), ALARM_NEVER);
    fake_env_advance(t->fake, 1000000);
    assert_int_equal(lapic_pending(l), -1);
}

static void survives_save_and_load(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    uint8_t buf[1024];
    wr(l, 0x320, 0x20061);
    wr(l, 0x380, 100000);
    fake_env_advance(t->fake, 30000);
    struct state_out o = { .buf = buf, .cap = sizeof(buf) };
    lapic_save(l, &o);
    lapic_reset(l);
    assert_int_equal(alarm_next(&t->fake->alarms), ALARM_NEVER);
    struct state_in in = { .buf = buf, .len = o.len };
    assert_int_equal(lapic_load(l, &in), HV_OK);
    assert_int_equal(rd(l, 0x390), 70000);
    fake_env_advance(t->fake, 69999);
    assert_false(came(l, 0x61));
    fake_env_advance(t->fake, 1);
    assert_true(came(l, 0x61));
}

/* A deadline that passed while the guest was away comes when it is back. */
static void overdue_at_load(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    uint8_t buf[1024];
    wr(l, 0x320, 0x40062);
    lapic_deadline_write(l, tsc_now(t) + 2000);
    struct state_out o = { .buf = buf, .cap = sizeof(buf) };
    lapic_save(l, &o);
    lapic_reset(l);
    fake_env_advance(t->fake, 5000);
    struct state_in in = { .buf = buf, .len = o.len };
    assert_int_equal(lapic_load(l, &in), HV_OK);
    assert_false(came(l, 0x62));
    fake_env_advance(t->fake, 0);
    assert_true(came(l, 0x62));
    assert_int_equal(lapic_deadline_read(l), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_shot), T(dividers), T(divider_changed_while_counting), T(longest_count), T(periodic),
        T(missed_periods), T(absurd_periods_are_limited), T(masked_timer_counts_silently),
        T(mode_switch_between_one_shot_and_periodic), T(vector_change_at_expiry), T(deadline),
        T(deadline_far_away), T(deadline_masked), T(deadline_mode_changes_disarm),
        T(deadline_follows_the_tsc), T(not_offered), T(stops_with_the_apic),
        T(survives_save_and_load), T(overdue_at_load),
    };
    return cmocka_run_group_tests_name("lapic timer", tests, NULL, NULL);
}
