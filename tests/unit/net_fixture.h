/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames for tests of the network: bytes as sent, with TCP headers of both IP versions. */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/net/frame.h"

enum { WIRE_MAX = 66000 };

static uint8_t wire[WIRE_MAX];          /* a frame as sent */
static uint32_t wire_len, wire_tag;     /* its tag's bytes: 0 or 4 */
static bool body_gone;                  /* the sender's memory is not there */

static inline void be16(uint8_t *p, unsigned v) { p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v; }
static inline void be32(uint8_t *p, uint32_t v) { be16(p, v >> 16), be16(p + 2, v & 0xffff); }
static inline unsigned of16(const uint8_t *p) { return (unsigned)(p[0] << 8 | p[1]); }
static inline uint32_t of32(const uint8_t *p) { return (uint32_t)of16(p) << 16 | of16(p + 2); }

static inline bool wire_body(const struct net_frame *f, uint32_t at, void *to, uint32_t n)
{
    assert_true(at >= f->head_len && at + n <= f->len);
    if (body_gone)
        return false;
    memcpy(to, wire + wire_tag + at, n);
    return true;
}

static inline bool parse(struct net_frame *f, struct net_offload off, bool *tagged)
{
    /* Behind the bytes the parser may read there is nothing: the sanitizer sees a step too far. */
    uint32_t n = wire_len < NET_HEAD + NET_TAG_LEN ? wire_len : NET_HEAD + NET_TAG_LEN;
    uint8_t *first = malloc(n ? n : 1);
    memcpy(first, wire, n);
    memset(f, 0xa5, sizeof(*f));
    bool ok = net_frame_parse(f, first, n, wire_len, &off, tagged);
    free(first);
    f->body = wire_body;
    f->source = NULL;
    wire_tag = ok && *tagged ? NET_TAG_LEN : 0;
    return ok;
}

/* Destination, source, type; payload bytes count up. */
static inline void plain(uint32_t len, unsigned type)
{
    static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
    wire_len = len;
    memcpy(wire, macs, 12);
    be16(wire + 12, type);
    for (uint32_t i = 14; i < len; i++)
        wire[i] = (uint8_t)(i * 7 + (i >> 8));
}

static inline void insert_tag(unsigned tci)
{
    memmove(wire + 16, wire + 12, wire_len - 12);
    be16(wire + 12, 0x8100);
    be16(wire + 14, tci);
    wire_len += 4;
}

/* A TCP segment; options: multiples of 4 for both headers, ext: multiple of 8 for IPv6. */
static inline struct net_offload tcp_frame(bool ipv6, uint32_t payload, unsigned options, unsigned ext, unsigned mss)
{
    uint32_t ip = ipv6 ? 40 + ext : 20 + options, tcp = 20 + options;
    plain(14 + ip + tcp + payload, ipv6 ? 0x86dd : 0x0800);
    uint8_t *h = wire + 14, *t = h + ip;
    if (ipv6) {
        h[0] = 0x60;
        be16(h + 4, ext + tcp + payload);
        h[6] = ext ? 60 : 6;
        if (ext)
            h[40] = 6, h[41] = (uint8_t)(ext / 8 - 1);
    } else {
        h[0] = (uint8_t)(0x40 | ip / 4);
        be16(h + 2, ip + tcp + payload);
        be16(h + 4, 0xfffe);
        be16(h + 6, 0x4000);
        h[9] = 6;
    }
    be32(t + 4, 0xfffffff0);
    t[12] = (uint8_t)(tcp / 4 << 4);
    t[13] = 0x80 | 0x10 | 0x08 | 0x01;                  /* CWR ACK PSH FIN */
    return (struct net_offload){ .flags = NET_NEEDS_CSUM, .gso = ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4,
                                 .hdr_len = (uint16_t)(14 + ip + tcp), .gso_size = (uint16_t)mss,
                                 .csum_start = (uint16_t)(14 + ip), .csum_offset = 16 };
}

/* RFC 1071 as it is written, 16 bits at a time. */
static inline uint16_t naive_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += 2) {
        sum += (uint32_t)(p[i] << 8 | (i + 1 < n ? p[i + 1] : 0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

#endif
