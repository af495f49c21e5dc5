/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds a guest's CPU from the host's and the VM's configuration, once per VM: every
 * CPUID leaf that does not depend on the moment, and the control register and MSR bits
 * that follow from the flags. Leaves that are not named here stay zero: nothing of the
 * host shows by accident.
 */
#include "features.h"
#include "socle/bits.h"
#include "socle/str.h"

#define KVM_MAX_LEAF            0x40000010u
#define KVM_CLOCKSOURCE         BIT(0)
#define KVM_NOP_IO_DELAY        BIT(1)
#define KVM_CLOCKSOURCE2        BIT(3)
#define KVM_PV_EOI              BIT(6)
#define KVM_MSI_EXT_DEST_ID     BIT(15)
#define KVM_CLOCKSOURCE_STABLE  BIT(24)

/* Bits of ARCH_CAPABILITIES that state a fact and stand for no further MSR. */
#define ARCH_CAP_OFFERED \
    (MASK64(6, 0) | BIT64(8) | MASK64(15, 13) | BIT64(17) | MASK64(20, 19) | BIT64(24) | \
     MASK64(28, 26))

static uint8_t bits_for(uint32_t count)
{
    uint8_t shift = 0;
    while (1u << shift < count)
        shift++;
    return shift;
}

/*
 * Components whose place and size CPUID tells (leaf 0xd). Bochs' models with PKRU do not: a
 * system that goes by CPUID then has no room for what XSAVE writes.
 */
static uint64_t described(const struct cpu_caps *host, uint64_t xcr0)
{
    for (unsigned n = 2; n < CPUID_XSTATES; n++)
        if (!host->leafd[n].eax)
            xcr0 &= ~BIT64(n);
    return xcr0;
}

/* Only combinations that XSETBV can accept (SDM vol. 1, 13.3). */
static uint64_t granted_xcr0(const struct cpu_caps *host, const struct guest_cpu_config *c)
{
    const uint64_t known = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU;
    uint64_t x = described(host, c->xcr0 & host->leafd[0].eax & known);
    if (!(host->basic[1].ecx & F1_ECX_XSAVE) || (x & 3) != 3)
        return 0;
    if (!(x & XCR0_AVX) || (x & XCR0_AVX512) != XCR0_AVX512)
        x &= ~XCR0_AVX512;
    if (!(c->can & CAN_PKU) || !(host->leaf7[0].ecx & F7_ECX_PKU))
        x &= ~XCR0_PKRU;
    return x;
}

/* One package: nothing is shared between cores but the caches from level 3 on. */
static void build_caches(struct cpuid_regs to[CPUID_CACHES], const struct cpuid_regs *from,
                         const struct guest_cpu *g, bool core_count)
{
    uint32_t ids = (1u << g->core_shift) - 1;
    for (unsigned i = 0; i < CPUID_CACHES && (from[i].eax & 0x1f); i++) {
        uint32_t level = from[i].eax >> 5 & 7;
        to[i] = from[i];
        to[i].eax = (from[i].eax & 0x3ff) | (level >= 3 ? ids << 14 : 0) |
                    (core_count ? ids << 26 : 0);
        to[i].edx &= 7;
    }
}

/* |x - p/q| * q * y for x = tsc/y: how far a fraction is off. */
static uint64_t distance(uint64_t tsc, uint64_t y, uint64_t p, uint64_t q)
{
    uint64_t a = tsc * q, b = y * p;
    return a > b ? a - b : b - a;
}

/*
 * Leaf 0x15: TSC / crystal as a ratio (SDM vol. 3, 19.7.3). Linux takes the crystal as
 * the APIC timer's input, so it must be that; and it multiplies in 32 bits, so the
 * numerator is small: the best fraction that fits, by continued fractions. It is nearly
 * always good to 1 ppm; where it is not to 20, no leaf is better than a wrong one.
 */
