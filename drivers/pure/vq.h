/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue, the driver's side (virtio 1.2, 2.7), in host memory. The device writes the
 * used ring: ids in it are checked against what is in flight, nothing else is believed.
 * Not locked: the driver's own lock guards it.
 */
#ifndef DRIVERS_PURE_VQ_H
#define DRIVERS_PURE_VQ_H

#include "drivers/pure/dma.h"
#include "socle/types.h"

enum { VQ_SIZE_MAX = 256, VQ_PAGES = 2 };

enum { VQ_NEXT = 1, VQ_WRITE = 2, VQ_INDIRECT = 4 };            /* descriptor flags, 2.7.5 */

struct vq_desc { struct dma_addr addr; uint32_t len; uint16_t flags, next; };
_Static_assert(sizeof(struct vq_desc) == 16, "virtq_desc layout (2.7.5)");

struct vq_used_elem { uint32_t id, len; };
_Static_assert(sizeof(struct vq_used_elem) == 8, "virtq_used_elem layout (2.7.8)");

struct vq {
    uint16_t size, mask;
    bool     indirect, event_idx;       /* features as negotiated */
    volatile struct vq_desc *desc;
    volatile uint16_t       *avail;     /* flags, idx, ring[size], used_event */
    volatile uint16_t       *used;      /* flags, idx; then ring; then avail_event */
    volatile struct vq_used_elem *used_ring;
    volatile uint16_t       *avail_event;
    uint16_t next_avail;                /* what has been added, */
    uint16_t published;                 /* and what of it the device was shown */
    uint16_t next_used;
    uint16_t in_flight;                 /* requests */
    uint16_t free, free_head;           /* descriptors; list through next[] */
    uint16_t next[VQ_SIZE_MAX];         /* our own: the device can write what it maps */
    uint16_t count[VQ_SIZE_MAX];        /* descriptors of the request that begins here */
    void    *token[VQ_SIZE_MAX];        /* by first descriptor; null: none begins here */
    const char *broken;                 /* what the device did wrong; gives nothing any more */
};

/* mem: VQ_PAGES contiguous pages, zeroed here: the device must not use them. size: a power of two to VQ_SIZE_MAX. */
void vq_init(struct vq *q, uint16_t size, void *mem, bool indirect, bool event_idx);

/* Does a request of n descriptors fit? */
static inline bool vq_room(const struct vq *q, unsigned n)
{
    return q->free >= (q->indirect && n > 1 ? 1 : n);
}
/*
 * Adds a request: n descriptors at `table` (flags and next are filled in here but for VQ_WRITE),
 * which, with indirect descriptors and n > 1, the device reads where it is: it stays until
 * the request is back. token: not null. There is room. Returns the first descriptor.
 */
uint16_t vq_add(struct vq *q, const struct dma_space *space, struct vq_desc *table, unsigned n, void *token);
/* The same, always in the queue's own descriptors: the table need not stay. */
uint16_t vq_add_direct(struct vq *q, const struct vq_desc *table, unsigned n, void *token);
/* Takes back the last request added; not yet published. */
void vq_take_back(struct vq *q, uint16_t head);
/* Shows the device what was added; true: it wants to be notified. */
MUST_CHECK bool vq_publish(struct vq *q);
/* The next request that is done, or null; *len: bytes the device wrote. */
void *vq_get(struct vq *q, uint32_t *len);

/* Asks for an interrupt with the next request that is done; true: one is already. */
MUST_CHECK bool vq_interrupt_on(struct vq *q);
void vq_interrupt_off(struct vq *q);

/* Any request that is still in flight, to be failed after the device was reset; null: none. */
void *vq_detach(struct vq *q);

#endif
