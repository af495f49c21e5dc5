/* SPDX-License-Identifier: BSD-2-Clause */
/* drivers/pure/vblk.c against a device that the test plays: data, splitting, errors, time-outs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/pure/vblk_priv.h"
#include "fake/fake_log.h"
#include "fake/fake_vdev.h"
#include "socle/le.h"

enum { ARENA = 16 << 20, GUEST = 4 << 20, GUEST_BLOCKS = 4, SECTORS = 8192 };
#define SECOND 1000000000ull

static uint8_t *arena, disk[SECTORS * 512];
static struct vblk *b;
static struct fake_vdev fake;
static hpa_t blocks[GUEST_BLOCKS];
static struct gmem mem;
static struct virtq gq;
static struct virtq_chain chain;
static uint64_t now;
static bool device_works, device_resets;
static uint8_t device_status;
static unsigned served, ended, resumed, most_segs;
static struct blk_request *last_ended;

/* ---- the device ---- */

static void read_write(struct fake_request *r, bool write, uint64_t sector)
{
    uint8_t *p = disk + sector * 512;
    for (unsigned i = 1; i + 1 < r->n; i++) {
        assert_true(p + r->seg[i].len <= disk + sizeof(disk));
        if (write)
            memcpy(p, r->seg[i].at, r->seg[i].len);
        else
            memcpy(r->seg[i].at, p, r->seg[i].len);
        p += r->seg[i].len;
    }
    assert_int_equal((p - disk) % 512, 0);
}

static uint8_t serve_one(struct fake_request *r)
{
    uint32_t type = get_le32(r->seg[0].at);
    uint64_t sector = get_le64(r->seg[0].at + 8);
    assert_true(r->n >= 2 && r->seg[0].len == 16 && r->seg[r->n - 1].len == 1);
    most_segs = r->n - 2 > most_segs ? r->n - 2 : most_segs;
    if (device_status)
        return device_status;
    if (type == T_IN || type == T_OUT)
        read_write(r, type == T_OUT, sector);
    else if (type == T_GET_ID)
        memcpy(r->seg[1].at, "  QM00001           ", 20);
    else if (type == T_WRITE_ZEROES || type == T_DISCARD)
        memset(disk + get_le64(r->seg[1].at) * 512, type == T_DISCARD ? 0xdd : 0,
               (size_t)get_le32(r->seg[1].at + 8) * 512);
    return S_OK;
}

static void device(void)
{
    struct fake_request r;
    while (device_works && fake_vdev_status(&fake) & 4 && fake_vdev_take(&fake, 0, &r)) {
        *r.seg[r.n - 1].at = serve_one(&r);
        fake_vdev_put(&fake, 0, r.head, 1);
        served++;
    }
}

static uint64_t clock_now(void)
{
    now += 1000;
    if (b->dev.q[0].next_avail < fake.next[0])          /* a new life */
        fake_vdev_rings(&fake);
    device();
    return now;
}

static void done(struct blk_request *r)
{
    ended++;
    last_ended = r;
    assert_true(spin_try(&b->lock));                    /* without locks */
    spin_unlock(&b->lock);
}

static void resume(void *owner) { resumed++; }

static void start(uint32_t features, uint16_t size, uint32_t seg_max)
{
    memset(arena, 0, ARENA);
    for (size_t i = 0; i < sizeof(disk); i++)
        disk[i] = (uint8_t)(i * 7 + i / 512);
    b = (struct vblk *)arena;
    fake_vdev_init(&fake, &b->dev, arena, features, size, clock_now);
    b->dev.mem[0] = arena + (2 << 20);
    put_le64(fake.config, SECTORS);
    put_le32(fake.config + 12, seg_max);
    put_le32(fake.config + 20, 512);
    put_le32(fake.config + 36, 100);
    put_le32(fake.config + 48, 50);
    device_works = device_resets = true;
    device_status = 0;
    served = ended = resumed = most_segs = 0;
    assert_null(vblk_start(b, "vda"));
    b->whole.blk.resume = resume;
}

#define ALL ((uint32_t)(F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES | VDEV_F_INDIRECT))

static int setup_all(void **unused)
{
    arena = aligned_alloc(2 << 20, ARENA);
    memset(&mem, 0, sizeof(mem));
    mem.window = arena;
    for (unsigned i = 0; i < GUEST_BLOCKS; i++)         /* in reverse: pieces end with a block */
        blocks[i] = hpa(GUEST + (uint64_t)(GUEST_BLOCKS - 1 - i) * (2 << 20));
    assert_int_equal(gmem_add(&mem, gpa(0), (uint64_t)GUEST_BLOCKS << 21, blocks, false), HV_OK);
    gq.mem = &mem;
    return 0;
}

