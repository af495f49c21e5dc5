/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See nic.h: a NIC as the uplink port of a switch. A frame from outside never waits for a receiver
 * that is full: the frames behind it are for others.
 */
#include "drivers/pure/nic.h"

#include "socle/fmt.h"
#include "socle/str.h"

/* Bytes of the body count without the tag that net_frame_parse() took out. */
struct body { const struct nic_frame *frame; uint32_t skip; };

static bool body(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    const struct body *b = f->source;
    return b->frame->copy(b->frame, at + b->skip, to, n);
}

static bool receive(struct nic *n, const struct nic_frame *in)
{
    struct uplink *u = n->owner;
    struct net_frame f;
    bool tagged;
    f.vlan = 0;
    if (!net_frame_parse(&f, in->first, in->first_len, in->wire_len, &in->off, &tagged)) {
        u->port.count.malformed++;
        return false;
    }
    struct body b = { in, tagged ? (uint32_t)NET_TAG_LEN : 0 };
    f.body = body;
    f.source = &b;
    return vswitch_send(&u->port, &f, tagged, u->now()) == NET_SENT;
}

static void room(struct nic *n)
{
    struct uplink *u = n->owner;
    vport_room(&u->port);
}

static void link_changed(struct nic *n)
{
    struct uplink *u = n->owner;
    vport_link(&u->port, n->link);
}

static enum net_sent deliver(struct vport *p, const struct net_frame *f, bool tag)
{
    struct uplink *u = p->owner;
    return u->nic->ops->send(u->nic, f, tag);
}

/* Nothing of it waits. */
static void resume(struct vport *p) { }

static const struct vport_ops port_ops = { deliver, resume };

hv_status uplink_join(struct uplink *u, struct nic *n, struct vswitch *sw, const struct vport_config *vlans,
                      uint64_t (*now)(void), char why[192])
{
    struct vport_config c = *vlans;
    if (n->owner) {
        fmt(why, 192, "%s is the uplink of %s already", n->at, n->used_by);
        return HV_EXISTS;
    }
    fmt(c.name, sizeof(c.name), "uplink");
    c.uplink = true;
    c.any_mac = c.mirror = false;
    c.mtu = vswitch_mtu(sw);
    memcpy(c.mac, n->mac, sizeof(c.mac));
    if (n->mtu && n->mtu < c.mtu)
        c.mtu = n->mtu;
    hv_status s = vswitch_add(sw, &u->port, &c, &port_ops, u);
    if (s) {
        fmt(why, 192, "%s cannot join switch %s: %s", n->at, vswitch_name(sw),
            s == HV_EXISTS ? "its MAC address is taken" : hv_status_text(s));
        return s;
    }
    u->nic = n;
    u->now = now;
    n->owner = u;
    n->receive = receive;
    n->room = room;
    n->link_changed = link_changed;
    fmt(n->used_by, sizeof(n->used_by), "switch %s", vswitch_name(sw));
    n->ops->up(n);
    vport_link(&u->port, n->link);
    return HV_OK;
}
