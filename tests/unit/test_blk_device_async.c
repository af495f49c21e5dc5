/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/virtio/virtio_blk*.c over a backend that takes its time: order, room, pieces, resets while
 * requests are under way, what a driver rewrites behind the device's back, rate limits, state.
 */
#include "blk_device_fixture.h"

static unsigned reads(unsigned n)
{
    unsigned first = tag;
    for (unsigned i = 0; i < n; i++)
        offer(0, T_IN, i * 8, data + 4096 * i, 4096, true);
    return first;
}

/* ---- order and room ------------------------------------------------------------- */

static void any_order(void **unused)
{
    bool seen_head[64] = { false };
    use_later(false);
    start(ALL_FEATURES, 64);
    reads(12);
    go(0);
    assert_int_equal(held_count, 12);
    assert_int_equal(used_count, 0);
    assert_false(virtio_blk_quiet(d));
    for (unsigned n = 0; n < 12; n++) {
        later_end((unsigned)rand() % held_count, n == 5 ? BLK_IOERR : BLK_OK);
        collect(0);
        assert_int_equal(used_count, n + 1);
        uint16_t head = used_order[n];
        assert_false(seen_head[head]);
        seen_head[head] = true;
        /* Three descriptors each: the head tells which. */
        assert_int_equal(status_of(head / 3), n == 5 ? S_IOERR : S_OK);
        assert_int_equal(used_len[head], n == 5 ? 1 : 4097);
    }
    assert_true(virtio_blk_quiet(d));
    assert_memory_equal(f->ram + data, original, 12 * 4096);
}

/* More than there are slots: those that wait go as others end, without a notification. */
static void slots_run_out(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 256);
    reads(50);
    go(0);
    assert_int_equal(held_count, VIRTIO_BLK_SLOTS);
    while (held_count) {
        later_end((unsigned)rand() % held_count, BLK_OK);
        work();
    }
    collect(0);
    assert_int_equal(used_count, 50);
    assert_memory_equal(f->ram + data, original, 50 * 4096);
}

static void no_room(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 256);
    later_room = 3;
    reads(20);
    go(0);
    assert_int_equal(held_count, 3);
    fake_driver_notify(&drv, 0);        /* a driver that insists changes nothing */
    work();
    assert_int_equal(held_count, 3);
    later_room = 5;
    later.resume(later.owner);
    work();
    assert_int_equal(held_count, 5);
    later_room = LATER_MAX;
    later.resume(later.owner);
    work();
    assert_int_equal(held_count, 20);
    later_end_all();
    collect(0);
    assert_int_equal(used_count, 20);
    assert_int_equal(later_calls, 20);
    assert_memory_equal(f->ram + data, original, 20 * 4096);
}

/* ---- pieces --------------------------------------------------------------------- */

static void pieces(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 64);
    offer(0, T_IN, 0, data, IMAGE, true);
    go(0);
    assert_int_equal(held_count, 2);
    assert_int_equal(later_largest, BLK_PIECE);
    later_end(0, BLK_OK);
    collect(0);
    assert_int_equal(used_count, 0);
    later_end(0, BLK_OK);
    collect(0);
    assert_int_equal(used_count, 1);
    assert_int_equal(status_of(0), S_OK);
    assert_memory_equal(f->ram + data, original, IMAGE);
}

/* The first piece fails before the second finds room: it is not sent any more. */
static void piece_fails(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 128);
    later_room = 1;
    offer(0, T_OUT, 0, data, IMAGE, false);
    offer(0, T_FLUSH, 0, 0, 0, false);
    go(0);
    assert_int_equal(held_count, 1);
    later_room = LATER_MAX;
    later_end(0, BLK_IOERR);
    work();
    collect(0);
    assert_int_equal(later_calls, 1);
    assert_int_equal(used_count, 2);
    assert_int_equal(status_of(0), S_IOERR);
    assert_int_equal(status_of(1), S_OK);
    /* One of several that are under way: the request ends with the last. */
    offer(0, T_IN, 0, data, IMAGE, true);
    go(0);
    later_end(1, BLK_IOERR);
    collect(0);
    assert_int_equal(used_count, 2);
    later_end(0, BLK_OK);
    collect(0);
    assert_int_equal(used_count, 3);
    assert_int_equal(status_of(2), S_IOERR);
    for (unsigned i = 0; i < VIRTIO_BLK_SLOTS; i++)     /* no slot was lost */
        offer(0, T_IN, 0, data, 512, true);
    go(0);
    assert_int_equal(held_count, VIRTIO_BLK_SLOTS);
    later_end_all();
}

