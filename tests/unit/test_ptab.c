/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm/ptab.c and the formats: bits of entries as the manuals give them, choice of page
 * sizes, splitting and joining, flags, errors, and random changes beside a model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_pages.h"
#include "socle/bits.h"
#include "socle/ptab.h"

#define P ((uint64_t)PAGE_SIZE)
#define RWX (PT_R | PT_W | PT_X)
#define NX BIT64(63)

static const struct pt_format *const all[] = { &pt_format_host, &pt_format_npt, &pt_format_ept };

static struct fake_pages *pages;
static struct pt_pages source;
static struct ptab t;
static bool flush;

static void begin(const struct pt_format *format, unsigned max_leaf)
{
    pages = fake_pages_new(&source);
    assert_int_equal(ptab_init(&t, format, &source, max_leaf), HV_OK);
    flush = false;
}

static void end(void)
{
    assert_int_equal(t.tables, pages->in_use);
    assert_true(ptab_fini(&t, UINT32_MAX));
    assert_int_equal(pages->in_use, 0);
    fake_pages_delete(pages);
}

static void map(uint64_t va, uint64_t at, uint64_t len, uint32_t prot)
{
    assert_int_equal(ptab_map(&t, va, hpa(at), len, prot, PT_WB, &flush), HV_OK);
}

/* Level of the leaf for va, whose translation must be `at`; 0: not mapped. */
static unsigned level_at(uint64_t va, uint64_t at)
{
    struct pt_entry e;
    unsigned level;
    if (!ptab_lookup(&t, va, &e, &level))
        return 0;
    assert_true(e.at.v == at);
    return level;
}

static bool flushed(void)
{
    bool f = flush;
    flush = false;
    return f;
}

/* ---- encodings ---- */

static void host_entries(void **unused)
{
    const struct pt_format *f = &pt_format_host;
    uint64_t a = 0xfedcba9876000ull;
    assert_true(f->leaf(1, hpa(a), PT_R, PT_WB) == (a | NX | 1));
    assert_true(f->leaf(1, hpa(a), PT_R | PT_W, PT_WB) == (a | NX | 3));
    assert_true(f->leaf(1, hpa(a), PT_R | PT_X, PT_WB) == (a | 1));
    assert_true(f->leaf(1, hpa(a), RWX | PT_U, PT_WB) == (a | 7));
    assert_true(f->leaf(1, hpa(a), PT_R | PT_GLOBAL, PT_WB) == (a | NX | 0x101));
    assert_true(f->leaf(1, hpa(a), PT_R | PT_FORCE, PT_WB) == (a | NX | 1));
    uint64_t b = 0xfedcba9800000ull;
    assert_true(f->leaf(2, hpa(b), PT_R, PT_WB) == (b | NX | 0x81));
    assert_true(f->leaf(3, hpa(0x40000000), PT_R | PT_W, PT_UC) == (0x40000000 | NX | 0x9b));
    assert_true(f->table(hpa(a)) == (a | 7));
    /* PAT indexes of PT_HOST_PAT: WB 0, WC 1, UC- 2, UC 3, WP 5, WT 7 (bits PWT, PCD, PAT). */
    static const struct { enum pt_type type; uint64_t small, large; } want[] = {
        { PT_WB, 0, 0 }, { PT_WC, 0x08, 0x08 }, { PT_UC_MINUS, 0x10, 0x10 }, { PT_UC, 0x18, 0x18 },
        { PT_WP, 0x88, 0x1008 }, { PT_WT, 0x98, 0x1018 },
    };
    static const uint8_t pat_code[PT_TYPES] = {
        [PT_WB] = 6, [PT_WT] = 4, [PT_WC] = 1, [PT_WP] = 5, [PT_UC_MINUS] = 7, [PT_UC] = 0,
    };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        uint64_t e = f->leaf(1, hpa(a), PT_R, want[i].type);
        assert_true(e == (a | NX | 1 | want[i].small));
        assert_true(f->leaf(2, hpa(b), PT_R, want[i].type) == (b | NX | 0x81 | want[i].large));
        uint64_t index = (e >> 3 & 3) | (e >> 7 & 1) << 2;
        assert_int_equal(PT_HOST_PAT >> (8 * index) & 0xff, pat_code[want[i].type]);
    }
    assert_false(f->present(0));
    assert_false(f->present(~1ull));
    assert_true(f->is_leaf(0x80, 2) && f->is_leaf(0x80, 3) && !f->is_leaf(0x80, 4));
    assert_true(f->is_leaf(0, 1) && !f->is_leaf(0x7f, 2));
}

