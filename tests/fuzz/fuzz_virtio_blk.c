/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the block device as a hostile driver would: requests that are mostly right, then
 * descriptors, rings, headers and memory rewritten, resets at any time, over an overlay that
 * answers at once or whenever the input says, with or without limits. After each input the
 * image below the overlay is as before, no page is lost, and a reset makes the device work.
 */
#include <stdlib.h>
#include <string.h>

#include "fake/fake_driver.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/blk_ram.h"
#include "socle/virtio/virtio_blk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUEUES = 2, SIZE = 16, SECTORS = 137, IMAGE = SECTORS * 512, LIMIT = 12, HELD = 24, STATE_MAX = 4096 };
enum { BUFFERS = 1 << 20, TABLE = 3 << 20, STEPS_MAX = 50 };

static struct fake_env *f;
static struct fake_driver drv;
static struct virtio_blk d;
static struct virtio_blk_queue queues[QUEUES];
static struct blk_ram ram;
static struct blk slow;                 /* before the RAM disk: keeps its answers */
static struct blk_request *held[HELD];
static unsigned held_count, room;
static uint8_t image[IMAGE], original[IMAGE];
static void *root[1];
static unsigned pages;

static const uint8_t *next;
static size_t left;

static uint8_t u8(void)
{
    if (!left)
        return 0;
    left--;
    return *next++;
}

static uint16_t u16(void) { return (uint16_t)(u8() | u8() << 8); }
static uint32_t u32(void) { return u16() | (uint32_t)u16() << 16; }

/* ---- the backend ---------------------------------------------------------------- */

static void *page_alloc(void *ctx) { pages++; return malloc(PAGE_SIZE); }
static void page_free(void *ctx, void *page) { pages--; free(page); }

static enum blk_submit slow_submit(struct blk *b, struct blk_request *r)
{
    hv_assert(r->op == BLK_FLUSH || (r->sectors && range_inside(r->sector, r->sectors, 0, SECTORS)));
    if (held_count >= room)
        return BLK_BUSY;
    if (r->op == BLK_FLUSH)
        r->result = BLK_OK;
    else if (ram.blk.ops->submit(&ram.blk, r) != BLK_DONE)
        panic("a RAM disk took its time");
    held[held_count++] = r;
    return BLK_STARTED;
}

static void end_one(unsigned i, bool fail)
{
    struct blk_request *r = held[i];
    held[i] = held[--held_count];
    if (fail)
        r->result = BLK_IOERR;
    r->done(r);
}

/* ---- set-up --------------------------------------------------------------------- */

static void build(uint8_t how)
{
    static const struct blk_ops ops = { slow_submit };
    const struct blk_pages source = { NULL, page_alloc, page_free };
    if (!f) {
        f = fake_env_new();
        for (unsigned i = 0; i < IMAGE; i++)
            image[i] = original[i] = (uint8_t)(i * 7 + i / 512);
    }
    f->now = 0;
    f->work = NULL;
    alarm_queue_init(&f->alarms, f->heap, FAKE_ALARMS);
    root[0] = NULL;
    hv_assert(blk_ram_root_size(IMAGE) == sizeof(root));
    hv_assert(blk_ram_init(&ram, BLK_RAM_OVERLAY, image, IMAGE, &source, LIMIT * PAGE_SIZE, root) == HV_OK);
    ram.blk.readonly = how & 8;
    slow = ram.blk;
    slow.ops = &ops;
    slow.volatile_cache = true;
    held_count = 0;
    room = how & 4 ? 3 : HELD;
    const struct virtio_blk_config c = {
        .blk = how & 1 ? &slow : &ram.blk, .queues = QUEUES, .queue = queues, .name = "disk 0",
        .rate = how & 2 ? 100000 : 0, .iops = how & 2 ? 1000 : 0, .readonly = how & 16,
    };
    virtio_blk_init(&d, &c, &f->env);
    fake_driver_init(&drv, f, &d.v);
}

static void work(void)
{
    for (unsigned i = 0; i < 100 && fake_env_work(f); i++)
        continue;
}

