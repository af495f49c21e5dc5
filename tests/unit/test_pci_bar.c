/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/device/pci_bar.c and pci_assign.c: sizing and moving BARs, COMMAND's decoding bits, who
 * has an address when BARs overlap, edges of BARs and of the space, locks, firmware's part.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_pci.h"
#include "socle/bits.h"

enum { COMMAND = 4, BAR0 = 0x10, ON_IO = 1, ON_MEM = 2, ON = 7 };
enum { DEV = PCI_DEVFN(5, 0), LATER = PCI_DEVFN(6, 0) };

struct probe {
    struct bus_access last;
    unsigned          count;
    struct spinlock   lock;
    bool              was_locked, bus_locked;
};

static struct fake_pci *p;
static struct pci_function fn, later;
static struct probe probe[4];

/* Each probe answers with its own number in every byte. */
static void on_access(void *dev, struct bus_access *a)
{
    struct probe *d = dev;
    d->last = *a;
    d->count++;
    d->was_locked = !spin_try(&d->lock);
    if (!d->was_locked)
        spin_unlock(&d->lock);
    d->bus_locked = !spin_try(&p->pci.lock);
    if (!d->bus_locked)
        spin_unlock(&p->pci.lock);
    if (!a->write)
        a->value = (uint64_t)(d - probe + 1) * 0x1111111111111111ull;
}

static struct pci_bar bar(enum pci_bar_kind kind, uint64_t size, unsigned which)
{
    return (struct pci_bar){ .kind = kind, .size = size, .widths = 1 | 2 | 4 | 8, .access = on_access,
                             .dev = &probe[which] };
}

static int setup(void **unused)
{
    p = fake_pci_new();
    memset(probe, 0, sizeof(probe));
    pci_function_init(&fn, 0x1af4, 0x1041, 0x020000, 1);
    pci_function_init(&later, 0x1af4, 0x1042, 0x010000, 1);
    return 0;
}

static int teardown(void **unused)
{
    fake_pci_free(p);
    return 0;
}

static void add(struct pci_function *f, unsigned n, struct pci_bar b) { pci_set_bar(f, n, &b); }
static void plug(void) { assert_int_equal(pci_add(&p->pci, DEV, &fn), HV_OK); }
static uint32_t get(unsigned reg) { return fake_pci_get(p, DEV, reg, 4); }
static void set(unsigned reg, uint32_t v) { fake_pci_set(p, DEV, reg, 4, v); }
static void command(uint8_t devfn, uint16_t v) { fake_pci_set(p, devfn, COMMAND, 2, v); }

/* Which probe answers to a read of a byte, counted from 1; 0: nobody. */
static unsigned who(uint64_t addr)
{
    bool hit;
    unsigned v = (unsigned)fake_pci_read(p, addr, 1, &hit);
    assert_true(hit || v == 0xff);
    return hit ? v & 15 : 0;
}

static unsigned who_io(uint16_t port)
{
    bool hit;
    unsigned v = (unsigned)fake_pci_in(p, port, 1, &hit);
    assert_true(hit || v == 0xff);
    return hit ? v & 15 : 0;
}

/* ---- registers ------------------------------------------------------------------ */

static void sizing_tells_size_and_kind(void **unused)
{
    struct pci_bar prefetch = bar(PCI_BAR_MEM64, GIB(8), 3);
    prefetch.prefetch = true;
    add(&fn, 0, bar(PCI_BAR_IO, 64, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x4000, 1));
    add(&fn, 2, bar(PCI_BAR_MEM64, 16, 2));
    add(&fn, 4, prefetch);
    plug();
    static const struct { uint32_t initial, sized; } want[] = {
        { 1, 0xffffffc1 }, { 0, 0xffffc000 }, { 4, 0xfffffff4 }, { 0, 0xffffffff },
        { 0xc, 0x0000000c }, { 0, 0xfffffffe },
    };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(get(BAR0 + 4 * i), want[i].initial);
        set(BAR0 + 4 * i, ~0u);
        assert_int_equal(get(BAR0 + 4 * i), want[i].sized);
        set(BAR0 + 4 * i, 0);
        assert_int_equal(get(BAR0 + 4 * i), want[i].initial);
        for (unsigned byte = 0; byte < 4; byte++)
            fake_pci_set(p, DEV, BAR0 + 4 * i + byte, 1, 0xa5);
        assert_int_equal(get(BAR0 + 4 * i), (0xa5a5a5a5 & want[i].sized) | want[i].initial);
    }
}

