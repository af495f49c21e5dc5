/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds and changes page tables of any format (ptab.h), for the host's own address
 * space and for guests' second level. Entries are only ever written whole and in an
 * order that is right for hardware walking the table at the same time (SDM vol. 3,
 * 4.10.4 and 29.4; APM vol. 2, 5.5 and 15.25). Knows neither encodings, which are the
 * format's, nor flushes, which are the caller's. Recursion is as deep as the table.
 */
#include "socle/ptab.h"

#include "socle/bits.h"

enum { LEVELS = 4, ENTRIES = 512 };

static uint64_t span_of(unsigned level) { return 1ull << (PAGE_SHIFT + 9 * (level - 1)); }

static unsigned index_of(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

/* End of the part of [va, end) that one entry of this level covers. */
static uint64_t part_end(uint64_t va, uint64_t end, unsigned level)
{
    return min_u64(end, align_down(va, span_of(level)) + span_of(level));
}

static bool covers(uint64_t va, uint64_t stop, unsigned level)
{
    return stop - va == span_of(level);
}

/*
 * On x86 these are plain moves; what matters is that they are single and in order. A
 * table's entries are stored before the entry that links it (release).
 */
static uint64_t load(const uint64_t *e) { return __atomic_load_n(e, __ATOMIC_ACQUIRE); }
static void store(uint64_t *e, uint64_t v) { __atomic_store_n(e, v, __ATOMIC_RELEASE); }

static uint64_t *entries(const struct ptab *t, hpa_t page)
{
    return t->pages.ptr(t->pages.ctx, page);
}

/* The table that a present entry which is no leaf points to. */
static hpa_t table_of(const struct ptab *t, uint64_t entry)
{
    struct pt_entry d;
    t->format->decode(entry, 1, &d);
    return d.at;
}

static bool is_table(const struct ptab *t, uint64_t entry, unsigned level)
{
    return t->format->present(entry) && !t->format->is_leaf(entry, level);
}

static uint64_t hardware_bits(const struct ptab *t)
{
    return t->format->accessed | t->format->dirty;
}

static hv_status new_table(struct ptab *t, hpa_t *page)
{
    hv_status s = t->pages.alloc(t->pages.ctx, page);
    t->tables += s == HV_OK;
    return s;
}

static void free_table(struct ptab *t, hpa_t page)
{
    t->pages.free(t->pages.ctx, page);
    t->tables--;
}

/* Frees a table and what hangs below it. Already unlinked. `level` is that of its entries. */
static void free_tree(struct ptab *t, hpa_t page, unsigned level)
{
    const uint64_t *e = entries(t, page);

    for (unsigned i = 0; level > 1 && i < ENTRIES; i++)
        if (is_table(t, e[i], level))
            free_tree(t, table_of(t, e[i]), level - 1);
    free_table(t, page);
}

/*
 * Replaces a large leaf by a table that says the same. No flush: every translation
 * stays what it was.
 */
static hv_status split(struct ptab *t, uint64_t *e, unsigned level)
{
    uint64_t old = load(e), hw = hardware_bits(t);
    struct pt_entry d;
    hpa_t page;

    hv_status s = new_table(t, &page);
    if (s)
        return s;
    uint64_t *child = entries(t, page);
    t->format->decode(old, level, &d);
    for (unsigned i = 0; i < ENTRIES; i++) {
        hpa_t at = hpa(d.at.v + i * span_of(level - 1));
        store(&child[i], t->format->leaf(level - 1, at, d.prot, d.type) | (old & hw));
    }
    uint64_t last = __atomic_exchange_n(e, t->format->table(page), __ATOMIC_ACQ_REL);
    /* The CPU may have set flags between the first look and the exchange. */
    for (unsigned i = 0; (last & hw & ~old) && i < ENTRIES; i++)
        __atomic_or_fetch(&child[i], last & hw, __ATOMIC_RELAXED);
    return HV_OK;
}

/* The entry for va at `level`; makes the tables on the way. */
static hv_status entry_at(struct ptab *t, uint64_t va, unsigned level, uint64_t **out)
{
    hpa_t page = t->root;
    hv_status s = HV_OK;

    for (unsigned l = LEVELS; l > level; l--) {
        uint64_t *e = &entries(t, page)[index_of(va, l)];
        uint64_t v = load(e);
        if (!t->format->present(v)) {
            s = new_table(t, &page);
            if (s)
                return s;
            store(e, t->format->table(page));
            continue;
        }
        if (t->format->is_leaf(v, l))
            s = split(t, e, l);
        if (s)
            return s;
        page = table_of(t, load(e));
    }
    *out = &entries(t, page)[index_of(va, level)];
    return HV_OK;
}

/* Checks a range of addresses and brings upper-half ones down to 48 bits. */
static hv_status check_range(const struct ptab *t, uint64_t *va, uint64_t len)
{
    uint64_t limit = t->format->canonical ? 1ull << 47 : 1ull << 48;

    if (t->format->canonical && *va >> 47 == 0x1ffff) {
        *va &= MASK64(47, 0);
        limit = 1ull << 48;
    }
    bool good = len && is_aligned(*va | len, PAGE_SIZE) && range_inside(*va, len, 0, limit);
    return good ? HV_OK : HV_INVALID;
}

/* An entry without any right would be absent: that is what unmapping is for. */
static bool valid_prot(uint32_t prot) { return prot & (PT_R | PT_W | PT_X); }

hv_status ptab_init(struct ptab *t, const struct pt_format *format, const struct pt_pages *pages,
                    unsigned max_leaf)
{
    *t = (struct ptab){ .format = format, .pages = *pages, .max_leaf = (uint8_t)max_leaf };
    return new_table(t, &t->root);
}

/* Frees what hangs below a table, not the table; false when the budget ran out. */
static bool empty_some(struct ptab *t, hpa_t page, unsigned level, unsigned *budget)
{
    uint64_t *e = entries(t, page);

    for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
        if (!is_table(t, e[i], level))
            continue;
        hpa_t below = table_of(t, e[i]);
        if (!empty_some(t, below, level - 1, budget) || *budget == 0)
            return false;
        e[i] = 0;       /* done with: the next call finds the rest */
        free_table(t, below);
        (*budget)--;
    }
    return true;
}

