/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests with a network device each, on a switch of the test's own: one that knows every
 * port's address, keeps what was delivered apart from what was refused, and can be told to
 * refuse. The real one is in test_virtio_net_switch.c.
 */
#ifndef VIRTIO_NET_FIXTURE_H
#define VIRTIO_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_driver.h"
#include "socle/le.h"
#include "socle/virtio/virtio_net.h"

enum { GUESTS = 3, RXQ = VIRTIO_NET_RXQ, TXQ = VIRTIO_NET_TXQ, CTRLQ = VIRTIO_NET_CTRLQ, MTU = 1500 };

#define NET_ALL     (~0ull)             /* every feature that is offered */
#define NET_PLAIN   (VIRTIO_NET_F_MAC)  /* and none but this */
#define GUEST_TSO   (VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)

struct net_hdr { uint8_t flags, gso; uint16_t hdr_len, gso_size, csum_start, csum_offset, buffers; };

/* ---- the switch ----------------------------------------------------------------- */

#ifndef REAL_SWITCH
struct vswitch {
    struct vport *port[GUESTS];
    bool          waits[GUESTS];
    unsigned      ports, sent, rooms;
    enum net_sent last;                 /* what the last frame's one receiver said */
    bool          hold;                 /* answer NET_WAIT to all */
    bool          untag;                /* deliver without tags */
    uint64_t      now;
};

uint32_t vswitch_mtu(const struct vswitch *sw) { return MTU; }

hv_status vswitch_add(struct vswitch *sw, struct vport *p, const struct vport_config *c, const struct vport_ops *ops,
                      void *owner)
{
    if (sw->ports == GUESTS)
        return HV_NOMEM;
    memset(p, 0, sizeof(*p));
    p->c = *c;
    p->ops = ops;
    p->owner = owner;
    p->sw = sw;
    p->number = sw->ports;
    sw->port[sw->ports++] = p;
    return HV_OK;
}

void vport_link(struct vport *p, bool up) { p->up = up; }

void vport_room(struct vport *p)
{
    p->sw->rooms++;
    for (unsigned i = 0; i < p->sw->ports; i++)
        if (p->sw->waits[i]) {
            p->sw->waits[i] = false;
            p->sw->port[i]->ops->resume(p->sw->port[i]);
        }
}

enum net_sent vswitch_send(struct vport *from, struct net_frame *f, bool tagged, uint64_t now)
{
    struct vswitch *sw = from->sw;
    sw->sent++;
    sw->now = now;
    sw->last = NET_DROPPED;
    for (unsigned i = 0; i < sw->ports; i++) {
        struct vport *p = sw->port[i];
        if (p == from || !p->up || (!(f->head[0] & 1) && memcmp(f->head, p->c.mac, 6)))
            continue;
        sw->last = sw->hold ? NET_WAIT : p->ops->deliver(p, f, tagged && !sw->untag);
    }
    sw->waits[from->number] = sw->last == NET_WAIT;
    return sw->last;
}
#endif

/* ---- guests --------------------------------------------------------------------- */

struct guest {
    struct fake_env   *f;
    struct virtio_net *d;
    struct fake_driver drv;
    uint64_t           at[VIRTQ_SIZE_MAX];      /* receive buffer of each head */
};

static struct vswitch *sw;
static struct guest guest[GUESTS];

static const uint8_t mac_of[GUESTS][6] = {
    { 0x52, 0x54, 0, 0, 0, 1 }, { 0x52, 0x54, 0, 0, 0, 2 }, { 0x52, 0x54, 0, 0, 0, 3 },
};

static inline struct virtio_net_config net_config(unsigned i)
{
    struct virtio_net_config c = { .sw = sw, .name = "net 0" };
    memcpy(c.port.mac, mac_of[i], 6);
    c.port.name[0] = (char)('a' + i);
    return c;
}

static inline struct guest *add_guest(unsigned i, const struct virtio_net_config *c)
{
    struct guest *g = &guest[i];
    memset(g, 0, sizeof(*g));
    g->f = fake_env_new();
    g->d = calloc(1, sizeof(*g->d));
    assert_int_equal(virtio_net_init(g->d, c, &g->f->env), HV_OK);
    fake_driver_init(&g->drv, g->f, &g->d->v);
    return g;
}

static inline void drop_guests(void)
{
    for (unsigned i = 0; i < GUESTS; i++) {
        if (!guest[i].d)
            continue;
        fake_env_free(guest[i].f);
        free(guest[i].d);
        guest[i].d = NULL;
    }
}

/* Deferred work of all guests, until there is none. */
static inline void settle(void)
{
    for (bool busy = true; busy;) {
        busy = false;
        for (unsigned i = 0; i < GUESTS; i++)
            while (guest[i].d && fake_env_work(guest[i].f))
                busy = true;
    }
}

static inline void start(struct guest *g, uint64_t features, uint16_t size)
{
    fake_driver_start(&g->drv, features, size);
    settle();
}

/* n receive buffers of `len` bytes each; the driver tells the device. */
static inline void post(struct guest *g, unsigned n, uint32_t len)
{
    for (; n; n--) {
        const struct fake_buf b = { fake_driver_alloc(&g->drv, len), len };
        g->at[fake_ring_add(&g->drv.ring[RXQ], &b, 0, 1)] = b.at;
    }
    fake_driver_notify(&g->drv, RXQ);
}

