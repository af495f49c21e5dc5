/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch's rules of who may send what to whom: VLANs, filters, lengths, storms, mirrors. */
#include "vswitch_fixture.h"

static void test_add(void **unused)
{
    start(1500, 0);
    assert_string_equal(vswitch_name(sw), "lan");
    assert_int_equal(vswitch_mtu(sw), 1500);
    join(access_port(0));
    assert_int_equal(try_join(access_port(7), mac(0)), HV_EXISTS);
    assert_int_equal(try_join(access_port(0), 0), HV_INVALID);
    assert_int_equal(try_join(access_port(0), 1), HV_INVALID);
    assert_int_equal(try_join(access_port(0), ALL), HV_INVALID);
    assert_int_equal(try_join(access_port(4095), mac(1)), HV_INVALID);
    while (stations < MAX)
        join(access_port(0));
    struct station extra;
    struct vport_config c = { .mac = { 2, 9, 9, 9, 9, 9 } };
    assert_int_equal(vswitch_add(sw, &extra.p, &c, &station_ops, &extra), HV_NOMEM);
    assert_ptr_equal(vswitch_port(sw, 511), &st[511].p);
    assert_null(vswitch_port(sw, 512));
    assert_null(vswitch_port(sw, 0xffffffff));
    start(100, 0);
    assert_int_equal(vswitch_mtu(sw), NET_MTU_MIN);
    start(100000, 0);
    assert_int_equal(vswitch_mtu(sw), NET_MTU_MAX);
}

static void test_known_unicast(void **unused)
{
    start(1500, 0);
    for (unsigned i = 0; i < 4; i++)
        join(access_port(0));
    /* A port's own address is known before it sends anything. */
    assert_int_equal(send_to(0, mac(3)), NET_SENT);
    assert_true(got_by(1 << 3));
    assert_int_equal(st[3].p.count.rx, 1);
    assert_int_equal(st[3].p.count.rx_bytes, 60);
    assert_int_equal(st[0].p.count.tx, 1);
    assert_int_equal(st[0].p.count.tx_bytes, 60);
    assert_int_equal(send_to(1, ALL), NET_SENT);
    assert_true(got_by(0xd));
    assert_int_equal(send_to(1, mac(77)), NET_SENT);    /* unknown: to all */
    assert_true(got_by(0xd));
    assert_int_equal(send_to(1, 0x333), NET_SENT);      /* a group: 33:03:00:... */
    assert_true(got_by(0xd));
    assert_int_equal(send_to(2, mac(2)), NET_DROPPED);  /* to itself: never back */
    assert_true(got_by(0));
    vport_link(&st[3].p, false);
    assert_int_equal(send_to(0, mac(3)), NET_DROPPED);  /* not to the others either */
    assert_true(got_by(0));
    assert_int_equal(st[0].p.count.no_flow, 1);
    assert_int_equal(flows_of(3), 0);
    assert_int_equal(send_to(3, mac(0)), NET_DROPPED);  /* its link is down */
    vport_link(&st[3].p, true);
    assert_int_equal(send_to(0, mac(3)), NET_SENT);
    assert_true(got_by(1 << 3));
}

static void test_flow_counters(void **unused)
{
    start(1500, 0);
    join(access_port(0)), join(access_port(0));
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(send_to(0, mac(1)), NET_SENT);
    struct flow_info info;
    uint32_t at = 0;
    assert_true(control_flow_next(sw, &at, now, &info));
    assert_true(info.built_in);
    assert_true(info.spec.match.dst == mac(1));
    assert_int_equal(info.packets, 4);                  /* the first one made it */
    assert_int_equal(info.bytes, 240);
    assert_false(control_flow_next(sw, &at, now, &info));
}

