/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/virtio/virtq*.c: what a driver may do with a queue, and each rule that it may break. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_driver.h"
#include "socle/bits.h"

enum { SIZE = 8, RINGS = 0x10000, DATA = 0x20000, TABLE = 0x30000 };

static struct fake_env *f;
static struct fake_ring r;
static struct virtq q;
static struct virtq_chain c;

static void place(uint64_t at, uint16_t size)
{
    fake_ring_init(&r, f, at, size);
    memset(&q, 0, sizeof(q));
    q.mem = &f->mem;
    q.max = size;
    virtq_reset(&q);
    q.desc = gpa(r.desc);
    q.avail = gpa(r.avail);
    q.used = gpa(r.used);
    q.enabled = true;
}

static int setup(void **unused)
{
    f = fake_env_new();
    f->blocks[1] = hpa(2 * (uint64_t)BLOCK_SIZE);       /* neighbours here are none in the host */
    f->blocks[2] = hpa(1 * (uint64_t)BLOCK_SIZE);
    place(RINGS, SIZE);
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(f);
    return 0;
}

static void breaks(const char *why)
{
    assert_int_equal(virtq_take(&q, &c), VIRTQ_BROKEN);
    assert_non_null(q.broken);
    assert_string_equal(q.broken, why);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_BROKEN);     /* and stays so */
    assert_false(virtq_pending(&q));
    place(RINGS, SIZE);
}

/* ---- taking --------------------------------------------------------------------- */

static void test_take(void **unused)
{
    const struct fake_buf b[] = { { DATA, 16 }, { DATA + 100, 512 }, { DATA + 1000, 1 } };
    assert_int_equal(virtq_take(&q, &c), VIRTQ_EMPTY);
    assert_false(virtq_pending(&q));
    fake_ring_add(&r, b, 1, 0);
    uint16_t head = fake_ring_add(&r, b, 2, 1);
    assert_true(virtq_pending(&q));
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.out, 1);
    assert_int_equal(c.in, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.head, head);
    assert_int_equal(c.out, 2);
    assert_int_equal(c.in, 1);
    assert_int_equal(c.out_len, 528);
    assert_int_equal(c.in_len, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(c.seg[i].at.v, b[i].at);
        assert_int_equal(c.seg[i].len, b[i].len);
    }
    assert_int_equal(virtq_take(&q, &c), VIRTQ_EMPTY);
    virtq_rewind(&q, 2);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.head, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.head, head);
}

/* Indices run through 16 bits many times. */
static void test_wraps(void **unused)
{
    const struct fake_buf b = { DATA, 16 };
    for (uint32_t i = 0; i < 200000; i++) {
        uint16_t head = fake_ring_add(&r, &b, 0, 1), got;
        uint32_t len;
        assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
        assert_int_equal(c.head, head);
        virtq_put(&q, c.head, i);
        assert_false(fake_ring_used(&r, &got, &len));
        assert_true(virtq_publish(&q));
        assert_true(fake_ring_used(&r, &got, &len));
        assert_int_equal(got, head);
        assert_int_equal(len, i);
    }
    assert_int_equal(q.next_used, 200000 & 0xffff);
}

static void test_full_queue(void **unused)
{
    const struct fake_buf b = { DATA, 16 };
    struct fake_buf all[SIZE];
    for (unsigned i = 0; i < SIZE; i++) {
        all[i] = (struct fake_buf){ DATA + i, 1 };
        fake_ring_add(&r, &b, 1, 0);
    }
    for (unsigned i = 0; i < SIZE; i++) {
        assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
        virtq_put(&q, c.head, 0);
    }
    assert_true(virtq_publish(&q));
    uint16_t head;
    uint32_t len;
    for (unsigned i = 0; i < SIZE; i++) {
        assert_true(fake_ring_used(&r, &head, &len));
        assert_int_equal(head, i);
    }
    fake_ring_add(&r, all, 3, SIZE - 3);                /* one chain of all descriptors */
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.out + c.in, SIZE);
    assert_int_equal(c.seg[SIZE - 1].at.v, DATA + SIZE - 1);
}

