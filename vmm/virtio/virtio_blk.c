/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device towards its transport: features, configuration, notifications, resets that
 * wait for the backend, limits of its rate, state. What happens on a queue is in
 * virtio_blk_queue.c. Virtio 1.2, section 5.2.
 */
#include "socle/virtio/virtio_blk.h"

#include "socle/assert.h"
#include "socle/str.h"
#include "vmm/virtio/virtio_blk_priv.h"

#define STATE_BLK       STATE_ID('V', 'B', 'L', 'K')
#define CLASS_STORAGE   0x018000u       /* PCI Code and ID Assignment 1.11, 1.2: other mass storage */

/* 5.2.4, as far as features are offered that use it. */
struct config_space {
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint8_t  geometry[4];
    uint32_t blk_size;
    uint8_t  physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t  writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t  write_zeroes_may_unmap, unused1[3];
} PACKED;
_Static_assert(offsetof(struct config_space, blk_size) == 20, "virtio_blk_config");
_Static_assert(offsetof(struct config_space, num_queues) == 34, "virtio_blk_config");
_Static_assert(offsetof(struct config_space, write_zeroes_may_unmap) == 56, "virtio_blk_config");
_Static_assert(sizeof(struct config_space) == 60, "virtio_blk_config");

/* Header and status take two descriptors of those that a queue has. */
enum { SEG_MAX = VIRTIO_BLK_QUEUE_SIZE - 2 };

static struct virtio_blk *blk_of(struct virtio *v) { return container_of(v, struct virtio_blk, v); }

/* ---- features and configuration ------------------------------------------------- */

static uint64_t features(const struct virtio_blk_config *c)
{
    uint64_t f = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_FLUSH;

    if (virtio_blk_readonly(c))
        f |= VIRTIO_BLK_F_RO;
    if (virtio_blk_discards(c))
        f |= VIRTIO_BLK_F_DISCARD;
    if (virtio_blk_zeroes(c))
        f |= VIRTIO_BLK_F_WRITE_ZEROES;
    if (c->queues > 1)
        f |= VIRTIO_BLK_F_MQ;
    return f;
}

static bool features_ok(struct virtio *v) { return true; }

static void config_read(struct virtio *v, unsigned offset, void *buf, unsigned n)
{
    const struct virtio_blk_config *c = &blk_of(v)->c;
    const uint32_t per_block = c->blk->block_size / BLK_SECTOR;
    struct config_space s = {
        .capacity = c->blk->sectors,
        .seg_max = SEG_MAX,
        .blk_size = BLK_SECTOR,
        .physical_block_exp = (uint8_t)__builtin_ctz(per_block),
        .min_io_size = (uint16_t)per_block,
        .num_queues = (uint16_t)c->queues,
    };
    if (virtio_blk_discards(c)) {
        s.max_discard_sectors = VIRTIO_BLK_RANGE_MAX;
        s.max_discard_seg = VIRTIO_BLK_RANGES;
        s.discard_sector_alignment = per_block;
    }
    if (virtio_blk_zeroes(c)) {
        s.max_write_zeroes_sectors = VIRTIO_BLK_RANGE_MAX;
        s.max_write_zeroes_seg = VIRTIO_BLK_RANGES;
        s.write_zeroes_may_unmap = c->blk->can_discard;
    }
    memcpy(buf, (const uint8_t *)&s + offset, n);
}

/* ---- waking queues -------------------------------------------------------------- */

static void defer_all(struct virtio_blk *d)
{
    for (unsigned i = 0; i < d->c.queues; i++)
        dev_defer(d->env, &d->c.queue[i].work);
}

static void notify(struct virtio *v, unsigned n)
{
    struct virtio_blk *d = blk_of(v);

    if (n >= d->c.queues)
        return;
    spin_lock(&v->q[n].lock);
    if (virtio_blk_serve(&d->c.queue[n]))
        dev_defer(d->env, &d->c.queue[n].work);
    spin_unlock(&v->q[n].lock);
}

static bool step(void *owner)
{
    struct virtio_blk_queue *q = owner;

    spin_lock(&virtio_blk_vq(q)->lock);
    bool more = virtio_blk_serve(q);
    spin_unlock(&virtio_blk_vq(q)->lock);
    return more;
}

/* Drivers may have filled queues before they were allowed to notify. */
static void start(struct virtio *v) { defer_all(blk_of(v)); }

/* Not only stalled queues: one may be just about to find the backend busy. */
static void resume(void *owner) { defer_all(owner); }

/* ---- limits --------------------------------------------------------------------- */

/* Asking both buckets for nothing first: a request that waits has taken from none. */
bool virtio_blk_allowed(struct virtio_blk *d, uint64_t bytes)
{
    uint64_t now = dev_now(d->env), when;

    spin_lock(&d->limit_lock);
    bool good = bucket_take(&d->requests, 0, now, &when) && bucket_take(&d->bytes, 0, now, &when) &&
                bucket_take(&d->requests, 1, now, &when) && bucket_take(&d->bytes, bytes, now, &when);
    if (!good)
        dev_alarm(d->env, &d->alarm, when);
    spin_unlock(&d->limit_lock);
    return good;
}

static void fire(void *owner, uint64_t now) { defer_all(owner); }

