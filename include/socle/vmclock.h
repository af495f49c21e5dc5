/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one clock of a VM, from which its TSC, every emulated timer and kvmclock derive.
 * VM time in ns is computed exactly as a guest computes it from its pvclock page
 * (Linux Documentation/virt/kvm/x86/msr.rst), so all of them agree to the nanosecond.
 * Readers on any CPU while nothing changes it; the VM's CPUs are stopped for changes.
 */
#ifndef SOCLE_VMCLOCK_H
#define SOCLE_VMCLOCK_H

#include "socle/state.h"
#include "socle/status.h"
#include "socle/types.h"

enum {
    PVCLOCK_SIZE = 32, WALLCLOCK_SIZE = 12,
    PVCLOCK_TSC_STABLE = 1 << 0,        /* flags: readings of all vCPUs are monotonic together */
    PVCLOCK_GUEST_STOPPED = 1 << 1,     /* the VM was paused: not a soft lock-up */
};

struct vmclock {
    uint64_t tsc_khz;           /* of the host, hence of the guest */
    uint32_t mul;               /* ns = ((ticks << shift) * mul) >> 32 */
    int8_t   shift;
    bool     frozen;
    uint64_t frozen_at;         /* host TSC at which time stopped */
    uint64_t base;              /* host TSC when VM time was base_ns; signed, may be before 0 */
    uint64_t base_ns;
    uint64_t offset;            /* guest TSC = host TSC + offset */
};

/*
 * A frozen clock at VM time 0, guest TSC 0. tsc_hz: the host's frequency, from 1 MHz to
 * 1 THz (else HV_INVALID); it is rounded to kHz, as guests get it.
 */
MUST_CHECK hv_status vmclock_init(struct vmclock *c, uint64_t tsc_hz);

/* Let time go on from where it stopped, and stop it. No effect when it is so already. */
void vmclock_thaw(struct vmclock *c, uint64_t host_tsc);
void vmclock_freeze(struct vmclock *c, uint64_t host_tsc);

/* The VM's TSC; a vCPU adds its TSC_ADJUST. */
uint64_t vmclock_guest_tsc(const struct vmclock *c, uint64_t host_tsc);
/* VM time; never goes back, as long as host_tsc does not. */
uint64_t vmclock_ns(const struct vmclock *c, uint64_t host_tsc);
/*
 * The first host TSC at which vmclock_ns() is at least `ns`: an alarm is never early.
 * UINT64_MAX: never (frozen, or out of range).
 */
uint64_t vmclock_host_tsc(const struct vmclock *c, uint64_t ns);
/* The same from a value of the VM's TSC, for the TSC-deadline timer. */
uint64_t vmclock_tsc_to_ns(const struct vmclock *c, uint64_t guest_tsc);
/* Length of a span of TSC ticks in ns, rounded down. */
uint64_t vmclock_ticks_to_ns(const struct vmclock *c, uint64_t ticks);

/* Sets the VM's TSC to `guest_tsc` as of host_tsc. VM time does not change. */
void vmclock_set_guest_tsc(struct vmclock *c, uint64_t host_tsc, uint64_t guest_tsc);

/*
 * The contents of a vCPU's time page. `version` is even; the writer stores version - 1
 * first, then the rest, then the version, so that readers see when to try again.
 * Changes only with thaw, load and the TSC's offset.
 */
void vmclock_pvclock(const struct vmclock *c, uint64_t tsc_adjust, uint32_t version,
                     uint8_t flags, uint8_t out[PVCLOCK_SIZE]);
/* The wall clock at VM time 0, in ns since 1970, as the guest's structure. */
void vmclock_wall(uint64_t unix_ns, uint32_t version, uint8_t out[WALLCLOCK_SIZE]);

/* The clock must be frozen (asserted), and is after loading. HV_UNSUPPORTED: other frequency. */
void vmclock_save(const struct vmclock *c, struct state_out *o);
MUST_CHECK hv_status vmclock_load(struct vmclock *c, struct state_in *in);

#endif
