/* SPDX-License-Identifier: BSD-2-Clause */
/* Logs in memory: order, eviction, growth of unfinished lines, recovery after a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/console/logring.h"
#include "socle/fmt.h"
#include "socle/str.h"

static uint64_t memory[LOGRING_MIN / 8];

static struct logring *fresh(void)
{
    struct logring *r = logring_init(memory, sizeof(memory));
    assert_non_null(r);
    return r;
}

static void add(struct logring *r, uint64_t time, const char *text)
{
    logring_add(r, time, LOG_WARN, LOGREC_START | LOGREC_END, text, strlen(text));
}

static void stream(struct logring *r, const char *text)
{
    logring_stream(r, 5, (const uint8_t *)text, strlen(text));
}

/* The record at *at as a string; moves on. */
static const char *next(const struct logring *r, uint64_t *at, struct logrec *rec)
{
    static char text[LOGRING_TEXT_MAX + 1];
    if (!logring_read(r, at, rec, 0, text, LOGRING_TEXT_MAX))
        return NULL;
    text[rec->len] = '\0';
    *at = rec->next;
    return text;
}

static void refuses_bad_memory(void **state)
{
    assert_null(logring_init(memory, LOGRING_MIN - 1));
    assert_null(logring_init((char *)memory + 4, LOGRING_MIN));
    assert_null(logring_init(memory, (16u << 20) + 1));
    assert_null(logring_recover(memory, LOGRING_MIN - 1));
    assert_null(logring_recover((char *)memory + 1, LOGRING_MIN));
}

static void reads_back_in_order(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    uint64_t at = 0;
    assert_null(next(r, &at, &rec));
    add(r, 1000, "one");
    logring_add(r, 2000, LOG_ERROR, LOGREC_START | LOGREC_END, NULL, 0);
    add(r, 3000, "three");
    assert_string_equal(next(r, &at, &rec), "one");
    assert_int_equal(rec.time, 1000);
    assert_int_equal(rec.level, LOG_WARN);
    assert_int_equal(rec.flags, LOGREC_START | LOGREC_END);
    assert_string_equal(next(r, &at, &rec), "");
    assert_int_equal(rec.level, LOG_ERROR);
    assert_string_equal(next(r, &at, &rec), "three");
    assert_null(next(r, &at, &rec));
    add(r, 4000, "four");
    assert_string_equal(next(r, &at, &rec), "four");
}

static void reads_parts(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    char text[4] = "xxx";
    uint64_t at = 0;
    add(r, 0, "abcdef");
    assert_true(logring_read(r, &at, &rec, 2, text, 3));
    assert_memory_equal(text, "cde", 3);
    assert_int_equal(rec.len, 6);
    assert_true(logring_read(r, &at, &rec, 6, text, 3));
    assert_memory_equal(text, "cde", 3);        /* nothing behind the end */
}

static void long_text_is_cut(void **state)
{
    static char text[3000];
    struct logring *r = fresh();
    struct logrec rec;
    uint64_t at = 0;
    memset(text, 'a', sizeof(text));
    logring_add(r, 0, LOG_INFO, LOGREC_START | LOGREC_END, text, sizeof(text));
    assert_int_equal(strlen(next(r, &at, &rec)), LOGRING_TEXT_MAX);
}

static void oldest_make_room(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    const char *dots = "......................................";
    char text[64];
    for (unsigned i = 0; i < 1000; i++) {
        fmt(text, sizeof(text), "line %u %.*s", i, (int)(i % 37), dots);
        add(r, i, text);
    }
    uint64_t at = 0;
    const char *line = next(r, &at, &rec);
    assert_int_equal(rec.time, r->evicted);     /* one line per record: the first kept */
    assert_true(r->evicted > 800 && r->evicted < 1000);
    for (unsigned i = (unsigned)r->evicted; i < 1000; i++) {
        fmt(text, sizeof(text), "line %u %.*s", i, (int)(i % 37), dots);
        assert_string_equal(line, text);
        line = next(r, &at, &rec);
    }
    assert_null(line);
}

static void reader_that_fell_behind_is_moved_up(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    uint64_t at = 0;
    add(r, 7, "first");
    for (unsigned i = 0; i < 500; i++)
        add(r, 8, "filling the ring");
    assert_string_equal(next(r, &at, &rec), "filling the ring");
    assert_int_equal(rec.time, 8);
}

static void stream_makes_lines(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    uint64_t at = 0;
    stream(r, "log");
    stream(r, "in: ");
    stream(r, "root\r\nPass");
    stream(r, "word: ");
    assert_string_equal(next(r, &at, &rec), "login: root\r\n");
    assert_int_equal(rec.flags, LOGREC_START | LOGREC_END);
    assert_string_equal(next(r, &at, &rec), "Password: ");
    assert_int_equal(rec.flags, LOGREC_START);
    assert_null(next(r, &at, &rec));
}

static void stream_splits_long_lines(void **state)
{
    static char text[2 * LOGRING_TEXT_MAX + 11];
    struct logring *r = fresh();
    struct logrec rec;
    uint64_t at = 0;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    logring_stream(r, 0, (const uint8_t *)text, sizeof(text));
    assert_int_equal(strlen(next(r, &at, &rec)), LOGRING_TEXT_MAX);
    assert_int_equal(rec.flags, LOGREC_START);
    assert_int_equal(strlen(next(r, &at, &rec)), LOGRING_TEXT_MAX);
    assert_int_equal(rec.flags, 0);
    assert_int_equal(strlen(next(r, &at, &rec)), 11);
    assert_int_equal(rec.flags, LOGREC_END);
    assert_int_equal(logring_lines(r, 0, r->tail), 1);
}