static void test_index_rules(void **unused)
{
    fake_put(f, r.avail + 2, 2, SIZE + 1);
    breaks("available index is too far ahead");
    fake_put(f, r.avail + 2, 2, 65535);
    breaks("available index is too far ahead");
    fake_ring_offer(&r, SIZE);
    breaks("available ring names no descriptor");
    fake_ring_offer(&r, 65535);
    breaks("available ring names no descriptor");
    fake_ring_desc(&r, 0, DATA, 1, FAKE_NEXT, SIZE);
    fake_ring_offer(&r, 0);
    breaks("next descriptor is outside of its table");
    fake_ring_desc(&r, 0, DATA, 1, FAKE_NEXT, 65535);
    fake_ring_offer(&r, 0);
    breaks("next descriptor is outside of its table");
}

/* The index may come back by one, or leave requests behind that were never given back. */
static void test_outstanding(void **unused)
{
    for (unsigned i = 0; i < SIZE; i++)
        fake_ring_offer(&r, 3);
    for (unsigned i = 0; i < SIZE; i++)
        assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    fake_ring_offer(&r, 3);
    breaks("available index is too far ahead");
    for (unsigned i = 0; i < SIZE; i++)
        fake_ring_offer(&r, 3);
    for (unsigned i = 0; i < SIZE; i++)
        assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    virtq_put(&q, 3, 0);
    fake_ring_offer(&r, 3);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    fake_put(f, r.avail + 2, 2, SIZE);
    breaks("available index is too far ahead");
}

static void test_loops(void **unused)
{
    fake_ring_desc(&r, 2, DATA, 1, FAKE_NEXT, 2);
    fake_ring_offer(&r, 2);
    breaks("chain is longer than the queue");
    for (unsigned i = 0; i < SIZE; i++)
        fake_ring_desc(&r, i, DATA, 0, FAKE_NEXT, (uint16_t)((i + 1) % SIZE));
    fake_ring_offer(&r, 5);
    breaks("chain is longer than the queue");           /* also when all are empty */
}

static void test_direction(void **unused)
{
    for (uint32_t len = 0; len < 2; len++) {
        fake_ring_desc(&r, 0, DATA, 1, FAKE_NEXT, 1);
        fake_ring_desc(&r, 1, DATA, len, FAKE_NEXT | FAKE_WRITE, 2);
        fake_ring_desc(&r, 2, DATA, 1, 0, 0);
        fake_ring_offer(&r, 0);
        breaks("device-readable descriptor after a device-writable one");
    }
    fake_ring_desc(&r, 0, DATA, 1, FAKE_WRITE | FAKE_NEXT, 1);
    fake_ring_desc(&r, 1, DATA, 1, FAKE_WRITE, 0);
    fake_ring_offer(&r, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);    /* writable ones alone are fine */
    assert_int_equal(c.in, 2);
}

static void test_lengths(void **unused)
{
    fake_ring_desc(&r, 0, DATA, UINT32_MAX, FAKE_NEXT, 1);
    fake_ring_desc(&r, 1, DATA, 1, FAKE_WRITE, 0);
    fake_ring_offer(&r, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);    /* 4 GiB, neither looked at nor more */
    assert_true(c.out_len == UINT32_MAX && c.in_len == 1);
    fake_ring_desc(&r, 1, DATA, 2, FAKE_WRITE, 0);
    fake_ring_offer(&r, 0);
    breaks("chain is longer than 4 GiB");
    for (unsigned i = 0; i < 4; i++)                    /* empty ones are left out */
        fake_ring_desc(&r, i, DATA + i, i % 2, i < 3 ? FAKE_NEXT : 0, (uint16_t)(i + 1));
    fake_ring_offer(&r, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.out, 2);
    assert_int_equal(c.seg[0].at.v, DATA + 1);
    assert_int_equal(c.seg[1].at.v, DATA + 3);
    fake_ring_desc(&r, 0, 0, 0, FAKE_WRITE, 0);
    fake_ring_offer(&r, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.out + c.in, 0);
}

/* ---- indirect tables ------------------------------------------------------------ */