static void bars_that_do_not_exist_read_zero(void **unused)
{
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x1000, 0));
    plug();
    for (unsigned reg = BAR0; reg < 0x34; reg += 4) {   /* the ROM's, too */
        const uint32_t before = get(reg);
        set(reg, ~0u);
        if (reg != BAR0 + 4)
            assert_int_equal(get(reg), before);
    }
    assert_int_equal(get(BAR0), 0);
    assert_int_equal(get(0x30), 0);
    assert_int_equal(get(0x2c), 0x10411af4);            /* subsystem: as the device */
}

static void header_of_a_device(void **unused)
{
    plug();
    set(0x0c, ~0u);
    assert_int_equal(get(0x0c), 0x0000f8ff);            /* latency, cache line */
    command(DEV, 0xffff);
    assert_int_equal(get(COMMAND), 0x0144);             /* has no BARs and no INTx */
    command(DEV, 0);
    assert_int_equal(get(COMMAND), 0);
    set(0x3c, ~0u);
    assert_int_equal(get(0x3c), 0);
}

/* ---- decoding ------------------------------------------------------------------- */

static void command_switches_decoding(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_IO, 32, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x1000, 1));
    plug();
    set(BAR0, 0xc100), set(BAR0 + 4, 0xd0000000);
    for (unsigned c = 0; c < 8; c++) {
        command(DEV, (uint16_t)c);
        assert_int_equal(get(COMMAND), c);
        assert_int_equal(who_io(0xc100), c & ON_IO ? 1 : 0);
        assert_int_equal(who(0xd0000000), c & ON_MEM ? 2 : 0);
    }
    /* What the function lacks cannot be switched on. */
    add(&later, 0, bar(PCI_BAR_IO, 32, 0));
    assert_int_equal(pci_add(&p->pci, LATER, &later), HV_OK);
    command(LATER, ON);
    assert_int_equal(fake_pci_get(p, LATER, COMMAND, 2), 5);
}

static void handler_sees_offset_and_cut_values(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_IO, 32, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x1000, 1));
    plug();
    set(BAR0, 0xc100), set(BAR0 + 4, 0xd0000000);
    command(DEV, ON);
    assert_int_equal(fake_pci_in(p, 0xc11e, 2, NULL), 0x1111);
    assert_int_equal(probe[0].last.offset, 0x1e);
    assert_int_equal(probe[0].last.value, 0xffff);      /* preset */
    assert_true(fake_pci_out(p, 0xc104, 1, 0x1234));
    assert_int_equal(probe[0].last.value, 0x34);
    assert_true(fake_pci_read(p, 0xd0000ff8, 8, NULL) == 0x2222222222222222ull);
    assert_int_equal(probe[1].last.offset, 0xff8);
    assert_true(fake_pci_write(p, 0xd0000123, 2, 0xfffff00d));
    assert_int_equal(probe[1].last.offset, 0x123);
    assert_int_equal(probe[1].last.value, 0xf00d);
    assert_int_equal(probe[1].last.size, 2);
    assert_true(probe[1].last.write);
}

