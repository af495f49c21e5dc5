/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest page walk, rule by rule (SDM vol. 3, 4.3 to 4.7): every paging mode and
 * page size, rights, reserved bits, keys, accessed and dirty bits, error codes.
 * Tables are written by hand into the fake VM's memory, 4 KiB apart from TABLES on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/gva.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80 };
#define NX      BIT64(63)
#define ALL     (P | W | U)
#define TABLES  0x100000ull

struct world {
    struct fake_env  *f;
    struct gva_walker w;
    struct vcpu_state s;
    struct gva_fault  fault;
    gpa_t             out;
};

static uint64_t table(unsigned n) { return TABLES + n * PAGE_SIZE; }

static void put8(struct world *t, uint64_t at, uint64_t v)
{
    assert_int_equal(gmem_write(&t->f->mem, gpa(at), &v, 8), HV_OK);
}

static void put4(struct world *t, uint64_t at, uint32_t v)
{
    assert_int_equal(gmem_write(&t->f->mem, gpa(at), &v, 4), HV_OK);
}

static uint64_t get8(struct world *t, uint64_t at)
{
    uint64_t v;
    assert_int_equal(gmem_read(&t->f->mem, gpa(at), &v, 8), HV_OK);
    return v;
}

static uint32_t get4(struct world *t, uint64_t at)
{
    uint32_t v;
    assert_int_equal(gmem_read(&t->f->mem, gpa(at), &v, 4), HV_OK);
    return v;
}

static enum gva_result walk(struct world *t, uint64_t linear, unsigned access)
{
    memset(&t->fault, 0xee, sizeof(t->fault));
    t->out = gpa(0xdead);
    return gva_to_gpa(&t->w, &t->s, linear, access, &t->out, &t->fault);
}

static void expect_ok(struct world *t, uint64_t linear, unsigned access, uint64_t want)
{
    assert_int_equal(walk(t, linear, access), GVA_OK);
    assert_int_equal(t->out.v, want);
}

static void expect_fault(struct world *t, uint64_t linear, unsigned access, uint32_t error)
{
    assert_int_equal(walk(t, linear, access), GVA_FAULT);
    assert_int_equal(t->fault.error, error);
    assert_int_equal(t->fault.linear, linear);
}

/* Linear address whose index is i4 at the PML4 and so on down, with an offset of 0x123. */
static uint64_t lin(unsigned i4, unsigned i3, unsigned i2, unsigned i1)
{
    uint64_t v = (uint64_t)i4 << 39 | (uint64_t)i3 << 30 | (uint64_t)i2 << 21 |
                 (uint64_t)i1 << 12 | 0x123;
    return v & BIT64(47) ? v | MASK64(63, 48) : v;
}

#define L1 lin(5, 6, 7, 8)      /* where map4() maps 4 KiB */

/* 4-level tables 0 to 3, one entry each, mapping L1 to 0x200000; `leaf` are its flags. */
static void map4(struct world *t, uint64_t upper, uint64_t leaf)
{
    put8(t, table(0) + 5 * 8, table(1) | upper);
    put8(t, table(1) + 6 * 8, table(2) | upper);
    put8(t, table(2) + 7 * 8, table(3) | upper);
    put8(t, table(3) + 8 * 8, 0x200000 | leaf);
}

static int setup(void **state)
{
    struct world *t = test_calloc(1, sizeof(*t));
    t->f = fake_env_new();
    t->w = (struct gva_walker){ .mem = &t->f->mem, .phys_bits = 40, .gib_pages = true };
    t->s.cr0 = CR0_PE | CR0_PG | CR0_WP;
    t->s.cr3 = table(0);
    t->s.cr4 = CR4_PAE;
    t->s.efer = EFER_LME | EFER_LMA | EFER_NXE;
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct world *t = *state;
    fake_env_free(t->f);
    test_free(t);
    return 0;
}

static void mode32(struct world *t, uint64_t cr4)
{
    t->s.efer = 0;
    t->s.cr4 = cr4;
}

static void test_no_paging(void **state)
{
    struct world *t = *state;
    t->s.cr0 = 0;
    t->s.efer = 0;
    expect_ok(t, 0x12345678, GVA_WRITE | GVA_USER, 0x12345678);
    expect_ok(t, 0x1fffffff0ull, GVA_READ, 0xfffffff0);      /* linear addresses have 32 bits */
}

