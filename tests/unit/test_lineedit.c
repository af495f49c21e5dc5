/* SPDX-License-Identifier: BSD-2-Clause */
/* The line editor, watched through a terminal that knows CR, BS and printable text only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/console/lineedit.h"
#include "socle/str.h"

enum { WIDTH = 80 };

static struct lineedit le;
static uint32_t screen[WIDTH + 1];      /* one row of characters, as their last byte */
static unsigned column, bells;

static void put(void *ctx, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)bytes[i];
        if (c == '\r')
            column = 0;
        else if (c == '\b') {
            assert_true(column > 0);
            column--;
        }
        else if (c == '\a')
            bells++;
        else if ((c & 0xc0) != 0x80) {
            assert_true(c >= 0x20 && c != 0x7f);
            assert_true(column < WIDTH);        /* never into the last column's wrap */
            screen[column++] = c;
        }
    }
}

static int setup(void **state)
{
    memset(screen, 0, sizeof(screen));
    column = bells = 0;
    lineedit_init(&le, "> ", put, NULL);
    lineedit_draw(&le);
    return 0;
}

static enum lineedit_event keys(const char *text)
{
    enum lineedit_event event = LINEEDIT_MORE;
    for (; *text; text++)
        event = lineedit_key(&le, (uint8_t)*text);
    return event;
}

/* The row as text, trailing blanks cut, with | where the cursor is. */
static const char *row(void)
{
    static char text[WIDTH + 3];
    size_t n = 0;
    unsigned end = WIDTH;
    while (end && (screen[end - 1] == ' ' || !screen[end - 1]) && end > column)
        end--;
    for (unsigned i = 0; i <= end; i++) {
        if (i == column)
            text[n++] = '|';
        if (i < end)
            text[n++] = (char)(screen[i] < 0x80 ? screen[i] : '?');
    }
    text[n] = '\0';
    return text;
}

static void typing(void **state)
{
    assert_string_equal(row(), "> |");
    assert_int_equal(keys("list"), LINEEDIT_MORE);
    assert_string_equal(row(), "> list|");
    assert_string_equal(le.line, "list");
    assert_int_equal(keys("\r"), LINEEDIT_ENTER);
}

static void line_ends_of_any_kind(void **state)
{
    assert_int_equal(keys("a\r"), LINEEDIT_ENTER);
    lineedit_reset(&le);
    assert_int_equal(keys("\n"), LINEEDIT_MORE);        /* belongs to the CR */
    assert_int_equal(keys("\n"), LINEEDIT_ENTER);
    assert_int_equal(keys("\n"), LINEEDIT_ENTER);
    assert_int_equal(keys("\r"), LINEEDIT_ENTER);
    assert_int_equal(keys("\r"), LINEEDIT_ENTER);
}

static void erasing(void **state)
{
    keys("\b\x7f" "abcd\b\x7f");
    assert_string_equal(row(), "> ab|");
    keys("\x1b[D\b");
    assert_string_equal(row(), "> |b");
    assert_string_equal(le.line, "b");
    keys("\x1b[3~");
    assert_string_equal(row(), "> |");
    keys("\x1b[3~\x04");                                /* nothing left: closes */
    assert_int_equal(keys("\x04"), LINEEDIT_CLOSE);
    keys("xy\x01");
    assert_int_equal(keys("\x04"), LINEEDIT_MORE);      /* deletes */
    assert_string_equal(row(), "> |y");
}

static void moving(void **state)
{
    keys("abc\x1b[D\x1b[D");
    assert_string_equal(row(), "> a|bc");
    keys("X\x1b[C");
    assert_string_equal(row(), "> aXb|c");
    keys("\x1b[H[");
    assert_string_equal(row(), "> [|aXbc");
    keys("\x1b[F]");
    assert_string_equal(row(), "> [aXbc]|");
    keys("\x1b[1~1\x1b[4~2\x1b[7~3\x1b[8~4");
    assert_string_equal(row(), "> 31[aXbc]24|");
    keys("\x1bOH\x1bOC\x1bOC" "5");
    assert_string_equal(row(), "> 315|[aXbc]24");
    keys("\x01\x02" "6\x06\x05\x06" "7");
    assert_string_equal(row(), "> 6315[aXbc]247|");
    keys("\x1b[D\x1b[1;5Dx");                           /* with modifiers: the plain key */
    assert_string_equal(row(), "> 6315[aXbc]2x|47");
}

static void killing(void **state)
{
    keys("stop web now  \x17");
    assert_string_equal(row(), "> stop web |");
    keys("\x17\x17\x17\x17");
    assert_string_equal(row(), "> |");
    keys("one two\x1b[D\x1b[D\x0b");
    assert_string_equal(row(), "> one t|");
    keys("\x1b[D\x15");
    assert_string_equal(row(), "> |t");
}

static void utf8(void **state)
{
    keys("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7");
    assert_int_equal(le.len, 9);
    assert_string_equal(row(), "> ???|");
    keys("\x1b[Dx");
    assert_string_equal(row(), "> ??x|?");
    keys("\b\b");
    assert_string_equal(le.line, "\xc3\xa4\xf0\x9f\x90\xa7");
    keys("\x80\xc3" "a\xff\xed\xa0\x80\xe2\x80\xae");   /* only the plain letter is taken */
    assert_string_equal(le.line, "\xc3\xa4" "a\xf0\x9f\x90\xa7");
}