static void edges_of_a_bar(void **unused)
{
    bool hit;
    add(&fn, 0, bar(PCI_BAR_IO, 32, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x1000, 1));
    plug();
    set(BAR0, 0xc100), set(BAR0 + 4, 0xd0001000);
    command(DEV, ON);
    assert_int_equal(who_io(0xc0ff), 0);
    assert_int_equal(who_io(0xc11f), 1);
    assert_int_equal(who_io(0xc120), 0);
    assert_int_equal(who(0xd0000fff), 0);
    assert_int_equal(who(0xd0001fff), 2);
    assert_int_equal(who(0xd0002000), 0);
    const unsigned before = probe[0].count + probe[1].count;
    assert_int_equal(fake_pci_in(p, 0xc11f, 2, &hit), 0xffff);
    assert_false(hit);
    assert_int_equal(fake_pci_in(p, 0xc0ff, 2, &hit), 0xffff);
    assert_false(hit);
    assert_false(fake_pci_out(p, 0xc11d, 4, 1));
    assert_true(fake_pci_read(p, 0xd0001ff9, 8, &hit) == UINT64_MAX);
    assert_false(hit);
    assert_false(fake_pci_write(p, 0xd0000ffd, 4, 1));
    assert_int_equal(probe[0].count + probe[1].count, before);
}

static void other_widths_are_nobodys(void **unused)
{
    struct pci_bar b = bar(PCI_BAR_MEM32, 0x1000, 0);
    b.widths = 2 | 4;
    add(&fn, 0, b);
    plug();
    set(BAR0, 0xd0000000), command(DEV, ON);
    assert_int_equal(fake_pci_read(p, 0xd0000000, 1, NULL), 0xff);
    assert_true(fake_pci_read(p, 0xd0000000, 8, NULL) == UINT64_MAX);
    (void)fake_pci_write(p, 0xd0000000, 8, 1);
    assert_int_equal(probe[0].count, 0);
    assert_int_equal(fake_pci_read(p, 0xd0000000, 2, NULL), 0x1111);
    assert_int_equal(fake_pci_read(p, 0xd0000001, 4, NULL), 0x11111111);
    assert_int_equal(probe[0].count, 2);
}

static void only_the_bars_lock_is_held(void **unused)
{
    struct pci_bar b = bar(PCI_BAR_MEM32, 0x1000, 0);
    b.lock = &probe[0].lock;
    add(&fn, 0, b);
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x1000, 1));
    plug();
    set(BAR0, 0xd0000000), set(BAR0 + 4, 0xd0001000), command(DEV, ON);
    assert_int_equal(who(0xd0000000), 1);
    assert_true(probe[0].was_locked);
    assert_false(probe[0].bus_locked);
    assert_true(spin_try(&probe[0].lock));
    assert_int_equal(who(0xd0001000), 2);
    assert_false(probe[1].was_locked);
}

static void bars_move(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_MEM64, 0x4000, 0));
    plug();
    command(DEV, ON);
    static const uint64_t places[] = {
        0xc0000000, 0xdfff8000, 0x100000000ull, 0x123456789c000ull, 0x8000000000000000ull,
        0xffffffffffffc000ull, 0xf00000000ull,
    };
    uint64_t last = 0;
    for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
        set(BAR0, (uint32_t)places[i] | 0xfff);         /* low bits are not there */
        set(BAR0 + 4, (uint32_t)(places[i] >> 32));
        assert_int_equal(who(places[i]), 1);
        assert_int_equal(who(places[i] + 0x3fff), 1);
        assert_int_equal(probe[0].last.offset, 0x3fff);
        assert_int_equal(who(places[i] + 0x4000), 0);
        assert_int_equal(who(places[i] - 1), 0);
        assert_int_equal(who(last), 0);
        last = places[i];
    }
    /* Crossing the end of the space is leaving the BAR. */
    set(BAR0, ~0u), set(BAR0 + 4, ~0u);
    bool hit;
    assert_true(fake_pci_read(p, UINT64_MAX - 3, 8, &hit) == UINT64_MAX);
    assert_false(hit);
    assert_int_equal(who(UINT64_MAX), 1);
    assert_int_equal(who(0), 0);
}

static void ports_above_64k_are_out_of_reach(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_IO, 256, 0));
    plug();
    command(DEV, ON);
    set(BAR0, 0x0001c000);
    assert_int_equal(who_io(0xc000), 0);
    set(BAR0, ~0u);
    assert_int_equal(who_io(0xffff), 0);
    set(BAR0, 0xff00);
    assert_int_equal(who_io(0xffff), 1);
    assert_int_equal(fake_pci_in(p, 0xfffe, 4, NULL), 0xffffffff);
}

