/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns which physical memory. The unit is the block of 2 MiB; a block can be
 * split into frames of 4 KiB, which then carry owner, kind and counts of their own.
 * All calls take the allocator's own lock and may come from any CPU, with any other
 * lock held but never from an interrupt handler.
 *
 * Memory that a guest could reach is freed in two steps: it is handed over together
 * with the flush generation after which no CPU can have it in a TLB, and it becomes
 * free when all CPUs have passed that generation.
 */
#ifndef SOCLE_FRAME_H
#define SOCLE_FRAME_H

#include "socle/lock.h"
#include "socle/memmap.h"
#include "socle/status.h"
#include "socle/types.h"

enum frame_kind {
    FRAME_FREE,
    FRAME_HYPERVISOR,       /* our own: tables, buffers, state of vCPUs */
    FRAME_PRIVATE,          /* one guest's memory */
    FRAME_SHARED,           /* several guests', read-only */
    FRAME_DMA,              /* a guest's memory that a real device may access */
    FRAME_DEVICE,           /* a device's registers or memory */
    FRAME_RESERVED,         /* firmware's, bad, or a hole */
    FRAME_KINDS
};

enum {
    OWNER_HV      = 0,      /* guests have ids from 1 up */
    FRAME_OWNERS  = 1024,
    FRAME_BATCHES = 4,      /* generations waiting at once before they are merged */
    FRAME_GIGA    = 512,    /* blocks of 1 GiB */
};

struct frame_block;         /* private to mm/ */
struct frame_giga;
struct frame_owner;

/* Frames handed over under one generation: a chain through their records. */
struct frame_batch { uint64_t gen; uint32_t head, tail; };

struct frames {
    struct spinlock      lock;
    uint8_t             *window;        /* host virtual address of physical 0 */
    uint64_t             reach;         /* the window shows what lies below this */
    uint32_t             blocks, gigas;
    struct frame_block  *block;
    struct frame_giga   *giga;
    struct frame_owner  *owner;
    uint32_t             giga_list[2][FRAME_GIGA / 64 + 1];     /* below 4 GiB or not; by fill */
    uint32_t             split_free;    /* list of split blocks, but block 0, with free frames */
    struct frame_batch   batch[FRAME_BATCHES];
    uint32_t             batches;
    uint64_t             passed;        /* generation that every CPU has passed */
    uint32_t             clean_at;      /* where idle cleaning goes on */
    /* in frames */
    uint64_t             total, free_frames, deferred, records, ignored;
    uint64_t             dirty_blocks;
};

/*
 * Takes over the RAM of a map. The records go into that memory itself: 32 bytes for
 * each 2 MiB up to the last RAM, plus a page for each block that is not all RAM. RAM
 * of kind MEM_BOOT and MEM_HYPERVISOR becomes the hypervisor's; the former can be given back
 * with frame_free_range(); the map's MEM_ACPI and the others are reserved. RAM so far
 * up that its records would be out of proportion is left alone and counted as ignored.
 * reach: end of what `window` shows now; allocations come from below it.
 * HV_NOMEM: not even the records fit.
 */
MUST_CHECK hv_status frame_init(struct frames *f, const struct memmap *map, uint8_t *window,
                                uint64_t reach);
/* The window was extended. */
void frame_set_reach(struct frames *f, uint64_t reach);

/* What is asked for. kind: HYPERVISOR, PRIVATE, SHARED or DMA. */
struct frame_want {
    uint16_t        owner;      /* below FRAME_OWNERS */
    enum frame_kind kind;
    bool            zero;       /* filled with zeros */
    uint64_t        limit;      /* to end at or below this address; 0: anywhere */
};

/*
 * All: HV_NOMEM when there is none. Each frame or block starts with one reference.
 * Frames and runs of a guest's kind are always zeroed. Blocks and GiBs, whose clearing
 * takes long, only if asked: else frame_clear_block() is due before a guest sees them.
 */
MUST_CHECK hv_status frame_alloc(struct frames *f, const struct frame_want *w, hpa_t *out);
/* 2^order frames, contiguous and naturally aligned; order 0 to 8. Freed one by one or as run. */
MUST_CHECK hv_status frame_alloc_run(struct frames *f, const struct frame_want *w, unsigned order,
                                     hpa_t *out);