static void unknown_keys_do_nothing(void **state)
{
    keys("ab");
    keys("\x1b[5~\x1b[15~\x1b[Z\x1bx\x1b[200~\x1bOP\x0e\x10\x00\x0f\x1c\x1e");
    assert_string_equal(le.line, "ab");
    assert_string_equal(row(), "> ab|");
    assert_int_equal(keys("\x1b\r"), LINEEDIT_ENTER);   /* a broken sequence loses no Enter */
    assert_int_equal(keys("\x1b[12\x03"), LINEEDIT_CANCEL);
    assert_int_equal(keys("\t"), LINEEDIT_TAB);
    assert_int_equal(keys("\x0c"), LINEEDIT_CLEAR);
}

static void long_lines_scroll(void **state)
{
    for (unsigned i = 0; i < 150; i++)
        lineedit_key(&le, (uint8_t)('a' + i % 26));
    assert_int_equal(le.len, 150);
    assert_true(column <= LINEEDIT_COLUMNS + 2);
    keys("\x01");
    assert_int_equal(column, 2);
    assert_int_equal(screen[2], 'a');
    assert_int_equal(screen[2 + LINEEDIT_COLUMNS - 1], 'a' + (LINEEDIT_COLUMNS - 1) % 26);
    keys("\x05");
    assert_int_equal(screen[column - 1], 'a' + 149 % 26);
    keys("\x15");
    assert_string_equal(row(), "> |");
}

static void full_line_rings(void **state)
{
    for (unsigned i = 0; i < 300; i++)
        lineedit_key(&le, 'x');
    assert_int_equal(le.len, LINEEDIT_MAX - 1);
    assert_int_equal(bells, 300 - (LINEEDIT_MAX - 1));
    keys("\b\xc3\xa4");
    assert_int_equal(le.len, LINEEDIT_MAX - 2);         /* half a character is no use */
    lineedit_insert(&le, "12", 2);
    assert_int_equal(le.len, LINEEDIT_MAX - 2);
}

static void enter_line(const char *text)
{
    keys(text);
    assert_int_equal(keys("\r"), LINEEDIT_ENTER);
    lineedit_remember(&le);
    lineedit_reset(&le);
    column = 0;
    memset(screen, 0, sizeof(screen));
    lineedit_draw(&le);
}

static void history(void **state)
{
    keys("\x1b[A\x1b[B");
    assert_string_equal(row(), "> |");
    enter_line("first");
    enter_line("the second");
    enter_line("");
    enter_line("the second");                           /* not kept twice */
    keys("typed\x1b[A");
    assert_string_equal(row(), "> the second|");
    keys("\x1b[A");
    assert_string_equal(row(), "> first|");
    keys("\x1b[A");
    assert_string_equal(row(), "> first|");
    keys("\x1b[B\x1b[B");
    assert_string_equal(row(), "> typed|");
    keys("\x1b[B");
    assert_string_equal(row(), "> typed|");
    keys("\x10\x10\x0e");
    assert_string_equal(row(), "> the second|");
    enter_line("!");                                    /* an edited old line is a new one */
    keys("\x1b[A");
    assert_string_equal(row(), "> the second!|");
}

static void history_forgets_the_oldest(void **state)
{
    char name[4] = "aa";
    for (unsigned i = 0; i < LINEEDIT_HISTORY + 5; i++) {
        name[0] = (char)('a' + i);
        enter_line(name);
    }
    for (unsigned i = 0; i < 50; i++)
        keys("\x1b[A");
    assert_string_equal(row(), "> fa|");
}

static void inserting_and_redrawing(void **state)
{
    keys("stop \x1b[D");
    lineedit_insert(&le, "XY", 2);
    assert_string_equal(row(), "> stopXY|");
    column = 0;
    memset(screen, 0, sizeof(screen));
    lineedit_draw(&le);
    assert_string_equal(row(), "> stopXY|");
}

static void random_keys_keep_line_and_screen_together(void **state)
{
    unsigned seed = 7;
    static const char some[] = "ab \x01\x02\x05\x06\b\x7f\x0b\x15\x17\x1b[DC\xc3\xa4~3AB";
    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * 1103515245u + 12345u;
        uint8_t key = (uint8_t)some[(seed >> 16) % (sizeof(some) - 1)];
        lineedit_key(&le, key);
        if (i % 50 == 0)
            lineedit_remember(&le);
        assert_int_equal(strlen(le.line), le.len);
        assert_true(le.cursor <= le.len && le.left <= le.cursor);
        unsigned at = 2;
        for (unsigned k = le.left; k < le.cursor; k++)
            at += ((uint8_t)le.line[k] & 0xc0) != 0x80;
        assert_int_equal(column, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(typing, setup),
        cmocka_unit_test_setup(line_ends_of_any_kind, setup),
        cmocka_unit_test_setup(erasing, setup),
        cmocka_unit_test_setup(moving, setup),
        cmocka_unit_test_setup(killing, setup),
        cmocka_unit_test_setup(utf8, setup),
        cmocka_unit_test_setup(unknown_keys_do_nothing, setup),
        cmocka_unit_test_setup(long_lines_scroll, setup),
        cmocka_unit_test_setup(full_line_rings, setup),
        cmocka_unit_test_setup(history, setup),
        cmocka_unit_test_setup(history_forgets_the_oldest, setup),
        cmocka_unit_test_setup(inserting_and_redrawing, setup),
        cmocka_unit_test_setup(random_keys_keep_line_and_screen_together, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