static void test_indirect(void **unused)
{
    struct fake_buf b[SIZE];
    for (unsigned i = 0; i < SIZE; i++)
        b[i] = (struct fake_buf){ DATA + 8 * i, 8 };
    q.indirect = true;
    fake_ring_add_indirect(&r, TABLE, b, SIZE - 2, 2);  /* as many as the queue has */
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.out, SIZE - 2);
    assert_int_equal(c.in, 2);
    for (unsigned i = 0; i < SIZE; i++)
        assert_int_equal(c.seg[i].at.v, b[i].at);
    /* At odd addresses too, and through a break between blocks. */
    for (uint64_t at = BLOCK_SIZE - 40; at < BLOCK_SIZE; at += 3) {
        virtq_put(&q, fake_ring_add_indirect(&r, at, b, 1, 3), 0);
        assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
        assert_int_equal(c.out, 1);
        assert_int_equal(c.in, 3);
        assert_int_equal(c.seg[3].at.v, b[3].at);
        memset(r.taken, 0, sizeof(r.taken));
    }
}

/* 2.7.5.3.2: ordinary ones first, and WRITE is ignored. */
static void test_indirect_last(void **unused)
{
    struct fake_ring t = { .f = f, .desc = TABLE };
    q.indirect = true;
    fake_ring_desc(&r, 0, DATA, 16, FAKE_NEXT, 4);
    fake_ring_desc(&r, 4, TABLE, 32, FAKE_INDIRECT | FAKE_WRITE, 0);
    fake_ring_desc(&t, 0, DATA + 16, 5, FAKE_NEXT, 1);
    fake_ring_desc(&t, 1, DATA + 32, 7, FAKE_WRITE, 0);
    fake_ring_offer(&r, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_int_equal(c.out_len, 21);
    assert_int_equal(c.in_len, 7);
    place(RINGS, SIZE);
    q.indirect = true;
    /* Both together must not be longer than the queue. */
    fake_ring_desc(&r, 0, DATA, 16, FAKE_NEXT, 4);
    fake_ring_desc(&r, 4, TABLE, SIZE * 16, FAKE_INDIRECT, 0);
    for (unsigned i = 0; i < SIZE; i++)
        fake_ring_desc(&t, i, DATA, 1, i < SIZE - 1 ? FAKE_NEXT : 0, (uint16_t)(i + 1));
    fake_ring_offer(&r, 0);
    breaks("chain is longer than the queue");
}

static void offer_table(uint64_t at, uint32_t len, uint16_t flags)
{
    q.indirect = true;
    fake_ring_desc(&r, 1, at, len, flags, 2);
    fake_ring_offer(&r, 1);
}

static void test_indirect_rules(void **unused)
{
    struct fake_ring t = { .f = f, .desc = TABLE };
    fake_ring_desc(&t, 0, DATA, 1, 0, 0);
    offer_table(TABLE, 16, FAKE_INDIRECT);
    q.indirect = false;
    breaks("indirect descriptor without the feature");
    offer_table(TABLE, 16, FAKE_INDIRECT | FAKE_NEXT);
    breaks("descriptor with both INDIRECT and NEXT");
    static const uint32_t lengths[] = { 0, 1, 15, 17, 24, UINT32_MAX };
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        offer_table(TABLE, lengths[i], FAKE_INDIRECT);
        breaks("indirect table is no whole number of descriptors");
    }
    offer_table(TABLE, 16 * (SIZE + 1), FAKE_INDIRECT);
    breaks("indirect table is larger than the queue");
    offer_table(TABLE, 0xfffffff0, FAKE_INDIRECT);
    breaks("indirect table is larger than the queue");
    fake_ring_desc(&t, 0, TABLE, 16, FAKE_INDIRECT, 0);
    offer_table(TABLE, 16, FAKE_INDIRECT);
    breaks("indirect descriptor inside an indirect table");
    fake_ring_desc(&t, 0, DATA, 1, FAKE_NEXT, 2);
    offer_table(TABLE, 32, FAKE_INDIRECT);
    breaks("next descriptor is outside of its table");
    fake_ring_desc(&t, 0, DATA, 1, FAKE_NEXT, 0);
    offer_table(TABLE, 32, FAKE_INDIRECT);
    breaks("chain is longer than the queue");
    static const uint64_t nowhere[] = { FAKE_RAM, FAKE_RAM - 8, 0xfee00000, UINT64_MAX, UINT64_MAX - 15 };
    for (unsigned i = 0; i < ARRAY_LEN(nowhere); i++) {
        offer_table(nowhere[i], 32, FAKE_INDIRECT);
        breaks("indirect table is not in RAM");
    }
    /* The queue's own descriptors are a table like any other; a loop through it ends. */
    offer_table(r.desc, 16 * SIZE, FAKE_INDIRECT);
    fake_ring_desc(&r, 0, r.desc, 16 * SIZE, FAKE_INDIRECT, 0);
    breaks("indirect descriptor inside an indirect table");
}

