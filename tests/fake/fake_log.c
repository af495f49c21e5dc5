/* SPDX-License-Identifier: BSD-2-Clause */
/* Native doubles of the log and of panic(): the last line is kept for tests to look at. */
#include "fake/fake_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "socle/assert.h"

char fake_log_last[1024];
unsigned fake_log_count;

void log_at(enum log_level level, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(fake_log_last, sizeof(fake_log_last), format, ap);
    va_end(ap);
    fake_log_count++;
}

void panic(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}
