/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no driver does to a virtqueue, on a block device: loops, indices from nowhere, lengths
 * that wrap, rings where no RAM is, sizes that cannot be, storms. Each ends with the device
 * wanting a reset or the request with an error, as the table says; nothing else changes, and
 * after a reset the device works. Virtio 1.2, 2.1.2, 2.7 and 5.2.6; see virtio.h.
 */
#include "virtio.h"

enum { RESET = 1, IOERR = 2, UNSUPP = 4, GOOD = 8, SIZE = 16, BUF = 4096 };

/* Addresses that the cases name; those above ANY are put in when it runs. */
#define IOAPIC      0xfec00000ull
#define ECAM        0xe0000000ull
#define ANY         0xf000000000000000ull
#define OWN_BAR     (ANY + (1ull << 32))
#define RAM_END     (ANY + (2ull << 32))
#define HEADER      ((uint64_t)&header)
#define DATA        ((uint64_t)data)
#define STATUS_AT   ((uint64_t)&blk_status)
#define TABLE       ((uint64_t)table)
#define UNMAPPED    0xffff00000000ull

static struct vdev blk, rng;
static struct rings rings, before;
static struct queue q;
static volatile struct blk_header header;
static volatile uint8_t canary0[BUF], data[BUF], canary1[BUF];
static volatile struct desc table[2 * RING];
static uint64_t ram;

struct bad_chain {
    const char *name;
    uint16_t    head;
    uint8_t     ends;
    uint32_t    type;
    uint64_t    sector;
    struct desc d[5];
};

/* The middle of a good request: header in 0, status in 2. */
#define H           { HEADER, 16, D_NEXT, 1 }
#define S           { STATUS_AT, 1, D_WRITE, 0 }

