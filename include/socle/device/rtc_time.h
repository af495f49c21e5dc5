/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversions between seconds since 1970-01-01 and the time registers of an MC146818A
 * in each of its formats (BCD or binary, 12 or 24 hours). Used by rtc.c alone.
 */
#ifndef SOCLE_DEVICE_RTC_TIME_H
#define SOCLE_DEVICE_RTC_TIME_H

#include "socle/types.h"

/* Registers (MC146818A, table 2); the century's place is a PC's. */
enum {
    RTC_SECONDS = 0, RTC_SECONDS_ALARM = 1, RTC_MINUTES = 2, RTC_MINUTES_ALARM = 3,
    RTC_HOURS = 4, RTC_HOURS_ALARM = 5, RTC_WEEKDAY = 6, RTC_DAY = 7, RTC_MONTH = 8,
    RTC_YEAR = 9, RTC_A = 10, RTC_B = 11, RTC_C = 12, RTC_D = 13, RTC_CENTURY = 0x32
};

enum { RTC_B_24H = 0x02, RTC_B_BINARY = 0x04 };

/* From the year 0 past 25,777, the last that the registers can be made to hold. */
#define RTC_TIME_MIN (-719528 * INT64_C(86400))
#define RTC_TIME_MAX (26000 * INT64_C(31557600))

/*
 * Fills the ten time registers of reg[] in the format of reg[RTC_B]. weekday_shift (0-6)
 * is added to the true day of the week. RTC_TIME_MIN <= t < RTC_TIME_MAX; years beyond
 * 9999 lose their front digit.
 */
void rtc_time_encode(uint8_t *reg, int64_t t, unsigned weekday_shift);

/* The inverse. Any contents give some time: fields beyond their range carry over. */
int64_t rtc_time_decode(const uint8_t *reg, uint8_t *weekday_shift);

/*
 * Seconds from t, at least 1, until the alarm registers match; 0 when they never do.
 * Bytes 0xc0-0xff match anything.
 */
unsigned rtc_time_until_alarm(const uint8_t *reg, int64_t t);

#endif
