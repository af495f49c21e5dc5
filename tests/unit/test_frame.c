/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm/frame*.c over sparse memory that stands for a machine's: initial states, each kind
 * of allocation, counts, deferral by generation, end of owners, and long random runs
 * after which every counter is checked against a walk over all frames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../mm/frame_priv.h"
#include "socle/bits.h"
#include "socle/frame.h"

#define P ((uint64_t)PAGE_SIZE)
#define B ((uint64_t)BLOCK_SIZE)
#define SPACE GIB(12)

static struct memmap map;
static struct frames f;
static uint8_t *ram;

static int setup(void **unused)
{
    ram = mmap(NULL, SPACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
    memmap_init(&map);
    return ram == MAP_FAILED;
}

static int teardown(void **unused) { return munmap(ram, SPACE); }

static void add(uint64_t base, uint64_t end, enum mem_kind kind)
{
    assert_int_equal(memmap_add(&map, base, end - base, kind), HV_OK);
}

static void start(uint64_t reach) { assert_int_equal(frame_init(&f, &map, ram, reach), HV_OK); }

/* A PC with that much RAM: the VGA hole, the image at 16 MiB, a module at an odd place. */
static void start_pc(uint64_t size)
{
    add(0, 0x9fc00, MEM_RAM);
    add(0xf0000, 0x100000, MEM_RESERVED);
    add(0x100000, size, MEM_RAM);
    add(MIB(16), MIB(17), MEM_HYPERVISOR);
    add(MIB(18) + 5 * P, MIB(23) + 9 * P, MEM_BOOT);
    start(SPACE);
}

static struct frame_want want(uint16_t owner, enum frame_kind kind)
{
    return (struct frame_want){ owner, kind, false, 0 };
}

static struct frame_info look(uint64_t at)
{
    struct frame_info i;
    assert_int_equal(frame_lookup(&f, hpa(at), &i), HV_OK);
    return i;
}

/* Every counter and list against what the frames say. */
static void audit(void)
{
    uint64_t total = 0, free = 0, deferred = 0, owned[FRAME_OWNERS] = { 0 };
    for (uint32_t b = 0; b < f.blocks; b++) {
        const struct frame_block *k = &f.block[b];
        if (k->state != STATE_SPLIT) {
            total += k->state != STATE_NONE ? FRAMES : 0;
            free += k->state == STATE_FREE ? FRAMES : 0;
            deferred += k->state == STATE_DEFERRED || k->state == STATE_DYING ? FRAMES : 0;
            if (k->state == STATE_USED)
                owned[k->owner] += FRAMES;
            continue;
        }
        unsigned here = 0;
        for (unsigned i = 0; i < FRAMES; i++) {
            const struct frame_rec *r = &records_of(&f, k)[i];
            total += r->state != STATE_NONE;
            here += r->state == STATE_FREE;
            deferred += r->state == STATE_DEFERRED || r->state == STATE_DYING;
            if (r->state == STATE_USED)
                owned[r->owner]++;
        }
        assert_int_equal(k->free_frames, here);
        free += here;
    }
    assert_int_equal(f.total, total);
    assert_int_equal(f.free_frames, free);
    assert_int_equal(f.deferred, deferred);
    for (unsigned i = 0; i < FRAME_OWNERS; i++)
        assert_int_equal(f.owner[i].frames, owned[i]);
    uint64_t in_gigas = 0, dirty = 0, listed = 0;
    for (uint32_t g = 0; g < f.gigas; g++) {
        uint32_t n = 0, last = NIL;
        bool seen_dirty = false;
        for (uint32_t i = f.giga[g].head; i != NIL; last = i, i = f.block[i].next) {
            assert_int_equal(f.block[i].state, STATE_FREE);
            assert_int_equal(f.block[i].prev, last);
            assert_false(seen_dirty && f.block[i].clean);
            seen_dirty = !f.block[i].clean;
            dirty += seen_dirty;
            n++;
        }
        assert_true(n == 0 || f.giga[g].tail == last);
        assert_int_equal(f.giga[g].free, n);
        in_gigas += n;
    }
    assert_int_equal(f.dirty_blocks, dirty);
    for (uint32_t b = 0; b < f.blocks; b++) {
        in_gigas -= f.block[b].state == STATE_FREE;
        listed += b && f.block[b].state == STATE_SPLIT && f.block[b].free_frames;
    }
    assert_int_equal(in_gigas, 0);
    for (uint32_t i = f.split_free; i != NIL; i = f.block[i].next) {
        assert_true(i && f.block[i].state == STATE_SPLIT && f.block[i].free_frames);
        listed--;
    }
    assert_int_equal(listed, 0);
}

static void small_machine_starts(void **unused)
{
    struct frame_stats s;
    start_pc(MIB(64));
    audit();
    frame_stats(&f, &s);
    assert_true(s.total == memmap_total(&map, MEM_RAM) + memmap_total(&map, MEM_HYPERVISOR) +
                               memmap_total(&map, MEM_BOOT));
    assert_true(s.records <= KIB(64));
    assert_true(s.free == memmap_total(&map, MEM_RAM) - s.records);
    assert_true(s.hypervisor == s.total - s.free);
    assert_int_equal(s.guests | s.deferred | s.ignored, 0);
    assert_int_equal(look(0x9f000).kind, FRAME_RESERVED);
    assert_int_equal(look(0x9e000).kind, FRAME_FREE);
    assert_int_equal(look(0xa0000).kind, FRAME_RESERVED);
    assert_int_equal(look(MIB(1)).kind, FRAME_FREE);
    assert_int_equal(look(MIB(16)).kind, FRAME_HYPERVISOR);
    assert_int_equal(look(MIB(17)).kind, FRAME_FREE);
    assert_int_equal(look(MIB(18) + 4 * P).kind, FRAME_FREE);
    assert_int_equal(look(MIB(18) + 5 * P).kind, FRAME_HYPERVISOR);
    assert_false(look(MIB(20)).split);
    assert_int_equal(look(MIB(20)).kind, FRAME_HYPERVISOR);
    assert_int_equal(look(MIB(23) + 9 * P).kind, FRAME_FREE);
    struct frame_info i;
    assert_int_equal(frame_lookup(&f, hpa(MIB(64)), &i), HV_RANGE);
    assert_int_equal(frame_lookup(&f, hpa(UINT64_MAX), &i), HV_RANGE);
}

static void records_lie_high_and_are_not_handed_out(void **unused)
{
    hpa_t at;
    start_pc(MIB(64));
    uint64_t records = (uint64_t)((uint8_t *)f.block - ram);
    assert_true(records > MIB(60));
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    uint64_t size = f.records * P;
    while (frame_alloc(&f, &w, &at) == HV_OK)
        assert_false(at.v >= records && at.v < records + size);
    audit();
    assert_int_equal(f.free_frames, 0);
}

static void empty_and_absurd_maps(void **unused)
{
    assert_int_equal(frame_init(&f, &map, ram, SPACE), HV_NOMEM);
    add(0, MIB(1), MEM_RESERVED);
    assert_int_equal(frame_init(&f, &map, ram, SPACE), HV_NOMEM);
    add(MIB(4), MIB(4) + 2 * P, MEM_RAM);
    assert_int_equal(frame_init(&f, &map, ram, SPACE), HV_NOMEM);
    add(MIB(8), MIB(40), MEM_RAM);
    add(1ull << 51, (1ull << 51) + MIB(8), MEM_RAM);        /* records would need a TiB */
    add(1ull << 43, (1ull << 43) + GIB(1), MEM_RAM);
    start(SPACE);
    audit();
    struct frame_stats s;
    frame_stats(&f, &s);
    assert_true(s.ignored == MIB(8) + GIB(1));
    assert_true(s.total == MIB(32) + 2 * P);
    assert_int_equal(f.blocks, 20);
}

static void reach_bounds_everything_until_it_is_raised(void **unused)
{
    hpa_t at;
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    add(MIB(2), MIB(512), MEM_RAM);
    add(GIB(4), GIB(10) + 3 * P, MEM_RAM);
    start(MIB(256));
    assert_true((uint64_t)((uint8_t *)f.block - ram) < MIB(256));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
        assert_true(at.v + B <= MIB(256));
        assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
        assert_true(at.v + P <= MIB(256));
    }
    assert_int_equal(frame_alloc_giga(&f, &w, &at), HV_NOMEM);
    frame_set_reach(&f, SPACE);
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_true(at.v >= GIB(4));                /* low memory is kept */
    assert_int_equal(frame_alloc_giga(&f, &w, &at), HV_OK);
    audit();
}

