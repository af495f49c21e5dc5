/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch's data plane: a frame's way from vswitch_send() to the ports that get it. Checks
 * and the look-up run under sw->lock, deliveries without: so that receivers may take their
 * queue's lock. Called by virtio-net and by drivers of real NICs, on any CPU.
 */
#include "vmm/net/vswitch_priv.h"

enum {
    ROOM_RETRIES = 4,           /* times that room comes while we hear that there is none */
    FLOWS_SURE_PORT = 4, FLOWS_MOST_PORT = 512, FLOWS_MOST_UPLINK = 2048,
    FLOWS_SURE_CONTROLLER = 256, FLOWS_MOST_CONTROLLER = 2048,
};
_Static_assert(VSWITCH_PORTS * FLOWS_SURE_PORT + FLOWS_SURE_CONTROLLER <= FLOW_EXACT_MAX, "sure is sure");

/* Where a frame goes: to one port, whose owner may be full, or to each of a set. */
struct route {
    struct vport   *one;
    struct flow    *flow;       /* that said so, at flow_seq; null: none */
    uint32_t        flow_seq;
    struct port_set set;        /* one is null */
};

/* ---- where to ---------------------------------------------------------------------- */

static void flood(struct vswitch *sw, const struct vport *from, const struct net_frame *f, struct port_set *set)
{
    for (uint32_t i = 0; i < sw->ports; i++)
        if (port_may_get(sw->port[i], from, f))
            set_add(set, i);
}

static void list(struct vswitch *sw, const struct vport *from, const struct net_frame *f,
                 const struct flow_actions *a, struct port_set *set)
{
    if (a->flags & FLOW_FLOOD)
        flood(sw, from, f, set);
    for (unsigned i = 0; i < a->outputs; i++)
        if (port_may_get(sw->port[a->port[i]], from, f))
            set_add(set, a->port[i]);
}

/* False: nobody. */
static bool follow(struct vswitch *sw, const struct vport *from, const struct net_frame *f,
                   const struct flow_actions *a, struct route *r)
{
    if (a->outputs == 1 && !(a->flags & FLOW_FLOOD)) {
        r->one = sw->port[a->port[0]];
        return port_may_get(r->one, from, f);
    }
    r->one = NULL;
    r->set = (struct port_set){ 0 };
    list(sw, from, f, a, &r->set);
    return a->outputs || a->flags & FLOW_FLOOD;
}

/* No flow: whoever decides about such frames does. False: nobody gets it. */
static bool miss(struct vport *from, const struct net_frame *f, uint64_t now, struct flow_actions *a)
{
    *a = (struct flow_actions){ 0 };
    switch (control_miss_mode(from->sw, now)) {
    case MISS_LEARN:
        return learning_miss(from, f, now, a);
    case MISS_CONTROLLER:
        a->flags = FLOW_TO_CONTROLLER;
        return true;
    default:
        return false;
    }
}

static void use_flow(struct flow *w, const struct net_frame *f, uint64_t now, struct route *r)
{
    w->packets++;
    w->bytes += f->len;
    if (!(w->spec.flags & FLOW_AGE_BY_SOURCE))
        w->used = now;
    r->flow = w;
    r->flow_seq = w->seq;
}

/* A sender that waits sends the frame again: it counts once. The slot may have another flow by now. */
static void unuse_flow(struct route *r, const struct net_frame *f)
{
    if (!r->flow || r->flow->seq != r->flow_seq || !r->flow->packets)
        return;
    r->flow->packets--;
    r->flow->bytes -= f->len;
}

/* The lock is held. False: to nobody, and counted; *stormed: not even the mirror gets it. */
static bool find_route(struct vport *from, const struct net_frame *f, uint64_t now, struct route *r, bool *stormed)
{
    struct vswitch *sw = from->sw;
    struct flow_actions asked;
    const struct flow_actions *a = &asked;
    struct flow *w = flow_lookup(sw, from, f, now);
    r->flow = NULL;
    if (likely(w != NULL)) {
        use_flow(w, f, now, r);
        a = &w->spec.actions;
    } else if (!miss(from, f, now, &asked)) {
        from->count.no_flow++;
        return false;
    }
    if (((frame_dst(f) & MAC_GROUP) || a->flags) && !port_storm(from, now)) {
        *stormed = true;
        return false;
    }
    if (a->flags & FLOW_TO_CONTROLLER)
        event_packet(from, f, w ? PACKET_ACTION : PACKET_MISS, w ? w->spec.cookie : 0);
    if (follow(sw, from, f, a, r))
        return true;
    from->count.no_flow++;
    return false;
}

