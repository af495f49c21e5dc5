/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exact conversion between nanoseconds of VM time and ticks of a fixed-frequency
 * clock. Splitting off whole seconds keeps every product within 64 bits, so no
 * rounding error accumulates and no 128-bit division is needed. With a constant hz
 * the divisions become multiplications.
 */
#ifndef SOCLE_DEVICE_TICKS_H
#define SOCLE_DEVICE_TICKS_H

#include "socle/types.h"

#define NS_PER_S 1000000000ull

/* Whole ticks that have passed at `ns`: floor(ns * hz / 10^9), modulo 2^64. hz < 2^34. */
static inline uint64_t ticks_of_ns(uint64_t ns, uint64_t hz)
{
    return ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

/*
 * The first ns at which `ticks` ticks have passed: ceil(ticks * 10^9 / hz); UINT64_MAX
 * when that does not fit. hz < 2^34.
 */
static inline uint64_t ns_of_ticks(uint64_t ticks, uint64_t hz)
{
    uint64_t seconds = ticks / hz, rest = (ticks % hz * NS_PER_S + hz - 1) / hz;
    if (seconds > UINT64_MAX / NS_PER_S - 1)
        return UINT64_MAX;
    return seconds * NS_PER_S + rest;
}

#endif
