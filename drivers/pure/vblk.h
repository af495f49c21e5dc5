/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk of the outer machine (virtio 1.2, 5.2) as a struct disk. Data goes straight between the
 * device and the memory that a request names. A request that is not answered for 30 s costs the
 * device a reset; what was under way fails then.
 *
 * Locking: b->lock guards the queue; it is taken with a guest's queue locked. done() and
 * resume() are called without.
 */
#ifndef DRIVERS_PURE_VBLK_H
#define DRIVERS_PURE_VBLK_H

#include "drivers/pure/disk.h"
#include "drivers/pure/vdev.h"
#include "socle/lock.h"

enum {
    VBLK_PARTS = 64,                    /* requests to the device at once */
    VBLK_SEGS = 126,                    /* pieces of memory of each */
    VBLK_SPLIT = 8,                     /* parts that one blk_request makes at most */
    VBLK_TIMEOUT_S = 30,
};

/* One request to the device: a blk_request, or a part of one that has too many segments. */
struct vblk_part {
    struct vq_desc   table[VBLK_SEGS + 2];
    struct { uint32_t type, reserved; uint64_t sector; } header;                /* 5.2.6 */
    struct { uint64_t sector; uint32_t sectors, flags; } range;                 /* discard, write zeroes */
    volatile uint8_t status;
    bool             waited;            /* nobody's request: someone polls `ended` */
    bool             ended;
    uint32_t         bytes;             /* of data */
    uint64_t         started;           /* ns; 0: free */
    struct blk_request *request;
    struct vblk_part *next;             /* free ones */
};
_Static_assert(sizeof(((struct vblk_part *)0)->header) == 16, "virtio_blk_req (5.2.6)");
_Static_assert(sizeof(((struct vblk_part *)0)->range) == 16, "virtio_blk_discard_write_zeroes (5.2.6)");

enum vblk_state { VBLK_READY, VBLK_RESETTING, VBLK_DEAD };

struct vblk {
    struct vdev dev;
    struct spinlock   lock;
    struct disk       disk;
    struct disk_view  whole;
    enum vblk_state   state;
    uint32_t          seg_max, discard_max, zero_max;   /* sectors of one command */
    bool              may_unmap, refused;       /* refused: somebody was answered BLK_BUSY */
    uint64_t          due;                      /* ns: when to look for what takes too long; ~0: never */
    uint64_t          give_up;                  /* a reset that takes longer than this has failed */
    uint64_t          complained, unsaid;       /* errors: time of the last line, those since */
    struct vblk_part *free;
    struct vblk_part  part[VBLK_PARTS];
};

/* Brings the device up. b: zeroed, contiguous host RAM; b->dev is set. Null, or why it is not used. Boot. */
MUST_CHECK const char *vblk_start(struct vblk *b, const char *name);
/* The device interrupted: requests that have ended. The CPU's loop. */
void vblk_serve(struct vblk *b);
/* Timeouts: at b->due or later. Returns the new b->due. The CPU's loop. */
uint64_t vblk_tick(struct vblk *b, uint64_t now);

#endif
