/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/bucket.c: rate, burst, overdraft, fractions of units, extreme values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "socle/bits.h"
#include "socle/bucket.h"

#define S   1000000000ull

static void no_limit(void **unused)
{
    struct bucket b;
    uint64_t when = 7;
    bucket_init(&b, 0, 0, 100);
    for (int i = 0; i < 10; i++)
        assert_true(bucket_take(&b, UINT64_MAX, 100, &when));
    assert_int_equal(when, 7);
}

static void burst_then_rate(void **unused)
{
    struct bucket b;
    uint64_t when = 0;
    bucket_init(&b, 1000, 3, 5 * S);
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&b, 1, 5 * S, &when));
    assert_false(bucket_take(&b, 1, 5 * S, &when));
    assert_int_equal(when, 5 * S + S / 1000);
    assert_false(bucket_take(&b, 1, when - 1, &when));
    assert_int_equal(when, 5 * S + S / 1000);
    assert_true(bucket_take(&b, 1, when, &when));
    assert_false(bucket_take(&b, 1, when, &when));
    /* After a long rest there is the burst, and no more. */
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&b, 1, 100 * S, &when));
    assert_false(bucket_take(&b, 1, 100 * S, &when));
}

static void overdraft(void **unused)
{
    struct bucket b;
    uint64_t when;
    bucket_init(&b, 1000, 10, 0);
    assert_true(bucket_take(&b, 1010, 0, &when));
    assert_false(bucket_take(&b, 1, 0, &when));
    assert_int_equal(when, S + S / 1000);           /* 1000 units of debt, and one to be positive */
    assert_true(bucket_take(&b, 0, when, &when));
    assert_true(bucket_take(&b, 1, when, &when));
    assert_false(bucket_take(&b, 0, when, &when));
}

/* Looking often must not lose what is less than a unit. */
static void fractions(void **unused)
{
    struct bucket b;
    uint64_t when, taken = 0;
    bucket_init(&b, 3, 1, 0);
    for (uint64_t t = 0; t <= 100 * S; t += 1000037)
        taken += bucket_take(&b, 1, t, &when);
    assert_in_range(taken, 299, 301);
}

static void average(void **unused)
{
    static const uint64_t rates[] = { 1, 7, 1000, 999999937, S, 3 * S + 1, 123456789012 };
    srand(4);
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct bucket b;
        uint64_t t = 12345, start = t, when, taken = 0, largest = 0;
        bucket_init(&b, rates[i], 1, t);
        for (int n = 0; n < 2000; n++) {
            uint64_t want = 1 + (uint64_t)rand() % (rates[i] * 2);
            while (!bucket_take(&b, want, t, &when)) {
                assert_true(when > t);
                t = when;
            }
            taken += want;
            largest = max_u64(largest, want);
        }
        double ideal = (double)(t - start) / 1e9 * (double)rates[i];
        assert_true((double)taken >= ideal * 0.999 && (double)(taken - largest) <= ideal * 1.001 + 1);
    }
}

/* The time that is told is enough, and one ns less is not (but for rates above one a ns). */
static void when_is_exact(void **unused)
{
    srand(5);
    for (int n = 0; n < 20000; n++) {
        struct bucket b;
        uint64_t when, early, rate = 1 + ((uint64_t)rand() << 31 | (uint64_t)rand()) % (1ull << rand() % 62);
        uint64_t now = (uint64_t)rand() << 10;
        bucket_init(&b, rate, 1, now);
        assert_true(bucket_take(&b, (uint64_t)rand() << rand() % 30, now, &when));
        if (bucket_take(&b, 0, now, &when) || when == UINT64_MAX - 1)
            continue;
        struct bucket copy = b;
        assert_true(bucket_take(&copy, 0, when, &early));
        copy = b;
        if (rate < S)
            assert_false(bucket_take(&copy, 0, when - 1, &early));
    }
}

static void extremes(void **unused)
{
    static const uint64_t values[] = { 0, 1, 2, S - 1, S, 1ull << 33, 1ull << 61, 1ull << 62, INT64_MAX, UINT64_MAX };
    const size_t n = ARRAY_LEN(values);
    for (size_t i = 0; i < n * n * n * n; i++) {
        uint64_t when, rate = values[i % n], burst = values[i / n % n];
        uint64_t now = values[i / n / n % n], take = values[i / n / n / n];
        struct bucket b;
        bucket_init(&b, rate, burst, now / 2);
        for (int k = 0; k < 4; k++) {
            if (!bucket_take(&b, take, now, &when)) {
                assert_true(when > now || when == UINT64_MAX - 1);
                assert_true(when != UINT64_MAX);
            }
        }
        assert_true(bucket_take(&b, take, UINT64_MAX, &when) || when == UINT64_MAX - 1);
        assert_true(bucket_take(&b, 0, 0, &when) || when);    /* a clock that went back */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limit), cmocka_unit_test(burst_then_rate), cmocka_unit_test(overdraft),
        cmocka_unit_test(fractions), cmocka_unit_test(average), cmocka_unit_test(when_is_exact),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
