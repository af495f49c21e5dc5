/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio block device (virtio 1.2, section 5.2) over a backend (blk.h). Requests of
 * synchronous backends are done in the notification, in pieces that go on as deferred
 * work; asynchronous backends may have many in their hands, and give them back in any order.
 *
 * Locking: a queue's state is under v.q[n].lock, the limits under limit_lock, below it.
 */
#ifndef SOCLE_VIRTIO_VIRTIO_BLK_H
#define SOCLE_VIRTIO_VIRTIO_BLK_H

#include "socle/blk.h"
#include "socle/bucket.h"
#include "socle/virtio/virtio.h"

enum {
    VIRTIO_BLK_QUEUE_SIZE = 256,
    VIRTIO_BLK_SLOTS = 32,              /* requests to the backend at once, per queue */
    VIRTIO_BLK_RANGES = 16,             /* of one discard or write-zeroes request */
};

/* A request to the backend; also the driver's request that it is a piece of, perhaps the only one. */
struct virtio_blk_slot {
    struct blk_request       r;
    struct virtio_blk_queue *queue;
    struct virtio_blk_slot  *next;      /* free list */
    struct virtio_blk_slot  *request;   /* whose piece r is; itself or another */
    bool                     busy;      /* r is in the backend's hands */
    /* The driver's request. */
    bool                     submitted; /* no piece will follow */
    uint16_t                 head, pieces;      /* in the backend's hands */
    enum blk_result          result;    /* of the pieces so far */
    uint32_t                 written;   /* when it succeeds, with the status byte */
    gpa_t                    status_at;
};

struct virtio_blk_range { uint64_t sector; uint32_t sectors; bool unmap; };

/* The request whose pieces are being submitted. */
struct virtio_blk_job {
    struct virtio_blk_slot *request;    /* null: none */
    enum blk_op             op;
    uint64_t                sector, sectors;    /* left, of this range */
    bool                    unmap;
    bool                    flush;      /* and then a FLUSH */
    struct virtq_cursor     data;
    uint16_t                range, ranges;      /* those that follow */
    struct virtio_blk_range ranges_left[VIRTIO_BLK_RANGES];
};

enum virtio_blk_drain { VIRTIO_BLK_RUN, VIRTIO_BLK_DRAIN_QUEUE, VIRTIO_BLK_DRAIN_DEVICE };

struct virtio_blk_queue {
    struct virtio_blk      *d;
    uint16_t                n;
    uint16_t                in_flight;  /* requests in the backend's hands */
    bool                    stalled;    /* waits for one of them, or for the backend's room */
    enum virtio_blk_drain   drain;      /* a reset waits for them */
    struct dev_work         work;
    struct virtio_blk_slot *free;
    struct virtio_blk_job   job;
    struct virtq_chain      chain;      /* the job's */
    struct virtio_blk_slot  slot[VIRTIO_BLK_SLOTS];
};

struct virtio_blk_config {
    struct blk *blk;                    /* its resume and owner are set here */
    unsigned    queues;                 /* 1 to VIRTIO_QUEUES_MAX */
    struct virtio_blk_queue *queue;     /* so many, the device's memory from now on */
    bool        readonly;               /* for this guest, whatever the backend could do */
    const char *serial;                 /* at most BLK_SERIAL characters; null: the backend's */
    uint64_t    rate, iops;             /* limits: bytes and requests a second; 0: none */
    const char *name;                   /* "disk 0" */
};

struct virtio_blk {
    struct virtio            v;
    struct virtio_blk_config c;
    const struct dev_env    *env;
    _Atomic uint32_t         draining;  /* queues that a reset of the device waits for */
    bool                     limited;
    struct spinlock          limit_lock;
    struct bucket            bytes, requests;
    struct alarm             alarm;     /* when the buckets will give something again */
};

/* VM set-up; the caller adds d->v.pci to the bus. */
void virtio_blk_init(struct virtio_blk *d, const struct virtio_blk_config *c, const struct dev_env *env);
/* Nothing is in the hands of the backend. Once the VM is paused and this is true, it stays so. */
bool virtio_blk_quiet(const struct virtio_blk *d);

/* Quiet. Requests that are under way go back into their queues, to be done anew. */
void virtio_blk_save(struct virtio_blk *d, struct state_out *o);
/* Quiet. HV_INVALID: another disk, or what cannot be. */
MUST_CHECK hv_status virtio_blk_load(struct virtio_blk *d, struct state_in *in);

#endif
