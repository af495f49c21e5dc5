/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pvclock.h. A time page's contents change only when the guest's TSC is moved, so
 * it is written once when the guest asks for it and again at such moments.
 */
#include "socle/pvclock.h"

#include "socle/msr.h"
#include "socle/str.h"
#include "socle/vm.h"

enum { SYSTEM_TIME_ENABLE = 1 };

uint64_t pvclock_msr_read(const struct vcpu *v, uint32_t msr)
{
    if (msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_CLOCK_OLD)
        return v->vm->wall_clock.v;
    return v->pvclock.at.v | (v->pvclock.on ? SYSTEM_TIME_ENABLE : 0);
}

/* The version is odd while the rest changes, so that a reader on another vCPU tries again. */
static void write_versioned(struct vm *vm, gpa_t at, const uint8_t *bytes, size_t n, uint32_t version)
{
    uint32_t odd = version - 1;
    /* Memory that the guest does not have: its own loss, as on any bus. */
    if (gmem_write(&vm->mem, at, &odd, sizeof(odd)))
        return;
    atomic_thread_fence(memory_order_release);
    if (gmem_write(&vm->mem, gpa(at.v + sizeof(odd)), bytes + sizeof(odd), n - sizeof(odd)))
        return;
    atomic_thread_fence(memory_order_release);
    if (gmem_write(&vm->mem, at, &version, sizeof(version)))
        return;
}

void pvclock_update(struct vcpu *v)
{
    uint8_t page[PVCLOCK_SIZE];
    if (!v->pvclock.on)
        return;
    v->pvclock.version += 2;
    vmclock_pvclock(&v->vm->clock, v->tsc_adjust, v->pvclock.version,
                    v->vm->cpu.can & CAN_TSC_STABLE ? PVCLOCK_TSC_STABLE : 0, page);
    write_versioned(v->vm, v->pvclock.at, page, sizeof(page), v->pvclock.version);
}

bool pvclock_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_CLOCK_OLD) {
        uint8_t wall[WALLCLOCK_SIZE];
        v->vm->wall_clock = gpa(value);
        vmclock_wall(v->vm->wall_ns_at_0, 2, wall);
        write_versioned(v->vm, v->vm->wall_clock, wall, sizeof(wall), 2);
        return true;
    }
    v->pvclock.on = value & SYSTEM_TIME_ENABLE;
    v->pvclock.at = gpa(value & ~(uint64_t)SYSTEM_TIME_ENABLE);
    pvclock_update(v);
    return true;
}
