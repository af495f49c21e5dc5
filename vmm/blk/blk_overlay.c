/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What guests wrote over an image that stays as it is: pages of 4 KiB in a table of two
 * levels. An entry is null (the image holds), a page, or ZEROS. What the image has not,
 * after its end in the last page, counts as zeros.
 *
 * Locking. Queues look up and copy at the same time: they are `users`, and read entries,
 * which are written whole, without a lock. An entry changes to a page under `lock`, when
 * the page is complete. Pages are freed only while there is no user: under `gate`, through
 * which users come in. The tables' own pages stay until blk_ram_drop().
 */
#include "vmm/blk/blk_ram_priv.h"

#include "socle/bits.h"
#include "socle/str.h"

enum { LEAF_SHIFT = 9, LEAF = 1 << LEAF_SHIFT };    /* entries of a page of the table */
_Static_assert(LEAF * sizeof(void *) == PAGE_SIZE, "a leaf is a page");

#define ZEROS   ((void *)1)                         /* no page has this address */

/* Why an entry could not be had or filled. */
enum refusal { NONE, BAD_MEMORY, FULL, NO_MEMORY };

static bool is_page(const void *entry) { return (uintptr_t)entry > (uintptr_t)ZEROS; }

static void *load(void *const *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static void store(void **p, void *v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

static void *entry(const struct blk_ram *r, uint64_t page)
{
    void *const *leaf = load(&r->root[page >> LEAF_SHIFT]);
    return leaf ? load(&leaf[page & (LEAF - 1)]) : NULL;
}

/* ---- users ---------------------------------------------------------------------- */

static void enter(struct blk_ram *r)
{
    spin_lock(&r->gate);
    atomic_fetch_add_explicit(&r->users, 1, memory_order_relaxed);
    spin_unlock(&r->gate);
}

static void leave(struct blk_ram *r)
{
    atomic_fetch_sub_explicit(&r->users, 1, memory_order_release);
}

/* A user's request takes some 100 us at most, and waits for no holder of the gate. */
static void enter_alone(struct blk_ram *r)
{
    spin_lock(&r->gate);
    while (atomic_load_explicit(&r->users, memory_order_acquire))
        __builtin_ia32_pause();
}

static void leave_alone(struct blk_ram *r) { spin_unlock(&r->gate); }

/* With no lock of ours held. */
static enum blk_result result_of(struct blk_ram *r, enum refusal why)
{
    if (why == NONE)
        return BLK_OK;
    if (why != BAD_MEMORY && !__atomic_exchange_n(&r->full, true, __ATOMIC_RELAXED) && r->on_full)
        r->on_full(r->on_full_owner, why == NO_MEMORY);
    return BLK_IOERR;
}

/* ---- reading -------------------------------------------------------------------- */

/*
 * How many bytes from `at` on, at most max, are in one piece with the first, whose page has
 * entry e: neighbours in the image, zeros, or pages that happen to follow each other.
 */
static uint64_t run_length(const struct blk_ram *r, uint64_t at, uint64_t max, const void *e)
{
    uint64_t page = at >> PAGE_SHIFT, n = PAGE_SIZE - (at & (PAGE_SIZE - 1));
    uintptr_t step = is_page(e) ? PAGE_SIZE : 0, next = (uintptr_t)e;

    while (n < max) {
        void *const *leaf = load(&r->root[++page >> LEAF_SHIFT]);
        if (!leaf) {
            if (e)
                break;
            n += (LEAF - (page & (LEAF - 1))) * (uint64_t)PAGE_SIZE;
            page |= LEAF - 1;
            continue;
        }
        next += step;
        if ((uintptr_t)load(&leaf[page & (LEAF - 1)]) != next)
            break;
        n += PAGE_SIZE;
    }
    return min_u64(n, max);
}

enum blk_result blk_overlay_read(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n)
{
    struct virtq_cursor k = q->data;
    bool good = true;

    enter(r);
    while (n && good) {
        const uint8_t *e = entry(r, at >> PAGE_SHIFT);
        uint64_t run = run_length(r, at, n, e);
        const uint8_t *from = !e ? r->image + at : is_page(e) ? e + (at & (PAGE_SIZE - 1)) : NULL;
        good = blk_ram_to_guest(q->q, &k, from, run);
        at += run;
        n -= run;
    }
    leave(r);
    return good ? BLK_OK : BLK_IOERR;
}

/* ---- new pages; `lock` is held, or nobody else is there ---------------------------- */

/* The place of a page's entry, which exists from now on; null: no memory. */
static void **make_entry(struct blk_ram *r, uint64_t page)
{
    void **place = &r->root[page >> LEAF_SHIFT];
    void **leaf = *place;

    if (!leaf) {
        leaf = r->pages.alloc(r->pages.ctx);
        if (!leaf)
            return NULL;
        memset(leaf, 0, PAGE_SIZE);
        store(place, leaf);
    }
    return &leaf[page & (LEAF - 1)];
}

/* A page of undefined contents, in no table yet. */
static uint8_t *new_page(struct blk_ram *r, enum refusal *why)
{
    uint8_t *p = r->used < r->limit ? r->pages.alloc(r->pages.ctx) : NULL;

    if (!p)
        *why = r->used < r->limit ? NO_MEMORY : FULL;
    return p;
}

static void add_page(struct blk_ram *r, void **place, void *p)
{
    r->used++;
    store(place, p);
}

/* Fills [from, to) of a new page with what the disk held there, which is not yet a page. */
static void fill_old(const struct blk_ram *r, uint8_t *p, uint64_t page, size_t from, size_t to, bool zeros)
{
    uint64_t at = (page << PAGE_SHIFT) + from;
    size_t have = zeros || at >= r->len ? 0 : min_u64(to - from, r->len - at);

    memcpy(p + from, r->image + min_u64(at, r->len), have);
    memset(p + from + have, 0, to - from - have);
}

/* ---- writing -------------------------------------------------------------------- */

/* Makes the page that holds `at` with n bytes of the guest's in it. */
static enum refusal write_new(struct blk_ram *r, const struct virtq *q, struct virtq_cursor *k, uint64_t at, size_t n)
{
    uint64_t page = at >> PAGE_SHIFT;
    size_t in_page = at & (PAGE_SIZE - 1);
    enum refusal why = NO_MEMORY;
    void **place = make_entry(r, page);
    uint8_t *p = place ? new_page(r, &why) : NULL;

    if (!p)
        return why;
    fill_old(r, p, page, 0, in_page, *place == ZEROS);
    fill_old(r, p, page, in_page + n, PAGE_SIZE, *place == ZEROS);
    if (!blk_ram_from_guest(q, k, p + in_page, n)) {
        r->pages.free(r->pages.ctx, p);
        return BAD_MEMORY;
    }
    add_page(r, place, p);
    return NONE;
}

/* Writes as far as one piece goes, at most n bytes; returns how many. */
static uint64_t write_piece(struct blk_ram *r, const struct virtq *q, struct virtq_cursor *k, uint64_t at,
                            uint64_t n, enum refusal *why)
{
    size_t in_page = at & (PAGE_SIZE - 1);
    uint8_t *e = entry(r, at >> PAGE_SHIFT);

    if (!is_page(e)) {
        n = min_u64(n, PAGE_SIZE - in_page);
        spin_lock(&r->lock);
        e = entry(r, at >> PAGE_SHIFT);
        if (!is_page(e))
            *why = write_new(r, q, k, at, n);
        spin_unlock(&r->lock);
        if (!is_page(e))
            return n;
    }
    n = run_length(r, at, n, e);
    *why = blk_ram_from_guest(q, k, e + in_page, n) ? NONE : BAD_MEMORY;
    return n;
}

enum blk_result blk_overlay_write(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n)
{
    struct virtq_cursor k = q->data;
    enum refusal why = NONE;

    enter(r);
    while (n && why == NONE) {
        uint64_t done = write_piece(r, q->q, &k, at, n, &why);
        at += done;
        n -= done;
    }
    leave(r);
    return result_of(r, why);
}

/* ---- discarding and zeroing ----------------------------------------------------- */

/* The whole page will read as zeros. `keep`: its space stays the guest's, if it has any. */
static enum refusal zero_whole(struct blk_ram *r, uint64_t page, bool keep)
{
    void **place = make_entry(r, page);

    if (!place)
        return NO_MEMORY;
    void *old = *place;
    if (is_page(old) && keep) {
        memset(old, 0, PAGE_SIZE);
        return NONE;
    }
    store(place, ZEROS);
    if (is_page(old)) {
        r->pages.free(r->pages.ctx, old);
        r->used--;
    }
    return NONE;
}

static enum refusal zero_part(struct blk_ram *r, uint64_t page, size_t from, size_t to)
{
    uint8_t *old = entry(r, page);
    enum refusal why = NO_MEMORY;

    if (is_page(old)) {
        memset(old + from, 0, to - from);
        return NONE;
    }
    if (old == ZEROS)
        return NONE;
    void **place = make_entry(r, page);
    uint8_t *p = place ? new_page(r, &why) : NULL;
    if (!p)
        return why;
    fill_old(r, p, page, 0, from, false);
    memset(p + from, 0, to - from);
    fill_old(r, p, page, to, PAGE_SIZE, false);
    add_page(r, place, p);
    return NONE;
}

/*
 * A discard promises nothing (virtio 1.2, 5.2.6.2): it leaves parts of pages alone, so needs
 * no memory for data, and goes on where there is none for the table.
 */
enum blk_result blk_overlay_zero(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n)
{
    bool discard = q->op == BLK_DISCARD, keep = !discard && !q->unmap;
    enum refusal why = NONE;

    enter_alone(r);
    while (n && why == NONE) {
        uint64_t page = at >> PAGE_SHIFT;
        size_t from = at & (PAGE_SIZE - 1);
        size_t part = min_u64(n, PAGE_SIZE - from);
        if (!from && (part == PAGE_SIZE || at + part == r->len))
            why = zero_whole(r, page, keep);
        else if (!discard)
            why = zero_part(r, page, from, from + part);
        at += part;
        n -= part;
        if (discard)
            why = NONE;
    }
    leave_alone(r);
    return result_of(r, why);
}

/* ---- life cycle ----------------------------------------------------------------- */

size_t blk_ram_root_size(uint64_t len)
{
    uint64_t pages = (len >> PAGE_SHIFT) + !!(len & (PAGE_SIZE - 1));
    return ((pages >> LEAF_SHIFT) + !!(pages & (LEAF - 1))) * sizeof(void *);
}

/* Frees a leaf's pages while *budget lasts; true: all are gone. */
static bool drop_leaf(struct blk_ram *r, void **leaf, unsigned *budget)
{
    for (unsigned i = 0; i < LEAF; i++) {
        if (is_page(leaf[i])) {
            if (!*budget)
                return false;
            --*budget;
            r->pages.free(r->pages.ctx, leaf[i]);
            r->used--;
        }
        leaf[i] = NULL;
    }
    return true;
}

bool blk_ram_drop(struct blk_ram *r, unsigned budget)
{
    for (uint64_t i = 0; i < r->roots; i++) {
        void **leaf = r->root[i];
        if (!leaf)
            continue;
        if (!drop_leaf(r, leaf, &budget) || !budget)
            return true;
        budget--;
        r->pages.free(r->pages.ctx, leaf);
        r->root[i] = NULL;
    }
    r->full = false;
    return false;
}
