/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What makes memory free later: the wait for every CPU to have flushed its TLB, the
 * end of an owner, and cleaning by idle CPUs. Freed memory waits in batches, one for
 * each generation; when these run out, later ones are merged, which frees late but
 * never early. The chains run through records, not through the freed memory itself,
 * which its former guest may still be writing.
 */
#include "frame_priv.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

static uint32_t *next_of(struct frames *f, uint32_t pfn)
{
    struct unit u;

    hv_assert(unit_find(f, frame_addr(pfn).v, &u));
    return u.rec ? &u.rec->next : &u.block->next;
}

static uint64_t frames_of(const struct unit *u) { return u->rec ? 1 : FRAMES; }

/* The memory becomes free now. */
static void free_now(struct frames *f, const struct unit *u)
{
    if (u->rec)
        split_free_frame(f, u->pfn);
    else
        block_push_free(f, u->index, false);
}

/* The batch for a generation; the last one takes what comes when all are in use. */
static struct frame_batch *batch_for(struct frames *f, uint64_t gen)
{
    struct frame_batch *last = f->batches ? &f->batch[f->batches - 1] : NULL;

    if (last && last->gen >= gen)
        return last;
    if (f->batches == FRAME_BATCHES) {
        last->gen = gen;
        return last;
    }
    last = &f->batch[f->batches++];
    *last = (struct frame_batch){ gen, NIL, NIL };
    return last;
}

void defer(struct frames *f, const struct unit *u, uint64_t gen)
{
    if (gen <= f->passed) {
        free_now(f, u);
        return;
    }
    struct frame_batch *b = batch_for(f, gen);
    if (u->rec)
        u->rec->state = STATE_DEFERRED;
    else
        u->block->state = STATE_DEFERRED;
    *next_of(f, u->pfn) = NIL;
    if (b->tail == NIL)
        b->head = u->pfn;
    else
        *next_of(f, b->tail) = u->pfn;
    b->tail = u->pfn;
    f->deferred += frames_of(u);
}

void frame_flush_passed(struct frames *f, uint64_t gen)
{
    spin_lock(&f->lock);
    hv_assert(gen >= f->passed);
    f->passed = gen;
    spin_unlock(&f->lock);
}

static void release_first(struct frames *f, struct frame_batch *b)
{
    struct unit u;

    hv_assert(b->gen <= f->passed);
    hv_assert(unit_find(f, frame_addr(b->head).v, &u) && unit_state(&u) == STATE_DEFERRED);
    b->head = *next_of(f, u.pfn);
    f->deferred -= frames_of(&u);
    free_now(f, &u);
}

bool frame_release(struct frames *f, unsigned budget)
{
    spin_lock(&f->lock);
    while (f->batches && f->batch[0].gen <= f->passed && budget) {
        release_first(f, &f->batch[0]);
        budget--;
        if (f->batch[0].head == NIL) {
            f->batches--;
            memmove(&f->batch[0], &f->batch[1], f->batches * sizeof(f->batch[0]));
        }
    }
    bool more = f->batches && f->batch[0].gen <= f->passed;
    spin_unlock(&f->lock);
    return more;
}

/* ---- end of an owner ---- */

/* What others still refer to stays, as the hypervisor's. */
static void drop(struct frames *f, const struct unit *u, uint64_t gen)
{
    bool shared = (u->rec ? u->rec->refs : u->block->refs) > 1;

    unit_put(f, u, gen);
    if (!shared)
        return;
    if (u->rec) {
        f->owner[u->rec->owner].frames--;
        u->rec->owner = OWNER_HV;
        f->owner[OWNER_HV].frames++;
        return;
    }
    block_disown(f, u->index);
    u->block->owner = OWNER_HV;
    list_push(f, &f->owner[OWNER_HV].head, u->index);
    f->owner[OWNER_HV].frames += FRAMES;
}

/* Drops the owner's frames in one split block; returns how many. */
static unsigned drop_in_block(struct frames *f, uint32_t block, uint16_t owner, uint64_t gen)
{
    struct frame_block *b = &f->block[block];
    unsigned n = 0;

    /* Freeing the last frame joins the block: its state is looked at each time. */
    for (uint32_t i = 0; i < FRAMES && b->state == STATE_SPLIT; i++) {
        struct frame_rec *r = &records_of(f, b)[i];
        if (r->state != STATE_USED || r->owner != owner)
            continue;
        drop(f, &(struct unit){ b, r, block, block * FRAMES + i }, gen);
        n++;
    }
    return n;
}

bool frame_free_owner(struct frames *f, uint16_t owner, uint64_t gen, unsigned budget)
{
    hv_assert(owner != OWNER_HV && owner < FRAME_OWNERS);
    spin_lock(&f->lock);
    struct frame_owner *o = &f->owner[owner];
    while (o->head != NIL && budget) {
        uint32_t i = o->head;
        drop(f, &(struct unit){ &f->block[i], NULL, i, i * FRAMES }, gen);
        budget--;
    }
    while (o->frames && o->head == NIL && budget) {
        if (o->scan >= f->blocks)
            o->scan = 0;
        unsigned cost = 1 + drop_in_block(f, o->scan++, owner, gen);
        budget -= cost < budget ? cost : budget;
    }
    bool done = o->frames == 0;
    if (done)
        o->scan = 0;
    spin_unlock(&f->lock);
    return done;
}

/* ---- cleaning ---- */

/* A dirty free block, looking on from the last place; NIL: none in sight. */
static uint32_t find_dirty(struct frames *f)
{
    for (uint32_t n = 0; f->dirty_blocks && n < f->gigas; n++) {
        if (f->clean_at >= f->gigas)
            f->clean_at = 0;
        uint32_t i = f->giga[f->clean_at].tail;
        if (i != NIL && !f->block[i].clean && block_addr(i + 1).v <= f->reach)
            return i;
        f->clean_at++;
    }
    return NIL;
}

bool frame_clean_one(struct frames *f)
{
    spin_lock(&f->lock);
    uint32_t i = find_dirty(f);
    if (i != NIL) {
        block_unlink(f, i);
        f->block[i].state = STATE_CLEANING;
        f->free_frames += FRAMES;       /* it counts as free all the while */
    }
    spin_unlock(&f->lock);
    if (i == NIL)
        return false;

    memset(f->window + block_addr(i).v, 0, BLOCK_SIZE);
    spin_lock(&f->lock);
    f->free_frames -= FRAMES;
    block_push_free(f, i, true);
    spin_unlock(&f->lock);
    return true;
}
