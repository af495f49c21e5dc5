/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware virtualization backends behind one table. Above arch/ nothing else of
 * VT-x or AMD-V is visible. All calls concerning a vCPU come from the physical CPU that
 * it is loaded on, with interrupts off, unless said otherwise.
 */
#ifndef SOCLE_VIRT_H
#define SOCLE_VIRT_H

#include "socle/exit.h"
#include "socle/inject.h"
#include "socle/ptab.h"
#include "socle/status.h"
#include "socle/types.h"

struct vcpu;
struct vm;

struct virt_ops {
    const char *name;                           /* "AMD-V", "VT-x": for the log */
    const struct pt_format *nested_format;
    /*
     * Can this CPU run guests? When not, `why` says so and what to do; it is empty when the
     * CPU has nothing of the kind. Boot CPU, once.
     */
    bool      (*probe)(char *why, size_t size);
    /* Switches virtualization on for this CPU. HV_NOMEM; HV_BUSY: the CPU refuses. */
    hv_status (*cpu_enable)(void);
    void      (*cpu_disable)(void);
    /* What guests may be offered because of it: enum guest_cpu_can. After cpu_enable. */
    uint32_t  (*guest_can)(void);
    /* Backend state of a vCPU; its registers are then taken from vcpu->st (reset state). */
    hv_status (*vcpu_init)(struct vcpu *v);
    void      (*vcpu_fini)(struct vcpu *v);
    /* Back to power-up: everything the backend keeps besides vcpu->st. */
    void      (*vcpu_reset)(struct vcpu *v);
    /* Makes the vCPU current on this physical CPU, and the opposite. */
    void      (*load)(struct vcpu *v);
    void      (*put)(struct vcpu *v);
    /* Enters the guest; returns at the next exit. vcpu->dirty groups are written first. */
    void      (*run)(struct vcpu *v, struct vm_exit *out);
    /*
     * Hardware -> vcpu->st for these groups (bits not yet in vcpu->valid). Always current,
     * without asking: the general registers but RSP, and of CR4 what CPUID shows (OSXSAVE, PKE).
     */
    void      (*state_get)(struct vcpu *v, uint32_t groups);
    /* Next entry delivers this event; CR2, DR6 and DR7 are set already. At most one until then. */
    void      (*inject)(struct vcpu *v, const struct inject_event *e);
    /* NMIs of the guest are blocked, or not, by what was emulated (vcpu->nmi_blocked). */
    void      (*nmi_block)(struct vcpu *v, bool on);
    /* Asks for an exit as soon as the guest can take an interrupt or an NMI. */
    void      (*window)(struct vcpu *v, bool irq, bool nmi);
    /*
     * Asks for an exit when the guest lowers its TPR (CR8) below this, which may also come
     * before the write (EXIT_CR). 0: no more.
     */
    void      (*watch_tpr)(struct vcpu *v, uint8_t threshold);
    /*
     * The vCPU's APIC changed its mode. True: from now on the CPU delivers its interrupts
     * itself (vcpu->apic_hw); apic_post: some were raised since the last call.
     */
    bool      (*apic_mode)(struct vcpu *v);
    void      (*apic_post)(struct vcpu *v);
    /* Largest leaf of nested tables: 2 (2 MiB) or 3 (1 GiB). */
    unsigned  (*nested_leaf)(void);
    /* This CPU holds no translation of any guest any more, from the next entry on. */
    void      (*forget_all)(void);
    /* Forgets the guest's translations before its next entry. */
    void      (*tlb_flush)(struct vcpu *v);
    void      (*set_tsc_offset)(struct vcpu *v, uint64_t offset);
    /* The guest's TPR (CR8) changed in the local APIC. */
    void      (*set_tpr)(struct vcpu *v, uint8_t cr8);
    /* CR8 as the guest left it: it may have written it without an exit. */
    uint8_t   (*get_tpr)(struct vcpu *v);
    /* After EXIT_BAD_STATE: why, field by field, and the hardware's view of the vCPU, to the log. */
    void      (*dump)(struct vcpu *v);
};

/* The backend of this machine, set at boot. */
extern const struct virt_ops *virt;

/* Chooses the backend; false: none works, `why` has one line that says what to do. Boot. */
MUST_CHECK bool virt_select(char *why, size_t size);

#endif
