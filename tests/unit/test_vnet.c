/* SPDX-License-Identifier: BSD-2-Clause */
/* drivers/pure/vnet*.c against a device that the test plays: frames both ways, room, broken frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/pure/vnet_priv.h"
#include "fake/fake_log.h"
#include "fake/fake_vdev.h"
#include "socle/le.h"

enum { ARENA = 8 << 20, PAGES_AT = 1 << 20 };
#define SECOND 1000000000ull
#define MERGE ((uint32_t)(F_MAC | F_MRG_RXBUF | F_STATUS | F_HOST_TSO4 | F_GUEST_TSO4))

static uint8_t *arena;
static struct vnet *v;
static struct fake_vdev fake;
static uint64_t now;
static bool takes;
static unsigned received, rooms, links;
static uint8_t got[70000];
static struct nic_frame got_frame;

static uint64_t clock_now(void) { return now += 1000; }

static bool receive(struct nic *n, const struct nic_frame *f)
{
    received++;
    got_frame = *f;
    assert_true(f->first_len == f->wire_len || f->first_len >= NET_HEAD + NET_TAG_LEN);
    assert_memory_equal(n->mac, "\x52\x54\0\1\2\3", 6);
    assert_true(f->wire_len <= sizeof(got) && f->copy(f, 0, got, f->wire_len));
    assert_memory_equal(got, f->first, f->first_len);
    assert_false(f->copy(f, 1, got + 1, f->wire_len));  /* a byte too much */
    return takes;
}

static void room(struct nic *n)
{
    rooms++;
    assert_true(spin_try(&v->tx_lock));                 /* without locks */
    spin_unlock(&v->tx_lock);
}

static void link_changed(struct nic *n) { links++; }

static void start(uint32_t features, uint16_t size)
{
    memset(arena, 0, ARENA);
    v = (struct vnet *)arena;
    fake_vdev_init(&fake, &v->dev, arena, features, size, clock_now);
    v->dev.mem[0] = arena + (512 << 10);
    v->dev.mem[1] = arena + (520 << 10);
    strcpy(v->dev.at, "0000:00:04.0");
    for (unsigned i = 0; i < VNET_PAGES; i++) {
        v->rx_page[i] = arena + PAGES_AT + i * 4096u;
        v->tx_page[i] = arena + 2 * PAGES_AT + i * 4096u;
    }
    memcpy(fake.config, "\x52\x54\0\1\2\3\1", 7);
    received = rooms = links = 0;
    takes = true;
    assert_null(vnet_start(v));
    v->nic.receive = receive;
    v->nic.room = room;
    v->nic.link_changed = link_changed;
    v->nic.ops->up(&v->nic);
}

static int setup_all(void **unused)
{
    arena = aligned_alloc(4096, ARENA);
    return 0;
}

static int teardown_all(void **unused)
{
    free(arena);
    return 0;
}

static int setup(void **unused)
{
    start(MERGE, 64);
    return 0;
}

/* ---- receiving ---- */

/* The device fills in a frame of n bytes over as many buffers; byte i is i * 3 + salt. */
static void arrives(uint32_t n, uint16_t pieces, uint8_t salt, uint32_t first_piece)
{
    struct fake_request r[VNET_PIECES + 2];
    uint32_t at = 0;
    for (unsigned i = 0; i < pieces; i++) {
        assert_true(fake_vdev_take(&fake, VNET_RX, &r[i]));
        assert_true(r[i].n == 1 && r[i].seg[0].write && r[i].seg[0].len == 4096);
        uint32_t skip = i ? 0 : 12, k = 4096 - skip;
        if (!i && first_piece)
            k = first_piece;
        k = n - at < k ? n - at : k;
        for (uint32_t j = 0; j < k; j++)
            r[i].seg[0].at[skip + j] = (uint8_t)((at + j) * 3 + salt);
        at += k;
        if (!i) {
            memset(r[0].seg[0].at, 0, 12);
            put_le16(r[0].seg[0].at + 10, pieces);
        }
        fake_vdev_put(&fake, VNET_RX, r[i].head, skip + k);
    }
    v->dev.interrupted = true;
}

static void expect_frame(uint32_t n, uint8_t salt)
{
    assert_int_equal(got_frame.wire_len, n);
    for (uint32_t i = 0; i < n; i++)
        if (got[i] != (uint8_t)(i * 3 + salt))
            fail_msg("byte %u", i);
}

