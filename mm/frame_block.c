/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free blocks of 2 MiB, and the lists that blocks are in. Each GiB has a list of its
 * free blocks; GiBs are sorted by how full they are into a few lists. Single blocks
 * come from the fullest GiB, so that whole ones stay whole for 1 GiB pages, and from
 * above 4 GiB first, so that memory for devices with 32-bit addresses lasts. Called by
 * the other files of the allocator under its lock.
 */
#include "frame_priv.h"
#include "socle/assert.h"
#include "socle/bits.h"

enum { BUCKETS = FRAME_GIGA / 64 + 1, LOW_GIGAS = 4, GIGA_SHIFT = 30 };

static uint32_t *giga_bucket(struct frames *f, uint32_t giga)
{
    return &f->giga_list[giga >= LOW_GIGAS][f->giga[giga].free / 64];
}

/* ---- lists of blocks ---- */

/* Doubly linked, so that a block leaves in constant time from wherever it is. */
void list_push(struct frames *f, uint32_t *head, uint32_t block)
{
    f->block[block].prev = NIL;
    f->block[block].next = *head;
    if (*head != NIL)
        f->block[*head].prev = block;
    *head = block;
}

void list_remove(struct frames *f, uint32_t *head, uint32_t block)
{
    struct frame_block *b = &f->block[block];

    if (b->prev != NIL)
        f->block[b->prev].next = b->next;
    else
        *head = b->next;
    if (b->next != NIL)
        f->block[b->next].prev = b->prev;
    b->next = b->prev = NIL;
}

/* ---- lists of GiBs ---- */

static void giga_link(struct frames *f, uint32_t giga)
{
    struct frame_giga *g = &f->giga[giga];
    uint32_t *head = giga_bucket(f, giga);

    if (!g->free)
        return;
    g->prev = NIL;
    g->next = *head;
    if (*head != NIL)
        f->giga[*head].prev = giga;
    *head = giga;
}

static void giga_unlink(struct frames *f, uint32_t giga)
{
    struct frame_giga *g = &f->giga[giga];

    if (!g->free)
        return;
    if (g->prev != NIL)
        f->giga[g->prev].next = g->next;
    else
        *giga_bucket(f, giga) = g->next;
    if (g->next != NIL)
        f->giga[g->next].prev = g->prev;
}

/* Changes the number of free blocks, moving the GiB to another list if that is due. */
static void giga_count(struct frames *f, uint32_t giga, int change)
{
    struct frame_giga *g = &f->giga[giga];
    uint32_t now = g->free + (uint32_t)change;

    if (g->free && now && g->free / 64 == now / 64) {
        g->free = now;
        return;
    }
    /* The list is named by the count: out with the old one, in with the new. */
    giga_unlink(f, giga);
    g->free = now;
    giga_link(f, giga);
}

void block_lists_init(struct frames *f)
{
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t j = 0; j < BUCKETS; j++)
            f->giga_list[i][j] = NIL;
    for (uint32_t i = 0; i < f->gigas; i++)
        f->giga[i] = (struct frame_giga){ NIL, NIL, NIL, NIL, 0 };
    for (uint32_t i = 0; i < FRAME_OWNERS; i++)
        f->owner[i].head = NIL;
    f->split_free = NIL;
}

/* ---- free blocks ---- */

void block_push_free(struct frames *f, uint32_t block, bool clean)
{
    struct frame_block *b = &f->block[block];
    struct frame_giga *g = &f->giga[block / FRAME_GIGA];

    *b = (struct frame_block){ .next = NIL, .prev = NIL, .state = STATE_FREE, .clean = clean };
    if (clean || g->head == NIL) {
        list_push(f, &g->head, block);
        if (b->next == NIL)
            g->tail = block;
    } else {
        b->prev = g->tail;
        f->block[g->tail].next = block;
        g->tail = block;
    }
    giga_count(f, block / FRAME_GIGA, 1);
    f->free_frames += FRAMES;
    f->dirty_blocks += !clean;
}

void block_unlink(struct frames *f, uint32_t block)
{
    struct frame_block *b = &f->block[block];
    struct frame_giga *g = &f->giga[block / FRAME_GIGA];

    hv_assert(b->state == STATE_FREE);
    if (g->tail == block)
        g->tail = b->prev;
    list_remove(f, &g->head, block);
    giga_count(f, block / FRAME_GIGA, -1);
    f->free_frames -= FRAMES;
    f->dirty_blocks -= !b->clean;
}

/* The fullest GiB of a set that has a free block; NIL: none. */
static uint32_t fullest(const struct frames *f, unsigned set)
{
    /* Fewest free blocks first: what is broken is used up before another GiB is. */
    for (uint32_t i = 0; i < BUCKETS; i++)
        if (f->giga_list[set][i] != NIL)
            return f->giga_list[set][i];
    return NIL;
}

/* Clean blocks are at the head; who needs no clean one leaves them to others. */
static uint32_t pick_in_giga(const struct frames *f, uint32_t giga, uint64_t limit, bool clean)
{
    const struct frame_giga *g = &f->giga[giga];
    uint32_t i = clean ? g->head : g->tail;

    while (i != NIL && block_addr(i + 1).v > limit)
        i = clean ? f->block[i].next : f->block[i].prev;
    return i;
}

static uint32_t pick(const struct frames *f, uint64_t limit, bool clean)
{
    uint64_t four_gib = (uint64_t)LOW_GIGAS << GIGA_SHIFT;
    uint32_t giga = NIL, block = NIL;

    if (limit >= (uint64_t)f->gigas << GIGA_SHIFT)
        giga = fullest(f, 1);
    if (giga == NIL && limit >= four_gib)
        giga = fullest(f, 0);
    if (giga != NIL)
        return pick_in_giga(f, giga, limit, clean);
    /* A limit inside of memory: rare, and few GiBs lie below it. */
    giga = (uint32_t)min_u64(f->gigas, (limit >> GIGA_SHIFT) + 1);
    while (giga-- > 0 && block == NIL)
        block = pick_in_giga(f, giga, limit, clean);
    return block;
}

uint32_t block_take(struct frames *f, uint64_t limit, bool want_clean)
{
    uint32_t block = pick(f, limit, want_clean);

    if (block != NIL)
        block_unlink(f, block);
    return block;
}

uint32_t giga_take(struct frames *f, uint64_t limit)
{
    for (unsigned set = 2; set-- > 0;) {
        uint32_t g = f->giga_list[set][BUCKETS - 1];
        while (g != NIL && (uint64_t)(g + 1) << GIGA_SHIFT > limit)
            g = f->giga[g].next;
        if (g == NIL)
            continue;
        for (uint32_t i = 0; i < FRAME_GIGA; i++)
            block_unlink(f, g * FRAME_GIGA + i);
        return g * FRAME_GIGA;
    }
    return NIL;
}

/* ---- ownership of whole blocks ---- */

void block_own(struct frames *f, uint32_t block, uint16_t owner, enum frame_kind kind)
{
    f->block[block] = (struct frame_block){
        .refs = 1, .owner = owner, .kind = (uint8_t)kind, .state = STATE_USED,
        .clean = f->block[block].clean,
    };
    list_push(f, &f->owner[owner].head, block);
    f->owner[owner].frames += FRAMES;
}

void block_disown(struct frames *f, uint32_t block)
{
    struct frame_owner *o = &f->owner[f->block[block].owner];

    list_remove(f, &o->head, block);
    o->frames -= FRAMES;
}
