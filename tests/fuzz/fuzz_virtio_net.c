/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two network devices in two guests' memories on one switch, each driven as a hostile driver
 * would: requests of any shape on any queue, frames and commands good and bad, rings written
 * over, features, resets and links changed at any time, save and load. After each step no
 * request may be in the device's hands, and what no request names must be as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "fake/fake_driver.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/le.h"
#include "socle/virtio/virtio_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    STEPS_MAX = 40, STATE_MAX = 16384,
    LOW     = 1 << 19,          /* RAM that steps use: rings below, buffers from the middle on */
    BUFFERS = LOW / 2,
    CANARY  = 3 << 20, CANARY_LEN = 4096,
};

struct peer {
    struct fake_env   *f;
    struct virtio_net  d;
    struct fake_driver drv;
    uint16_t           next[VIRTIO_NET_QUEUES];         /* descriptor to use next */
};

static struct peer peer[2];
static struct vswitch *sw;
static void *sw_mem;
static const uint8_t *next;
static size_t left;

static uint8_t u8(void)
{
    if (!left)
        return 0;
    left--;
    return *next++;
}

static uint16_t u16(void) { uint16_t v = u8(); return (uint16_t)(v | u8() << 8); }
static uint64_t u64(void)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)u8() << 8 * i;
    return v;
}

/* ---- set-up --------------------------------------------------------------------- */

static void make_peer(unsigned i)
{
    struct peer *p = &peer[i];
    struct virtio_net_config c = { .sw = sw, .name = "net 0" };
    if (!p->f) {
        p->f = fake_env_new();
        memset(p->f->ram + CANARY, 0xc5, CANARY_LEN);
    }
    memset(p->f->ram, 0, LOW);
    p->f->now = 0;
    p->f->work = NULL;
    alarm_queue_init(&p->f->alarms, p->f->heap, FAKE_ALARMS);
    memcpy(c.port.mac, (uint8_t[6]){ 0x52, 0x54, 0, 0, 0, (uint8_t)(i + 1) }, 6);
    c.port.name[0] = (char)('a' + i);
    c.port.any_mac = u8() & 1;
    c.rate = u8() & 1 ? u16() : 0;
    c.rate_in = u8() & 1 ? u16() : 0;
    hv_assert(virtio_net_init(&p->d, &c, &p->f->env) == HV_OK);
    fake_driver_init(&p->drv, p->f, &p->d.v);
}

