/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the controller (docs/switch.md): checked whole before anything happens, carried
 * out at once. A message that is wrong in any way changes nothing and gets an ERROR (F2).
 * Called by the transport, with bytes that only it can reach.
 */
#include "vmm/net/control_priv.h"

/* One message while it is handled. A handler returns 0 or enum control_error. */
struct call {
    struct vswitch *sw;
    const uint8_t *in;
    size_t         len;
    uint64_t       now;
    uint32_t       xid;
    uint8_t       *out;
    size_t         reply;               /* bytes at out */
};

static unsigned of_status(hv_status s)
{
    switch (s) {
    case HV_OK:        return 0;
    case HV_NOMEM:     return CONTROL_TABLE_FULL;
    case HV_EXISTS:    return CONTROL_EXISTS;
    case HV_NOT_FOUND: return CONTROL_NOT_FOUND;
    default:           return CONTROL_BAD_VALUE;
    }
}

static unsigned answer(struct call *c, const void *message, size_t len)
{
    memcpy(c->out, message, len);
    c->reply = len;
    return 0;
}

/* ---- the connection ---------------------------------------------------------------- */

static void lose(struct vswitch *sw)
{
    sw->control.connected = sw->control.misses = sw->control.sources = false;
    event_clear(sw);
}

static void lose_if_silent(struct vswitch *sw, uint64_t now)
{
    const struct control *c = &sw->control;
    if (c->connected && c->keepalive_ns && (int64_t)(now - c->heard) > (int64_t)c->keepalive_ns)
        lose(sw);
}

unsigned control_miss_mode(struct vswitch *sw, uint64_t now)
{
    lose_if_silent(sw, now);
    if (sw->control.connected)
        return sw->control.misses ? MISS_CONTROLLER : MISS_LEARN;
    return sw->control.secure ? MISS_DROP : MISS_LEARN;
}

void control_gone(struct vswitch *sw)
{
    spin_lock(&sw->lock);
    lose(sw);
    spin_unlock(&sw->lock);
}

/* A controller that comes back finds its flows; events from before it cannot know. */
static unsigned hello(struct call *c)
{
    struct vswitch *sw = c->sw;
    struct control_hello m;
    memcpy(&m, c->in, sizeof(m));
    bool misses = m.flags & CONTROL_MISSES;
    if (m.flags & ~CONTROL_HELLO_FLAGS || m.zero || (!misses && m.flags))
        return CONTROL_BAD_VALUE;
    spin_lock(&sw->lock);
    lose(sw);
    sw->control.connected = true;
    sw->control.misses = misses;
    sw->control.sources = m.flags & CONTROL_SOURCES;
    sw->control.secure = m.flags & CONTROL_SECURE;
    sw->control.keepalive_ns = m.keepalive_s * SECOND_NS;
    sw->control.heard = c->now;
    spin_unlock(&sw->lock);
    struct control_features r = {
        .h = control_head(CONTROL_HELLO + CONTROL_REPLY, sizeof(r), c->xid),
        .flags_known = CONTROL_HELLO_FLAGS, .ports = sw->ports, .exact_max = FLOW_EXACT_MAX,
        .wild_max = FLOW_WILD_MAX, .outputs_max = FLOW_OUTPUTS, .mtu = (uint16_t)sw->mtu,
        .message_max = CONTROL_MESSAGE_MAX,
    };
    memcpy(r.name, sw->name, sizeof(r.name));
    return answer(c, &r, sizeof(r));
}

static unsigned echo(struct call *c)
{
    struct control_header h = control_head(CONTROL_ECHO + CONTROL_REPLY, c->len, c->xid);
    memcpy(c->out, c->in, c->len);
    memcpy(c->out, &h, sizeof(h));
    c->reply = c->len;
    return 0;
}

/* Messages are carried out one by one: what came before has been done. */
static unsigned barrier(struct call *c)
{
    struct control_header h = control_head(CONTROL_BARRIER + CONTROL_REPLY, sizeof(h), c->xid);
    return answer(c, &h, sizeof(h));
}

/* ---- flows --------------------------------------------------------------------------- */

static unsigned edit(struct call *c, hv_status (*change)(struct vswitch *, const struct flow_spec *, uint64_t))
{
    struct control_flow_edit m;
    struct flow_spec spec;
    memcpy(&m, c->in, sizeof(m));
    return flow_decode(&m.flow, &spec) ? of_status(change(c->sw, &spec, c->now)) : CONTROL_BAD_VALUE;
}

