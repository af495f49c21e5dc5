/* SPDX-License-Identifier: BSD-2-Clause */
/* Searches for boot headers inside kernel images; private to boot/loader. */
#ifndef IMAGE_SCAN_H
#define IMAGE_SCAN_H

#include "socle/types.h"

/*
 * The 32-bit entry of an ELF file's PVH note (name "Xen", type 18); false when there is
 * none. Bounded on any input.
 */
bool scan_pvh_note(const uint8_t *p, size_t len, uint32_t *entry);

/* Offset of a Multiboot header with a right checksum, wholly inside the file. */
bool scan_multiboot1(const uint8_t *p, size_t len, size_t *at);
bool scan_multiboot2(const uint8_t *p, size_t len, size_t *at);

#endif
