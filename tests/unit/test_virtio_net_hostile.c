/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device against drivers that mean harm: only they come to it. And rate limits. */
#include "virtio_net_fixture.h"

static uint8_t frame[70000], got[70000];
static struct net_hdr hdr;

static int setup(void **unused)
{
    sw = calloc(1, sizeof(*sw));
    for (unsigned i = 0; i < GUESTS; i++) {
        struct virtio_net_config c = net_config(i);
        c.rate = i == 2 ? 100000 : 0;
        c.rate_in = i == 2 ? 1000000 : 0;
        add_guest(i, &c);
        start(&guest[i], NET_ALL, 0);
    }
    post(&guest[1], 60, 4096);
    return 0;
}

static int teardown(void **unused)
{
    drop_guests();
    free(sw);
    return 0;
}

/* The victim, guest 1, still receives from a good sender, guest 2. */
static void others_are_fine(void)
{
    make_frame(frame, mac_of[1], mac_of[2], 100);
    send_plain(&guest[2], frame, 100);
    settle();
    assert_int_equal(receive(&guest[1], &hdr, got), 100);
    assert_memory_equal(got, frame, 100);
}

static void offer(struct guest *g, unsigned q, const struct fake_buf *b, unsigned out, unsigned in)
{
    fake_ring_add(&g->drv.ring[q], b, out, in);
    fake_driver_notify(&g->drv, (uint16_t)q);
    settle();
}

/* ---- E11: frames ---------------------------------------------------------------- */

static void test_lengths(void **unused)
{
    static const uint32_t wrong[] = { 0, 1, 13, 65554, 65600, 70000 - 64 };
    struct guest *g = &guest[0];
    make_frame(frame, mac_of[1], mac_of[0], 65600);
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        send_plain(g, frame, wrong[i]);
        assert_int_equal(g->d->tx.malformed, i + 1);
        assert_int_equal(sent_back(g), 1);
    }
    send_plain(g, frame, 65536);            /* without segmentation nobody sends such */
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    assert_false(needs_reset(g));
    others_are_fine();
}

static void test_huge_lengths(void **unused)
{
    struct guest *g = &guest[0];
    const struct fake_buf b[] = { { 0, 0xffffffff }, { 64, 0x10000 } };
    offer(g, TXQ, b, 1, 0);
    assert_int_equal(sw->sent, 0);
    others_are_fine();
}

/* Each offload field with each bad value: dropped, or passed on within the frame. */
static void test_bad_offloads(void **unused)
{
    static const uint16_t value[] = { 0, 1, 13, 33, 35, 54, 55, 1049, 1050, 1053, 1054, 0x7fff, 0xfff0, 0xffff };
    struct guest *g = &guest[0];
    uint32_t len = make_tcp4(frame, mac_of[1], mac_of[0], 1000);
    uint64_t free_ram = g->drv.free;
    for (unsigned field = 0; field < 5; field++)
        for (unsigned i = 0; i < ARRAY_LEN(value); i++)
            for (unsigned gso = 0; gso < 2; gso++) {
                struct net_hdr h = tcp4_hdr(gso ? 500 : 0);
                uint16_t *place[] = { &h.hdr_len, &h.gso_size, &h.csum_start, &h.csum_offset, &h.buffers };
                *place[field] = value[i];
                send_as(g, &h, frame, len, 0);
                assert_int_equal(sent_back(g), 1);
                while (receive(&guest[1], &hdr, got) >= 0)
                    if (hdr.flags & NET_NEEDS_CSUM)
                        assert_true(hdr.csum_start + hdr.csum_offset + 2u <= len && hdr.hdr_len <= len);
                post(&guest[1], 1, 2000);
                g->drv.free = free_ram;
            }
    for (unsigned type = 0; type < 256; type++) {
        struct net_hdr h = tcp4_hdr(500);
        h.gso = (uint8_t)type;
        send_as(g, &h, frame, len, 0);
        bool sent = receive(&guest[1], &hdr, got) >= 0;
        assert_int_equal(sent, type <= 1 || type == 0x81);
        g->drv.free = free_ram;
        if (sent)
            post(&guest[1], 1, 2000);
    }
    assert_false(needs_reset(g));
    assert_false(needs_reset(&guest[1]));
}

/* ---- E3 to E7: requests --------------------------------------------------------- */

static void expect_broken(struct guest *g)
{
    assert_true(needs_reset(g));
    assert_false(needs_reset(&guest[1]));
    others_are_fine();
    start(g, NET_ALL, 0);
}

