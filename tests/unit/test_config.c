/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Typed values, defaults, limits and the marks on guests. The texts of errors are tested
 * on files (test_config_files.c); boot options and findings in test_config_options.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socle/config.h"

static char memory[4 << 20];
static struct config_diag diag;
static struct config config;

static hv_status parse(const char *text)
{
    struct arena arena;

    arena_init(&arena, memory, sizeof(memory));
    config_diag_init(&diag);
    return config_parse(text, strlen(text), &arena, &config, &diag);
}

static void show_and_fail(const char *text)
{
    char line[400];

    for (uint32_t i = 0; i < diag.count; i++) {
        config_diag_format(&diag.entry[i], "test", line, sizeof(line));
        print_error("%s\n", line);
    }
    fail_msg("%s", text);
}

static const struct config *good(const char *text)
{
    if (parse(text) != HV_OK || diag.errors)
        show_and_fail(text);
    return &config;
}

/* Right, but perhaps asking for what this version lacks. */
static const struct config *understood(const char *text)
{
    if (parse(text) != HV_OK)
        show_and_fail(text);
    for (uint32_t i = 0; i < diag.count; i++)
        if (diag.entry[i].severity == CONFIG_ERROR &&
            !strstr(diag.entry[i].text, "by this version yet"))
            show_and_fail(text);
    return &config;
}

/* The text has exactly this error, about guest `guest`. */
static void bad(const char *text, int guest, const char *fragment)
{
    unsigned found = 0;

    assert_int_equal(parse(text), HV_OK);
    for (uint32_t i = 0; i < diag.count; i++)
        found += diag.entry[i].severity == CONFIG_ERROR && diag.entry[i].guest == guest &&
                 strstr(diag.entry[i].text, fragment);
    if (found != 1 || diag.errors != 1)
        show_and_fail(fragment);
}

#define GUEST(name) "[[guest]]\nname = \"" name "\"\nmemory = \"64M\"\nkernel = \"k\"\n"

static const struct guest_config *guest(const char *lines)
{
    static char text[8192];

    snprintf(text, sizeof(text), GUEST("g") "%s", lines);
    return &good(text)->guest[0];
}

static void defaults(void **state)
{
    const struct config *c = good(GUEST("web"));
    const struct guest_config *g = &c->guest[0];

    assert_int_equal(c->host.consoles, 0);
    assert_int_equal(c->host.baud, 115200);
    assert_int_equal(c->host.log, LOG_INFO);
    assert_true(c->host.cpus.all);
    assert_int_equal(c->host.when_all_stopped, CONFIG_STOPPED_WAIT);
    assert_int_equal(c->host.on_panic, CONFIG_PANIC_HALT);
    assert_int_equal(c->host.escape, 0x1d);
    assert_int_equal(c->host.rtc, CONFIG_RTC_UTC);
    for (unsigned i = 0; i < HOST_KEYS; i++)
        assert_int_equal(c->host.at[i].line, 0);

    assert_int_equal(c->guests, 1);
    assert_false(g->bad);
    assert_string_equal(g->name.text, "web");
    assert_int_equal(g->cpus, 1);
    assert_int_equal(g->memory, 64 << 20);
    assert_string_equal(g->kernel.text, "k");
    assert_null(g->firmware.text);
    assert_null(g->cmdline.text);
    assert_int_equal(g->initrds + g->modules + g->disks + g->nets + g->pcis, 0);
    assert_true(g->autostart);
    assert_int_equal(g->on_reboot, CONFIG_REBOOT_RESTART);
    assert_int_equal(g->on_crash, CONFIG_CRASH_STOP);
    assert_int_equal(g->stop_timeout, 60);
    assert_int_equal(g->weight, 256);
    assert_int_equal(g->cap, 0);
    assert_true(g->pin.all);
    assert_false(g->dedicated);
    assert_false(g->has_uuid);
    assert_int_equal(g->rtc, CONFIG_RTC_UTC);
}

