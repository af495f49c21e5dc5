/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits of model-specific registers that the hypervisor itself sets (SDM vol. 4). */
#ifndef ARCH_X86_CPU_MSR_H
#define ARCH_X86_CPU_MSR_H

#include "socle/msr.h"

#define MSR_APIC_BASE_EN    (1u << 11)
#define MSR_APIC_BASE_EXTD  (1u << 10)

#endif
