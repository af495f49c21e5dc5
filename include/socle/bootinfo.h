/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader told us, copied out of its structures so that the memory they
 * lie in can be reused: Multiboot2 (GRUB) and Multiboot 1 (`qemu -kernel`). Everything
 * in those structures is treated as hostile: no read leaves the given bytes, every
 * list is bounded. The structure holds no pointer, it may be copied and moved.
 */
#ifndef SOCLE_BOOTINFO_H
#define SOCLE_BOOTINFO_H

#include "socle/status.h"
#include "socle/types.h"

#define BOOT_MAGIC_MB1  0x2badb002u     /* EAX at entry: Multiboot 0.6.96, 3.2 */
#define BOOT_MAGIC_MB2  0x36d76289u     /* EAX at entry: Multiboot2 2.0, 3.2 */

enum {
    BOOT_MODULES_MAX = 256,
    BOOT_MEM_MAX     = 256,
    BOOT_RSDP_MAX    = 64,
    BOOT_TEXT_SIZE   = 20 << 10,        /* all strings together */
};

/*
 * How physical memory is read: a readable pointer to the `len` bytes at `at`, or null
 * when they are not all readable. The pointer stays valid until the parser returns.
 */
struct phys_map {
    void *ctx;
    const void *(*map)(void *ctx, hpa_t at, uint64_t len);
};

/* Types of the memory map as E820 numbers them (ACPI 6.5, table 15.4). */
enum boot_mem_type {
    BOOT_MEM_RAM = 1, BOOT_MEM_RESERVED = 2, BOOT_MEM_ACPI = 3, BOOT_MEM_NVS = 4, BOOT_MEM_BAD = 5
};

struct boot_mem {
    uint64_t base, len;                 /* len > 0, base + len does not wrap */
    enum boot_mem_type type;            /* unknown types become BOOT_MEM_RESERVED */
};

struct boot_module {
    hpa_t    start;
    uint64_t len;                       /* may be 0; start + len does not wrap */
    uint32_t string;                    /* offset into boot_info.text */
};

enum boot_fb_type { BOOT_FB_NONE, BOOT_FB_INDEXED, BOOT_FB_RGB, BOOT_FB_TEXT };

struct boot_framebuffer {
    enum boot_fb_type type;
    hpa_t    addr;
    uint32_t pitch;                     /* bytes per line */
    uint32_t width, height;             /* pixels; text: columns and rows */
    uint8_t  bpp;
    uint8_t  red_pos, red_size, green_pos, green_size, blue_pos, blue_size;     /* RGB, bits */
};

struct boot_info {
    uint8_t  protocol;                  /* 1 or 2: Multiboot version; 0: not parsed */
    uint32_t cmdline, loader;           /* offsets into text; "" when not given */
    uint32_t modules, mems;
    struct boot_module module[BOOT_MODULES_MAX];
    struct boot_mem    mem[BOOT_MEM_MAX];       /* as given: neither sorted nor disjoint */
    struct boot_framebuffer fb;
    uint8_t  rsdp[BOOT_RSDP_MAX];       /* copy of the ACPI RSDP, the newest offered */
    uint32_t rsdp_len;                  /* 0: not given */
    uint64_t efi_system_table;          /* physical address, 0: none or not an EFI boot */
    bool     efi_64bit;
    bool     efi_mmap;                  /* the loader passed an EFI memory map */
    bool     efi_boot_services;         /* boot services have not been terminated */
    bool     load_base_valid;
    hpa_t    load_base;                 /* where a relocatable image was put */
    uint64_t info_start, info_len;      /* physical extent of the loader's own structure */
    uint32_t dropped;                   /* entries that did not fit or made no sense */
    uint32_t text_len;
    char     text[BOOT_TEXT_SIZE];
};

/*
 * Reads Multiboot2 information: `info` points at its first byte, at physical address
 * `at`; up to `limit` bytes are readable there. HV_INVALID: not a Multiboot2
 * information structure, bi is then empty. Odd entries are skipped with one log line.
 * Boot, once, any CPU.
 */
MUST_CHECK hv_status boot_info_parse_mb2(struct boot_info *bi, const void *info, size_t limit,
                                         hpa_t at);

/*
 * Reads Multiboot 1 information at `at` and what it points to, through `mem`.
 * HV_RANGE: the structure itself is not readable.
 */
MUST_CHECK hv_status boot_info_parse_mb1(struct boot_info *bi, const struct phys_map *mem,
                                         hpa_t at);

/* Strings; never null. */
const char *boot_info_text(const struct boot_info *bi, uint32_t offset);
static inline const char *boot_info_cmdline(const struct boot_info *bi)
{
    return boot_info_text(bi, bi->cmdline);
}
static inline const char *boot_info_loader(const struct boot_info *bi)
{
    return boot_info_text(bi, bi->loader);
}
static inline const char *boot_module_string(const struct boot_info *bi,
                                             const struct boot_module *m)
{
    return boot_info_text(bi, m->string);
}

/*
 * The module that answers to `name`: its string holds `name` as one of its words
 * (separated by blanks). HV_NOT_FOUND, or HV_EXISTS when several answer; *module is
 * the first of them then.
 */
MUST_CHECK hv_status boot_info_find_module(const struct boot_info *bi, const char *name,
                                           const struct boot_module **module);

#endif
