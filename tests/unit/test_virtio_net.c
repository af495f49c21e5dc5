/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device: features, frames between guests, buffers, offloads, waiting, rates, reset, state. */
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

/* Guests 0 and 1 ready, 1 with n buffers of `len`. */
static void two(uint64_t features, unsigned n, uint32_t len)
{
    start(&guest[0], NET_ALL, 0);
    start(&guest[1], features, 0);
    post(&guest[1], n, len);
}

static void expect(struct guest *g, uint32_t len)
{
    assert_int_equal(receive(g, &hdr, got), len);
    assert_memory_equal(got, frame, len);
}

/* ---- features and configuration ------------------------------------------------- */

static void test_features(void **unused)
{
    struct fake_driver *drv = &guest[0].drv;
    const uint64_t base = VIRTIO_F_VERSION_1;
    static const struct { uint64_t alone, with; } rule[] = {
        { VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM },
        { VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
        { VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 },
        { VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6 },
        { VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM },
        { VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
        { VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 },
        { VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO6 },
        { VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ },
        { VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ },
        { VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ },
        { VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ },
    };
    const uint64_t all = fake_driver_offered(drv);
    for (unsigned i = 0; i < ARRAY_LEN(rule); i++) {
        assert_true((all & (rule[i].alone | rule[i].with)) == (rule[i].alone | rule[i].with));
        assert_false(fake_driver_negotiate(drv, base | rule[i].alone));
        assert_true(fake_driver_negotiate(drv, base | rule[i].alone | rule[i].with));
    }
    assert_false(fake_driver_negotiate(drv, base | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_GUEST_CSUM));
    assert_false(fake_driver_negotiate(drv, base | VIRTIO_NET_F_HOST_ECN | VIRTIO_NET_F_CSUM));
    assert_true(fake_driver_negotiate(drv, all));
    assert_true(fake_driver_negotiate(drv, base));
}

static void test_config(void **unused)
{
    struct guest *g = &guest[1];
    start(g, NET_ALL, 0);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(fake_driver_config(&g->drv, i, 1), mac_of[1][i]);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), VIRTIO_NET_S_LINK_UP);
    assert_int_equal(fake_driver_config(&g->drv, 8, 2), 1);
    assert_int_equal(fake_driver_config(&g->drv, 10, 2), MTU);
    assert_int_equal(fake_driver_config(&g->drv, 12, 4), 10000);
    assert_int_equal(fake_driver_config(&g->drv, 16, 1), 1);
    fake_driver_config_set(&g->drv, 0, 1, 0);
    assert_int_equal(fake_driver_config(&g->drv, 0, 1), mac_of[1][0]);
    assert_int_equal(fake_driver_get(&g->drv, FAKE_NUM_QUEUES, 2), 3);
}

/* ---- plain frames --------------------------------------------------------------- */

/* Each length around what is copied at once, in one piece and in scattered ones. */
static void test_frames(void **unused)
{
    static const uint32_t length[] = { 14, 15, 60, 191, 192, 193, 195, 196, 197, 208, 1000, 1514 };
    static const uint32_t piece[] = { 0, 12, 13, 100 };
    two(NET_ALL, 200, 1600);
    start(&guest[2], NET_ALL, 0);
    for (unsigned i = 0; i < ARRAY_LEN(length); i++)
        for (unsigned j = 0; j < ARRAY_LEN(piece); j++) {
            make_frame(frame, mac_of[1], mac_of[0], length[i]);
            send_as(&guest[0], &(struct net_hdr){ 0 }, frame, length[i], piece[j]);
            expect(&guest[1], length[i]);
            assert_memory_equal(&hdr, (&(struct net_hdr){ .buffers = 1 }), sizeof(hdr));
            assert_int_equal(sent_back(&guest[0]), 1);
        }
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
    assert_int_equal(receive(&guest[2], &hdr, got), -1);
}

static void test_interrupts(void **unused)
{
    two(NET_PLAIN, 4, 1600);
    fake_driver_isr(&guest[0].drv), fake_driver_isr(&guest[1].drv);
    make_frame(frame, mac_of[1], mac_of[0], 60);
    send_plain(&guest[0], frame, 60);
    assert_int_equal(fake_driver_isr(&guest[1].drv), 1);
    fake_ring_avail_flags(&guest[1].drv.ring[RXQ], 1);
    send_plain(&guest[0], frame, 60);
    assert_int_equal(fake_driver_isr(&guest[1].drv), 0);
}