/* Ranges go out each on its own, with their flags. */
static void ranges(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 64);
    fake_put(f, data, 8, 100);
    fake_put(f, data + 8, 8, 5000);
    fake_put(f, data + 16, 8, 8);
    fake_put(f, data + 24, 8, 8 | BIT64(32));
    offer(0, T_ZEROES, 0, data, 32, false);
    go(0);
    assert_int_equal(held_count, 3);
    assert_int_equal(seen[0].op, BLK_WRITE_ZEROES);
    assert_int_equal(seen[0].sector, 100);
    assert_int_equal(seen[0].sectors, 4096);
    assert_false(seen[0].unmap);
    assert_int_equal(seen[1].sector, 4196);
    assert_int_equal(seen[1].sectors, 904);
    assert_int_equal(seen[2].sector, 8);
    assert_int_equal(seen[2].sectors, 8);
    assert_true(seen[2].unmap);
    later_end_all();
    collect(0);
    assert_int_equal(used_count, 1);
    assert_int_equal(status_of(0), S_OK);
}

static void largest_range(void **unused)
{
    use_later(false);
    later.sectors = 1ull << 40;
    start(ALL_FEATURES, 64);
    fake_put(f, data, 8, 1ull << 39);
    fake_put(f, data + 8, 8, (4 << 20) + 1);
    assert_int_equal(ask(T_DISCARD, 0, data, 16, false), S_IOERR);
    assert_int_equal(later_calls, 0);
    fake_put(f, data + 8, 8, 4 << 20);
    offer(0, T_DISCARD, 0, data, 16, false);
    go(0);
    assert_int_equal(held_count, VIRTIO_BLK_SLOTS);     /* 2 GiB are 1,024 pieces */
    while (held_count) {
        later_end(0, BLK_OK);
        work();
    }
    collect(0);
    assert_int_equal(later_calls, 1024);
    assert_int_equal(status_of(1), S_OK);
}

/* ---- flush ---------------------------------------------------------------------- */

static void flush(void **unused)
{
    use_later(true);
    start(ALL_FEATURES, 64);
    offer(0, T_FLUSH, 77, 0, 0, false);
    go(0);
    assert_int_equal(held_count, 1);
    assert_int_equal(held[0]->op, BLK_FLUSH);
    assert_int_equal(held[0]->sector | held[0]->sectors, 0);
    later_end(0, BLK_UNSUPPORTED);
    collect(0);
    assert_int_equal(status_of(0), S_UNSUPP);
    offer(0, T_OUT, 0, data, 512, false);
    go(0);
    later_end(0, BLK_OK);
    collect(0);
    assert_int_equal(used_count, 2);    /* this driver flushes by itself */
}

/* A driver that cannot flush: its writes are flushed before they end. */
static void write_through(void **unused)
{
    use_later(true);
    start(ALL_FEATURES & ~F_FLUSH, 64);
    offer(0, T_OUT, 0, data, IMAGE, false);
    go(0);
    assert_int_equal(held_count, 2);
    later_end(1, BLK_OK);
    work();
    assert_int_equal(later_calls, 2);   /* not before all of it is written */
    later_end(0, BLK_OK);
    work();
    collect(0);
    assert_int_equal(held_count, 1);
    assert_int_equal(held[0]->op, BLK_FLUSH);
    assert_int_equal(used_count, 0);
    later_end(0, BLK_OK);
    collect(0);
    assert_int_equal(used_count, 1);
    assert_int_equal(status_of(0), S_OK);
    offer(0, T_OUT, 0, data, 512, false);
    go(0);
    later_end(0, BLK_IOERR);            /* nothing to flush then */
    work();
    collect(0);
    assert_int_equal(used_count, 2);
    assert_int_equal(status_of(1), S_IOERR);
    assert_int_equal(held_count, 0);
}