bool ptab_fini(struct ptab *t, unsigned budget)
{
    if (t->tables == 0)
        return true;
    if (!empty_some(t, t->root, LEVELS, &budget) || budget == 0)
        return false;
    free_table(t, t->root);
    return true;
}

/* Writes a leaf over whatever is there. */
static void put_leaf(struct ptab *t, uint64_t *e, unsigned level, uint64_t leaf, bool *flush)
{
    uint64_t old = load(e);

    if (is_table(t, old, level)) {
        /* The tables stay readable until the link is gone. */
        store(e, leaf);
        *flush = true;
        free_tree(t, table_of(t, old), level - 1);
    } else if ((old & ~hardware_bits(t)) != leaf) {
        store(e, leaf);
        *flush |= t->format->present(old);
    }
}

static unsigned leaf_level(const struct ptab *t, uint64_t va, uint64_t at, uint64_t len)
{
    unsigned level = t->max_leaf;

    while (level > 1 && (!is_aligned(va | at, span_of(level)) || len < span_of(level)))
        level--;
    return level;
}

hv_status ptab_map(struct ptab *t, uint64_t va, hpa_t at, uint64_t len, uint32_t prot,
                   enum pt_type type, bool *flush)
{
    hv_status s = check_range(t, &va, len);

    if (s || !valid_prot(prot) || !is_aligned(at.v, PAGE_SIZE) ||
        !range_inside(at.v, len, 0, 1ull << 52))
        return HV_INVALID;
    while (len) {
        uint64_t *e;
        unsigned level = leaf_level(t, va, at.v, len);
        s = entry_at(t, va, level, &e);
        if (s)
            return s;
        put_leaf(t, e, level, t->format->leaf(level, at, prot, type), flush);
        va += span_of(level);
        at.v += span_of(level);
        len -= span_of(level);
    }
    return HV_OK;
}

