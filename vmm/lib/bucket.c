/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The token bucket of bucket.h, for rate limits of disks and ports. Called under the lock
 * of whoever owns the bucket. Whole seconds are split off wherever units and time are
 * multiplied, so that every product fits 64 bits.
 */
#include "socle/bucket.h"

#include "socle/bits.h"

#define NS_PER_S    1000000000ull
#define FAR         (UINT64_MAX - 1)    /* later than any clock will show, yet not "never" */

/* Levels and takes are cut here, so that sums of two stay within an int64_t. */
#define UNITS_MAX   (1ull << 61)

void bucket_init(struct bucket *b, uint64_t rate, uint64_t burst, uint64_t now)
{
    burst = min_u64(max_u64(burst, 1), UNITS_MAX);
    *b = (struct bucket){ rate, burst, (int64_t)burst, now };
}

/*
 * floor(ns * rate / 10^9), saturated; *rest: the ns at the end that gave no unit. With both
 * factors below a second's 10^9 after splitting, each product is below 2^64.
 */
static uint64_t units_in(uint64_t ns, uint64_t rate, uint64_t *rest)
{
    uint64_t sec = ns / NS_PER_S, sub = ns % NS_PER_S;
    uint64_t part = sub * (rate % NS_PER_S);
    uint64_t units = sub * (rate / NS_PER_S) + part / NS_PER_S;
    uint64_t whole;

    *rest = part % NS_PER_S / rate;
    if (__builtin_mul_overflow(sec, rate, &whole) || !add_u64(units, whole, &units))
        return UINT64_MAX;
    return units;
}

/* ceil(units * 10^9 / rate), saturated; never too short, for huge rates 1 ns too long. */
static uint64_t ns_for(uint64_t units, uint64_t rate)
{
    uint64_t sec = units / rate, part = units % rate;

    if (sec >= FAR / NS_PER_S)
        return FAR;
    while (rate > UINT64_MAX / NS_PER_S / 2) {      /* keeps part * 10^9 + rate in 64 bits */
        rate >>= 1;
        part = (part >> 1) + 1;
    }
    return sec * NS_PER_S + (part * NS_PER_S + rate - 1) / rate;
}

static void refill(struct bucket *b, uint64_t now)
{
    uint64_t room = (uint64_t)((int64_t)b->burst - b->level), rest;

    if (now <= b->at)
        return;
    uint64_t units = units_in(now - b->at, b->rate, &rest);
    if (units >= room) {
        b->level = (int64_t)b->burst;
        b->at = now;
    } else if (units) {
        b->level += (int64_t)units;
        b->at = now - rest;             /* fractions of a unit are not lost */
    }
}

bool bucket_take(struct bucket *b, uint64_t n, uint64_t now, uint64_t *when)
{
    if (!b->rate)
        return true;
    refill(b, now);
    if (b->level <= 0) {
        uint64_t ns = ns_for((uint64_t)(1 - b->level), b->rate);
        *when = ns < FAR - min_u64(b->at, FAR) ? b->at + ns : FAR;
        return false;
    }
    b->level -= (int64_t)min_u64(n, UNITS_MAX);
    return true;
}