static void test_4level_pages(void **state)
{
    struct world *t = *state;
    map4(t, ALL, ALL);
    expect_ok(t, L1, GVA_READ | GVA_USER, 0x200123);
    expect_fault(t, lin(4, 6, 7, 8), GVA_READ, 0);
    expect_fault(t, lin(5, 5, 7, 8), GVA_WRITE, PF_WRITE);
    expect_fault(t, lin(5, 6, 6, 8), GVA_USER, PF_USER);
    expect_fault(t, lin(5, 6, 7, 7), GVA_FETCH, PF_FETCH);
    /* The upper half of the address space is sign-extended. */
    put8(t, table(0) + 0x1ff * 8, table(1) | ALL);
    expect_ok(t, lin(0x1ff, 6, 7, 8), GVA_READ, 0x200123);
    /* PCID or cache bits in CR3 are no address. */
    t->s.cr3 |= 0xfff | BIT64(63);
    expect_ok(t, L1, GVA_READ, 0x200123);
}

static void test_large_pages(void **state)
{
    struct world *t = *state;
    map4(t, ALL, ALL);
    put8(t, table(2) + 9 * 8, 0xffc0200000ull | PS | ALL | BIT64(12));      /* 2 MiB, PAT */
    expect_ok(t, lin(5, 6, 9, 0x1ab), GVA_WRITE, 0xffc03ab123ull);
    put8(t, table(1) + 9 * 8, 0x4080000000ull | PS | ALL | BIT64(12));      /* 1 GiB */
    expect_ok(t, lin(5, 9, 0x1ff, 0x1ff), GVA_READ, 0x40bffff123ull);
    t->w.gib_pages = false;
    expect_fault(t, lin(5, 9, 0, 0), GVA_READ, PF_PRESENT | PF_RSVD);
    t->w.gib_pages = true;
    for (unsigned bit = 13; bit < 21; bit++) {
        put8(t, table(2) + 9 * 8, BIT64(bit) | PS | ALL);
        expect_fault(t, lin(5, 6, 9, 0), GVA_READ, PF_PRESENT | PF_RSVD);
    }
    for (unsigned bit = 13; bit < 30; bit++) {
        put8(t, table(1) + 9 * 8, BIT64(bit) | PS | ALL);
        expect_fault(t, lin(5, 9, 0, 0), GVA_READ, PF_PRESENT | PF_RSVD);
    }
    put8(t, table(0) + 9 * 8, table(1) | PS | ALL);      /* no such page at the PML4 */
    expect_fault(t, lin(9, 6, 7, 8), GVA_READ, PF_PRESENT | PF_RSVD);
}

static void test_reserved_bits(void **state)
{
    struct world *t = *state;
    for (unsigned level = 0; level < 4; level++) {
        static const unsigned index[4] = { 5, 6, 7, 8 };
        uint64_t at = table(level) + index[level] * 8;
        map4(t, ALL, ALL);
        uint64_t good = get8(t, at);
        for (unsigned bit = 40; bit < 52; bit++) {
            put8(t, at, good | BIT64(bit));
            expect_fault(t, L1, GVA_WRITE | GVA_USER, PF_PRESENT | PF_RSVD | PF_WRITE | PF_USER);
        }
        for (unsigned bit = 52; bit < 63; bit++) {       /* ignored, or keys that are off */
            put8(t, at, good | BIT64(bit));
            expect_ok(t, L1, GVA_READ, 0x200123);
        }
        t->s.efer &= ~EFER_NXE;
        put8(t, at, good | NX);
        expect_fault(t, L1, GVA_READ, PF_PRESENT | PF_RSVD);
        put8(t, at, (good | NX) & ~1ull);                /* not present comes first */
        expect_fault(t, L1, GVA_READ, 0);
        t->s.efer |= EFER_NXE;
    }
    t->w.phys_bits = 52;
    map4(t, ALL, ALL | BIT64(51));
    expect_ok(t, L1, GVA_READ, BIT64(51) + 0x200123);
}

