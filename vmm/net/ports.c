/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a port may send and get: lengths, VLANs (IEEE 802.1Q-2018, 6.9 and 8.6.2), source
 * addresses, the storm limit, and the table of the ports' own addresses. Called by
 * vswitch_send() for each frame; a frame that is turned away is counted here.
 */
#include "vmm/net/vswitch_priv.h"

/* 802.1Q-2018, 8.6.3: 01-80-C2-00-00-00 to -0F are not relayed. The last byte is the highest. */
#define RESERVED_GROUP  0x0000c28001ull
#define RESERVED_MASK   0xf0ffffffffffull

/* ---- VLANs ------------------------------------------------------------------------ */

static bool is_tag(uint16_t type) { return type == TYPE_CTAG || type == TYPE_STAG || type == TYPE_QINQ; }

bool port_member(const struct vport *p, uint32_t vlan)
{
    if (!p->c.trunk)
        return p->c.vlan == vlan;
    return p->c.trunk_vlan[vlan / 64] >> vlan % 64 & 1;
}

/*
 * The VLAN that a frame comes in on; false: none that the port may use. What follows the tag
 * is payload, but a tag that was hidden behind an empty one (VID 0), or is of another type,
 * would be the frame's own once it leaves untagged: such frames are not let in.
 */
static bool classify(const struct vport *p, struct net_frame *f, bool tagged)
{
    if (tagged && f->vlan)
        return p->c.trunk && port_member(p, f->vlan);
    if ((p->c.trunk && !p->c.vlan) || is_tag(frame_type(f)))
        return false;
    f->vlan = p->c.vlan;
    return true;
}

/*
 * The same on the way out: where tags are understood, a frame with a second tag leaves only
 * inside its own, not on the VLAN that goes without. A guest on an access port gets it as is.
 */
static bool hides_tag(const struct vport *p, const struct net_frame *f)
{
    return (p->c.trunk || p->c.uplink) && is_tag(frame_type(f)) && !port_tags(p, f->vlan);
}

bool port_may_get(const struct vport *p, const struct vport *from, const struct net_frame *f)
{
    return p != from && p->up && !p->c.mirror && port_member(p, f->vlan) && !hides_tag(p, f);
}

/* ---- lengths and addresses --------------------------------------------------------- */

static bool length_fits(const struct vswitch *sw, const struct net_frame *f)
{
    uint32_t most = sw->mtu + NET_ETH_LEN;
    return f->off.gso ? (uint32_t)f->off.hdr_len + f->off.gso_size <= most : f->len <= most;
}

bool port_accepts(struct vport *p, struct net_frame *f, bool tagged)
{
    if (!p->up || p->c.mirror) {
        p->count.no_flow++;
        return false;
    }
    if (!length_fits(p->sw, f) || !mac_is_station(frame_src(f))) {
        p->count.malformed++;
        return false;
    }
    if (!classify(p, f, tagged)) {
        p->count.vlan++;
        return false;
    }
    if ((frame_dst(f) & RESERVED_MASK) == RESERVED_GROUP) {
        p->count.no_flow++;
        return false;
    }
    return true;
}

/* Two stations with one address: the configured one keeps it. An alarm a second at most. */
static void conflict(struct vport *p, uint64_t mac, uint64_t now)
{
    p->count.conflict++;
    if (p->count.conflict > 1 && (int64_t)(now - p->alarm_at) < (int64_t)SECOND_NS)
        return;
    p->alarm_at = now;
    event_port(p, PORT_CONFLICT, mac);
}

/* A station at a port with many: known there already? A controller may say so of any but ports' own. */
static bool known_source(struct vport *p, uint64_t src, uint32_t vlan, uint64_t now)
{
    struct flow *w = flow_exact(p->sw, flow_key(src, vlan));
    if (!w || !flow_alive(w, now) || w->spec.actions.outputs != 1 || w->spec.actions.port[0] != p->number)
        return false;
    if (w->spec.flags & FLOW_AGE_BY_SOURCE)
        w->used = now;
    return w->share == p->number || !port_own(p->sw, src, vlan);
}

bool port_source_slow(struct vport *p, const struct net_frame *f, uint64_t now)
{
    uint64_t src = frame_src(f);
    if (!p->c.any_mac && !p->c.uplink) {
        p->count.spoofed++;
        return false;
    }
    if (known_source(p, src, f->vlan, now))
        return true;
    if (port_own(p->sw, src, f->vlan)) {
        conflict(p, src, now);
        return false;
    }
    if (control_miss_mode(p->sw, now) == MISS_LEARN)
        learning_source(p, src, f->vlan, now);
    else if (p->sw->control.sources)
        event_packet(p, f, PACKET_SOURCE, 0);
    return true;
}

bool port_storm(struct vport *p, uint64_t now)
{
    uint32_t limit = p->sw->storm_limit;
    if (!limit)
        return true;
    if (!p->storm_at || (int64_t)(now - p->storm_at) >= (int64_t)SECOND_NS) {
        p->storm_at = now ? now : 1;
        p->storm_left = limit;
    }
    if (p->storm_left) {
        p->storm_left--;
        return true;
    }
    p->count.storm++;
    return false;
}

/* ---- own addresses ------------------------------------------------------------------ */

/* Keys come from the configuration: no need to fear ones that were made to collide. */
static uint32_t own_bucket(uint64_t mac)
{
    return (uint32_t)((mac * 0x9e3779b97f4a7c15) >> (64 - OWN_BUCKETS_LOG));
}

struct vport *port_of_mac(struct vswitch *sw, uint64_t mac)
{
    for (uint32_t n = sw->own[own_bucket(mac)]; n; n = sw->port[n - 1]->own_next)
        if (sw->port[n - 1]->mac == mac)
            return sw->port[n - 1];
    return NULL;
}

struct vport *port_own(struct vswitch *sw, uint64_t mac, uint32_t vlan)
{
    struct vport *p = port_of_mac(sw, mac);
    return p && port_member(p, vlan) ? p : NULL;
}

void port_own_add(struct vswitch *sw, struct vport *p)
{
    uint16_t *bucket = &sw->own[own_bucket(p->mac)];
    p->own_next = *bucket;
    *bucket = (uint16_t)(p->number + 1);
}
