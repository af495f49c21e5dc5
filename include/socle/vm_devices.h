/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disks, network cards and entropy source of a guest, and the switches of the machine:
 * from the configuration to PCI functions and what is behind them.
 */
#ifndef SOCLE_VM_DEVICES_H
#define SOCLE_VM_DEVICES_H

#include "socle/blk_ram.h"
#include "socle/config.h"
#include "socle/virtio/virtio_blk.h"
#include "socle/virtio/virtio_net.h"
#include "socle/virtio/virtio_rng.h"

struct vm;
struct vm_file;

struct vm_disk {
    const struct config_disk *cfg;
    struct vm          *vm;
    struct blk         *blk;            /* what is behind it: ram.blk, or a real disk */
    struct blk_ram      ram;
    bool                told;           /* where its writes go was said */
    bool                out_of_memory;  /* what `full` is about */
    struct dev_work     full;           /* says that the overlay takes no more */
    char                name[16];
    struct virtio_blk   dev;
};

struct vm_nic {
    const struct config_net *cfg;
    char              name[16];
    struct virtio_net dev;
};

/* Makes the devices and puts them on the guest's PCI bus. image[]: of each disk with a file. Boot.
 * False: why[] (VM_WHY bytes) says what is wrong; the guest cannot be started. */
MUST_CHECK bool vm_devices_init(struct vm *vm, const struct vm_file *image, char *why);
/* What the guest's devices hold back is settled, as power-up wants it. False: a real disk still works. */
MUST_CHECK bool vm_devices_reset(struct vm *vm);
/* The guest starts: says once where writes go. */
void vm_devices_started(struct vm *vm);
/* Its power is off: frees overlays in pieces; true: there is more. */
MUST_CHECK bool vm_devices_drop(struct vm *vm);
/* Bytes that its overlays hold now. */
uint64_t vm_overlay_bytes(const struct vm *vm);
/* Lines for `info`: number `index`; false: no more. */
bool vm_devices_info(struct vm *vm, uint32_t index, char key[24], char value[200]);
uint32_t vm_devices_info_lines(const struct vm *vm);

/* ---- vmm/core/switches.c ---- */

/* Makes the switches of the configuration. Boot. HV_NOMEM. */
MUST_CHECK hv_status switches_init(const struct config *c);
/* By name; null when it could not be made. */
struct vswitch *switch_find(const char *name);
/* Switch number i with its configuration; null past the last. */
struct vswitch *switch_at(uint32_t i, const struct config_switch **cfg);
/* Time at which one of them has something to do, and doing it. The CPU's loop. */
uint64_t switches_next(void);
void switches_tick(uint64_t now);

#endif
