/* SPDX-License-Identifier: BSD-2-Clause */
/* The control interface in bytes: each message, each wrong one, events, and a controller that goes. */
#include "vswitch_fixture.h"

static uint8_t out[CONTROL_MESSAGE_MAX];
static size_t out_len;
static const struct vport_config one = { 0 }, any = { .any_mac = true };

/* The code of the ERROR that comes back; 0: none. */
static unsigned say(const void *m, size_t len)
{
    /* As long as it is and no longer, for the sanitizer. */
    uint8_t *exact = malloc(len ? len : 1);
    memcpy(exact, m, len);
    memset(out, 0xee, sizeof(out));
    out_len = control_message(sw, exact, len, out, now);
    free(exact);
    struct control_error_message e;
    memcpy(&e, out, sizeof(e));
    if (out_len != sizeof(e) || e.h.type != CONTROL_ERROR)
        return 0;
    assert_int_equal(e.h.length, sizeof(e));
    assert_int_equal(e.zero, 0);
    return e.code;
}

static struct control_header head(unsigned type, size_t len)
{
    return (struct control_header){ .version = 1, .type = (uint8_t)type, .length = (uint16_t)len, .xid = 0x1234567 };
}

static unsigned hello(uint32_t flags, unsigned keepalive)
{
    struct control_hello m = { .h = head(CONTROL_HELLO, sizeof(m)), .flags = flags, .keepalive_s = (uint16_t)keepalive };
    return say(&m, sizeof(m));
}

static void setup(uint32_t flags)
{
    start(1500, 0);
    join(one), join(any), join(one);
    assert_int_equal(hello(flags, 0), 0);
}

/* The next event's type and bytes, -1: none. */
static int event(void *to, size_t size)
{
    assert_int_equal(control_pending(sw), sw->control.events || sw->control.packets || sw->control.lost_events ||
                                          sw->control.lost_packets);
    size_t n = control_event(sw, out);
    if (!n)
        return -1;
    struct control_header h;
    memcpy(&h, out, sizeof(h));
    assert_int_equal(h.version, 1);
    assert_int_equal(h.length, n);
    assert_int_equal(h.xid, 0);
    memset(to, 0, size);
    memcpy(to, out, n < size ? n : size);
    return h.type;
}

static struct control_flow_edit flow_message(unsigned type, unsigned port, uint64_t dst, unsigned priority)
{
    struct control_flow_edit m = { .h = head(type, sizeof(m)) };
    m.flow.fields = FLOW_VLAN | FLOW_DST;
    mac_store(m.flow.dst, dst);
    m.flow.priority = (uint16_t)priority;
    m.flow.outputs = 1;
    m.flow.port[0] = (uint16_t)port;
    m.flow.cookie = 0x1122334455667788;
    return m;
}

static void test_hello(void **unused)
{
    start(9000, 0);
    join(one);
    struct control_header echo = head(CONTROL_ECHO, sizeof(echo));
    assert_int_equal(say(&echo, sizeof(echo)), CONTROL_NO_HELLO);
    assert_int_equal(hello(8, 0), CONTROL_BAD_VALUE);
    assert_int_equal(hello(CONTROL_SECURE, 0), CONTROL_BAD_VALUE);
    assert_int_equal(hello(CONTROL_SOURCES, 0), CONTROL_BAD_VALUE);
    assert_int_equal(say(&echo, sizeof(echo)), CONTROL_NO_HELLO);
    assert_int_equal(hello(CONTROL_MISSES | CONTROL_SECURE, 0), 0);
    struct control_features r;
    assert_int_equal(out_len, sizeof(r));
    memcpy(&r, out, sizeof(r));
    assert_int_equal(r.h.type, 0x80);
    assert_int_equal(r.h.xid, 0x1234567);
    assert_int_equal(r.ports, 1);
    assert_int_equal(r.exact_max, 4096);
    assert_int_equal(r.wild_max, 64);
    assert_int_equal(r.outputs_max, 8);
    assert_int_equal(r.mtu, 9000);
    assert_string_equal(r.name, "lan");
    uint8_t long_echo[CONTROL_MESSAGE_MAX] = { 0 };
    for (size_t n = sizeof(echo); n <= sizeof(long_echo); n += 51) {
        echo = head(CONTROL_ECHO, n);
        memset(long_echo, 0x5a, n);
        memcpy(long_echo, &echo, sizeof(echo));
        assert_int_equal(say(long_echo, n), 0);
        assert_int_equal(out_len, n);
        assert_int_equal(out[1], 0x81);
        assert_memory_equal(out + 2, long_echo + 2, n - 2);
    }
    struct control_header fence = head(CONTROL_BARRIER, sizeof(fence));
    assert_int_equal(say(&fence, sizeof(fence)), 0);
    assert_int_equal(out_len, 8);
    assert_int_equal(out[1], 0x82);
}

