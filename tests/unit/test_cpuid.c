/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID as a guest sees it: whitelist, emulated flags, topology, state sizes, clocks. */
#include "policy_fixture.h"

#include <cpuid.h>

static void assert_regs(struct cpuid_regs r, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    assert_int_equal(r.eax, a);
    assert_int_equal(r.ebx, b);
    assert_int_equal(r.ecx, c);
    assert_int_equal(r.edx, d);
}

static void capture_stays_in_bounds(void **state)
{
    struct fake_host h = { CPU_INTEL, 1, 0, 0x12345678, 0 };
    struct cpu_caps caps;
    policy_capture(&caps, fake_cpuid, &h);
    assert_int_equal(caps.vendor, CPU_INTEL);
    assert_int_equal(caps.max_basic, 1);
    assert_int_equal(caps.max_ext, 0);
    for (unsigned i = 2; i < CPUID_LEAVES; i++)
        assert_regs(caps.basic[i], 0, 0, 0, 0);
    h = (struct fake_host){ CPU_AMD, 0xffffffff, 0x8000ffff, 0xffffffff, 0 };
    policy_capture(&caps, fake_cpuid, &h);
    assert_int_equal(caps.vendor, CPU_AMD);
    assert_true(h.calls < 200);
}

static void identity(void **state)
{
    for (int vendor = CPU_INTEL; vendor <= CPU_AMD; vendor++) {
        struct guest_cpu g = build(full_host((enum cpu_vendor)vendor), full_config());
        struct cpuid_regs r = ask(&g, 0, 0);
        assert_int_equal(r.eax, 0x1f);
        assert_int_equal(r.ebx, vendor == CPU_AMD ? 0x68747541 : 0x756e6547);
        assert_int_equal(ask(&g, 1, 0).eax, 0x806ec);
        for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; leaf++)
            assert_regs(ask(&g, leaf, 0), ~0u, ~0u, ~0u, ~0u);
        assert_int_equal(ask(&g, 0x80000000, 0).eax, vendor == CPU_AMD ? 0x80000021 : 0x80000008);
    }
}

struct flag { uint32_t leaf, sub; char reg; uint8_t bit; const char *name; };

