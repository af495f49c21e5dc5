/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame allocator's calls for taking memory, referring to it, and giving it back
 * (frame.h). Callers are the hypervisor's own tables, guests' memory and page tables.
 * What a generation means, and when all CPUs have passed one, is the run loop's
 * business.
 */
#include "socle/frame.h"

#include "frame_priv.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { RELEASE_ON_NEED = 64 };  /* handed-over pieces freed when memory runs short */

bool unit_find(const struct frames *f, uint64_t at, struct unit *u)
{
    uint64_t block = at >> BLOCK_SHIFT;

    if (block >= f->blocks)
        return false;
    u->index = (uint32_t)block;
    u->block = &f->block[block];
    u->pfn = (uint32_t)block * FRAMES;
    u->rec = NULL;
    if (u->block->state == STATE_SPLIT) {
        u->pfn = (uint32_t)(at >> PAGE_SHIFT);
        u->rec = &records_of(f, u->block)[u->pfn % FRAMES];
    }
    return true;
}

/* ---- taking ---- */

/* The used unit that holds `at`, locked against everybody else. */
static struct unit used_unit(struct frames *f, hpa_t at)
{
    struct unit u;

    hv_assert(unit_find(f, at.v, &u) && unit_state(&u) == STATE_USED);
    return u;
}

/* Who has a use for clean memory? */
static bool prefers_clean(const struct frame_want *w)
{
    return w->zero || w->kind != FRAME_HYPERVISOR;
}

/* Never under the lock: 2 MiB take long enough to be felt by other CPUs. */
static void zero(const struct frames *f, uint64_t at, uint64_t len)
{
    memset(f->window + at, 0, len);
}

/* Wants come from our own code, never from a guest. */
static void check_want(const struct frame_want *w)
{
    hv_assert(w->owner < FRAME_OWNERS);
    hv_assert(w->kind >= FRAME_HYPERVISOR && w->kind <= FRAME_DMA);
}

/* Memory ran short: frees some of what is only waiting to be freed. False: nothing was. */
static bool made_room(struct frames *f)
{
    spin_lock(&f->lock);
    bool some = f->batches && f->batch[0].gen <= f->passed;
    spin_unlock(&f->lock);
    if (some)
        frame_release(f, RELEASE_ON_NEED);
    return some;
}

static uint32_t take_run(struct frames *f, const struct frame_want *w, unsigned order)
{
    spin_lock(&f->lock);
    uint32_t pfn = split_take(f, w, order);
    spin_unlock(&f->lock);
    return pfn;
}

hv_status frame_alloc_run(struct frames *f, const struct frame_want *w, unsigned order, hpa_t *out)
{
    uint32_t pfn;

    check_want(w);
    hv_assert(order <= 8);
    do
        pfn = take_run(f, w, order);
    while (pfn == NIL && made_room(f));
    if (pfn == NIL)
        return HV_NOMEM;
    *out = frame_addr(pfn);
    if (prefers_clean(w))
        zero(f, out->v, (uint64_t)PAGE_SIZE << order);
    return HV_OK;
}

hv_status frame_alloc(struct frames *f, const struct frame_want *w, hpa_t *out)
{
    return frame_alloc_run(f, w, 0, out);
}

void frame_clear_block(struct frames *f, hpa_t at)
{
    spin_lock(&f->lock);
    struct unit u = used_unit(f, at);
    hv_assert(!u.rec);
    bool clean = u.block->clean;
    u.block->clean = false;     /* from now on it may be written */
    spin_unlock(&f->lock);
    if (!clean)
        zero(f, block_addr(u.index).v, BLOCK_SIZE);
}

static uint32_t take_block(struct frames *f, const struct frame_want *w)
{
    spin_lock(&f->lock);
    uint32_t block = block_take(f, limit_of(f, w), prefers_clean(w));
    /* A split block that is kept though no frame of it is used serves as well. */
    while (block == NIL && split_join_idle(f))
        block = block_take(f, limit_of(f, w), prefers_clean(w));
    if (block != NIL)
        block_own(f, block, w->owner, w->kind);
    spin_unlock(&f->lock);
    return block;
}

hv_status frame_alloc_block(struct frames *f, const struct frame_want *w, hpa_t *out)
{
    uint32_t block;

    check_want(w);
    do
        block = take_block(f, w);
    while (block == NIL && made_room(f));
    if (block == NIL)
        return HV_NOMEM;
    *out = block_addr(block);
    if (w->zero)
        frame_clear_block(f, *out);
    return HV_OK;
}

hv_status frame_alloc_giga(struct frames *f, const struct frame_want *w, hpa_t *out)
{
    check_want(w);
    spin_lock(&f->lock);
    uint32_t first = giga_take(f, limit_of(f, w));
    for (uint32_t i = 0; first != NIL && i < FRAME_GIGA; i++)
        block_own(f, first + i, w->owner, w->kind);
    spin_unlock(&f->lock);
    if (first == NIL)
        return HV_NOMEM;
    *out = block_addr(first);
    for (uint32_t i = first; w->zero && i < first + FRAME_GIGA; i++)
        frame_clear_block(f, block_addr(i));
    return HV_OK;
}

