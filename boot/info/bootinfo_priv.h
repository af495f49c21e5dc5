/* SPDX-License-Identifier: BSD-2-Clause */
/* What the readers of Multiboot 1 and 2 information share; private to boot/info. */
#ifndef BOOTINFO_PRIV_H
#define BOOTINFO_PRIV_H

#include "socle/bootinfo.h"

/* Empties bi. */
void bi_reset(struct boot_info *bi, uint8_t protocol);

/* Counts something that was ignored; the first time one line says why. */
void bi_drop(struct boot_info *bi, const char *why);

/* Copies a string of n bytes (a NUL ends it earlier); returns its offset, 0 ("") when full. */
uint32_t bi_text(struct boot_info *bi, const char *s, size_t n);

/* Adds a range of the memory map; `type` as E820 numbers it. */
void bi_add_mem(struct boot_info *bi, uint64_t base, uint64_t len, uint32_t type);

/* Adds a module at [start, end) with a string of n bytes. */
void bi_add_module(struct boot_info *bi, uint64_t start, uint64_t end, const char *s, size_t n);

/* Memory as "lower" (KiB from 0) and "upper" (KiB from 1 MiB): a map for loaders without one. */
void bi_add_basic_mem(struct boot_info *bi, uint32_t lower_kib, uint32_t upper_kib);

/* Framebuffer fields that both versions lay out alike; colors: 6 bytes, null when absent. */
void bi_set_framebuffer(struct boot_info *bi, const struct boot_framebuffer *fb, uint8_t mb_type,
                        const uint8_t *colors);

#endif
