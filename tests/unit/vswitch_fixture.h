/* SPDX-License-Identifier: BSD-2-Clause */
/* A switch with ports that note what they get, and frames to send through it. */
#ifndef VSWITCH_FIXTURE_H
#define VSWITCH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/net/control_priv.h"

enum { MAX = VSWITCH_PORTS, MS = 1000000 };
#define S       1000000000ull
#define ALL     0xffffffffffffull       /* broadcast */

struct station {
    struct vport p;
    unsigned got, resumed;              /* frames delivered, resume() calls */
    unsigned asked;                     /* deliver() calls */
    bool tag;                           /* of the last frame */
    uint16_t vlan;
    uint8_t wire[64];                   /* its first bytes as the port gets them */
    uint32_t len;
    enum net_sent answer;
    void (*during)(struct station *s);  /* runs inside deliver() */
};

static struct vswitch *sw;
static struct station st[MAX];
static unsigned stations;
static uint64_t now;
static uint32_t frame_len = 60;
static uint16_t frame_type_is = 0x0800;
static unsigned frame_pcp;
static struct net_offload frame_off;

static inline enum net_sent deliver(struct vport *p, const struct net_frame *f, bool tag)
{
    struct station *s = p->owner;
    assert_true(spin_try(&sw->lock));   /* nobody holds it */
    spin_unlock(&sw->lock);
    s->asked++;
    if (s->during)
        s->during(s);
    if (s->answer != NET_SENT)
        return s->answer;
    s->got++;
    s->tag = tag;
    s->vlan = f->vlan;
    s->len = net_frame_wire_len(f, tag);
    assert_true(net_frame_copy(f, tag, 0, s->wire, s->len < sizeof(s->wire) ? s->len : sizeof(s->wire)));
    return NET_SENT;
}

static inline void resume(struct vport *p)
{
    assert_true(spin_try(&sw->lock));
    spin_unlock(&sw->lock);
    ((struct station *)p->owner)->resumed++;
}

static const struct vport_ops station_ops = { deliver, resume };

static inline void start(uint32_t mtu, uint32_t storm_limit)
{
    free(sw);
    void *mem = calloc(1, vswitch_size());
    sw = vswitch_init(mem, "lan", mtu, storm_limit);
    vswitch_seed(sw, 0x123456789abcdef);
    memset(st, 0, sizeof(st));
    stations = 0;
    now = 5 * S;
    frame_len = 60, frame_type_is = 0x0800, frame_pcp = 0;
    frame_off = (struct net_offload){ 0 };
}

/* Station n has this address. */
static inline uint64_t mac(unsigned n) { return 0x02 | (uint64_t)n << 32; }

static inline hv_status try_join(struct vport_config c, uint64_t address)
{
    mac_store(c.mac, address);
    snprintf(c.name, sizeof(c.name), "guest-%u", stations);
    hv_status s = vswitch_add(sw, &st[stations].p, &c, &station_ops, &st[stations]);
    return s;
}

/* Adds a port, up; its number. */
static inline unsigned join(struct vport_config c)
{
    assert_int_equal(try_join(c, mac(stations)), HV_OK);
    assert_int_equal(st[stations].p.number, stations);
    vport_link(&st[stations].p, true);
    return stations++;
}

static inline void list_vlan(struct vport_config *c, unsigned vlan) { c->trunk_vlan[vlan / 64] |= 1ull << vlan % 64; }

static inline struct vport_config access_port(uint16_t vlan) { return (struct vport_config){ .vlan = vlan }; }
static inline struct vport_config trunk_port(uint16_t native, unsigned a, unsigned b)
{
    struct vport_config c = { .vlan = native, .trunk = true };
    list_vlan(&c, a);
    list_vlan(&c, b);
    return c;
}

static inline bool zeros(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    assert_true(at >= f->head_len && at + n <= f->len);
    memset(to, 0, n);
    return true;
}

/* vid -1: untagged. */
static inline enum net_sent send_vlan(unsigned from, uint64_t src, uint64_t dst, int vid)
{
    struct net_frame f = { .len = frame_len, .vlan = (uint16_t)(vid > 0 ? vid : 0), .pcp = (uint8_t)frame_pcp,
                           .off = frame_off, .body = zeros };
    f.head_len = (uint16_t)(f.len < NET_HEAD ? f.len : NET_HEAD);
    mac_store(f.head, dst);
    mac_store(f.head + 6, src);
    f.head[12] = (uint8_t)(frame_type_is >> 8), f.head[13] = (uint8_t)frame_type_is;
    enum net_sent sent = vswitch_send(&st[from].p, &f, vid >= 0, now);
    assert_int_equal(f.vlan, vid > 0 ? vid : 0);
    assert_true(spin_try(&sw->lock));
    spin_unlock(&sw->lock);
    return sent;
}

static inline enum net_sent send_to(unsigned from, uint64_t dst) { return send_vlan(from, mac(from), dst, -1); }

/* Forgets what was got; true if exactly the ports of the mask had got one frame each. */
static inline bool got_by(uint64_t mask)
{
    bool ok = true;
    for (unsigned i = 0; i < stations; i++) {
        ok &= st[i].got == (i < 64 ? mask >> i & 1 : 0);
        st[i].got = 0;
    }
    return ok;
}

static inline unsigned flows_of(int port)
{
    unsigned n = 0;
    struct flow_info info;
    for (uint32_t i = 0; control_flow_next(sw, &i, now, &info);)
        n += port < 0 || (info.spec.actions.outputs && info.spec.actions.port[0] == port);
    return n;
}

#endif
