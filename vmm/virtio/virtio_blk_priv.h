/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the block device share; numbers of virtio 1.2, section 5.2. */
#ifndef SOCLE_VMM_VIRTIO_BLK_PRIV_H
#define SOCLE_VMM_VIRTIO_BLK_PRIV_H

#include "socle/virtio/virtio_blk.h"

/* 5.2.3 */
#define VIRTIO_BLK_F_SEG_MAX        BIT64(2)
#define VIRTIO_BLK_F_RO             BIT64(5)
#define VIRTIO_BLK_F_BLK_SIZE       BIT64(6)
#define VIRTIO_BLK_F_FLUSH          BIT64(9)
#define VIRTIO_BLK_F_TOPOLOGY       BIT64(10)
#define VIRTIO_BLK_F_MQ             BIT64(12)
#define VIRTIO_BLK_F_DISCARD        BIT64(13)
#define VIRTIO_BLK_F_WRITE_ZEROES   BIT64(14)

/* 5.2.6: status bytes; GO is none of them. */
enum virtio_blk_status { VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_GO };

/* Sectors of one range to discard or to fill with zeros, 2 GiB. */
enum { VIRTIO_BLK_RANGE_MAX = 4 << 20 };

enum { VIRTIO_BLK_HEADER = 16 };

static inline struct virtq *virtio_blk_vq(const struct virtio_blk_queue *q) { return &q->d->v.q[q->n]; }

/*
 * Reads q->chain, which has room for header and status. GO: q->job (but for `request`) says what
 * is to do; *written: bytes the device will have written, *bytes: data moved. Else it is done
 * already, or refused, with this status. Queue's lock held.
 */
MUST_CHECK enum virtio_blk_status virtio_blk_parse(struct virtio_blk_queue *q, uint32_t *written, uint64_t *bytes);

/* Works on the queue as far as the budget goes; true: there is more to do. Lock held. */
MUST_CHECK bool virtio_blk_serve(struct virtio_blk_queue *q);
/* Set-up of q->slot. */
void virtio_blk_queue_init(struct virtio_blk_queue *q);
/* Lets go of the job: what the backend has of it ends unseen. Lock held. */
void virtio_blk_forget(struct virtio_blk_queue *q);

/* May a request that moves so many bytes go now? No: the queue is served again when it may. */
MUST_CHECK bool virtio_blk_allowed(struct virtio_blk *d, uint64_t bytes);
/* The last request that a reset waits for has ended. No lock held. */
void virtio_blk_drained(struct virtio_blk_queue *q, enum virtio_blk_drain drain);

static inline bool virtio_blk_readonly(const struct virtio_blk_config *c)
{
    return c->readonly || c->blk->readonly;
}
static inline bool virtio_blk_discards(const struct virtio_blk_config *c)
{
    return c->blk->can_discard && !virtio_blk_readonly(c);
}
static inline bool virtio_blk_zeroes(const struct virtio_blk_config *c)
{
    return c->blk->can_zero && !virtio_blk_readonly(c);
}

#endif
