/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A serial port: registers towards the guest, bytes towards the console that
 * stands behind it. PC16550D data sheet (TL/C/8652), section 8 "Registers". What is
 * time on a wire is left out, except for the receiver's character timeout.
 */
#include "socle/device/uart.h"

#include "socle/bits.h"
#include "socle/device/ticks.h"
#include "socle/str.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };     /* register addresses, DLAB = 0 */

#define IER_RX          0x01u
#define IER_THRE        0x02u
#define IER_LINE        0x04u
#define IER_MODEM       0x08u
#define IIR_MODEM       0x00u
#define IIR_NONE        0x01u
#define IIR_THRE        0x02u
#define IIR_RX          0x04u
#define IIR_LINE        0x06u
#define IIR_TIMEOUT     0x0cu
#define IIR_FIFOS       0xc0u
#define FCR_ENABLE      0x01u
#define FCR_CLEAR_RX    0x02u
#define FCR_KEPT        0xc9u               /* trigger, DMA mode, enable */
#define LCR_WORD        0x03u
#define LCR_TWO_STOP    0x04u
#define LCR_PARITY      0x08u
#define LCR_BREAK       0x40u
#define LCR_DLAB        0x80u
#define MCR_OUT2        0x08u
#define MCR_LOOP        0x10u
#define MCR_WRITABLE    0x1fu
#define LSR_DR          0x01u
#define LSR_OE          0x02u
#define LSR_BI          0x10u
#define LSR_CHAR        0x1cu               /* PE, FE, BI: belong to a character */
#define LSR_STICKY      0x1eu
#define LSR_EMPTY       0x60u               /* THRE, TEMT */
#define LSR_FIFO_ERROR  0x80u
#define MSR_DELTAS      0x0fu
#define MSR_TERI        0x04u

#define CLOCK_HZ        1843200u            /* a PC's; divided by 16 and the divisor */

#define STATE_UART      STATE_ID('U', 'A', 'R', 'T')

static bool looped(const struct uart *u) { return u->mcr & MCR_LOOP; }
static bool fifo_mode(const struct uart *u) { return u->fcr & FCR_ENABLE; }
static unsigned capacity(const struct uart *u) { return fifo_mode(u) ? UART_FIFO : 1; }

static unsigned trigger(const struct uart *u)
{
    static const uint8_t level[4] = { 1, 4, 8, 14 };
    return fifo_mode(u) ? level[u->fcr >> 6] : 1;
}

/* ---- interrupts ----------------------------------------------------------------- */

/* Table V of the data sheet, from the highest priority down. */
static uint8_t identify(const struct uart *u)
{
    if ((u->ier & IER_LINE) && u->lsr)
        return IIR_LINE;
    if ((u->ier & IER_RX) && u->used >= trigger(u))
        return IIR_RX;
    if ((u->ier & IER_RX) && u->timeout)
        return IIR_TIMEOUT;
    if ((u->ier & IER_THRE) && u->thr_pending)
        return IIR_THRE;
    if ((u->ier & IER_MODEM) && u->msr)
        return IIR_MODEM;
    return IIR_NONE;
}

