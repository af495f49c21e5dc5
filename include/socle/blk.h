/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a virtual disk's data is: one interface for RAM images, overlays and real disks.
 * A request is checked by the caller (inside the disk, not empty, segments in RAM) and
 * names memory as the segments of a virtqueue chain.
 */
#ifndef SOCLE_BLK_H
#define SOCLE_BLK_H

#include "socle/status.h"
#include "socle/types.h"
#include "socle/virtio/virtq.h"

enum { BLK_SECTOR = 512, BLK_SERIAL = 20 };

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES };
enum blk_result { BLK_OK, BLK_IOERR, BLK_UNSUPPORTED };

struct blk_request {
    enum blk_op op;
    uint64_t    sector;             /* of 512 bytes; FLUSH: 0 */
    uint64_t    sectors;
    bool        unmap;              /* WRITE_ZEROES: may free the space */
    const struct virtq *q;          /* whose memory: READ and WRITE only, like the next */
    struct virtq_cursor data;       /* where the first byte goes; enough segments follow */
    enum blk_result result;
    /* A started request has ended; without locks, later than submit() returned. */
    void      (*done)(struct blk_request *r);
    void       *owner, *driver;     /* the submitter's and the backend's own */
};

enum blk_submit {
    BLK_DONE,                       /* r->result is set; done() is not called */
    BLK_STARTED,                    /* r stays the backend's until done() */
    BLK_BUSY,                       /* no room: again after resume() */
};

struct blk;

struct blk_ops {
    /*
     * Does or starts the request. `data` need not outlive the call. With the queue's lock
     * held; does not block. Callers bound every request but FLUSH to BLK_PIECE bytes, so that
     * a call takes at most some 100 us.
     */
    enum blk_submit (*submit)(struct blk *b, struct blk_request *r);
};

enum { BLK_PIECE = 2 << 20 };       /* most bytes of one request */

struct blk {
    const struct blk_ops *ops;
    uint64_t sectors;
    uint32_t block_size;            /* physical: 512 or 4096, for the guest's alignment */
    bool     readonly;
    bool     can_discard, can_zero; /* DISCARD, WRITE_ZEROES are supported */
    bool     volatile_cache;        /* FLUSH means something */
    char     serial[BLK_SERIAL + 1];
    /* There may be room again after BLK_BUSY. Set by the device; without locks. May be null. */
    void   (*resume)(void *owner);
    void    *owner;
    /* For `devices` and `info`, counted by the backend; any CPU may read them torn. */
    uint64_t reads, writes, read_bytes, written_bytes, errors;
};

#endif