/* Each type, each length: only the right ones do anything (F2). */
static void test_lengths_and_types(void **unused)
{
    setup(0);
    uint8_t m[CONTROL_MESSAGE_MAX + 8] = { 0 };
    for (unsigned type = 0; type < 256; type++) {
        for (size_t len = 0; len <= sizeof(m); len += len < 150 ? 1 : 211) {
            struct control_header h = head(type, len);
            memcpy(m, &h, sizeof(h));
            unsigned code = say(m, len);
            if (len < sizeof(h))
                assert_int_equal(code, CONTROL_BAD_LENGTH);
            else if (type > CONTROL_PACKET_OUT || (type > CONTROL_BARRIER && type < CONTROL_FLOW_ADD))
                assert_int_equal(code, CONTROL_BAD_TYPE);
            else if (type == CONTROL_FLOW_ADD && len != sizeof(struct control_flow_edit))
                assert_int_equal(code, CONTROL_BAD_LENGTH);
            else if (len > CONTROL_MESSAGE_MAX)
                assert_int_equal(code, CONTROL_BAD_LENGTH);
            h.length++;
            memcpy(m, &h, sizeof(h));
            assert_int_not_equal(say(m, len), 0);
            h = head(type, len);
            h.version = 2;
            memcpy(m, &h, sizeof(h));
            assert_int_equal(say(m, len), len < sizeof(h) ? CONTROL_BAD_LENGTH : CONTROL_BAD_VERSION);
        }
    }
}

static void test_flows(void **unused)
{
    setup(0);
    struct control_flow_edit m = flow_message(CONTROL_FLOW_ADD, 2, mac(1), 7);
    assert_int_equal(say(&m, sizeof(m)), 0);
    assert_int_equal(out_len, 0);
    send_to(0, mac(1));
    assert_true(got_by(4));
    m = flow_message(CONTROL_FLOW_ADD, 1, mac(1), 6);
    assert_int_equal(say(&m, sizeof(m)), CONTROL_EXISTS);
    m.h.type = CONTROL_FLOW_MODIFY;
    assert_int_equal(say(&m, sizeof(m)), 0);
    send_to(0, mac(1));
    assert_true(got_by(2));
    m = flow_message(CONTROL_FLOW_MODIFY, 1, mac(9), 6);
    assert_int_equal(say(&m, sizeof(m)), CONTROL_NOT_FOUND);
    m = flow_message(CONTROL_FLOW_ADD, 3, mac(9), 6);
    assert_int_equal(say(&m, sizeof(m)), CONTROL_BAD_VALUE);
    m = flow_message(CONTROL_FLOW_ADD, 1, mac(9), 6);
    m.flow.zero = 1;
    assert_int_equal(say(&m, sizeof(m)), CONTROL_BAD_VALUE);

    struct control_list list = { .h = head(CONTROL_FLOW_STATS, sizeof(list)) };
    assert_int_equal(say(&list, sizeof(list)), 0);
    struct control_listed r;
    struct control_flow_stats s;
    assert_int_equal(out_len, sizeof(r) + sizeof(s));
    memcpy(&r, out, sizeof(r));
    memcpy(&s, out + sizeof(r), sizeof(s));
    assert_int_equal(r.count, 1);
    assert_true(r.next == CONTROL_END);
    assert_int_equal(s.packets, 2);
    assert_int_equal(s.bytes, 120);
    assert_int_equal(s.flow.priority, 6);
    assert_true(s.flow.cookie == 0x1122334455667788);
    assert_true(mac_load(s.flow.dst) == mac(1));

    struct control_flow_delete d = { .h = head(CONTROL_FLOW_DELETE, sizeof(d)) };
    d.flow.fields = FLOW_VLAN | FLOW_DST;
    mac_store(d.flow.dst, mac(1));
    assert_int_equal(say(&d, sizeof(d)), CONTROL_NOT_FOUND);    /* priority 6 */
    d.flow.priority = 6;
    d.flow.cookie = 1;
    assert_int_equal(say(&d, sizeof(d)), CONTROL_BAD_VALUE);
    d.flow.cookie = 0;
    d.scope = 2;
    assert_int_equal(say(&d, sizeof(d)), CONTROL_BAD_VALUE);
    d.scope = 0;
    assert_int_equal(say(&d, sizeof(d)), 0);
    assert_int_equal(flows_of(-1), 0);
}