static void npt_entries(void **unused)
{
    const struct pt_format *f = &pt_format_npt;
    uint64_t a = 0xfedcba9876000ull;
    /* Bit 2: nested walks are user accesses (APM vol. 2, 15.25.5). */
    assert_true(f->leaf(1, hpa(a), PT_R, PT_WB) == (a | NX | 5));
    assert_true(f->leaf(1, hpa(a), RWX, PT_WB) == (a | 7));
    assert_true(f->leaf(2, hpa(0x200000), RWX | PT_GLOBAL, PT_UC) == (0x200000 | 0x9f));
    assert_true(f->table(hpa(a)) == (a | 7));
}

static void ept_entries(void **unused)
{
    const struct pt_format *f = &pt_format_ept;
    uint64_t a = 0xfedcba9876000ull;
    assert_true(f->leaf(1, hpa(a), PT_R, PT_WB) == (a | 0x31));
    assert_true(f->leaf(1, hpa(a), RWX, PT_WB) == (a | 0x37));
    assert_true(f->leaf(1, hpa(a), PT_W, PT_UC) == (a | 0x03));     /* W needs R */
    assert_true(f->leaf(1, hpa(a), PT_X, PT_WC) == (a | 0x0d));
    assert_true(f->leaf(1, hpa(a), PT_R | PT_FORCE, PT_WB) == (a | 0x71));
    assert_true(f->leaf(2, hpa(0x200000), RWX, PT_WT) == (0x200000 | 0xa7));
    assert_true(f->leaf(3, hpa(0x40000000), RWX, PT_WP) == (0x40000000 | 0xaf));
    assert_true(f->table(hpa(a)) == (a | 7));
    assert_true(f->present(1) && f->present(2) && f->present(4) && !f->present(~7ull));
}

static void decoding_undoes_encoding(void **unused)
{
    static const uint32_t keeps[] = { RWX | PT_U | PT_GLOBAL, RWX, RWX | PT_FORCE };
    for (unsigned i = 0; i < 3; i++)
        for (unsigned level = 1; level <= 3; level++)
            for (uint32_t prot = 0; prot < 64; prot++)
                for (int type = 0; type < PT_TYPES; type++) {
                    struct pt_entry e;
                    hpa_t at = hpa(0xabcd40000000ull);
                    uint64_t v = all[i]->leaf(level, at, prot, (enum pt_type)type);
                    all[i]->decode(v | all[i]->dirty, level, &e);
                    assert_true(e.at.v == at.v);
                    assert_int_equal(e.prot & (keeps[i]), (prot | PT_R) & keeps[i]);
                    bool as_uc = i == 2 && type == PT_UC_MINUS;
                    assert_int_equal(e.type, as_uc ? PT_UC : (enum pt_type)type);
                    assert_true(e.dirty && !e.accessed);
                    assert_true(all[i]->present(v) && all[i]->is_leaf(v, level));
                    assert_true(all[i]->leaf(level, e.at, e.prot, e.type) == v);
                }
}

/* ---- mapping ---- */

