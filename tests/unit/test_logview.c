/* SPDX-License-Identifier: BSD-2-Clause */
/* From hostile bytes to safe lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/console/lineview.h"
#include "socle/fmt.h"
#include "socle/str.h"
#include "vmm/console/safechar.h"

static struct lineview view;
static char shown[200000];      /* pieces: <text> whole line, <text  first, text> last, ~text~ */
static size_t used, pieces, longest;

static void emit(void *ctx, const char *text, size_t n, bool first, bool last)
{
    pieces++;
    if (n > longest)
        longest = n;
    if (used + n + 3 > sizeof(shown))
        return;
    shown[used++] = first ? '<' : '~';
    memcpy(shown + used, text, n);
    used += n;
    shown[used++] = last ? '>' : '~';
    shown[used] = '\0';
}

static int setup(void **state)
{
    lineview_init(&view);
    used = pieces = longest = 0;
    shown[0] = '\0';
    return 0;
}

static void put_n(const void *bytes, size_t n, uint64_t now)
{
    lineview_put(&view, bytes, n, now, emit, NULL);
}

/* Shows what is emitted for these bytes after what came before. */
static const char *put(const char *text)
{
    used = 0;
    shown[0] = '\0';
    put_n(text, strlen(text), 0);
    return shown;
}

static void line_ends(void **state)
{
    assert_string_equal(put("unix\n"), "<unix>");
    assert_string_equal(put("dos\r\n"), "<dos>");
    assert_string_equal(put("doubled\r\r\n"), "<doubled>");
    assert_string_equal(put("\n\r\n"), "<><>");
    assert_string_equal(put(" 10%\r 20%\r 30%\r\n"), "< 10%>< 20%>< 30%>");
    assert_string_equal(put("\r\r\rx\n"), "<x>");
    assert_string_equal(put("a\r"), "");
    assert_string_equal(put("\n"), "<a>");
    assert_string_equal(put("\n\rb\n\r"), "<><b>");
}

static void controls_are_escaped(void **state)
{
    assert_string_equal(put("\x1b[2J\x1b]0;t\a\n"), "<\\x1b[2J\\x1b]0;t\\x07>");
    assert_string_equal(put("a\tb\b\v\f\x7f\n"), "<a\tb\\x08\\x0b\\x0c\\x7f>");
    used = 0;
    put_n("a\0b\n", 4, 0);
    assert_string_equal(shown, "<a\\x00b>");
}

static void forged_lines_stay_inside(void **state)
{
    assert_string_equal(put("x\rsocle: guest web: stopped (killed)\n"),
                        "<x><socle: guest web: stopped (killed)>");
    assert_string_equal(put("\xc2\x85socle: panic\n"), "<\\xc2\\x85socle: panic>");       /* NEL */
    assert_string_equal(put("\xe2\x80\xa8socle:\n"), "<\\xe2\\x80\\xa8socle:>");    /* U+2028 */
}

static void valid_utf8_passes(void **state)
{
    assert_string_equal(put("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7\n"),
                        "<gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7>");
    assert_string_equal(put("\xc3"), "");
    assert_string_equal(put("\xbc\n"), "<\xc3\xbc>");
    assert_string_equal(put("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbd\n"),
                        "<\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbd>");
}

static void invalid_utf8_is_escaped(void **state)
{
    assert_string_equal(put("\x80\xbf\xc0\xaf\xfe\xff\n"), "<\\x80\\xbf\\xc0\\xaf\\xfe\\xff>");
    assert_string_equal(put("\xe0\x80\xaf\n"), "<\\xe0\\x80\\xaf>");            /* overlong */
    assert_string_equal(put("\xf0\x8f\xbf\xbf\n"), "<\\xf0\\x8f\\xbf\\xbf>");
    assert_string_equal(put("\xed\xa0\x80\n"), "<\\xed\\xa0\\x80>");            /* surrogate */
    assert_string_equal(put("\xf4\x90\x80\x80\n"), "<\\xf4\\x90\\x80\\x80>");   /* > U+10FFFF */
    assert_string_equal(put("\xe2\x82\n"), "<\\xe2\\x82>");                     /* cut off */
    assert_string_equal(put("\xe2\xc3\xbc\n"), "<\\xe2\xc3\xbc>");
    assert_string_equal(put("\xc3\x1b[\n"), "<\\xc3\\x1b[>");
}

static void reordering_characters_are_escaped(void **state)
{
    assert_string_equal(put("\xe2\x80\xae" "evil\n"), "<\\xe2\\x80\\xae" "evil>");  /* RLO */
    assert_string_equal(put("\xe2\x81\xa6\n"), "<\\xe2\\x81\\xa6>");            /* isolate */
    assert_string_equal(put("\xe2\x80\x8f\xd8\x9c\n"), "<\\xe2\\x80\\x8f\\xd8\\x9c>");
    assert_string_equal(put("\xef\xbb\xbf\n"), "<\\xef\\xbb\\xbf>");            /* BOM */
    assert_string_equal(put("\xf3\xa0\x81\x81\n"), "<\\xf3\\xa0\\x81\\x81>");   /* tag */
    assert_string_equal(put("\xe2\x80\x8d\n"), "<\xe2\x80\x8d>");               /* joiner */
}