/* A full table is said to be full, and listed and emptied whole. */
static void test_full_table(void **unused)
{
    setup(0);
    unsigned added = 0;
    for (unsigned i = 0; i < 5000; i++) {
        struct control_flow_edit m = flow_message(CONTROL_FLOW_ADD, 2, mac(100 + i), 1);
        unsigned code = say(&m, sizeof(m));
        assert_true(code == 0 || code == CONTROL_TABLE_FULL);
        added += !code;
    }
    assert_int_equal(added, 2048);
    send_vlan(1, mac(9999), mac(0), -1);                /* learning goes on */
    got_by(0);
    send_to(0, mac(9999));
    assert_true(got_by(2));
    unsigned listed = 0;
    struct control_list list = { .h = head(CONTROL_FLOW_STATS, sizeof(list)) };
    for (unsigned rounds = 0; list.start != CONTROL_END; rounds++) {
        struct control_listed r;
        assert_int_equal(say(&list, sizeof(list)), 0);
        memcpy(&r, out, sizeof(r));
        assert_int_equal(r.h.length, out_len);
        assert_int_equal(out_len, sizeof(r) + r.count * sizeof(struct control_flow_stats));
        listed += r.count;
        list.start = r.next;
        assert_true(rounds < 200);
    }
    assert_int_equal(listed, 2050);                     /* and two learnt ones */
    list.start = CONTROL_END;
    assert_int_equal(say(&list, sizeof(list)), 0);
    struct control_flow_delete d = { .h = head(CONTROL_FLOW_DELETE, sizeof(d)), .scope = CONTROL_ALL };
    d.flow.fields = FLOW_VLAN;
    d.flow.vlan = 3;
    assert_int_equal(say(&d, sizeof(d)), 0);            /* there are none in VLAN 3 */
    assert_int_equal(flows_of(-1), 2050);
    d.flow.fields = d.flow.vlan = 0;
    assert_int_equal(say(&d, sizeof(d)), 0);
    assert_int_equal(flows_of(-1), 0);
}

static void test_port_stats(void **unused)
{
    start(1500, 0);
    while (stations < 30)
        join(one);
    hello(0, 0);
    send_to(0, mac(29));
    send_vlan(0, mac(3), mac(29), -1);
    struct control_list list = { .h = head(CONTROL_PORT_STATS, sizeof(list)) };
    unsigned n = 0;
    while (list.start != CONTROL_END) {
        struct control_listed r;
        struct control_port_stats s;
        assert_int_equal(say(&list, sizeof(list)), 0);
        memcpy(&r, out, sizeof(r));
        for (unsigned i = 0; i < r.count; i++, n++) {
            memcpy(&s, out + sizeof(r) + i * sizeof(s), sizeof(s));
            assert_int_equal(s.number, n);
            assert_int_equal(s.flags, CONTROL_PORT_UP);
            assert_true(mac_load(s.mac) == mac(n));
            assert_string_equal(s.name, st[n].p.c.name);
            assert_int_equal(s.count[0], n == 29);      /* rx */
            assert_int_equal(s.count[5], n == 0);       /* spoofed */
        }
        list.start = r.next;
    }
    assert_int_equal(n, 30);
    list.start = 1000000;
    assert_int_equal(say(&list, sizeof(list)), 0);
    list.zero = 1;
    assert_int_equal(say(&list, sizeof(list)), CONTROL_BAD_VALUE);
}

