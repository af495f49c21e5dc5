/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts GRUB reads: one menu entry, and the whole grub.cfg of an image. */
#ifndef GRUBCFG_H
#define GRUBCFG_H

#include "project.h"

/* Where the files stand in GRUB's eyes. */
#define GRUB_HYPERVISOR "/boot/socle.elf"
#define GRUB_FILES      "/boot/guests"

/* Appends the menu entry. options: for the multiboot2 line; null or empty for none. */
void grub_entry(struct text *t, const struct project *p, const char *options);
/* Appends a grub.cfg that boots that entry at once, with GRUB's words on the console too. */
void grub_config(struct text *t, const struct project *p, const char *options);

#endif
