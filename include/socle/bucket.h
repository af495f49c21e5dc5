/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A token bucket: `rate` units a second on average, `burst` at once. What is taken may
 * overdraw it once, so that a request larger than the burst is late, not stuck. Time is
 * an argument, ns; no division where nothing is limited.
 */
#ifndef SOCLE_BUCKET_H
#define SOCLE_BUCKET_H

#include "socle/types.h"

struct bucket {
    uint64_t rate, burst;       /* rate 0: no limit */
    int64_t  level;             /* negative: overdrawn */
    uint64_t at;                /* time of `level` */
};

/* Full at `now`. */
void bucket_init(struct bucket *b, uint64_t rate, uint64_t burst, uint64_t now);
/* Takes n units if the level is positive; else false and *when: the time at which it will be. */
MUST_CHECK bool bucket_take(struct bucket *b, uint64_t n, uint64_t now, uint64_t *when);

#endif