/* Frames offered without a notification go with the next one, each in its turn. */
static void test_batch_and_budget(void **unused)
{
    two(NET_ALL, 100, 100);
    for (unsigned i = 0; i < 100; i++) {
        make_frame(frame, mac_of[1], mac_of[0], 60);
        frame[59] = (uint8_t)i;
        queue(&guest[0], &(struct net_hdr){ 0 }, frame, 60, 0);
    }
    fake_driver_notify(&guest[0].drv, TXQ);
    assert_int_equal(sent_back(&guest[0]), 32);
    assert_true(fake_env_work(guest[0].f));
    assert_int_equal(sent_back(&guest[0]), 32);
    settle();
    assert_int_equal(sent_back(&guest[0]), 36);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(receive(&guest[1], &hdr, got), 60);
        assert_int_equal(got[59], i);
    }
}

static void test_notifications_are_asked_for_when_idle(void **unused)
{
    struct guest *g = &guest[0];
    two(VIRTIO_NET_F_MAC, 10, 100);
    assert_int_equal(fake_ring_used_flags(&guest[1].drv.ring[RXQ]), 1);
    assert_int_equal(fake_ring_used_flags(&g->drv.ring[TXQ]), 0);
    start(g, VIRTIO_NET_F_MAC, 0);
    sw->hold = true;
    send_plain(g, frame, make_frame(frame, mac_of[1], mac_of[0], 60));
    assert_int_equal(fake_ring_used_flags(&g->drv.ring[TXQ]), 1);
    sw->hold = false;
    vport_room(&guest[1].d->port);
    settle();
    assert_int_equal(fake_ring_used_flags(&g->drv.ring[TXQ]), 0);
    assert_int_equal(sent_back(g), 1);
}

static void test_clock_of_the_switch(void **unused)
{
    two(NET_ALL, 1, 100);
    guest[0].f->now = 12345;
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[0], 60));
    assert_int_equal(sw->now, 12345);
}

/* ---- receive buffers ------------------------------------------------------------ */

static void test_merged_buffers(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 20, 400);
    make_frame(frame, mac_of[1], mac_of[0], 1514);
    send_plain(&guest[0], frame, 1514);
    assert_int_equal(g->drv.ring[RXQ].used_idx, 0);
    assert_int_equal(fake_get(g->f, g->drv.ring[RXQ].used + 2, 2), 4);
    expect(g, 1514);
    assert_int_equal(hdr.buffers, 4);
    /* A frame and header that fill their buffers to the last byte, and one byte more. */
    make_frame(frame, mac_of[1], mac_of[0], 789);
    send_plain(&guest[0], frame, 788);
    expect(g, 788);
    assert_int_equal(hdr.buffers, 2);
    send_plain(&guest[0], frame, 789);
    expect(g, 789);
    assert_int_equal(hdr.buffers, 3);
}

/* A buffer may be made of several descriptors, and the header lie across them. */
static void test_scattered_buffers(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 0, 0);
    uint64_t at = fake_driver_alloc(&g->drv, 4096);
    const struct fake_buf b[] = { { at, 5 }, { at + 5, 300 }, { at + 1000, 1 }, { at + 1001, 2000 } };
    g->at[fake_ring_add(&g->drv.ring[RXQ], b, 0, 4)] = at;
    fake_driver_notify(&g->drv, RXQ);
    make_frame(frame, mac_of[1], mac_of[0], 1514);
    send_plain(&guest[0], frame, 1514);
    uint16_t head;
    uint32_t len;
    assert_true(fake_ring_used(&g->drv.ring[RXQ], &head, &len));
    assert_int_equal(len, 12 + 1514);
    assert_memory_equal(g->f->ram + at + 12, frame, 293);
    assert_memory_equal(g->f->ram + at + 1000, frame + 293, 1514 - 293);
}

