/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing the bootable image, for `socle iso` and `socle run`. */
#ifndef ISO_H
#define ISO_H

#include "project.h"

/* The hypervisor's file: $SOCLE_ELF, beside this program, or ../lib/socle. Null after a message. */
char *find_hypervisor(void);

/*
 * Writes the hybrid image (BIOS and UEFI, CD and USB stick) to `out`, which appears whole
 * or not at all. options: for the hypervisor's command line, may be null. need_uefi,
 * need_bios: what a lack of is an error; otherwise it is a warning.
 * -1 when written, else the exit code after a message. Uses temp_dir() and temp_file().
 */
int iso_write(const struct project *p, const char *out, const char *options, bool need_bios,
              bool need_uefi);

#endif