/* Looked at once for each table that an unmapping leaves, not for each page. */
static bool is_empty(const struct ptab *t, hpa_t page)
{
    const uint64_t *e = entries(t, page);

    for (unsigned i = 0; i < ENTRIES; i++)
        if (t->format->present(e[i]))
            return false;
    return true;
}

static void remove_table(struct ptab *t, uint64_t *e, unsigned level, bool *flush)
{
    hpa_t below = table_of(t, load(e));

    store(e, 0);
    *flush = true;
    free_tree(t, below, level - 1);
}

static hv_status unmap_in(struct ptab *t, hpa_t page, unsigned level, uint64_t va, uint64_t end,
                          bool *flush)
{
    hv_status s = HV_OK;

    for (uint64_t stop; va < end && !s; va = stop) {
        uint64_t *e = &entries(t, page)[index_of(va, level)];
        stop = part_end(va, end, level);
        if (!t->format->present(load(e)))
            continue;
        bool leaf = t->format->is_leaf(load(e), level);
        if (covers(va, stop, level)) {
            if (!leaf) {
                remove_table(t, e, level, flush);
                continue;
            }
            store(e, 0);
            *flush = true;
            continue;
        }
        /* Part of a large page goes: the rest of it stays, as smaller ones. */
        if (leaf)
            s = split(t, e, level);
        if (s)
            return s;
        s = unmap_in(t, table_of(t, load(e)), level - 1, va, stop, flush);
        if (is_empty(t, table_of(t, load(e))))
            remove_table(t, e, level, flush);
    }
    return s;
}

hv_status ptab_unmap(struct ptab *t, uint64_t va, uint64_t len, bool *flush)
{
    hv_status s = check_range(t, &va, len);

    return s ? s : unmap_in(t, t->root, LEVELS, va, va + len, flush);
}

/* The entry with other rights and everything else as it was. */
static uint64_t with_prot(const struct ptab *t, uint64_t entry, unsigned level, uint32_t prot)
{
    struct pt_entry d;

    t->format->decode(entry, level, &d);
    return t->format->leaf(level, d.at, prot, d.type) | (entry & hardware_bits(t));
}

