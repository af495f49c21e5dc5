/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's two 8259A interrupt controllers, as the 8259A data sheet (231468-003)
 * describes them; comments name its headings. The interrupt router calls pic_set_line,
 * the run loop pic_ack, the guest its ports. An access is complete in itself: the time
 * between the two INTA pulses, in which a slave may change its mind, does not exist.
 */
#include "socle/device/pic.h"

#include "socle/bits.h"
#include "socle/platform.h"
#include "socle/str.h"

#define ICW1            0x10u       /* bit 4 tells ICW1 from OCW2 and OCW3 */
#define ICW1_IC4        0x01u
#define ICW1_SNGL       0x02u
#define ICW1_ADI        0x04u       /* MCS-80: call addresses 4 apart, not 8 */
#define ICW4_8086       0x01u
#define ICW4_AEOI       0x02u
#define ICW4_SFNM       0x10u
#define OCW3            0x08u       /* bit 3 tells OCW3 from OCW2 */
#define OCW3_RIS        0x01u
#define OCW3_RR         0x02u
#define OCW3_POLL       0x04u
#define OCW3_SMM        0x20u
#define OCW3_ESMM       0x40u

#define STATE_PIC       STATE_ID('P', 'I', 'C', ' ')

enum { MASTER, SLAVE };

/* Inputs that the chipset fixes as edge triggered: 0, 1, 2 and 8, 13 (82371SB, ELCR1/2). */
static const uint8_t elcr_writable[2] = { 0xf8, 0xde };

static uint8_t rotate_right(uint8_t v, unsigned n)
{
    n &= 7;
    return (uint8_t)(v >> n | v << (8 - n));
}

/* The interrupt request register. LTIM of ICW1 has no effect: the chipset's ELCR decides. */
static uint8_t requests(const struct pic_chip *c)
{
    return (uint8_t)((c->latch & ~c->elcr) | (c->line & c->elcr));
}

/* Special fully nested mode: a slave in service does not lock itself out. */
static bool nests(const struct pic *p, const struct pic_chip *c, int n)
{
    return (c->icw[3] & ICW4_SFNM) && c == &p->chip[MASTER] && n == PIC_CASCADE;
}

/* The input to be served now; -1 when there is none, or the chip is being initialized. */
static int best(const struct pic *p, const struct pic_chip *c)
{
    uint8_t wanted = (uint8_t)(requests(c) & ~c->imr);
    if (!wanted || c->step)
        return -1;
    unsigned top = c->lowest + 1u;
    int level = __builtin_ctz(rotate_right(wanted, top)), n = (level + (int)top) & 7;
    /* In special mask mode a masked level holds nobody off. */
    uint8_t busy = c->special_mask ? (uint8_t)(c->isr & ~c->imr) : c->isr;
    if (!busy)
        return n;
    int serving = __builtin_ctz(rotate_right(busy, top));
    return level < serving || (level == serving && nests(p, c, n)) ? n : -1;
}

static void set_input(struct pic_chip *c, unsigned n, bool level)
{
    uint8_t bit = (uint8_t)BIT(n);
    if (!level) {
        c->line &= (uint8_t)~bit;
        c->latch &= (uint8_t)~bit;
    } else if (!(c->line & bit)) {
        c->line |= bit;
        c->latch |= bit;
    }
}

/* Carries the slave's INT to the master and the master's to the owner. */
static void update(struct pic *p)
{
    set_input(&p->chip[MASTER], PIC_CASCADE, best(p, &p->chip[SLAVE]) >= 0);
    bool out = best(p, &p->chip[MASTER]) >= 0;
    if (out == pic_output(p))
        return;
    atomic_store_explicit(&p->out, out, memory_order_release);
    if (p->output)
        p->output(p->ctx, out);
}

void pic_set_line(struct pic *p, unsigned irq, bool level)
{
    if (irq >= PIC_LINES || irq == PIC_CASCADE)
        return;
    spin_lock(&p->lock);
    struct pic_chip *c = &p->chip[irq >> 3];
    if (((c->line >> (irq & 7)) & 1) != level) {
        set_input(c, irq & 7, level);
        update(p);
    }
    spin_unlock(&p->lock);
}

/* ---- acknowledge ---------------------------------------------------------------- */

static void accept(struct pic_chip *c, int n)
{
    c->latch &= (uint8_t)~BIT(n);
    if (!(c->icw[3] & ICW4_AEOI))
        c->isr |= (uint8_t)BIT(n);
    else if (c->rotate_aeoi)
        c->lowest = (uint8_t)n;
}

