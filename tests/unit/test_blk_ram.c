/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/blk: RAM disks against a model that is a plain array of bytes, in each mode, with random
 * requests over scattered guest memory; the overlay's limit, its pages, and wrong memory.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/blk_ram.h"

enum { IMAGE_MAX = 5 << 20, POOL = 4096 };

static struct fake_env *f;
static struct blk_ram r;
static struct virtq vq;
static struct virtq_chain chain;
static uint8_t *image, *original, *model;
static uint64_t len;
static void *root;
static void *live[POOL];            /* pages the overlay has */
static uint8_t *arena;              /* null, or where page i is: neighbours follow each other */
static unsigned pages, pages_left, fulls, out_of_memories;

static void *page_alloc(void *ctx)
{
    assert_ptr_equal(ctx, &pages);
    if (!pages_left)
        return NULL;
    pages_left--;
    for (unsigned i = 0; i < POOL; i++)
        if (!live[i]) {
            live[i] = arena ? arena + (size_t)i * PAGE_SIZE : aligned_alloc(PAGE_SIZE, PAGE_SIZE);
            memset(live[i], 0xcc, PAGE_SIZE);       /* another guest's secrets */
            pages++;
            return live[i];
        }
    abort();
}

static void page_free(void *ctx, void *page)
{
    for (unsigned i = 0; i < POOL; i++)
        if (live[i] == page) {
            if (!arena)
                free(page);
            live[i] = NULL;
            pages--;
            pages_left++;
            return;
        }
    abort();
}

static void on_full(void *owner, bool out_of_memory)
{
    assert_ptr_equal(owner, &r);
    assert_int_equal(atomic_load(&r.lock.taken) | atomic_load(&r.gate.taken) | atomic_load(&r.users), 0);
    fulls++;
    out_of_memories += out_of_memory;
}

static void make_disk(enum blk_ram_mode mode, uint64_t size, uint64_t limit)
{
    const struct blk_pages source = { &pages, page_alloc, page_free };
    len = size;
    image = malloc(len);            /* exactly: the sanitizer watches its end */
    original = malloc(len);
    model = malloc(len);
    for (uint64_t i = 0; i < len; i++)
        image[i] = (uint8_t)(rand() | 1);
    memcpy(original, image, len);
    memcpy(model, image, len);
    root = calloc(1, blk_ram_root_size(len));
    pages_left = POOL;
    assert_int_equal(blk_ram_init(&r, mode, image, len, mode == BLK_RAM_OVERLAY ? &source : NULL, limit, root), HV_OK);
    r.on_full = on_full;
    r.on_full_owner = &r;
    fulls = out_of_memories = 0;
}

static void drop_disk(void)
{
    while (blk_ram_drop(&r, 7))
        continue;
    assert_int_equal(pages, 0);
    assert_int_equal(r.used, 0);
    free(image);
    free(original);
    free(model);
    free(root);
}

static int setup(void **unused)
{
    srand(1);
    f = fake_env_new();
    memset(&vq, 0, sizeof(vq));
    vq.mem = &f->mem;
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(f);
    return 0;
}

/* ---- requests ------------------------------------------------------------------- */

/* Random segments that do not touch each other, in RAM, together n bytes. */
static void scatter(uint64_t n)
{
    uint64_t at = (uint64_t)(rand() % 100000);
    chain.out = chain.in = 0;
    chain.out_len = n;
    while (n) {
        uint64_t here = chain.out < 200 ? 1 + (uint64_t)rand() % (rand() % 2 ? 700 : 100000) : n;
        here = min_u64(n, here);
        assert_true(at + here <= FAKE_RAM);
        chain.seg[chain.out++] = (struct virtq_seg){ gpa(at), (uint32_t)here };
        at += here + (uint64_t)(rand() % 3000);
        n -= here;
    }
}

