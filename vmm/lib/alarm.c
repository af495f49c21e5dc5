/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of a VM's alarms: a binary heap of pointers, each alarm knowing its own
 * place, so that moving and cancelling need no search. Called by the VM under its
 * alarm lock; host time and the calling of fire() are the caller's business.
 */
#include "socle/alarm.h"

#include "socle/assert.h"

void alarm_init(struct alarm *a, void (*fire)(void *owner, uint64_t now), void *owner)
{
    *a = (struct alarm){ .due = ALARM_NEVER, .fire = fire, .owner = owner };
}

void alarm_queue_init(struct alarm_queue *q, struct alarm **heap, uint32_t cap)
{
    *q = (struct alarm_queue){ .heap = heap, .cap = cap };
}

static void place(struct alarm_queue *q, uint32_t i, struct alarm *a)
{
    q->heap[i] = a;
    a->slot = i + 1;
}

/* Both carry the alarm in hand and move the others: one store less for each level. */
static void sift_up(struct alarm_queue *q, uint32_t i, struct alarm *a)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / 2;
        if (q->heap[parent]->due <= a->due)
            break;
        place(q, i, q->heap[parent]);
        i = parent;
    }
    place(q, i, a);
}

static void sift_down(struct alarm_queue *q, uint32_t i, struct alarm *a)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && q->heap[child + 1]->due < q->heap[child]->due)
            child++;
        if (a->due <= q->heap[child]->due)
            break;
        place(q, i, q->heap[child]);
        i = child;
    }
    place(q, i, a);
}

/* Puts `a` where it belongs, given that slot i is free and the rest is a heap. */
static void settle(struct alarm_queue *q, uint32_t i, struct alarm *a)
{
    if (i > 0 && q->heap[(i - 1) / 2]->due > a->due)
        sift_up(q, i, a);
    else
        sift_down(q, i, a);
}

void alarm_cancel(struct alarm_queue *q, struct alarm *a)
{
    if (!alarm_queued(a))
        return;
    uint32_t i = a->slot - 1;
    hv_assert(i < q->count && q->heap[i] == a);

    /* The last of the heap fills the hole, from where it may have to go up or down. */
    struct alarm *last = q->heap[--q->count];
    a->slot = 0;
    a->due = ALARM_NEVER;
    if (last != a)
        settle(q, i, last);
}

void alarm_set(struct alarm_queue *q, struct alarm *a, uint64_t due)
{
    if (due == ALARM_NEVER) {
        alarm_cancel(q, a);
        return;
    }
    a->due = due;
    if (alarm_queued(a)) {
        settle(q, a->slot - 1, a);
        return;
    }
    hv_assert(q->count < q->cap);
    sift_up(q, q->count++, a);
}

uint64_t alarm_next(const struct alarm_queue *q)
{
    return q->count ? q->heap[0]->due : ALARM_NEVER;
}

struct alarm *alarm_take(struct alarm_queue *q, uint64_t now)
{
    if (alarm_next(q) > now || !q->count)
        return NULL;
    struct alarm *a = q->heap[0];
    alarm_cancel(q, a);
    return a;
}