static void finish_reset(void)
{
    fake_driver_set(&drv, FAKE_STATUS, 1, 0);
    while (held_count) {
        hv_assert(fake_driver_get(&drv, FAKE_STATUS, 1));
        end_one(0, false);
    }
    work();
}

static void restart(uint64_t features)
{
    finish_reset();
    fake_driver_init(&drv, f, &d.v);
    fake_driver_start(&drv, features, SIZE);
}

/* ---- requests ------------------------------------------------------------------- */

static uint64_t some_place(void)
{
    static const uint64_t odd[] = { 0, FAKE_RAM - 8, FAKE_RAM, 0xfee00000, 0 - 8ull, 1ull << 63, TABLE };
    uint8_t b = u8();
    if (b < 240)
        return BUFFERS + b * 4096 + (b & 1 ? u8() : 0);
    return odd[b % ARRAY_LEN(odd)];
}

static uint32_t some_length(void)
{
    uint8_t b = u8();
    if (b < 200)
        return (b & 15) * 512u;
    return b < 250 ? b - 200u : b < 253 ? u32() : UINT32_MAX;
}

static void put_ranges(uint64_t at, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t b = u8();
        uint64_t sector = b < 240 ? b % SECTORS : (uint64_t)u32() << 31;
        fake_put(f, at + 16 * i, 8, sector);
        fake_put(f, at + 16 * i + 8, 4, b & 1 ? u8() & 31 : u32());
        fake_put(f, at + 16 * i + 12, 4, b & 2 ? 0 : u8() & 3);
    }
}

/* Header, up to 3 pieces of data, status: in the ring or in a table. */
static void request(unsigned q)
{
    static const uint32_t types[] = { 0, 1, 4, 8, 11, 13, 0, 1 };
    struct fake_ring *r = &drv.ring[q], t = { .f = f, .desc = TABLE + q * 4096 };
    uint8_t kind = u8(), shape = u8();
    uint32_t type = kind < 250 ? types[kind & 7] : u32();
    bool in = type == 0 || type == 8 || (shape & 0xc0) == 0xc0;
    const bool indirect = shape & 1, ranged = type == 11 || type == 13;
    const unsigned first = u8() % SIZE, n = 2 + (shape >> 1 & 3);
    const uint64_t header = BUFFERS - 4096 + 64 * first + 1024 * q;
    fake_put(f, header, 4, type);
    fake_put(f, header + 8, 8, kind & 0x80 ? u8() % SECTORS : kind & 0x40 ? 0 : (uint64_t)u32() << (u8() & 63));
    for (unsigned i = 0; i < n; i++) {
        uint64_t at = i == 0 ? header : i == n - 1 ? header + 32 : some_place();
        uint32_t len = i == 0 ? 16 : i == n - 1 ? 1 : some_length();
        if (ranged && i == 1 && i < n - 1) {
            at = BUFFERS + 64;
            len = 16u * (u8() & 7);
            put_ranges(at, len / 16);
        }
        uint16_t flags = (uint16_t)((i < n - 1 ? FAKE_NEXT : 0) | (i == n - 1 || (i && in) ? FAKE_WRITE : 0));
        unsigned at_desc = indirect ? i : (first + i) % SIZE;
        fake_ring_desc(indirect ? &t : r, at_desc, at, len, flags, (uint16_t)(indirect ? i + 1 : (first + i + 1) % SIZE));
    }
    if (indirect)
        fake_ring_desc(r, first, t.desc, 16 * n, FAKE_INDIRECT, 0);
    fake_ring_offer(r, (uint16_t)first);
}

/* ---- what breaks it ------------------------------------------------------------- */

