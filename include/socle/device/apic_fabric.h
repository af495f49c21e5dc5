/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What connects the local APICs of one VM: interrupt messages, from an IPI, an I/O
 * APIC pin or an MSI, find their targets here (SDM vol. 3, 11.6.2 and 11.12.9). All
 * functions may run on any CPU at the same time; none takes a lock.
 */
#ifndef SOCLE_DEVICE_APIC_FABRIC_H
#define SOCLE_DEVICE_APIC_FABRIC_H

#include <stdatomic.h>
#include "socle/platform.h"
#include "socle/types.h"

struct lapic;

/* Delivery modes as encoded in ICR, LVT, redirection entries and MSI data, bits 10:8. */
enum apic_mode {
    APIC_FIXED  = 0, APIC_LOWEST = 1, APIC_SMI  = 2, APIC_REMOTE_READ = 3,
    APIC_NMI    = 4, APIC_INIT   = 5, APIC_SIPI = 6, APIC_EXTINT = 7
};

#define APIC_DEST_ALL   0xffffffffu     /* broadcast, in messages of any format */

/* A message on the interrupt bus. Senders of 8-bit destinations turn 0xff into DEST_ALL. */
struct apic_msg {
    uint32_t dest;          /* APIC ID, logical destination, or APIC_DEST_ALL */
    uint8_t  vector;
    uint8_t  mode;          /* enum apic_mode */
    bool     logical;       /* dest is a logical destination */
    bool     level;         /* level-triggered: its EOI is broadcast to the I/O APIC */
};

/*
 * What the core does for a target vCPU. Called on the sender's CPU, possibly with the
 * lock of a device or of the I/O APIC held: must not call back into the APICs, and the
 * target may be the calling vCPU. All are requests, carried out by the target's run loop.
 */
struct apic_ops {
    void (*kick)(void *ctx, uint32_t vcpu);     /* look at lapic_pending() and ExtINT again */
    void (*nmi)(void *ctx, uint32_t vcpu);
    void (*smi)(void *ctx, uint32_t vcpu);      /* a platform without SMM ignores it */
    void (*init)(void *ctx, uint32_t vcpu);     /* run loop then calls lapic_init_signal() */
    void (*sipi)(void *ctx, uint32_t vcpu, uint8_t vector);
    /* A level-triggered vector was completed: to ioapic_eoi(). On the vCPU that did it. */
    void (*eoi)(void *ctx, uint8_t vector);
};

struct apic_fabric {
    const struct apic_ops *ops;
    void            *ctx;
    uint32_t         count;                     /* lapic[0..count), APIC ID = index */
    _Atomic uint32_t turn;                      /* breaks ties of lowest-priority arbitration */
    struct lapic    *lapic[PLAT_MAX_VCPUS];     /* filled in by lapic_init() */
};

void apic_fabric_init(struct apic_fabric *f, const struct apic_ops *ops, void *ctx);

/*
 * Delivers a message; true when at least one local APIC took it (a fixed vector that was
 * pending already counts: the two merge). Any CPU; no lock needed.
 */
bool apic_deliver(struct apic_fabric *f, const struct apic_msg *m);
/* The same for all but the sender (ICR shorthand); the destination fields are ignored. */
bool apic_deliver_others(struct apic_fabric *f, uint32_t self, const struct apic_msg *m);

/*
 * Decodes an MSI: address 0xfeexxxxx (SDM vol. 3, 11.11), with the destination's bits 14:8
 * in address bits 11:5 (KVM_FEATURE_MSI_EXT_DEST_ID). False: not an interrupt message.
 */
MUST_CHECK bool msi_decode(uint64_t addr, uint32_t data, struct apic_msg *m);

#endif
