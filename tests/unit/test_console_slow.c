/* SPDX-License-Identifier: BSD-2-Clause */
/* Long answers, floods, and output devices that cannot keep up. */
#include "console_fixture.h"

enum { BYTES_PER_MS = 11 };         /* a serial line at 115200 bit/s */

/* `ms` pass while the device takes what a serial line can; appends to text[]. */
static void trickle(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        uint8_t buf[BYTES_PER_MS];
        size_t n = console_tx_take(&con, 0, buf, sizeof(buf), now);
        assert_true(text_len + n < sizeof(text));
        memcpy(text + text_len, buf, n);
        text_len += n;
        now += T_MS;
        if (console_deadline(&con) <= now)
            console_tick(&con, now);
    }
    text[text_len] = '\0';
}

/* The number behind `before` and its sum over all places it is found at. */
static unsigned long sum_after(const char *before)
{
    unsigned long sum = 0;
    for (const char *p = text; (p = strstr(p, before)); ) {
        p += strlen(before);
        sum += strtoul(p, NULL, 10);
    }
    return sum;
}

static unsigned count_lines(const char *start)
{
    unsigned n = 0;
    for (const char *p = text; *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : "")
        n += !strncmp(p, start, strlen(start));
    return n;
}

/* Every line shown is whole and known. */
static void check_lines(void)
{
    static const char *const known[] = { "[web] ", "[db] ", "socle: console slow: ",
                                         "socle: guest " };
    for (const char *p = text; *p; ) {
        const char *end = strstr(p, "\r\n");
        assert_non_null(end);
        bool ok = false;
        for (unsigned i = 0; i < ARRAY_LEN(known); i++)
            ok |= !strncmp(p, known[i], strlen(known[i]));
        assert_true(ok);
        if (!strncmp(p, "[web] flood", 11)) {
            assert_int_equal(end - p, 44);
            assert_memory_equal(end - 8, "the end.", 8);
        }
        p = end + 2;
    }
}

static void flood_drops_whole_lines_and_counts(void **state)
{
    enum { LINES = 20000 };
    char line[80];
    begin_running(2);
    text_len = 0;
    for (unsigned i = 0; i < LINES; i++) {
        fmt(line, sizeof(line), "flood %05u with some text at the end.\r\n", i);
        prints(0, line);
        if (i % 100 == 0)
            trickle(1);
        if (i == LINES / 2)
            console_guest_stopped(&con, &guest[1], "halted", now);
    }
    trickle(20000);
    check_lines();
    assert_non_null(strstr(text, "\nsocle: guest db: stopped (halted)\r\n"));
    assert_int_equal(count_lines("[web] flood") + sum_after("console slow: "), LINES);
    assert_true(count_lines("socle: console slow") < 10);
    prints(1, "back to normal\n");
    text_len = 0;
    assert_string_equal(shown(), "[db] back to normal\r\n");
}

static void binary_flood_stays_harmless(void **state)
{
    unsigned seed = 3;
    begin_running(2);
    text_len = 0;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t block[512];
        for (unsigned k = 0; k < sizeof(block); k++)
            block[k] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
        console_guest_output(&con, &guest[i % 2], block, sizeof(block), now);
        trickle(1);
    }
    trickle(10000);
    pass(T_S);
    trickle(10);
    console_guest_stopped(&con, &guest[0], "killed", now);
    console_guest_stopped(&con, &guest[1], "killed", now);
    trickle(2000);
    check_lines();
    for (size_t i = 0; i < text_len; i++) {
        uint8_t c = (uint8_t)text[i];
        assert_true(c == '\r' || c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f));
    }
    assert_true(count_lines("[web] ") > 10 && count_lines("[db] ") > 10);
}

static void two_mib_without_line_end(void **state)
{
    static uint8_t block[1 << 16];
    begin_running(2);
    memset(block, 'A', sizeof(block));
    for (unsigned i = 0; i < 32; i++) {
        console_guest_output(&con, &guest[0], block, sizeof(block), now);
        now += T_MS;
    }
    shown();
    prints(1, "still here\n");
    shown();
    assert_non_null(strstr(text, "[db] still here\r\n"));
    assert_true(strlen(strstr(text, "[db]")) < 40);
}

