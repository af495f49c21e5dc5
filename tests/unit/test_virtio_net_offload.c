/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device: checksum and segmentation left to do, from senders and to receivers that do or do not. */
#include "virtio_net_fixture.h"

static uint8_t frame[70000], got[70000];
static struct net_hdr hdr;

static int setup(void **unused)
{
    sw = calloc(1, sizeof(*sw));
    for (unsigned i = 0; i < GUESTS; i++) {
        const struct virtio_net_config c = net_config(i);
        add_guest(i, &c);
    }
    return 0;
}

static int teardown(void **unused)
{
    drop_guests();
    free(sw);
    return 0;
}

static void two(uint64_t features, unsigned n, uint32_t len)
{
    start(&guest[0], NET_ALL, 0);
    start(&guest[1], features, 0);
    post(&guest[1], n, len);
}

static enum net_sent send_tcp(uint32_t payload, uint16_t gso_size)
{
    struct net_hdr h = tcp4_hdr(gso_size);
    uint32_t len = make_tcp4(frame, mac_of[1], mac_of[0], payload);
    send_as(&guest[0], &h, frame, len, 4096);
    return sw->last;
}

/* What was left to do arrives as it was sent, header and all. */
static void test_passed_on(void **unused)
{
    two(NET_ALL, 20, 4096);
    assert_int_equal(send_tcp(1000, 0), NET_SENT);
    assert_int_equal(receive(&guest[1], &hdr, got), 1054);
    assert_memory_equal(got, frame, 1054);
    assert_memory_equal(&hdr, (&(struct net_hdr){ NET_NEEDS_CSUM, 0, 0, 0, 34, 16, 1 }), sizeof(hdr));

    assert_int_equal(send_tcp(60000, 1460), NET_SENT);
    assert_int_equal(receive(&guest[1], &hdr, got), 60054);
    assert_memory_equal(got, frame, 60054);
    assert_memory_equal(&hdr, (&(struct net_hdr){ NET_NEEDS_CSUM, NET_GSO_TCPV4, 54, 1460, 34, 16, 15 }), sizeof(hdr));
}

/* The longest there is, into one chain of a driver that does not merge, and into one too small. */
static void test_big_packets(void **unused)
{
    two(NET_ALL & ~VIRTIO_NET_F_MRG_RXBUF, 0, 0);
    post(&guest[1], 1, 65562);
    assert_int_equal(send_tcp(65535 - 40, 1460), NET_SENT);
    assert_int_equal(receive(&guest[1], &hdr, got), 65549);
    assert_memory_equal(got, frame, 65549);
    post(&guest[1], 1, 65560);
    assert_int_equal(send_tcp(65535 - 40, 1460), NET_DROPPED);
    assert_int_equal(guest[1].d->rx.small, 1);
}

static void expect_segments(uint32_t payload, uint32_t mss)
{
    for (uint32_t done = 0; done < payload;) {
        int len = receive(&guest[1], &hdr, got);
        uint32_t part = payload - done < mss ? payload - done : mss;
        assert_int_equal(len, 54 + part);
        assert_memory_equal(&hdr, (&(struct net_hdr){ .buffers = 1 }), sizeof(hdr));
        assert_true(tcp4_good(got, (uint32_t)len));
        assert_memory_equal(got + 54, frame + 54 + done, part);
        assert_int_equal(got[38] << 24 | got[39] << 16 | got[40] << 8 | got[41], 1 + done);
        done += part;
    }
}

/* A receiver with neither: finished here. One with checksums only: segmented. */
static void test_finished(void **unused)
{
    static const uint64_t without[] = { GUEST_TSO, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 };
    for (unsigned i = 0; i < ARRAY_LEN(without); i++) {
        two(NET_ALL & ~without[i] & ~VIRTIO_NET_F_GUEST_ECN, 40, 2000);
        assert_int_equal(send_tcp(1000, 0), NET_SENT);
        int len = receive(&guest[1], &hdr, got);
        assert_int_equal(len, 1054);
        assert_int_equal(hdr.flags, i ? NET_NEEDS_CSUM : 0);
        assert_int_equal(tcp4_good(got, 1054), !i);
        assert_int_equal(send_tcp(20000, 1460), NET_SENT);
        expect_segments(20000, 1460);
        assert_int_equal(sent_back(&guest[0]), 2);
    }
}

