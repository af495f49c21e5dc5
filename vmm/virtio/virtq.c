/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split virtqueues, the device's side: takes requests from the available ring, gives them
 * back through the used ring, and agrees with the driver on notifications and interrupts.
 * Virtio devices call it with the queue's lock held; virtio 1.2, section 2.7.
 *
 * Each access finds the ring in guest memory anew, so a ring that is no longer in RAM breaks
 * the queue and nothing else. Words of the rings are naturally aligned and hence never torn.
 */
#include "socle/virtio/virtq.h"

#include "socle/bits.h"

enum {
    DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4,   /* 2.7.5 */
    AVAIL_NO_INTERRUPT = 1,                             /* 2.7.6 */
    USED_NO_NOTIFY = 1,                                 /* 2.7.8 */
    AVAIL_FLAGS = 0, AVAIL_INDEX = 2, AVAIL_RING = 4,
    USED_FLAGS = 0, USED_INDEX = 2, USED_RING = 4,
    NO_VECTOR = 0xffff,                                 /* 4.1.4.3 */
};

#define CHAIN_BYTES_MAX     (1ull << 32)                /* 2.7.4.2 */

static const char no_ram[] = "a ring is not in RAM";

/* 2.7.5, in guest memory. */
struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
_Static_assert(sizeof(struct desc) == 16, "virtq_desc");

/* 2.7.8: virtq_used_elem. */
struct used_elem { uint32_t id, len; };
_Static_assert(sizeof(struct used_elem) == 8, "virtq_used_elem");

/* Descriptors that a chain runs through: the queue's own or an indirect table. */
struct table {
    gpa_t          at;
    uint32_t       entries;
    size_t         here;                /* bytes that follow `host` without a break */
    const uint8_t *host;                /* good for the call that opened it */
};

/* ---- words of the rings --------------------------------------------------------- */

static bool usable(const struct virtq *q) { return q->enabled && !q->broken; }

/* An aligned word never crosses a block: it is wholly where its first byte is. */
static inline bool load16(const struct virtq *q, uint64_t at, uint16_t *v)
{
    size_t n = 2;
    const uint16_t *p = gmem_span(q->mem, gpa(at), false, &n);
    if (unlikely(!p))
        return false;
    *v = __atomic_load_n(p, __ATOMIC_ACQUIRE);
    return true;
}

/* What was written before is seen by whoever sees this. */
static inline bool store16(const struct virtq *q, uint64_t at, uint16_t v)
{
    size_t n = 2;
    uint16_t *p = gmem_span(q->mem, gpa(at), true, &n);
    if (unlikely(!p))
        return false;
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
    return true;
}

static uint64_t used_event(const struct virtq *q) { return q->avail.v + AVAIL_RING + 2 * q->size; }
static uint64_t avail_event(const struct virtq *q)
{
    return q->used.v + USED_RING + sizeof(struct used_elem) * q->size;
}

/* ---- set-up --------------------------------------------------------------------- */

void virtq_reset(struct virtq *q)
{
    q->size = q->max;                   /* 4.1.4.3: on reset, queue_size shows the maximum */
    q->enabled = q->indirect = q->event_idx = q->notify_off = false;
    q->desc = q->avail = q->used = gpa(0);
    q->vector = NO_VECTOR;
    q->next_avail = q->next_used = q->shown_used = q->signalled = 0;
    q->broken = NULL;
}

static bool size_ok(const struct virtq *q) { return is_pow2(q->size) && q->size <= q->max; }

static bool writable(const struct gmem *m, gpa_t at, size_t n)
{
    while (n) {
        size_t here = n;
        if (!gmem_span(m, at, true, &here))
            return false;
        at.v += here;
        n -= here;
    }
    return true;
}

