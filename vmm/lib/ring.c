/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The byte ring of ring.h, for console input and the last output of guests. Called
 * under the lock of whoever owns the ring; no memory of its own.
 */
#include "socle/ring.h"

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

void ring_init(struct ring *r, void *buf, size_t size)
{
    hv_assert(size > 0);
    *r = (struct ring){ .buf = buf, .size = size };
}

/* Where the byte `n` places after the oldest is; n <= size. */
static size_t place(const struct ring *r, size_t n)
{
    size_t to_end = r->size - r->head;
    return n < to_end ? r->head + n : n - to_end;
}

/* n bytes that are known to fit, in up to two pieces. */
static void append(struct ring *r, const uint8_t *p, size_t n)
{
    size_t at = place(r, r->used);
    size_t first = min_u64(n, r->size - at);

    if (!n)
        return;
    memcpy(r->buf + at, p, first);
    memcpy(r->buf, p + first, n - first);
    r->used += n;
}

size_t ring_put(struct ring *r, const void *p, size_t n)
{
    size_t fits = min_u64(n, ring_room(r));

    append(r, p, fits);
    r->lost += n - fits;
    return fits;
}

bool ring_put_whole(struct ring *r, const void *p, size_t n)
{
    bool fits = n <= ring_room(r);

    if (fits)
        append(r, p, n);
    else
        r->lost += n;
    return fits;
}

void ring_put_over(struct ring *r, const void *p, size_t n)
{
    const uint8_t *bytes = p;

    if (n > r->size) {
        r->lost += n - r->size;
        bytes += n - r->size;
        n = r->size;
    }
    if (n > ring_room(r))
        r->lost += ring_drop(r, n - ring_room(r));
    append(r, bytes, n);
}

size_t ring_peek(const struct ring *r, size_t skip, void *p, size_t n)
{
    uint8_t *out = p;

    if (skip >= r->used || !n)
        return 0;
    n = min_u64(n, r->used - skip);
    size_t at = place(r, skip);
    size_t first = min_u64(n, r->size - at);
    memcpy(out, r->buf + at, first);
    memcpy(out + first, r->buf, n - first);
    return n;
}

size_t ring_drop(struct ring *r, size_t n)
{
    n = min_u64(n, r->used);
    r->head = place(r, n);
    r->used -= n;
    return n;
}

size_t ring_get(struct ring *r, void *p, size_t n)
{
    return ring_drop(r, ring_peek(r, 0, p, n));
}

size_t ring_last_lines(const struct ring *r, unsigned lines)
{
    size_t n = r->used;

    if (!lines)
        return n;
    /* The line end of the last line begins no further line. */
    for (size_t i = r->used; i > 0; i--) {
        bool line_end = r->buf[place(r, i - 1)] == '\n';
        if (line_end && i != r->used && --lines == 0)
            return i;
        n = i - 1;
    }
    return n;
}
