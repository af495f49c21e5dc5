/* SPDX-License-Identifier: BSD-2-Clause */
/* MSRs of a guest: which exist for which vendor, what they hold, which values fault. */
#include "policy_fixture.h"

struct fixture {
    struct guest_cpu  cpu;
    struct msr_state  msr;
    struct vcpu_state regs;
    struct msr_view   view;
};

static void start(struct fixture *f, enum cpu_vendor vendor, uint32_t can)
{
    struct guest_cpu_config c = full_config();
    c.can = can;
    memset(f, 0, sizeof(*f));
    f->cpu = build(full_host(vendor), c);
    f->view = (struct msr_view){ &f->cpu, &f->msr, &f->regs, 1 };
    policy_msr_reset(&f->msr, &f->cpu);
}

static enum msr_result rd(struct fixture *f, uint32_t index, uint64_t *v)
{
    *v = 0x5a5a5a5a5a5a5a5aull;
    return policy_msr_read(&f->view, index, v);
}

static enum msr_result wr(struct fixture *f, uint32_t index, uint64_t v)
{
    return policy_msr_write(&f->view, index, &v);
}

static void reads(struct fixture *f, uint32_t index, uint64_t expected)
{
    uint64_t v;
    assert_int_equal(rd(f, index, &v), MSR_OK);
    assert_int_equal(v, expected);
}

static void faults(struct fixture *f, uint32_t index)
{
    uint64_t v;
    assert_int_equal(rd(f, index, &v), MSR_GP);
    assert_int_equal(wr(f, index, 0), MSR_GP);
}

/* Every index of the architectural ranges and random ones: a defined answer, no state lost. */
static void all_indices(void **state)
{
    static const struct { uint32_t first, last; } ranges[] = {
        { 0, 0x1fff }, { 0xc0000000, 0xc0001fff }, { 0xc0010000, 0xc0011fff },
        { 0x40000000, 0x400000ff }, { 0x4b564d00, 0x4b564dff },
    };
    static const uint64_t values[] = { 0, ~0ull, 0x8000000000000000ull, 0x123456789abcdef0ull, 6 };
    struct fixture f;
    for (int vendor = CPU_INTEL; vendor <= CPU_AMD; vendor++) {
        start(&f, (enum cpu_vendor)vendor, CAN_ALL);
        for (unsigned r = 0; r < ARRAY_LEN(ranges); r++) {
            for (uint32_t i = ranges[r].first; i <= ranges[r].last; i++) {
                uint64_t before, after;
                enum msr_result was = rd(&f, i, &before);
                assert_true(was != MSR_GP || before == 0x5a5a5a5a5a5a5a5aull);
                for (unsigned n = 0; n < ARRAY_LEN(values); n++) {
                    enum msr_result w = wr(&f, i, values[n]);
                    assert_int_equal(rd(&f, i, &after), was);
                    if (w == MSR_GP && was == MSR_OK && n == 0)
                        assert_int_equal(after, before);
                }
            }
        }
        srand(3);
        for (unsigned n = 0; n < 100000; n++) {
            uint64_t v;
            uint32_t i = (uint32_t)rand() << 16 ^ (uint32_t)rand();
            (void)!rd(&f, i, &v);
            (void)!wr(&f, i, (uint64_t)rand() << 32 | (uint32_t)rand());
        }
        assert_true(f.msr.unknown > 100000);
    }
}

