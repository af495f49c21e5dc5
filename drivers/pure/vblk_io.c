/* SPDX-License-Identifier: BSD-2-Clause */
/* See vblk.h: from a blk_request to descriptors. */
#include "drivers/pure/vblk_priv.h"
#include "socle/str.h"

#define WAIT_NS 5000000000ull           /* for requests at boot */

/* The parts of the request that is being made. */
struct parts {
    unsigned n;
    struct { struct vblk_part *part; uint16_t head; } of[VBLK_SPLIT];
};

enum made { MADE, MADE_NO_ROOM, MADE_BAD };

void vblk_free_part(struct vblk *b, struct vblk_part *p)
{
    p->started = 0;
    p->request = NULL;
    p->next = b->free;
    b->free = p;
}

static void set_desc(struct vq_desc *d, struct dma_addr at, uint32_t len, uint16_t flags)
{
    d->addr = at;
    d->len = len;
    d->flags = flags;
}

/* table[1 .. segs] has the data. Adds header and status, and the part to the queue. */
static uint16_t add_part(struct vblk *b, struct vblk_part *p, unsigned segs, uint64_t now)
{
    const struct dma_space *s = &b->dev.space;
    set_desc(&p->table[0], dma_map(s, &p->header), sizeof(p->header), 0);
    set_desc(&p->table[segs + 1], dma_map(s, &p->status), 1, VQ_WRITE);
    p->status = S_IOERR;
    p->ended = false;
    p->started = now ? now : 1;
    if (b->due > p->started + VBLK_TIMEOUT_S * 1000000000ull)
        b->due = p->started + VBLK_TIMEOUT_S * 1000000000ull;
    return vq_add(&b->dev.q[0], s, p->table, segs + 2, p);
}

/* Shortens the data to whole sectors, which is where the next part begins. Returns the segments left. */
static unsigned trim(struct vblk_part *p, unsigned segs)
{
    uint32_t cut = p->bytes % BLK_SECTOR;
    p->bytes -= cut;
    while (cut) {
        struct vq_desc *last = &p->table[segs];
        uint32_t n = last->len < cut ? last->len : cut;
        last->len -= n;
        cut -= n;
        if (!last->len)
            segs--;
    }
    return segs;
}

/* Fills in up to `want` bytes of data, as far as the device takes segments. 0: memory that is not there. */
static unsigned fill_data(struct vblk *b, struct vblk_part *p, const struct blk_request *r,
                          struct virtq_cursor *k, uint32_t want)
{
    const struct virtq_cursor start = *k;
    uint16_t flags = r->op == BLK_READ ? VQ_WRITE : 0;
    struct vq_desc *d = p->table;       /* the last one filled in */
    unsigned segs = 0;
    p->bytes = 0;
    while (p->bytes < want && segs < b->seg_max) {
        size_t n;
        const void *at = virtq_span(r->q, k, r->op == BLK_READ, want - p->bytes, &n);
        if (!at)
            return 0;
        struct dma_addr a = dma_map(&b->dev.space, at);
        if (segs && d->addr.v + d->len == a.v) {
            d->len += (uint32_t)n;
        } else {
            set_desc(++d, a, (uint32_t)n, flags);
            segs++;
        }
        p->bytes += (uint32_t)n;
    }
    if (p->bytes < want && p->bytes % BLK_SECTOR) {
        segs = trim(p, segs);
        *k = start;
        if (!virtq_skip(k, p->bytes))
            return 0;
    }
    return p->bytes ? segs : 0;
}

static const uint32_t types[] = {
    [BLK_READ] = T_IN, [BLK_WRITE] = T_OUT, [BLK_FLUSH] = T_FLUSH, [BLK_DISCARD] = T_DISCARD,
    [BLK_WRITE_ZEROES] = T_WRITE_ZEROES,
};

/* A range to discard or to zero is data of 16 bytes. Returns how many sectors it takes. */
static uint64_t fill_range(struct vblk *b, struct vblk_part *p, const struct blk_request *r, uint64_t sector,
                           uint64_t left)
{
    uint32_t n = (uint32_t)min_u64(left, r->op == BLK_DISCARD ? b->discard_max : b->zero_max);
    p->range.sector = sector;
    p->range.sectors = n;
    p->range.flags = r->op == BLK_WRITE_ZEROES && r->unmap && b->may_unmap ? ZEROES_UNMAP : 0;
    set_desc(&p->table[1], dma_map(&b->dev.space, &p->range), sizeof(p->range), 0);
    return n;
}

static enum made make_parts(struct vblk *b, struct parts *m, struct blk_request *r, uint64_t sector)
{
    struct virtq_cursor k = r->data;
    bool data = r->op == BLK_READ || r->op == BLK_WRITE;
    uint64_t left = r->op == BLK_FLUSH ? 0 : r->sectors, now = b->dev.now();
    do {
        struct vblk_part *p = b->free;
        unsigned segs = r->op != BLK_FLUSH;
        uint64_t n = 0;
        if (m->n == VBLK_SPLIT)
            return MADE_BAD;
        if (!p)
            return MADE_NO_ROOM;
        p->header.type = types[r->op];
        p->header.sector = data ? sector : 0;
        if (data) {
            segs = fill_data(b, p, r, &k, (uint32_t)(left * BLK_SECTOR));
            if (!segs)
                return MADE_BAD;
            n = p->bytes / BLK_SECTOR;
        } else if (left) {
            n = fill_range(b, p, r, sector, left);
        }
        if (!vq_room(&b->dev.q[0], segs + 2))
            return MADE_NO_ROOM;
        b->free = p->next;
        p->request = r;
        p->waited = false;
        m->of[m->n].part = p;
        m->of[m->n++].head = add_part(b, p, segs, now);
        sector += n;
        left -= n;
    } while (left);
    return MADE;
}