static void positions(void **state)
{
    const struct guest_config *g = &good("\n" GUEST("web") "initrd = ['a',\n  'b']\n")->guest[0];

    assert_int_equal(g->pos.line, 2);
    assert_int_equal(g->pos.col, 1);
    assert_int_equal(g->at[GUEST_MEMORY].line, 4);
    assert_int_equal(g->at[GUEST_MEMORY].col, 10);
    assert_int_equal(g->at[GUEST_WEIGHT].line, 0);
    assert_int_equal(g->kernel.pos.line, 5);
    assert_int_equal(g->kernel.pos.col, 10);
    assert_int_equal(g->initrd[1].pos.line, 7);
    assert_int_equal(g->initrd[1].pos.col, 3);
}

static void host_values(void **state)
{
    const struct config_host *h = &good(
        "[host]\nconsole = ['com1', 'com2', 'com3', 'vga', '0x1f0']\nbaud = 9600\nlog = 'error'\n"
        "cpus = '0-3,6, 63-64,1023'\nwhen_all_stopped = 'reboot'\non_panic = 'reboot'\n"
        "escape = '^a'\nrtc = 'local'\n" GUEST("g"))->host;
    static const uint16_t ports[] = { 0x3f8, 0x2f8, 0x3e8, 0, 0x1f0 };

    assert_int_equal(h->consoles, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(h->console[i].port, ports[i]);
        assert_int_equal(h->console[i].kind, i == 3 ? CONFIG_CONSOLE_VGA : CONFIG_CONSOLE_UART);
    }
    assert_int_equal(h->baud, 9600);
    assert_int_equal(h->log, LOG_ERROR);
    for (uint32_t cpu = 0; cpu <= CONFIG_CPUS_MAX; cpu++)
        assert_int_equal(config_cpuset_has(&h->cpus, cpu),
                         cpu <= 3 || cpu == 6 || cpu == 63 || cpu == 64 || cpu == 1023);
    assert_int_equal(h->when_all_stopped, CONFIG_STOPPED_REBOOT);
    assert_int_equal(h->on_panic, CONFIG_PANIC_REBOOT);
    assert_int_equal(h->escape, 1);
    assert_int_equal(h->rtc, CONFIG_RTC_LOCAL);
    assert_int_equal(good("[host]\nconsole = 'com4'\n")->host.console[0].port, 0x2e8);
    assert_int_equal(good("[host]\nconsole = '0xfff8'\n")->host.console[0].port, 0xfff8);
    assert_int_equal(good("[host]\nescape = '^_'\n")->host.escape, 0x1f);
    assert_int_equal(good("[host]\nescape = '^\\'\n")->host.escape, 0x1c);
}

/* An error in [host] keeps the default and stops no guest. */
static void host_error_keeps_default(void **state)
{
    bad("[host]\nbaud = 7\n" GUEST("g"), -1, "out of range");
    assert_int_equal(config.host.baud, 115200);
    assert_false(config.guest[0].bad);
    bad("[host]\nconsole = ['com2', 'com9']\n" GUEST("g"), -1, "com9");
    assert_int_equal(config.host.consoles, 0);
    bad("[host]\ncpus = '0-1,x'\n" GUEST("g"), -1, "no list of CPU numbers");
    assert_true(config.host.cpus.all);
    bad("[host]\ncpus = '0-1024'\n" GUEST("g"), -1, "highest CPU number is 1023");
    bad("[host]\ncpus = '99999999999999999999'\n" GUEST("g"), -1, "highest CPU number is 1023");
}