/* What the chip puts on the bus at the second INTA pulse. */
static uint8_t vector(const struct pic_chip *c, int n)
{
    if (c->icw[3] & ICW4_8086)
        return (uint8_t)((c->icw[1] & 0xf8) | n);
    /* MCS-80 mode: the low byte of a call address (data sheet, "Interrupt Sequence"). */
    if (c->icw[0] & ICW1_ADI)
        return (uint8_t)((c->icw[0] & 0xe0) | n << 2);
    return (uint8_t)((c->icw[0] & 0xc0) | n << 3);
}

static uint8_t acknowledge(struct pic *p, struct pic_chip *c)
{
    int n = best(p, c);
    if (n < 0)
        return vector(c, 7);        /* spurious: no bit in service */
    accept(c, n);
    bool cascaded = c == &p->chip[MASTER] && n == PIC_CASCADE &&
                    !(c->icw[0] & ICW1_SNGL) && (c->icw[2] & BIT(PIC_CASCADE));
    if (!cascaded)
        return vector(c, n);
    /* INT of the slave falls while it is acknowledged, so that its next request is an edge. */
    set_input(c, PIC_CASCADE, false);
    struct pic_chip *s = &p->chip[SLAVE];
    if ((s->icw[2] & 7) != PIC_CASCADE)
        return 0xff;                /* a slave with another identity does not answer */
    return acknowledge(p, s);
}

uint8_t pic_ack(struct pic *p)
{
    spin_lock(&p->lock);
    uint8_t v = acknowledge(p, &p->chip[MASTER]);
    update(p);
    spin_unlock(&p->lock);
    return v;
}

/* "Poll Command": the read acts as an acknowledge and tells the level instead. */
static uint8_t poll(struct pic *p, struct pic_chip *c)
{
    c->poll = false;
    int n = best(p, c);
    if (n < 0)
        return 0;
    accept(c, n);
    if (c == &p->chip[SLAVE])
        set_input(&p->chip[MASTER], PIC_CASCADE, false);
    update(p);
    return (uint8_t)(0x80 | n);
}

/* ---- command words -------------------------------------------------------------- */

static void write_icw1(struct pic_chip *c, uint8_t v, bool slave)
{
    c->icw[0] = v;
    c->icw[3] = 0;
    if (slave)
        c->icw[2] = 7;
    c->latch = 0;
    c->imr = 0;
    c->isr = 0;
    c->lowest = 7;
    c->read_isr = c->poll = c->special_mask = c->rotate_aeoi = false;
    c->step = 2;
}

/* ICW2 to ICW4, in order; SNGL leaves out ICW3, IC4 clear leaves out ICW4. */
static void write_icw(struct pic_chip *c, uint8_t v)
{
    c->icw[c->step - 1] = v;
    if (c->step == 2 && !(c->icw[0] & ICW1_SNGL))
        c->step = 3;
    else
        c->step = c->step < 4 && (c->icw[0] & ICW1_IC4) ? 4 : 0;
}

/* The level that a non-specific EOI ends: the best in service, -1 when none is. */
static int highest_in_service(const struct pic_chip *c)
{
    uint8_t isr = c->isr;
    /* "Special Mask Mode": masked levels are not cleared by a non-specific EOI. */
    if (c->special_mask)
        isr &= (uint8_t)~c->imr;
    if (!isr)
        return -1;
    unsigned top = c->lowest + 1u;
    return (__builtin_ctz(rotate_right(isr, top)) + (int)top) & 7;
}

static void end_of_interrupt(struct pic_chip *c, int n, bool rotate)
{
    if (n < 0)
        return;
    c->isr &= (uint8_t)~BIT(n);
    if (rotate)
        c->lowest = (uint8_t)n;
}

static void write_ocw2(struct pic_chip *c, uint8_t v)
{
    switch (v >> 5) {                               /* R, SL, EOI */
    case 0: c->rotate_aeoi = false; break;
    case 1: end_of_interrupt(c, highest_in_service(c), false); break;
    case 2: break;                                  /* no operation */
    case 3: end_of_interrupt(c, v & 7, false); break;
    case 4: c->rotate_aeoi = true; break;
    case 5: end_of_interrupt(c, highest_in_service(c), true); break;
    case 6: c->lowest = v & 7; break;               /* set priority */
    case 7: end_of_interrupt(c, v & 7, true); break;
    }
}

static void write_ocw3(struct pic_chip *c, uint8_t v)
{
    if (v & OCW3_ESMM)
        c->special_mask = v & OCW3_SMM;
    if (v & OCW3_RR)
        c->read_isr = v & OCW3_RIS;
    c->poll = v & OCW3_POLL;
}

/* ---- ports ---------------------------------------------------------------------- */

