/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small registers of a PC's chipset: system control port A (0x92, IBM PS/2 Hardware
 * Interface Technical Reference), the reset control register (0xcf9, 82371SB section
 * 2.5.6), and the ports that take POST codes and delays (0x80, 0xed).
 *
 * Locking: accesses lock the device themselves; init, reset, save and load need the VM
 * to stand still.
 */
#ifndef SOCLE_DEVICE_MISC_PORTS_H
#define SOCLE_DEVICE_MISC_PORTS_H

#include "socle/bus.h"
#include "socle/device/reset.h"
#include "socle/lock.h"
#include "socle/state.h"

struct misc_ports {
    struct spinlock lock;
    dev_reset_fn    reset;
    void           *reset_ctx;
    uint8_t         port92;     /* bit 1: A20 */
    uint8_t         cf9;        /* bit 1: hard; bit 2: the request itself; bit 3: full */
    uint8_t         post;       /* last byte sent to port 0x80 */
};

void misc_ports_init(struct misc_ports *m, dev_reset_fn reset, void *reset_ctx);
void misc_ports_reset(struct misc_ports *m);
/* Ports 0x80, 0x92 and 0xed. Port 0xcf9 lies inside of pci's range: see pci_init. */
MUST_CHECK hv_status misc_ports_attach(struct misc_ports *m, struct pio_bus *b);
/* A bus_handler: one-byte accesses to port 0xcf9, at offset 0. */
void misc_ports_cf9(void *dev, struct bus_access *a);

void misc_ports_save(const struct misc_ports *m, struct state_out *o);
MUST_CHECK hv_status misc_ports_load(struct misc_ports *m, struct state_in *in);

#endif
