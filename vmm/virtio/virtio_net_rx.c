/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device's receive queue (virtio 1.2, 5.1.6.3 and 5.1.6.4): the switch delivers a
 * frame, on the sender's CPU; it goes straight into the driver's buffers. Those are taken first,
 * as many as it needs, so that nothing is copied for a frame that finds no room.
 */
#include "vmm/virtio/virtio_net_priv.h"

#define NOT_TAKEN   "a receive buffer is readable, smaller than a header or not in memory"

static struct virtq *rxq(struct virtio_net *d) { return &d->v.q[VIRTIO_NET_RXQ]; }

/* ---- buffers -------------------------------------------------------------------- */

static enum net_sent broken(struct virtio_net *d, const char *why)
{
    virtio_broken(&d->v, why);
    return NET_DROPPED;
}

/* None is there: the driver is asked to notify, and to wait the answer, unless one came meanwhile. */
static enum virtq_got ask(struct virtio_net *d, struct virtq_chain *c)
{
    struct virtq *q = rxq(d);
    if (virtq_notify_enable(q)) {
        virtq_notify_disable(q);
        return virtq_take(q, c);
    }
    d->rx.waiting = true;
    return VIRTQ_EMPTY;
}

/* Takes one request for a frame, of which `need` bytes are left to place. */
static inline enum net_sent take(struct virtio_net *d, struct virtq_chain *c, uint64_t need)
{
    struct virtio_net_rx *r = &d->rx;
    if (unlikely(r->used == ARRAY_LEN(r->use)))
        return NET_DROPPED;             /* virtq_take() gives no more than that */
    enum virtq_got got = virtq_take(rxq(d), c);
    if (unlikely(got == VIRTQ_EMPTY))
        got = ask(d, c);
    if (unlikely(got != VIRTQ_GOT))
        return got == VIRTQ_EMPTY ? NET_WAIT : broken(d, rxq(d)->broken);
    r->use[r->used++] = (struct virtio_net_used){ c->head, (uint32_t)min_u64(c->in_len, need) };
    /* 5.1.6.3.1: mergeable buffers have room for a header, each of them. */
    uint64_t least = virtio_has(&d->v, VIRTIO_NET_F_MRG_RXBUF) ? VIRTIO_NET_HDR : 1;
    return unlikely(c->out || c->in_len < least) ? broken(d, NOT_TAKEN) : NET_SENT;
}

/*
 * Adds the segments of one request to those of others; false: they are too many, which only
 * absurdly small buffers are. Drivers cut their buffers from larger pieces: what follows in
 * memory is joined, for few and large copies.
 */
static inline bool append(struct virtq_chain *all, const struct virtq_chain *one)
{
    struct virtq_seg *last = &all->seg[all->in - 1];
    const struct virtq_seg *limit = &all->seg[VIRTQ_SIZE_MAX];
    for (unsigned i = 0; i < one->in; i++) {
        uint64_t joined = (uint64_t)last->len + one->seg[i].len;
        if (last->at.v + last->len == one->seg[i].at.v && joined <= UINT32_MAX)
            last->len = (uint32_t)joined;
        else if (likely(++last < limit))
            *last = one->seg[i];
        else
            return false;
    }
    all->in = (uint16_t)(last - all->seg + 1);
    all->in_len += one->in_len;
    return true;
}

/*
 * Takes requests for `need` bytes, makes them one in r->all, and tells how many. SENT: there
 * is room. DROPPED: the driver's buffers cannot hold it.
 */
static enum net_sent make_room(struct virtio_net *d, uint32_t need, uint16_t *buffers)
{
    struct virtio_net_rx *r = &d->rx;
    struct virtq_chain *all = &r->all, *one = &r->one;
    enum net_sent got = take(d, all, need);
    if (unlikely(got != NET_SENT))
        return got;
    *buffers = 1;
    while (all->in_len < need) {
        if (!virtio_has(&d->v, VIRTIO_NET_F_MRG_RXBUF)) {
            r->small++;
            return NET_DROPPED;
        }
        got = take(d, one, need - all->in_len);
        if (unlikely(got != NET_SENT))
            return got;
        if (unlikely(!append(all, one))) {
            r->small++;
            return NET_DROPPED;
        }
        ++*buffers;
    }
    return NET_SENT;
}

