/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device's control queue: each command, what it changes, and the wrong ones; state. */
#include "virtio_net_fixture.h"

enum { OK, ERR, SPARE = 0x55 };

static uint8_t frame[2000], got[70000];
static struct net_hdr hdr;

static int setup(void **unused)
{
    sw = calloc(1, sizeof(*sw));
    for (unsigned i = 0; i < GUESTS; i++) {
        struct virtio_net_config c = net_config(i);
        c.port.any_mac = i == 2;
        add_guest(i, &c);
    }
    start(&guest[0], NET_ALL, 0);
    start(&guest[1], NET_ALL, 0);
    post(&guest[1], 250, 200);
    return 0;
}

static int teardown(void **unused)
{
    drop_guests();
    free(sw);
    return 0;
}

/* A command with its data in pieces of `piece` bytes: the ack. */
static uint8_t command_in(struct guest *g, unsigned what, const void *data, uint32_t n, uint32_t piece)
{
    struct fake_buf b[VIRTQ_SIZE_MAX];
    unsigned out = 0;
    uint16_t head;
    uint32_t len;
    uint64_t at = fake_driver_alloc(&g->drv, n + 3), end = at + 2 + n;
    const uint8_t first[2] = { (uint8_t)(what >> 8), (uint8_t)what };
    assert_int_equal(gmem_write(&g->f->mem, gpa(at), first, 2), HV_OK);
    assert_int_equal(gmem_write(&g->f->mem, gpa(at + 2), data, n), HV_OK);
    fake_put(g->f, end, 1, SPARE);
    for (uint64_t p = at; p < end; p += piece)
        b[out++] = (struct fake_buf){ p, (uint32_t)(end - p < piece ? end - p : piece) };
    b[out] = (struct fake_buf){ end, 1 };
    fake_ring_add(&g->drv.ring[CTRLQ], b, out, 1);
    fake_driver_notify(&g->drv, CTRLQ);
    assert_true(fake_ring_used(&g->drv.ring[CTRLQ], &head, &len));
    assert_int_equal(len, 1);
    uint8_t ack = (uint8_t)fake_get(g->f, end, 1);
    assert_int_not_equal(ack, SPARE);
    return ack;
}

static uint8_t command(struct guest *g, unsigned what, const void *data, uint32_t n)
{
    return command_in(g, what, data, n, 64);
}

static uint8_t command8(unsigned what, uint8_t v) { return command(&guest[1], what, &v, 1); }
static uint8_t command16(unsigned what, uint16_t v) { return command(&guest[1], what, &v, 2); }

/* Does guest 1 get a frame to this address, with this VLAN's tag (0: none)? */
static bool gets(const uint8_t *dst, uint16_t vlan)
{
    struct net_frame f = { .len = 60, .head_len = 60, .vlan = vlan };
    struct vport *p = &guest[1].d->port;
    memcpy(f.head, frame, make_frame(frame, dst, mac_of[0], 60));
    bool sent = p->ops->deliver(p, &f, vlan) == NET_SENT;
    assert_int_equal(receive(&guest[1], &hdr, got) > 0, sent);
    return sent;
}

/* The same for any guest: what its device answers when there are no buffers. */
static bool takes(struct guest *g, const uint8_t *dst)
{
    struct net_frame f = { .len = 60, .head_len = 60 };
    memcpy(f.head, frame, make_frame(frame, dst, mac_of[0], 60));
    return g->d->port.ops->deliver(&g->d->port, &f, false) == NET_WAIT;
}

