/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O APIC after the 82093AA datasheet (order number 290566), with 24 pins and the EOI
 * register of Intel's I/O controller hubs (version 0x20). Devices drive its pins through
 * irq_route.c; local APICs report the EOI of level-triggered vectors.
 *
 * Polarity is kept in the entries but means nothing here: a line is asserted or not.
 * Delivery is instant, so delivery status always reads as idle.
 */
#include "socle/device/ioapic.h"

#include "socle/bits.h"
#include "socle/str.h"

/* Direct registers, and indirect ones by index. */
#define REG_SELECT      0x00
#define REG_WINDOW      0x10
#define REG_EOI         0x40
#define IND_ID          0x00
#define IND_VERSION     0x01
#define IND_ARBITRATION 0x02
#define IND_ENTRY       0x10

#define VERSION         (0x20u | (PLAT_IOAPIC_PINS - 1) << 16)

/* Redirection entry (3.2.4). */
#define RTE_VECTOR      0xffull
#define RTE_MODE_SHIFT  8
#define RTE_LOGICAL     BIT64(11)
#define RTE_REMOTE_IRR  BIT64(14)
#define RTE_LEVEL       BIT64(15)
#define RTE_MASK        BIT64(16)
#define RTE_DEST_SHIFT  56
#define RTE_EXT_SHIFT   49      /* destination bits 14:8, as in MSIs: see msi.c */
/* All but delivery status (12) and remote IRR (14). */
#define RTE_WRITABLE    (0x1afffull | MASK64(63, RTE_EXT_SHIFT))

#define RECORD_ID       STATE_ID('I', 'O', 'A', 'P')
#define RECORD_VERSION  1

static struct apic_msg message(uint64_t e)
{
    uint32_t low = (uint32_t)(e >> RTE_DEST_SHIFT);
    uint32_t high = (uint32_t)(e >> RTE_EXT_SHIFT) & 0x7f;
    uint8_t mode = (uint8_t)(e >> RTE_MODE_SHIFT & 7);
    return (struct apic_msg){
        .dest = low == 0xff && !high ? APIC_DEST_ALL : high << 8 | low,
        .vector = (uint8_t)(e & RTE_VECTOR),
        .mode = mode,
        .logical = e & RTE_LOGICAL,
        .level = (e & RTE_LEVEL) && mode <= APIC_LOWEST,
    };
}

/* Sends the pin's message if its entry lets it. Called when the line is, or became, high. */
static void service(struct ioapic *io, unsigned pin)
{
    uint64_t e = io->entry[pin];
    if ((e & RTE_MASK) || ((e & RTE_LEVEL) && ((e & RTE_REMOTE_IRR) || (io->held & BIT(pin)))))
        return;
    struct apic_msg m = message(e);
    if (m.mode == APIC_SIPI || m.mode == APIC_REMOTE_READ)
        return;                 /* reserved here */
    /* The flag goes first: the target may be done before apic_deliver() returns. */
    if (m.level)
        io->entry[pin] |= RTE_REMOTE_IRR;
    if (!apic_deliver(io->fabric, &m))
        io->entry[pin] &= ~RTE_REMOTE_IRR;
}

void ioapic_set_line(struct ioapic *io, unsigned pin, bool level)
{
    if (pin >= PLAT_IOAPIC_PINS)
        return;
    uint32_t bit = BIT(pin);
    spin_lock(&io->lock);
    if (!level) {
        io->line &= ~bit;
        io->held &= ~bit;
        io->streak[pin] = 0;
    } else if (!(io->line & bit)) {
        io->line |= bit;
        service(io, pin);       /* an edge at a masked pin is lost (3.2.4, bit 16) */
    }
    spin_unlock(&io->lock);
}

/* The pin's interrupt was completed and its line is still high. */
static void again(struct ioapic *io, unsigned pin)
{
    if (++io->streak[pin] < IOAPIC_STORM_COUNT) {
        service(io, pin);
        return;
    }
    io->streak[pin] = IOAPIC_STORM_COUNT;
    io->held |= BIT(pin);
    if (!alarm_queued(&io->alarm))
        dev_alarm(io->env, &io->alarm, dev_now(io->env) + IOAPIC_STORM_NS);
}

static void complete(struct ioapic *io, uint8_t vector)
{
    for (unsigned pin = 0; pin < PLAT_IOAPIC_PINS; pin++) {
        uint64_t e = io->entry[pin];
        if (!(e & RTE_REMOTE_IRR) || (e & RTE_VECTOR) != vector)
            continue;
        io->entry[pin] = e & ~RTE_REMOTE_IRR;
        if (io->line & BIT(pin))
            again(io, pin);
    }
}

void ioapic_eoi(struct ioapic *io, uint8_t vector)
{
    spin_lock(&io->lock);
    complete(io, vector);
    spin_unlock(&io->lock);
}

static void fire(void *owner, uint64_t now)
{
    struct ioapic *io = owner;
    spin_lock(&io->lock);
    uint32_t held = io->held & io->line;
    io->held = 0;
    for (unsigned pin = 0; pin < PLAT_IOAPIC_PINS; pin++) {
        if (held & BIT(pin))
            service(io, pin);
    }
    spin_unlock(&io->lock);
}

/* ---- registers ---- */

