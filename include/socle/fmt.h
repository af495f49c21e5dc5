/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded formatting: the printf subset %d %i %u %x %X %c %s %p %% with flags
 * `-0+ #`, width, precision (also `*`), and length hh, h, l, ll, z.
 */
#ifndef SOCLE_FMT_H
#define SOCLE_FMT_H

#include <stdarg.h>
#include "socle/types.h"

/*
 * Like snprintf: writes at most size-1 characters and a NUL (nothing when size is
 * 0), returns the length the whole text would have. Any context.
 */
size_t fmt(char *buf, size_t size, const char *format, ...) PRINTF(3, 4);
size_t fmt_v(char *buf, size_t size, const char *format, va_list args) PRINTF(3, 0);

/* 1536 MiB -> "1536M", 4 GiB -> "4G", 1000 -> "1000"; buf of FMT_SIZE_LEN bytes. Returns buf. */
enum { FMT_SIZE_LEN = 24 };
char *fmt_size(char buf[FMT_SIZE_LEN], uint64_t bytes);

#endif