static void leaves_are_as_large_as_alignment_allows(void **unused)
{
    begin(&pt_format_npt, 3);
    map(GIB(1) - P, GIB(5) - P, GIB(1) + MIB(2) + 2 * P, RWX);
    assert_int_equal(level_at(GIB(1) - 1, GIB(5) - 1), 1);
    assert_int_equal(level_at(GIB(1) + 123, GIB(5) + 123), 3);
    assert_int_equal(level_at(GIB(2) - 1, GIB(6) - 1), 3);
    assert_int_equal(level_at(GIB(2) + MIB(1), GIB(6) + MIB(1)), 2);
    assert_int_equal(level_at(GIB(2) + MIB(2), GIB(6) + MIB(2)), 1);
    assert_int_equal(level_at(GIB(2) + MIB(2) + P, 0), 0);
    assert_false(flushed());                    /* nothing was there before */
    end();
    begin(&pt_format_npt, 2);
    map(0, 0, GIB(2), RWX);
    assert_int_equal(level_at(GIB(1), GIB(1)), 2);
    assert_int_equal(t.tables, 1 + 1 + 2);
    end();
    begin(&pt_format_ept, 3);                   /* unlike offsets: small pages */
    map(MIB(2), MIB(4) + P, MIB(2), PT_R);
    assert_int_equal(level_at(MIB(2) + 5, MIB(4) + P + 5), 1);
    end();
}

static void partial_changes_split(void **unused)
{
    begin(&pt_format_host, 3);
    map(GIB(4), GIB(1), GIB(1), RWX);
    assert_int_equal(ptab_unmap(&t, GIB(4) + MIB(8) + 3 * P, P, &flush), HV_OK);
    assert_true(flushed());
    assert_int_equal(level_at(GIB(4) + MIB(8) + 3 * P, 0), 0);
    assert_int_equal(level_at(GIB(4) + MIB(8) + 2 * P, GIB(1) + MIB(8) + 2 * P), 1);
    assert_int_equal(level_at(GIB(4) + MIB(10), GIB(1) + MIB(10)), 2);
    assert_int_equal(ptab_protect(&t, GIB(4) + MIB(20), P, PT_R, &flush), HV_OK);
    assert_true(flushed());
    struct pt_entry e;
    unsigned level;
    assert_true(ptab_lookup(&t, GIB(4) + MIB(20), &e, &level));
    assert_int_equal(level, 1);
    assert_int_equal(e.prot, PT_R);
    assert_true(ptab_lookup(&t, GIB(4) + MIB(20) + P, &e, &level));
    assert_int_equal(e.prot, RWX);
    /* A protection that changes nothing splits nothing and needs no flush. */
    uint64_t tables = t.tables;
    assert_int_equal(ptab_protect(&t, GIB(4) + MIB(40), P, RWX, &flush), HV_OK);
    assert_false(flushed());
    assert_int_equal(t.tables, tables);
    assert_int_equal(ptab_unmap(&t, GIB(4), GIB(1), &flush), HV_OK);
    assert_int_equal(t.tables, 1);
    end();
}

static void empty_tables_are_freed(void **unused)
{
    begin(&pt_format_ept, 2);
    map(GIB(1), 0, 3 * P, RWX);
    assert_int_equal(t.tables, 4);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(t.tables, 4);
        assert_int_equal(ptab_unmap(&t, GIB(1) + i * P, P, &flush), HV_OK);
    }
    assert_int_equal(t.tables, 1);
    assert_true(flushed());
    assert_int_equal(ptab_unmap(&t, 0, GIB(64), &flush), HV_OK);       /* nothing there */
    assert_false(flushed());
    end();
}

static void a_large_leaf_replaces_tables(void **unused)
{
    begin(&pt_format_npt, 3);
    for (uint64_t i = 0; i < 20; i++)
        map(i * MIB(4) + P, i * P, P, PT_R);
    assert_int_equal(t.tables, 3 + 20);
    assert_false(flushed());
    map(0, GIB(7), GIB(1), RWX);
    assert_true(flushed());
    assert_int_equal(t.tables, 2);
    assert_int_equal(level_at(MIB(5), GIB(7) + MIB(5)), 3);
    end();
}