static void fixed_ranges_go_first(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_IO, 256, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, MIB(1024), 1));
    plug();
    command(DEV, ON);
    set(BAR0, 0x0c00), set(BAR0 + 4, 0xc0000000);
    assert_int_equal(who_io(0xcf7), 1);
    assert_int_equal(fake_pci_in(p, PLAT_PCI_ADDR, 4, NULL) >> 31, 1);
    assert_int_equal(who(PLAT_ECAM_BASE - 1), 2);
    assert_int_equal(fake_pci_read(p, PLAT_ECAM_BASE, 4, NULL), 0x12378086);
    assert_int_equal(who(PLAT_ECAM_BASE + MIB(256)), 2);
    /* Nor is one touched from the side. */
    const unsigned before = probe[0].count + probe[1].count;
    assert_int_equal(fake_pci_in(p, 0xcf6, 4, NULL), 0xffffffff);
    assert_true(fake_pci_read(p, PLAT_ECAM_BASE - 4, 8, NULL) == UINT64_MAX);
    assert_int_equal(probe[0].count + probe[1].count, before);
}

/* ---- overlaps ------------------------------------------------------------------- */

static void lower_function_and_bar_win(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_MEM32, 0x1000, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x4000, 1));
    add(&later, 0, bar(PCI_BAR_MEM32, 0x10000, 2));
    assert_int_equal(pci_add(&p->pci, LATER, &later), HV_OK);
    plug();                                             /* order of adding is no matter */
    set(BAR0, 0xd0001000), set(BAR0 + 4, 0xd0000000);
    fake_pci_set(p, LATER, BAR0, 4, 0xd0000000);
    command(LATER, ON), command(DEV, ON);
    static const unsigned want[] = { 2, 1, 2, 2, 3, 3 };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(who(0xd0000000 + i * 0x1000), want[i]);
    assert_int_equal(who(0xd000ffff), 3);
    assert_int_equal(probe[2].last.offset, 0xffff);
    assert_int_equal(who(0xd0002010), 2);
    assert_int_equal(probe[1].last.offset, 0x2010);
    command(DEV, 0);
    assert_int_equal(who(0xd0001000), 3);
    assert_int_equal(probe[2].last.offset, 0x1000);
    command(DEV, ON), set(BAR0, 0xd0000000);
    assert_int_equal(who(0xd0000fff), 1);
    assert_int_equal(who(0xd0001000), 2);
}

enum { MANY = 32, SPAN = 256 };

static struct pci_function many[MANY];
static uint64_t many_base[MANY][2], many_size[MANY][2];
static unsigned many_hit;

static void on_many(void *dev, struct bus_access *a) { many_hit = (unsigned)(uintptr_t)dev; }

/* The lowest function's lowest BAR at addr, as it should be. */
static unsigned expect(uint64_t addr)
{
    for (unsigned i = 0; i < MANY; i++)
        for (unsigned n = 0; n < 2; n++)
            if ((pci_get16(many[i].config, COMMAND) & ON_MEM) && addr - many_base[i][n] < many_size[i][n])
                return 2 * i + n + 1;
    return 0;
}

static void shuffle(unsigned i, unsigned n)
{
    many_base[i][n] = (uint64_t)(rand() % SPAN) << 4 & ~(many_size[i][n] - 1);
    fake_pci_set(p, (uint8_t)(16 + i), BAR0 + 4 * n, 4, (uint32_t)many_base[i][n]);
    if (!(rand() & 3))
        command((uint8_t)(16 + i), (uint16_t)(rand() & 3));
}