static const struct bad_chain chains[] = {
    /* loops and places */
    { "self loop", 0, RESET, 0, 0, { { HEADER, 16, D_NEXT, 0 } } },
    { "loop of two", 0, RESET, 0, 0, { H, { DATA, 512, D_NEXT, 0 } } },
    { "loop among the writable", 0, RESET, 0, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 1 } } },
    { "loop of empty ones", 0, RESET, 0, 0, { { HEADER, 0, D_NEXT, 0 } } },
    { "next is the size", 0, RESET, 0, 0, { { HEADER, 16, D_NEXT, SIZE } } },
    { "next is 65535", 0, RESET, 0, 0, { { HEADER, 16, D_NEXT, 0xffff } } },
    { "head is the size", SIZE, RESET, 0, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "head is 65535", 0xffff, RESET, 0, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "readable behind writable", 0, RESET, 0, 0,
      { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, { DATA, 1, D_NEXT, 3 }, S } },
    /* indirect tables */
    { "indirect in indirect", 0, RESET, 0, 0, { { TABLE, 64, D_INDIRECT, 0 } } },
    { "indirect with next", 0, RESET, 0, 0, { { TABLE + 64, 48, D_INDIRECT | D_NEXT, 1 }, S } },
    { "indirect of length 0", 0, RESET, 0, 0, { { TABLE + 64, 0, D_INDIRECT, 0 } } },
    { "indirect of length 15", 0, RESET, 0, 0, { { TABLE + 64, 15, D_INDIRECT, 0 } } },
    { "indirect of length 49", 0, RESET, 0, 0, { { TABLE + 64, 49, D_INDIRECT, 0 } } },
    { "indirect of 4 GiB", 0, RESET, 0, 0, { { TABLE + 64, 0xfffffff0, D_INDIRECT, 0 } } },
    { "indirect of length 0xffffffff", 0, RESET, 0, 0, { { TABLE + 64, 0xffffffff, D_INDIRECT, 0 } } },
    { "indirect in a register page", 0, RESET, 0, 0, { { LAPIC, 48, D_INDIRECT, 0 } } },
    { "indirect in its own BAR", 0, RESET, 0, 0, { { OWN_BAR, 48, D_INDIRECT, 0 } } },
    { "indirect where nothing is", 0, RESET, 0, 0, { { UNMAPPED, 48, D_INDIRECT, 0 } } },
    { "indirect that wraps", 0, RESET, 0, 0, { { 0xfffffffffffffff0, 48, D_INDIRECT, 0 } } },
    { "indirect across the end of RAM", 0, RESET, 0, 0, { { RAM_END - 8, 16, D_INDIRECT, 0 } } },
    { "indirect self loop", 0, RESET, 0, 0, { { TABLE + 128, 16, D_INDIRECT, 0 } } },
    { "indirect next outside", 0, RESET, 0, 0, { { TABLE + 144, 16, D_INDIRECT, 0 } } },
    /* shapes of requests */
    { "no status", 0, RESET, 0, 0, { { HEADER, 16, 0, 0 } } },
    { "no header", 0, RESET, 0, 0, { { DATA, 512, D_NEXT | D_WRITE, 1 }, { STATUS_AT, 1, D_WRITE, 0 } } },
    { "all empty", 0, RESET, 0, 0, { { HEADER, 0, D_NEXT, 1 }, { DATA, 0, D_WRITE, 0 } } },
    { "header of 15 bytes", 0, RESET, 0, 0, { { HEADER, 15, D_NEXT, 1 }, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "status of no bytes", 0, RESET, 1, 0, { H, { DATA, 512, D_NEXT, 2 }, { STATUS_AT, 0, D_WRITE, 0 } } },
    { "status in a register page", 0, RESET, 0, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, { LAPIC + 0x80, 1, D_WRITE, 0 } } },
    { "status in its own BAR", 0, RESET, 0, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, { OWN_BAR + STATUS, 1, D_WRITE, 0 } } },
    { "status at the end of RAM", 0, RESET, 0, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, { RAM_END, 1, D_WRITE, 0 } } },
    { "status wraps", 0, RESET, 0, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, { ~0ull, 2, D_WRITE, 0 } } },
    /* data where no RAM is: an error of the request, or of the device */
    { "header in a register page", 0, RESET | IOERR, 0, 0,
      { { LAPIC, 16, D_NEXT, 1 }, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "header where nothing is", 0, RESET | IOERR, 0, 0,
      { { UNMAPPED, 16, D_NEXT, 1 }, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "data into the local APIC", 0, RESET | IOERR, 0, 0, { H, { LAPIC, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "data into the I/O APIC", 0, RESET | IOERR, 0, 0, { H, { IOAPIC, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "data into its own BAR", 0, RESET | IOERR, 0, 0, { H, { OWN_BAR, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "data from its own BAR", 0, RESET | IOERR, 1, 16, { H, { OWN_BAR, 512, D_NEXT, 2 }, S } },
    { "data into configuration space", 0, RESET | IOERR, 0, 0, { H, { ECAM, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "data across the end of RAM", 0, RESET | IOERR, 0, 0, { H, { RAM_END - 256, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "data wraps", 0, RESET | IOERR, 0, 0, { H, { 0xffffffffffffff00, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "data of 4 GiB", 0, RESET | IOERR, 0, 0, { H, { DATA, 0xffffffff, D_NEXT | D_WRITE, 2 }, S } },
    { "data of twice 4 GiB", 0, RESET | IOERR, 0, 0,
      { H, { DATA, 0xfffffe00, D_NEXT | D_WRITE, 3 }, S, { DATA, 0xfffffe00, D_NEXT | D_WRITE, 2 } } },
    /* requests that the disk refuses */
    { "sector 2^63", 0, IOERR, 0, 1ull << 63, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "sector 2^64 - 1", 0, IOERR, 0, ~0ull, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "sector times 512 wraps", 0, IOERR, 0, 1ull << 55, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "write of sector 2^63", 0, IOERR, 1, 1ull << 63, { H, { DATA, 512, D_NEXT, 2 }, S } },
    { "half a sector", 0, IOERR, 0, 0, { H, { DATA, 300, D_NEXT | D_WRITE, 2 }, S } },
    { "no data", 0, IOERR | GOOD, 0, 0, { { HEADER, 16, D_NEXT, 2 }, { 0, 0, 0, 0 }, S } },
    { "discard without the range", 0, IOERR | UNSUPP, BLK_DISCARD, 0, { { HEADER, 16, D_NEXT, 2 }, { 0, 0, 0, 0 }, S } },
    { "zeroes with half a range", 0, IOERR | UNSUPP, BLK_ZEROES, 0, { H, { DATA, 8, D_NEXT, 2 }, S } },
    { "discard of wild ranges", 0, IOERR | UNSUPP, BLK_DISCARD, 0, { H, { DATA, 64, D_NEXT, 2 }, S } },
    { "zeroes of wild ranges", 0, IOERR | UNSUPP, BLK_ZEROES, 0, { H, { DATA, 64, D_NEXT, 2 }, S } },
    { "unknown type", 0, UNSUPP, 0xffffffff, 0, { H, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
    { "unknown flags", 0, GOOD, 0, 0, { { HEADER, 16, D_NEXT | 0xfff8, 1 }, { DATA, 512, D_NEXT | D_WRITE, 2 }, S } },
};

/* ---- around each case ----------------------------------------------------------- */

static uint32_t lapic0, ioapic0;

static uint32_t ioapic(unsigned reg)
{
    w32(at(IOAPIC), reg);
    return r32(at(IOAPIC + 0x10));
}

static void prepare(uint64_t features)
{
    want(negotiate(&blk, features), "FEATURES_OK is refused");
    msix_on(&blk);
    w16(blk.common + CONFIG_VECTOR, 0);
    fill(canary0, BUF, 1);
    fill(canary1, BUF, 2);
    clear(data, BUF, 0xff);
    lapic0 = r32(at(LAPIC + 0x80));
    ioapic0 = ioapic(0x10);
    blk_status = S_NONE;
    interrupted_now(0);
}

static uint64_t place(uint64_t address)
{
    uint64_t offset = address - OWN_BAR, end = address - RAM_END + 0x1000;
    if (offset < 0x1000)
        return bar_of(&blk, 0) + offset;
    return end < 0x2000 ? ram + end - 0x1000 : address;
}

/* How it ended, one of the bits. */
static unsigned outcome(void)
{
    uint32_t id, len;
    if (!used(&q, &id, &len))
        return status(&blk) & NEEDS_RESET ? RESET : 0;
    return blk_status == S_OK ? GOOD : blk_status == S_IOERR ? IOERR : blk_status == S_UNSUPP ? UNSUPP : 0;
}

/* Nothing but what was to happen, and a device that works after a reset. */
static void check(unsigned ends, unsigned how)
{
    want(how, "nothing happens");
    want(how & ends, how == RESET ? "wants a reset" : how == GOOD ? "succeeds" : "another end");
    if (how == RESET) {
        want(interrupted(0) == 1, "no interrupt tells of the need of a reset");
        want(!q.r->used.index, "buffers are used");
        notify(&q);
        idle();
        want(!q.r->used.index && (status(&blk) & NEEDS_RESET), "it goes on without a reset");
    }
    want(filled(canary0, BUF, 1) && filled(canary1, BUF, 2), "memory beside the buffers has changed");
    want(lapic0 == r32(at(LAPIC + 0x80)) && ioapic0 == ioapic(0x10), "registers of an APIC have changed");
    blk_start(&q, &blk, F_INDIRECT | F_EVENT_IDX, &rings);
    want(blk_works(&q), "does not work after a reset");
}

/* ---- descriptors ---------------------------------------------------------------- */

/* Tables that the chains point to: nested; good; two that go nowhere. */
static void make_tables(void)
{
    put_desc(&table[0], HEADER, 16, D_NEXT, 1);
    put_desc(&table[1], DATA, 512, D_NEXT | D_WRITE, 2);
    put_desc(&table[2], TABLE + 64, 48, D_INDIRECT, 0);
    put_desc(&table[4], HEADER, 16, D_NEXT, 1);
    put_desc(&table[5], DATA, 512, D_NEXT | D_WRITE, 2);
    put_desc(&table[6], STATUS_AT, 1, D_WRITE, 0);
    put_desc(&table[8], HEADER, 16, D_NEXT, 0);
    put_desc(&table[9], HEADER, 16, D_NEXT, 1);
}

static const struct bad_chain *now;

static void run_chain(void)
{
    prepare(F_INDIRECT | BIT(13) | BIT(14));    /* DISCARD, WRITE_ZEROES */
    make_tables();
    for (unsigned i = 0; i < 64 && (now->type == BLK_DISCARD || now->type == BLK_ZEROES); i += 16)
        clear(&data[i + 12], 4, 0);     /* ranges without flags */
    header = (struct blk_header){ .type = now->type, .sector = now->sector };
    queue_init(&q, &blk, 0, SIZE, &rings);
    for (unsigned i = 0; i < 5; i++)
        put(&q, i, at(place(now->d[i].addr)), now->d[i].len, now->d[i].flags, now->d[i].next);
    set_status(&blk, DRIVER_OK);
    offer(&q, now->head);
    notify(&q);
    check(now->ends, outcome());
}

static void good_chain(void)
{
    header = (struct blk_header){ .type = BLK_IN };
    put(&q, 0, &header, 16, D_NEXT, 1);
    put(&q, 1, data, 512, D_NEXT | D_WRITE, 2);
    put(&q, 2, &blk_status, 1, D_WRITE, 0);
}

static void start_good(uint64_t features)
{
    prepare(features);
    queue_init(&q, &blk, 0, SIZE, &rings);
    good_chain();
    set_status(&blk, DRIVER_OK);
}

static void indirect_not_agreed(void)
{
    start_good(0);
    make_tables();
    put(&q, 0, &table[4], 48, D_INDIRECT, 0);
    offer(&q, 0);
    notify(&q);
    check(RESET, outcome());
}

/* One more than the queue has. */
static void indirect_too_long(void)
{
    start_good(F_INDIRECT);
    put_desc(&table[0], HEADER, 16, D_NEXT, 1);
    for (unsigned i = 1; i < SIZE; i++)
        put_desc(&table[i], DATA, 1, D_NEXT | D_WRITE, i + 1);
    put_desc(&table[SIZE], STATUS_AT, 1, D_WRITE, 0);
    put(&q, 0, table, 16 * (SIZE + 1), D_INDIRECT, 0);
    offer(&q, 0);
    notify(&q);
    check(RESET, outcome());
}

static void chain_and_table_too_long(void)
{
    start_good(F_INDIRECT);
    put_desc(&table[0], DATA, 1, D_NEXT | D_WRITE, 1);
    for (unsigned i = 1; i + 1 < SIZE; i++)
        put_desc(&table[i], DATA, 1, D_NEXT | D_WRITE, i + 1);
    put_desc(&table[SIZE - 1], STATUS_AT, 1, D_WRITE, 0);
    for (unsigned i = 0; i < 8; i++)
        put(&q, i, &header, 2, D_NEXT, i + 1);
    put(&q, 8, table, 16 * SIZE, D_INDIRECT, 0);
    offer(&q, 0);
    notify(&q);
    check(RESET, outcome());
}

/* ---- the available ring --------------------------------------------------------- */

static void jump(uint16_t by)
{
    start_good(0);
    q.r->avail.index = q.next = (uint16_t)(q.next + by);
    notify(&q);
    check(RESET, outcome());
}

static void jump_back(void) { jump(65535); }
static void jump_half(void) { jump(32768); }
static void jump_by_one_too_many(void) { jump(SIZE + 1); }

/* With positions other than 0, and requests that were good before. */
static void jump_later(void)
{
    start_good(0);
    for (unsigned i = 0; i < 3 * SIZE; i++)
        want(request(&q, 0) == 513, "request");
    want(blk_status == S_OK, "status");
    uint16_t index = q.r->used.index;
    q.r->avail.index = (uint16_t)(q.next - 1);
    notify(&q);
    want(outcome() == RESET, "does not want a reset");
    want(q.r->used.index == index, "buffers are used");
    check(RESET | GOOD | IOERR, GOOD);
}

/* All entries name one head: as many requests as the ring has, no more. */
static void one_head_for_all(void)
{
    uint32_t id, len;
    start_good(0);
    for (unsigned i = 0; i < SIZE; i++)
        offer(&q, 0);
    notify(&q);
    for (unsigned i = 0; i < SIZE; i++)
        want(used(&q, &id, &len) && !id && len == 513, "request");
    idle();
    want(q.r->used.index == SIZE && !(status(&blk) & NEEDS_RESET), "more, or a reset");
    check(GOOD, GOOD);
}

/* ---- where rings are ------------------------------------------------------------ */

struct bad_rings { const char *name; uint64_t desc, avail, used; };

#define DESC_AT     ((uint64_t)&rings.desc)
#define AVAIL_AT    ((uint64_t)&rings.avail)
#define USED_AT     ((uint64_t)&rings.used)

static const struct bad_rings bad_rings[] = {
    { "all at 0", 0, 0, 0 },
    { "all at -1", ~0ull, ~0ull, ~0ull },
    { "all at the last page", 0xfffffffffffff000, 0xfffffffffffff400, 0xfffffffffffff800 },
    { "descriptors wrap", 0xfffffffffffffff0, AVAIL_AT, USED_AT },
    { "available ring wraps", DESC_AT, 0xfffffffffffffffe, USED_AT },
    { "used ring wraps", DESC_AT, AVAIL_AT, 0xfffffffffffffffc },
    { "descriptors end behind RAM", RAM_END - 16, AVAIL_AT, USED_AT },
    { "available ring ends behind RAM", DESC_AT, RAM_END - 8, USED_AT },
    { "used ring ends behind RAM", DESC_AT, AVAIL_AT, RAM_END - 8 },
    { "descriptors in the local APIC", LAPIC, AVAIL_AT, USED_AT },
    { "available ring in the local APIC", DESC_AT, LAPIC, USED_AT },
    { "used ring in the local APIC", DESC_AT, AVAIL_AT, LAPIC },
    { "used ring in the I/O APIC", DESC_AT, AVAIL_AT, IOAPIC },
    { "used ring in configuration space", DESC_AT, AVAIL_AT, ECAM },
    { "descriptors in its own BAR", OWN_BAR, AVAIL_AT, USED_AT },
    { "available ring in its own BAR", DESC_AT, OWN_BAR, USED_AT },
    { "used ring in its own BAR", DESC_AT, AVAIL_AT, OWN_BAR },
    { "used ring where nothing is", DESC_AT, AVAIL_AT, UNMAPPED },
    { "used over descriptors", DESC_AT, AVAIL_AT, DESC_AT },
    { "used over the end of descriptors", DESC_AT, AVAIL_AT, DESC_AT + 16 * SIZE - 4 },
    { "available over used", DESC_AT, USED_AT, USED_AT },
    { "descriptors not aligned", DESC_AT + 8, AVAIL_AT, USED_AT },
    { "available ring not aligned", DESC_AT, AVAIL_AT + 1, USED_AT },
    { "used ring not aligned", DESC_AT, AVAIL_AT, USED_AT + 2 },
};

static const struct bad_rings *rings_now;

static void run_rings(void)
{
    prepare(F_INDIRECT);
    queue_init(&q, &blk, 0, SIZE, &rings);
    vdev_reset(&blk);
    prepare(F_INDIRECT);
    good_chain();
    rings.avail.ring[0] = 0;
    rings.avail.index = 1;
    before = rings;
    queue_select(&blk, 0);
    w16(blk.common + QUEUE_SIZE, SIZE);
    queue_place(&blk, place(rings_now->desc), place(rings_now->avail), place(rings_now->used));
    w16(blk.common + QUEUE_ENABLE, 1);
    want(!r16(blk.common + QUEUE_ENABLE) || !(status(&blk) & NEEDS_RESET), "enabled and broken");
    set_status(&blk, DRIVER_OK);
    notify(&q);
    want(wants_reset(&blk), "does not want a reset");
    idle();
    for (unsigned i = 0; i < sizeof(rings) / 8; i++)
        want(((uint64_t *)&rings)[i] == ((uint64_t *)&before)[i], "the rings have changed");
    check(GOOD, GOOD);
}

/* ---- sizes ---------------------------------------------------------------------- */

static void sizes(void)
{
    prepare(0);
    queue_select(&blk, 0);
    uint16_t max = r16(blk.common + QUEUE_SIZE);
    const uint16_t bad[] = { 0, 3, 6, (uint16_t)(max - 1), (uint16_t)(2 * max), 0x8000, 0xffff };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        w16(blk.common + QUEUE_SIZE, bad[i]);
        want(r16(blk.common + QUEUE_SIZE) == max, "a bad size is taken");
    }
    check(GOOD, GOOD);
}

static void changes_while_live(void)
{
    start_good(0);
    want(request(&q, 0) == 513, "request");
    queue_select(&blk, 0);
    w16(blk.common + QUEUE_SIZE, 4);
    queue_place(&blk, LAPIC, 0, IOAPIC);
    w16(blk.common + QUEUE_ENABLE, 0);
    want(r16(blk.common + QUEUE_SIZE) == SIZE && r16(blk.common + QUEUE_ENABLE) == 1, "size or enable changes");
    want(r32(blk.common + QUEUE_DESC) == (uint32_t)DESC_AT, "addresses change");
    for (unsigned i = 0; i < 2 * SIZE; i++)
        want(request(&q, 0) == 513 && blk_status == S_OK, "request");
    check(GOOD, GOOD);
}

static void queues_that_do_not_exist(void)
{
    start_good(0);
    static const uint16_t bad[] = { 1, 17, 255, 256, 0x8000, 0xffff };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        queue_select(&blk, bad[i]);
        w16(blk.common + QUEUE_SIZE, 4);
        queue_place(&blk, DESC_AT, AVAIL_AT, USED_AT);
        w16(blk.common + QUEUE_ENABLE, 1);
        w16(blk.common + QUEUE_RESET, 1);
        w16(blk.common + QUEUE_VECTOR, 0);
        want(!r16(blk.common + QUEUE_SIZE) && !r16(blk.common + QUEUE_ENABLE), "it has registers");
    }
    want(request(&q, 0) == 513 && blk_status == S_OK, "request");
    check(GOOD, GOOD);
}

/* ---- notifications -------------------------------------------------------------- */

static void storm(void)
{
    start_good(0);
    for (unsigned i = 0; i < 2000; i++)
        w16(blk.notify + 2 * (i % 64), (uint16_t)i);
    for (unsigned i = 0; i < 500; i++) {
        w8(blk.notify + i % 8, 0);
        w32(blk.notify + 4 * (i % 2), i);
        r16(blk.notify);
    }
    want(request(&q, 0) == 513 && blk_status == S_OK, "request");
    check(GOOD, GOOD);
}

static void notified_too_early(void)
{
    vdev_reset(&blk);
    for (unsigned i = 0; i < 100; i++)
        notify(&q);
    prepare(0);
    notify(&q);
    queue_init(&q, &blk, 0, SIZE, &rings);
    good_chain();
    offer(&q, 0);
    notify(&q);
    idle();
    want(!q.r->used.index, "buffers are used before DRIVER_OK");
    check(GOOD, GOOD);
}

/* ---- resets --------------------------------------------------------------------- */

static void resets_in_flight(void)
{
    for (unsigned i = 0; i < 50; i++) {
        start_good(0);
        for (unsigned n = 0; n < SIZE; n++)
            offer(&q, 0);
        notify(&q);
        w8(blk.common + STATUS, 0);
        w8(blk.common + STATUS, 0);
        set_status(&blk, DRIVER_OK);    /* out of turn */
    }
    check(GOOD, GOOD);
}

static void driver_ok_without_features(void)
{
    vdev_reset(&blk);
    queue_init(&q, &blk, 0, SIZE, &rings);
    good_chain();
    set_status(&blk, ACKNOWLEDGE | DRIVER | DRIVER_OK);
    prepare(0);
    check(GOOD, GOOD);
}

static void queue_reset_out_of_turn(void)
{
    prepare(F_RING_RESET);
    queue_select(&blk, 0);
    w16(blk.common + QUEUE_RESET, 1);
    w16(blk.common + QUEUE_RESET, 0xffff);
    queue_init(&q, &blk, 0, SIZE, &rings);
    w16(blk.common + QUEUE_RESET, 1);
    want(!r16(blk.common + QUEUE_RESET), "does not end");
    want(!r16(blk.common + QUEUE_ENABLE), "still enabled");
    prepare(0);
    queue_init(&q, &blk, 0, SIZE, &rings);
    w16(blk.common + QUEUE_RESET, 1);
    want(r16(blk.common + QUEUE_ENABLE) == 1, "a reset without RING_RESET");
    check(GOOD, GOOD);
}

/* ---- entropy -------------------------------------------------------------------- */

static void entropy_request(unsigned i)
{
    want(negotiate(&rng, F_INDIRECT), "FEATURES_OK is refused");
    queue_init(&q, &rng, 0, SIZE, &rings);
    set_status(&rng, DRIVER_OK);
    put(&q, 0, i == 0 ? data : i == 1 ? at(LAPIC) : at(bar_of(&rng, 0)), 256, i ? D_WRITE : 0, 0);
    offer(&q, 0);
    notify(&q);
}

/* A buffer to read from, those where no RAM is; then many of no bytes, which end. */
static void entropy(void)
{
    uint32_t id, len;
    if (!vdev_find(&rng, RNG, 0)) {
        want(false, "no device");
        return;
    }
    fill(data, BUF, 3);
    for (unsigned i = 0; i < 3; i++) {
        entropy_request(i);
        want(wants_reset(&rng), "does not want a reset");
        want(!q.r->used.index && filled(data, BUF, 3), "the buffer is used");
    }
    want(negotiate(&rng, 0), "FEATURES_OK is refused");
    queue_init(&q, &rng, 0, SIZE, &rings);
    set_status(&rng, DRIVER_OK);
    put(&q, 0, data, 0, D_WRITE, 0);
    put(&q, 1, data, 64, D_WRITE, 0);
    for (unsigned i = 0; i < SIZE; i++)
        offer(&q, i + 1 == SIZE);
    notify(&q);
    for (unsigned i = 0; i < SIZE; i++)
        want(used(&q, &id, &len) && (i + 1 == SIZE ? len >= 1 && len <= 64 : !len), "buffers do not come back");
    vdev_reset(&rng);
    prepare(0);
    check(GOOD, GOOD);
}

/* ---- registers ------------------------------------------------------------------ */

/* All of the BAR, in all widths, also where registers do not end: 4.1.3.1 forbids it to drivers. */
static void wild_registers(void)
{
    uint64_t bar = bar_of(&blk, 0), random = 88172645463325252ull;
    start_good(0);
    for (unsigned i = 0; i < 6000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        volatile uint8_t *p = at(bar + (random & 0x3000) + (random >> 20 & 0x3f));
        switch (random >> 40 & 7) {
        case 0: w8(p, (uint8_t)random); break;
        case 1: w16(p, (uint16_t)random); break;
        case 2: w32(p, (uint32_t)random); break;
        case 3: w64(p, random); break;
        case 4: r8(p); break;
        case 5: r16(p); break;
        case 6: r32(p); break;
        case 7: r64(p); break;
        }
    }
    check(GOOD, GOOD);
}

static const struct test tests[] = {
    { "indirect that was not agreed on", indirect_not_agreed }, { "indirect longer than the queue", indirect_too_long },
    { "chain and table longer than the queue", chain_and_table_too_long },
    { "available index jumps by 65535", jump_back }, { "available index jumps by 32768", jump_half },
    { "available index one too far", jump_by_one_too_many }, { "available index goes back", jump_later },
    { "one head for all", one_head_for_all }, { "sizes", sizes }, { "changes while live", changes_while_live },
    { "queues that do not exist", queues_that_do_not_exist }, { "storm of notifications", storm },
    { "notified too early", notified_too_early }, { "resets in flight", resets_in_flight },
    { "DRIVER_OK without FEATURES_OK", driver_ok_without_features },
    { "queue reset out of turn", queue_reset_out_of_turn }, { "entropy", entropy }, { "wild registers", wild_registers },
};

void toy_main(void)
{
    print("TOY vbad\n");
    ram = option("ram", 32 << 20);
    interrupts_init();
    if (!vdev_find(&blk, BLK, 0))
        print("FAIL device: none\n");
    for (now = chains; blk.common && now < chains + sizeof(chains) / sizeof(*chains); now++)
        run_case(now->name, run_chain);
    for (rings_now = bad_rings; blk.common && rings_now < bad_rings + sizeof(bad_rings) / sizeof(*bad_rings); rings_now++)
        run_case(rings_now->name, run_rings);
    if (blk.common)
        run_cases(tests, sizeof(tests) / sizeof(*tests));
    cases_done("vbad");
}
