/* SPDX-License-Identifier: BSD-2-Clause */
/* Made-up hosts for tests of the policy: a CPU with every flag there is, and plain ones. */
#ifndef POLICY_FIXTURE_H
#define POLICY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/bits.h"
#include "socle/policy.h"
#include "socle/str.h"

enum { CAN_ALL = (1 << 13) - 1 };

struct fake_host {
    enum cpu_vendor vendor;
    uint32_t max_basic, max_ext;
    uint32_t fill;              /* what every register of every leaf holds */
    unsigned calls;
};

/* XSAVE components as real CPUs have them: size, offset, flags. */
static inline bool fake_xstate(uint32_t n, struct cpuid_regs *out)
{
    static const struct { uint32_t n, size, offset, flags; } x[] = {
        { 2, 256, 576, 0xfffffffc }, { 3, 64, 960, 0 }, { 4, 64, 1024, 0 }, { 5, 64, 1088, 0 },
        { 6, 512, 1152, 0 }, { 7, 1024, 1664, 0 }, { 8, 128, 0, 1 }, { 9, 8, 2688, 0 },
        { 11, 16, 0, 1 }, { 17, 64, 2752, 2 }, { 18, 8192, 2816, 6 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(x); i++) {
        if (x[i].n == n) {
            *out = (struct cpuid_regs){ x[i].size, x[i].offset, x[i].flags, 0 };
            return true;
        }
    }
    *out = (struct cpuid_regs){ 0 };
    return false;
}

static inline void fake_cache(uint32_t n, struct cpuid_regs *out)
{
    /* L1D, L1I, L2, L3 of a CPU with 8 cores of 2 threads */
    static const struct cpuid_regs c[] = {
        { 0x1c004121, 0x01c0003f, 0x3f, 0 }, { 0x1c004122, 0x01c0003f, 0x3f, 0 },
        { 0x1c004143, 0x03c0003f, 0x3ff, 0 }, { 0x1c03c163, 0x03c0003f, 0x3fff, 0xfffffff6 },
    };
    *out = n < ARRAY_LEN(c) ? c[n] : (struct cpuid_regs){ 0 };
}

static inline void fake_cpuid(void *ctx, uint32_t leaf, uint32_t sub, struct cpuid_regs *out)
{
    struct fake_host *h = ctx;
    h->calls++;
    *out = (struct cpuid_regs){ h->fill, h->fill, h->fill, h->fill };
    switch (leaf) {
    case 0:
        *out = h->vendor == CPU_AMD ?
            (struct cpuid_regs){ h->max_basic, 0x68747541, 0x444d4163, 0x69746e65 } :
            (struct cpuid_regs){ h->max_basic, 0x756e6547, 0x6c65746e, 0x49656e69 };
        return;
    case 1:
        out->eax = 0x000806ec;
        return;
    case 4:
    case 0x8000001d:
        fake_cache(sub, out);
        return;
    case 7:
        out->eax = sub ? h->fill : 2;
        return;
    case 0xd:
        if (sub == 0)
            *out = (struct cpuid_regs){ 0x602e7, 11008, 11008, 0 };
        else if (sub > 1)
            fake_xstate(sub, out);
        return;
    case 0x80000000:
        *out = (struct cpuid_regs){ h->max_ext, out->ebx, out->ecx, out->edx };
        return;
    case 0x80000008:
        out->eax = 0x3034;      /* 52 physical, 48 linear bits */
        return;
    default:
        return;
    }
}

static inline struct fake_host full_host(enum cpu_vendor vendor)
{
    return (struct fake_host){ vendor, 0x1f, 0x80000021, 0xffffffff, 0 };
}

static inline struct guest_cpu_config full_config(void)
{
    return (struct guest_cpu_config){
        .vcpus = 4, .can = CAN_ALL, .tsc_khz = 2893000, .apic_khz = 1000000, .xcr0 = ~0ull,
        .phys_bits = 46, .microcode = 0xabcd, .arch_capabilities = ~0ull,
    };
}

static inline struct guest_cpu build(struct fake_host h, struct guest_cpu_config c)
{
    struct cpu_caps caps;
    struct guest_cpu g;
    policy_capture(&caps, fake_cpuid, &h);
    policy_build(&g, &caps, &c);
    return g;
}

static inline struct cpuid_regs ask(const struct guest_cpu *g, uint32_t leaf, uint32_t sub)
{
    const struct cpuid_facts f = { .apic_id = 2, .apic_enabled = true, .xcr0 = 1 };
    struct cpuid_regs out;
    memset(&out, 0x5a, sizeof(out));
    policy_cpuid(g, &f, leaf, sub, &out);
    return out;
}

#endif