/* ---- resets --------------------------------------------------------------------- */

static void reset_in_flight(void **unused)
{
    use_later(false);
    start_limited(3, ALL_FEATURES, 128, 0, 0);
    for (unsigned q = 0; q < 2; q++) {
        for (unsigned i = 0; i < 40; i++)
            offer(q, T_IN, i, data + 512 * i, 512, true);
        go(q);
    }
    assert_int_equal(held_count, 2 * VIRTIO_BLK_SLOTS);
    fake_driver_set(&drv, FAKE_STATUS, 1, 0);
    assert_int_not_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
    uint8_t *before = malloc(FAKE_RAM);
    memcpy(before, f->ram, FAKE_RAM);
    while (held_count) {
        assert_int_not_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
        later_end((unsigned)rand() % held_count, BLK_OK);
        work();
    }
    assert_int_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
    assert_memory_equal(before, f->ram, FAKE_RAM);      /* no status, no used ring */
    free(before);
    assert_true(virtio_blk_quiet(d));
    later_calls = 0;
    restart(ALL_FEATURES, 128);
    reads(VIRTIO_BLK_SLOTS);            /* all slots are there again */
    go(0);
    assert_int_equal(held_count, VIRTIO_BLK_SLOTS);
    later_end_all();
    collect(0);
    assert_int_equal(used_count, VIRTIO_BLK_SLOTS);
}

/* A reset while a request is half submitted, and one after another. */
static void reset_of_a_job(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 64);
    later_room = 1;
    offer(0, T_IN, 0, data, IMAGE, true);
    go(0);
    fake_driver_set(&drv, FAKE_STATUS, 1, 0);
    fake_driver_set(&drv, FAKE_STATUS, 1, 0);
    assert_int_not_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
    later.resume(later.owner);
    work();
    assert_int_equal(later_calls, 1);
    later_end(0, BLK_OK);
    work();
    assert_int_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
    assert_int_equal(later_calls, 1);
    later_room = LATER_MAX;
    restart(ALL_FEATURES, 64);
    reads(8);
    go(0);
    assert_int_equal(held_count, 8);
    later_end_all();
    collect(0);
    assert_int_equal(used_count, 8);
    fake_driver_set(&drv, FAKE_STATUS, 1, 0);           /* nothing under way: at once */
    assert_int_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
}

/* Half done requests that nobody has in hand are let go of, slot and all. */
static void resets_between_pieces(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 64);
    for (unsigned i = 0; i < 2 * VIRTIO_BLK_SLOTS; i++) {
        offer(0, T_IN, 0, data, IMAGE, true);
        fake_driver_notify(&drv, 0);
        assert_non_null(queues[0].job.request);
        restart(ALL_FEATURES, 64);
        assert_null(queues[0].job.request);
    }
    assert_int_equal(ask(T_IN, 0, data, IMAGE, true), S_OK);
}

static void queue_reset_in_flight(void **unused)
{
    use_later(false);
    start_limited(2, ALL_FEATURES, 64, 0, 0);
    reads(10);
    go(0);
    unsigned other = offer(1, T_IN, 0, data, 512, true);
    go(1);
    fake_driver_set(&drv, FAKE_QUEUE_SELECT, 2, 0);
    fake_driver_set(&drv, FAKE_QUEUE_RESET, 2, 1);
    assert_int_equal(fake_driver_get(&drv, FAKE_QUEUE_RESET, 2), 1);    /* 4.1.4.3: until it is done */
    for (unsigned i = held_count; i--;)
        if (held[i]->owner == &queues[0])
            later_end(i, BLK_OK);
    assert_int_equal(held_count, 1);
    assert_int_equal(fake_driver_get(&drv, FAKE_QUEUE_RESET, 2), 0);
    assert_int_equal(fake_driver_get(&drv, FAKE_QUEUE_ENABLE, 2), 0);
    collect(0);
    assert_int_equal(used_count, 0);
    later_end_all();
    collect(1);
    assert_int_equal(used_count, 1);
    assert_int_equal(status_of(other), S_OK);
    fake_driver_queue(&drv, 0, 64);
    reads(4);
    go(0);
    later_end_all();
    collect(0);
    assert_int_equal(used_count, 5);
}

