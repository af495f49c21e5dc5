/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What iotest and nettest share: a pattern of bytes that a number chooses, its CRC-32 (that of
 * IEEE 802.3, Python's zlib.crc32), the TSC, and ending with a message.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    uint64_t state;
};

/* Its 64-bit words are x*A + C of the one before (Knuth's MMIX constants), little endian. */
static inline void pattern_start(struct pattern *p, uint64_t seed) { p->state = seed; }

/* len: a multiple of 8. */
static inline void pattern_next(struct pattern *p, void *buffer, size_t len)
{
    uint64_t *word = buffer, x = p->state;
    for (size_t i = 0; i < len / 8; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        word[i] = x;
    }
    p->state = x;
}

static inline uint32_t (*crc_tables(void))[256]
{
    static uint32_t table[8][256];
    if (table[0][1])
        return table;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t r = i;
        for (int bit = 0; bit < 8; bit++)
            r = r >> 1 ^ (r & 1 ? 0xedb88320u : 0);
        table[0][i] = r;
    }
    for (unsigned t = 1; t < 8; t++)
        for (unsigned i = 0; i < 256; i++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xff];
    return table;
}

/* Eight bytes at a time; the first call has crc 0, the next ones what the last one gave. */
static inline uint32_t crc32(uint32_t crc, const void *data, size_t len)
{
    uint32_t (*t)[256] = crc_tables();
    const uint8_t *p = data;
    uint64_t w;
    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&w, p, 8);
        w ^= crc;
        crc = t[7][w & 0xff] ^ t[6][w >> 8 & 0xff] ^ t[5][w >> 16 & 0xff] ^ t[4][w >> 24 & 0xff] ^
              t[3][w >> 32 & 0xff] ^ t[2][w >> 40 & 0xff] ^ t[1][w >> 48 & 0xff] ^ t[0][w >> 56];
    }
    while (len--)
        crc = crc >> 8 ^ t[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

_Noreturn static inline void die(const char *what)
{
    printf("FAILED %s: %s\n", what, strerror(errno));
    exit(1);
}

static inline uint64_t number(const char *text)
{
    char *end;
    uint64_t v = strtoull(text, &end, 0);
    if (*end == 'K' || *end == 'M' || *end == 'G') {
        v <<= *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
        end++;
    }
    if (!*text || *end) {
        printf("FAILED %s is no number\n", text);
        exit(2);
    }
    return v;
}

#endif
