/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives a virtqueue whose rings, descriptors and memory are the fuzzer's: rings anywhere,
 * taking, giving back, publishing, un-taking, copies, save and load. RAM is an allocation of
 * its own, so the sanitizer sees whatever is touched outside; what is not the guest's to
 * decide is checked here: bounds of chains and of what is under way.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/virtio/virtq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Guest RAM: two blocks at 0 that are no neighbours in the host, ROM behind them, and a hole
 * from 6 MiB on. Only the first and last KiB of a block matter, and the rings in the middle.
 */
enum { BLOCKS = 3, STEPS_MAX = 300, OPEN_MAX = 256 };

static uint8_t *host;
static hpa_t ram[2], rom[1];
static struct gmem m;
static struct virtq q;
static struct virtq_chain c;
static uint16_t taken[OPEN_MAX];        /* heads not given back, in order */
static unsigned open;

static const uint8_t *next;
static size_t left;

static uint8_t u8(void)
{
    if (!left)
        return 0;
    left--;
    return *next++;
}

static uint16_t u16(void)
{
    uint16_t v = u8();
    return (uint16_t)(v | u8() << 8);
}

static uint32_t u32(void)
{
    uint32_t v = u16();
    return v | (uint32_t)u16() << 16;
}

/* Mostly RAM, now and then at an edge or nowhere. */
static uint64_t address(void)
{
    uint8_t how = u8();
    uint64_t near = u16();
    switch (how & 7) {
    case 0: return BLOCK_SIZE - (near & 0x3ff);         /* between the blocks */
    case 1: return 2 * (uint64_t)BLOCK_SIZE - (near & 0x3ff);   /* RAM to ROM */
    case 2: return 3 * (uint64_t)BLOCK_SIZE - (near & 0x3ff);   /* ROM to nowhere */
    case 3: return 0 - near;
    case 4: return near << 48 | near;
    default: return near;
    }
}

static void build(void)
{
    if (!host) {
        host = aligned_alloc(BLOCK_SIZE, BLOCKS * (size_t)BLOCK_SIZE);
        hv_assert(host);
        memset(host, 0, BLOCKS * (size_t)BLOCK_SIZE);
    }
    m = (struct gmem){ .window = host };
    ram[0] = hpa(2 * (uint64_t)BLOCK_SIZE);
    ram[1] = hpa(0);
    rom[0] = hpa(1 * (uint64_t)BLOCK_SIZE);
    hv_assert(gmem_add(&m, gpa(0), 2 * (uint64_t)BLOCK_SIZE, ram, false) == HV_OK);
    hv_assert(gmem_add(&m, gpa(2 * (uint64_t)BLOCK_SIZE), BLOCK_SIZE, rom, true) == HV_OK);
    hv_assert(gmem_fill(&m, gpa(0), 0, 0x10000) == HV_OK);
    hv_assert(gmem_fill(&m, gpa(BLOCK_SIZE - 0x400), 0, 0x800) == HV_OK);
    memset(&q, 0, sizeof(q));
    q.mem = &m;
    open = 0;
}

static void set_up(void)
{
    const char *why;
    virtq_reset(&q);
    open = 0;
    q.max = VIRTQ_SIZE_MAX;
    uint8_t flags = u8();
    q.size = flags & 8 ? u16() : (uint16_t)(1u << (flags & 7));
    q.indirect = flags & 16;
    q.event_idx = flags & 32;
    q.desc = gpa(flags & 64 ? address() : 0x1000);
    q.avail = gpa(flags & 64 ? address() : 0x2000);
    q.used = gpa(flags & 64 ? address() : 0x3000);
    q.enabled = virtq_place_ok(&q, &why);
    hv_assert(q.enabled == !why);
}

/* ---- the driver ----------------------------------------------------------------- */

static void poke(uint64_t at, unsigned size, uint64_t v)
{
    if (gmem_write(&m, gpa(at), &v, size) != HV_OK)
        return;                         /* not RAM: the guest could not either */
}

static void write_desc(uint64_t table)
{
    uint64_t at = table + 16 * (u8() & 15);
    poke(at, 8, address());
    uint8_t how = u8();
    poke(at + 8, 4, how & 1 ? u32() : how & 2 ? 16u * (how >> 4) : u16());
    poke(at + 12, 2, u8() & (how & 4 ? 0xff : 3));
    poke(at + 14, 2, how & 8 ? u16() : u8() & 15);
}

static void offer(void)
{
    uint16_t index = 0, n = u8() & 3;
    if (gmem_read(&m, gpa(q.avail.v + 2), &index, 2) != HV_OK || !q.size)
        return;
    for (unsigned i = 0; i <= n; i++)
        poke(q.avail.v + 4 + 2 * ((index + i) % q.size), 2, u8() & 15);
    poke(q.avail.v + 2, 2, (uint16_t)(index + n + 1));
}

/* ---- the device ----------------------------------------------------------------- */

