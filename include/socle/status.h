/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one result type of functions that can fail. Zero is success. A function
 * returning it is marked MUST_CHECK at its declaration.
 */
#ifndef SOCLE_STATUS_H
#define SOCLE_STATUS_H

#include "socle/types.h"

typedef enum hv_status {
    HV_OK = 0,
    HV_NOMEM,           /* memory of the asked kind ran out */
    HV_RANGE,           /* address, index or size outside of what exists */
    HV_INVALID,         /* malformed input or argument */
    HV_EXISTS,          /* taken already, or overlaps */
    HV_NOT_FOUND,
    HV_BUSY,            /* not now; try again */
    HV_UNSUPPORTED,     /* valid, but not provided here */
    HV_PERM,            /* not allowed (read-only memory, ...) */
    HV_STATUS_COUNT
} hv_status;

/* A short lower-case phrase such as "out of memory"; never null. Any context. */
const char *hv_status_text(hv_status s);

#endif
