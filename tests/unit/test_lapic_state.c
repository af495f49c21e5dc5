/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC: saving and loading, hostile records, and senders on other CPUs. */
#include <pthread.h>

#include "apic_fixture.h"

static int setup(void **state)
{
    *state = apics_new(4);
    return 0;
}

static int teardown(void **state)
{
    apics_free(*state);
    return 0;
}

/*
 * A sender and the owner work on one word of IRR: the second vector comes while the first
 * is being acknowledged, after a varying delay. None is ever lost.
 */
struct race { struct lapic *l; _Atomic unsigned taken; bool lost; };
enum { RACES = 100000, PATIENCE = 50000000 };

static void *send_pairs(void *arg)
{
    struct race *r = arg;
    for (unsigned n = 0; n < RACES && !r->lost; n++) {
        lapic_raise(r->l, 0x5e, false);
        for (volatile unsigned delay = n % 64; delay; delay--)
            ;
        lapic_raise(r->l, 0x41, n & 1);
        for (unsigned spins = 0; r->taken != 2 * n + 2 && !r->lost; spins++)
            r->lost = spins > PATIENCE;
    }
    atomic_fetch_or(&r->taken, BIT(31));
    return NULL;
}

static void sender_races_with_the_owner(void **state)
{
    struct apics *t = *state;
    struct race r = { &t->lapic[0], 0, false };
    pthread_t thread;
    enable(&t->lapic[0]);
    assert_int_equal(pthread_create(&thread, NULL, send_pairs, &r), 0);
    while (!(r.taken & BIT(31))) {
        int v = lapic_pending(&t->lapic[0]);
        if (v < 0)
            continue;
        lapic_ack(&t->lapic[0], (uint8_t)v);
        lapic_eoi(&t->lapic[0]);
        r.taken++;
    }
    pthread_join(thread, NULL);
    assert_false(r.lost);
}

static size_t save(struct lapic *l, uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    lapic_save(l, &o);
    assert_true(o.len <= cap);
    return o.len;
}

/* Random traffic, save, load into a fresh APIC, save: the same bytes. */
static void state_round_trip(void **state)
{
    struct apics *t = *state;
    uint8_t a[1024], b[1024];
    srand(5);
    for (unsigned round = 0; round < 300; round++) {
        struct lapic *l = &t->lapic[0];
        apics_init_one(t, 0, round & 1);
        enable(l);
        for (unsigned n = 0; n < 40; n++) {
            unsigned off = (unsigned)rand() % 0x40 * 16;
            if (off != 0x300)
                wr(l, off, (uint32_t)rand() ^ (uint32_t)rand() << 16);
            if (n % 8 == 0)
                enable(l);
            lapic_raise(l, (uint8_t)rand(), rand() & 1);
            int v = lapic_pending(l);
            if (v >= 0 && (rand() & 1))
                lapic_ack(l, (uint8_t)v);
            lapic_set_lint(l, (unsigned)rand() & 1, rand() & 1);
        }
        if (round % 3 == 0) {
            to_x2apic(l);
            assert_true(lapic_msr_write(l, 0x832, 0x400e0));
            lapic_deadline_write(l, tsc_now(t) + 1000000);
        }
        size_t len = save(l, a, sizeof(a));
        int pending = lapic_pending(l);
        lapic_reset(l);                     /* takes the alarm out before the struct is wiped */
        apics_init_one(t, 0, round & 1);
        struct state_in in = { .buf = a, .len = len };
        assert_int_equal(lapic_load(l, &in), HV_OK);
        assert_int_equal(save(l, b, sizeof(b)), len);
        assert_memory_equal(a, b, len);
        assert_int_equal(lapic_pending(l), pending);
        fake_env_advance(t->fake, 1000);
        lapic_reset(l);
    }
}

static void hostile_state(void **state)
{
    struct apics *t = *state;
    struct lapic *l = &t->lapic[0];
    uint8_t good[1024], bad[1024];
    enable(l);
    size_t len = save(l, good, sizeof(good));
    for (size_t cut = 0; cut < len; cut++) {
        struct state_in in = { .buf = good, .len = cut };
        assert_int_not_equal(lapic_load(l, &in), HV_OK);
        assert_int_equal(rd(l, 0xf0), 0xff);
    }
    srand(6);
    for (unsigned n = 0; n < 3000; n++) {
        memcpy(bad, good, len);
        for (unsigned k = 0; k < 12; k++)
            bad[12 + (unsigned)rand() % (len - 12)] = (uint8_t)rand();
        struct state_in in = { .buf = bad, .len = len };
        hv_status s = lapic_load(l, &in);
        assert_true(s == HV_OK || s == HV_INVALID);
        fake_env_advance(t->fake, 100000);
        rd(l, 0x390);
        int v = lapic_pending(l);
        assert_true(v == -1 || v >= 16);
        if (v >= 0)
            lapic_ack(l, (uint8_t)v);
        lapic_eoi(l);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(sender_races_with_the_owner), T(state_round_trip), T(hostile_state),
    };
    return cmocka_run_group_tests_name("lapic state", tests, NULL, NULL);
}
