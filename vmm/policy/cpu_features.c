/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the CPU's feature flags a guest is offered. The rules are a whitelist: a flag
 * that stands in none of them is hidden. Most are offered as the host has them; some
 * need a service of the hypervisor, and a few are offered even where the host lacks them,
 * because the hypervisor provides what they stand for.
 *
 * Hidden although the CPU may have them, and why (docs may quote this list):
 *   SVM, VMX, SMX, SKINIT                guests do not run hypervisors (yet)
 *   MONITOR/MWAIT, MONITORX, WAITPKG     waiting would hold the physical CPU
 *   PMU: leaf 0xa, PDCM, DS, DTES64, DS-CPL, PERFCTR*, IBS, LWP, arch. LBR, PERFTSC
 *                                        counters would show other guests
 *   EST, TM, TM2, ACPI, PBE, DCA, RDT, HWP, CPPC, RAPL, APERF/MPERF, RDPRU, TME, PCONFIG
 *                                        control or show the physical machine
 *   SGX, SEV, PT, PASID/ENQCMD, key locker, UINTR, CET, PKS, LASS, LAM, AMX, XFD, MPX, FRED,
 *   AVX10, APX                           state or modes that are not switched or emulated
 *   CPUID faulting, xTPR, CNXT-ID, SDBG, SRBDS/TSX/MCU control, hybrid, core capabilities,
 *   UAI, automatic IBRS, TCE             behind MSRs or EFER bits that guests do not have
 *   OSVW, PSN, node ID MSR, extended APIC space, DBEXT, watchdog, bus-lock detection
 *                                        describe the physical chip, or debug it
 */
#include "features.h"
#include "socle/bits.h"

/* Conditions beyond enum guest_cpu_can. */
#define NEED_XSAVE      (1u << 16)
#define NEED_AVX        (1u << 17)
#define NEED_AVX512     (1u << 18)
#define NEED_AMD        (1u << 19)
#define NEED_ARCH_CAP   (1u << 20)
#define NEED_SMP        (1u << 21)
#define NEED_PKRU       (1u << 22)      /* XSAVE must know it, or no system can switch it */
#define EMULATED        (1u << 31)      /* offered whether or not the host has it */

enum word {
    W_1_ECX, W_1_EDX, W_6_EAX, W_70_EBX, W_70_ECX, W_70_EDX, W_71_EAX, W_71_EDX, W_72_EDX,
    W_D1_EAX, W_E1_ECX, W_E1_EDX, W_E7_EDX, W_E8_EBX, W_E1A_EAX, W_E21_EAX, WORDS
};

struct rule {
    enum word word;
    uint32_t  bits;
    uint32_t  needs;
};

#define BITS(hi, lo)    ((uint32_t)MASK64(hi, lo))