static void build_crystal(struct cpuid_regs *r, const struct guest_cpu_config *c)
{
    uint64_t tsc = c->tsc_khz, crystal = c->apic_khz;
    uint64_t a = tsc, b = crystal, p0 = 0, p1 = 1, q0 = 1, q1 = 0;
    if (!tsc || !crystal || tsc > UINT32_MAX || crystal > UINT32_MAX / 1000)
        return;
    uint64_t most = UINT32_MAX / crystal;
    while (b) {
        uint64_t n = a / b, rest = a % b;
        uint64_t fits = p1 ? min_u64(n, (most - p0) / p1) : n;
        uint64_t p = fits * p1 + p0, q = fits * q1 + q0;
        /* a step cut short may be worse than none */
        if (fits < n && (!q || (q1 && distance(tsc, crystal, p, q) * q1 >=
                                      distance(tsc, crystal, p1, q1) * q)))
            break;
        p0 = p1, p1 = p, q0 = q1, q1 = q;
        if (fits < n)
            break;
        a = b, b = rest;
    }
    if (p1 && q1 && distance(tsc, crystal, p1, q1) <= tsc * q1 / 50000)
        *r = (struct cpuid_regs){ (uint32_t)q1, (uint32_t)p1, (uint32_t)crystal * 1000, 0 };
}

static void build_basic(struct guest_cpu *g, const struct cpu_caps *host,
                        const struct guest_cpu_config *c)
{
    uint32_t mhz = (uint32_t)(c->tsc_khz / 1000);
    g->max_basic = (uint32_t)min_u64(host->max_basic, CPUID_LEAVES - 1);
    g->basic[0] = host->basic[0];
    g->basic[0].eax = g->max_basic;
    g->basic[1].eax = host->basic[1].eax;
    /* brand index, CLFLUSH size, number of APIC IDs; the initial APIC ID comes with the vCPU */
    g->basic[1].ebx = (host->basic[1].ebx & 0xffff) | 1u << (g->core_shift + 16);
    if (g->vendor == CPU_INTEL)
        g->basic[2] = host->basic[2];
    build_caches(g->leaf4, host->leaf4, g, true);
    if (g->vendor == CPU_INTEL && g->max_basic >= 0x15)
        build_crystal(&g->basic[0x15], c);
    if (g->vendor == CPU_INTEL && g->max_basic >= 0x16 && mhz <= 0xffff)
        g->basic[0x16] = (struct cpuid_regs){ mhz, mhz, 100, 0 };
    g->leaf7[0].eax = (uint32_t)min_u64(host->leaf7[0].eax, CPUID_LEAF7S - 1);
}

static void build_xstate(struct guest_cpu *g, const struct cpu_caps *host)
{
    g->leafd[0].eax = (uint32_t)g->xcr0;
    g->leafd[0].edx = (uint32_t)(g->xcr0 >> 32);
    uint32_t end = 576;         /* legacy area and header (SDM vol. 1, 13.4) */
    for (unsigned n = 2; n < CPUID_XSTATES; n++) {
        if (!(g->xcr0 & BIT64(n)))
            continue;
        g->leafd[n] = (struct cpuid_regs){
            host->leafd[n].eax, host->leafd[n].ebx, host->leafd[n].ecx & 2, 0
        };
        end = (uint32_t)max_u64(end, host->leafd[n].eax + host->leafd[n].ebx);
    }
    g->leafd[0].ecx = g->xcr0 ? end : 0;
}

static void build_extended(struct guest_cpu *g, const struct cpu_caps *host,
                           const struct guest_cpu_config *c)
{
    bool amd = g->vendor == CPU_AMD;
    uint32_t last = amd ? 0x80000000u + CPUID_EXT_LEAVES - 1 : 0x80000008u;
    uint8_t phys = (uint8_t)host->ext[8].eax;
    g->max_ext = (uint32_t)min_u64(host->max_ext, last);
    if (phys < 32)
        phys = 36;              /* no leaf 0x80000008 (SDM vol. 2, CPUID) */
    g->phys_bits = c->phys_bits && c->phys_bits < phys ? c->phys_bits : phys;
    g->lin_bits = g->leaf7[0].ecx & F7_ECX_LA57 ? 57 : 48;
    if (!g->max_ext)
        return;
    g->ext[0] = host->ext[0];
    g->ext[0].eax = g->max_ext;
    g->ext[1].eax = host->ext[1].eax;
    g->ext[1].ebx = host->ext[1].ebx;
    for (unsigned i = 2; i <= 4; i++)
        g->ext[i] = host->ext[i];                               /* brand string */
    g->ext[8].eax = g->phys_bits | (uint32_t)g->lin_bits << 8;
    g->ext[6] = host->ext[6];                                   /* L2 and L3 caches and TLBs */
    if (!amd)
        return;
    g->ext[5] = host->ext[5];
    g->ext[8].ecx = (c->vcpus - 1) | (uint32_t)g->core_shift << 12;
    g->ext[0x19] = host->ext[0x19];                             /* TLBs of 1 GiB pages */
    build_caches(g->leaf8000001d, host->leaf8000001d, g, false);
}

