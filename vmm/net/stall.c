/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receivers without room, and the senders that wait for them.
 *
 * A sender whose frame cannot be delivered keeps it and everything behind it, also what is
 * for others: head-of-line blocking. It is worth it, since a frame kept costs nothing and a
 * frame dropped costs TCP a round trip; but a guest that takes frames slowly, or not at all,
 * must not slow those who talk to it. So the time a receiver may hold senders up is limited:
 *
 *   - PORT_STALL_NS at a stretch at most: after that, frames for it are dropped until it
 *     has room. One that takes nothing costs each sender that once.
 *   - It has to earn that time by taking frames: HOLD_FRAME_NS for each, and HOLD_BYTE_NS
 *     for each byte. Making room for a single frame each 5 ms gains nothing: a receiver that
 *     holds a sender up all the time takes 10,000 frames a second or 31 MB/s meanwhile. Any
 *     slower one gets frames dropped, and the sender goes on.
 *   - Only senders of one's own accord wait: floods and copies are dropped where there is no
 *     room, and an uplink, whose frames are for many, never waits.
 */
#include "vmm/net/vswitch_priv.h"

enum { HOLD_FRAME_NS = 100000, HOLD_BYTE_NS = 32 };

void stall_set_due(struct vswitch *sw)
{
    uint64_t due = sw->stall_due < sw->sweep_due ? sw->stall_due : sw->sweep_due;
    bool sooner = due < atomic_load_explicit(&sw->due, memory_order_relaxed);
    atomic_store_explicit(&sw->due, due, memory_order_relaxed);
    if (sooner && sw->on_due)
        sw->on_due();
}

void stall_took(struct vport *p, uint32_t bytes, uint64_t now)
{
    if (p->held) {
        p->hold_ns = (int64_t)(p->held_until - now) > 0 ? p->held_until - now : 0;
        p->held = false;
    }
    uint64_t hold = p->hold_ns + HOLD_FRAME_NS + (uint64_t)bytes * HOLD_BYTE_NS;
    p->hold_ns = hold < PORT_STALL_NS ? hold : PORT_STALL_NS;
}

bool stall_wait(struct vport *p, struct vport *from, uint64_t now)
{
    if (!p->held) {
        p->held = true;
        p->held_until = now + p->hold_ns;
    }
    p->full = true;
    if (from->c.uplink || (int64_t)(p->held_until - now) <= 0)
        return false;
    stall_leave(from);
    from->waits_for = p;
    from->next_waiting = NULL;
    from->prev_waiting = p->waiting_last;
    if (p->waiting_last)
        p->waiting_last->next_waiting = from;
    else
        p->waiting = from;
    p->waiting_last = from;
    if (p->held_until < p->sw->stall_due) {
        p->sw->stall_due = p->held_until;
        stall_set_due(p->sw);
    }
    return true;
}

void stall_leave(struct vport *from)
{
    struct vport *p = from->waits_for;
    if (!p)
        return;
    if (from->prev_waiting)
        from->prev_waiting->next_waiting = from->next_waiting;
    else
        p->waiting = from->next_waiting;
    if (from->next_waiting)
        from->next_waiting->prev_waiting = from->prev_waiting;
    else
        p->waiting_last = from->prev_waiting;
    from->waits_for = from->next_waiting = from->prev_waiting = NULL;
}

/*
 * Resumes those who wait now. One at a time, since each may be back on the list, or on
 * another port's, as soon as the lock is free; those who come back are behind `last`.
 */
static void resume_all(struct vport *p)
{
    struct vswitch *sw = p->sw;
    for (uint32_t n = 0; n < VSWITCH_PORTS; n++) {
        spin_lock(&sw->lock);
        struct vport *from = p->waiting;
        bool last = from && from == p->waiting_last;
        if (from)
            stall_leave(from);
        spin_unlock(&sw->lock);
        if (!from)
            return;
        from->ops->resume(from);
        if (last)
            return;
    }
}

void vport_room(struct vport *p)
{
    spin_lock(&p->sw->lock);
    p->room++;
    p->full = false;
    bool waiting = p->waiting;
    spin_unlock(&p->sw->lock);
    if (waiting)
        resume_all(p);
}

uint64_t vswitch_next(const struct vswitch *sw)
{
    return atomic_load_explicit(&sw->due, memory_order_relaxed);
}

/* Is its time over? Those who wait get it dropped when they send again. Tells the next due time otherwise. */
static bool overdue(const struct vport *p, uint64_t now, uint64_t *due)
{
    if (!p->waiting)
        return false;
    if ((int64_t)(p->held_until - now) <= 0)
        return true;
    if (p->held_until < *due)
        *due = p->held_until;
    return false;
}

static void tick_stalls(struct vswitch *sw, uint64_t now)
{
    struct port_set late = { 0 };
    uint64_t due = TIME_NEVER;
    spin_lock(&sw->lock);
    for (uint32_t i = 0; i < sw->ports; i++)
        if (overdue(sw->port[i], now, &due))
            set_add(&late, i);
    sw->stall_due = due;
    stall_set_due(sw);
    spin_unlock(&sw->lock);
    for (uint32_t i = 0; i < sw->ports; i++)
        if (set_has(&late, i))
            resume_all(sw->port[i]);
}

void vswitch_tick(struct vswitch *sw, uint64_t now)
{
    spin_lock(&sw->lock);
    bool stalls = now >= sw->stall_due, sweep = now >= sw->sweep_due;
    if (sweep)
        flow_sweep(sw, now);
    spin_unlock(&sw->lock);
    if (stalls)
        tick_stalls(sw, now);
}
