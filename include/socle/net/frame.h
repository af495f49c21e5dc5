/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An Ethernet frame on its way through the switch: its first bytes copied once, so that what
 * was checked is what is sent, the rest still where the sender has it. It lives for one call
 * of vswitch_send(). The 802.1Q tag is taken out of the bytes and kept aside.
 */
#ifndef SOCLE_NET_FRAME_H
#define SOCLE_NET_FRAME_H

#include "socle/types.h"

enum {
    NET_HEAD      = 192,        /* bytes copied at once: all headers that we look at */
    NET_ETH_LEN   = 14, NET_TAG_LEN = 4,
    NET_FRAME_MIN = 14,
    NET_GSO_MAX   = 65535 + 14, /* longest frame with segmentation left to do, without tag */
    NET_MTU_MIN   = 576, NET_MTU_MAX = 9216,
};

/* What the sender left to do; as struct virtio_net_hdr (virtio 1.2, 5.1.6), checked. */
enum { NET_NEEDS_CSUM = 1, NET_DATA_VALID = 2 };                /* flags */
enum { NET_GSO_NONE = 0, NET_GSO_TCPV4 = 1, NET_GSO_TCPV6 = 4, NET_GSO_ECN = 0x80 };

struct net_offload {
    uint8_t  flags, gso;
    uint16_t hdr_len;           /* all headers, gso only */
    uint16_t gso_size;          /* payload per segment */
    uint16_t csum_start, csum_offset;   /* from the start of the frame, the tag not counted */
};

struct net_frame {
    uint32_t           len;     /* without tag */
    uint16_t           vlan;    /* VID 1-4094 by the tag or by the port; 0: none */
    uint8_t            pcp;     /* priority of the tag, PCP << 1 | DEI */
    uint16_t           head_len;        /* min(len, NET_HEAD) */
    struct net_offload off;
    uint8_t            head[NET_HEAD];  /* without tag */
    /*
     * Copies bytes [at, at+n) of the body, at >= head_len, counted as in len. False: the
     * sender's memory is not there (then the frame is dropped). Calls come mostly in order.
     */
    bool             (*body)(const struct net_frame *f, uint32_t at, void *to, uint32_t n);
    void              *source;  /* for body() */
};

/* Bytes of the frame as sent, with the tag if asked for. */
static inline uint32_t net_frame_wire_len(const struct net_frame *f, bool tag)
{
    return f->len + (tag ? (uint32_t)NET_TAG_LEN : 0);
}
/* Copies [at, at+n) of what is sent, with tag if asked for. at+n within net_frame_wire_len(). */
MUST_CHECK bool net_frame_copy(const struct net_frame *f, bool tag, uint32_t at, void *to, uint32_t n);
/* csum_start and hdr_len for the frame as sent. */
struct net_offload net_frame_offload(const struct net_frame *f, bool tag);

/*
 * Makes f from the first `n` bytes as sent (n = min(wire_len, NET_HEAD + NET_TAG_LEN) at least):
 * takes the tag out, if there is one, and checks length and offload against what the
 * headers say. Fills all but vlan's default, body and source; body()'s `at` counts
 * without tag. False: malformed, to be dropped (too short or long, checksum or
 * segmentation fields that point outside, or name other protocols than the headers do).
 * `off` has csum_start and hdr_len counted as sent.
 */
MUST_CHECK bool net_frame_parse(struct net_frame *f, const uint8_t *first, uint32_t n, uint32_t wire_len,
                                const struct net_offload *off, bool *tagged);

/* ---- doing what the sender left (vmm/net/offload.c) ---- */

/*
 * Gives `emit` the frame with checksum filled in and segmented to gso_size, as frames without
 * offloads, for a receiver that takes no such. IPv4/IPv6 TCP for segments; any NEEDS_CSUM.
 * What emit returns false for ends it. buf: NET_MTU_MAX + 64 bytes for the caller's use.
 */
MUST_CHECK bool net_frame_finish(const struct net_frame *f, uint8_t *buf, size_t size,
                                 bool (*emit)(void *ctx, const struct net_frame *f), void *ctx);
/* Internet checksum of bytes, RFC 1071: a running 32-bit sum, and its end. */
uint32_t net_sum(uint32_t sum, const void *p, size_t n);
static inline uint16_t net_sum_end(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~((sum & 0xffff) + (sum >> 16));
}

#endif
