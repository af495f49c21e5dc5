/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet addresses: as 48-bit numbers for tables (first byte lowest, hence bit 0 is the
 * group bit and bit 1 the local one: IEEE 802-2014, 8.2), as text, and the one a guest's
 * NIC gets when the configuration names none.
 */
#ifndef SOCLE_NET_MACADDR_H
#define SOCLE_NET_MACADDR_H

#include "socle/le.h"
#include "socle/types.h"

#define MAC_MASK        0xffffffffffffull
#define MAC_GROUP       0x1ull          /* multicast, broadcast */
#define MAC_LOCAL       0x2ull          /* locally administered */

enum { MAC_LEN = 6, MAC_TEXT = 18 };    /* "52:54:00:12:34:56" and its end */

static inline uint64_t mac_load(const uint8_t *p) { return get_le32(p) | (uint64_t)get_le16(p + 4) << 32; }
static inline void mac_store(uint8_t *p, uint64_t mac)
{
    put_le32(p, (uint32_t)mac);
    put_le16(p + 4, (uint16_t)(mac >> 32));
}
/* Can it be a station's own? */
static inline bool mac_is_station(uint64_t mac) { return mac && !(mac & MAC_GROUP); }

/*
 * The address of NIC `index` of a guest: the same at each boot of a machine, different, but for
 * a chance of 2^-46, for each machine, guest and index. Local and unicast.
 */
void mac_default(uint8_t mac[MAC_LEN], const uint8_t machine_uuid[16], const char *guest, uint32_t index);

/* Six pairs of hexadecimal digits with `:` or `-` between them, nothing else. False: not that. */
MUST_CHECK bool mac_parse(uint8_t mac[MAC_LEN], const char *text);
void mac_format(char text[MAC_TEXT], const uint8_t mac[MAC_LEN]);

/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012). */
uint64_t siphash(const uint8_t key[16], const void *bytes, size_t n);

#endif
