/* SPDX-License-Identifier: BSD-2-Clause */
/* See vq.h. */
#include "drivers/pure/vq.h"

#include <stdatomic.h>

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { AVAIL_FLAGS = 0, AVAIL_IDX = 1, AVAIL_RING = 2, USED_FLAGS = 0, USED_IDX = 1 };
enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };
enum { NIL = 0xffff };

void vq_init(struct vq *q, uint16_t size, void *mem, bool indirect, bool event_idx)
{
    hv_assert(is_pow2(size) && size <= VQ_SIZE_MAX);
    uint8_t *p = mem;
    size_t avail = (size_t)size * sizeof(struct vq_desc);
    size_t used = align_up(avail + 2 * (AVAIL_RING + size + 1u), 4);
    memset(mem, 0, VQ_PAGES * PAGE_SIZE);       /* a former life's used index is there */
    *q = (struct vq){
        .size = size, .mask = (uint16_t)(size - 1), .indirect = indirect, .event_idx = event_idx,
        .desc = mem, .avail = (uint16_t *)(p + avail), .used = (uint16_t *)(p + used),
        .used_ring = (struct vq_used_elem *)(p + used + 4),
        .avail_event = (uint16_t *)(p + used + 4 + size * sizeof(struct vq_used_elem)),
        .free = size,
    };
    _Static_assert(VQ_SIZE_MAX * 16 + 2 * (3 + VQ_SIZE_MAX) + 2 + 6 + 8 * VQ_SIZE_MAX <= VQ_PAGES * PAGE_SIZE,
                   "room for the largest queue");
    for (uint16_t i = 0; i < size; i++)
        q->next[i] = (uint16_t)(i + 1);
    q->next[size - 1] = NIL;
}

static uint16_t take_desc(struct vq *q)
{
    uint16_t i = q->free_head;
    q->free_head = q->next[i];
    q->free--;
    return i;
}

static void put_desc(volatile struct vq_desc *d, struct dma_addr at, uint32_t len, uint16_t flags)
{
    d->addr.v = at.v;
    d->len = len;
    d->flags = flags;
}

static void chain_table(struct vq_desc *table, unsigned n)
{
    for (unsigned i = 0; i + 1 < n; i++) {
        table[i].flags |= VQ_NEXT;
        table[i].next = (uint16_t)(i + 1);
    }
    table[n - 1].next = 0;
}

static void added(struct vq *q, uint16_t head, unsigned n, void *token)
{
    q->count[head] = (uint16_t)n;
    q->token[head] = token;
    q->avail[AVAIL_RING + (q->next_avail & q->mask)] = head;
    q->next_avail++;
    q->in_flight++;
}

uint16_t vq_add_direct(struct vq *q, const struct vq_desc *table, unsigned n, void *token)
{
    uint16_t head = q->free_head, i = NIL;
    for (unsigned k = 0; k < n; k++) {
        i = take_desc(q);
        volatile struct vq_desc *d = &q->desc[i];
        put_desc(d, table[k].addr, table[k].len, (uint16_t)(table[k].flags | (k + 1 < n ? VQ_NEXT : 0)));
        d->next = k + 1 < n ? q->next[i] : 0;
    }
    q->next[i] = NIL;                   /* the chain ends here; the rest stays free */
    added(q, head, n, token);
    return head;
}

uint16_t vq_add(struct vq *q, const struct dma_space *space, struct vq_desc *table, unsigned n, void *token)
{
    if (!q->indirect || n == 1)
        return vq_add_direct(q, table, n, token);
    chain_table(table, n);
    uint16_t head = take_desc(q);
    q->next[head] = NIL;
    put_desc(&q->desc[head], dma_map(space, table), (uint32_t)(n * sizeof(*table)), VQ_INDIRECT);
    added(q, head, 1, token);
    return head;
}

static void free_chain(struct vq *q, uint16_t head)
{
    uint16_t last = head;
    while (q->next[last] != NIL)
        last = q->next[last];
    q->next[last] = q->free ? q->free_head : NIL;
    q->free_head = head;
    q->free = (uint16_t)(q->free + q->count[head]);
    q->token[head] = NULL;
    q->in_flight--;
}

void vq_take_back(struct vq *q, uint16_t head)
{
    q->next_avail--;
    free_chain(q, head);
}

bool vq_publish(struct vq *q)
{
    uint16_t old = q->published;
    if (old == q->next_avail)
        return false;
    atomic_thread_fence(memory_order_release);
    q->avail[AVAIL_IDX] = q->published = q->next_avail;
    /* The device's wish is read after the index was written, 2.7.13.4.1. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!q->event_idx)
        return !(q->used[USED_FLAGS] & USED_NO_NOTIFY);
    uint16_t event = *q->avail_event;
    return (uint16_t)(q->next_avail - event - 1) < (uint16_t)(q->next_avail - old);
}

void *vq_get(struct vq *q, uint32_t *len)
{
    uint16_t there = (uint16_t)(q->used[USED_IDX] - q->next_used);
    if (!there || q->broken)
        return NULL;
    if (there > q->in_flight) {
        q->broken = "it returns more requests than it was given";
        return NULL;
    }
    atomic_thread_fence(memory_order_acquire);
    volatile struct vq_used_elem *e = &q->used_ring[q->next_used & q->mask];
    uint32_t id = e->id;
    *len = e->len;
    if (id >= q->size || !q->token[id]) {
        q->broken = "it returns a request that it was not given";
        return NULL;
    }
    void *token = q->token[id];
    q->next_used++;
    free_chain(q, (uint16_t)id);
    return token;
}

bool vq_interrupt_on(struct vq *q)
{
    if (q->event_idx)
        q->avail[AVAIL_RING + q->size] = q->next_used;
    else
        q->avail[AVAIL_FLAGS] = 0;
    atomic_thread_fence(memory_order_seq_cst);
    return q->used[USED_IDX] != q->next_used;
}

/* With event_idx: as far off as can be. */
void vq_interrupt_off(struct vq *q)
{
    if (q->event_idx)
        q->avail[AVAIL_RING + q->size] = (uint16_t)(q->next_used - 1);
    else
        q->avail[AVAIL_FLAGS] = AVAIL_NO_INTERRUPT;
}

void *vq_detach(struct vq *q)
{
    for (uint16_t i = 0; q->in_flight && i < q->size; i++)
        if (q->token[i]) {
            void *token = q->token[i];
            free_chain(q, i);
            return token;
        }
    return NULL;
}
