/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual CPU: data, not a thread. Its fields belong to the physical CPU that runs
 * it; others may only set bits of `requests` (vcpu_request) and its APIC's atomics.
 */
#ifndef SOCLE_VCPU_H
#define SOCLE_VCPU_H

#include <stdatomic.h>
#include "socle/device/pv_eoi.h"
#include "socle/emul.h"
#include "socle/exit.h"
#include "socle/gva.h"
#include "socle/inject.h"
#include "socle/policy.h"
#include "socle/regs.h"
#include "socle/sched.h"
#include "socle/virt.h"

struct vm;

enum vcpu_mode {
    VCPU_RUN,           /* executes guest code when it gets a CPU */
    VCPU_HALTED,        /* HLT: until an interrupt, NMI or INIT */
    VCPU_WAIT_SIPI,     /* after INIT, or an application processor at power-up */
    VCPU_STOPPED,       /* the VM is off */
};

/* Bits of vcpu.requests. */
enum {
    REQ_EVENT = 1 << 0,         /* interrupts may have come: look at APIC and PIC */
    REQ_NMI   = 1 << 1,
    REQ_INIT  = 1 << 2,
    REQ_SIPI  = 1 << 3,         /* vector in vcpu.sipi */
};

struct pvclock_page { bool on; gpa_t at; uint32_t version; };


struct vcpu {
    struct vcpu_state   st;
    uint32_t            valid;          /* groups of st that hold the current values */
    uint32_t            dirty;          /* groups of st that the hardware must get */
    struct vm          *vm;
    uint32_t            index;          /* = APIC ID */
    enum vcpu_mode      mode;
    void               *hw;             /* the backend's */
    hpa_t               nested_root;
    void               *xsave;          /* extended state while not in the CPU */
    uint64_t            xcr0;
    _Atomic uint32_t    requests;
    _Atomic uint8_t     sipi;
    struct sched_item   item;
    struct inject_queue inject;
    bool                nmi_blocked;    /* an NMI handler runs */
    uint64_t            refused_rip;    /* of the last state that the CPU refused */
    struct lapic        lapic;
    struct gva_walker   walker;
    struct peek_cache   peek;
    struct msr_state    msr;
    uint64_t            tsc_adjust;
    struct pvclock_page pvclock;
    struct pv_eoi       pv_eoi;
    uint8_t             tpr_shown;      /* CR8 as the backend has it */
    bool                irq_window, nmi_window;     /* asked of the backend, */
    bool                apic_hw;                    /* the CPU delivers the APIC's interrupts */
    uint8_t             tpr_watch;                  /* likewise */
    uint64_t            exits[EXIT_KINDS], exit_ticks[EXIT_KINDS];
};

/* Fetches groups of registers that st does not hold yet. Own CPU, guest not running. */
static inline void vcpu_need(struct vcpu *v, uint32_t groups)
{
    if (groups & ~v->valid)
        virt->state_get(v, groups & ~v->valid);
}

/* The same, to change them: they go to the hardware at the next entry. */
static inline void vcpu_change(struct vcpu *v, uint32_t groups)
{
    vcpu_need(v, groups);
    v->dirty |= groups;
}

/* Sets request bits and makes sure the vCPU sees them soon. Any CPU. */
void vcpu_request(struct vcpu *v, uint32_t bits);

/* Power-up state (SDM vol. 3, table 10-1), or the state after INIT. Not running. */
void vcpu_reset(struct vcpu *v, bool init_signal);

/* Queues an exception for the guest; a triple fault stops the VM. Own CPU. */
void vcpu_exception(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error);
static inline void vcpu_gp(struct vcpu *v) { vcpu_exception(v, VEC_GP, true, 0); }
static inline void vcpu_ud(struct vcpu *v) { vcpu_exception(v, VEC_UD, false, 0); }
void vcpu_page_fault(struct vcpu *v, uint32_t error, uint64_t cr2);

/* What the next instruction of the guest sees in its TSC. */
uint64_t vcpu_tsc(const struct vcpu *v);
/* IA32_TSC_ADJUST; moves the vCPU's TSC. Own CPU. */
void vcpu_set_tsc_adjust(struct vcpu *v, uint64_t adjust);

#endif