static void flush_is_asked_for_exactly_when_needed(void **unused)
{
    begin(&pt_format_host, 2);
    map(0, 0, MIB(2), RWX);
    assert_false(flushed());
    map(0, 0, MIB(2), RWX);                     /* the same again */
    assert_false(flushed());
    map(0, MIB(2), MIB(2), RWX);
    assert_true(flushed());
    map(0, MIB(2), P, RWX);                     /* the same, but the page is split */
    assert_false(flushed());
    map(P, 0, P, RWX);
    assert_true(flushed());
    assert_int_equal(ptab_protect(&t, MIB(4), MIB(4), PT_R, &flush), HV_OK);
    assert_false(flushed());
    flush = true;                               /* is never cleared */
    map(MIB(8), 0, P, RWX);
    assert_true(flushed());
    end();
}

static void join_undoes_split(void **unused)
{
    begin(&pt_format_npt, 3);
    map(0, GIB(2), GIB(1), RWX);
    assert_int_equal(ptab_protect(&t, MIB(6), P, PT_R, &flush), HV_OK);
    assert_int_equal(t.tables, 4);
    flushed();
    ptab_join(&t, 0, GIB(1), &flush);           /* one page differs */
    assert_false(flushed());
    assert_int_equal(t.tables, 4);
    assert_int_equal(ptab_protect(&t, MIB(6), P, RWX, &flush), HV_OK);
    flushed();
    ptab_join(&t, P, GIB(1) - P, &flush);       /* not all of it asked for */
    assert_int_equal(level_at(MIB(6), GIB(2) + MIB(6)), 2);
    assert_true(flushed());
    ptab_join(&t, 0, GIB(1), &flush);
    assert_true(flushed());
    assert_int_equal(level_at(MIB(6), GIB(2) + MIB(6)), 3);
    assert_int_equal(t.tables, 2);
    /* Contiguous but misaligned, and not contiguous at the end. */
    map(GIB(1), P, MIB(2), RWX);
    ptab_join(&t, GIB(1), MIB(2), &flush);
    assert_int_equal(level_at(GIB(1), P), 1);
    map(GIB(1), MIB(4), P, RWX);
    for (uint64_t i = 1; i < 512; i++)
        map(GIB(1) + i * P, MIB(4) + (i == 511 ? 600 : i) * P, P, RWX);
    ptab_join(&t, GIB(1), MIB(2), &flush);
    assert_int_equal(level_at(GIB(1), MIB(4)), 1);
    end();
    begin(&pt_format_npt, 2);                   /* no leaf above the allowed level */
    map(0, 0, GIB(1), RWX);
    ptab_join(&t, 0, GIB(1), &flush);
    assert_int_equal(level_at(0, 0), 2);
    end();
}

static uint64_t *raw_entry(uint64_t va, unsigned level)
{
    hpa_t page = t.root;
    for (unsigned l = 4;; l--) {
        uint64_t *e = &source.ptr(source.ctx, page)[va >> (12 + 9 * (l - 1)) & 511];
        if (l == level)
            return e;
        struct pt_entry d;
        t.format->decode(*e, 1, &d);
        page = d.at;
    }
}

static void the_cpus_flags_survive(void **unused)
{
    for (unsigned i = 0; i < 3; i++) {
        struct pt_entry e;
        unsigned level;
        begin(all[i], 2);
        map(0, 0, MIB(2), RWX);
        *raw_entry(0, 2) |= t.format->dirty | t.format->accessed;
        assert_int_equal(ptab_protect(&t, 0, MIB(2), PT_R, &flush), HV_OK);
        assert_true(ptab_lookup(&t, 0, &e, &level) && e.dirty && e.accessed);
        assert_int_equal(ptab_protect(&t, 0, P, RWX, &flush), HV_OK);   /* split */
        assert_true(ptab_lookup(&t, MIB(1), &e, &level) && e.dirty && e.accessed && level == 1);
        map(MIB(1), MIB(1), P, PT_R);           /* the same again leaves the flags */
        assert_true(ptab_lookup(&t, MIB(1), &e, &level) && e.dirty && e.accessed);
        map(MIB(1), 0, P, PT_R);                /* another frame starts clean */
        assert_true(ptab_lookup(&t, MIB(1), &e, &level) && !e.dirty && !e.accessed);
        end();
        begin(all[i], 2);
        for (uint64_t k = 0; k < 512; k++)
            map(k * P, k * P, P, RWX);
        *raw_entry(77 * P, 1) |= t.format->dirty;
        ptab_join(&t, 0, MIB(2), &flush);
        assert_true(ptab_lookup(&t, 0, &e, &level) && level == 2 && e.dirty && !e.accessed);
        end();
    }
}

