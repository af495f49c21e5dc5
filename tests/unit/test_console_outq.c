/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of one output device: all or nothing, wrapping, removal of lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/console/outq.h"
#include "socle/str.h"

static uint8_t memory[16];
static struct outq q;

static bool put(const char *text, uint32_t limit)
{
    outq_begin(&q, limit);
    outq_put(&q, text, strlen(text));
    return outq_commit(&q);
}

static const char *take(size_t max)
{
    static char text[64];
    text[outq_take(&q, text, max)] = '\0';
    return text;
}

static int setup(void **state)
{
    outq_init(&q, memory, sizeof(memory));
    return 0;
}

static void passes_bytes_on(void **state)
{
    assert_string_equal(take(5), "");
    assert_true(put("hello ", 16));
    assert_true(put("world", 16));
    assert_int_equal(outq_room(&q), 5);
    assert_string_equal(take(3), "hel");
    assert_string_equal(take(60), "lo world");
}

static void all_or_nothing(void **state)
{
    assert_true(put("0123456789", 16));
    outq_begin(&q, 16);
    outq_put(&q, "abcd", 4);
    outq_put(&q, "efg", 3);             /* one too many */
    outq_put(&q, "h", 1);               /* would fit, but the message has a hole already */
    assert_false(outq_commit(&q));
    assert_true(put("ABCDEF", 16));
    assert_false(put("x", 16));
    assert_string_equal(take(60), "0123456789ABCDEF");
}

static void limit_is_kept(void **state)
{
    assert_true(put("01234567", 8));
    assert_false(put("8", 8));
    assert_false(put("", 4));           /* fuller than the limit already */
    assert_true(put("8", 9));
    assert_true(put("9abcdef", 1000));  /* at most the queue */
    assert_false(put("g", 1000));
}

static void wraps(void **state)
{
    for (unsigned i = 0; i < 50; i++) {
        assert_true(put("abcdefg", 16));
        assert_true(put("hijk", 16));
        assert_string_equal(take(11), "abcdefghijk");
    }
}

static void removes_lines(void **state)
{
    assert_true(put("[a]\nb\n[c]\n[d]\ne", 16));
    assert_int_equal(outq_remove_lines(&q, '['), 2);    /* the first may have begun to leave */
    assert_string_equal(take(60), "[a]\nb\ne");
    assert_true(put("x\n[c]", 16));                     /* no end: stays */
    assert_int_equal(outq_remove_lines(&q, '['), 0);
    assert_string_equal(take(60), "x\n[c]");
    assert_int_equal(outq_remove_lines(&q, '['), 0);
}

static void removes_lines_across_the_wrap(void **state)
{
    assert_true(put("0123456789", 16));
    take(10);
    assert_true(put("a\n[bcdef]\nghi\n", 16));
    assert_int_equal(outq_remove_lines(&q, '['), 1);
    assert_true(put("jk\n", 16));
    assert_string_equal(take(60), "a\nghi\njk\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(passes_bytes_on, setup),
        cmocka_unit_test_setup(all_or_nothing, setup),
        cmocka_unit_test_setup(limit_is_kept, setup),
        cmocka_unit_test_setup(wraps, setup),
        cmocka_unit_test_setup(removes_lines, setup),
        cmocka_unit_test_setup(removes_lines_across_the_wrap, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
