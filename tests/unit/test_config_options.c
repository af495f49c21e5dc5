/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot options, the list of findings, suggestions, and the key table against
 * docs/config.md.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../boot/config/words.h"
#include "socle/config.h"

static struct config_diag diag;
static struct config config;

static const struct config_host *apply(const char *options)
{
    config_defaults(&config);
    config_diag_init(&diag);
    config_apply_options(&config, options, &diag);
    return &config.host;
}

static const struct config_host *good(const char *options)
{
    const struct config_host *h = apply(options);
    if (diag.count)
        fail_msg("%s: %s", options, diag.entry[0].text);
    return h;
}

static void bad(const char *options, const char *text)
{
    struct config before;

    config_defaults(&before);
    apply(options);
    assert_int_equal(diag.count, 1);
    assert_int_equal(diag.errors, 1);
    assert_string_equal(diag.entry[0].text, text);
    assert_true(diag.entry[0].option);
    assert_int_equal(diag.entry[0].guest, -1);
    assert_memory_equal(&before, &config, sizeof(before));
}

static void options_override(void **state)
{
    good("");
    good("  \t ");
    assert_int_equal(good("console=com2")->console[0].port, 0x2f8);
    assert_int_equal(good("console=com2,vga,0x1f0")->consoles, 3);
    assert_int_equal(good("log=debug")->log, LOG_DEBUG);
    assert_int_equal(good("baud=9600")->baud, 9600);
    assert_int_equal(good("escape=^o")->escape, 15);
    assert_int_equal(good("when_all_stopped=poweroff")->when_all_stopped, CONFIG_STOPPED_POWEROFF);
    assert_int_equal(good("on_panic=reboot")->on_panic, CONFIG_PANIC_REBOOT);
    assert_int_equal(good("rtc=local")->rtc, CONFIG_RTC_LOCAL);
    assert_int_equal(good("log=warn log=error")->log, LOG_ERROR);
    const struct config_host *h = good("  log=warn\tbaud=1200  config=x.toml rtc=local ");
    assert_true(h->log == LOG_WARN && h->baud == 1200 && h->rtc == CONFIG_RTC_LOCAL);
    assert_int_equal(good("/boot/socle.elf log=warn")->log, LOG_WARN);
    apply("cpus=0-3");
    assert_true(diag.warnings == 1 && diag.errors == 0);
    assert_true(config_cpuset_has(&config.host.cpus, 3));
    assert_false(config_cpuset_has(&config.host.cpus, 4));
}

/* Options win over the file, and keep what the file says of other keys. */
static void options_after_file(void **state)
{
    static char memory[1 << 20];
    struct arena arena;
    static const char text[] = "[host]\nlog = 'error'\nbaud = 9600\nconsole = ['com1', 'vga']\n";

    arena_init(&arena, memory, sizeof(memory));
    config_diag_init(&diag);
    assert_int_equal(config_parse(text, strlen(text), &arena, &config, &diag), HV_OK);
    config_apply_options(&config, "socle.elf log=debug console=com3", NULL);
    assert_int_equal(config.host.log, LOG_DEBUG);
    assert_int_equal(config.host.baud, 9600);
    assert_int_equal(config.host.consoles, 1);
    assert_int_equal(config.host.console[0].port, 0x3e8);
    assert_int_equal(config.host.at[HOST_BAUD].line, 3);
}

