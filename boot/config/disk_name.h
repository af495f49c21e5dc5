/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of real disks and partitions, as far as the text alone tells. */
#ifndef BOOT_CONFIG_DISK_NAME_H
#define BOOT_CONFIG_DISK_NAME_H

#include "socle/config.h"

struct disk_name {
    uint32_t disk_len;          /* of the disk's part: 7 in "nvme0n1p2" */
    bool     partition;
};

/* False when `name` is none of nvmeXnY, nvmeXnYpZ, sdX, sdXZ, vdX, vdXZ. */
bool disk_name_parse(const char *name, struct disk_name *out);

enum disk_overlap { DISKS_APART, DISKS_SAME, DISK_AND_PARTITION };

/* Both have a device. Names of different kinds may turn out to be one disk at run time. */
enum disk_overlap disk_overlap(const struct config_disk *a, const struct config_disk *b);

#endif
