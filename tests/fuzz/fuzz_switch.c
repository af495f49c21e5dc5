/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A switch with ports of each kind, hostile guests at all of them, receivers that are full or
 * not, links, time, and a controller that says anything. Whatever happens: no frame leaves
 * outside of its VLAN, nor where it came from, nor with a source that its sender may not use,
 * nor with a hidden tag; no lock stays taken; the table's lists agree.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "vmm/net/control_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORTS = 10, STEPS = 2000, OUTSIDE = 1 };

static struct vswitch *sw;
static struct vport port[PORTS];
static enum net_sent answer[PORTS];
static bool waits[PORTS];
static uint64_t now;
static struct vport *sender;            /* null: the controller */
static int sender_vlan;                 /* VLAN of its frame by our own reckoning */
static unsigned nested;

static const uint8_t *next;
static size_t left;

static uint8_t u8(void)
{
    if (!left)
        return 0;
    left--;
    return *next++;
}

static uint16_t u16(void) { return (uint16_t)(u8() | u8() << 8); }

/* The rules again, as the documentation has them. */
static bool in_vlan(const struct vport *p, unsigned vlan)
{
    if (!p->c.trunk)
        return p->c.vlan == vlan;
    return vlan && (vlan == p->c.vlan || (p->c.trunk_vlan[vlan / 64] >> vlan % 64 & 1));
}

static bool tag_inside(const struct net_frame *f)
{
    unsigned type = f->head[12] << 8u | f->head[13];
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static enum net_sent deliver(struct vport *p, const struct net_frame *f, bool tag)
{
    uint8_t bytes[64];
    hv_assert(spin_try(&sw->lock));
    spin_unlock(&sw->lock);
    hv_assert(p != sender && p->up);
    if (sender)
        hv_assert(f->vlan == sender_vlan);
    hv_assert(!(f->head[6] & 1));
    if (!p->c.mirror) {
        hv_assert(in_vlan(p, f->vlan));
        hv_assert(tag == (p->c.trunk && f->vlan != p->c.vlan));
        hv_assert(tag || !tag_inside(f) || (!p->c.trunk && !p->c.uplink));
    }
    if (sender && !sender->c.any_mac && !sender->c.uplink)
        hv_assert(!memcmp(f->head + 6, sender->c.mac, 6));
    for (unsigned i = 0; sender && i < PORTS; i++)
        hv_assert(&port[i] == sender || memcmp(f->head + 6, port[i].c.mac, 6) || !in_vlan(&port[i], f->vlan));
    uint32_t n = net_frame_wire_len(f, tag);
    bool there = net_frame_copy(f, tag, n > 64 ? n - 64 : 0, bytes, n < 64 ? n : 64);
    uint8_t op = nested++ < 3 ? u8() : 0;
    if (op == 0xa1)
        vport_room(p);
    if (op == 0xa2)
        vport_room(&port[u8() % PORTS]);
    return there ? answer[p->number] : NET_DROPPED;
}

static void resume(struct vport *p)
{
    hv_assert(spin_try(&sw->lock));
    spin_unlock(&sw->lock);
    waits[p->number] = false;
}

static const struct vport_ops ops = { deliver, resume };

static bool body(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    hv_assert(at >= f->head_len && n <= f->len && at <= f->len - n);
    memset(to, 0x11, n);
    return n % 61 != 3;
}

static void add_port(unsigned n)
{
    struct vport_config c = { .mac = { 2, 0, 0, 0, 0, (uint8_t)n } };
    static const uint16_t vlan[PORTS] = { 0, 0, 0, 10, 10, 20, 10, 0, 0, 30 };
    c.vlan = vlan[n];
    c.trunk = n == 1 || n == 6 || n == 7 || n == 9;
    c.uplink = n == OUTSIDE || n == 3;
    c.any_mac = n % 2;
    c.mirror = n == 8;
    if (c.trunk)
        c.trunk_vlan[0] = 1u << 10 | 1u << 20 | (n == 7 ? 0 : 1u << 30);
    hv_assert(vswitch_add(sw, &port[n], &c, &ops, NULL) == HV_OK);
    vport_link(&port[n], true);
}

/* Mostly addresses that mean something here. */
static void address(uint8_t *mac)
{
    uint8_t kind = u8();
    memset(mac, 0, 6);
    mac[0] = 2;
    mac[5] = kind % 16;
    if (kind >= 0xf0)
        memset(mac, 0xff, 6);
    else if (kind >= 0xe8)
        mac[0] = 1, mac[1] = 0x80, mac[2] = 0xc2, mac[5] = u8();
    else if (kind >= 0x80)
        mac[3] = u8(), mac[4] = u8();
    else if (kind >= 0x70)
        mac[0] = u8();
}

static void send_frame(void)
{
    static const uint16_t types[8] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x8100, 0x88a8, 0x9100, 0x1234 };
    static const uint16_t lens[8] = { 60, 14, 18, 100, 1514, 1518, 300, 9000 };
    uint8_t wire[NET_HEAD + NET_TAG_LEN] = { 0 };
    struct net_frame f;
    bool tagged;
    struct vport *p = &port[u8() % PORTS];
    uint8_t shape = u8();
    address(wire);
    address(wire + 6);
    if (shape & 0x40)
        memcpy(wire + 6, p->c.mac, 6);
    wire[12] = (uint8_t)(types[shape & 7] >> 8), wire[13] = (uint8_t)types[shape & 7];
    uint16_t tci = u16();
    wire[14] = (uint8_t)(tci >> 8), wire[15] = (uint8_t)tci;
    wire[16] = 0x81, wire[17] = shape & 0x80 ? 0 : 1;
    uint32_t len = lens[shape >> 3 & 7];
    struct net_offload off = { 0 };
    if (u8() > 200)
        off = (struct net_offload){ u8(), u8(), u16(), u16(), u16(), u16() };
    if (!net_frame_parse(&f, wire, len < sizeof(wire) ? len : sizeof(wire), len, &off, &tagged))
        return;
    f.body = body;
    sender = p;
    sender_vlan = tagged && f.vlan ? f.vlan : p->c.vlan;
    nested = 0;
    enum net_sent sent = vswitch_send(p, &f, tagged, now);
    hv_assert(sent != NET_WAIT || !p->c.uplink);
    waits[p->number] = sent == NET_WAIT;
    sender = NULL;
}