/* ---- places --------------------------------------------------------------------- */

static void refused(const char *text)
{
    const char *why;
    assert_false(virtq_place_ok(&q, &why));
    assert_string_equal(why, text);
    place(RINGS, SIZE);
}

static void test_place(void **unused)
{
    const char *why;
    assert_true(virtq_place_ok(&q, &why));
    q.size = 0, refused("queue size is not a power of two, or too large");
    q.size = 6, refused("queue size is not a power of two, or too large");
    q.size = 2 * SIZE, refused("queue size is not a power of two, or too large");
    q.desc.v += 8, refused("a ring is not aligned");
    q.avail.v += 1, refused("a ring is not aligned");
    q.used.v += 2, refused("a ring is not aligned");
    gpa_t *part[] = { &q.desc, &q.avail, &q.used };
    static const uint64_t nowhere[] = { FAKE_RAM, FAKE_RAM - 16, 0xfee00000, UINT64_MAX & ~15ull, 1ull << 63 };
    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < ARRAY_LEN(nowhere); j++)
            part[i]->v = nowhere[j], refused("a ring is not in RAM");
    q.avail = q.desc, refused("rings overlap each other");
    q.used = q.desc, refused("rings overlap each other");
    q.used.v = q.avail.v + 4 + 2 * SIZE, refused("rings overlap each other");
    q.desc.v = align_down(q.used.v + 4 + 8 * SIZE, 16), refused("rings overlap each other");
    q.desc.v = FAKE_RAM - 16 * SIZE;                    /* the very end is fine */
    assert_true(virtq_place_ok(&q, &why));
    q.avail.v = FAKE_RAM - 16 * SIZE - 6 - 2 * SIZE;
    assert_true(virtq_place_ok(&q, &why));
    q.used.v = align_down(q.avail.v - 6 - 8 * SIZE, 4);
    assert_true(virtq_place_ok(&q, &why));
    q.used.v = FAKE_RAM - 4 - 8 * SIZE;                 /* avail_event is a part of it */
    refused("a ring is not in RAM");
}

/* Read-only memory serves for the rings that only the driver writes. */
static void test_rom(void **unused)
{
    static hpa_t rom[1];
    const char *why;
    rom[0] = f->blocks[3];
    assert_int_equal(gmem_add(&f->mem, gpa(FAKE_RAM), BLOCK_SIZE, rom, true), HV_OK);
    q.desc = gpa(FAKE_RAM);
    q.avail = gpa(FAKE_RAM + 0x1000);
    assert_true(virtq_place_ok(&q, &why));
    q.used = gpa(FAKE_RAM + 0x2000);
    assert_false(virtq_place_ok(&q, &why));
    q.used = gpa(FAKE_RAM - 4 - 8 * SIZE);              /* its end crosses into ROM */
    assert_false(virtq_place_ok(&q, &why));
}

