/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asserts that stay on in every build. They guard our own invariants, never a
 * guest's input: a guest must not be able to reach one.
 */
#ifndef SOCLE_ASSERT_H
#define SOCLE_ASSERT_H

#include "socle/types.h"

/*
 * Stops the machine with a report; prints `socle: panic: …`. In native tests a
 * double aborts the process. Any context, any locks.
 */
NORETURN COLD void panic(const char *format, ...) PRINTF(1, 2);

#define hv_assert(cond) \
    do { \
        if (unlikely(!(cond))) \
            panic("assertion `%s` failed at %s:%d", #cond, __FILE__, __LINE__); \
    } while (0)

#endif
