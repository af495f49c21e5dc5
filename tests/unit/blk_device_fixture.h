/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block device with a driver in front of it and a backend behind: a RAM disk, or one that
 * keeps requests until the test ends them, in any order. Included by its tests only.
 */
#ifndef BLK_DEVICE_FIXTURE_H
#define BLK_DEVICE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_driver.h"
#include "socle/bits.h"
#include "socle/blk_ram.h"
#include "socle/virtio/virtio_blk.h"

enum { IMAGE = 4 << 20, SECTORS = IMAGE / 512, TAGS = 512, LATER_MAX = 64 };
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_LIFETIME = 10, T_DISCARD = 11, T_ZEROES = 13, T_ERASE = 14 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2, S_NONE = 0xee };
#define F_RO            BIT64(5)
#define F_FLUSH         BIT64(9)
#define F_MQ            BIT64(12)
#define F_DISCARD       BIT64(13)
#define F_WRITE_ZEROES  BIT64(14)
#define ALL_FEATURES    (~0ull)

static struct fake_env *f;
static struct fake_driver drv;
static struct virtio_blk *d;
static struct virtio_blk_queue *queues;
static struct blk *disk;
static uint8_t *image, *original;
static uint64_t headers, states, data;  /* in the guest: 16 and 1 byte per tag; 5 MiB */
static bool guest_readonly;             /* keys of the configuration */
static const char *guest_serial;
static unsigned tag;                    /* of the next request */
static uint32_t used_len[TAGS];         /* by head, as the driver got it */
static uint16_t used_order[TAGS];
static unsigned used_count;

/* ---- RAM disk ------------------------------------------------------------------- */

static struct blk_ram ram;
static void *ram_root;
static unsigned ram_pages;

static inline void *page_alloc(void *ctx) { ram_pages++; return aligned_alloc(PAGE_SIZE, PAGE_SIZE); }
static inline void page_free(void *ctx, void *page) { ram_pages--; free(page); }

static inline void use_ram(enum blk_ram_mode mode)
{
    const struct blk_pages pages = { NULL, page_alloc, page_free };
    ram_root = calloc(1, blk_ram_root_size(IMAGE));
    assert_int_equal(blk_ram_init(&ram, mode, image, IMAGE, &pages, IMAGE, ram_root), HV_OK);
    disk = &ram.blk;
}

/* ---- backend that takes its time ------------------------------------------------ */

static struct blk later;
static struct blk_request *held[LATER_MAX];
static unsigned held_count, later_room, later_calls;
static uint64_t later_largest;
static struct blk_request seen[256];    /* as submitted, in order */

/* Moves the data as a device would, while the request is being submitted. */
static inline enum blk_result later_copy(struct blk_request *r)
{
    struct virtq_cursor k = r->data;
    uint8_t *at = image + r->sector * 512;
    uint64_t n = r->sectors * 512;
    assert_true(r->sector <= later.sectors && r->sectors <= later.sectors - r->sector && n <= BLK_PIECE);
    if (r->op == BLK_READ)
        return virtq_push(r->q, &k, at, n) ? BLK_OK : BLK_IOERR;
    if (r->op == BLK_WRITE)
        return virtq_pull(r->q, &k, at, n) ? BLK_OK : BLK_IOERR;
    if (r->op == BLK_WRITE_ZEROES)
        memset(at, 0, n);
    return BLK_OK;
}

static inline enum blk_submit later_submit(struct blk *b, struct blk_request *r)
{
    assert_ptr_equal(b, &later);
    if (held_count == later_room)
        return BLK_BUSY;
    for (unsigned i = 0; i < held_count; i++)
        assert_ptr_not_equal(held[i], r);
    seen[later_calls++ % ARRAY_LEN(seen)] = *r;
    r->result = later_copy(r);
    if (r->sectors * 512 > later_largest)
        later_largest = r->sectors * 512;
    held[held_count++] = r;
    return BLK_STARTED;
}

/* Ends the i-th of those held. */
static inline void later_end(unsigned i, enum blk_result result)
{
    struct blk_request *r = held[i];
    assert_true(i < held_count);
    held[i] = held[--held_count];
    if (result != BLK_OK)
        r->result = result;
    r->done(r);
}

static inline void later_end_all(void)
{
    while (held_count)
        later_end(0, BLK_OK);
}

static inline void use_later(bool cached)
{
    static const struct blk_ops ops = { later_submit };
    later = (struct blk){ .ops = &ops, .sectors = SECTORS, .block_size = 512, .can_discard = true, .can_zero = true,
                          .volatile_cache = cached };
    held_count = later_calls = 0;
    later_largest = 0;
    later_room = LATER_MAX;
    disk = &later;
}