static int teardown_all(void **unused)
{
    free(arena);
    return 0;
}

static int setup(void **unused)
{
    start(ALL, 256, 254);
    return 0;
}

/* ---- requests ---- */

static struct blk_request request(enum blk_op op, uint64_t sector, uint64_t sectors)
{
    struct blk_request r = { .op = op, .sector = sector, .sectors = sectors, .q = &gq, .done = done };
    r.data = op == BLK_READ ? virtq_in(&chain) : virtq_out(&chain);
    return r;
}

static enum blk_submit submit(struct blk_request *r)
{
    struct blk *k = &b->disk.view[0].blk;
    return k->ops->submit(k, r);
}

static void segs(unsigned n, uint64_t at, uint32_t len, uint64_t step, bool in)
{
    memset(&chain, 0, sizeof(chain));
    for (unsigned i = 0; i < n; i++)
        chain.seg[i] = (struct virtq_seg){ gpa(at + i * step), len };
    chain.in = in ? (uint16_t)n : 0;
    chain.out = in ? 0 : (uint16_t)n;
}

static void finish(struct blk_request *r, enum blk_result result)
{
    unsigned before = ended;
    device();
    vblk_serve(b);
    assert_int_equal(ended, before + 1);
    assert_ptr_equal(last_ended, r);
    assert_int_equal(r->result, result);
    assert_int_equal(b->dev.q[0].in_flight, 0);
}

static void guest_read(uint64_t at, uint8_t *to, size_t n) { assert_int_equal(gmem_read(&mem, gpa(at), to, n), HV_OK); }

static void test_start(void **unused)
{
    const struct blk *k = &b->whole.blk;
    assert_int_equal(k->sectors, SECTORS);
    assert_string_equal(k->serial, "QM00001");
    assert_true(k->can_discard && k->can_zero && k->volatile_cache && !k->readonly);
    assert_int_equal(fake_vdev_status(&fake), 15);
    start(F_RO | F_SEG_MAX | F_TOPOLOGY, 256, 254);
    assert_true(k->readonly && !k->can_discard && !k->can_zero && !k->volatile_cache);
}

static void test_no_answer_at_start(void **unused)
{
    b = (struct vblk *)arena;
    memset(b, 0, sizeof(*b));
    fake_vdev_init(&fake, &b->dev, arena, ALL, 256, clock_now);
    b->dev.mem[0] = arena + (2 << 20);
    put_le64(fake.config, SECTORS);
    device_works = false;
    uint64_t before = now;
    const char *why = vblk_start(b, "vda");
    assert_non_null(why);
    assert_true(now - before < 6 * SECOND);
    assert_int_equal(fake_vdev_status(&fake), 0x80);
}

static void test_read_write(void **unused)
{
    static uint8_t out[8192], in[8192];
    segs(2, (2 << 20) - 4096, 4096, 4096, true);        /* across a break in host memory */
    struct blk_request r = request(BLK_READ, 5, 16);
    assert_int_equal(submit(&r), BLK_STARTED);
    assert_int_equal(ended, 0);
    finish(&r, BLK_OK);
    assert_int_equal(most_segs, 2);
    guest_read((2 << 20) - 4096, in, 8192);
    assert_memory_equal(in, disk + 5 * 512, 8192);
    memset(out, 0x5a, sizeof(out));
    assert_int_equal(gmem_write(&mem, gpa(0x10000), out, 8192), HV_OK);
    segs(2, 0x10000, 4096, 4096, false);
    r = request(BLK_WRITE, 100, 16);
    most_segs = 0;
    assert_int_equal(submit(&r), BLK_STARTED);
    finish(&r, BLK_OK);
    assert_int_equal(most_segs, 1);                     /* neighbours are one piece */
    assert_memory_equal(disk + 100 * 512, out, 8192);
    assert_true(disk[99 * 512 + 511] != 0x5a && disk[116 * 512] != 0x5a);
}

/* More segments than the device takes, of sizes that are no sectors. */
static void split(uint32_t features, uint16_t size, uint32_t seg_max, uint32_t len, unsigned n, unsigned parts)
{
    static uint8_t in[VIRTQ_SIZE_MAX * 8192];
    start(features, size, seg_max);
    unsigned before = served;
    segs(n, 0x1000, len, 16384, true);
    struct blk_request r = request(BLK_READ, 3, n * len / 512);
    assert_int_equal(submit(&r), BLK_STARTED);
    finish(&r, BLK_OK);
    assert_int_equal(served - before, parts);
    assert_true(most_segs <= seg_max);
    for (unsigned i = 0; i < n; i++)
        guest_read(0x1000 + i * 16384u, in + i * len, len);
    assert_memory_equal(in, disk + 3 * 512, n * len);
}