/* Memory goes away under a live queue: nothing but the queue breaks. */
static void test_lost_memory(void **unused)
{
    const struct fake_buf b = { DATA, 16 };
    for (unsigned step = 0; step < 6; step++) {
        place(RINGS, SIZE);
        fake_ring_add(&r, &b, 1, 0);
        assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
        fake_ring_add(&r, &b, 1, 0);
        if (step == 3)
            virtq_put(&q, c.head, 0);
        if (step == 5)
            virtq_notify_disable(&q);
        uint32_t slots = f->mem.slots;
        f->mem.slots = 0;
        switch (step) {
        case 0: assert_true(virtq_pending(&q)); break;
        case 1: assert_int_equal(virtq_take(&q, &c), VIRTQ_BROKEN); break;
        case 2: virtq_put(&q, c.head, 0); break;
        case 3: assert_false(virtq_publish(&q)); break;
        case 4: virtq_notify_disable(&q); break;
        case 5: assert_true(virtq_notify_enable(&q)); break;
        }
        assert_int_equal(virtq_take(&q, &c), VIRTQ_BROKEN);
        assert_string_equal(q.broken, "a ring is not in RAM");
        f->mem.slots = slots;
        assert_int_equal(virtq_take(&q, &c), VIRTQ_BROKEN);
        virtq_put(&q, 0, 0);
        assert_false(virtq_publish(&q));
        assert_false(virtq_notify_enable(&q));
    }
}

/* Every part of the rings once across a break between blocks. */
static void test_across_blocks(void **unused)
{
    const struct fake_buf b[] = { { DATA, 16 }, { DATA + 16, 32 } };
    for (uint32_t back = 16; back < fake_ring_bytes(SIZE) + 16; back += 16) {
        place(BLOCK_SIZE - back, SIZE);
        const char *why;
        assert_true(virtq_place_ok(&q, &why));
        q.used.v = r.used += 4 * (back / 16 % 4);       /* used elements of 8 bytes lie at 4 */
        r.taken[0] = true;                              /* what is missed must not read as right */
        for (unsigned i = 0; i < 3 * SIZE; i++) {
            uint16_t head = fake_ring_add(&r, b, 1, 1), got;
            uint32_t len;
            assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
            assert_int_equal(c.head, head);
            assert_int_equal(c.seg[1].at.v, DATA + 16);
            virtq_put(&q, c.head, i + 0x1234567);
            assert_true(virtq_publish(&q));
            assert_true(fake_ring_used(&r, &got, &len));
            assert_int_equal(got, head);
            assert_int_equal(len, i + 0x1234567);
        }
    }
}

static void test_not_enabled(void **unused)
{
    const struct fake_buf b = { DATA, 16 };
    fake_ring_add(&r, &b, 1, 0);
    q.enabled = false;
    assert_int_equal(virtq_take(&q, &c), VIRTQ_EMPTY);
    assert_false(virtq_pending(&q));
    assert_false(virtq_notify_enable(&q));
    virtq_put(&q, 0, 0);
    assert_false(virtq_publish(&q));
    virtq_notify_disable(&q);
    assert_int_equal(fake_ring_used_flags(&r), 0);
    assert_int_equal(fake_get(f, r.used + 2, 2), 0);
}

/* ---- interrupts and notifications ----------------------------------------------- */

static void use(unsigned n)
{
    const struct fake_buf b = { DATA, 16 };
    for (unsigned i = 0; i < n; i++) {
        fake_ring_add(&r, &b, 1, 0);
        assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
        virtq_put(&q, c.head, 0);
        r.taken[c.head] = false;
    }
}

static void test_interrupt_flags(void **unused)
{
    assert_false(virtq_publish(&q));                    /* nothing was put */
    use(1);
    assert_true(virtq_publish(&q));
    assert_false(virtq_publish(&q));
    fake_ring_avail_flags(&r, 1);
    use(2);
    assert_false(virtq_publish(&q));
    assert_int_equal(fake_get(f, r.used + 2, 2), 3);    /* shown, only quietly */
    fake_ring_avail_flags(&r, 0xfffe);                  /* other bits mean nothing */
    use(1);
    assert_true(virtq_publish(&q));
}

static void test_interrupt_events(void **unused)
{
    q.event_idx = true;
    fake_ring_avail_flags(&r, 1);                       /* 2.7.7.2: ignored then */
    fake_ring_used_event(&r, 0);
    use(1);
    assert_true(virtq_publish(&q));
    use(1);
    assert_false(virtq_publish(&q));                    /* event lies behind */
    fake_ring_used_event(&r, 4);
    use(2);
    assert_false(virtq_publish(&q));                    /* used index 4: entry 3 is the last */
    use(1);
    assert_true(virtq_publish(&q));
    fake_ring_used_event(&r, 7);
    use(5);
    assert_true(virtq_publish(&q));                     /* passed on the way */
    q.next_used = q.shown_used = q.signalled = q.next_avail = r.avail_idx = 65534;
    fake_put(f, r.avail + 2, 2, r.avail_idx);
    fake_ring_used_event(&r, 1);
    use(3);
    assert_false(virtq_publish(&q));
    use(1);
    assert_true(virtq_publish(&q));                     /* beyond the wrap */
}

