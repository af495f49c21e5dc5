/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_vdev.h. It checks what a device may expect of a driver, and aborts otherwise. */
#include "fake/fake_vdev.h"

#include <string.h>

#include "socle/assert.h"
#include "socle/le.h"

void fake_vdev_init(struct fake_vdev *f, struct vdev *d, uint8_t *arena, uint32_t features, uint16_t queue_size,
                    uint64_t (*now)(void))
{
    memset(f, 0, sizeof(*f));
    f->arena = arena;
    f->d = d;
    put_le32(f->common + 4, features | 1);      /* both halves read the same */
    put_le16(f->common + 18, VDEV_QUEUES);
    put_le16(f->common + 24, queue_size);
    *d = (struct vdev){
        .common = f->common, .notify = f->notify, .config = f->config, .notify_len = sizeof(f->notify),
        .config_len = sizeof(f->config), .notify_multiplier = 4, .polled = true, .space = { arena }, .now = now,
    };
}

void fake_vdev_rings(struct fake_vdev *f)
{
    memset(f->next, 0, sizeof(f->next));
    memset(f->used, 0, sizeof(f->used));
}

uint8_t fake_vdev_status(const struct fake_vdev *f) { return f->common[20]; }

static void add_seg(struct fake_vdev *f, struct fake_request *r, const volatile struct vq_desc *d)
{
    hv_assert(r->n < FAKE_SEGS && d->len);
    r->seg[r->n].at = f->arena + d->addr.v;
    r->seg[r->n].len = d->len;
    r->seg[r->n].write = d->flags & VQ_WRITE;
    hv_assert(!r->n || r->seg[r->n].write >= r->seg[r->n - 1].write);   /* 2.7.4.2 */
    r->n++;
}

bool fake_vdev_take(struct fake_vdev *f, unsigned queue, struct fake_request *r)
{
    struct vq *q = &f->d->q[queue];
    if (!q->size || q->avail[1] == f->next[queue])
        return false;
    r->head = q->avail[2 + (f->next[queue]++ & q->mask)];
    r->n = 0;
    hv_assert(r->head < q->size);
    const volatile struct vq_desc *d = &q->desc[r->head], *table = q->desc;
    r->indirect = d->flags & VQ_INDIRECT;
    if (r->indirect) {
        hv_assert(q->indirect && !(d->flags & VQ_NEXT) && d->len % 16 == 0);
        table = d = (const struct vq_desc *)(f->arena + d->addr.v);
    }
    for (;;) {
        add_seg(f, r, d);
        if (!(d->flags & VQ_NEXT))
            return true;
        d = &table[d->next];
    }
}

void fake_vdev_put(struct fake_vdev *f, unsigned queue, uint32_t head, uint32_t len)
{
    struct vq *q = &f->d->q[queue];
    volatile struct vq_used_elem *e = &q->used_ring[f->used[queue]++ & q->mask];
    e->id = head;
    e->len = len;
    q->used[1] = f->used[queue];
}
