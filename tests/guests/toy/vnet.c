/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two network devices on one switch, one sends and the other receives: frames, mergeable
 * buffers, offloads and commands as virtio 1.2, 5.1 has them, then frames, buffers and commands
 * that are none. What is wrong with a frame makes it vanish; what is wrong with a buffer makes
 * its device want a reset; the other device never notices. See virtio.h.
 */
#include "virtio.h"

enum { RXQ, TXQ, CTRLQ, HDR = 12, BUF = 9216, BUFS = 16, LONG = 70000, NEEDS_CSUM = 1, TCPV4 = 1 };
enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_OFFLOADS, ACK_OK = 0, ACK_ERR };

#define CSUM            BIT(0)
#define GUEST_CSUM      BIT(1)
#define F_MAC           BIT(5)
#define GUEST_TSO4      BIT(7)
#define HOST_TSO4       BIT(11)
#define MRG_RXBUF       BIT(15)
#define F_STATUS        BIT(16)
#define CTRL_VQ         BIT(17)
#define CTRL_RX         BIT(18)
#define SENDS           (F_MAC | F_STATUS | CSUM | HOST_TSO4)
#define RECEIVES        (F_MAC | F_STATUS | MRG_RXBUF | CTRL_VQ | CTRL_RX)

struct net_header { uint8_t flags, gso; uint16_t hdr_len, gso_size, csum_start, csum_offset, buffers; };

static struct vdev a, b;
static struct queue tx, rx, ctrl;
static struct rings tx_rings, rx_rings, ctrl_rings;
static volatile uint8_t in[BUFS][BUF] __attribute__((aligned(16)));
static volatile struct { struct net_header h; uint8_t frame[LONG]; } out __attribute__((aligned(16)));
static uint32_t in_size, last_len;      /* of the receive buffers; of the frame last received */
static uint8_t serial;                  /* of good frames */
static uint64_t ram;

/* ---- sending -------------------------------------------------------------------- */

static void start_sender(void)
{
    want(negotiate(&a, SENDS), "the sender's FEATURES_OK");
    queue_init(&tx, &a, TXQ, 0, &tx_rings);
    set_status(&a, DRIVER_OK);
}

/* Addresses and an experimental type, then bytes by seed. */
static void make_frame(uint32_t len, uint8_t seed)
{
    fill(out.frame, len, seed);
    for (unsigned i = 0; i < 6; i++) {
        out.frame[i] = r8(b.config + i);
        out.frame[6 + i] = r8(a.config + i);
    }
    out.frame[12] = 0x88;
    out.frame[13] = 0xb5;
    out.h = (struct net_header){ 0 };
}

/* Sends what is in `out`. */
static bool send(uint32_t len)
{
    put(&tx, 0, &out, HDR + len, 0, 0);
    return request(&tx, 0) != NOTHING;
}

/* ---- receiving ------------------------------------------------------------------ */

static void give(unsigned i) { put(&rx, i, in[i], in_size, D_WRITE, 0); offer(&rx, (uint16_t)i); }

static void start_receiver(uint64_t features, uint32_t size, unsigned count)
{
    want(negotiate(&b, features), "the receiver's FEATURES_OK");
    queue_init(&rx, &b, RXQ, BUFS, &rx_rings);
    if (features & CTRL_VQ)
        queue_init(&ctrl, &b, CTRLQ, 0, &ctrl_rings);
    set_status(&b, DRIVER_OK);
    in_size = size;
    for (unsigned i = 0; i < count; i++)
        give(i);
    notify(&rx);
}

/* Waits for a frame in one buffer, and gives that back; null: none. */
static volatile uint8_t *receive(void)
{
    uint32_t id;
    if (!used(&rx, &id, &last_len) || id >= BUFS)
        return NULL;
    give(id);
    notify(&rx);
    return in[id];
}

/* Is what was received the frame in `out`? */
static bool same(const volatile uint8_t *f, uint32_t len)
{
    bool good = f && last_len == HDR + len;
    for (uint32_t i = 0; good && i < len; i++)
        good = f[HDR + i] == out.frame[i];
    return good;
}