/* What ends after the driver broke a rule is not shown; a reset then brings all back. */
static void broken_in_flight(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 64);
    reads(6);
    go(0);
    const struct fake_buf b = { headers, 16 };
    fake_ring_add(&drv.ring[0], &b, 1, 0);
    go(0);
    assert_true(needs_reset());
    later_end(0, BLK_OK);
    later_end(0, BLK_OK);
    fake_driver_set(&drv, FAKE_STATUS, 1, 0);
    assert_int_not_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
    later_end_all();
    assert_int_equal(fake_driver_get(&drv, FAKE_STATUS, 1), 0);
    collect(0);
    assert_int_equal(used_count, 0);
    restart(ALL_FEATURES, 64);
    reads(VIRTIO_BLK_SLOTS > 20 ? 20 : VIRTIO_BLK_SLOTS);
    go(0);
    later_end_all();
    work();
    collect(0);
    assert_int_equal(used_count, 20);
}

/* ---- threats E8: what was read once is not read again ---------------------------- */

static void rewritten(void **unused)
{
    use_later(false);
    start(ALL_FEATURES, 64);
    later_room = 1;
    offer(0, T_IN, 0, data, IMAGE, true);
    go(0);
    put_header(0, T_OUT, 1ull << 62);
    for (unsigned i = 0; i < 64; i++)
        fake_ring_desc(&drv.ring[0], i, FAKE_RAM - 1, UINT32_MAX, FAKE_NEXT | FAKE_WRITE, (uint16_t)i);
    later_room = LATER_MAX;
    later.resume(later.owner);
    work();
    assert_int_equal(later_calls, 2);
    assert_int_equal(seen[1].op, BLK_READ);
    assert_int_equal(seen[1].sector, BLK_PIECE / 512);
    later_end_all();
    assert_int_equal(status_of(0), S_OK);
    assert_memory_equal(f->ram + data, original, IMAGE);
    assert_memory_equal(image, original, IMAGE);
    assert_false(needs_reset());
}

/* ---- limits --------------------------------------------------------------------- */

static void rate(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start_limited(2, ALL_FEATURES, 256, 1 << 20, 0);
    const uint64_t begin = f->now;
    for (unsigned i = 0; i < 64; i++)   /* 2 MiB at 1 MiB a second, an eighth at once */
        offer(i & 1, T_IN, 64 * i, data + 32768 * i, 32768, true);
    go(0);
    go(1);
    assert_true(used_count >= 4 && used_count <= 6);
    for (unsigned i = 0; i < 20; i++) {
        fake_env_advance(f, 100000000);
        go(0);                          /* insisting does not help */
        go(1);
        uint64_t most = (1 << 17) + (f->now - begin) * (1 << 20) / 1000000000 + 32768;
        assert_true(used_count * 32768 <= most);
        assert_true(used_count == 64 || (used_count + 2) * 32768 >= most - 32768);
    }
    assert_int_equal(used_count, 64);
    assert_memory_equal(f->ram + data, original, 64 * 32768);
}

static void iops(void **unused)
{
    use_later(false);
    start_limited(1, ALL_FEATURES, 256, 0, 16);
    reads(20);
    go(0);
    for (unsigned tenths = 0; tenths < 13; tenths++) {
        uint64_t most = 2 + 16 * tenths / 10;
        assert_true(later_calls <= most + 1 && (later_calls == 20 || later_calls + 1 >= most));
        later_end_all();
        fake_env_advance(f, 100000000);
        work();
    }
    later_end_all();
    collect(0);
    assert_int_equal(used_count, 20);
    assert_memory_equal(f->ram + data, original, 20 * 4096);
}

/* A request over its limit waits without its chain: a reset finds nothing of it. */
static void reset_while_limited(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start_limited(1, ALL_FEATURES, 64, 4096, 0);
    offer(0, T_IN, 0, data, IMAGE, true);       /* overdraws by a quarter of an hour */
    offer(0, T_IN, 0, data, 512, true);
    go(0);
    assert_int_equal(used_count, 1);
    restart(ALL_FEATURES, 64);
    unsigned t = offer(0, T_FLUSH, 0, 0, 0, false);
    go(0);
    assert_int_equal(status_of(t), S_OK);       /* nothing to limit */
    t = offer(0, T_IN, 0, data, 512, true);
    go(0);
    assert_int_equal(status_of(t), S_NONE);
    fake_env_advance(f, 1100ull * 1000000000);
    work();
    assert_int_equal(status_of(t), S_OK);
}