/* Events and positions at random: an interrupt exactly when entry `event` became used. */
static void test_event_rule(void **unused)
{
    uint32_t seed = 1;
    q.event_idx = true;
    for (unsigned round = 0; round < 20000; round++) {
        seed = seed * 1664525 + 1013904223;
        uint16_t old = q.next_used, n = (uint16_t)(1 + (seed >> 8) % SIZE);
        uint16_t event = (uint16_t)(old + (seed >> 16) % (4 * SIZE) - 2 * SIZE);
        fake_ring_used_event(&r, event);
        use(n);
        assert_int_equal(virtq_publish(&q), (uint16_t)(event - old) < n);
    }
}

static void test_notify_flags(void **unused)
{
    const struct fake_buf b = { DATA, 16 };
    virtq_notify_disable(&q);
    assert_true(q.notify_off);
    assert_int_equal(fake_ring_used_flags(&r), 1);
    assert_false(virtq_notify_enable(&q));
    assert_false(q.notify_off);
    assert_int_equal(fake_ring_used_flags(&r), 0);
    virtq_notify_disable(&q);
    fake_ring_add(&r, &b, 1, 0);
    assert_true(virtq_notify_enable(&q));               /* one came meanwhile */
    assert_int_equal(fake_ring_used_flags(&r), 0);
}

static void test_notify_events(void **unused)
{
    const struct fake_buf b = { DATA, 16 };
    q.event_idx = true;
    use(3);
    virtq_notify_disable(&q);
    assert_int_equal(fake_ring_used_flags(&r), 0);      /* 2.7.10.1: flags stay 0 */
    assert_int_equal(fake_ring_avail_event(&r), 0);
    assert_false(virtq_notify_enable(&q));
    assert_int_equal(fake_ring_avail_event(&r), 3);
    fake_ring_add(&r, &b, 1, 0);
    assert_true(virtq_notify_enable(&q));
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    assert_false(virtq_notify_enable(&q));              /* also without disabling first */
    assert_int_equal(fake_ring_avail_event(&r), 4);
}

/* ---- copies --------------------------------------------------------------------- */

static void chain(const struct fake_buf *b, unsigned out, unsigned in)
{
    place(RINGS, SIZE);
    fake_ring_add(&r, b, out, in);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
}

static void test_copies(void **unused)
{
    const struct fake_buf b[] = {
        { DATA, 3 }, { BLOCK_SIZE - 2, 5 }, { DATA + 100, 4 }, { BLOCK_SIZE - 104, 3 }, { 2 * BLOCK_SIZE - 1, 9 },
    };
    char out[16] = "";
    assert_int_equal(gmem_write(&f->mem, gpa(DATA), "abc", 3), HV_OK);
    assert_int_equal(gmem_write(&f->mem, gpa(BLOCK_SIZE - 2), "defgh", 5), HV_OK);
    chain(b, 2, 3);
    struct virtq_cursor k = virtq_out(&c), w = virtq_in(&c);
    assert_true(virtq_pull(&q, &k, out, 2));
    assert_true(virtq_pull(&q, &k, out + 2, 0));
    assert_true(virtq_pull(&q, &k, out + 2, 6));
    assert_string_equal(out, "abcdefgh");
    assert_true(virtq_pull(&q, &k, out, 0));
    assert_false(virtq_pull(&q, &k, out, 1));           /* does not run into the writable ones */
    assert_true(virtq_push(&q, &w, "0123456789", 10));
    assert_true(virtq_push(&q, &w, "ABCDEF", 6));
    assert_false(virtq_push(&q, &w, "x", 1));
    assert_int_equal(gmem_read(&f->mem, gpa(DATA + 100), out, 5), HV_OK);
    assert_memory_equal(out, "0123\0", 5);
    assert_int_equal(gmem_read(&f->mem, gpa(2 * BLOCK_SIZE - 1), out, 10), HV_OK);
    assert_memory_equal(out, "789ABCDEF\0", 10);
    k = virtq_out(&c);
    assert_false(virtq_pull(&q, &k, out, 9));
}

