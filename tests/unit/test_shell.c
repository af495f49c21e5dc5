/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the prompt: words, arguments, tables, completion. */
#include "shell_fixture.h"

#include "vmm/console/shell_priv.h"

/* ---- words -------------------------------------------------------------------------- */

static void distances(void **state)
{
    assert_int_equal(words_distance("", ""), 0);
    assert_int_equal(words_distance("", "abc"), 3);
    assert_int_equal(words_distance("list", "lsit"), 1);
    assert_int_equal(words_distance("kitten", "sitting"), 3);
    assert_int_equal(words_distance("stop", "stp"), 1);
    assert_int_equal(words_distance("a", "xa"), 1);
    char lengthy[100];
    memset(lengthy, 'x', sizeof(lengthy));
    lengthy[99] = '\0';
    assert_int_equal(words_distance(lengthy, "x"), WORD_MAX - 1);
}

static void times(void **state)
{
    char buf[WORDS_TIME];
    assert_string_equal(words_time(buf, 0), "0.000 s");
    assert_string_equal(words_time(buf, 1234567890), "1.234 s");
    assert_string_equal(words_time(buf, 59900 * 1000000ull), "59.9 s");
    assert_string_equal(words_time(buf, 187 * S), "3m07s");
    assert_string_equal(words_time(buf, 7500 * S), "2h05m");
    assert_string_equal(words_time(buf, (12 * 86400 + 3 * 3600) * S), "12d03h");
    words_time(buf, UINT64_MAX);
}

static void wrong_words_name_the_right_one(void **state)
{
    assert_string_equal(run("lsit"), "unknown command `lsit`; did you mean `list`?\n");
    assert_string_equal(run("poweof now"), "unknown command `poweof`; did you mean `poweroff`?\n");
    assert_string_equal(run("ver"), "unknown command `ver`; did you mean `version`?\n");
    assert_string_equal(run("exi"), "unknown command `exi`; did you mean `exits`?\n");
    assert_string_equal(run("destroy web"), "unknown command `destroy`; did you mean `kill`?\n");
    assert_string_equal(run("frobnicate"),
                        "unknown command `frobnicate`; `help` lists the commands\n");
    assert_string_equal(run("LIST"), "unknown command `LIST`; `help` lists the commands\n");
    assert_string_equal(run("x"), "unknown command `x`; `help` lists the commands\n");
}

static void wrong_guests_name_the_right_one(void **state)
{
    assert_string_equal(run("start wbe"), "no guest is named `wbe`; did you mean `web`?\n");
    assert_string_equal(run("log mai"), "no guest is named `mai`; did you mean `mail`?\n");
    assert_string_equal(run("kill zzzzzz"),
                        "no guest is named `zzzzzz`; `list` shows the guests\n");
    assert_string_equal(calls, "");
}

static void wrong_arguments_say_the_usage(void **state)
{
    assert_string_equal(run("start"), "usage: start NAME\n");
    assert_string_equal(run("start web mail"), "usage: start NAME\n");
    assert_string_equal(run("list web"), "usage: list\n");
    assert_string_equal(run("poweroff later"), "usage: poweroff [now]\n");
    assert_string_equal(run("log a b c d e f g h i j k l m"), "usage: log [NAME]\n");
    assert_string_equal(run("console"), "usage: console NAME\n");
    assert_string_equal(run(""), "");
    assert_string_equal(run("   \t "), "");
}

static void blanks_do_not_matter(void **state)
{
    run("  \tlog\t  web   ");
    assert_string_equal(calls, "log web;");
}

static void hostile_lines_do_no_harm(void **state)
{
    char line[2000];
    memset(line, 'a', sizeof(line));
    line[1999] = '\0';
    run(line);
    memset(line, ' ', 1999);
    run(line);
    for (unsigned i = 0; i < 1999; i += 2)
        line[i] = '%';
    run(line);
    run("start %s%n%s%n");
    assert_string_equal(out, "no guest is named `%s%n%s%n`; `list` shows the guests\n");
}

/* ---- help and completion ------------------------------------------------------------- */

static void help_lists_and_explains(void **state)
{
    assert_non_null(strstr(run("help"), "\nstart NAME             starts a guest\n"));
    assert_non_null(strstr(out, "poweroff [now]"));
    assert_non_null(strstr(out, "^] leaves a guest's console"));
    assert_string_equal(run("help kill"), "kill NAME: ends a guest at once\n");
    assert_string_equal(run("help kil"), "unknown command `kil`; did you mean `kill`?\n");
    for (const char *p = run("help"), *e; (e = strchr(p, '\n')); p = e + 1)
        assert_true(e - p < 96);
}