static void guest_values(void **state)
{
    const struct guest_config *g = guest(
        "initrd = ['a', 'b/c']\ncmdline = \"\"\"a \\\n  b\nc\td\"\"\"\nautostart = false\n"
        "on_reboot = 'stop'\non_crash = 'pause'\nstop_timeout = 86400\nweight = 65535\ncap = 100\n"
        "pin = '1'\nuuid = '01234567-89ab-cdef-0123-456789ABCDEF'\nrtc = 'local'\n");
    static const uint8_t uuid[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                      0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

    assert_int_equal(g->initrds, 2);
    assert_string_equal(g->initrd[0].text, "a");
    assert_string_equal(g->initrd[1].text, "b/c");
    assert_string_equal(g->cmdline.text, "a b c d");
    assert_false(g->autostart);
    assert_int_equal(g->on_reboot, CONFIG_REBOOT_STOP);
    assert_int_equal(g->on_crash, CONFIG_CRASH_PAUSE);
    assert_int_equal(g->stop_timeout, 86400);
    assert_int_equal(g->weight, 65535);
    assert_int_equal(g->cap, 100);
    assert_true(config_cpuset_has(&g->pin, 1) && !config_cpuset_has(&g->pin, 0));
    assert_true(g->has_uuid);
    assert_memory_equal(g->uuid, uuid, 16);
    assert_int_equal(g->rtc, CONFIG_RTC_LOCAL);
    /* Until several virtual CPUs land, a guest gets one, and is told. */
    assert_int_equal(guest("cpus = 8\n")->cpus, 1);
    assert_int_equal(diag.warnings, 1);
    assert_int_equal(guest("cpus = 1\ncap = 0\npin = 'all'\ndedicated = false\n")->cpus, 1);
    assert_int_equal(diag.warnings, 0);
}

static void memory_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t    bytes;
    } sizes[] = {
        { "2M", MIB(2) }, { "3M", MIB(4) }, { "512M", MIB(512) }, { "513M", MIB(514) },
        { "2048K", MIB(2) }, { "3072K", MIB(4) }, { "1G", GIB(1) }, { "64T", GIB(65536) },
        { "00512M", MIB(512) },
    };
    char text[200];

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        snprintf(text, sizeof(text), "[[guest]]\nname = 'g'\nkernel = 'k'\nmemory = '%s'\n",
                 sizes[i].text);
        assert_int_equal(good(text)->guest[0].memory, sizes[i].bytes);
    }
    static const char *const wrong[][2] = {
        { "", "not a size" }, { "M", "not a size" }, { "-1M", "not a size" },
        { "1X", "not a size" }, { "1MM", "not a size" }, { "0x10M", "not a size" },
        { "18446744073709551616", "not a size" },
        { "1.M", "not a size" }, { "1K", "next one is \"1M\"" }, { "1025K", "next one is \"2M\"" },
        { "1M", "out of range" }, { "65T", "out of range" }, { "16777216T", "too large" },
        { "512Mb", "\"512M\"" }, { "0.5G", "\"512M\"" }, { "2.25 GiB", "\"2304M\"" },
        { " 64M", "\"64M\"" }, { "64M ", "not a size" }, { "1.5t", "\"1536G\"" },
        { "536870912", "\"512M\"" }, { "0", "\"1M\"" },
        { "1500000", "\"1M\"" },
    };
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(text, sizeof(text), "[[guest]]\nname = 'g'\nkernel = 'k'\nmemory = '%s'\n",
                 wrong[i][0]);
        bad(text, 0, wrong[i][1]);
        assert_true(config.guest[0].bad);
    }
}

static void names(void **state)
{
    static const char *const right[] = { "a", "0", "a-b", "a--",
                                         "0123456789012345678901234567890" };
    static const char *const wrong[] = { "", "-a", "A", "a_b", "a.b", "\xc3\xa4",
                                         "01234567890123456789012345678901", "a b" };
    char text[200];

    for (unsigned i = 0; i < ARRAY_LEN(right); i++) {
        snprintf(text, sizeof(text), "[[guest]]\nname = '%s'\nkernel = 'k'\nmemory = '2M'\n",
                 right[i]);
        assert_string_equal(good(text)->guest[0].name.text, right[i]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(text, sizeof(text), "[[guest]]\nname = '%s'\nkernel = 'k'\nmemory = '2M'\n",
                 wrong[i]);
        bad(text, 0, "name");
        assert_null(config.guest[0].name.text);
    }
}

/* Exactly the documented characters are allowed in file names. */
static void file_name_characters(void **state)
{
    char text[128];

    for (int c = ' '; c < 0x7f; c++) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || strchr("._/+:@-", c);
        if (c == '\'')
            continue;
        snprintf(text, sizeof(text), "[[guest]]\nname = 'g'\nmemory = '2M'\nkernel = 'a%cb'\n", c);
        assert_int_equal(parse(text), HV_OK);
        assert_int_equal(diag.errors, allowed ? 0 : 1);
        assert_int_equal(config.guest[0].bad, !allowed);
    }
}