/* The next frame that arrives is a good one that is sent now. */
static bool passes(void)
{
    make_frame(100, ++serial);
    if (!send(100))
        return false;
    return same(receive(), 100);
}

static void start_both(void)
{
    start_sender();
    start_receiver(RECEIVES, BUF, BUFS);
    want(passes(), "no frame passes before");
}

/* ---- by the book ---------------------------------------------------------------- */

static void configuration(void)
{
    vdev_reset(&a);
    vdev_reset(&b);
    want(offered(&a) & F_MAC, "no MAC offered");
    want(!(r8(a.config) & 1) && (r32(a.config) || r16(a.config + 4)), "MAC");
    want(r32(a.config + 2) != r32(b.config + 2), "both have the same");
    want(r16(a.config + 6) & 1, "link is down");
}

static void frames(void)
{
    start_both();
    for (uint32_t len = 14; len <= 1514; len += len < 20 ? 1 : 83) {
        make_frame(len, 3);
        want(send(len), "not sent");
        volatile uint8_t *f = receive();
        want(same(f, len), "bytes");
        want(f && !f[0] && !f[1] && f[10] == 1 && !f[11], "header");
    }
}

static void frame_in_pieces(void)
{
    start_both();
    make_frame(1000, 7);
    put(&tx, 0, &out, 5, D_NEXT, 1);
    put(&tx, 1, (volatile uint8_t *)&out + 5, HDR - 5 + 3, D_NEXT, 2);
    put(&tx, 2, out.frame + 3, 500, D_NEXT, 4);
    put(&tx, 4, out.frame + 503, 497, 0, 0);
    want(request(&tx, 0) != NOTHING, "not sent");
    want(same(receive(), 1000), "frame");
}

static void merged_buffers(void)
{
    start_sender();
    start_receiver(RECEIVES, 256, BUFS);
    make_frame(1514, 9);
    want(send(1514), "not sent");
    uint32_t id, len, got = 0;
    for (unsigned i = 0; i < 6; i++) {
        want(used(&rx, &id, &len), "buffer");
        want(i || in[id][10] == 6, "num_buffers");
        for (unsigned k = i ? 0 : HDR; k < len && k < 256; k++)
            want(in[id][k] == out.frame[got + k - HDR], "bytes");
        got += len;
    }
    want(got == HDR + 1514, "length");
}

static void too_large_for_buffers(void)
{
    start_sender();
    start_receiver(F_MAC, 256, BUFS);
    make_frame(1514, 9);
    want(send(1514), "not sent");
    want(passes(), "the next does not pass");
    want(!(status(&a) & NEEDS_RESET) && !(status(&b) & NEEDS_RESET), "a reset is wanted");
}

/* Frames that find no buffer may wait or be lost; those behind them arrive. */
static void buffers_come_late(void)
{
    uint32_t id, len;
    start_sender();
    start_receiver(RECEIVES, BUF, 0);
    make_frame(100, 1);
    put(&tx, 0, &out, HDR + 100, 0, 0);
    for (unsigned i = 0; i < 8; i++)
        offer(&tx, 0);
    notify(&tx);
    idle();
    for (unsigned i = 0; i < BUFS; i++)
        give(i);
    notify(&rx);
    for (unsigned i = 0; i < 8; i++)
        want(used(&tx, &id, &len), "not sent");
    make_frame(60, 2);
    want(send(60), "not sent");
    volatile uint8_t *f = receive();
    for (unsigned i = 0; i < 8 && f && last_len == HDR + 100; i++)
        f = receive();
    want(same(f, 60), "the one behind does not arrive");
    want(passes(), "no frame passes after");
}

static void receive_interrupt(void)
{
    start_sender();
    want(negotiate(&b, RECEIVES), "FEATURES_OK");
    msix_on(&b);
    queue_init(&rx, &b, RXQ, BUFS, &rx_rings);
    w16(b.common + QUEUE_VECTOR, 2);
    set_status(&b, DRIVER_OK);
    in_size = BUF;
    for (unsigned i = 0; i < BUFS; i++)
        give(i);
    notify(&rx);
    want(!interrupted_now(2), "one without a frame");
    want(passes(), "no frame");
    want(interrupted(2) == 1, "none with a frame");
}