/* ---- giving back ---- */

void unit_disown(struct frames *f, const struct unit *u, enum frame_state state)
{
    if (u->rec) {
        f->owner[u->rec->owner].frames--;
        u->rec->state = (uint8_t)state;
    } else {
        block_disown(f, u->index);
        u->block->state = (uint8_t)state;
    }
}

static uint32_t pins_of(const struct unit *u) { return u->rec ? u->rec->pins : u->block->pins; }
static uint32_t refs_of(const struct unit *u) { return u->rec ? u->rec->refs : u->block->refs; }
static uint8_t kind_of(const struct unit *u) { return u->rec ? u->rec->kind : u->block->kind; }

/*
 * With the last reference, ownership ends at once, so that the counters of the owner are
 * right while the memory itself still waits for a pin or a flush.
 */
void unit_put(struct frames *f, const struct unit *u, uint64_t gen)
{
    hv_assert(unit_state(u) == STATE_USED && refs_of(u) > 0);
    if (u->rec)
        u->rec->refs--;
    else
        u->block->refs--;
    if (refs_of(u))
        return;
    bool pinned = pins_of(u);
    unit_disown(f, u, STATE_DYING);
    if (pinned)
        f->deferred += u->rec ? 1 : FRAMES;
    else
        defer(f, u, gen);
}

/* No guest could reach it, so no TLB matters: passed generations are good enough. */
static void free_hv(struct frames *f, hpa_t at, bool whole)
{
    struct unit u = used_unit(f, at);

    hv_assert(at.v == frame_addr(u.pfn).v && whole == !u.rec);
    hv_assert(kind_of(&u) == FRAME_HYPERVISOR && refs_of(&u) == 1 && !pins_of(&u));
    unit_put(f, &u, f->passed);
}

void frame_free_run(struct frames *f, hpa_t at, unsigned order)
{
    spin_lock(&f->lock);
    for (uint64_t i = 0; i < 1ull << order; i++)
        free_hv(f, hpa(at.v + i * PAGE_SIZE), false);
    spin_unlock(&f->lock);
}

void frame_free(struct frames *f, hpa_t at) { frame_free_run(f, at, 0); }

void frame_free_block(struct frames *f, hpa_t at)
{
    spin_lock(&f->lock);
    free_hv(f, at, true);
    spin_unlock(&f->lock);
}

void frame_free_range(struct frames *f, hpa_t base, uint64_t len)
{
    uint64_t at = align_up(base.v, PAGE_SIZE), end = align_down(base.v + len, PAGE_SIZE);

    while (at < end) {
        /* Lookup and freeing are two steps: nobody else knows of this memory. */
        bool whole = is_aligned(at, BLOCK_SIZE) && end - at >= BLOCK_SIZE;
        struct frame_info i;
        if (frame_lookup(f, hpa(at), &i) != HV_OK)
            return;
        /* A block of which only a part is given back needs records; without, it stays. */
        if (!i.split && !whole && frame_split(f, hpa(at)) != HV_OK) {
            at = align_down(at, BLOCK_SIZE) + BLOCK_SIZE;
            continue;
        }
        bool block = whole && !i.split;
        spin_lock(&f->lock);
        if (i.kind == FRAME_HYPERVISOR && i.owner == OWNER_HV)
            free_hv(f, hpa(at), block);
        spin_unlock(&f->lock);
        at += block ? BLOCK_SIZE : PAGE_SIZE;
    }
}

void frame_put(struct frames *f, hpa_t at, uint64_t gen)
{
    spin_lock(&f->lock);
    struct unit u = used_unit(f, at);
    unit_put(f, &u, gen);
    spin_unlock(&f->lock);
}

/* The assertion tells a caller that is not the last that it should have said put. */
void frame_free_after(struct frames *f, hpa_t at, uint64_t gen)
{
    spin_lock(&f->lock);
    struct unit u = used_unit(f, at);
    hv_assert(refs_of(&u) == 1);
    unit_put(f, &u, gen);
    spin_unlock(&f->lock);
}

/* ---- counts and kinds ---- */

/* Adds one to a count that is kept in 16 bits for frames and in 32 for blocks. */
static hv_status count_up(const struct unit *u, uint16_t *small, uint32_t *large)
{
    if (u->rec ? *small == UINT16_MAX : *large == UINT32_MAX)
        return HV_RANGE;
    if (u->rec)
        ++*small;
    else
        ++*large;
    return HV_OK;
}

static hv_status add_reference(struct frames *f, hpa_t at, bool pin)
{
    struct unit u;
    hv_status s = HV_RANGE;

    spin_lock(&f->lock);
    if (unit_find(f, at.v, &u) && unit_state(&u) == STATE_USED)
        s = pin ? count_up(&u, u.rec ? &u.rec->pins : NULL, &u.block->pins)
                : count_up(&u, u.rec ? &u.rec->refs : NULL, &u.block->refs);
    spin_unlock(&f->lock);
    return s;
}

