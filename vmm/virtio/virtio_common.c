/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common configuration of a virtio device (virtio 1.2, 4.1.4.3): registers for status,
 * features, and the set-up of one queue after the other. Guests reach it through a BAR or
 * through configuration space (virtio_pci.c), in both cases under v->lock.
 */
#include "virtio_priv.h"

enum {
    DEVICE_FEATURE_SELECT = 0, DEVICE_FEATURE = 4, DRIVER_FEATURE_SELECT = 8, DRIVER_FEATURE = 12,
    CONFIG_VECTOR = 16, NUM_QUEUES = 18, DEVICE_STATUS = 20, CONFIG_GENERATION = 21,
    QUEUE_SELECT = 22, QUEUE_SIZE = 24, QUEUE_VECTOR = 26, QUEUE_ENABLE = 28, QUEUE_NOTIFY_OFF = 30,
    QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48, QUEUE_NOTIFY_DATA = 56, QUEUE_RESET = 58,
};

/* 4.1.3.1: each register is accessed in its own width, those of 64 bits by halves. */
static const uint8_t width[VIRTIO_COMMON_LEN] = {
    [DEVICE_FEATURE_SELECT] = 4, [DEVICE_FEATURE] = 4, [DRIVER_FEATURE_SELECT] = 4, [DRIVER_FEATURE] = 4,
    [CONFIG_VECTOR] = 2, [NUM_QUEUES] = 2, [DEVICE_STATUS] = 1, [CONFIG_GENERATION] = 1,
    [QUEUE_SELECT] = 2, [QUEUE_SIZE] = 2, [QUEUE_VECTOR] = 2, [QUEUE_ENABLE] = 2, [QUEUE_NOTIFY_OFF] = 2,
    [QUEUE_DESC] = 4, [QUEUE_DESC + 4] = 4, [QUEUE_DRIVER] = 4, [QUEUE_DRIVER + 4] = 4,
    [QUEUE_DEVICE] = 4, [QUEUE_DEVICE + 4] = 4, [QUEUE_NOTIFY_DATA] = 2, [QUEUE_RESET] = 2,
};

/* ---- features ------------------------------------------------------------------- */