bool virtq_place_ok(const struct virtq *q, const char **why)
{
    /* 2.7: sizes of the parts, the event fields included. */
    const size_t desc = sizeof(struct desc) * q->size;
    const size_t avail = AVAIL_RING + 2 * q->size + 2;
    const size_t used = USED_RING + sizeof(struct used_elem) * q->size + 2;

    *why = NULL;
    if (!size_ok(q))
        *why = "queue size is not a power of two, or too large";
    else if (!is_aligned(q->desc.v, 16) || !is_aligned(q->avail.v, 2) || !is_aligned(q->used.v, 4))
        *why = "a ring is not aligned";
    else if (!gmem_contains(q->mem, q->desc, desc) || !gmem_contains(q->mem, q->avail, avail) ||
             !writable(q->mem, q->used, used))
        *why = no_ram;
    else if (range_overlaps(q->desc.v, desc, q->avail.v, avail) ||
             range_overlaps(q->desc.v, desc, q->used.v, used) ||
             range_overlaps(q->avail.v, avail, q->used.v, used))
        *why = "rings overlap each other";
    return !*why;
}

/* ---- taking requests ------------------------------------------------------------ */

static void open_table(const struct virtq *q, struct table *t, uint64_t at, uint32_t entries)
{
    t->at = gpa(at);
    t->entries = entries;
    t->here = entries * sizeof(struct desc);
    t->host = gmem_span(q->mem, t->at, false, &t->here);
    if (!t->host)
        t->here = 0;
}

/* An indirect table may lie at any address (2.7.5.3 asks for no alignment). */
typedef uint64_t __attribute__((aligned(1), may_alias)) any_u64;

/* A descriptor that a break between blocks cuts in two, or that is not there. */
static COLD __attribute__((noinline)) bool fetch_split(const struct virtq *q, const struct table *t, uint32_t i,
                                                       uint64_t half[2])
{
    uint64_t at;
    return add_u64(t->at.v, i * sizeof(struct desc), &at) &&
           gmem_read(q->mem, gpa(at), half, sizeof(struct desc)) == HV_OK;
}

/* Each half is read once; halves of different age are the driver's own doing. */
static inline bool fetch(const struct virtq *q, const struct table *t, uint32_t i, struct desc *d)
{
    size_t offset = i * sizeof(*d);
    uint64_t addr, rest;
    if (likely(offset + sizeof(*d) <= t->here)) {
        const volatile any_u64 *p = (const volatile any_u64 *)(t->host + offset);
        addr = p[0];
        rest = p[1];
    } else {
        uint64_t half[2];
        if (!fetch_split(q, t, i, half))
            return false;
        addr = half[0];
        rest = half[1];
    }
    *d = (struct desc){ addr, (uint32_t)rest, (uint16_t)(rest >> 32), (uint16_t)(rest >> 48) };
    return true;
}

/*
 * Goes on in the indirect table that d names. 2.7.5.3.1: one table per chain, at its end;
 * 2.7.5.3.2: ordinary descriptors may come before it, its WRITE flag means nothing.
 */
static inline const char *enter_indirect(const struct virtq *q, struct table *t, const struct desc *d, bool inside)
{
    if (!q->indirect)
        return "indirect descriptor without the feature";
    if (inside)
        return "indirect descriptor inside an indirect table";
    if (d->flags & DESC_NEXT)
        return "descriptor with both INDIRECT and NEXT";
    if (!d->len || d->len % sizeof(*d))
        return "indirect table is no whole number of descriptors";
    if (d->len / sizeof(*d) > q->size)
        return "indirect table is larger than the queue";
    open_table(q, t, d->addr, d->len / sizeof(*d));
    return NULL;
}

/* Where a walk is; the chain gets it all at the end. */
struct progress {
    bool     inside;                    /* an indirect table */
    bool     writing;                   /* among the device-writable ones, */
    uint16_t out, n;                    /* which begin at seg[out]; n segments so far */
    uint64_t out_len, len;
};

/* Empty descriptors are lawful (2.7.5 asks for no length), and nothing to copy: left out. */
static inline const char *append(struct virtq_chain *c, struct progress *p, const struct desc *d)
{
    bool write = d->flags & DESC_WRITE;
    if (write != p->writing) {
        if (unlikely(!write))
            return "device-readable descriptor after a device-writable one";
        p->writing = true;
        p->out = p->n;
        p->out_len = p->len;
    }
    if (d->len)
        c->seg[p->n++] = (struct virtq_seg){ gpa(d->addr), d->len };
    p->len += d->len;
    return NULL;
}

