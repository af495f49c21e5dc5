/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the virtio transport share with each other. */
#ifndef VIRTIO_PRIV_H
#define VIRTIO_PRIV_H

#include "socle/virtio/virtio.h"

/* Length of the common configuration (virtio 1.2, 4.1.4.3), queue_reset included. */
enum { VIRTIO_COMMON_LEN = 60 };

/* ---- virtio.c; under v->lock, but the first ---- */

static inline uint8_t virtio_status(const struct virtio *v)
{
    return __atomic_load_n(&v->status, __ATOMIC_ACQUIRE);
}
/* The driver writes device_status. */
void virtio_set_status(struct virtio *v, uint8_t value);
/* NEEDS_RESET, also before DRIVER_OK. */
void virtio_mark_broken(struct virtio *v, const char *why);
/* A queue as after a reset; no queue lock held. */
void virtio_clear_queue(struct virtio *v, unsigned n);
/* What a vector register holds when `value` is written: NO_VECTOR if there is none such. */
uint16_t virtio_vector(const struct virtio *v, uint16_t value);

/* ---- virtio_common.c; under v->lock ---- */

/* An access to the common configuration, as struct pci_bar's. */
void virtio_common_access(struct virtio *v, unsigned offset, struct bus_access *a);

/* ---- virtio_pci.c ---- */

/* Fills v->pci in. */
void virtio_pci_build(struct virtio *v);
/* A configuration interrupt, if the driver is there to take it. Any lock held. */
void virtio_config_interrupt(struct virtio *v);
/* No interrupt is asked for any more. */
void virtio_interrupts_off(struct virtio *v);

#endif
