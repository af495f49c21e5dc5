/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a virtual device sees of the world, and nothing else: an access on one of
 * its ranges, its interrupt lines, its VM's clock and alarms, and checked copies
 * of guest memory. A device holds no privileged instruction and no global, so the
 * same source runs in the hypervisor, in unit tests and in fuzzers.
 *
 * Every entry into a device (access, alarm, save, load) is made with the device's
 * lock held by the caller, if the range names one.
 */
#ifndef SOCLE_DEV_H
#define SOCLE_DEV_H

#include "socle/alarm.h"
#include "socle/gmem.h"
#include "socle/lock.h"
#include "socle/state.h"
#include "socle/types.h"

/* One access of a guest to a range of ports or memory. */
struct bus_access {
    uint64_t offset;    /* from the start of the range; whole access lies inside */
    uint64_t value;     /* write: zero-extended. read: preset to all ones, device replaces */
    uint8_t  size;      /* 1, 2, 4 or 8 bytes; only widths the range accepts */
    bool     write;
};

typedef void (*bus_handler)(void *dev, struct bus_access *a);

struct bus_range {
    uint64_t         base, len;
    uint8_t          widths;    /* or of the accepted sizes: 1 | 2 | 4 | 8 */
    bus_handler      access;
    void            *dev;
    struct spinlock *lock;      /* taken around access(); null: the device locks itself */
    const char      *name;
};

/*
 * Work of a device that goes on after the access that began it: step() is called without
 * locks, does at most some 100 us, and says whether there is more. Its time is charged to
 * the VM; it does not run while the VM is paused.
 */
struct dev_work {
    bool           (*step)(void *owner);
    void            *owner;
    struct dev_work *next;      /* the VM's list */
    bool             queued;
};

/* Services of the VM to its devices. Tests pass fakes. */
struct dev_env {
    void *ctx;
    /* Drives an interrupt line (a GSI, 0-23; ISA IRQ n has its own number). Idempotent. */
    void     (*irq)(void *ctx, uint32_t gsi, bool level);
    /* Delivers a message-signalled interrupt. */
    void     (*msi)(void *ctx, uint64_t addr, uint32_t data);
    /* VM time in ns; monotonic, stands still while the VM is paused. */
    uint64_t (*now)(void *ctx);
    /* Sets or moves an alarm; ALARM_NEVER cancels. Times in the past fire at once, later. */
    void     (*alarm)(void *ctx, struct alarm *a, uint64_t due);
    /* Queues work, in order of the calls; nothing when it is queued already. Any lock held. */
    void     (*defer)(void *ctx, struct dev_work *w);
    /* Something for the log: `why`, a constant, is what the driver of `device` did wrong. Any lock held. */
    void     (*misuse)(void *ctx, const char *device, const char *why);
    const struct gmem *mem;
};

static inline uint64_t dev_now(const struct dev_env *e) { return e->now(e->ctx); }
static inline void dev_irq(const struct dev_env *e, uint32_t gsi, bool level)
{
    e->irq(e->ctx, gsi, level);
}
static inline void dev_alarm(const struct dev_env *e, struct alarm *a, uint64_t due)
{
    e->alarm(e->ctx, a, due);
}
static inline void dev_defer(const struct dev_env *e, struct dev_work *w) { e->defer(e->ctx, w); }

#endif