static void one_bad_guest_leaves_the_others(void **state)
{
    bad(GUEST("a") "weight = 0\n" GUEST("b"), 0, "weight");
    assert_int_equal(config.guests, 2);
    assert_true(config.guest[0].bad);
    assert_false(config.guest[1].bad);
    bad(GUEST("a") GUEST("a"), 1, "defined twice; first in line 2");
    assert_false(config.guest[0].bad);
    assert_true(config.guest[1].bad);
    bad("colour = 1\n" GUEST("a"), -1, "colour");
    assert_false(config.guest[0].bad);
}

static void broken_files_start_nobody(void **state)
{
    assert_int_equal(parse("[host]\nbaud = 9600\n" GUEST("a") "x = = 1\n"), HV_INVALID);
    assert_int_equal(config.guests, 0);
    assert_int_equal(config.host.baud, 115200);
    assert_int_equal(diag.entry[0].guest, -1);
    assert_int_equal(parse("version = 7\n" GUEST("a")), HV_INVALID);
    assert_int_equal(config.guests, 0);
    assert_int_equal(diag.errors, 1);

    static char big[CONFIG_FILE_MAX + 2];
    memset(big, '\n', CONFIG_FILE_MAX + 1);
    assert_int_equal(parse(big), HV_INVALID);
    assert_non_null(strstr(diag.entry[0].text, "at most"));
    big[CONFIG_FILE_MAX] = '\0';
    assert_int_equal(parse(big), HV_OK);
    assert_int_equal(diag.warnings, 1);
}

static void disks(void **state)
{
    const struct guest_config *g = &understood(
        GUEST("g") "[[guest.disk]]\nfile = 'a'\n"
        "[[guest.disk]]\nfile = 'b'\noverlay = false\nbus = 'ide'\n"
        "[[guest.disk]]\nfile = 'c'\ncdrom = true\n"
        "[[guest.disk]]\nfile = 'd'\noverlay_max = '5M'\nbus = 'ahci'\n")->guest[0];

    assert_int_equal(g->disks, 4);
    assert_true(g->disk[0].overlay && !g->disk[0].readonly);
    assert_int_equal(g->disk[0].overlay_max, MIB(16));      /* a quarter of the memory */
    assert_int_equal(g->disk[0].bus, CONFIG_BUS_VIRTIO);
    assert_false(g->disk[1].overlay);
    assert_int_equal(g->disk[1].bus, CONFIG_BUS_IDE);
    assert_true(g->disk[2].cdrom && g->disk[2].readonly && !g->disk[2].overlay);
    assert_int_equal(g->disk[2].bus, CONFIG_BUS_AHCI);
    assert_int_equal(g->disk[3].overlay_max, MIB(5));
    assert_int_equal(g->disk[3].bus, CONFIG_BUS_AHCI);
    assert_int_equal(g->disk[3].pos.line, 14);
}

/* Understood and compared already, whether or not this version can use them. */
static void devices(void **state)
{
    static const struct {
        const char             *device, *name;
        enum config_device_kind kind;
    } right[] = {
        { "PARTUUID=6F1C2D3E-02", "6f1c2d3e-02", CONFIG_DEVICE_PARTUUID },
        { "serial:S4EV NX", NULL, CONFIG_DEVICE_SERIAL },
        { "serial:S4EVNX0R_1", "S4EVNX0R_1", CONFIG_DEVICE_SERIAL },
        { "nvme0n1", "nvme0n1", CONFIG_DEVICE_NAME }, { "nvme10n2p128", "nvme10n2p128", 2 },
        { "sda", "sda", CONFIG_DEVICE_NAME }, { "sdab12", "sdab12", CONFIG_DEVICE_NAME },
        { "vdb1", "vdb1", CONFIG_DEVICE_NAME },
        { "nvme0", NULL, 0 }, { "nvmen1", NULL, 0 }, { "nvme0n", NULL, 0 }, { "nvme0n1p", NULL, 0 },
        { "nvme0n1x", NULL, 0 }, { "sd", NULL, 0 }, { "sd1", NULL, 0 }, { "sda1x", NULL, 0 },
        { "hda", NULL, 0 }, { "PARTUUID=", NULL, 0 }, { "PARTUUID=xyz", NULL, 0 }, { "", NULL, 0 },
    };
    char text[300];

    for (unsigned i = 0; i < ARRAY_LEN(right); i++) {
        snprintf(text, sizeof(text), GUEST("g") "[[guest.disk]]\ndevice = '%s'\n", right[i].device);
        assert_int_equal(parse(text), HV_OK);
        const struct config_disk *d = &config.guest[0].disk[0];
        if (right[i].name) {
            assert_string_equal(d->device_name.text, right[i].name);
            assert_int_equal(d->device_kind, right[i].kind);
            assert_false(d->overlay);
        } else {
            assert_null(d->device.text);
            assert_int_equal(diag.errors, 1);
            assert_non_null(strstr(diag.entry[diag.count - 1].text, "device = \""));
        }
    }
}

