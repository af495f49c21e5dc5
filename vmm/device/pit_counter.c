/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One 8254 counter, called by pit.c. Intel 8254 data sheet (231164-005).
 *
 * Nothing ticks. A counter remembers the tick at which its count was loaded (`origin`)
 * and everything a guest can read follows from the ticks since then. A new count that
 * takes effect at the end of a cycle is kept with the tick of that end.
 */
#include "socle/device/pit_counter.h"

#define RW_BOTH         3u                  /* low byte, then high byte */

#define TICK_LIMIT      (INT64_C(1) << 60)  /* of saved times; VM time ends far below */

/* ---- reading -------------------------------------------------------------------- */

static uint32_t span(const struct pit_counter *c) { return c->bcd ? 10000 : 65536; }

static uint32_t high_half(uint32_t count) { return (count + 1) / 2; }

static uint16_t to_bcd(uint32_t v)
{
    return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

/* The counter value for bits a guest wrote; the data sheet leaves digits above 9 open. */
static uint32_t count_of_bits(const struct pit_counter *c, uint32_t bits)
{
    uint32_t n = bits;
    if (c->bcd)
        n = ((bits >> 12) * 1000 + (bits >> 8 & 15) * 100 + (bits >> 4 & 15) * 10 +
             (bits & 15)) % 10000;
    return n ? n : span(c);
}

/* Modes 1 and 5 look at the gate's rising edge only, the others stop while it is low. */
static bool stopped(const struct pit_counter *c)
{
    return !c->gate && c->mode != 1 && c->mode != 5;
}

/* Clocks since the count was loaded; the load itself takes the clock after the write. */
static int64_t elapsed(const struct pit_counter *c, int64_t t)
{
    int64_t k = stopped(c) ? c->elapsed : t - c->origin;
    return k > 0 ? k : 0;
}

/* The counting element as the bus shows it. */
static uint16_t counter(const struct pit_counter *c, int64_t t)
{
    if (!c->loaded)
        return c->idle;
    int64_t k = elapsed(c, t), n = c->count, v;
    if (c->mode == 2) {
        v = n - k % n;
    } else if (c->mode == 3) {      /* by twos, once for each half; odd counts from n - 1 */
        int64_t at = k % n, half = high_half(c->count);
        v = (n & ~INT64_C(1)) - 2 * (at < half ? at : at - half);
    } else {                        /* on through zero, without end */
        v = n + span(c) - k % span(c);
    }
    uint32_t shown = (uint32_t)v % span(c);
    return c->bcd ? to_bcd(shown) : (uint16_t)shown;
}

bool pit_counter_out(const struct pit_counter *c, int64_t t)
{
    if (!c->loaded)
        return c->mode != 0;
    int64_t k = elapsed(c, t), n = c->count;
    switch (c->mode) {
    case 0:
    case 1:  return k >= n;
    case 2:  return !c->gate || k % n != n - 1;
    case 3:  return !c->gate || k % n < high_half(c->count);
    default: return k != n;         /* 4 and 5: one clock of strobe */
    }
}

/* A count that waited for the end of its cycle goes into the counter. */
void pit_counter_sync(struct pit_counter *c, int64_t t)
{
    if (!c->next || t < c->next_at)
        return;
    c->count = c->next;
    c->origin = c->next_origin;
    c->next = 0;
}

static uint8_t status_byte(const struct pit_counter *c, int64_t t)
{
    bool null_count = !c->loaded || c->next || t < c->origin;
    return (uint8_t)(pit_counter_out(c, t) << 7 | null_count << 6 | c->control);
}

void pit_counter_latch_count(struct pit_counter *c, int64_t t)
{
    if (c->latched)
        return;
    c->latch = counter(c, t);
    c->latched = c->rw == RW_BOTH ? 2 : 1;
}

void pit_counter_latch_status(struct pit_counter *c, int64_t t)
{
    if (c->status_latched)
        return;
    c->status = status_byte(c, t);
    c->status_latched = true;
}

uint8_t pit_counter_read(struct pit_counter *c, int64_t t)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    uint16_t v = c->latched ? c->latch : counter(c, t);
    bool high = c->rw == RW_BOTH ? c->read_high : c->rw == 2;
    if (c->rw == RW_BOTH)
        c->read_high = !c->read_high;
    if (c->latched)
        c->latched--;
    return (uint8_t)(high ? v >> 8 : v);
}

/* ---- writing -------------------------------------------------------------------- */

static void set_control(struct pit_counter *c, uint8_t control)
{
    c->control = control & 0x3f;
    c->rw = c->control >> 4;
    c->mode = c->control >> 1 & 7;
    if (c->mode > 5)                /* the top bit is "don't care" for modes 2 and 3 */
        c->mode -= 4;
    c->bcd = c->control & 1;
}

void pit_counter_control(struct pit_counter *c, uint8_t v, int64_t t)
{
    c->idle = counter(c, t);
    set_control(c, v);
    c->loaded = false;
    c->count = 1;
    c->next = 0;
    c->latched = 0;
    c->write_high = c->read_high = c->status_latched = false;
}

void pit_counter_load(struct pit_counter *c, uint32_t count, int64_t t)
{
    c->count = count;
    c->next = 0;
    c->origin = t + 1;
    c->elapsed = 0;
    c->loaded = true;
}

