/* SPDX-License-Identifier: BSD-2-Clause */
/* Which characters may reach the operator's terminal, and how others are written. */
#ifndef VMM_CONSOLE_SAFECHAR_H
#define VMM_CONSOLE_SAFECHAR_H

#include "socle/types.h"

enum { SAFE_HEX = 4 };      /* characters of \xNN */

/* Length of the UTF-8 character that this byte begins, 2 to 4; 0: it begins none. */
unsigned safe_utf8_length(uint8_t first);
/* May `byte` follow the `have` (1 to 3) bytes of a character in `so_far`? */
bool safe_utf8_next(const uint8_t *so_far, unsigned have, uint8_t byte);
/* Is this complete, valid character of n bytes harmless on a terminal? */
bool safe_utf8_shown(const uint8_t *bytes, unsigned n);
static inline bool safe_ascii(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t';
}
void safe_hex(char to[SAFE_HEX], uint8_t byte);
/* Copies text with what is unsafe as \xNN, cut to size - 1 characters; returns the length. */
size_t safe_text(char *to, size_t size, const char *text);

#endif
