/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of the outer machine, the driver's side: negotiation, queues, reset (virtio 1.2,
 * 3.1 and 4.1.4). Registers are plain volatile memory that drivers/vdev_pci.c has mapped, so the
 * code is pure. Boot, or under the owning driver's lock.
 */
#ifndef DRIVERS_PURE_VDEV_H
#define DRIVERS_PURE_VDEV_H

#include "drivers/pure/host_pci.h"
#include "drivers/pure/vq.h"
#include "socle/bits.h"

enum { VDEV_QUEUES = 2 };
enum { VDEV_VECTOR_CONFIG, VDEV_VECTOR_QUEUES, VDEV_VECTORS };    /* MSI-X table entries */

#define VDEV_F_INDIRECT     BIT64(28)   /* 6 */
#define VDEV_F_EVENT_IDX    BIT64(29)
#define VDEV_F_VERSION_1    BIT64(32)

struct vdev {
    /* Set by who found the device. */
    const struct host_pci_function *pci;        /* null in tests */
    char     at[HOST_PCI_TEXT];
    volatile uint8_t *common, *notify, *config; /* config: the device type's own */
    uint32_t notify_len, notify_multiplier, config_len;
    bool     polled;                            /* no interrupts: tests */
    struct dma_space space;
    uint64_t (*now)(void);
    void   (*wake)(void);                       /* the CPU's loop comes back to the drivers soon */
    void    *mem[VDEV_QUEUES];            /* VQ_PAGES each */

    uint64_t  features;                         /* as negotiated */
    struct vq q[VDEV_QUEUES];
    volatile uint16_t *doorbell[VDEV_QUEUES];
    _Atomic bool interrupted;                   /* set by the interrupt: look at the queues, */
    _Atomic bool changed;                       /* and at configuration and status */
};

/* From reset up to FEATURES_OK with what of `wanted` is offered. Null, or why it cannot be used. */
MUST_CHECK const char *vdev_negotiate(struct vdev *d, uint64_t wanted);
/* Sets up n queues and lets the device go. The driver has read its configuration. */
MUST_CHECK const char *vdev_start(struct vdev *d, unsigned n);

/* A reset takes its time (4.1.4.3.2): the status reads 0 when the device has let go of all memory. */
void vdev_reset(struct vdev *d);
bool vdev_is_reset(const struct vdev *d);
/* It asks for a reset (2.1.2). */
bool vdev_needs_reset(const struct vdev *d);
/* Says that the driver has given up, and keeps the device from memory. */
void vdev_give_up(struct vdev *d);

/* Shows queue n what was added and notifies if it wants that. */
static inline void vdev_kick(struct vdev *d, unsigned n)
{
    if (vq_publish(&d->q[n]))
        *d->doorbell[n] = (uint16_t)n;
}

/* Little-endian fields of the device's configuration; 0 beyond its end. Up to 32 bits read whole. */
uint8_t  vdev_config8(const struct vdev *d, unsigned offset);
uint16_t vdev_config16(const struct vdev *d, unsigned offset);
uint32_t vdev_config32(const struct vdev *d, unsigned offset);
/* 2.5.1: both halves of one generation. */
uint64_t vdev_config64(const struct vdev *d, unsigned offset);

static inline bool vdev_has(const struct vdev *d, uint64_t feature) { return d->features & feature; }

#endif
