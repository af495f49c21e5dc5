/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (virtio 1.2, section 5.4): fills the driver's buffers with random bytes
 * of a source that its owner names. The transport calls it for notifications; what is too
 * much for one goes on as deferred work.
 */
#include "socle/virtio/virtio_rng.h"

#include "socle/str.h"

#define CLASS_OTHER     0x00ff00        /* PCI code and ID assignment: built before classes, none fits */

enum {
    QUEUE_SIZE = 64,
    REQUESTS_MAX = 32,                  /* of one call: requests of no bytes cost time, too */
    CHUNK = 256,
};

static struct virtio_rng *rng_of(struct virtio *v) { return container_of(v, struct virtio_rng, v); }

/* 5.4.6.2: at least one byte, and perhaps fewer than there is room for. False: no RAM there. */
static bool fill(struct virtio_rng *d, const struct virtq_chain *c, uint32_t n)
{
    struct virtq_cursor k = virtq_in(c);
    uint8_t bytes[CHUNK];
    bool good = true;

    while (n && good) {
        uint32_t here = (uint32_t)min_u64(n, CHUNK);
        d->random(d->ctx, bytes, here);
        good = virtq_push(&d->v.q[0], &k, bytes, here);
        n -= here;
    }
    memset(bytes, 0, sizeof(bytes));    /* what a guest made its keys of is nobody else's */
    __asm__ volatile("" : : "r"(bytes) : "memory");
    return good;
}

/* Why the device is broken now; else null, and *budget is less by what was given. */
static const char *answer(struct virtio_rng *d, const struct virtq_chain *c, uint32_t *budget)
{
    uint32_t n = (uint32_t)min_u64(c->in_len, *budget);
    if (c->out)
        return "entropy request with a buffer to read from";        /* 5.4.6.1 */
    if (!fill(d, c, n))
        return "entropy buffer is not in RAM";
    virtq_put(&d->v.q[0], c->head, n);
    *budget -= n;
    return NULL;
}

/* Takes requests until the budget is used up; null at the end of them, too. *more: there are. */
static const char *answer_all(struct virtio_rng *d, bool *more)
{
    struct virtq *q = &d->v.q[0];
    uint32_t budget = VIRTIO_RNG_PIECE;
    struct virtq_chain c;
    const char *why = NULL;

    for (unsigned left = REQUESTS_MAX; left && budget && !why; left--) {
        switch (virtq_take(q, &c)) {
        case VIRTQ_GOT:
            why = answer(d, &c, &budget);
            break;
        case VIRTQ_BROKEN:
            return q->broken;
        case VIRTQ_EMPTY:
            if (!virtq_notify_enable(q)) {
                *more = false;
                return NULL;
            }
            break;
        }
    }
    return why;
}

/* The queue's lock is held. True: there is more to do. */
static bool serve(struct virtio_rng *d)
{
    struct virtq *q = &d->v.q[0];
    bool more = true;

    if (!virtio_ready(&d->v, 0))
        return false;
    virtq_notify_disable(q);
    const char *why = answer_all(d, &more);
    if (virtq_publish(q))
        virtio_interrupt(&d->v, q);
    if (why)
        virtio_broken(&d->v, why);
    return more && !why;
}

static bool step(void *owner)
{
    struct virtio_rng *d = owner;
    spin_lock(&d->v.q[0].lock);
    bool more = serve(d);
    spin_unlock(&d->v.q[0].lock);
    return more;
}

static void notify(struct virtio *v, unsigned n)
{
    if (step(rng_of(v)))
        dev_defer(rng_of(v)->env, &rng_of(v)->work);
}

/* There may be requests in the queue already. */
static void start(struct virtio *v) { dev_defer(rng_of(v)->env, &rng_of(v)->work); }

/* Nothing is ever under way between two calls. */
static bool reset(struct virtio *v) { return true; }
static bool queue_reset(struct virtio *v, unsigned n) { return true; }

void virtio_rng_init(struct virtio_rng *d, const struct dev_env *env, virtio_rng_source random, void *ctx)
{
    static const struct virtio_ops ops = {
        .notify = notify, .start = start, .reset = reset, .queue_reset = queue_reset,
    };
    const struct virtio_config c = {
        .type = VIRTIO_ID_RNG, .class_code = CLASS_OTHER, .queues = 1, .ops = &ops, .env = env, .name = "rng",
    };
    virtio_init(&d->v, &c, QUEUE_SIZE);
    d->work = (struct dev_work){ .step = step, .owner = d };
    d->env = env;
    d->random = random;
    d->ctx = ctx;
}

void virtio_rng_save(const struct virtio_rng *d, struct state_out *o) { virtio_save(&d->v, o); }

/* Deferred work is not saved: looking once more is all it takes. */
hv_status virtio_rng_load(struct virtio_rng *d, struct state_in *in)
{
    hv_status s = virtio_load(&d->v, in);
    if (s == HV_OK)
        dev_defer(d->env, &d->work);
    return s;
}
