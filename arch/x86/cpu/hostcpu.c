/* SPDX-License-Identifier: BSD-2-Clause */
/* See socle/hostcpu.h. */
#include "socle/hostcpu.h"

#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/reset.h"
#include "arch/x86/cpu/time.h"
#include "socle/str.h"

static struct host_cpu_info info;

const struct host_cpu_info *host_cpu(void) { return &info; }

static void read_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
    uint32_t r[4];
    cpuid(leaf, subleaf, r);
    *out = (struct cpuid_regs){ r[0], r[1], r[2], r[3] };
}

/* The revision: low word on AMD, high word on Intel (SDM vol. 3, 10.11.7). */
static uint32_t microcode_revision(void)
{
    uint64_t v;
    if (!rdmsr_safe(MSR_BIOS_SIGN_ID, &v))
        return 0;
    return info.caps.vendor == CPU_AMD ? (uint32_t)v : (uint32_t)(v >> 32);
}

void host_cpu_init(void)
{
    policy_capture(&info.caps, read_cpuid, NULL);
    info.tsc_hz = time_tsc_hz();
    info.tsc_stable = time_tsc_steady();
    info.microcode = microcode_revision();
}

void host_cpu_set_utc(uint64_t utc) { info.utc_at_boot = utc; }

void host_cpu_set_uuid(const uint8_t uuid[16]) { memcpy(info.uuid, uuid, sizeof(info.uuid)); }

void host_poweroff(void) { machine_poweroff(); }
void host_reboot(void) { machine_reset(); }
