/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/sched/runq.c: simulated CPUs: shares, latencies, sleepers, and the heap's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "socle/runq.h"

#define US 1000ull
#define MS 1000000ull
#define LATENCY (6 * MS)
#define SLICE (500 * US)

enum { N = 64 };

static struct runq q;
static struct run_entity e[N], *heap[N];
static uint64_t now;

static int setup(void **unused)
{
    runq_init(&q, heap, N, LATENCY, SLICE);
    now = 1000;
    return 0;
}

static void start(unsigned i, uint16_t weight)
{
    run_entity_init(&e[i], weight);
    runq_wake(&q, &e[i]);
}

static void check_books(void)
{
    uint64_t load = q.current ? q.current->weight : 0;
    for (uint32_t i = 0; i < q.count; i++) {
        assert_int_equal(heap[i]->slot, i + 1);
        assert_true(i == 0 || (int64_t)(heap[i]->vtime - heap[(i - 1) / 2]->vtime) >= 0);
        assert_true((int64_t)(heap[i]->vtime - q.vmin) >= -(int64_t)(LATENCY / 2 * 16));
        load += heap[i]->weight;
    }
    assert_true(q.load == load);
}

/* Runs the next one for its slice or, if shorter, for `most`. */
static struct run_entity *run_one(uint64_t most)
{
    uint64_t end;
    struct run_entity *r = runq_pick(&q, now, &end);
    assert_non_null(r);
    uint64_t ran = end - now < most ? end - now : most;
    now += ran;
    runq_charge(&q, ran);
    return r;
}

static void empty_queue_picks_nobody(void **unused)
{
    uint64_t end = 5;
    assert_null(runq_pick(&q, now, &end));
    assert_true(end == UINT64_MAX);
}

static void a_lone_entity_has_no_end_of_slice(void **unused)
{
    uint64_t end;
    start(0, 256);
    assert_ptr_equal(runq_pick(&q, now, &end), &e[0]);
    assert_true(end == UINT64_MAX);
    run_entity_init(&e[1], 256);
    runq_charge(&q, 10);
    assert_int_equal(runq_wake(&q, &e[1]), RUNQ_RESLICE);
    assert_true(runq_slice_end(&q, now) == now + LATENCY / 2);
    run_entity_init(&e[2], 256);
    assert_int_equal(runq_wake(&q, &e[2]), RUNQ_KEEP);
    check_books();
}

static void slices_follow_weights_and_the_minimum(void **unused)
{
    uint64_t end;
    start(0, 300);
    start(1, 100);
    assert_ptr_equal(runq_pick(&q, now, &end), &e[0]);
    assert_true(end - now == LATENCY * 3 / 4);
    runq_put(&q);
    for (unsigned i = 2; i < 60; i++)
        start(i, 1000);
    runq_remove(&q, &e[0]);
    runq_pick(&q, now, &end);
    assert_true(end - now == SLICE);
    check_books();
}

static void shares_are_as_weights(void **unused)
{
    static const uint16_t sets[][4] = {
        { 1, 2, 4, 0 }, { 256, 512, 1024, 0 }, { 100, 100, 100, 100 }, { 1, 1, 10, 100 },
        { 65535, 32767, 16384, 8192 }, { 1000, 1, 0, 0 },
    };
    for (unsigned s = 0; s < ARRAY_LEN(sets); s++) {
        uint64_t sum = 0, all = 0;
        setup(NULL);
        for (unsigned i = 0; i < 4 && sets[s][i]; i++) {
            start(i, sets[s][i]);
            sum += sets[s][i];
        }
        for (int k = 0; k < 200000; k++) {
            /* Runs end early at odd times, as exits make them do. */
            run_one(100 * US + (uint64_t)k * 7919 % (3 * MS));
            runq_put(&q);
        }
        for (unsigned i = 0; i < 4 && sets[s][i]; i++)
            all += e[i].used;
        for (unsigned i = 0; i < 4 && sets[s][i]; i++) {
            uint64_t want = all / sum * sets[s][i];
            uint64_t error = e[i].used > want ? e[i].used - want : want - e[i].used;
            if (error > want / 100)
                fail_msg("set %u: weight %u got %llu, want %llu", s, sets[s][i],
                         (unsigned long long)e[i].used, (unsigned long long)want);
        }
        check_books();
    }
}

/* Very short runs of a very heavy entity still count: nobody runs for nothing. */
static void tiny_runs_are_charged_exactly(void **unused)
{
    start(0, 65535);
    start(1, 65535);
    uint64_t end;
    struct run_entity *r = runq_pick(&q, now, &end);
    uint64_t before = r->vtime;
    for (int i = 0; i < 65535; i++)
        runq_charge(&q, 7);
    assert_true(r->vtime - before == 7 * 16);
}

