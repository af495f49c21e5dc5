/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Basic types and attributes used everywhere. Addresses of different spaces are
 * different one-member structs, so that the compiler refuses to mix them:
 *   gpa_t  guest-physical address
 *   hpa_t  host-physical address
 * Linear (virtual) addresses, host or guest, are plain uint64_t.
 */
#ifndef SOCLE_TYPES_H
#define SOCLE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct { uint64_t v; } gpa_t;
typedef struct { uint64_t v; } hpa_t;

static inline gpa_t gpa(uint64_t v) { return (gpa_t){ v }; }
static inline hpa_t hpa(uint64_t v) { return (hpa_t){ v }; }

#define MUST_CHECK      __attribute__((warn_unused_result))
#define PRINTF(f, a)    __attribute__((format(printf, f, a)))
#define NORETURN        __attribute__((noreturn))
#define PACKED          __attribute__((packed))
#define ALIGNED(n)      __attribute__((aligned(n)))
#define COLD            __attribute__((cold))

#define likely(x)       __builtin_expect(!!(x), 1)
#define unlikely(x)     __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a)    (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
    ((type *)((char *)(ptr) - offsetof(type, member)))

#define KIB(n)          ((uint64_t)(n) << 10)
#define MIB(n)          ((uint64_t)(n) << 20)
#define GIB(n)          ((uint64_t)(n) << 30)

#define PAGE_SHIFT      12
#define PAGE_SIZE       4096u
#define BLOCK_SHIFT     21              /* 2 MiB: the unit of memory ownership */
#define BLOCK_SIZE      (1u << BLOCK_SHIFT)

#endif