/* A message with a good header, mostly, and small numbers in it. */
static void say(void)
{
    static const uint16_t lens[] = { 16, 8, 8, 64, 64, 72, 16, 16, 60 };
    static const uint8_t types[] = { 0, 1, 2, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15 };
    uint8_t m[256] = { 0 }, out[CONTROL_MESSAGE_MAX];
    unsigned kind = u8() % ARRAY_LEN(lens);
    uint16_t len = lens[kind];
    for (unsigned i = 8; i < len; i++)
        m[i] = u8() > 150 ? u8() : 0;
    m[0] = 1, m[1] = types[kind], m[2] = (uint8_t)len;
    if (u8() == 0xee)
        m[u8() % len] = u8();
    size_t n = control_message(sw, m, len, out, now);
    hv_assert(n <= sizeof(out) && (!n || (n >= 8 && out[2] + 256u * out[3] == n)));
}

static void check_table(void)
{
    uint32_t used = 0, listed = 0, timed = 0;
    for (unsigned i = 1; i < FLOW_SLOTS; i++) {
        used += sw->flow[i].in_use;
        timed += sw->flow[i].in_use && (sw->flow[i].spec.idle_s || sw->flow[i].spec.hard_s);
    }
    for (unsigned i = 0; i < SHARES; i++)
        for (uint16_t at = sw->share[i].oldest; at; at = sw->flow[at].newer)
            listed++;
    hv_assert(used == listed + sw->wild_count && listed == FLOW_EXACT_MAX - sw->free_slots);
    hv_assert(timed == sw->timed && sw->free_slots >= sw->sure_left);
    hv_assert(vswitch_next(sw) == (sw->stall_due < sw->sweep_due ? sw->stall_due : sw->sweep_due));
}

/* Whoever waits is woken when its time has come, whatever the receiver does. */
static void check_nobody_sleeps(void)
{
    now += PORT_STALL_NS;
    while (vswitch_next(sw) <= now)
        vswitch_tick(sw, now);
    for (unsigned i = 0; i < PORTS; i++)
        hv_assert(!port[i].waiting && (!waits[i] || !port[i].up));
}

static void step(void)
{
    uint8_t out[CONTROL_MESSAGE_MAX], op = u8(), n;
    switch (op & 15) {
    case 0: now += u8() * 1000ull; break;
    case 1: now += u8() * 100000000ull; break;
    case 2: vswitch_tick(sw, now); break;
    case 3: answer[u8() % PORTS] = (enum net_sent)(op >> 4) % 3; break;
    case 4: vport_room(&port[u8() % PORTS]); break;
    case 5:
        n = u8() % PORTS;
        waits[n] = false;
        vport_link(&port[n], op & 0x10);
        break;
    case 6: case 7: case 8: say(); break;
    case 9: (void)control_event(sw, out); break;
    case 10:
        if (op > 0xf0)
            control_gone(sw);
        break;
    default: send_frame(); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next = data, left = size;
    if (!sw)
        sw = malloc(vswitch_size());
    memset(sw, 0, vswitch_size());
    memset(answer, 0, sizeof(answer));
    memset(waits, 0, sizeof(waits));
    now = 1000000000;
    vswitch_init(sw, "fuzz", 1500, 20);
    for (unsigned i = 0; i < PORTS; i++)
        add_port(i);
    for (unsigned i = 0; i < STEPS && left; i++)
        step();
    check_table();
    check_nobody_sleeps();
    return 0;
}