static void test_packet_in(void **unused)
{
    struct control_packet_in p;
    setup(CONTROL_MISSES);
    frame_len = 1000;
    assert_int_equal(send_to(0, mac(2)), NET_DROPPED);  /* the controller decides now */
    assert_true(got_by(0));
    assert_int_equal(event(&p, sizeof(p)), CONTROL_PACKET_IN);
    assert_int_equal(p.in_port, 0);
    assert_int_equal(p.reason, PACKET_MISS);
    assert_int_equal(p.frame_len, 1000);
    assert_int_equal(p.count, NET_HEAD);
    assert_true(mac_load(out + sizeof(p)) == mac(2));
    assert_int_equal(event(&p, sizeof(p)), -1);
    struct control_flow_edit m = flow_message(CONTROL_FLOW_ADD, 2, mac(2), 1);
    m.flow.action_flags = FLOW_TO_CONTROLLER;
    assert_int_equal(say(&m, sizeof(m)), 0);
    assert_int_equal(send_to(0, mac(2)), NET_SENT);
    assert_true(got_by(4));
    assert_int_equal(event(&p, sizeof(p)), CONTROL_PACKET_IN);
    assert_int_equal(p.reason, PACKET_ACTION);
    assert_true(p.cookie == 0x1122334455667788);
    send_vlan(1, mac(50), mac(2), -1);                  /* not asked for */
    assert_int_equal(event(&p, sizeof(p)), CONTROL_PACKET_IN);
    assert_int_equal(p.reason, PACKET_ACTION);
    assert_int_equal(event(&p, sizeof(p)), -1);
    hello(CONTROL_MISSES | CONTROL_SOURCES, 0);
    send_vlan(1, mac(50), mac(2), -1);
    assert_int_equal(event(&p, sizeof(p)), CONTROL_PACKET_IN);
    assert_int_equal(p.reason, PACKET_SOURCE);
}

/* F3: nobody reads. Each port has its few, events have room of their own, frames go on. */
static void test_slow_controller(void **unused)
{
    setup(CONTROL_MISSES);
    struct control_flow_edit m = flow_message(CONTROL_FLOW_ADD, 2, mac(2), 1);
    say(&m, sizeof(m));
    for (unsigned i = 0; i < 1000; i++)
        send_to(0, mac(77));
    assert_int_equal(send_to(1, mac(77)), NET_DROPPED);
    assert_int_equal(sw->control.packets, 9);
    for (unsigned i = 0; i < 200; i++)
        vport_link(&st[0].p, i & 1);
    assert_int_equal(send_to(0, mac(2)), NET_SENT);
    unsigned statuses = 0, packets = 0;
    struct control_port_status s;
    struct control_lost lost = { .packets = 0 };
    for (int type; (type = event(&s, sizeof(s))) >= 0;) {
        statuses += type == CONTROL_PORT_STATUS;
        packets += type == CONTROL_PACKET_IN;
        if (type == CONTROL_LOST)
            memcpy(&lost, out, sizeof(lost));
    }
    assert_int_equal(statuses, 128);
    assert_int_equal(packets, 9);
    assert_int_equal(lost.packets, 992);
    assert_int_equal(lost.events, 72);
    assert_false(control_pending(sw));
    for (unsigned i = 0; i < 1000; i++)                 /* room again */
        send_to(0, mac(77));
    assert_int_equal(sw->control.packets, 8);
}

