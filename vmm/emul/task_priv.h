/* SPDX-License-Identifier: BSD-2-Clause */
/* A task switch under way: what task.c and task_seg.c share. */
#ifndef TASK_PRIV_H
#define TASK_PRIV_H

#include "emul_priv.h"
#include "socle/task.h"

#define SEL_RPL         0x0003u
#define SEL_TI          0x0004u         /* in the LDT */
#define SEL_NOT_NULL    0xfffcu

struct task {
    struct emul_ctx          *c;
    const struct task_switch *t;
    struct task_outcome      *out;
    bool                      begun;    /* memory has been changed: no way back */
};

/* A descriptor as it was read, once. */
struct descriptor {
    uint64_t       linear;
    struct segment seg;                 /* with the selector it was found by */
};

/* An exception whose error code names a selector (SDM vol. 3, 6.13). */
enum emul_status task_raise(struct task *k, enum vector v, uint16_t sel);

/*
 * Translates for an access of the CPU itself, whatever the CPL: `size` bytes of a TSS or a
 * descriptor table, which have to be plain memory. `access`: GVA_READ or GVA_WRITE.
 */
enum emul_status task_map(struct task *k, uint64_t linear, unsigned size, unsigned access,
                          struct span *out);

/* Reads the descriptor of a selector; `v` for the guest if null or beyond its table. */
enum emul_status task_descriptor(struct task *k, uint16_t sel, enum vector v,
                                 struct descriptor *d);
/* Makes the byte at d->linear + 5 (P, DPL, S, type) ready to be written. */
enum emul_status task_map_type(struct task *k, uint64_t linear, struct span *out);

/*
 * Loads LDTR and the segment registers, whose selectors are in the vCPU already, and sets
 * the CPL. Not for virtual-8086 mode.
 */
enum emul_status task_load_ldtr(struct task *k);
enum emul_status task_load_segments(struct task *k);

#endif