/* Linux, Documentation/virt/kvm/x86/cpuid.rst; the timing leaf is VMware's convention. */
static void build_paravirt(struct guest_cpu *g, const struct guest_cpu_config *c)
{
    uint32_t features = KVM_NOP_IO_DELAY;
    if (c->can & CAN_KVMCLOCK)
        features |= KVM_CLOCKSOURCE | KVM_CLOCKSOURCE2;
    if ((c->can & CAN_KVMCLOCK) && (c->can & CAN_TSC_STABLE))
        features |= KVM_CLOCKSOURCE_STABLE;
    if (c->can & CAN_PV_EOI)
        features |= KVM_PV_EOI;
    if (c->can & CAN_MSI_EXT)
        features |= KVM_MSI_EXT_DEST_ID;
    g->hv[0] = (struct cpuid_regs){ KVM_MAX_LEAF, 0x4b4d564b, 0x564b4d56, 0x4d };
    g->hv[1].eax = features;
    g->hv[0x10].eax = (uint32_t)min_u64(c->tsc_khz, UINT32_MAX);
    g->hv[0x10].ebx = (uint32_t)min_u64(c->apic_khz, UINT32_MAX);
}

struct cr_rule { uint64_t cr; uint32_t flag; };

static uint64_t allowed(const struct cr_rule *r, unsigned n, uint32_t flags)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < n; i++)
        bits |= flags & r[i].flag ? r[i].cr : 0;
    return bits;
}

/* SDM vol. 3, 2.5 and table 2-1; APM vol. 2, 3.1. */
static void build_control(struct guest_cpu *g)
{
    static const struct cr_rule by_1_edx[] = {
        { CR4_VME | CR4_PVI, F1_EDX_VME }, { CR4_TSD, F1_EDX_TSC }, { CR4_DE, F1_EDX_DE },
        { CR4_PSE, F1_EDX_PSE }, { CR4_PAE, F1_EDX_PAE }, { CR4_MCE, F1_EDX_MCE },
        { CR4_PGE, F1_EDX_PGE }, { CR4_OSFXSR, F1_EDX_FXSR }, { CR4_OSXMMEXCPT, F1_EDX_SSE },
    };
    static const struct cr_rule by_1_ecx[] = {
        { CR4_PCIDE, F1_ECX_PCID }, { CR4_OSXSAVE, F1_ECX_XSAVE },
    };
    static const struct cr_rule by_7_ebx[] = {
        { CR4_FSGSBASE, F7_EBX_FSGSBASE }, { CR4_SMEP, F7_EBX_SMEP }, { CR4_SMAP, F7_EBX_SMAP },
    };
    static const struct cr_rule by_7_ecx[] = {
        { CR4_UMIP, F7_ECX_UMIP }, { CR4_PKE, F7_ECX_PKU }, { CR4_LA57, F7_ECX_LA57 },
    };
    static const struct cr_rule by_e1_edx[] = {
        { EFER_SCE, FE1_EDX_SYSCALL }, { EFER_LME | EFER_LMA, FE1_EDX_LM },
        { EFER_NXE, FE1_EDX_NX }, { EFER_FFXSR, FE1_EDX_FFXSR },
    };
    /* CR4.PCE has no flag of its own; RDPMC faults all the same. */
    g->cr4 = CR4_PCE | allowed(by_1_edx, ARRAY_LEN(by_1_edx), g->basic[1].edx) |
             allowed(by_1_ecx, ARRAY_LEN(by_1_ecx), g->basic[1].ecx) |
             allowed(by_7_ebx, ARRAY_LEN(by_7_ebx), g->leaf7[0].ebx) |
             allowed(by_7_ecx, ARRAY_LEN(by_7_ecx), g->leaf7[0].ecx);
    g->efer = allowed(by_e1_edx, ARRAY_LEN(by_e1_edx), g->ext[1].edx);
}

