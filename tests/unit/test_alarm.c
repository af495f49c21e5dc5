/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/alarm.c: single cases, then random operations beside a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "socle/alarm.h"

enum { N = 37 };

static struct alarm a[N], *heap[N];
static struct alarm_queue q;

static void fire(void *owner, uint64_t now) { *(uint64_t *)owner = now; }

static int setup(void **unused)
{
    alarm_queue_init(&q, heap, N);
    for (int i = 0; i < N; i++)
        alarm_init(&a[i], fire, NULL);
    return 0;
}

static void empty_queue_has_nothing(void **unused)
{
    assert_true(alarm_next(&q) == ALARM_NEVER);
    assert_null(alarm_take(&q, 0));
    assert_null(alarm_take(&q, UINT64_MAX));
    alarm_cancel(&q, &a[0]);
    assert_false(alarm_queued(&a[0]));
}

static void one_alarm_fires_at_its_time(void **unused)
{
    uint64_t fired = 0;
    alarm_init(&a[0], fire, &fired);
    alarm_set(&q, &a[0], 100);
    assert_true(alarm_queued(&a[0]));
    assert_true(alarm_next(&q) == 100);
    assert_null(alarm_take(&q, 99));
    assert_ptr_equal(alarm_take(&q, 100), &a[0]);
    assert_false(alarm_queued(&a[0]));
    a[0].fire(a[0].owner, 123);
    assert_int_equal(fired, 123);
    assert_null(alarm_take(&q, 1000));
}

static void never_cancels(void **unused)
{
    alarm_set(&q, &a[0], 5);
    alarm_set(&q, &a[1], 6);
    alarm_set(&q, &a[0], ALARM_NEVER);
    assert_false(alarm_queued(&a[0]));
    assert_true(alarm_next(&q) == 6);
    alarm_set(&q, &a[0], ALARM_NEVER);
    assert_int_equal(q.count, 1);
}

static void moving_needs_no_second_place(void **unused)
{
    for (uint64_t i = 0; i < N; i++)
        alarm_set(&q, &a[i], 1000 + i);
    assert_int_equal(q.count, N);           /* full: only moves are possible now */
    alarm_set(&q, &a[N - 1], 1);
    assert_true(alarm_next(&q) == 1);
    alarm_set(&q, &a[N - 1], UINT64_MAX - 1);
    assert_true(alarm_next(&q) == 1000);
    alarm_set(&q, &a[0], 0);
    assert_ptr_equal(alarm_take(&q, 0), &a[0]);
}

static uint32_t seed = 12345;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* The model: an array of due times, ALARM_NEVER for alarms that are not set. */
static uint64_t model[N];

static uint64_t model_next(void)
{
    uint64_t best = ALARM_NEVER;
    for (int i = 0; i < N; i++)
        best = model[i] < best ? model[i] : best;
    return best;
}

static void check_heap(void)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(alarm_queued(&a[i]), model[i] != ALARM_NEVER);
        set += alarm_queued(&a[i]);
    }
    assert_int_equal(q.count, set);
    for (uint32_t i = 0; i < q.count; i++) {
        assert_int_equal(heap[i]->slot, i + 1);
        assert_true(i == 0 || heap[(i - 1) / 2]->due <= heap[i]->due);
    }
    assert_true(alarm_next(&q) == model_next());
}

static void random_operations_match_the_model(void **unused)
{
    for (int i = 0; i < N; i++)
        model[i] = ALARM_NEVER;
    for (int step = 0; step < 50000; step++) {
        uint32_t i = rnd(N), op = rnd(4);
        if (op <= 1) {
            model[i] = rnd(200);
            alarm_set(&q, &a[i], model[i]);
        } else if (op == 2) {
            model[i] = ALARM_NEVER;
            alarm_cancel(&q, &a[i]);
        } else {
            uint64_t now = rnd(100), first = model_next();
            struct alarm *t = alarm_take(&q, now);
            assert_int_equal(t != NULL, first <= now);
            if (t) {
                assert_true(model[t - a] == first);
                model[t - a] = ALARM_NEVER;
            }
        }
        check_heap();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_queue_has_nothing, setup),
        cmocka_unit_test_setup(one_alarm_fires_at_its_time, setup),
        cmocka_unit_test_setup(never_cancels, setup),
        cmocka_unit_test_setup(moving_needs_no_second_place, setup),
        cmocka_unit_test_setup(random_operations_match_the_model, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
