/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a virtio driver, for native tests. Its registers are plain memory: features,
 * queue sizes and configuration stay as the test wrote them, and the status reads back as written.
 * All memory lies in one arena, whose offsets are the DMA addresses.
 */
#ifndef FAKE_VDEV_H
#define FAKE_VDEV_H

#include "drivers/pure/vdev.h"

enum { FAKE_SEGS = 160 };

struct fake_vdev {
    _Alignas(8) uint8_t common[64];
    _Alignas(8) uint8_t notify[64];
    _Alignas(8) uint8_t config[256];
    uint8_t *arena;
    struct vdev *d;
    uint16_t next[VDEV_QUEUES];   /* of the available rings */
    uint16_t used[VDEV_QUEUES];
};

/* A request as the device sees it. */
struct fake_request {
    uint16_t head;
    unsigned n;
    bool     indirect;
    struct { uint8_t *at; uint32_t len; bool write; } seg[FAKE_SEGS];
};

/* Registers in front of d; features: the low half as offered, VERSION_1 is added (and with it bit 0). */
void fake_vdev_init(struct fake_vdev *f, struct vdev *d, uint8_t *arena, uint32_t features, uint16_t queue_size,
                    uint64_t (*now)(void));
/* After the driver has set the device up (again). */
void fake_vdev_rings(struct fake_vdev *f);
bool fake_vdev_take(struct fake_vdev *f, unsigned queue, struct fake_request *r);
void fake_vdev_put(struct fake_vdev *f, unsigned queue, uint32_t head, uint32_t len);
uint8_t fake_vdev_status(const struct fake_vdev *f);

#endif