static void what_the_core_does(void **state)
{
    static const struct { uint32_t index, can; } r[] = {
        { MSR_TSC, 0 }, { MSR_APIC_BASE, 0 }, { 0x800, 0 }, { 0x80b, 0 },
        { 0x830, 0 }, { 0x8ff, 0 },
        { MSR_TSC_ADJUST, CAN_TSC_ADJUST }, { MSR_TSC_DEADLINE, CAN_DEADLINE },
        { MSR_KVM_WALL_CLOCK_OLD, CAN_KVMCLOCK }, { MSR_KVM_SYSTEM_TIME_OLD, CAN_KVMCLOCK },
        { MSR_KVM_WALL_CLOCK, CAN_KVMCLOCK }, { MSR_KVM_SYSTEM_TIME, CAN_KVMCLOCK },
    };
    struct fixture f;
    uint64_t v;
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        start(&f, CPU_AMD, CAN_ALL);
        assert_int_equal(rd(&f, r[i].index, &v), MSR_CORE);
        assert_int_equal(wr(&f, r[i].index, ~0ull), MSR_CORE);
        start(&f, CPU_INTEL, CAN_ALL & ~r[i].can);
        assert_int_equal(rd(&f, r[i].index, &v), r[i].can ? MSR_GP : MSR_CORE);
    }
    start(&f, CPU_AMD, CAN_ALL);
    for (uint32_t i = 0x4b564d02; i <= 0x4b564d08; i++)
        faults(&f, i);
    faults(&f, 0x900);
    faults(&f, 0x7ff);
}

static void registers_of_the_vcpu(void **state)
{
    struct fixture f;
    start(&f, CPU_INTEL, CAN_ALL & ~CAN_LA57);
    static const struct { uint32_t index; bool canonical; } r[] = {
        { MSR_STAR, false }, { MSR_LSTAR, true }, { MSR_CSTAR, true }, { MSR_FS_BASE, true },
        { MSR_GS_BASE, true }, { MSR_KERNEL_GS_BASE, true }, { MSR_SYSENTER_ESP, true },
        { MSR_SYSENTER_EIP, true },
    };
    uint64_t v, bad = 0x0000800000000000ull;
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        assert_int_equal(rd(&f, r[i].index, &v), MSR_REG);
        assert_int_equal(wr(&f, r[i].index, 0xffff800000000000ull), MSR_REG);
        assert_int_equal(wr(&f, r[i].index, bad), r[i].canonical ? MSR_GP : MSR_REG);
    }
    v = 0x1234567890abcdefull;
    assert_int_equal(policy_msr_write(&f.view, MSR_SFMASK, &v), MSR_REG);
    assert_int_equal(v, 0x90abcdef);
    v = 0xffffffff00000008ull;
    assert_int_equal(policy_msr_write(&f.view, MSR_SYSENTER_CS, &v), MSR_REG);
    assert_int_equal(v, 8);
    start(&f, CPU_AMD, CAN_ALL & ~CAN_LA57);
    v = bad | 0x80000000;
    assert_int_equal(policy_msr_write(&f.view, MSR_SYSENTER_EIP, &v), MSR_REG);
    assert_int_equal(v, 0xffffffff80000000ull);
    assert_int_equal(wr(&f, MSR_LSTAR, bad), MSR_GP);
    start(&f, CPU_AMD, CAN_ALL);                            /* 57 bits, whatever CR4 says */
    assert_int_equal(wr(&f, MSR_LSTAR, bad), MSR_REG);
    assert_int_equal(wr(&f, MSR_LSTAR, 0x0100000000000000ull), MSR_GP);
}

static void fields(void **state)
{
    struct vcpu_state s;
    uint32_t group;
    static const struct { uint32_t index; size_t at; uint32_t group; } r[] = {
        { MSR_STAR, offsetof(struct vcpu_state, star), REGS_MSR },
        { MSR_LSTAR, offsetof(struct vcpu_state, lstar), REGS_MSR },
        { MSR_CSTAR, offsetof(struct vcpu_state, cstar), REGS_MSR },
        { MSR_SFMASK, offsetof(struct vcpu_state, sfmask), REGS_MSR },
        { MSR_KERNEL_GS_BASE, offsetof(struct vcpu_state, kernel_gs_base), REGS_MSR },
        { MSR_SYSENTER_CS, offsetof(struct vcpu_state, sysenter_cs), REGS_MSR },
        { MSR_SYSENTER_ESP, offsetof(struct vcpu_state, sysenter_esp), REGS_MSR },
        { MSR_SYSENTER_EIP, offsetof(struct vcpu_state, sysenter_eip), REGS_MSR },
        { MSR_PAT, offsetof(struct vcpu_state, pat), REGS_MSR },
        { MSR_FS_BASE, offsetof(struct vcpu_state, seg[SEG_FS].base), REGS_SEG },
        { MSR_GS_BASE, offsetof(struct vcpu_state, seg[SEG_GS].base), REGS_SEG },
    };
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        assert_ptr_equal(policy_msr_reg(&s, r[i].index, &group), (uint8_t *)&s + r[i].at);
        assert_int_equal(group, r[i].group);
    }
}

