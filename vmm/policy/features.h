/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID flags and state components that several files of the policy ask for. */
#ifndef POLICY_FEATURES_H
#define POLICY_FEATURES_H

#include "socle/policy.h"

#define F1_ECX_PCID         (1u << 17)
#define F1_ECX_XSAVE        (1u << 26)
#define F1_ECX_OSXSAVE      (1u << 27)
#define F1_EDX_VME          (1u << 1)
#define F1_EDX_DE           (1u << 2)
#define F1_EDX_PSE          (1u << 3)
#define F1_EDX_TSC          (1u << 4)
#define F1_EDX_PAE          (1u << 6)
#define F1_EDX_MCE          (1u << 7)
#define F1_EDX_APIC         (1u << 9)
#define F1_EDX_PGE          (1u << 13)
#define F1_EDX_FXSR         (1u << 24)
#define F1_EDX_SSE          (1u << 25)
#define F7_EBX_FSGSBASE     (1u << 0)
#define F7_EBX_SMEP         (1u << 7)
#define F7_EBX_SMAP         (1u << 20)
#define F7_ECX_UMIP         (1u << 2)
#define F7_ECX_PKU          (1u << 3)
#define F7_ECX_OSPKE        (1u << 4)
#define F7_ECX_LA57         (1u << 16)
#define F7_ECX_RDPID        (1u << 22)
#define F7_EDX_IBRS         (1u << 26)
#define F7_EDX_STIBP        (1u << 27)
#define F7_EDX_L1D_FLUSH    (1u << 28)
#define F7_EDX_ARCH_CAP     (1u << 29)
#define F7_EDX_SSBD         (1u << 31)
#define FD1_EAX_XSAVEC      (1u << 1)
#define FD1_EAX_XSAVES      (1u << 3)
#define FE1_EDX_SYSCALL     (1u << 11)
#define FE1_EDX_NX          (1u << 20)
#define FE1_EDX_FFXSR       (1u << 25)
#define FE1_EDX_RDTSCP      (1u << 27)
#define FE1_EDX_LM          (1u << 29)

#define XCR0_X87            (1ull << 0)
#define XCR0_SSE            (1ull << 1)
#define XCR0_AVX            (1ull << 2)
#define XCR0_AVX512         (7ull << 5)
#define XCR0_PKRU           (1ull << 9)

/* Fills the feature words of g; g->vendor and g->xcr0 are set. */
void policy_features(struct guest_cpu *g, const struct cpu_caps *host,
                     const struct guest_cpu_config *c);

#endif