static uint64_t seen_va[8], seen_len[8];
static unsigned seen_count;
static void seen(void *ctx, uint64_t va, uint64_t len)
{
    assert_ptr_equal(ctx, &seen_count);
    seen_va[seen_count] = va;
    seen_len[seen_count++] = len;
}

static void harvest_reports_and_clears_dirty_pages(void **unused)
{
    uint64_t top = 0xffff800000000000ull;
    struct pt_entry e;
    unsigned level;
    begin(&pt_format_host, 2);
    map(top, 0, MIB(4), RWX);
    map(top + MIB(4), 0, 8 * P, RWX);
    *raw_entry(MIB(2) | 1ull << 47, 2) |= t.format->dirty | t.format->accessed;
    *raw_entry((MIB(4) + 3 * P) | 1ull << 47, 1) |= t.format->dirty;
    *raw_entry((MIB(4) + 5 * P) | 1ull << 47, 1) |= t.format->accessed;
    seen_count = 0;
    ptab_harvest(&t, top, MIB(8), false, seen, &seen_count, &flush);
    assert_int_equal(seen_count, 2);
    assert_true(seen_va[0] == top + MIB(2) && seen_len[0] == MIB(2));
    assert_true(seen_va[1] == top + MIB(4) + 3 * P && seen_len[1] == P);
    assert_true(flushed());
    assert_true(ptab_lookup(&t, top + MIB(2), &e, &level) && !e.dirty && e.accessed);
    ptab_harvest(&t, top, MIB(8), false, seen, &seen_count, &flush);
    assert_int_equal(seen_count, 2);
    assert_false(flushed());
    ptab_harvest(&t, top, MIB(8), true, NULL, NULL, &flush);
    assert_true(flushed());
    assert_true(ptab_lookup(&t, top + MIB(4) + 5 * P, &e, &level) && !e.accessed);
    end();
}

/* ---- errors ---- */

static hv_status try_map(uint64_t va, uint64_t at, uint64_t len, uint32_t prot)
{
    return ptab_map(&t, va, hpa(at), len, prot, PT_WB, &flush);
}

static void bad_ranges_are_refused(void **unused)
{
    begin(&pt_format_npt, 3);
    assert_int_equal(try_map(1, 0, P, RWX), HV_INVALID);
    assert_int_equal(try_map(0, 1, P, RWX), HV_INVALID);
    assert_int_equal(try_map(0, 0, P + 1, RWX), HV_INVALID);
    assert_int_equal(try_map(0, 0, 0, RWX), HV_INVALID);
    assert_int_equal(try_map(0, 0, P, 0), HV_INVALID);
    assert_int_equal(try_map(0, 0, P, PT_U | PT_GLOBAL), HV_INVALID);
    assert_int_equal(try_map(0, 1ull << 52, P, RWX), HV_INVALID);
    assert_int_equal(try_map(0, (1ull << 52) - P, 2 * P, RWX), HV_INVALID);
    assert_int_equal(try_map(1ull << 48, 0, P, RWX), HV_INVALID);
    assert_int_equal(try_map((1ull << 48) - P, 0, 2 * P, RWX), HV_INVALID);
    assert_int_equal(try_map(0xffff800000000000ull, 0, P, RWX), HV_INVALID);
    assert_int_equal(try_map(P, 0, 0 - P, RWX), HV_INVALID);
    assert_int_equal(ptab_unmap(&t, 0, 5, &flush), HV_INVALID);
    assert_int_equal(ptab_unmap(&t, 1ull << 48, P, &flush), HV_INVALID);
    assert_int_equal(ptab_protect(&t, 0, P, 0, &flush), HV_INVALID);
    assert_int_equal(ptab_protect(&t, 7, P, PT_R, &flush), HV_INVALID);
    ptab_join(&t, 3, 7, &flush);
    assert_false(flushed());
    assert_int_equal(t.tables, 1);
    assert_int_equal(try_map((1ull << 48) - P, (1ull << 52) - P, P, RWX), HV_OK);
    assert_int_equal(level_at((1ull << 48) - 1, (1ull << 52) - 1), 1);
    struct pt_entry e;
    unsigned level;
    assert_false(ptab_lookup(&t, UINT64_MAX, &e, &level));
    assert_false(ptab_lookup(&t, 1ull << 48, &e, &level));
    end();
}