static void nobody_waits_longer_than_its_share_explains(void **unused)
{
    static uint64_t last[N];
    uint64_t sum = 0;
    for (unsigned i = 0; i < N; i++) {
        start(i, (uint16_t)(1 + i * i));
        sum += 1 + i * i;
        last[i] = now;
    }
    for (int k = 0; k < 400000; k++) {
        struct run_entity *r = run_one(UINT64_MAX);
        unsigned i = (unsigned)(r - e);
        uint64_t waited = now - last[i];
        /* One slice of its own paid back at its rate, and one slice of each other. */
        uint64_t slice = LATENCY * r->weight / sum > SLICE ? LATENCY * r->weight / sum : SLICE;
        assert_true(waited <= slice * (sum / r->weight + 1) + N * SLICE + LATENCY);
        last[i] = now;
        runq_put(&q);
    }
}

static void a_waking_sleeper_preempts_and_is_bounded(void **unused)
{
    start(0, 256);
    start(1, 256);
    start(2, 256);
    struct run_entity *sleeper = run_one(100 * US);
    runq_sleep(&q);
    for (int k = 0; k < 10000; k++) {
        run_one(UINT64_MAX);
        runq_put(&q);
    }
    run_one(1 * MS);
    assert_int_equal(runq_wake(&q, sleeper), RUNQ_PREEMPT);
    runq_put(&q);
    uint64_t before = sleeper->used;
    uint64_t from = now;
    while (now - from < 30 * MS) {
        run_one(100 * US);
        runq_put(&q);
    }
    /* A third of the time, and at most half a latency of credit for 30 s of sleep. */
    uint64_t got = sleeper->used - before;
    assert_true(got >= 10 * MS - 1 * MS && got <= 10 * MS + LATENCY / 2 + SLICE);
    check_books();
}

/* An interactive vCPU that needs little gets it at once, again and again. */
static void light_sleepers_are_served_promptly(void **unused)
{
    uint64_t worst = 0;
    for (unsigned i = 0; i < 3; i++)
        start(i, 256);
    run_entity_init(&e[9], 256);
    for (int k = 0; k < 2000; k++) {
        for (int i = 0; i < 4; i++) {
            run_one(700 * US);
            runq_put(&q);
        }
        run_one(300 * US);
        enum runq_wake w = runq_wake(&q, &e[9]);
        uint64_t woken = now;
        if (w != RUNQ_PREEMPT) {            /* let the slice end */
            now += 2 * MS;
            runq_charge(&q, 2 * MS);
        }
        runq_put(&q);
        while (run_one(50 * US) != &e[9])
            runq_put(&q);
        worst = now - woken > worst ? now - woken : worst;
        runq_sleep(&q);
    }
    assert_true(worst <= 3 * MS);
}

static void short_sleeps_win_nothing(void **unused)
{
    start(0, 256);
    start(1, 256);
    for (int k = 0; k < 20000; k++) {
        struct run_entity *r = run_one(1 * MS);
        if (r != &e[0]) {
            runq_put(&q);
            continue;
        }
        runq_sleep(&q);                     /* naps for a moment after every run */
        runq_wake(&q, r);
    }
    uint64_t diff = e[0].used > e[1].used ? e[0].used - e[1].used : e[1].used - e[0].used;
    assert_true(diff <= LATENCY);
}

static void who_overran_pays_after_sleeping(void **unused)
{
    start(0, 256);
    start(1, 256);
    struct run_entity *r = run_one(SLICE);
    runq_charge(&q, 50 * MS);               /* could not be stopped in time */
    now += 50 * MS;
    runq_sleep(&q);
    assert_int_not_equal(runq_wake(&q, r), RUNQ_KEEP);
    struct run_entity *other = r == &e[0] ? &e[1] : &e[0];
    uint64_t from = now;
    while (run_one(SLICE) == other)
        runq_put(&q);
    assert_true(now - from >= 45 * MS);
}

static void yield_lets_the_next_one_go_first(void **unused)
{
    for (unsigned i = 0; i < 3; i++)
        start(i, 256);
    struct run_entity *a = run_one(10);
    runq_yield(&q);
    struct run_entity *b = run_one(10);
    assert_ptr_not_equal(a, b);
    runq_yield(&q);
    check_books();
    struct run_entity *c = run_one(10);
    assert_true(c != a && c != b);
    runq_remove(&q, &e[0]);
    runq_remove(&q, &e[1]);
    runq_remove(&q, &e[2]);
    start(0, 1);
    run_one(10);
    runq_yield(&q);                         /* alone: it goes on */
    assert_ptr_equal(run_one(10), &e[0]);
}

static void entities_leave_from_any_state(void **unused)
{
    for (unsigned i = 0; i < 10; i++)
        start(i, (uint16_t)(i + 1));
    struct run_entity *r = run_one(1 * MS);
    runq_remove(&q, r);
    assert_null(q.current);
    runq_remove(&q, r);                     /* not there: no effect */
    check_books();
    for (unsigned i = 9; i < 10; i--) {
        runq_remove(&q, &e[i]);
        assert_false(runq_waiting(&e[i]));
        check_books();
    }
    assert_int_equal(q.load, 0);
}