/* An eighth of a second's worth at once. */
static void init_limits(struct virtio_blk *d)
{
    uint64_t now = dev_now(d->env);

    d->limited = d->c.rate || d->c.iops;
    bucket_init(&d->bytes, d->c.rate, d->c.rate / 8, now);
    bucket_init(&d->requests, d->c.iops, d->c.iops / 8, now);
    alarm_init(&d->alarm, fire, d);
}

/* ---- resets --------------------------------------------------------------------- */

/* True: nothing of the queue is in the backend's hands. Else done() says when. */
static bool reset_queue(struct virtio_blk_queue *q, enum virtio_blk_drain drain)
{
    struct virtio_blk *d = q->d;

    spin_lock(&virtio_blk_vq(q)->lock);
    virtio_blk_forget(q);
    bool empty = !q->in_flight;
    if (!empty && q->drain != VIRTIO_BLK_DRAIN_DEVICE) {
        q->drain = drain;
        if (drain == VIRTIO_BLK_DRAIN_DEVICE)
            atomic_fetch_add(&d->draining, 1);
    }
    spin_unlock(&virtio_blk_vq(q)->lock);
    return empty;
}

/* Counts itself as well, so that a queue which ends meanwhile is not the last. */
static bool reset(struct virtio *v)
{
    struct virtio_blk *d = blk_of(v);

    atomic_fetch_add(&d->draining, 1);
    for (unsigned i = 0; i < d->c.queues; i++)
        reset_queue(&d->c.queue[i], VIRTIO_BLK_DRAIN_DEVICE);
    return atomic_fetch_sub(&d->draining, 1) == 1;
}

static bool queue_reset(struct virtio *v, unsigned n)
{
    struct virtio_blk *d = blk_of(v);
    return n >= d->c.queues || reset_queue(&d->c.queue[n], VIRTIO_BLK_DRAIN_QUEUE);
}

void virtio_blk_drained(struct virtio_blk_queue *q, enum virtio_blk_drain drain)
{
    struct virtio_blk *d = q->d;

    if (drain == VIRTIO_BLK_DRAIN_QUEUE)
        virtio_queue_reset_done(&d->v, q->n);
    else if (atomic_fetch_sub(&d->draining, 1) == 1)
        virtio_reset_done(&d->v);
}

/* ---- life cycle ----------------------------------------------------------------- */

void virtio_blk_init(struct virtio_blk *d, const struct virtio_blk_config *c, const struct dev_env *env)
{
    static const struct virtio_ops ops = {
        .notify = notify, .config_read = config_read, .features_ok = features_ok, .start = start,
        .reset = reset, .queue_reset = queue_reset,
    };
    const struct virtio_config config = {
        .type = VIRTIO_ID_BLK, .class_code = CLASS_STORAGE, .features = features(c), .queues = c->queues,
        .config_len = sizeof(struct config_space), .ops = &ops, .env = env, .name = c->name,
    };

    hv_assert(c->queues && c->queues <= VIRTIO_QUEUES_MAX);
    memset(d, 0, sizeof(*d));
    d->c = *c;
    d->env = env;
    init_limits(d);
    for (unsigned i = 0; i < c->queues; i++) {
        struct virtio_blk_queue *q = &c->queue[i];
        memset(q, 0, sizeof(*q));
        q->d = d;
        q->n = (uint16_t)i;
        q->work.step = step;
        q->work.owner = q;
        virtio_blk_queue_init(q);
    }
    c->blk->resume = resume;
    c->blk->owner = d;
    virtio_init(&d->v, &config, VIRTIO_BLK_QUEUE_SIZE);
}

bool virtio_blk_quiet(const struct virtio_blk *d)
{
    for (unsigned i = 0; i < d->c.queues; i++)
        if (__atomic_load_n(&d->c.queue[i].in_flight, __ATOMIC_ACQUIRE))
            return false;
    return true;
}

/* Requests of the backends repeat without harm, so those half done begin anew. */
static void take_back(struct virtio_blk_queue *q)
{
    spin_lock(&virtio_blk_vq(q)->lock);
    hv_assert(!q->in_flight);
    if (q->job.request)
        virtq_rewind(virtio_blk_vq(q), 1);
    virtio_blk_forget(q);
    spin_unlock(&virtio_blk_vq(q)->lock);
}

void virtio_blk_save(struct virtio_blk *d, struct state_out *o)
{
    for (unsigned i = 0; i < d->c.queues; i++)
        take_back(&d->c.queue[i]);
    state_begin(o, STATE_BLK, 1);
    state_put_u64(o, d->c.blk->sectors);
    state_put_u64(o, features(&d->c));
    state_put_u16(o, (uint16_t)d->c.queues);
    state_end(o);
    virtio_save(&d->v, o);
    defer_all(d);
}

hv_status virtio_blk_load(struct virtio_blk *d, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_BLK, 1, &version);

    if (s != HV_OK)
        return s;
    uint64_t sectors = state_get_u64(in), f = state_get_u64(in);
    uint16_t queues = state_get_u16(in);
    s = state_close(in);
    if (s != HV_OK || sectors != d->c.blk->sectors || f != features(&d->c) || queues != d->c.queues)
        return HV_INVALID;
    for (unsigned i = 0; i < d->c.queues; i++)
        take_back(&d->c.queue[i]);
    s = virtio_load(&d->v, in);
    defer_all(d);
    return s;
}