/* ---- a frame -------------------------------------------------------------------- */

/* Which of its flags and types goes to a driver with these offloads on. */
static bool takes(const struct virtio_net_rx *r, const struct net_offload *o)
{
    uint64_t needs = 0;
    if (likely(!(o->flags & NET_NEEDS_CSUM) && !o->gso))
        return true;
    needs |= VIRTIO_NET_F_GUEST_CSUM;
    if (o->gso & NET_GSO_ECN)
        needs |= VIRTIO_NET_F_GUEST_ECN;
    switch (o->gso & ~NET_GSO_ECN) {
    case NET_GSO_TCPV4: needs |= VIRTIO_NET_F_GUEST_TSO4; break;
    case NET_GSO_TCPV6: needs |= VIRTIO_NET_F_GUEST_TSO6; break;
    }
    return (r->offloads & needs) == needs;
}

static struct virtio_net_hdr header(const struct virtio_net_rx *r, const struct net_frame *f, bool tag,
                                    uint16_t buffers)
{
    if (likely(!(f->off.flags | f->off.gso)))
        return (struct virtio_net_hdr){ .num_buffers = buffers };
    struct net_offload o = net_frame_offload(f, tag);
    if (!(r->offloads & VIRTIO_NET_F_GUEST_CSUM))
        o.flags = 0;
    return (struct virtio_net_hdr){ o.flags, o.gso, o.hdr_len, o.gso_size, o.csum_start, o.csum_offset, buffers };
}

/* Writes the header; where the frame goes on, and how many bytes follow there. Null: no memory. */
static uint8_t *begin(const struct virtq *q, struct virtq_cursor *k, const struct virtio_net_hdr *h, uint32_t len,
                      size_t *n)
{
    uint8_t *to = virtq_span(q, k, true, sizeof(*h) + len, n);
    if (likely(to && *n > sizeof(*h))) {
        __builtin_memcpy(to, h, sizeof(*h));
        *n -= sizeof(*h);
        return to + sizeof(*h);
    }
    *k = virtq_in(k->c);
    return virtq_push(q, k, h, sizeof(*h)) ? virtq_span(q, k, true, len, n) : NULL;
}

/* Puts header and frame into buffers that are taken for it and noted in r->use. */
static enum net_sent receive(struct virtio_net *d, const struct net_frame *f, bool tag)
{
    struct virtio_net_rx *r = &d->rx;
    struct virtq *q = rxq(d);
    const uint32_t len = net_frame_wire_len(f, tag), shift = len - f->len, front = f->head_len + shift;
    uint16_t buffers;
    enum net_sent room = make_room(d, VIRTIO_NET_HDR + len, &buffers);
    if (unlikely(room != NET_SENT))
        return room;

    const struct virtio_net_hdr h = header(r, f, tag, buffers);
    struct virtq_cursor k = virtq_in(&r->all);
    size_t n;
    uint8_t *to = begin(q, &k, &h, len, &n);
    for (uint32_t at = 0;;) {
        if (unlikely(!to))
            return broken(d, NOT_TAKEN);
        /* The short way for what is most of a long frame. */
        bool copied = at < front ? net_frame_copy(f, tag, at, to, (uint32_t)n)
                                 : f->body(f, at - shift, to, (uint32_t)n);
        if (unlikely(!copied))
            return NET_DROPPED;
        at += (uint32_t)n;
        if (at == len)
            return NET_SENT;
        to = virtq_span(q, &k, true, len - at, &n);
    }
}

/* ---- frames that the driver does not take as they are --------------------------- */

struct pieces {
    struct virtio_net *d;
    bool               tag;
    uint32_t           whole;           /* requests that hold complete frames */
    enum net_sent      end;
};

static bool receive_piece(void *ctx, const struct net_frame *f)
{
    struct pieces *p = ctx;
    p->end = receive(p->d, f, p->tag);
    if (p->end == NET_SENT)
        p->whole = p->d->rx.used;
    return p->end == NET_SENT;
}

