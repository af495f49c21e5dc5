/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer (SDM vol. 3, 11.5.4): one-shot, periodic and TSC-deadline. The
 * counter is never stored while it runs: it follows from VM time. Alarms are set only
 * for a timer whose interrupt is unmasked.
 *
 * Shared between the vCPU and the alarm, which may fire on another CPU: everything here
 * runs under l->lock, which comes before the alarm queue's lock. A late or spurious
 * alarm does no harm, since the state decides.
 */
#include "lapic_priv.h"

/* TDCR bits 3, 1, 0: 000 is /2, 110 is /128, 111 is /1 (figure 11-10). */
static unsigned divide_shift(const struct lapic *l)
{
    uint32_t v = lapic_reg(l, LAPIC_TDCR);
    return ((v & 3) + (v >> 1 & 4) + 1) & 7;
}

static uint64_t elapsed(const struct lapic *l, uint64_t now)
{
    return now > l->ref ? now - l->ref : 0;
}

/* ns from l->ref until the counter reaches zero; below 2^39. */
static uint64_t span(const struct lapic *l) { return (uint64_t)l->count << divide_shift(l); }

/* Sets the alarm for the next interrupt, not before `earliest`. */
static void arm(struct lapic *l, uint64_t earliest)
{
    uint32_t lvt = lapic_reg(l, LAPIC_LVT_TIMER);
    uint64_t due = ALARM_NEVER;
    if (!(lvt & LVT_MASK)) {
        if (l->deadline)
            due = l->tsc.to_ns(l->tsc.ctx, l->deadline);
        else if (l->count && !add_u64(l->ref, span(l), &due))
            due = ALARM_NEVER;
    }
    if (due == ALARM_NEVER && !alarm_queued(&l->alarm))
        return;
    dev_alarm(l->env, &l->alarm, max_u64(due, earliest));
}

/*
 * Brings the counter past every expiry up to `now`; true when there was one. Periods that
 * went by unserved count as one.
 */
static bool settle_counter(struct lapic *l, uint64_t now)
{
    if (!l->count || elapsed(l, now) < span(l))
        return false;
    uint64_t over = elapsed(l, now) - span(l);
    uint32_t reload = 0;
    if (timer_mode(lapic_reg(l, LAPIC_LVT_TIMER)) == TIMER_PERIODIC)
        reload = lapic_reg(l, LAPIC_TMICT);
    l->count = reload;
    if (reload)
        l->ref = now - over % span(l);
    return true;
}

static bool settle(struct lapic *l)
{
    if (!l->deadline)
        return settle_counter(l, dev_now(l->env));
    if (l->tsc.now(l->tsc.ctx) < l->deadline)
        return false;
    l->deadline = 0;            /* 11.5.4.1: expiry disarms, whether masked or not */
    return true;
}

static void fire(void *owner, uint64_t now)
{
    struct lapic *l = owner;
    spin_lock(&l->lock);
    bool expired = settle(l);
    /* A deadline that rounding let fire early is tried again a moment later. */
    arm(l, now + (l->deadline ? 1 : LAPIC_MIN_PERIOD));
    spin_unlock(&l->lock);
    if (expired)
        lapic_local(l, LAPIC_LVT_TIMER);
}

void lapic_timer_init(struct lapic *l)
{
    alarm_init(&l->alarm, fire, l);
}

void lapic_timer_stop(struct lapic *l)
{
    spin_lock(&l->lock);
    l->count = 0;
    l->deadline = 0;
    arm(l, 0);
    spin_unlock(&l->lock);
}

void lapic_timer_lvt(struct lapic *l, uint32_t value)
{
    spin_lock(&l->lock);
    uint32_t old = lapic_reg(l, LAPIC_LVT_TIMER);
    bool expired = settle(l) && !(old & LVT_MASK);
    enum timer_mode from = timer_mode(old), to = timer_mode(value);
    if (from != to && (from > TIMER_PERIODIC || to > TIMER_PERIODIC)) {
        /* 11.5.4.1: this change disarms; one-shot to periodic does not. */
        l->count = 0;
        l->deadline = 0;
    }
    reg_set(l, LAPIC_LVT_TIMER, value);
    arm(l, 0);
    spin_unlock(&l->lock);
    if (expired)                /* with the vector it had when it expired */
        lapic_raise(l, (uint8_t)old, false);
}

