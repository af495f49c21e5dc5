/* SPDX-License-Identifier: BSD-2-Clause */
/* The console as the operator sees it: log view, attached guest, prompt. */
#include "console_fixture.h"

/* ---- the log view ------------------------------------------------------------------ */

static void own_lines_are_prefixed(void **state)
{
    begin(2);
    console_log_line(&con, LOG_INFO, "hello", now);
    console_log_line(&con, LOG_DEBUG, "not shown", now);
    console_log_line(&con, LOG_ERROR, "two\nlines \x1b[2J", now);
    assert_string_equal(shown(), "socle: hello\r\nsocle: two\\x0alines \\x1b[2J\r\n");
    console_set_level(&con, LOG_WARN);
    console_log_line(&con, LOG_INFO, "not shown", now);
    console_notice(&con, "all guests stopped", now);
    assert_string_equal(shown(), "socle: all guests stopped\r\n");
}

static void guests_coming_and_going(void **state)
{
    begin(2);
    console_set_level(&con, LOG_ERROR);         /* the contract's lines do not depend on it */
    console_guest_started(&con, &guest[0], now);
    console_guest_stopped(&con, &guest[0], "crash: triple fault", now);
    console_guest_failed(&con, &guest[1], "no memory", now);
    assert_string_equal(shown(), "socle: guest web: started\r\n"
                                 "socle: guest web: stopped (crash: triple fault)\r\n"
                                 "socle: guest db: not started: no memory\r\n");
}

static void guest_lines_are_named(void **state)
{
    begin_running(3);
    prints(0, "one\r\ntwo");
    prints(1, "from db\n");
    prints(0, " more\n");
    assert_string_equal(shown(), "[web] one\r\n[db] from db\r\n[web] two more\r\n");
}

static void no_guest_forges_a_line(void **state)
{
    begin_running(2);
    prints(0, "\r\nsocle: guest db: stopped (killed)\r\n\r[db] hello\x1b[1A\rsocle: panic: x\n"
              "\xc2\x85socle: y\n");
    assert_string_equal(shown(), "[web] \r\n[web] socle: guest db: stopped (killed)\r\n"
                        "[web] [db] hello\\x1b[1A\r\n[web] socle: panic: x\r\n"
                        "[web] \\xc2\\x85socle: y\r\n");
}

static void unfinished_line_is_shown_and_continued(void **state)
{
    begin_running(2);
    prints(0, "login: ");
    pass(199 * T_MS);
    assert_string_equal(shown(), "");
    pass(2 * T_MS);
    assert_string_equal(shown(), "[web] login: ");
    prints(0, "root\r\n");
    assert_string_equal(shown(), "root\r\n");
    prints(0, "# ");
    pass(T_S);
    prints(1, "interrupts\n");
    prints(0, "ls\n");
    assert_string_equal(shown(), "[web] # \r\n[db] interrupts\r\n[web] ls\r\n");
    prints(0, "# ");
    pass(T_S);
    console_notice(&con, "fresh line", now);
    prints(0, "\n");                            /* its end alone shows nothing more */
    prints(1, "ok\n");
    assert_string_equal(shown(), "[web] # \r\nsocle: fresh line\r\n[db] ok\r\n");
    prints(0, "# ");
    pass(T_S);
    prints(0, "\nnext\n");
    assert_string_equal(shown(), "[web] # \r\n[web] next\r\n");
}

static void stopped_guest_shows_its_last_words(void **state)
{
    begin_running(2);
    prints(0, "no line end");
    console_guest_stopped(&con, &guest[0], "poweroff", now);
    assert_string_equal(shown(), "[web] no line end\r\nsocle: guest web: stopped (poweroff)\r\n");
    pass(T_S);
    assert_string_equal(shown(), "");
}

static void early_lines_reach_a_late_device(void **state)
{
    begin(0);
    console_log_line(&con, LOG_INFO, "early", now);
    console_log_line(&con, LOG_DEBUG, "hidden", now);
    assert_int_equal(console_add_sink(&con, queue[1], sizeof(queue[1])), 1);
    uint8_t buf[100];
    size_t n = console_tx_take(&con, 1, buf, sizeof(buf), now);
    assert_int_equal(n, 16);        /* the loader may have left half a line there */
    assert_memory_equal(buf, "\r\nsocle: early\r\n", n);
}

static void earlier_boot_is_shown(void **state)
{
    begin(0);
    struct logring *old = logring_init(guest_log[0], sizeof(guest_log[0]));
    logring_add(old, 2500 * T_MS, LOG_ERROR, LOGREC_START | LOGREC_END, "panic: gone", 11);
    console_show_previous(&con, logring_recover(guest_log[0], sizeof(guest_log[0])));
    assert_string_equal(shown(), "socle: previous boot: [    2.500] panic: gone\r\n");
}

