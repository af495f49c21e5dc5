/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device's life: status, agreement on features, reset, being broken, save and load.
 * Registers are in virtio_common.c, PCI is in virtio_pci.c, what the device does behind
 * struct virtio_ops. Virtio 1.2, chapters 2.1 to 2.4 and 3.1.
 */
#include "virtio_priv.h"

#include "socle/assert.h"
#include "socle/str.h"

#define STATUS_DRIVER   (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_FAILED)
#define STATUS_ALL      (STATUS_DRIVER | VIRTIO_NEEDS_RESET)

#define ISR_ALL         3u

#define STATE_VIRTIO    STATE_ID('V', 'I', 'R', 'T')

/* ---- queues --------------------------------------------------------------------- */

static void adopt_features(struct virtq *q, uint64_t agreed)
{
    q->indirect = agreed & VIRTIO_F_INDIRECT_DESC;
    q->event_idx = agreed & VIRTIO_F_EVENT_IDX;
}

/* What the driver accepted counts from FEATURES_OK on. */
static uint64_t agreed_features(const struct virtio *v, uint8_t status)
{
    return status & VIRTIO_FEATURES_OK ? v->features : 0;
}

void virtio_clear_queue(struct virtio *v, unsigned n)
{
    struct virtq *q = &v->q[n];
    spin_lock(&q->lock);
    virtq_reset(q);
    adopt_features(q, agreed_features(v, virtio_status(v)));
    spin_unlock(&q->lock);
}

uint16_t virtio_vector(const struct virtio *v, uint16_t value)
{
    return value < v->pci.msix_vectors ? value : VIRTIO_NO_VECTOR;
}

/* ---- broken --------------------------------------------------------------------- */

void virtio_mark_broken(struct virtio *v, const char *why)
{
    uint8_t before = __atomic_fetch_or(&v->status, VIRTIO_NEEDS_RESET, __ATOMIC_SEQ_CST);
    if (before & VIRTIO_NEEDS_RESET)
        return;
    __atomic_store_n(&v->broken, why, __ATOMIC_RELEASE);
    v->c.env->misuse(v->c.env->ctx, v->c.name, why);
    virtio_config_interrupt(v);
}

void virtio_broken(struct virtio *v, const char *why)
{
    if (virtio_status(v) & VIRTIO_DRIVER_OK)
        virtio_mark_broken(v, why);
}

void virtio_config_changed(struct virtio *v)
{
    __atomic_add_fetch(&v->generation, 1, __ATOMIC_SEQ_CST);
    virtio_config_interrupt(v);
}

/* ---- reset ---------------------------------------------------------------------- */

/* True: over at once. Until it is over the status is not 0, and no queue is served. */
static bool begin_reset(struct virtio *v)
{
    v->resetting = true;
    __atomic_store_n(&v->status, VIRTIO_ACKNOWLEDGE, __ATOMIC_SEQ_CST);
    return v->c.ops->reset(v);
}

static void finish_reset(struct virtio *v)
{
    v->features = 0;
    v->config_vector = VIRTIO_NO_VECTOR;
    v->select = 0;
    v->feature_select = v->driver_select = 0;
    v->queue_resetting = 0;
    __atomic_store_n(&v->status, 0, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < v->c.queues; i++)
        virtio_clear_queue(v, i);
    virtio_interrupts_off(v);
    v->resetting = false;
}

bool virtio_machine_reset(struct virtio *v)
{
    spin_lock(&v->lock);
    if (!v->resetting && begin_reset(v))
        finish_reset(v);
    bool done = !v->resetting;
    spin_unlock(&v->lock);
    return done;
}

void virtio_reset_done(struct virtio *v)
{
    spin_lock(&v->lock);
    if (v->resetting)
        finish_reset(v);
    spin_unlock(&v->lock);
}

/* The device may have been reset as a whole meanwhile. */
void virtio_queue_reset_done(struct virtio *v, unsigned n)
{
    spin_lock(&v->lock);
    if (v->queue_resetting & BIT(n)) {
        virtio_clear_queue(v, n);
        v->queue_resetting &= (uint16_t)~BIT(n);
    }
    spin_unlock(&v->lock);
}

/* ---- status --------------------------------------------------------------------- */

/* 3.1.1 step 5, 6.1: nothing that was not offered, and the modern interface. */
static bool features_good(struct virtio *v)
{
    return !(v->features & ~v->offered) && virtio_has(v, VIRTIO_F_VERSION_1) &&
           (!v->c.ops->features_ok || v->c.ops->features_ok(v));
}

static void agree(struct virtio *v)
{
    for (unsigned i = 0; i < v->c.queues; i++) {
        spin_lock(&v->q[i].lock);
        adopt_features(&v->q[i], v->features);
        spin_unlock(&v->q[i].lock);
    }
}

/*
 * 2.1.1: a driver sets bits, and clears them only all at once; others than these stay. Without
 * FEATURES_OK there is no DRIVER_OK: what the queues look like has not been agreed on.
 */