static void attached_flood_is_cut_at_lines(void **state)
{
    enum { LINES = 30000 };
    char line[80];
    begin_running(1);
    text_len = 0;
    for (unsigned i = 0; i < LINES; i++) {
        fmt(line, sizeof(line), "%05u and some text that follows\r\n", i);
        prints(0, line);
        if (i % 50 == 0)
            trickle(1);
    }
    trickle(30000);
    unsigned lines = 0;
    for (const char *p = text; *p; ) {
        const char *end = strstr(p, "\r\n");
        assert_non_null(end);
        if (strncmp(p, "socle: console slow: ", 21) != 0) {
            /* A line cut short is among those counted. */
            lines += end - p == 32;
        }
        p = end + 2;
    }
    assert_int_equal(lines + sum_after("console slow: "), LINES);
    assert_memory_equal(text + text_len - 34, "29999 and", 9);
}

static void last_words_of_an_attached_guest_come_before_its_end(void **state)
{
    char line[80];
    begin_running(1);
    for (unsigned i = 0; i < 1000; i++) {
        fmt(line, sizeof(line), "%05u and some text that follows\r\n", i);
        prints(0, line);
    }
    console_guest_stopped(&con, &guest[0], "poweroff", now);
    shown();
    const char *last = strstr(text, "00999 and"), *end = strstr(text, "socle: guest web: stopped");
    assert_true(last && end && last < end);
    assert_null(strstr(text, "console slow"));
}

static void dropped_line_in_pieces_counts_once(void **state)
{
    begin_running(2);
    types("\x1d");
    for (unsigned i = 0; i < 60; i++)
        prints(1, "flood flood flood flood flood flood\n");
    shown();
    assert_int_equal(sum_after("console slow: "), 11);
    for (unsigned i = 0; i < 50; i++)
        prints(1, "flood flood flood flood flood flood\n");
    for (unsigned i = 0; i < 3; i++) {
        prints(0, "piece ");
        pass(T_S);
    }
    prints(0, "end\n");
    shown();
    assert_int_equal(sum_after("console slow: "), 2);
}

static void own_lines_find_room_behind_a_flood(void **state)
{
    begin_running(2);
    for (unsigned i = 0; i < 5000; i++)
        prints(0, "flood flood flood flood flood flood\n");
    for (unsigned i = 0; i < 100; i++)
        console_log_line(&con, LOG_WARN, "important", now);
    console_guest_stopped(&con, &guest[0], "poweroff", now);
    shown();
    assert_int_equal(count_lines("socle: important"), 100);
    assert_int_equal(count_lines("socle: guest web: stopped (poweroff)"), 1);
}

static void own_lines_keep_their_place_among_an_attached_guests(void **state)
{
    char line[80];
    begin_running(1);
    for (unsigned i = 0; i < 500; i++) {
        fmt(line, sizeof(line), "%05u before\n\r", i);
        prints(0, line);
    }
    console_log_line(&con, LOG_WARN, "in between", now);
    prints(0, "after\n");
    assert_non_null(strstr(shown(), "00499 before\n\rsocle: in between\r\nafter\n"));
}

static void attached_flood_of_long_lines_goes_on_at_a_line(void **state)
{
    static char line[3001];
    begin_running(1);
    text_len = 0;
    memset(line, 'x', sizeof(line) - 1);
    memcpy(line, "begin", 5);
    memcpy(line + sizeof(line) - 7, "end..\n", 6);
    for (unsigned i = 0; i < 2000; i++) {
        prints(0, line);
        trickle(7);
    }
    trickle(20000);
    assert_true(count_lines("socle: console slow") > 5);
    for (const char *p = text; (p = strstr(p, " dropped\r\n")); p++)
        assert_memory_equal(p + 10, "begin", 5);
}

static void prompt_answers_during_a_flood(void **state)
{
    begin_running(2);
    for (unsigned i = 0; i < 5000; i++)
        prints(0, "flood flood flood flood flood flood\n");
    trickle(1);
    types("\x1d");
    text_len = 0;
    trickle(400);               /* not the five seconds a full queue takes */
    assert_non_null(strstr(text, "socle> "));
    assert_non_null(strstr(text, "console slow: "));
    for (unsigned i = 0; i < 5000; i++)
        prints(0, "flood flood flood flood flood flood\n");
    types("version\r");
    text_len = 0;
    trickle(500);
    assert_non_null(strstr(text, "Socle 1\r\n"));
}