/* Moves bytes between the chain's memory and a flat buffer. */
static void memory(void *buf, bool write)
{
    uint8_t *p = buf;
    for (unsigned i = 0; i < chain.out; i++) {
        uint8_t *ram = f->ram + chain.seg[i].at.v;
        memcpy(write ? ram : p, write ? p : ram, chain.seg[i].len);
        p += chain.seg[i].len;
    }
}

static enum blk_result ask(enum blk_op op, uint64_t sector, uint64_t sectors, bool unmap)
{
    struct blk_request q = { .op = op, .sector = sector, .sectors = sectors, .unmap = unmap, .q = &vq,
                             .data = { &chain, 0, chain.out, 0 }, .result = BLK_UNSUPPORTED };
    assert_int_equal(r.blk.ops->submit(&r.blk, &q), BLK_DONE);
    assert_int_equal(atomic_load(&r.lock.taken) | atomic_load(&r.gate.taken) | atomic_load(&r.users), 0);
    return q.result;
}

static void check_read(uint64_t sector, uint64_t sectors)
{
    uint64_t n = sectors * 512;
    uint8_t *buf = malloc(n);
    scatter(n);
    memset(f->ram, 0xee, FAKE_RAM);
    assert_int_equal(ask(BLK_READ, sector, sectors, false), BLK_OK);
    memory(buf, false);
    assert_memory_equal(buf, model + sector * 512, n);
    /* Nothing beside the segments was written. */
    memset(buf, 0xee, n);
    memory(buf, true);
    for (unsigned i = 0; i < FAKE_RAM; i += 997)
        assert_int_equal(f->ram[i], 0xee);
    free(buf);
}

static enum blk_result do_write(uint64_t sector, uint64_t sectors)
{
    uint64_t n = sectors * 512;
    uint8_t *buf = malloc(n);
    for (uint64_t i = 0; i < n; i++)
        buf[i] = (uint8_t)rand();
    scatter(n);
    memory(buf, true);
    enum blk_result result = ask(BLK_WRITE, sector, sectors, false);
    if (result == BLK_OK)
        memcpy(model + sector * 512, buf, n);
    free(buf);
    return result;
}

static void pick(uint64_t *sector, uint64_t *sectors, uint64_t most)
{
    *sector = (uint64_t)rand() % r.blk.sectors;
    *sectors = 1 + (uint64_t)rand() % min_u64(most, r.blk.sectors - *sector);
    if (rand() % 3 == 0) {              /* whole pages */
        *sector &= ~7ull;
        *sectors = min_u64(align_up(*sectors, 8), r.blk.sectors - *sector);
    }
}

/* After a discard the model takes what is read: the old bytes or, of whole pages, zeros. */
static void do_discard(uint64_t sector, uint64_t sectors)
{
    assert_int_equal(ask(BLK_DISCARD, sector, sectors, false), BLK_OK);
    uint64_t end = (sector + sectors) * 512, first = align_up(sector * 512, PAGE_SIZE);
    if (end != len)
        end = align_down(end, PAGE_SIZE);
    if (first < end)
        memset(model + first, 0, end - first);
}

static void random_steps(unsigned steps, uint64_t most)
{
    for (unsigned i = 0; i < steps; i++) {
        uint64_t sector, sectors;
        pick(&sector, &sectors, rand() % 4 ? 24 : most);
        switch (rand() % 8) {
        case 0:
            assert_int_equal(ask(BLK_WRITE_ZEROES, sector, sectors, rand() % 2), BLK_OK);
            memset(model + sector * 512, 0, sectors * 512);
            break;
        case 1:
            if (r.overlay)
                do_discard(sector, sectors);
            break;
        case 2:
        case 3:
        case 4:
            assert_int_equal(do_write(sector, sectors), BLK_OK);
            break;
        default:
            check_read(sector, sectors);
            break;
        }
    }
    for (uint64_t at = 0; at < r.blk.sectors; at += 4096)
        check_read(at, min_u64(4096, r.blk.sectors - at));
}

