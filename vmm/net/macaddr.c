/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet addresses as text, and made from names. Called while guests are configured. */
#include "socle/net/macaddr.h"

#include "socle/str.h"

enum { NAME_MAX = 60 };

/* ---- SipHash-2-4 ------------------------------------------------------------------ */

static inline uint64_t rotate(uint64_t v, unsigned n) { return v << n | v >> (64 - n); }

static void rounds(uint64_t v[4], unsigned n)
{
    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

uint64_t siphash(const uint8_t key[16], const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t k0 = get_le64(key), k1 = get_le64(key + 8), last = (uint64_t)n << 56;
    uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
                      k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
    for (; n >= 8; n -= 8, p += 8)
        absorb(v, get_le64(p));
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)p[i] << 8 * i;
    absorb(v, last);
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- addresses -------------------------------------------------------------------- */

void mac_default(uint8_t mac[MAC_LEN], const uint8_t machine_uuid[16], const char *guest, uint32_t index)
{
    uint8_t text[NAME_MAX + 4] = { 0 };
    memcpy(text, guest, strnlen(guest, NAME_MAX));
    put_le32(text + NAME_MAX, index);
    uint64_t hash = siphash(machine_uuid, text, sizeof(text));
    mac_store(mac, (hash & MAC_MASK & ~MAC_GROUP) | MAC_LOCAL);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mac_parse(uint8_t mac[MAC_LEN], const char *text)
{
    char between = text[0] && text[1] ? text[2] : 0;
    if (strnlen(text, MAC_TEXT) != MAC_TEXT - 1 || (between != ':' && between != '-'))
        return false;
    for (unsigned i = 0; i < MAC_LEN; i++, text += 3) {
        int high = digit(text[0]), low = digit(text[1]);
        if (high < 0 || low < 0 || (i + 1 < MAC_LEN && text[2] != between))
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void mac_format(char text[MAC_TEXT], const uint8_t mac[MAC_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < MAC_LEN; i++) {
        text[3 * i] = digits[mac[i] >> 4];
        text[3 * i + 1] = digits[mac[i] & 15];
        text[3 * i + 2] = i + 1 < MAC_LEN ? ':' : 0;
    }
}