/* 2 MiB. Those cleaned while idle go to guests' kinds and to who wants zeros. */
MUST_CHECK hv_status frame_alloc_block(struct frames *f, const struct frame_want *w, hpa_t *out);
/*
 * Zeroes an allocated block, unless it is a clean one that nobody has written since.
 * Caller: its owner, once, before it is handed out.
 */
void frame_clear_block(struct frames *f, hpa_t at);
/* 512 blocks that make an aligned GiB; only whole free ones qualify. Blocks are freed singly. */
MUST_CHECK hv_status frame_alloc_giga(struct frames *f, const struct frame_want *w, hpa_t *out);

/* A zeroed frame for the hypervisor itself. */
static inline MUST_CHECK hv_status frame_alloc_hv(struct frames *f, hpa_t *out)
{
    return frame_alloc(f, &(struct frame_want){ OWNER_HV, FRAME_HYPERVISOR, true, 0 }, out);
}

/*
 * Gives back at once a frame, run or block of kind HYPERVISOR, which no guest could
 * reach, with its only reference (asserted).
 */
void frame_free(struct frames *f, hpa_t at);
void frame_free_run(struct frames *f, hpa_t at, unsigned order);
void frame_free_block(struct frames *f, hpa_t at);
/* Gives back memory that was MEM_BOOT in the map: modules when used. Whole pages inside only. */
void frame_free_range(struct frames *f, hpa_t base, uint64_t len);

/*
 * References and pins of the frame, or of the whole unsplit block, that holds `at`.
 * The memory is freed when the last reference and the last pin are gone, once
 * generation `gen` has been passed. HV_RANGE: not allocated RAM, or the count is full.
 */
MUST_CHECK hv_status frame_get(struct frames *f, hpa_t at);
void frame_put(struct frames *f, hpa_t at, uint64_t gen);
MUST_CHECK hv_status frame_pin(struct frames *f, hpa_t at);
void frame_unpin(struct frames *f, hpa_t at, uint64_t gen);

/* As frame_put() for memory that has no other reference (asserted): ownership ends here. */
void frame_free_after(struct frames *f, hpa_t at, uint64_t gen);

/* Every CPU has passed generation `gen`; generations never go back (asserted). */
void frame_flush_passed(struct frames *f, uint64_t gen);
/* Frees handed-over memory whose generation has passed, at most `budget` pieces; false: done. */
bool frame_release(struct frames *f, unsigned budget);

/*
 * Takes a reference from everything that a guest owns, in portions: at most about
 * `budget` blocks and frames. True when nothing is left. Pinned memory stays until
 * it is unpinned.
 */
bool frame_free_owner(struct frames *f, uint16_t owner, uint64_t gen, unsigned budget);

/*
 * Splits an allocated block: its frames get its owner, kind and references. HV_OK if it
 * was split before; HV_BUSY while pinned, HV_RANGE when not allocated, HV_NOMEM.
 */
MUST_CHECK hv_status frame_split(struct frames *f, hpa_t at);

struct frame_info {
    enum frame_kind kind;
    uint16_t owner;
    bool     split;         /* the answer is about one frame, not the block */
    uint32_t refs, pins;
};
/* HV_RANGE above the last RAM. */
MUST_CHECK hv_status frame_lookup(struct frames *f, hpa_t at, struct frame_info *out);
/* Changes the kind of allocated memory among HYPERVISOR, PRIVATE, SHARED, DMA. HV_RANGE. */
MUST_CHECK hv_status frame_set_kind(struct frames *f, hpa_t at, enum frame_kind kind);

/* Zeroes one free block that is not, without holding the lock meanwhile; false: none left. */
bool frame_clean_one(struct frames *f);

/* In bytes. */
struct frame_stats {
    uint64_t total;         /* RAM in the allocator's hands, records included */
    uint64_t free;
    uint64_t hypervisor;    /* owner OWNER_HV, records included */
    uint64_t guests;
    uint64_t deferred;      /* handed over, generation not passed; in none of the above */
    uint64_t records;       /* of those: records of ownership */
    uint64_t ignored;       /* RAM too far up */
    uint64_t dirty;         /* free, not yet cleaned */
};
void frame_stats(struct frames *f, struct frame_stats *out);
/* Bytes that one owner has. */
uint64_t frame_owned(struct frames *f, uint16_t owner);

#endif
