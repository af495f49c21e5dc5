/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the frame allocator share. Blocks are named by index, frames by
 * frame number (address / 4096), which fits 32 bits up to 16 TiB. All functions here
 * are called with the allocator's lock held.
 */
#ifndef MM_FRAME_PRIV_H
#define MM_FRAME_PRIV_H

#include "socle/frame.h"

#define NIL             UINT32_MAX
#define RAM_LIMIT       (1ull << 44)        /* 16 TiB: frame numbers stay below NIL */
#define FRAMES          512u                /* in a block */

enum frame_state {
    STATE_NONE,         /* no RAM, or none of ours */
    STATE_FREE,
    STATE_USED,
    STATE_DYING,        /* no references left, but pins */
    STATE_DEFERRED,     /* waits for its flush generation */
    STATE_CLEANING,     /* free, being zeroed by an idle CPU */
    STATE_SPLIT,        /* blocks only: see the frames */
};

/*
 * A block of 2 MiB. next and prev link it into one list: of its GiB while free, of its
 * owner while used, of split blocks with free frames while split. A deferred block is
 * chained by next alone.
 */
struct frame_block {
    uint32_t next, prev;
    uint32_t refs, pins;
    uint16_t owner;
    uint8_t  kind, state;
    uint16_t free_frames;       /* split: how many */
    uint8_t  hint;              /* split: no free frame below 2 * hint */
    bool     clean;             /* free: all zero */
    uint64_t records;           /* split: address of its 512 records */
};
_Static_assert(sizeof(struct frame_block) == 32, "overhead per block");

/* A frame of 4 KiB in a split block. */
struct frame_rec {
    uint16_t owner;
    uint8_t  kind, state;
    union {
        struct { uint16_t refs, pins; };
        uint32_t next;          /* deferred: frame number of the next one */
    };
};
_Static_assert(sizeof(struct frame_rec) == 8, "records of a block fill one frame");

/* A GiB: its free blocks, clean ones first, and its place among others as full as it. */
struct frame_giga {
    uint32_t next, prev;
    uint32_t head, tail;
    uint32_t free;
};

struct frame_owner {
    uint32_t head;              /* list of unsplit blocks */
    uint32_t scan;              /* frame_free_owner() goes on at this block */
    uint64_t frames;            /* owned in all */
};

/* What an address belongs to: a frame of a split block, or (rec null) a whole block. */
struct unit {
    struct frame_block *block;
    struct frame_rec   *rec;
    uint32_t            index;      /* of the block */
    uint32_t            pfn;        /* of the frame, or the block's first */
};

static inline hpa_t block_addr(uint32_t block) { return hpa((uint64_t)block << BLOCK_SHIFT); }
static inline hpa_t frame_addr(uint32_t pfn) { return hpa((uint64_t)pfn << PAGE_SHIFT); }

static inline struct frame_rec *records_of(const struct frames *f, const struct frame_block *b)
{
    return (struct frame_rec *)(void *)(f->window + b->records);
}

/* The smaller of what is asked for and what can be seen. */
static inline uint64_t limit_of(const struct frames *f, const struct frame_want *w)
{
    return w->limit && w->limit < f->reach ? w->limit : f->reach;
}

/* frame_block.c: free blocks. */
void block_lists_init(struct frames *f);
void block_push_free(struct frames *f, uint32_t block, bool clean);
/* A free block that ends at or below limit, taken off its list; NIL: none. */
uint32_t block_take(struct frames *f, uint64_t limit, bool want_clean);
void block_unlink(struct frames *f, uint32_t block);
/* First block of a whole free GiB, all taken off; NIL: none. */
uint32_t giga_take(struct frames *f, uint64_t limit);
/* Lists linked through blocks, named by their head. */
void list_push(struct frames *f, uint32_t *head, uint32_t block);
void list_remove(struct frames *f, uint32_t *head, uint32_t block);
/* Ownership of a whole block. */
void block_own(struct frames *f, uint32_t block, uint16_t owner, enum frame_kind kind);
void block_disown(struct frames *f, uint32_t block);

/* frame_split.c: frames in split blocks. */
/* Makes a block split, its records at `records`, all zero (STATE_NONE) as yet. */
void split_begin(struct frames *f, uint32_t block, uint64_t records);
/* Sets the state of a frame for the first time: free, or used with one reference. */
void split_set(struct frames *f, uint32_t pfn, bool used, uint16_t owner, enum frame_kind kind);
/* First of 2^order free frames that end at or below limit, marked used; NIL: none. */
uint32_t split_take(struct frames *f, const struct frame_want *w, unsigned order);
/* Returns a frame that is used, dying or deferred; the block is joined when all are free. */
void split_free_frame(struct frames *f, uint32_t pfn);
/* Joins split blocks without a used frame; true if there was one. */
bool split_join_idle(struct frames *f);

/* frame_defer.c */
/* The memory of a unit without references and pins becomes free, now or later. */
void defer(struct frames *f, const struct unit *u, uint64_t gen);

/* frame.c */
/* Finds what `at` belongs to; false above the last block. */
bool unit_find(const struct frames *f, uint64_t at, struct unit *u);
static inline uint8_t unit_state(const struct unit *u)
{
    return u->rec ? u->rec->state : u->block->state;
}
/* Takes one reference from a used unit. */
void unit_put(struct frames *f, const struct unit *u, uint64_t gen);
/* Ends the ownership of a used unit; its state is then `state`. */
void unit_disown(struct frames *f, const struct unit *u, enum frame_state state);

#endif