/* ---- delivery: the lock is held on entry and on return, not meanwhile ---------------- */

static void count_sent(struct vport *to, const struct net_frame *f, bool tag, uint64_t now)
{
    to->count.rx++;
    to->count.rx_bytes += net_frame_wire_len(f, tag);
    stall_took(to, f->len, now);
}

/* To a port that is full: wait for it, or not. */
static enum net_sent refuse(struct vport *from, struct vport *to, uint64_t now)
{
    if (stall_wait(to, from, now))
        return NET_WAIT;
    to->count.rx_full++;
    return NET_DROPPED;
}

/*
 * deliver() may say that there is no room while the receiver, on another CPU, says that there
 * is: `room` tells, and then we try again rather than wait for what has been.
 */
static enum net_sent send_one(struct vport *from, struct vport *to, const struct net_frame *f, uint64_t now)
{
    struct vswitch *sw = from->sw;
    bool tag = port_tags(to, f->vlan);
    enum net_sent sent = NET_WAIT;
    for (unsigned i = 0; i < ROOM_RETRIES; i++) {
        if (to->full)
            return refuse(from, to, now);
        uint32_t room = to->room;
        spin_unlock(&sw->lock);
        sent = to->ops->deliver(to, f, tag);
        spin_lock(&sw->lock);
        if (likely(sent == NET_SENT)) {
            count_sent(to, f, tag, now);
            return NET_SENT;
        }
        if (sent == NET_DROPPED || !to->up)
            break;
        if (to->room == room)
            return refuse(from, to, now);
    }
    if (sent == NET_WAIT)
        to->count.rx_full++;
    else
        to->count.rx_refused++;
    return NET_DROPPED;
}

static struct port_set without_full(struct vswitch *sw, struct port_set set)
{
    for (uint32_t i = 0; i < sw->ports; i++) {
        if (!set_has(&set, i) || !sw->port[i]->full)
            continue;
        sw->port[i]->count.rx_full++;
        set_remove(&set, i);
    }
    return set;
}

/* Mirror ports (as_sent): each gets the frame as the sender sent it. */
static enum net_sent send_set(struct vswitch *sw, const struct net_frame *f, const struct port_set *wanted,
                              const bool *as_sent, uint64_t now)
{
    struct port_set set = without_full(sw, *wanted), sent = { 0 }, full = { 0 };
    uint32_t ports = sw->ports;
    enum net_sent result = NET_DROPPED;
    spin_unlock(&sw->lock);
    for (uint32_t i = 0; i < ports; i++) {
        if (!set_has(&set, i))
            continue;
        struct vport *to = sw->port[i];
        enum net_sent got = to->ops->deliver(to, f, as_sent ? *as_sent : port_tags(to, f->vlan));
        if (got != NET_DROPPED)
            set_add(got == NET_SENT ? &sent : &full, i);
    }
    spin_lock(&sw->lock);
    for (uint32_t i = 0; i < ports; i++) {
        struct vport *to = sw->port[i];
        if (set_has(&sent, i)) {
            count_sent(to, f, as_sent ? *as_sent : port_tags(to, f->vlan), now);
            result = NET_SENT;
        } else if (set_has(&full, i)) {
            to->count.rx_full++;
        } else if (set_has(&set, i)) {
            to->count.rx_refused++;
        }
    }
    return result;
}

static void mirror(struct vport *from, const struct net_frame *f, bool tagged, uint64_t now)
{
    struct vswitch *sw = from->sw;
    struct port_set set = sw->mirror;
    for (uint32_t i = 0; i < sw->ports; i++)
        if (set_has(&set, i) && !sw->port[i]->up)
            set_remove(&set, i);
    (void)send_set(sw, f, &set, &tagged, now);
}

/* The frame is let in. */
static enum net_sent forward(struct vport *from, const struct net_frame *f, bool tagged, uint64_t now)
{
    struct route r;
    bool stormed = false;
    enum net_sent sent = NET_DROPPED;
    if (find_route(from, f, now, &r, &stormed)) {
        sent = r.one ? send_one(from, r.one, f, now) : send_set(from->sw, f, &r.set, NULL, now);
        if (sent == NET_WAIT) {
            unuse_flow(&r, f);
            return NET_WAIT;
        }
        from->count.tx++;
        from->count.tx_bytes += net_frame_wire_len(f, tagged);
    }
    if (unlikely(from->sw->mirrors) && !stormed)
        mirror(from, f, tagged, now);
    return sent;
}