static void commands_without_operation_are_absent(void **state)
{
    static const struct shell_ops none;
    setup_with(&none);
    assert_null(strstr(run("help"), "start"));
    assert_null(strstr(out, "poweroff"));
    assert_non_null(strstr(out, "list"));
    assert_string_equal(run("mem"), "unknown command `mem`; `help` lists the commands\n");
    assert_string_equal(run("free"), "unknown command `free`; `help` lists the commands\n");
    assert_non_null(strstr(run("list"), "web       running"));
    run("version");
    assert_string_equal(out, "Socle " SOCLE_VERSION "\n");
    uint64_t next;
    assert_string_equal(tick(1, &next), "");
    assert_int_equal(next, UINT64_MAX);
}

static const char *complete(const char *line)
{
    static char added[300];
    bool listed;
    out[0] = '\0';
    size_t n = shell_complete(&shell, line, strlen(line), added, sizeof(added) - 1, &listed);
    added[n] = '\0';
    assert_int_equal(listed, out[0] != '\0');
    return added;
}

static void completion(void **state)
{
    assert_string_equal(complete("sto"), "p ");
    assert_string_equal(complete("s"), "");
    assert_string_equal(out, "start  stop  switch\n");
    assert_string_equal(complete("c"), "");
    assert_string_equal(complete("conf"), "ig ");
    assert_string_equal(complete("re"), "");
    assert_string_equal(out, "reset  resume  reboot\n");
    assert_string_equal(complete("res"), "");
    assert_string_equal(complete("start m"), "ail ");
    assert_string_equal(complete("start w"), "eb");
    assert_string_equal(complete("start web"), "");
    assert_string_equal(out, "web  web-test\n");
    assert_string_equal(complete("start "), "");
    assert_string_equal(out, "web  mail  web-test\n");
    assert_string_equal(complete("start web "), "");
    assert_string_equal(complete("list "), "");
    assert_string_equal(complete("switch "), "flows ");
    switches = 2;
    assert_string_equal(complete("switch "), "");
    assert_string_equal(out, "lan  wan  flows\n");
    assert_string_equal(complete("switch w"), "an ");
    assert_string_equal(complete("switch wan "), "flows ");
    assert_string_equal(complete("switch wan w"), "");
    assert_string_equal(complete("switch wan flows "), "");
    assert_string_equal(complete("zzz "), "");
    assert_string_equal(complete("zzz"), "");
    assert_string_equal(complete("poweroff "), "now ");
    assert_string_equal(complete("help sw"), "itch ");
    complete("");
    assert_non_null(strstr(out, "help  list  info"));
}

static void completion_needs_room(void **state)
{
    char add4[4];
    bool listed;
    assert_int_equal(shell_complete(&shell, "vers", 4, add4, 4, &listed), 4);
    assert_int_equal(shell_complete(&shell, "ver", 3, add4, 4, &listed), 0);
}

/* ---- tables ---------------------------------------------------------------------------- */

static void list_shows_guests(void **state)
{
    row[0].uptime_ns = 187 * S;
    row[0].cpu_ns = 1500000000;
    row[0].exits = 12345;
    fmt(row[2].note, SHELL_WHY, "crash: triple fault");
    assert_string_equal(run("list"),
        "NAME      STATE    CPUS  MEMORY   UPTIME  CPU TIME  EXITS  NOTE\n"
        "web       running     1     64M    3m07s   1.500 s  12345\n"
        "mail      running     2    128M  0.000 s   0.000 s      0\n"
        "web-test  off         3    256M        -   0.000 s      0  crash: triple fault\n");
}

static void list_without_guests(void **state)
{
    head = NULL;
    assert_string_equal(run("list"), "there are no guests; `log` shows what became of the configuration\n");
    assert_string_equal(run("top"), "there are no guests; `log` shows what became of the configuration\n");
}

static void info_shows_all(void **state)
{
    fmt(row[0].note, SHELL_WHY, "reboot");
    row[0].restarts = 2;
    row[0].uptime_ns = 5 * S;
    assert_string_equal(run("info web"),
        "GUEST\n"
        "name       web\n"
        "state      running\n"
        "last stop  reboot\n"
        "cpus       1\n"
        "memory     64M\n"
        "uptime     5.000 s\n"
        "cpu time   0.000 s\n"
        "exits      0\n"
        "restarts   2\n"
        "kernel     vmlinuz\n"
        "vcpu 0     rip 0x10\n"
        "vcpu 1     rip 0x20\n");
}