static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 }, group2[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t other[6] = { 2, 0, 0, 0, 0, 9 };

static void test_filter_modes(void **unused)
{
    assert_true(gets(mac_of[1], 0) && gets(all, 0));
    assert_false(gets(group, 0) || gets(other, 0));
    assert_int_equal(guest[1].d->rx.filtered, 2);
    assert_int_equal(command8(0x001, 1), OK);           /* ALLMULTI */
    assert_true(gets(group, 0) && !gets(other, 0));
    assert_int_equal(command8(0x003, 1), OK);           /* NOMULTI wins, but not over broadcasts */
    assert_true(!gets(group, 0) && gets(all, 0));
    assert_int_equal(command8(0x005, 1), OK);           /* NOBCAST */
    assert_true(!gets(all, 0));
    assert_int_equal(command8(0x002, 1), OK);           /* ALLUNI */
    assert_true(gets(other, 0) && gets(mac_of[1], 0));
    assert_int_equal(command8(0x004, 1), OK);           /* NOUNI wins */
    assert_true(!gets(other, 0) && !gets(mac_of[1], 0));
    assert_int_equal(command8(0x000, 1), OK);           /* PROMISC wins over all */
    assert_true(gets(other, 0) && gets(mac_of[1], 0) && gets(all, 0) && gets(group, 0) && gets(other, 7));
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(command8(i, 0), OK);
    assert_true(gets(mac_of[1], 0) && gets(all, 0) && !gets(group, 0) && !gets(other, 0));
    assert_int_equal(command8(0x000, 2), ERR);
    assert_int_equal(command8(0x006, 1), ERR);
    assert_int_equal(command(&guest[1], 0, "\1\1", 2), ERR);
    assert_int_equal(command(&guest[1], 0, "", 0), ERR);
    assert_false(gets(other, 0));
}

static void test_no_filter_without_feature(void **unused)
{
    start(&guest[1], NET_ALL & ~VIRTIO_NET_F_CTRL_RX & ~VIRTIO_NET_F_CTRL_VLAN, 0);
    post(&guest[1], 10, 200);
    assert_true(gets(mac_of[1], 0) && gets(all, 0) && gets(group, 0) && gets(other, 0) && gets(mac_of[1], 5));
}

/* Two tables: counts and addresses. */
static uint32_t tables(uint8_t *t, const uint8_t (*uni)[6], uint32_t unis, const uint8_t (*multi)[6], uint32_t multis)
{
    put_le32(t, unis);
    memcpy(t + 4, uni, 6 * unis);
    put_le32(t + 4 + 6 * unis, multis);
    memcpy(t + 8 + 6 * unis, multi, 6 * multis);
    return 8 + 6 * (unis + multis);
}

static void test_mac_tables(void **unused)
{
    static uint8_t t[8 + 6 * 2 * 70], many[70][6];
    uint32_t n = tables(t, &other, 1, &group, 1);
    assert_int_equal(command(&guest[1], 0x100, t, n), OK);
    assert_true(gets(other, 0) && gets(group, 0) && !gets(group2, 0) && gets(mac_of[1], 0));
    assert_int_equal(command_in(&guest[1], 0x100, t, n, 1), OK);
    /* Wrong kinds, counts that lie, bytes left over: nothing changes. */
    assert_int_equal(command(&guest[1], 0x100, t, tables(t, &group2, 1, &group, 1)), ERR);
    assert_int_equal(command(&guest[1], 0x100, t, tables(t, &other, 1, &other, 1)), ERR);
    tables(t, &other, 1, &group2, 1);
    assert_int_equal(command(&guest[1], 0x100, t, n - 1), ERR);
    assert_int_equal(command(&guest[1], 0x100, t, n + 1), ERR);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(command(&guest[1], 0x100, t, i), ERR);
    put_le32(t, 0xffffffff);
    assert_int_equal(command(&guest[1], 0x100, t, n), ERR);
    assert_true(gets(other, 0) && gets(group, 0) && !gets(group2, 0));
    /* As many as there is room for, and more: then all of the kind pass. */
    for (unsigned i = 0; i < 70; i++)
        memcpy(many[i], (uint8_t[6]){ 1, 0, 0x5e, 1, 0, (uint8_t)i }, 6);
    assert_int_equal(command(&guest[1], 0x100, t, tables(t, &other, 0, many, 64)), OK);
    assert_true(gets(many[63], 0) && !gets(many[64], 0) && !gets(other, 0));
    assert_int_equal(command(&guest[1], 0x100, t, tables(t, &other, 0, many, 65)), OK);
    assert_true(gets(many[69], 0) && !gets(other, 0));
    for (unsigned i = 0; i < 70; i++)
        many[i][0] = 2;
    assert_int_equal(command(&guest[1], 0x100, t, tables(t, many, 70, &group, 1)), OK);
    assert_true(gets(other, 0) && gets(group, 0) && !gets(group2, 0));
    /* The table is empty after a reset. */
    start(&guest[1], NET_ALL, 0);
    post(&guest[1], 10, 200);
    assert_false(gets(other, 0) || gets(group, 0));
}

static void test_mac_address(void **unused)
{
    struct guest *g = &guest[1];
    assert_int_equal(command(g, 0x101, mac_of[1], 6), OK);
    assert_int_equal(command(g, 0x101, other, 6), ERR);
    assert_true(gets(mac_of[1], 0) && !gets(other, 0));
    g = &guest[2];                                      /* may send from any address */
    start(g, NET_ALL, 0);
    assert_int_equal(command(g, 0x101, other, 6), OK);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(fake_driver_config(&g->drv, i, 1), other[i]);
    assert_true(takes(g, other) && !takes(g, mac_of[2]));
    assert_int_equal(command(g, 0x101, group, 6), ERR);
    assert_int_equal(command(g, 0x101, "\0\0\0\0\0", 6), ERR);
    assert_int_equal(command(g, 0x101, mac_of[0], 5), ERR);
    assert_int_equal(command(g, 0x101, mac_of[0], 7), ERR);
    assert_int_equal(fake_driver_config(&g->drv, 5, 1), other[5]);
    start(g, NET_ALL, 0);
    assert_int_equal(fake_driver_config(&g->drv, 5, 1), mac_of[2][5]);
}

static void test_vlans(void **unused)
{
    assert_false(gets(mac_of[1], 5));
    assert_int_equal(command16(0x200, 5), OK);
    assert_int_equal(command16(0x200, 4094), OK);
    assert_true(gets(mac_of[1], 5) && gets(mac_of[1], 4094) && !gets(mac_of[1], 6) && gets(mac_of[1], 0));
    assert_int_equal(command16(0x201, 5), OK);
    assert_true(!gets(mac_of[1], 5) && gets(mac_of[1], 4094));
    assert_int_equal(command16(0x200, 4095), ERR);
    assert_int_equal(command16(0x200, 0xffff), ERR);
    assert_int_equal(command8(0x200, 5), ERR);
    assert_int_equal(command16(0x202, 5), ERR);
}

static void test_announce(void **unused)
{
    struct guest *g = &guest[1];
    virtio_net_set_link(g->d, false);
    virtio_net_set_link(g->d, true);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), 3);
    assert_int_equal(command(g, 0x300, "", 1), ERR);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), 3);
    assert_int_equal(command(g, 0x300, "", 0), OK);
    assert_int_equal(fake_driver_config(&g->drv, 6, 2), 1);
}

