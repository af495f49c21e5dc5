/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Weighted fair queueing of vCPUs on one physical CPU (runq.h): a binary heap by virtual
 * time. Called by the CPU's scheduling loop, which measures run times, keeps the timer
 * for the end of a slice, and switches. Knows neither vCPUs nor clocks.
 */
#include "socle/runq.h"

#include "socle/assert.h"
#include "socle/bits.h"

/*
 * Virtual time is in 1/16 ns of weight 1. Distances are what counts: half the range is
 * 18 years of a CPU that runs weight 1 only, and the step is 4 us at weight 65535.
 */
enum { VSCALE_SHIFT = 4 };

static bool before(uint64_t a, uint64_t b) { return (int64_t)(a - b) < 0; }

/* More than 2^46 ns, 19 hours in one piece, is a clock gone wrong: bounded. */
static uint64_t scaled(uint64_t ns) { return min_u64(ns, 1ull << 46) << VSCALE_SHIFT; }

static uint64_t vspan(const struct run_entity *e, uint64_t ns) { return scaled(ns) / e->weight; }

void runq_init(struct runq *q, struct run_entity **heap, uint32_t cap, uint64_t latency,
               uint64_t min_slice)
{
    *q = (struct runq){ .heap = heap, .cap = cap, .latency = latency, .min_slice = min_slice };
}

void run_entity_init(struct run_entity *e, uint16_t weight)
{
    hv_assert(weight > 0);
    *e = (struct run_entity){ .weight = weight };
}

/* ---- the heap ---- */

static void place(struct runq *q, uint32_t i, struct run_entity *e)
{
    q->heap[i] = e;
    e->slot = i + 1;
}

static void sift_up(struct runq *q, uint32_t i, struct run_entity *e)
{
    while (i > 0 && before(e->vtime, q->heap[(i - 1) / 2]->vtime)) {
        place(q, i, q->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(q, i, e);
}

static void sift_down(struct runq *q, uint32_t i, struct run_entity *e)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && before(q->heap[child + 1]->vtime, q->heap[child]->vtime))
            child++;
        if (!before(q->heap[child]->vtime, e->vtime))
            break;
        place(q, i, q->heap[child]);
        i = child;
    }
    place(q, i, e);
}

static void enqueue(struct runq *q, struct run_entity *e)
{
    hv_assert(q->count < q->cap && !e->slot);
    sift_up(q, q->count++, e);
}

static void dequeue(struct runq *q, struct run_entity *e)
{
    uint32_t i = e->slot - 1;
    struct run_entity *last = q->heap[--q->count];

    hv_assert(q->heap[i] == e);
    e->slot = 0;
    if (last == e)
        return;
    if (i > 0 && before(last->vtime, q->heap[(i - 1) / 2]->vtime))
        sift_up(q, i, last);
    else
        sift_down(q, i, last);
}

/* ---- policy ---- */

/* Moves vmin up to whoever is furthest behind among the runnable. */
static void advance(struct runq *q)
{
    bool any = q->current || q->count;
    uint64_t first = q->current ? q->current->vtime : q->vmin;

    if (q->count && (!q->current || before(q->heap[0]->vtime, first)))
        first = q->heap[0]->vtime;
    if (any && before(q->vmin, first))
        q->vmin = first;
}

/*
 * Where a sleeper comes in: it keeps what it consumed too much, and of what it did not
 * consume while asleep no more than half a latency's worth of running.
 */
static void set_arrival(const struct runq *q, struct run_entity *e)
{
    uint64_t earliest = q->vmin - vspan(e, q->latency / 2);

    if (before(e->vtime, earliest))
        e->vtime = earliest;
}

static uint64_t slice_of(const struct runq *q, const struct run_entity *e)
{
    /* latency * weight < 2^64 for any latency below 3 days. */
    return max_u64(q->latency * e->weight / q->load, q->min_slice);
}

enum runq_wake runq_wake(struct runq *q, struct run_entity *e)
{
    /* Woken before it stopped, or twice: a wake-up may cross with falling asleep. */
    if (e == q->current || e->slot)
        return RUNQ_KEEP;
    bool was_alone = q->current && !q->count;
    set_arrival(q, e);
    q->load += e->weight;
    enqueue(q, e);
    if (!q->current)
        return RUNQ_PREEMPT;
    /* Switching costs: the newcomer must be ahead by more than a minimal slice. */
    uint64_t margin = vspan(e, q->min_slice);
    if (before(e->vtime + margin, q->current->vtime))
        return RUNQ_PREEMPT;
    return was_alone ? RUNQ_RESLICE : RUNQ_KEEP;
}

uint64_t runq_slice_end(struct runq *q, uint64_t now)
{
    uint64_t end;

    hv_assert(q->current);
    if (!q->count || !add_u64(now, slice_of(q, q->current), &end))
        return UINT64_MAX;
    return end;
}

struct run_entity *runq_pick(struct runq *q, uint64_t now, uint64_t *slice_end)
{
    hv_assert(!q->current);
    *slice_end = UINT64_MAX;
    if (!q->count)
        return NULL;
    struct run_entity *e = q->heap[0];
    dequeue(q, e);
    q->current = e;
    *slice_end = runq_slice_end(q, now);
    return e;
}

void runq_charge(struct runq *q, uint64_t ran)
{
    struct run_entity *e = q->current;

    hv_assert(e);
    /* The rest is kept: short runs count exactly, however heavy the entity. */
    uint64_t v = scaled(ran) + e->rest;
    e->used += ran;
    e->vtime += v / e->weight;
    e->rest = (uint32_t)(v % e->weight);
    advance(q);
}

void runq_put(struct runq *q)
{
    struct run_entity *e = q->current;

    hv_assert(e);
    q->current = NULL;
    enqueue(q, e);
}

void runq_sleep(struct runq *q)
{
    hv_assert(q->current);
    q->load -= q->current->weight;
    q->current = NULL;
    advance(q);
}

void runq_yield(struct runq *q)
{
    hv_assert(q->current);
    /* Just behind the next in line: that one runs, and nothing is lost for good. */
    if (q->count && !before(q->heap[0]->vtime, q->current->vtime))
        q->current->vtime = q->heap[0]->vtime + 1;
    runq_put(q);
}

void runq_remove(struct runq *q, struct run_entity *e)
{
    if (q->current == e) {
        runq_sleep(q);
    } else if (e->slot) {
        q->load -= e->weight;
        dequeue(q, e);
        advance(q);
    }
}

void runq_set_weight(struct runq *q, struct run_entity *e, uint16_t weight)
{
    hv_assert(weight > 0);
    if (q->current == e || e->slot)
        q->load += (uint64_t)weight - e->weight;
    e->weight = weight;
}
