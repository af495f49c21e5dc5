/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host has of GRUB, and which packages are missing. */
#ifndef GRUBHOST_H
#define GRUBHOST_H

#include "tool.h"

struct grub {
    char *program;              /* grub-mkrescue, by its full name */
    char *lib;                  /* the folder of the platforms */
    bool  bios, uefi;           /* what an image can be made for */
    char *only;                 /* set: the one platform folder to build from */
};

/*
 * Finds GRUB and decides for which firmware the image will be. need_*: its lack is an
 * error; otherwise a warning as long as one remains. -1, or the exit code after a message.
 */
int grub_find(struct grub *g, bool need_bios, bool need_uefi);
void grub_forget(struct grub *g);

#endif
