/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of disks, cards and switches: rates, VLANs, serial numbers. Texts: test_config_files.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socle/blk.h"
#include "socle/config.h"
#include "socle/net/vswitch.h"

_Static_assert(CONFIG_SERIAL_MAX == (int)BLK_SERIAL, "a disk takes every serial number of a file");
_Static_assert(CONFIG_VLAN_MAX == (int)VLAN_MAX && CONFIG_VLAN_WORDS == (int)VSWITCH_VLAN_WORDS &&
               sizeof(((struct config_net *)0)->trunk_vlan) ==
                   sizeof(((struct vport_config *)0)->trunk_vlan), "a port takes a card's VLANs");

static char memory[1 << 20];
static struct config_diag diag;
static struct config config;

#define GUEST(name) "[[guest]]\nname = \"" name "\"\nmemory = \"64M\"\nkernel = \"k\"\n"
#define LAN "[[switch]]\nname = \"lan\"\n"

static void parse(const char *text)
{
    struct arena arena;

    arena_init(&arena, memory, sizeof(memory));
    config_diag_init(&diag);
    assert_int_equal(config_parse(text, strlen(text), &arena, &config, &diag), HV_OK);
}

static void show_and_fail(const char *text)
{
    for (uint32_t i = 0; i < diag.count; i++)
        print_error("%u:%u: %s\n", diag.entry[i].pos.line, diag.entry[i].pos.col,
                    diag.entry[i].text);
    fail_msg("%s", text);
}

static const struct guest_config *good(const char *text)
{
    parse(text);
    if (diag.errors)
        show_and_fail(text);
    return &config.guest[0];
}

static const struct config_net *net(const char *lines)
{
    char text[1000];

    snprintf(text, sizeof(text), LAN GUEST("g") "[[guest.net]]\nswitch = \"lan\"\n%s\n", lines);
    return &good(text)->net[0];
}

static const struct config_disk *disk(const char *lines)
{
    char text[1000];

    snprintf(text, sizeof(text), GUEST("g") "[[guest.disk]]\nfile = \"root.img\"\n%s\n", lines);
    return &good(text)->disk[0];
}

/* Exactly one error, with this in it; it marks the guest. */
static void bad(const char *text, const char *fragment)
{
    parse(text);
    if (diag.errors != 1 || !strstr(diag.entry[0].text, fragment))
        show_and_fail(fragment);
}

static void bad_net(const char *lines, const char *fragment)
{
    char text[1000];

    snprintf(text, sizeof(text), LAN GUEST("g") "[[guest.net]]\nswitch = \"lan\"\n%s\n", lines);
    bad(text, fragment);
    assert_true(config.guest[0].bad);
}

static void bad_disk(const char *lines, const char *fragment)
{
    char text[1000];

    snprintf(text, sizeof(text), GUEST("g") "[[guest.disk]]\nfile = \"root.img\"\n%s\n", lines);
    bad(text, fragment);
    assert_true(config.guest[0].bad);
}

/* ---- cards -------------------------------------------------------------------------- */

static void net_defaults(void **state)
{
    const struct config_net *n = net("");

    assert_int_equal(n->vlan, 0);
    assert_false(n->trunk || n->any_mac || n->mirror || n->has_mac);
    for (unsigned i = 0; i < CONFIG_VLAN_WORDS; i++)
        assert_int_equal(n->trunk_vlan[i], 0);
    assert_int_equal(n->rate, 0);
    assert_int_equal(n->rate_in, 0);
}

static void net_values(void **state)
{
    const struct config_net *n = net("vlan = 4094\ntrunk = [1, 63, 64, 4093]\nany_mac = true\n"
                                     "rate = '64Kbit'\nrate_in = '1000Gbit'\n");

    assert_int_equal(n->vlan, 4094);
    assert_true(n->trunk && n->any_mac);
    for (uint32_t v = 0; v <= 4096; v++)
        assert_int_equal(config_vlans_have(n->trunk_vlan, v),
                         v == 1 || v == 63 || v == 64 || v == 4093);
    assert_int_equal(n->rate, 8000);
    assert_int_equal(n->rate_in, 125000000000);

    n = net("trunk = 20\n");                    /* one VLAN needs no brackets */
    assert_true(n->trunk && config_vlans_have(n->trunk_vlan, 20));
    assert_int_equal(n->vlan, 0);

    n = net("mirror = true\nrate_in = '10Mbit'\nvlan = 0\nany_mac = false\n");
    assert_true(n->mirror && !n->trunk);
    assert_int_equal(n->rate_in, 1250000);
}

