/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/x86/svm/check.c: what VMRUN refuses. Every rule has a fault that only it finds; what is
 * allowed, though odd, is found by none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/svm/check.h"
#include "arch/x86/svm/svm_bits.h"
#include "socle/regs.h"

static const struct svm_check_limits cpu = {
    .phys_bits = 40, .asids = 16,
    .cr4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR |
           CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP,
    .efer = EFER_SCE | EFER_LME | EFER_NXE | EFER_FFXSR | EFER_TCE,
};

enum mode { REAL, V8086, PROTECTED, PAE, COMPAT, LONG, MODES };

static void build(struct vmcb *b, enum mode mode)
{
    memset(b, 0, sizeof(*b));
    b->_intercept2 = I2_VMRUN | I2_VMMCALL;
    b->_iopm = 0x10000;
    b->_msrpm = 0x20000;
    b->_asid = 1;
    b->_np_enable = 1;
    b->_n_cr3 = 0x30000;
    b->_g_pat = 0x0007040600070406;
    b->_efer = EFER_SVME;
    b->_dr6 = 0xffff0ff0;
    b->_dr7 = DR7_NONE;
    b->_cr0 = CR0_ET | CR0_CD | CR0_NW;
    b->rflags = RFLAGS_FIXED;
    b->_cs = (struct vmcb_seg){ .sel = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000 };
    if (mode == REAL)
        return;
    b->_cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    b->_cr3 = 0x1000;
    b->_cs = (struct vmcb_seg){ .sel = 0x10, .attr = 0xc9b, .limit = 0xffffffff };
    if (mode == V8086) {
        b->rflags |= RFLAGS_VM;
        b->_cpl = 3;
    }
    if (mode >= PAE)
        b->_cr4 = CR4_PAE | CR4_PGE;
    if (mode >= COMPAT)
        b->_efer |= EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
    if (mode == LONG)
        b->_cs.attr = 0xa9b;
}

static void good_guests(void **unused)
{
    for (unsigned mode = 0; mode < MODES; mode++) {
        struct vmcb b;
        struct entry_finding f = { 0 };
        build(&b, mode);
        if (svm_check_entry(&b, &cpu, &f, 1))
            fail_msg("mode %u: %s 0x%llx: %s", mode, f.field, (unsigned long long)f.value, f.rule);
    }
}

/* Up to three fields of 64, 32 or 8 bits are changed. */
struct change { size_t at, size; uint64_t clear, set; };
struct fault {
    enum mode mode;
    const char *field, *rule;
    struct change change[3];
};
#define AT(field)               offsetof(struct vmcb, field), sizeof(((struct vmcb *)0)->field)
#define SET(field, value)       { AT(field), ~0ull, value }
#define OR(field, value)        { AT(field), 0, value }
#define DROP(field, value)      { AT(field), value, 0 }

static size_t check(const struct fault *t, struct entry_finding *out, size_t max)
{
    struct vmcb b;
    build(&b, t->mode);
    for (size_t i = 0; i < ARRAY_LEN(t->change); i++) {
        const struct change *c = &t->change[i];
        uint64_t v = 0;
        memcpy(&v, (char *)&b + c->at, c->size);
        v = (v & ~c->clear) | c->set;
        memcpy((char *)&b + c->at, &v, c->size);
    }
    return svm_check_entry(&b, &cpu, out, max);
}

#define PHYSICAL    "must be within the CPU's physical addresses"
#define MAP         "map must be within the CPU's physical addresses"
#define MISSING     "must not have bits set that do not exist"
#define HIGH        "must have bits 63:32 clear"
#define PAT         "each byte must be 0, 1, 4, 5, 6 or 7"
#define EVENT       "event injection"
#define TYPE        "type must be 0, 2, 3 or 4"
#define VECTOR      "vector must be that of an exception"
#define EXCEPTION(vector) { LONG, EVENT, VECTOR, .change = { SET(event_inj, EV_VALID | EV_TYPE_EXCEPTION | (vector)) } }