void virtio_set_status(struct virtio *v, uint8_t value)
{
    const uint8_t before = virtio_status(v);
    uint8_t set = value & STATUS_DRIVER & ~before;

    if (v->resetting)
        return;
    if (!value) {
        if (begin_reset(v))
            finish_reset(v);
        return;
    }
    if (set & VIRTIO_FEATURES_OK) {
        if (features_good(v))
            agree(v);
        else
            set &= (uint8_t)~VIRTIO_FEATURES_OK;
    }
    if (!((before | set) & VIRTIO_FEATURES_OK))
        set &= (uint8_t)~VIRTIO_DRIVER_OK;
    /* Not a store: NEEDS_RESET may come at any time. */
    uint8_t after = __atomic_or_fetch(&v->status, set, __ATOMIC_SEQ_CST);
    if ((set & VIRTIO_DRIVER_OK) && !(after & VIRTIO_NEEDS_RESET) && v->c.ops->start)
        v->c.ops->start(v);
}

/* ---- set-up --------------------------------------------------------------------- */

void virtio_init(struct virtio *v, const struct virtio_config *c, uint16_t queue_max)
{
    hv_assert(c->queues && c->queues <= VIRTIO_QUEUES_MAX && is_pow2(queue_max) && queue_max <= VIRTQ_SIZE_MAX);
    memset(v, 0, sizeof(*v));
    v->c = *c;
    v->offered = c->features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
                 (c->ops->queue_reset ? VIRTIO_F_RING_RESET : 0);
    for (unsigned i = 0; i < c->queues; i++) {
        v->q[i].mem = c->env->mem;
        v->q[i].max = queue_max;
        virtq_reset(&v->q[i]);
    }
    v->config_vector = VIRTIO_NO_VECTOR;
    virtio_pci_build(v);
}

/* ---- save and load -------------------------------------------------------------- */

void virtio_save(const struct virtio *v, struct state_out *o)
{
    state_begin(o, STATE_VIRTIO, 1);
    state_put_u16(o, v->c.type);
    state_put_u16(o, (uint16_t)v->c.queues);
    state_put_u8(o, v->status);
    state_put_u8(o, v->generation);
    state_put_u8(o, v->isr);
    state_put_u16(o, v->config_vector);
    state_put_u16(o, v->select);
    state_put_u32(o, v->feature_select);
    state_put_u32(o, v->driver_select);
    state_put_u64(o, v->features);
    for (unsigned i = 0; i < v->c.queues; i++)
        virtq_save(&v->q[i], o);
    state_end(o);
}

/* The fields of a record, until all of them are known to be good. */
struct loaded {
    uint8_t  status, generation, isr;
    uint16_t config_vector, select;
    uint32_t feature_select, driver_select;
    uint64_t features;
    struct virtq q[VIRTIO_QUEUES_MAX];
};

static bool vector_good(const struct virtio *v, uint16_t vector) { return virtio_vector(v, vector) == vector; }

static bool load_queues(const struct virtio *v, struct loaded *n, struct state_in *in)
{
    bool good = true;
    for (unsigned i = 0; i < v->c.queues; i++) {
        n->q[i].mem = v->q[i].mem;
        n->q[i].max = v->q[i].max;
        adopt_features(&n->q[i], n->status & VIRTIO_FEATURES_OK ? n->features : 0);
        good = good && virtq_load(&n->q[i], in) && vector_good(v, n->q[i].vector);
    }
    return good;
}

/* Could a driver have brought the device here? */
static bool status_good(struct virtio *v, const struct loaded *n)
{
    if ((n->status & ~STATUS_ALL) || (n->isr & ~ISR_ALL) || !vector_good(v, n->config_vector))
        return false;
    if (!(n->status & VIRTIO_FEATURES_OK))
        return !(n->status & VIRTIO_DRIVER_OK);
    const uint64_t now = v->features;
    v->features = n->features;
    bool good = features_good(v);
    v->features = now;
    return good;
}

static bool load_fields(struct virtio *v, struct loaded *n, struct state_in *in)
{
    bool good = state_get_u16(in) == v->c.type;
    good &= state_get_u16(in) == v->c.queues;
    n->status = state_get_u8(in);
    n->generation = state_get_u8(in);
    n->isr = state_get_u8(in);
    n->config_vector = state_get_u16(in);
    n->select = state_get_u16(in);
    n->feature_select = state_get_u32(in);
    n->driver_select = state_get_u32(in);
    n->features = state_get_u64(in);
    return good && status_good(v, n) && load_queues(v, n, in);
}

hv_status virtio_load(struct virtio *v, struct state_in *in)
{
    struct loaded n = { 0 };
    uint16_t version;
    hv_status s = state_open(in, STATE_VIRTIO, 1, &version);
    if (s != HV_OK)
        return s;
    bool good = load_fields(v, &n, in);
    s = state_close(in);
    if (s != HV_OK || !good)
        return HV_INVALID;
    v->status = n.status;
    v->generation = n.generation;
    v->isr = n.isr;
    v->config_vector = n.config_vector;
    v->select = n.select;
    v->feature_select = n.feature_select;
    v->driver_select = n.driver_select;
    v->features = n.features;
    v->resetting = false;
    v->queue_resetting = 0;
    memcpy(v->q, n.q, sizeof(v->q));
    return HV_OK;
}
