/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells by content what a file is, so that `socle check` and the boot can say what to
 * do with one that cannot be used. Deep checks (truncation, addresses) are the loaders'.
 */
#ifndef SOCLE_IMAGE_H
#define SOCLE_IMAGE_H

#include "socle/types.h"

enum image_kind {
    /* kernels that can be started */
    IMAGE_LINUX,                /* bzImage, boot protocol 2.04 or newer */
    IMAGE_PVH,                  /* ELF with a XEN_ELFNOTE_PHYS32_ENTRY note */
    IMAGE_MULTIBOOT2,
    IMAGE_MULTIBOOT1,
    /* kernels that cannot */
    IMAGE_LINUX_OLD,            /* zImage, or a protocol before 2.04 */
    IMAGE_LINUX_OTHER,          /* Linux for another processor */
    IMAGE_ELF_OTHER,            /* ELF for another machine */
    IMAGE_ELF_PLAIN,            /* x86 ELF without any boot header, or no executable */
    IMAGE_EFI,                  /* PE program without Linux header */
    /* compressed streams */
    IMAGE_GZIP, IMAGE_XZ, IMAGE_ZSTD, IMAGE_BZIP2, IMAGE_LZ4, IMAGE_LZMA, IMAGE_LZOP,
    /* disks and archives */
    IMAGE_QCOW2, IMAGE_VMDK, IMAGE_VHDX, IMAGE_VHD, IMAGE_VDI, IMAGE_ISO9660,
    IMAGE_DISK,                 /* raw image with a partition table or boot sector */
    IMAGE_CPIO, IMAGE_TAR, IMAGE_ZIP,
    /* the rest */
    IMAGE_FIRMWARE,             /* ROM: BIOS or UEFI volume */
    IMAGE_TEXT, IMAGE_EMPTY, IMAGE_UNKNOWN,
    IMAGE_KIND_COUNT
};

/* Bytes from the start of a file that suffice for all but IMAGE_FIRMWARE (which needs it whole). */
#define IMAGE_PROBE_LEN (64u << 10)

/*
 * Identifies the file of `len` bytes at `data`. *why (unless `why` is null) gets a static
 * text that finishes the sentence `kernel "NAME": …`: what it is, and for what cannot
 * be started what to do. Pure; any context.
 */
enum image_kind image_identify(const void *data, size_t len, const char **why);

/* A short noun phrase such as "a Linux kernel (bzImage)"; never null. */
const char *image_kind_name(enum image_kind kind);

/* Can this be started as a guest's `kernel`? */
static inline bool image_is_kernel(enum image_kind kind) { return kind <= IMAGE_MULTIBOOT1; }

#endif
