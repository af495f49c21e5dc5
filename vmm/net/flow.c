/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table. Flows for a destination in a VLAN are found by a hash in constant time, the
 * few others by going through them in the order of their priority. The room is fixed; a
 * guest that invents addresses displaces its own flows, never those of others (threat F1).
 */
#include "socle/assert.h"
#include "vmm/net/vswitch_priv.h"

enum {
    SWEEP_SLOTS = 512,          /* looked at in one go */
    EVICT_OF    = 8,            /* the longest unused of so many oldest ones goes */
};
#define SWEEP_NS        SECOND_NS

/* ---- look-up ----------------------------------------------------------------------- */

/* The secret keeps guests from choosing addresses that meet in one bucket. */
static inline uint16_t *bucket_of(struct vswitch *sw, uint64_t key)
{
    uint64_t h = (key ^ sw->seed) * 0x9e3779b97f4a7c15;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93;
    return &sw->bucket[h >> (64 - FLOW_BUCKETS_LOG)];
}

struct flow *flow_exact(struct vswitch *sw, uint64_t key)
{
    for (uint16_t i = *bucket_of(sw, key); i; i = sw->flow[i].next)
        if (sw->flow[i].key == key)
            return &sw->flow[i];
    return NULL;
}

static bool matches(const struct flow_match *m, const struct vport *from, const struct net_frame *f)
{
    return (!(m->fields & FLOW_IN_PORT) || m->in_port == from->number) &&
           (!(m->fields & FLOW_VLAN) || m->vlan == f->vlan) &&
           (!(m->fields & FLOW_DST) || m->dst == frame_dst(f)) &&
           (!(m->fields & FLOW_SRC) || m->src == frame_src(f)) &&
           (!(m->fields & FLOW_TYPE) || m->type == frame_type(f));
}

struct flow *flow_lookup(struct vswitch *sw, const struct vport *from, const struct net_frame *f, uint64_t now)
{
    struct flow *exact = flow_exact(sw, flow_key(frame_dst(f), f->vlan));
    if (exact && unlikely(!flow_alive(exact, now)))
        exact = NULL;
    for (uint32_t i = 0; i < sw->wild_count; i++) {
        struct flow *w = &sw->flow[sw->wild[i]];
        if (exact && exact->spec.priority >= w->spec.priority)
            break;
        if (matches(&w->spec.match, from, f) && flow_alive(w, now))
            return w;
    }
    return exact;
}

struct flow *flow_wild(struct vswitch *sw, const struct flow_match *m, uint16_t priority)
{
    for (uint32_t i = 0; i < sw->wild_count; i++) {
        struct flow *w = &sw->flow[sw->wild[i]];
        const struct flow_match *o = &w->spec.match;
        if (w->spec.priority == priority && o->fields == m->fields && o->in_port == m->in_port &&
            o->vlan == m->vlan && o->type == m->type && o->dst == m->dst && o->src == m->src)
            return w;
    }
    return NULL;
}

/* ---- shares ------------------------------------------------------------------------ */

static uint32_t sure_left(const struct flow_share *s) { return s->count < s->sure ? s->sure - s->count : 0; }

void flow_set_share(struct vswitch *sw, uint16_t share, uint16_t sure, uint16_t most)
{
    struct flow_share *s = &sw->share[share];
    sw->sure_left -= sure_left(s);
    s->sure = sure;
    s->most = most;
    sw->sure_left += sure_left(s);
}

static bool has_room(const struct vswitch *sw, const struct flow_share *s)
{
    if (s->count < s->sure)
        return sw->free_slots > 0;
    return s->count < s->most && sw->free_slots > sw->sure_left;
}

static void share_link(struct vswitch *sw, struct flow *w, uint16_t share)
{
    struct flow_share *s = &sw->share[share];
    uint16_t slot = flow_slot(sw, w);
    sw->sure_left -= s->count < s->sure;
    s->count++;
    w->share = share;
    w->newer = 0;
    w->older = s->newest;
    if (s->newest)
        sw->flow[s->newest].newer = slot;
    else
        s->oldest = slot;
    s->newest = slot;
}