static void wrong_options(void **state)
{
    bad("consle=com2", "unknown option \"consle=com2\"; did you mean console=?");
    bad("quiet splash", "unknown option \"splash\"; options are config= and the keys of [host], "
                        "such as console=com2");
    bad("=5", "unknown option \"=5\"; options are config= and the keys of [host], such as "
              "console=com2");
    bad("log=", "option log needs a value, such as log=info");
    bad("x console", "option console needs a value, such as console=com1");
    bad("log=debgu", "log cannot be \"debgu\"; did you mean \"debug\"?");
    bad("console=ttyS0", "console cannot be \"ttyS0\"; write \"com1\"");
    bad("console=com1,", "console cannot be \"\"; it can be com1 to com4, an I/O port such as "
                         "\"0x3f8\", or vga");
    bad("console=com1,com1", "console \"com1\" is in the list twice");
    bad("baud=fast", "baud must be a number from 50 to 115200, not text");
    bad("baud=1000000000000", "baud must be a number from 50 to 115200, not text");
    bad("baud=0", "baud = 0 is out of range: 50 to 115200");
    bad("escape=x", "escape = \"x\" is no control key; write ^ and a letter or one of \\ ] ^ _, "
                    "such as \"^]\"");
    bad("memory=512M", "unknown option \"memory=512M\"; options are config= and the keys of "
                       "[host], such as console=com2");
    bad("log=0123456789012345678901234567890123456789012345678901234567890123456789",
        "log cannot be \"0123456789012345678901234567890123456789...\"");
    bad("0123456789012345678901234567890123456789=x", "unknown option "
        "\"0123456789012345678901234567890123456789=x\"; options are config= and the keys of "
        "[host], such as console=com2");
    /* A wrong option does not hide the next. */
    apply("lgo=debug baud=9600");
    assert_int_equal(config.host.baud, 9600);
    assert_int_equal(diag.errors, 1);
}

static void option_file(void **state)
{
    size_t len = 0;
    const char *name = config_option_file("log=debug config=dir/other.toml rtc=utc", &len);

    assert_non_null(name);
    assert_int_equal(len, strlen("dir/other.toml"));
    assert_memory_equal(name, "dir/other.toml", len);
    assert_null(config_option_file("", &len));
    assert_null(config_option_file("config=", &len));
    assert_null(config_option_file("config", &len));
    assert_null(config_option_file("xconfig=a configx=b a=config=c", &len));
    assert_string_equal(config_option_file("config=a", &len), "a");
}

static void formatting(void **state)
{
    char buf[400];
    static const struct config_pos at = { 7, 3 }, nowhere;

    config_diag_init(&diag);
    config_diag_add(&diag, CONFIG_ERROR, at, -1, "wrong %s", "thing");
    config_diag_add(&diag, CONFIG_WARNING, nowhere, 2, "odd");
    assert_int_equal(config_diag_format(&diag.entry[0], "a/socle.toml", buf, sizeof(buf)),
                     strlen("a/socle.toml:7:3: error: wrong thing"));
    assert_string_equal(buf, "a/socle.toml:7:3: error: wrong thing");
    config_diag_format(&diag.entry[1], "f", buf, sizeof(buf));
    assert_string_equal(buf, "f: warning: odd");
    apply("x=1");
    config_diag_format(&diag.entry[0], "f", buf, sizeof(buf));
    assert_memory_equal(buf, "boot options: error: unknown", 28);
    assert_true(config_diag_format(&diag.entry[0], "f", buf, 5) > 20);
    assert_string_equal(buf, "boot");
    config_diag_add(NULL, CONFIG_ERROR, at, -1, "nowhere to go");
}

/* Nothing in a finding can break its line or steer a terminal. */
static void findings_are_printable(void **state)
{
    static const char nasty[] = "a\n\x1b[2J\x7f\xc2\x9b\xff\xc3\xa9\xe2\x82";

    config_diag_init(&diag);
    config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 1, 1 }, -1, "%s", nasty);
    assert_string_equal(diag.entry[0].text, "a??[2J????\xc3\xa9??");

    char longer[400];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    memcpy(longer + CONFIG_DIAG_TEXT - 2, "\xc3\xa9", 2);       /* cut in the middle */
    config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 1, 1 }, -1, "%s", longer);
    assert_int_equal(strlen(diag.entry[1].text), CONFIG_DIAG_TEXT - 1);
    assert_int_equal(diag.entry[1].text[CONFIG_DIAG_TEXT - 2], '?');
}