/* ---- attached ----------------------------------------------------------------------- */

static void only_guest_is_attached(void **state)
{
    begin(1);
    console_start(&con, now);
    console_guest_started(&con, &guest[0], now);
    assert_string_equal(shown(), "socle: guest web: started\r\n"
                                 "socle: attached to guest web; ^] opens the prompt\r\n");
    prints(0, "\x1b[1mraw\x1b[0m\r\n\x80\xff\r#");
    assert_string_equal(shown(), "\x1b[1mraw\x1b[0m\r\n\x80\xff\r#");
    types("ls\r\x03\x7f\x1b[A");
    assert_string_equal(input, "ls\r\x03\x7f\x1b[A");
    assert_string_equal(shown(), "");           /* no local echo */
}

static void several_guests_start_in_the_log_view(void **state)
{
    begin(3);
    console_start(&con, now);
    assert_string_equal(shown(), "socle: 3 guests; ^] opens the prompt, `console NAME` there "
                                 "attaches to one, ^] leaves it again\r\n");
    console_guest_started(&con, &guest[0], now);
    prints(0, "x\n");
    assert_string_equal(shown(), "socle: guest web: started\r\n[web] x\r\n");
    types("hello");
    assert_string_equal(shown(), "socle: no guest is attached; ^] opens the prompt\r\n");
    assert_string_equal(input, "");
}

static void without_guests_there_is_the_prompt(void **state)
{
    begin(0);
    console_start(&con, now);
    assert_string_equal(shown(), "socle> ");
}

static void lines_while_attached(void **state)
{
    begin(2);
    console_guest_started(&con, &guest[0], now);
    console_start(&con, now);
    types("\x1d" "console web\r");
    shown();
    prints(0, "working");
    console_log_line(&con, LOG_INFO, "not shown", now);
    console_log_line(&con, LOG_WARN, "careful", now);
    assert_string_equal(shown(), "working\r\nsocle: careful\r\n");
    prints(1, "not shown\n");
    console_guest_started(&con, &guest[1], now);
    prints(0, "more\n");
    console_guest_stopped(&con, &guest[1], "halted", now);
    assert_string_equal(shown(), "socle: guest db: started\r\nmore\nsocle: guest db: stopped "
                                 "(halted)\r\n");
    pass(T_S);
    assert_string_equal(shown(), "");
}

static void detaches_when_the_guest_stops(void **state)
{
    begin_running(2);
    types("\x1d" "console web\r");
    shown();
    prints(0, "bye");
    console_guest_stopped(&con, &guest[0], "poweroff", now);
    assert_string_equal(shown(), "bye\r\nsocle: guest web: stopped (poweroff)\r\n");
    pass(T_S);
    assert_non_null(strstr(shown(), "^] opens the prompt"));
    prints(1, "visible\n");
    assert_string_equal(shown(), "[db] visible\r\n");
}

static void attaches_again_after_a_reboot(void **state)
{
    begin_running(1);
    console_guest_stopped(&con, &guest[0], "reboot", now);
    console_guest_started(&con, &guest[0], now);
    prints(0, "raw again");
    assert_string_equal(shown(), "socle: guest web: stopped (reboot)\r\n"
                                 "socle: guest web: started\r\n"
                                 "socle: attached to guest web; ^] opens the prompt\r\nraw again");
    console_guest_stopped(&con, &guest[0], "reboot", now);
    types("\x1d");                              /* the operator does something else */
    shown();
    console_guest_started(&con, &guest[0], now);
    prints(0, "line\n");
    assert_string_equal(shown(), "\r\nsocle: guest web: started\r\n[web] line\r\n");
    begin_running(1);
    console_guest_stopped(&con, &guest[0], "reboot", now);
    types("\x1d\x04");
    shown();
    console_guest_started(&con, &guest[0], now);
    assert_string_equal(shown(), "socle: guest web: started\r\n");
}

static void only_guest_that_cannot_start(void **state)
{
    begin(1);
    console_start(&con, now);
    console_guest_failed(&con, &guest[0], "kernel: not found", now);
    pass(1);
    assert_string_equal(shown(), "socle: guest web: not started: kernel: not found\r\n"
                                 "socle: ^] opens the prompt\r\n");
}

static void replay_shows_the_last_lines_as_text(void **state)
{
    char line[64];
    begin_running(2);
    for (unsigned i = 0; i < 100; i++) {
        fmt(line, sizeof(line), "\x1b[32mline\x1b[0m %u\x1b]0;title\a\x1b[6n\r\n", i);
        prints(0, line);
    }
    prints(0, "login: ");
    shown();
    types("\x1d" "console web\r");
    const char *p = strstr(shown(), "opens the prompt\r\n");
    assert_non_null(p);
    p = strchr(p, '\n') + 1;
    for (unsigned i = 51; i < 100; i++) {
        size_t n = fmt(line, sizeof(line), "line %u\r\n", i);
        assert_memory_equal(p, line, n);
        p += n;
    }
    assert_string_equal(p, "login: ");
    prints(0, "ro\x1b[Kot");                    /* live bytes of the same line are raw */
    assert_string_equal(shown(), "ro\x1b[Kot");
}

