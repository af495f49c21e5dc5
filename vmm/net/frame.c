/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An Ethernet frame as a sender hands it in: its tag taken out (IEEE 802.1Q-2018, 9.6), what
 * the sender left to do compared with what the headers say (virtio 1.2, 5.1.6.2), and the
 * bytes that leave again. Called by whoever feeds the switch, for each frame.
 */
#include "socle/net/frame.h"

#include "vmm/net/wire.h"

enum {
    MACS = 12,
    VID_MASK = 0x0fff, VID_RESERVED = 0x0fff, PCP_SHIFT = 12,
    /*
     * Smaller segments than any TCP sends (RFC 791 lets a link carry no less than 68 bytes;
     * 20 go to the IP header): otherwise one frame could become 65,000.
     */
    MSS_MIN = 48,
    /* Extension headers that a TCP segment may have before it (RFC 8200, section 4). */
    IPV6_HOP_BY_HOP = 0, IPV6_ROUTING = 43, IPV6_DESTINATION = 60,
};

/* ---- segmentation left to do: the headers must be what the sender says ------------ */

/* Where TCP begins; 0: not a whole TCP segment in IPv4, or not all of it in the head. */
static uint32_t tcp_in_ipv4(const struct net_frame *f)
{
    const uint8_t *ip = f->head + NET_ETH_LEN;
    if (f->head_len < NET_ETH_LEN + IPV4_HEADER || get_be16(f->head + ETH_TYPE) != TYPE_IPV4)
        return 0;
    uint32_t header = (ip[0] & 0xfu) * 4;
    if (ip[0] >> 4 != 4 || header < IPV4_HEADER || ip[IPV4_PROTOCOL] != PROTOCOL_TCP)
        return 0;
    if (get_be16(ip + IPV4_LENGTH) != f->len - NET_ETH_LEN || (get_be16(ip + IPV4_FRAGMENT) & IPV4_NOT_WHOLE))
        return 0;
    return NET_ETH_LEN + header;
}

static bool may_precede_tcp(uint8_t next)
{
    return next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING || next == IPV6_DESTINATION;
}

/* The same for IPv6. Each round moves on by 8 bytes at least, so the head bounds it. */
static uint32_t tcp_in_ipv6(const struct net_frame *f)
{
    const uint8_t *ip = f->head + NET_ETH_LEN;
    uint32_t at = NET_ETH_LEN + IPV6_HEADER;
    if (f->head_len < at || get_be16(f->head + ETH_TYPE) != TYPE_IPV6 || ip[0] >> 4 != 6)
        return 0;
    if (get_be16(ip + IPV6_LENGTH) != f->len - at)
        return 0;
    uint8_t next = ip[IPV6_NEXT];
    while (may_precede_tcp(next) && at + 8 <= f->head_len) {
        next = f->head[at];
        at += (f->head[at + 1] + 1u) * 8;
    }
    return next == PROTOCOL_TCP ? at : 0;
}

/*
 * hdr_len of a sender is a hint and may well count payload (virtio 1.2, 5.1.6.2.2): only its
 * bound is checked, and what the headers say takes its place.
 */
static bool check_gso(struct net_frame *f)
{
    uint8_t type = f->off.gso & ~NET_GSO_ECN;
    if (f->len > NET_GSO_MAX || !(f->off.flags & NET_NEEDS_CSUM) || f->off.gso_size < MSS_MIN)
        return false;
    if (f->off.hdr_len > f->len)
        return false;
    uint32_t tcp = type == NET_GSO_TCPV4 ? tcp_in_ipv4(f) : type == NET_GSO_TCPV6 ? tcp_in_ipv6(f) : 0;
    if (!tcp || tcp + TCP_HEADER > f->head_len)
        return false;
    uint32_t header = (f->head[tcp + TCP_OFFSET] >> 4) * 4u;
    if (header < TCP_HEADER || tcp + header > f->head_len)
        return false;
    if (f->off.csum_start != tcp || f->off.csum_offset != TCP_CHECKSUM)
        return false;
    f->off.hdr_len = (uint16_t)(tcp + header);
    return true;
}

static bool check_csum(const struct net_frame *f)
{
    return f->off.csum_start >= NET_ETH_LEN && (uint32_t)f->off.csum_start + f->off.csum_offset + 2 <= f->len;
}