static void memory_types(void **state)
{
    struct fixture f;
    start(&f, CPU_INTEL, CAN_ALL);                          /* 46 physical bits */
    reads(&f, MSR_MTRR_CAP, 0x508);
    assert_int_equal(wr(&f, MSR_MTRR_CAP, 0x508), MSR_GP);
    for (uint64_t t = 0; t < 256; t++) {
        bool mtrr = t == 0 || t == 1 || t == 4 || t == 5 || t == 6, pat = mtrr || t == 7;
        assert_int_equal(wr(&f, MSR_PAT, t << 24 | 0x06), pat ? MSR_REG : MSR_GP);
        assert_int_equal(wr(&f, MSR_MTRR_DEF_TYPE, 0xc00 | t), mtrr ? MSR_OK : MSR_GP);
        assert_int_equal(wr(&f, MSR_MTRR_FIX4K + 7, t << 56), mtrr ? MSR_OK : MSR_GP);
        assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 2, 0x1000 | t), mtrr ? MSR_OK : MSR_GP);
    }
    static const uint64_t def_bad[] = { 0x106, 0x206, 0x1006, 1ull << 63 };
    for (unsigned i = 0; i < ARRAY_LEN(def_bad); i++)
        assert_int_equal(wr(&f, MSR_MTRR_DEF_TYPE, def_bad[i]), MSR_GP);
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0, 0x106), MSR_GP);
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0, 1ull << 46), MSR_GP);
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0, (1ull << 46) - 0x1000), MSR_OK);
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 1, 0x3fffffff0800ull & ~0x7ffull), MSR_OK);
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 1, 0x3ffffffff800ull), MSR_OK);
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 1, 0x400), MSR_GP);
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 1, 1ull << 46), MSR_GP);
    faults(&f, MSR_MTRR_PHYS0 + 16);
    faults(&f, 0x251);
    faults(&f, 0x270);
}

static void mtrr_storage(void **state)
{
    static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d,
                                      0x26e, 0x26f };
    struct fixture f;
    start(&f, CPU_AMD, CAN_ALL);
    for (unsigned i = 0; i < ARRAY_LEN(fixed); i++)
        assert_int_equal(wr(&f, fixed[i], 0x0606060606060600ull + (i & 1)), MSR_OK);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 2 * i, (uint64_t)i << 20 | 6), MSR_OK);
        assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 2 * i + 1, (uint64_t)i << 24 | 0x800), MSR_OK);
    }
    for (unsigned i = 0; i < ARRAY_LEN(fixed); i++)
        reads(&f, fixed[i], 0x0606060606060600ull + (i & 1));
    for (uint32_t i = 0; i < 8; i++) {
        reads(&f, MSR_MTRR_PHYS0 + 2 * i, (uint64_t)i << 20 | 6);
        reads(&f, MSR_MTRR_PHYS0 + 2 * i + 1, (uint64_t)i << 24 | 0x800);
    }
    policy_msr_reset(&f.msr, &f.cpu);
    reads(&f, MSR_MTRR_DEF_TYPE, 0);
    policy_msr_firmware(&f.msr, &f.cpu);
    reads(&f, MSR_MTRR_DEF_TYPE, 0xc06);
    reads(&f, 0x250, 0x0606060606060606ull);
    reads(&f, 0x258, 0x0606060606060606ull);
    reads(&f, 0x259, 0);
    reads(&f, 0x26f, 0x0606060606060606ull);
    reads(&f, MSR_MTRR_PHYS0, 0xc0000000);
    reads(&f, MSR_MTRR_PHYS0 + 1, 0x3fffc0000800ull);
    reads(&f, MSR_MTRR_PHYS0 + 2, 0);
    uint64_t base = f.msr.mtrr_var[0], mask = f.msr.mtrr_var[1];
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0, base), MSR_OK);     /* legal by our own rules */
    assert_int_equal(wr(&f, MSR_MTRR_PHYS0 + 1, mask), MSR_OK);
}