static uint8_t offloads(uint64_t v) { return command(&guest[1], 0x500, &v, 8); }

static void test_offloads(void **unused)
{
    struct guest *g = &guest[1];
    struct net_hdr h = tcp4_hdr(0);
    uint32_t len = make_tcp4(frame, mac_of[1], mac_of[0], 100);
    assert_int_equal(offloads(0), OK);
    send_as(&guest[0], &h, frame, len, 0);
    assert_int_equal(receive(g, &hdr, got), len);
    assert_true(hdr.flags == 0 && tcp4_good(got, len));
    assert_int_equal(offloads(VIRTIO_NET_F_GUEST_CSUM), OK);
    send_as(&guest[0], &h, frame, len, 0);
    assert_int_equal(receive(g, &hdr, got), len);
    assert_true(hdr.flags == NET_NEEDS_CSUM && !tcp4_good(got, len));
    /* Segmentation without checksums makes no sense, and is not done. */
    assert_int_equal(offloads(VIRTIO_NET_F_GUEST_TSO4), OK);
    h = tcp4_hdr(50);
    send_as(&guest[0], &h, frame, len, 0);
    assert_int_equal(receive(g, &hdr, got), 104);
    assert_int_equal(receive(g, &hdr, got), 104);
    assert_int_equal(offloads(VIRTIO_NET_F_GUEST_CSUM | BIT64(10)), ERR);
    assert_int_equal(offloads(BIT64(63)), ERR);
    assert_int_equal(command(g, 0x500, &h, 7), ERR);
    start(g, NET_ALL & ~VIRTIO_NET_F_GUEST_ECN, 0);
    assert_int_equal(offloads(VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_GUEST_CSUM), ERR);
}

