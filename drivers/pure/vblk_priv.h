/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the virtio-blk driver. Section numbers: virtio 1.2. */
#ifndef DRIVERS_PURE_VBLK_PRIV_H
#define DRIVERS_PURE_VBLK_PRIV_H

#include "drivers/pure/vblk.h"

#define F_SEG_MAX       BIT64(2)        /* 5.2.3 */
#define F_RO            BIT64(5)
#define F_BLK_SIZE      BIT64(6)
#define F_FLUSH         BIT64(9)
#define F_TOPOLOGY      BIT64(10)
#define F_DISCARD       BIT64(13)
#define F_WRITE_ZEROES  BIT64(14)

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };    /* 5.2.6 */
enum { S_OK = 0, S_IOERR = 1, S_UNSUPPORTED = 2 };
enum { ZEROES_UNMAP = 1 };              /* flags of a range */

extern const struct disk_ops vblk_disk_ops;

void vblk_free_part(struct vblk *b, struct vblk_part *p);
/* Boot: waits for the 20 bytes. */
MUST_CHECK bool vblk_read_id(struct vblk *b, char id[BLK_SERIAL]);

#endif
