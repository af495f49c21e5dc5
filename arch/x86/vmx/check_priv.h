/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of check.h share among themselves. */
#ifndef ARCH_X86_VMX_CHECK_PRIV_H
#define ARCH_X86_VMX_CHECK_PRIV_H

#include "arch/x86/vmx/check.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "socle/regs.h"

enum control_word { WORD_PIN, WORD_PROC, WORD_PROC2, WORD_EXIT, WORD_ENTRY, WORD_COUNT };

struct vmx_check {
    const struct vmcs_image *m;
    const struct vmx_check_limits *l;
    uint32_t word[WORD_COUNT];      /* the controls in effect: PROC2 is zero without SECONDARY */
    bool     unrestricted, ia32e, v8086;
    struct entry_findings found;
};

/* The event that the entry injects. */
static inline bool event_is(const struct vmx_check *c, unsigned type)
{
    uint64_t e = c->m->entry_event;
    return (e & EVENT_VALID) && (e & EVENT_TYPE) >> EVENT_TYPE_SHIFT == type;
}

static inline void must(struct vmx_check *c, bool holds, const char *field, uint64_t value,
                        const char *rule)
{
    entry_must(&c->found, holds, field, value, rule);
}

static inline uint64_t image_at(const struct vmcs_image *m, size_t offset)
{
    return *(const uint64_t *)((const char *)m + offset);
}

static inline bool physical(const struct vmx_check *c, uint64_t address)
{
    return !(address & ~MASK64(c->l->phys_bits - 1, 0));
}

static inline bool canonical(const struct vmx_check *c, uint64_t address)
{
    return entry_canonical(address, c->l->linear_bits);
}

/* A field with its name. */
struct named_field { const char *name; size_t at; };
#define FIELD_AT(member)        offsetof(struct vmcs_image, member)
#define MUST_BE_CANONICAL       "must be canonical"
#define MUST_BE_PHYSICAL        "must be within the CPU's physical addresses"

/* EFER's bits that Intel CPUs have (SDM vol. 3, 2.2.1). */
#define EFER_DEFINED            (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

/* check_event.c: 27.2.1.3 without the MSR area, and 27.3.1.5 */
void vmx_check_event(struct vmx_check *c);
void vmx_check_non_register(struct vmx_check *c);
/* check_host.c: 27.2.2 to 27.2.4 */
void vmx_check_host(struct vmx_check *c);
/* Bits of CR0 or CR4 that VMX operation fixes (A.7, A.8), but for those in `free`. */
void vmx_check_fixed(struct vmx_check *c, struct named_field f, uint64_t fixed0, uint64_t fixed1,
                     uint64_t free);
/* check_guest.c: 27.3.1.1, 27.3.1.3, 27.3.1.4 and 27.3.1.6 */
void vmx_check_guest_registers(struct vmx_check *c);
void vmx_check_guest_tables(struct vmx_check *c);
void vmx_check_guest_flow(struct vmx_check *c);
void vmx_check_guest_pdptes(struct vmx_check *c);
/* check_seg.c: 27.3.1.2 */
void vmx_check_segments(struct vmx_check *c);

#endif