/* Written from the manuals, not from the rules: must be off even on a CPU with all flags. */
static const struct flag hidden[] = {
    { 1, 0, 'c', 2, "DTES64" }, { 1, 0, 'c', 3, "MONITOR" }, { 1, 0, 'c', 4, "DS-CPL" },
    { 1, 0, 'c', 5, "VMX" }, { 1, 0, 'c', 6, "SMX" }, { 1, 0, 'c', 7, "EST" },
    { 1, 0, 'c', 8, "TM2" }, { 1, 0, 'c', 10, "CNXT-ID" }, { 1, 0, 'c', 11, "SDBG" },
    { 1, 0, 'c', 14, "xTPR" }, { 1, 0, 'c', 15, "PDCM" }, { 1, 0, 'c', 16, "reserved" },
    { 1, 0, 'c', 18, "DCA" }, { 1, 0, 'c', 27, "OSXSAVE" }, { 1, 0, 'd', 10, "reserved" },
    { 1, 0, 'd', 18, "PSN" }, { 1, 0, 'd', 20, "reserved" }, { 1, 0, 'd', 21, "DS" },
    { 1, 0, 'd', 22, "ACPI" }, { 1, 0, 'd', 29, "TM" }, { 1, 0, 'd', 30, "IA64" },
    { 1, 0, 'd', 31, "PBE" }, { 6, 0, 'a', 0, "DTS" }, { 6, 0, 'a', 1, "turbo" },
    { 6, 0, 'a', 7, "HWP" }, { 6, 0, 'c', 0, "APERFMPERF" }, { 7, 0, 'b', 2, "SGX" },
    { 7, 0, 'b', 12, "RDT-M" }, { 7, 0, 'b', 14, "MPX" }, { 7, 0, 'b', 15, "RDT-A" },
    { 7, 0, 'b', 25, "PT" }, { 7, 0, 'c', 4, "OSPKE" }, { 7, 0, 'c', 5, "WAITPKG" },
    { 7, 0, 'c', 7, "CET_SS" }, { 7, 0, 'c', 13, "TME" }, { 7, 0, 'c', 23, "KL" },
    { 7, 0, 'c', 24, "BUS_LOCK" }, { 7, 0, 'c', 29, "ENQCMD" }, { 7, 0, 'c', 30, "SGX_LC" },
    { 7, 0, 'c', 31, "PKS" }, { 7, 0, 'd', 1, "SGX_KEYS" }, { 7, 0, 'd', 5, "UINTR" },
    { 7, 0, 'd', 9, "SRBDS_CTRL" }, { 7, 0, 'd', 13, "TSX_FORCE_ABORT" },
    { 7, 0, 'd', 15, "HYBRID" }, { 7, 0, 'd', 18, "PCONFIG" }, { 7, 0, 'd', 19, "ARCH_LBR" },
    { 7, 0, 'd', 20, "CET_IBT" }, { 7, 0, 'd', 22, "AMX_BF16" }, { 7, 0, 'd', 24, "AMX_TILE" },
    { 7, 0, 'd', 25, "AMX_INT8" }, { 7, 0, 'd', 30, "CORE_CAP" }, { 7, 1, 'a', 6, "LASS" },
    { 7, 1, 'a', 17, "FRED" }, { 7, 1, 'a', 21, "AMX_FP16" }, { 7, 1, 'a', 22, "HRESET" },
    { 7, 1, 'a', 26, "LAM" }, { 7, 1, 'd', 18, "CET_SSS" }, { 7, 1, 'd', 19, "AVX10" },
    { 7, 1, 'd', 21, "APX" }, { 0xd, 1, 'a', 4, "XFD" },
    { 0x80000001, 0, 'c', 2, "SVM" }, { 0x80000001, 0, 'c', 3, "ExtApicSpace" },
    { 0x80000001, 0, 'c', 9, "OSVW" }, { 0x80000001, 0, 'c', 10, "IBS" },
    { 0x80000001, 0, 'c', 12, "SKINIT" }, { 0x80000001, 0, 'c', 13, "WDT" },
    { 0x80000001, 0, 'c', 15, "LWP" }, { 0x80000001, 0, 'c', 17, "TCE" },
    { 0x80000001, 0, 'c', 19, "NODEID" }, { 0x80000001, 0, 'c', 23, "PERFCTR_CORE" },
    { 0x80000001, 0, 'c', 24, "PERFCTR_NB" }, { 0x80000001, 0, 'c', 26, "DBEXT" },
    { 0x80000001, 0, 'c', 27, "PERFTSC" }, { 0x80000001, 0, 'c', 28, "PERFCTR_LLC" },
    { 0x80000001, 0, 'c', 29, "MONITORX" }, { 0x80000001, 0, 'c', 30, "ADDR_MASK" },
    { 0x80000001, 0, 'd', 28, "reserved" }, { 0x80000007, 0, 'd', 0, "TS" },
    { 0x80000007, 0, 'd', 7, "HW P-state" }, { 0x80000007, 0, 'd', 9, "CPB" },
    { 0x80000007, 0, 'd', 10, "EffFreq" }, { 0x80000008, 0, 'b', 1, "IRPERF" },
    { 0x80000008, 0, 'b', 3, "INVLPGB" }, { 0x80000008, 0, 'b', 4, "RDPRU" },
    { 0x80000008, 0, 'b', 8, "MCOMMIT" }, { 0x80000008, 0, 'b', 23, "PPIN" },
    { 0x80000008, 0, 'b', 25, "VIRT_SSBD" }, { 0x80000008, 0, 'b', 27, "CPPC" },
    { 0x80000021, 0, 'a', 7, "UAI" }, { 0x80000021, 0, 'a', 8, "AUTO_IBRS" },
    { 0x80000021, 0, 'a', 17, "CPUID fault" },
};

