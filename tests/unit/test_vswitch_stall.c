/* SPDX-License-Identifier: BSD-2-Clause */
/* Full receivers: who waits, for how long, and who is woken. */
#include "vswitch_fixture.h"

static const struct vport_config one = { 0 };

static void four(void)
{
    start(1500, 0);
    for (unsigned i = 0; i < 4; i++)
        join(one);
    send_to(0, mac(1)), send_to(0, mac(2)), send_to(0, mac(3));
    got_by(0);
}

static void room(unsigned n)
{
    st[n].answer = NET_SENT;
    vport_room(&st[n].p);
}

static void test_wait_and_room(void **unused)
{
    four();
    st[1].answer = NET_WAIT;
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);
    assert_int_equal(send_to(2, mac(1)), NET_WAIT);
    unsigned asked = st[1].asked;
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);
    assert_int_equal(st[1].asked, asked);               /* it will tell: no use in asking */
    assert_true(vswitch_next(sw) == now + PORT_STALL_NS);
    assert_int_equal(send_to(0, mac(3)), NET_SENT);     /* others are not concerned */
    assert_int_equal(st[0].p.count.tx, 4);
    room(1);
    assert_int_equal(st[0].resumed, 1);
    assert_int_equal(st[2].resumed, 1);
    assert_int_equal(st[3].resumed, 0);
    got_by(0);
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    assert_true(got_by(2));
    room(1);
    assert_int_equal(st[0].resumed, 1);                 /* nobody waits */
    assert_int_equal(st[1].p.count.rx_full, 0);
    /* A frame that waited counts once. */
    struct flow_info info;
    uint32_t at = 0;
    assert_true(control_flow_next(sw, &at, now, &info));
    assert_true(info.spec.match.dst == mac(1));
    assert_int_equal(info.packets, 1);
    assert_int_equal(st[0].p.count.tx, 5);
    assert_int_equal(st[2].p.count.tx, 0);
}

static void test_stall_ends(void **unused)
{
    four();
    st[1].answer = NET_WAIT;
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);
    now += PORT_STALL_NS - 1;
    vswitch_tick(sw, now);
    assert_int_equal(st[0].resumed, 0);
    assert_int_equal(send_to(2, mac(1)), NET_WAIT);     /* the time is the receiver's, not the sender's */
    now += 1;
    assert_true(vswitch_next(sw) == now);
    vswitch_tick(sw, now);
    assert_int_equal(st[0].resumed, 1);
    assert_int_equal(st[2].resumed, 1);
    assert_true(vswitch_next(sw) == ~0ull);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
        now += S;
    }
    assert_int_equal(st[1].p.count.rx_full, 10);
    /* Room, but it takes nothing: no new time. */
    vport_room(&st[1].p);
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    assert_int_equal(st[1].p.count.rx_full, 11);
    room(1);
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
}

/* One frame each 5 ms buys 102 us: the sender is held up for no more than that. */
static void test_slow_receiver_earns_little(void **unused)
{
    four();
    uint64_t held = 0;
    for (unsigned i = 0; i < 1000; i++) {
        st[1].answer = NET_WAIT;
        uint64_t begin = now;
        while (send_to(0, mac(1)) == NET_WAIT && now - begin < 5 * MS) {
            now = vswitch_next(sw);
            vswitch_tick(sw, now);
        }
        held += now - begin;
        now = begin + 5 * MS;
        room(1);
        assert_int_equal(send_to(0, mac(1)), NET_SENT);
    }
    assert_true(held >= 5 * MS + 999ull * 101920 && held <= 5 * MS + 1000ull * 101920);
    assert_int_equal(st[1].p.count.rx_full, 1000);
}

/* One that takes a ring's worth at once has its full time again, and loses only what it used. */
static void test_busy_receiver_is_waited_for(void **unused)
{
    four();
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 128; i++)
            assert_int_equal(send_to(0, mac(1)), NET_SENT);
        st[1].answer = NET_WAIT;
        assert_int_equal(send_to(0, mac(1)), NET_WAIT);
        now += 4 * MS;
        assert_int_equal(send_to(2, mac(1)), NET_WAIT);
        room(1);
    }
    assert_int_equal(st[1].p.count.rx_full, 0);
}

/* A frame that needs more room than there is: room comes bit by bit, the clock goes on. */
static void test_not_enough_room(void **unused)
{
    four();
    st[1].answer = NET_WAIT;
    for (unsigned i = 0; i < 49; i++) {
        assert_int_equal(send_to(0, mac(1)), NET_WAIT);
        now += 100000;
        vport_room(&st[1].p);
        assert_int_equal(st[0].resumed, i + 1);
    }
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);
    now += 100000;
    vport_room(&st[1].p);
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
}

