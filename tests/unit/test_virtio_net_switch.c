/* SPDX-License-Identifier: BSD-2-Clause */
/* Network devices on the real switch: who hears whom, who waits for whom, what is counted. */
#define REAL_SWITCH
#include "virtio_net_fixture.h"

static uint8_t frame[70000], got[70000];
static struct net_hdr hdr;
static void *mem;

static void make_switch(void)
{
    mem = calloc(1, vswitch_size());
    sw = vswitch_init(mem, "lan", MTU, 0);
}

static int setup(void **unused)
{
    make_switch();
    for (unsigned i = 0; i < GUESTS; i++) {
        const struct virtio_net_config c = net_config(i);
        start(add_guest(i, &c), NET_ALL, 0);
        post(&guest[i], 10, 4096);
    }
    return 0;
}

static int teardown(void **unused)
{
    drop_guests();
    free(mem);
    return 0;
}

static struct vport_count count(unsigned i) { return vport_counters(&guest[i].d->port); }

static void send_to(unsigned from, unsigned to, uint32_t len)
{
    send_plain(&guest[from], frame, make_frame(frame, mac_of[to], mac_of[from], len));
    settle();
}

static void expect(unsigned i, uint32_t len)
{
    assert_int_equal(receive(&guest[i], &hdr, got), len);
    assert_memory_equal(got, frame, len);
}

static void test_pairs(void **unused)
{
    for (unsigned from = 0; from < GUESTS; from++)
        for (unsigned to = 0; to < GUESTS; to++) {
            send_to(from, to, 500);
            for (unsigned i = 0; i < GUESTS; i++)
                if (i == to && from != to)
                    expect(i, 500);
                else
                    assert_int_equal(receive(&guest[i], &hdr, got), -1);
        }
    assert_int_equal(count(0).rx, 2);
    assert_int_equal(count(0).tx_bytes, 1000);
}

static void test_broadcast(void **unused)
{
    static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    send_plain(&guest[1], frame, make_frame(frame, all, mac_of[1], 60));
    expect(0, 60);
    expect(2, 60);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
}

static void test_segments(void **unused)
{
    struct net_hdr h = tcp4_hdr(1446);
    uint32_t len = make_tcp4(frame, mac_of[1], mac_of[0], 30000);
    send_as(&guest[0], &h, frame, len, 4000);
    expect(1, len);
    h = tcp4_hdr(1461);                     /* segments longer than the MTU */
    send_as(&guest[0], &h, frame, len, 4000);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    assert_int_equal(count(0).malformed, 1);
}

static void test_spoofed(void **unused)
{
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[2], 60));
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    assert_int_equal(count(0).spoofed, 1);
    assert_int_equal(sent_back(&guest[0]), 1);
}

static void test_same_address(void **unused)
{
    const struct virtio_net_config c = net_config(0);
    struct virtio_net *d = calloc(1, sizeof(*d));
    assert_int_equal(virtio_net_init(d, &c, &guest[0].f->env), HV_EXISTS);
    free(d);
}

/* The receiver's buffers are used up: the sender waits, goes on when there are more, in order. */
static void test_wait(void **unused)
{
    for (unsigned i = 0; i < 15; i++) {
        make_frame(frame, mac_of[1], mac_of[0], 500);
        frame[499] = (uint8_t)i;
        send_plain(&guest[0], frame, 500);
    }
    settle();
    assert_int_equal(sent_back(&guest[0]), 10);
    post(&guest[1], 5, 4096);
    settle();
    assert_int_equal(sent_back(&guest[0]), 5);
    for (unsigned i = 0; i < 15; i++) {
        assert_int_equal(receive(&guest[1], &hdr, got), 500);
        assert_int_equal(got[499], i);
    }
    assert_int_equal(count(1).rx_full, 0);
}