static void test_skip(void **unused)
{
    const struct fake_buf b[] = { { DATA, 3 }, { DATA + 10, 5 }, { DATA + 20, 4 } };
    char out[4] = "";
    assert_int_equal(gmem_write(&f->mem, gpa(DATA), "abc.......defgh", 15), HV_OK);
    chain(b, 2, 1);
    struct virtq_cursor k = virtq_out(&c);
    assert_true(virtq_skip(&k, 0));
    assert_true(virtq_skip(&k, 2));
    assert_true(virtq_skip(&k, 3));
    assert_true(virtq_pull(&q, &k, out, 2));
    assert_string_equal(out, "fg");
    assert_true(virtq_skip(&k, 1));
    assert_true(virtq_skip(&k, 0));
    assert_false(virtq_skip(&k, 1));
    k = virtq_out(&c);
    assert_true(virtq_skip(&k, 8));                     /* up to the end exactly */
    assert_false(virtq_pull(&q, &k, out, 1));
    k = virtq_out(&c);
    assert_false(virtq_skip(&k, 9));
    k = virtq_out(&c);
    assert_false(virtq_skip(&k, UINT64_MAX));
}

static void test_span(void **unused)
{
    const struct fake_buf b[] = { { BLOCK_SIZE - 4, 10 }, { DATA, 5 } };
    size_t n = 0;
    chain(b, 1, 1);
    struct virtq_cursor k = virtq_out(&c);
    assert_null(virtq_span(&q, &k, false, 0, &n));
    assert_ptr_equal(virtq_span(&q, &k, false, 3, &n), f->ram + BLOCK_SIZE - 4);
    assert_int_equal(n, 3);
    assert_ptr_equal(virtq_span(&q, &k, false, 100, &n), f->ram + BLOCK_SIZE - 1);
    assert_int_equal(n, 1);
    assert_ptr_equal(virtq_span(&q, &k, false, 100, &n), f->ram + 2 * BLOCK_SIZE);
    assert_int_equal(n, 6);
    assert_null(virtq_span(&q, &k, false, 100, &n));
}

/* Addresses are looked at only now; nothing outside of RAM is touched. */
static void test_bad_addresses(void **unused)
{
    static const struct fake_buf bad[] = {
        { FAKE_RAM, 4 }, { FAKE_RAM - 2, 4 }, { 0xfee00000, 4 }, { UINT64_MAX, 4 }, { UINT64_MAX - 3, 4 },
    };
    char out[8];
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        const struct fake_buf b[] = { bad[i], bad[i] };
        chain(b, 1, 1);
        struct virtq_cursor k = virtq_out(&c), w = virtq_in(&c);
        assert_false(virtq_pull(&q, &k, out, 4));
        assert_false(virtq_push(&q, &w, out, 4));
        assert_null(q.broken);                          /* the request is bad, not the queue */
    }
    const struct fake_buf wrap = { UINT64_MAX - 3, 8 }; /* past the wrap there is RAM */
    chain(&wrap, 1, 0);
    struct virtq_cursor k = virtq_out(&c);
    assert_true(virtq_skip(&k, 4));
    assert_false(virtq_pull(&q, &k, out, 4));
    static hpa_t rom[1];
    const struct fake_buf b = { FAKE_RAM, 4 };
    rom[0] = f->blocks[3];
    assert_int_equal(gmem_add(&f->mem, gpa(FAKE_RAM), BLOCK_SIZE, rom, true), HV_OK);
    chain(&b, 0, 1);
    struct virtq_cursor w = virtq_in(&c);
    assert_false(virtq_push(&q, &w, out, 4));
    chain(&b, 1, 0);
    k = virtq_out(&c);
    assert_true(virtq_pull(&q, &k, out, 4));
}

/* ---- save and load -------------------------------------------------------------- */