static void test_transmit_requests(void **unused)
{
    struct guest *g = &guest[0];
    uint64_t at = fake_driver_alloc(&g->drv, 4096);
    memset(g->f->ram + at, 0, 4096);
    const struct fake_buf short_header = { at, 11 };
    offer(g, TXQ, &short_header, 1, 0);
    expect_broken(g);
    const struct fake_buf writable[] = { { at, 200 }, { at + 200, 200 } };
    offer(g, TXQ, writable, 1, 1);
    expect_broken(g);
    offer(g, TXQ, writable, 0, 1);
    expect_broken(g);
    const struct fake_buf header_outside = { FAKE_RAM - 6, 200 };
    offer(g, TXQ, &header_outside, 1, 0);
    expect_broken(g);
    const struct fake_buf wraps = { UINT64_MAX - 5, 200 };
    offer(g, TXQ, &wraps, 1, 0);
    expect_broken(g);
}

/* The head of the frame is there, its body is not: neither the receiver nor the queue suffers. */
static void test_body_outside(void **unused)
{
    struct guest *g = &guest[0];
    uint64_t at = fake_driver_alloc(&g->drv, 4096);
    memset(g->f->ram + at, 0, 12);
    memcpy(g->f->ram + at + 12, frame, make_frame(frame, mac_of[1], mac_of[0], 300));
    const struct fake_buf b[] = { { at, 312 }, { FAKE_RAM, 100 } };
    offer(g, TXQ, b, 2, 0);
    assert_int_equal(sw->last, NET_DROPPED);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    expect_broken(g);
    /* The same where the frame is finished for the receiver. */
    start(&guest[1], NET_PLAIN, 0);
    post(&guest[1], 20, 2000);
    at = fake_driver_alloc(&g->drv, 4096);
    const struct net_hdr h = tcp4_hdr(500);
    memcpy(g->f->ram + at, &h, 12);
    memcpy(g->f->ram + at + 12, frame, make_tcp4(frame, mac_of[1], mac_of[0], 2000));
    const struct fake_buf c[] = { { at, 12 + 1200 }, { FAKE_RAM, 854 } };
    offer(g, TXQ, c, 2, 0);
    assert_int_equal(sw->last, NET_DROPPED);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    expect_broken(g);
}

static void test_ring_lies(void **unused)
{
    struct guest *g = &guest[0];
    struct fake_ring *r = &g->drv.ring[TXQ];
    fake_ring_offer(r, 0xffff);                         /* no such descriptor */
    fake_driver_notify(&g->drv, TXQ);
    expect_broken(g);
    fake_put(g->f, r->avail + 2, 2, 0x8000);            /* an index from nowhere */
    fake_driver_notify(&g->drv, TXQ);
    expect_broken(g);
    fake_ring_desc(r, 0, 0x1000, 64, FAKE_NEXT, 0);     /* a loop */
    fake_ring_offer(r, 0);
    fake_driver_notify(&g->drv, TXQ);
    expect_broken(g);
    /* In the receive queue the sender finds it: its frame is lost, no more. */
    struct guest *bad = &guest[2];
    fake_ring_desc(&bad->drv.ring[RXQ], 0, 0x1000, 64, FAKE_NEXT | FAKE_WRITE, 0);
    fake_ring_offer(&bad->drv.ring[RXQ], 0);
    send_plain(g, frame, make_frame(frame, mac_of[2], mac_of[0], 60));
    assert_int_equal(sw->last, NET_DROPPED);
    assert_true(needs_reset(bad));
    assert_false(needs_reset(g));
    assert_int_equal(sent_back(g), 1);
}

static void test_receive_requests(void **unused)
{
    struct guest *g = &guest[2];
    uint64_t at = fake_driver_alloc(&g->drv, 4096);
    const struct { struct fake_buf b[2]; unsigned out, in; uint32_t len; } bad[] = {
        { { { at, 100 } }, 1, 0, 60 },                  /* readable */
        { { { at, 100 }, { at + 100, 1000 } }, 1, 1, 60 },
        { { { at, 11 } }, 0, 1, 60 },                   /* less than a header, 5.1.6.3.1 */
        { { { FAKE_RAM, 1000 } }, 0, 1, 60 },
        { { { FAKE_RAM - 12, 1000 } }, 0, 1, 60 },      /* the frame's place is outside */
        { { { at, 100 }, { FAKE_RAM - 100, 2000 } }, 0, 2, 500 },
        { { { UINT64_MAX - 11, 1000 } }, 0, 1, 60 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        offer(g, RXQ, bad[i].b, bad[i].out, bad[i].in);
        send_plain(&guest[0], frame, make_frame(frame, mac_of[2], mac_of[0], bad[i].len));
        assert_int_equal(sw->last, NET_DROPPED);
        assert_true(needs_reset(g));
        assert_int_equal(fake_get(g->f, g->drv.ring[RXQ].used + 2, 2), 0);
        assert_false(needs_reset(&guest[0]));
        assert_int_equal(sent_back(&guest[0]), 1);
        start(g, NET_ALL, 0);
    }
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[0], 60));
    assert_int_equal(receive(&guest[1], &hdr, got), 60);
}