static void test_rights_at_each_level(void **state)
{
    struct world *t = *state;
    static const unsigned index[4] = { 5, 6, 7, 8 };
    for (unsigned level = 0; level < 4; level++) {
        uint64_t at = table(level) + index[level] * 8;
        map4(t, ALL, ALL);
        uint64_t good = get8(t, at);
        put8(t, at, good & ~(uint64_t)W);
        expect_fault(t, L1, GVA_WRITE, PF_PRESENT | PF_WRITE);
        expect_fault(t, L1, GVA_WRITE | GVA_USER, PF_PRESENT | PF_WRITE | PF_USER);
        expect_ok(t, L1, GVA_READ | GVA_USER, 0x200123);
        put8(t, at, good & ~(uint64_t)U);
        expect_fault(t, L1, GVA_USER, PF_PRESENT | PF_USER);
        expect_fault(t, L1, GVA_USER | GVA_FETCH, PF_PRESENT | PF_USER | PF_FETCH);
        expect_ok(t, L1, GVA_WRITE, 0x200123);
        put8(t, at, good | NX);
        expect_fault(t, L1, GVA_FETCH, PF_PRESENT | PF_FETCH);
        expect_fault(t, L1, GVA_FETCH | GVA_USER, PF_PRESENT | PF_FETCH | PF_USER);
        expect_ok(t, L1, GVA_WRITE | GVA_USER, 0x200123);
    }
}

static void test_wp_smep_smap(void **state)
{
    struct world *t = *state;
    map4(t, ALL, P | U);
    expect_fault(t, L1, GVA_WRITE, PF_PRESENT | PF_WRITE);
    t->s.cr0 &= ~CR0_WP;
    expect_ok(t, L1, GVA_WRITE, 0x200123);
    expect_fault(t, L1, GVA_WRITE | GVA_USER, PF_PRESENT | PF_WRITE | PF_USER);

    expect_ok(t, L1, GVA_FETCH, 0x200123);
    t->s.cr4 |= CR4_SMEP;
    expect_fault(t, L1, GVA_FETCH, PF_PRESENT | PF_FETCH);
    expect_ok(t, L1, GVA_FETCH | GVA_USER, 0x200123);

    t->s.cr4 |= CR4_SMAP;
    expect_fault(t, L1, GVA_READ, PF_PRESENT);
    expect_fault(t, L1, GVA_WRITE, PF_PRESENT | PF_WRITE);
    expect_ok(t, L1, GVA_READ | GVA_USER, 0x200123);
    t->s.rflags |= RFLAGS_AC;
    expect_ok(t, L1, GVA_READ, 0x200123);
    expect_fault(t, L1, GVA_READ | GVA_IMPLICIT, PF_PRESENT);
    map4(t, ALL, P | W);                                 /* a supervisor page */
    expect_ok(t, L1, GVA_WRITE | GVA_IMPLICIT, 0x200123);
    expect_ok(t, L1, GVA_FETCH, 0x200123);
}

static void test_protection_keys(void **state)
{
    struct world *t = *state;
    map4(t, ALL, ALL | (uint64_t)5 << 59);
    t->w.pkru = 1u << 10;                                /* key 5: access disabled */
    expect_ok(t, L1, GVA_READ | GVA_USER, 0x200123);     /* CR4.PKE is clear */
    t->s.cr4 |= CR4_PKE;
    expect_fault(t, L1, GVA_READ | GVA_USER, PF_PRESENT | PF_USER | PF_PK);
    expect_fault(t, L1, GVA_READ, PF_PRESENT | PF_PK);
    expect_ok(t, L1, GVA_FETCH | GVA_USER, 0x200123);
    t->w.pkru = 2u << 10;                                /* write disabled */
    expect_ok(t, L1, GVA_READ | GVA_USER, 0x200123);
    expect_fault(t, L1, GVA_WRITE | GVA_USER, PF_PRESENT | PF_USER | PF_WRITE | PF_PK);
    expect_fault(t, L1, GVA_WRITE, PF_PRESENT | PF_WRITE | PF_PK);
    t->s.cr0 &= ~CR0_WP;
    expect_ok(t, L1, GVA_WRITE, 0x200123);
    t->w.pkru = ~(3u << 10);                             /* every other key */
    expect_ok(t, L1, GVA_WRITE | GVA_USER, 0x200123);

    map4(t, ALL, P | W | (uint64_t)5 << 59);             /* supervisor page: PKRS */
    t->w.pkrs = 1u << 10;
    expect_ok(t, L1, GVA_READ, 0x200123);
    t->s.cr4 |= CR4_PKS;
    expect_fault(t, L1, GVA_READ, PF_PRESENT | PF_PK);
    expect_ok(t, L1, GVA_FETCH, 0x200123);
}