/*
 * Checksum and segments are made here. All segments or none: a sender that waits sends all of
 * them again. But where they want more than half of the queue they might wait for ever; then the
 * last ones are lost, as on any wire.
 */
static enum net_sent receive_finished(struct virtio_net *d, const struct net_frame *f, bool tag)
{
    struct virtio_net_rx *r = &d->rx;
    struct pieces p = { d, tag, 0, NET_DROPPED };
    if (net_frame_finish(f, r->buf, sizeof(r->buf), receive_piece, &p))
        return p.end;
    if (p.end != NET_WAIT)
        return NET_DROPPED;
    if (p.whole <= rxq(d)->size / 2u)
        return NET_WAIT;
    virtq_rewind(rxq(d), (uint16_t)(r->used - p.whole));
    r->used = p.whole;
    return NET_SENT;
}

/* ---- the switch's way in -------------------------------------------------------- */

/* Shows the driver what is in r->use, or gives it back as if nothing had been. */
static void finish(struct virtio_net *d, bool sent)
{
    struct virtio_net_rx *r = &d->rx;
    struct virtq *q = rxq(d);
    if (unlikely(!sent)) {
        if (r->used)
            virtq_rewind(q, (uint16_t)r->used);
        return;
    }
    for (uint32_t i = 0; i < r->used; i++)
        virtq_put(q, r->use[i].head, r->use[i].len);
    if (virtq_publish(q))
        virtio_interrupt(&d->v, q);
}

/* Over its rate, the receiver holds the sender up: vport_room() follows by the alarm. */
static bool over_rate(struct virtio_net *d, uint64_t now)
{
    uint64_t when;
    if (bucket_take(&d->rx.rate, 0, now, &when))
        return false;
    dev_alarm(d->env, &d->rx.alarm, when);
    return true;
}

static enum net_sent deliver(struct virtio_net *d, const struct net_frame *f, bool tag)
{
    struct virtio_net_rx *r = &d->rx;
    if (unlikely(!r->up || !virtio_ready(&d->v, VIRTIO_NET_RXQ)))
        return NET_DROPPED;
    if (unlikely(!virtio_net_filter_pass(&r->filter, f->head, tag ? f->vlan : 0))) {
        r->filtered++;
        return NET_DROPPED;
    }
    uint64_t now = unlikely(r->rate.rate) ? dev_now(d->env) : 0;
    if (unlikely(r->rate.rate) && over_rate(d, now))
        return NET_WAIT;
    r->used = 0;
    enum net_sent sent = takes(r, &f->off) ? receive(d, f, tag) : receive_finished(d, f, tag);
    finish(d, sent == NET_SENT);
    if (unlikely(r->rate.rate) && sent == NET_SENT)
        virtio_net_charge(&r->rate, f->len, now);
    return sent;
}

enum net_sent virtio_net_deliver(struct vport *p, const struct net_frame *f, bool tag)
{
    struct virtio_net *d = p->owner;
    spin_lock(&rxq(d)->lock);
    enum net_sent sent = deliver(d, f, tag);
    spin_unlock(&rxq(d)->lock);
    return sent;
}

void virtio_net_rx_notify(struct virtio_net *d)
{
    struct virtq *q = rxq(d);
    spin_lock(&q->lock);
    bool waited = d->rx.waiting;
    d->rx.waiting = false;
    if (virtio_ready(&d->v, VIRTIO_NET_RXQ))
        virtq_notify_disable(q);
    spin_unlock(&q->lock);
    if (waited)
        vport_room(&d->port);
}

void virtio_net_rx_init(struct virtio_net *d, uint64_t features)
{
    struct virtio_net_rx *r = &d->rx;
    r->waiting = false;
    r->offloads = features & VIRTIO_NET_GUEST_OFFLOADS;
    r->filter = (struct virtio_net_filter){
        .mac = mac_load(d->c.port.mac),
        .on = features & VIRTIO_NET_F_CTRL_RX,
        .vlan_on = features & VIRTIO_NET_F_CTRL_VLAN,
    };
}