/* The second of merged buffers is bad: the first stays unused. */
static void test_second_buffer_bad(void **unused)
{
    struct guest *g = &guest[2];
    uint64_t at = fake_driver_alloc(&g->drv, 4096);
    const struct fake_buf b[] = { { at, 100 }, { FAKE_RAM, 1000 } };
    fake_ring_add(&g->drv.ring[RXQ], &b[0], 0, 1);
    offer(g, RXQ, &b[1], 0, 1);
    send_plain(&guest[0], frame, make_frame(frame, mac_of[2], mac_of[0], 500));
    assert_true(needs_reset(g));
    assert_int_equal(fake_get(g->f, g->drv.ring[RXQ].used + 2, 2), 0);
}

/* ---- E8: what is read twice ----------------------------------------------------- */

/* The headers that were checked are sent, whatever the guest has made of them since. */
static void test_single_copy(void **unused)
{
    struct guest *g = &guest[0];
    make_frame(frame, mac_of[1], mac_of[0], 400);
    sw->hold = true;
    send_plain(g, frame, 400);
    struct net_frame f = g->d->tx.frame;                /* as it was on its way */
    sw->hold = false;
    memset(g->f->ram, 0xaa, FAKE_RAM);
    uint8_t all[400];
    assert_true(net_frame_copy(&f, false, 0, all, 192));
    assert_memory_equal(all, frame, 192);
}

/* ---- rates ---------------------------------------------------------------------- */

static void test_rate_out(void **unused)
{
    struct guest *g = &guest[2];                        /* 100,000 bytes a second, burst 2,000 */
    make_frame(frame, mac_of[1], mac_of[2], 1000);
    for (unsigned i = 0; i < 30; i++)
        queue(g, &(struct net_hdr){ 0 }, frame, 1000, 0);
    fake_driver_notify(&g->drv, TXQ);
    settle();
    assert_int_equal(sent_back(g), 2);
    fake_driver_notify(&g->drv, TXQ);                   /* asking again does not help */
    settle();
    assert_int_equal(sent_back(g), 0);
    for (unsigned i = 0; i < 10; i++) {
        fake_env_advance(g->f, 10000000);
        settle();
    }
    unsigned sent = sent_back(g);
    assert_in_range(sent, 9, 11);
    fake_env_advance(g->f, 1000000000);
    settle();
    for (unsigned i = 0; i < 100; i++) {
        fake_env_advance(g->f, 10000000);
        settle();
    }
    assert_int_equal(sent + sent_back(g) + 2, 30);
}

static void test_rate_in(void **unused)
{
    struct guest *g = &guest[2];                        /* 1,000,000 bytes a second, burst 20,000 */
    post(g, 60, 2000);
    make_frame(frame, mac_of[2], mac_of[0], 1000);
    for (unsigned i = 0; i < 60; i++)
        queue(&guest[0], &(struct net_hdr){ 0 }, frame, 1000, 0);
    fake_driver_notify(&guest[0].drv, TXQ);
    settle();
    assert_int_equal(sent_back(&guest[0]), 20);
    assert_int_equal(sw->last, NET_WAIT);
    unsigned total = 0;
    for (unsigned i = 0; i < 20; i++) {
        fake_env_advance(g->f, 1000000);
        settle();
        total += sent_back(&guest[0]);
    }
    assert_in_range(total, 19, 21);
    assert_false(g->d->rx.waiting);
}

/* A reset takes the alarms along. */
static void test_rate_reset(void **unused)
{
    struct guest *g = &guest[2];
    make_frame(frame, mac_of[1], mac_of[2], 1000);
    for (unsigned i = 0; i < 5; i++)
        queue(g, &(struct net_hdr){ 0 }, frame, 1000, 0);
    fake_driver_notify(&g->drv, TXQ);
    assert_true(alarm_queued(&g->d->tx.alarm));
    fake_driver_set(&g->drv, FAKE_STATUS, 1, 0);
    assert_false(alarm_queued(&g->d->tx.alarm));
    fake_env_advance(g->f, 1000000000);
    settle();
    assert_int_equal(sw->sent, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_huge_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_offloads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transmit_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ring_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_receive_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_buffer_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_single_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate_reset, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