/* ---- device and driver ---------------------------------------------------------- */

static inline void work(void)
{
    while (fake_env_work(f))
        continue;
}

static inline void buffers(void)
{
    work();                             /* what DRIVER_OK left to do */
    headers = fake_driver_alloc(&drv, 16 * TAGS);
    states = fake_driver_alloc(&drv, TAGS);
    data = fake_driver_alloc(&drv, 5 << 20);
    tag = used_count = 0;
}

static inline void start_limited(unsigned count, uint64_t features, uint16_t size, uint64_t rate, uint64_t iops)
{
    queues = calloc(count, sizeof(*queues));
    memset(queues, 0xa5, count * sizeof(*queues));
    const struct virtio_blk_config c = {
        .blk = disk, .queues = count, .queue = queues, .rate = rate, .iops = iops, .name = "disk 0",
        .readonly = guest_readonly, .serial = guest_serial,
    };
    virtio_blk_init(d, &c, &f->env);
    fake_driver_init(&drv, f, &d->v);
    fake_driver_start(&drv, features, size);
    buffers();
}

static inline void start(uint64_t features, uint16_t size) { start_limited(1, features, size, 0, 0); }

/* For another one in the same test. */
static inline void forget_device(void)
{
    f->work = NULL;
    free(queues);
    free(ram_root);
    queues = NULL;
    ram_root = NULL;
}

static inline int setup(void **unused)
{
    srand(1);
    f = fake_env_new();
    d = malloc(sizeof(*d));
    image = malloc(IMAGE);
    original = malloc(IMAGE);
    for (unsigned i = 0; i < IMAGE; i++)
        original[i] = image[i] = (uint8_t)(i * 2654435761u >> 24);
    return 0;
}

static inline int teardown(void **unused)
{
    if (disk == &ram.blk) {
        while (blk_ram_drop(&ram, 1000))
            continue;
        assert_int_equal(ram_pages, 0);
    }
    forget_device();
    free(image);
    free(original);
    free(d);
    fake_env_free(f);
    disk = NULL;
    guest_readonly = false;
    guest_serial = NULL;
    return 0;
}

/* ---- requests ------------------------------------------------------------------- */

static inline void put_header(unsigned t, uint32_t type, uint64_t sector)
{
    fake_put(f, headers + 16 * t, 4, type);
    fake_put(f, headers + 16 * t + 4, 4, 0xdeadbeef);
    fake_put(f, headers + 16 * t + 8, 8, sector);
    fake_put(f, states + t, 1, S_NONE);
}

/* Offers a request whose data is n bytes at `at`: the device writes there if `in`. Its tag. */
static inline unsigned offer(unsigned q, uint32_t type, uint64_t sector, uint64_t at, uint64_t n, bool in)
{
    unsigned t = tag++ % TAGS, count = 1;
    struct fake_buf b[3] = { { headers + 16 * t, 16 } };
    put_header(t, type, sector);
    if (n)
        b[count++] = (struct fake_buf){ at, (uint32_t)n };
    b[count++] = (struct fake_buf){ states + t, 1 };
    unsigned writable = n && in ? 2 : 1;
    fake_ring_add(&drv.ring[q], b, count - writable, writable);
    return t;
}

static inline uint8_t status_of(unsigned t) { return (uint8_t)fake_get(f, states + t, 1); }

static inline void collect(unsigned q)
{
    uint16_t head;
    uint32_t len;
    while (fake_ring_used(&drv.ring[q], &head, &len)) {
        used_len[head] = len;
        used_order[used_count++ % TAGS] = head;
    }
}

static inline void go(unsigned q)
{
    fake_driver_notify(&drv, (uint16_t)q);
    work();
    collect(q);
}

/* One request, on its own, to its end; *len: what the device says it wrote. */
static inline uint8_t one(uint32_t type, uint64_t sector, uint64_t at, uint64_t n, bool in, uint32_t *len)
{
    unsigned before = used_count, t = offer(0, type, sector, at, n, in);
    go(0);
    assert_int_equal(used_count, before + 1);
    *len = used_len[used_order[before % TAGS]];
    return status_of(t);
}

static inline uint8_t ask(uint32_t type, uint64_t sector, uint64_t at, uint64_t n, bool in)
{
    uint32_t len;
    return one(type, sector, at, n, in, &len);
}

static inline bool needs_reset(void) { return fake_driver_get(&drv, FAKE_STATUS, 1) & VIRTIO_NEEDS_RESET; }

static inline void restart(uint64_t features, uint16_t size)
{
    fake_driver_init(&drv, f, &d->v);
    fake_driver_start(&drv, features, size);
    buffers();
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

#endif
