/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little-endian values at any alignment, as file formats and firmware tables hold them.
 * The builtin is one move; a freestanding compiler calls memcpy().
 */
#ifndef SOCLE_LE_H
#define SOCLE_LE_H

#include "socle/str.h"
#include "socle/types.h"

static inline uint16_t get_le16(const void *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return v; }
static inline uint32_t get_le32(const void *p) { uint32_t v; __builtin_memcpy(&v, p, 4); return v; }
static inline uint64_t get_le64(const void *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return v; }

static inline void put_le16(void *p, uint16_t v) { __builtin_memcpy(p, &v, 2); }
static inline void put_le32(void *p, uint32_t v) { __builtin_memcpy(p, &v, 4); }
static inline void put_le64(void *p, uint64_t v) { __builtin_memcpy(p, &v, 8); }

#endif