static void test_accessed_dirty(void **state)
{
    struct world *t = *state;
    map4(t, ALL, ALL);
    expect_fault(t, lin(5, 6, 7, 9), GVA_READ, 0);
    assert_int_equal(get8(t, table(3) + 8 * 8) & (A | D), 0);
    expect_ok(t, L1, GVA_READ, 0x200123);
    assert_int_equal(get8(t, table(0) + 5 * 8), table(1) | ALL | A);
    assert_int_equal(get8(t, table(1) + 6 * 8), table(2) | ALL | A);
    assert_int_equal(get8(t, table(2) + 7 * 8), table(3) | ALL | A);
    assert_int_equal(get8(t, table(3) + 8 * 8), 0x200000 | ALL | A);
    expect_ok(t, L1, GVA_WRITE, 0x200123);
    assert_int_equal(get8(t, table(2) + 7 * 8), table(3) | ALL | A);
    assert_int_equal(get8(t, table(3) + 8 * 8), 0x200000 | ALL | A | D);
    /* A refused write marks nothing dirty. */
    map4(t, ALL, P);
    expect_fault(t, L1, GVA_WRITE, PF_PRESENT | PF_WRITE);
    assert_int_equal(get8(t, table(3) + 8 * 8), 0x200000 | P);
    /* A large page is marked in its own entry. */
    put8(t, table(2) + 9 * 8, 0x400000 | PS | ALL);
    expect_ok(t, lin(5, 6, 9, 0), GVA_WRITE, 0x400123);
    assert_int_equal(get8(t, table(2) + 9 * 8), 0x400000 | PS | ALL | A | D);
}

static void test_tables_in_rom_and_nowhere(void **state)
{
    struct world *t = *state;
    map4(t, ALL, ALL);
    t->f->mem.slot[0].readonly = true;                   /* marks vanish, the walk works */
    expect_ok(t, L1, GVA_WRITE, 0x200123);
    t->f->mem.slot[0].readonly = false;
    assert_int_equal(get8(t, table(3) + 8 * 8), 0x200000 | ALL);
    put8(t, table(0) + 5 * 8, 0x80000000ull | ALL);      /* no memory there: reads as ones */
    expect_fault(t, L1, GVA_READ, PF_PRESENT | PF_RSVD);
    t->s.cr3 = MASK64(39, 12);
    expect_fault(t, L1, GVA_READ, PF_PRESENT | PF_RSVD);
}

static void test_5level(void **state)
{
    struct world *t = *state;
    uint64_t linear = L1 | (uint64_t)3 << 48;
    map4(t, ALL, ALL);
    put8(t, table(4) + 3 * 8, table(0) | ALL);
    t->s.cr3 = table(4);
    t->s.cr4 |= CR4_LA57;
    expect_ok(t, linear, GVA_WRITE | GVA_USER, 0x200123);
    assert_int_equal(get8(t, table(4) + 3 * 8), table(0) | ALL | A);
    expect_fault(t, L1, GVA_READ, 0);
    put8(t, table(4) + 3 * 8, table(0) | ALL | PS);
    expect_fault(t, linear, GVA_READ, PF_PRESENT | PF_RSVD);
    put8(t, table(4) + 3 * 8, table(0) | P);
    expect_fault(t, linear, GVA_USER, PF_PRESENT | PF_USER);
}