/* How many errors speak of two users of one disk. */
static unsigned disk_conflicts(const char *first, const char *second)
{
    char text[600];
    unsigned n = 0;

    snprintf(text, sizeof(text),
             GUEST("a") "[[guest.disk]]\n%s\n" GUEST("b") "[[guest.disk]]\n%s\n", first, second);
    assert_int_equal(parse(text), HV_OK);
    for (uint32_t i = 0; i < diag.count; i++)
        n += diag.entry[i].guest == 1 &&
             (strstr(diag.entry[i].text, "already a disk of guest \"a\"") ||
              strstr(diag.entry[i].text, "its own partition"));
    return n;
}

static void disk_sharing(void **state)
{
    assert_int_equal(disk_conflicts("file='x'", "file='x'"), 0);
    assert_int_equal(disk_conflicts("file='x'", "file='x'\noverlay=false"), 1);
    assert_int_equal(disk_conflicts("file='x'\noverlay=false", "file='x'\nreadonly=true"), 1);
    assert_int_equal(disk_conflicts("file='x'\noverlay=false", "file='y'\noverlay=false"), 0);
    assert_int_equal(disk_conflicts("device='sda'", "device='sda'"), 1);
    assert_int_equal(disk_conflicts("device='sda'\nreadonly=true",
                                    "device='sda'\nreadonly=true"), 0);
    assert_int_equal(disk_conflicts("device='sda'\nreadonly=true", "device='sda'"), 1);
    assert_int_equal(disk_conflicts("device='sda'", "device='sda1'"), 1);
    assert_int_equal(disk_conflicts("device='sda1'", "device='sda'"), 1);
    assert_int_equal(disk_conflicts("device='sda1'", "device='sda2'"), 0);
    assert_int_equal(disk_conflicts("device='sda'", "device='sdab'"), 0);
    assert_int_equal(disk_conflicts("device='sda'", "device='sdab1'"), 0);
    assert_int_equal(disk_conflicts("device='nvme0n1'", "device='nvme0n1p1'"), 1);
    assert_int_equal(disk_conflicts("device='nvme0n1'", "device='nvme0n11'"), 0);
    assert_int_equal(disk_conflicts("device='nvme0n1'", "device='nvme0n11p1'"), 0);
    assert_int_equal(disk_conflicts("device='serial:A'", "device='serial:A'"), 1);
    assert_int_equal(disk_conflicts("device='serial:A'", "device='serial:a'"), 0);
    assert_int_equal(disk_conflicts("device='PARTUUID=aB'", "device='PARTUUID=Ab'"), 1);
}

static void nets_and_switches(void **state)
{
    const struct config *c = good(
        "[[switch]]\nname = 'lan'\nuplink = 'fe80:1f:1e.7'\n"
        "[[switch]]\nname = 'wan'\nuplink = '52:54:00:AB:cd:ef'\n" GUEST("g")
        "[[guest.net]]\nswitch = 'wan'\nmac = '02:00:00:00:00:01'\n"
        "[[guest.net]]\nswitch = 'lan'\n");
    static const uint8_t uplink[6] = { 0x52, 0x54, 0, 0xab, 0xcd, 0xef };

    assert_int_equal(c->switches, 2);
    assert_int_equal(c->sw[0].uplink, CONFIG_UPLINK_PCI);
    assert_int_equal(c->sw[0].uplink_pci.segment, 0xfe80);
    assert_int_equal(c->sw[0].uplink_pci.bus, 0x1f);
    assert_int_equal(c->sw[0].uplink_pci.device, 0x1e);
    assert_int_equal(c->sw[0].uplink_pci.function, 7);
    assert_int_equal(c->sw[1].uplink, CONFIG_UPLINK_MAC);
    assert_memory_equal(c->sw[1].uplink_mac, uplink, 6);
    assert_int_equal(c->guest[0].nets, 2);
    assert_string_equal(c->guest[0].net[0].sw.text, "wan");
    assert_true(c->guest[0].net[0].has_mac);
    assert_int_equal(c->guest[0].net[0].mac[5], 1);
    assert_false(c->guest[0].net[1].has_mac);

    /* Who is plugged into a switch with an error has one as well. */
    assert_int_equal(parse("[[switch]]\nname = 'lan'\nuplink = 'x'\n" GUEST("g")
                           "[[guest.net]]\nswitch = 'lan'\n"), HV_OK);
    assert_int_equal(diag.errors, 2);
    assert_true(config.sw[0].bad && config.guest[0].bad);
}

