/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MC146818A real-time clock with the PC's CMOS memory: two banks of 128 bytes.
 * Motorola MC146818A data sheet; index and data ports as in the 82371SB (PIIX3).
 *
 * Locking: port accesses, the alarm, rtc_set_time and rtc_time lock the device themselves;
 * the other functions need the VM to stand still.
 */
#ifndef SOCLE_DEVICE_RTC_H
#define SOCLE_DEVICE_RTC_H

#include "socle/bus.h"
#include "socle/dev.h"

struct rtc {
    struct spinlock       lock;
    const struct dev_env *env;
    uint8_t  cmos[128];         /* clock registers hold the time of second `shown` */
    uint8_t  extended[128];
    uint8_t  index, ext_index;
    bool     nmi_masked;        /* bit 7 of port 0x70 */
    bool     line;
    int64_t  base;              /* guest's clock (seconds since 1970) when seconds() was 0 */
    uint64_t phase;             /* ns within a second at which seconds change, < 10^9 */
    int64_t  shown;             /* the guest's clock in cmos[] */
    uint64_t seen;              /* VM time up to which the flags of register C are right */
    uint8_t  weekday_shift;     /* what the guest set beyond the true day of the week, 0-6 */
    struct alarm alarm;
};

/*
 * unix_seconds: what the clock shows at VM time 0, in the guest's zone (UTC or local),
 * as seconds since 1970-01-01 00:00:00; outside of the years 1970 to 9999 it is clamped.
 */
void rtc_init(struct rtc *r, const struct dev_env *env, int64_t unix_seconds);
/* The RESET pin: interrupts off; time and memory survive, they run on the battery. */
void rtc_reset(struct rtc *r);
/* Ports 0x70-0x73. */
MUST_CHECK hv_status rtc_attach(struct rtc *r, struct pio_bus *b);

/* Fills the memory-size bytes a BIOS leaves, in bytes of RAM, and the checksum. */
void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g);
/* One byte of CMOS memory (index 0x0e-0x7f except the century at 0x32), and the checksum. */
void rtc_set_cmos(struct rtc *r, uint8_t index, uint8_t value);
/* Lets the guest's clock show unix_seconds from now on, clamped like rtc_init's. Locks. */
void rtc_set_time(struct rtc *r, int64_t unix_seconds);
/* What the guest's clock shows now, in seconds since 1970. */
int64_t rtc_time(struct rtc *r);

void rtc_save(const struct rtc *r, struct state_out *o);
/* Sets the alarm, leaves the line alone. HV_INVALID: unchanged. */
MUST_CHECK hv_status rtc_load(struct rtc *r, struct state_in *in);

#endif