static void exits_are_sorted_by_cost(void **state)
{
    row[0].uptime_ns = 10 * S;
    assert_string_equal(run("exits web"),
        "REASON  COUNT  PER SECOND     TIME     EACH   SHARE\n"
        "io       3000         300  0.005 s  1999 ns   99.9%\n"
        "cpuid      20           2  0.000 s    50 ns    0.0%\n"
        "hlt        10           1  0.000 s   100 ns    0.0%\n"
        "total    3030         303  0.006 s  1980 ns  100.0%\n");
    assert_string_equal(run("exits mail"), "guest mail has had no exits\n");
}

static void machine_tables(void **state)
{
    assert_string_equal(run("mem"),
        "WHAT        SIZE   SHARE\n"
        "all memory    1G  100.0%\n"
        "guest web   512M   50.0%\n"
        "hypervisor    1M    0.0%\n");
    assert_string_equal(run("cpus"),
        "CPU  APIC ID   BUSY  DOING\n"
        "  0        0  50.0%  guest web vcpu 0\n"
        "  1        2      -  idle\n");
    assert_string_equal(run("devices"),
        "AT            OWNER  DRIVER      DEVICE\n"
        "0000:00:03.0  -      -           network (8086:100e)\n"
        "0000:00:04.0  socle  virtio-blk  virtio disk (1af4:1042)\n"
        "  vda         -      virtio-blk  disk, 64.0 MiB, serial:data1\n"
        "  vda1        web    virtio-blk  partition, 32.0 MiB, PARTUUID=6f1c2d3e-01\n");
    assert_string_equal(run("version"), "Socle 9.9 on AMD-V\n");
}

