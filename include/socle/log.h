/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own log. A message is one line without "socle: " prefix and
 * without line end; both are added. Native tests link a double that records.
 */
#ifndef SOCLE_LOG_H
#define SOCLE_LOG_H

#include "socle/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Any context; takes only the log's own lock. */
void log_at(enum log_level level, const char *format, ...) PRINTF(2, 3);

#define log_error(...)  log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)   log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)   log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)  log_at(LOG_DEBUG, __VA_ARGS__)

#endif