static void share_unlink(struct vswitch *sw, struct flow *w)
{
    struct flow_share *s = &sw->share[w->share];
    if (w->older)
        sw->flow[w->older].newer = w->newer;
    else
        s->oldest = w->newer;
    if (w->newer)
        sw->flow[w->newer].older = w->older;
    else
        s->newest = w->older;
    s->count--;
    sw->sure_left += s->count < s->sure;
}

/* ---- slots -------------------------------------------------------------------------- */

static struct flow *take_slot(struct vswitch *sw)
{
    uint16_t slot = sw->free;
    if (slot)
        sw->free = sw->flow[slot].next;
    else
        slot = sw->fresh++;
    hv_assert(slot < FLOW_WILD_FIRST && !sw->flow[slot].in_use);
    sw->free_slots--;
    return &sw->flow[slot];
}

static struct flow *take_wild_slot(struct vswitch *sw)
{
    for (uint16_t slot = FLOW_WILD_FIRST; slot < FLOW_SLOTS; slot++)
        if (!sw->flow[slot].in_use)
            return &sw->flow[slot];
    return NULL;
}

static bool is_timed(const struct flow_spec *s) { return s->idle_s || s->hard_s; }

/* What follows from the members of the spec. The flow is in use or about to be. */
void flow_set(struct vswitch *sw, struct flow *w, const struct flow_spec *spec, uint64_t now)
{
    sw->timed -= w->in_use && is_timed(&w->spec);
    w->spec = *spec;
    w->in_use = true;
    w->hard_at = spec->hard_s ? now + spec->hard_s * SECOND_NS : TIME_NEVER;
    w->idle_ns = spec->idle_s ? spec->idle_s * SECOND_NS : IDLE_NEVER;
    w->used = now;
    sw->timed += is_timed(spec);
    if (is_timed(spec) && sw->sweep_due == TIME_NEVER) {
        sw->sweep_due = now + SWEEP_NS;
        stall_set_due(sw);
    }
}

static void flow_start(struct vswitch *sw, struct flow *w, const struct flow_spec *spec, uint64_t now)
{
    w->packets = w->bytes = 0;
    w->since = now;
    w->seq++;
    flow_set(sw, w, spec, now);
}

/* From the highest priority down; insertion sort keeps the order of equals. */
void flow_sort_wild(struct vswitch *sw)
{
    for (uint32_t i = 1; i < sw->wild_count; i++) {
        uint16_t slot = sw->wild[i];
        uint32_t at = i;
        for (; at && sw->flow[sw->wild[at - 1]].spec.priority < sw->flow[slot].spec.priority; at--)
            sw->wild[at] = sw->wild[at - 1];
        sw->wild[at] = slot;
    }
}

static hv_status insert_wild(struct vswitch *sw, const struct flow_spec *spec, uint64_t now)
{
    struct flow *w = take_wild_slot(sw);
    if (!w)
        return HV_NOMEM;
    flow_start(sw, w, spec, now);
    w->share = SHARE_CONTROLLER;
    sw->wild[sw->wild_count++] = flow_slot(sw, w);
    flow_sort_wild(sw);
    return HV_OK;
}

/* The one of a port's oldest flows that is longest unused. */
static void evict(struct vswitch *sw, uint16_t share)
{
    struct flow *victim = &sw->flow[sw->share[share].oldest];
    struct flow *w = victim;
    for (unsigned i = 1; i < EVICT_OF && w->newer; i++) {
        w = &sw->flow[w->newer];
        if (w->used < victim->used)
            victim = w;
    }
    flow_remove(sw, victim, REMOVED_REPLACED);
}