static inline const char *finish(struct virtq_chain *c, const struct progress *p)
{
    c->out = p->writing ? p->out : p->n;
    c->out_len = p->writing ? p->out_len : p->len;
    c->in = (uint16_t)(p->n - c->out);
    c->in_len = p->len - c->out_len;
    return unlikely(p->len > CHAIN_BYTES_MAX) ? "chain is longer than 4 GiB" : NULL;
}

/* Null, or what is wrong with the chain. Ends because no chain is longer than the queue. */
static const char *walk(const struct virtq *q, struct virtq_chain *c)
{
    uint32_t i = c->head, left = q->size;
    struct progress p = { 0 };
    struct table t;
    struct desc d;

    open_table(q, &t, q->desc.v, q->size);
    for (;;) {
        const char *why;
        if (unlikely(!fetch(q, &t, i, &d)))
            return p.inside ? "indirect table is not in RAM" : no_ram;
        if (unlikely(d.flags & DESC_INDIRECT)) {
            why = enter_indirect(q, &t, &d, p.inside);
            if (why)
                return why;
            p.inside = true;
            i = 0;
            continue;
        }
        if (unlikely(!left--))
            return "chain is longer than the queue";
        why = append(c, &p, &d);
        if (unlikely(why))
            return why;
        if (!(d.flags & DESC_NEXT))
            break;
        i = d.next;
        if (unlikely(i >= t.entries))
            return "next descriptor is outside of its table";
    }
    return finish(c, &p);
}

static enum virtq_got broken(struct virtq *q, const char *why)
{
    q->broken = why;
    return VIRTQ_BROKEN;
}

/*
 * A driver has at most as many requests under way as there are descriptors: neither those
 * waiting nor those not given back yet are more. So devices need room for that many only.
 */
static inline bool too_far(const struct virtq *q, uint16_t index)
{
    return (uint16_t)(index - q->next_avail) > q->size || (uint16_t)(index - q->next_used) > q->size;
}

enum virtq_got virtq_take(struct virtq *q, struct virtq_chain *c)
{
    size_t entry = 1 + (q->next_avail & (q->size - 1u)), here = 2 + 2 * (size_t)q->size;

    if (unlikely(!usable(q)))
        return q->broken ? VIRTQ_BROKEN : VIRTQ_EMPTY;
    /* The index and the entries behind it. */
    const uint16_t *ring = gmem_span(q->mem, gpa(q->avail.v + AVAIL_INDEX), false, &here);
    if (unlikely(!ring))
        return broken(q, no_ram);
    uint16_t index = __atomic_load_n(ring, __ATOMIC_ACQUIRE);
    if (index == q->next_avail)
        return VIRTQ_EMPTY;
    if (unlikely(too_far(q, index)))
        return broken(q, "available index is too far ahead");
    if (likely(2 * entry < here))
        c->head = __atomic_load_n(&ring[entry], __ATOMIC_RELAXED);
    else if (!load16(q, q->avail.v + AVAIL_INDEX + 2 * entry, &c->head))
        return broken(q, no_ram);
    if (unlikely(c->head >= q->size))
        return broken(q, "available ring names no descriptor");
    const char *why = walk(q, c);
    if (unlikely(why))
        return broken(q, why);
    q->next_avail++;
    return VIRTQ_GOT;
}

void virtq_rewind(struct virtq *q, uint16_t n)
{
    q->next_avail = (uint16_t)(q->next_avail - n);
}

/* A ring that cannot be read counts as not empty: virtq_take() then finds out. */
bool virtq_pending(const struct virtq *q)
{
    uint16_t index;
    return usable(q) && (!load16(q, q->avail.v + AVAIL_INDEX, &index) || index != q->next_avail);
}

/* ---- giving them back ----------------------------------------------------------- */

/* Aligned to 4 bytes only, an element may be cut in two by a break between blocks. */
static COLD __attribute__((noinline)) bool put_split(const struct virtq *q, gpa_t at, uint32_t id, uint32_t len)
{
    const struct used_elem e = { id, len };
    return gmem_write(q->mem, at, &e, sizeof(e)) == HV_OK;
}