static unsigned data_pages(void)
{
    unsigned leaves = 0;
    for (uint64_t i = 0; i < r.roots; i++)
        leaves += r.root[i] != NULL;
    return pages - leaves;
}

/* ---- tests ---------------------------------------------------------------------- */

static void set_up(void **unused)
{
    uint8_t one[512];
    assert_int_equal(blk_ram_init(&r, BLK_RAM_DIRECT, one, 0, NULL, 0, NULL), HV_INVALID);
    assert_int_equal(blk_ram_init(&r, BLK_RAM_DIRECT, one, 511, NULL, 0, NULL), HV_INVALID);
    assert_int_equal(blk_ram_init(&r, BLK_RAM_DIRECT, one, 512, NULL, 0, NULL), HV_OK);
    assert_int_equal(r.blk.sectors, 1);
    assert_false(r.blk.readonly || r.blk.can_discard || r.blk.volatile_cache || !r.blk.can_zero);
    assert_int_equal(blk_ram_init(&r, BLK_RAM_READONLY, one, 512, NULL, 0, NULL), HV_OK);
    assert_true(r.blk.readonly && !r.blk.can_discard && !r.blk.can_zero);
    assert_int_equal(blk_ram_root_size(512), 8);
    assert_int_equal(blk_ram_root_size(2 << 20), 8);
    assert_int_equal(blk_ram_root_size((2 << 20) + 512), 16);
    assert_int_equal(blk_ram_root_size(4ull << 30), 2048 * 8);
}

static void read_only(void **unused)
{
    make_disk(BLK_RAM_READONLY, 300 * 512, 0);
    check_read(0, 300);
    check_read(299, 1);
    assert_int_equal(do_write(3, 2), BLK_IOERR);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 0, 8, false), BLK_IOERR);
    assert_int_equal(ask(BLK_DISCARD, 0, 8, false), BLK_IOERR);
    assert_int_equal(ask(BLK_FLUSH, 0, 0, false), BLK_OK);
    assert_memory_equal(image, original, len);
    drop_disk();
}

static void in_place(void **unused)
{
    make_disk(BLK_RAM_DIRECT, 3001 * 512, 0);
    random_steps(400, 2000);
    assert_memory_equal(image, model, len);
    assert_int_equal(ask(BLK_DISCARD, 0, 8, false), BLK_UNSUPPORTED);
    assert_int_equal(ask(BLK_FLUSH, 0, 0, false), BLK_OK);
    drop_disk();
}

static void overlay(void **unused)
{
    static const uint64_t sizes[] = { 512, 7 * 512, 4096, 9 * 512, (2 << 20) - 512, (2 << 20) + 512, IMAGE_MAX - 1024 };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        make_disk(BLK_RAM_OVERLAY, sizes[i], IMAGE_MAX);
        random_steps(sizes[i] > 1 << 20 ? 500 : 300, 4096);
        assert_memory_equal(image, original, len);
        assert_int_equal(data_pages(), r.used);
        assert_int_equal(fulls, 0);
        drop_disk();
    }
}

/* Pages that follow each other in memory, as they mostly do, are copied as one. */
static void neighbours(void **unused)
{
    arena = aligned_alloc(PAGE_SIZE, (size_t)POOL * PAGE_SIZE);
    make_disk(BLK_RAM_OVERLAY, IMAGE_MAX - 512, IMAGE_MAX);
    for (uint64_t at = 0; at < r.blk.sectors; at += 512)
        assert_int_equal(do_write(at, min_u64(512, r.blk.sectors - at)), BLK_OK);
    check_read(7, 4096);
    random_steps(300, 4096);
    assert_memory_equal(image, original, len);
    drop_disk();
    free(arena);
    arena = NULL;
}