/* Nothing beyond what is told to be written is written. */
static void test_rest_of_buffer_stays(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 0, 0);
    uint64_t at = fake_driver_alloc(&g->drv, 200);
    memset(g->f->ram + at, 0xee, 200);
    const struct fake_buf b = { at, 150 };
    fake_ring_add(&g->drv.ring[RXQ], &b, 0, 1);
    fake_driver_notify(&g->drv, RXQ);
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[0], 60));
    assert_memory_equal(g->f->ram + at + 12, frame, 60);
    for (unsigned i = 72; i < 200; i++)
        assert_int_equal(g->f->ram[at + i], 0xee);
}

static void test_small_buffer_without_merging(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL & ~VIRTIO_NET_F_MRG_RXBUF, 2, 100);
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[0], 89));
    assert_int_equal(sw->last, NET_DROPPED);
    assert_int_equal(receive(g, &hdr, got), -1);
    assert_int_equal(g->d->rx.small, 1);
    assert_false(needs_reset(g));
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[0], 88));
    expect(g, 88);
    assert_int_equal(hdr.buffers, 1);
    assert_int_equal(sent_back(&guest[0]), 2);
}

/* Buffers so small that a frame would take more than a chain may have: dropped, bounded. */
static void test_absurd_buffers(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 0, 0);
    uint64_t at = fake_driver_alloc(&g->drv, 65536);
    for (unsigned i = 0; i < 16; i++) {
        struct fake_buf b[20];
        uint64_t table = fake_driver_alloc(&g->drv, 20 * 16);
        for (unsigned j = 0; j < 20; j++)
            b[j] = (struct fake_buf){ at + 4096 * i + 2 * j, 1 };
        fake_ring_add_indirect(&g->drv.ring[RXQ], table, b, 0, 20);
    }
    fake_driver_notify(&g->drv, RXQ);
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[0], 1514));
    assert_int_equal(sw->last, NET_DROPPED);
    assert_int_equal(g->d->rx.small, 1);
    send_plain(&guest[0], frame, make_frame(frame, mac_of[1], mac_of[0], 200));
    assert_int_equal(sw->last, NET_SENT);
}

/* ---- waiting -------------------------------------------------------------------- */

static void test_wait_for_buffers(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 1, 1600);
    make_frame(frame, mac_of[1], mac_of[0], 1000);
    for (unsigned i = 0; i < 3; i++)
        send_plain(&guest[0], frame, 1000);
    assert_int_equal(sent_back(&guest[0]), 1);
    expect(g, 1000);
    unsigned rooms = sw->rooms;
    assert_false(fake_env_work(guest[0].f));        /* nothing to do until there is room */
    post(g, 1, 1600);
    assert_int_equal(sw->rooms, rooms + 1);
    assert_int_equal(sent_back(&guest[0]), 0);      /* resume() only notes it */
    settle();
    assert_int_equal(sent_back(&guest[0]), 1);
    expect(g, 1000);
    post(g, 2, 1600);
    settle();
    expect(g, 1000);
    rooms = sw->rooms;
    post(g, 1, 1600);
    assert_int_equal(sw->rooms, rooms);             /* nobody waits */
}

/* The driver is asked for a notification, by flag and by event, and only then. */
static void test_asks_for_buffers(void **unused)
{
    for (unsigned event = 0; event < 2; event++) {
        struct guest *g = &guest[1];
        two(NET_PLAIN | (event ? VIRTIO_F_EVENT_IDX : 0), 1, 1600);
        make_frame(frame, mac_of[1], mac_of[0], 60);
        send_plain(&guest[0], frame, 60);
        assert_int_equal(fake_ring_used_flags(&g->drv.ring[RXQ]), !event);
        send_plain(&guest[0], frame, 60);
        assert_int_equal(sw->last, NET_WAIT);
        if (event)
            assert_int_equal(fake_ring_avail_event(&g->drv.ring[RXQ]), 1);
        assert_int_equal(fake_ring_used_flags(&g->drv.ring[RXQ]), 0);
        post(g, 1, 1600);
        assert_int_equal(fake_ring_used_flags(&g->drv.ring[RXQ]), !event);
    }
}

/* A frame that needs three buffers finds two: they stay as they are, unused. */
static void test_no_half_frames(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 2, 500);
    memset(g->f->ram + g->at[0], 0xee, 500);
    make_frame(frame, mac_of[1], mac_of[0], 1400);
    send_plain(&guest[0], frame, 1400);
    assert_int_equal(sw->last, NET_WAIT);
    assert_int_equal(receive(g, &hdr, got), -1);
    assert_int_equal(g->f->ram[g->at[0]], 0xee);
    post(g, 1, 500);
    settle();
    expect(g, 1400);
    assert_int_equal(hdr.buffers, 3);
}