/* Commands whose feature was not agreed on, and those of other devices. */
static void test_unknown_commands(void **unused)
{
    static const struct { uint64_t without; unsigned what; uint32_t n; } c[] = {
        { VIRTIO_NET_F_CTRL_RX, 0x000, 1 }, { VIRTIO_NET_F_CTRL_RX, 0x001, 1 }, { VIRTIO_NET_F_CTRL_RX, 0x100, 8 },
        { VIRTIO_NET_F_CTRL_RX_EXTRA, 0x002, 1 }, { VIRTIO_NET_F_CTRL_RX_EXTRA, 0x005, 1 },
        { VIRTIO_NET_F_CTRL_VLAN, 0x200, 2 }, { VIRTIO_NET_F_GUEST_ANNOUNCE, 0x300, 0 },
        { VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 0x500, 8 },
    };
    static const uint8_t zero[8];
    for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
        assert_int_equal(command(&guest[1], c[i].what, zero, c[i].n), OK);
        start(&guest[2], NET_ALL & ~c[i].without, 0);
        assert_int_equal(command(&guest[2], c[i].what, zero, c[i].n), ERR);
    }
    assert_int_equal(command(&guest[1], 0x400, "\1\0", 2), ERR);        /* MQ */
    assert_int_equal(command(&guest[1], 0xffff, "", 0), ERR);
    assert_false(needs_reset(&guest[1]));
}

static void test_malformed_requests(void **unused)
{
    struct guest *g = &guest[1];
    uint64_t at = fake_driver_alloc(&g->drv, 64);
    const struct fake_buf b[] = { { at, 1 }, { at + 8, 1 } };
    uint16_t head;
    uint32_t len;
    fake_ring_add(&g->drv.ring[CTRLQ], b, 1, 1);        /* half a command: it can be told */
    fake_driver_notify(&g->drv, CTRLQ);
    assert_true(fake_ring_used(&g->drv.ring[CTRLQ], &head, &len));
    assert_int_equal(fake_get(g->f, at + 8, 1), ERR);
    fake_ring_add(&g->drv.ring[CTRLQ], b, 2, 0);        /* no place for the ack */
    fake_driver_notify(&g->drv, CTRLQ);
    assert_false(fake_ring_used(&g->drv.ring[CTRLQ], &head, &len));
    assert_true(needs_reset(g));
    start(g, NET_ALL, 0);
    const struct fake_buf c[] = { { at, 3 }, { FAKE_RAM + 8, 1 } };
    fake_ring_add(&g->drv.ring[CTRLQ], c, 1, 1);
    fake_driver_notify(&g->drv, CTRLQ);
    assert_true(needs_reset(g));
    start(g, NET_ALL, 0);
    const struct fake_buf d[] = { { FAKE_RAM - 1, 3 }, { at, 1 } };
    fake_ring_add(&g->drv.ring[CTRLQ], d, 1, 1);        /* command not in memory: an error */
    fake_driver_notify(&g->drv, CTRLQ);
    assert_int_equal(fake_get(g->f, at, 1), ERR);
    assert_false(needs_reset(g));
}

