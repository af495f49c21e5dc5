/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The logs kept in memory: the hypervisor's own and one per guest. Called by the
 * console under its lock. Positions are 64-bit and only grow; a position modulo `cap`
 * is a place in memory, so records wrap around byte by byte.
 *
 * The header is summed up after every change and each record carries a sum over its
 * text and fields, so logring_recover() can trust what it finds after a warm reset.
 */
#include "socle/console/logring.h"

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

#define LOGRING_MAGIC 0x676f6c53u       /* "Slog" */

struct stored {                         /* a record's header in the ring, before its text */
    uint64_t time;
    uint16_t len;
    uint8_t  level, flags;
    uint32_t sum;
};
_Static_assert(sizeof(struct stored) == 16, "record header of a log in memory");

/* FNV-1a, 32 bits (draft-eastlake-fnv-17, section 5): detects torn writes, not malice. */
#define FNV_START 0x811c9dc5u
#define FNV_PRIME 0x01000193u

static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ p[i]) * FNV_PRIME;
    return sum;
}

/* A whole word at a time: headers are summed up for every byte a guest prints. */
static uint32_t sum_word(uint32_t sum, uint64_t v)
{
    uint64_t mixed = (sum ^ v) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(mixed ^ mixed >> 32);
}

static uint32_t header_sum(const struct logring *r)
{
    uint32_t sum = sum_word(FNV_START, (uint64_t)r->magic << 32 | r->cap);
    sum = sum_word(sum, r->head);
    sum = sum_word(sum, r->tail);
    sum = sum_word(sum, r->last);
    sum = sum_word(sum, r->evicted);
    return sum_word(sum, r->utc);
}

/* The part of a record's sum that its header contributes; the text's is xored to it. */
static uint32_t fields_sum(const struct stored *s)
{
    uint32_t sum = sum_word(FNV_START, s->time);
    return sum_word(sum, (uint64_t)s->len << 16 | (uint64_t)s->level << 8 | s->flags);
}

static uint8_t *ring_data(const struct logring *r) { return (uint8_t *)(uintptr_t)(r + 1); }

static void ring_write(struct logring *r, uint64_t at, const void *from, size_t n)
{
    size_t place = (size_t)(at % r->cap);
    size_t first = (size_t)min_u64(n, r->cap - place);
    memcpy(ring_data(r) + place, from, first);
    memcpy(ring_data(r), (const uint8_t *)from + first, n - first);
}

static void ring_copy(const struct logring *r, uint64_t at, void *to, size_t n)
{
    size_t place = (size_t)(at % r->cap);
    size_t first = (size_t)min_u64(n, r->cap - place);
    memcpy(to, ring_data(r) + place, first);
    memcpy((uint8_t *)to + first, ring_data(r), n - first);
}

static uint64_t record_end(uint64_t at, const struct stored *s)
{
    return at + sizeof(*s) + s->len;
}

/* Makes room for n more bytes behind the tail. Never reaches the newest record. */
static void evict(struct logring *r, size_t n)
{
    while (r->tail - r->head > r->cap - n) {
        struct stored s;
        ring_copy(r, r->head, &s, sizeof(s));
        if (s.flags & LOGREC_START)
            r->evicted++;
        r->head = record_end(r->head, &s);
    }
}

struct logring *logring_init(void *mem, size_t size)
{
    if (!is_aligned((uintptr_t)mem, 8) || size < LOGRING_MIN || size > MIB(16))
        return NULL;
    struct logring *r = mem;
    memset(r, 0, sizeof(*r));
    r->magic = LOGRING_MAGIC;
    r->cap = (uint32_t)(size - sizeof(*r));
    r->sum = header_sum(r);
    return r;
}

static bool header_whole(const struct logring *r, size_t size)
{
    return r->magic == LOGRING_MAGIC && r->cap == size - sizeof(*r) && r->sum == header_sum(r) &&
           r->head <= r->tail && r->tail - r->head <= r->cap &&
           r->last >= r->head && r->last <= r->tail;
}

/* Is the record at `at` inside the ring, and does its sum agree? */
static bool record_whole(const struct logring *r, uint64_t at, struct stored *s)
{
    if (r->tail - at < sizeof(*s))
        return false;
    ring_copy(r, at, s, sizeof(*s));
    if (s->len > LOGRING_TEXT_MAX || s->len > r->tail - at - sizeof(*s))
        return false;
    uint8_t text[LOGRING_TEXT_MAX];
    ring_copy(r, at + sizeof(*s), text, s->len);
    return s->sum == (fields_sum(s) ^ sum_bytes(FNV_START, text, s->len));
}

