/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks in RAM: a boot module's image, read-only, written in place, or under an overlay of
 * the pages that were written. Pure; pages come from the caller.
 */
#ifndef SOCLE_BLK_RAM_H
#define SOCLE_BLK_RAM_H

#include "socle/blk.h"
#include "socle/lock.h"

/* Pages of 4 KiB for an overlay. alloc gives a page of undefined contents, or null. */
struct blk_pages {
    void  *ctx;
    void *(*alloc)(void *ctx);
    void  (*free)(void *ctx, void *page);
};

struct blk_ram {
    struct blk       blk;
    /* The next two are below the queues' locks; `lock` is the lower one. */
    struct spinlock  gate;          /* held while pages are freed, or to become a user */
    struct spinlock  lock;          /* whoever adds to the overlay's tables */
    _Atomic uint32_t users;         /* copies under way between the overlay's pages and guests */
    uint8_t         *image;         /* never written when overlay or blk.readonly */
    uint64_t         len;           /* a multiple of 512 */
    bool             overlay;
    struct blk_pages pages;
    uint64_t         limit, used;   /* of the overlay: pages that hold data */
    void           **root;          /* private to blk_overlay.c */
    uint64_t         roots;
    bool             full;          /* the limit has refused a write since the overlay was last empty */
    /*
     * The limit (or, out_of_memory, the machine) refuses a write for the first time. With a
     * queue's lock held, so it only notes what happened. May be null.
     */
    void           (*on_full)(void *owner, bool out_of_memory);
    void            *on_full_owner;
};

enum blk_ram_mode { BLK_RAM_READONLY, BLK_RAM_DIRECT, BLK_RAM_OVERLAY };

/* Bytes of `root` that an overlay over `len` bytes needs: the caller allocates them zeroed. */
size_t blk_ram_root_size(uint64_t len);
/* len: a multiple of 512, not 0 (HV_INVALID). pages, limit (bytes), root: for an overlay only. */
MUST_CHECK hv_status blk_ram_init(struct blk_ram *r, enum blk_ram_mode mode, uint8_t *image, uint64_t len,
                                  const struct blk_pages *pages, uint64_t limit, void *root);
/* Frees at most `budget` pages of the overlay; true: there is more. Nobody may use the disk. */
MUST_CHECK bool blk_ram_drop(struct blk_ram *r, unsigned budget);

#endif