/* f->off as sent, tag counted; afterwards without, nothing in it that is not asked for. */
static bool check_offload(struct net_frame *f, bool tagged)
{
    struct net_offload *o = &f->off;
    uint16_t tag = tagged ? NET_TAG_LEN : 0;
    o->flags &= o->flags & NET_NEEDS_CSUM ? NET_NEEDS_CSUM : NET_DATA_VALID;
    if (!(o->flags & NET_NEEDS_CSUM))
        o->csum_start = o->csum_offset = 0;
    else if (o->csum_start < tag)
        return false;
    else
        o->csum_start = (uint16_t)(o->csum_start - tag);
    if ((o->flags & NET_NEEDS_CSUM) && !check_csum(f))
        return false;
    if (o->gso == NET_GSO_NONE) {
        o->hdr_len = o->gso_size = 0;
        return f->len <= NET_MTU_MAX + NET_ETH_LEN;
    }
    o->hdr_len = o->hdr_len > tag ? (uint16_t)(o->hdr_len - tag) : 0;
    return check_gso(f);
}

/* ---- in and out ------------------------------------------------------------------ */

bool net_frame_parse(struct net_frame *f, const uint8_t *first, uint32_t n, uint32_t wire_len,
                     const struct net_offload *off, bool *tagged)
{
    uint32_t wanted = wire_len < NET_HEAD + NET_TAG_LEN ? wire_len : NET_HEAD + NET_TAG_LEN;
    if (wire_len < NET_FRAME_MIN || wire_len > NET_GSO_MAX + NET_TAG_LEN || n < wanted)
        return false;
    *tagged = get_be16(first + ETH_TYPE) == TYPE_CTAG;
    uint32_t tag = *tagged ? NET_TAG_LEN : 0;
    if (wire_len < NET_FRAME_MIN + tag)
        return false;
    f->len = wire_len - tag;
    f->head_len = (uint16_t)(f->len < NET_HEAD ? f->len : NET_HEAD);
    f->vlan = f->pcp = 0;
    if (*tagged) {
        uint16_t tci = get_be16(first + NET_ETH_LEN);
        f->vlan = tci & VID_MASK;
        f->pcp = (uint8_t)(tci >> PCP_SHIFT);
        if (f->vlan == VID_RESERVED)
            return false;
    }
    __builtin_memcpy(f->head, first, MACS);
    memcpy(f->head + MACS, first + MACS + tag, f->head_len - MACS);
    f->off = *off;
    return check_offload(f, *tagged);
}

static bool copy_untagged(const struct net_frame *f, uint32_t at, uint8_t *to, uint32_t n)
{
    if (at < f->head_len) {
        uint32_t part = f->head_len - at < n ? f->head_len - at : n;
        memcpy(to, f->head + at, part);
        at += part;
        to += part;
        n -= part;
    }
    return !n || f->body(f, at, to, n);
}

/* The part of [at, at+n) that lies in the first 16 bytes, of which the last 4 are the tag. */
static uint32_t copy_front(const struct net_frame *f, uint32_t at, uint8_t *to, uint32_t n)
{
    uint8_t front[MACS + NET_TAG_LEN];
    if (at >= sizeof(front))
        return 0;
    uint32_t part = sizeof(front) - at < n ? (uint32_t)sizeof(front) - at : n;
    __builtin_memcpy(front, f->head, MACS);
    put_be16(front + ETH_TYPE, TYPE_CTAG);
    put_be16(front + NET_ETH_LEN, (uint16_t)(f->pcp << PCP_SHIFT | f->vlan));
    memcpy(to, front + at, part);
    return part;
}

bool net_frame_copy(const struct net_frame *f, bool tag, uint32_t at, void *to, uint32_t n)
{
    if (!tag)
        return copy_untagged(f, at, to, n);
    uint32_t part = copy_front(f, at, to, n);
    return part == n || copy_untagged(f, at + part - NET_TAG_LEN, (uint8_t *)to + part, n - part);
}

struct net_offload net_frame_offload(const struct net_frame *f, bool tag)
{
    struct net_offload o = f->off;
    if (tag && (o.flags & NET_NEEDS_CSUM))
        o.csum_start += NET_TAG_LEN;
    if (tag && o.gso)
        o.hdr_len += NET_TAG_LEN;
    return o;
}