static void any_pile_of_bars_is_resolved(void **unused)
{
    srand(1);
    for (unsigned i = 0; i < MANY; i++) {
        pci_function_init(&many[i], 1, 2, 0x020000, 0);
        for (uintptr_t n = 0; n < 2; n++) {
            struct pci_bar b = { .kind = PCI_BAR_MEM32, .size = 16ull << rand() % 6, .widths = 1,
                                 .access = on_many, .dev = (void *)(2 * i + n + 1) };
            many_size[i][n] = b.size;
            many_base[i][n] = 0;
            pci_set_bar(&many[i], (unsigned)n, &b);
        }
        assert_int_equal(pci_add(&p->pci, (uint8_t)(16 + i), &many[i]), HV_OK);
    }
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned k = 0; k < 4; k++)
            shuffle((unsigned)rand() % MANY, (unsigned)rand() & 1);
        const struct pci_map *m = &p->pci.mem.map[p->pci.mem.turn & 1];
        for (uint32_t w = 1; w < m->count; w++)
            assert_true(m->window[w - 1].last < m->window[w].first);
        for (unsigned at = 0; at < SPAN + 32; at++) {
            many_hit = 0;
            (void)fake_pci_read(p, (uint64_t)at << 4, 1, NULL);
            assert_int_equal(many_hit, expect((uint64_t)at << 4));
        }
    }
}

static void bars_run_out_cleanly(void **unused)
{
    static struct pci_function f[PCI_BARS_MAX / PCI_BARS + 1];
    for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
        pci_function_init(&f[i], 1, 2, 0x020000, 0);
        for (unsigned n = 0; n < PCI_BARS; n++)
            add(&f[i], n, bar(PCI_BAR_MEM32, 16u << n, 0));
        assert_int_equal(pci_add(&p->pci, (uint8_t)(16 + i), &f[i]),
                         i < PCI_BARS_MAX / PCI_BARS ? HV_OK : HV_NOMEM);
    }
    assert_int_equal(fake_pci_get(p, 16 + PCI_BARS_MAX / PCI_BARS, 0, 4), 0xffffffff);
    add(&fn, 0, bar(PCI_BAR_IO, 4, 0));                 /* there is room for ports */
    plug();
    /* All nested into each other: as many windows as there can be. */
    for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
        const uint8_t devfn = (uint8_t)(16 + i / PCI_BARS);
        fake_pci_set(p, devfn, BAR0 + 4 * (i % PCI_BARS), 4, 0x1000 * (i / PCI_BARS));
        command(devfn, ON);
    }
    assert_int_equal(who(0), 1);
}

/* ---- several CPUs ---------------------------------------------------------------- */

static atomic_bool moving;

/* Moves the BAR below and around the one that is looked for, so that its window's index changes. */
static void *move(void *unused)
{
    for (unsigned i = 0; atomic_load(&moving); i++)
        set(BAR0, i & 1 ? 0xc0000000 : 0xd8000000);
    return NULL;
}

static void look_ups_survive_moves(void **unused)
{
    pthread_t mover;
    add(&fn, 0, bar(PCI_BAR_MEM32, 0x1000, 0));
    add(&later, 0, bar(PCI_BAR_MEM32, 0x1000, 1));
    add(&later, 1, bar(PCI_BAR_MEM32, 0x1000, 2));
    plug();
    assert_int_equal(pci_add(&p->pci, LATER, &later), HV_OK);
    fake_pci_set(p, LATER, BAR0, 4, 0xd0000000), fake_pci_set(p, LATER, BAR0 + 4, 4, 0xd4000000);
    command(DEV, ON), command(LATER, ON);
    atomic_store(&moving, true);
    assert_int_equal(pthread_create(&mover, NULL, move, NULL), 0);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 300000; i++) {
        struct bus_access a = { .size = 4, .write = true };
        const unsigned before = probe[1 + (i & 1)].count;
        wrong += !pci_mem_access(&p->pci, i & 1 ? 0xd4000000 : 0xd0000000, &a);
        wrong += probe[1 + (i & 1)].count != before + 1;
    }
    atomic_store(&moving, false);
    pthread_join(mover, NULL);
    assert_int_equal(wrong, 0);
}

/* ---- bus reset and firmware ------------------------------------------------------ */

