/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of bytes for one producer and one consumer under their common lock: console
 * input, guests' output, logs. When full it either takes no more or forgets its oldest
 * bytes, as the call says.
 */
#ifndef SOCLE_RING_H
#define SOCLE_RING_H

#include "socle/types.h"

struct ring {
    uint8_t *buf;
    size_t   size;
    size_t   head;          /* where the oldest byte is; < size */
    size_t   used;
    uint64_t lost;          /* bytes refused or forgotten so far */
};

/* size > 0 bytes at buf. */
void ring_init(struct ring *r, void *buf, size_t size);
static inline size_t ring_room(const struct ring *r) { return r->size - r->used; }

/* Appends what fits and returns how much; the rest counts as lost. */
size_t ring_put(struct ring *r, const void *p, size_t n);
/* Appends all n bytes or, counting them as lost, none. */
bool ring_put_whole(struct ring *r, const void *p, size_t n);
/* Appends all n bytes, forgetting the oldest; of more than `size` only the last stay. */
void ring_put_over(struct ring *r, const void *p, size_t n);
/* Copies up to n bytes, from `skip` bytes after the oldest, and leaves them in. */
size_t ring_peek(const struct ring *r, size_t skip, void *p, size_t n);
/* Takes up to n bytes out. */
size_t ring_get(struct ring *r, void *p, size_t n);
/* Forgets up to n of the oldest bytes; not counted as lost. */
size_t ring_drop(struct ring *r, size_t n);
/* How many bytes after the oldest the last `lines` lines begin; a part line counts as one. */
size_t ring_last_lines(const struct ring *r, unsigned lines);

#endif