static void test_pae(void **state)
{
    struct world *t = *state;
    uint64_t linear = 2ull << 30 | 7 << 21 | 8 << 12 | 0x123;
    mode32(t, CR4_PAE);
    t->s.cr3 = table(0) + 0x60;                          /* 32-byte aligned */
    put8(t, table(0) + 0x60 + 2 * 8, table(2) | P);
    put8(t, table(2) + 7 * 8, table(3) | ALL);
    put8(t, table(3) + 8 * 8, 0x8000200000ull | ALL);
    expect_ok(t, linear, GVA_WRITE | GVA_USER, 0x8000200123ull);
    assert_int_equal(get8(t, table(0) + 0x60 + 2 * 8), table(2) | P);    /* has no A */
    assert_int_equal(get8(t, table(3) + 8 * 8), 0x8000200000ull | ALL | A | D);
    expect_ok(t, linear | 0xabcull << 32, GVA_READ, 0x8000200123ull);
    assert_int_equal(walk(t, (1ull << 30) | 0xabcull << 32, GVA_READ), GVA_FAULT);
    assert_int_equal(t->fault.linear, 1ull << 30);       /* CR2 holds 32 bits */

    put8(t, table(2) + 9 * 8, 0x8000200000ull | PS | ALL);
    expect_ok(t, 2ull << 30 | 9 << 21 | 0x1ffabc, GVA_READ, 0x80003ffabcull);

    /* NX works with EFER.NXE and is reserved without; bits 62:52 always are. */
    put8(t, table(3) + 8 * 8, 0x200000 | ALL | NX);
    expect_fault(t, linear, GVA_READ, PF_PRESENT | PF_RSVD);
    expect_fault(t, linear, GVA_FETCH, PF_PRESENT | PF_RSVD);            /* no I/D then */
    t->s.efer = EFER_NXE;
    expect_fault(t, linear, GVA_FETCH, PF_PRESENT | PF_FETCH);
    expect_ok(t, linear, GVA_READ, 0x200123);
    for (unsigned bit = 40; bit < 63; bit++) {
        put8(t, table(3) + 8 * 8, 0x200000 | ALL | BIT64(bit));
        expect_fault(t, linear, GVA_READ, PF_PRESENT | PF_RSVD);
    }
    for (unsigned bit = 1; bit < 64; bit++) {
        bool rsvd = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;
        if (bit >= 12 && !rsvd)
            continue;
        put8(t, table(3) + 8 * 8, 0x200000 | ALL);
        put8(t, table(0) + 0x60 + 2 * 8, table(2) | P | BIT64(bit));
        if (rsvd)
            expect_fault(t, linear, GVA_READ, PF_PRESENT | PF_RSVD);
        else
            expect_ok(t, linear, GVA_READ, 0x200123);
    }
    /* Keys do not exist here. */
    t->s.cr4 |= CR4_PKE;
    t->w.pkru = ~0u;
    put8(t, table(0) + 0x60 + 2 * 8, table(2) | P);
    expect_ok(t, linear, GVA_READ, 0x200123);
}

static void test_32bit(void **state)
{
    struct world *t = *state;
    uint64_t linear = 0x3ffull << 22 | 0x2aa << 12 | 0x123;
    mode32(t, 0);
    t->s.cr3 = table(0) | 0xfff;
    put4(t, table(0) + 0x3ff * 4, (uint32_t)table(1) | ALL | PS);        /* PSE off: a table */
    put4(t, table(1) + 0x2aa * 4, 0x200000 | P | U);
    expect_ok(t, linear, GVA_USER, 0x200123);
    expect_ok(t, linear | 0xabcull << 40, GVA_USER, 0x200123);
    assert_int_equal(get4(t, table(0) + 0x3ff * 4), (uint32_t)table(1) | ALL | PS | A);
    assert_int_equal(get4(t, table(1) + 0x2aa * 4), 0x200000 | P | U | A);
    expect_fault(t, linear, GVA_WRITE, PF_PRESENT | PF_WRITE);
    expect_fault(t, linear, GVA_WRITE | GVA_USER, PF_PRESENT | PF_WRITE | PF_USER);
    expect_fault(t, linear + PAGE_SIZE, GVA_FETCH, 0);
    t->s.cr0 &= ~CR0_WP;
    expect_ok(t, linear, GVA_WRITE, 0x200123);
    assert_int_equal(get4(t, table(1) + 0x2aa * 4), 0x200000 | P | U | A | D);
    /* A fetch cannot be refused, but told apart with SMEP. */
    t->s.cr4 = CR4_SMEP;
    expect_fault(t, linear, GVA_FETCH, PF_PRESENT | PF_FETCH);
    put4(t, table(0) + 0x3ff * 4, (uint32_t)table(1) | P);
    expect_fault(t, linear, GVA_USER, PF_PRESENT | PF_USER);
    put4(t, table(0) + 0x3ff * 4, 0x80000000u | ALL);    /* table outside: reads as ones */
    expect_ok(t, linear, GVA_READ, 0xfffff123u);
}