/* These a guest must find when the CPU has them. */
static const struct flag kept[] = {
    { 1, 0, 'c', 0, "SSE3" }, { 1, 0, 'c', 1, "PCLMUL" }, { 1, 0, 'c', 12, "FMA" },
    { 1, 0, 'c', 13, "CX16" }, { 1, 0, 'c', 17, "PCID" }, { 1, 0, 'c', 25, "AES" },
    { 1, 0, 'c', 26, "XSAVE" }, { 1, 0, 'c', 28, "AVX" }, { 1, 0, 'c', 30, "RDRAND" },
    { 1, 0, 'd', 0, "FPU" }, { 1, 0, 'd', 9, "APIC" }, { 1, 0, 'd', 12, "MTRR" },
    { 1, 0, 'd', 16, "PAT" }, { 1, 0, 'd', 27, "SS" }, { 7, 0, 'b', 0, "FSGSBASE" },
    { 7, 0, 'b', 5, "AVX2" }, { 7, 0, 'b', 7, "SMEP" }, { 7, 0, 'b', 9, "ERMS" },
    { 7, 0, 'b', 10, "INVPCID" }, { 7, 0, 'b', 16, "AVX512F" }, { 7, 0, 'b', 18, "RDSEED" },
    { 7, 0, 'b', 20, "SMAP" }, { 7, 0, 'b', 29, "SHA" }, { 7, 0, 'b', 31, "AVX512VL" },
    { 7, 0, 'c', 2, "UMIP" }, { 7, 0, 'c', 3, "PKU" }, { 7, 0, 'c', 16, "LA57" },
    { 7, 0, 'c', 22, "RDPID" }, { 7, 0, 'd', 4, "FSRM" }, { 7, 0, 'd', 10, "MD_CLEAR" },
    { 7, 0, 'd', 26, "IBRS" }, { 7, 0, 'd', 31, "SSBD" }, { 7, 1, 'a', 4, "AVX_VNNI" },
    { 7, 2, 'd', 0, "PSFD" }, { 0xd, 1, 'a', 3, "XSAVES" }, { 0x80000001, 0, 'c', 0, "LAHF" },
    { 0x80000001, 0, 'c', 5, "ABM" }, { 0x80000001, 0, 'd', 11, "SYSCALL" },
    { 0x80000001, 0, 'd', 20, "NX" }, { 0x80000001, 0, 'd', 26, "1G" },
    { 0x80000001, 0, 'd', 27, "RDTSCP" }, { 0x80000001, 0, 'd', 29, "LM" },
};

static uint32_t flag_of(const struct guest_cpu *g, const struct flag *f)
{
    struct cpuid_regs r = ask(g, f->leaf, f->sub);
    uint32_t v = f->reg == 'a' ? r.eax : f->reg == 'b' ? r.ebx : f->reg == 'c' ? r.ecx : r.edx;
    return v >> f->bit & 1;
}

static void flags_of_a_full_cpu(void **state)
{
    for (int vendor = CPU_INTEL; vendor <= CPU_AMD; vendor++) {
        struct guest_cpu g = build(full_host((enum cpu_vendor)vendor), full_config());
        for (unsigned i = 0; i < ARRAY_LEN(hidden); i++) {
            if (hidden[i].leaf > g.max_ext)
                continue;
            if (flag_of(&g, &hidden[i]))
                fail_msg("%s is offered", hidden[i].name);
        }
        for (unsigned i = 0; i < ARRAY_LEN(kept); i++) {
            if (!flag_of(&g, &kept[i]))
                fail_msg("%s is hidden", kept[i].name);
        }
    }
}