static void blocks_come_aligned_zeroed_and_distinct(void **unused)
{
    static uint8_t seen[32];
    hpa_t at;
    unsigned n = 0;
    struct frame_want w = { 3, FRAME_PRIVATE, true, 0 };
    memset(seen, 0, sizeof(seen));
    memset(ram, 0xdb, MIB(64));
    start_pc(MIB(64));
    while (frame_alloc_block(&f, &w, &at) == HV_OK) {
        assert_true(is_aligned(at.v, B) && at.v < MIB(64));
        assert_int_equal(seen[at.v / B]++, 0);
        assert_int_equal(ram[at.v] | ram[at.v + B - 1] | ram[at.v + B / 2 + 77], 0);
        struct frame_info i = look(at.v + 12345);
        assert_int_equal(i.kind, FRAME_PRIVATE);
        assert_int_equal(i.owner, 3);
        assert_int_equal(i.refs, 1);
        assert_int_equal(i.pins, 0);
        n++;
    }
    assert_true(n >= 24);
    assert_true(frame_owned(&f, 3) == n * B);
    assert_int_equal(frame_owned(&f, 60000), 0);
    audit();
}

static void limits_are_kept(void **unused)
{
    hpa_t at;
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    add(0, 0x9f000, MEM_RAM);
    add(MIB(1), GIB(3), MEM_RAM);
    add(GIB(4), GIB(8), MEM_RAM);
    start(SPACE);
    w.limit = MIB(1);
    assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
    assert_true(at.v + P <= MIB(1));
    assert_int_equal(frame_alloc_run(&f, &w, 3, &at), HV_OK);
    assert_true(at.v + 8 * P <= MIB(1) && is_aligned(at.v, 8 * P));
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_NOMEM);
    w.limit = GIB(4);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
        assert_true(at.v + P <= GIB(4) && at.v >= B);
    }
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_true(at.v + B <= GIB(4));
    assert_int_equal(frame_alloc_giga(&f, &w, &at), HV_OK);
    assert_true(at.v + GIB(1) <= GIB(3));
    w.limit = GIB(1) + MIB(512);
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_true(at.v + B <= w.limit);
    w.limit = 0;
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_true(at.v >= GIB(4));
    w.limit = P - 1;
    assert_int_equal(frame_alloc(&f, &w, &at), HV_NOMEM);
    audit();
}