enum net_sent vswitch_send(struct vport *from, struct net_frame *f, bool tagged, uint64_t now)
{
    uint16_t vlan = f->vlan;
    enum net_sent sent = NET_DROPPED;
    spin_lock(&from->sw->lock);
    if (port_accepts(from, f, tagged) && port_source(from, f, now))
        sent = forward(from, f, tagged, now);
    spin_unlock(&from->sw->lock);
    f->vlan = vlan;
    return sent;
}

void vswitch_output(struct vswitch *sw, struct vport *from, const struct net_frame *f,
                    const struct flow_actions *a, uint64_t now)
{
    struct port_set set = { 0 };
    spin_lock(&sw->lock);
    list(sw, from, f, a, &set);
    (void)send_set(sw, f, &set, NULL, now);
    spin_unlock(&sw->lock);
}

/* ---- set-up and links ------------------------------------------------------------------- */

size_t vswitch_size(void) { return sizeof(struct vswitch); }

struct vswitch *vswitch_init(void *mem, const char *name, uint32_t mtu, uint32_t storm_limit)
{
    struct vswitch *sw = mem;
    size_t n = strnlen(name, VSWITCH_NAME - 1);
    memcpy(sw->name, name, n);
    sw->mtu = mtu < NET_MTU_MIN ? NET_MTU_MIN : mtu > NET_MTU_MAX ? NET_MTU_MAX : mtu;
    sw->storm_limit = storm_limit;
    sw->stall_due = sw->sweep_due = TIME_NEVER;
    sw->fresh = 1;
    sw->free_slots = FLOW_EXACT_MAX;
    flow_set_share(sw, SHARE_CONTROLLER, FLOWS_SURE_CONTROLLER, FLOWS_MOST_CONTROLLER);
    stall_set_due(sw);
    return sw;
}

void vswitch_seed(struct vswitch *sw, uint64_t secret) { sw->seed = secret; }
void vswitch_on_due(struct vswitch *sw, void (*on_due)(void)) { sw->on_due = on_due; }
const char *vswitch_name(const struct vswitch *sw) { return sw->name; }
uint32_t vswitch_mtu(const struct vswitch *sw) { return sw->mtu; }

struct vport *vswitch_port(struct vswitch *sw, uint32_t number)
{
    return number < sw->ports ? sw->port[number] : NULL;
}

struct vport_count vport_counters(struct vport *p)
{
    spin_lock(&p->sw->lock);
    struct vport_count c = p->count;
    spin_unlock(&p->sw->lock);
    return c;
}

/* No port is in VLAN 0 by a list, nor in 4095; a trunk is in the VLAN of its untagged frames. */
static void normalize(struct vport_config *c)
{
    c->trunk_vlan[0] &= ~1ull;
    c->trunk_vlan[VSWITCH_VLAN_WORDS - 1] &= ~0ull >> 1;
    if (c->trunk && c->vlan)
        c->trunk_vlan[c->vlan / 64] |= 1ull << c->vlan % 64;
}

hv_status vswitch_add(struct vswitch *sw, struct vport *p, const struct vport_config *c,
                      const struct vport_ops *ops, void *owner)
{
    uint64_t mac = mac_load(c->mac);
    if (!mac_is_station(mac) || c->vlan > VLAN_MAX)
        return HV_INVALID;
    if (port_of_mac(sw, mac))
        return HV_EXISTS;
    if (sw->ports == VSWITCH_PORTS)
        return HV_NOMEM;
    *p = (struct vport){ .c = *c, .ops = ops, .owner = owner, .sw = sw, .number = sw->ports, .mac = mac };
    p->hold_ns = PORT_STALL_NS;
    normalize(&p->c);
    spin_lock(&sw->lock);
    sw->port[sw->ports++] = p;
    port_own_add(sw, p);
    flow_set_share(sw, (uint16_t)p->number, FLOWS_SURE_PORT, c->uplink ? FLOWS_MOST_UPLINK : FLOWS_MOST_PORT);
    if (c->mirror) {
        set_add(&sw->mirror, p->number);
        sw->mirrors++;
    }
    event_port(p, PORT_ADDED, 0);
    spin_unlock(&sw->lock);
    return HV_OK;
}

/* A receiver's time to hold senders up stays: a guest could get it anew by resets. */
void vport_link(struct vport *p, bool up)
{
    struct vswitch *sw = p->sw;
    spin_lock(&sw->lock);
    bool changed = p->up != up;
    p->up = up;
    if (changed) {
        if (!up)
            flow_forget(sw, (uint16_t)p->number);
        stall_leave(p);
        event_port(p, up ? PORT_UP : PORT_DOWN, p->mac);
    }
    spin_unlock(&sw->lock);
    if (changed)
        vport_room(p);
}