static void test_fail_modes(void **unused)
{
    setup(CONTROL_MISSES);
    assert_int_equal(send_to(0, mac(2)), NET_DROPPED);
    control_gone(sw);
    assert_false(control_pending(sw));
    assert_int_equal(send_to(0, mac(2)), NET_SENT);     /* standalone: it learns */
    setup(CONTROL_MISSES | CONTROL_SECURE);
    struct control_flow_edit m = flow_message(CONTROL_FLOW_ADD, 2, mac(2), 1);
    say(&m, sizeof(m));
    control_gone(sw);
    assert_int_equal(say(&m, sizeof(m)), CONTROL_NO_HELLO);
    assert_int_equal(send_to(0, mac(2)), NET_SENT);     /* its flows stay */
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    assert_int_equal(send_vlan(1, mac(60), mac(2), -1), NET_SENT);
    assert_int_equal(flows_of(1), 0);                   /* nothing is learnt */
    assert_int_equal(st[0].p.count.no_flow, 1);
    hello(0, 0);                                        /* one that leaves misses to us */
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
}

static void test_keepalive(void **unused)
{
    start(1500, 0);
    join(one), join(one);
    hello(CONTROL_MISSES, 10);
    struct control_header echo = head(CONTROL_ECHO, sizeof(echo));
    for (unsigned i = 0; i < 5; i++) {
        now += 10 * S;
        assert_int_equal(say(&echo, sizeof(echo)), 0);
        assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    }
    now += 10 * S + 1;
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    assert_int_equal(say(&echo, sizeof(echo)), CONTROL_NO_HELLO);
    assert_int_equal(hello(CONTROL_MISSES, 10), 0);
    now += 11 * S;
    assert_int_equal(say(&echo, sizeof(echo)), CONTROL_NO_HELLO);
}

static void test_flow_removed(void **unused)
{
    setup(0);
    struct control_flow_removed r;
    struct control_flow_edit m = flow_message(CONTROL_FLOW_ADD, 2, mac(2), 1);
    m.flow.flags = FLOW_NOTIFY;
    m.flow.idle_s = 10;
    say(&m, sizeof(m));
    send_to(0, mac(2));
    now += 5 * S;
    vswitch_tick(sw, now);
    assert_int_equal(event(&r, sizeof(r)), -1);
    now += 5 * S;
    vswitch_tick(sw, now);
    assert_int_equal(event(&r, sizeof(r)), CONTROL_FLOW_REMOVED);
    assert_int_equal(r.reason, REMOVED_IDLE);
    assert_int_equal(r.packets, 1);
    assert_int_equal(r.bytes, 60);
    assert_memory_equal(&r.flow, &m.flow, sizeof(m.flow));
    m.flow.idle_s = 0;
    m.flow.hard_s = 1;
    say(&m, sizeof(m));
    now += S;
    vswitch_tick(sw, now);
    assert_int_equal(event(&r, sizeof(r)), CONTROL_FLOW_REMOVED);
    assert_int_equal(r.reason, REMOVED_HARD);
    m.flow.hard_s = 0;
    say(&m, sizeof(m));
    control_flow_delete_all(sw, &(struct flow_match){ 0 });
    assert_int_equal(event(&r, sizeof(r)), CONTROL_FLOW_REMOVED);
    assert_int_equal(r.reason, REMOVED_DELETED);
}

/* F4: at run time, an event a second. */
static void test_conflict_alarm(void **unused)
{
    setup(0);
    struct control_port_status s;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(send_vlan(1, mac(2), mac(0), -1), NET_DROPPED);
    assert_int_equal(event(&s, sizeof(s)), CONTROL_PORT_STATUS);
    assert_int_equal(s.reason, PORT_CONFLICT);
    assert_int_equal(s.port, 1);
    assert_true(mac_load(s.mac) == mac(2));
    assert_string_equal(s.name, "guest-1");
    assert_int_equal(event(&s, sizeof(s)), -1);
    now += S;
    send_vlan(1, mac(2), mac(0), -1);
    assert_int_equal(event(&s, sizeof(s)), CONTROL_PORT_STATUS);
    assert_int_equal(st[1].p.count.conflict, 101);
    vport_link(&st[0].p, false);
    assert_int_equal(event(&s, sizeof(s)), CONTROL_PORT_STATUS);
    assert_int_equal(s.reason, PORT_DOWN);
    assert_int_equal(s.flags, 0);
}