static void low_memory_is_the_last_resort(void **unused)
{
    hpa_t at = hpa(0);
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    start_pc(MIB(64));
    uint64_t low = f.block[0].free_frames;
    while (f.free_frames > low) {
        assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
        assert_true(at.v >= B);
    }
    assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
    assert_true(at.v < B);
    audit();
}

static void whole_gibs_stay_whole(void **unused)
{
    hpa_t at;
    struct frame_want w = want(1, FRAME_DMA);
    add(MIB(1), GIB(3), MEM_RAM);
    add(GIB(4), GIB(7), MEM_RAM);
    start(SPACE);
    /* 400 blocks fit the GiB that is broken already. */
    struct frame_want hv = want(OWNER_HV, FRAME_HYPERVISOR);
    for (int i = 0; i < 400; i++)
        assert_int_equal(frame_alloc_block(&f, &hv, &at), HV_OK);
    unsigned n = 0;
    w.kind = FRAME_HYPERVISOR;
    while (frame_alloc_giga(&f, &w, &at) == HV_OK) {
        assert_true(is_aligned(at.v, GIB(1)));
        assert_int_equal(look(at.v + GIB(1) - 1).owner, 1);
        n++;
    }
    assert_true(n >= 4);
    assert_true(frame_owned(&f, 1) == n * GIB(1));
    for (uint64_t i = 0; i < FRAME_GIGA; i++)
        frame_free_block(&f, hpa(GIB(1) + i * B));
    assert_int_equal(frame_alloc_giga(&f, &w, &at), HV_OK);
    assert_true(at.v == GIB(1));
    audit();
}

static void runs_are_contiguous_and_aligned(void **unused)
{
    hpa_t at[9], again;
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    w.zero = true;
    memset(ram, 0xdb, MIB(64));
    start_pc(MIB(64));
    for (unsigned k = 0; k <= 8; k++) {
        assert_int_equal(frame_alloc_run(&f, &w, k, &at[k]), HV_OK);
        assert_true(is_aligned(at[k].v, P << k));
        for (uint64_t i = 0; i < 1u << k; i++) {
            assert_int_equal(look(at[k].v + i * P).refs, 1);
            assert_int_equal(ram[at[k].v + i * P] | ram[at[k].v + i * P + P - 1], 0);
        }
    }
    audit();
    uint64_t before = f.free_frames;
    frame_free_run(&f, at[5], 5);
    assert_int_equal(f.free_frames, before + 32);
    assert_int_equal(frame_alloc_run(&f, &w, 5, &again), HV_OK);
    for (uint64_t i = 0; i < 32; i++)
        frame_free(&f, hpa(again.v + i * P));
    for (unsigned k = 0; k <= 8; k++)
        if (k != 5)
            frame_free_run(&f, at[k], k);
    audit();
}

