/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the host's CPUID leaves once at boot, through a function that executes the
 * instruction (SDM vol. 2, CPUID; APM vol. 3, appendix E). Makes no decision.
 */
#include "socle/bits.h"
#include "socle/policy.h"
#include "socle/str.h"

#define VENDOR_AUTH_EBX     0x68747541u     /* "AuthenticAMD" */
#define VENDOR_HYGON_EBX    0x6f677948u     /* "HygonGenuine" */

static void capture_subleaves(struct cpuid_regs *to, uint32_t count, cpuid_fn cpuid, void *ctx,
                              uint32_t leaf)
{
    for (uint32_t i = 0; i < count; i++)
        cpuid(ctx, leaf, i, &to[i]);
}

/* Cache leaves end at the first subleaf of type 0. */
static void capture_caches(struct cpuid_regs to[CPUID_CACHES], cpuid_fn cpuid, void *ctx,
                           uint32_t leaf)
{
    for (uint32_t i = 0; i < CPUID_CACHES; i++) {
        cpuid(ctx, leaf, i, &to[i]);
        if (!(to[i].eax & 0x1f)) {
            memset(&to[i], 0, sizeof(to[i]));
            return;
        }
    }
}

static void capture_basic(struct cpu_caps *host, cpuid_fn cpuid, void *ctx)
{
    for (uint32_t leaf = 0; leaf <= host->max_basic && leaf < CPUID_LEAVES; leaf++)
        cpuid(ctx, leaf, 0, &host->basic[leaf]);
    if (host->max_basic >= 4)
        capture_caches(host->leaf4, cpuid, ctx, 4);
    if (host->max_basic >= 7) {
        uint32_t last = (uint32_t)min_u64(host->basic[7].eax, CPUID_LEAF7S - 1);
        capture_subleaves(host->leaf7, last + 1, cpuid, ctx, 7);
    }
    if (host->max_basic >= 0xd)
        capture_subleaves(host->leafd, CPUID_XSTATES, cpuid, ctx, 0xd);
}

static void capture_extended(struct cpu_caps *host, cpuid_fn cpuid, void *ctx)
{
    struct cpuid_regs r;
    cpuid(ctx, 0x80000000u, 0, &r);
    /* CPUs without extended leaves answer with some basic leaf. */
    if (r.eax < 0x80000000u || r.eax > 0x8000ffffu)
        return;
    host->max_ext = r.eax;
    for (uint32_t i = 0; i <= host->max_ext - 0x80000000u && i < CPUID_EXT_LEAVES; i++)
        cpuid(ctx, 0x80000000u + i, 0, &host->ext[i]);
    if (host->max_ext >= 0x8000001du && host->vendor == CPU_AMD)
        capture_caches(host->leaf8000001d, cpuid, ctx, 0x8000001du);
}

void policy_capture(struct cpu_caps *host, cpuid_fn cpuid, void *ctx)
{
    struct cpuid_regs r;
    memset(host, 0, sizeof(*host));
    cpuid(ctx, 0, 0, &r);
    host->max_basic = r.eax;
    bool amd = r.ebx == VENDOR_AUTH_EBX || r.ebx == VENDOR_HYGON_EBX;
    host->vendor = amd ? CPU_AMD : CPU_INTEL;
    capture_basic(host, cpuid, ctx);
    capture_extended(host, cpuid, ctx);
}
