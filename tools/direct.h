/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting the hypervisor without firmware's boot and GRUB, for `run --icount`. */
#ifndef DIRECT_H
#define DIRECT_H

#include "project.h"

/* QEMU's arguments for that. Free both. */
struct direct {
    char *kernel;       /* -kernel */
    char *modules;      /* -initrd: each file with its name, commas between */
};

/* -1 when ready, else the exit code after a message. Uses temp_dir(). */
int direct_prepare(const struct project *p, struct direct *out);
/* Is this possible here? QEMU cannot be given paths with blanks this way. */
bool direct_possible(void);

#endif