static void empty_split_blocks_become_whole_again(void **unused)
{
    static hpa_t at[2000];
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    add(MIB(2), MIB(34), MEM_RAM);
    start(SPACE);
    uint64_t blocks = f.giga[0].free, free = f.free_frames;
    for (int i = 0; i < 2000; i++)
        assert_int_equal(frame_alloc(&f, &w, &at[i]), HV_OK);
    assert_true(f.giga[0].free <= blocks - 3);
    for (int i = 0; i < 2000; i++)
        frame_free(&f, at[i]);
    audit();
    struct frame_want g = want(1, FRAME_PRIVATE);
    hpa_t b;
    for (uint64_t i = 0; i < blocks; i++)
        assert_int_equal(frame_alloc_block(&f, &g, &b), HV_OK);    /* the kept one too */
    assert_int_equal(frame_alloc_block(&f, &g, &b), HV_NOMEM);
    assert_int_equal(f.free_frames, free - blocks * FRAMES);
    audit();
}

/* A machine of 16 blocks, split block by block until no whole one is left. */
static void fill_with_frames(void)
{
    hpa_t at;
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    add(MIB(2), MIB(34), MEM_RAM);
    start(SPACE);
    while (frame_alloc(&f, &w, &at) == HV_OK)
        ;
    assert_int_equal(f.free_frames, 0);
}

static void any_freed_frame_is_found_again(void **unused)
{
    hpa_t again;
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    fill_with_frames();
    for (uint64_t i = 1; i < 500; i += 37)
        for (uint64_t j = i; j > 0; j /= 2) {
            /* Two go, the later one first: the search must not start behind the other. */
            frame_free(&f, hpa(MIB(4) + i * P));
            frame_free(&f, hpa(MIB(4) + (j - 1) * P));
            assert_int_equal(frame_alloc(&f, &w, &again), HV_OK);
            assert_int_equal(frame_alloc(&f, &w, &again), HV_OK);
            assert_int_equal(frame_alloc(&f, &w, &again), HV_NOMEM);
        }
    audit();
}

static void one_idle_split_block_is_kept_until_needed(void **unused)
{
    hpa_t at;
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR), g = want(1, FRAME_PRIVATE);
    fill_with_frames();
    for (uint64_t i = 0; i < 511; i++)
        frame_free(&f, hpa(MIB(4) + i * P));
    assert_true(look(MIB(4)).split);            /* taking and freeing does not split and join */
    assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
    frame_free(&f, at);
    assert_true(look(MIB(4)).split);
    assert_int_equal(frame_alloc_block(&f, &g, &at), HV_OK);
    assert_true(at.v == MIB(4));
    audit();
}

static void records_may_end_anywhere(void **unused)
{
    add(MIB(2), MIB(64), MEM_RAM);
    start(MIB(32) + 3 * P + 5);       /* in two blocks */
    uint64_t end = (uint64_t)((uint8_t *)f.block - ram) + f.records * P;
    assert_true(end == MIB(32) + 3 * P);
    assert_int_equal(look(end - P).kind, FRAME_HYPERVISOR);
    assert_int_equal(look(end).kind, FRAME_FREE);
    audit();
}

static void references_and_pins_hold_memory(void **unused)
{
    hpa_t at;
    struct frame_want w = want(5, FRAME_PRIVATE);
    start_pc(MIB(64));
    uint64_t free = f.free_frames;
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_int_equal(frame_get(&f, hpa(at.v + 5)), HV_OK);
    assert_int_equal(look(at.v).refs, 2);
    frame_put(&f, at, 0);
    assert_int_equal(look(at.v).kind, FRAME_PRIVATE);
    assert_int_equal(frame_pin(&f, at), HV_OK);
    assert_int_equal(frame_pin(&f, at), HV_OK);
    frame_put(&f, at, 0);
    assert_int_equal(look(at.v).refs, 0);
    assert_int_equal(look(at.v).pins, 2);
    assert_int_equal(frame_owned(&f, 5), 0);
    assert_int_equal(frame_get(&f, at), HV_RANGE);
    audit();
    frame_unpin(&f, at, 0);
    assert_int_equal(f.free_frames, free - FRAMES);
    frame_unpin(&f, at, 0);
    assert_int_equal(f.free_frames, free);
    assert_int_equal(look(at.v).kind, FRAME_FREE);
    assert_int_equal(frame_get(&f, at), HV_RANGE);
    assert_int_equal(frame_pin(&f, at), HV_RANGE);
    assert_int_equal(frame_get(&f, hpa(0xa0000)), HV_RANGE);
    assert_int_equal(frame_get(&f, hpa(SPACE)), HV_RANGE);
    audit();
}