static unsigned flow_add_message(struct call *c) { return edit(c, control_flow_add); }
static unsigned flow_modify_message(struct call *c) { return edit(c, control_flow_modify); }

/* Only match and priority say what goes; the rest is zero, also the priority if it is for many. */
static unsigned flow_delete_message(struct call *c)
{
    struct control_flow_delete m;
    struct flow_spec spec;
    memcpy(&m, c->in, sizeof(m));
    bool all = m.scope == CONTROL_ALL;
    if (!flow_decode(&m.flow, &spec) || m.scope > CONTROL_ALL || m.zero || (all && spec.priority))
        return CONTROL_BAD_VALUE;
    bool rest = spec.flags || spec.idle_s || spec.hard_s || spec.actions.flags || spec.actions.outputs || spec.cookie;
    if (rest || spec.match.fields & ~FLOW_FIELDS)
        return CONTROL_BAD_VALUE;
    if (!all)
        return of_status(control_flow_delete(c->sw, &spec.match, spec.priority));
    control_flow_delete_all(c->sw, &spec.match);
    return 0;
}

static unsigned flow_stats(struct call *c)
{
    struct control_list m;
    struct flow_info info;
    struct control_listed r = { .next = CONTROL_END };
    size_t len = sizeof(r);
    memcpy(&m, c->in, sizeof(m));
    if (m.zero)
        return CONTROL_BAD_VALUE;
    uint32_t index = m.start;
    while (len + sizeof(struct control_flow_stats) <= CONTROL_MESSAGE_MAX) {
        struct control_flow_stats s;
        if (!control_flow_next(c->sw, &index, c->now, &info))
            break;
        s = (struct control_flow_stats){ .packets = info.packets, .bytes = info.bytes, .age_ns = info.age_ns,
                                         .idle_ns = info.idle_ns, .built_in = info.built_in };
        flow_encode(&info.spec, &s.flow);
        memcpy(c->out + len, &s, sizeof(s));
        len += sizeof(s);
        r.count++;
    }
    if (index < FLOW_SLOTS)
        r.next = index;
    r.h = control_head(CONTROL_FLOW_STATS + CONTROL_REPLY, len, c->xid);
    answer(c, &r, sizeof(r));
    c->reply = len;
    return 0;
}

/* ---- ports and packets --------------------------------------------------------------- */

static void describe_port(struct vport *p, struct control_port_stats *s)
{
    struct vport_count count = vport_counters(p);
    *s = (struct control_port_stats){ .number = (uint16_t)p->number, .flags = port_flags(p), .vlan = p->c.vlan };
    memcpy(s->mac, p->c.mac, sizeof(s->mac));
    memcpy(s->name, p->c.name, sizeof(s->name));
    memcpy(s->count, &count, sizeof(s->count));
}

static unsigned port_stats(struct call *c)
{
    struct control_list m;
    struct control_port_stats s;
    struct control_listed r = { .next = CONTROL_END };
    size_t len = sizeof(r);
    memcpy(&m, c->in, sizeof(m));
    if (m.zero)
        return CONTROL_BAD_VALUE;
    uint32_t i = m.start;
    for (; i < c->sw->ports && len + sizeof(s) <= CONTROL_MESSAGE_MAX; i++) {
        describe_port(c->sw->port[i], &s);
        memcpy(c->out + len, &s, sizeof(s));
        len += sizeof(s);
        r.count++;
    }
    if (i < c->sw->ports)
        r.next = i;
    r.h = control_head(CONTROL_PORT_STATS + CONTROL_REPLY, len, c->xid);
    answer(c, &r, sizeof(r));
    c->reply = len;
    return 0;
}

static bool message_body(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    memcpy(to, (const uint8_t *)f->source + at, n);
    return true;
}

static bool out_valid(const struct vswitch *sw, const struct control_packet_out *m)
{
    bool ok = (m->in_port == CONTROL_NO_PORT || m->in_port < sw->ports) && m->vlan <= VLAN_MAX && m->pcp < 16 &&
              !m->zero && !(m->action_flags & ~FLOW_FLOOD) && m->outputs <= FLOW_OUTPUTS;
    for (unsigned i = 0; ok && i < FLOW_OUTPUTS; i++)
        ok = i < m->outputs ? m->port[i] < sw->ports : !m->port[i];
    return ok;
}