void lapic_timer_start(struct lapic *l, uint32_t count)
{
    if (timer_mode(lapic_reg(l, LAPIC_LVT_TIMER)) > TIMER_PERIODIC)
        return;                 /* ignored in TSC-deadline mode */
    spin_lock(&l->lock);
    reg_set(l, LAPIC_TMICT, count);
    l->ref = dev_now(l->env);
    l->count = count;
    arm(l, 0);
    spin_unlock(&l->lock);
}

/* The counter goes on from where it is, at the new pace. */
void lapic_timer_divide(struct lapic *l, uint32_t tdcr)
{
    spin_lock(&l->lock);
    uint64_t now = dev_now(l->env);
    bool expired = settle(l);
    if (l->count) {
        l->count -= (uint32_t)(elapsed(l, now) >> divide_shift(l));
        l->ref = now;
    }
    reg_set(l, LAPIC_TDCR, tdcr);
    arm(l, 0);
    spin_unlock(&l->lock);
    if (expired)
        lapic_local(l, LAPIC_LVT_TIMER);
}

/* Changes nothing: an expiry that the alarm has not served yet is only computed. */
uint32_t lapic_timer_current(struct lapic *l)
{
    uint32_t current = 0;
    spin_lock(&l->lock);
    uint64_t past = elapsed(l, dev_now(l->env));
    if (l->count && past < span(l)) {
        current = l->count - (uint32_t)(past >> divide_shift(l));
    } else if (l->count && timer_mode(lapic_reg(l, LAPIC_LVT_TIMER)) == TIMER_PERIODIC) {
        uint32_t reload = lapic_reg(l, LAPIC_TMICT);
        uint64_t period = (uint64_t)reload << divide_shift(l);
        if (period)
            current = reload - (uint32_t)((past - span(l)) % period >> divide_shift(l));
    }
    spin_unlock(&l->lock);
    return current;
}

/* What is due already fires at once, but not from here: loading changes no state. */
void lapic_timer_resume(struct lapic *l)
{
    spin_lock(&l->lock);
    bool masked = lapic_reg(l, LAPIC_LVT_TIMER) & LVT_MASK;
    if (l->deadline && !masked && l->tsc.now(l->tsc.ctx) >= l->deadline)
        dev_alarm(l->env, &l->alarm, 0);
    else
        arm(l, 0);
    spin_unlock(&l->lock);
}

/* ---- IA32_TSC_DEADLINE ---- */

uint64_t lapic_deadline_read(struct lapic *l)
{
    spin_lock(&l->lock);
    if (l->deadline && (lapic_reg(l, LAPIC_LVT_TIMER) & LVT_MASK))
        settle(l);              /* a masked timer has no alarm to note its expiry */
    uint64_t deadline = l->deadline;
    spin_unlock(&l->lock);
    return deadline;
}

void lapic_deadline_write(struct lapic *l, uint64_t tsc)
{
    if (timer_mode(lapic_reg(l, LAPIC_LVT_TIMER)) != TIMER_DEADLINE || !lapic_enabled(l))
        return;
    spin_lock(&l->lock);
    l->deadline = tsc;
    bool expired = tsc && settle(l);
    arm(l, 0);
    spin_unlock(&l->lock);
    if (expired)
        lapic_local(l, LAPIC_LVT_TIMER);
}

void lapic_tsc_changed(struct lapic *l)
{
    spin_lock(&l->lock);
    bool expired = l->deadline && settle(l);
    if (l->deadline || expired)
        arm(l, 0);
    spin_unlock(&l->lock);
    if (expired)
        lapic_local(l, LAPIC_LVT_TIMER);
}