static void input_waits_for_room(void **state)
{
    begin_running(1);
    input_room = 2;
    types("hello");
    assert_string_equal(input, "he");
    input_room = 1;
    pass(10 * T_MS);
    assert_string_equal(input, "hel");
    input_room = 100;
    console_guest_ready(&con, &guest[0], now);
    assert_string_equal(input, "hello");
    input_room = 0;
    assert_int_equal(console_input_room(&con), CONSOLE_INPUT);
    for (unsigned i = 0; i < CONSOLE_INPUT + 10; i++)
        types("x");
    assert_int_equal(console_input_room(&con), 0);
    input_room = sizeof(input) - 6;
    pass(20 * T_MS);
    assert_int_equal(input_len, 5 + CONSOLE_INPUT);
    types("y");
    assert_int_equal(input[input_len - 1], 'y');
}

static void terminal_is_put_right_when_leaving(void **state)
{
    begin_running(1);
    prints(0, "\x1b[31m\x1b[?25lred\n");
    shown();
    types("\x1d");
    assert_string_equal(shown(), "\x1b\\\x1b[0m\x0f\x1b[?25h\r\nsocle> ");
}

/* ---- the prompt ----------------------------------------------------------------------- */

static void escape_opens_and_passes_itself(void **state)
{
    begin_running(1);
    prints(0, "# ");
    shown();
    types("\x1d");
    assert_string_equal(shown(), "\r\nsocle> ");
    types("\x1d");
    assert_string_equal(input, "\x1d");
    assert_string_equal(shown(), "\r\nsocle: attached to guest web; ^] opens the prompt\r\n");
    types("\x1dlist\x1d");                      /* not the second in a row: a new line */
    assert_string_equal(input, "\x1d");
    assert_string_equal(shown(), "socle> list\r\nsocle> ");
    types("\x04");                              /* back to the guest, nothing sent */
    assert_string_equal(input, "\x1d");
    types("x");
    assert_string_equal(input, "\x1dx");
}

static void escape_key_can_be_chosen(void **state)
{
    uint8_t byte;
    assert_true(console_parse_escape("^o", &byte) && byte == 0x0f);
    assert_true(console_parse_escape("^]", &byte) && byte == 0x1d);
    assert_true(console_parse_escape("^?", &byte) && byte == 0x7f);
    assert_true(console_parse_escape("\x01", &byte) && byte == 1);
    assert_false(console_parse_escape("", &byte) || console_parse_escape("x", &byte) ||
                 console_parse_escape("^", &byte) || console_parse_escape("^oo", &byte) ||
                 console_parse_escape("^@", &byte) || console_parse_escape("^1", &byte));
    begin(1);
    console_set_escape(&con, 0x0f);
    console_start(&con, now);
    console_guest_started(&con, &guest[0], now);
    assert_non_null(strstr(shown(), "; ^O opens"));
    types("\x1d");
    assert_string_equal(input, "\x1d");
    types("\x0f");
    assert_string_equal(shown(), "socle> ");
}

static void break_always_opens_the_prompt(void **state)
{
    begin_running(1);
    console_break(&con, now);
    assert_string_equal(shown(), "socle> ");
    types("half");
    console_break(&con, now);
    assert_string_equal(shown(), "half\r\nsocle> ");
    types("\x1d");
    assert_string_equal(input, "\x1d");
}

static void commands_answer_below(void **state)
{
    begin_running(2);
    types("\x1d" "version\rlsit\n\r\n");
    assert_string_equal(shown(), "socle> version\r\nSocle 1\r\n"
                        "socle> lsit\r\nunknown command `lsit`; did you mean `list`?\r\n"
                        "socle> \r\nsocle> ");
}

static void log_lines_come_above_the_edit_line(void **state)
{
    begin_running(2);
    types("\x1dlis");
    shown();
    prints(1, "one\ntwo\n");
    console_notice(&con, "three", now);
    assert_string_equal(shown(), "\r\n[db] one\r\n[db] two\r\nsocle: three\r\n");
    pass(400 * T_MS);
    assert_string_equal(shown(), "socle> lis");
    prints(1, "four\n");
    types("t");                                 /* a key brings it back at once */
    assert_string_equal(shown(), "\r\n[db] four\r\nsocle> list");
    prints(1, "unfinished");
    pass(T_S);
    assert_string_equal(shown(), "\r\n[db] unfinished\r\nsocle> list");
}