static void intel_only(void **state)
{
    static const uint32_t list[] = {
        0x17, 0x34, 0x35, 0x3a, 0x79, 0xc1, 0xc2, 0xcd, 0xce, 0x11e, 0x140, 0x186, 0x187, 0x198,
        0x199, 0x1a0, 0x10a,
    };
    struct fixture f;
    uint64_t v;
    for (unsigned i = 0; i < ARRAY_LEN(list); i++) {
        start(&f, CPU_INTEL, CAN_ALL);
        assert_int_equal(rd(&f, list[i], &v), MSR_OK);
        start(&f, CPU_AMD, CAN_ALL);
        faults(&f, list[i]);
    }
    start(&f, CPU_INTEL, CAN_ALL);
    reads(&f, 0x3a, 1);                                     /* locked, VMX off */
    assert_int_equal(wr(&f, 0x3a, 5), MSR_GP);
    reads(&f, 0x35, 4 << 16 | 4);
    reads(&f, 0xce, 28 << 8);
    assert_int_equal(wr(&f, 0xce, 0), MSR_GP);
    reads(&f, 0x8b, 0xabcdull << 32);
    assert_int_equal(wr(&f, 0x8b, 0), MSR_OK);
    reads(&f, 0x1a0, 0x1801);
    assert_int_equal(wr(&f, 0x1a0, ~0ull), MSR_OK);
    reads(&f, 0x1a0, 0x1801);
    assert_int_equal(wr(&f, 0x1a0, 0), MSR_OK);
    reads(&f, 0x1a0, 0x1800);
    assert_int_equal(wr(&f, 0x140, 1), MSR_GP);
    assert_int_equal(wr(&f, 0x140, 0), MSR_OK);     /* Linux writes back what it read */
    assert_int_equal(wr(&f, 0xc1, 0xabcd), MSR_OK);
    reads(&f, 0xc1, 0);
    static const uint32_t none[] = {
        0xe2, 0xe7, 0xe8, 0x1fc, 0x309, 0x345, 0x38d, 0x38f, 0x480, 0x570, 0x606, 0x770, 0xc8f,
        0x1c4, 0x6a0, 0xe1, 0xc0010015, 0xc0010114,
    };
    for (unsigned i = 0; i < ARRAY_LEN(none); i++)
        faults(&f, none[i]);
}

