/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks whose image is in the host's memory (blk_ram.h): set-up, and the image itself, read
 * or written in place. What is written over it is in blk_overlay.c. Requests come from
 * virtio_blk.c and are done when submit() returns; data goes once, directly between the
 * image and the guest's memory. Several queues may ask at once: as on a real disk,
 * requests that overlap in time and place have no order.
 */
#include "vmm/blk/blk_ram_priv.h"

#include "socle/bits.h"
#include "socle/str.h"

/* ---- copies --------------------------------------------------------------------- */

bool blk_ram_to_guest(const struct virtq *q, struct virtq_cursor *k, const uint8_t *at, size_t n)
{
    while (n) {
        size_t piece;
        void *to = virtq_span(q, k, true, n, &piece);
        if (!to)
            return false;
        if (at) {
            memcpy(to, at, piece);
            at += piece;
        } else {
            memset(to, 0, piece);
        }
        n -= piece;
    }
    return true;
}

bool blk_ram_from_guest(const struct virtq *q, struct virtq_cursor *k, uint8_t *at, size_t n)
{
    while (n) {
        size_t piece;
        const void *from = virtq_span(q, k, false, n, &piece);
        if (!from)
            return false;
        memcpy(at, from, piece);
        at += piece;
        n -= piece;
    }
    return true;
}

/* ---- the image alone ------------------------------------------------------------ */

static enum blk_result image_write(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n)
{
    struct virtq_cursor k = q->data;

    return blk_ram_from_guest(q->q, &k, r->image + at, n) ? BLK_OK : BLK_IOERR;
}

static enum blk_result image_read(const struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n)
{
    struct virtq_cursor k = q->data;

    return blk_ram_to_guest(q->q, &k, r->image + at, n) ? BLK_OK : BLK_IOERR;
}

/* ---- requests ------------------------------------------------------------------- */

static enum blk_result change(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n)
{
    if (r->blk.readonly)
        return BLK_IOERR;
    switch (q->op) {
    case BLK_WRITE:
        return r->overlay ? blk_overlay_write(r, q, at, n) : image_write(r, q, at, n);
    case BLK_WRITE_ZEROES:
        if (r->overlay)
            return blk_overlay_zero(r, q, at, n);
        memset(r->image + at, 0, n);
        return BLK_OK;
    case BLK_DISCARD:
        return r->overlay ? blk_overlay_zero(r, q, at, n) : BLK_UNSUPPORTED;
    default:
        return BLK_UNSUPPORTED;
    }
}

/* Queues count at the same time. */
static void add(uint64_t *counter, uint64_t n) { __atomic_fetch_add(counter, n, __ATOMIC_RELAXED); }

static void count(struct blk *b, const struct blk_request *q, uint64_t n)
{
    if (q->result == BLK_IOERR) {
        add(&b->errors, 1);
    } else if (q->op == BLK_READ) {
        add(&b->reads, 1);
        add(&b->read_bytes, n);
    } else if (q->op == BLK_WRITE) {
        add(&b->writes, 1);
        add(&b->written_bytes, n);
    }
}

static enum blk_submit submit(struct blk *b, struct blk_request *q)
{
    struct blk_ram *r = container_of(b, struct blk_ram, blk);
    uint64_t at = q->sector * BLK_SECTOR, n = q->sectors * BLK_SECTOR;

    if (q->op == BLK_READ)
        q->result = r->overlay ? blk_overlay_read(r, q, at, n) : image_read(r, q, at, n);
    else if (q->op == BLK_FLUSH)
        q->result = BLK_OK;             /* nothing here outlives the machine's power anyway */
    else
        q->result = change(r, q, at, n);
    count(b, q, n);
    return BLK_DONE;
}

/* ---- life cycle ----------------------------------------------------------------- */

hv_status blk_ram_init(struct blk_ram *r, enum blk_ram_mode mode, uint8_t *image, uint64_t len,
                       const struct blk_pages *pages, uint64_t limit, void *root)
{
    static const struct blk_ops ops = { submit };
    bool overlay = mode == BLK_RAM_OVERLAY;

    if (!len || !is_aligned(len, BLK_SECTOR))
        return HV_INVALID;
    *r = (struct blk_ram){
        .blk = {
            .ops = &ops, .sectors = len / BLK_SECTOR,
            /* Writes of whole pages spare the overlay to fetch the rest of them. */
            .block_size = overlay ? PAGE_SIZE : BLK_SECTOR,
            .readonly = mode == BLK_RAM_READONLY,
            .can_discard = overlay,
            .can_zero = mode != BLK_RAM_READONLY,
        },
        .image = image, .len = len,
    };
    if (overlay) {
        r->overlay = true;
        r->pages = *pages;
        r->limit = limit >> PAGE_SHIFT;
        r->root = root;
        r->roots = blk_ram_root_size(len) / sizeof(void *);
    }
    return HV_OK;
}