static void prompt_opens_soon_from_a_flooding_guest(void **state)
{
    begin_running(1);
    for (unsigned i = 0; i < 5000; i++)
        prints(0, "flood flood flood flood flood flood\n");
    types("\x1d");
    text_len = 0;
    trickle(1000);
    assert_non_null(strstr(text, "socle> "));
    assert_non_null(strstr(text, "console slow: "));
}

static void stuck_device_harms_nobody(void **state)
{
    begin_running(2);
    console_add_sink(&con, queue[1], sizeof(queue[1]));     /* takes nothing, ever */
    for (unsigned i = 0; i < 5000; i++) {
        prints(0, "a line\n");
        if (i % 100 == 0)
            shown();
    }
    shown();
    for (unsigned i = 0; i < 200; i++)
        console_log_line(&con, LOG_DEBUG, "more than the stuck device's queue takes", now);
    types("\x1dlog\r");
    text_len = 0;
    trickle(5000);
    assert_non_null(strstr(text, "guest web: started\r\n"));
    assert_string_equal(text + text_len - 7, "socle> ");
    types("console web\r");
    shown();
    for (unsigned i = 0; i < 20000; i++)
        prints(0, "a line\n");
    shown();
    types("\x1dpoweroff now\r");
    console_guest_stopped(&con, &guest[0], "poweroff", now);
    console_guest_stopped(&con, &guest[1], "poweroff", now);
    shown();
    pass(10 * T_S);
    assert_string_equal(acts, "1 web;1 db;off;");
}

/* ---- long answers -------------------------------------------------------------------------- */

static void log_carries_times(void **state)
{
    begin(2);
    console_log_line(&con, LOG_WARN, "first", 1234 * T_MS);
    console_log_line(&con, LOG_DEBUG, "second", 61 * T_S);
    now = 62 * T_S;
    console_start(&con, now);
    shown();
    types("\x1dlog\r");
    assert_string_equal(shown(), "socle> log\r\n[    1.234] warning: first\r\n"
                                 "[   61.000] debug: second\r\nsocle> ");
    console_set_utc(&con, 1709164800 - 2);      /* 2024-02-29, two seconds later */
    types("log\r");
    assert_string_equal(shown(), "log\r\n2024-02-28 23:59:59 UTC [    1.234] warning: first\r\n"
                                 "2024-02-29 00:00:59 UTC [   61.000] debug: second\r\nsocle> ");
}

static void guest_log_is_made_safe(void **state)
{
    begin_running(2);
    prints(0, "\x1b[1mone\x1b[0m\r\n");
    now += T_S;
    prints(0, "two");
    shown();
    types("\x1dlog web\rlog db\r");
    assert_string_equal(shown(), "socle> log web\r\n"
        "[    1.000] [web] \\x1b[1mone\\x1b[0m\r\n[    2.000] [web] two\r\n"
        "socle> log db\r\nthe guest has printed nothing\r\nsocle> ");
}

static void long_log_comes_at_the_devices_speed(void **state)
{
    char line[80];
    begin_running(2);
    for (unsigned i = 0; i < 3000; i++) {
        fmt(line, sizeof(line), "%05u a line of the guest", i);
        console_log_line(&con, LOG_DEBUG, line, now);
    }
    types("\x1dlog\r");
    text_len = 0;
    trickle(20000);
    assert_null(strstr(text, "console slow"));
    assert_non_null(strstr(text, "debug: 02999 a line of the guest\r\nsocle> "));
    assert_true(count_lines("[    1.000] debug: ") > 1000);
}

static void long_log_can_be_ended(void **state)
{
    begin_running(2);
    for (unsigned i = 0; i < 1000; i++)
        console_log_line(&con, LOG_DEBUG, "a long line of text, a long line of text", now);
    shown();
    types("\x1dlog\rversion\r");
    text_len = 0;
    trickle(100);
    types("\x03");              /* also forgets what was typed ahead */
    trickle(1000);
    assert_string_equal(text + text_len - 7, "socle> ");
    assert_null(strstr(text, "Socle 1"));
    types("log\rversion\r");
    assert_int_equal(console_input_room(&con), CONSOLE_TYPEAHEAD - 8 + 1);
    trickle(20000);
    assert_non_null(strstr(text, "socle> version\r\nSocle 1\r\nsocle> "));
    types("log\r");
    types("\x1d");
    shown();
    assert_string_equal(text + text_len - 7, "socle> ");
    assert_true(con.job == JOB_NONE);
}