static void check_chain(void)
{
    uint64_t out = 0, in = 0;
    hv_assert(c.head < q.size && c.out + c.in <= q.size);
    for (unsigned i = 0; i < c.out + c.in; i++) {
        hv_assert(c.seg[i].len);
        *(i < c.out ? &out : &in) += c.seg[i].len;
    }
    hv_assert(out == c.out_len && in == c.in_len && out + in <= 1ull << 32);
}

static void copy(void)
{
    static uint8_t buf[65536];
    struct virtq_cursor k = virtq_out(&c), w = virtq_in(&c);
    uint64_t away = u8() & 1 ? u32() : u8() & 15;
    size_t n = u16(), here = 0;
    if (virtq_skip(&k, away)) {
        bool good = virtq_pull(&q, &k, buf, n);
        hv_assert(!good || away + n <= c.out_len);
    }
    if (virtq_skip(&w, u8() & 15)) {
        bool good = virtq_push(&q, &w, buf, u16() & 0xfff);
        hv_assert(!good || c.in_len || !n || w.i == w.end || w.off);
    }
    uint8_t *p = virtq_span(&q, &w, true, u16(), &here);
    if (p) {
        hv_assert(here && here <= c.in_len);
        memset(p, 0x5a, here);
    }
}

static void take(void)
{
    bool was_broken = q.broken;
    bool enabled = q.enabled;
    switch (virtq_take(&q, &c)) {
    case VIRTQ_GOT:
        hv_assert(enabled && !was_broken && open < OPEN_MAX && open < q.size);
        check_chain();
        taken[open++] = c.head;
        copy();
        break;
    case VIRTQ_EMPTY: hv_assert(!was_broken && !q.broken); break;
    case VIRTQ_BROKEN: hv_assert(q.broken && (!was_broken || !virtq_pending(&q))); break;
    }
}

static void put(void)
{
    if (!open)
        return;
    unsigned i = u8() % open;
    uint16_t before = q.next_used;
    virtq_put(&q, taken[i], u32());
    if (q.broken)
        return;
    hv_assert(q.next_used == (uint16_t)(before + 1));
    memmove(&taken[i], &taken[i + 1], (--open - i) * sizeof(taken[0]));
}

/* Only where none of the last ones has been given back: with nothing given back but in order. */
static void rewind_one(void)
{
    uint16_t under_way = (uint16_t)(q.next_avail - q.next_used);
    if (!open || under_way != open)
        return;
    virtq_rewind(&q, 1);
    open--;
}

static void round_trip(void)
{
    uint8_t a[128], b[128];
    struct state_out o = { .buf = a, .cap = sizeof(a) };
    state_begin(&o, 1, 1);
    virtq_save(&q, &o);
    state_end(&o);
    struct state_in in = { .buf = a, .len = o.len };
    uint16_t version;
    hv_assert(state_open(&in, 1, 1, &version) == HV_OK);
    if (!is_pow2(q.size) || q.size > q.max)
        return;                         /* the transport does not let that happen */
    hv_assert(virtq_load(&q, &in) && state_close(&in) == HV_OK);
    struct state_out again = { .buf = b, .cap = sizeof(b) };
    state_begin(&again, 1, 1);
    virtq_save(&q, &again);
    state_end(&again);
    hv_assert(again.len == o.len && !memcmp(a, b, o.len));
}

static void damaged_load(void)
{
    uint8_t a[128];
    struct virtq n = q;
    struct state_out o = { .buf = a, .cap = sizeof(a) };
    state_begin(&o, 1, 1);
    virtq_save(&q, &o);
    state_end(&o);
    for (unsigned i = 0; i < 3; i++)
        a[12 + u8() % (o.len - 12)] = u8();
    struct state_in in = { .buf = a, .len = o.len };
    uint16_t version;
    const char *why;
    hv_assert(state_open(&in, 1, 1, &version) == HV_OK);
    if (virtq_load(&n, &in))
        hv_assert(is_pow2(n.size) && n.size <= n.max && (!n.enabled || virtq_place_ok(&n, &why)));
}

static void step(void)
{
    switch (u8() & 15) {
    case 0: set_up(); break;
    case 1: poke(address(), 4, u32()); break;
    case 2: poke(q.avail.v + (u8() & 63), 2, u16()); break;
    case 3:
    case 4: write_desc(q.desc.v); break;
    case 5: write_desc(address()); break;
    case 6:
    case 7: offer(); break;
    case 8:
    case 9: take(); break;
    case 10: put(); break;
    case 11: (void)virtq_publish(&q); break;
    case 12: rewind_one(); break;
    case 13: virtq_notify_disable(&q); break;
    case 14: (void)virtq_notify_enable(&q); break;
    default: u8() & 1 ? round_trip() : damaged_load(); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next = data;
    left = size;
    build();
    set_up();
    for (unsigned i = 0; left && i < STEPS_MAX; i++)
        step();
    return 0;
}
