/* SPDX-License-Identifier: BSD-2-Clause */
/* See check.h. Section numbers are of APM vol. 2. */
#include "arch/x86/svm/check.h"

#include "arch/x86/svm/svm_bits.h"
#include "socle/regs.h"

enum { IOPM_SIZE = 3 * PAGE_SIZE, MSRPM_SIZE = 2 * PAGE_SIZE };

/* Exceptions that exist (8.2, table 8-1): for EVENTINJ, an NMI is none. */
#define EXCEPTIONS  (MASK64(VEC_UD, VEC_BP) | BIT64(VEC_DE) | BIT64(VEC_DB) | BIT64(VEC_NM) | BIT64(VEC_DF) | \
                     MASK64(VEC_PF, VEC_TS) | MASK64(VEC_XM, VEC_MF) | BIT64(VEC_CP) | MASK64(VEC_SX, 28))
#define EV_VECTOR   0xffull

struct svm_check {
    const struct vmcb *b;
    const struct svm_check_limits *l;
    bool   long_mode;               /* it will be: the CPU sets LMA itself */
    struct entry_findings found;
};

static void must(struct svm_check *c, bool holds, const char *field, uint64_t value, const char *rule)
{
    entry_must(&c->found, holds, field, value, rule);
}

static bool physical(const struct svm_check *c, uint64_t address)
{
    return !(address & ~MASK64(c->l->phys_bits - 1, 0));
}

/* 15.5.1: control registers, and EFER, in the order of its list. */
static void check_registers(struct svm_check *c)
{
    const struct vmcb *b = c->b;
    must(c, b->_efer & EFER_SVME, "guest EFER", b->_efer, "SVME must be set");
    must(c, b->_cr0 & CR0_CD || !(b->_cr0 & CR0_NW), "guest CR0", b->_cr0, "NW needs CD");
    must(c, !(b->_cr0 >> 32), "guest CR0", b->_cr0, "must have bits 63:32 clear");
    must(c, physical(c, b->_cr3), "guest CR3", b->_cr3, "must be within the CPU's physical addresses");
    must(c, !(b->_cr4 & ~c->l->cr4), "guest CR4", b->_cr4, "must not have bits set that do not exist");
    must(c, !(b->_dr6 >> 32), "guest DR6", b->_dr6, "must have bits 63:32 clear");
    must(c, !(b->_dr7 >> 32), "guest DR7", b->_dr7, "must have bits 63:32 clear");
    must(c, !(b->_efer & ~(c->l->efer | EFER_SVME | EFER_LMA)), "guest EFER", b->_efer,
         "must not have bits set that do not exist");
}

/*
 * 15.5.1: modes. Bochs 2.7 answers long mode without PE by stopping the whole machine instead
 * of by an exit. Paged real mode (PG without PE) is fine: 15.19. CPUs make CPL 0 in real mode
 * by themselves; some versions of Bochs insist on it.
 */
static void check_mode(struct svm_check *c)
{
    const struct vmcb *b = c->b;
    bool code64 = b->_cs.attr & SEG_L;
    if (c->long_mode) {
        must(c, b->_cr4 & CR4_PAE, "guest CR4", b->_cr4, "PAE must be set with EFER.LME and CR0.PG");
        must(c, b->_cr0 & CR0_PE, "guest CR0", b->_cr0, "PE must be set with EFER.LME and CR0.PG");
        must(c, !code64 || !(b->_cs.attr & SEG_DB), "guest CS attributes", b->_cs.attr,
             "D must be clear with L set in long mode");
    }
    if (!(b->_cr0 & CR0_PE))
        must(c, !b->_cpl, "guest CPL", b->_cpl, "must be 0 in real mode");
}

/*
 * 15.5.1, 15.10, 15.11, 15.16. The low 12 bits of the maps' addresses are ignored. That there
 * are only so many ASIDs is not in the list of 15.5.1.
 */
static void check_controls(struct svm_check *c)
{
    const struct vmcb *b = c->b;
    uint64_t iopm = align_down(b->_iopm, PAGE_SIZE), msrpm = align_down(b->_msrpm, PAGE_SIZE);
    must(c, b->_intercept2 & I2_VMRUN, "intercepts (014h)", b->_intercept2, "VMRUN must be intercepted");
    must(c, physical(c, iopm) && physical(c, iopm + IOPM_SIZE - 1), "IOPM address", b->_iopm,
         "map must be within the CPU's physical addresses");
    must(c, physical(c, msrpm) && physical(c, msrpm + MSRPM_SIZE - 1), "MSRPM address", b->_msrpm,
         "map must be within the CPU's physical addresses");
    must(c, b->_asid, "ASID", b->_asid, "must not be 0");
    must(c, b->_asid < c->l->asids, "ASID", b->_asid, "must be below what the CPU has");
}

/* 15.20. */
static void check_event(struct svm_check *c)
{
    uint64_t e = c->b->event_inj, type = e & EV_TYPE_MASK, vector = e & EV_VECTOR;
    bool code64 = c->long_mode && c->b->_cs.attr & SEG_L;
    if (!(e & EV_VALID))
        return;
    must(c, type == EV_TYPE_INTR || type == EV_TYPE_NMI || type == EV_TYPE_EXCEPTION || type == EV_TYPE_SOFT,
         "event injection", e, "type must be 0, 2, 3 or 4");
    if (type != EV_TYPE_EXCEPTION)
        return;
    must(c, vector < 32 && EXCEPTIONS >> vector & 1, "event injection", e, "vector must be that of an exception");
    must(c, !code64 || (vector != VEC_OF && vector != VEC_BR), "event injection", e,
         "must not be an exception that 64-bit mode lacks");
}

/* 15.25.3 and 15.25.4. */
static void check_nested_paging(struct svm_check *c)
{
    const struct vmcb *b = c->b;
    if (!(b->_np_enable & 1))
        return;
    must(c, physical(c, b->_n_cr3), "nested CR3", b->_n_cr3, "must be within the CPU's physical addresses");
    must(c, entry_pat_valid(b->_g_pat), "guest PAT", b->_g_pat, "each byte must be 0, 1, 4, 5, 6 or 7");
}

size_t svm_check_entry(const struct vmcb *b, const struct svm_check_limits *l,
                       struct entry_finding *out, size_t max)
{
    struct svm_check c = {
        .b = b, .l = l, .long_mode = b->_efer & EFER_LME && b->_cr0 & CR0_PG,
        .found = { .out = out, .max = max },
    };
    check_registers(&c);
    check_mode(&c);
    check_controls(&c);
    check_event(&c);
    check_nested_paging(&c);
    return c.found.count;
}