static void amd_only(void **state)
{
    static const uint32_t list[] = {
        0xc0010000, 0xc0010003, 0xc0010004, 0xc0010007, 0xc0010010, 0xc0010015, 0xc0010016,
        0xc001001a, 0xc001001d, 0xc001001f, 0xc0010020, 0xc0010055, 0xc0010058, 0xc0010061,
        0xc0010062, 0xc0010063, 0xc0010064, 0xc001006b, 0xc0010112, 0xc0010114, 0xc0010117,
        0xc0011021, 0xc0011022, 0xc0011023, 0xc0011029, 0xc001102a,
    };
    struct fixture f;
    uint64_t v;
    for (unsigned i = 0; i < ARRAY_LEN(list); i++) {
        start(&f, CPU_AMD, CAN_ALL);
        assert_int_equal(rd(&f, list[i], &v), MSR_OK);
        start(&f, CPU_INTEL, CAN_ALL);
        faults(&f, list[i]);
    }
    start(&f, CPU_AMD, CAN_ALL);
    reads(&f, 0x8b, 0xabcd);
    reads(&f, 0xc0010015, 1ull << 24);                      /* TscFreqSel: Linux looks */
    assert_int_equal(wr(&f, 0xc0010015, 0), MSR_OK);
    reads(&f, 0xc0010015, 1ull << 24);
    assert_int_equal(wr(&f, 0xc0010015, 1ull << 18), MSR_OK);
    reads(&f, 0xc0010015, 1ull << 24 | 1ull << 18);
    assert_int_equal(wr(&f, 0xc0010015, 1ull << 36), MSR_GP);
    reads(&f, 0xc0010114, 0x18);                            /* SVM off, locked */
    assert_int_equal(wr(&f, 0xc0010114, 0), MSR_OK);
    reads(&f, 0xc0010114, 0x18);
    assert_int_equal(wr(&f, 0xc0010117, 0x1000), MSR_GP);
    assert_int_equal(wr(&f, 0xc0010000, 0x530076), MSR_OK); /* no counters: nothing sticks */
    reads(&f, 0xc0010000, 0);
    assert_int_equal(wr(&f, 0xc0010010, ~0ull), MSR_OK);
    reads(&f, 0xc0010010, 0x740000);
    reads(&f, 0xc0011029, 2);
    static const uint32_t none[] = {
        0xc0000104, 0xc00000e7, 0xc00000e8, 0xc00000e9, 0xc0010140, 0xc0010141, 0xc0010200,
        0xc0010201, 0xc0011005, 0xc0011019, 0xc0011020, 0xc0011027, 0xc0011030, 0xc001100c,
        0xc001011b, 0xc0010131, 0xc001011f, 0x3a, 0xc0010299,
    };
    for (unsigned i = 0; i < ARRAY_LEN(none); i++)
        faults(&f, none[i]);
}

static void machine_check(void **state)
{
    struct fixture f;
    start(&f, CPU_INTEL, CAN_ALL);
    reads(&f, 0x179, 4);
    assert_int_equal(wr(&f, 0x179, 4), MSR_GP);
    faults(&f, 0x17b);                                      /* MCG_CTL_P is 0 */
    assert_int_equal(wr(&f, 0x17a, 7), MSR_OK);
    reads(&f, 0x17a, 7);
    assert_int_equal(wr(&f, 0x17a, 8), MSR_GP);
    for (uint32_t i = 0x400; i < 0x410; i++) {
        reads(&f, i, 0);
        assert_int_equal(wr(&f, i, 0), MSR_OK);
        assert_int_equal(wr(&f, i, ~0ull), i % 4 ? MSR_GP : MSR_OK);
        reads(&f, i, 0);
    }
    faults(&f, 0x410);
    start(&f, CPU_AMD, CAN_ALL);
    assert_int_equal(wr(&f, 0x401, 1), MSR_GP);
    assert_int_equal(wr(&f, MSR_HWCR, 1ull << 18), MSR_OK);
    assert_int_equal(wr(&f, 0x401, 1), MSR_OK);             /* McStatusWrEn */
}

