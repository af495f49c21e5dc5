/* SPDX-License-Identifier: BSD-2-Clause */
/* What the loaders share: messages, the plan under construction, start registers. */
#ifndef LOAD_PRIV_H
#define LOAD_PRIV_H

#include "socle/loader.h"

/* Where a message goes, and whom it is about. */
struct load_error {
    const char *kernel;
    char       *buf;
    size_t      len;
};

/* Writes `kernel "NAME": ` and the text; returns `s`, so that callers can return it. */
hv_status load_fail(const struct load_error *e, hv_status s, const char *format, ...)
    PRINTF(3, 4);

/* Fixed places of small things in conventional memory, clear of IVT, BDA and EBDA. */
enum {
    LOW_GDT       = 0x1000,
    LOW_INFO      = 0x7000,         /* zero page, hvm_start_info or Multiboot information */
    LOW_INFO_END  = 0x9000,
    LOW_TABLES    = 0x9000,         /* 6 pages of page tables */
    LOW_DATA      = 0xf000,         /* setup_data */
    LOW_CMDLINE   = 0x10000,        /* command lines and module strings */
    LOW_END       = 0x90000,
};

void plan_init(struct load_plan *p, enum image_kind kind, const char *entry_name);

/* Zeroed, 8-byte aligned room in the arena; null when it is full. */
void *plan_room(struct load_plan *p, size_t len);

/*
 * Adds `len` bytes from data, then `zero` zero bytes, at `at`. HV_RANGE: not all of it is
 * RAM; HV_EXISTS: overlaps another segment; HV_NOMEM: too many segments.
 */
MUST_CHECK hv_status plan_add(struct load_plan *p, const struct guest_layout *l, uint64_t at,
                              const void *data, uint64_t len, uint64_t zero);

/* Copies `len` bytes into the arena and adds them as a segment at `at`. */
MUST_CHECK hv_status plan_add_blob(struct load_plan *p, const struct guest_layout *l, uint64_t at,
                                   const void *data, size_t len);

/*
 * Adds the files one after the other, each at a multiple of 4 (the padding is zeroed), as
 * high as possible in [min, max). *at and *len are the whole; 0 and 0 without files.
 */
MUST_CHECK hv_status plan_add_initrds(struct load_plan *p, const struct load_request *r,
                                      uint64_t min, uint64_t max, uint64_t *at, uint64_t *len,
                                      const struct load_error *e);

/* Where an ELF or flat kernel ended up. */
struct load_extent {
    uint64_t entry;             /* physical */
    uint64_t end;               /* behind its highest byte, bss included */
};

/*
 * Adds the loadable segments of an x86 ELF file at their physical addresses. The entry is
 * the file's own, translated to a physical address. Without a plan (null) it only checks.
 */
MUST_CHECK hv_status plan_add_elf(struct load_plan *p, const struct load_request *r,
                                  struct load_extent *out, const struct load_error *e);

/* Refuses an entry that 32-bit code cannot have: a virtual address nobody translated. */
MUST_CHECK hv_status plan_check_entry(const struct load_extent *k, const struct load_error *e);

/*
 * Adds the request's files one after the other, each on its own page, from min on.
 * at[i] is where the i-th went. Says how much memory is needed when they do not fit.
 */
MUST_CHECK hv_status plan_add_modules(struct load_plan *p, const struct load_request *r,
                                      uint64_t min, uint64_t at[LOAD_FILES_MAX],
                                      const struct load_error *e);

/* A piece of the kernel at [at, at+len): explains why it cannot be placed there. */
hv_status plan_place_fail(const struct load_request *r, uint64_t at, uint64_t len, hv_status s,
                          const struct load_error *e);

/* Flat 32-bit protected mode, paging off, interrupts off; the GDT goes to LOW_GDT. */
MUST_CHECK hv_status plan_enter_32(struct load_plan *p, const struct guest_layout *l,
                                   uint64_t rip);
/* Long mode with the first 4 GiB mapped 1:1 by tables at LOW_TABLES. */
MUST_CHECK hv_status plan_enter_64(struct load_plan *p, const struct guest_layout *l,
                                   uint64_t rip);

/* What load_kernel() checks of an image that needs no guest. One per loader. */
MUST_CHECK hv_status load_linux_check(const struct load_file *f, const struct load_error *e);
MUST_CHECK hv_status load_pvh_check(const struct load_file *f, const struct load_error *e);
MUST_CHECK hv_status load_multiboot1_check(const struct load_file *f, const struct load_error *e);
MUST_CHECK hv_status load_multiboot2_check(const struct load_file *f, const struct load_error *e);

#endif
