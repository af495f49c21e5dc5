/* SPDX-License-Identifier: BSD-2-Clause */
/* Legal values and transitions of CR0, CR3, CR4, EFER and XCR0. */
#include "policy_fixture.h"

enum { CODE64 = SEG_L };
#define UNTOUCHED 0x5a5a5a5aull

static struct guest_cpu full(void) { return build(full_host(CPU_INTEL), full_config()); }

static struct vcpu_state long_mode(uint16_t cs)
{
    struct vcpu_state s = {
        .cr0 = CR0_PE | CR0_ET | CR0_PG, .cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA,
    };
    s.seg[SEG_CS].attr = cs;
    return s;
}

static void cr0_bits(void **state)
{
    struct guest_cpu g = full();
    struct vcpu_state s = { .cr0 = CR0_ET };
    uint64_t cr0 = UNTOUCHED, efer = UNTOUCHED;
    for (unsigned i = 32; i < 64; i++)
        assert_false(policy_cr0_write(&g, &s, BIT64(i), &cr0, &efer));
    assert_int_equal(cr0, UNTOUCHED);
    assert_true(policy_cr0_write(&g, &s, 0, &cr0, &efer));
    assert_int_equal(cr0, CR0_ET);                      /* cannot be cleared */
    assert_true(policy_cr0_write(&g, &s, 0xffffffff, &cr0, &efer));
    assert_int_equal(cr0, 0xe005003f);                  /* what does not exist stays 0 */
    assert_int_equal(efer, 0);
    assert_false(policy_cr0_write(&g, &s, CR0_PG, &cr0, &efer));
    assert_false(policy_cr0_write(&g, &s, CR0_NW, &cr0, &efer));
    assert_true(policy_cr0_write(&g, &s, CR0_NW | CR0_CD, &cr0, &efer));
}

static void paging_and_long_mode(void **state)
{
    struct guest_cpu g = full();
    struct vcpu_state s = { .cr0 = CR0_PE, .efer = EFER_LME };
    uint64_t cr0, efer = UNTOUCHED;
    assert_false(policy_cr0_write(&g, &s, CR0_PE | CR0_PG, &cr0, &efer));   /* no PAE */
    s.cr4 = CR4_PAE;
    s.seg[SEG_CS].attr = CODE64;
    assert_false(policy_cr0_write(&g, &s, CR0_PE | CR0_PG, &cr0, &efer));   /* CS.L */
    assert_int_equal(efer, UNTOUCHED);
    s.seg[SEG_CS].attr = SEG_DB;
    assert_true(policy_cr0_write(&g, &s, CR0_PE | CR0_PG, &cr0, &efer));
    assert_int_equal(efer, EFER_LME | EFER_LMA);
    s.efer = 0;
    s.cr4 = 0;
    assert_true(policy_cr0_write(&g, &s, CR0_PE | CR0_PG, &cr0, &efer));
    assert_int_equal(efer, 0);

    s = long_mode(CODE64);
    assert_false(policy_cr0_write(&g, &s, CR0_PE, &cr0, &efer));            /* from 64-bit code */
    s = long_mode(SEG_DB);
    assert_true(policy_cr0_write(&g, &s, CR0_PE, &cr0, &efer));
    assert_int_equal(efer, EFER_LME);
    s.cr4 |= CR4_PCIDE;
    assert_false(policy_cr0_write(&g, &s, CR0_PE, &cr0, &efer));
    s = long_mode(CODE64);
    assert_true(policy_cr0_write(&g, &s, s.cr0 | CR0_TS, &cr0, &efer));     /* paging unchanged */
    assert_int_equal(efer, EFER_LME | EFER_LMA);
}

