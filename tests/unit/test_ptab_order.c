/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm/ptab.c as hardware sees it that walks the table while it changes: after every
 * single write to an entry, each page of a region must have its old translation or its
 * new one, a page that has got the new one keeps it, and the walk meets no freed table.
 * The source is included with its atomic stores replaced by recording ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_pages.h"
#include "socle/bits.h"
#include "socle/ptab.h"

static void written(void);

static void record_store(uint64_t *e, uint64_t v)
{
    *e = v;
    written();
}

/* Flags that the CPU sets at the worst moment: right before an entry is exchanged. */
static uint64_t cpu_sets;

static uint64_t record_exchange(uint64_t *e, uint64_t v)
{
    uint64_t old = *e | cpu_sets;
    *e = v;
    written();
    return old;
}

static bool record_compare_exchange(uint64_t *e, uint64_t *expected, uint64_t v)
{
    *e |= cpu_sets;
    if (*e != *expected) {
        *expected = *e;
        return false;
    }
    *e = v;
    written();
    return true;
}

#define __atomic_store_n(e, v, order)                       record_store(e, v)
#define __atomic_exchange_n(e, v, order)                    record_exchange(e, v)
#define __atomic_compare_exchange_n(e, x, v, weak, ok, no)  record_compare_exchange(e, x, v)
#include "../../mm/ptab.c"
#undef __atomic_store_n
#undef __atomic_exchange_n
#undef __atomic_compare_exchange_n

#define P ((uint64_t)PAGE_SIZE)
enum { PAGES = 2 * 512 + 6 };
#define BASE (GIB(1) - MIB(2) - 3 * P)      /* crosses a border of GiBs */

static const struct pt_format *const all[] = { &pt_format_host, &pt_format_npt, &pt_format_ept };

static struct fake_pages *pages;
static struct pt_pages source;
static struct ptab t;
static bool flush, watching;
static unsigned writes;

/* What a page translates to; frame 0 with prot 0: nothing. */
struct view { uint64_t at; uint32_t prot; };
static struct view before[PAGES], after[PAGES];
static bool changed[PAGES];

static struct view look(uint64_t va)
{
    struct pt_entry e;
    unsigned level;
    /* The page source asserts that every table on the way is live. */
    if (!ptab_lookup(&t, va, &e, &level))
        return (struct view){ 0, 0 };
    return (struct view){ e.at.v, e.prot };
}

static bool same(struct view a, struct view b) { return a.at == b.at && a.prot == b.prot; }

static void written(void)
{
    if (!watching)
        return;
    writes++;
    for (unsigned i = 0; i < PAGES; i++) {
        struct view v = look(BASE + i * P);
        if (same(v, after[i]) && !same(before[i], after[i]))
            changed[i] = true;
        else if (!same(v, before[i]) || changed[i])
            fail_msg("page %u: half-made translation after write %u", i, writes);
    }
}

/* A page that is freed while still linked would be walked into. */
static void (*real_free)(void *ctx, hpa_t page);
static void watched_free(void *ctx, hpa_t page)
{
    real_free(ctx, page);
    written();
}

static void new_pages(void)
{
    pages = fake_pages_new(&source);
    real_free = source.free;
    source.free = watched_free;
    watching = false;
}

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

struct change { unsigned op, from, n; uint64_t at; uint32_t prot; };

static hv_status apply(const struct change *c)
{
    uint64_t va = BASE + c->from * P, len = c->n * P;
    switch (c->op) {
    case 0: return ptab_map(&t, va, hpa(c->at), len, c->prot, PT_WB, &flush);
    case 1: return ptab_unmap(&t, va, len, &flush);
    case 2: return ptab_protect(&t, va, len, c->prot, &flush);
    }
    ptab_join(&t, va, len, &flush);
    return HV_OK;
}

static void foresee(const struct change *c, const struct pt_format *f)
{
    for (unsigned i = 0; i < PAGES; i++) {
        before[i] = after[i] = look(BASE + i * P);
        changed[i] = false;
        if (i < c->from || i >= c->from + c->n)
            continue;
        struct pt_entry e;
        uint64_t at = c->op == 0 ? c->at + (i - c->from) * P : before[i].at;
        f->decode(f->leaf(1, hpa(at), c->prot, PT_WB), 1, &e);
        if (c->op == 0 || (c->op == 2 && before[i].prot))
            after[i] = (struct view){ at, e.prot };
        if (c->op == 1)
            after[i] = (struct view){ 0, 0 };
    }
}