static void split_ends_growth(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    uint64_t at = 0;
    logring_split(r);                           /* nothing to split: no effect */
    stream(r, "login: ");
    logring_split(r);
    logring_split(r);
    uint64_t tail = r->tail;
    stream(r, "root\n");
    assert_string_equal(next(r, &at, &rec), "login: ");
    assert_int_equal(at, tail);
    assert_string_equal(next(r, &at, &rec), "root\n");
    assert_int_equal(rec.flags, LOGREC_END);
    assert_int_equal(logring_lines(r, 0, r->tail), 1);
}

static void last_lines_are_found(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    assert_int_equal(logring_last_lines(r, 50), 0);
    stream(r, "a\nb\nc\nd");
    uint64_t at = logring_last_lines(r, 2);
    assert_string_equal(next(r, &at, &rec), "c\n");
    at = logring_last_lines(r, 100);
    assert_string_equal(next(r, &at, &rec), "a\n");
}

static void byte_by_byte_equals_at_once(void **state)
{
    static uint64_t other[LOGRING_MIN / 8];
    struct logring *a = fresh(), *b = logring_init(other, sizeof(other));
    uint8_t bytes[9000];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((i * 2654435761u >> 13) % 40 ? 'a' + i % 26 : '\n');
    logring_stream(a, 5, bytes, sizeof(bytes));
    for (unsigned i = 0; i < sizeof(bytes); i++)
        logring_stream(b, 5, bytes + i, 1);
    struct logrec ra, rb;
    uint64_t at = 0, bt = 0;
    const char *text;
    while ((text = next(a, &at, &ra))) {
        char copy[LOGRING_TEXT_MAX + 1];
        memcpy(copy, text, strlen(text) + 1);
        assert_string_equal(copy, next(b, &bt, &rb));
        assert_int_equal(ra.flags, rb.flags);
    }
    assert_null(next(b, &bt, &rb));
    assert_int_equal(a->evicted, b->evicted);
    assert_non_null(logring_recover(memory, sizeof(memory)));
    assert_non_null(logring_recover(other, sizeof(other)));
}

static void survives_a_reset(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    logring_set_utc(r, 1700000000);
    for (unsigned i = 0; i < 300; i++)
        add(r, i, "some line of the earlier boot");
    stream(r, "panic");
    logring_split(r);
    uint64_t tail = r->tail;
    r = logring_recover(memory, sizeof(memory));
    assert_non_null(r);
    assert_int_equal(r->tail, tail);
    assert_int_equal(r->utc, 1700000000);
    uint64_t at = logring_last_lines(r, 1);
    assert_string_equal(next(r, &at, &rec), "panic");
}

static void damage_is_recognized(void **state)
{
    struct logring *r = fresh();
    struct logrec rec;
    assert_null(logring_recover(memory, sizeof(memory)));       /* whole, but empty */
    add(r, 1, "good");
    add(r, 2, "damaged");
    ((char *)(r + 1))[20 + 16 + 1] ^= 1;        /* in the text of the second record */
    r = logring_recover(memory, sizeof(memory));
    assert_non_null(r);
    uint64_t at = 0;
    assert_string_equal(next(r, &at, &rec), "good");
    assert_null(next(r, &at, &rec));
    add(r, 3, "more");                          /* and it can be gone on with */
    at = logring_last_lines(r, 1);
    assert_string_equal(next(r, &at, &rec), "more");
    r->tail++;
    assert_null(logring_recover(memory, sizeof(memory)));
    memset(memory, 0xff, sizeof(memory));
    assert_null(logring_recover(memory, sizeof(memory)));
}

static void any_flipped_bit_is_harmless(void **state)
{
    static uint64_t copy[LOGRING_MIN / 8];
    struct logring *r = fresh();
    struct logrec rec;
    for (unsigned i = 0; i < 200; i++)
        add(r, i, "text of a record");
    memcpy(copy, memory, sizeof(copy));
    for (unsigned bit = 0; bit < 56 * 8 + 600; bit++) {
        memcpy(memory, copy, sizeof(copy));
        ((uint8_t *)memory)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        r = logring_recover(memory, sizeof(memory));
        uint64_t at = 0;
        while (r && next(r, &at, &rec))
            assert_true(rec.len <= LOGRING_TEXT_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_memory),
        cmocka_unit_test(reads_back_in_order),
        cmocka_unit_test(reads_parts),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(oldest_make_room),
        cmocka_unit_test(reader_that_fell_behind_is_moved_up),
        cmocka_unit_test(stream_makes_lines),
        cmocka_unit_test(stream_splits_long_lines),
        cmocka_unit_test(split_ends_growth),
        cmocka_unit_test(last_lines_are_found),
        cmocka_unit_test(byte_by_byte_equals_at_once),
        cmocka_unit_test(survives_a_reset),
        cmocka_unit_test(damage_is_recognized),
        cmocka_unit_test(any_flipped_bit_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