static void test_split(void **unused)
{
    split(ALL, 256, 254, 4096, 254, 3);                 /* 126 of them each */
    split(ALL, 256, 10, 512, 70, 7);
    split(ALL, 256, 10, 768, 64, 7);
    split(ALL, 256, 20, 1000, 64, 4);                   /* cut within segments */
    split((uint32_t)(F_SEG_MAX), 128, 20, 4096, 64, 4); /* in the ring itself */
}

static void test_impossible_segments(void **unused)
{
    start(ALL, 256, 2);
    segs(250, 0x1000, 2, 64, true);                     /* less than a sector in two pieces */
    chain.seg[249].len = 12 + 2;
    struct blk_request r = request(BLK_READ, 0, 1);
    assert_int_equal(submit(&r), BLK_DONE);
    assert_int_equal(r.result, BLK_IOERR);
    segs(1, 1ull << 40, 512, 0, true);                  /* no memory */
    r = request(BLK_READ, 0, 1);
    assert_int_equal(submit(&r), BLK_DONE);
    assert_int_equal(r.result, BLK_IOERR);
    segs(2, 0x1000, 256, 4096, true);                   /* too few bytes */
    r = request(BLK_READ, 0, 2);
    assert_int_equal(submit(&r), BLK_DONE);
    assert_int_equal(r.result, BLK_IOERR);
    assert_int_equal(b->dev.q[0].in_flight, 0);
    segs(1, 0x1000, 512, 0, true);                      /* nothing is lost by all that */
    for (unsigned i = 0; i < 200; i++) {
        r = request(BLK_READ, 0, 1);
        assert_int_equal(submit(&r), BLK_STARTED);
        finish(&r, BLK_OK);
    }
}

static void test_other_operations(void **unused)
{
    struct blk_request r = request(BLK_FLUSH, 0, 0);
    assert_int_equal(submit(&r), BLK_STARTED);
    finish(&r, BLK_OK);
    unsigned before = served;
    r = request(BLK_WRITE_ZEROES, 10, 120);             /* at most 50 sectors each */
    assert_int_equal(submit(&r), BLK_STARTED);
    finish(&r, BLK_OK);
    assert_int_equal(served - before, 3);
    assert_true(disk[10 * 512] == 0 && disk[130 * 512 - 1] == 0 && disk[130 * 512 + 1]);
    r = request(BLK_DISCARD, 200, 100);
    assert_int_equal(submit(&r), BLK_STARTED);
    finish(&r, BLK_OK);
    assert_true(disk[200 * 512] == 0xdd && disk[300 * 512 - 1] == 0xdd && disk[300 * 512] != 0xdd);
    start(F_SEG_MAX, 256, 254);
    r = request(BLK_FLUSH, 0, 0);
    assert_int_equal(submit(&r), BLK_DONE);
    assert_int_equal(r.result, BLK_OK);
    r = request(BLK_DISCARD, 200, 100);
    assert_int_equal(submit(&r), BLK_DONE);
    assert_int_equal(r.result, BLK_UNSUPPORTED);
}

static void test_errors(void **unused)
{
    segs(1, 0x1000, 512, 0, true);
    device_status = S_IOERR;
    unsigned before = fake_log_count;
    for (unsigned i = 0; i < 100; i++) {
        struct blk_request r = request(BLK_READ, 7, 1);
        assert_int_equal(submit(&r), BLK_STARTED);
        finish(&r, BLK_IOERR);
    }
    assert_int_equal(fake_log_count, before + 1);       /* not a hundred lines */
    assert_string_equal(fake_log_last, "disk vda: a read at sector 7 failed");
    assert_int_equal(b->whole.blk.errors, 100);
    device_status = S_UNSUPPORTED;
    struct blk_request r = request(BLK_READ, 7, 1);
    assert_int_equal(submit(&r), BLK_STARTED);
    finish(&r, BLK_UNSUPPORTED);
}

static void test_full(void **unused)
{
    static struct blk_request r[VBLK_PARTS + 1];
    segs(1, 0x1000, 512, 0, true);
    device_works = false;
    for (unsigned i = 0; i < VBLK_PARTS; i++) {
        r[i] = request(BLK_READ, i, 1);
        assert_int_equal(submit(&r[i]), BLK_STARTED);
    }
    r[VBLK_PARTS] = request(BLK_READ, 0, 1);
    assert_int_equal(submit(&r[VBLK_PARTS]), BLK_BUSY);
    assert_int_equal(resumed, 0);
    device_works = true;
    device();
    vblk_serve(b);
    assert_int_equal(ended, VBLK_PARTS);
    assert_int_equal(resumed, 1);
    assert_int_equal(submit(&r[VBLK_PARTS]), BLK_STARTED);
    finish(&r[VBLK_PARTS], BLK_OK);
}

