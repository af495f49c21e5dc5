/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/device/rtc_time.c: the calendar, each register format, hostile contents, alarms. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "socle/device/rtc_time.h"

static void test_calendar_against_libc(void **unused)
{
    uint8_t reg[128] = { [RTC_B] = RTC_B_24H | RTC_B_BINARY };
    for (int64_t t = -62135596800; t < 253402300800; t += 86400 * 37 + 12345) {
        time_t tt = t;
        struct tm tm;
        assert_non_null(gmtime_r(&tt, &tm));
        rtc_time_encode(reg, t, 0);
        assert_int_equal(reg[RTC_SECONDS], tm.tm_sec);
        assert_int_equal(reg[RTC_MINUTES], tm.tm_min);
        assert_int_equal(reg[RTC_HOURS], tm.tm_hour);
        assert_int_equal(reg[RTC_WEEKDAY], tm.tm_wday + 1);
        assert_int_equal(reg[RTC_DAY], tm.tm_mday);
        assert_int_equal(reg[RTC_MONTH], tm.tm_mon + 1);
        assert_int_equal(reg[RTC_CENTURY] * 100 + reg[RTC_YEAR], tm.tm_year + 1900);
    }
}

static void test_decode_inverts_encode(void **unused)
{
    for (unsigned format = 0; format < 4; format++) {
        uint8_t reg[128] = { [RTC_B] = (uint8_t)(format << 1) };
        for (int64_t t = RTC_TIME_MIN; t < 253402300800; t += 86400 * 211 + 3601) {
            uint8_t shift;
            unsigned put = (unsigned)(t & 3);
            rtc_time_encode(reg, t, put);
            assert_int_equal(rtc_time_decode(reg, &shift), t);
            assert_int_equal(shift, put);
        }
    }
}

static void test_decode_any_contents(void **unused)
{
    uint8_t reg[128];
    for (unsigned format = 0; format < 4; format++) {
        static const uint8_t fill[] = { 0, 0xff, 0x99, 0x0f, 0x7f };
        for (unsigned i = 0; i < ARRAY_LEN(fill); i++) {
            uint8_t shift;
            memset(reg, fill[i], sizeof(reg));
            reg[RTC_B] = (uint8_t)(format << 1);
            int64_t t = rtc_time_decode(reg, &shift);
            assert_true(t >= RTC_TIME_MIN && t < RTC_TIME_MAX && shift < 7);
            rtc_time_encode(reg, t, shift);
        }
    }
}

static void test_until_alarm_by_search(void **unused)
{
    uint8_t reg[128] = { [RTC_B] = RTC_B_24H | RTC_B_BINARY };
    static const uint8_t s[] = { 0, 30, 59, 0xc0 }, m[] = { 0, 29, 59, 0xff };
    static const uint8_t h[] = { 0, 11, 23, 0xc5 };
    static const int start[] = { 0, 1, 29, 30, 59, 60, 3599, 3600, 41399, 43000, 86399, 82799,
                                3595, 86395, 41395 };
    for (unsigned i = 0; i < 64; i++) {
        reg[RTC_SECONDS_ALARM] = s[i & 3];
        reg[RTC_MINUTES_ALARM] = m[i >> 2 & 3];
        reg[RTC_HOURS_ALARM] = h[i >> 4];
        for (unsigned k = 0; k < ARRAY_LEN(start); k++) {
            int t = start[k] + 1;
            for (;; t++) {
                unsigned v = (unsigned)t % 86400;
                if ((i & 3) != 3 && v % 60 != s[i & 3])
                    continue;
                if ((i >> 2 & 3) != 3 && v / 60 % 60 != m[i >> 2 & 3])
                    continue;
                if (i >> 4 == 3 || v / 3600 == h[i >> 4])
                    break;
            }
            assert_int_equal(rtc_time_until_alarm(reg, start[k]), t - start[k]);
        }
    }
    reg[RTC_MINUTES_ALARM] = 60;                        /* never */
    assert_int_equal(rtc_time_until_alarm(reg, 0), 0);
    reg[RTC_B] = 0;
    reg[RTC_SECONDS_ALARM] = 0x30, reg[RTC_MINUTES_ALARM] = 0x15, reg[RTC_HOURS_ALARM] = 0x81;
    assert_int_equal(rtc_time_until_alarm(reg, 0), 13 * 3600 + 15 * 60 + 30);   /* 1 PM */
    reg[RTC_HOURS_ALARM] = 0x12;                        /* 12 AM is midnight */
    assert_int_equal(rtc_time_until_alarm(reg, 0), 15 * 60 + 30);
    reg[RTC_HOURS_ALARM] = 0x13;
    assert_int_equal(rtc_time_until_alarm(reg, 0), 0);
    reg[RTC_HOURS_ALARM] = 0x00;
    assert_int_equal(rtc_time_until_alarm(reg, 0), 0);
    reg[RTC_HOURS_ALARM] = 0xc0, reg[RTC_SECONDS_ALARM] = 0x1a;
    assert_int_equal(rtc_time_until_alarm(reg, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar_against_libc),
        cmocka_unit_test(test_decode_inverts_encode),
        cmocka_unit_test(test_decode_any_contents),
        cmocka_unit_test(test_until_alarm_by_search),
    };
    return cmocka_run_group_tests_name("rtc_time", tests, NULL, NULL);
}
