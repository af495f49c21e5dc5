/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps one guest's speculation from being steered by another: branch predictions
 * are dropped (IBPB) when a CPU changes from one guest to the next. SDM vol. 4, IA32_PRED_CMD;
 * AMD "Indirect branch control extension", CPUID 8000_0008 EBX[12].
 */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "socle/bits.h"
#include "socle/cpu.h"
#include "socle/log.h"

enum { PRED_CMD_IBPB = 1 };

static bool has_ibpb;

void cpu_spec_init(void)
{
    uint32_t r[4];
    cpuid(0x80000000, 0, r);
    if (r[0] >= 0x80000008) {
        cpuid(0x80000008, 0, r);
        has_ibpb = r[1] & BIT(12);
    }
    cpuid(0, 0, r);
    if (r[0] >= 7) {
        cpuid(7, 0, r);
        has_ibpb = has_ibpb || r[3] & BIT(26);
    }
    log_info("mitigations: branch predictions between guests %s",
             has_ibpb ? "dropped (IBPB)" : "kept: this CPU has no IBPB");
}

void cpu_change_guest(void)
{
    if (has_ibpb)
        wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
}