static hv_status load(const uint8_t *buf, size_t n)
{
    struct state_in in = { .buf = buf, .len = n };
    uint16_t version;
    assert_int_equal(state_open(&in, 1, 1, &version), HV_OK);
    bool good = virtq_load(&q, &in);
    return state_close(&in) == HV_OK && good ? HV_OK : HV_INVALID;
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    state_begin(&o, 1, 1);
    virtq_save(&q, &o);
    state_end(&o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t a[128], b[128];
    uint32_t seed = 7;
    for (unsigned round = 0; round < 2000; round++) {
        place(RINGS, SIZE);
        seed = seed * 1664525 + 1013904223;
        q.size = (uint16_t)(SIZE >> (seed >> 4) % 4);
        q.shown_used = (uint16_t)(seed >> 8);
        q.next_used = (uint16_t)(q.shown_used + (seed >> 28) % (q.size + 1u));
        q.next_avail = q.next_used;
        q.signalled = (uint16_t)(seed >> 12);
        q.vector = (uint16_t)(seed >> 3);
        q.enabled = seed & 64;
        q.notify_off = seed & 128;
        q.broken = seed >> 30 == 0 ? "x" : NULL;
        if (!q.enabled)
            q.desc.v = q.avail.v = q.used.v = (uint64_t)seed << 32;
        size_t n = save(a, sizeof(a));
        struct virtq before = q;
        place(RINGS, SIZE);
        assert_int_equal(load(a, n), HV_OK);
        assert_int_equal(save(b, sizeof(b)), n);
        assert_memory_equal(a, b, n);
        assert_int_equal(!before.broken, !q.broken);
        before.broken = q.broken;
        assert_memory_equal(&before, &q, sizeof(q));
    }
}

static void test_load_refuses(void **unused)
{
    uint8_t good[128], bad[128], now[128];
    enum { SIZE_AT = 12, ENABLED_AT = 14, OFF_AT = 15, BROKEN_AT = 16, DESC_AT = 17, AVAIL_AT = 43, SHOWN_AT = 47 };
    size_t n = save(good, sizeof(good));
    static const struct { uint8_t at, value; } damage[] = {
        { SIZE_AT, 0 }, { SIZE_AT, 3 }, { SIZE_AT, 2 * SIZE }, { SIZE_AT + 1, 1 }, { ENABLED_AT, 2 }, { OFF_AT, 2 },
        { BROKEN_AT, 2 }, { DESC_AT, 8 }, { DESC_AT + 7, 0x80 }, { SHOWN_AT, 1 }, { AVAIL_AT, SIZE + 1 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(damage); i++) {
        memcpy(bad, good, n);
        bad[damage[i].at] = damage[i].value;
        assert_int_equal(load(bad, n), HV_INVALID);
        save(now, sizeof(now));
        assert_memory_equal(now, good, n);
    }
    assert_int_equal(load(good, n), HV_OK);
}

static void test_reset(void **unused)
{
    const struct fake_buf b = { DATA, 16 };
    fake_ring_add(&r, &b, 1, 0);
    assert_int_equal(virtq_take(&q, &c), VIRTQ_GOT);
    q.size = 2;
    q.broken = "x";
    q.lock.taken = 1;
    virtq_reset(&q);
    assert_int_equal(q.size, SIZE);
    assert_int_equal(q.max, SIZE);
    assert_int_equal(q.lock.taken, 1);
    assert_ptr_equal(q.mem, &f->mem);
    assert_int_equal(q.vector, VIRTIO_NO_VECTOR);
    assert_false(q.enabled || q.next_avail || q.broken || q.desc.v);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_take), T(test_wraps), T(test_full_queue), T(test_index_rules), T(test_outstanding), T(test_loops),
        T(test_direction), T(test_lengths), T(test_indirect), T(test_indirect_last), T(test_indirect_rules),
        T(test_place), T(test_rom), T(test_lost_memory), T(test_across_blocks), T(test_not_enabled),
        T(test_interrupt_flags), T(test_interrupt_events), T(test_event_rule), T(test_notify_flags),
        T(test_notify_events), T(test_copies), T(test_skip), T(test_span), T(test_bad_addresses),
        T(test_round_trip), T(test_load_refuses), T(test_reset),
    };
    return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