static void counts_do_not_wrap(void **unused)
{
    hpa_t at;
    struct frame_want w = want(5, FRAME_SHARED);
    start_pc(MIB(64));
    assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
    for (int i = 1; i < 65535; i++)
        assert_int_equal(frame_get(&f, at), HV_OK);
    assert_int_equal(frame_get(&f, at), HV_RANGE);
    for (int i = 0; i < 65535; i++)
        assert_int_equal(frame_pin(&f, at), HV_OK);
    assert_int_equal(frame_pin(&f, at), HV_RANGE);
    assert_int_equal(look(at.v).refs, 65535);
    assert_int_equal(look(at.v).pins, 65535);
}

static void freed_memory_waits_for_its_generation(void **unused)
{
    hpa_t block, frame, b2;
    struct frame_want w = want(2, FRAME_PRIVATE);
    start_pc(MIB(64));
    uint64_t free = f.free_frames;
    assert_int_equal(frame_alloc_block(&f, &w, &block), HV_OK);
    assert_int_equal(frame_alloc(&f, &w, &frame), HV_OK);
    assert_int_equal(frame_alloc_block(&f, &w, &b2), HV_OK);
    frame_free_after(&f, block, 5);
    frame_free_after(&f, frame, 6);
    frame_free_after(&f, b2, 6);
    assert_int_equal(frame_owned(&f, 2), 0);
    assert_int_equal(f.deferred, 2 * FRAMES + 1);
    assert_int_equal(look(block.v).kind, FRAME_PRIVATE);
    audit();
    frame_flush_passed(&f, 4);
    hpa_t soon;
    assert_int_equal(frame_alloc(&f, &w, &soon), HV_OK);
    frame_free_after(&f, soon, 4);                      /* passed: at once */
    assert_int_equal(look(soon.v).kind, FRAME_FREE);
    assert_int_equal(frame_alloc(&f, &w, &soon), HV_OK);
    frame_free_after(&f, soon, 5);                      /* the very next one: not yet */
    assert_int_equal(look(soon.v).kind, FRAME_PRIVATE);
    assert_int_equal(f.deferred, 2 * FRAMES + 2);
    assert_false(frame_release(&f, 100));
    assert_int_equal(f.deferred, 2 * FRAMES + 2);
    frame_flush_passed(&f, 5);
    assert_false(frame_release(&f, 100));
    assert_int_equal(look(block.v).kind, FRAME_FREE);
    assert_int_equal(look(b2.v).kind, FRAME_PRIVATE);
    frame_flush_passed(&f, 9);
    assert_true(frame_release(&f, 1));          /* budget: one of three */
    assert_true(frame_release(&f, 1));
    assert_false(frame_release(&f, 1));
    assert_int_equal(f.deferred, 0);
    assert_true(f.free_frames >= free - 1);
    frame_flush_passed(&f, 9);
    assert_int_equal(frame_alloc_block(&f, &w, &block), HV_OK);
    frame_free_after(&f, block, 9);             /* passed already: free at once */
    assert_int_equal(f.deferred, 0);
    audit();
}

static void more_generations_than_batches_are_late_never_early(void **unused)
{
    hpa_t at[12];
    struct frame_want w = want(2, FRAME_PRIVATE);
    start_pc(MIB(64));
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(frame_alloc(&f, &w, &at[i]), HV_OK);
        frame_free_after(&f, at[i], 10 + i);
    }
    assert_int_equal(f.batches, FRAME_BATCHES);
    for (unsigned gen = 9; gen <= 21; gen++) {
        frame_flush_passed(&f, gen);
        assert_false(frame_release(&f, 100));
        for (unsigned i = 0; i < 12; i++) {
            bool is_free = f.block[at[i].v / B].state != STATE_SPLIT ||
                           look(at[i].v).kind == FRAME_FREE;
            assert_false(is_free && 10 + i > gen);
        }
    }
    assert_int_equal(f.deferred, 0);
    assert_int_equal(f.batches, 0);
    audit();
}

