/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the registers of a virtio device in its PCI function (virtio 1.2, 4.1.4) and its interrupts. Boot. */
#ifndef DRIVERS_VDEV_PCI_H
#define DRIVERS_VDEV_PCI_H

#include "drivers/pci.h"
#include "drivers/pure/vdev.h"

enum { VIRTIO_PCI_VENDOR = 0x1af4, VIRTIO_TYPE_NET = 1, VIRTIO_TYPE_BLK = 2 };      /* 5: device types */

/* The device type, 0: no virtio device. */
unsigned vdev_pci_type(const struct host_pci_function *f);
/* Fills in *d, which stays for ever; null, or why the device cannot be used. */
MUST_CHECK const char *vdev_pci_open(struct host_pci_function *f, struct vdev *d);

#endif