/* A CPU without any flag: only what the hypervisor itself provides appears. */
static void flags_of_a_bare_cpu(void **state)
{
    struct fake_host h = { CPU_AMD, 0x10, 0x80000021, 0, 0 };
    struct guest_cpu g = build(h, full_config());
    struct cpuid_regs r = ask(&g, 1, 0);
    assert_int_equal(r.ecx, BIT(21) | BIT(24) | BIT(31));
    assert_int_equal(r.edx, BIT(28));
    assert_regs(ask(&g, 7, 0), 2, BIT(1), 0, 0);
    assert_regs(ask(&g, 0xd, 0), 0, 0, 0, 0);
    assert_regs(ask(&g, 0xd, 1), 0, 0, 0, 0);
    assert_int_equal(ask(&g, 0x80000001, 0).ecx, BIT(1));
    assert_int_equal(ask(&g, 0x80000007, 0).edx, BIT(8));
    assert_int_equal(ask(&g, 0x80000008, 0).ebx, BIT(20));
    assert_int_equal(g.efer, 0);
    struct guest_cpu_config c = full_config();
    c.can = 0;
    c.vcpus = 1;
    g = build(h, c);
    assert_int_equal(ask(&g, 1, 0).ecx, BIT(31));
    assert_int_equal(ask(&g, 1, 0).edx, 0);
    assert_regs(ask(&g, 7, 0), 2, 0, 0, 0);
    assert_int_equal(ask(&g, 0x80000001, 0).ecx, 0);
    assert_int_equal(ask(&g, 0x80000007, 0).edx, 0);
    assert_int_equal(g.spec_ctrl | g.pred_cmd | g.arch_capabilities, 0);
}

static void flags_need_their_service(void **state)
{
    static const struct { uint32_t can; struct flag f; } r[] = {
        { CAN_X2APIC, { 1, 0, 'c', 21, "x2APIC" } }, { CAN_DEADLINE, { 1, 0, 'c', 24, "" } },
        { CAN_TSC_AUX, { 7, 0, 'c', 22, "" } }, { CAN_TSC_AUX, { 0x80000001, 0, 'd', 27, "" } },
        { CAN_TSC_ADJUST, { 7, 0, 'b', 1, "" } }, { CAN_INVPCID, { 7, 0, 'b', 10, "" } },
        { CAN_XSAVES, { 0xd, 1, 'a', 3, "" } }, { CAN_PKU, { 7, 0, 'c', 3, "" } },
        { CAN_SPEC_CTRL, { 7, 0, 'd', 26, "" } }, { CAN_SPEC_CTRL, { 0x80000008, 0, 'b', 12, "" } },
        { CAN_UMIP, { 7, 0, 'c', 2, "" } }, { CAN_LA57, { 7, 0, 'c', 16, "" } },
        { CAN_TSC_STABLE, { 0x80000007, 0, 'd', 8, "" } },
    };
    for (unsigned i = 0; i < ARRAY_LEN(r); i++) {
        struct guest_cpu_config c = full_config();
        struct guest_cpu g = build(full_host(CPU_AMD), c);
        assert_int_equal(flag_of(&g, &r[i].f), 1);
        c.can &= ~r[i].can;
        g = build(full_host(CPU_AMD), c);
        assert_int_equal(flag_of(&g, &r[i].f), 0);
    }
}

/* Leaves that are not on the list give zeros, whatever the host has there. */
static void nothing_shows_by_accident(void **state)
{
    static const uint32_t intel[] = { 3, 5, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x11, 0x12, 0x13, 0x14,
        0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x80000005 };
    static const uint32_t amd[] = { 2, 3, 5, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x12, 0x14, 0x15, 0x16,
        0x80000009, 0x8000000a, 0x8000000b, 0x80000010, 0x80000018, 0x8000001b, 0x8000001c,
        0x8000001f, 0x80000020, 0x80000022, 0x80000100 };
    struct guest_cpu g = build(full_host(CPU_INTEL), full_config());
    for (unsigned i = 0; i < ARRAY_LEN(intel); i++)
        assert_regs(ask(&g, intel[i], 0), 0, 0, 0, 0);
    g = build(full_host(CPU_AMD), full_config());
    for (unsigned i = 0; i < ARRAY_LEN(amd); i++)
        assert_regs(ask(&g, amd[i], 0), 0, 0, 0, 0);
    struct cpuid_regs r = ask(&g, 6, 0);
    assert_regs(r, 4, 0, 0, 0);
    r = ask(&g, 7, 3);
    assert_regs(r, 0, 0, 0, 0);
    r = ask(&g, 7, 0xffffffff);
    assert_regs(r, 0, 0, 0, 0);
    r = ask(&g, 0x80000021, 0);
    assert_int_equal(r.ebx | r.ecx | r.edx, 0);
}