static void test_timeout(void **unused)
{
    struct blk_request r[3];
    segs(1, 0x1000, 512, 0, true);
    device_works = false;
    assert_true(vblk_tick(b, now) > now + 20 * SECOND);
    for (unsigned i = 0; i < 2; i++) {
        r[i] = request(BLK_READ, 42 + i, 1);
        assert_int_equal(submit(&r[i]), BLK_STARTED);
    }
    assert_true(b->due <= now + 30 * SECOND);
    now += 29 * SECOND;
    vblk_tick(b, now);
    assert_int_equal(ended, 0);
    now += 2 * SECOND;
    vblk_tick(b, now);
    assert_int_equal(ended, 2);
    assert_true(r[0].result == BLK_IOERR && r[1].result == BLK_IOERR);
    assert_int_equal(b->state, VBLK_READY);
    device_works = true;
    fake_vdev_rings(&fake);
    r[2] = request(BLK_READ, 1, 1);
    assert_int_equal(submit(&r[2]), BLK_STARTED);
    finish(&r[2], BLK_OK);
    assert_true(vblk_tick(b, now + 40 * SECOND) == UINT64_MAX);
}

static void test_broken_device(void **unused)
{
    struct blk_request r = request(BLK_READ, 1, 1);
    segs(1, 0x1000, 512, 0, true);
    device_works = false;
    assert_int_equal(submit(&r), BLK_STARTED);
    fake_vdev_put(&fake, 0, 77, 0);
    vblk_serve(b);
    assert_int_equal(b->state, VBLK_RESETTING);
    assert_int_equal(ended, 0);                         /* not before it has let go of the memory */
    struct blk_request s = request(BLK_READ, 1, 1);
    assert_int_equal(submit(&s), BLK_BUSY);
    assert_true(b->due <= now);
    vblk_tick(b, now);
    assert_int_equal(ended, 1);
    assert_int_equal(r.result, BLK_IOERR);
    assert_int_equal(resumed, 1);
    assert_int_equal(b->state, VBLK_READY);
}

/* The status never reads 0: after five seconds the device is kept from memory, and all fails. */
static void test_reset_that_hangs(void **unused)
{
    struct blk_request r = request(BLK_READ, 1, 1);
    segs(1, 0x1000, 512, 0, true);
    device_works = false;
    assert_int_equal(submit(&r), BLK_STARTED);
    fake_vdev_put(&fake, 0, 77, 0);
    vblk_serve(b);
    for (unsigned i = 0; i < 4; i++) {
        fake.common[20] = 15;
        now += SECOND;
        vblk_tick(b, now);
        assert_int_equal(ended, 0);
    }
    fake.common[20] = 15;
    now += 2 * SECOND;
    assert_true(vblk_tick(b, now) == UINT64_MAX);
    assert_int_equal(b->state, VBLK_DEAD);
    assert_int_equal(fake_vdev_status(&fake), 0x80);
    assert_int_equal(ended, 1);
    assert_int_equal(submit(&r), BLK_DONE);
    assert_int_equal(r.result, BLK_IOERR);
}

static void test_asks_for_reset(void **unused)
{
    fake.common[20] |= 0x40;
    b->dev.changed = true;
    vblk_serve(b);
    assert_int_equal(b->state, VBLK_RESETTING);
    vblk_tick(b, now);
    assert_int_equal(b->state, VBLK_READY);
}

static void test_read_at_boot(void **unused)
{
    uint8_t *buf = arena + (3 << 20);
    assert_true(b->disk.ops->read(&b->disk, 8, buf, 4096));
    assert_memory_equal(buf, disk + 8 * 512, 4096);
    device_status = S_IOERR;
    assert_false(b->disk.ops->read(&b->disk, 8, buf, 512));
    assert_int_equal(b->state, VBLK_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_start, setup), cmocka_unit_test_setup(test_no_answer_at_start, setup),
        cmocka_unit_test_setup(test_read_write, setup), cmocka_unit_test_setup(test_split, setup),
        cmocka_unit_test_setup(test_impossible_segments, setup), cmocka_unit_test_setup(test_other_operations, setup),
        cmocka_unit_test_setup(test_errors, setup), cmocka_unit_test_setup(test_full, setup),
        cmocka_unit_test_setup(test_timeout, setup), cmocka_unit_test_setup(test_broken_device, setup),
        cmocka_unit_test_setup(test_reset_that_hangs, setup), cmocka_unit_test_setup(test_asks_for_reset, setup),
        cmocka_unit_test_setup(test_read_at_boot, setup),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