static void unmake(struct vblk *b, struct parts *m)
{
    while (m->n) {
        m->n--;
        vq_take_back(&b->dev.q[0], m->of[m->n].head);
        vblk_free_part(b, m->of[m->n].part);
    }
}

static enum blk_submit done(struct blk_request *r, enum blk_result result)
{
    r->result = result;
    return BLK_DONE;
}

/* With the lock; nothing is published yet. */
static enum blk_submit start(struct vblk *b, struct blk_request *r, uint64_t sector)
{
    struct parts m;
    m.n = 0;
    const struct blk *blk = &b->disk.view[0].blk;
    if (unlikely(b->state != VBLK_READY))
        return b->state == VBLK_DEAD ? done(r, BLK_IOERR) : BLK_BUSY;
    if (r->op == BLK_FLUSH && !blk->volatile_cache)
        return done(r, BLK_OK);
    if ((r->op == BLK_DISCARD && !blk->can_discard) || (r->op == BLK_WRITE_ZEROES && !blk->can_zero))
        return done(r, BLK_UNSUPPORTED);
    if (unlikely(r->op > BLK_WRITE && r->op != BLK_FLUSH ? !r->sectors : r->sectors > BLK_PIECE / BLK_SECTOR))
        return done(r, BLK_IOERR);
    bool idle = !b->dev.q[0].in_flight;
    switch (make_parts(b, &m, r, sector)) {
    case MADE:
        r->result = BLK_OK;
        r->driver = (void *)(uintptr_t)m.n;
        return BLK_STARTED;
    case MADE_NO_ROOM:
        unmake(b, &m);
        return idle ? done(r, BLK_IOERR) : BLK_BUSY;    /* idle: it never fits */
    case MADE_BAD:
        break;
    }
    unmake(b, &m);
    return done(r, BLK_IOERR);
}

static enum blk_submit submit(struct disk *d, struct blk_request *r, uint64_t sector)
{
    struct vblk *b = d->driver;
    spin_lock(&b->lock);
    enum blk_submit s = start(b, r, sector);
    if (s == BLK_STARTED)
        vdev_kick(&b->dev, 0);
    else if (s == BLK_BUSY)
        b->refused = true;
    spin_unlock(&b->lock);
    return s;
}

/* ---- boot and the end of the machine: waiting for a request -------------------------------------------------- */

/* No guest runs, nobody listens for interrupts. n 0: no data. A device that does not answer is given up. */
static bool wait_for(struct vblk *b, uint32_t type, uint64_t sector, void *buf, uint32_t n, uint64_t limit)
{
    struct vblk_part *p = b->free;
    uint64_t now = b->dev.now(), end = now + limit;
    if (b->state != VBLK_READY || !p)
        return false;
    b->free = p->next;
    p->header.type = type;
    p->header.sector = sector;
    p->waited = true;
    if (n)
        set_desc(&p->table[1], dma_map(&b->dev.space, buf), n, VQ_WRITE);
    add_part(b, p, n ? 1 : 0, now);
    vdev_kick(&b->dev, 0);
    while (!p->ended && !b->dev.q[0].broken && b->dev.now() < end)
        vblk_serve(b);
    if (!p->ended) {
        vdev_give_up(&b->dev);
        b->state = VBLK_DEAD;
        return false;
    }
    p->waited = false;
    bool ok = p->status == S_OK;
    vblk_free_part(b, p);
    return ok;
}

static bool read_now(struct disk *d, uint64_t sector, void *buf, uint32_t n)
{
    return wait_for(d->driver, T_IN, sector, buf, n, WAIT_NS);
}

static bool flush_now(struct disk *d)
{
    return wait_for(d->driver, T_FLUSH, 0, NULL, 0, VBLK_TIMEOUT_S * 1000000000ull);
}

/* In the range of a part, which is memory that the device reaches. */
bool vblk_read_id(struct vblk *b, char id[BLK_SERIAL])
{
    char *buf = (char *)b->part[VBLK_PARTS - 1].table;
    _Static_assert(VBLK_PARTS > 1, "the free list begins with the last part, which is in use meanwhile");
    if (b->free == &b->part[VBLK_PARTS - 1])
        buf = (char *)b->part[0].table;
    memset(buf, 0, BLK_SERIAL);
    if (!wait_for(b, T_GET_ID, 0, buf, BLK_SERIAL, WAIT_NS))
        return false;
    memcpy(id, buf, BLK_SERIAL);
    return true;
}

const struct disk_ops vblk_disk_ops = { submit, read_now, flush_now };