/* A bucket that is full: with a secret hash, a matter of luck. One of the share's own goes, or the new one. */
static bool make_room_in_bucket(struct vswitch *sw, const uint16_t *bucket, uint16_t share)
{
    struct flow *own = NULL;
    unsigned n = 0;
    for (uint16_t i = *bucket; i; i = sw->flow[i].next, n++)
        if (sw->flow[i].share == share)
            own = &sw->flow[i];
    if (n < FLOW_CHAIN_MAX)
        return true;
    if (!own || share == SHARE_CONTROLLER)
        return false;
    flow_remove(sw, own, REMOVED_REPLACED);
    return true;
}

/* A port's new flow displaces its old ones; a controller is told that the table is full. */
hv_status flow_insert(struct vswitch *sw, const struct flow_spec *spec, uint16_t share, uint64_t now)
{
    if (!flow_is_exact(&spec->match))
        return insert_wild(sw, spec, now);
    uint64_t key = flow_key(spec->match.dst, spec->match.vlan);
    uint16_t *bucket = bucket_of(sw, key);
    if (!make_room_in_bucket(sw, bucket, share))
        return HV_NOMEM;
    if (!has_room(sw, &sw->share[share])) {
        if (share == SHARE_CONTROLLER || !sw->share[share].count)
            return HV_NOMEM;
        evict(sw, share);
    }
    struct flow *w = take_slot(sw);
    w->key = key;
    flow_start(sw, w, spec, now);
    share_link(sw, w, share);
    w->next = *bucket;
    *bucket = flow_slot(sw, w);
    return HV_OK;
}

/* ---- removal ------------------------------------------------------------------------ */

static void remove_exact(struct vswitch *sw, struct flow *w)
{
    uint16_t slot = flow_slot(sw, w), *link = bucket_of(sw, w->key);
    while (*link != slot)
        link = &sw->flow[*link].next;
    *link = w->next;
    share_unlink(sw, w);
    w->next = sw->free;
    sw->free = slot;
    sw->free_slots++;
}

static void remove_wild(struct vswitch *sw, uint16_t slot)
{
    uint32_t at = 0;
    while (sw->wild[at] != slot)
        at++;
    sw->wild_count--;
    for (; at < sw->wild_count; at++)
        sw->wild[at] = sw->wild[at + 1];
}

void flow_remove(struct vswitch *sw, struct flow *w, unsigned reason)
{
    if (w->spec.flags & FLOW_NOTIFY)
        event_removed(sw, w, reason);
    if (flow_is_exact(&w->spec.match))
        remove_exact(sw, w);
    else
        remove_wild(sw, flow_slot(sw, w));
    sw->timed -= is_timed(&w->spec);
    w->in_use = false;
    w->seq++;
}

void flow_forget(struct vswitch *sw, uint16_t share)
{
    while (sw->share[share].oldest)
        flow_remove(sw, &sw->flow[sw->share[share].oldest], REMOVED_DELETED);
}

static void sweep_slot(struct vswitch *sw, uint16_t slot, uint64_t now)
{
    struct flow *w = &sw->flow[slot];
    if (w->in_use && !flow_alive(w, now))
        flow_remove(sw, w, now >= w->hard_at ? REMOVED_HARD : REMOVED_IDLE);
}

/*
 * Look-ups see by themselves that a flow's time is over; this gives back the room and tells
 * the controller, within ten seconds.
 */
void flow_sweep(struct vswitch *sw, uint64_t now)
{
    for (uint16_t slot = FLOW_WILD_FIRST; slot < FLOW_SLOTS; slot++)
        sweep_slot(sw, slot, now);
    for (unsigned i = 0; i < SWEEP_SLOTS && i + 1u < sw->fresh; i++) {
        if (++sw->sweep_at >= sw->fresh)
            sw->sweep_at = 1;
        sweep_slot(sw, sw->sweep_at, now);
    }
    sw->sweep_due = sw->timed ? now + SWEEP_NS : TIME_NEVER;
    stall_set_due(sw);
}