/* It never has any: the frames are lost in the end, and others are served. */
static void test_wait_for_ever(void **unused)
{
    for (unsigned i = 0; i < 12; i++)
        send_to(0, 1, 500);
    assert_int_equal(sent_back(&guest[0]), 10);
    send_to(0, 2, 300);
    assert_int_equal(receive(&guest[2], &hdr, got), -1);        /* behind the one that waits */
    assert_true(vswitch_next(sw) <= PORT_STALL_NS);
    guest[0].f->now = 2 * PORT_STALL_NS;
    vswitch_tick(sw, 2 * PORT_STALL_NS);
    settle();
    assert_int_equal(sent_back(&guest[0]), 3);
    expect(2, 300);
    assert_int_equal(count(1).rx_full, 2);
    post(&guest[1], 1, 4096);
    send_to(0, 1, 200);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(receive(&guest[1], &hdr, got), 500);
    expect(1, 200);
}

/* A receiver that resets, breaks or loses its link takes nobody along. */
static void test_receiver_goes(void **unused)
{
    for (unsigned how = 0; how < 4; how++) {
        virtio_net_set_link(guest[1].d, true);
        start(&guest[1], NET_ALL, 0);
        send_to(0, 1, 500);
        assert_int_equal(sent_back(&guest[0]), 0);
        switch (how) {
        case 0:
            fake_driver_set(&guest[1].drv, FAKE_STATUS, 1, 0);
            break;
        case 1:
            virtio_net_set_link(guest[1].d, false);
            break;
        case 2:
            fake_driver_set(&guest[1].drv, FAKE_QUEUE_SELECT, 2, RXQ);
            fake_driver_set(&guest[1].drv, FAKE_QUEUE_RESET, 2, 1);
            break;
        case 3:
            fake_ring_offer(&guest[1].drv.ring[RXQ], 0xffff);
            fake_driver_notify(&guest[1].drv, RXQ);
            break;
        }
        settle();
        assert_int_equal(sent_back(&guest[0]), 1);
        send_to(0, 2, 100);
        expect(2, 100);
        assert_int_equal(sent_back(&guest[0]), 1);
    }
    assert_true(needs_reset(&guest[1]));
}

/* Access ports of one VLAN and a trunk: tags come and go, and the trunk's driver asks for its own. */
static void test_vlans(void **unused)
{
    teardown(NULL);
    make_switch();
    for (unsigned i = 0; i < GUESTS; i++) {
        struct virtio_net_config c = net_config(i);
        c.port.vlan = i == 2 ? 0 : 7;
        c.port.trunk = i == 2;
        c.port.trunk_vlan[0] = i == 2 ? BIT64(7) | BIT64(8) : 0;
        start(add_guest(i, &c), NET_ALL & ~(i == 2 ? VIRTIO_NET_F_CTRL_VLAN : 0), 0);
        post(&guest[i], 10, 4096);
    }
    send_to(0, 1, 100);
    expect(1, 100);
    send_to(0, 2, 100);
    static const uint8_t tag7[4] = { 0x81, 0, 0, 7 };
    assert_int_equal(receive(&guest[2], &hdr, got), 104);
    assert_memory_equal(got + 12, tag7, 4);
    assert_memory_equal(got + 16, frame + 12, 88);
    /* Back with the tag; and with one of a VLAN where nobody is, or that is not its own. */
    for (uint8_t vid = 7; vid < 10; vid++) {
        make_frame(frame, mac_of[0], mac_of[2], 104);
        memcpy(frame + 12, tag7, 4);
        frame[15] = vid;
        send_plain(&guest[2], frame, 104);
        bool arrived = receive(&guest[0], &hdr, got) == 100;
        assert_int_equal(arrived, vid == 7);
        if (arrived)
            assert_memory_equal(got + 12, frame + 16, 88);
    }
    assert_int_equal(count(2).vlan, 1);
    /* Hopping: an access port may not bring a tag along. */
    make_frame(frame, mac_of[1], mac_of[0], 104);
    memcpy(frame + 12, tag7, 4);
    send_plain(&guest[0], frame, 104);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    assert_int_equal(count(0).vlan, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pairs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broadcast, setup, teardown),
        cmocka_unit_test_setup_teardown(test_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spoofed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receiver_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vlans, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
