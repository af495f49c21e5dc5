/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alarms in VM time. A device embeds struct alarm; the queue (one per VM) is a
 * binary heap of pointers, O(log n), and knows nothing of the host's clock.
 */
#ifndef SOCLE_ALARM_H
#define SOCLE_ALARM_H

#include "socle/status.h"
#include "socle/types.h"

#define ALARM_NEVER UINT64_MAX

struct alarm {
    uint64_t due;                               /* VM time in ns; valid while queued */
    uint32_t slot;                              /* heap position + 1; 0: not queued */
    void   (*fire)(void *owner, uint64_t now);  /* may set the alarm again */
    void    *owner;
};

struct alarm_queue {
    struct alarm **heap;
    uint32_t       count, cap;
};

void alarm_init(struct alarm *a, void (*fire)(void *owner, uint64_t now), void *owner);
static inline bool alarm_queued(const struct alarm *a) { return a->slot != 0; }

/* heap: room for cap pointers, kept by the queue. */
void alarm_queue_init(struct alarm_queue *q, struct alarm **heap, uint32_t cap);
/* Sets or moves the alarm; ALARM_NEVER cancels. The queue has room by construction (asserted). */
void alarm_set(struct alarm_queue *q, struct alarm *a, uint64_t due);
void alarm_cancel(struct alarm_queue *q, struct alarm *a);
/* Due time of the first alarm, ALARM_NEVER when there is none. O(1). */
uint64_t alarm_next(const struct alarm_queue *q);
/*
 * Takes out the first alarm that is due at `now`; null when none is. The caller then
 * calls fire() without locks; the owner takes its own.
 */
struct alarm *alarm_take(struct alarm_queue *q, uint64_t now);

#endif
