/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of the machine after boot, for whoever builds guests or reports. */
#ifndef SOCLE_HOSTCPU_H
#define SOCLE_HOSTCPU_H

#include "socle/policy.h"
#include "socle/types.h"

struct host_cpu_info {
    struct cpu_caps caps;
    uint64_t tsc_hz;
    bool     tsc_stable;
    uint64_t utc_at_boot;       /* seconds since 1970 by the machine's clock at boot */
    uint32_t microcode;
    uint8_t  uuid[16];          /* of the machine (SMBIOS); 0: it has none */
};

/* Filled in by boot, then constant. */
const struct host_cpu_info *host_cpu(void);
void host_cpu_init(void);
/* Seconds since 1970 when the clock of host_now() showed 0. Boot. */
void host_cpu_set_utc(uint64_t utc);
void host_cpu_set_uuid(const uint8_t uuid[16]);

/* Ends the machine's run: power-off returns when the machine cannot do that. */
void host_poweroff(void);
NORETURN void host_reboot(void);

#endif
