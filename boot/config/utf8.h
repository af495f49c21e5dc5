/* SPDX-License-Identifier: BSD-2-Clause */
/* UTF-8 as RFC 3629 section 4 allows it: no overlong forms, no surrogates, at most U+10FFFF. */
#ifndef BOOT_CONFIG_UTF8_H
#define BOOT_CONFIG_UTF8_H

#include "socle/types.h"

enum { UTF8_MAX = 4 };          /* bytes of one character */

/* Bytes of the character at s (1 to 4), 0 when the up to `left` bytes there begin none. */
size_t utf8_length(const char *s, size_t left);

/* Writes `code` and returns its length, 0 when it is no character. */
size_t utf8_put(char to[UTF8_MAX], uint32_t code);

#endif