static void bit_rates(void **state)
{
    static const struct {
        const char *text;
        uint64_t    bytes;
    } right[] = {
        { "100Mbit", 12500000 }, { "1Gbit", 125000000 }, { "1500Kbit", 187500 }, { "65Kbit", 8125 },
    };
    static const char *const wrong[][2] = {
        { "100", "\"1Kbit\"" }, { "100000000", "\"100Mbit\"" }, { "100M", "\"100Mbit\"" },
        { "100Mb", "\"100Mbit\"" }, { "100MB", "\"800Mbit\"" }, { "100mb", "\"100Mbit\"" },
        { "10MB/s", "\"80Mbit\"" }, { "10Mb/s", "\"10Mbit\"" }, { "100mbit", "\"100Mbit\"" },
        { "1.5Gbit", "\"1500Mbit\"" }, { "100 Mbit", "\"100Mbit\"" }, { "1gbps", "\"1Gbit\"" },
        { "128kBps", "\"1024Kbit\"" }, { "1Tbit", "not a rate" }, { "", "not a rate" },
        { "fast", "not a rate" }, { "-1Mbit", "not a rate" }, { "100Mbits", "not a rate" },
        { "63Kbit", "\"64Kbit\" to \"1000Gbit\"" }, { "0Kbit", "out of range" },
        { "1001Gbit", "out of range" }, { "1000000000000Gbit", "too large" },
    };
    char lines[100];

    for (unsigned i = 0; i < ARRAY_LEN(right); i++) {
        snprintf(lines, sizeof(lines), "rate = '%s'", right[i].text);
        assert_int_equal(net(lines)->rate, right[i].bytes);
    }
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(lines, sizeof(lines), "rate_in = '%s'", wrong[i][0]);
        bad_net(lines, wrong[i][1]);
        assert_int_equal(config.guest[0].net[0].rate_in, 0);
    }
    bad_net("rate = 100", "rate needs a unit and quotes, for example rate = \"100Mbit\"");
}

static void vlans(void **state)
{
    bad_net("vlan = 4095", "VLANs are numbered 1 to 4094");
    bad_net("vlan = -1", "VLANs are numbered 1 to 4094");
    bad_net("vlan = [10]", "vlan takes one value, not a list");
    bad_net("vlan = '10'", "write 10 without quotes");
    bad_net("trunk = []", "empty list");
    bad_net("trunk = [0]", "0 is out of range");
    bad_net("trunk = [4095]", "4095 is out of range");
    bad_net("trunk = ['10']", "each entry must be a number without quotes");
    bad_net("trunk = '10,20'", "write trunk = [10, 20]");
    bad_net("trunk = true", "write trunk = [10, 20]");
    bad_net("trunk = [10, 20, 10]", "VLAN 10 is listed twice");
    bad_net("vlan = 10\ntrunk = [10]", "trunk lists VLAN 10, which vlan (line 9)");
}

static void mirrors(void **state)
{
    bad_net("mirror = true\nvlan = 5", "vlan has no place here");
    bad_net("mirror = true\ntrunk = 5", "trunk has no place here");
    bad_net("mirror = true\nrate = '1Mbit'", "rate has no place here");
    bad_net("any_mac = true\nmirror = true", "any_mac has no place here");
    net("mirror = false\nvlan = 5\nrate = '1Mbit'");
}

/* ---- switches ------------------------------------------------------------------------ */

static void switches(void **state)
{
    good(LAN "[[switch]]\nname = \"wan\"\nuplink = \"0000:00:03.0\"\nmtu = 9216\n"
         "broadcast_limit = 0\nuplink_vlan = 1\nuplink_trunk = [10, 4094]\n" GUEST("g"));
    const struct config_switch *lan = &config.sw[0], *wan = &config.sw[1];

    assert_int_equal(lan->mtu, 1500);
    assert_int_equal(lan->broadcast_limit, 1000);
    assert_int_equal(lan->uplink_vlan, 0);
    assert_false(lan->uplink_trunk);
    assert_int_equal(wan->mtu, NET_MTU_MAX);
    assert_int_equal(wan->broadcast_limit, 0);
    assert_int_equal(wan->uplink_vlan, 1);
    assert_true(wan->uplink_trunk);
    for (uint32_t v = 0; v <= 4095; v++)
        assert_int_equal(config_vlans_have(wan->uplink_trunk_vlan, v), v == 10 || v == 4094);

    bad(LAN "mtu = 575\n" GUEST("g"), "576 to 9216");
    bad(LAN "mtu = 9217\n" GUEST("g"), "576 to 9216");
    bad(LAN "broadcast_limit = 1000001\n" GUEST("g"), "0 to 1000000");
    bad(LAN "uplink_vlan = 3\n" GUEST("g"), "uplink_vlan is about the uplink");
    bad(LAN "uplink_trunk = 3\n" GUEST("g"), "uplink_trunk is about the uplink");
    bad(LAN "uplink = '0000:00:03.0'\nuplink_vlan = 3\nuplink_trunk = 3\n" GUEST("g"),
        "uplink_trunk lists VLAN 3, which uplink_vlan (line 4)");
    assert_true(config.sw[0].bad);
    assert_false(config.guest[0].bad);          /* it is not plugged in */
}