static void test_packet_out(void **unused)
{
    setup(CONTROL_MISSES);
    unsigned v7 = join(access_port(7));
    uint8_t m[CONTROL_MESSAGE_MAX] = { 0 };
    struct control_packet_out p = { .in_port = CONTROL_NO_PORT, .outputs = 3, .port = { 0, 2, (uint16_t)v7 } };
    size_t n = sizeof(p) + 1000;
    p.h = head(CONTROL_PACKET_OUT, n);
    mac_store(m + sizeof(p), ALL);
    mac_store(m + sizeof(p) + 6, mac(99));
    m[sizeof(p) + 12] = 8;
    m[sizeof(p) + 50] = 0x77;
#define SAY(change, code) do { struct control_packet_out q = p; change; memcpy(m, &q, sizeof(q)); \
        assert_int_equal(say(m, n), code); } while (0)
    SAY((void)0, 0);
    assert_true(got_by(5));                             /* not out of its VLAN */
    assert_int_equal(st[2].len, 1000);
    assert_int_equal(st[2].wire[50], 0x77);
    SAY((q.outputs = 0, q.port[0] = q.port[1] = q.port[2] = 0, q.action_flags = FLOW_FLOOD, q.in_port = 1), 0);
    assert_true(got_by(5));
    SAY((q.outputs = 0, q.port[0] = q.port[1] = q.port[2] = 0, q.action_flags = FLOW_FLOOD, q.vlan = 7), 0);
    assert_true(got_by(1 << v7));
    SAY(q.in_port = 4, CONTROL_BAD_VALUE);
    SAY(q.vlan = 4095, CONTROL_BAD_VALUE);
    SAY(q.pcp = 16, CONTROL_BAD_VALUE);
    SAY(q.zero = 1, CONTROL_BAD_VALUE);
    SAY(q.action_flags = FLOW_TO_CONTROLLER, CONTROL_BAD_VALUE);
    SAY(q.outputs = 9, CONTROL_BAD_VALUE);
    SAY(q.port[1] = 4, CONTROL_BAD_VALUE);
    SAY(q.port[7] = 1, CONTROL_BAD_VALUE);
    m[sizeof(p) + 6] |= 1;                              /* a group as its source */
    SAY((void)0, CONTROL_BAD_VALUE);
    m[sizeof(p) + 6] &= 0xfe;
    m[sizeof(p) + 12] = 0x81;                           /* tagged */
    SAY((void)0, CONTROL_BAD_VALUE);
    m[sizeof(p) + 12] = 8;
    n = sizeof(p) + 1515;
    SAY(q.h = head(CONTROL_PACKET_OUT, n), CONTROL_BAD_VALUE);
    n = sizeof(p) + 13;
    SAY(q.h = head(CONTROL_PACKET_OUT, n), CONTROL_BAD_LENGTH);
    n = sizeof(p) + 14;
    SAY(q.h = head(CONTROL_PACKET_OUT, n), 0);
#undef SAY
    assert_true(got_by(5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello), cmocka_unit_test(test_lengths_and_types), cmocka_unit_test(test_flows),
        cmocka_unit_test(test_full_table), cmocka_unit_test(test_port_stats), cmocka_unit_test(test_packet_in),
        cmocka_unit_test(test_slow_controller), cmocka_unit_test(test_fail_modes), cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_flow_removed), cmocka_unit_test(test_conflict_alarm), cmocka_unit_test(test_packet_out),
    };
    return cmocka_run_group_tests_name("switch_control", tests, NULL, NULL);
}