static void too_many_sections(void **state)
{
    static char text[40000];
    size_t n = 0;

    for (unsigned i = 0; i < CONFIG_GUESTS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              "[[guest]]\nname = 'g%u'\nmemory = '2M'\nkernel = 'k'\n", i);
    assert_int_equal(good(text)->guests, CONFIG_GUESTS_MAX);
    snprintf(text + n, sizeof(text) - n, GUEST("last"));
    bad(text, -1, "more than 64 sections [[guest]]");
    assert_int_equal(config.guests, CONFIG_GUESTS_MAX);

    n = (size_t)snprintf(text, sizeof(text), GUEST("g"));
    for (unsigned i = 0; i < CONFIG_DISKS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "[[guest.disk]]\nfile = 'd%u'\n", i);
    good(text);
    snprintf(text + n, sizeof(text) - n, "[[guest.disk]]\nfile = 'd'\n");
    bad(text, 0, "more than 24 sections [[guest.disk]]");
    assert_int_equal(config.guest[0].disks, CONFIG_DISKS_MAX);
}

static void files_in_order(void **state)
{
    const struct config *c = understood(
        GUEST("a") "initrd = ['i1', 'i2']\n[[guest.disk]]\nfile = 'd'\n"
        "[[guest]]\nname = 'b'\nmodules = ['m1 x', 'm2']\nkernel = 'x'\nmemory = '2M'\n"
        "[[guest.disk]]\ncdrom = true\nfile = 'iso'\n");
    static const struct {
        const char           *name;
        enum config_file_role role;
        unsigned              guest;
    } expected[] = {
        { "k", CONFIG_FILE_KERNEL, 0 }, { "i1", CONFIG_FILE_INITRD, 0 },
        { "i2", CONFIG_FILE_INITRD, 0 }, { "d", CONFIG_FILE_DISK, 0 },
        { "m1", CONFIG_FILE_MODULE, 1 }, { "m2", CONFIG_FILE_MODULE, 1 },
        { "x", CONFIG_FILE_KERNEL, 1 }, { "iso", CONFIG_FILE_CDROM, 1 },
    };

    assert_int_equal(c->files, ARRAY_LEN(expected));
    for (unsigned i = 0; i < c->files; i++) {
        assert_string_equal(c->file[i].name.text, expected[i].name);
        assert_int_equal(c->file[i].role, expected[i].role);
        assert_int_equal(c->file[i].guest, expected[i].guest);
        assert_true(c->file[i].name.pos.line > 0);
    }
    assert_string_equal(c->guest[1].module[0].string.text, "m1 x");
    assert_string_equal(c->guest[1].module[1].string.text, "m2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(positions), cmocka_unit_test(host_values),
        cmocka_unit_test(host_error_keeps_default), cmocka_unit_test(guest_values),
        cmocka_unit_test(memory_sizes), cmocka_unit_test(names),
        cmocka_unit_test(file_name_characters), cmocka_unit_test(one_bad_guest_leaves_the_others),
        cmocka_unit_test(broken_files_start_nobody), cmocka_unit_test(disks),
        cmocka_unit_test(devices), cmocka_unit_test(disk_sharing),
        cmocka_unit_test(nets_and_switches), cmocka_unit_test(too_many_sections),
        cmocka_unit_test(files_in_order),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