static void corrupt(unsigned q)
{
    struct fake_ring *r = &drv.ring[q];
    uint8_t what = u8();
    switch (what & 7) {
    case 0: fake_put(f, r->desc + u8() % (16 * SIZE), 1, u8()); break;
    case 1: fake_put(f, r->avail + u8() % (6 + 2 * SIZE), 1, u8()); break;
    case 2: fake_put(f, r->used + u8() % (6 + 8 * SIZE), 1, u8()); break;
    case 3: fake_put(f, TABLE + u8(), 1, u8()); break;
    case 4: fake_put(f, BUFFERS - 4096 + (u16() & 4095), 1, u8()); break;
    case 5: fake_ring_offer(r, u8() % SIZE); break;
    case 6: fake_ring_avail_flags(r, u8() & 1); break;
    default: fake_ring_used_event(r, u16()); break;
    }
}

static void save_and_load(void)
{
    uint8_t buf[STATE_MAX], again[STATE_MAX];
    struct state_out o = { .buf = buf, .cap = sizeof(buf) }, o2 = { .buf = again, .cap = sizeof(again) };
    if (!virtio_blk_quiet(&d))
        return;
    virtio_blk_save(&d, &o);
    hv_assert(o.len <= STATE_MAX);
    struct state_in in = { .buf = buf, .len = o.len };
    hv_status s = virtio_blk_load(&d, &in);
    hv_assert(s == HV_OK);
    virtio_blk_save(&d, &o2);
    hv_assert(o2.len == o.len && !memcmp(buf, again, o.len));
    uint8_t flips = u8() & 7;
    for (unsigned i = 0; i < flips; i++)
        buf[u16() % o.len] = u8();
    in = (struct state_in){ .buf = buf, .len = o.len };
    if (virtio_blk_load(&d, &in) == HV_OK)
        return;
    in = (struct state_in){ .buf = again, .len = o2.len };
    s = virtio_blk_load(&d, &in);
    hv_assert(s == HV_OK);
}

static void step(void)
{
    uint8_t byte = u8();
    unsigned q = byte >> 7;
    switch (byte & 15) {
    case 0: case 1: case 2: case 3: case 4: request(q); break;
    case 5: case 6: fake_driver_notify(&drv, (uint16_t)q); break;
    case 7: work(); break;
    case 8: fake_env_advance(f, u32()); break;
    case 9: corrupt(q); break;
    case 10:
        if (held_count)
            end_one(u8() % held_count, byte & 0x40);
        break;
    case 11:
        room = u8() % HELD;
        if (d.c.blk->resume)
            d.c.blk->resume(d.c.blk->owner);
        break;
    case 12: restart(byte & 0x40 ? ~0ull : (uint64_t)u32() << 4); break;
    case 13: fake_driver_set(&drv, FAKE_STATUS, 1, 0); break;
    case 14:
        fake_driver_set(&drv, FAKE_QUEUE_SELECT, 2, q);
        fake_driver_set(&drv, FAKE_QUEUE_RESET, 2, 1);
        break;
    default: save_and_load(); break;
    }
}

/* Whatever happened, after a reset a read is a read. */
static void check(void)
{
    struct fake_ring *r = &drv.ring[0];
    restart(~0ull);
    f->now += 1ull << 50;
    fake_env_advance(f, 0);
    work();
    room = HELD;
    fake_put(f, BUFFERS, 8, 0);
    fake_put(f, BUFFERS + 8, 8, SECTORS - 1);
    fake_put(f, BUFFERS + 4096, 1, 0xee);
    const struct fake_buf b[] = { { BUFFERS, 16 }, { BUFFERS + 512, 512 }, { BUFFERS + 4096, 1 } };
    fake_ring_add(r, b, 1, 2);
    fake_driver_notify(&drv, 0);
    work();
    while (held_count)
        end_one(0, false);
    hv_assert(fake_get(f, BUFFERS + 4096, 1) == 0);
    hv_assert(virtio_blk_quiet(&d));
    finish_reset();
    hv_assert(!memcmp(image, original, IMAGE));
    hv_assert(pages == ram.used + (root[0] != NULL) && ram.used <= LIMIT);
    while (blk_ram_drop(&ram, 5))
        continue;
    hv_assert(!pages && !ram.used);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    next = input;
    left = size;
    build(u8());
    restart(~0ull);
    for (unsigned i = 0; left && i < STEPS_MAX; i++)
        step();
    check();
    return 0;
}