/* Modes 2 and 3: the count waits for the end of the running cycle, or half-cycle. */
static void queue_count(struct pit_counter *c, uint32_t count, int64_t t)
{
    int64_t n = c->count, at = elapsed(c, t) % n, begin = c->origin + elapsed(c, t) - at;
    int64_t half = high_half(c->count);
    c->next = count;
    if (stopped(c)) {
        c->next_at = PIT_NEVER;                 /* the gate's rise loads it */
    } else if (c->mode == 3 && at < half) {     /* the low half is the new count's */
        c->next_at = begin + half;
        c->next_origin = c->next_at - high_half(count);
    } else {
        c->next_at = c->next_origin = begin + n;
    }
}

static void write_count(struct pit_counter *c, uint32_t count, int64_t t)
{
    switch (c->mode) {
    case 1:
    case 5:
        c->next = count;
        c->next_at = PIT_NEVER;
        break;
    case 2:
    case 3:
        if (c->loaded)
            queue_count(c, count, t);
        else
            pit_counter_load(c, count, t);
        break;
    default:
        pit_counter_load(c, count, t);
        break;
    }
}

/* True when a whole count has arrived, or the first byte has stopped mode 0. */
bool pit_counter_write(struct pit_counter *c, uint8_t v, int64_t t)
{
    if (c->rw == RW_BOTH && !c->write_high) {
        c->low = v;
        c->write_high = true;
        if (c->mode != 0)
            return false;
        c->idle = counter(c, t);
        c->loaded = false;
        return true;
    }
    uint32_t bits = c->rw == 1 ? v : (uint32_t)v << 8;
    if (c->rw == RW_BOTH)
        bits |= c->low;
    c->write_high = false;
    write_count(c, count_of_bits(c, bits), t);
    return true;
}

void pit_counter_gate(struct pit_counter *c, bool level, int64_t t)
{
    if (c->gate == level)
        return;
    pit_counter_sync(c, t);
    if (!level) {
        c->elapsed = elapsed(c, t);
        c->gate = false;
        if (stopped(c))
            c->next_at = PIT_NEVER;         /* a waiting count now waits for the gate */
        return;
    }
    c->gate = true;
    if (c->mode == 0 || c->mode == 4)
        c->origin = t < c->origin ? c->origin : t - c->elapsed;
    else if (c->next)
        pit_counter_load(c, c->next, t);
    else
        c->origin = t + 1;          /* a trigger starts anew; without a count nothing shows */
}

/* The first rising edge of OUT after t, not before `earliest`. */
int64_t pit_counter_next_edge(const struct pit_counter *now, int64_t t, int64_t earliest)
{
    struct pit_counter c = *now;
    if (!c.loaded || c.mode == 1 || c.mode == 5)
        return PIT_NEVER;               /* gate 0 is tied high: these modes never start */
    if (c.mode == 0 || c.mode == 4) {
        int64_t due = c.origin + c.count + (c.mode == 4);
        return due <= t ? PIT_NEVER : due > earliest ? due : earliest;
    }
    int64_t first = 1;
    if (c.next) {
        first = c.next_origin < c.next_at;      /* loaded at a cycle's end: an edge itself */
        pit_counter_sync(&c, c.next_at);
    }
    if (c.count < 2)
        return PIT_NEVER;               /* data sheet: 1 is illegal; OUT does not move */
    if (earliest <= t)
        earliest = t + 1;
    int64_t n = c.count, cycles = first;
    if (earliest > c.origin + first * n)
        cycles = (earliest - c.origin + n - 1) / n;
    return c.origin + cycles * n;
}

/* ---- state ---------------------------------------------------------------------- */

void pit_counter_save(const struct pit_counter *c, struct state_out *o)
{
    state_put_u64(o, (uint64_t)c->origin);
    state_put_u64(o, (uint64_t)c->elapsed);
    state_put_u64(o, (uint64_t)c->next_at);
    state_put_u64(o, (uint64_t)c->next_origin);
    state_put_u32(o, c->count);
    state_put_u32(o, c->next);
    state_put_u16(o, c->idle);
    state_put_u16(o, c->latch);
    state_put_u8(o, c->control);
    state_put_u8(o, c->low);
    state_put_u8(o, c->latched);
    state_put_u8(o, c->status);
    state_put_u8(o, (uint8_t)(c->loaded | c->write_high << 1 | c->read_high << 2 |
                              c->status_latched << 3));
}

bool pit_tick_ok(int64_t t) { return t > -TICK_LIMIT && t < TICK_LIMIT; }

bool pit_counter_restore(struct pit_counter *c, struct state_in *in, bool gate)
{
    c->origin = (int64_t)state_get_u64(in);
    c->elapsed = (int64_t)state_get_u64(in);
    c->next_at = (int64_t)state_get_u64(in);
    c->next_origin = (int64_t)state_get_u64(in);
    c->count = state_get_u32(in);
    c->next = state_get_u32(in);
    c->idle = state_get_u16(in);
    c->latch = state_get_u16(in);
    set_control(c, state_get_u8(in));
    c->low = state_get_u8(in);
    c->latched = state_get_u8(in);
    c->status = state_get_u8(in);
    uint8_t flags = state_get_u8(in);
    c->loaded = flags & 1;
    c->write_high = flags & 2;
    c->read_high = flags & 4;
    c->status_latched = flags & 8;
    c->gate = gate;
    return pit_tick_ok(c->origin) && pit_tick_ok(c->elapsed) && pit_tick_ok(c->next_origin) &&
           (pit_tick_ok(c->next_at) || c->next_at == PIT_NEVER) && c->rw != 0 && c->latched <= 2 &&
           c->count >= 1 && c->count <= span(c) && c->next <= span(c);
}