static void sorting(void **state)
{
    config_diag_init(&diag);
    config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 9, 1 }, -1, "d");
    config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 2, 8 }, -1, "c");
    config_diag_add(&diag, CONFIG_WARNING, (struct config_pos){ 2, 7 }, -1, "b1");
    config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 2, 7 }, -1, "b2");
    config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 0, 0 }, -1, "a");
    config_defaults(&config);
    config_apply_options(&config, "x=1", &diag);
    static const char *const order[] = { "unknown option", "a", "b1", "b2", "c", "d" };
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        assert_memory_equal(diag.entry[i].text, order[i], strlen(order[i]));
}

/* A full list keeps its first errors, and errors rather than warnings. */
static void full_list(void **state)
{
    config_diag_init(&diag);
    for (uint32_t i = 0; i < CONFIG_DIAG_MAX; i++)
        config_diag_add(&diag, i % 2 ? CONFIG_WARNING : CONFIG_ERROR,
                        (struct config_pos){ i + 1, 1 }, -1, "%u", i);
    config_diag_add(&diag, CONFIG_WARNING, (struct config_pos){ 100, 1 }, -1, "late warning");
    assert_string_equal(diag.entry[CONFIG_DIAG_MAX - 1].text, "63");
    config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 101, 1 }, -1, "late error");
    assert_int_equal(diag.count, CONFIG_DIAG_MAX);
    assert_int_equal(diag.errors, CONFIG_DIAG_MAX / 2 + 1);
    assert_int_equal(diag.warnings, CONFIG_DIAG_MAX / 2 + 1);
    assert_int_equal(diag.dropped, 2);
    assert_string_equal(diag.entry[CONFIG_DIAG_MAX - 1].text, "late error");
    assert_string_equal(diag.entry[CONFIG_DIAG_MAX - 2].text, "62");
    assert_string_equal(diag.entry[0].text, "0");
    for (uint32_t i = 0; i < CONFIG_DIAG_MAX; i++)
        config_diag_add(&diag, CONFIG_ERROR, (struct config_pos){ 200, 1 }, -1, "more");
    for (uint32_t i = 0; i < CONFIG_DIAG_MAX; i++)
        assert_int_equal(diag.entry[i].severity, CONFIG_ERROR);
    assert_string_equal(diag.entry[1].text, "2");
}

static unsigned distance(const char *a, const char *b)
{
    return edit_distance(a, strlen(a), b, strlen(b));
}

static void edit_distances(void **state)
{
    assert_int_equal(distance("", ""), 0);
    assert_int_equal(distance("memory", "memory"), 0);
    assert_int_equal(distance("Memory", "mEMORY"), 0);
    assert_int_equal(distance("memroy", "memory"), 1);
    assert_int_equal(distance("memry", "memory"), 1);
    assert_int_equal(distance("memmory", "memory"), 1);
    assert_int_equal(distance("nemory", "memory"), 1);
    assert_int_equal(distance("", "abc"), 3);
    assert_int_equal(distance("abc", ""), 3);
    assert_int_equal(distance("kitten", "sitting"), 3);
    assert_int_equal(distance("ab", "ba"), 1);
    /* Longest words; one more is out of reach. */
    assert_int_equal(distance("aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb"), 24);
    assert_int_equal(distance("aaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaa"), 24);
}

static void suggestions(void **state)
{
    struct nearest n = { .word = "cpu", .len = 3 };

    nearest_try(&n, "cap");
    assert_null(n.best);                                /* two changes of three letters */
    nearest_try(&n, "cpus");
    assert_string_equal(n.best, "cpus");
    n = (struct nearest){ .word = "x", .len = 1 };
    nearest_try(&n, "y");
    assert_null(n.best);                                /* nothing of the word is left */

    assert_string_equal(foreign_key(SECTION_GUEST, "vcpus"), "write cpus = 2");
    assert_string_equal(foreign_key(SECTION_GUEST, "VCPU"), "write cpus = 2");
    assert_string_equal(foreign_key(SECTION_GUEST, "cpu-count"), "write cpus = 2");
    assert_null(foreign_key(SECTION_GUEST, "vcpu ncpus"));
    assert_null(foreign_key(SECTION_GUEST, "vcp"));
    assert_null(foreign_key(SECTION_GUEST, ""));
    assert_null(foreign_key(SECTION_HOST, "vcpus"));
    assert_string_equal(foreign_value("on_crash", "destroy"), "stop");
    assert_null(foreign_value("on_crash", "stop"));
    assert_null(foreign_value("log", "destroy"));
}