static uint32_t read_indirect(const struct ioapic *io)
{
    unsigned pin = (unsigned)(io->select - IND_ENTRY) / 2;
    switch (io->select) {
    case IND_ID:
    case IND_ARBITRATION:
        return (uint32_t)io->id << 24;
    case IND_VERSION:
        return VERSION;
    default:
        if (io->select < IND_ENTRY || pin >= PLAT_IOAPIC_PINS)
            return 0;
        return (uint32_t)(io->entry[pin] >> (io->select & 1 ? 32 : 0));
    }
}

static void write_entry(struct ioapic *io, unsigned pin, bool high, uint32_t v)
{
    uint64_t half = high ? MASK64(63, 32) : MASK64(31, 0);
    uint64_t e = io->entry[pin];
    e = (e & ~(half & RTE_WRITABLE)) | ((high ? (uint64_t)v << 32 : v) & RTE_WRITABLE);
    if (!(e & RTE_LEVEL))
        e &= ~RTE_REMOTE_IRR;   /* the way to an EOI on parts without EOI register */
    io->entry[pin] = e;
    if ((e & RTE_LEVEL) && (io->line & BIT(pin)))
        service(io, pin);
}

static void write_indirect(struct ioapic *io, uint32_t v)
{
    unsigned pin = (unsigned)(io->select - IND_ENTRY) / 2;
    if (io->select == IND_ID)
        io->id = v >> 24 & 0xf;
    else if (io->select >= IND_ENTRY && pin < PLAT_IOAPIC_PINS)
        write_entry(io, pin, io->select & 1, v);
}

void ioapic_mmio(void *dev, struct bus_access *a)
{
    struct ioapic *io = dev;
    spin_lock(&io->lock);
    switch (a->offset) {
    case REG_SELECT:            /* an 8-bit register: byte accesses are accepted */
        if (a->write)
            io->select = (uint8_t)a->value;
        else
            a->value = io->select;
        break;
    case REG_WINDOW:
        if (a->size != 4)
            break;
        if (a->write)
            write_indirect(io, (uint32_t)a->value);
        else
            a->value = read_indirect(io);
        break;
    case REG_EOI:
        if (a->write && a->size == 4)
            complete(io, (uint8_t)a->value);
        break;
    default:
        break;
    }
    spin_unlock(&io->lock);
}

/* ---- setup and state ---- */

void ioapic_init(struct ioapic *io, struct apic_fabric *fabric, const struct dev_env *env)
{
    memset(io, 0, sizeof(*io));
    io->fabric = fabric;
    io->env = env;
    alarm_init(&io->alarm, fire, io);
    ioapic_reset(io);
}

static void reset_locked(struct ioapic *io)
{
    io->select = 0;
    io->id = PLAT_IOAPIC_ID;
    io->held = 0;
    for (unsigned pin = 0; pin < PLAT_IOAPIC_PINS; pin++) {
        io->entry[pin] = RTE_MASK;
        io->streak[pin] = 0;
    }
    if (alarm_queued(&io->alarm))
        dev_alarm(io->env, &io->alarm, ALARM_NEVER);
}

void ioapic_reset(struct ioapic *io)
{
    spin_lock(&io->lock);
    reset_locked(io);
    spin_unlock(&io->lock);
}

hv_status ioapic_attach(struct ioapic *io, struct mmio_bus *b)
{
    const struct bus_range r = {
        .base = PLAT_IOAPIC_BASE, .len = PAGE_SIZE, .widths = 1 | 4,
        .access = ioapic_mmio, .dev = io, .name = "ioapic",
    };
    return mmio_attach(b, &r);
}

void ioapic_save(struct ioapic *io, struct state_out *o)
{
    spin_lock(&io->lock);
    state_begin(o, RECORD_ID, RECORD_VERSION);
    state_put_u8(o, io->select);
    state_put_u8(o, io->id);
    state_put_u32(o, io->line);
    state_put_u32(o, io->held);
    for (unsigned pin = 0; pin < PLAT_IOAPIC_PINS; pin++) {
        state_put_u64(o, io->entry[pin]);
        state_put_u32(o, io->streak[pin]);
    }
    state_end(o);
    spin_unlock(&io->lock);
}

static void load_fields(struct ioapic *io, struct state_in *in)
{
    io->select = state_get_u8(in);
    io->id = state_get_u8(in) & 0xf;
    io->line = state_get_u32(in) & (BIT(PLAT_IOAPIC_PINS) - 1);
    io->held = state_get_u32(in) & io->line;
    for (unsigned pin = 0; pin < PLAT_IOAPIC_PINS; pin++) {
        uint64_t e = state_get_u64(in) & (RTE_WRITABLE | RTE_REMOTE_IRR);
        io->entry[pin] = e & RTE_LEVEL ? e : e & ~RTE_REMOTE_IRR;
        io->streak[pin] = (uint32_t)min_u64(state_get_u32(in), IOAPIC_STORM_COUNT);
    }
}

hv_status ioapic_load(struct ioapic *io, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, RECORD_ID, RECORD_VERSION, &version);
    if (s != HV_OK)
        return s;
    spin_lock(&io->lock);
    reset_locked(io);
    load_fields(io, in);
    s = state_close(in);
    if (s != HV_OK)
        reset_locked(io);
    else if (io->held)
        dev_alarm(io->env, &io->alarm, dev_now(io->env) + IOAPIC_STORM_NS);
    spin_unlock(&io->lock);
    return s;
}