static bool wanted_line(const struct uart *u)
{
    return (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && identify(u) != IIR_NONE;
}

static void refresh_irq(struct uart *u)
{
    bool level = wanted_line(u);
    if (level == u->line)
        return;
    u->line = level;
    dev_irq(u->env, u->gsi, level);
}

/* ---- receiver ------------------------------------------------------------------- */

/* Four character times at the programmed rate and format: start, word, parity, stop. */
static uint64_t timeout_ns(const struct uart *u)
{
    uint64_t divisor = (uint64_t)u->dlm << 8 | u->dll;
    unsigned bits = 7 + (u->lcr & LCR_WORD) + !!(u->lcr & LCR_PARITY) + !!(u->lcr & LCR_TWO_STOP);
    return 4 * bits * 16 * (divisor ? divisor : 1) * NS_PER_S / CLOCK_HZ;
}

/* A byte came or was read: the timeout begins anew while bytes wait. */
static void restart_timeout(struct uart *u)
{
    u->timeout = false;
    if (u->used && fifo_mode(u))
        dev_alarm(u->env, &u->alarm, dev_now(u->env) + timeout_ns(u));
    else if (alarm_queued(&u->alarm))
        dev_alarm(u->env, &u->alarm, ALARM_NEVER);
}

static void fire(void *owner, uint64_t now)
{
    struct uart *u = owner;
    spin_lock(&u->lock);
    u->timeout = u->used && fifo_mode(u);
    refresh_irq(u);
    spin_unlock(&u->lock);
}

/* A character's errors show in LSR when it becomes the next to be read. */
static void push(struct uart *u, uint8_t byte, uint8_t error)
{
    unsigned at = (u->head + u->used++) % UART_FIFO;
    u->fifo[at] = byte;
    u->error[at] = error;
    if (error)
        u->errors++;
    if (u->used == 1)
        u->lsr |= error;
}

/* From the transmitter in loopback: nobody waits for room. */
static void receive_looped(struct uart *u, uint8_t byte, uint8_t error)
{
    if (u->used == capacity(u)) {
        u->lsr |= LSR_OE;
        if (fifo_mode(u))
            return;             /* the shift register is overwritten, the FIFO kept */
        u->used = u->errors = 0;
    }
    push(u, byte, error);
    restart_timeout(u);
}

static uint8_t read_rbr(struct uart *u)
{
    if (u->used) {
        u->rbr = u->fifo[u->head];
        if (u->error[u->head])
            u->errors--;
        u->head = (uint8_t)((u->head + 1) % UART_FIFO);
        u->used--;
        if (u->used)
            u->lsr |= u->error[u->head];
        restart_timeout(u);
        refresh_irq(u);
    }
    return u->rbr;
}

static void clear_receiver(struct uart *u)
{
    u->used = u->errors = 0;
    u->lsr &= (uint8_t)~LSR_CHAR;
    restart_timeout(u);
}

size_t uart_rx(struct uart *u, const uint8_t *bytes, size_t n)
{
    spin_lock(&u->lock);
    size_t room = looped(u) ? 0 : capacity(u) - u->used;
    size_t taken = n < room ? n : room;
    for (size_t i = 0; i < taken; i++)
        push(u, bytes[i], 0);
    u->refused |= taken < n;
    if (taken) {
        restart_timeout(u);
        refresh_irq(u);
    }
    spin_unlock(&u->lock);
    return taken;
}

bool uart_rx_break(struct uart *u)
{
    spin_lock(&u->lock);
    bool room = !looped(u) && u->used < capacity(u);
    if (room) {
        push(u, 0, LSR_BI);     /* a break is one zero character */
        restart_timeout(u);
        refresh_irq(u);
    }
    spin_unlock(&u->lock);
    return room;
}

/* ---- modem lines ---------------------------------------------------------------- */

/* MSR bits 7:4. In loopback CTS, DSR, RI, DCD are RTS, DTR, OUT1, OUT2. */
static uint8_t modem_lines(const struct uart *u)
{
    if (!looped(u))
        return u->modem;
    return (uint8_t)((u->mcr & 2) << 3 | (u->mcr & 1) << 5 | (u->mcr & 0xc) << 4);
}

static void note_change(struct uart *u, uint8_t before)
{
    uint8_t after = modem_lines(u), changed = before ^ after;
    u->msr |= (uint8_t)((changed & (UART_CTS | UART_DSR | UART_DCD)) >> 4);
    if (before & ~after & UART_RI)
        u->msr |= MSR_TERI;     /* only the trailing edge of RI */
}

void uart_set_modem(struct uart *u, uint8_t lines)
{
    spin_lock(&u->lock);
    uint8_t before = modem_lines(u);
    u->modem = lines & (UART_CTS | UART_DSR | UART_RI | UART_DCD);
    note_change(u, before);
    refresh_irq(u);
    spin_unlock(&u->lock);
}

/* ---- registers ------------------------------------------------------------------ */

/* The interrupt falls with the write and rises as the byte leaves: a new edge. */
static void write_thr(struct uart *u, uint8_t v)
{
    if (u->thr_pending) {
        u->thr_pending = false;
        refresh_irq(u);
    }
    if (looped(u))
        receive_looped(u, v, 0);
    else
        u->back.tx(u->back.ctx, v);
    u->thr_pending = true;
    refresh_irq(u);
}

static void write_ier(struct uart *u, uint8_t v)
{
    if (v & ~u->ier & IER_THRE)
        u->thr_pending = true;  /* the holding register is empty: says so when enabled */
    u->ier = v & 0x0f;
    refresh_irq(u);
}

static void write_fcr(struct uart *u, uint8_t v)
{
    bool enable = v & FCR_ENABLE;
    bool clear = enable != fifo_mode(u) || (enable && (v & FCR_CLEAR_RX));
    u->fcr = enable ? v & FCR_KEPT : 0;
    if (clear)
        clear_receiver(u);
    refresh_irq(u);
}

static void write_lcr(struct uart *u, uint8_t v)
{
    bool began = v & ~u->lcr & LCR_BREAK;
    u->lcr = v;
    if (began && looped(u)) {
        receive_looped(u, 0, LSR_BI);
        refresh_irq(u);
    }
}

static void write_mcr(struct uart *u, uint8_t v)
{
    uint8_t before = modem_lines(u);
    u->mcr = v & MCR_WRITABLE;
    note_change(u, before);
    refresh_irq(u);
}

static uint8_t read_iir(struct uart *u)
{
    uint8_t v = identify(u);
    if (v == IIR_THRE) {
        u->thr_pending = false;
        refresh_irq(u);
    }
    return (uint8_t)(v | (fifo_mode(u) ? IIR_FIFOS : 0));
}

static uint8_t read_lsr(struct uart *u)
{
    uint8_t v = (uint8_t)(u->lsr | LSR_EMPTY | (u->used ? LSR_DR : 0));
    if (u->errors && fifo_mode(u))
        v |= LSR_FIFO_ERROR;
    if (u->lsr) {
        if (u->used && u->error[u->head]) {
            u->error[u->head] = 0;
            u->errors--;
        }
        u->lsr = 0;
        refresh_irq(u);
    }
    return v;
}

static uint8_t read_msr(struct uart *u)
{
    uint8_t v = modem_lines(u) | u->msr;
    u->msr = 0;
    refresh_irq(u);
    return v;
}

static uint8_t read_register(struct uart *u, unsigned offset)
{
    bool dlab = u->lcr & LCR_DLAB;
    switch (offset) {
    case RBR: return dlab ? u->dll : read_rbr(u);
    case IER: return dlab ? u->dlm : u->ier;
    case IIR: return read_iir(u);
    case LCR: return u->lcr;
    case MCR: return u->mcr;
    case LSR: return read_lsr(u);
    case MSR: return read_msr(u);
    default:  return u->scr;
    }
}

static void write_register(struct uart *u, unsigned offset, uint8_t v)
{
    bool dlab = u->lcr & LCR_DLAB;
    switch (offset) {
    case RBR:
        if (dlab)
            u->dll = v;
        else
            write_thr(u, v);
        break;
    case IER:
        if (dlab)
            u->dlm = v;
        else
            write_ier(u, v);
        break;
    case IIR: write_fcr(u, v); break;
    case LCR: write_lcr(u, v); break;
    case MCR: write_mcr(u, v); break;
    case SCR: u->scr = v; break;
    default:  break;            /* LSR and MSR are read only */
    }
}

/* Locks by itself, so that back.room may call uart_rx. */
static void access_port(void *dev, struct bus_access *a)
{
    struct uart *u = dev;
    spin_lock(&u->lock);
    if (a->write)
        write_register(u, (unsigned)a->offset, (uint8_t)a->value);
    else
        a->value = read_register(u, (unsigned)a->offset);
    bool room = u->refused && !u->used && !looped(u);
    if (room)
        u->refused = false;
    spin_unlock(&u->lock);
    if (room && u->back.room)
        u->back.room(u->back.ctx);
}

hv_status uart_attach(struct uart *u, struct pio_bus *b, uint16_t base)
{
    const struct bus_range range = { base, 8, 1, access_port, u, NULL, "uart" };
    return pio_attach(b, &range);
}

/* ---- life cycle ----------------------------------------------------------------- */

void uart_init(struct uart *u, const struct dev_env *env, uint32_t gsi,
               const struct uart_backend *back)
{
    memset(u, 0, sizeof(*u));
    u->env = env;
    u->gsi = gsi;
    u->back = *back;
    u->modem = UART_CTS | UART_DSR | UART_DCD;
    u->dll = 1;
    alarm_init(&u->alarm, fire, u);
}

void uart_reset(struct uart *u)
{
    u->ier = u->fcr = u->lcr = u->mcr = u->scr = 0;
    u->dll = 1;                 /* open on the chip; 115200 baud */
    u->dlm = 0;
    u->lsr = u->msr = u->rbr = 0;
    u->head = 0;
    u->thr_pending = false;
    clear_receiver(u);
    u->line = false;
    dev_irq(u->env, u->gsi, false);
}

void uart_save(const struct uart *u, struct state_out *o)
{
    const uint8_t bytes[] = {
        u->ier, u->fcr, u->lcr, u->mcr, u->scr, u->dll, u->dlm, u->lsr, u->msr, u->modem,
        u->rbr, u->used, u->thr_pending, u->timeout,
    };
    state_begin(o, STATE_UART, 1);
    state_put_bytes(o, bytes, sizeof(bytes));
    for (unsigned i = 0; i < UART_FIFO; i++) {      /* oldest first, then zeros */
        unsigned at = (u->head + i) % UART_FIFO;
        state_put_u8(o, i < u->used ? u->fifo[at] : 0);
        state_put_u8(o, i < u->used ? u->error[at] : 0);
    }
    state_put_u64(o, alarm_queued(&u->alarm) ? u->alarm.due : ALARM_NEVER);
    state_end(o);
}

static void load_registers(struct uart *u, struct state_in *in)
{
    u->ier = state_get_u8(in) & 0x0f;
    u->fcr = state_get_u8(in) & FCR_KEPT;
    u->lcr = state_get_u8(in);
    u->mcr = state_get_u8(in) & MCR_WRITABLE;
    u->scr = state_get_u8(in);
    u->dll = state_get_u8(in);
    u->dlm = state_get_u8(in);
    u->lsr = state_get_u8(in) & LSR_STICKY;
    u->msr = state_get_u8(in) & MSR_DELTAS;
    u->modem = state_get_u8(in) & (uint8_t)~MSR_DELTAS;
    u->rbr = state_get_u8(in);
    u->used = state_get_u8(in);
    u->thr_pending = state_get_u8(in) & 1;
    u->timeout = state_get_u8(in) & 1;
    u->head = u->errors = 0;
    for (unsigned i = 0; i < UART_FIFO; i++) {
        u->fifo[i] = state_get_u8(in);
        u->error[i] = state_get_u8(in) & LSR_CHAR;
        if (i < u->used && u->error[i])
            u->errors++;
    }
}

hv_status uart_load(struct uart *u, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_UART, 1, &version);
    if (s != HV_OK)
        return s;
    struct uart n = *u;
    load_registers(&n, in);
    uint64_t due = state_get_u64(in);
    s = state_close(in);
    if (s != HV_OK || n.used > capacity(&n))
        return HV_INVALID;
    if (!n.used || !fifo_mode(&n)) {
        n.timeout = false;
        due = ALARM_NEVER;
    }
    n.line = wanted_line(&n);
    n.refused = true;           /* whoever feeds this port may have more by now */
    *u = n;
    dev_alarm(u->env, &u->alarm, due);
    return HV_OK;
}