static void cr3(void **state)
{
    struct guest_cpu g = full();                        /* 46 physical bits */
    struct vcpu_state s = long_mode(CODE64);
    uint64_t v = UNTOUCHED;
    bool flush = false;
    assert_true(policy_cr3_write(&g, &s, 0x3fffffffffffull, &v, &flush));
    assert_int_equal(v, 0x3fffffffffffull);
    assert_true(flush);
    v = UNTOUCHED;
    for (unsigned i = 46; i < 64; i++)
        assert_false(policy_cr3_write(&g, &s, BIT64(i) | 0x1000, &v, &flush));
    assert_int_equal(v, UNTOUCHED);
    s.cr4 |= CR4_PCIDE;
    assert_true(policy_cr3_write(&g, &s, BIT64(63) | 0x1007, &v, &flush));
    assert_int_equal(v, 0x1007);
    assert_false(flush);
    assert_true(policy_cr3_write(&g, &s, 0x1007, &v, &flush));
    assert_true(flush);
    assert_false(policy_cr3_write(&g, &s, BIT64(62), &v, NULL));
}

static void cr4_bits_follow_cpuid(void **state)
{
    static const struct { uint64_t bit; uint32_t leaf; char reg; uint8_t flag; } r[] = {
        { CR4_VME, 1, 'd', 1 }, { CR4_PVI, 1, 'd', 1 }, { CR4_TSD, 1, 'd', 4 },
        { CR4_DE, 1, 'd', 2 }, { CR4_PSE, 1, 'd', 3 }, { CR4_PAE, 1, 'd', 6 },
        { CR4_MCE, 1, 'd', 7 }, { CR4_PGE, 1, 'd', 13 }, { CR4_OSFXSR, 1, 'd', 24 },
        { CR4_OSXMMEXCPT, 1, 'd', 25 }, { CR4_UMIP, 7, 'c', 2 }, { CR4_LA57, 7, 'c', 16 },
        { CR4_FSGSBASE, 7, 'b', 0 }, { CR4_PCIDE, 1, 'c', 17 }, { CR4_OSXSAVE, 1, 'c', 26 },
        { CR4_SMEP, 7, 'b', 7 }, { CR4_SMAP, 7, 'b', 20 }, { CR4_PKE, 7, 'c', 3 },
    };
    uint64_t known = CR4_PCE;
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        struct cpu_caps caps;
        struct fake_host h = full_host(CPU_INTEL);
        struct guest_cpu_config c = full_config();
        struct guest_cpu g;
        policy_capture(&caps, fake_cpuid, &h);
        policy_build(&g, &caps, &c);
        assert_true(g.cr4 & r[i].bit);
        struct cpuid_regs *w = r[i].leaf == 7 ? &caps.leaf7[0] : &caps.basic[1];
        uint32_t *reg = r[i].reg == 'b' ? &w->ebx : r[i].reg == 'c' ? &w->ecx : &w->edx;
        *reg &= ~BIT(r[i].flag);
        policy_build(&g, &caps, &c);
        assert_false(g.cr4 & r[i].bit);
        known |= r[i].bit;
    }
    struct guest_cpu g = full();
    assert_int_equal(g.cr4, known);                     /* no VMXE, SMXE, CET, PKS */
    struct vcpu_state s = { 0 };
    uint64_t v = UNTOUCHED;
    for (unsigned i = 0; i < 64; i++) {
        bool ok = (known & BIT64(i)) && BIT64(i) != CR4_PCIDE;
        assert_int_equal(policy_cr4_write(&g, &s, BIT64(i), &v), ok);
        if (ok)
            assert_int_equal(v, BIT64(i));
    }
}

