/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run queue of one physical CPU: which vCPU next, and for how long. Each vCPU has
 * a virtual time that advances by its run time over its weight; the one furthest
 * behind runs. Pure policy: time is an argument, in ns. The CPU that owns the queue
 * calls, or others under its lock.
 */
#ifndef SOCLE_RUNQ_H
#define SOCLE_RUNQ_H

#include "socle/types.h"

enum { RUNQ_WEIGHT_MAX = 65535, RUNQ_WEIGHT_DEFAULT = 256 };

struct run_entity {
    uint64_t vtime;         /* virtual time consumed; compared modulo 2^64 */
    uint64_t used;          /* ns on a CPU so far */
    uint32_t slot;          /* heap position + 1; 0: not waiting */
    uint32_t rest;          /* of the last division by the weight */
    uint16_t weight;
};

struct runq {
    struct run_entity **heap;       /* waiting, not running */
    uint32_t  count, cap;
    struct run_entity *current;     /* running; not in the heap */
    uint64_t  vmin;                 /* no runnable entity is behind this; never goes back */
    uint64_t  load;                 /* weights of all runnable, current included */
    uint64_t  latency, min_slice;   /* ns */
};

/* heap: room for cap entities. latency: within it each of equals runs once, if slices allow. */
void runq_init(struct runq *q, struct run_entity **heap, uint32_t cap, uint64_t latency,
               uint64_t min_slice);
/* weight 1 to RUNQ_WEIGHT_MAX. */
void run_entity_init(struct run_entity *e, uint16_t weight);
void runq_set_weight(struct runq *q, struct run_entity *e, uint16_t weight);

enum runq_wake {
    RUNQ_KEEP,              /* current goes on as planned */
    RUNQ_RESLICE,           /* current was alone and has no end of slice: ask runq_slice_end() */
    RUNQ_PREEMPT,           /* the new one should run now (also when nobody runs) */
};

/*
 * The entity becomes runnable; no effect when it is already, or is running. Charge
 * current first. The heap has room (asserted).
 */
enum runq_wake runq_wake(struct runq *q, struct run_entity *e);

/*
 * Takes the next to run, which becomes current; null when nobody waits. No current
 * before. *slice_end: when it should be asked to yield; UINT64_MAX while nobody waits.
 */
struct run_entity *runq_pick(struct runq *q, uint64_t now, uint64_t *slice_end);
/* End of current's slice as things are now. */
uint64_t runq_slice_end(struct runq *q, uint64_t now);

/* Accounts `ran` ns to current. */
void runq_charge(struct runq *q, uint64_t ran);
/* Current stops running and stays runnable, sleeps, or lets all others go first. */
void runq_put(struct runq *q);
void runq_sleep(struct runq *q);
void runq_yield(struct runq *q);
/* Takes out an entity in whatever state it is, e.g. when its VM stops. */
void runq_remove(struct runq *q, struct run_entity *e);

static inline bool runq_waiting(const struct run_entity *e) { return e->slot != 0; }

#endif