/* What features_ok() refuses leaves the device not started. */
static void start(struct peer *p, uint64_t features)
{
    p->drv.free = 0x10000;
    memset(p->next, 0, sizeof(p->next));
    if (!fake_driver_negotiate(&p->drv, (features & fake_driver_offered(&p->drv)) | VIRTIO_F_VERSION_1))
        return;
    for (uint16_t q = 0; q < VIRTIO_NET_QUEUES; q++)
        fake_driver_queue(&p->drv, q, 64);
    fake_driver_set(&p->drv, FAKE_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

/* ---- steps ---------------------------------------------------------------------- */

static uint64_t any_address(void)
{
    switch (u8() & 15) {
    case 0:  return FAKE_RAM - u8();
    case 1:  return u64();
    case 2:  return 0x10000 + u16() % 0x4000;           /* the rings */
    case 3:  return BLOCK_SIZE - u8();
    default: return BUFFERS + 4u * u16();
    }
}

static uint32_t any_length(void)
{
    static const uint32_t length[] = { 1, 12, 13, 60, 192, 500, 1526, 1526, 4096, 4096, 65561, 65561, 0 };
    unsigned i = u8() & 15;
    return i < ARRAY_LEN(length) ? length[i] : i == 15 ? (uint32_t)u64() : u8();
}

static bool ready(struct peer *p, unsigned q) { return p->drv.ring[q].size && p->d.v.q[q].enabled; }

static void add(struct peer *p, unsigned q, const struct fake_buf *b, unsigned out, unsigned in)
{
    struct fake_ring *r = &p->drv.ring[q];
    uint16_t head = p->next[q];
    for (unsigned i = 0; i < out + in; i++) {
        uint16_t at = p->next[q];
        p->next[q] = (uint16_t)((at + 1) % r->size);
        uint16_t flags = (uint16_t)((i >= out ? FAKE_WRITE : 0) | (i + 1 < out + in ? FAKE_NEXT : 0));
        fake_ring_desc(r, at, b[i].at, b[i].len, flags, p->next[q]);
    }
    if (out + in)
        fake_ring_offer(r, head);
}

static void add_any(struct peer *p, unsigned q)
{
    struct fake_buf b[8];
    unsigned n = u8() & 7, out = u8() & 7;
    for (unsigned i = 0; i < n; i++) {
        b[i].at = any_address();
        b[i].len = any_length();
    }
    out = q == VIRTIO_NET_RXQ && out < 6 ? 0 : q == VIRTIO_NET_TXQ && out < 6 ? n : out % (n + 1);
    add(p, q, b, out, n - out);
}

static void add_receive_buffers(struct peer *p)
{
    struct fake_buf b = { BUFFERS + 65536, any_length() };
    for (unsigned n = u8() % 48; n; n--) {
        add(p, VIRTIO_NET_RXQ, &b, 0, 1);
        b.at += b.len & 0xffff;
        b.at = b.at > LOW - 70000 ? BUFFERS : b.at;
    }
}

/* A frame that the switch may well take, with offloads near what they should be. */
static void add_frame(struct peer *p)
{
    static const uint16_t payload[] = { 0, 1, 46, 138, 1446, 1460, 9000, 60000 };
    uint8_t *at = p->f->ram + BUFFERS, flags = u8(), *f = at + 12;
    uint32_t n = payload[u8() & 7], tag = flags & 8 ? 4 : 0, len = 54 + tag + n, cut = u8() * 8u + 12;
    bool ipv6 = flags & 16;
    uint32_t tcp = ipv6 ? 54 : 34;
    memset(at, 0, 12);
    at[0] = flags & 1;
    at[1] = (uint8_t)(flags & 2 ? (ipv6 ? 4 : 1) | (flags & 4 ? 0x80 : 0) : 0);
    put_le16(at + 2, (uint16_t)(tcp + 20 + tag));
    put_le16(at + 4, 1448);
    put_le16(at + 6, (uint16_t)(tcp + tag));
    put_le16(at + 8, 16);
    memset(f, 0, 128);
    memcpy(f, flags & 32 ? (uint8_t[6]){ 255, 255, 255, 255, 255, 255 } : peer[p == peer].d.c.port.mac, 6);
    memcpy(f + 6, p->d.c.port.mac, 6);
    if (tag)
        memcpy(f + 12, "\x81\0\0\0", 4);
    uint8_t *ip = f + 14 + tag;
    ip[-2] = ipv6 ? 0x86 : 8, ip[-1] = ipv6 ? 0xdd : 0;
    ip[0] = ipv6 ? 0x60 : 0x45;
    ip[ipv6 ? 6 : 9] = 6;
    uint32_t total = len - 14 - tag - (ipv6 ? 40 : 0);
    ip[ipv6 ? 4 : 2] = (uint8_t)(total >> 8), ip[ipv6 ? 5 : 3] = (uint8_t)total;
    ip[(ipv6 ? 40 : 20) + 12] = 0x50;
    if (flags & 64)
        at[u8() % 100] ^= u8();
    const struct fake_buf b[] = { { BUFFERS, cut < len + 12 ? cut : len + 12 }, { BUFFERS + cut, len + 12 - cut } };
    add(p, VIRTIO_NET_TXQ, b, cut < len + 12 ? 2 : 1, 0);
    if (flags & 128)
        fake_driver_notify(&p->drv, VIRTIO_NET_TXQ);
}

/* struct virtio_net_ctrl_mac, twice; the addresses are of the right kind. */
static uint32_t put_tables(uint8_t *at)
{
    uint32_t n = 0;
    for (unsigned kind = 0; kind < 2; kind++) {
        uint8_t entries = u8() & 15;
        put_le32(at + n, entries);
        for (n += 4; entries; entries--, n += 6) {
            memcpy(at + n, "\2\0\0\0\0", 6);
            at[n] |= (uint8_t)kind;
            at[n + 5] = u8() & 3;
        }
    }
    return n;
}

static void add_command(struct peer *p)
{
    static const uint8_t known[][3] = {             /* class, command, bytes of data */
        { 0, 0, 1 }, { 0, 1, 1 }, { 0, 2, 1 }, { 0, 3, 1 }, { 0, 4, 1 }, { 0, 5, 1 },
        { 1, 1, 6 }, { 2, 0, 2 }, { 2, 1, 2 }, { 3, 0, 0 }, { 5, 0, 8 },
    };
    uint8_t *at = p->f->ram + BUFFERS - 512, what = u8() & 31;
    uint32_t n;
    if (what < ARRAY_LEN(known)) {
        memcpy(at, known[what], 2);
        n = known[what][2];
    } else {
        at[0] = u8() & 7;
        at[1] = u8() & 7;
        n = u8();
    }
    for (uint32_t i = 0; i < n; i++)
        at[2 + i] = u8();
    if (what >= 28) {
        memcpy(at, "\1", 2);
        n = put_tables(at + 2);
    }
    const struct fake_buf b[] = { { BUFFERS - 512, 2 + n }, { BUFFERS - 8, 1 } };
    add(p, VIRTIO_NET_CTRLQ, b, 1, 1);
    fake_driver_notify(&p->drv, VIRTIO_NET_CTRLQ);
}

static void save_load(struct peer *p)
{
    static uint8_t one[STATE_MAX], two[STATE_MAX];
    struct state_out o = { one, sizeof(one), 0, 0 };
    virtio_net_save(&p->d, &o);
    hv_assert(o.len <= sizeof(one));
    size_t n = o.len, damage = u16();
    if (damage < n) {
        memcpy(two, one, n);
        two[damage] ^= u8();
        struct state_in bad = { two, n, 0, 0, false };
        if (virtio_net_load(&p->d, &bad) == HV_OK)
            return;
    }
    struct state_in in = { one, n, 0, 0, false };
    if (virtio_net_load(&p->d, &in) != HV_OK)           /* rings that were written over are refused */
        return;
    o = (struct state_out){ two, sizeof(two), 0, 0 };
    virtio_net_save(&p->d, &o);
    hv_assert(o.len == n && !memcmp(one, two, n));
}

static void step_queue(struct peer *p, uint8_t what)
{
    unsigned q = what % VIRTIO_NET_QUEUES;
    switch (what / 4 % 8) {
    case 0:
    case 1:
        if (ready(p, q))
            add_any(p, q);
        break;
    case 2:
        if (ready(p, VIRTIO_NET_RXQ))
            add_receive_buffers(p);
        break;
    case 3:
    case 4:
        if (ready(p, VIRTIO_NET_TXQ))
            add_frame(p);
        break;
    case 5:
        if (ready(p, VIRTIO_NET_CTRLQ))
            add_command(p);
        break;
    default:
        fake_driver_notify(&p->drv, (uint16_t)(what & 3));
    }
}

static void step_other(struct peer *p, uint8_t what)
{
    switch (what & 15) {
    case 0: start(p, u64()); break;
    case 1: start(p, ~0ull); break;
    case 2: fake_driver_set(&p->drv, FAKE_STATUS, 1, u8()); break;
    case 3: virtio_net_set_link(&p->d, u8() & 1); break;
    case 4: fake_env_advance(p->f, (uint64_t)u16() << (u8() & 31)); break;
    case 5: save_load(p); break;
    case 6: fake_driver_config(&p->drv, u8() % 17, 1); break;
    case 7:
        fake_driver_set(&p->drv, FAKE_QUEUE_SELECT, 2, u8() & 3);
        fake_driver_set(&p->drv, u8() & 1 ? FAKE_QUEUE_RESET : FAKE_QUEUE_ENABLE, 2, 1);
        break;
    case 8: p->f->ram[0x10000 + u16() % 0x4000] = u8(); break;
    case 9: vswitch_tick(sw, p->f->now); break;
    default: fake_env_work(p->f);
    }
}

/* ---- what must hold ------------------------------------------------------------- */

static void check(struct peer *p)
{
    for (unsigned q = 0; q < VIRTIO_NET_QUEUES; q++) {
        const struct virtq *v = &p->d.v.q[q];
        hv_assert(!atomic_load(&v->lock.taken));
        hv_assert(!virtio_ready(&p->d.v, q) || v->next_avail == v->next_used);
    }
    hv_assert(!atomic_load(&p->d.v.lock.taken) && !atomic_load(&p->d.conf.lock.taken));
    hv_assert(p->d.port.up == p->d.rx.up);
}

static void check_canary(const struct peer *p)
{
    for (unsigned i = 0; i < CANARY_LEN; i++)
        hv_assert(p->f->ram[CANARY + i] == 0xc5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next = data;
    left = size;
    if (!sw_mem)
        sw_mem = malloc(vswitch_size());
    memset(sw_mem, 0, vswitch_size());
    sw = vswitch_init(sw_mem, "lan", 1500, 0);
    make_peer(0);
    make_peer(1);
    uint64_t features = u8() & 1 ? ~0ull : u64();
    start(&peer[0], ~0ull);
    start(&peer[1], features);
    for (unsigned i = 0; left && i < STEPS_MAX; i++) {
        uint8_t what = u8();
        struct peer *p = &peer[what >> 7];
        if (what & 0x60)
            step_queue(p, what & 0x7f);
        else
            step_other(p, what);
        check(&peer[0]);
        check(&peer[1]);
    }
    check_canary(&peer[0]);
    check_canary(&peer[1]);
    return 0;
}
