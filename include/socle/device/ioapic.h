/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O APIC: 82093AA register model with 24 pins and the EOI register of the ICH
 * (version 0x20). It takes its own lock; it is called with device locks held and calls
 * the fabric and the alarm queue with its lock held.
 */
#ifndef SOCLE_DEVICE_IOAPIC_H
#define SOCLE_DEVICE_IOAPIC_H

#include "socle/bus.h"
#include "socle/dev.h"
#include "socle/device/apic_fabric.h"

/* A level line that is still high after this many EOIs in a row is slowed to one interrupt
 * per IOAPIC_STORM_NS: the guest's handler does not serve its device (threats D5). */
#define IOAPIC_STORM_COUNT  10000u
#define IOAPIC_STORM_NS     10000000u

struct ioapic {
    struct spinlock       lock;
    struct apic_fabric   *fabric;
    const struct dev_env *env;
    uint8_t               select;                       /* IOREGSEL */
    uint8_t               id;
    uint32_t              line;                         /* level of each pin */
    uint32_t              held;                         /* pins waiting for the alarm */
    uint64_t              entry[PLAT_IOAPIC_PINS];
    uint32_t              streak[PLAT_IOAPIC_PINS];     /* EOIs with the line high */
    struct alarm          alarm;
};

void ioapic_init(struct ioapic *io, struct apic_fabric *fabric, const struct dev_env *env);
/* All entries masked. Input levels stay: they belong to the devices. */
void ioapic_reset(struct ioapic *io);
/* One page at PLAT_IOAPIC_BASE. */
MUST_CHECK hv_status ioapic_attach(struct ioapic *io, struct mmio_bus *b);
void ioapic_mmio(void *dev, struct bus_access *a);

/* Drives a pin; true is asserted, whatever polarity the entry names. Idempotent. Any CPU. */
void ioapic_set_line(struct ioapic *io, unsigned pin, bool level);
/* EOI broadcast of a local APIC for a level-triggered vector. Any CPU. */
void ioapic_eoi(struct ioapic *io, uint8_t vector);

/* Includes the input levels; loading delivers nothing. */
void ioapic_save(struct ioapic *io, struct state_out *o);
MUST_CHECK hv_status ioapic_load(struct ioapic *io, struct state_in *in);

#endif