static void test_receive(void **unused)
{
    for (unsigned i = 0; i < 1000; i++) {
        arrives(60 + i, 1, (uint8_t)i, 0);
        assert_false(vnet_serve(v));
        assert_int_equal(received, i + 1);
        expect_frame(60 + i, (uint8_t)i);
    }
    assert_int_equal(v->nic.rx_dropped, 0);
    takes = false;
    arrives(60, 1, 0, 0);
    vnet_serve(v);
    assert_int_equal(v->nic.rx_dropped, 1);
    assert_int_equal(v->dev.q[VNET_RX].in_flight, 64);  /* every buffer went back */
}

static void test_receive_merged(void **unused)
{
    arrives(65549, 17, 9, 0);
    vnet_serve(v);
    expect_frame(65549, 9);
    arrives(1500, 2, 1, 20);                            /* a first piece of 20 bytes */
    vnet_serve(v);
    expect_frame(1500, 1);
    assert_int_equal(received, 2);
    assert_int_equal(v->dev.q[VNET_RX].in_flight, 64);
}

static void test_receive_offload(void **unused)
{
    struct fake_request r;
    assert_true(fake_vdev_take(&fake, VNET_RX, &r));
    memset(r.seg[0].at, 0, 200);
    memcpy(r.seg[0].at, "\x01\x81\x36\x00\xb4\x05\x22\x00\x10\x00\x01\x00", 12);
    fake_vdev_put(&fake, VNET_RX, r.head, 200);
    vnet_serve(v);
    const struct net_offload *o = &got_frame.off;
    assert_true(o->flags == NET_NEEDS_CSUM && o->gso == (NET_GSO_TCPV4 | NET_GSO_ECN) && o->hdr_len == 0x36);
    assert_true(o->gso_size == 1460 && o->csum_start == 34 && o->csum_offset == 16);
}

static void test_receive_budget(void **unused)
{
    start(MERGE, 256);
    for (unsigned i = 0; i < 200; i++)
        arrives(60, 1, 0, 0);
    assert_true(vnet_serve(v));
    assert_int_equal(received, VNET_RX_BUDGET);
    assert_false(vnet_serve(v));
    assert_int_equal(received, 200);
}

static void broken(uint16_t buffers, uint32_t len)
{
    struct fake_request r;
    start(MERGE, 64);
    unsigned errors = (unsigned)v->nic.errors;
    assert_true(fake_vdev_take(&fake, VNET_RX, &r));
    memset(r.seg[0].at, 0, 100);
    put_le16(r.seg[0].at + 10, buffers);
    fake_vdev_put(&fake, VNET_RX, r.head, len);
    vnet_serve(v);
    assert_int_equal(received, 0);
    assert_int_equal(v->state, VNET_RESETTING);
    assert_int_equal(v->nic.errors, errors + 1);
    fake_vdev_rings(&fake);
    vnet_tick(v, now);
    assert_int_equal(v->state, VNET_READY);
    arrives(60, 1, 3, 0);
    vnet_serve(v);
    assert_int_equal(received, 1);
}

static void test_broken_frames(void **unused)
{
    broken(0, 60);
    broken(VNET_PIECES + 1, 60);
    broken(0xffff, 60);
    broken(2, 60);                                      /* the second is missing */
    broken(1, 11);
    broken(1, 0);
    broken(1, 4097);
    broken(1, 0xffffffff);
}

/* ---- sending ---- */

static uint8_t body_byte(uint32_t at) { return (uint8_t)(at * 5 + 1); }

static bool body(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = body_byte(at + i);
    return f->source != NULL;
}

static struct net_frame frame(uint32_t len)
{
    struct net_frame f = { .len = len, .body = body, .source = arena };
    f.head_len = (uint16_t)(len < NET_HEAD ? len : NET_HEAD);
    for (uint32_t i = 0; i < f.head_len; i++)
        f.head[i] = body_byte(i);
    return f;
}

static enum net_sent send(uint32_t len)
{
    struct net_frame f = frame(len);
    return v->nic.ops->send(&v->nic, &f, false);
}

static unsigned leaves(bool check, uint32_t len)
{
    struct fake_request r;
    unsigned n = 0;
    while (fake_vdev_take(&fake, VNET_TX, &r)) {
        uint32_t at = 0;
        for (unsigned i = 0; i < r.n; i++)
            for (uint32_t k = i ? 0 : 12; k < r.seg[i].len; k++, at++)
                if (check && r.seg[i].at[k] != body_byte(at))
                    fail_msg("byte %u", at);
        if (check)
            assert_int_equal(at, len);
        fake_vdev_put(&fake, VNET_TX, r.head, 0);
        n++;
    }
    return n;
}

