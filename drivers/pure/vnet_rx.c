/* SPDX-License-Identifier: BSD-2-Clause */
/* See vnet.h: receiving. A frame stays in the device's pages until the switch has copied it. */
#include "drivers/pure/vnet_priv.h"

#include "socle/str.h"

enum { HEADER = sizeof(struct vnet_header) };

static void give(struct vnet *v, void *page)
{
    struct vq_desc d = { .addr = dma_map(&v->dev.space, page), .len = PAGE_SIZE, .flags = VQ_WRITE };
    vq_add(&v->dev.q[VNET_RX], &v->dev.space, &d, 1, page);
}

void vnet_rx_fill(struct vnet *v)
{
    v->rx.n = 0;
    for (unsigned i = 0; i < v->dev.q[VNET_RX].size; i++)
        give(v, v->rx_page[i]);
    vdev_kick(&v->dev, VNET_RX);
}

static void give_back(struct vnet *v)
{
    for (unsigned i = 0; i < v->rx.n; i++)
        give(v, v->rx.page[i]);
    v->rx.n = 0;
}

static bool copy(const struct nic_frame *f, uint32_t at, void *to, uint32_t n)
{
    const struct vnet *v = f->driver;
    uint8_t *out = to;
    at += HEADER;
    for (unsigned i = 0; i < v->rx.n && n; i++) {
        uint32_t len = v->rx.len[i];
        if (at >= len) {
            at -= len;
            continue;
        }
        uint32_t k = len - at < n ? len - at : n;
        memcpy(out, v->rx.page[i] + at, k);
        out += k;
        n -= k;
        at = 0;
    }
    return n == 0;
}

static const char *take_piece(struct vnet *v)
{
    struct vnet_rx *r = &v->rx;
    uint32_t len;
    uint8_t *page = vq_get(&v->dev.q[VNET_RX], &len);
    if (!page)
        return r->n ? "part of a frame is missing" : NULL;
    r->page[r->n] = page;
    r->len[r->n++] = len;
    return len > PAGE_SIZE ? "a frame is longer than its buffer" : NULL;
}

static void describe(struct vnet *v, uint32_t wire_len)
{
    struct vnet_rx *r = &v->rx;
    struct vnet_header h;
    memcpy(&h, r->page[0], sizeof(h));
    r->frame = (struct nic_frame){
        .first = r->page[0] + HEADER, .first_len = r->len[0] - HEADER, .wire_len = wire_len,
        .off = { h.flags & (NET_NEEDS_CSUM | NET_DATA_VALID), h.gso_type, h.hdr_len, h.gso_size, h.csum_start,
                 h.csum_offset },
        .copy = copy, .driver = v,
    };
    if (r->frame.first_len >= sizeof(r->first) || r->frame.first_len == wire_len)
        return;
    r->frame.first_len = wire_len < sizeof(r->first) ? wire_len : sizeof(r->first);
    /* It lies within wire_len. */
    if (copy(&r->frame, 0, r->first, r->frame.first_len))
        r->frame.first = r->first;
}

/* The next frame into v->rx; n stays 0 when there is none. */
static const char *take_frame(struct vnet *v)
{
    struct vnet_rx *r = &v->rx;
    const char *why = take_piece(v);
    if (why || !r->n)
        return why;
    if (r->len[0] < HEADER)
        return "a frame is too short";
    uint16_t pieces = 1;
    if (vdev_has(&v->dev, F_MRG_RXBUF))
        memcpy(&pieces, r->page[0] + offsetof(struct vnet_header, num_buffers), sizeof(pieces));
    if (!pieces || pieces > VNET_PIECES)
        return "a frame has an impossible number of buffers";
    uint32_t bytes = r->len[0] - HEADER;
    while (r->n < pieces && !why) {
        why = take_piece(v);
        bytes += r->len[r->n - 1];
    }
    if (!why)
        describe(v, bytes);
    return why;
}

/* With rx_lock. True: there is more. */
static bool receive(struct vnet *v)
{
    struct vq *q = &v->dev.q[VNET_RX];
    for (unsigned i = 0; i < VNET_RX_BUDGET; i++) {
        const char *why = take_frame(v);
        if (why)
            q->broken = why;
        if (q->broken)
            return false;
        if (v->rx.n) {
            if (!v->nic.receive(&v->nic, &v->rx.frame))
                v->nic.rx_dropped++;
            give_back(v);
        } else if (!vq_interrupt_on(q)) {
            return false;
        }
    }
    return true;
}

bool vnet_rx_serve(struct vnet *v)
{
    bool more = false;
    spin_lock(&v->rx_lock);
    if (v->state == VNET_READY && v->up) {
        more = receive(v);
        vdev_kick(&v->dev, VNET_RX);
    }
    spin_unlock(&v->rx_lock);
    return more;
}