/* The words of other tools that users were promised (design, "Errors"). */
static void promised_foreign_words(void **state)
{
    static const char *const words[] = { "vcpus", "ramdisk", "extra", "append", "vif", "bridge",
                                         "bios", "onboot", "mem", "ram", "image", "smp" };

    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        assert_non_null(foreign_key(SECTION_GUEST, words[i]));
}

/* No word of another tool may hide a key of ours, and every default must be accepted. */
static void key_table(void **state)
{
    struct config_key_doc k;
    size_t n = 0;

    for (; config_key_doc(n, &k); n++) {
        assert_non_null(k.def);
        assert_true(strlen(k.text) > 10);
        for (enum section s = SECTION_TOP; s < SECTION_COUNT; s++) {
            if (strcmp(section_specs[s].name, k.section) == 0) {
                assert_null(foreign_key(s, k.key));
                assert_non_null(key_find(s, k.key));
            }
        }
    }
    assert_int_equal(n, 4 + HOST_KEYS + SWITCH_KEYS + GUEST_KEYS + DISK_KEYS + NET_KEYS + PCI_KEYS);
    assert_false(config_key_doc(n, &k));
    assert_false(config_key_doc(SIZE_MAX, &k));
}

/* docs/config.md has a row with the default and the state of every key. */
static void documentation(void **state)
{
    static char doc[1 << 17];
    FILE *f = fopen("docs/config.md", "rb");
    struct config_key_doc k;

    assert_non_null(f);
    doc[fread(doc, 1, sizeof(doc) - 1, f)] = '\0';
    fclose(f);
    for (size_t i = 0; config_key_doc(i, &k); i++) {
        char heading[64], row[400];

        if (*k.section) {
            const bool single = strcmp(k.section, "host") == 0;
            snprintf(heading, sizeof(heading), "\n## `%s%s%s`", single ? "[" : "[[", k.section,
                     single ? "]" : "]]");
            if (!strstr(doc, heading))
                fail_msg("docs/config.md has no %s", heading);
        }
        const char *section = *k.section ? strstr(doc, heading) : doc;
        snprintf(row, sizeof(row), "\n| `%s` |", k.key);
        const char *found = strstr(section, row);
        if (!found)
            fail_msg("docs/config.md: no row for %s of [%s]", k.key, k.section);
        char line[1024];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(found + 1, "\n"), found + 1);
        if (!strstr(line, k.def))
            fail_msg("docs/config.md: %s: default should be %s", k.key, k.def);
        if (k.example && !strstr(line, k.example))
            fail_msg("docs/config.md: %s: example should be %s", k.key, k.example);
        if (!strstr(line, k.landed ? "| yes |" : "| not yet |"))
            fail_msg("docs/config.md: %s: wrong about having landed", k.key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_override), cmocka_unit_test(options_after_file),
        cmocka_unit_test(wrong_options), cmocka_unit_test(option_file),
        cmocka_unit_test(formatting), cmocka_unit_test(findings_are_printable),
        cmocka_unit_test(sorting), cmocka_unit_test(full_list), cmocka_unit_test(edit_distances),
        cmocka_unit_test(suggestions), cmocka_unit_test(promised_foreign_words),
        cmocka_unit_test(key_table), cmocka_unit_test(documentation),
    };
    return cmocka_run_group_tests_name("config options", tests, NULL, NULL);
}