static void host_addresses_are_canonical(void **unused)
{
    begin(&pt_format_host, 3);
    assert_int_equal(try_map(1ull << 47, 0, P, RWX), HV_INVALID);
    assert_int_equal(try_map((1ull << 47) - P, 0, 2 * P, RWX), HV_INVALID);
    assert_int_equal(try_map(0xffff7ffffffff000ull, 0, 2 * P, RWX), HV_INVALID);
    assert_int_equal(try_map(0xfffffffffffff000ull, MIB(1), P, RWX), HV_OK);
    assert_int_equal(level_at(UINT64_MAX, MIB(1) + P - 1), 1);
    assert_int_equal(try_map(0xfffffffffffff000ull, 0, 2 * P, RWX), HV_INVALID);
    assert_int_equal(try_map((1ull << 47) - P, MIB(2), P, RWX), HV_OK);
    assert_int_equal(level_at((1ull << 47) - 1, MIB(2) + P - 1), 1);
    assert_int_equal(ptab_unmap(&t, 0xfffffffffffff000ull, P, &flush), HV_OK);
    assert_int_equal(ptab_unmap(&t, (1ull << 47) - P, P, &flush), HV_OK);
    assert_int_equal(t.tables, 1);
    end();
}

static void running_out_of_pages_leaves_a_sound_table(void **unused)
{
    for (unsigned n = 0; n < 12; n++) {
        begin(&pt_format_ept, 3);
        map(0, GIB(3), GIB(2), RWX);
        pages->left = n;
        hv_status s = try_map(MIB(1), MIB(1), GIB(1), PT_R);/* splits at both ends */
        assert_int_equal(s, n < 4 ? HV_NOMEM : HV_OK);
        for (uint64_t va = 0; va < GIB(2); va += MIB(1) + 5 * P) {
            struct pt_entry e;
            unsigned level;
            assert_true(ptab_lookup(&t, va, &e, &level));
            bool in = va >= MIB(1) && va < MIB(1) + GIB(1);
            assert_true(e.at.v == GIB(3) + va || (in && e.at.v == va));
        }
        pages->left = 0;
        s = ptab_unmap(&t, GIB(1) + MIB(900) + P, P, &flush);
        assert_int_equal(s, HV_NOMEM);
        assert_int_equal(ptab_protect(&t, GIB(1) + MIB(900) + P, P, PT_R, &flush), HV_NOMEM);
        assert_true(level_at(GIB(1) + MIB(900) + P, GIB(4) + MIB(900) + P) >= 2);
        end();
    }
    pages = fake_pages_new(&source);
    pages->left = 0;
    assert_int_equal(ptab_init(&t, &pt_format_ept, &source, 2), HV_NOMEM);
    fake_pages_delete(pages);
}

static void fini_works_in_portions(void **unused)
{
    begin(&pt_format_npt, 2);
    for (uint64_t i = 0; i < 40; i++)
        map(i * GIB(3), 0, P, RWX);
    unsigned before = pages->in_use, calls = 0;
    assert_false(ptab_fini(&t, 0));
    do {
        calls++;
        assert_true(calls < before);
        assert_true(pages->in_use <= before);
    } while (!ptab_fini(&t, 7));
    assert_true(calls >= before / 7);
    assert_int_equal(pages->in_use, 0);
    assert_true(ptab_fini(&t, 1));
    fake_pages_delete(pages);
}