/* All segments or none, while they may fit. */
static void test_finished_waits_as_a_whole(void **unused)
{
    two(NET_PLAIN, 9, 2000);
    assert_int_equal(send_tcp(14600, 1460), NET_WAIT);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    assert_int_equal(sent_back(&guest[0]), 0);
    post(&guest[1], 1, 2000);
    settle();
    expect_segments(14600, 1460);
    assert_int_equal(sent_back(&guest[0]), 1);
}

/* More segments than half of the queue: what fits, so that nobody waits for ever. */
static void test_finished_in_part(void **unused)
{
    start(&guest[0], NET_ALL, 0);
    start(&guest[1], NET_PLAIN, 16);
    post(&guest[1], 16, 2000);
    assert_int_equal(send_tcp(29200, 1460), NET_SENT);
    expect_segments(16 * 1460, 1460);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    assert_int_equal(guest[1].d->v.q[RXQ].next_avail, 16);
}

/* The same where segments take two buffers each, and the last finds only one: that one stays. */
static void test_finished_in_part_merged(void **unused)
{
    start(&guest[0], NET_ALL, 0);
    start(&guest[1], NET_PLAIN | VIRTIO_NET_F_MRG_RXBUF, 16);
    post(&guest[1], 15, 1000);
    assert_int_equal(send_tcp(29200, 1460), NET_SENT);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(receive(&guest[1], &hdr, got), 1514);
    assert_int_equal(guest[1].d->v.q[RXQ].next_avail, 14);
}

/* ECN needs an agreement of its own (5.1.6.4.1). */
static void test_ecn(void **unused)
{
    for (unsigned i = 0; i < 2; i++) {
        two(NET_ALL & ~(i ? VIRTIO_NET_F_GUEST_ECN : 0), 20, 2000);
        struct net_hdr h = tcp4_hdr(1460);
        h.gso |= NET_GSO_ECN;
        send_as(&guest[0], &h, frame, make_tcp4(frame, mac_of[1], mac_of[0], 2920), 0);
        if (i) {
            expect_segments(2920, 1460);
        } else {
            assert_int_equal(receive(&guest[1], &hdr, got), 2974);
            assert_int_equal(hdr.gso, NET_GSO_TCPV4 | NET_GSO_ECN);
        }
    }
}

/* 5.1.6.2.1: a sender may not ask for what it did not agree on. */
static void test_not_agreed_on(void **unused)
{
    static const uint64_t without[] = {
        VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN,
        VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_ECN,
    };
    start(&guest[1], NET_ALL, 0);
    post(&guest[1], 40, 2000);
    for (unsigned i = 0; i < 2; i++) {
        start(&guest[0], NET_ALL & ~without[i], 0);
        uint64_t malformed = guest[0].d->tx.malformed;
        unsigned sent = sw->sent;
        send_tcp(20000, 1460);
        assert_int_equal(guest[0].d->tx.malformed, malformed + 1);
        assert_int_equal(sw->sent, sent);
        assert_int_equal(send_tcp(1000, 0) == NET_SENT && sw->sent == sent + 1, i == 1);
        assert_false(needs_reset(&guest[0]));
    }
    start(&guest[0], NET_ALL & ~VIRTIO_NET_F_HOST_ECN, 0);
    struct net_hdr h = tcp4_hdr(1460);
    h.gso |= NET_GSO_ECN;
    uint64_t malformed = guest[0].d->tx.malformed;
    send_as(&guest[0], &h, frame, make_tcp4(frame, mac_of[1], mac_of[0], 2920), 0);
    assert_int_equal(guest[0].d->tx.malformed, malformed + 1);
}