/* ---- disks --------------------------------------------------------------------------- */

static void disk_values(void **state)
{
    const struct config_disk *d = disk("");

    assert_int_equal(d->rate, 0);
    assert_int_equal(d->iops, 0);
    assert_string_equal(d->serial.text, "g-disk0");
    assert_int_equal(d->serial.len, 7);
    assert_int_equal(diag.warnings, 0);

    d = disk("rate = '50M'\niops = 500\nserial = 'DATA 1'\nbus = 'virtio'\n");
    assert_int_equal(d->rate, MIB(50));
    assert_int_equal(d->iops, 500);
    assert_string_equal(d->serial.text, "DATA 1");
    assert_int_equal(disk("rate = '64K'")->rate, KIB(64));
    assert_int_equal(disk("rate = '1024G'")->rate, GIB(1024));
    assert_int_equal(disk("iops = 0")->iops, 0);

    bad_disk("rate = '63K'", "\"64K\" to \"1024G\"");
    bad_disk("rate = '50MB/s'", "\"50M\"");
    bad_disk("rate = '0.5G'", "\"512M\"");
    bad_disk("rate = '100Mbit'", "K, M or G (bytes per second), such as \"50M\"");
    bad_disk("rate = 50", "needs a unit and quotes");
    bad_disk("iops = -1", "out of range");
    bad_disk("overlay = true\nreadonly = true", "allows none");
    bad(GUEST("g") "[[guest.disk]]\ndevice = 'serial:A'\noverlay = true\n",
        "an overlay is for images (file)");
}

static void serials(void **state)
{
    disk("serial = '12345678901234567890'");
    bad_disk("serial = '123456789012345678901'", "21 characters; 1 to 20");
    bad_disk("serial = ''", "0 characters");
    bad_disk("serial = ' a'", "begins or ends with a blank");
    bad_disk("serial = 'a '", "begins or ends with a blank");
    bad_disk("serial = \"a\\tb\"", "only printable ASCII");
    bad_disk("serial = 'größe'", "only printable ASCII");
    bad_disk("serial = 5", "serial needs quotes: serial = \"5\"");
    bad(GUEST("g") "[[guest.disk]]\nfile = 'a'\nserial = 'x'\n"
        "[[guest.disk]]\nfile = 'b'\nserial = 'x'\n", "that of another disk of this guest (line 5)");
    assert_int_equal(diag.entry[0].pos.line, 10);
    /* Also when the other's is derived, in either order. */
    bad(GUEST("g") "[[guest.disk]]\nfile = 'a'\nserial = 'g-disk1'\n"
        "[[guest.disk]]\nfile = 'b'\n", "that of another disk of this guest (line 8)");
    assert_int_equal(diag.entry[0].pos.line, 7);
    bad(GUEST("g") "[[guest.disk]]\nfile = 'a'\n"
        "[[guest.disk]]\nfile = 'b'\nserial = 'g-disk0'\n", "(line 5)");
    /* Two guests may have the same. */
    good(GUEST("g") "[[guest.disk]]\nfile = 'a'\nserial = 'x'\n"
         GUEST("h") "[[guest.disk]]\nfile = 'b'\nserial = 'x'\n");
}

/* However long the guest's name and however many disks: 20 characters, all different. */
static void derived_serials(void **state)
{
    static char text[4000];
    size_t n = (size_t)snprintf(text, sizeof(text), GUEST("a-name-of-thirty-one-characters"));

    for (unsigned i = 0; i < CONFIG_DISKS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "[[guest.disk]]\nfile = 'd%u'\n", i);
    const struct guest_config *g = good(text);

    assert_string_equal(g->disk[0].serial.text, "a-name-of-thir-disk0");
    assert_string_equal(g->disk[23].serial.text, "a-name-of-thi-disk23");
    for (unsigned i = 0; i < CONFIG_DISKS_MAX; i++)
        assert_int_equal(strlen(g->disk[i].serial.text), CONFIG_SERIAL_MAX);
}

/* A key that works with some of its values only says so for the others. */
static void values_of_later_versions(void **state)
{
    bad_disk("bus = 'ahci'", "bus = \"ahci\" is not supported by this version yet");
    bad_disk("bus = 'ide'", "bus = \"ide\" is not supported by this version yet");
    bad_disk("cdrom = true", "cdrom is not supported by this version yet");
    disk("cdrom = false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(net_defaults), cmocka_unit_test(net_values), cmocka_unit_test(bit_rates),
        cmocka_unit_test(vlans), cmocka_unit_test(mirrors), cmocka_unit_test(switches),
        cmocka_unit_test(disk_values), cmocka_unit_test(serials),
        cmocka_unit_test(derived_serials), cmocka_unit_test(values_of_later_versions),
    };
    return cmocka_run_group_tests_name("config devices", tests, NULL, NULL);
}
