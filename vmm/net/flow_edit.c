/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows added, changed, removed and listed: for the learning switch with the lock held, for a
 * controller and the operator without. All that a flow says is checked here, and nowhere else.
 */
#include "vmm/net/vswitch_priv.h"

enum { DELETE_SLOTS = 256 };            /* looked at under one lock */

/* ---- checks -------------------------------------------------------------------------- */

static bool match_valid(const struct vswitch *sw, const struct flow_match *m)
{
    if (m->fields & ~FLOW_FIELDS || m->vlan > VLAN_MAX || (m->dst | m->src) & ~MAC_MASK)
        return false;
    if ((m->fields & FLOW_IN_PORT) ? m->in_port >= sw->ports : m->in_port)
        return false;
    return ((m->fields & FLOW_VLAN) || !m->vlan) && ((m->fields & FLOW_DST) || !m->dst) &&
           ((m->fields & FLOW_SRC) || !m->src) && ((m->fields & FLOW_TYPE) || !m->type);
}

static bool actions_valid(const struct vswitch *sw, const struct flow_actions *a)
{
    if (a->flags & ~FLOW_ACTIONS || a->outputs > FLOW_OUTPUTS)
        return false;
    for (unsigned i = 0; i < FLOW_OUTPUTS; i++)
        if (i < a->outputs ? a->port[i] >= sw->ports : a->port[i])
            return false;
    return true;
}

static bool spec_valid(const struct vswitch *sw, const struct flow_spec *s)
{
    if (!match_valid(sw, &s->match) || !actions_valid(sw, &s->actions) || s->flags & ~FLOW_FLAGS)
        return false;
    return flow_is_exact(&s->match) || !(s->flags & FLOW_AGE_BY_SOURCE);
}

/* ---- one flow -------------------------------------------------------------------------- */

static struct flow *find(struct vswitch *sw, const struct flow_match *m, uint16_t priority)
{
    return flow_is_exact(m) ? flow_exact(sw, flow_key(m->dst, m->vlan)) : flow_wild(sw, m, priority);
}

/* The controller's flows are not the learning switch's to change. */
hv_status flow_add(struct vswitch *sw, const struct flow_spec *spec, uint16_t share, uint64_t now)
{
    struct flow *old = find(sw, &spec->match, spec->priority);
    bool foreign = old && old->share != share;
    if (old && flow_alive(old, now) &&
        (old->spec.priority > spec->priority || (foreign && old->share == SHARE_CONTROLLER)))
        return HV_EXISTS;
    if (old && !foreign) {
        flow_set(sw, old, spec, now);
        old->packets = old->bytes = 0;
        old->since = now;
        return HV_OK;
    }
    if (old && share == SHARE_CONTROLLER && sw->share[share].count >= sw->share[share].most)
        return HV_NOMEM;                /* and the old one stays */
    if (old)
        flow_remove(sw, old, REMOVED_REPLACED);
    return flow_insert(sw, spec, share, now);
}

hv_status control_flow_add(struct vswitch *sw, const struct flow_spec *spec, uint64_t now)
{
    if (!spec_valid(sw, spec))
        return HV_INVALID;
    spin_lock(&sw->lock);
    hv_status s = flow_add(sw, spec, SHARE_CONTROLLER, now);
    spin_unlock(&sw->lock);
    return s;
}

/* A learnt flow that a controller changes becomes its own: otherwise learning would undo it. */
static hv_status modify(struct vswitch *sw, const struct flow_spec *spec, uint64_t now)
{
    struct flow *w = find(sw, &spec->match, spec->priority);
    if (!w || !flow_alive(w, now))
        return HV_NOT_FOUND;
    if (w->share == SHARE_CONTROLLER) {
        flow_set(sw, w, spec, now);
        return HV_OK;
    }
    uint64_t packets = w->packets, bytes = w->bytes, since = w->since;
    struct flow_spec adopted = *spec;
    if (adopted.priority < w->spec.priority)
        adopted.priority = w->spec.priority;
    hv_status s = flow_add(sw, &adopted, SHARE_CONTROLLER, now);
    w = find(sw, &spec->match, spec->priority);
    if (s == HV_OK && w) {
        w->packets = packets;
        w->bytes = bytes;
        w->since = since;
    }
    return s;
}

hv_status control_flow_modify(struct vswitch *sw, const struct flow_spec *spec, uint64_t now)
{
    if (!spec_valid(sw, spec))
        return HV_INVALID;
    spin_lock(&sw->lock);
    hv_status s = modify(sw, spec, now);
    spin_unlock(&sw->lock);
    return s;
}

hv_status control_flow_delete(struct vswitch *sw, const struct flow_match *match, uint16_t priority)
{
    if (!match_valid(sw, match))
        return HV_INVALID;
    spin_lock(&sw->lock);
    struct flow *w = find(sw, match, priority);
    if (w && w->spec.priority != priority)
        w = NULL;
    if (w)
        flow_remove(sw, w, REMOVED_DELETED);
    spin_unlock(&sw->lock);
    return w ? HV_OK : HV_NOT_FOUND;
}

/* ---- many flows -------------------------------------------------------------------------- */

/* Does each field that m names have m's value in the flow? */
static bool covered(const struct flow_match *m, const struct flow_match *flow)
{
    if (m->fields & ~flow->fields)
        return false;
    return (!(m->fields & FLOW_IN_PORT) || m->in_port == flow->in_port) &&
           (!(m->fields & FLOW_VLAN) || m->vlan == flow->vlan) && (!(m->fields & FLOW_DST) || m->dst == flow->dst) &&
           (!(m->fields & FLOW_SRC) || m->src == flow->src) && (!(m->fields & FLOW_TYPE) || m->type == flow->type);
}

uint32_t control_flow_delete_all(struct vswitch *sw, const struct flow_match *match)
{
    uint32_t removed = 0;
    for (uint32_t begin = 1; begin < FLOW_SLOTS; begin += DELETE_SLOTS) {
        spin_lock(&sw->lock);
        for (uint32_t i = begin; i < begin + DELETE_SLOTS && i < FLOW_SLOTS; i++) {
            struct flow *w = &sw->flow[i];
            if (!w->in_use || !covered(match, &w->spec.match))
                continue;
            flow_remove(sw, w, REMOVED_DELETED);
            removed++;
        }
        spin_unlock(&sw->lock);
    }
    return removed;
}

static void describe(const struct flow *w, uint64_t now, struct flow_info *info)
{
    info->spec = w->spec;
    info->built_in = w->share != SHARE_CONTROLLER;
    info->packets = w->packets;
    info->bytes = w->bytes;
    info->age_ns = (int64_t)(now - w->since) > 0 ? now - w->since : 0;
    info->idle_ns = (int64_t)(now - w->used) > 0 ? now - w->used : 0;
}

bool control_flow_next(struct vswitch *sw, uint32_t *index, uint64_t now, struct flow_info *info)
{
    bool found = false;
    spin_lock(&sw->lock);
    uint32_t i = *index < 1 ? 1 : *index;
    for (; !found && i < FLOW_SLOTS; i++) {
        if (i >= sw->fresh && i < FLOW_WILD_FIRST)
            i = FLOW_WILD_FIRST;
        const struct flow *w = &sw->flow[i];
        found = w->in_use && flow_alive(w, now);
        if (found)
            describe(w, now, info);
    }
    spin_unlock(&sw->lock);
    *index = i;
    return found;
}
