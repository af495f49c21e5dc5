/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run queue of one physical CPU: weighted fair sharing by virtual time. Policy
 * only: time is an argument, entities are embedded in what they stand for, and the
 * running entity is not in the heap. Under the queue's lock, which the caller takes.
 */
#ifndef SOCLE_RUNQ_H
#define SOCLE_RUNQ_H

#include "socle/types.h"

enum {
    RUNQ_MAX        = 512,          /* entities queued at once */
    RUNQ_WEIGHT     = 256,          /* the default weight */
    RUNQ_LATENCY_NS = 6000000,      /* every runnable entity should run once in this time */
    RUNQ_SLICE_NS   = 1000000,      /* shortest slice */
};

struct run_entity {
    uint64_t vruntime;              /* ns at the default weight */
    uint32_t weight;                /* 1 to 65535 */
    uint32_t slot;                  /* heap position + 1; 0: not queued */
    uint64_t ran_ns;                /* in all, for accounts */
};

struct runq {
    struct run_entity *heap[RUNQ_MAX];
    uint32_t count;
    uint64_t min_vruntime;          /* never runs backwards */
    uint64_t weights;               /* sum over the heap */
};

void runq_init(struct runq *q);
void run_entity_init(struct run_entity *e, uint32_t weight);
/*
 * Makes e runnable. woken: it slept, and is placed so that it neither gains from long
 * sleep nor loses (at most half a latency period ahead of the others).
 */
void runq_add(struct runq *q, struct run_entity *e, bool woken);
void runq_remove(struct runq *q, struct run_entity *e);
static inline bool runq_queued(const struct run_entity *e) { return e->slot != 0; }
/* Takes out the entity that is due; *slice_ns is how long it may run. Null: none. O(log n). */
struct run_entity *runq_pick(struct runq *q, uint64_t *slice_ns);
/* Charges the running (not queued) entity for ns of CPU time. */
void runq_charge(struct runq *q, struct run_entity *e, uint64_t ns);
/* Should `woken`, just added, take the CPU from the running entity at once? */
bool runq_preempts(const struct runq *q, const struct run_entity *woken,
                   const struct run_entity *running);

#endif