static void access_chip(struct pic *p, struct pic_chip *c, struct bus_access *a)
{
    uint8_t v = (uint8_t)a->value;
    if (!a->write) {
        if (c->poll)
            a->value = poll(p, c);
        else if (a->offset)
            a->value = c->imr;
        else
            a->value = c->read_isr ? c->isr : requests(c);
        return;
    }
    if (a->offset && c->step)
        write_icw(c, v);
    else if (a->offset)
        c->imr = v;
    else if (v & ICW1)
        write_icw1(c, v, c == &p->chip[SLAVE]);
    else if (v & OCW3)
        write_ocw3(c, v);
    else
        write_ocw2(c, v);
    update(p);
}

static void access_master(void *dev, struct bus_access *a)
{
    struct pic *p = dev;
    access_chip(p, &p->chip[MASTER], a);
}

static void access_slave(void *dev, struct bus_access *a)
{
    struct pic *p = dev;
    access_chip(p, &p->chip[SLAVE], a);
}

static void access_elcr(void *dev, struct bus_access *a)
{
    struct pic *p = dev;
    struct pic_chip *c = &p->chip[a->offset];
    if (!a->write) {
        a->value = c->elcr;
        return;
    }
    c->elcr = (uint8_t)a->value & elcr_writable[a->offset];
    update(p);
}

hv_status pic_attach(struct pic *p, struct pio_bus *b)
{
    const struct bus_range ranges[] = {
        { 0x20, 2, 1, access_master, p, &p->lock, "pic" },
        { 0xa0, 2, 1, access_slave, p, &p->lock, "pic" },
        { 0x4d0, 2, 1, access_elcr, p, &p->lock, "elcr" },
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        hv_status s = pio_attach(b, &ranges[i]);
        if (s != HV_OK)
            return s;
    }
    return HV_OK;
}

/* ---- life cycle ----------------------------------------------------------------- */

void pic_init(struct pic *p, void (*output)(void *ctx, bool level), void *ctx)
{
    memset(p, 0, sizeof(*p));
    p->output = output;
    p->ctx = ctx;
    pic_reset(p);
}

void pic_reset(struct pic *p)
{
    for (int i = MASTER; i <= SLAVE; i++) {
        struct pic_chip *c = &p->chip[i];
        uint8_t line = c->line;
        *c = (struct pic_chip){
            .line = line,
            .imr = 0xff,
            .elcr = (uint8_t)(PLAT_PCI_IRQ_MASK >> 8 * i),
            .icw = { ICW1 | ICW1_IC4, i == MASTER ? 0x08 : 0x70,
                     i == MASTER ? BIT(PIC_CASCADE) : PIC_CASCADE, ICW4_8086 },
            .lowest = 7,
        };
    }
    update(p);
}

void pic_save(const struct pic *p, struct state_out *o)
{
    state_begin(o, STATE_PIC, 1);
    for (int i = MASTER; i <= SLAVE; i++) {
        const struct pic_chip *c = &p->chip[i];
        const uint8_t bytes[] = {
            c->line, c->latch, c->isr, c->imr, c->elcr, c->icw[0], c->icw[1], c->icw[2],
            c->icw[3], c->step, c->lowest, c->read_isr, c->poll, c->special_mask,
            c->rotate_aeoi,
        };
        state_put_bytes(o, bytes, sizeof(bytes));
    }
    state_end(o);
}

static bool load_chip(struct pic_chip *c, struct state_in *in, uint8_t elcr_mask)
{
    c->line = state_get_u8(in);
    c->latch = state_get_u8(in) & c->line;
    c->isr = state_get_u8(in);
    c->imr = state_get_u8(in);
    c->elcr = state_get_u8(in);
    state_get_bytes(in, c->icw, sizeof(c->icw));
    c->step = state_get_u8(in);
    c->lowest = state_get_u8(in);
    c->read_isr = state_get_u8(in) & 1;
    c->poll = state_get_u8(in) & 1;
    c->special_mask = state_get_u8(in) & 1;
    c->rotate_aeoi = state_get_u8(in) & 1;
    return !(c->elcr & ~elcr_mask) && c->step <= 4 && c->step != 1 && c->lowest < 8;
}

hv_status pic_load(struct pic *p, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_PIC, 1, &version);
    if (s != HV_OK)
        return s;
    struct pic_chip chip[2] = { 0 };
    bool good = load_chip(&chip[MASTER], in, elcr_writable[MASTER]);
    good &= load_chip(&chip[SLAVE], in, elcr_writable[SLAVE]);
    s = state_close(in);
    if (s != HV_OK || !good)
        return HV_INVALID;
    memcpy(p->chip, chip, sizeof(chip));
    atomic_store_explicit(&p->out, best(p, &p->chip[MASTER]) >= 0, memory_order_release);
    return HV_OK;
}