/* Offers a frame with its header, in pieces of `piece` bytes (0: one), without a notification. */
static inline void queue(struct guest *g, const struct net_hdr *h, const void *frame, uint32_t len, uint32_t piece)
{
    struct fake_buf b[VIRTQ_SIZE_MAX];
    uint32_t all = (uint32_t)sizeof(*h) + len, n = 0;
    uint64_t tx = fake_driver_alloc(&g->drv, all);
    assert_int_equal(gmem_write(&g->f->mem, gpa(tx), h, sizeof(*h)), HV_OK);
    assert_int_equal(gmem_write(&g->f->mem, gpa(tx + sizeof(*h)), frame, len), HV_OK);
    piece = piece ? piece : all;
    for (uint32_t at = 0; at < all; at += piece)
        b[n++] = (struct fake_buf){ tx + at, all - at < piece ? all - at : piece };
    fake_ring_add(&g->drv.ring[TXQ], b, n, 0);
}

static inline void send_as(struct guest *g, const struct net_hdr *h, const void *frame, uint32_t len, uint32_t piece)
{
    queue(g, h, frame, len, piece);
    fake_driver_notify(&g->drv, TXQ);
}

static inline void send_plain(struct guest *g, const void *frame, uint32_t len)
{
    const struct net_hdr none = { 0 };
    send_as(g, &none, frame, len, 0);
}

/* How many transmitted requests came back. */
static inline unsigned sent_back(struct guest *g)
{
    uint16_t head;
    uint32_t len;
    unsigned n = 0;
    while (fake_ring_used(&g->drv.ring[TXQ], &head, &len)) {
        assert_int_equal(len, 0);
        n++;
    }
    return n;
}

/* The next frame received: its length, -1: none. Checks what 5.1.6.4.1 says of buffers. */
static inline int receive(struct guest *g, struct net_hdr *h, uint8_t *frame)
{
    uint8_t all[70000];
    uint16_t head;
    uint32_t len, n;
    if (!fake_ring_used(&g->drv.ring[RXQ], &head, &len))
        return -1;
    assert_true(len >= sizeof(*h) && len <= sizeof(all));
    assert_int_equal(gmem_read(&g->f->mem, gpa(g->at[head]), all, len), HV_OK);
    memcpy(h, all, sizeof(*h));
    n = len;
    for (unsigned i = 1; i < h->buffers; i++) {
        assert_true(fake_ring_used(&g->drv.ring[RXQ], &head, &len));
        assert_int_equal(gmem_read(&g->f->mem, gpa(g->at[head]), all + n, len), HV_OK);
        n += len;
    }
    memcpy(frame, all + sizeof(*h), n - sizeof(*h));
    return (int)(n - sizeof(*h));
}

static inline bool needs_reset(struct guest *g)
{
    return fake_driver_get(&g->drv, FAKE_STATUS, 1) & VIRTIO_NEEDS_RESET;
}

/* ---- frames --------------------------------------------------------------------- */

/* Ethernet header and a pattern. */
static inline uint32_t make_frame(uint8_t *f, const uint8_t *dst, const uint8_t *src, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        f[i] = (uint8_t)(i * 7 + (i >> 8));
    memcpy(f, dst, len < 6 ? len : 6);
    if (len >= 14) {
        memcpy(f + 6, src, 6);
        f[12] = 0x88, f[13] = 0xb5;     /* IEEE Std 802: local experimental */
    }
    return len;
}

/* RFC 1071, in big-endian words; not folded to the end by net_sum(), which is under test. */
static inline uint32_t words(uint32_t sum, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static inline uint32_t pseudo4(uint32_t len, uint8_t protocol)
{
    const uint8_t p[12] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, protocol, (uint8_t)(len >> 8), (uint8_t)len };
    return words(0, p, sizeof(p));
}

/* IPv4, TCP with 20-byte headers each: `payload` bytes to segment. The sum is of the pseudo header. */
static inline uint32_t make_tcp4(uint8_t *f, const uint8_t *dst, const uint8_t *src, uint32_t payload)
{
    uint32_t len = make_frame(f, dst, src, 54 + payload);
    static const uint8_t ip[20] = { 0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };
    static const uint8_t tcp[20] = { 0x04, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0 };
    f[12] = 8, f[13] = 0;
    memcpy(f + 14, ip, 20);
    f[16] = (uint8_t)((len - 14) >> 8), f[17] = (uint8_t)(len - 14);
    uint32_t sum = ~words(0, f + 14, 20);
    f[24] = (uint8_t)(sum >> 8), f[25] = (uint8_t)sum;
    memcpy(f + 34, tcp, 20);
    sum = pseudo4(len - 34, 6);
    f[50] = (uint8_t)(sum >> 8), f[51] = (uint8_t)sum;
    return len;
}

/* What a driver says of such a frame. gso_size 0: only the checksum is left to do. */
static inline struct net_hdr tcp4_hdr(uint16_t gso_size)
{
    return (struct net_hdr){ NET_NEEDS_CSUM, gso_size ? NET_GSO_TCPV4 : 0, 54, gso_size, 34, 16, 0 };
}

/* Are the IPv4 and TCP checksums of a finished frame right? */
static inline bool tcp4_good(const uint8_t *f, uint32_t len)
{
    return words(0, f + 14, 20) == 0xffff && words(pseudo4(len - 34, 6), f + 34, len - 34) == 0xffff;
}

#endif
