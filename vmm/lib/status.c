/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the results of enum hv_status, for log lines and errors shown to people.
 * Called from anywhere. Holds text only.
 */
#include "socle/status.h"

const char *hv_status_text(hv_status s)
{
    switch (s) {
    case HV_OK:           return "success";
    case HV_NOMEM:        return "out of memory";
    case HV_RANGE:        return "out of range";
    case HV_INVALID:      return "malformed";
    case HV_EXISTS:       return "already in use";
    case HV_NOT_FOUND:    return "not found";
    case HV_BUSY:         return "busy";
    case HV_UNSUPPORTED:  return "not supported";
    case HV_PERM:         return "not permitted";
    case HV_STATUS_COUNT: break;
    }
    return "unknown status";
}