/* ---- offloads ------------------------------------------------------------------- */

static void put16(uint32_t where, uint32_t v)
{
    out.frame[where] = (uint8_t)(v >> 8);
    out.frame[where + 1] = (uint8_t)v;
}

/* One's complement sum of n bytes; RFC 1071 */
static uint16_t sum(const volatile uint8_t *p, uint32_t n, uint32_t start)
{
    uint32_t s = start;
    for (uint32_t i = 0; i < n; i++)
        s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

enum { IP = 14, TCP = 34, PAYLOAD = 54 };

/* IPv4 and TCP, its checksum left to do: the field holds the pseudo header's sum. */
static void make_tcp(uint32_t len)
{
    make_frame(PAYLOAD + len, 11);
    clear(out.frame + IP, 40, 0);
    out.frame[12] = 8;
    out.frame[13] = 0;
    out.frame[IP] = 0x45;
    put16(IP + 2, 40 + len);
    out.frame[IP + 8] = 64;
    out.frame[IP + 9] = 6;
    out.frame[IP + 12] = out.frame[IP + 16] = 10;
    out.frame[IP + 15] = 1;
    out.frame[IP + 19] = 2;
    put16(IP + 10, (uint16_t)~sum(out.frame + IP, 20, 0));
    out.frame[TCP + 12] = 0x50;
    out.frame[TCP + 13] = 0x10;
    put16(TCP + 16, sum(out.frame + IP + 12, 8, 6 + 20 + len));
    out.h.flags = NEEDS_CSUM;
    out.h.csum_start = TCP;
    out.h.csum_offset = 16;
}

/* Is the checksum of the segment in f right? */
static bool tcp_good(const volatile uint8_t *f, uint32_t len)
{
    return sum(f + TCP, len - TCP, sum(f + IP + 12, 8, 6 + len - TCP)) == 0xffff && sum(f + IP, 20, 0) == 0xffff;
}

static void checksum_is_made(void)
{
    start_both();
    make_tcp(333);
    want(send(PAYLOAD + 333), "not sent");
    volatile uint8_t *f = receive();
    want(f && last_len == HDR + PAYLOAD + 333 && !f[0], "frame");
    want(f && tcp_good(f + HDR, PAYLOAD + 333), "checksum");
}

static void checksum_is_left(void)
{
    start_sender();
    start_receiver(RECEIVES | GUEST_CSUM, BUF, BUFS);
    make_tcp(333);
    want(send(PAYLOAD + 333), "not sent");
    volatile uint8_t *f = receive();
    want(f && last_len == HDR + PAYLOAD + 333, "frame");
    want(f && ((f[0] & NEEDS_CSUM && f[6] == TCP && f[8] == 16) || tcp_good(f + HDR, PAYLOAD + 333)), "checksum");
}

static void gso(void)
{
    out.h.gso = TCPV4;
    out.h.hdr_len = PAYLOAD;
    out.h.gso_size = 1000;
}

static void segments_are_made(void)
{
    start_both();
    make_tcp(3500);
    gso();
    want(send(PAYLOAD + 3500), "not sent");
    for (unsigned i = 0; i < 4; i++) {
        uint32_t n = PAYLOAD + (i < 3 ? 1000 : 500);
        volatile uint8_t *f = receive();
        want(f && last_len == HDR + n && !f[0] && !f[1], "segment");
        want(f && tcp_good(f + HDR, n), "checksums");
        for (uint32_t k = 0; f && k < n - PAYLOAD; k++)
            want(f[HDR + PAYLOAD + k] == out.frame[PAYLOAD + 1000 * i + k], "data");
    }
}

static void segments_are_left(void)
{
    start_sender();
    start_receiver(RECEIVES | GUEST_CSUM | GUEST_TSO4, BUF, BUFS);
    make_tcp(3500);
    gso();
    want(send(PAYLOAD + 3500), "not sent");
    volatile uint8_t *f = receive();
    want(f && last_len == HDR + PAYLOAD + 3500 && f[0] & NEEDS_CSUM && f[1] == TCPV4, "frame");
    want(f && (f[4] | f[5] << 8) == 1000, "gso_size");
}

/* ---- commands ------------------------------------------------------------------- */

static volatile uint8_t command_bytes[1024], ack;

static unsigned command(unsigned class, unsigned what, const void *data, uint32_t n)
{
    command_bytes[0] = (uint8_t)class;
    command_bytes[1] = (uint8_t)what;
    for (unsigned i = 0; i < n; i++)
        command_bytes[2 + i] = ((const uint8_t *)data)[i];
    ack = 0x77;
    put(&ctrl, 0, command_bytes, 1, D_NEXT, 1);
    put(&ctrl, 1, command_bytes + 1, 1 + n, D_NEXT, 2);
    put(&ctrl, 2, &ack, 1, D_WRITE, 0);
    return request(&ctrl, 0) == NOTHING ? 0xff : ack;
}

/* A station that is nobody's, so that the switch floods it. */
static bool stranger_arrives(void)
{
    make_frame(200, 1);
    out.frame[0] = 2;
    out.frame[5] ^= 0x55;
    out.frame[4] ^= 0x55;
    want(send(200), "not sent");
    make_frame(100, ++serial);
    want(send(100), "not sent");
    volatile uint8_t *f = receive();
    bool first = f && last_len == HDR + 200;
    if (first)
        f = receive();
    want(f && last_len == HDR + 100, "the next does not arrive");
    return first;
}

static void promiscuous(void)
{
    static const uint8_t on = 1, off;
    start_both();
    want(command(CLASS_RX, 0, &off, 1) == ACK_OK, "command");
    want(!stranger_arrives(), "a frame for another arrives");
    want(command(CLASS_RX, 0, &on, 1) == ACK_OK, "command");
    want(stranger_arrives(), "a frame for another is filtered");
    want(command(CLASS_RX, 0, &off, 1) == ACK_OK, "command");
    want(!stranger_arrives(), "still promiscuous");
}

static void bad_commands(void)
{
    static const uint8_t many[] = { 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6 }, zeros[64];
    static const uint8_t ones[] = { 255, 255, 255, 255, 255, 255, 255, 255 };
    static const struct { unsigned class, what; const void *data; uint32_t n; } bad[] = {
        { 99, 0, zeros, 4 }, { CLASS_RX, 77, zeros, 1 }, { CLASS_RX, 0, zeros, 0 }, { CLASS_RX, 0, zeros, 2 },
        { CLASS_RX, 0, ones, 1 }, { CLASS_MAC, 0, many, sizeof(many) }, { CLASS_MAC, 0, zeros, 3 },
        { CLASS_MAC, 0, zeros, 4 }, { CLASS_MAC, 1, zeros, 6 }, { CLASS_MAC, 1, ones, 6 }, { CLASS_VLAN, 0, zeros, 2 },
        { CLASS_ANNOUNCE, 0, zeros, 0 }, { CLASS_MQ, 0, ones, 2 }, { CLASS_OFFLOADS, 0, ones, 8 }, { 255, 255, zeros, 64 },
    };
    start_both();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        want(command(bad[i].class, bad[i].what, bad[i].data, bad[i].n) == ACK_ERR, "not refused");
    put(&ctrl, 0, command_bytes, 1, D_NEXT, 1);
    put(&ctrl, 1, &ack, 1, D_WRITE, 0);
    want(request(&ctrl, 0) != NOTHING && ack == ACK_ERR, "one byte");
    put(&ctrl, 0, at(LAPIC), 16, D_NEXT, 1);
    want(request(&ctrl, 0) == NOTHING || ack == ACK_ERR, "a command in a register page");
    if (status(&b) & NEEDS_RESET)
        start_both();
    want(passes(), "no frame passes after");
}

/* A MAC table longer than any device's: not refused for that, and frames still come. */
static void many_addresses(void)
{
    static uint8_t t[4 + 6 * 150 + 4] = { 150 };
    for (unsigned i = 0; i < 150; i++)
        t[4 + 6 * i] = 2, t[9 + 6 * i] = (uint8_t)i;
    start_both();
    want(command(CLASS_MAC, 0, t, sizeof(t)) == ACK_OK, "refused");
    want(passes(), "no frame passes after");
}

/* ---- frames that are none ------------------------------------------------------- */

enum { VANISHES, BREAKS };
struct bad_frame { const char *name; uint32_t len; bool tcp; struct net_header h; };

static const struct bad_frame bad_frames[] = {
    { "frame of no bytes", 0, false, { 0 } },
    { "frame of 1 byte", 1, false, { 0 } },
    { "frame of 13 bytes", 13, false, { 0 } },
    { "frame of 2000 bytes", 2000, false, { 0 } },
    { "frame of 65535 bytes", 65535, false, { 0 } },
    { "frame of 65536 bytes", 65536, false, { 0 } },
    { "frame of 69000 bytes", 69000, false, { 0 } },
    { "checksum begins behind", 100, false, { NEEDS_CSUM, 0, 0, 0, 101, 0, 0 } },
    { "checksum begins at the end", 100, false, { NEEDS_CSUM, 0, 0, 0, 99, 0, 0 } },
    { "checksum at 65535", 100, false, { NEEDS_CSUM, 0, 0, 0, 65535, 65535, 0 } },
    { "checksum's place wraps", 100, false, { NEEDS_CSUM, 0, 0, 0, 40, 65534, 0 } },
    { "checksum's place behind", 100, false, { NEEDS_CSUM, 0, 0, 0, 40, 59, 0 } },
    { "checksum in the addresses", 100, false, { NEEDS_CSUM, 0, 0, 0, 0, 0, 0 } },
    { "segments of 0", 3000, true, { NEEDS_CSUM, TCPV4, PAYLOAD, 0, TCP, 16, 0 } },
    { "segments of 1", 3000, true, { NEEDS_CSUM, TCPV4, PAYLOAD, 1, TCP, 16, 0 } },
    { "segments without checksum", 3000, true, { 0, TCPV4, PAYLOAD, 1000, 0, 0, 0 } },
    { "segments of what is no TCP", 3000, false, { NEEDS_CSUM, TCPV4, PAYLOAD, 1000, TCP, 16, 0 } },
    { "segments with headers longer than all", 3000, true, { NEEDS_CSUM, TCPV4, 65535, 1000, TCP, 16, 0 } },
    { "segments with the checksum elsewhere", 3000, true, { NEEDS_CSUM, TCPV4, PAYLOAD, 1000, 1000, 16, 0 } },
    { "segments of a short frame", 30, true, { NEEDS_CSUM, TCPV4, PAYLOAD, 1000, TCP, 16, 0 } },
    { "segments of 65600 bytes", 65600, true, { NEEDS_CSUM, TCPV4, PAYLOAD, 1000, TCP, 16, 0 } },
    { "UDP segments, not agreed on", 3000, true, { NEEDS_CSUM, 3, PAYLOAD, 1000, TCP, 16, 0 } },
    { "TCPv6 segments, not agreed on", 3000, true, { NEEDS_CSUM, 4, PAYLOAD, 1000, TCP, 16, 0 } },
    { "segments of a kind that does not exist", 3000, true, { NEEDS_CSUM, 0x7f, PAYLOAD, 1000, TCP, 16, 0 } },
};
static const struct bad_frame *frame_now;

static void run_frame(void)
{
    start_both();
    if (frame_now->tcp)
        make_tcp(frame_now->len > PAYLOAD ? frame_now->len - PAYLOAD : 0);
    else
        make_frame(frame_now->len, 5);
    out.h = frame_now->h;
    want(send(frame_now->len), "not taken");
    want(passes(), "arrives, or stops those behind it");
    want(!(status(&a) & NEEDS_RESET) && !(status(&b) & NEEDS_RESET), "a reset is wanted");
}

static void spoofed(void)
{
    start_both();
    make_frame(200, 1);
    out.frame[11] ^= 0x3c;
    want(send(200), "not taken");
    make_frame(200, 1);
    out.frame[6] |= 1;
    want(send(200), "not taken");
    want(passes(), "arrives, or stops those behind it");
}

/* ---- buffers that are none ------------------------------------------------------ */

#define OWN_BAR         0xba00000000000000ull
#define RAM_END         0xbb00000000000000ull

struct bad_buffer { const char *name; struct desc d[2]; };
#define OUT_AT          ((uint64_t)&out)

static const struct bad_buffer bad_sends[] = {
    { "send: no header", { { OUT_AT, 0, 0, 0 } } },
    { "send: header of 11 bytes", { { OUT_AT, 11, 0, 0 } } },
    { "send: writable", { { OUT_AT, HDR + 100, D_WRITE, 0 } } },
    { "send: writable behind", { { OUT_AT, HDR + 100, D_NEXT, 1 }, { OUT_AT, 100, D_WRITE, 0 } } },
    { "send: header in a register page", { { LAPIC, HDR, D_NEXT, 1 }, { OUT_AT, 100, 0, 0 } } },
    { "send: frame in a register page", { { OUT_AT, HDR + 60, D_NEXT, 1 }, { LAPIC, 900, 0, 0 } } },
    { "send: frame behind its head in a register page", { { OUT_AT, HDR + 400, D_NEXT, 1 }, { LAPIC, 600, 0, 0 } } },
    { "send: frame in its own BAR", { { OUT_AT, HDR + 400, D_NEXT, 1 }, { OWN_BAR, 600, 0, 0 } } },
    { "send: frame wraps", { { OUT_AT, HDR + 400, D_NEXT, 1 }, { ~0ull - 99, 600, 0, 0 } } },
    { "send: frame across the end of RAM", { { OUT_AT, HDR + 400, D_NEXT, 1 }, { RAM_END - 100, 600, 0, 0 } } },
    { "send: loop", { { OUT_AT, HDR + 10, D_NEXT, 1 }, { OUT_AT, 10, D_NEXT, 0 } } },
    { "send: next outside", { { OUT_AT, HDR + 10, D_NEXT, 40000 } } },
};

static const struct bad_buffer bad_receives[] = {
    { "receive: readable", { { (uint64_t)in, BUF, 0, 0 } } },
    { "receive: readable first", { { (uint64_t)in, BUF, D_NEXT, 1 }, { (uint64_t)in, BUF, D_WRITE, 0 } } },
    { "receive: no bytes", { { (uint64_t)in, 0, D_WRITE, 0 } } },
    { "receive: smaller than a header", { { (uint64_t)in, 11, D_WRITE, 0 } } },
    { "receive: in a register page", { { LAPIC, 2048, D_WRITE, 0 } } },
    { "receive: frame in a register page", { { (uint64_t)in, 80, D_NEXT | D_WRITE, 1 }, { LAPIC, 2048, D_WRITE, 0 } } },
    { "receive: in its own BAR", { { OWN_BAR, 2048, D_WRITE, 0 } } },
    { "receive: across the end of RAM", { { RAM_END - 50, 2048, D_WRITE, 0 } } },
    { "receive: wraps", { { ~0ull - 49, 2048, D_WRITE, 0 } } },
    { "receive: loop", { { (uint64_t)in, 10, D_NEXT | D_WRITE, 0 } } },
    { "receive: next outside", { { (uint64_t)in, 2048, D_NEXT | D_WRITE, BUFS } } },
};

static const struct bad_buffer *buffer_now;

static void put_bad(struct queue *to, uint16_t head)
{
    for (unsigned i = 0; i < 2; i++) {
        struct desc d = buffer_now->d[i];
        if (d.addr >> 56 == OWN_BAR >> 56)
            d.addr = bar_of(to->d, 0);
        else if (d.addr - RAM_END + 0x1000 < 0x2000)
            d.addr += ram - RAM_END;
        put(to, head + i, at(d.addr), d.len, d.flags, d.flags & D_NEXT && d.next < 2 ? head + d.next : d.next);
    }
    offer(to, head);
    notify(to);
}

static void run_send(void)
{
    start_both();
    make_frame(1000, 5);
    uint16_t index = tx_rings.used.index;
    put_bad(&tx, 0);
    want(wants_reset(&a), "does not want a reset");
    want(tx_rings.used.index == index, "the buffer is used");
    want(!(status(&b) & NEEDS_RESET), "the receiver wants a reset");
    start_sender();
    want(passes(), "no frame passes after a reset");
}

static void run_receive(void)
{
    start_sender();
    start_receiver(RECEIVES, BUF, 0);
    clear(in[0], BUF, 0x33);
    put_bad(&rx, 0);
    make_frame(400, 5);
    want(send(400), "the sender is stopped");
    want(wants_reset(&b), "does not want a reset");
    want(!rx_rings.used.index, "the buffer is used");
    want(!(status(&a) & NEEDS_RESET), "the sender wants a reset");
    make_frame(400, 6);
    want(send(400), "the sender is stopped later");
    start_receiver(RECEIVES, BUF, BUFS);
    want(passes(), "no frame passes after a reset");
}

static void command_without_answer(void)
{
    static const struct desc d[] = {
        { (uint64_t)command_bytes, 3, 0, 0 }, { (uint64_t)command_bytes, 3, D_NEXT, 1 },
    };
    for (unsigned i = 0; i < 3; i++) {
        start_both();
        put(&ctrl, 0, at(d[i > 0].addr), 3, d[i > 0].flags, 1);
        put(&ctrl, 1, i == 1 ? &ack : at(LAPIC), i == 1 ? 0 : 1, D_WRITE, 0);
        offer(&ctrl, 0);
        notify(&ctrl);
        want(wants_reset(&b), "does not want a reset");
    }
    start_both();
}

static void storm(void)
{
    start_both();
    for (unsigned i = 0; i < 2000; i++) {
        w16(a.notify + 4 * (i % 3), (uint16_t)(i % 3));
        w16(b.notify + 4 * (i % 5), (uint16_t)(i % 5));
    }
    want(passes(), "no frame passes after");
}

static void resets_in_flight(void)
{
    for (unsigned i = 0; i < 30; i++) {
        start_both();
        make_frame(1000, 1);
        put(&tx, 0, &out, HDR + 1000, 0, 0);
        for (unsigned n = 0; n < 8 + i; n++)
            offer(&tx, 0);
        notify(&tx);
        vdev_reset(i & 1 ? &a : &b);
        uint16_t index = rx_rings.used.index;
        idle();
        want(i & 1 || index == rx_rings.used.index, "buffers are used after the reset");
    }
    start_both();
}

static const struct test tests[] = {
    { "configuration", configuration }, { "frames", frames }, { "frame in pieces", frame_in_pieces },
    { "merged buffers", merged_buffers }, { "too large for buffers", too_large_for_buffers },
    { "buffers come late", buffers_come_late }, { "receive interrupt", receive_interrupt },
    { "checksum is made", checksum_is_made }, { "checksum is left", checksum_is_left },
    { "segments are made", segments_are_made }, { "segments are left", segments_are_left },
    { "promiscuous", promiscuous }, { "bad commands", bad_commands }, { "many addresses", many_addresses },
    { "spoofed", spoofed }, { "command without answer", command_without_answer }, { "storm", storm },
    { "resets in flight", resets_in_flight },
};

void toy_main(void)
{
    print("TOY vnet\n");
    ram = option("ram", 32 << 20);
    interrupts_init();
    if (!vdev_find(&a, NET, 0) || !vdev_find(&b, NET, 1)) {
        print("FAIL devices: not both are there\n");
        return;
    }
    run_cases(tests, sizeof(tests) / sizeof(*tests));
    for (frame_now = bad_frames; frame_now < bad_frames + sizeof(bad_frames) / sizeof(*bad_frames); frame_now++)
        run_case(frame_now->name, run_frame);
    for (buffer_now = bad_sends; buffer_now < bad_sends + sizeof(bad_sends) / sizeof(*bad_sends); buffer_now++)
        run_case(buffer_now->name, run_send);
    for (buffer_now = bad_receives; buffer_now < bad_receives + sizeof(bad_receives) / sizeof(*bad_receives); buffer_now++)
        run_case(buffer_now->name, run_receive);
    cases_done("vnet");
}