static void waiting_memory_is_used_when_short(void **unused)
{
    hpa_t at, last = hpa(0);
    struct frame_want w = want(2, FRAME_PRIVATE);
    unsigned n = 0;
    start_pc(MIB(64));
    while (frame_alloc_block(&f, &w, &at) == HV_OK) {
        last = at;
        n++;
    }
    frame_free_after(&f, last, 7);
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_NOMEM);     /* not passed */
    frame_flush_passed(&f, 7);
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_true(at.v == last.v);
    audit();
}

static void split_keeps_what_the_block_was(void **unused)
{
    hpa_t at;
    struct frame_want w = want(7, FRAME_PRIVATE);
    start_pc(MIB(64));
    uint64_t free = f.free_frames;
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_int_equal(frame_get(&f, at), HV_OK);
    memset(ram + at.v, 0x5a, B);
    assert_int_equal(frame_pin(&f, at), HV_OK);
    assert_int_equal(frame_split(&f, at), HV_BUSY);
    frame_unpin(&f, at, 0);
    assert_int_equal(frame_split(&f, at), HV_OK);
    assert_int_equal(frame_split(&f, at), HV_OK);
    for (uint64_t i = 0; i < FRAMES; i++) {
        struct frame_info in = look(at.v + i * P);
        assert_true(in.split && in.kind == FRAME_PRIVATE && in.owner == 7 && in.refs == 2);
        assert_int_equal(ram[at.v + i * P], 0x5a);      /* contents untouched */
    }
    assert_true(frame_owned(&f, 7) == B);
    audit();
    assert_int_equal(frame_set_kind(&f, hpa(at.v + 3 * P), FRAME_SHARED), HV_OK);
    assert_int_equal(look(at.v + 3 * P).kind, FRAME_SHARED);
    assert_int_equal(look(at.v + 4 * P).kind, FRAME_PRIVATE);
    for (uint64_t i = 0; i < 2 * FRAMES; i++)
        frame_put(&f, hpa(at.v + i / 2 * P), 0);
    assert_false(look(at.v).split);                     /* whole again, its records freed */
    assert_int_equal(look(at.v).kind, FRAME_FREE);
    assert_true(f.free_frames == free);
    assert_int_equal(frame_split(&f, hpa(at.v)), HV_RANGE);
    assert_int_equal(frame_split(&f, hpa(SPACE)), HV_RANGE);
    assert_int_equal(frame_set_kind(&f, at, FRAME_DMA), HV_RANGE);
    audit();
}

static void owners_end_in_portions(void **unused)
{
    hpa_t at, shared, pinned, other, frame;
    struct frame_want w = want(9, FRAME_PRIVATE), o = want(8, FRAME_PRIVATE);
    start_pc(MIB(64));
    uint64_t free = f.free_frames;
    for (int i = 0; i < 5; i++)
        assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    assert_int_equal(frame_split(&f, at), HV_OK);
    assert_int_equal(frame_alloc_block(&f, &w, &shared), HV_OK);
    assert_int_equal(frame_get(&f, shared), HV_OK);
    assert_int_equal(frame_alloc(&f, &w, &frame), HV_OK);
    assert_int_equal(frame_get(&f, frame), HV_OK);
    assert_int_equal(frame_alloc(&f, &w, &pinned), HV_OK);
    assert_int_equal(frame_pin(&f, pinned), HV_OK);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
        assert_int_equal(frame_alloc(&f, &o, &other), HV_OK);
    }
    unsigned calls = 1;
    while (!frame_free_owner(&f, 9, 1, 3))
        assert_true(++calls < 2000);
    assert_true(calls > 4);
    assert_int_equal(frame_owned(&f, 9), 0);
    assert_true(frame_owned(&f, 8) == 40 * P);
    assert_int_equal(look(shared.v).owner, OWNER_HV);
    assert_int_equal(look(frame.v).owner, OWNER_HV);
    assert_int_equal(look(frame.v).refs, 1);
    assert_int_equal(look(shared.v).refs, 1);
    assert_int_equal(look(pinned.v).pins, 1);
    audit();
    frame_flush_passed(&f, 1);
    while (frame_release(&f, 7))
        ;
    assert_int_equal(f.deferred, 1);            /* the pinned one */
    frame_unpin(&f, pinned, 1);
    frame_put(&f, shared, 1);
    frame_put(&f, frame, 1);
    /* A second life of the same id: the scan begins anew. */
    assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
    assert_true(frame_free_owner(&f, 9, 1, 100000));
    assert_true(frame_free_owner(&f, 8, 1, 100000));
    audit();
    frame_flush_passed(&f, 2);
    assert_false(frame_release(&f, 1000));
    assert_true(f.free_frames == free || f.free_frames == free - 1);    /* records of a kept one */
    audit();
}

