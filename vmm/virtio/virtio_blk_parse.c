/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver asks of the block device: the header and the ranges of a request, read once
 * and checked against the disk; virtio 1.2, section 5.2.6. How a request lies in its
 * descriptors means nothing (2.7.4.1): its header is the first 16 bytes that the driver
 * wrote, its status the last byte that the device may write, data is between.
 */
#include "vmm/virtio/virtio_blk_priv.h"

#include "socle/str.h"

enum {                                  /* 5.2.6: types of requests */
    T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13,
};

struct header { uint32_t type, reserved; uint64_t sector; };
_Static_assert(sizeof(struct header) == VIRTIO_BLK_HEADER, "virtio_blk_req");

struct range { uint64_t sector; uint32_t sectors, flags; };
_Static_assert(sizeof(struct range) == 16, "virtio_blk_discard_write_zeroes");

enum { FLAG_UNMAP = 1 };

static bool on_disk(const struct blk *b, uint64_t sector, uint64_t sectors)
{
    return sector <= b->sectors && sectors <= b->sectors - sector;
}

/*
 * A driver that cannot flush expects a write to be on the medium when it is done: "stable",
 * 5.2.6.2, case 1.
 */
static bool write_through(const struct virtio_blk_queue *q)
{
    return q->d->c.blk->volatile_cache && !virtio_has(&q->d->v, VIRTIO_BLK_F_FLUSH);
}

static enum virtio_blk_status parse_data(struct virtio_blk_queue *q, enum blk_op op, uint64_t sector, uint64_t bytes)
{
    const struct blk *b = q->d->c.blk;
    struct virtio_blk_job *j = &q->job;

    if (op == BLK_WRITE && virtio_blk_readonly(&q->d->c))
        return VIRTIO_BLK_S_IOERR;
    if (bytes % BLK_SECTOR || !on_disk(b, sector, bytes / BLK_SECTOR))
        return VIRTIO_BLK_S_IOERR;
    if (!bytes)
        return VIRTIO_BLK_S_OK;
    j->op = op;
    j->sector = sector;
    j->sectors = bytes / BLK_SECTOR;
    j->flush = op == BLK_WRITE && write_through(q);
    return VIRTIO_BLK_GO;
}

/* Flags first: an unknown one anywhere means that the request is not understood. */
static enum virtio_blk_status check_ranges(const struct virtio_blk_queue *q, const struct range *r, size_t n,
                                           uint32_t flags)
{
    for (size_t i = 0; i < n; i++)
        if (r[i].flags & ~flags)
            return VIRTIO_BLK_S_UNSUPP;
    for (size_t i = 0; i < n; i++)
        if (r[i].sectors > VIRTIO_BLK_RANGE_MAX || !on_disk(q->d->c.blk, r[i].sector, r[i].sectors))
            return VIRTIO_BLK_S_IOERR;
    return VIRTIO_BLK_GO;
}

static enum virtio_blk_status parse_ranges(struct virtio_blk_queue *q, enum blk_op op, struct virtq_cursor *k,
                                           uint64_t bytes)
{
    bool discard = op == BLK_DISCARD;
    struct virtio_blk_job *j = &q->job;
    struct range r[VIRTIO_BLK_RANGES];

    if (virtio_blk_readonly(&q->d->c))
        return VIRTIO_BLK_S_IOERR;
    if (!virtio_has(&q->d->v, discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES))
        return VIRTIO_BLK_S_UNSUPP;
    if (!bytes || bytes % sizeof(r[0]) || bytes > sizeof(r) || !virtq_pull(virtio_blk_vq(q), k, r, bytes))
        return VIRTIO_BLK_S_IOERR;
    size_t n = bytes / sizeof(r[0]);
    enum virtio_blk_status s = check_ranges(q, r, n, discard ? 0 : FLAG_UNMAP);
    if (s != VIRTIO_BLK_GO)
        return s;
    j->op = op;
    j->flush = !discard && write_through(q);
    for (size_t i = 0; i < n; i++)
        if (r[i].sectors)
            j->ranges_left[j->ranges++] = (struct virtio_blk_range){ r[i].sector, r[i].sectors, r[i].flags };
    return j->ranges ? VIRTIO_BLK_GO : VIRTIO_BLK_S_OK;
}

/* The serial number, 20 bytes at most, filled up with zeros. */
static enum virtio_blk_status get_id(struct virtio_blk_queue *q, uint64_t room, uint32_t *written)
{
    const char *serial = q->d->c.serial ? q->d->c.serial : q->d->c.blk->serial;
    struct virtq_cursor k = virtq_in(&q->chain);
    size_t n = min_u64(room, BLK_SERIAL);
    char id[BLK_SERIAL] = { 0 };

    memcpy(id, serial, strnlen(serial, BLK_SERIAL));
    if (!virtq_push(virtio_blk_vq(q), &k, id, n))
        return VIRTIO_BLK_S_IOERR;
    *written += (uint32_t)n;
    return VIRTIO_BLK_S_OK;
}

static enum virtio_blk_status parse_flush(struct virtio_blk_queue *q)
{
    if (!q->d->c.blk->volatile_cache)
        return VIRTIO_BLK_S_OK;
    q->job.op = BLK_FLUSH;
    q->job.flush = true;
    return VIRTIO_BLK_GO;
}

enum virtio_blk_status virtio_blk_parse(struct virtio_blk_queue *q, uint32_t *written, uint64_t *bytes)
{
    const struct virtq_chain *c = &q->chain;
    const uint64_t out = c->out_len - VIRTIO_BLK_HEADER, in = c->in_len - 1;
    struct virtio_blk_job *j = &q->job;
    struct virtq_cursor k = virtq_out(c);
    enum virtio_blk_status s;
    struct header h;

    *written = 1;
    *bytes = 0;
    j->sectors = 0;
    j->range = j->ranges = 0;
    j->flush = false;
    if (unlikely(!virtq_pull(virtio_blk_vq(q), &k, &h, sizeof(h))))
        return VIRTIO_BLK_S_IOERR;
    switch (h.type) {
    case T_IN:
        s = parse_data(q, BLK_READ, h.sector, in);
        j->data = virtq_in(c);
        *bytes = in;
        *written = (uint32_t)min_u64(in + 1, UINT32_MAX);
        return s;
    case T_OUT:
        s = parse_data(q, BLK_WRITE, h.sector, out);
        j->data = k;
        *bytes = out;
        return s;
    case T_FLUSH:        return parse_flush(q);
    case T_GET_ID:       return get_id(q, in, written);
    case T_DISCARD:      return parse_ranges(q, BLK_DISCARD, &k, out);
    case T_WRITE_ZEROES: return parse_ranges(q, BLK_WRITE_ZEROES, &k, out);
    default:             return VIRTIO_BLK_S_UNSUPP;
    }
}