static const struct fault faults[] = {
    { LONG, "guest EFER", "SVME must be set", .change = { DROP(_efer, EFER_SVME) } },
    { LONG, "guest CR0", "NW needs CD", .change = { OR(_cr0, CR0_NW) } },
    { LONG, "guest CR0", HIGH, .change = { OR(_cr0, BIT64(32)) } },
    { REAL, "guest CR0", HIGH, .change = { OR(_cr0, BIT64(63)) } },
    { LONG, "guest CR3", PHYSICAL, .change = { SET(_cr3, BIT64(40)) } },
    { LONG, "guest CR3", PHYSICAL, .change = { SET(_cr3, BIT64(63)) } },
    { LONG, "guest CR4", MISSING, .change = { OR(_cr4, CR4_VMXE) } },
    { LONG, "guest CR4", MISSING, .change = { OR(_cr4, BIT64(32)) } },
    { LONG, "guest DR6", HIGH, .change = { OR(_dr6, BIT64(32)) } },
    { LONG, "guest DR7", HIGH, .change = { OR(_dr7, BIT64(32)) } },
    { LONG, "guest EFER", MISSING, .change = { OR(_efer, EFER_LMSLE) } },
    { REAL, "guest EFER", MISSING, .change = { OR(_efer, BIT64(32)) } },
    { COMPAT, "guest CR4", "PAE must be set with EFER.LME and CR0.PG", .change = { DROP(_cr4, CR4_PAE) } },
    { PROTECTED, "guest CR4", "PAE must be set with EFER.LME and CR0.PG", .change = { OR(_efer, EFER_LME) } },
    { LONG, "guest CR0", "PE must be set with EFER.LME and CR0.PG", .change = { DROP(_cr0, CR0_PE) } },
    { REAL, "guest CR0", "PE must be set with EFER.LME and CR0.PG",
      .change = { OR(_cr0, CR0_PG), OR(_cr4, CR4_PAE), OR(_efer, EFER_LME) } },
    { LONG, "guest CS attributes", "D must be clear with L set in long mode", .change = { OR(_cs.attr, SEG_DB) } },
    { REAL, "guest CPL", "must be 0 in real mode", .change = { SET(_cpl, 3) } },
    { LONG, "intercepts (014h)", "VMRUN must be intercepted", .change = { DROP(_intercept2, I2_VMRUN) } },
    { LONG, "IOPM address", MAP, .change = { SET(_iopm, BIT64(40)) } },
    { LONG, "IOPM address", MAP, .change = { SET(_iopm, BIT64(40) - 0x2000) } },
    { LONG, "MSRPM address", MAP, .change = { SET(_msrpm, BIT64(63)) } },
    { LONG, "MSRPM address", MAP, .change = { SET(_msrpm, BIT64(40) - 0x1000) } },
    { LONG, "ASID", "must not be 0", .change = { SET(_asid, 0) } },
    { LONG, "ASID", "must be below what the CPU has", .change = { SET(_asid, 16) } },
    { LONG, EVENT, TYPE, .change = { SET(event_inj, EV_VALID | 1 << 8) } },
    { LONG, EVENT, TYPE, .change = { SET(event_inj, EV_VALID | 5 << 8) } },
    { LONG, EVENT, TYPE, .change = { SET(event_inj, EV_VALID | 6 << 8) } },
    { LONG, EVENT, TYPE, .change = { SET(event_inj, EV_VALID | 7 << 8) } },
    EXCEPTION(VEC_NMI), EXCEPTION(9), EXCEPTION(15), EXCEPTION(20), EXCEPTION(22), EXCEPTION(27), EXCEPTION(31),
    EXCEPTION(32), EXCEPTION(255),
    { LONG, EVENT, "must not be an exception that 64-bit mode lacks",
      .change = { SET(event_inj, EV_VALID | EV_TYPE_EXCEPTION | VEC_BR) } },
    { LONG, EVENT, "must not be an exception that 64-bit mode lacks",
      .change = { SET(event_inj, EV_VALID | EV_TYPE_EXCEPTION | VEC_OF) } },
    { LONG, "nested CR3", PHYSICAL, .change = { SET(_n_cr3, BIT64(40)) } },
    { LONG, "guest PAT", PAT, .change = { SET(_g_pat, 0x0007040600070402) } },
    { LONG, "guest PAT", PAT, .change = { SET(_g_pat, 0x0807040600070406) } },
    { LONG, "guest PAT", PAT, .change = { SET(_g_pat, 0x0007040603070406) } },
};

static void each_fault(void **unused)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct entry_finding f[4] = { 0 };
        size_t n = check(&faults[i], f, ARRAY_LEN(f));
        if (n != 1 || strcmp(f[0].field, faults[i].field) || strcmp(f[0].rule, faults[i].rule))
            fail_msg("case %zu, \"%s: %s\", gives %zu: \"%s: %s\"", i, faults[i].field, faults[i].rule, n,
                     n ? f[0].field : "", n ? f[0].rule : "");
    }
}

