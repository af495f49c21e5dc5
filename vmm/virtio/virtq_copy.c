/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies between the host and the memory that a request names. Virtio devices call it with
 * chains from virtq_take(); addresses are looked at only here, whatever a driver wrote into
 * its descriptors (virtio 1.2, 2.7.5).
 */
#include "socle/virtio/virtq.h"

#include "socle/bits.h"
#include "socle/str.h"

void *virtq_span(const struct virtq *q, struct virtq_cursor *k, bool write, size_t max, size_t *n)
{
    uint64_t at;

    if (k->i == k->end || !max)
        return NULL;
    const struct virtq_seg *s = &k->c->seg[k->i];
    *n = min_u64(max, s->len - k->off);
    if (unlikely(!add_u64(s->at.v, k->off, &at)))
        return NULL;
    void *p = gmem_span(q->mem, gpa(at), write, n);
    if (unlikely(!p))
        return NULL;
    k->off += (uint32_t)*n;
    if (k->off == s->len) {
        k->i++;
        k->off = 0;
    }
    return p;
}

bool virtq_pull(const struct virtq *q, struct virtq_cursor *k, void *to, size_t n)
{
    for (uint8_t *out = to; n;) {
        size_t here;
        const void *p = virtq_span(q, k, false, n, &here);
        if (unlikely(!p))
            return false;
        memcpy(out, p, here);
        out += here;
        n -= here;
    }
    return true;
}

bool virtq_push(const struct virtq *q, struct virtq_cursor *k, const void *from, size_t n)
{
    for (const uint8_t *in = from; n;) {
        size_t here;
        void *p = virtq_span(q, k, true, n, &here);
        if (unlikely(!p))
            return false;
        memcpy(p, in, here);
        in += here;
        n -= here;
    }
    return true;
}

bool virtq_skip(struct virtq_cursor *k, uint64_t n)
{
    while (n) {
        if (k->i == k->end)
            return false;
        uint32_t left = k->c->seg[k->i].len - k->off;
        if (n < left) {
            k->off += (uint32_t)n;
            return true;
        }
        n -= left;
        k->i++;
        k->off = 0;
    }
    return true;
}
