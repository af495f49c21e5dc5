/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory and string functions of C11, 7.24, for the hypervisor; native builds
 * take libc's. The compiler calls memcpy, memmove, memset and memcmp on its own, so
 * none of them may be written as a loop that it would turn back into such a call:
 * hence `rep` instructions and compiler barriers. Bulk moves go in 8-byte units
 * because emulated CPUs pay for every iteration; small ones avoid the start-up cost
 * of `rep` (Intel Optimization Reference Manual, "REP String Enhancement").
 */
#include "socle/str.h"

static inline uint64_t load8(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, 8);
    return v;
}

static inline uint32_t load4(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, 4);
    return v;
}

static inline void store8(void *p, uint64_t v) { __builtin_memcpy(p, &v, 8); }
static inline void store4(void *p, uint32_t v) { __builtin_memcpy(p, &v, 4); }

/* Stops the compiler from recognizing a loop as one of the functions below. */
static inline void keep_loop(void) { __asm__ volatile("" ::: "memory"); }

/* Up to 16 bytes by two, perhaps overlapping, loads before two stores: any overlap works. */
static inline void move_small(uint8_t *d, const uint8_t *s, size_t n)
{
    if (n >= 8) {
        uint64_t head = load8(s), tail = load8(s + n - 8);
        store8(d, head);
        store8(d + n - 8, tail);
    } else if (n >= 4) {
        uint32_t head = load4(s), tail = load4(s + n - 4);
        store4(d, head);
        store4(d + n - 4, tail);
    } else if (n) {
        uint8_t head = s[0], middle = s[n / 2], tail = s[n - 1];
        d[0] = head;
        d[n / 2] = middle;
        d[n - 1] = tail;
    }
}

/* n > 16. Forward, so right also when dst lies below src; the last bytes are fetched first. */
static inline void move_forward(uint8_t *d, const uint8_t *s, size_t n)
{
    uint64_t tail = load8(s + n - 8);
    uint8_t *last = d + n - 8;
    size_t words = (n - 1) / 8;

    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
    store8(last, tail);
}

/* n > 16, dst inside (src, src + n). */
static inline void move_backward(uint8_t *d, const uint8_t *s, size_t n)
{
    uint64_t head = load8(s);

    for (size_t left = n; left > 8; left -= 8) {
        store8(d + left - 8, load8(s + left - 8));
        keep_loop();
    }
    store8(d, head);
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    if (n <= 16)
        move_small(dst, src, n);
    else
        move_forward(dst, src, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    if (n <= 16)
        move_small(dst, src, n);
    else if ((uintptr_t)dst - (uintptr_t)src >= n)
        move_forward(dst, src, n);
    else
        move_backward(dst, src, n);
    return dst;
}

void *memset(void *dst, int byte, size_t n)
{
    uint8_t *d = dst;
    uint64_t pattern = 0x0101010101010101ull * (uint8_t)byte;

    if (n < 8) {
        for (size_t i = 0; i < n; i++) {
            d[i] = (uint8_t)byte;
            keep_loop();
        }
        return dst;
    }
    size_t words = n / 8;
    store8(d + n - 8, pattern);
    __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    size_t i = 0;

    while (n - i >= 8 && load8(x + i) == load8(y + i)) {
        i += 8;
        keep_loop();
    }
    for (; i < n; i++) {
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
        keep_loop();
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const uint8_t *p = s;

    for (size_t i = 0; i < n; i++) {
        if (p[i] == (uint8_t)c)
            return (void *)(uintptr_t)(p + i);
        keep_loop();
    }
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n]) {
        n++;
        keep_loop();
    }
    return n;
}

size_t strlen(const char *s) { return strnlen(s, SIZE_MAX); }

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t x = (uint8_t)a[i], y = (uint8_t)b[i];
        if (x != y)
            return x < y ? -1 : 1;
        if (!x)
            break;
        keep_loop();
    }
    return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
        keep_loop();
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    do {
        if (*s == (char)c)
            found = s;
        keep_loop();
    } while (*s++);
    return (char *)(uintptr_t)found;
}

char *strstr(const char *haystack, const char *needle)
{
    size_t n = strlen(needle);

    for (;; haystack++) {
        if (strncmp(haystack, needle, n) == 0)
            return (char *)(uintptr_t)haystack;
        if (!*haystack)
            return NULL;
    }
}
