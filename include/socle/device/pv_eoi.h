/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * End of interrupt without an exit, as KVM offers it (Linux Documentation/virt/kvm/x86/msr.rst,
 * MSR_KVM_PV_EOI_EN): a word in the guest's memory says that the interrupt in service needs no
 * write to the APIC; the guest ends it by clearing the word's lowest bit. All on the vCPU's own
 * CPU. One per vCPU.
 */
#ifndef SOCLE_DEVICE_PV_EOI_H
#define SOCLE_DEVICE_PV_EOI_H

#include "socle/device/lapic.h"

struct pv_eoi {
    bool  on;                   /* the guest asked for it */
    bool  armed;                /* the word says that no write is needed */
    gpa_t at;                   /* of the word, a multiple of 4 */
};

uint64_t pv_eoi_read(const struct pv_eoi *p);
/* False: #GP. Whatever was armed is settled first. */
MUST_CHECK bool pv_eoi_write(struct pv_eoi *p, struct lapic *l, const struct gmem *mem, uint64_t value);
/* An interrupt has gone from IRR to ISR (lapic_ack): arms if its end needs nobody's attention. */
void pv_eoi_arm(struct pv_eoi *p, const struct lapic *l, const struct gmem *mem);
/* After an exit while armed: did the guest end the interrupt? Then so does the APIC. */
void pv_eoi_sync(struct pv_eoi *p, struct lapic *l, const struct gmem *mem);
/* Before another event is chosen: from now on the APIC wants to hear of the end. */
void pv_eoi_disarm(struct pv_eoi *p, struct lapic *l, const struct gmem *mem);

#endif