/* A frame without tag, to go out in a VLAN. */
static unsigned packet_out(struct call *c)
{
    struct vswitch *sw = c->sw;
    struct control_packet_out m;
    struct net_frame f;
    bool tagged;
    memcpy(&m, c->in, sizeof(m));
    uint32_t n = (uint32_t)(c->len - sizeof(m));
    const uint8_t *frame = c->in + sizeof(m);
    const struct net_offload none = { 0 };
    if (!out_valid(sw, &m) || n > sw->mtu + NET_ETH_LEN || !net_frame_parse(&f, frame, n, n, &none, &tagged))
        return CONTROL_BAD_VALUE;
    if (tagged || !mac_is_station(frame_src(&f)))
        return CONTROL_BAD_VALUE;
    f.vlan = m.vlan;
    f.pcp = m.pcp;
    f.body = message_body;
    f.source = (void *)(uintptr_t)frame;
    struct flow_actions a = { .flags = m.action_flags, .outputs = m.outputs };
    for (unsigned i = 0; i < FLOW_OUTPUTS; i++)
        a.port[i] = m.port[i];
    vswitch_output(sw, m.in_port == CONTROL_NO_PORT ? NULL : sw->port[m.in_port], &f, &a, c->now);
    return 0;
}

/* ---- any message --------------------------------------------------------------------- */

static const struct kind {
    uint8_t  type;
    uint16_t least, most;               /* bytes */
    unsigned (*handle)(struct call *c);
} kinds[] = {
    { CONTROL_HELLO, sizeof(struct control_hello), sizeof(struct control_hello), hello },
    { CONTROL_ECHO, sizeof(struct control_header), CONTROL_MESSAGE_MAX, echo },
    { CONTROL_BARRIER, sizeof(struct control_header), sizeof(struct control_header), barrier },
    { CONTROL_FLOW_ADD, sizeof(struct control_flow_edit), sizeof(struct control_flow_edit), flow_add_message },
    { CONTROL_FLOW_MODIFY, sizeof(struct control_flow_edit), sizeof(struct control_flow_edit), flow_modify_message },
    { CONTROL_FLOW_DELETE, sizeof(struct control_flow_delete), sizeof(struct control_flow_delete),
      flow_delete_message },
    { CONTROL_FLOW_STATS, sizeof(struct control_list), sizeof(struct control_list), flow_stats },
    { CONTROL_PORT_STATS, sizeof(struct control_list), sizeof(struct control_list), port_stats },
    { CONTROL_PACKET_OUT, sizeof(struct control_packet_out) + NET_FRAME_MIN, CONTROL_MESSAGE_MAX, packet_out },
};

static const struct kind *find_kind(uint8_t type)
{
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

/* Is there a controller to speak to? Any message of its own shows that it is alive. */
static bool greeted(struct call *c)
{
    spin_lock(&c->sw->lock);
    lose_if_silent(c->sw, c->now);
    bool connected = c->sw->control.connected;
    c->sw->control.heard = c->now;
    spin_unlock(&c->sw->lock);
    return connected;
}

static unsigned handle(struct call *c, const struct control_header *h)
{
    if (h->version != CONTROL_VERSION)
        return CONTROL_BAD_VERSION;
    const struct kind *kind = find_kind(h->type);
    if (!kind)
        return CONTROL_BAD_TYPE;
    if (h->length != c->len || c->len < kind->least || c->len > kind->most)
        return CONTROL_BAD_LENGTH;
    if (h->type != CONTROL_HELLO && !greeted(c))
        return CONTROL_NO_HELLO;
    return kind->handle(c);
}

size_t control_message(struct vswitch *sw, const void *in, size_t len, void *out, uint64_t now)
{
    struct control_header h = { 0 };
    memcpy(&h, in, len < sizeof(h) ? len : sizeof(h));
    struct call c = { .sw = sw, .in = in, .len = len, .now = now, .xid = h.xid, .out = out };
    unsigned error = len < sizeof(h) ? (unsigned)CONTROL_BAD_LENGTH : handle(&c, &h);
    if (!error)
        return c.reply;
    struct control_error_message m = { .h = control_head(CONTROL_ERROR, sizeof(m), h.xid),
                                       .code = (uint16_t)error, .type = h.type };
    answer(&c, &m, sizeof(m));
    return c.reply;
}
