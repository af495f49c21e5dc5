/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers CPUID from the table that policy_build() made, filling in what depends on the
 * vCPU and the moment (SDM vol. 2, CPUID; APM vol. 3, appendix E). Called at every CPUID
 * exit: the common leaves are a copy and one switch.
 */
#include "features.h"
#include "socle/bits.h"

#define LEVEL_SMT       (1u << 8)       /* leaf 0xb, ECX 15:8 */
#define LEVEL_CORE      (2u << 8)

/* Leaves 0xb and 0x1f: one thread per core, all cores in one package. */
static void topology(const struct guest_cpu *g, uint32_t apic_id, uint32_t subleaf,
                     struct cpuid_regs *out)
{
    *out = (struct cpuid_regs){ 0, 0, subleaf & 0xff, apic_id };
    if (subleaf == 0) {
        out->ebx = 1;
        out->ecx |= LEVEL_SMT;
    } else if (subleaf == 1) {
        out->eax = g->core_shift;
        out->ebx = g->vcpus;
        out->ecx |= LEVEL_CORE;
    }
}

/* All that an area may hold behind the legacy region and the header. */
static const uint64_t extended_states = MASK64(CPUID_XSTATES - 1, 2);

/* Size of the standard-format area for these components (SDM vol. 1, 13.4.2). */
static uint32_t standard_size(const struct guest_cpu *g, uint64_t components)
{
    uint32_t end = 576;
    for (uint64_t left = components & extended_states; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctzll(left);
        end = (uint32_t)max_u64(end, g->leafd[n].eax + g->leafd[n].ebx);
    }
    return end;
}

/* Size of the compacted area (13.4.3); flag 1 asks for alignment to 64 bytes. */
static uint32_t compacted_size(const struct guest_cpu *g, uint64_t components)
{
    uint32_t end = 576;
    for (uint64_t left = components & extended_states; left; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctzll(left);
        if (g->leafd[n].ecx & 2)
            end = (uint32_t)align_up(end, 64);
        end += g->leafd[n].eax;
    }
    return end;
}

static void xstate(const struct guest_cpu *g, const struct cpuid_facts *f, uint32_t subleaf,
                   struct cpuid_regs *out)
{
    *out = (struct cpuid_regs){ 0 };
    if (subleaf >= CPUID_XSTATES)
        return;
    *out = g->leafd[subleaf];
    if (!g->xcr0)
        return;
    if (subleaf == 0)
        out->ebx = standard_size(g, f->xcr0 & g->xcr0);
    else if (subleaf == 1 && (out->eax & (FD1_EAX_XSAVEC | FD1_EAX_XSAVES)))
        out->ebx = compacted_size(g, (f->xcr0 & g->xcr0) | (f->xss & g->xss));
}

static void indexed(const struct cpuid_regs *table, uint32_t count, uint32_t subleaf,
                    struct cpuid_regs *out)
{
    *out = subleaf < count ? table[subleaf] : (struct cpuid_regs){ 0 };
}

static void basic(const struct guest_cpu *g, const struct cpuid_facts *f, uint32_t leaf,
                  uint32_t subleaf, struct cpuid_regs *out)
{
    *out = g->basic[leaf];
    switch (leaf) {
    case 1:
        out->ebx |= f->apic_id << 24;
        out->ecx |= f->cr4 & CR4_OSXSAVE ? F1_ECX_OSXSAVE : 0;
        out->edx &= f->apic_enabled ? ~0u : ~F1_EDX_APIC;
        return;
    case 4:
        indexed(g->leaf4, CPUID_CACHES, subleaf, out);
        return;
    case 7:
        indexed(g->leaf7, CPUID_LEAF7S, subleaf, out);
        if (subleaf == 0)
            out->ecx |= f->cr4 & CR4_PKE ? F7_ECX_OSPKE : 0;
        return;
    case 0xb:
    case 0x1f:
        topology(g, f->apic_id, subleaf, out);
        return;
    case 0xd:
        xstate(g, f, subleaf, out);
        return;
    default:
        return;
    }
}

static void extended(const struct guest_cpu *g, const struct cpuid_facts *f, uint32_t index,
                     uint32_t subleaf, struct cpuid_regs *out)
{
    *out = g->ext[index];
    switch (index) {
    case 0x01:
        if (g->vendor == CPU_AMD)
            out->edx &= f->apic_enabled ? ~0u : ~F1_EDX_APIC;
        return;
    case 0x1d:
        indexed(g->leaf8000001d, CPUID_CACHES, subleaf, out);
        return;
    case 0x1e:                  /* one thread per core, one node */
        *out = (struct cpuid_regs){ f->apic_id, f->apic_id, 0, 0 };
        return;
    default:
        return;
    }
}

void policy_cpuid(const struct guest_cpu *g, const struct cpuid_facts *f, uint32_t leaf,
                  uint32_t subleaf, struct cpuid_regs *out)
{
    if (leaf <= g->max_basic) {
        basic(g, f, leaf, subleaf, out);
    } else if (g->max_ext && leaf >= 0x80000000u && leaf <= g->max_ext) {
        extended(g, f, leaf - 0x80000000u, subleaf, out);
    } else if (leaf >> 28 == 4) {
        uint32_t index = leaf - 0x40000000u;
        *out = index < CPUID_HV_LEAVES ? g->hv[index] : (struct cpuid_regs){ 0 };
    } else if (g->vendor == CPU_INTEL) {
        basic(g, f, g->max_basic, subleaf, out);    /* the last basic leaf answers */
    } else {
        *out = (struct cpuid_regs){ 0 };
    }
}