static const struct rule rules[] = {
    /* SSE3 PCLMULQDQ SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES RDRAND */
    { W_1_ECX, BITS(1, 0) | BIT(9) | BIT(13) | BITS(20, 19) | BITS(23, 22) | BIT(25) | BIT(30), 0 },
    { W_1_ECX, BIT(17), 0 },                                        /* PCID */
    { W_1_ECX, BIT(12) | BITS(29, 28), NEED_AVX },                  /* FMA AVX F16C */
    { W_1_ECX, BIT(26), NEED_XSAVE },
    { W_1_ECX, BIT(21), CAN_X2APIC | EMULATED },
    { W_1_ECX, BIT(24), CAN_DEADLINE | EMULATED },
    { W_1_ECX, BIT(31), EMULATED },                                 /* a hypervisor is present */
    /* FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR
     * SSE SSE2 SS */
    { W_1_EDX, BITS(9, 0) | BITS(17, 11) | BIT(19) | BITS(27, 23), 0 },
    { W_1_EDX, BIT(28), NEED_SMP | EMULATED },                      /* HTT */
    { W_6_EAX, BIT(2), EMULATED },              /* ARAT: the APIC timer never stops */
    /* FSGSBASE BMI1 HLE FDP_EXCPTN SMEP BMI2 ERMS RTM ZERO_FCS RDSEED ADX SMAP CLFLUSHOPT
     * CLWB SHA */
    { W_70_EBX, BIT(0) | BITS(4, 3) | BITS(9, 6) | BIT(11) | BIT(13) | BITS(20, 18) |
                BITS(24, 23) | BIT(29), 0 },
    { W_70_EBX, BIT(1), CAN_TSC_ADJUST | EMULATED },
    { W_70_EBX, BIT(5), NEED_AVX },                                 /* AVX2 */
    { W_70_EBX, BIT(10), CAN_INVPCID },
    { W_70_EBX, BITS(17, 16) | BIT(21) | BITS(28, 26) | BITS(31, 30), NEED_AVX512 },
    /* PREFETCHWT1 GFNI CLDEMOTE MOVDIRI MOVDIR64B */
    { W_70_ECX, BIT(0) | BIT(8) | BIT(25) | BITS(28, 27), 0 },
    { W_70_ECX, BIT(1) | BIT(6) | BITS(12, 11) | BIT(14), NEED_AVX512 },
    { W_70_ECX, BIT(2), CAN_UMIP },
    { W_70_ECX, BIT(3), CAN_PKU | NEED_PKRU },
    { W_70_ECX, BITS(10, 9), NEED_AVX },                            /* VAES VPCLMULQDQ */
    { W_70_ECX, BIT(16), CAN_LA57 },
    { W_70_ECX, BIT(22), CAN_TSC_AUX },                             /* RDPID */
    /* FSRM MD_CLEAR SERIALIZE TSXLDTRK */
    { W_70_EDX, BIT(4) | BIT(10) | BIT(14) | BIT(16), 0 },
    { W_70_EDX, BITS(3, 2) | BIT(8) | BIT(23), NEED_AVX512 },
    { W_70_EDX, BITS(28, 26) | BIT(31), CAN_SPEC_CTRL },            /* IBRS STIBP L1D_FLUSH SSBD */
    { W_70_EDX, BIT(29), NEED_ARCH_CAP },
    { W_71_EAX, BIT(7) | BITS(12, 10), 0 },                         /* CMPCCXADD FZRM FSRS FSRC */
    { W_71_EAX, BITS(2, 0) | BIT(4) | BIT(23), NEED_AVX },          /* SHA512 SM3 SM4 VNNI IFMA */
    { W_71_EAX, BIT(5), NEED_AVX512 },                              /* BF16 */
    { W_71_EDX, BITS(5, 4) | BIT(10), NEED_AVX },
    { W_71_EDX, BIT(14), 0 },                                       /* PREFETCHI */
    { W_72_EDX, BITS(4, 0), CAN_SPEC_CTRL },
    { W_72_EDX, BIT(5), 0 },                                        /* MCDT_NO */
    { W_D1_EAX, BITS(2, 0), NEED_XSAVE },                           /* XSAVEOPT XSAVEC XGETBV1 */
    { W_D1_EAX, BIT(3), NEED_XSAVE | CAN_XSAVES },
    /* LAHF ABM SSE4A MISALIGNSSE PREFETCHW TBM TOPOEXT; AltMovCr8 */
    { W_E1_ECX, BIT(0) | BITS(8, 4) | BITS(22, 21), 0 },
    { W_E1_ECX, BIT(1), NEED_SMP | NEED_AMD | EMULATED },           /* CmpLegacy */
    { W_E1_ECX, BIT(11) | BIT(16), NEED_AVX },                      /* XOP FMA4 */
    { W_E1_EDX, BITS(9, 0) | BITS(17, 12) | BITS(24, 23), NEED_AMD },  /* as leaf 1 */
    /* SYSCALL NX MMXEXT FFXSR 1G LM 3DNOWEXT 3DNOW */
    { W_E1_EDX, BIT(11) | BIT(20) | BIT(22) | BITS(26, 25) | BITS(31, 29), 0 },
    { W_E1_EDX, BIT(27), CAN_TSC_AUX },                             /* RDTSCP */
    { W_E7_EDX, BIT(8), CAN_TSC_STABLE | EMULATED },                /* invariant TSC */
    { W_E8_EBX, BIT(0) | BIT(2) | BIT(26) | BITS(30, 29), NEED_AMD },   /* CLZERO XSAVEERPTR *_NO */
    { W_E8_EBX, BIT(9), 0 },                                        /* WBNOINVD */
    { W_E8_EBX, BIT(12) | BITS(19, 14) | BIT(24) | BIT(28), NEED_AMD | CAN_SPEC_CTRL },
    { W_E8_EBX, BIT(20), NEED_AMD | EMULATED },                     /* EFER.LMSLE is not there */
    { W_E1A_EAX, BITS(2, 0), NEED_AMD },                            /* FP128 MOVU FP256 */
    /* NoNestedDataBp LfenceAlwaysSerializing NullSelectClearsBase FSRS FSRC SRSO_NO */
    { W_E21_EAX, BIT(0) | BIT(2) | BIT(6) | BITS(11, 10) | BIT(29), NEED_AMD },
    { W_E21_EAX, BITS(28, 27), NEED_AMD | CAN_SPEC_CTRL },          /* SBPB IBPB_BRTYPE */
};

