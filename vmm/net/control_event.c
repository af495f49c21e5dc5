/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens on its own, on the way to the controller: two bounded queues, so that guests'
 * frames cannot displace what the controller must know, and of the frames only a few of each
 * port. What does not fit is counted and forgotten: the data plane waits for nobody (F3).
 */
#include "vmm/net/control_priv.h"

_Static_assert(PACKET_BYTES >= sizeof(struct control_packet_in) + NET_HEAD, "a head fits");
_Static_assert(EVENT_BYTES >= sizeof(struct control_flow_removed), "an event fits");
_Static_assert(EVENT_BYTES >= sizeof(struct control_port_status), "an event fits");

static void note_pending(struct vswitch *sw)
{
    const struct control *c = &sw->control;
    atomic_store_explicit(&sw->pending, c->events + c->packets + c->lost_events + c->lost_packets,
                          memory_order_relaxed);
}

static void put(struct vswitch *sw, const void *message, uint16_t len)
{
    struct control *c = &sw->control;
    if (!c->connected)
        return;
    if (c->events == EVENTS) {
        c->lost_events += c->lost_events != UINT32_MAX;
    } else {
        struct event *e = &c->event[(c->first_event + c->events++) % EVENTS];
        e->len = len;
        memcpy(e->bytes, message, len);
    }
    note_pending(sw);
}

void event_packet(struct vport *from, const struct net_frame *f, unsigned reason, uint64_t cookie)
{
    struct vswitch *sw = from->sw;
    struct control *c = &sw->control;
    if (!c->connected)
        return;
    if (c->packets == PACKETS || c->packets_of[from->number] == PACKETS_OF_PORT) {
        c->lost_packets += c->lost_packets != UINT32_MAX;
        note_pending(sw);
        return;
    }
    struct packet_event *e = &c->packet[(c->first_packet + c->packets++) % PACKETS];
    struct control_packet_in m = {
        .h = control_head(CONTROL_PACKET_IN, sizeof(m) + f->head_len, 0), .in_port = (uint16_t)from->number,
        .vlan = f->vlan, .reason = (uint8_t)reason, .pcp = f->pcp, .count = f->head_len, .frame_len = f->len,
        .cookie = cookie,
    };
    e->len = m.h.length;
    e->port = (uint16_t)from->number;
    c->packets_of[from->number]++;
    memcpy(e->bytes, &m, sizeof(m));
    memcpy(e->bytes + sizeof(m), f->head, f->head_len);
    note_pending(sw);
}

void event_removed(struct vswitch *sw, const struct flow *w, unsigned reason)
{
    struct control_flow_removed m = { .h = control_head(CONTROL_FLOW_REMOVED, sizeof(m), 0), .reason = reason,
                                      .packets = w->packets, .bytes = w->bytes };
    flow_encode(&w->spec, &m.flow);
    put(sw, &m, sizeof(m));
}

void event_port(struct vport *p, unsigned reason, uint64_t mac)
{
    struct control_port_status m = { .h = control_head(CONTROL_PORT_STATUS, sizeof(m), 0),
                                     .port = (uint16_t)p->number, .reason = (uint16_t)reason,
                                     .flags = port_flags(p), .vlan = p->c.vlan };
    mac_store(m.mac, mac);
    memcpy(m.name, p->c.name, sizeof(m.name));
    put(p->sw, &m, sizeof(m));
}

void event_clear(struct vswitch *sw)
{
    struct control *c = &sw->control;
    c->events = c->packets = c->lost_events = c->lost_packets = 0;
    memset(c->packets_of, 0, sizeof(c->packets_of));
    note_pending(sw);
}

bool control_pending(const struct vswitch *sw)
{
    return atomic_load_explicit(&sw->pending, memory_order_relaxed);
}

static size_t take_lost(struct control *c, void *out)
{
    struct control_lost m = { .h = control_head(CONTROL_LOST, sizeof(m), 0),
                              .events = c->lost_events, .packets = c->lost_packets };
    c->lost_events = c->lost_packets = 0;
    memcpy(out, &m, sizeof(m));
    return sizeof(m);
}

static size_t take_event(struct control *c, void *out)
{
    const struct event *e = &c->event[c->first_event];
    c->first_event = (c->first_event + 1) % EVENTS;
    c->events--;
    memcpy(out, e->bytes, e->len);
    return e->len;
}

static size_t take_packet(struct control *c, void *out)
{
    const struct packet_event *e = &c->packet[c->first_packet];
    c->first_packet = (c->first_packet + 1) % PACKETS;
    c->packets--;
    c->packets_of[e->port]--;
    memcpy(out, e->bytes, e->len);
    return e->len;
}

size_t control_event(struct vswitch *sw, void *out)
{
    struct control *c = &sw->control;
    size_t len = 0;
    spin_lock(&sw->lock);
    if (c->events)
        len = take_event(c, out);
    else if (c->lost_events || c->lost_packets)
        len = take_lost(c, out);
    else if (c->packets)
        len = take_packet(c, out);
    note_pending(sw);
    spin_unlock(&sw->lock);
    return len;
}