static void reset_ends_decoding(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_IO, 32, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x1000, 1));
    plug();
    set(BAR0, 0xc100), set(BAR0 + 4, 0xd0000000), set(0x0c, ~0u), command(DEV, ON);
    assert_int_equal(who(0xd0000000), 2);
    pci_reset(&p->pci);
    assert_int_equal(who(0xd0000000), 0);
    assert_int_equal(who_io(0xc100), 0);
    assert_int_equal(get(COMMAND), 0);
    assert_int_equal(get(BAR0), 1);
    assert_int_equal(get(BAR0 + 4), 0);
    assert_int_equal(get(0x0c), 0);
    assert_int_equal(get(0), 0x10411af4);
}

static void firmware_assigns_everything(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_IO, 32, 0));
    add(&fn, 1, bar(PCI_BAR_MEM32, 0x1000, 1));
    add(&fn, 2, bar(PCI_BAR_MEM64, MIB(16), 2));
    pci_use_intx(&fn);
    plug();
    add(&later, 0, bar(PCI_BAR_IO, 256, 3));
    pci_use_intx(&later);
    assert_int_equal(pci_add(&p->pci, LATER, &later), HV_OK);
    pci_reset(&p->pci);
    pci_assign(&p->pci);
    assert_int_equal(get(COMMAND), 0x7);
    assert_int_equal(get(BAR0), 0xc001);
    assert_int_equal(get(BAR0 + 4), 0xc0000000);
    assert_int_equal(get(BAR0 + 8), 0xc1000004);        /* aligned to its size */
    assert_int_equal(get(BAR0 + 12), 0);
    assert_int_equal(fake_pci_get(p, LATER, BAR0, 4), 0xc101);
    assert_int_equal(fake_pci_get(p, LATER, COMMAND, 2), 0x5);
    assert_int_equal(get(0x3c), 0x010b);                /* slot 5, INTA: 11 */
    assert_int_equal(fake_pci_get(p, LATER, 0x3c, 2), 0x010a);
    assert_int_equal(who_io(0xc000), 1);
    assert_int_equal(who_io(0xc1ff), 4);
    assert_int_equal(who(0xc1000000), 3);
    assert_int_equal(fake_pci_get(p, PCI_DEVFN(1, 0), 0x60, 4), 0x0b0a0b0a);    /* PIRQ routes */
    assert_int_equal(fake_pci_get(p, 0, COMMAND, 2), 0x0006);                   /* bridges keep theirs */
    pci_reset(&p->pci);
    pci_assign(&p->pci);
    assert_int_equal(get(BAR0 + 8), 0xc1000004);        /* the same each time */
}

static void firmware_runs_out_of_room(void **unused)
{
    add(&fn, 0, bar(PCI_BAR_MEM32, MIB(256), 0));
    add(&fn, 2, bar(PCI_BAR_MEM64, GIB(1), 1));
    add(&fn, 4, bar(PCI_BAR_IO, 16, 2));
    plug();
    add(&later, 0, bar(PCI_BAR_MEM32, MIB(256), 3));
    assert_int_equal(pci_add(&p->pci, LATER, &later), HV_OK);
    pci_assign(&p->pci);
    assert_int_equal(get(COMMAND), 0x5);                /* ports only */
    assert_int_equal(get(BAR0 + 8), 4);
    assert_int_equal(fake_pci_get(p, LATER, BAR0, 4), 0xd0000000);
    assert_int_equal(who(0xdfffffff), 4);
    assert_int_equal(who(0xc0000000), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(sizing_tells_size_and_kind), T(bars_that_do_not_exist_read_zero), T(header_of_a_device),
        T(command_switches_decoding), T(handler_sees_offset_and_cut_values), T(edges_of_a_bar),
        T(other_widths_are_nobodys), T(only_the_bars_lock_is_held), T(bars_move),
        T(ports_above_64k_are_out_of_reach), T(fixed_ranges_go_first), T(lower_function_and_bar_win),
        T(any_pile_of_bars_is_resolved), T(bars_run_out_cleanly), T(look_ups_survive_moves), T(reset_ends_decoding),
        T(firmware_assigns_everything), T(firmware_runs_out_of_room),
    };
    return cmocka_run_group_tests_name("pci_bar", tests, NULL, NULL);
}