/* 5.1.6.2.2: flags that a driver must not set are ignored, and reach nobody. */
static void test_unknown_flags(void **unused)
{
    two(NET_ALL, 4, 2000);
    const struct net_hdr h = { .flags = 0xfe, .csum_start = 0xffff, .csum_offset = 0xffff };
    send_as(&guest[0], &h, frame, make_frame(frame, mac_of[1], mac_of[0], 100), 0);
    assert_int_equal(receive(&guest[1], &hdr, got), 100);
    assert_memory_equal(&hdr, (&(struct net_hdr){ .buffers = 1 }), sizeof(hdr));
}

/* DATA_VALID, from the world outside, only for drivers that agreed on checksums. */
static void test_data_valid(void **unused)
{
    for (unsigned i = 0; i < 2; i++) {
        two(i ? NET_ALL : NET_PLAIN, 2, 2000);
        struct net_frame f = { .len = 100, .head_len = 100, .off.flags = NET_DATA_VALID };
        memcpy(f.head, frame, make_frame(frame, mac_of[1], mac_of[0], 100));
        struct vport *p = &guest[1].d->port;
        assert_int_equal(p->ops->deliver(p, &f, false), NET_SENT);
        assert_int_equal(receive(&guest[1], &hdr, got), 100);
        assert_int_equal(hdr.flags, i ? NET_DATA_VALID : 0);
    }
}

/* A tag moves what is counted from the start of the frame; taken out or put in on the way. */
static void test_tags(void **unused)
{
    two(NET_ALL & ~VIRTIO_NET_F_CTRL_VLAN, 20, 700);
    static const uint8_t tag[4] = { 0x81, 0, 0x60, 5 };
    uint32_t len = make_tcp4(frame, mac_of[1], mac_of[0], 3000);
    memcpy(got, frame, len);
    memcpy(frame, got, 12), memcpy(frame + 12, tag, 4), memcpy(frame + 16, got + 12, len - 12);
    struct net_hdr h = tcp4_hdr(1460);
    h.csum_start += 4, h.hdr_len += 4;
    for (unsigned i = 0; i < 2; i++) {
        sw->untag = i;
        send_as(&guest[0], &h, frame, len + 4, 50);
        assert_int_equal(receive(&guest[1], &hdr, got), i ? len : len + 4);
        assert_int_equal(hdr.csum_start, i ? 34 : 38);
        assert_int_equal(hdr.hdr_len, i ? 54 : 58);
        assert_memory_equal(got, frame, 12);
        assert_memory_equal(got + 12, frame + (i ? 16 : 12), len - 12);
    }
    /* Finished segments carry it as well. */
    start(&guest[1], NET_PLAIN, 0);
    post(&guest[1], 10, 2000);
    sw->untag = false;
    send_as(&guest[0], &h, frame, len + 4, 50);
    for (unsigned i = 0; i < 3; i++) {
        int n = receive(&guest[1], &hdr, got);
        assert_int_equal(n, i < 2 ? 1518 : 54 + 4 + 80);
        assert_memory_equal(got + 12, tag, 4);
        memmove(got + 12, got + 16, (size_t)n - 16);
        assert_true(tcp4_good(got, (uint32_t)n - 4));
    }
}

/* One frame to several, of which each takes it in its own way; none of them holds it up. */
static void test_broadcast(void **unused)
{
    static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    two(NET_ALL, 5, 4096);
    start(&guest[2], NET_PLAIN, 0);
    post(&guest[2], 5, 2000);
    struct net_hdr h = tcp4_hdr(1460);
    uint32_t len = make_tcp4(frame, all, mac_of[0], 2000);
    send_as(&guest[0], &h, frame, len, 700);
    assert_int_equal(receive(&guest[1], &hdr, got), len);
    assert_memory_equal(got, frame, len);
    assert_int_equal(receive(&guest[2], &hdr, got), 1514);
    assert_memory_equal(got + 54, frame + 54, 1460);
    assert_int_equal(receive(&guest[2], &hdr, got), 54 + 540);
    assert_memory_equal(got + 54, frame + 54 + 1460, 540);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_big_packets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finished, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finished_waits_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finished_in_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_finished_in_part_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ecn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_agreed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_data_valid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broadcast, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
