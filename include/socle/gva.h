/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's page walk: linear to guest-physical address, as the CPU would do it in
 * the vCPU's paging mode (SDM vol. 3, chapter 4; APM vol. 2, chapter 5). Canonical
 * and segment checks come before it and are the caller's (emul.h does them).
 */
#ifndef SOCLE_GVA_H
#define SOCLE_GVA_H

#include "socle/gmem.h"
#include "socle/regs.h"
#include "socle/types.h"

/* What a walk needs beyond vcpu_state. One per vCPU. */
struct gva_walker {
    const struct gmem *mem;
    uint32_t pkru, pkrs;        /* used with CR4.PKE and CR4.PKS; 0 allows everything */
    uint8_t  phys_bits;         /* the guest's CPUID 80000008h EAX[7:0], 32 to 52 */
    bool     gib_pages;         /* the guest has 1 GiB pages (CPUID 80000001h EDX[26]) */
};

/* Kind of access; a plain supervisor or user data read is 0 or GVA_USER. */
enum {
    GVA_READ     = 0,
    GVA_WRITE    = 1 << 0,
    GVA_FETCH    = 1 << 1,      /* instruction fetch; not together with GVA_WRITE */
    GVA_USER     = 1 << 2,      /* made at CPL 3 */
    GVA_IMPLICIT = 1 << 3,      /* supervisor access the CPU makes itself, such as to a descriptor
                                   table: RFLAGS.AC does not lift SMAP; not with GVA_USER */
};

enum gva_result {
    GVA_OK,
    GVA_FAULT,                  /* #PF, see struct gva_fault */
    GVA_RETRY,                  /* other vCPUs kept changing the entries; run the guest again */
};

/* Page-fault error code (SDM vol. 3, 4.7). */
#define PF_PRESENT      (1u << 0)
#define PF_WRITE        (1u << 1)
#define PF_USER         (1u << 2)
#define PF_RSVD         (1u << 3)
#define PF_FETCH        (1u << 4)
#define PF_PK           (1u << 5)

struct gva_fault {
    uint64_t linear;            /* for CR2 */
    uint32_t error;             /* PF_* */
};

/*
 * Translates one byte's address. Uses cr0, cr3, cr4, efer and rflags (AC) of `s`. Sets
 * accessed and dirty bits atomically, as the CPU does; a table outside of guest memory
 * reads as ones. *fault is written for GVA_FAULT only. Called by the vCPU's exit
 * handler; takes no locks.
 */
MUST_CHECK enum gva_result gva_to_gpa(const struct gva_walker *w, const struct vcpu_state *s,
                                      uint64_t linear, unsigned access, gpa_t *out,
                                      struct gva_fault *fault);

/*
 * May CR3 be loaded in PAE paging: has no present entry of the four at its top a reserved
 * bit set (SDM vol. 3, 4.4.1)? What is outside of guest memory reads as ones.
 */
MUST_CHECK bool gva_pae_top_valid(const struct gva_walker *w, uint64_t cr3);

#endif