/* SPEC_CTRL and PRED_CMD: SDM vol. 4, table 2-2; AMD's flags are in leaf 0x80000008 EBX. */
static void build_speculation(struct guest_cpu *g, const struct guest_cpu_config *c)
{
    uint32_t edx = g->leaf7[0].edx, amd = g->vendor == CPU_AMD ? g->ext[8].ebx : 0;
    uint32_t more = g->leaf7[2].edx;
    static const struct { uint32_t intel, amd; uint64_t bit; } basic[] = {
        { F7_EDX_IBRS, BIT(14), BIT64(0) }, { F7_EDX_STIBP, BIT(15), BIT64(1) },
        { F7_EDX_SSBD, BIT(24), BIT64(2) }, { 0, BIT(28), BIT64(7) },
    };
    static const struct cr_rule by_7_2[] = {
        { BIT64(7), BIT(0) }, { MASK64(4, 3), BIT(1) }, { MASK64(6, 5), BIT(2) },
        { BIT64(8), BIT(3) }, { BIT64(10), BIT(4) },
    };
    for (unsigned i = 0; i < ARRAY_LEN(basic); i++)
        g->spec_ctrl |= (edx & basic[i].intel) || (amd & basic[i].amd) ? basic[i].bit : 0;
    g->spec_ctrl |= allowed(by_7_2, ARRAY_LEN(by_7_2), more);
    g->pred_cmd = (edx & F7_EDX_IBRS) || (amd & BIT(12)) ? BIT64(0) : 0;
    if (g->vendor == CPU_AMD && (g->ext[0x21].eax & BIT(27)))
        g->pred_cmd |= BIT64(7);
    if (edx & F7_EDX_ARCH_CAP)
        g->arch_capabilities = c->arch_capabilities & ARCH_CAP_OFFERED;
    if (!(g->spec_ctrl & 1))
        g->arch_capabilities &= ~BIT64(1);      /* IBRS_ALL without IBRS */
}

/* Flags of leaves that this CPU does not have must not count anywhere. */
static void drop_missing_leaves(struct guest_cpu *g)
{
    for (uint32_t leaf = g->max_basic + 1; leaf < CPUID_LEAVES; leaf++)
        memset(&g->basic[leaf], 0, sizeof(g->basic[leaf]));
    uint32_t ext = g->max_ext ? g->max_ext - 0x80000000u + 1 : 0;
    for (; ext < CPUID_EXT_LEAVES; ext++)
        memset(&g->ext[ext], 0, sizeof(g->ext[ext]));
    uint32_t sub = g->max_basic < 7 ? 0 : g->leaf7[0].eax + 1;
    for (; sub < CPUID_LEAF7S; sub++)
        memset(&g->leaf7[sub], 0, sizeof(g->leaf7[sub]));
    if (g->max_basic < 0xd)
        memset(g->leafd, 0, sizeof(g->leafd));
}

void policy_build(struct guest_cpu *g, const struct cpu_caps *host,
                  const struct guest_cpu_config *c)
{
    memset(g, 0, sizeof(*g));
    g->vendor = host->vendor;
    g->vcpus = c->vcpus;
    g->can = c->can;
    g->microcode = c->microcode;
    g->core_shift = bits_for(c->vcpus);
    g->xcr0 = granted_xcr0(host, c);
    policy_features(g, host, c);
    build_basic(g, host, c);
    build_xstate(g, host);
    build_extended(g, host, c);
    build_paravirt(g, c);
    drop_missing_leaves(g);
    build_control(g);
    build_speculation(g, c);
    /* Maximum non-turbo ratio in units of 100 MHz, bits 15:8 (SDM vol. 4). */
    g->platform_info = (c->tsc_khz / 100000 & 0xff) << 8;
}