/* The same disk again after the overlay was dropped: the image as it was. */
static void dropped(void **unused)
{
    make_disk(BLK_RAM_OVERLAY, 4 << 20, 4 << 20);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(do_write((uint64_t)rand() % 8192, 1), BLK_OK);
    unsigned before = pages, calls = 0;
    bool more;
    do {
        unsigned had = pages;
        more = blk_ram_drop(&r, 3);
        calls++;
        assert_true(had - pages <= 3);
    } while (more);
    assert_true(calls >= before / 3);
    assert_int_equal(pages, 0);
    assert_false(blk_ram_drop(&r, 0));
    memcpy(model, original, len);
    check_read(0, 4096);
    random_steps(50, 100);
    drop_disk();
}

static void limit(void **unused)
{
    make_disk(BLK_RAM_OVERLAY, 1 << 20, 10 * 4096 + 4095);
    assert_int_equal(do_write(0, 80), BLK_OK);
    assert_int_equal(r.used, 10);
    assert_int_equal(fulls, 0);
    assert_int_equal(do_write(100, 1), BLK_IOERR);
    assert_int_equal(do_write(104, 8), BLK_IOERR);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 100, 1, false), BLK_IOERR);
    assert_int_equal(fulls, 1);
    assert_int_equal(out_of_memories, 0);
    check_read(0, 2048);
    assert_int_equal(do_write(3, 70), BLK_OK);
    /* What starts in a page that is there and goes on in one that is not: the first is written. */
    assert_int_equal(do_write(76, 8), BLK_IOERR);
    memory(model + 76 * 512, false);
    memcpy(model + 80 * 512, original + 80 * 512, 4 * 512);
    check_read(0, 2048);
    /* Zeros for whole pages need none; what is discarded can be had again. */
    assert_int_equal(ask(BLK_WRITE_ZEROES, 800, 80, true), BLK_OK);
    memset(model + 800 * 512, 0, 80 * 512);
    do_discard(0, 16);
    assert_int_equal(r.used, 8);
    assert_int_equal(do_write(800, 9), BLK_OK);
    assert_int_equal(r.used, 10);
    check_read(0, 2048);
    assert_int_equal(fulls, 1);
    while (blk_ram_drop(&r, 100))
        continue;
    memcpy(model, original, len);
    assert_int_equal(do_write(0, 88), BLK_IOERR);
    assert_int_equal(fulls, 2);
    drop_disk();
}

static void out_of_memory(void **unused)
{
    make_disk(BLK_RAM_OVERLAY, 4 << 20, 4 << 20);
    pages_left = 0;
    assert_int_equal(do_write(0, 1), BLK_IOERR);
    assert_int_equal(fulls, 1);
    assert_int_equal(out_of_memories, 1);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 8, 8, true), BLK_IOERR);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 8, 7, true), BLK_IOERR);
    assert_int_equal(ask(BLK_DISCARD, 8, 8, true), BLK_OK);
    check_read(0, 64);
    pages_left = 1;                     /* the table's, but none for data */
    assert_int_equal(do_write(0, 8), BLK_IOERR);
    assert_int_equal(r.used, 0);
    check_read(0, 64);
    pages_left = 1;
    assert_int_equal(do_write(0, 8), BLK_OK);
    check_read(0, 64);
    assert_int_equal(fulls, 1);
    pages_left = POOL - pages;
    drop_disk();
}

/* Without unmap a guest's space stays; with it, it is given back. */
static void unmap(void **unused)
{
    make_disk(BLK_RAM_OVERLAY, 1 << 20, 1 << 20);
    assert_int_equal(do_write(0, 32), BLK_OK);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 0, 16, false), BLK_OK);
    memset(model, 0, 16 * 512);
    assert_int_equal(r.used, 4);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 16, 8, true), BLK_OK);
    memset(model + 16 * 512, 0, 8 * 512);
    assert_int_equal(r.used, 3);
    check_read(0, 64);
    assert_int_equal(data_pages(), 3);
    drop_disk();
}

