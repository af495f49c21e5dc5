/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device's transmit queue (virtio 1.2, 5.1.6.2): takes each frame's headers in one
 * copy, which are checked, and gives it to the switch; the receivers copy the rest straight from
 * the guest's memory. Run by notifications and by deferred work, in bounded pieces.
 */
#include "vmm/virtio/virtio_net_priv.h"

/* What is copied at once: all that net_frame_parse() wants. */
enum { FIRST = VIRTIO_NET_HDR + NET_HEAD + NET_TAG_LEN };

/* How a run over the queue ends. */
enum tx_end { TX_EMPTY, TX_STOP, TX_BUDGET };

/* Bytes [at, at+n) of the body; the cursor is where the last call ended. */
static bool body(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    struct virtio_net *d = f->source;
    struct virtio_net_tx *t = &d->tx;
    uint32_t byte = t->prefix + at;
    if (byte < t->at_byte) {
        t->at = virtq_out(&t->chain);
        t->at_byte = 0;
    }
    bool good = byte == t->at_byte || virtq_skip(&t->at, byte - t->at_byte);
    if (unlikely(!good || !virtq_pull(&d->v.q[VIRTIO_NET_TXQ], &t->at, to, n))) {
        t->fault = true;
        return false;
    }
    t->at_byte = byte + n;
    return true;
}

/* The offload fields, as far as they were agreed on; false: one that was not. */
static bool read_offload(const struct virtio *v, const struct virtio_net_hdr *h, struct net_offload *o)
{
    static const struct net_offload none;
    uint8_t flags = h->flags & NET_NEEDS_CSUM;          /* others are ignored, 5.1.6.2.2 */
    if (!(flags | h->gso_type)) {
        *o = none;
        return true;
    }
    uint64_t needs = flags ? VIRTIO_NET_F_CSUM : 0;
    if (h->gso_type & NET_GSO_ECN)
        needs |= VIRTIO_NET_F_HOST_ECN;
    switch (h->gso_type & ~NET_GSO_ECN) {
    case NET_GSO_NONE:  break;
    case NET_GSO_TCPV4: needs |= VIRTIO_NET_F_HOST_TSO4; break;
    case NET_GSO_TCPV6: needs |= VIRTIO_NET_F_HOST_TSO6; break;
    default:            return false;
    }
    *o = (struct net_offload){ flags, h->gso_type, h->hdr_len, h->gso_size, h->csum_start, h->csum_offset };
    return (v->features & needs) == needs;
}

/* Makes t->frame from t->chain. False: to be dropped, or t->fault. */
static bool read_frame(struct virtio_net *d, bool *tagged)
{
    struct virtio_net_tx *t = &d->tx;
    const struct virtq_chain *c = &t->chain;
    struct { struct virtio_net_hdr h; uint8_t frame[FIRST - VIRTIO_NET_HDR]; } first;
    _Static_assert(sizeof(first) == FIRST, "without padding");
    struct net_offload off;
    uint32_t n = (uint32_t)min_u64(c->out_len, FIRST);

    t->at = virtq_out(c);
    t->fault = !virtq_pull(&d->v.q[VIRTIO_NET_TXQ], &t->at, &first, n);
    t->at_byte = n;
    if (t->fault || c->out_len > VIRTIO_NET_HDR + NET_GSO_MAX + NET_TAG_LEN || !read_offload(&d->v, &first.h, &off) ||
        !net_frame_parse(&t->frame, first.frame, n - VIRTIO_NET_HDR, (uint32_t)c->out_len - VIRTIO_NET_HDR, &off,
                         tagged))
        return false;
    t->prefix = VIRTIO_NET_HDR + (*tagged ? NET_TAG_LEN : 0);
    t->frame.body = body;
    t->frame.source = d;
    return true;
}

/* Is the guest within its rate? Else an alarm is set. */
static bool within_rate(struct virtio_net *d)
{
    struct virtio_net_tx *t = &d->tx;
    uint64_t when;
    if (likely(!t->rate.rate) || bucket_take(&t->rate, 0, t->now, &when))
        return true;
    dev_alarm(d->env, &t->alarm, when);
    return false;
}

/* Sends t->chain. NET_WAIT: not now. t->fault: malformed, the queue must not go on. */
static enum net_sent send(struct virtio_net *d, uint64_t now)
{
    struct virtio_net_tx *t = &d->tx;
    bool tagged;
    t->fault = t->chain.in || t->chain.out_len < VIRTIO_NET_HDR;
    if (unlikely(t->fault))
        return NET_DROPPED;
    if (!within_rate(d))
        return NET_WAIT;
    if (unlikely(!read_frame(d, &tagged))) {
        t->malformed++;
        return NET_DROPPED;
    }
    enum net_sent sent = vswitch_send(&d->port, &t->frame, tagged, now);
    if (unlikely(t->rate.rate) && sent != NET_WAIT)
        virtio_net_charge(&t->rate, t->chain.out_len - VIRTIO_NET_HDR, t->now);
    return sent;
}

/* Sends until something stops it; `frames` and `bytes` are what is left of the budget. */
static enum tx_end send_all(struct virtio_net *d, unsigned *frames, uint64_t *bytes, uint64_t now)
{
    struct virtq *q = &d->v.q[VIRTIO_NET_TXQ];
    struct virtio_net_tx *t = &d->tx;
    while (*frames && *bytes) {
        switch (virtq_take(q, &t->chain)) {
        case VIRTQ_EMPTY:
            return TX_EMPTY;
        case VIRTQ_BROKEN:
            virtio_broken(&d->v, q->broken);
            return TX_STOP;
        case VIRTQ_GOT:
            break;
        }
        enum net_sent sent = send(d, now);
        if (unlikely(t->fault)) {
            virtio_broken(&d->v, "a transmit buffer is writable, lacks its header or is not in memory");
            return TX_STOP;
        }
        if (sent == NET_WAIT) {
            virtq_rewind(q, 1);
            return TX_STOP;
        }
        virtq_put(q, t->chain.head, 0);
        *frames -= 1;
        *bytes -= min_u64(*bytes, t->chain.out_len);
    }
    return TX_BUDGET;
}

static enum tx_end run(struct virtio_net *d)
{
    struct virtq *q = &d->v.q[VIRTIO_NET_TXQ];
    unsigned frames = NET_RUN_FRAMES;
    uint64_t bytes = NET_RUN_BYTES;
    d->tx.now = dev_now(d->env);
    uint64_t now = d->c.clock ? d->c.clock() : d->tx.now;
    for (;;) {
        virtq_notify_disable(q);
        enum tx_end end = send_all(d, &frames, &bytes, now);
        if (frames < NET_RUN_FRAMES && virtq_publish(q))
            virtio_interrupt(&d->v, q);
        if (end != TX_EMPTY || !virtq_notify_enable(q))
            return end;
    }
}

bool virtio_net_tx_run(struct virtio_net *d)
{
    struct virtq *q = &d->v.q[VIRTIO_NET_TXQ];
    spin_lock(&q->lock);
    bool more = virtio_ready(&d->v, VIRTIO_NET_TXQ) && run(d) == TX_BUDGET;
    spin_unlock(&q->lock);
    return more;
}
