/* SPDX-License-Identifier: BSD-2-Clause */
/* See vnet.h: sending. A frame is copied once, into pages that the device reads. */
#include "drivers/pure/vnet_priv.h"

#include "socle/str.h"

enum { HEADER = sizeof(struct vnet_header), FINISH_PAGES = 64 };
#define TX_STUCK_NS 5000000000ull

void vnet_tx_reset(struct vnet *v)
{
    uint16_t n = v->dev.q[VNET_TX].size;
    for (uint16_t i = 0; i < n; i++) {
        v->tx_stack[i] = i;
        v->tx_record[i] = &v->tx[i];
    }
    v->tx_free = v->tx_records = n;
    v->tx_seen = 0;
    vq_interrupt_off(&v->dev.q[VNET_TX]);
}

static void free_record(struct vnet *v, struct vnet_tx *t)
{
    while (t->n)
        v->tx_stack[v->tx_free++] = t->page[--t->n];
    v->tx_record[v->tx_records++] = t;
}

void vnet_tx_reclaim(struct vnet *v)
{
    struct vnet_tx *t;
    uint32_t len;
    while ((t = vq_get(&v->dev.q[VNET_TX], &len)) != NULL)
        free_record(v, t);
}

/* The frame into pages of t; false: the sender's memory is not there. */
static bool copy_frame(struct vnet *v, struct vnet_tx *t, const struct net_frame *f, bool tag, uint32_t len,
                       struct vq_desc *table)
{
    uint32_t at = 0, skip = HEADER;     /* the header's room in the first page */
    while (at < len) {
        uint16_t page = v->tx_stack[--v->tx_free];
        uint8_t *p = v->tx_page[page];
        uint32_t n = len - at < PAGE_SIZE - skip ? len - at : PAGE_SIZE - skip;
        table[t->n].addr = dma_map(&v->dev.space, p);
        table[t->n].len = skip + n;
        table[t->n].flags = 0;
        t->page[t->n++] = page;
        if (!net_frame_copy(f, tag, at, p + skip, n))
            return false;
        at += n;
        skip = 0;
    }
    return true;
}

static void set_header(struct vnet_header *h, const struct net_offload *o)
{
    *h = (struct vnet_header){
        .flags = o->flags & NET_NEEDS_CSUM, .gso_type = o->gso, .hdr_len = o->hdr_len,
        .gso_size = o->gso_size,
    };
    if (h->flags) {
        h->csum_start = o->csum_start;
        h->csum_offset = o->csum_offset;
    }
}

static unsigned pages_of(uint32_t len) { return (len + HEADER + PAGE_SIZE - 1) / PAGE_SIZE; }

/* There is room. Descriptors are taken one for each page: tables would have to stay. */
static bool put(struct vnet *v, const struct net_frame *f, bool tag, const struct net_offload *o)
{
    struct vq_desc table[VNET_PIECES];
    uint32_t len = net_frame_wire_len(f, tag);
    struct vnet_tx *t = v->tx_record[--v->tx_records];
    t->n = 0;
    if (!copy_frame(v, t, f, tag, len, table)) {
        free_record(v, t);
        return false;
    }
    set_header(v->tx_page[t->page[0]], o);
    vq_add_direct(&v->dev.q[VNET_TX], table, t->n, t);
    return true;
}

static bool has_room(const struct vnet *v, unsigned pages)
{
    return v->tx_free >= pages && v->dev.q[VNET_TX].free >= pages;
}

/* Does the device do what the sender left? */
static bool device_does(const struct vnet *v, const struct net_offload *o)
{
    unsigned gso = o->gso & ~(unsigned)NET_GSO_ECN;
    if (o->gso & NET_GSO_ECN && !vdev_has(&v->dev, F_HOST_ECN))
        return false;
    if (gso)
        return vdev_has(&v->dev, gso == NET_GSO_TCPV4 ? F_HOST_TSO4 : F_HOST_TSO6);
    return !(o->flags & NET_NEEDS_CSUM) || vdev_has(&v->dev, F_CSUM);
}

struct finishing { struct vnet *v; bool tag; };

static bool emit(void *ctx, const struct net_frame *f)
{
    const struct finishing *c = ctx;
    static const struct net_offload none;
    return has_room(c->v, pages_of(net_frame_wire_len(f, c->tag))) && put(c->v, f, c->tag, &none);
}

/* Room, perhaps by what has been sent meanwhile; else an interrupt comes with the next frame that has. */
static bool make_room(struct vnet *v, unsigned pages)
{
    struct vq *q = &v->dev.q[VNET_TX];
    while (!has_room(v, pages) && !q->broken && vq_interrupt_on(q))
        vnet_tx_reclaim(v);
    return has_room(v, pages);
}

/* With tx_lock. */
static enum net_sent send(struct vnet *v, const struct net_frame *f, bool tag)
{
    bool direct = device_does(v, &f->off);
    unsigned most = v->dev.q[VNET_TX].size, pages = pages_of(net_frame_wire_len(f, tag));
    if (direct && (pages > VNET_PIECES || pages > most))
        return NET_DROPPED;
    if (!direct)                        /* what does not fit then is lost */
        pages = most < FINISH_PAGES ? most : FINISH_PAGES;
    if (!has_room(v, pages) && !make_room(v, pages)) {
        v->tx_full = true;
        return NET_WAIT;
    }
    if (direct) {
        struct net_offload o = net_frame_offload(f, tag);
        return put(v, f, tag, &o) ? NET_SENT : NET_DROPPED;
    }
    struct finishing c = { v, tag };
    return net_frame_finish(f, v->finish, sizeof(v->finish), emit, &c) ? NET_SENT : NET_DROPPED;
}

/* Of frames without segmentation left to do: does the wire take them? */
static bool fits(const struct vnet *v, const struct net_frame *f)
{
    return f->off.gso || !v->nic.mtu || f->len <= v->nic.mtu + NET_ETH_LEN;
}

enum net_sent vnet_send(struct nic *n, const struct net_frame *f, bool tag)
{
    struct vnet *v = n->driver;
    enum net_sent sent = NET_DROPPED;
    spin_lock(&v->tx_lock);
    if (likely(v->state == VNET_READY && fits(v, f))) {
        vnet_tx_reclaim(v);
        sent = send(v, f, tag);
        vdev_kick(&v->dev, VNET_TX);
        if (v->due == UINT64_MAX)
            v->due = v->dev.now() + TX_STUCK_NS;
    }
    if (sent == NET_DROPPED)
        n->tx_dropped++;
    spin_unlock(&v->tx_lock);
    return sent;
}

void vnet_tx_serve(struct vnet *v)
{
    bool room = false;
    spin_lock(&v->tx_lock);
    if (v->state == VNET_READY) {
        vnet_tx_reclaim(v);
        if (v->tx_full) {
            room = make_room(v, v->dev.q[VNET_TX].size / 2u);
            v->tx_full = !room;
        }
        if (!v->tx_full)
            vq_interrupt_off(&v->dev.q[VNET_TX]);
    }
    spin_unlock(&v->tx_lock);
    if (room && v->nic.room)
        v->nic.room(&v->nic);
}
