/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one clock of a VM. Guest TSC = host TSC + offset; VM time in ns = a function of
 * the guest TSC with kvmclock's 32-bit multiplier and shift, so that every device and
 * every paravirtual clock reader agree to the nanosecond. Frozen while the VM is paused:
 * the guest TSC then stands still too.
 */
#ifndef SOCLE_VMCLOCK_H
#define SOCLE_VMCLOCK_H

#include "socle/bits.h"
#include "socle/state.h"
#include "socle/types.h"

struct vmclock {
    uint64_t tsc_hz;
    uint64_t tsc_offset;        /* guest TSC - host TSC, modulo 2^64 */
    uint64_t tsc_base, ns_base; /* guest TSC at which VM time is ns_base */
    uint32_t mul;               /* ns = ((tsc << shift or >> -shift) * mul) >> 32 */
    int8_t   shift;
    bool     frozen;
    uint64_t frozen_tsc;        /* guest TSC while frozen */
};

/* kvmclock's pair for a frequency (Linux Documentation/virt/kvm/x86/msr.rst). */
void vmclock_scale(uint64_t tsc_hz, uint32_t *mul, int8_t *shift);
/* Guest TSC and VM time both start at 0 when the host's TSC is host_tsc. */
void vmclock_init(struct vmclock *c, uint64_t tsc_hz, uint64_t host_tsc);

static inline uint64_t vmclock_guest_tsc(const struct vmclock *c, uint64_t host_tsc)
{
    return c->frozen ? c->frozen_tsc : host_tsc + c->tsc_offset;
}

static inline uint64_t vmclock_scale_ns(const struct vmclock *c, uint64_t ticks)
{
    ticks = c->shift < 0 ? ticks >> -c->shift : ticks << c->shift;
    return mul_shift(ticks, c->mul, 32);
}

/* VM time at a guest TSC; the guest TSC is not before tsc_base. */
static inline uint64_t vmclock_ns_at(const struct vmclock *c, uint64_t guest_tsc)
{
    return c->ns_base + vmclock_scale_ns(c, guest_tsc - c->tsc_base);
}

static inline uint64_t vmclock_ns(const struct vmclock *c, uint64_t host_tsc)
{
    return vmclock_ns_at(c, vmclock_guest_tsc(c, host_tsc));
}

/* First guest TSC at which VM time is at least ns; never early. */
uint64_t vmclock_tsc_for_ns(const struct vmclock *c, uint64_t ns);
/* The same as a host TSC; UINT64_MAX while frozen or when out of reach. */
uint64_t vmclock_host_tsc_for_ns(const struct vmclock *c, uint64_t ns);

void vmclock_freeze(struct vmclock *c, uint64_t host_tsc);
void vmclock_thaw(struct vmclock *c, uint64_t host_tsc);

/* pvclock_vcpu_time_info, 32 bytes, for a guest TSC of now. flags: 1 = TSC stable. */
enum { PVCLOCK_SIZE = 32, PVCLOCK_TSC_STABLE = 1, PVWALL_SIZE = 12 };
void vmclock_pvclock(const struct vmclock *c, uint64_t guest_tsc, uint32_t version, uint8_t flags,
                     uint8_t out[PVCLOCK_SIZE]);
/* pvclock_wall_clock: wall time at VM time 0, as seconds and nanoseconds since 1970. */
void vmclock_wall(uint32_t version, uint64_t unix_ns_at_0, uint8_t out[PVWALL_SIZE]);

/* Loading sets the clock so that it goes on from where it was saved; it is frozen then. */
void vmclock_save(const struct vmclock *c, uint64_t host_tsc, struct state_out *o);
MUST_CHECK hv_status vmclock_load(struct vmclock *c, struct state_in *in);

#endif
