/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-8 as RFC 3629, section 4 allows it (no overlong form, no surrogate, at most
 * U+10FFFF), minus what changes the order or place of other text: C1 controls, line
 * and paragraph separators, bidirectional and other invisible format controls
 * (Unicode Standard, sections 9.2, 23.2 to 23.9). Zero-width joiners stay, some
 * scripts need them. Used by the log view, the line editor and for our own lines.
 */
#include "safechar.h"

#include "socle/str.h"

unsigned safe_utf8_length(uint8_t first)
{
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

bool safe_utf8_next(const uint8_t *so_far, unsigned have, uint8_t byte)
{
    uint8_t low = 0x80, high = 0xbf;
    if (have == 1) {
        switch (so_far[0]) {
        case 0xe0: low = 0xa0; break;
        case 0xed: high = 0x9f; break;
        case 0xf0: low = 0x90; break;
        case 0xf4: high = 0x8f; break;
        default: break;
        }
    }
    return byte >= low && byte <= high;
}

static uint32_t code_of(const uint8_t *bytes, unsigned n)
{
    uint32_t code = bytes[0] & (0xffu >> (n + 1));
    for (unsigned i = 1; i < n; i++)
        code = code << 6 | (bytes[i] & 0x3f);
    return code;
}

bool safe_utf8_shown(const uint8_t *bytes, unsigned n)
{
    static const struct { uint32_t from, to; } hidden[] = {
        { 0x0080, 0x009f },     /* C1 controls */
        { 0x061c, 0x061c },     /* Arabic letter mark */
        { 0x200b, 0x200b },     /* zero-width space */
        { 0x200e, 0x200f },     /* direction marks */
        { 0x2028, 0x202e },     /* separators, embeddings, overrides */
        { 0x2060, 0x206f },     /* word joiner, isolates, deprecated controls */
        { 0xfeff, 0xfeff },     /* byte order mark */
        { 0xfff9, 0xfffb },     /* annotations */
        { 0xe0000, 0xe0fff },   /* tags, variation selectors supplement */
    };
    uint32_t code = code_of(bytes, n);
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (code >= hidden[i].from && code <= hidden[i].to)
            return false;
    return true;
}

void safe_hex(char to[SAFE_HEX], uint8_t byte)
{
    static const char digit[] = "0123456789abcdef";
    to[0] = '\\';
    to[1] = 'x';
    to[2] = digit[byte >> 4];
    to[3] = digit[byte & 15];
}

/* Length of the harmless character at s; 0 when its first byte must be escaped. */
static unsigned safe_length(const char *s)
{
    const uint8_t *bytes = (const uint8_t *)s;
    if (safe_ascii(bytes[0]))
        return 1;
    unsigned need = safe_utf8_length(bytes[0]);
    for (unsigned have = 1; have < need; have++)
        if (!safe_utf8_next(bytes, have, bytes[have]))      /* stops at NUL, too */
            return 0;
    return need && safe_utf8_shown(bytes, need) ? need : 0;
}

size_t safe_text(char *to, size_t size, const char *text)
{
    size_t len = 0;
    while (*text) {
        unsigned n = safe_length(text);
        size_t room = n ? n : SAFE_HEX;
        if (room >= size - len)
            break;
        if (n)
            memcpy(to + len, text, n);
        else
            safe_hex(to + len, (uint8_t)*text);
        len += room;
        text += n ? n : 1;
    }
    to[len] = '\0';
    return len;
}
