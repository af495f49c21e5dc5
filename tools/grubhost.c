/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See grubhost.h. GRUB's platforms live in lib/grub of the prefix that has its programs;
 * grub-mkrescue builds for all of them that are there.
 */
#include "grubhost.h"

#include <stdlib.h>
#include <unistd.h>

static void lack(const char *what)
{
    say("%s; on Debian or Ubuntu: apt-get install grub-common grub-pc-bin grub-efi-amd64-bin "
        "xorriso mtools", what);
}

static bool has_program(const char *name)
{
    char *path = find_program(name);
    free(path);
    return path != NULL;
}

static bool has_platform(const struct grub *g, const char *platform)
{
    char *path = xprintf("%s/%s/moddep.lst", g->lib, platform);
    bool there = !access(path, R_OK);
    free(path);
    return there;
}

int grub_find(struct grub *g, bool need_bios, bool need_uefi)
{
    g->program = find_program("grub-mkrescue");
    if (!g->program)
        g->program = find_program("grub2-mkrescue");
    if (!g->program) {
        lack("grub-mkrescue is not installed");
        return EXIT_USAGE;
    }
    if (!has_program("xorriso")) {
        lack("xorriso is not installed");
        return EXIT_USAGE;
    }
    char *bin = path_dir(g->program);
    g->lib = xprintf("%s/../lib/grub", bin);
    free(bin);
    g->bios = has_platform(g, "i386-pc");
    bool efi_modules = has_platform(g, "x86_64-efi"), mtools = has_program("mformat");
    g->uefi = efi_modules && mtools;
    const char *no_uefi = efi_modules
        ? "mtools is not installed"
        : "GRUB's files for UEFI (grub-efi-amd64-bin) are not installed";
    const char *no_bios = "GRUB's files for BIOS (grub-pc-bin) are not installed";
    if ((need_bios || !g->uefi) && !g->bios) {
        lack(no_bios);
        return EXIT_USAGE;
    }
    if (need_uefi && !g->uefi) {
        lack(no_uefi);
        return EXIT_USAGE;
    }
    if (!g->uefi && !need_bios)
        say("warning: %s: the image will boot on BIOS machines only", no_uefi);
    if (!g->bios && !need_uefi)
        say("warning: %s: the image will boot on UEFI machines only", no_bios);
    /* Without mtools grub-mkrescue fails when it sees the UEFI files. */
    if (efi_modules && !mtools)
        g->only = xprintf("%s/i386-pc", g->lib);
    return -1;
}

void grub_forget(struct grub *g)
{
    free(g->program);
    free(g->lib);
    free(g->only);
}
