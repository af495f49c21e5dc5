/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of one output device. Called by the console under its lock; the device
 * takes bytes at its own speed, and a message that finds no room leaves no trace.
 */
#include "socle/console/outq.h"

#include "socle/bits.h"
#include "socle/str.h"

void outq_init(struct outq *q, void *buf, uint32_t cap)
{
    *q = (struct outq){ .buf = buf, .cap = cap };
}

void outq_begin(struct outq *q, uint32_t limit)
{
    q->open = 0;
    q->limit = limit < q->cap ? limit : q->cap;
    q->failed = false;
}

void outq_put(struct outq *q, const void *bytes, size_t n)
{
    uint32_t size = q->used + q->open;
    if (q->failed || size > q->limit || n > q->limit - size) {
        q->failed = true;
        return;
    }
    uint32_t place = (q->head + size) % q->cap;
    size_t first = (size_t)min_u64(n, q->cap - place);
    memcpy(q->buf + place, bytes, first);
    memcpy(q->buf, (const uint8_t *)bytes + first, n - first);
    q->open += (uint32_t)n;
}

bool outq_commit(struct outq *q)
{
    if (!q->failed)
        q->used += q->open;
    q->open = 0;
    return !q->failed;
}

size_t outq_take(struct outq *q, void *to, size_t max)
{
    uint32_t n = (uint32_t)min_u64(max, q->used);
    uint32_t first = (uint32_t)min_u64(n, q->cap - q->head);
    memcpy(to, q->buf + q->head, first);
    memcpy((uint8_t *)to + first, q->buf, n - first);
    q->head = (q->head + n) % q->cap;
    q->used -= n;
    return n;
}

static uint8_t *byte_at(const struct outq *q, uint32_t i)
{
    return &q->buf[(q->head + i) % q->cap];
}

/* Index behind the next LF from i on; `used` and *ended false when there is none. */
static uint32_t line_end(const struct outq *q, uint32_t i, bool *ended)
{
    for (; i < q->used; i++) {
        if (*byte_at(q, i) == '\n') {
            *ended = true;
            return i + 1;
        }
    }
    *ended = false;
    return q->used;
}

uint32_t outq_remove_lines(struct outq *q, uint8_t first)
{
    uint32_t removed = 0;
    bool ended;
    uint32_t from = line_end(q, 0, &ended), to = from;
    while (from < q->used) {
        uint32_t next = line_end(q, from, &ended);
        if (ended && *byte_at(q, from) == first) {
            removed++;
            from = next;
        }
        else
            while (from < next)
                *byte_at(q, to++) = *byte_at(q, from++);
    }
    q->used = to;
    return removed;
}
