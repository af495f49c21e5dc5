/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-8, checked and written. Called by the TOML reader, which accepts nothing else
 * (TOML 1.0, "Spec"), and by the diagnostics, so that no broken byte reaches a terminal.
 * Tables follow RFC 3629 section 4.
 */
#include "utf8.h"

static bool is_tail(uint8_t b) { return (b & 0xc0) == 0x80; }

/* The second byte excludes overlong forms, surrogates and codes past U+10FFFF. */
static bool second_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_tail(second);
    }
}

size_t utf8_length(const char *s, size_t left)
{
    if (left == 0)
        return 0;

    const uint8_t first = (uint8_t)s[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;

    const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (left < length || !second_fits(first, (uint8_t)s[1]))
        return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_tail((uint8_t)s[i]))
            return 0;
    return length;
}

static char tail_of(uint32_t code, unsigned shift)
{
    return (char)(0x80 | (code >> shift & 0x3f));
}

size_t utf8_put(char to[UTF8_MAX], uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = tail_of(code, 0);
        return 2;
    }
    if (code < 0x10000) {
        if (code >= 0xd800 && code <= 0xdfff)
            return 0;
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = tail_of(code, 6);
        to[2] = tail_of(code, 0);
        return 3;
    }
    if (code > 0x10ffff)
        return 0;
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = tail_of(code, 12);
    to[2] = tail_of(code, 6);
    to[3] = tail_of(code, 0);
    return 4;
}