/* ---- reset and link ------------------------------------------------------------- */

static void test_reset(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 3, 1600);
    make_frame(frame, mac_of[1], mac_of[0], 60);
    assert_true(g->d->port.up);
    fake_driver_set(&g->drv, FAKE_STATUS, 1, 0);
    assert_false(g->d->port.up);
    g->d->port.up = true;                           /* as if the frame had been under way */
    memset(g->f->ram + g->at[0], 0xee, 100);
    send_plain(&guest[0], frame, 60);
    assert_int_equal(sw->last, NET_DROPPED);
    assert_int_equal(g->f->ram[g->at[0]], 0xee);
    start(g, NET_ALL, 0);
    post(g, 1, 100);
    send_plain(&guest[0], frame, 60);
    expect(g, 60);
}

/* The sender's reset with a frame that waits: it is gone, and its memory no longer read. */
static void test_reset_while_waiting(void **unused)
{
    two(NET_ALL, 0, 0);
    make_frame(frame, mac_of[1], mac_of[0], 60);
    send_plain(&guest[0], frame, 60);
    assert_int_equal(sw->last, NET_WAIT);
    fake_driver_set(&guest[0].drv, FAKE_STATUS, 1, 0);
    unsigned sent = sw->sent;
    post(&guest[1], 1, 1600);
    settle();
    assert_int_equal(sw->sent, sent);
    assert_int_equal(receive(&guest[1], &hdr, got), -1);
}

static void test_queue_reset(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 0, 0);
    make_frame(frame, mac_of[1], mac_of[0], 60);
    send_plain(&guest[0], frame, 60);
    fake_driver_set(&g->drv, FAKE_QUEUE_SELECT, 2, RXQ);
    fake_driver_set(&g->drv, FAKE_QUEUE_RESET, 2, 1);
    settle();
    assert_int_equal(sw->last, NET_DROPPED);
    assert_int_equal(sent_back(&guest[0]), 1);
    fake_driver_queue(&g->drv, RXQ, 0);
    post(g, 1, 100);
    send_plain(&guest[0], frame, 60);
    expect(g, 60);
}

static void test_link(void **unused)
{
    struct guest *g = &guest[1];
    two(NET_ALL, 5, 1600);
    make_frame(frame, mac_of[1], mac_of[0], 60);
    fake_driver_isr(&g->drv);
    unsigned generation = (unsigned)fake_driver_get(&g->drv, FAKE_GENERATION, 1);
    virtio_net_set_link(g->d, false);
    assert_int_equal(fake_driver_isr(&g->drv), 2);
    assert_int_not_equal(fake_driver_get(&g->drv, FAKE_GENERATION, 1), generation);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), 0);
    assert_false(g->d->port.up);
    g->d->port.up = true;
    send_plain(&guest[0], frame, 60);
    assert_int_equal(receive(g, &hdr, got), -1);
    virtio_net_set_link(g->d, true);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    assert_int_equal(fake_driver_isr(&g->drv), 2);
    virtio_net_set_link(g->d, true);
    assert_int_equal(fake_driver_isr(&g->drv), 0);
    send_plain(&guest[0], frame, 60);
    expect(g, 60);
    /* The cable stays out over a reset; the wish for an announcement does not. */
    virtio_net_set_link(g->d, false);
    start(g, NET_ALL, 0);
    assert_false(g->d->port.up);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), 0);
    virtio_net_set_link(g->d, true);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    start(g, NET_ALL & ~VIRTIO_NET_F_GUEST_ANNOUNCE, 0);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), VIRTIO_NET_S_LINK_UP);
    virtio_net_set_link(g->d, false);
    virtio_net_set_link(g->d, true);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), VIRTIO_NET_S_LINK_UP);
    assert_true(g->d->port.up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_features, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batch_and_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notifications_are_asked_for_when_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock_of_the_switch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merged_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scattered_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rest_of_buffer_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_buffer_without_merging, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absurd_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait_for_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asks_for_buffers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_half_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset_while_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_link, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