static uint32_t host_word(const struct cpu_caps *h, enum word w)
{
    switch (w) {
    case W_1_ECX:   return h->basic[1].ecx;
    case W_1_EDX:   return h->basic[1].edx;
    case W_6_EAX:   return h->basic[6].eax;
    case W_70_EBX:  return h->leaf7[0].ebx;
    case W_70_ECX:  return h->leaf7[0].ecx;
    case W_70_EDX:  return h->leaf7[0].edx;
    case W_71_EAX:  return h->leaf7[1].eax;
    case W_71_EDX:  return h->leaf7[1].edx;
    case W_72_EDX:  return h->leaf7[2].edx;
    case W_D1_EAX:  return h->leafd[1].eax;
    case W_E1_ECX:  return h->ext[1].ecx;
    case W_E1_EDX:  return h->ext[1].edx;
    case W_E7_EDX:  return h->ext[7].edx;
    case W_E8_EBX:  return h->ext[8].ebx;
    case W_E1A_EAX: return h->ext[0x1a].eax;
    case W_E21_EAX: return h->ext[0x21].eax;
    case WORDS:     break;
    }
    return 0;
}

/* What this VM fulfils, in the vocabulary of the rules. */
static uint32_t conditions(const struct guest_cpu *g, const struct guest_cpu_config *c)
{
    uint32_t have = c->can & 0xffff;
    if ((g->xcr0 & 3) == 3)
        have |= NEED_XSAVE;
    if (g->xcr0 & XCR0_AVX)
        have |= NEED_AVX;
    if (g->xcr0 & XCR0_AVX512)
        have |= NEED_AVX512;
    if (g->xcr0 & XCR0_PKRU)
        have |= NEED_PKRU;
    if (g->vendor == CPU_AMD)
        have |= NEED_AMD;
    if (c->arch_capabilities && g->vendor == CPU_INTEL)
        have |= NEED_ARCH_CAP;
    if (c->vcpus > 1)
        have |= NEED_SMP;
    return have;
}

void policy_features(struct guest_cpu *g, const struct cpu_caps *host,
                     const struct guest_cpu_config *c)
{
    uint32_t offered[WORDS] = { 0 }, have = conditions(g, c);
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        if (r->needs & ~EMULATED & ~have)
            continue;
        offered[r->word] |= r->needs & EMULATED ? r->bits : host_word(host, r->word) & r->bits;
    }
    g->basic[1].ecx = offered[W_1_ECX];
    g->basic[1].edx = offered[W_1_EDX];
    g->basic[6].eax = offered[W_6_EAX];
    g->leaf7[0] = (struct cpuid_regs){ 0, offered[W_70_EBX], offered[W_70_ECX], offered[W_70_EDX] };
    g->leaf7[1] = (struct cpuid_regs){ offered[W_71_EAX], 0, 0, offered[W_71_EDX] };
    g->leaf7[2] = (struct cpuid_regs){ 0, 0, 0, offered[W_72_EDX] };
    g->leafd[1].eax = offered[W_D1_EAX];
    g->ext[1].ecx = offered[W_E1_ECX];
    g->ext[1].edx = offered[W_E1_EDX];
    g->ext[7].edx = offered[W_E7_EDX];
    g->ext[8].ebx = offered[W_E8_EBX];
    g->ext[0x1a].eax = offered[W_E1A_EAX];
    g->ext[0x21].eax = offered[W_E21_EAX];
}