static void typeahead_is_bounded(void **state)
{
    begin_running(2);
    for (unsigned i = 0; i < 1000; i++)
        console_log_line(&con, LOG_DEBUG, "a long line of text, a long line of text", now);
    types("\x1dlog\r");
    for (unsigned i = 0; i < 300; i++)
        types("log\r");
    assert_int_equal(console_input_room(&con), 1);
    types("\x03");
    assert_true(con.job == JOB_NONE);
}

static void config_is_shown_as_text(void **state)
{
    begin_running(2);
    types("\x1d" "config\r");
    assert_string_equal(shown(), "socle> config\r\nversion = 1\r\n\r\n[host]\r\n"
                                 "bad = \"\\x1b[2J\"\r\nlast\r\nsocle> ");
    types("trace\r");
    assert_string_equal(shown(), "trace\r\nevent 0\r\nevent 1\r\nevent 2\r\nsocle> ");
}

static void flows_of_switches_follow_each_other(void **state)
{
    static const char lan[] = "switch lan: mtu 1500, no uplink, 2 flows\r\nFLOW\r\nflow 1\r\nflow 2\r\n";
    static const char wan[] = "switch wan: mtu 1500, no uplink, 1 flow\r\nno flows\r\n";
    char expected[400];
    begin_running(2);
    types("\x1d");
    shown();
    types("switch flows\r");
    fmt(expected, sizeof(expected), "switch flows\r\n%s\r\n%ssocle> ", lan, wan);
    assert_string_equal(shown(), expected);
    types("switch lan flows\r");
    fmt(expected, sizeof(expected), "switch lan flows\r\n%ssocle> ", lan);
    assert_string_equal(shown(), expected);
    types("switch wan flows\r");
    fmt(expected, sizeof(expected), "switch wan flows\r\n%ssocle> ", wan);
    assert_string_equal(shown(), expected);
}

static void top_goes_on_until_a_key(void **state)
{
    begin_running(2);
    types("\x1dtop\r");
    pass(2500 * T_MS);
    shown();
    assert_int_equal(count_lines("NAME"), 2);
    types("l");                 /* the key counts as typed */
    assert_string_equal(shown(), "socle> l");
    types("\x15top\r");
    shown();
    types("q");
    assert_string_equal(shown(), "socle> ");
    pass(5 * T_S);
    assert_string_equal(shown(), "");
}

static void output_between_command_and_answer(void **state)
{
    begin_running(2);
    types("\x1dtop\r");
    shown();
    prints(0, "a line\n");
    assert_string_equal(shown(), "[web] a line\r\n");
    pass(500 * T_MS);           /* no edit line in the middle of an answer */
    assert_string_equal(shown(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_drops_whole_lines_and_counts),
        cmocka_unit_test(binary_flood_stays_harmless),
        cmocka_unit_test(two_mib_without_line_end),
        cmocka_unit_test(attached_flood_is_cut_at_lines),
        cmocka_unit_test(last_words_of_an_attached_guest_come_before_its_end),
        cmocka_unit_test(dropped_line_in_pieces_counts_once),
        cmocka_unit_test(own_lines_find_room_behind_a_flood),
        cmocka_unit_test(own_lines_keep_their_place_among_an_attached_guests),
        cmocka_unit_test(attached_flood_of_long_lines_goes_on_at_a_line),
        cmocka_unit_test(prompt_answers_during_a_flood),
        cmocka_unit_test(prompt_opens_soon_from_a_flooding_guest),
        cmocka_unit_test(stuck_device_harms_nobody),
        cmocka_unit_test(log_carries_times),
        cmocka_unit_test(guest_log_is_made_safe),
        cmocka_unit_test(long_log_comes_at_the_devices_speed),
        cmocka_unit_test(long_log_can_be_ended),
        cmocka_unit_test(typeahead_is_bounded),
        cmocka_unit_test(config_is_shown_as_text),
        cmocka_unit_test(flows_of_switches_follow_each_other),
        cmocka_unit_test(top_goes_on_until_a_key),
        cmocka_unit_test(output_between_command_and_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