/* Segments outside of RAM or too short: an error, no page of unknown contents, no lost page. */
static void wrong_memory(void **unused)
{
    static const enum blk_ram_mode modes[] = { BLK_RAM_DIRECT, BLK_RAM_OVERLAY };
    static const uint64_t places[] = { FAKE_RAM - 100, FAKE_RAM, 1ull << 40, 0 - 100ull, 0 - 1ull };
    for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
        make_disk(modes[m], 1 << 20, 1 << 20);
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            chain.out = 2;
            chain.seg[0] = (struct virtq_seg){ gpa(0), 700 };
            chain.seg[1] = (struct virtq_seg){ gpa(places[i]), 4096 };
            assert_int_equal(ask(BLK_READ, 16 * i, 9, false), BLK_IOERR);
            assert_int_equal(ask(BLK_WRITE, 16 * i, 8, false), BLK_IOERR);
            assert_int_equal(ask(BLK_WRITE, 16 * i + 8, 9, false), BLK_IOERR);
            chain.out = 1;
            assert_int_equal(ask(BLK_WRITE, 16 * i, 2, false), BLK_IOERR);
        }
        assert_int_equal(fulls, 0);
        if (r.overlay) {
            assert_int_equal(data_pages(), r.used);
            assert_int_equal(r.used, 0);
            check_read(0, 2048);
        }
        drop_disk();
    }
}

/* Reads of what is not overlaid, and of neighbouring pages, are one piece each. */
static void crosses_leaves(void **unused)
{
    make_disk(BLK_RAM_OVERLAY, IMAGE_MAX, IMAGE_MAX);
    assert_int_equal(do_write(4096, 8), BLK_OK);            /* from a leaf that is not there into one that is */
    check_read(4000, 200);
    assert_int_equal(do_write(4095, 2), BLK_OK);            /* last of leaf 0, first of leaf 1 */
    check_read(4000, 200);
    assert_int_equal(do_write(8191, 1), BLK_OK);
    check_read(4090, 4096);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 4000, 4000, true), BLK_OK);
    memset(model + 4000 * 512, 0, 4000 * 512);
    check_read(4090, 4096);
    drop_disk();
}

/* ---- several queues at once ------------------------------------------------------ */

enum { THREADS = 3, ROUNDS = 3000 };

/* Reads, writes and discards of the same few pages; the sanitizer sees a page used when it is free. */
static void *hammer(void *arg)
{
    const unsigned n = (unsigned)(uintptr_t)arg;
    struct virtq_chain c = { .out = 2, .seg = { { gpa(n << 20), 40000 }, { gpa((n << 20) + 50000), 60000 } } };
    unsigned seed = n;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct blk_request q = { .sector = (unsigned)rand_r(&seed) % 100, .sectors = 1 + (unsigned)rand_r(&seed) % 90,
                                 .q = &vq, .data = { &c, 0, 2, 0 }, .unmap = true };
        switch (rand_r(&seed) % 4) {
        case 0: q.op = BLK_READ; break;
        case 1: q.op = n ? BLK_READ : BLK_DISCARD; break;
        case 2: q.op = n ? BLK_WRITE : BLK_WRITE_ZEROES; break;
        default: q.op = BLK_WRITE; break;
        }
        if (r.blk.ops->submit(&r.blk, &q) != BLK_DONE || q.result != BLK_OK)
            return arg;
    }
    return NULL;
}

static void queues_at_once(void **unused)
{
    pthread_t t[THREADS];
    void *failed;
    make_disk(BLK_RAM_OVERLAY, 200 * 512, 200 * 512);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hammer, (void *)(uintptr_t)i), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(data_pages(), r.used);
    assert_memory_equal(image, original, len);
    memset(model, 0, len);
    assert_int_equal(ask(BLK_WRITE_ZEROES, 0, 200, true), BLK_OK);
    check_read(0, 200);
    assert_int_equal(r.used, 0);
    drop_disk();
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(set_up), T(read_only), T(in_place), T(overlay), T(neighbours), T(dropped), T(limit), T(out_of_memory), T(unmap),
        T(wrong_memory), T(crosses_leaves), T(queues_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
