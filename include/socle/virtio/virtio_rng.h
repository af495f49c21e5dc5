/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (virtio 1.2, section 5.4): one queue of buffers to fill with random
 * bytes. Much at once is served in pieces, as deferred work, so that no request is long.
 */
#ifndef SOCLE_VIRTIO_RNG_H
#define SOCLE_VIRTIO_RNG_H

#include "socle/virtio/virtio.h"

enum { VIRTIO_RNG_PIECE = 4096 };       /* most bytes of one call, and of one request */

/* Fills n random bytes; with the queue's lock held. n is at most some hundreds. */
typedef void (*virtio_rng_source)(void *ctx, void *buf, size_t n);

struct virtio_rng {
    struct virtio         v;
    struct dev_work       work;
    const struct dev_env *env;
    virtio_rng_source     random;
    void                 *ctx;
};

/* VM set-up; the caller adds d->v.pci to the bus, and resets by virtio_machine_reset(&d->v). */
void virtio_rng_init(struct virtio_rng *d, const struct dev_env *env, virtio_rng_source random, void *ctx);

void virtio_rng_save(const struct virtio_rng *d, struct state_out *o);
MUST_CHECK hv_status virtio_rng_load(struct virtio_rng *d, struct state_in *in);

#endif