static void test_source_filter(void **unused)
{
    start(1500, 0);
    struct vport_config any = { .any_mac = true };
    join(access_port(0)), join(any), join(access_port(0));
    assert_int_equal(send_vlan(0, mac(99), mac(2), -1), NET_DROPPED);
    assert_int_equal(send_vlan(0, mac(2), mac(1), -1), NET_DROPPED);
    assert_int_equal(st[0].p.count.spoofed, 2);
    assert_int_equal(send_vlan(1, mac(99), mac(2), -1), NET_SENT);
    assert_true(got_by(4));
    /* A group, or nothing, is nobody's source. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(send_vlan(i, ALL, mac(2), -1), NET_DROPPED);
        assert_int_equal(send_vlan(i, mac(i) | MAC_GROUP, mac(2), -1), NET_DROPPED);
        assert_int_equal(send_vlan(i, 0, mac(2), -1), NET_DROPPED);
        assert_int_equal(st[i].p.count.malformed, 3);
    }
    assert_true(got_by(0));
    /* Another port's own address is not even any_mac's to use: the alarm. */
    assert_int_equal(send_vlan(1, mac(2), mac(0), -1), NET_DROPPED);
    assert_int_equal(st[1].p.count.conflict, 1);
    assert_int_equal(send_to(0, mac(2)), NET_SENT);
    assert_true(got_by(4));
}

/* F4 again, with VLANs: the address may be somebody else's where the port is not. */
static void test_conflict_is_of_a_vlan(void **unused)
{
    start(1500, 0);
    struct vport_config up = trunk_port(0, 10, 20);
    up.uplink = true;
    join(access_port(10)), join(up), join(access_port(20));
    assert_int_equal(send_vlan(1, mac(0), ALL, 10), NET_DROPPED);
    assert_int_equal(st[1].p.count.conflict, 1);
    assert_int_equal(send_vlan(1, mac(0), mac(2), 20), NET_SENT);
    assert_true(got_by(4));
    assert_int_equal(send_to(2, mac(0)), NET_SENT);     /* to that one, not to the guest */
    assert_true(got_by(2));
    assert_int_equal(send_vlan(1, mac(50), mac(0), 10), NET_SENT);
    assert_true(got_by(1));
}

static void test_access_vlans(void **unused)
{
    start(1500, 0);
    join(access_port(0)), join(access_port(0));
    join(access_port(10)), join(access_port(10)), join(access_port(20));
    send_to(0, ALL);
    assert_true(got_by(2));
    send_to(2, ALL);
    assert_true(got_by(8));
    assert_int_equal(st[3].vlan, 10);
    assert_false(st[3].tag);
    assert_int_equal(send_to(2, mac(4)), NET_SENT);     /* a port of another VLAN: unknown in this one */
    assert_true(got_by(8));
    /* Tags are not an access port's to send, not even its own VLAN's. */
    for (int vid = 1; vid < 4095; vid += 9)
        assert_int_equal(send_vlan(2, mac(2), ALL, vid), NET_DROPPED);
    assert_int_equal(send_vlan(0, mac(0), ALL, 10), NET_DROPPED);
    assert_true(got_by(0));
    assert_int_equal(st[0].p.count.vlan, 1);
    assert_true(st[2].p.count.vlan > 400);
    frame_pcp = 10;
    assert_int_equal(send_vlan(2, mac(2), ALL, 0), NET_SENT);   /* only a priority */
    assert_true(got_by(8));
    assert_int_equal(st[3].vlan, 10);
}

