/* SPDX-License-Identifier: BSD-2-Clause */
/* What blk_ram.c and blk_overlay.c share. */
#ifndef SOCLE_VMM_BLK_RAM_PRIV_H
#define SOCLE_VMM_BLK_RAM_PRIV_H

#include "socle/blk_ram.h"

/*
 * Copies n bytes between `at` and the guest and moves the cursor on; false when the guest's
 * segments name what is no RAM: part of it may have been copied. A null source gives zeros.
 */
MUST_CHECK bool blk_ram_to_guest(const struct virtq *q, struct virtq_cursor *k, const uint8_t *at, size_t n);
MUST_CHECK bool blk_ram_from_guest(const struct virtq *q, struct virtq_cursor *k, uint8_t *at, size_t n);

/* The requests on an overlay: bytes [at, at + n) of the disk, inside it. */
MUST_CHECK enum blk_result blk_overlay_read(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n);
MUST_CHECK enum blk_result blk_overlay_write(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n);
/* DISCARD and WRITE_ZEROES. */
MUST_CHECK enum blk_result blk_overlay_zero(struct blk_ram *r, const struct blk_request *q, uint64_t at, uint64_t n);

#endif
