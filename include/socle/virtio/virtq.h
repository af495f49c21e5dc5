/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue, the device's side (virtio 1.2, section 2.7). Everything in the rings is
 * hostile: each index, flag and descriptor is read once, checked, and copied before use; a
 * queue that breaks a rule is marked broken and gives nothing any more until it is reset.
 *
 * Locking: whoever touches a queue holds its lock; q->lock is taken by the device (and by
 * the transport for changes of its set-up). Of two queues' locks, a sender's comes before a
 * receiver's (docs/locking.md).
 */
#ifndef SOCLE_VIRTIO_VIRTQ_H
#define SOCLE_VIRTIO_VIRTQ_H

#include "socle/gmem.h"
#include "socle/lock.h"
#include "socle/state.h"
#include "socle/types.h"

enum { VIRTQ_SIZE_MAX = 256 };          /* of a queue, hence of a chain */

/* Bytes of guest memory that one descriptor names; len is not 0. Not yet looked at: may be anywhere. */
struct virtq_seg { gpa_t at; uint32_t len; };

/* One request: its descriptors, copied. The device-readable ones come first. */
struct virtq_chain {
    uint16_t head;                      /* what virtq_put() wants */
    uint16_t out, in;                   /* segments to read, segments to write, seg[out] on */
    uint64_t out_len, in_len;           /* bytes of each */
    struct virtq_seg seg[VIRTQ_SIZE_MAX];
};

struct virtq {
    struct spinlock    lock;
    const struct gmem *mem;
    uint16_t           max;             /* largest size the device offers, a power of two */
    /* What the driver set up, by way of the transport. */
    uint16_t           size;            /* a power of two, at most max */
    bool               enabled;
    gpa_t              desc, avail, used;
    uint16_t           vector;          /* MSI-X vector, or VIRTIO_NO_VECTOR */
    bool               indirect, event_idx;     /* features as negotiated */
    /* Where the device is. */
    uint16_t           next_avail;      /* next entry of the available ring */
    uint16_t           next_used;       /* next entry of the used ring */
    uint16_t           shown_used;      /* used index as the driver sees it */
    uint16_t           signalled;       /* used index at the last decision about an interrupt */
    bool               notify_off;      /* the driver was asked not to notify */
    const char        *broken;          /* null, or the rule that the driver broke */
};

enum virtq_got { VIRTQ_GOT, VIRTQ_EMPTY, VIRTQ_BROKEN };

/* Not set up, positions 0. max, mem and lock stay. */
void virtq_reset(struct virtq *q);
/*
 * Are the rings where they can be: size set, aligned (2.7: descriptors 16, available 2, used 4
 * bytes), wholly in RAM (used: writable), not overlapping each other? Else why not.
 */
MUST_CHECK bool virtq_place_ok(const struct virtq *q, const char **why);

/* The next request. BROKEN: q->broken says why; ask for a reset of the device. */
MUST_CHECK enum virtq_got virtq_take(struct virtq *q, struct virtq_chain *c);
/* Un-takes the last n requests, none of which has been put. */
void virtq_rewind(struct virtq *q, uint16_t n);
/* Is there a request, without taking it? Cheap. */
bool virtq_pending(const struct virtq *q);

/* Gives a request back with `written` bytes; seen by the driver only after virtq_publish(). */
void virtq_put(struct virtq *q, uint16_t head, uint32_t written);
/* Shows all that was put; true: an interrupt is due (2.7.7, 2.7.10). */
MUST_CHECK bool virtq_publish(struct virtq *q);

/* Asks the driver for no notifications, as long as the queue is being worked. A hint. */
void virtq_notify_disable(struct virtq *q);
/* Asks for one with the next request; true: one came meanwhile, look again. */
MUST_CHECK bool virtq_notify_enable(struct virtq *q);

/*
 * A place in the segments of a chain, moving on as bytes are copied. [i, end) are the
 * segments left, `off` bytes of seg[i] are behind.
 */
struct virtq_cursor {
    const struct virtq_chain *c;
    uint16_t i, end;
    uint32_t off;
};

static inline struct virtq_cursor virtq_out(const struct virtq_chain *c)
{
    return (struct virtq_cursor){ c, 0, c->out, 0 };
}
static inline struct virtq_cursor virtq_in(const struct virtq_chain *c)
{
    return (struct virtq_cursor){ c, c->out, (uint16_t)(c->out + c->in), 0 };
}
/*
 * Copy n bytes and move on. False when the segments end before, or name what is no RAM (or,
 * for push and fill, ROM): then the request is malformed; part of it may have been copied.
 */
MUST_CHECK bool virtq_pull(const struct virtq *q, struct virtq_cursor *k, void *to, size_t n);
MUST_CHECK bool virtq_push(const struct virtq *q, struct virtq_cursor *k, const void *from, size_t n);
MUST_CHECK bool virtq_skip(struct virtq_cursor *k, uint64_t n);
/*
 * The next piece to copy from or to directly: host pointer and length (at most `max`, not 0),
 * and moves over it. Null at the end, or where there is no RAM. As gmem_span().
 */
void *virtq_span(const struct virtq *q, struct virtq_cursor *k, bool write, size_t max, size_t *n);

/* Positions and set-up; the transport's record contains its queues. Nothing taken may be open. */
void virtq_save(const struct virtq *q, struct state_out *o);
MUST_CHECK bool virtq_load(struct virtq *q, struct state_in *in);   /* false: values that cannot be */

#endif