/* ---- state ---------------------------------------------------------------------- */

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    virtio_blk_save(d, &o);
    assert_true(o.len <= cap);
    return o.len;
}

/* In the middle of requests, to a device made anew: what was not answered is done there. */
static void moves(void **unused)
{
    static uint8_t buf[16384], again[16384];
    use_ram(BLK_RAM_OVERLAY);
    start_limited(2, ALL_FEATURES, 64, 0, 0);
    reads(3);
    unsigned big = offer(0, T_IN, 0, data + 65536, IMAGE, true);
    unsigned after = offer(0, T_FLUSH, 0, 0, 0, false);
    unsigned other = offer(1, T_IN, 8, data, 4096, true);
    fake_driver_notify(&drv, 0);
    assert_int_equal(status_of(big), S_NONE);
    assert_non_null(queues[0].job.request);
    size_t n = save(buf, sizeof(buf));
    struct virtio_blk *from = d;
    struct virtio_blk_queue *old = queues;
    f->work = NULL;
    d = malloc(sizeof(*d));
    queues = malloc(2 * sizeof(*queues));
    const struct virtio_blk_config c = { .blk = disk, .queues = 2, .queue = queues, .name = "disk 0" };
    virtio_blk_init(d, &c, &f->env);
    struct state_in in = { .buf = buf, .len = n };
    assert_int_equal(virtio_blk_load(d, &in), HV_OK);
    assert_int_equal(in.pos, n);
    assert_int_equal(save(again, sizeof(again)), n);
    assert_memory_equal(buf, again, n);
    drv.v = &d->v;
    work();
    collect(0);
    collect(1);
    assert_int_equal(used_count, 6);
    assert_int_equal(status_of(big) | status_of(after) | status_of(other), S_OK);
    assert_memory_equal(f->ram + data + 65536, original, IMAGE);
    free(from);
    free(old);
}

static void other_disks(void **unused)
{
    static uint8_t buf[16384], was[16384];
    use_ram(BLK_RAM_OVERLAY);
    start_limited(2, ALL_FEATURES, 64, 0, 0);
    size_t n = save(buf, sizeof(buf));
    for (unsigned i = 0; i < 400; i++) {
        size_t cut = (size_t)rand() % n, at = (size_t)rand() % n;
        uint8_t *bad = malloc(i % 2 ? cut : n);
        memcpy(bad, buf, i % 2 ? cut : n);
        if (i % 2 == 0)
            bad[at] ^= (uint8_t)(1 << rand() % 8);
        struct state_in in = { .buf = bad, .len = i % 2 ? cut : n };
        hv_status s = virtio_blk_load(d, &in);
        assert_true(i % 2 == 0 || s != HV_OK);
        assert_true(s == HV_OK || save(was, sizeof(was)) == n);
        free(bad);
        struct state_in good = { .buf = buf, .len = n };
        assert_int_equal(virtio_blk_load(d, &good), HV_OK);
    }
    const uint64_t sectors = disk->sectors;
    disk->sectors--;
    struct state_in in = { .buf = buf, .len = n };
    assert_int_equal(virtio_blk_load(d, &in), HV_INVALID);
    disk->sectors = sectors;
    disk->can_discard = false;
    in = (struct state_in){ .buf = buf, .len = n };
    assert_int_equal(virtio_blk_load(d, &in), HV_INVALID);
    work();
    assert_false(needs_reset());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_order), TEST(slots_run_out), TEST(no_room), TEST(pieces), TEST(piece_fails), TEST(ranges),
        TEST(largest_range), TEST(resets_between_pieces),
        TEST(flush), TEST(write_through), TEST(reset_in_flight), TEST(reset_of_a_job), TEST(queue_reset_in_flight),
        TEST(broken_in_flight), TEST(rewritten), TEST(rate), TEST(iops), TEST(reset_while_limited), TEST(moves),
        TEST(other_disks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
