/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sender left to do, done in software: checksums (RFC 1071) and TCP segmentation for
 * IPv4 (RFC 791, 9293) and IPv6 (RFC 8200). Called by receivers that take no offloads. The
 * frame has been through net_frame_parse(): its headers are whole, in the head, and agree
 * with f->off. Each frame that leaves is built in one piece in the caller's buffer, so the
 * sender's memory is read once and what was summed is what is sent.
 */
#include "socle/net/frame.h"

#include "vmm/net/wire.h"

typedef bool (*emit_fn)(void *ctx, const struct net_frame *f);

/* ---- sums ------------------------------------------------------------------------ */

static inline uint64_t load8(const uint8_t *p) { return get_le64(p); }

/* One's complement addition: a carry out of the top comes in again at the bottom. */
static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

static inline uint64_t sum_tail(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* 64-bit words are four 16-bit ones at once: the carries between them are those of the sum. */
uint32_t net_sum(uint32_t sum, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t a = sum, b = 0;
    for (; n >= 32; n -= 32, p += 32) {
        a = add_carry(a, load8(p));
        b = add_carry(b, load8(p + 8));
        a = add_carry(a, load8(p + 16));
        b = add_carry(b, load8(p + 24));
    }
    for (; n >= 8; n -= 8, p += 8)
        a = add_carry(a, load8(p));
    if (n)
        b = add_carry(b, sum_tail(p, n));
    a = add_carry(a, b);
    a = (a & 0xffffffff) + (a >> 32);
    return (uint32_t)((a & 0xffffffff) + (a >> 32));
}

/* The same sum in 17 bits, so that more can be added. */
static uint32_t fold(uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

/* ---- frames that leave ------------------------------------------------------------ */

static bool buffer_body(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    memcpy(to, (const uint8_t *)f->source + at, n);
    return true;
}

/* A frame like f with the `len` bytes at buf, nothing left to do. */
static void frame_from(struct net_frame *out, const struct net_frame *f, uint8_t *buf, uint32_t len)
{
    out->len = len;
    out->vlan = f->vlan;
    out->pcp = f->pcp;
    out->head_len = (uint16_t)(len < NET_HEAD ? len : NET_HEAD);
    out->off = (struct net_offload){ 0 };
    memcpy(out->head, buf, out->head_len);
    out->body = buffer_body;
    out->source = buf;
}

/* The field holds the sum of the pseudo header already (virtio 1.2, 5.1.6.2). */
static bool finish_csum(const struct net_frame *f, uint8_t *buf, size_t size, emit_fn emit, void *ctx)
{
    struct net_frame out;
    uint32_t start = f->off.csum_start, field = start + f->off.csum_offset;
    if (f->len > size || field + 2 > f->len || !net_frame_copy(f, false, 0, buf, f->len))
        return false;
    uint16_t sum = net_sum_end(net_sum(0, buf + start, f->len - start));
    if (!sum && f->off.csum_offset == UDP_CHECKSUM)
        sum = 0xffff;                   /* 0 means none (RFC 768); the same number otherwise */
    put_le16(buf + field, sum);
    frame_from(&out, f, buf, f->len);
    return emit(ctx, &out);
}

/* ---- segments --------------------------------------------------------------------- */

struct segments {
    const struct net_frame *f;
    uint8_t  *buf;
    bool      ipv4;
    uint32_t  tcp, header;              /* where TCP begins and ends */
    uint32_t  pseudo;                   /* sum of the pseudo header without its length */
    uint32_t  sequence;
    uint16_t  id;
};

static void plan(struct segments *s, const struct net_frame *f, uint8_t *buf)
{
    const uint8_t *ip = f->head + NET_ETH_LEN;
    s->f = f;
    s->buf = buf;
    s->ipv4 = (f->off.gso & ~NET_GSO_ECN) == NET_GSO_TCPV4;
    s->tcp = f->off.csum_start;
    s->header = f->off.hdr_len;
    s->pseudo = s->ipv4 ? net_sum(0, ip + IPV4_ADDRESSES, 8) : net_sum(0, ip + IPV6_ADDRESSES, 32);
    s->pseudo = fold(s->pseudo) + swap16(PROTOCOL_TCP);
    s->sequence = get_be32(f->head + s->tcp + TCP_SEQUENCE);
    s->id = s->ipv4 ? get_be16(ip + IPV4_ID) : 0;
}

static void write_ip(const struct segments *s, uint32_t len, uint32_t index)
{
    uint8_t *ip = s->buf + NET_ETH_LEN;
    if (!s->ipv4) {
        put_be16(ip + IPV6_LENGTH, (uint16_t)(len - NET_ETH_LEN - IPV6_HEADER));
        return;
    }
    put_be16(ip + IPV4_LENGTH, (uint16_t)(len - NET_ETH_LEN));
    put_be16(ip + IPV4_ID, (uint16_t)(s->id + index));
    put_le16(ip + IPV4_CHECKSUM, 0);
    put_le16(ip + IPV4_CHECKSUM, net_sum_end(net_sum(0, ip, s->tcp - NET_ETH_LEN)));
}

/*
 * CWR answers a mark once, so only the first segment has it (RFC 3168, 6.1.2); the stream
 * ends, and is to be pushed to its reader, behind the last byte.
 */
static void write_tcp(const struct segments *s, uint32_t len, uint32_t done, bool last)
{
    uint8_t *tcp = s->buf + s->tcp;
    put_be32(tcp + TCP_SEQUENCE, s->sequence + done);
    if (done)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    if (!last)
        tcp[TCP_FLAGS] &= (uint8_t)~(TCP_FIN | TCP_PSH);
    put_le16(tcp + TCP_CHECKSUM, 0);
    uint32_t sum = net_sum(s->pseudo, tcp, len - s->tcp);
    put_le16(tcp + TCP_CHECKSUM, net_sum_end(fold(sum) + swap16((uint16_t)(len - s->tcp))));
}

static bool finish_gso(const struct net_frame *f, uint8_t *buf, size_t size, emit_fn emit, void *ctx)
{
    struct net_frame out;
    struct segments s;
    plan(&s, f, buf);
    uint32_t payload = f->len - s.header, mss = f->off.gso_size, done = 0, index = 0;
    if (s.header > f->head_len || !mss || s.header + mss > size)
        return false;
    do {
        uint32_t part = payload - done < mss ? payload - done : mss;
        uint32_t len = s.header + part;
        memcpy(buf, f->head, s.header);
        if (!net_frame_copy(f, false, s.header + done, buf + s.header, part))
            return false;
        write_ip(&s, len, index++);
        write_tcp(&s, len, done, done + part == payload);
        frame_from(&out, f, buf, len);
        if (!emit(ctx, &out))
            return false;
        done += part;
    } while (done < payload);
    return true;
}

bool net_frame_finish(const struct net_frame *f, uint8_t *buf, size_t size, emit_fn emit, void *ctx)
{
    if (f->off.gso)
        return finish_gso(f, buf, size, emit, ctx);
    if (f->off.flags & NET_NEEDS_CSUM)
        return finish_csum(f, buf, size, emit, ctx);
    return emit(ctx, f);
}