static void cr4_transitions(void **state)
{
    struct guest_cpu g = full();
    struct vcpu_state s = long_mode(CODE64);
    uint64_t v = UNTOUCHED;
    assert_false(policy_cr4_write(&g, &s, 0, &v));                      /* PAE must stay */
    assert_false(policy_cr4_write(&g, &s, CR4_PAE | CR4_LA57, &v));
    s.cr4 |= CR4_LA57;
    assert_false(policy_cr4_write(&g, &s, CR4_PAE, &v));
    assert_true(policy_cr4_write(&g, &s, CR4_PAE | CR4_LA57, &v));
    s = long_mode(CODE64);
    s.cr3 = 0x1001;
    assert_false(policy_cr4_write(&g, &s, CR4_PAE | CR4_PCIDE, &v));    /* PCID not 0 */
    s.cr3 = 0x1000;
    assert_int_equal(v, CR4_PAE | CR4_LA57);
    assert_true(policy_cr4_write(&g, &s, CR4_PAE | CR4_PCIDE, &v));
    s.cr4 = v;
    s.cr3 = 0x1005;
    assert_true(policy_cr4_write(&g, &s, CR4_PAE | CR4_PCIDE | CR4_PGE, &v));   /* on already */
    assert_true(policy_cr4_write(&g, &s, CR4_PAE, &v));
    s = (struct vcpu_state){ .cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE };
    assert_true(policy_cr4_write(&g, &s, CR4_LA57, &v));                /* outside of IA-32e */
}

static void efer(void **state)
{
    struct guest_cpu g = full();
    struct vcpu_state s = { 0 };
    uint64_t v = UNTOUCHED;
    const uint64_t known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR;
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(policy_efer_write(&g, &s, BIT64(i), &v), (known & BIT64(i)) != 0);
    assert_true(policy_efer_write(&g, &s, EFER_LME | EFER_LMA | EFER_SCE, &v));
    assert_int_equal(v, EFER_LME | EFER_SCE);           /* LMA is not for software */
    s = long_mode(CODE64);
    assert_true(policy_efer_write(&g, &s, EFER_LME | EFER_NXE, &v));
    assert_int_equal(v, EFER_LME | EFER_LMA | EFER_NXE);
    assert_false(policy_efer_write(&g, &s, EFER_NXE, &v));              /* LME under paging */
    s = (struct vcpu_state){ .cr0 = CR0_PE | CR0_PG };
    assert_false(policy_efer_write(&g, &s, EFER_LME, &v));
    struct fake_host h = full_host(CPU_INTEL);
    h.max_ext = 0;                                      /* a CPU without any of it */
    g = build(h, full_config());
    assert_false(policy_efer_write(&g, &s, EFER_SCE, &v));
    assert_true(policy_efer_write(&g, &s, 0, &v));
}

static void xcr0(void **state)
{
    struct guest_cpu g = full();                        /* x87 SSE AVX AVX-512 PKRU */
    assert_int_equal(g.xcr0, 0x2e7);
    for (uint64_t v = 0; v < 0x800; v++) {
        bool avx512 = v & 0xe0;
        bool ok = !(v & ~0x2e7ull) && (v & 1) && (!(v & 4) || (v & 2)) &&
                  (!avx512 || ((v & 0xe0) == 0xe0 && (v & 4)));
        assert_int_equal(policy_xcr_write(&g, 0, v), ok);
    }
    for (unsigned i = 10; i < 64; i++)
        assert_false(policy_xcr_write(&g, 0, BIT64(i) | 7));
    assert_false(policy_xcr_write(&g, 1, 7));
    assert_false(policy_xcr_write(&g, 0xffffffff, 7));
}

static void canonical(void **state)
{
    struct vcpu_state s = { 0 };
    assert_true(policy_canonical(&s, 0x00007fffffffffffull));
    assert_false(policy_canonical(&s, 0x0000800000000000ull));
    assert_true(policy_canonical(&s, 0xffff800000000000ull));
    s.cr4 = CR4_LA57;
    assert_true(policy_canonical(&s, 0x0000800000000000ull));
    assert_true(policy_canonical(&s, 0x00ffffffffffffffull));
    assert_false(policy_canonical(&s, 0x0100000000000000ull));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr0_bits), cmocka_unit_test(paging_and_long_mode), cmocka_unit_test(cr3),
        cmocka_unit_test(cr4_bits_follow_cpuid), cmocka_unit_test(cr4_transitions),
        cmocka_unit_test(efer), cmocka_unit_test(xcr0), cmocka_unit_test(canonical),
    };
    return cmocka_run_group_tests_name("control registers", tests, NULL, NULL);
}