static void speculation(void **state)
{
    struct fixture f;
    uint64_t v;
    start(&f, CPU_INTEL, CAN_ALL & ~CAN_SPEC_CTRL);
    faults(&f, MSR_SPEC_CTRL);
    faults(&f, MSR_PRED_CMD);
    faults(&f, MSR_FLUSH_CMD);
    start(&f, CPU_INTEL, CAN_ALL);
    assert_int_equal(wr(&f, MSR_SPEC_CTRL, 7), MSR_CORE);
    reads(&f, MSR_SPEC_CTRL, 7);
    assert_int_equal(wr(&f, MSR_SPEC_CTRL, 0x5ff), MSR_CORE);
    assert_int_equal(wr(&f, MSR_SPEC_CTRL, 0x200), MSR_GP);
    assert_int_equal(wr(&f, MSR_SPEC_CTRL, 1ull << 32), MSR_GP);
    reads(&f, MSR_SPEC_CTRL, 0x5ff);
    assert_int_equal(rd(&f, MSR_PRED_CMD, &v), MSR_GP);
    assert_int_equal(wr(&f, MSR_PRED_CMD, 1), MSR_CORE);
    assert_int_equal(wr(&f, MSR_PRED_CMD, 0x81), MSR_GP);
    assert_int_equal(wr(&f, MSR_FLUSH_CMD, 1), MSR_CORE);
    assert_int_equal(wr(&f, MSR_FLUSH_CMD, 2), MSR_GP);
    reads(&f, MSR_ARCH_CAPABILITIES, f.cpu.arch_capabilities);
    assert_int_equal(f.cpu.arch_capabilities & (BIT64(7) | BIT64(9) | BIT64(10) | BIT64(12) |
                     BIT64(18) | BIT64(21) | BIT64(25) | MASK64(63, 29)), 0);
    assert_int_equal(f.cpu.arch_capabilities & 0x17f, 0x17f);
    assert_int_equal(wr(&f, MSR_ARCH_CAPABILITIES, 0), MSR_GP);
    policy_msr_init_signal(&f.msr);
    reads(&f, MSR_SPEC_CTRL, 0);
    start(&f, CPU_AMD, CAN_ALL);
    assert_int_equal(wr(&f, MSR_PRED_CMD, 0x81), MSR_CORE);
    assert_int_equal(wr(&f, MSR_SPEC_CTRL, 0x80), MSR_CORE);
}

static void tsc_aux_and_xss(void **state)
{
    struct fixture f;
    start(&f, CPU_INTEL, CAN_ALL);
    assert_int_equal(wr(&f, MSR_TSC_AUX, 0xffffffff), MSR_CORE);
    reads(&f, MSR_TSC_AUX, 0xffffffff);
    assert_int_equal(wr(&f, MSR_TSC_AUX, 1ull << 32), MSR_GP);
    assert_int_equal(wr(&f, MSR_XSS, 0), MSR_CORE);
    assert_int_equal(wr(&f, MSR_XSS, 0x800), MSR_GP);       /* no supervisor state is offered */
    reads(&f, MSR_XSS, 0);
    policy_msr_init_signal(&f.msr);
    reads(&f, MSR_TSC_AUX, 0xffffffff);
    start(&f, CPU_AMD, CAN_ALL);
    assert_int_equal(wr(&f, MSR_TSC_AUX, 0x1234567890ull), MSR_CORE);
    reads(&f, MSR_TSC_AUX, 0x34567890);
    start(&f, CPU_AMD, CAN_ALL & ~CAN_TSC_AUX & ~CAN_XSAVES);
    faults(&f, MSR_TSC_AUX);
    faults(&f, MSR_XSS);
}

static void efer_and_debugctl(void **state)
{
    struct fixture f;
    uint64_t v;
    start(&f, CPU_AMD, CAN_ALL);
    f.regs.efer = EFER_LME | EFER_LMA | EFER_SCE;
    f.regs.cr0 = CR0_PG | CR0_PE;
    reads(&f, MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE);
    v = EFER_LME | EFER_NXE;
    assert_int_equal(policy_msr_write(&f.view, MSR_EFER, &v), MSR_CORE);
    assert_int_equal(v, EFER_LME | EFER_LMA | EFER_NXE);
    assert_int_equal(wr(&f, MSR_EFER, EFER_LME | EFER_SVME), MSR_GP);
    assert_int_equal(wr(&f, MSR_EFER, 0), MSR_GP);
    assert_int_equal(wr(&f, MSR_DEBUGCTL, 3), MSR_OK);
    reads(&f, MSR_DEBUGCTL, 0);
    assert_int_equal(wr(&f, MSR_DEBUGCTL, 0x40), MSR_GP);
    for (uint32_t i = 0x1db; i <= 0x1de; i++)
        reads(&f, i, 0);
    start(&f, CPU_INTEL, CAN_ALL);
    assert_int_equal(wr(&f, MSR_DEBUGCTL, 0x2), MSR_OK);
    assert_int_equal(wr(&f, MSR_DEBUGCTL, 0x4), MSR_GP);
}