/* The CPU may set flags at any moment; they must not get lost. */
static void change_prot(const struct ptab *t, uint64_t *e, unsigned level, uint32_t prot)
{
    uint64_t old = load(e);

    while (!__atomic_compare_exchange_n(e, &old, with_prot(t, old, level, prot), false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
}

static hv_status protect_in(struct ptab *t, hpa_t page, unsigned level, uint64_t va, uint64_t end,
                            uint32_t prot, bool *flush)
{
    hv_status s = HV_OK;

    for (uint64_t stop; va < end && !s; va = stop) {
        uint64_t *e = &entries(t, page)[index_of(va, level)];
        uint64_t v = load(e);
        stop = part_end(va, end, level);
        if (!t->format->present(v))
            continue;
        if (t->format->is_leaf(v, level)) {
            /* First of all, lest a large page be split for nothing. */
            if (with_prot(t, v, level, prot) == v)
                continue;
            if (covers(va, stop, level)) {
                change_prot(t, e, level, prot);
                *flush = true;
                continue;
            }
            s = split(t, e, level);
            if (s)
                return s;
        }
        s = protect_in(t, table_of(t, load(e)), level - 1, va, stop, prot, flush);
    }
    return s;
}

hv_status ptab_protect(struct ptab *t, uint64_t va, uint64_t len, uint32_t prot, bool *flush)
{
    hv_status s = check_range(t, &va, len);

    if (s || !valid_prot(prot))
        return HV_INVALID;
    return protect_in(t, t->root, LEVELS, va, va + len, prot, flush);
}

/* Do all entries of a table continue each other? Then *leaf is the one that says the same. */
static bool joined(const struct ptab *t, hpa_t page, unsigned level, uint64_t *leaf)
{
    const uint64_t *e = entries(t, page);
    uint64_t hw = hardware_bits(t), flags = 0;
    struct pt_entry d;

    if (!t->format->present(e[0]) || !t->format->is_leaf(e[0], level - 1))
        return false;
    t->format->decode(e[0], level - 1, &d);
    if (!is_aligned(d.at.v, span_of(level)))
        return false;
    for (unsigned i = 0; i < ENTRIES; i++) {
        hpa_t at = hpa(d.at.v + i * span_of(level - 1));
        uint64_t v = load(&e[i]);
        if ((v & ~hw) != t->format->leaf(level - 1, at, d.prot, d.type))
            return false;
        flags |= v & hw;
    }
    *leaf = t->format->leaf(level, d.at, d.prot, d.type) | flags;
    return true;
}

static void join_in(struct ptab *t, hpa_t page, unsigned level, uint64_t va, uint64_t end,
                    bool *flush)
{
    for (uint64_t stop, leaf; va < end; va = stop) {
        uint64_t *e = &entries(t, page)[index_of(va, level)];
        uint64_t v = load(e);
        stop = part_end(va, end, level);
        if (level == 1 || !is_table(t, v, level))
            continue;
        /* Small ones first: 512 joined pages of 2 MiB may make one of 1 GiB. */
        join_in(t, table_of(t, v), level - 1, va, stop, flush);
        if (level > t->max_leaf || !covers(va, stop, level) ||
            !joined(t, table_of(t, v), level, &leaf))
            continue;
        store(e, leaf);
        *flush = true;
        free_table(t, table_of(t, v));
    }
}

void ptab_join(struct ptab *t, uint64_t va, uint64_t len, bool *flush)
{
    if (check_range(t, &va, len) == HV_OK)
        join_in(t, t->root, LEVELS, va, va + len, flush);
}

bool ptab_lookup(const struct ptab *t, uint64_t va, struct pt_entry *out, unsigned *level)
{
    uint64_t page_va = align_down(va, PAGE_SIZE);
    hpa_t page = t->root;

    if (check_range(t, &page_va, PAGE_SIZE))
        return false;
    for (unsigned l = LEVELS; l > 0; l--) {
        uint64_t v = load(&entries(t, page)[index_of(page_va, l)]);
        if (!t->format->present(v))
            return false;
        if (t->format->is_leaf(v, l)) {
            t->format->decode(v, l, out);
            out->at.v += va & (span_of(l) - 1);
            *level = l;
            return true;
        }
        page = table_of(t, v);
    }
    return false;
}

/* What a harvest looks for and reports to. */
struct harvest {
    uint64_t clear;
    void   (*seen)(void *ctx, uint64_t va, uint64_t len);
    void    *ctx;
    uint64_t high;              /* bits 63-48 of the caller's addresses */
};

static void harvest_leaf(const struct ptab *t, uint64_t *e, unsigned level, uint64_t va,
                         const struct harvest *h, bool *flush)
{
    if (!(load(e) & h->clear))
        return;
    uint64_t old = __atomic_fetch_and(e, ~h->clear, __ATOMIC_ACQ_REL);
    *flush = true;
    if (h->seen && (old & t->format->dirty))
        h->seen(h->ctx, align_down(va, span_of(level)) | h->high, span_of(level));
}

static void harvest_in(const struct ptab *t, hpa_t page, unsigned level, uint64_t va, uint64_t end,
                       const struct harvest *h, bool *flush)
{
    for (uint64_t stop; va < end; va = stop) {
        uint64_t *e = &entries(t, page)[index_of(va, level)];
        uint64_t v = load(e);
        stop = part_end(va, end, level);
        if (!t->format->present(v))
            continue;
        if (t->format->is_leaf(v, level))
            harvest_leaf(t, e, level, va, h, flush);
        else
            harvest_in(t, table_of(t, v), level - 1, va, stop, h, flush);
    }
}

void ptab_harvest(struct ptab *t, uint64_t va, uint64_t len, bool accessed,
                  void (*seen)(void *ctx, uint64_t va, uint64_t len), void *ctx, bool *flush)
{
    struct harvest h = {
        .clear = t->format->dirty | (accessed ? t->format->accessed : 0),
        .seen = seen, .ctx = ctx, .high = va & MASK64(63, 48),
    };

    if (check_range(t, &va, len) == HV_OK)
        harvest_in(t, t->root, LEVELS, va, va + len, &h, flush);
}
