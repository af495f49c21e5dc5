/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's devices, once for the files of this folder. Filled at boot. */
#ifndef DRIVERS_DRIVERS_PRIV_H
#define DRIVERS_DRIVERS_PRIV_H

#include "drivers/pure/host_pci.h"
#include "drivers/pure/vblk.h"
#include "drivers/pure/vnet.h"

struct drivers {
    struct host_pci   *pci;             /* null: out of memory */
    struct disks       disks;
    uint32_t           blks, nics;
    struct vblk *blk[DISKS_MAX];
    struct vnet *net[NICS_MAX];
};

extern struct drivers drivers;

#endif