static struct change random_change(void)
{
    struct change c = { .op = rnd(4), .from = rnd(PAGES) };
    c.n = 1 + rnd(PAGES - c.from);
    if (rnd(3) == 0)
        c.n = 1 + rnd(c.n < 9 ? c.n : 9);
    if (rnd(3) == 0) {                      /* whole large pages more often */
        c.from = 3;
        c.n = 512 * (1 + rnd(2));
    }
    c.prot = PT_R | (rnd(2) ? PT_W : 0) | (rnd(2) ? PT_X : 0);
    c.at = GIB(5) + (c.from - 3) * P + rnd(8) * MIB(2);
    if (rnd(4) == 0)
        c.at += rnd(1000) * P;
    return c;
}

static void run(const struct pt_format *format, unsigned max_leaf, uint32_t with_seed)
{
    new_pages();
    assert_int_equal(ptab_init(&t, format, &source, max_leaf), HV_OK);
    seed = with_seed;
    for (int step = 0; step < 60; step++) {
        struct change c = random_change();
        foresee(&c, format);
        watching = true;
        assert_int_equal(apply(&c), HV_OK);
        watching = false;
        for (unsigned i = 0; i < PAGES; i++)
            if (!same(look(BASE + i * P), after[i]))
                fail_msg("step %d: page %u is not as asked", step, i);
    }
    assert_true(ptab_fini(&t, UINT32_MAX));
    assert_int_equal(pages->in_use, 0);
    fake_pages_delete(pages);
}

static void no_walker_sees_a_half_made_mapping(void **unused)
{
    writes = 0;
    cpu_sets = 0;
    for (uint32_t s = 1; s < 4; s++) {
        run(&pt_format_host, 3, s);
        run(&pt_format_npt, 3, s);
        run(&pt_format_ept, 3, s);
    }
    assert_true(writes > 10000);
}

/* The large leaf itself: a GiB that is split and joined again while it is watched. */
static void splitting_a_gib_is_not_visible(void **unused)
{
    new_pages();
    cpu_sets = 0;
    assert_int_equal(ptab_init(&t, &pt_format_npt, &source, 3), HV_OK);
    uint32_t rwx = PT_R | PT_W | PT_X;
    assert_int_equal(ptab_map(&t, 0, hpa(GIB(4)), GIB(2), rwx, PT_WB, &flush), HV_OK);
    struct change c = { .op = 2, .from = 5, .n = 1, .prot = PT_R };
    foresee(&c, &pt_format_npt);
    watching = true;
    writes = 0;
    assert_int_equal(apply(&c), HV_OK);
    watching = false;
    assert_int_equal(writes, 2 * 512 + 2 + 1);      /* two tables, two links, one change */
    c = (struct change){ .op = 2, .from = 5, .n = 1, .prot = rwx };
    assert_int_equal(apply(&c), HV_OK);
    c = (struct change){ .op = 3, .from = 0, .n = PAGES };
    foresee(&c, &pt_format_npt);
    watching = true;
    ptab_join(&t, 0, GIB(2), &flush);
    watching = false;
    unsigned level;
    struct pt_entry e;
    assert_true(ptab_lookup(&t, BASE, &e, &level));
    assert_int_equal(level, 3);
    assert_true(ptab_fini(&t, UINT32_MAX));
    fake_pages_delete(pages);
}

/* Dirty flags that arrive between reading an entry and replacing it are not lost. */
static void flags_set_meanwhile_are_kept(void **unused)
{
    struct pt_entry e;
    unsigned level;
    watching = false;
    for (unsigned i = 0; i < 3; i++) {
        new_pages();
        cpu_sets = 0;
        assert_int_equal(ptab_init(&t, all[i], &source, 2), HV_OK);
        assert_int_equal(ptab_map(&t, 0, hpa(0), MIB(4), PT_R | PT_W, PT_WB, &flush), HV_OK);
        cpu_sets = all[i]->dirty;
        assert_int_equal(ptab_protect(&t, MIB(2), MIB(2), PT_R, &flush), HV_OK);
        assert_true(ptab_lookup(&t, MIB(2), &e, &level) && e.dirty && e.prot & PT_R);
        assert_false(e.prot & PT_W);
        assert_int_equal(ptab_unmap(&t, 7 * P, P, &flush), HV_OK);     /* splits */
        for (uint64_t k = 0; k < 512; k++)
            assert_true(k == 7 || (ptab_lookup(&t, k * P, &e, &level) && e.dirty && level == 1));
        cpu_sets = 0;
        assert_true(ptab_fini(&t, UINT32_MAX));
        fake_pages_delete(pages);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_walker_sees_a_half_made_mapping),
        cmocka_unit_test(splitting_a_gib_is_not_visible),
        cmocka_unit_test(flags_set_meanwhile_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