static void out_of_range_leaves(void **state)
{
    static const uint32_t leaves[] = { 0x20, 0x1000, 0x3fffffff, 0x50000000, 0x7fffffff,
                                       0x80000022, 0x8fffffff, 0xc0000000, 0xffffffff };
    struct guest_cpu_config c = full_config();
    struct guest_cpu g = build(full_host(CPU_AMD), c);
    for (unsigned i = 0; i < ARRAY_LEN(leaves); i++)
        assert_regs(ask(&g, leaves[i], 0), 0, 0, 0, 0);
    struct fake_host h = full_host(CPU_INTEL);
    h.max_basic = 0x16;
    g = build(h, c);
    struct cpuid_regs last = ask(&g, 0x16, 0);
    assert_int_equal(last.eax, 2893);
    for (unsigned i = 0; i < ARRAY_LEN(leaves); i++)
        assert_regs(ask(&g, leaves[i], 0), last.eax, last.ebx, last.ecx, last.edx);
    assert_regs(ask(&g, 0x17, 0), last.eax, last.ebx, last.ecx, last.edx);
    /* the hypervisor's range is not part of that: others look for signatures there */
    assert_regs(ask(&g, 0x40000100, 0), 0, 0, 0, 0);
    assert_regs(ask(&g, 0x40000011, 0), 0, 0, 0, 0);
}

static void depends_on_the_moment(void **state)
{
    struct guest_cpu g = build(full_host(CPU_AMD), full_config());
    struct cpuid_facts f = { .apic_id = 3, .apic_enabled = true, .cr4 = CR4_OSXSAVE | CR4_PKE,
                             .xcr0 = 1 };
    struct cpuid_regs r;
    policy_cpuid(&g, &f, 1, 0, &r);
    assert_int_equal(r.ebx >> 24, 3);
    assert_int_equal(r.ebx & 0xffff, 0xffff);
    assert_true(r.ecx & BIT(27));
    assert_true(r.edx & BIT(9));
    policy_cpuid(&g, &f, 7, 0, &r);
    assert_true(r.ecx & BIT(4));
    f = (struct cpuid_facts){ .apic_id = 3 };
    policy_cpuid(&g, &f, 1, 0, &r);
    assert_false(r.ecx & BIT(27));
    assert_false(r.edx & BIT(9));
    policy_cpuid(&g, &f, 0x80000001, 0, &r);
    assert_false(r.edx & BIT(9));
    policy_cpuid(&g, &f, 7, 0, &r);
    assert_false(r.ecx & BIT(4));
}

