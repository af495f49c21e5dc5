/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames on their way in and out: lengths, tags, and offloads that headers must agree with. */
#include "net_fixture.h"

static struct net_frame f;
static bool tagged;
static const struct net_offload none;

static void test_lengths(void **unused)
{
    static const uint32_t good[] = { 14, 15, 60, 191, 192, 193, 195, 196, 197, 1514, NET_MTU_MAX + 14 };
    static const uint32_t bad[] = { 0, 1, 13, NET_MTU_MAX + 15, 65535, 65549 };
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        plain(good[i], 0x0800);
        assert_true(parse(&f, none, &tagged));
        assert_false(tagged);
        assert_int_equal(f.len, good[i]);
        assert_int_equal(f.head_len, good[i] < NET_HEAD ? good[i] : NET_HEAD);
        assert_memory_equal(f.head, wire, f.head_len);
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        plain(bad[i] > 14 ? bad[i] : 14, 0x0800);
        wire_len = bad[i];
        assert_false(parse(&f, none, &tagged));
    }
    plain(300, 0x0800);
    assert_false(net_frame_parse(&f, wire, NET_HEAD + NET_TAG_LEN - 1, 300, &none, &tagged));
    assert_false(net_frame_parse(&f, wire, 196, 0xffffffff, &none, &tagged));
}

static void test_tags(void **unused)
{
    plain(60, 0x0800);
    insert_tag(7u << 13 | 1 << 12 | 4094);
    assert_true(parse(&f, none, &tagged));
    assert_true(tagged);
    assert_int_equal(f.vlan, 4094);
    assert_int_equal(f.pcp, 15);
    assert_int_equal(f.len, 60);
    assert_int_equal(of16(f.head + 12), 0x0800);
    insert_tag(20);                                     /* the other is payload now */
    assert_true(parse(&f, none, &tagged));
    assert_int_equal(f.vlan, 20);
    assert_int_equal(f.len, 64);
    assert_int_equal(of16(f.head + 12), 0x8100);
    plain(60, 0x0800);
    insert_tag(5u << 13);
    assert_true(parse(&f, none, &tagged));
    assert_true(tagged);
    assert_int_equal(f.vlan, 0);
    assert_int_equal(f.pcp, 10);
    plain(60, 0x0800);
    insert_tag(4095);
    assert_false(parse(&f, none, &tagged));
    plain(14, 0x8100);                                  /* a tag cut off */
    assert_false(parse(&f, none, &tagged));
    plain(17, 0x8100);
    assert_false(parse(&f, none, &tagged));
    plain(18, 0x8100);
    be16(wire + 14, 3);
    assert_true(parse(&f, none, &tagged));
    assert_int_equal(f.len, 14);
}

/* Any piece of any frame, with and without tag, is a piece of what was sent. */
static void test_copy(void **unused)
{
    static const uint32_t lens[] = { 14, 60, 191, 192, 193, 400 };
    uint8_t piece[512];
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        plain(lens[i], 0x0806);
        insert_tag(0xa123);
        assert_true(parse(&f, none, &tagged));
        for (uint32_t at = 0; at <= wire_len; at++) {
            for (uint32_t n = 0; n <= wire_len - at; n += 1 + n / 16) {
                memset(piece, 0xee, sizeof(piece));
                assert_true(net_frame_copy(&f, true, at, piece, n));
                assert_memory_equal(piece, wire + at, n);
                assert_int_equal(piece[n], 0xee);
            }
        }
        uint8_t untagged[512];
        memcpy(untagged, wire, 12);
        memcpy(untagged + 12, wire + 16, wire_len - 16);
        for (uint32_t at = 0; at <= f.len; at++) {
            assert_true(net_frame_copy(&f, false, at, piece, f.len - at));
            assert_memory_equal(piece, untagged + at, f.len - at);
        }
    }
    body_gone = true;
    assert_false(net_frame_copy(&f, true, 0, piece, wire_len));
    assert_true(net_frame_copy(&f, true, 0, piece, NET_HEAD + NET_TAG_LEN));
    body_gone = false;
}

static void test_csum_offsets(void **unused)
{
    static const struct { uint16_t start, offset; bool ok; } cases[] = {
        { 34, 16, true }, { 14, 0, true }, { 13, 0, false }, { 0, 0, false }, { 98, 0, true }, { 99, 0, false },
        { 34, 64, true }, { 34, 65, false }, { 0xffff, 0xffff, false }, { 34, 0xffff, false }, { 0xffff, 0, false },
        { 0xffff, 3, false },
    };
    for (unsigned tag = 0; tag < 2; tag++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            plain(100, 0x0800);
            if (tag)
                insert_tag(9);
            unsigned start = cases[i].start + 4 * tag;
            struct net_offload o = { .flags = NET_NEEDS_CSUM, .csum_start = (uint16_t)(start > 0xffff ? 0xffff : start),
                                     .csum_offset = cases[i].offset };
            assert_int_equal(parse(&f, o, &tagged), cases[i].ok);
            if (!cases[i].ok)
                continue;
            assert_int_equal(f.off.csum_start, cases[i].start);
            assert_int_equal(net_frame_offload(&f, true).csum_start, cases[i].start + 4);
            assert_int_equal(net_frame_offload(&f, false).csum_start, cases[i].start);
        }
    }
    plain(100, 0x0800);
    insert_tag(9);
    assert_false(parse(&f, (struct net_offload){ .flags = NET_NEEDS_CSUM, .csum_start = 3 }, &tagged));
    /* Fields that nothing asks for say nothing. */
    struct net_offload odd = { .flags = NET_DATA_VALID | 0xf0, .hdr_len = 9999, .gso_size = 7, .csum_start = 9999 };
    assert_true(parse(&f, odd, &tagged));
    assert_int_equal(f.off.flags, NET_DATA_VALID);
    assert_int_equal(f.off.csum_start | f.off.hdr_len | f.off.gso_size, 0);
}