static void guest_left_by_escape_is_in_the_log_view(void **state)
{
    begin_running(1);
    prints(0, "login: ");
    types("\x1d");
    shown();
    prints(0, "\r\nnext\r\n");                  /* the end of a line seen raw is not repeated */
    assert_string_equal(shown(), "\r\n[web] next\r\n");
}

static void guest_stops_at_the_prompt(void **state)
{
    begin_running(1);
    types("\x1dkill web\r");
    assert_string_equal(shown(), "socle> kill web\r\nsocle: guest web: stopped (killed)\r\n"
                                 "socle> ");
    types("\x1d");                              /* there is nobody to send it to */
    assert_string_equal(input, "");
    types("console\r");
    assert_non_null(strstr(shown(), "guest web is not running"));
    types("start web\r\x04");
    assert_non_null(strstr(shown(), "socle: guest web: started\r\n"));
}

static void completion_at_the_prompt(void **state)
{
    begin_running(3);
    types("\x1d" "cons\t" "m\t\r");
    assert_string_equal(con.attached->name, "mail");
    types("\x1d");
    shown();
    types("st\t");
    assert_string_equal(shown(), "st\r\nstart  stop\r\nsocle> st");
    types("\x0c");
    assert_string_equal(shown(), "\x1b[2J\x1b[Hsocle> st");
    types("\x03");
    assert_string_equal(shown(), "\r\nsocle> ");
}

static void two_devices_show_the_same(void **state)
{
    uint8_t buf[1000];
    begin_running(2);
    console_add_sink(&con, queue[1], sizeof(queue[1]));
    console_tx_take(&con, 1, buf, sizeof(buf), now);
    assert_true(con.sink[1].fresh && con.sink[0].fresh);
    types("\x1dversion\r");
    prints(0, "line\n");
    shown();
    size_t n = console_tx_take(&con, 1, buf, sizeof(buf), now);
    assert_int_equal(n, text_len);
    assert_memory_equal(buf, text, n);
}

static void poweroff_from_the_prompt(void **state)
{
    begin_running(2);
    types("\x1dpoweroff now\r");
    assert_string_equal(acts, "1 web;1 db;");
    assert_non_null(strstr(shown(), "waiting up to 60 s"));
    console_guest_stopped(&con, &guest[0], "poweroff", now);
    pass(T_S);
    shown();
    console_guest_stopped(&con, &guest[1], "poweroff", now);
    pass(5 * T_MS);
    assert_string_equal(acts, "1 web;1 db;");   /* the last lines leave first */
    shown();
    pass(50 * T_MS);
    assert_string_equal(acts, "1 web;1 db;off;");
}

static void poweroff_given_up(void **state)
{
    begin_running(2);
    types("\x1dreboot now\r\x03");
    assert_non_null(strstr(shown(), "reboot given up"));
    pass(100 * T_S);
    assert_string_equal(acts, "1 web;1 db;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_lines_are_prefixed),
        cmocka_unit_test(guests_coming_and_going),
        cmocka_unit_test(guest_lines_are_named),
        cmocka_unit_test(no_guest_forges_a_line),
        cmocka_unit_test(unfinished_line_is_shown_and_continued),
        cmocka_unit_test(stopped_guest_shows_its_last_words),
        cmocka_unit_test(early_lines_reach_a_late_device),
        cmocka_unit_test(earlier_boot_is_shown),
        cmocka_unit_test(only_guest_is_attached),
        cmocka_unit_test(several_guests_start_in_the_log_view),
        cmocka_unit_test(without_guests_there_is_the_prompt),
        cmocka_unit_test(lines_while_attached),
        cmocka_unit_test(detaches_when_the_guest_stops),
        cmocka_unit_test(attaches_again_after_a_reboot),
        cmocka_unit_test(only_guest_that_cannot_start),
        cmocka_unit_test(replay_shows_the_last_lines_as_text),
        cmocka_unit_test(input_waits_for_room),
        cmocka_unit_test(terminal_is_put_right_when_leaving),
        cmocka_unit_test(escape_opens_and_passes_itself),
        cmocka_unit_test(escape_key_can_be_chosen),
        cmocka_unit_test(break_always_opens_the_prompt),
        cmocka_unit_test(commands_answer_below),
        cmocka_unit_test(log_lines_come_above_the_edit_line),
        cmocka_unit_test(guest_left_by_escape_is_in_the_log_view),
        cmocka_unit_test(guest_stops_at_the_prompt),
        cmocka_unit_test(completion_at_the_prompt),
        cmocka_unit_test(two_devices_show_the_same),
        cmocka_unit_test(poweroff_from_the_prompt),
        cmocka_unit_test(poweroff_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