static void test_trunks(void **unused)
{
    start(1500, 0);
    join(trunk_port(0, 10, 20)), join(trunk_port(5, 10, 30));
    join(access_port(10)), join(access_port(20)), join(access_port(5)), join(access_port(30)), join(access_port(0));
    frame_pcp = 7;
    assert_int_equal(send_vlan(0, mac(0), ALL, 10), NET_SENT);
    assert_true(got_by(1 << 1 | 1 << 2));
    assert_true(st[1].tag);
    assert_memory_equal(st[1].wire + 12, "\x81\x00\x70\x0a\x08\x00", 6);
    assert_int_equal(st[1].len, 64);
    assert_int_equal(st[1].p.count.rx_bytes, 64);
    assert_int_equal(st[0].p.count.tx_bytes, 64);
    assert_false(st[2].tag);
    assert_memory_equal(st[2].wire + 12, "\x08\x00", 2);
    assert_int_equal(send_vlan(0, mac(0), ALL, 20), NET_SENT);
    assert_true(got_by(1 << 3));
    assert_int_equal(send_vlan(0, mac(0), ALL, 30), NET_DROPPED);       /* not listed */
    assert_int_equal(send_vlan(0, mac(0), ALL, -1), NET_DROPPED);       /* no VLAN for untagged */
    assert_int_equal(send_vlan(0, mac(0), ALL, 0), NET_DROPPED);
    assert_int_equal(st[0].p.count.vlan, 3);
    assert_true(got_by(0));
    assert_int_equal(send_vlan(1, mac(1), ALL, -1), NET_SENT);          /* native */
    assert_true(got_by(1 << 4));
    assert_int_equal(send_to(4, mac(1)), NET_SENT);
    assert_false(st[1].tag);
    assert_true(got_by(1 << 1));
    assert_int_equal(send_to(2, mac(1)), NET_SENT);
    assert_true(st[1].tag);
    assert_true(got_by(1 << 1));
    assert_int_equal(send_to(3, mac(1)), NET_SENT);                     /* VLAN 20: it is not in */
    assert_true(got_by(1 << 0));
    struct vport_config odd = trunk_port(0, 0, 4095);                   /* no such VLANs */
    unsigned n = join(odd);
    assert_int_equal(send_vlan(n, mac(n), ALL, -1), NET_DROPPED);
    assert_int_equal(send_to(6, ALL), NET_DROPPED);
}

/* Two tags: the inner one never becomes the outer one where tags are understood (F1). */
static void test_no_hop_by_two_tags(void **unused)
{
    static const uint16_t types[] = { 0x8100, 0x88a8, 0x9100 };
    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        start(1500, 0);
        struct vport_config up = trunk_port(10, 10, 20), plain_up = { .uplink = true, .vlan = 30 };
        up.uplink = true;
        join(trunk_port(0, 10, 30)), join(up), join(access_port(10)), join(plain_up), join(trunk_port(10, 20, 20));
        frame_type_is = types[i];
        /* In VLAN 10, which leaves without tag at 1 and 4; a guest may have what is inside. */
        assert_int_equal(send_vlan(0, mac(0), ALL, 10), NET_SENT);
        assert_true(got_by(1 << 2));
        assert_int_equal(send_vlan(0, mac(0), mac(1), 10), NET_DROPPED);
        assert_int_equal(send_vlan(0, mac(0), ALL, 30), NET_DROPPED);
        assert_true(got_by(0));
        /* Behind an empty tag, or of a type that we do not take out. */
        assert_int_equal(send_vlan(2, mac(2), ALL, 0), NET_DROPPED);
        assert_int_equal(send_vlan(2, mac(2), ALL, -1), NET_DROPPED);
        assert_int_equal(st[2].p.count.vlan, 2);
        /* With its outer tag it is only payload. */
        assert_int_equal(send_vlan(1, mac(66), ALL, 20), NET_SENT);
        assert_true(got_by(0x10));
        assert_true(st[4].tag);
        assert_int_equal(st[4].vlan, 20);
    }
}

static void test_reserved_groups(void **unused)
{
    start(1500, 0);
    join(access_port(0)), join(access_port(0));
    for (uint64_t last = 0; last < 256; last++) {
        enum net_sent want = last < 16 ? NET_DROPPED : NET_SENT;
        assert_int_equal(send_to(0, 0x0000c28001 | last << 40), want);
    }
    assert_int_equal(st[1].got, 240);
    assert_int_equal(send_to(0, 0x0100c28001), NET_SENT);
}

static void test_lengths(void **unused)
{
    start(1500, 0);
    join(access_port(0)), join(access_port(0)), join(trunk_port(0, 10, 20)), join(access_port(10));
    frame_len = 1514;
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    assert_int_equal(send_vlan(2, mac(2), mac(3), 10), NET_SENT);       /* the tag is besides */
    frame_len = 1515;
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    assert_int_equal(send_vlan(2, mac(2), mac(3), 10), NET_DROPPED);
    assert_int_equal(st[0].p.count.malformed, 1);
    frame_len = 60000;
    frame_off = (struct net_offload){ .flags = 1, .gso = NET_GSO_TCPV4, .hdr_len = 54, .gso_size = 1460 };
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    frame_off.gso_size = 1461;                          /* segments would not fit */
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    frame_off.gso_size = 0xffff;
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    start(9000, 0);
    join(access_port(0)), join(access_port(0));
    frame_len = 9014;
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
}