static void waking_twice_has_no_effect(void **unused)
{
    start(0, 256);
    start(1, 256);
    struct run_entity *r = run_one(1 * MS), *other = r == &e[0] ? &e[1] : &e[0];
    assert_int_equal(runq_wake(&q, r), RUNQ_KEEP);
    assert_int_equal(runq_wake(&q, other), RUNQ_KEEP);
    assert_int_equal(q.count, 1);
    check_books();
}

/* One that is barely behind does not cost a switch; one that is far behind does. */
static void preemption_has_a_margin(void **unused)
{
    start(0, 256);
    run_one(10 * MS);
    run_entity_init(&e[1], 256);
    e[1].vtime = q.current->vtime - SLICE * 16 / 256;
    assert_int_equal(runq_wake(&q, &e[1]), RUNQ_RESLICE);
    run_entity_init(&e[2], 256);
    e[2].vtime = q.current->vtime - SLICE * 16 / 256 - 1;
    assert_int_equal(runq_wake(&q, &e[2]), RUNQ_PREEMPT);
}

static void weights_change_in_any_state(void **unused)
{
    start(0, 100);
    start(1, 100);
    struct run_entity *r = run_one(1 * MS), *other = r == &e[0] ? &e[1] : &e[0];
    runq_set_weight(&q, r, 300);
    check_books();
    runq_set_weight(&q, other, 50);
    check_books();
    runq_sleep(&q);
    runq_set_weight(&q, r, 65535);
    assert_int_equal(q.load, 50);
    runq_wake(&q, r);
    check_books();
}

static void virtual_time_may_wrap(void **unused)
{
    q.vmin = 0 - 1000 * MS;
    for (unsigned i = 0; i < 3; i++) {
        run_entity_init(&e[i], 256);
        e[i].vtime = q.vmin;
        runq_wake(&q, &e[i]);
    }
    for (int k = 0; k < 60000; k++) {
        run_one(UINT64_MAX);
        runq_put(&q);
        if (k % 1000 == 0)
            check_books();
    }
    assert_true((int64_t)q.vmin > 0);
    assert_true(e[0].used / 100 * 99 < e[1].used && e[1].used < e[0].used / 100 * 101);
}

static uint32_t seed = 3;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void random_use_keeps_the_heap(void **unused)
{
    uint64_t end;
    for (unsigned i = 0; i < N; i++)
        run_entity_init(&e[i], (uint16_t)(1 + rnd(1000)));
    for (int step = 0; step < 40000; step++) {
        struct run_entity *x = &e[rnd(N)];
        if (q.current && rnd(2)) {
            runq_charge(&q, rnd(5000000));
            switch (rnd(3)) {
            case 0: runq_put(&q); break;
            case 1: runq_sleep(&q); break;
            case 2: runq_yield(&q); break;
            }
        } else if (!q.current && rnd(2)) {
            runq_pick(&q, now, &end);
        } else if (x != q.current && !runq_waiting(x)) {
            runq_wake(&q, x);
        } else if (rnd(4) == 0) {
            runq_remove(&q, x);
        } else {
            runq_set_weight(&q, x, (uint16_t)(1 + rnd(65535)));
        }
        uint64_t load = q.current ? q.current->weight : 0;
        for (uint32_t i = 0; i < q.count; i++) {
            assert_true(heap[i]->slot == i + 1 && heap[i] != q.current);
            assert_true(i == 0 || (int64_t)(heap[i]->vtime - heap[(i - 1) / 2]->vtime) >= 0);
            load += heap[i]->weight;
        }
        assert_true(q.load == load);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_queue_picks_nobody, setup),
        cmocka_unit_test_setup(a_lone_entity_has_no_end_of_slice, setup),
        cmocka_unit_test_setup(slices_follow_weights_and_the_minimum, setup),
        cmocka_unit_test_setup(shares_are_as_weights, setup),
        cmocka_unit_test_setup(tiny_runs_are_charged_exactly, setup),
        cmocka_unit_test_setup(nobody_waits_longer_than_its_share_explains, setup),
        cmocka_unit_test_setup(a_waking_sleeper_preempts_and_is_bounded, setup),
        cmocka_unit_test_setup(light_sleepers_are_served_promptly, setup),
        cmocka_unit_test_setup(short_sleeps_win_nothing, setup),
        cmocka_unit_test_setup(who_overran_pays_after_sleeping, setup),
        cmocka_unit_test_setup(yield_lets_the_next_one_go_first, setup),
        cmocka_unit_test_setup(entities_leave_from_any_state, setup),
        cmocka_unit_test_setup(waking_twice_has_no_effect, setup),
        cmocka_unit_test_setup(preemption_has_a_margin, setup),
        cmocka_unit_test_setup(weights_change_in_any_state, setup),
        cmocka_unit_test_setup(virtual_time_may_wrap, setup),
        cmocka_unit_test_setup(random_use_keeps_the_heap, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