static void memory_taken_while_an_owner_ends_is_found(void **unused)
{
    hpa_t high, low;
    struct frame_want w = want(9, FRAME_PRIVATE);
    start_pc(MIB(64));
    assert_int_equal(frame_alloc(&f, &w, &high), HV_OK);
    assert_false(frame_free_owner(&f, 9, 0, 2));        /* looked at blocks 0 and 1 */
    w.limit = MIB(1);
    assert_int_equal(frame_alloc(&f, &w, &low), HV_OK);
    unsigned calls = 0;
    while (!frame_free_owner(&f, 9, 0, 5))
        assert_true(++calls < 50);
    assert_int_equal(look(low.v).kind, FRAME_FREE);
    audit();
}

static void boot_memory_can_be_given_back(void **unused)
{
    hpa_t at;
    start_pc(MIB(64));
    uint64_t free = f.free_frames, blocks = f.giga[0].free;
    /* From 18 MiB + 5 pages to 23 MiB + 9 pages; first an odd part in the middle. */
    frame_free_range(&f, hpa(MIB(20) + 100), 5 * P);
    assert_int_equal(look(MIB(20)).kind, FRAME_HYPERVISOR);
    assert_int_equal(look(MIB(20) + P).kind, FRAME_FREE);
    assert_int_equal(look(MIB(20) + 5 * P).kind, FRAME_HYPERVISOR);
    audit();
    frame_free_range(&f, hpa(MIB(18) + 5 * P), MIB(5) + 4 * P);
    assert_int_equal(look(MIB(20)).kind, FRAME_FREE);
    assert_int_equal(look(MIB(18) + 5 * P).kind, FRAME_FREE);
    assert_true(f.free_frames >= free + (MIB(5) + 4 * P) / P - 1);
    assert_true(f.giga[0].free >= blocks + 1);
    audit();
    frame_free_range(&f, hpa(GIB(9)), MIB(5));          /* not there: nothing happens */
    frame_free_range(&f, hpa(MIB(30)), MIB(4));         /* free already */
    struct frame_want w = want(1, FRAME_PRIVATE);
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);
    frame_free_range(&f, at, B);                        /* a guest's: stays */
    assert_int_equal(look(at.v).owner, 1);
    audit();
}

static void idle_cleaning_serves_guests_first(void **unused)
{
    hpa_t at, hv;
    struct frame_want w = want(1, FRAME_PRIVATE), h = want(OWNER_HV, FRAME_HYPERVISOR);
    memset(ram, 0xdb, MIB(64));
    start_pc(MIB(64));
    uint64_t dirty = f.dirty_blocks, n = 0;
    assert_true(frame_clean_one(&f));
    audit();
    assert_int_equal(frame_alloc_block(&f, &h, &hv), HV_OK);        /* takes a dirty one */
    assert_int_equal(ram[hv.v], 0xdb);
    assert_int_equal(frame_alloc_block(&f, &w, &at), HV_OK);        /* takes the clean one */
    assert_int_equal(f.dirty_blocks, dirty - 2);
    assert_int_equal(ram[at.v + 4711], 0);
    ram[at.v + 4711] = 1;
    frame_clear_block(&f, at);          /* known to be clean: not cleared again, just once */
    assert_int_equal(ram[at.v + 4711], 1);
    frame_clear_block(&f, hpa(at.v + 5));
    assert_int_equal(ram[at.v + 4711], 0);
    frame_clear_block(&f, hv);
    assert_int_equal(ram[hv.v] | ram[hv.v + B - 1], 0);
    while (frame_clean_one(&f))
        n++;
    assert_int_equal(n, dirty - 2);
    assert_int_equal(f.dirty_blocks, 0);
    ram[at.v] = 1;
    frame_free_after(&f, at, 0);
    assert_int_equal(f.dirty_blocks, 1);
    assert_true(frame_clean_one(&f));
    assert_int_equal(ram[at.v], 0);
    audit();
}

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* What the random test holds: address, and the run's order or -1 for a block. */
static struct { hpa_t at; int order; } held[512];

