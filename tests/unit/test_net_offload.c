/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums and segmentation in software, against references that are slow and plain. */
#include "net_fixture.h"

static struct net_frame f;
static bool tagged;
static uint8_t buf[NET_MTU_MAX + 64];
static uint8_t got[70000];              /* TCP payload of the segments, one after another */
static uint32_t got_len;
static unsigned frames, stop_after;

static uint8_t out[NET_MTU_MAX + 64];   /* the last frame emitted */
static uint32_t out_len;

static bool keep(void *ctx, const struct net_frame *e)
{
    assert_int_equal(e->off.flags | e->off.gso, 0);
    assert_int_equal(e->vlan, f.vlan);
    assert_int_equal(e->pcp, f.pcp);
    assert_true(e->len <= sizeof(out));
    assert_true(net_frame_copy(e, false, 0, out, e->len));
    out_len = e->len;
    return ++frames != stop_after;
}

static uint16_t pseudo(const uint8_t *ip, bool ipv6, uint32_t tcp_len)
{
    uint8_t tail[8] = { 0, 0, 0, 0, 0, 0, 0, 6 };
    be32(tail, tcp_len);
    uint16_t sum = ipv6 ? naive_sum(0, ip + 8, 32) : naive_sum(0, ip + 12, 8);
    return naive_sum(sum, tail, 8);
}

/* A whole segment: all that RFC 791, 8200 and 9293 let one check. */
static bool keep_segment(void *ctx, const struct net_frame *e)
{
    const struct net_offload *o = ctx;
    bool ipv6 = (o->gso & 0x7f) == NET_GSO_TCPV6;
    uint32_t at = o->csum_start, header = o->hdr_len, payload = e->len - header;
    bool more = keep(NULL, e), last = got_len + payload == f.len - header;
    const uint8_t *ip = out + 14, *tcp = out + at;
    assert_true(payload <= o->gso_size && (last || payload == o->gso_size));
    if (ipv6) {
        assert_int_equal(of16(ip + 4), out_len - 54);
    } else {
        assert_int_equal(of16(ip + 2), out_len - 14);
        assert_int_equal(of16(ip + 4), (0xfffe + frames - 1) & 0xffff);
        assert_int_equal(naive_sum(0, ip, at - 14), 0xffff);
    }
    assert_int_equal(of32(tcp + 4), 0xfffffff0 + got_len);
    assert_int_equal(tcp[13], 0x10 | (frames == 1 ? 0x80 : 0) | (last ? 0x09 : 0));
    assert_int_equal(naive_sum(pseudo(ip, ipv6, out_len - at), tcp, out_len - at), 0xffff);
    assert_memory_equal(out, f.head, 14);
    memcpy(got + got_len, out + header, payload);
    got_len += payload;
    return more;
}

static bool finish(struct net_offload o, bool (*emit)(void *, const struct net_frame *), size_t size)
{
    got_len = frames = 0;
    assert_true(parse(&f, o, &tagged));
    /* Exactly so much, for the sanitizer. */
    uint8_t *exact = malloc(size);
    bool ok = net_frame_finish(&f, exact, size, emit, &o);
    free(exact);
    return ok;
}

static void test_sum(void **unused)
{
    uint8_t bytes[300];
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = (size_t)rand() % 260, at = (size_t)rand() % 16;
        uint16_t begin = (uint16_t)rand();
        for (size_t i = 0; i < n; i++)
            bytes[at + i] = round & 1 ? (uint8_t)rand() : 0xff;
        uint16_t want = (uint16_t)~naive_sum((uint32_t)(begin >> 8 | (begin & 0xff) << 8), bytes + at, n);
        uint16_t have = net_sum_end(net_sum(begin, bytes + at, n));
        assert_int_equal((uint16_t)(have >> 8 | have << 8), want);
    }
    uint8_t *exact = malloc(37);                        /* not a byte beyond */
    memset(exact, 1, 37);
    for (size_t n = 0; n <= 37; n++)
        (void)net_sum(0xffffffff, exact + 37 - n, n);
    free(exact);
}