static unsigned count(const char *what)
{
    unsigned n = 0;
    for (const char *at = out; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* However many there are, every one is shown once, and no empty table follows. */
static void many_rows(void **state)
{
    for (more_devices = SHELL_ROWS - 5; more_devices <= SHELL_ROWS - 3; more_devices++) {
        run("devices");
        assert_int_equal(count("AT "), more_devices + 4 > SHELL_ROWS ? 2 : 1);
        assert_int_equal(count("nobody"), more_devices);
        assert_int_equal(count("(more rows"), 0);
    }
    switches = 1;
    lan_ports = 100;
    run("switch");
    assert_int_equal(count("52:54:00:12:34:56"), 50);
    assert_int_equal(count("52:54:00:12:34:58"), 50);
    assert_int_equal(count("PORT"), 2);
}

/* ---- switches ---------------------------------------------------------------------------- */

#define LAN "switch lan: mtu 1500, no uplink, 1 flow\n" \
            "PORT  MAC                VLAN  LINK  RECEIVED  BYTES  SENT  BYTES  DROPPED  MOSTLY\n" \
            "web   52:54:00:12:34:56  10    up          12   1104    14   1288       81  " \
            "broadcast limit\n" \
            "mail  52:54:00:12:34:58  -     down         0      0     0      0        0\n"
#define WAN "switch wan: mtu 9000, uplink 0000:00:03.0 52:54:00:12:34:57, 12 flows\n" \
            "nothing is plugged in\n"

static void switch_shows_ports(void **state)
{
    assert_string_equal(run("switch"), "there is no switch: the configuration names none\n");
    assert_string_equal(run("switch lan"), "there is no switch: the configuration names none\n");
    switches = 1;
    lan_ports = 2;
    assert_string_equal(run("switch"), LAN);
    switches = 2;
    assert_string_equal(run("switch"), LAN "\n" WAN);
    assert_string_equal(run("switch lan"), LAN);
    assert_string_equal(run("switch wan"), WAN);
    assert_string_equal(run("switch wna"), "no switch is named `wna`; did you mean `wan`?\n");
    assert_string_equal(run("switch flow"), "no switch is named `flow`; did you mean `flows`?\n");
    assert_string_equal(run("switch intranet"),
                        "no switch is named `intranet`; `switch` shows all\n");
    assert_string_equal(run("switch lan ports"), "usage: switch [NAME] [flows]\n");
    assert_string_equal(run("switch lan flows more"), "usage: switch [NAME] [flows]\n");
}

static void switch_hands_over_flows(void **state)
{
    switches = 2;
    assert_string_equal(run("switch flows"), "switch lan: mtu 1500, no uplink, 1 flow\n");
    assert_string_equal(calls, "flows 0 on;");
    assert_string_equal(run("switch wan flows"), "switch wan: mtu 9000, uplink 0000:00:03.0 "
                                                 "52:54:00:12:34:57, 12 flows\n");
    assert_string_equal(calls, "flows 1 only;");
    assert_string_equal(run("switch wam flows"), "no switch is named `wam`; did you mean `wan`?\n");
    assert_string_equal(calls, "");

    static struct shell_ops without;
    without = all_ops;
    without.flow = NULL;
    setup_with(&without);
    switches = 1;
    assert_string_equal(run("switch flows"), "this version does not show flows\n");
}

static void vlans_in_words(void **state)
{
    char buf[SHELL_VLANS];
    uint64_t set[64] = { 0 };
    assert_string_equal(shell_vlan_text(buf, 0, NULL), "-");
    assert_string_equal(shell_vlan_text(buf, 0, set), "-");
    assert_string_equal(shell_vlan_text(buf, 4094, NULL), "4094");
    assert_string_equal(shell_vlan_text(buf, 10, set), "10");
    set[0] = 1ull << 10 | 7ull << 20;
    assert_string_equal(shell_vlan_text(buf, 0, set), "tagged 10,20-22");
    assert_string_equal(shell_vlan_text(buf, 1, set), "1, tagged 10,20-22");
    set[63] = 1ull << 62;
    assert_string_equal(shell_vlan_text(buf, 0, set), "tagged 10,20-22,4094");
    set[0] |= 7ull << 30;
    assert_string_equal(shell_vlan_text(buf, 0, set), "tagged 10,20-22,30-32,...");
    memset(set, 0xff, sizeof(set));
    assert_string_equal(shell_vlan_text(buf, 0, set), "tagged 0-4095");
    for (unsigned i = 0; i < 64; i++)
        set[i] = 0x5555555555555555ull;
    assert_string_equal(shell_vlan_text(buf, 4001, set), "4001, tagged 0,2,4,...");
    memset(set, 0, 62 * sizeof(*set));          /* long numbers from the first on */
    assert_string_equal(shell_vlan_text(buf, 4001, set), "4001, tagged 3968,3970,...");
    set[62] = set[63] = 0xfff0000000000000ull;
    assert_string_equal(shell_vlan_text(buf, 4001, set), "4001, tagged 4020-4031,...");
}

static void long_answers_are_handed_over(void **state)
{
    run("log");
    assert_string_equal(calls, "log own;");
    run("log mail");
    assert_string_equal(calls, "log mail;");
    run("config");
    assert_string_equal(calls, "text version = 1;");
    run("trace");
    assert_string_equal(calls, "trace;");
}

static void top_shows_what_was_used_since(void **state)
{
    row[0].cpu_ns = 10 * S;
    row[0].exits = 1000;
    row[1].cpu_ns = 50 * S;
    run("top");
    assert_string_equal(calls, "top;");
    row[0].cpu_ns += S;
    row[0].exits += 500;
    row[1].cpu_ns = S / 2;                  /* was restarted in between */
    out[0] = '\0';
    shell_top(&shell, 102 * S);
    assert_string_equal(out,
        "NAME      STATE      CPU  EXITS/S  CPU TIME\n"
        "web       running  50.0%      250    11.0 s\n"
        "mail      running  25.0%        0   0.500 s\n"
        "web-test  off       0.0%        0   0.000 s\n");
    shell_top(&shell, 102 * S);             /* no time passed: no division by zero */
}

static void shares_of_huge_numbers(void **state)
{
    char buf[PERCENT_LEN];
    assert_string_equal(shell_percent(buf, 0, 0), "-");
    assert_string_equal(shell_percent(buf, 5, 0), "-");
    assert_string_equal(shell_percent(buf, UINT64_MAX, UINT64_MAX), "100.0%");
    assert_string_equal(shell_percent(buf, UINT64_MAX / 4 + 1, UINT64_MAX), "25.0%");
    assert_string_equal(shell_percent(buf, 1, UINT64_MAX), "0.0%");
    shell_percent(buf, UINT64_MAX, 1);
}

static void tables_say_what_did_not_fit(void **state)
{
    static struct table t;
    char text[200];
    memset(text, 'x', sizeof(text));
    text[199] = '\0';
    table_begin(&t, "A|B");
    for (unsigned i = 0; i < 300; i++)
        table_cell(&t, "%s", text);
    out[0] = '\0';
    table_print(&t, io_line, NULL);
    assert_non_null(strstr(out, "(more rows than fit here)\n"));
}

/* ---- acting on guests --------------------------------------------------------------------- */

static void actions_reach_the_core(void **state)
{
    assert_string_equal(run("start web-test"), "");
    assert_string_equal(calls, "start web-test;");
    assert_string_equal(run("stop web"), "guest web: power button pressed\n");
    assert_string_equal(run("reset web"), "guest web: reset\n");
    assert_string_equal(run("pause web"), "guest web: paused\n");
    assert_string_equal(run("resume web"), "guest web: resumed\n");
    assert_string_equal(run("kill web"), "");
    assert_string_equal(calls, "kill web;");
    act_result = HV_BUSY;
    assert_string_equal(run("pause mail"), "cannot pause guest mail: the reason\n");
    stop_works = false;                     /* fails without words */
    assert_string_equal(run("stop mail"), "cannot stop guest mail: not supported\n");
}

static void impossible_actions_are_refused(void **state)
{
    assert_string_equal(run("start web"), "guest web is running already\n");
    row[0].state = GUEST_PAUSED;
    assert_string_equal(run("start web"), "guest web is paused already\n");
    assert_string_equal(run("stop web-test"),
                        "guest web-test is not running; `start web-test` starts it\n");
    assert_string_equal(calls, "");
    row[2].state = GUEST_WAITING;           /* its restart can be called off */
    run("kill web-test");
    assert_string_equal(calls, "kill web-test;");
}

static void attaching(void **state)
{
    run("console mail");
    assert_string_equal(calls, "attach mail;");
    assert_string_equal(run("console web-test"), "guest web-test is not running; `start web-test` "
                        "starts it, `log web-test` shows what it printed\n");
    shell.attached = &guest[0];
    run("console");
    assert_string_equal(calls, "attach web;");
    shell.attached = NULL;
    guest[0].next = NULL;                   /* the only guest needs no name */
    run("console");
    assert_string_equal(calls, "attach web;");
}

static void stop_without_effect_is_said(void **state)
{
    uint64_t next;
    row[1].stop_timeout_s = 5;
    run("stop mail");
    tick(104 * S, &next);
    assert_string_equal(out, "");
    assert_int_equal(next, 105 * S);
    assert_string_equal(tick(105 * S, &next), "log1: guest mail: does not react to its power "
                        "button; `kill mail` ends it\n");
    assert_int_equal(next, UINT64_MAX);
    assert_string_equal(tick(200 * S, &next), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(times),
        cmocka_unit_test_setup(wrong_words_name_the_right_one, setup),
        cmocka_unit_test_setup(wrong_guests_name_the_right_one, setup),
        cmocka_unit_test_setup(wrong_arguments_say_the_usage, setup),
        cmocka_unit_test_setup(blanks_do_not_matter, setup),
        cmocka_unit_test_setup(hostile_lines_do_no_harm, setup),
        cmocka_unit_test_setup(help_lists_and_explains, setup),
        cmocka_unit_test_setup(commands_without_operation_are_absent, setup),
        cmocka_unit_test_setup(completion, setup),
        cmocka_unit_test_setup(completion_needs_room, setup),
        cmocka_unit_test_setup(list_shows_guests, setup),
        cmocka_unit_test_setup(list_without_guests, setup),
        cmocka_unit_test_setup(info_shows_all, setup),
        cmocka_unit_test_setup(exits_are_sorted_by_cost, setup),
        cmocka_unit_test_setup(machine_tables, setup),
        cmocka_unit_test_setup(many_rows, setup),
        cmocka_unit_test_setup(switch_shows_ports, setup),
        cmocka_unit_test_setup(switch_hands_over_flows, setup),
        cmocka_unit_test(vlans_in_words),
        cmocka_unit_test_setup(long_answers_are_handed_over, setup),
        cmocka_unit_test_setup(top_shows_what_was_used_since, setup),
        cmocka_unit_test(shares_of_huge_numbers),
        cmocka_unit_test(tables_say_what_did_not_fit),
        cmocka_unit_test_setup(actions_reach_the_core, setup),
        cmocka_unit_test_setup(impossible_actions_are_refused, setup),
        cmocka_unit_test_setup(attaching, setup),
        cmocka_unit_test_setup(stop_without_effect_is_said, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
