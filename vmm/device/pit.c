/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's interval timer: the 8254's command register, port 0x61, and channel 0's
 * interrupt. Driven by the port bus and by one alarm. Intel 8254 data sheet
 * (231164-005), "Control Word Format", "Read-Back Command"; the counters themselves are
 * in pit_counter.c.
 */
#include "socle/device/pit.h"

#include "socle/bits.h"
#include "socle/device/ticks.h"
#include "socle/platform.h"
#include "socle/str.h"

#define MIN_EDGE_GAP    60                  /* ticks, 50.3 us: at most 19,886 interrupts/s */
#define REFRESH_TICKS   18                  /* memory refresh every 15.1 us: port 0x61 bit 4 */

#define CW_READ_BACK    3u                  /* in the counter-select field */
#define RB_NOT_COUNT    0x20u
#define RB_NOT_STATUS   0x10u

#define P61_GATE2       0x01u
#define P61_WRITABLE    0x0fu               /* gate, speaker, parity and channel check enables */
#define P61_REFRESH     0x10u
#define P61_OUT2        0x20u

#define STATE_PIT       STATE_ID('P', 'I', 'T', ' ')

/* ---- channel 0 and its interrupt ------------------------------------------------ */

static int64_t tick_now(const struct pit *p)
{
    return (int64_t)ticks_of_ns(dev_now(p->env), PIT_HZ);
}

static void arm(struct pit *p)
{
    uint64_t due = ALARM_NEVER;
    if (p->edge_at != PIT_NEVER)
        due = p->edge_at > 0 ? ns_of_ticks((uint64_t)p->edge_at, PIT_HZ) : 0;
    dev_alarm(p->env, &p->alarm, due);
}

static void schedule(struct pit *p, int64_t t)
{
    p->edge_at = pit_counter_next_edge(&p->ch[0], t, p->last_edge + MIN_EDGE_GAP);
    arm(p);
}

static void set_line(struct pit *p, bool level)
{
    if (p->line == level)
        return;
    p->line = level;
    dev_irq(p->env, PLAT_IRQ_PIT, level);
}

/* Channel 0 was reprogrammed. */
static void refresh_irq(struct pit *p, int64_t t)
{
    set_line(p, p->ch[0].mode != 0 || pit_counter_out(&p->ch[0], t));
    schedule(p, t);
}

static void fire(void *owner, uint64_t now)
{
    struct pit *p = owner;
    spin_lock(&p->lock);
    int64_t t = (int64_t)ticks_of_ns(now, PIT_HZ);
    if (t >= p->edge_at) {
        pit_counter_sync(&p->ch[0], t);
        set_line(p, false);
        set_line(p, true);
        p->last_edge = t;
        schedule(p, t);
    } else {
        arm(p);                     /* reprogrammed while the alarm was on its way */
    }
    spin_unlock(&p->lock);
}

/* ---- ports ---------------------------------------------------------------------- */

static void write_command(struct pit *p, uint8_t v, int64_t t)
{
    unsigned select = v >> 6;
    if (select == CW_READ_BACK) {
        for (unsigned i = 0; i < ARRAY_LEN(p->ch); i++) {
            if (!(v & 2u << i))
                continue;
            if (!(v & RB_NOT_COUNT))
                pit_counter_latch_count(&p->ch[i], t);
            if (!(v & RB_NOT_STATUS))
                pit_counter_latch_status(&p->ch[i], t);
        }
        return;
    }
    if (!(v & 0x30)) {
        pit_counter_latch_count(&p->ch[select], t);
        return;
    }
    pit_counter_control(&p->ch[select], v, t);
    if (select == 0)
        refresh_irq(p, t);
}