static void test_storm(void **unused)
{
    start(1500, 100);
    struct vport_config up = { .uplink = true };
    join(access_port(0)), join(access_port(0)), join(up);
    for (unsigned i = 0; i < 500; i++)
        send_to(0, i % 3 == 0 ? ALL : i % 3 == 1 ? 0x5e0001 : mac(1000 + i));
    assert_int_equal(st[1].got, 100);
    assert_int_equal(st[0].p.count.storm, 400);
    assert_int_equal(send_to(0, mac(1)), NET_SENT);     /* known ones are not meant */
    assert_int_equal(send_to(1, ALL), NET_SENT);        /* nor are other ports */
    now += S - 1;
    assert_int_equal(send_to(0, ALL), NET_DROPPED);
    now += 1;
    for (unsigned i = 0; i < 500; i++)
        send_to(0, ALL);
    assert_int_equal(st[2].got, 201);
    start(1500, 0);                                     /* no limit */
    join(access_port(0)), join(access_port(0));
    for (unsigned i = 0; i < 5000; i++)
        send_to(0, ALL);
    assert_int_equal(st[1].got, 5000);
}

static void test_mirror(void **unused)
{
    start(1500, 3);
    struct vport_config m = { .mirror = true };
    join(access_port(10)), join(access_port(10)), join(m), join(trunk_port(0, 10, 20)), join(access_port(0));
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    assert_true(got_by(1 << 1 | 1 << 2));
    assert_false(st[2].tag);
    assert_int_equal(send_vlan(3, mac(3), mac(0), 10), NET_SENT);
    assert_true(got_by(1 << 0 | 1 << 2));
    assert_true(st[2].tag);
    assert_memory_equal(st[2].wire + 12, "\x81\x00\x00\x0a\x08\x00", 6);
    assert_int_equal(st[2].p.count.rx, 2);
    assert_int_equal(st[2].p.count.rx_bytes, 124);
    assert_int_equal(send_to(4, ALL), NET_DROPPED);     /* nobody there: still seen, once */
    assert_true(got_by(1 << 2));
    assert_int_equal(send_vlan(0, mac(9), mac(1), -1), NET_DROPPED);    /* never let in: not seen */
    assert_int_equal(send_to(2, mac(0)), NET_DROPPED);  /* it sends nothing */
    assert_int_equal(send_to(4, mac(2)), NET_DROPPED);  /* and is no station */
    assert_true(got_by(1 << 2));
    for (unsigned i = 0; i < 10; i++)
        send_to(1, ALL);
    assert_int_equal(st[2].got, 3);
    st[2].answer = NET_WAIT;                            /* a full mirror stops nobody */
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    assert_int_equal(st[2].p.count.rx_full, 1);
    assert_false(st[2].p.full);
    vport_link(&st[2].p, false);
    unsigned asked = st[2].asked;
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    assert_int_equal(st[2].asked, asked);
}

/* What a driver does not want is not for lack of room. */
static void test_refused(void **unused)
{
    start(1500, 0);
    join(access_port(0)), join(access_port(0));
    st[1].answer = NET_DROPPED;
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    assert_int_equal(send_to(0, ALL), NET_DROPPED);
    struct vport_count c = vport_counters(&st[1].p);
    assert_int_equal(c.rx_refused, 2);
    assert_int_equal(c.rx_full, 0);
    assert_int_equal(c.rx, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add), cmocka_unit_test(test_known_unicast), cmocka_unit_test(test_flow_counters),
        cmocka_unit_test(test_source_filter), cmocka_unit_test(test_conflict_is_of_a_vlan),
        cmocka_unit_test(test_access_vlans), cmocka_unit_test(test_trunks),
        cmocka_unit_test(test_no_hop_by_two_tags), cmocka_unit_test(test_reserved_groups),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_storm), cmocka_unit_test(test_mirror),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("vswitch", tests, NULL, NULL);
}
