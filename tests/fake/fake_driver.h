/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio driver for tests of devices: the driver's side of a split virtqueue in the RAM of
 * a fake_env, and the set-up of a device through its PCI capabilities and registers, as a
 * guest does it. Well-behaved unless told otherwise: descriptors can be written one by one.
 */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include "fake/fake_env.h"
#include "socle/virtio/virtio.h"

enum { FAKE_NEXT = 1, FAKE_WRITE = 2, FAKE_INDIRECT = 4 };      /* descriptor flags */

/* ---- one queue ------------------------------------------------------------------ */

struct fake_buf { uint64_t at; uint32_t len; };

struct fake_ring {
    struct fake_env *f;
    uint16_t size;
    uint64_t desc, avail, used;         /* where the parts are */
    uint16_t avail_idx, used_idx;       /* next to offer, next to collect */
    bool     taken[VIRTQ_SIZE_MAX];     /* descriptors in use */
};

/* Bytes of RAM that a ring of this size takes. */
uint32_t fake_ring_bytes(uint16_t size);
/* Zeroes the parts: descriptors at `at` (16-byte aligned), the others behind. */
void fake_ring_init(struct fake_ring *r, struct fake_env *f, uint64_t at, uint16_t size);

/* Writes one descriptor; whatever the values are. */
void fake_ring_desc(struct fake_ring *r, unsigned i, uint64_t at, uint32_t len, uint16_t flags, uint16_t next);
/* Puts a head into the available ring and moves the index on. */
void fake_ring_offer(struct fake_ring *r, uint16_t head);
/* A chain of out + in buffers, the ones to read first: its head; asserts that it fits. */
uint16_t fake_ring_add(struct fake_ring *r, const struct fake_buf *b, unsigned out, unsigned in);
/* The same through an indirect table at `table`. */
uint16_t fake_ring_add_indirect(struct fake_ring *r, uint64_t table, const struct fake_buf *b, unsigned out,
                                unsigned in);
/* The next used element, and frees its chain; false: there is none. */
bool fake_ring_used(struct fake_ring *r, uint16_t *head, uint32_t *len);

/* Words of the rings that the two sides use to tell each other. */
uint16_t fake_ring_used_flags(const struct fake_ring *r);
uint16_t fake_ring_avail_event(const struct fake_ring *r);
void fake_ring_avail_flags(struct fake_ring *r, uint16_t flags);
void fake_ring_used_event(struct fake_ring *r, uint16_t event);

/* Values in RAM, little endian; they assert that it is RAM. */
uint64_t fake_get(const struct fake_env *f, uint64_t at, unsigned size);
void fake_put(struct fake_env *f, uint64_t at, unsigned size, uint64_t v);

/* ---- a device ------------------------------------------------------------------- */

/* Offsets in the common configuration, virtio 1.2, 4.1.4.3. */
enum {
    FAKE_DEVICE_FEATURE_SELECT = 0, FAKE_DEVICE_FEATURE = 4, FAKE_DRIVER_FEATURE_SELECT = 8,
    FAKE_DRIVER_FEATURE = 12, FAKE_CONFIG_VECTOR = 16, FAKE_NUM_QUEUES = 18, FAKE_STATUS = 20,
    FAKE_GENERATION = 21, FAKE_QUEUE_SELECT = 22, FAKE_QUEUE_SIZE = 24, FAKE_QUEUE_VECTOR = 26,
    FAKE_QUEUE_ENABLE = 28, FAKE_QUEUE_NOTIFY_OFF = 30, FAKE_QUEUE_DESC = 32, FAKE_QUEUE_DRIVER = 40,
    FAKE_QUEUE_DEVICE = 48, FAKE_QUEUE_NOTIFY_DATA = 56, FAKE_QUEUE_RESET = 58,
};

struct fake_cap { uint8_t bar; uint32_t offset, len; };

struct fake_driver {
    struct fake_env *f;
    struct virtio   *v;
    struct fake_cap  common, notify, isr, device;
    uint32_t         notify_multiplier;
    uint64_t         free;              /* next free RAM, from 64 KiB on */
    struct fake_ring ring[VIRTIO_QUEUES_MAX];
};

/* Finds the capabilities of v, which virtio_init() has been through. */
void fake_driver_init(struct fake_driver *d, struct fake_env *f, struct virtio *v);
/* 3.1.1 up to DRIVER_OK: accepts what is offered of `features`; rings of `size`, 0: the device's. */
void fake_driver_start(struct fake_driver *d, uint64_t features, uint16_t size);
/* The steps of it: reset and up to FEATURES_OK (false: refused), one queue. */
bool fake_driver_negotiate(struct fake_driver *d, uint64_t features);
void fake_driver_queue(struct fake_driver *d, uint16_t n, uint16_t size);
/* Aligned RAM that nobody else uses, zeroed: for buffers. */
uint64_t fake_driver_alloc(struct fake_driver *d, uint32_t len);

/* Registers of the common configuration. */
uint64_t fake_driver_get(struct fake_driver *d, unsigned offset, unsigned size);
void fake_driver_set(struct fake_driver *d, unsigned offset, unsigned size, uint64_t v);
uint64_t fake_driver_offered(struct fake_driver *d);
/* Device configuration, interrupt status (which clears), a notification. */
uint64_t fake_driver_config(struct fake_driver *d, unsigned offset, unsigned size);
void fake_driver_config_set(struct fake_driver *d, unsigned offset, unsigned size, uint64_t v);
uint8_t fake_driver_isr(struct fake_driver *d);
void fake_driver_notify(struct fake_driver *d, uint16_t n);

#endif