static void access_timer(void *dev, struct bus_access *a)
{
    struct pit *p = dev;
    int64_t t = tick_now(p);
    uint8_t v = (uint8_t)a->value;
    if (a->offset == 3) {
        for (unsigned i = 0; i < ARRAY_LEN(p->ch); i++)
            pit_counter_sync(&p->ch[i], t);
        if (a->write)               /* reads do not drive the bus */
            write_command(p, v, t);
        return;
    }
    struct pit_counter *c = &p->ch[a->offset];
    pit_counter_sync(c, t);
    if (!a->write)
        a->value = pit_counter_read(c, t);
    else if (pit_counter_write(c, v, t) && a->offset == 0)
        refresh_irq(p, t);
}

static void access_port61(void *dev, struct bus_access *a)
{
    struct pit *p = dev;
    int64_t t = tick_now(p);
    struct pit_counter *c = &p->ch[2];
    pit_counter_sync(c, t);
    if (a->write) {
        p->port61 = a->value & P61_WRITABLE;
        pit_counter_gate(c, a->value & P61_GATE2, t);
        return;
    }
    a->value = p->port61 | (t / REFRESH_TICKS & 1 ? P61_REFRESH : 0) |
               (pit_counter_out(c, t) ? P61_OUT2 : 0);
}

hv_status pit_attach(struct pit *p, struct pio_bus *b)
{
    const struct bus_range timer = { 0x40, 4, 1, access_timer, p, &p->lock, "pit" };
    const struct bus_range port61 = { 0x61, 1, 1, access_port61, p, &p->lock, "port61" };
    hv_status s = pio_attach(b, &timer);
    return s == HV_OK ? pio_attach(b, &port61) : s;
}

/* ---- life cycle ----------------------------------------------------------------- */

void pit_init(struct pit *p, const struct dev_env *env)
{
    memset(p, 0, sizeof(*p));
    p->env = env;
    p->edge_at = PIT_NEVER;
    alarm_init(&p->alarm, fire, p);
}

void pit_reset(struct pit *p)
{
    static const uint8_t control[] = { 0x36, 0x54, 0x36 };
    static const uint32_t count[] = { 65536, REFRESH_TICKS, 65536 };
    int64_t t = tick_now(p);
    for (unsigned i = 0; i < ARRAY_LEN(p->ch); i++) {
        struct pit_counter *c = &p->ch[i];
        memset(c, 0, sizeof(*c));
        c->gate = i != 2;
        pit_counter_control(c, control[i], t);
        pit_counter_load(c, count[i], t);
    }
    p->port61 = 0;
    p->last_edge = t - MIN_EDGE_GAP;
    p->line = false;
    refresh_irq(p, t);
}

void pit_save(const struct pit *p, struct state_out *o)
{
    state_begin(o, STATE_PIT, 1);
    for (unsigned i = 0; i < ARRAY_LEN(p->ch); i++)
        pit_counter_save(&p->ch[i], o);
    state_put_u64(o, (uint64_t)p->edge_at);
    state_put_u64(o, (uint64_t)p->last_edge);
    state_put_u8(o, p->port61);
    state_put_u8(o, p->line);
    state_end(o);
}

hv_status pit_load(struct pit *p, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_PIT, 1, &version);
    if (s != HV_OK)
        return s;
    struct pit_counter ch[ARRAY_LEN(p->ch)];
    bool good = true;
    for (unsigned i = 0; i < ARRAY_LEN(ch); i++)
        good &= pit_counter_restore(&ch[i], in, true);
    int64_t edge_at = (int64_t)state_get_u64(in), last_edge = (int64_t)state_get_u64(in);
    uint8_t port61 = state_get_u8(in) & P61_WRITABLE;
    bool line = state_get_u8(in) & 1;
    ch[2].gate = port61 & P61_GATE2;
    good &= (pit_tick_ok(edge_at) || edge_at == PIT_NEVER) && pit_tick_ok(last_edge);
    s = state_close(in);
    if (s != HV_OK || !good)
        return HV_INVALID;
    memcpy(p->ch, ch, sizeof(ch));
    p->edge_at = edge_at;
    p->last_edge = last_edge;
    p->port61 = port61;
    p->line = line;
    arm(p);
    return HV_OK;
}
