/* SPDX-License-Identifier: BSD-2-Clause */
/* See vdev.h. */
#include "drivers/pure/vdev.h"

enum {                                  /* 4.1.4.3: common configuration */
    C_DEVICE_FEATURE_SELECT = 0, C_DEVICE_FEATURE = 4, C_DRIVER_FEATURE_SELECT = 8, C_DRIVER_FEATURE = 12,
    C_CONFIG_VECTOR = 16, C_NUM_QUEUES = 18, C_STATUS = 20, C_GENERATION = 21, C_QUEUE_SELECT = 22, C_QUEUE_SIZE = 24,
    C_QUEUE_VECTOR = 26, C_QUEUE_ENABLE = 28, C_QUEUE_NOTIFY_OFF = 30, C_QUEUE_DESC = 32, C_QUEUE_DRIVER = 40,
    C_QUEUE_DEVICE = 48,
};
enum {                                  /* 2.1: status */
    S_ACKNOWLEDGE = 1, S_DRIVER = 2, S_DRIVER_OK = 4, S_FEATURES_OK = 8, S_NEEDS_RESET = 0x40, S_FAILED = 0x80,
};
enum { NO_VECTOR = 0xffff };
#define RESET_NS 1000000000ull

static uint8_t rd8(const volatile uint8_t *p) { return *p; }
static uint16_t rd16(const volatile uint8_t *p) { return *(const volatile uint16_t *)p; }
static uint32_t rd32(const volatile uint8_t *p) { return *(const volatile uint32_t *)p; }
static void wr8(volatile uint8_t *p, uint8_t v) { *p = v; }
static void wr16(volatile uint8_t *p, uint16_t v) { *(volatile uint16_t *)p = v; }
static void wr32(volatile uint8_t *p, uint32_t v) { *(volatile uint32_t *)p = v; }
/* 4.1.3.1: 64-bit fields as two halves. */
static void wr64(volatile uint8_t *p, uint64_t v)
{
    wr32(p, (uint32_t)v);
    wr32(p + 4, (uint32_t)(v >> 32));
}

void vdev_reset(struct vdev *d) { wr8(d->common + C_STATUS, 0); }
bool vdev_is_reset(const struct vdev *d) { return rd8(d->common + C_STATUS) == 0; }
bool vdev_needs_reset(const struct vdev *d) { return rd8(d->common + C_STATUS) & S_NEEDS_RESET; }

void vdev_give_up(struct vdev *d)
{
    wr8(d->common + C_STATUS, S_FAILED);
    if (d->pci)
        host_pci_stop_dma(d->pci);
}

static void add_status(struct vdev *d, uint8_t bit)
{
    wr8(d->common + C_STATUS, (uint8_t)(rd8(d->common + C_STATUS) | bit));
}

static uint64_t offered(struct vdev *d)
{
    uint64_t f = 0;
    for (uint32_t half = 0; half < 2; half++) {
        wr32(d->common + C_DEVICE_FEATURE_SELECT, half);
        f |= (uint64_t)rd32(d->common + C_DEVICE_FEATURE) << (32 * half);
    }
    return f;
}

static void accept(struct vdev *d)
{
    for (uint32_t half = 0; half < 2; half++) {
        wr32(d->common + C_DRIVER_FEATURE_SELECT, half);
        wr32(d->common + C_DRIVER_FEATURE, (uint32_t)(d->features >> (32 * half)));
    }
}

const char *vdev_negotiate(struct vdev *d, uint64_t wanted)
{
    uint64_t end = d->now() + RESET_NS;
    vdev_reset(d);
    while (!vdev_is_reset(d))
        if (d->now() > end)
            return "the device does not reset";
    add_status(d, S_ACKNOWLEDGE);
    add_status(d, S_DRIVER);
    d->features = offered(d) & (wanted | VDEV_F_VERSION_1 | VDEV_F_INDIRECT | VDEV_F_EVENT_IDX);
    if (!(d->features & VDEV_F_VERSION_1))
        return "legacy virtio only";
    accept(d);
    add_status(d, S_FEATURES_OK);
    if (!(rd8(d->common + C_STATUS) & S_FEATURES_OK))
        return "the device takes no features";
    return NULL;
}

/* Entry of the MSI-X table for one register; the device says whether it took it (4.1.5.1.2). */
static bool set_vector(struct vdev *d, unsigned offset, uint16_t vector)
{
    if (d->polled)
        vector = NO_VECTOR;
    wr16(d->common + offset, vector);
    return rd16(d->common + offset) == vector;
}

static const char *start_queue(struct vdev *d, unsigned n)
{
    struct vq *q = &d->q[n];
    wr16(d->common + C_QUEUE_SELECT, (uint16_t)n);
    uint16_t size = rd16(d->common + C_QUEUE_SIZE);
    if (!size)
        return "a queue is missing";
    while (size & (size - 1))           /* sizes of split queues are powers of two */
        size &= (uint16_t)(size - 1);
    if (size > VQ_SIZE_MAX)
        size = VQ_SIZE_MAX;
    uint64_t at = (uint64_t)rd16(d->common + C_QUEUE_NOTIFY_OFF) * d->notify_multiplier;
    if (d->notify_len < 2 || at > d->notify_len - 2)
        return "a doorbell is outside of its registers";
    vq_init(q, size, d->mem[n], vdev_has(d, VDEV_F_INDIRECT), vdev_has(d, VDEV_F_EVENT_IDX));
    d->doorbell[n] = (volatile uint16_t *)(d->notify + at);
    wr16(d->common + C_QUEUE_SIZE, size);
    if (!set_vector(d, C_QUEUE_VECTOR, VDEV_VECTOR_QUEUES))
        return "the device has no interrupt vector left";
    wr64(d->common + C_QUEUE_DESC, dma_map(&d->space, q->desc).v);
    wr64(d->common + C_QUEUE_DRIVER, dma_map(&d->space, q->avail).v);
    wr64(d->common + C_QUEUE_DEVICE, dma_map(&d->space, q->used).v);
    wr16(d->common + C_QUEUE_ENABLE, 1);
    return NULL;
}

const char *vdev_start(struct vdev *d, unsigned n)
{
    if (rd16(d->common + C_NUM_QUEUES) < n)
        return "a queue is missing";
    if (!set_vector(d, C_CONFIG_VECTOR, VDEV_VECTOR_CONFIG))
        return "the device has no interrupt vector left";
    for (unsigned i = 0; i < n; i++) {
        const char *why = start_queue(d, i);
        if (why)
            return why;
    }
    add_status(d, S_DRIVER_OK);
    return NULL;
}

static bool has_field(const struct vdev *d, unsigned offset, unsigned size)
{
    return offset + size <= d->config_len;
}

uint8_t vdev_config8(const struct vdev *d, unsigned offset)
{
    return has_field(d, offset, 1) ? rd8(d->config + offset) : 0;
}

uint16_t vdev_config16(const struct vdev *d, unsigned offset)
{
    return has_field(d, offset, 2) ? rd16(d->config + offset) : 0;
}

uint32_t vdev_config32(const struct vdev *d, unsigned offset)
{
    return has_field(d, offset, 4) ? rd32(d->config + offset) : 0;
}

uint64_t vdev_config64(const struct vdev *d, unsigned offset)
{
    uint64_t v = 0;
    for (unsigned tries = 0; tries < 16; tries++) {
        uint8_t generation = rd8(d->common + C_GENERATION);
        v = vdev_config32(d, offset) | (uint64_t)vdev_config32(d, offset + 4) << 32;
        if (rd8(d->common + C_GENERATION) == generation)
            break;
    }
    return v;
}