static void random_step(unsigned *n, uint64_t *gen)
{
    struct frame_want w = { (uint16_t)rnd(4), FRAME_HYPERVISOR, false, rnd(4) ? 0 : MIB(20) };
    unsigned i = *n ? rnd(*n) : 0;

    if (rnd(100) < 52 && *n < ARRAY_LEN(held)) {
        int order = (int)rnd(6) - 1;
        order = rnd(3) ? 0 : order;
        hv_status s = order < 0 ? frame_alloc_block(&f, &w, &held[*n].at)
                                : frame_alloc_run(&f, &w, (unsigned)order, &held[*n].at);
        held[*n].order = order;
        *n += s == HV_OK;
    } else if (*n) {
        if (held[i].order < 0 && rnd(4) == 0 && frame_split(&f, held[i].at) == HV_OK) {
            for (uint64_t k = 0; k < FRAMES; k++)
                frame_free_after(&f, hpa(held[i].at.v + k * P), *gen);
        } else if (held[i].order < 0)
            rnd(2) ? frame_free_block(&f, held[i].at) : frame_put(&f, held[i].at, *gen);
        else
            frame_free_run(&f, held[i].at, (unsigned)held[i].order);
        held[i] = held[--*n];
    }
    if (rnd(20) == 0)
        frame_flush_passed(&f, (*gen)++);
    if (rnd(5) == 0)
        frame_release(&f, rnd(30));
    if (rnd(50) == 0)
        frame_clean_one(&f);
}

static void random_use_keeps_the_books(void **unused)
{
    start_pc(MIB(64));
    uint64_t free = f.free_frames, gen = 1;
    for (seed = 1; seed < 4; seed++) {
        unsigned n = 0;
        uint32_t keep = seed;
        for (int step = 0; step < 4000; step++) {
            random_step(&n, &gen);
            if (step % 16 == 0)
                audit();
        }
        while (n) {
            n--;
            if (held[n].order < 0)
                frame_free_block(&f, held[n].at);
            else
                frame_free_run(&f, held[n].at, (unsigned)held[n].order);
        }
        frame_flush_passed(&f, gen++);
        while (frame_release(&f, 1000))
            ;
        audit();
        /* At most the last idle split block keeps its records. */
        assert_true(free - f.free_frames <= 2);
        seed = keep;
    }
}

static void large_machine_costs_little(void **unused)
{
    struct frame_stats s;
    hpa_t at;
    add(0, 0x9f000, MEM_RAM);
    add(MIB(1), GIB(3), MEM_RAM);
    add(GIB(4), GIB(4096), MEM_RAM);            /* only its records are touched */
    start(SPACE);
    frame_stats(&f, &s);
    assert_true(s.records < s.total / 16384);
    struct frame_want w = want(OWNER_HV, FRAME_HYPERVISOR);
    assert_int_equal(frame_alloc(&f, &w, &at), HV_OK);
    assert_true(at.v < SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_machine_starts, setup, teardown),
        cmocka_unit_test_setup_teardown(records_lie_high_and_are_not_handed_out, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_and_absurd_maps, setup, teardown),
        cmocka_unit_test_setup_teardown(reach_bounds_everything_until_it_is_raised, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(blocks_come_aligned_zeroed_and_distinct, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(low_memory_is_the_last_resort, setup, teardown),
        cmocka_unit_test_setup_teardown(whole_gibs_stay_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_are_contiguous_and_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_split_blocks_become_whole_again, setup, teardown),
        cmocka_unit_test_setup_teardown(any_freed_frame_is_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(one_idle_split_block_is_kept_until_needed, setup, teardown),
        cmocka_unit_test_setup_teardown(records_may_end_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(references_and_pins_hold_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_do_not_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(freed_memory_waits_for_its_generation, setup, teardown),
        cmocka_unit_test_setup_teardown(more_generations_than_batches_are_late_never_early, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(waiting_memory_is_used_when_short, setup, teardown),
        cmocka_unit_test_setup_teardown(split_keeps_what_the_block_was, setup, teardown),
        cmocka_unit_test_setup_teardown(owners_end_in_portions, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_taken_while_an_owner_ends_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(boot_memory_can_be_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(idle_cleaning_serves_guests_first, setup, teardown),
        cmocka_unit_test_setup_teardown(random_use_keeps_the_books, setup, teardown),
        cmocka_unit_test_setup_teardown(large_machine_costs_little, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