static void unfinished_line_is_shown_in_time(void **state)
{
    put_n("log", 3, 1000);
    assert_int_equal(view.due, 1000 + LINEVIEW_PATIENCE);
    put_n("in: ", 4, 5000);
    assert_int_equal(view.due, 1000 + LINEVIEW_PATIENCE);
    lineview_tick(&view, 999 + LINEVIEW_PATIENCE, emit, NULL);
    assert_string_equal(shown, "");
    lineview_tick(&view, 1000 + LINEVIEW_PATIENCE, emit, NULL);
    assert_string_equal(shown, "<login: ~");
    assert_int_equal(view.due, UINT64_MAX);
    assert_string_equal(put("root\r\nok\n"), "~root><ok>");
}

static void line_end_after_shown_text(void **state)
{
    put_n("login: ", 7, 0);
    lineview_tick(&view, LINEVIEW_PATIENCE, emit, NULL);
    assert_string_equal(put("\r\n"), "~>");
    assert_string_equal(put("\r\n"), "<>");
    put_n("50%\r", 4, 0);
    lineview_tick(&view, LINEVIEW_PATIENCE, emit, NULL);
    assert_string_equal(put("60%\n"), "~><60%>");
}

static void cut_off_character_is_shown_in_time(void **state)
{
    put_n("\xe2\x82", 2, 0);
    assert_int_equal(view.due, LINEVIEW_PATIENCE);
    lineview_tick(&view, LINEVIEW_PATIENCE, emit, NULL);
    assert_string_equal(shown, "<\\xe2\\x82~");
}

static void resumed_line_shows_no_empty_end(void **state)
{
    put_n("half", 4, 0);
    lineview_resume(&view);
    assert_string_equal(put("\r\n"), "~>");     /* not the first piece: nothing to show */
    assert_string_equal(put("next\n"), "<next>");
}

static void finish_completes(void **state)
{
    lineview_finish(&view, emit, NULL);
    assert_int_equal(pieces, 0);
    put_n("end\xc3", 4, 0);
    lineview_finish(&view, emit, NULL);
    assert_string_equal(shown, "<end\\xc3>");
    lineview_finish(&view, emit, NULL);
    assert_int_equal(pieces, 1);
}

static void two_mib_without_line_end(void **state)
{
    static char block[65536];
    memset(block, 'A', sizeof(block));
    for (unsigned i = 0; i < 32; i++)
        put_n(block, sizeof(block), i);
    assert_int_equal(pieces, (2u << 20) / LINEVIEW_MAX - 1);
    assert_int_equal(longest, LINEVIEW_MAX);
    assert_int_equal(view.len, LINEVIEW_MAX);
    assert_string_equal(put("\n") + LINEVIEW_MAX, "A>");
}

static void exactly_4_kib_is_one_line(void **state)
{
    char block[LINEVIEW_MAX];
    memset(block, 'A', sizeof(block));
    put_n(block, sizeof(block), 0);
    put_n("\nB\n", 3, 0);
    assert_int_equal(pieces, 2);
}

static void split_counts_what_was_shown(void **state)
{
    char block[LINEVIEW_MAX - 4];
    memset(block, 'A', sizeof(block));
    put_n(block, sizeof(block), 0);
    lineview_tick(&view, LINEVIEW_PATIENCE, emit, NULL);
    assert_string_equal(put("12345\n"), "~1234><5>");
    put_n(block, sizeof(block), 0);
    put_n("123", 3, 0);
    assert_string_equal(put("\xff!\n") + LINEVIEW_MAX, "><\\xff!>");    /* not cut in two */
}

static void every_byte_value_is_safe(void **state)
{
    unsigned seed = 1;
    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * 1103515245u + 12345u;
        uint8_t byte = (uint8_t)(seed >> 16);
        used = 0;
        put_n(&byte, 1, 0);
        for (size_t k = 0; k < used; k++)
            assert_true((uint8_t)shown[k] >= 0x20 ? shown[k] != 0x7f : shown[k] == '\t');
    }
}

static void own_text_is_made_safe(void **state)
{
    char text[32];
    assert_int_equal(safe_text(text, sizeof(text), "plain gr\xc3\xbcn"), 11);
    assert_string_equal(text, "plain gr\xc3\xbcn");
    safe_text(text, sizeof(text), "a\nsocle: b\x1b\xc3");
    assert_string_equal(text, "a\\x0asocle: b\\x1b\\xc3");
    assert_int_equal(safe_text(text, 8, "abc\n\n"), 7);
    assert_string_equal(text, "abc\\x0a");
    assert_int_equal(safe_text(text, 7, "abc\n\n"), 3);
    assert_int_equal(safe_text(text, 1, "abc"), 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(line_ends, setup),
        cmocka_unit_test_setup(controls_are_escaped, setup),
        cmocka_unit_test_setup(forged_lines_stay_inside, setup),
        cmocka_unit_test_setup(valid_utf8_passes, setup),
        cmocka_unit_test_setup(invalid_utf8_is_escaped, setup),
        cmocka_unit_test_setup(reordering_characters_are_escaped, setup),
        cmocka_unit_test_setup(unfinished_line_is_shown_in_time, setup),
        cmocka_unit_test_setup(line_end_after_shown_text, setup),
        cmocka_unit_test_setup(cut_off_character_is_shown_in_time, setup),
        cmocka_unit_test_setup(resumed_line_shows_no_empty_end, setup),
        cmocka_unit_test_setup(finish_completes, setup),
        cmocka_unit_test_setup(two_mib_without_line_end, setup),
        cmocka_unit_test_setup(exactly_4_kib_is_one_line, setup),
        cmocka_unit_test_setup(split_counts_what_was_shown, setup),
        cmocka_unit_test_setup(every_byte_value_is_safe, setup),
        cmocka_unit_test_setup(own_text_is_made_safe, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