static void test_many_commands(void **unused)
{
    struct guest *g = &guest[1];
    uint64_t at = fake_driver_alloc(&g->drv, 64);
    const struct fake_buf b[] = { { at, 3 }, { at + 8, 1 } };
    uint16_t head;
    uint32_t len;
    for (unsigned i = 0; i < 40; i++)
        fake_ring_add(&g->drv.ring[CTRLQ], b, 1, 1);
    fake_driver_notify(&g->drv, CTRLQ);
    assert_int_equal(g->d->v.q[CTRLQ].next_used, 16);
    settle();
    for (unsigned i = 0; i < 40; i++)
        assert_true(fake_ring_used(&g->drv.ring[CTRLQ], &head, &len));
}

/* ---- state ---------------------------------------------------------------------- */

static size_t save(const struct guest *g, uint8_t *buf, size_t cap)
{
    struct state_out o = { buf, cap, 0, 0 };
    virtio_net_save(g->d, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_state(void **unused)
{
    static uint8_t one[8192], two[8192], t[64];
    struct guest *g = &guest[1];
    assert_int_equal(command(g, 0x100, t, tables(t, &other, 1, &group, 1)), OK);
    assert_int_equal(command8(0x005, 1), OK);
    assert_int_equal(command16(0x200, 100), OK);
    assert_int_equal(offloads(VIRTIO_NET_F_GUEST_CSUM), OK);
    virtio_net_set_link(g->d, false);
    virtio_net_set_link(g->d, true);
    size_t n = save(g, one, sizeof(one));

    /* Into a device fresh from power-up, in the place of the first: rings are where they were. */
    struct virtio_net_config c = net_config(1);
    struct virtio_net *old = g->d;
    sw->ports = 1;
    g->d = calloc(1, sizeof(*g->d));
    assert_int_equal(virtio_net_init(g->d, &c, &g->f->env), HV_OK);
    struct state_in in = { one, n, 0, 0, false };
    assert_int_equal(virtio_net_load(g->d, &in), HV_OK);
    assert_int_equal(save(g, two, sizeof(two)), n);
    assert_memory_equal(one, two, n);
    assert_memory_equal(&g->d->rx.filter, &old->rx.filter, sizeof(old->rx.filter));
    assert_true(g->d->port.up);
    assert_int_equal(g->d->rx.offloads, VIRTIO_NET_F_GUEST_CSUM);
    assert_true(gets(other, 100) && !gets(other, 101) && gets(group, 0) && !gets(all, 0) && gets(mac_of[1], 0));
    assert_true(fake_env_work(g->f));                   /* looks what waits in its queues */
    free(old);
    g->d->work.queued = false;
    g->f->work = NULL;
}

/* Records cut short or damaged: refused, and nothing changed; or taken, and still sane. */
static void test_bad_state(void **unused)
{
    static uint8_t good[8192], bad[8192], after[8192];
    struct guest *g = &guest[1];
    size_t n = save(g, good, sizeof(good));
    for (size_t i = 0; i < n; i++) {
        struct state_in in = { good, i, 0, 0, false };
        assert_int_not_equal(virtio_net_load(g->d, &in), HV_OK);
        assert_int_equal(save(g, after, sizeof(after)), n);
        assert_memory_equal(good, after, n);
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(bad, good, n);
        bad[i] ^= 0x81;
        struct state_in in = { bad, n, 0, 0, false };
        if (virtio_net_load(g->d, &in) != HV_OK) {
            assert_int_equal(save(g, after, sizeof(after)), n);
            assert_memory_equal(good, after, n);
        }
        in = (struct state_in){ good, n, 0, 0, false };
        assert_int_equal(virtio_net_load(g->d, &in), HV_OK);
    }
    /* An address it may not have. */
    memcpy(bad, good, n);
    bad[12 + 5] ^= 4;
    struct state_in in = { bad, n, 0, 0, false };
    assert_int_equal(virtio_net_load(g->d, &in), HV_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_filter_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_filter_without_feature, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mac_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mac_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vlans, setup, teardown),
        cmocka_unit_test_setup_teardown(test_announce, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offloads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_state, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