void virtq_put(struct virtq *q, uint16_t head, uint32_t written)
{
    if (unlikely(!usable(q)))
        return;
    gpa_t at = gpa(q->used.v + USED_RING + sizeof(struct used_elem) * (q->next_used & (q->size - 1)));
    size_t n = sizeof(struct used_elem);
    uint32_t *p = gmem_span(q->mem, at, true, &n);
    if (likely(p && n == sizeof(struct used_elem))) {
        p[0] = head;                    /* nobody looks before the index is stored */
        p[1] = written;
    } else if (!put_split(q, at, head, written)) {
        q->broken = no_ram;
        return;
    }
    q->next_used++;
}

/* 2.7.10: did the index pass `event` on its way from old to new? */
static bool passed(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool virtq_publish(struct virtq *q)
{
    uint16_t v;

    if (q->shown_used == q->next_used || unlikely(!usable(q)))
        return false;
    if (unlikely(!store16(q, q->used.v + USED_INDEX, q->next_used)))
        goto lost;
    q->shown_used = q->next_used;
    /* The driver asks for an interrupt, then looks at the index; we the other way round. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (unlikely(!load16(q, q->event_idx ? used_event(q) : q->avail.v + AVAIL_FLAGS, &v)))
        goto lost;
    bool due = q->event_idx ? passed(v, q->next_used, q->signalled) : !(v & AVAIL_NO_INTERRUPT);
    q->signalled = q->next_used;
    return due;
lost:
    q->broken = no_ram;
    return false;
}

/* ---- notifications -------------------------------------------------------------- */

/* With event indices there is nothing to write: the event that is set lies behind. */
void virtq_notify_disable(struct virtq *q)
{
    if (q->notify_off || !usable(q))
        return;
    q->notify_off = true;
    if (!q->event_idx && !store16(q, q->used.v + USED_FLAGS, USED_NO_NOTIFY))
        q->broken = no_ram;
}

bool virtq_notify_enable(struct virtq *q)
{
    bool done = true;

    if (unlikely(!usable(q)))
        return false;
    if (q->event_idx)
        done = store16(q, avail_event(q), q->next_avail);
    else if (q->notify_off)
        done = store16(q, q->used.v + USED_FLAGS, 0);
    if (unlikely(!done)) {
        q->broken = no_ram;
        return true;                    /* looking again tells */
    }
    q->notify_off = false;
    /* 2.7.13.4.1 from the other side: a driver that saw us asleep made its request before. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return virtq_pending(q);
}

/* ---- save and load -------------------------------------------------------------- */

/* Features are not kept: the transport sets them from those agreed on. */
void virtq_save(const struct virtq *q, struct state_out *o)
{
    state_put_u16(o, q->size);
    state_put_u8(o, q->enabled);
    state_put_u8(o, q->notify_off);
    state_put_u8(o, q->broken != NULL);
    state_put_u64(o, q->desc.v);
    state_put_u64(o, q->avail.v);
    state_put_u64(o, q->used.v);
    state_put_u16(o, q->vector);
    state_put_u16(o, q->next_avail);
    state_put_u16(o, q->next_used);
    state_put_u16(o, q->shown_used);
    state_put_u16(o, q->signalled);
}

bool virtq_load(struct virtq *q, struct state_in *in)
{
    struct virtq n = { .mem = q->mem, .max = q->max, .indirect = q->indirect, .event_idx = q->event_idx };
    const char *why;

    n.size = state_get_u16(in);
    uint8_t enabled = state_get_u8(in), notify_off = state_get_u8(in), was_broken = state_get_u8(in);
    n.desc = gpa(state_get_u64(in));
    n.avail = gpa(state_get_u64(in));
    n.used = gpa(state_get_u64(in));
    n.vector = state_get_u16(in);
    n.next_avail = state_get_u16(in);
    n.next_used = state_get_u16(in);
    n.shown_used = state_get_u16(in);
    n.signalled = state_get_u16(in);
    n.enabled = enabled;
    n.notify_off = notify_off;
    n.broken = was_broken ? "broken before it was saved" : NULL;
    if (in->bad || enabled > 1 || notify_off > 1 || was_broken > 1 || !size_ok(&n))
        return false;
    if (enabled && !virtq_place_ok(&n, &why))
        return false;
    if ((uint16_t)(n.next_used - n.shown_used) > n.size || (uint16_t)(n.next_avail - n.next_used) > n.size)
        return false;
    n.lock.taken = q->lock.taken;
    *q = n;
    return true;
}