static void topology(void **state)
{
    static const struct { uint32_t vcpus, shift; } n[] = {
        { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 8, 3 }, { 33, 6 }, { 64, 6 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(n); i++) {
        struct guest_cpu_config c = full_config();
        c.vcpus = n[i].vcpus;
        struct guest_cpu g = build(full_host(CPU_INTEL), c);
        for (uint32_t leaf = 0xb; leaf <= 0x1f; leaf += 0x14) {
            assert_regs(ask(&g, leaf, 0), 0, 1, 0x100, 2);
            assert_regs(ask(&g, leaf, 1), n[i].shift, n[i].vcpus, 0x201, 2);
            assert_regs(ask(&g, leaf, 2), 0, 0, 2, 2);
            assert_regs(ask(&g, leaf, 0x1ff), 0, 0, 0xff, 2);
        }
        struct cpuid_regs r = ask(&g, 1, 0);
        assert_int_equal(r.ebx >> 16 & 0xff, 1u << n[i].shift);
        assert_int_equal(r.edx >> 28 & 1, n[i].vcpus > 1);
        r = ask(&g, 4, 0);                                      /* L1 is private */
        assert_int_equal(r.eax, (((1u << n[i].shift) - 1) << 26) | 0x121);
        assert_int_equal(r.ebx, 0x01c0003f);
        r = ask(&g, 4, 3);                                      /* L3 is everybody's */
        assert_int_equal(r.eax >> 14 & 0xfff, (1u << n[i].shift) - 1);
        assert_int_equal(r.eax >> 26, (1u << n[i].shift) - 1);
        assert_int_equal(r.edx, 6);
        assert_regs(ask(&g, 4, 4), 0, 0, 0, 0);
        assert_regs(ask(&g, 4, 100), 0, 0, 0, 0);
        g = build(full_host(CPU_AMD), c);
        r = ask(&g, 0x80000008, 0);
        assert_int_equal(r.ecx, (n[i].vcpus - 1) | n[i].shift << 12);
        assert_int_equal(r.edx, 0);
        assert_int_equal(ask(&g, 0x80000001, 0).ecx >> 1 & 1, n[i].vcpus > 1);
        assert_regs(ask(&g, 0x8000001e, 0), 2, 2, 0, 0);
        assert_int_equal(ask(&g, 0x8000001d, 3).eax, 0x163 | ((1u << n[i].shift) - 1) << 14);
        assert_int_equal(ask(&g, 0x8000001d, 2).eax, 0x143);
        assert_regs(ask(&g, 0x8000001d, 4), 0, 0, 0, 0);
    }
}

static struct cpuid_regs ask_xstate(const struct guest_cpu *g, uint64_t xcr0, uint32_t sub)
{
    const struct cpuid_facts f = { .xcr0 = xcr0 };
    struct cpuid_regs r;
    policy_cpuid(g, &f, 0xd, sub, &r);
    return r;
}

static void extended_state(void **state)
{
    struct guest_cpu g = build(full_host(CPU_INTEL), full_config());
    assert_int_equal(g.xcr0, 0x2e7);                /* no MPX, no AMX */
    assert_regs(ask_xstate(&g, 1, 0), 0x2e7, 576, 2696, 0);
    assert_int_equal(ask_xstate(&g, 3, 0).ebx, 576);
    assert_int_equal(ask_xstate(&g, 7, 0).ebx, 832);
    assert_int_equal(ask_xstate(&g, 0xe7, 0).ebx, 2688);
    assert_int_equal(ask_xstate(&g, 0x2e7, 0).ebx, 2696);
    assert_int_equal(ask_xstate(&g, ~0ull, 0).ebx, 2696);
    struct cpuid_regs r = ask_xstate(&g, 0x207, 1);
    assert_regs(r, 0xf, 576 + 256 + 8, 0, 0);       /* compacted; no supervisor states */
    assert_regs(ask_xstate(&g, 7, 2), 256, 576, 0, 0);
    assert_regs(ask_xstate(&g, 7, 9), 8, 2688, 0, 0);
    static const uint32_t none[] = { 3, 4, 8, 11, 17, 18, 31, 32, 63, 64, 0xffffffff };
    for (unsigned i = 0; i < ARRAY_LEN(none); i++)
        assert_regs(ask_xstate(&g, 7, none[i]), 0, 0, 0, 0);
}

/* A component that CPUID names in the bitmap but does not describe, with what hangs on it. */
static void extended_state_without_a_place(void **state)
{
    struct fake_host h = full_host(CPU_INTEL);
    struct guest_cpu_config c = full_config();
    struct cpu_caps caps;
    struct guest_cpu g;
    policy_capture(&caps, fake_cpuid, &h);
    caps.leafd[9] = (struct cpuid_regs){ 0 };
    policy_build(&g, &caps, &c);
    assert_int_equal(g.xcr0, 0xe7);
    assert_regs(ask_xstate(&g, 1, 0), 0xe7, 576, 2688, 0);
    assert_int_equal(ask(&g, 7, 0).ecx & BIT(3), 0);        /* PKU */
    assert_int_equal(g.cr4 & CR4_PKE, 0);
    caps.leafd[6] = (struct cpuid_regs){ 0 };               /* a third of AVX-512 */
    policy_build(&g, &caps, &c);
    assert_int_equal(g.xcr0, 7);
}

static void extended_state_dependencies(void **state)
{
    static const struct { uint64_t asked, granted; } x[] = {
        { 0, 0 }, { 1, 0 }, { 2, 0 }, { 3, 3 }, { 7, 7 }, { 0xe3, 3 }, { 0x67, 7 }, { 0xe7, 0xe7 },
        { 0x203, 0x203 }, { 0x18 | 3, 3 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(x); i++) {
        struct guest_cpu_config c = full_config();
        c.xcr0 = x[i].asked;
        struct guest_cpu g = build(full_host(CPU_INTEL), c);
        assert_int_equal(g.xcr0, x[i].granted);
        struct cpuid_regs r = ask(&g, 1, 0), s = ask(&g, 7, 0);
        assert_int_equal(r.ecx >> 26 & 1, (x[i].granted & 3) == 3);
        assert_int_equal(r.ecx >> 28 & 1, x[i].granted >> 2 & 1);
        assert_int_equal(r.ecx >> 12 & 1, x[i].granted >> 2 & 1);
        assert_int_equal(s.ebx >> 5 & 1, x[i].granted >> 2 & 1);
        assert_int_equal(s.ebx >> 16 & 1, x[i].granted >> 7 & 1);
        assert_int_equal(g.cr4 >> 18 & 1, (x[i].granted & 3) == 3);
    }
}

/* As Linux computes it, in 32 bits: native_calibrate_tsc(). */
static void crystal_ratio(void **state)
{
    unsigned tried = 0, missing = 0, good = 0;
    for (uint64_t khz = 1; khz < 6000000; khz += 3919) {
        struct guest_cpu_config c = full_config();
        c.tsc_khz = khz;
        struct guest_cpu g = build(full_host(CPU_INTEL), c);
        struct cpuid_regs r = ask(&g, 0x15, 0);
        assert_regs(ask(&g, 0x16, 0), (uint32_t)(khz / 1000), (uint32_t)(khz / 1000), 100, 0);
        tried++;
        if (!r.eax) {
            assert_regs(r, 0, 0, 0, 0);
            missing++;
            continue;
        }
        assert_int_equal(r.ecx, 1000000000);                    /* what feeds the APIC timer */
        assert_true((uint64_t)r.ecx / 1000 * r.ebx <= UINT32_MAX);
        double exact = (double)r.ecx / 1000 * r.ebx / r.eax;
        double ppm = (exact > (double)khz ? exact - (double)khz : (double)khz - exact) /
                     (double)khz * 1e6;
        assert_true(ppm <= 20);
        good += ppm <= 1;
    }
    assert_true(missing * 100 < tried);
    assert_true(good * 10 > tried * 9);
    struct guest_cpu_config c = full_config();
    c.tsc_khz = 3000000;
    struct guest_cpu g = build(full_host(CPU_INTEL), c);
    assert_regs(ask(&g, 0x15, 0), 1, 3, 1000000000, 0);
    c.tsc_khz = 0;
    g = build(full_host(CPU_INTEL), c);
    assert_regs(ask(&g, 0x15, 0), 0, 0, 0, 0);
}

static void paravirtual_leaves(void **state)
{
    struct guest_cpu g = build(full_host(CPU_AMD), full_config());
    struct cpuid_regs r = ask(&g, 0x40000000, 0);
    assert_int_equal(r.eax, 0x40000010);
    assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0\0", 12);
    assert_regs(ask(&g, 0x40000001, 0), 0x0100800b, 0, 0, 0);
    for (uint32_t leaf = 0x40000002; leaf < 0x40000010; leaf++)
        assert_regs(ask(&g, leaf, 0), 0, 0, 0, 0);
    assert_regs(ask(&g, 0x40000010, 0), 2893000, 1000000, 0, 0);
    struct guest_cpu_config c = full_config();
    c.can = CAN_TSC_STABLE;
    g = build(full_host(CPU_AMD), c);
    assert_regs(ask(&g, 0x40000001, 0), 2, 0, 0, 0);
    c.can = CAN_KVMCLOCK;
    g = build(full_host(CPU_AMD), c);
    assert_regs(ask(&g, 0x40000001, 0), 0xb, 0, 0, 0);
    c.can = CAN_PV_EOI;
    g = build(full_host(CPU_AMD), c);
    assert_regs(ask(&g, 0x40000001, 0), 0x42, 0, 0, 0);
}

static void address_widths(void **state)
{
    struct guest_cpu_config c = full_config();
    struct guest_cpu g = build(full_host(CPU_AMD), c);
    assert_int_equal(ask(&g, 0x80000008, 0).eax, 46 | 57 << 8);
    c.phys_bits = 0;
    c.can &= ~CAN_LA57;
    g = build(full_host(CPU_AMD), c);
    assert_int_equal(ask(&g, 0x80000008, 0).eax, 52 | 48 << 8);
    c.phys_bits = 60;
    g = build(full_host(CPU_AMD), c);
    assert_int_equal(g.phys_bits, 52);
    struct fake_host h = { CPU_INTEL, 4, 0, 0xffffffff, 0 };
    g = build(h, c);
    assert_int_equal(g.max_ext, 0);
    assert_int_equal(g.phys_bits, 36);
    assert_int_equal(g.efer, 0);
    assert_int_equal(g.cr4 & (CR4_SMEP | CR4_SMAP | CR4_UMIP), 0);
    assert_int_equal(ask(&g, 0x80000000, 3).eax, ask(&g, 4, 3).eax);     /* the last basic leaf */
}

static void real_cpuid(void *ctx, uint32_t leaf, uint32_t sub, struct cpuid_regs *out)
{
    __cpuid_count(leaf, sub, out->eax, out->ebx, out->ecx, out->edx);
}

/* The machine that runs the tests: nothing is offered that it lacks, sizes agree. */
static void on_this_machine(void **state)
{
    struct cpu_caps caps;
    struct guest_cpu g;
    struct guest_cpu_config c = full_config();
    policy_capture(&caps, real_cpuid, NULL);
    policy_build(&g, &caps, &c);
    struct cpuid_regs r = ask(&g, 1, 0), h;
    real_cpuid(NULL, 1, 0, &h);
    assert_int_equal(r.ecx & ~h.ecx & ~(BIT(21) | BIT(24) | BIT(31)), 0);
    assert_int_equal(r.edx & ~h.edx & ~BIT(28), 0);
    real_cpuid(NULL, 7, 0, &h);
    r = ask(&g, 7, 0);
    assert_int_equal(r.ebx & ~h.ebx & ~BIT(1), 0);
    assert_int_equal((r.ecx & ~h.ecx) | (r.edx & ~h.edx), 0);
    if (caps.max_basic >= 0xd && g.xcr0) {
        real_cpuid(NULL, 0xd, 0, &h);
        assert_true(ask(&g, 0xd, 0).ecx <= h.ecx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capture_stays_in_bounds), cmocka_unit_test(identity),
        cmocka_unit_test(flags_of_a_full_cpu), cmocka_unit_test(flags_of_a_bare_cpu),
        cmocka_unit_test(flags_need_their_service), cmocka_unit_test(nothing_shows_by_accident),
        cmocka_unit_test(extended_state_without_a_place),
        cmocka_unit_test(out_of_range_leaves), cmocka_unit_test(depends_on_the_moment),
        cmocka_unit_test(topology), cmocka_unit_test(extended_state),
        cmocka_unit_test(extended_state_dependencies), cmocka_unit_test(crystal_ratio),
        cmocka_unit_test(paravirtual_leaves), cmocka_unit_test(address_widths),
        cmocka_unit_test(on_this_machine),
    };
    return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
