/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of 4 KiB inside split blocks. A block split to serve frames keeps their
 * records in its own last frame; one that was split in use has them elsewhere. Block 0
 * is the last resort, as its memory below 1 MiB is what other CPUs start in. Called by
 * the other files of the allocator under its lock.
 */
#include "frame_priv.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { LIST_LOOKS = 32 };       /* blocks of the list tried before a plain search */

static uint64_t own_records(uint32_t block)
{
    return block_addr(block).v + BLOCK_SIZE - PAGE_SIZE;
}

void split_begin(struct frames *f, uint32_t block, uint64_t records)
{
    struct frame_block *b = &f->block[block];

    *b = (struct frame_block){
        .next = NIL, .prev = NIL, .state = STATE_SPLIT, .records = records,
    };
    memset(records_of(f, b), 0, PAGE_SIZE);
}

/* Any state -> free. The hint moves down, or the search would never find the frame. */
static void add_free(struct frames *f, uint32_t pfn)
{
    uint32_t block = pfn / FRAMES, i = pfn % FRAMES;
    struct frame_block *b = &f->block[block];

    records_of(f, b)[i] = (struct frame_rec){ .state = STATE_FREE };
    if (block && b->free_frames == 0)
        list_push(f, &f->split_free, block);
    if (b->free_frames++ == 0 || i / 2 < b->hint)
        b->hint = (uint8_t)(i / 2);
    f->free_frames++;
}

static void set_used(struct frames *f, uint32_t pfn, uint16_t owner, enum frame_kind kind)
{
    struct frame_block *b = &f->block[pfn / FRAMES];

    records_of(f, b)[pfn % FRAMES] = (struct frame_rec){
        .owner = owner, .kind = (uint8_t)kind, .state = STATE_USED, .refs = 1,
    };
    f->owner[owner].frames++;
}

void split_set(struct frames *f, uint32_t pfn, bool used, uint16_t owner, enum frame_kind kind)
{
    if (used)
        set_used(f, pfn, owner, kind);
    else
        add_free(f, pfn);
}

/* Free frame -> used. */
static void take(struct frames *f, uint32_t pfn, const struct frame_want *w)
{
    struct frame_block *b = &f->block[pfn / FRAMES];

    if (--b->free_frames == 0 && pfn / FRAMES)
        list_remove(f, &f->split_free, pfn / FRAMES);
    f->free_frames--;
    set_used(f, pfn, w->owner, w->kind);
}

static bool all_free(const struct frame_rec *r, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (r[i].state != STATE_FREE)
            return false;
    return true;
}

/* First frame of a free run in this block that ends at or below limit; NIL: none. */
static uint32_t find_run(struct frames *f, uint32_t block, uint64_t limit, unsigned order)
{
    struct frame_block *b = &f->block[block];
    uint32_t step = 1u << order;

    if (b->state != STATE_SPLIT || b->free_frames < step || limit <= block_addr(block).v)
        return NIL;
    const struct frame_rec *r = records_of(f, b);
    uint64_t frames = min_u64(FRAMES, (limit - block_addr(block).v) >> PAGE_SHIFT);
    for (uint32_t i = (uint32_t)align_down(2u * b->hint, step); i + step <= frames; i += step) {
        if (!all_free(r + i, step))
            continue;
        /* All frames below are taken; of longer runs that is not known. */
        if (order == 0)
            b->hint = (uint8_t)(i / 2);
        return block * FRAMES + i;
    }
    return NIL;
}

/* The usual case: the first block of the list has a frame. */
static uint32_t find_listed(struct frames *f, uint64_t limit, unsigned order)
{
    uint32_t block = f->split_free;

    for (unsigned n = 0; block != NIL && n < LIST_LOOKS; n++) {
        uint32_t pfn = find_run(f, block, limit, order);
        if (pfn != NIL)
            return pfn;
        block = f->block[block].next;
    }
    return NIL;
}

/* Splits a free block; its records go into its last frame. */
static uint32_t find_fresh(struct frames *f, uint64_t limit, unsigned order)
{
    uint32_t block = block_take(f, limit, false);

    if (block == NIL)
        return NIL;
    split_begin(f, block, own_records(block));
    for (uint32_t i = 0; i < FRAMES - 1; i++)
        add_free(f, block * FRAMES + i);
    set_used(f, block * FRAMES + FRAMES - 1, OWNER_HV, FRAME_HYPERVISOR);
    f->records++;
    return find_run(f, block, limit, order);
}

/* The blocks below a limit one by one, block 0 last. */
static uint32_t find_anywhere(struct frames *f, uint64_t limit, unsigned order)
{
    uint64_t end = min_u64(f->blocks, (limit + BLOCK_SIZE - 1) >> BLOCK_SHIFT);

    for (uint32_t i = (uint32_t)end; i-- > 0;) {
        uint32_t pfn = find_run(f, i, limit, order);
        if (pfn != NIL)
            return pfn;
    }
    return NIL;
}

uint32_t split_take(struct frames *f, const struct frame_want *w, unsigned order)
{
    uint64_t limit = limit_of(f, w);
    /* Breaking another block comes before the search, which is linear. */
    uint32_t pfn = find_listed(f, limit, order);

    if (pfn == NIL)
        pfn = find_fresh(f, limit, order);
    if (pfn == NIL)
        pfn = find_anywhere(f, limit, order);
    for (uint32_t i = 0; pfn != NIL && i < 1u << order; i++)
        take(f, pfn + i, w);
    return pfn;
}

/* A split block without a used frame becomes whole; gives the place of outside records. */
static uint64_t join(struct frames *f, uint32_t block)
{
    struct frame_block *b = &f->block[block];
    uint64_t records = b->records;
    bool own = records == own_records(block);

    if (block)
        list_remove(f, &f->split_free, block);
    f->free_frames -= b->free_frames;
    if (own)
        f->owner[OWNER_HV].frames--;
    f->records -= own;
    block_push_free(f, block, false);
    return own ? 0 : records;
}

/* No frame in use but the one that holds the block's own records. */
static bool is_idle(const struct frame_block *b, uint32_t block)
{
    return b->free_frames == FRAMES - (b->records == own_records(block));
}

/* Frees outside records, which may in turn leave their block idle: not deep, but a loop. */
static void join_chain(struct frames *f, uint32_t block)
{
    uint64_t records = join(f, block);

    /* Records made at boot may lie in an unsplit block: their page stays taken then. */
    while (records && f->block[records >> BLOCK_SHIFT].state == STATE_SPLIT) {
        block = (uint32_t)(records >> BLOCK_SHIFT);
        f->owner[OWNER_HV].frames--;
        f->records--;
        add_free(f, (uint32_t)(records >> PAGE_SHIFT));
        records = is_idle(&f->block[block], block) ? join(f, block) : 0;
    }
}

void split_free_frame(struct frames *f, uint32_t pfn)
{
    uint32_t block = pfn / FRAMES;
    const struct frame_block *b = &f->block[block];

    add_free(f, pfn);
    /* One idle block is kept, lest a frame taken and freed in turn split and join it. */
    bool last = f->split_free == block && b->next == NIL;
    if (is_idle(b, block) && !last)
        join_chain(f, block);
}

bool split_join_idle(struct frames *f)
{
    uint32_t block = f->split_free;

    for (unsigned n = 0; block != NIL && n < LIST_LOOKS; n++) {
        if (is_idle(&f->block[block], block)) {
            join_chain(f, block);
            return true;
        }
        block = f->block[block].next;
    }
    return false;
}