static void test_gso_good(void **unused)
{
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned tag = 0; tag < 2; tag++) {
            struct net_offload o = tcp_frame(v6, 5000, 12, v6 ? 24 : 0, 1400);
            uint16_t headers = o.hdr_len, start = o.csum_start;
            o.gso |= NET_GSO_ECN;
            if (tag) {
                insert_tag(77);
                o.csum_start += 4;
            }
            o.hdr_len = (uint16_t)(4000 * tag);         /* a hint */
            assert_true(parse(&f, o, &tagged));
            assert_int_equal(f.off.hdr_len, headers);
            assert_int_equal(f.off.csum_start, start);
            assert_int_equal(net_frame_offload(&f, true).hdr_len, headers + 4);
            assert_int_equal(net_frame_offload(&f, true).csum_start, start + 4);
            assert_int_equal(net_frame_offload(&f, false).hdr_len, headers);
        }
    }
    struct net_offload most = tcp_frame(false, 65535 - 40, 0, 0, 1460);
    assert_true(parse(&f, most, &tagged));
    most = tcp_frame(true, 65535 - 40 - 20, 0, 0, 1440);
    assert_true(parse(&f, most, &tagged));
}

/* Each one byte or field away from a good one. */
static void test_gso_bad(void **unused)
{
    struct { unsigned at; uint8_t v; } v4[] = {
        { 12, 0x86 }, { 14, 0x65 }, { 14, 0x44 }, { 14, 0x4f }, { 16, 0 }, { 17, 0x99 }, { 20, 0x60 }, { 21, 1 },
        { 23, 17 }, { 46, 0x40 },
    }, v6[] = {
        { 12, 0x08 }, { 14, 0x40 }, { 18, 0xff }, { 19, 0x13 }, { 20, 44 }, { 20, 17 }, { 54, 44 }, { 55, 200 },
    };
    for (unsigned i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
        struct net_offload o = tcp_frame(false, 3000, 0, 0, 1000);
        assert_true(parse(&f, o, &tagged));
        wire[v4[i].at] = v4[i].v;
        assert_false(parse(&f, o, &tagged));
    }
    for (unsigned i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
        struct net_offload o = tcp_frame(true, 3000, 0, 8, 1000);
        assert_true(parse(&f, o, &tagged));
        wire[v6[i].at] = v6[i].v;
        assert_false(parse(&f, o, &tagged));
    }
}

static void test_gso_bad_fields(void **unused)
{
    struct net_offload good = tcp_frame(false, 3000, 0, 0, 1000), o;
#define REFUSED(change) do { o = good; change; assert_false(parse(&f, o, &tagged)); } while (0)
    assert_true(parse(&f, good, &tagged));
    REFUSED(o.gso_size = 0);
    REFUSED(o.gso_size = 47);
    REFUSED(o.flags = 0);
    REFUSED(o.flags = NET_DATA_VALID);
    REFUSED(o.gso = NET_GSO_TCPV6);
    REFUSED(o.gso = NET_GSO_ECN);
    REFUSED(o.gso = 3);                                 /* UDP */
    REFUSED(o.gso = 5);                                 /* UDP_L4 */
    REFUSED(o.gso = 0x7f);
    REFUSED(o.csum_start = 33);
    REFUSED(o.csum_start = 38);
    REFUSED(o.csum_offset = 6);
    REFUSED(o.hdr_len = 0xffff);
    REFUSED(o.hdr_len = 3055);
    for (uint32_t len = 14; len < 54; len++)            /* cut anywhere in the headers */
        REFUSED(wire_len = len);
    /* More than 64 KiB; the length field cannot even say it. */
    good = tcp_frame(false, 65535 - 40, 0, 0, 1460);
    wire_len++;
    REFUSED((void)0);
    /* All headers of options: still in the head. Extension headers beyond it: not. */
    good = tcp_frame(false, 3000, 40, 0, 1000);
    assert_true(parse(&f, good, &tagged));
    good = tcp_frame(true, 3000, 40, 72, 1000);
    assert_true(parse(&f, good, &tagged));
    good = tcp_frame(true, 3000, 40, 80, 1000);
    REFUSED((void)0);
    good = tcp_frame(true, 3000, 0, 2048, 1000);
    REFUSED((void)0);
#undef REFUSED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_tags), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_csum_offsets), cmocka_unit_test(test_gso_good), cmocka_unit_test(test_gso_bad),
        cmocka_unit_test(test_gso_bad_fields),
    };
    return cmocka_run_group_tests_name("net_frame", tests, NULL, NULL);
}
