/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers in network byte order, and the places of fields in the headers the switch looks at. */
#ifndef VMM_NET_WIRE_H
#define VMM_NET_WIRE_H

#include "socle/le.h"
#include "socle/types.h"

enum {
    ETH_TYPE = 12,
    TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd,
    TYPE_CTAG = 0x8100,                 /* IEEE 802.1Q, table 9-1: customer VLAN tag */
    TYPE_STAG = 0x88a8,                 /* the same: service VLAN tag */
    TYPE_QINQ = 0x9100,                 /* what older bridges use for it */
    IPV4_LENGTH = 2, IPV4_ID = 4, IPV4_FRAGMENT = 6, IPV4_PROTOCOL = 9, IPV4_CHECKSUM = 10, IPV4_ADDRESSES = 12,
    IPV4_HEADER = 20, IPV4_NOT_WHOLE = 0x3fff,  /* more fragments, or an offset */
    IPV6_LENGTH = 4, IPV6_NEXT = 6, IPV6_ADDRESSES = 8, IPV6_HEADER = 40,
    PROTOCOL_TCP = 6,
    TCP_SEQUENCE = 4, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_HEADER = 20,
    TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80,
    UDP_CHECKSUM = 6,
};

static inline uint16_t swap16(uint16_t v) { return __builtin_bswap16(v); }

static inline uint16_t get_be16(const void *p) { return swap16(get_le16(p)); }
static inline uint32_t get_be32(const void *p) { return __builtin_bswap32(get_le32(p)); }
static inline void put_be16(void *p, uint16_t v) { put_le16(p, swap16(v)); }
static inline void put_be32(void *p, uint32_t v) { put_le32(p, __builtin_bswap32(v)); }

#endif