static void test_floods_do_not_wait(void **unused)
{
    four();
    st[1].answer = NET_WAIT;
    assert_int_equal(send_to(0, ALL), NET_SENT);
    assert_true(got_by(0xc));
    assert_int_equal(st[1].p.count.rx_full, 1);
    assert_false(st[1].p.full);
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);
    unsigned asked = st[1].asked;
    assert_int_equal(send_to(2, ALL), NET_SENT);
    assert_int_equal(st[1].asked, asked);
    assert_int_equal(st[1].p.count.rx_full, 2);
    st[2].answer = st[3].answer = NET_WAIT;
    assert_int_equal(send_to(0, ALL), NET_DROPPED);
}

static void test_uplink_does_not_wait(void **unused)
{
    four();
    struct vport_config up = { .uplink = true };
    unsigned n = join(up);
    st[1].answer = NET_WAIT;
    assert_int_equal(send_vlan(n, mac(60), mac(1), -1), NET_DROPPED);
    assert_int_equal(st[1].p.count.rx_full, 1);
    assert_true(st[1].p.full);
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);     /* guests do */
    st[n].answer = NET_WAIT;
    assert_int_equal(send_to(0, mac(60)), NET_WAIT);    /* also for the uplink */
}

/* On one list only: the last port it asked for. */
static void test_waits_for_one(void **unused)
{
    four();
    st[1].answer = st[2].answer = NET_WAIT;
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);
    assert_int_equal(send_to(3, mac(1)), NET_WAIT);
    assert_int_equal(send_to(0, mac(2)), NET_WAIT);     /* it gave that frame up */
    room(1);
    assert_int_equal(st[0].resumed, 0);
    assert_int_equal(st[3].resumed, 1);
    room(2);
    assert_int_equal(st[0].resumed, 1);
}

static void test_links(void **unused)
{
    four();
    st[1].answer = NET_WAIT;
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);
    assert_int_equal(send_to(2, mac(1)), NET_WAIT);
    vport_link(&st[0].p, false);                        /* a sender goes: it waits no more */
    vport_link(&st[1].p, false);                        /* the receiver goes: nothing to wait for */
    assert_int_equal(st[0].resumed, 0);
    assert_int_equal(st[2].resumed, 1);
    assert_int_equal(send_to(2, mac(1)), NET_DROPPED);
    /* Back: but a reset gives no new time to hold others up. */
    vport_link(&st[1].p, true);
    now += PORT_STALL_NS;
    assert_int_equal(send_to(2, mac(1)), NET_DROPPED);
}

static void room_now(struct station *s)
{
    s->during = NULL;
    s->answer = NET_WAIT;
    vport_room(&s->p);                                  /* the other CPU is faster than our answer */
}

static void room_each_time(struct station *s) { vport_room(&s->p); }
static void room_then_yes(struct station *s)
{
    room_now(s);
    s->during = NULL;
}

static void goes_down(struct station *s)
{
    s->during = NULL;
    vport_link(&s->p, false);
}

/* Room comes between deliver()'s answer and our hearing of it: nobody may sleep through it. */
static void test_room_meanwhile(void **unused)
{
    four();
    st[1].during = room_then_yes;
    assert_int_equal(send_to(0, mac(1)), NET_WAIT);     /* asked again, and then it was full */
    assert_int_equal(st[1].asked, 1 + 2);
    room(1);
    assert_int_equal(st[0].resumed, 1);
    st[1].answer = NET_WAIT;
    st[1].during = room_each_time;                      /* for ever: no endless loop */
    unsigned asked = st[1].asked;
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    assert_int_equal(st[1].asked - asked, 4);
    st[1].during = goes_down;
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    assert_false(st[1].p.full);
}

/* All 511 others wait for one. */
static void test_crowd(void **unused)
{
    start(1500, 0);
    while (stations < MAX)
        join(one);
    st[7].answer = NET_WAIT;
    for (unsigned i = 0; i < MAX; i++)
        if (i != 7)
            assert_int_equal(send_to(i, mac(7)), NET_WAIT);
    for (unsigned i = 0; i < MAX; i += 3)               /* some leave, from anywhere in the list */
        vport_link(&st[i].p, false);
    room(7);
    for (unsigned i = 0; i < MAX; i++)
        assert_int_equal(st[i].resumed, i % 3 != 0 && i != 7);
    assert_null(st[7].p.waiting);
    assert_null(st[7].p.waiting_last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_and_room), cmocka_unit_test(test_stall_ends),
        cmocka_unit_test(test_slow_receiver_earns_little), cmocka_unit_test(test_busy_receiver_is_waited_for),
        cmocka_unit_test(test_not_enough_room), cmocka_unit_test(test_floods_do_not_wait),
        cmocka_unit_test(test_uplink_does_not_wait), cmocka_unit_test(test_waits_for_one),
        cmocka_unit_test(test_links), cmocka_unit_test(test_room_meanwhile), cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests_name("vswitch_stall", tests, NULL, NULL);
}
