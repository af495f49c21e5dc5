/* SPDX-License-Identifier: BSD-2-Clause */
/* What the native double of the log recorded. */
#ifndef FAKE_LOG_H
#define FAKE_LOG_H

#include "socle/log.h"

extern char fake_log_last[1024];    /* the last line logged */
extern unsigned fake_log_count;     /* lines logged so far */

#endif