static void test_send(void **unused)
{
    static const uint32_t lens[] = { 14, 60, 1514, 4084, 4085, 8180, 8181, 65549 };
    for (unsigned i = 0; i < 40 * ARRAY_LEN(lens); i++) {
        uint32_t len = lens[i % ARRAY_LEN(lens)];
        assert_int_equal(send(len), NET_SENT);
        assert_int_equal(leaves(true, len), 1);
    }
    assert_int_equal(send(80000), NET_DROPPED);
    assert_int_equal(v->nic.tx_dropped, 1);
    struct net_frame f = frame(1000);
    f.source = NULL;                                    /* the sender's memory is not there */
    assert_int_equal(v->nic.ops->send(&v->nic, &f, false), NET_DROPPED);
    vnet_tx_reclaim(v);
    assert_int_equal(v->tx_free, 64);
    assert_int_equal(v->tx_records, 64);
}

static void test_send_full(void **unused)
{
    unsigned n = 0;
    while (send(60) == NET_SENT)
        n++;
    assert_int_equal(n, 64);
    vnet_serve(v);
    assert_int_equal(rooms, 0);
    assert_int_equal(leaves(false, 0), 64);
    vnet_serve(v);
    assert_int_equal(rooms, 1);
    vnet_serve(v);
    assert_int_equal(rooms, 1);
    assert_int_equal(send(60), NET_SENT);
}

static void test_send_mtu(void **unused)
{
    start(MERGE | (uint32_t)F_MTU, 64);
    assert_int_equal(v->nic.mtu, 0);
    v->nic.mtu = 1500;
    assert_int_equal(send(1514), NET_SENT);
    assert_int_equal(send(1515), NET_DROPPED);
}

static void test_send_stuck(void **unused)
{
    assert_true(vnet_tick(v, now) == UINT64_MAX);
    assert_int_equal(send(60), NET_SENT);
    assert_true(v->due <= now + 5 * SECOND);
    now = v->due;
    vnet_tick(v, now);                            /* the first look: nothing has ever left */
    assert_int_equal(v->state, VNET_RESETTING);
    assert_string_equal(fake_log_last, "nic 0000:00:04.0: a frame has not left for 5 s: the device is reset");
    fake_vdev_rings(&fake);
    vnet_tick(v, now);
    assert_int_equal(v->state, VNET_READY);
    assert_int_equal(send(60), NET_SENT);
    assert_int_equal(leaves(true, 60), 1);
    now = v->due;
    assert_true(vnet_tick(v, now) == UINT64_MAX);
    assert_int_equal(v->state, VNET_READY);
}

/* ---- the rest ---- */

static void test_link(void **unused)
{
    assert_true(v->nic.link);
    fake.config[6] = 0;
    v->dev.changed = true;
    vnet_serve(v);
    assert_true(!v->nic.link && links == 1);
    v->dev.changed = true;
    vnet_serve(v);
    assert_int_equal(links, 1);
}

/* Large frames are only asked for where they come in several buffers. */
static void test_features(void **unused)
{
    assert_true(vdev_has(&v->dev, F_GUEST_TSO4));
    start(MERGE & ~(uint32_t)F_MRG_RXBUF, 64);
    assert_false(vdev_has(&v->dev, F_GUEST_TSO4));
    struct fake_request r;
    assert_true(fake_vdev_take(&fake, VNET_RX, &r));
    memset(r.seg[0].at, 0, 100);                        /* num_buffers says nothing then */
    fake_vdev_put(&fake, VNET_RX, r.head, 72);
    vnet_serve(v);
    assert_int_equal(received, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_receive, setup), cmocka_unit_test_setup(test_receive_merged, setup),
        cmocka_unit_test_setup(test_receive_offload, setup), cmocka_unit_test_setup(test_receive_budget, setup),
        cmocka_unit_test_setup(test_broken_frames, setup), cmocka_unit_test_setup(test_send, setup),
        cmocka_unit_test_setup(test_send_full, setup), cmocka_unit_test_setup(test_send_mtu, setup),
        cmocka_unit_test_setup(test_send_stuck, setup), cmocka_unit_test_setup(test_link, setup),
        cmocka_unit_test_setup(test_features, setup),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
