/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU's loop: who runs next (policy: vmm/sched/runq.c), what interrupts left to do,
 * host alarms, and sleep when there is nothing. Interrupts are off throughout except
 * in the guest, in cpu_irq_window() and in cpu_sleep().
 */
#include "socle/sched.h"

#include "socle/bits.h"
#include "socle/console_io.h"
#include "socle/cpu.h"
#include "socle/drivers.h"
#include "socle/hostmem.h"
#include "socle/run.h"
#include "socle/shell_ops.h"
#include "socle/vm.h"

enum { LATENCY_NS = 6000000, MIN_SLICE_NS = 750000 };

static struct {
    struct runq         q;
    struct alarm_queue  alarms;
    struct sched_item  *current;
    uint64_t            slice_end;      /* ns; UINT64_MAX: alone */
    uint64_t            since;          /* ns; time of current is charged up to here */
    uint64_t            console_due;
    uint64_t            busy, idle;
    bool                resched;        /* the running item leaves at the next chance, */
    bool                yield;          /* behind all others */
} cpu;

bool sched_must_arm;

uint64_t host_now(void) { return cpu_now(); }

hv_status sched_init(uint32_t items, uint32_t alarms)
{
    struct run_entity **heap = host_object((items + 1) * sizeof(struct run_entity *));
    struct alarm **alarm_heap = host_object((alarms + 1) * sizeof(struct alarm *));
    if (!heap || !alarm_heap)
        return HV_NOMEM;
    runq_init(&cpu.q, heap, items + 1, LATENCY_NS, MIN_SLICE_NS);
    alarm_queue_init(&cpu.alarms, alarm_heap, alarms + 1);
    return HV_OK;
}

void sched_item_init(struct sched_item *i, enum sched_kind kind, struct vm *vm, uint16_t weight)
{
    run_entity_init(&i->run, weight);
    i->kind = kind;
    i->active = false;
    i->vm = vm;
}

void sched_work_init(struct sched_work *w, struct vm *vm, uint16_t weight, bool (*step)(void *ctx),
                     void *ctx)
{
    sched_item_init(&w->item, SCHED_WORK, vm, weight);
    w->step = step;
    w->ctx = ctx;
}

/* Time up to now goes to whoever is running. */
static void charge(uint64_t now)
{
    if (cpu.current) {
        runq_charge(&cpu.q, now - cpu.since);
        cpu.busy += now - cpu.since;
    }
    cpu.since = now;
}

void sched_wake(struct sched_item *i)
{
    if (i->active)
        return;
    uint64_t now = host_now();
    charge(now);
    i->active = true;
    switch (runq_wake(&cpu.q, &i->run)) {
    case RUNQ_KEEP:
        break;
    case RUNQ_RESLICE:
        cpu.slice_end = runq_slice_end(&cpu.q, now);
        sched_must_arm = true;
        break;
    case RUNQ_PREEMPT:
        cpu.resched = true;
        break;
    }
}

void sched_sleep(struct sched_item *i)
{
    if (!i->active)
        return;
    i->active = false;
    if (i == cpu.current)
        cpu.resched = true;             /* the loop takes it out of the queue */
    else
        runq_remove(&cpu.q, &i->run);
}

void sched_yield(void)
{
    cpu.resched = true;
    cpu.yield = true;
}

void host_alarm_set(struct alarm *a, uint64_t due_ns)
{
    alarm_set(&cpu.alarms, a, due_ns);
    sched_must_arm = true;
}

struct vm *sched_current_vm(void) { return cpu.current ? cpu.current->vm : NULL; }

void sched_usage(uint64_t *busy, uint64_t *idle)
{
    *busy = cpu.busy;
    *idle = cpu.idle;
}

static void fire_alarms(void)
{
    uint64_t now = host_now();
    struct alarm *a;
    /* Bounded, should one be set to the past again and again: the loop comes back soon. */
    for (uint32_t n = 0; n < cpu.alarms.cap && (a = alarm_take(&cpu.alarms, now)) != NULL; n++)
        a->fire(a->owner, now);
}

void sched_console_due(void)
{
    cpu.console_due = 0;
    sched_must_arm = true;
}

/* What interrupt handlers and time have left to do. */
static void serve(void)
{
    cpu_events_take();
    sched_must_arm = true;              /* the timer may have fired */
    cpu_report_nmis();
    drivers_serve();
    fire_alarms();
    uint64_t now = host_now();
    if (switches_next() <= now)
        switches_tick(now);
    if (drivers_next() <= now)
        drivers_tick(now);
    cpu.console_due = console_io_serve();
    machine_end_if_asked();
}

static uint64_t next_event(void)
{
    uint64_t due = min_u64(alarm_next(&cpu.alarms), cpu.console_due);
    return min_u64(due, min_u64(switches_next(), drivers_next()));
}

void sched_arm_timer(void)
{
    sched_must_arm = false;
    uint64_t due = next_event();
    cpu_timer_arm(due < cpu.slice_end ? due : cpu.slice_end);
}

bool sched_interrupted(void)
{
    if (likely(!cpu_events_pending()))
        return cpu.resched;
    serve();
    return cpu.resched || host_now() >= cpu.slice_end;
}

static void run_work(struct sched_work *w)
{
    do {
        if (!w->step(w->ctx)) {
            if (w->item.active)
                sched_sleep(&w->item);
            return;
        }
        sched_arm_timer();
        cpu_irq_window();
    } while (!sched_interrupted());
}

static void run_current(void)
{
    struct sched_item *i = cpu.current;
    if (i->kind == SCHED_VCPU)
        vcpu_run(container_of(i, struct vcpu, item));
    else
        run_work(container_of(i, struct sched_work, item));
    charge(host_now());
    cpu.current = NULL;
    if (!i->active)
        runq_sleep(&cpu.q);
    else if (cpu.yield)
        runq_yield(&cpu.q);
    else
        runq_put(&cpu.q);
}

/* Nothing to run. */
static void idle(void)
{
    uint64_t start = host_now();
    cpu_timer_arm(next_event());
    if (!cpu_events_pending())
        cpu_sleep();
    cpu.idle += host_now() - start;
    if (cpu_events_pending())
        serve();
}

void sched_loop(void)
{
    serve();
    for (;;) {
        uint64_t now = host_now();
        if (unlikely(cpu_events_pending() || next_event() <= now))
            serve();
        cpu.resched = cpu.yield = false;
        now = host_now();
        struct run_entity *e = runq_pick(&cpu.q, now, &cpu.slice_end);
        if (!e) {
            idle();
            continue;
        }
        cpu.current = container_of(e, struct sched_item, run);
        cpu.since = now;
        sched_must_arm = true;
        run_current();
    }
}
