/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818A's time and alarm registers as numbers: data sheet, "Time, Calendar, and
 * Alarm Locations". Called by rtc.c. Knows the Gregorian calendar, but no clock.
 */
#include "socle/device/rtc_time.h"

#define DAY             INT64_C(86400)
#define EPOCH_DAY       719528              /* 1970-01-01, counted from 0000-01-01 */
#define EPOCH_WEEKDAY   4                   /* a Thursday */
#define PM              0x80u
#define ANY             0xc0u               /* alarm byte: "don't care" */

static const uint16_t month_start[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 0000-01-01 to the first of January; year >= 0. */
static int64_t year_start(int64_t year)
{
    int64_t before = year - 1;      /* the last year that may have given a leap day */
    return year ? year * 365 + before / 4 - before / 100 + before / 400 + 1 : 0;
}

static int64_t first_of_month(int64_t year, unsigned month)
{
    return year_start(year) + month_start[month] + (month > 1 && is_leap(year));
}

static uint8_t encode(const uint8_t *reg, unsigned v)
{
    v %= 100;
    return (uint8_t)(reg[RTC_B] & RTC_B_BINARY ? v : v / 10 << 4 | v % 10);
}

static unsigned decode(const uint8_t *reg, uint8_t v)
{
    return reg[RTC_B] & RTC_B_BINARY ? v : (v >> 4) * 10u + (v & 15u);
}

static uint8_t encode_hour(const uint8_t *reg, unsigned hour)
{
    if (reg[RTC_B] & RTC_B_24H)
        return encode(reg, hour);
    return (uint8_t)(encode(reg, (hour + 11) % 12 + 1) | (hour >= 12 ? PM : 0));
}

static unsigned decode_hour(const uint8_t *reg, uint8_t v)
{
    if (reg[RTC_B] & RTC_B_24H)
        return decode(reg, v);
    return decode(reg, v & (uint8_t)~PM) % 12 + (v & PM ? 12 : 0);
}

void rtc_time_encode(uint8_t *reg, int64_t t, unsigned weekday_shift)
{
    int64_t since_zero = t + EPOCH_DAY * DAY;
    int64_t day = since_zero / DAY;
    unsigned second = (unsigned)(since_zero % DAY), month = 11;
    int64_t year = day * 400 / 146097;      /* right, or one too many or too few */
    while (year_start(year) > day)
        year--;
    while (year_start(year + 1) <= day)
        year++;
    while (first_of_month(year, month) > day)
        month--;
    reg[RTC_SECONDS] = encode(reg, second % 60);
    reg[RTC_MINUTES] = encode(reg, second / 60 % 60);
    reg[RTC_HOURS] = encode_hour(reg, second / 3600);
    /* Sunday is 1. */
    int64_t weekday = (day - EPOCH_DAY % 7 + 7 + EPOCH_WEEKDAY + weekday_shift) % 7;
    reg[RTC_WEEKDAY] = (uint8_t)(weekday + 1);
    reg[RTC_DAY] = encode(reg, (unsigned)(day - first_of_month(year, month)) + 1);
    reg[RTC_MONTH] = encode(reg, month + 1);
    reg[RTC_YEAR] = encode(reg, (unsigned)(year % 100));
    reg[RTC_CENTURY] = encode(reg, (unsigned)(year / 100));
}

int64_t rtc_time_decode(const uint8_t *reg, uint8_t *weekday_shift)
{
    unsigned month = decode(reg, reg[RTC_MONTH]);
    month = month ? month - 1 : 0;
    int64_t year = decode(reg, reg[RTC_CENTURY]) * 100 + decode(reg, reg[RTC_YEAR]) + month / 12;
    unsigned mday = decode(reg, reg[RTC_DAY]);
    int64_t day = first_of_month(year, month % 12) + (mday ? mday - 1 : 0);
    unsigned second = decode_hour(reg, reg[RTC_HOURS]) * 3600 +
                      decode(reg, reg[RTC_MINUTES]) * 60 + decode(reg, reg[RTC_SECONDS]);
    unsigned said = (reg[RTC_WEEKDAY] + 6u) % 7;
    unsigned true_weekday = (unsigned)((day - EPOCH_DAY % 7 + 7 + EPOCH_WEEKDAY) % 7);
    *weekday_shift = (uint8_t)((said + 7 - true_weekday) % 7);
    return (day - EPOCH_DAY) * DAY + second;
}

/* An alarm byte as a number; -1: any; -2: no value the clock register ever has. */
static int alarm_field(const uint8_t *reg, unsigned index, unsigned limit)
{
    uint8_t v = reg[index];
    if ((v & ANY) == ANY)
        return -1;
    bool hour = index == RTC_HOURS_ALARM;
    unsigned n = hour ? decode_hour(reg, v) : decode(reg, v);
    uint8_t back = hour ? encode_hour(reg, n) : encode(reg, n);
    return n < limit && back == v ? (int)n : -2;
}

unsigned rtc_time_until_alarm(const uint8_t *reg, int64_t t)
{
    int sec = alarm_field(reg, RTC_SECONDS_ALARM, 60);
    int min = alarm_field(reg, RTC_MINUTES_ALARM, 60);
    int hour = alarm_field(reg, RTC_HOURS_ALARM, 24);
    if (sec == -2 || min == -2 || hour == -2)
        return 0;
    int now = (int)((t + EPOCH_DAY * DAY) % DAY), from = now + 1, days = 0;
    int s = from % 60, m = from / 60 % 60, h = from / 3600;
    int first_s = sec < 0 ? 0 : sec, first_m = min < 0 ? 0 : min;
    /* From the smallest field up: what has passed carries, what moved resets those below. */
    if (sec >= 0) {
        m += s > sec;
        s = sec;
    }
    if (m == 60) {
        m = 0;
        h++;
    }
    if (min >= 0 && m != min) {
        h += m > min;
        m = min;
        s = first_s;
    }
    if (hour >= 0 && h != hour) {
        days = h > hour;
        h = hour;
        m = first_m;
        s = first_s;
    }
    return (unsigned)(days * 86400 + h * 3600 + m * 60 + s - now);
}