static uint32_t word_of(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

/* 3.1.1: fixed once FEATURES_OK is set. */
static void accept_features(struct virtio *v, uint32_t value)
{
    if (v->driver_select >= 2 || v->resetting || (virtio_status(v) & VIRTIO_FEATURES_OK))
        return;
    unsigned shift = 32 * v->driver_select;
    v->features = (v->features & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

/* ---- one queue ------------------------------------------------------------------ */

/* Null: queue_select names none (4.1.4.3.1: then queue_size reads 0). */
static struct virtq *selected(struct virtio *v) { return v->select < v->c.queues ? &v->q[v->select] : NULL; }

/*
 * Set-up comes before DRIVER_OK (3.1.1 step 7), or after a reset of the queue (2.6.1), and
 * ends with queue_enable.
 */
static bool may_set_up(const struct virtio *v, const struct virtq *q)
{
    if (q->enabled || v->resetting || (v->queue_resetting & BIT(v->select)))
        return false;
    return !(virtio_status(v) & VIRTIO_DRIVER_OK) || virtio_has(v, VIRTIO_F_RING_RESET);
}

static void enable(struct virtio *v, struct virtq *q)
{
    const char *why;
    spin_lock(&q->lock);
    bool good = virtq_place_ok(q, &why);
    q->enabled = good;
    spin_unlock(&q->lock);
    if (!good)
        virtio_mark_broken(v, why);
}

/* 2.6.1: the device is done with the queue at once, or says so later. */
static void reset_queue(struct virtio *v, struct virtq *q)
{
    const uint16_t n = v->select;
    if (!q->enabled || v->resetting || !virtio_has(v, VIRTIO_F_RING_RESET) ||
        !(virtio_status(v) & VIRTIO_FEATURES_OK))
        return;
    spin_lock(&q->lock);
    q->enabled = false;
    spin_unlock(&q->lock);
    v->queue_resetting |= (uint16_t)BIT(n);
    if (!v->c.ops->queue_reset(v, n))
        return;
    virtio_clear_queue(v, n);
    v->queue_resetting &= (uint16_t)~BIT(n);
}

static void set_vector(const struct virtio *v, struct virtq *q, uint16_t value)
{
    __atomic_store_n(&q->vector, virtio_vector(v, value), __ATOMIC_RELAXED);
}

static void set_half(gpa_t *at, unsigned offset, uint32_t value)
{
    unsigned shift = offset & 4 ? 32 : 0;
    at->v = (at->v & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static void write_queue(struct virtio *v, unsigned offset, uint32_t value)
{
    struct virtq *q = selected(v);
    if (!q)
        return;
    if (offset == QUEUE_VECTOR)
        set_vector(v, q, (uint16_t)value);
    if (offset == QUEUE_RESET && value == 1)
        reset_queue(v, q);
    if (!may_set_up(v, q))
        return;
    /* Not enabled, hence nobody else looks at these. */
    switch (offset) {
    case QUEUE_SIZE:
        if (is_pow2(value) && value <= q->max)
            q->size = (uint16_t)value;
        break;
    case QUEUE_ENABLE:
        if (value == 1)
            enable(v, q);
        break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4: set_half(&q->desc, offset, value); break;
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4: set_half(&q->avail, offset, value); break;
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4: set_half(&q->used, offset, value); break;
    }
}

static uint32_t read_queue(struct virtio *v, unsigned offset)
{
    const struct virtq *q = selected(v);
    if (!q)
        return offset == QUEUE_VECTOR ? VIRTIO_NO_VECTOR : 0;
    switch (offset) {
    case QUEUE_SIZE: return q->size;
    case QUEUE_VECTOR: return q->vector;
    case QUEUE_ENABLE: return q->enabled;
    case QUEUE_NOTIFY_OFF:
    case QUEUE_NOTIFY_DATA: return v->select;
    case QUEUE_DESC: return (uint32_t)q->desc.v;
    case QUEUE_DESC + 4: return (uint32_t)(q->desc.v >> 32);
    case QUEUE_DRIVER: return (uint32_t)q->avail.v;
    case QUEUE_DRIVER + 4: return (uint32_t)(q->avail.v >> 32);
    case QUEUE_DEVICE: return (uint32_t)q->used.v;
    case QUEUE_DEVICE + 4: return (uint32_t)(q->used.v >> 32);
    case QUEUE_RESET: return v->queue_resetting >> v->select & 1;
    }
    return 0;
}

/* ---- registers ------------------------------------------------------------------ */

static uint32_t read_register(struct virtio *v, unsigned offset)
{
    switch (offset) {
    case DEVICE_FEATURE_SELECT: return v->feature_select;
    case DEVICE_FEATURE: return word_of(v->offered, v->feature_select);
    case DRIVER_FEATURE_SELECT: return v->driver_select;
    case DRIVER_FEATURE: return word_of(v->features, v->driver_select);
    case CONFIG_VECTOR: return v->config_vector;
    case NUM_QUEUES: return v->c.queues;
    case DEVICE_STATUS: return virtio_status(v);
    case CONFIG_GENERATION: return __atomic_load_n(&v->generation, __ATOMIC_ACQUIRE);
    case QUEUE_SELECT: return v->select;
    default: return read_queue(v, offset);
    }
}

static void write_register(struct virtio *v, unsigned offset, uint32_t value)
{
    switch (offset) {
    case DEVICE_FEATURE_SELECT: v->feature_select = value; break;
    case DRIVER_FEATURE_SELECT: v->driver_select = value; break;
    case DRIVER_FEATURE: accept_features(v, value); break;
    case CONFIG_VECTOR:
        __atomic_store_n(&v->config_vector, virtio_vector(v, (uint16_t)value), __ATOMIC_RELAXED);
        break;
    case DEVICE_STATUS: virtio_set_status(v, (uint8_t)value); break;
    case QUEUE_SELECT: v->select = (uint16_t)value; break;
    default: write_queue(v, offset, value); break;
    }
}

void virtio_common_access(struct virtio *v, unsigned offset, struct bus_access *a)
{
    const bool halves = a->size == 8;
    if (offset >= VIRTIO_COMMON_LEN)
        return;
    if (halves ? offset < QUEUE_DESC || offset > QUEUE_DEVICE || offset % 8 : width[offset] != a->size)
        return;
    if (a->write) {
        write_register(v, offset, (uint32_t)a->value);
        if (halves)
            write_register(v, offset + 4, (uint32_t)(a->value >> 32));
        return;
    }
    a->value = read_register(v, offset);
    if (halves)
        a->value |= (uint64_t)read_register(v, offset + 4) << 32;
}