static void test_segments(void **unused)
{
    static const uint32_t payloads[] = { 0, 1, 48, 999, 1000, 1001, 2000, 5001, 60000, 65475 };
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
            for (unsigned mss = 48; mss <= 8960; mss = mss * 3 + 1) {
                for (unsigned options = 0; options <= 12; options += 12) {
                    uint32_t n = payloads[i] - (payloads[i] > 65000 ? 2 * options : 0);
                    struct net_offload o = tcp_frame(v6, n, options, v6 ? 2 * (options / 3) : 0, mss);
                    assert_true(finish(o, keep_segment, sizeof(buf)));
                    assert_int_equal(frames, n ? (n + mss - 1) / mss : 1);
                    assert_int_equal(got_len, n);
                    assert_memory_equal(got, wire + o.hdr_len, n);
                }
            }
        }
    }
}

static void test_segments_of_tagged(void **unused)
{
    struct net_offload o = tcp_frame(false, 3000, 0, 0, 1000), sent = o;
    insert_tag(3u << 13 | 100);
    sent.csum_start += 4;
    sent.hdr_len += 4;
    sent.gso |= NET_GSO_ECN;
    assert_true(parse(&f, sent, &tagged));
    got_len = frames = 0;
    assert_true(net_frame_finish(&f, buf, sizeof(buf), keep_segment, &o));
    assert_int_equal(frames, 3);
    assert_int_equal(f.vlan, 100);
}

static void test_segments_end(void **unused)
{
    struct net_offload o = tcp_frame(false, 5000, 0, 0, 1000);
    stop_after = 2;
    assert_false(finish(o, keep_segment, sizeof(buf)));
    assert_int_equal(frames, 2);
    stop_after = 0;
    body_gone = true;
    assert_false(finish(o, keep_segment, sizeof(buf)));
    body_gone = false;
    assert_int_equal(frames, 0);
    assert_false(finish(o, keep_segment, 1053));        /* a segment has 1054 bytes */
    assert_true(finish(o, keep_segment, 1054));
    o = tcp_frame(false, 20000, 0, 0, 10000);
    assert_false(finish(o, keep_segment, sizeof(buf)));
}

/* Any protocol: the field has the pseudo header's sum, the bytes behind it are added. */
static void test_csum(void **unused)
{
    for (uint32_t len = 60; len < 1600; len += 37) {
        for (unsigned offset = 0; offset <= 16; offset += 2) {
            plain(len, 0x0800);
            struct net_offload o = { .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = (uint16_t)offset };
            assert_true(finish(o, keep, len));
            assert_int_equal(frames, 1);
            assert_int_equal(out_len, len);
            unsigned at = 34 + offset, had = of16(wire + at);
            assert_int_equal(of16(out + at), (uint16_t)~naive_sum(0, wire + 34, len - 34));
            /* With the complement of what was summed in place of it, all adds up. */
            assert_int_equal(naive_sum(had, out + 34, len - 34) % 0xffff, 0);
            be16(out + at, had);
            assert_memory_equal(out, wire, len);
        }
    }
    plain(100, 0x0800);
    struct net_offload o = { .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 };
    assert_false(finish(o, keep, 99));
    plain(300, 0x0800);
    body_gone = true;
    assert_false(finish(o, keep, sizeof(buf)));
    body_gone = false;
}

/* RFC 768: a sum of zero is sent as ones, since zero means none; nobody else has that rule. */
static void test_csum_of_udp_is_not_zero(void **unused)
{
    for (unsigned offset = 6; offset <= 16; offset += 10) {
        plain(60, 0x0800);
        memset(wire + 34, 0, 26);
        be16(wire + 34 + offset, 0xffff);
        struct net_offload o = { .flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = (uint16_t)offset };
        assert_true(finish(o, keep, sizeof(buf)));
        assert_int_equal(of16(out + 34 + offset), offset == 6 ? 0xffff : 0);
    }
}

static bool same(void *ctx, const struct net_frame *e)
{
    frames++;
    return e == &f;
}

static void test_nothing_to_do(void **unused)
{
    plain(1000, 0x0800);
    frames = 0;
    assert_true(parse(&f, (struct net_offload){ 0 }, &tagged));
    assert_true(net_frame_finish(&f, buf, sizeof(buf), same, NULL));
    assert_int_equal(frames, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum), cmocka_unit_test(test_segments), cmocka_unit_test(test_segments_of_tagged),
        cmocka_unit_test(test_segments_end), cmocka_unit_test(test_csum),
        cmocka_unit_test(test_csum_of_udp_is_not_zero), cmocka_unit_test(test_nothing_to_do),
    };
    return cmocka_run_group_tests_name("net_offload", tests, NULL, NULL);
}
