/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and offload fields of a hostile sender: parsed, copied in pieces, finished in
 * software. What is let in must come out whole, segments no longer than asked for and with
 * sums that add up. The first bytes of the input are fields, the others headers; bodies are
 * made up, so that frames of 64 KiB need no such inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/net/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SOURCE_MAX = 70000, HEADERS = 512 };

static uint8_t source[SOURCE_MAX];      /* the frame as sent */
static uint32_t tag;                    /* bytes of its tag */
static struct net_frame f;
static uint32_t segments, payload;

static bool body(const struct net_frame *frame, uint32_t at, void *to, uint32_t n)
{
    hv_assert(at >= frame->head_len && n <= frame->len && at <= frame->len - n);
    memcpy(to, source + tag + at, n);
    return true;
}

static uint16_t plain_sum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << (i & 1 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static bool emit(void *ctx, const struct net_frame *e)
{
    static uint8_t whole[SOURCE_MAX];
    hv_assert(!(e->off.flags & NET_NEEDS_CSUM) && !e->off.gso);
    hv_assert(e->len <= NET_MTU_MAX + 14 || f.off.gso);
    hv_assert(net_frame_copy(e, false, 0, whole, e->len));
    segments++;
    if (!f.off.gso)
        return true;
    hv_assert(e->len - f.off.hdr_len <= f.off.gso_size);
    payload += e->len - f.off.hdr_len;
    if ((f.off.gso & 0x7f) == NET_GSO_TCPV4)
        hv_assert(plain_sum(whole + 14, f.off.csum_start - 14u) == 0xffff);
    return segments < 100000;
}

static void check_copies(uint32_t wire_len, bool tagged)
{
    static uint8_t all[SOURCE_MAX];
    static const uint32_t steps[] = { 1, 13, 200 };
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        uint32_t step = steps[i], end = wire_len < 32 * step ? wire_len : 32 * step;
        for (uint32_t at = 0; at < end; at += step)
            hv_assert(net_frame_copy(&f, tagged, at, all + at, end - at < step ? end - at : step));
        hv_assert(!memcmp(all, source, end));
    }
}

static void check_finish(void)
{
    size_t size = NET_MTU_MAX + 64;
    uint8_t *buf = malloc(size);
    segments = payload = 0;
    bool ok = net_frame_finish(&f, buf, size, emit, NULL);
    if (ok && f.off.gso)
        hv_assert(payload == f.len - f.off.hdr_len);
    else if (ok)
        hv_assert(segments == 1);
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_offload off;
    uint16_t wire_len;
    bool tagged;
    if (size < sizeof(off) + 3)
        return 0;
    memcpy(&off, data, sizeof(off));
    memcpy(&wire_len, data + sizeof(off), 2);
    bool fix = data[sizeof(off) + 2] & 1;
    data += sizeof(off) + 3, size -= sizeof(off) + 3;
    for (uint32_t i = 0; i < (source[SOURCE_MAX - 1] ? HEADERS : SOURCE_MAX); i++)
        source[i] = (uint8_t)((i ^ i >> 8) | 1);
    memcpy(source, data, size < HEADERS ? size : HEADERS);
    if (fix && wire_len >= 20) {                        /* lengths are hard to guess */
        source[16] = (uint8_t)((wire_len - 14) >> 8), source[17] = (uint8_t)(wire_len - 14);
        source[18] = (uint8_t)((wire_len - 54) >> 8), source[19] = (uint8_t)(wire_len - 54);
    }
    uint32_t n = wire_len < NET_HEAD + NET_TAG_LEN ? wire_len : NET_HEAD + NET_TAG_LEN;
    uint8_t *first = malloc(n ? n : 1);
    memcpy(first, source, n);
    memset(&f, 0x5a, sizeof(f));
    bool ok = net_frame_parse(&f, first, n, wire_len, &off, &tagged);
    free(first);
    if (!ok)
        return 0;
    tag = tagged ? NET_TAG_LEN : 0;
    f.body = body;
    hv_assert(net_frame_wire_len(&f, tagged) == wire_len && f.vlan < 4095 && f.head_len <= NET_HEAD);
    hv_assert(!f.off.gso || (f.off.gso_size && f.off.hdr_len <= f.head_len));
    check_copies(wire_len, tagged);
    check_finish();
    return 0;
}
