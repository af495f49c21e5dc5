/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/ring.c: single cases, then random use beside a plain queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "socle/ring.h"

static uint8_t buf[8];
static struct ring r;

static int setup(void **unused)
{
    ring_init(&r, buf, sizeof(buf));
    return 0;
}

static void content_is(const char *want)
{
    char got[16] = { 0 };
    assert_int_equal(ring_peek(&r, 0, got, sizeof(got)), strlen(want));
    assert_string_equal(got, want);
}

static void put_and_get_around_the_end(void **unused)
{
    char out[8] = { 0 };
    assert_int_equal(ring_put(&r, "abcdef", 6), 6);
    assert_int_equal(ring_get(&r, out, 4), 4);
    assert_memory_equal(out, "abcd", 4);
    assert_int_equal(ring_put(&r, "ghijkl", 6), 6);
    content_is("efghijkl");
    assert_int_equal(ring_room(&r), 0);
    assert_int_equal(ring_put(&r, "xy", 2), 0);
    assert_int_equal(r.lost, 2);
    assert_int_equal(ring_get(&r, out, 8), 8);
    assert_memory_equal(out, "efghijkl", 8);
    assert_int_equal(ring_get(&r, out, 8), 0);
}

static void put_takes_what_fits(void **unused)
{
    assert_int_equal(ring_put(&r, "0123456789", 10), 8);
    content_is("01234567");
    assert_int_equal(r.lost, 2);
}

static void whole_is_all_or_nothing(void **unused)
{
    assert_true(ring_put_whole(&r, "abcde", 5));
    assert_false(ring_put_whole(&r, "fghi", 4));
    assert_int_equal(r.lost, 4);
    content_is("abcde");
    assert_true(ring_put_whole(&r, "fgh", 3));
    content_is("abcdefgh");
    assert_true(ring_put_whole(&r, NULL, 0));
}

static void over_forgets_the_oldest(void **unused)
{
    ring_put_over(&r, "abcdef", 6);
    ring_put_over(&r, "ghij", 4);
    content_is("cdefghij");
    assert_int_equal(r.lost, 2);
    ring_put_over(&r, "0123456789ABCDEF!", 17);
    content_is("9ABCDEF!");
    assert_int_equal(r.lost, 2 + 8 + 9);
}

static void peek_can_skip(void **unused)
{
    char out[8] = { 0 };
    ring_put(&r, "abcdefgh", 8);
    ring_drop(&r, 5);
    ring_put(&r, "ijkl", 4);
    assert_int_equal(ring_peek(&r, 2, out, 3), 3);
    assert_memory_equal(out, "hij", 3);
    assert_int_equal(ring_peek(&r, 7, out, 3), 0);
    assert_int_equal(ring_peek(&r, SIZE_MAX, out, 3), 0);
    assert_int_equal(ring_drop(&r, SIZE_MAX), 7);
    assert_int_equal(r.used, 0);
}

static void last_lines_are_found(void **unused)
{
    uint8_t big[32];
    static const struct { const char *text; unsigned lines; size_t at; } want[] = {
        { "a\nb\nc\n", 1, 4 }, { "a\nb\nc\n", 2, 2 }, { "a\nb\nc\n", 3, 0 }, { "a\nb\nc\n", 9, 0 },
        { "a\nb\nc", 1, 4 }, { "a\nb\nc", 2, 2 }, { "", 3, 0 }, { "\n\n\n", 2, 1 },
        { "abc", 1, 0 }, { "a\nb\n", 0, 4 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        for (size_t shift = 0; shift < sizeof(big); shift++) {
            ring_init(&r, big, sizeof(big));
            for (size_t k = 0; k < shift; k++)
                ring_put(&r, "x", 1);
            ring_drop(&r, shift);
            ring_put(&r, want[i].text, strlen(want[i].text));
            assert_int_equal(ring_last_lines(&r, want[i].lines), want[i].at);
        }
}

static uint32_t seed = 9;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void random_use_matches_a_queue(void **unused)
{
    static uint8_t model[400000];
    size_t from = 0, to = 0, cap = 37;
    uint8_t *heap = malloc(cap), in[64], out[64], next = 0;
    uint64_t lost = 0;
    ring_init(&r, heap, cap);
    for (int step = 0; step < 8000; step++) {
        size_t n = rnd(50), room = cap - (to - from), take = n < room ? n : room;
        for (size_t i = 0; i < n; i++)
            in[i] = next++;
        switch (rnd(4)) {
        case 0:
            assert_int_equal(ring_put(&r, in, n), take);
            memcpy(model + to, in, take);
            to += take;
            lost += n - take;
            break;
        case 1:
            assert_int_equal(ring_put_whole(&r, in, n), n <= room);
            memcpy(model + to, in, n <= room ? n : 0);
            to += n <= room ? n : 0;
            lost += n <= room ? 0 : n;
            break;
        case 2:
            ring_put_over(&r, in, n);
            memcpy(model + to, in, n);
            to += n;
            lost += to - from > cap ? to - from - cap : 0;
            from = to - from > cap ? to - cap : from;
            break;
        case 3:
            take = ring_get(&r, out, n);
            assert_int_equal(take, n < to - from ? n : to - from);
            assert_memory_equal(out, model + from, take);
            from += take;
            break;
        }
        assert_int_equal(r.used, to - from);
        assert_int_equal(r.lost, lost);
    }
    free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(put_and_get_around_the_end, setup),
        cmocka_unit_test_setup(put_takes_what_fits, setup),
        cmocka_unit_test_setup(whole_is_all_or_nothing, setup),
        cmocka_unit_test_setup(over_forgets_the_oldest, setup),
        cmocka_unit_test_setup(peek_can_skip, setup),
        cmocka_unit_test_setup(last_lines_are_found, setup),
        cmocka_unit_test_setup(random_use_matches_a_queue, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