/* ---- random changes beside a model of single pages ---- */

enum { MODEL_PAGES = 4 * 512 };
#define MODEL_BASE (GIB(1) - MIB(4))

static struct { bool mapped; uint64_t at; uint32_t prot; enum pt_type type; } model[MODEL_PAGES];

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void random_change(void)
{
    uint32_t from = rnd(MODEL_PAGES), n = 1 + rnd(MODEL_PAGES - from);
    uint32_t prot = PT_R | (rnd(2) ? PT_W : 0) | (rnd(2) ? PT_X : 0);
    enum pt_type type = rnd(2) ? PT_WB : PT_UC;
    if (rnd(2))
        n = 1 + rnd(n < 20 ? n : 20);
    uint64_t va = MODEL_BASE + from * P;
    uint64_t at = GIB(8) + (rnd(4) ? va - MODEL_BASE + rnd(8) * MIB(2) : rnd(5000) * P);
    uint32_t op = rnd(4);
    if (op == 0)
        assert_int_equal(ptab_map(&t, va, hpa(at), n * P, prot, type, &flush), HV_OK);
    else if (op == 1)
        assert_int_equal(ptab_unmap(&t, va, n * P, &flush), HV_OK);
    else if (op == 2)
        assert_int_equal(ptab_protect(&t, va, n * P, prot, &flush), HV_OK);
    else
        ptab_join(&t, va, n * P, &flush);
    for (uint32_t i = from; op < 3 && i < from + n; i++) {
        if (op == 0) {
            model[i].at = at + (i - from) * P;
            model[i].type = type;
        }
        model[i].mapped = op == 0 || (model[i].mapped && op != 1);
        model[i].prot = op == 1 ? 0 : prot;
    }
}

static void check_model(void)
{
    for (uint32_t i = 0; i < MODEL_PAGES; i++) {
        struct pt_entry e;
        unsigned level;
        bool found = ptab_lookup(&t, MODEL_BASE + i * P, &e, &level);
        assert_int_equal(found, model[i].mapped);
        if (found) {
            assert_true(e.at.v == model[i].at);
            assert_int_equal(e.prot & RWX, model[i].prot);
            assert_int_equal(e.type, model[i].type);
        }
    }
    assert_int_equal(t.tables, pages->in_use);
}

static void random_changes_match_the_model(void **unused)
{
    for (unsigned i = 0; i < 3; i++) {
        begin(all[i], 2 + i % 2);
        memset(model, 0, sizeof(model));
        seed = i + 1;
        for (int step = 0; step < 800; step++) {
            random_change();
            check_model();
        }
        assert_int_equal(ptab_unmap(&t, MODEL_BASE, MODEL_PAGES * P, &flush), HV_OK);
        assert_int_equal(t.tables, 1);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_entries),
        cmocka_unit_test(npt_entries),
        cmocka_unit_test(ept_entries),
        cmocka_unit_test(decoding_undoes_encoding),
        cmocka_unit_test(leaves_are_as_large_as_alignment_allows),
        cmocka_unit_test(partial_changes_split),
        cmocka_unit_test(empty_tables_are_freed),
        cmocka_unit_test(a_large_leaf_replaces_tables),
        cmocka_unit_test(flush_is_asked_for_exactly_when_needed),
        cmocka_unit_test(join_undoes_split),
        cmocka_unit_test(the_cpus_flags_survive),
        cmocka_unit_test(harvest_reports_and_clears_dirty_pages),
        cmocka_unit_test(bad_ranges_are_refused),
        cmocka_unit_test(host_addresses_are_canonical),
        cmocka_unit_test(running_out_of_pages_leaves_a_sound_table),
        cmocka_unit_test(fini_works_in_portions),
        cmocka_unit_test(random_changes_match_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
