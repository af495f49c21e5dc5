/* SPDX-License-Identifier: BSD-2-Clause */
/* `poweroff` and `reboot`: the machine's orderly end. */
#include "shell_fixture.h"

static void poweroff_wants_now(void **state)
{
    assert_string_equal(run("poweroff"),
        "2 guests are running: web mail\n"
        "`poweroff now` presses their power buttons, waits, and kills those that do not stop\n");
    assert_string_equal(calls, "");
    guest[1].running = false;
    assert_string_equal(run("reboot"),
        "1 guest is running: web\n"
        "`reboot now` presses their power buttons, waits, and kills those that do not stop\n");
}

static void poweroff_of_an_idle_machine(void **state)
{
    uint64_t next;
    guest[0].running = guest[1].running = false;
    run("poweroff");
    assert_string_equal(calls, "closing 1;");
    assert_string_equal(tick(100 * S, &next), "log2: turning the machine off\n");
    assert_string_equal(calls, "OFF;");
    tick(101 * S, &next);
    assert_string_equal(calls, "");         /* once */
}

static void poweroff_now_waits_for_guests(void **state)
{
    uint64_t next;
    row[0].stop_timeout_s = 30;
    assert_string_equal(run("poweroff now"),
                        "pressing the power button of 2 guests: web mail\n"
                        "waiting up to 60 s; Ctrl-C gives up\n");
    assert_string_equal(calls, "closing 1;stop web;stop mail;");
    assert_string_equal(tick(110 * S, &next), "");
    assert_int_equal(next, 160 * S);
    guest[0].running = false;
    assert_string_equal(tick(120 * S, &next), "");
    assert_string_equal(run("reboot now"),
                        "the machine is going down already, waiting for mail; Ctrl-C gives up\n");
    assert_string_equal(run("start web"), "the machine is going down; Ctrl-C stops that\n");
    guest[1].running = false;
    drained = false;
    tick(121 * S, &next);
    assert_string_equal(calls, "");
    assert_true(next > 121 * S && next < 122 * S);
    drained = true;
    tick(next, &next);
    assert_string_equal(calls, "OFF;");
}

static void poweroff_now_kills_the_rest(void **state)
{
    uint64_t next;
    run("reboot now");
    guest[0].running = false;
    assert_string_equal(tick(160 * S, &next),
                        "log1: guest mail: did not stop in time; killing it\n"
                        "log2: restarting the machine\n");
    assert_string_equal(calls, "kill mail;REBOOT;");
}

static void stop_before_poweroff_is_not_nagged_about(void **state)
{
    uint64_t next;
    row[0].stop_timeout_s = 5;
    run("stop web");
    run("poweroff now");
    assert_string_equal(tick(110 * S, &next), "");
}

static void output_that_never_drains_does_not_block(void **state)
{
    uint64_t next;
    guest[0].running = guest[1].running = false;
    drained = false;
    run("poweroff");
    tick(100 * S, &next);
    assert_string_equal(calls, "");
    tick(110 * S, &next);
    assert_string_equal(calls, "OFF;");
}

static void paused_and_crashed_guests_at_poweroff(void **state)
{
    row[0].state = GUEST_PAUSED;
    row[1].state = GUEST_CRASHED;
    run("poweroff now");
    assert_string_equal(calls, "closing 1;resume web;stop web;kill mail;");
    assert_non_null(strstr(out, "log1: guest mail: has crashed; killing it\n"));
}

static void guests_without_power_button_at_poweroff(void **state)
{
    uint64_t next;
    stop_works = false;
    run("poweroff now");
    assert_string_equal(calls, "closing 1;stop web;kill web;stop mail;kill mail;");
    tick(100 * S, &next);
    assert_string_equal(calls, "OFF;");
}

static void poweroff_can_be_given_up(void **state)
{
    uint64_t next;
    assert_false(shell_cancel(&shell));
    run("poweroff now");
    out[0] = calls[0] = '\0';
    assert_true(shell_cancel(&shell));
    assert_string_equal(calls, "closing 0;");
    assert_non_null(strstr(out, "poweroff given up"));
    tick(300 * S, &next);
    assert_string_equal(calls, "");
    run("start web-test");
    assert_string_equal(calls, "start web-test;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(poweroff_wants_now, setup),
        cmocka_unit_test_setup(poweroff_of_an_idle_machine, setup),
        cmocka_unit_test_setup(poweroff_now_waits_for_guests, setup),
        cmocka_unit_test_setup(poweroff_now_kills_the_rest, setup),
        cmocka_unit_test_setup(stop_before_poweroff_is_not_nagged_about, setup),
        cmocka_unit_test_setup(output_that_never_drains_does_not_block, setup),
        cmocka_unit_test_setup(paused_and_crashed_guests_at_poweroff, setup),
        cmocka_unit_test_setup(guests_without_power_button_at_poweroff, setup),
        cmocka_unit_test_setup(poweroff_can_be_given_up, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