struct logring *logring_recover(void *mem, size_t size)
{
    if (!is_aligned((uintptr_t)mem, 8) || size < LOGRING_MIN || size > MIB(16))
        return NULL;
    struct logring *r = mem;
    if (!header_whole(r, size))
        return NULL;
    uint64_t at = r->head, last = r->head;
    struct stored s;
    while (at != r->tail && record_whole(r, at, &s)) {
        last = at;
        at = record_end(at, &s);
    }
    r->tail = at;
    r->last = at == r->head ? at : last;
    r->sum = header_sum(r);
    return at == r->head ? NULL : r;
}

void logring_add(struct logring *r, uint64_t time, enum log_level level, unsigned flags,
                 const void *text, size_t len)
{
    struct stored s = {
        .time = time, .len = (uint16_t)min_u64(len, LOGRING_TEXT_MAX),
        .level = (uint8_t)level, .flags = (uint8_t)flags,
    };
    s.sum = fields_sum(&s) ^ sum_bytes(FNV_START, text, s.len);
    evict(r, sizeof(s) + s.len);
    ring_write(r, r->tail, &s, sizeof(s));
    if (s.len)
        ring_write(r, r->tail + sizeof(s), text, s.len);
    r->last = r->tail;
    r->tail = record_end(r->tail, &s);
    r->sum = header_sum(r);
}

/* Lengthens the newest record, which has room for n bytes. */
static void grow(struct logring *r, struct stored *s, const uint8_t *bytes, size_t n, bool end)
{
    uint32_t text_sum = s->sum ^ fields_sum(s);
    evict(r, n);
    ring_write(r, r->tail, bytes, n);
    s->len = (uint16_t)(s->len + n);
    if (end)
        s->flags |= LOGREC_END;
    s->sum = fields_sum(s) ^ sum_bytes(text_sum, bytes, n);
    ring_write(r, r->last, s, sizeof(*s));
    r->tail += n;
    r->sum = header_sum(r);
}

/* The newest record's header; one that ends a line when there is none. */
static struct stored newest(const struct logring *r)
{
    struct stored s = { .flags = LOGREC_END };
    if (r->last != r->tail)
        ring_copy(r, r->last, &s, sizeof(s));
    return s;
}

void logring_stream(struct logring *r, uint64_t time, const uint8_t *bytes, size_t n)
{
    while (n) {
        struct stored s = newest(r);
        bool open = !(s.flags & (LOGREC_END | LOGREC_SPLIT)) && s.len < LOGRING_TEXT_MAX;
        size_t part = (size_t)min_u64(n, open ? LOGRING_TEXT_MAX - s.len : LOGRING_TEXT_MAX);
        const uint8_t *lf = memchr(bytes, '\n', part);
        if (lf)
            part = (size_t)(lf - bytes) + 1;
        unsigned flags = (s.flags & LOGREC_END ? LOGREC_START : 0) | (lf ? LOGREC_END : 0);
        if (open)
            grow(r, &s, bytes, part, lf);
        else
            logring_add(r, time, LOG_INFO, flags, bytes, part);
        bytes += part;
        n -= part;
    }
}

void logring_split(struct logring *r)
{
    struct stored s = newest(r);
    if (s.flags & (LOGREC_END | LOGREC_SPLIT))
        return;
    uint32_t text_sum = s.sum ^ fields_sum(&s);
    s.flags |= LOGREC_SPLIT;
    s.sum = fields_sum(&s) ^ text_sum;
    ring_write(r, r->last, &s, sizeof(s));
}

void logring_set_utc(struct logring *r, uint64_t utc)
{
    r->utc = utc;
    r->sum = header_sum(r);
}

bool logring_read(const struct logring *r, uint64_t *at, struct logrec *rec, size_t skip,
                  void *text, size_t max)
{
    if (*at < r->head) {
        *at = r->head;
        skip = 0;
    }
    if (*at >= r->tail)
        return false;
    struct stored s;
    ring_copy(r, *at, &s, sizeof(s));
    *rec = (struct logrec){ s.time, s.len, s.level, s.flags, record_end(*at, &s) };
    if (max && skip < s.len)
        ring_copy(r, *at + sizeof(s) + skip, text, (size_t)min_u64(max, s.len - skip));
    return true;
}

uint64_t logring_lines(const struct logring *r, uint64_t from, uint64_t to)
{
    uint64_t lines = 0;
    struct logrec rec;
    for (uint64_t at = from; at < to && logring_read(r, &at, &rec, 0, NULL, 0); at = rec.next)
        if (rec.flags & LOGREC_START && at < to)
            lines++;
    return lines;
}

uint64_t logring_last_lines(const struct logring *r, unsigned lines)
{
    uint64_t skip = logring_lines(r, r->head, r->tail);
    skip = skip > lines ? skip - lines : 0;
    uint64_t at = r->head;
    struct logrec rec;
    while (logring_read(r, &at, &rec, 0, NULL, 0)) {
        if (rec.flags & LOGREC_START && skip-- == 0)
            return at;
        at = rec.next;
    }
    return r->head;
}
