/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a physical CPU's time is given to: vCPUs, and work done for a guest in pieces
 * (clearing and loading its memory, freeing it). Both compete by the guest's weight.
 */
#ifndef SOCLE_SCHED_H
#define SOCLE_SCHED_H

#include "socle/alarm.h"
#include "socle/runq.h"
#include "socle/status.h"
#include "socle/types.h"

struct vm;

enum sched_kind { SCHED_VCPU, SCHED_WORK };

struct sched_item {
    struct run_entity run;
    enum sched_kind   kind;
    bool              active;   /* wants the CPU: queued, or running now */
    struct vm        *vm;       /* whom the time is charged to */
};

/*
 * Work in pieces. step() does at most some 100 us and says whether there is more; when
 * there is not, the item sleeps until the next sched_wake().
 */
struct sched_work {
    struct sched_item item;
    bool            (*step)(void *ctx);
    void             *ctx;
};

void sched_item_init(struct sched_item *i, enum sched_kind kind, struct vm *vm, uint16_t weight);
void sched_work_init(struct sched_work *w, struct vm *vm, uint16_t weight, bool (*step)(void *ctx),
                     void *ctx);
/* Makes the item compete for the CPU. Idempotent. */
void sched_wake(struct sched_item *i);
/* Takes it out; when it is running now it stops at the next chance. Idempotent. */
void sched_sleep(struct sched_item *i);
/* The running item lets all others go first. */
void sched_yield(void);

/* Time: ns since boot, from the calibrated TSC; 0 before that. */
uint64_t host_now(void);

/* Alarms in host time; fire() is called from the CPU's loop, without locks. */
void host_alarm_set(struct alarm *a, uint64_t due_ns);

/*
 * Makes the CPU's queues with room for so many items and alarms. Boot, when memory and
 * configuration are known, before any of the above but host_now().
 */
MUST_CHECK hv_status sched_init(uint32_t items, uint32_t alarms);
/* The loop that a CPU runs for ever. */
NORETURN void sched_loop(void);
/* The guest that this CPU works for, or null. */
struct vm *sched_current_vm(void);
/* CPU time spent idle and busy since boot, ns. */
void sched_usage(uint64_t *busy, uint64_t *idle);

/* The console has output to write: it is served soon. */
void sched_console_due(void);

/* For run.c: should the running vCPU leave now? Serves what interrupts left to do first. */
bool sched_interrupted(void);
/* For run.c: programs the timer for the slice's end or the next alarm, if one has changed. */
extern bool sched_must_arm;
void sched_arm_timer(void);
static inline void sched_arm(void)
{
    if (unlikely(sched_must_arm))
        sched_arm_timer();
}

#endif
