/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of all files a configuration names. */
#ifndef BOOT_CONFIG_FILES_H
#define BOOT_CONFIG_FILES_H

#include "values.h"

/* Fills r->cfg->file[] in the order of the file; r->nomem is set when the arena is used up. */
void list_files(struct reader *r);

#endif