#define RAISED(mode, vector) { mode, .change = { SET(event_inj, EV_VALID | EV_TYPE_EXCEPTION | (vector)) } }

static const struct fault fine[] = {
    { REAL, .change = { OR(_cr0, CR0_PG) } },                           /* paged real mode */
    { REAL, .change = { OR(_efer, EFER_LME) } },                        /* on the way to long mode */
    { PAE, .change = { DROP(_cr0, CR0_PG), OR(_efer, EFER_LME) } },
    { PROTECTED, .change = { SET(_cs.attr, 0xe9b) } },                  /* L means nothing here */
    { LONG, .change = { DROP(_cr0, CR0_PE | CR0_PG), SET(_cs.attr, 0xe9b) } },
    { LONG, .change = { DROP(_efer, EFER_LMA) } },                      /* the CPU sets it */
    { LONG, .change = { SET(_cpl, 3) } },
    { LONG, .change = { OR(_cr0, CR0_CD), OR(_efer, EFER_FFXSR | EFER_TCE) } },
    { LONG, .change = { SET(_cr3, BIT64(40) - 1), SET(_n_cr3, BIT64(40) - 0x1000) } },
    { LONG, .change = { SET(_iopm, BIT64(40) - 0x2001), SET(_msrpm, BIT64(40) - 0x1001) } },
    { LONG, .change = { SET(_asid, 15) } },
    { LONG, .change = { SET(_np_enable, 0), SET(_n_cr3, ~0ull), SET(_g_pat, ~0ull) } },
    { LONG, .change = { SET(event_inj, ~EV_VALID) } },                  /* nothing to inject */
    { LONG, .change = { SET(event_inj, EV_VALID | EV_TYPE_INTR | 0x20) } },
    { LONG, .change = { SET(event_inj, EV_VALID | EV_TYPE_NMI) } },     /* its vector is ignored */
    { LONG, .change = { SET(event_inj, EV_VALID | EV_TYPE_SOFT | 0x80) } },
    RAISED(LONG, VEC_DE), RAISED(LONG, VEC_DB), RAISED(LONG, VEC_BP), RAISED(LONG, VEC_UD), RAISED(LONG, VEC_NM),
    RAISED(LONG, VEC_DF), RAISED(LONG, VEC_TS), RAISED(LONG, VEC_NP), RAISED(LONG, VEC_SS), RAISED(LONG, VEC_GP),
    RAISED(LONG, VEC_PF), RAISED(LONG, VEC_MF), RAISED(LONG, VEC_AC), RAISED(LONG, VEC_MC), RAISED(LONG, VEC_XM),
    RAISED(LONG, VEC_CP), RAISED(LONG, 28), RAISED(LONG, 29), RAISED(LONG, VEC_SX),
    RAISED(COMPAT, VEC_BR), RAISED(COMPAT, VEC_OF), RAISED(REAL, VEC_BR),
    { PROTECTED, .change = { OR(_cs.attr, SEG_L), DROP(_cs.attr, SEG_DB),
                             SET(event_inj, EV_VALID | EV_TYPE_EXCEPTION | VEC_OF) } },
};

static void no_faults(void **unused)
{
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        struct entry_finding f = { 0 };
        if (check(&fine[i], &f, 1))
            fail_msg("case %zu is refused: %s 0x%llx: %s", i, f.field, (unsigned long long)f.value, f.rule);
    }
}

/* Several faults with their values, and never more than asked for. */
static void several(void **unused)
{
    struct vmcb b;
    struct entry_finding f[3];
    build(&b, LONG);
    b._cr0 &= ~CR0_PE;
    b._cr4 &= ~CR4_PAE;
    b._asid = 0;
    assert_int_equal(svm_check_entry(&b, &cpu, f, 3), 3);
    assert_string_equal(f[0].field, "guest CR4");
    assert_int_equal(f[0].value, CR4_PGE);
    assert_string_equal(f[1].field, "guest CR0");
    assert_string_equal(f[2].field, "ASID");
    f[2].field = "kept";
    assert_int_equal(svm_check_entry(&b, &cpu, f, 2), 2);
    assert_string_equal(f[2].field, "kept");
    assert_int_equal(svm_check_entry(&b, &cpu, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_guests), cmocka_unit_test(each_fault), cmocka_unit_test(no_faults),
        cmocka_unit_test(several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
