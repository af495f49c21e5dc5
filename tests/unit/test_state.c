/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/state.c: record layout, bounds of the writer, hostile input to the reader; status.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "socle/state.h"

#define ID STATE_ID('T', 'E', 'S', 'T')

static void layout_is_as_documented(void **unused)
{
    uint8_t buf[64];
    struct state_out o = { .buf = buf, .cap = sizeof(buf) };

    state_begin(&o, ID, 0x0102);
    state_put_u8(&o, 0x11);
    state_put_u16(&o, 0x2233);
    state_put_u32(&o, 0x44556677);
    state_put_u64(&o, 0x8899aabbccddeeffull);
    state_put_bytes(&o, "xyz", 3);
    state_end(&o);

    static const uint8_t want[] = {
        'T', 'E', 'S', 'T', 0x02, 0x01, 0, 0, 18, 0, 0, 0,
        0x11, 0x33, 0x22, 0x77, 0x66, 0x55, 0x44,
        0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 'x', 'y', 'z',
    };
    assert_int_equal(o.len, sizeof(want));
    assert_memory_equal(buf, want, sizeof(want));
}

static void two_records_round_trip(void **unused)
{
    uint8_t buf[128];
    struct state_out o = { .buf = buf, .cap = sizeof(buf) };
    uint16_t version;
    char text[3];

    state_begin(&o, ID, 3);
    state_put_u64(&o, UINT64_MAX - 1);
    state_put_u8(&o, 7);
    state_end(&o);
    state_begin(&o, ID + 1, 1);
    state_put_bytes(&o, "abc", 3);
    state_put_u16(&o, 0xbeef);
    state_put_u32(&o, 0xdeadbeef);
    state_end(&o);

    struct state_in in = { .buf = buf, .len = o.len };
    assert_int_equal(state_open(&in, ID, 5, &version), HV_OK);
    assert_int_equal(version, 3);
    assert_true(state_get_u64(&in) == UINT64_MAX - 1);
    assert_int_equal(state_get_u8(&in), 7);
    assert_int_equal(state_close(&in), HV_OK);
    assert_int_equal(state_open(&in, ID + 1, 1, &version), HV_OK);
    state_get_bytes(&in, text, 3);
    assert_memory_equal(text, "abc", 3);
    assert_int_equal(state_get_u16(&in), 0xbeef);
    assert_int_equal(state_get_u32(&in), 0xdeadbeef);
    assert_int_equal(state_close(&in), HV_OK);
    assert_int_equal(state_open(&in, ID, 1, &version), HV_INVALID);    /* nothing is left */
}

/* Every capacity from 0 to enough: nothing past cap is written and len tells the need. */
static void writer_counts_beyond_its_buffer(void **unused)
{
    for (size_t cap = 0; cap <= 40; cap++) {
        uint8_t *buf = malloc(cap + 1);     /* the sanitizer guards the end */
        buf[cap] = 0xa5;
        struct state_out o = { .buf = buf, .cap = cap };
        state_begin(&o, ID, 1);
        state_put_u64(&o, 1);
        state_put_bytes(&o, "0123456789", 10);
        state_end(&o);
        state_begin(&o, ID, 1);
        state_end(&o);
        assert_int_equal(o.len, 12 + 18 + 12);
        assert_int_equal(buf[cap], 0xa5);
        free(buf);
    }
}

static size_t sample(uint8_t buf[32])
{
    struct state_out o = { .buf = buf, .cap = 32 };
    state_begin(&o, ID, 2);
    state_put_u32(&o, 1);
    state_end(&o);
    return o.len;
}

static hv_status open_changed(size_t offset, uint8_t value, size_t len)
{
    uint8_t buf[32];
    uint16_t version;
    size_t n = sample(buf);

    if (offset < n)
        buf[offset] = value;
    /* An exact copy on the heap, so that reading past len is caught. */
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, buf, len);
    struct state_in in = { .buf = copy, .len = len };
    hv_status s = state_open(&in, ID, 2, &version);
    if (s) {
        assert_true(in.bad);
        assert_int_equal(state_get_u32(&in), 0);
    }
    free(copy);
    return s;
}

static void reader_refuses_wrong_headers(void **unused)
{
    assert_int_equal(open_changed(99, 0, 16), HV_OK);
    assert_int_equal(open_changed(0, 'X', 16), HV_NOT_FOUND);
    assert_int_equal(open_changed(4, 3, 16), HV_UNSUPPORTED);
    assert_int_equal(open_changed(4, 1, 16), HV_OK);
    assert_int_equal(open_changed(4, 0, 16), HV_INVALID);
    assert_int_equal(open_changed(6, 1, 16), HV_INVALID);
    assert_int_equal(open_changed(8, 5, 16), HV_INVALID);
    assert_int_equal(open_changed(11, 0xff, 16), HV_INVALID);
    for (size_t len = 0; len < 16; len++)
        assert_int_equal(open_changed(99, 0, len), HV_INVALID);
}

static void reader_stays_in_its_record(void **unused)
{
    uint8_t buf[32];
    uint16_t version;
    struct state_in in = { .buf = buf, .len = sample(buf) };

    assert_int_equal(state_open(&in, ID, 2, &version), HV_OK);
    assert_int_equal(state_get_u8(&in), 1);
    assert_int_equal(state_get_u32(&in), 0);        /* three bytes were left */
    assert_true(in.bad);
    assert_int_equal(state_get_u8(&in), 0);         /* bad stays bad */
    assert_int_equal(state_close(&in), HV_INVALID);

    in = (struct state_in){ .buf = buf, .len = 16 };
    assert_int_equal(state_open(&in, ID, 2, &version), HV_OK);
    state_get_u16(&in);
    assert_int_equal(state_close(&in), HV_INVALID);     /* bytes left over */

    /* What follows the record in the buffer is no part of it. */
    uint8_t two[64];
    struct state_out o = { .buf = two, .cap = sizeof(two) };
    for (int i = 0; i < 2; i++) {
        state_begin(&o, ID, 1);
        state_put_u16(&o, 5);
        state_end(&o);
    }
    in = (struct state_in){ .buf = two, .len = o.len };
    assert_int_equal(state_open(&in, ID, 2, &version), HV_OK);
    assert_int_equal(state_get_u32(&in), 0);
    assert_int_equal(state_close(&in), HV_INVALID);

    uint8_t big[64];
    in = (struct state_in){ .buf = buf, .len = 16 };
    assert_int_equal(state_open(&in, ID, 2, &version), HV_OK);
    memset(big, 0xff, sizeof(big));
    state_get_bytes(&in, big, sizeof(big));
    for (size_t i = 0; i < sizeof(big); i++)
        assert_int_equal(big[i], 0);
    assert_true(in.bad);
}

static void every_status_has_its_text(void **unused)
{
    for (int i = 0; i < HV_STATUS_COUNT; i++) {
        assert_true(strlen(hv_status_text((hv_status)i)) > 3);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(hv_status_text((hv_status)i), hv_status_text((hv_status)j));
    }
    assert_string_equal(hv_status_text(HV_STATUS_COUNT), "unknown status");
    assert_string_equal(hv_status_text(HV_NOMEM), "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_as_documented),
        cmocka_unit_test(two_records_round_trip),
        cmocka_unit_test(writer_counts_beyond_its_buffer),
        cmocka_unit_test(reader_refuses_wrong_headers),
        cmocka_unit_test(reader_stays_in_its_record),
        cmocka_unit_test(every_status_has_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