static size_t save(const struct msr_state *m, uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    policy_msr_save(m, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void state_round_trip(void **state)
{
    struct fixture f;
    uint8_t a[1024], b[1024];
    srand(4);
    for (int vendor = CPU_INTEL; vendor <= CPU_AMD; vendor++) {
        for (unsigned round = 0; round < 200; round++) {
            start(&f, (enum cpu_vendor)vendor, round & 1 ? CAN_ALL : 0);
            for (unsigned n = 0; n < 3000; n++) {
                uint32_t i = (uint32_t)rand() % 0x480;
                uint64_t v = (uint64_t)rand() >> (rand() & 31);
                (void)!wr(&f, i, (rand() & 1) ? v & 0x0606060606060606ull : v);
            }
            (void)!wr(&f, MSR_SYSCFG, (uint64_t)rand());
            (void)!wr(&f, MSR_TSC_AUX, (uint64_t)rand());
            size_t len = save(&f.msr, a, sizeof(a));
            struct msr_state m;
            memset(&m, 0xee, sizeof(m));
            struct state_in in = { .buf = a, .len = len };
            assert_int_equal(policy_msr_load(&m, &f.cpu, &in), HV_OK);
            assert_int_equal(save(&m, b, sizeof(b)), len);
            assert_memory_equal(a, b, len);
            for (size_t cut = 0; cut < len; cut += 9) {
                struct state_in shorter = { .buf = a, .len = cut };
                assert_int_not_equal(policy_msr_load(&m, &f.cpu, &shorter), HV_OK);
            }
        }
    }
}

static void hostile_state(void **state)
{
    struct fixture f;
    uint8_t good[1024], bad[1024];
    start(&f, CPU_INTEL, CAN_ALL & ~CAN_SPEC_CTRL);
    size_t len = save(&f.msr, good, sizeof(good));
    srand(11);
    unsigned refused = 0;
    for (unsigned n = 0; n < 5000; n++) {
        memcpy(bad, good, len);
        bad[12 + (unsigned)rand() % (len - 12)] = (uint8_t)rand();
        struct state_in in = { .buf = bad, .len = len };
        struct msr_state m = { .unknown = 0 };
        hv_status s = policy_msr_load(&m, &f.cpu, &in);
        assert_true(s == HV_OK || s == HV_INVALID);
        refused += s != HV_OK;
        assert_int_equal(m.spec_ctrl | m.xss, 0);
        assert_int_equal(m.unknown, 0);
        if (s != HV_OK)
            assert_int_equal(m.mtrr_def, 0);
    }
    assert_true(refused > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_indices), cmocka_unit_test(what_the_core_does),
        cmocka_unit_test(registers_of_the_vcpu), cmocka_unit_test(fields),
        cmocka_unit_test(memory_types), cmocka_unit_test(mtrr_storage),
        cmocka_unit_test(intel_only), cmocka_unit_test(amd_only),
        cmocka_unit_test(machine_check), cmocka_unit_test(speculation),
        cmocka_unit_test(tsc_aux_and_xss), cmocka_unit_test(efer_and_debugctl),
        cmocka_unit_test(state_round_trip), cmocka_unit_test(hostile_state),
    };
    return cmocka_run_group_tests_name("msr policy", tests, NULL, NULL);
}
