/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a guest's kernel, initrds and command line to a plan: what bytes go where in
 * guest memory and with which registers the first vCPU starts. Everything is checked
 * before the plan is given out; carrying it out (copies in budgeted pieces through
 * gmem_write) is the caller's and cannot fail on a guest whose RAM is as laid out.
 */
#ifndef SOCLE_LOADER_H
#define SOCLE_LOADER_H

#include "socle/guest_tables.h"
#include "socle/image.h"
#include "socle/regs.h"
#include "socle/status.h"
#include "socle/types.h"

enum {
    LOAD_FILES_MAX    = 64,             /* initrds or modules */
    LOAD_SEGMENTS_MAX = 160,
    LOAD_ARENA_SIZE   = 64 << 10,       /* page tables, boot parameters, command lines */
    LOAD_ERROR_LEN    = 256,            /* a size for error buffers that fits every message */
    LOAD_CMDLINE_MAX  = 16 << 10,
};

struct load_file {
    const char *name;                   /* as in the configuration, for messages */
    const void *data;
    uint64_t    len;
    const char *string;                 /* a module's string, file name first; null: the name */
};

struct load_request {
    struct load_file        kernel;
    const struct load_file *file;       /* Linux, PVH: initrds in order; Multiboot: modules */
    uint32_t                files;
    const char             *cmdline;    /* null: empty */
    const struct guest_layout *layout;
    gpa_t                   rsdp;       /* 0: none */
    const uint8_t          *rsdp_copy;  /* its 36 bytes, for Multiboot 2; may be null */
    const uint8_t          *seed;       /* random bytes for the kernel's generator; may be null */
    uint32_t                seed_len;   /* at most 64 */
    bool                    cpu_64bit;  /* the vCPU offers long mode */
};

struct load_segment {
    gpa_t          gpa;
    const uint8_t *data;                /* null when len is 0; a file's bytes or plan->arena */
    uint64_t       len;
    uint64_t       zero;                /* zero bytes that follow */
};

struct load_plan {
    enum image_kind     kind;
    const char         *entry_name;     /* "Linux 64-bit", "PVH", ... for the log */
    uint32_t            segments;
    struct load_segment segment[LOAD_SEGMENTS_MAX];     /* disjoint, inside E820_RAM */
    struct vcpu_state   entry;          /* complete state of vCPU 0 */
    uint32_t            arena_used;
    uint8_t             arena[LOAD_ARENA_SIZE] ALIGNED(8);
};

/*
 * Makes the plan for whatever kind of kernel it is. On failure `error` (error_len bytes,
 * LOAD_ERROR_LEN suffices) says what is wrong, as in
 * `kernel "vmlinuz": truncated: its header says 8123456 bytes, the file has 4096`.
 * HV_INVALID: a bad file. HV_NOMEM: the guest has too little RAM (says how much it needs).
 * HV_UNSUPPORTED: not a kernel that can be started. HV_RANGE: too many or too long.
 * The plan points into the request's files and must not be copied. VM setup.
 */
MUST_CHECK hv_status load_kernel(struct load_plan *p, const struct load_request *r,
                                 char *error, size_t error_len);

/* Total bytes the plan writes, for budgets and progress. */
uint64_t load_plan_bytes(const struct load_plan *p);

/* Checks and plans one kind each; load_kernel() chooses among them. */
MUST_CHECK hv_status load_linux(struct load_plan *p, const struct load_request *r,
                                char *error, size_t error_len);
MUST_CHECK hv_status load_pvh(struct load_plan *p, const struct load_request *r,
                              char *error, size_t error_len);
MUST_CHECK hv_status load_multiboot1(struct load_plan *p, const struct load_request *r,
                                     char *error, size_t error_len);
MUST_CHECK hv_status load_multiboot2(struct load_plan *p, const struct load_request *r,
                                     char *error, size_t error_len);

/*
 * Verifies what can be without a guest: header, length, kind. For `socle check`.
 * Same errors as load_kernel().
 */
MUST_CHECK hv_status load_check(const struct load_file *kernel, char *error, size_t error_len);

#endif