hv_status frame_get(struct frames *f, hpa_t at) { return add_reference(f, at, false); }
hv_status frame_pin(struct frames *f, hpa_t at) { return add_reference(f, at, true); }

void frame_unpin(struct frames *f, hpa_t at, uint64_t gen)
{
    struct unit u;

    spin_lock(&f->lock);
    hv_assert(unit_find(f, at.v, &u) && pins_of(&u) > 0);
    if (u.rec)
        u.rec->pins--;
    else
        u.block->pins--;
    /* The device is done: now the wait for the flush begins. */
    if (unit_state(&u) == STATE_DYING && !pins_of(&u)) {
        f->deferred -= u.rec ? 1 : FRAMES;
        defer(f, &u, gen);
    }
    spin_unlock(&f->lock);
}

/* The frames of a used block take over what the block was. Its records are at `records`. */
static void split_used(struct frames *f, uint32_t block, uint64_t records)
{
    struct frame_block was = f->block[block];

    /* Owners count frames, whole or not: the total stays the same. */
    block_disown(f, block);
    split_begin(f, block, records);
    for (uint32_t i = 0; i < FRAMES; i++) {
        split_set(f, block * FRAMES + i, true, was.owner, was.kind);
        records_of(f, &f->block[block])[i].refs = (uint16_t)was.refs;
    }
}

hv_status frame_split(struct frames *f, hpa_t at)
{
    struct frame_want w = { OWNER_HV, FRAME_HYPERVISOR, false, 0 };
    struct unit u;
    hv_status s = HV_OK;
    bool found;

    /* One critical section: the block must not be freed while its records are made. */
    spin_lock(&f->lock);
    found = unit_find(f, at.v, &u);
    if (!found || (!u.rec && u.block->state != STATE_USED) ||
        (!u.rec && u.block->refs > UINT16_MAX))
        s = HV_RANGE;
    else if (!u.rec && u.block->pins)
        s = HV_BUSY;
    else if (!u.rec) {
        uint32_t pfn = split_take(f, &w, 0);
        if (pfn == NIL)
            s = HV_NOMEM;
        else
            split_used(f, u.index, frame_addr(pfn).v);
        f->records += pfn != NIL;
    }
    spin_unlock(&f->lock);
    return s;
}

static enum frame_kind visible_kind(const struct unit *u)
{
    switch ((enum frame_state)unit_state(u)) {
    case STATE_NONE:
        return FRAME_RESERVED;
    case STATE_FREE:
    case STATE_CLEANING:
        return FRAME_FREE;
    case STATE_USED:
    case STATE_DYING:
    case STATE_DEFERRED:
    case STATE_SPLIT:
        break;
    }
    return kind_of(u);
}

hv_status frame_lookup(struct frames *f, hpa_t at, struct frame_info *out)
{
    struct unit u;

    spin_lock(&f->lock);
    bool found = unit_find(f, at.v, &u);
    if (found) {
        bool counted = unit_state(&u) == STATE_USED || unit_state(&u) == STATE_DYING;
        *out = (struct frame_info){
            .kind = visible_kind(&u),
            .owner = u.rec ? u.rec->owner : u.block->owner,
            .split = u.rec,
            .refs = counted ? refs_of(&u) : 0,
            .pins = counted ? pins_of(&u) : 0,
        };
    }
    spin_unlock(&f->lock);
    return found ? HV_OK : HV_RANGE;
}

hv_status frame_set_kind(struct frames *f, hpa_t at, enum frame_kind kind)
{
    struct unit u;

    hv_assert(kind >= FRAME_HYPERVISOR && kind <= FRAME_DMA);
    spin_lock(&f->lock);
    bool found = unit_find(f, at.v, &u) && unit_state(&u) == STATE_USED;
    if (found && u.rec)
        u.rec->kind = (uint8_t)kind;
    else if (found)
        u.block->kind = (uint8_t)kind;
    spin_unlock(&f->lock);
    return found ? HV_OK : HV_RANGE;
}

/* ---- numbers ---- */

void frame_stats(struct frames *f, struct frame_stats *out)
{
    spin_lock(&f->lock);
    uint64_t hv = f->owner[OWNER_HV].frames;
    /* Guests have what is neither free, ours, nor on its way to become free. */
    *out = (struct frame_stats){
        .total = f->total << PAGE_SHIFT,
        .free = f->free_frames << PAGE_SHIFT,
        .hypervisor = hv << PAGE_SHIFT,
        .guests = (f->total - f->free_frames - hv - f->deferred) << PAGE_SHIFT,
        .deferred = f->deferred << PAGE_SHIFT,
        .records = f->records << PAGE_SHIFT,
        .ignored = f->ignored << PAGE_SHIFT,
        .dirty = f->dirty_blocks << BLOCK_SHIFT,
    };
    spin_unlock(&f->lock);
}

uint64_t frame_owned(struct frames *f, uint16_t owner)
{
    spin_lock(&f->lock);
    uint64_t frames = owner < FRAME_OWNERS ? f->owner[owner].frames : 0;
    spin_unlock(&f->lock);
    return frames << PAGE_SHIFT;
}