static void test_pse(void **state)
{
    struct world *t = *state;
    uint64_t linear = 0x201ull << 22 | 0x3ffabc;
    mode32(t, CR4_PSE);
    uint64_t at = table(0) + 0x201 * 4;
    put4(t, at, 0x800000 | PS | ALL);
    expect_ok(t, linear, GVA_WRITE | GVA_USER, 0xbffabc);
    assert_int_equal(get4(t, at), 0x800000 | PS | ALL | A | D);
    put4(t, at, 0x800000 | PS | ALL | BIT(12) | 0xa5u << 13);            /* PAT, PSE-36 */
    expect_ok(t, linear, GVA_READ, 0xa500bffabcull);
    put4(t, at, 0x800000 | PS | ALL | BIT(21));
    expect_fault(t, linear, GVA_READ, PF_PRESENT | PF_RSVD);
    t->w.phys_bits = 36;
    put4(t, at, 0x800000 | PS | ALL | 0x10u << 13);
    expect_fault(t, linear, GVA_READ, PF_PRESENT | PF_RSVD);
    t->w.phys_bits = 48;                                 /* no more than 40 bits even so */
    put4(t, at, 0x800000 | PS | ALL | 0xffu << 13);
    expect_ok(t, linear, GVA_READ, 0xff00bffabcull);
}

/*
 * The walk over entries that are all marked takes a shorter way. Clearing A at the top
 * sends it the long way again: both must agree, whatever the entries and the access.
 */
static void test_both_ways_agree(void **state)
{
    struct world *t = *state;
    static const uint64_t odd[] = {
        0, 0, 0, 0, 0, 0, 0, W, U, P, NX, D, BIT64(40), BIT64(51), BIT64(12), BIT64(13), BIT64(29),
    };
    static const unsigned index[4] = { 5, 6, 7, 8 };
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        map4(t, ALL | A, ALL | A | D);
        for (unsigned k = 0; k < 4; k++) {               /* a bit changed here and there */
            uint64_t at = table(k) + index[k] * 8, e = get8(t, at);
            seed = seed * 1664525 + 1013904223;
            if (!(seed >> 28))
                e = (e & 0xfff) | PS | (seed & BIT(27) ? BIT64(30) : 0);
            put8(t, at, e ^ odd[(seed >> 16) % ARRAY_LEN(odd)]);
        }
        seed = seed * 1664525 + 1013904223;
        unsigned access = seed >> 16 & (GVA_WRITE | GVA_FETCH | GVA_USER | GVA_IMPLICIT);
        if ((access & GVA_WRITE) && (access & GVA_FETCH))
            continue;
        t->s.cr0 = CR0_PE | CR0_PG | (seed >> 20 & 1 ? CR0_WP : 0);
        t->s.cr4 = CR4_PAE | (seed >> 21 & 1 ? CR4_SMEP : 0) | (seed >> 22 & 1 ? CR4_SMAP : 0);
        t->s.efer = EFER_LME | EFER_LMA | (seed >> 23 & 3 ? EFER_NXE : 0);
        t->w.gib_pages = seed >> 25 & 1;

        enum gva_result fast = walk(t, L1, access);
        struct gva_fault fault = t->fault;
        gpa_t out = t->out;
        put8(t, table(0) + 5 * 8, get8(t, table(0) + 5 * 8) & ~(uint64_t)A);
        assert_int_equal(walk(t, L1, access), fast);
        assert_int_equal(t->out.v, out.v);
        if (fast == GVA_FAULT)
            assert_memory_equal(&fault, &t->fault, sizeof(fault));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_paging, setup, teardown),
        cmocka_unit_test_setup_teardown(test_4level_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reserved_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rights_at_each_level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wp_smep_smap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_protection_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_accessed_dirty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables_in_rom_and_nowhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_5level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pae, setup, teardown),
        cmocka_unit_test_setup_teardown(test_32bit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_both_ways_agree, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
