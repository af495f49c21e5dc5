/* SPDX-License-Identifier: BSD-2-Clause */
/* See console_io.h. */
#include "socle/console_io.h"

#include <stdarg.h>

#include "drivers/serial.h"
#include "socle/bits.h"
#include "socle/cpu.h"
#include "socle/fmt.h"
#include "socle/hostmem.h"
#include "socle/sched.h"
#include "socle/shell_ops.h"
#include "socle/str.h"
#include "socle/vm.h"

enum { PORTS = 4, TX_BURST = 16, EARLY_LOG = LOGRING_MIN };
/* 16 bytes at 9600 baud take 17 ms. */
enum { IRQ_FIFO_NS = 50000000, IRQ_TEST_NS = 2000000, IRQ_TEST_TRIES = 1000 };
enum { POLL_TX_NS = 1000000, POLL_RX_NS = 10000000 };
#define STUCK_NS 1000000000ull

static const uint16_t com_ports[PORTS] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

static struct console console;
/* Enough for the lines before memory is there; console_io_memory() takes over. */
static uint8_t early_log[EARLY_LOG] ALIGNED(8), early_sink[CONSOLE_SINK_MIN];
static struct serial port[PORTS];
static uint32_t ports;
static bool irqs;                       /* interrupts are routed, lines may wait in the queue */
static bool polled;                     /* they do not come: look at the ports now and then */
static _Atomic uint32_t irqs_seen;

/*
 * The console's lock may be taken again by the CPU that holds it, since operations of the
 * shell log lines. `holder` is that CPU's number + 1; only the holder changes `depth`.
 */
static struct spinlock lock;
static _Atomic uint32_t holder;
static uint32_t depth;

struct console *console_lock(void)
{
    uint32_t me = cpu_number() + 1;
    if (atomic_load_explicit(&holder, memory_order_relaxed) != me) {
        spin_lock(&lock);
        atomic_store_explicit(&holder, me, memory_order_relaxed);
    }
    depth++;
    return &console;
}

void console_unlock(void)
{
    if (--depth == 0) {
        atomic_store_explicit(&holder, 0, memory_order_relaxed);
        spin_unlock(&lock);
    }
}

static size_t guest_input(void *ctx, struct console_guest *g, const uint8_t *bytes, size_t n)
{
    struct vm *vm = g->owner;
    return vm->pc ? uart_rx(&vm->pc->com[0], bytes, n) : 0;
}

static void use_port(uint16_t at, uint32_t baud)
{
    if (ports < PORTS)
        serial_init(&port[ports++], at, baud);
}

static void use_all_ports(uint32_t baud)
{
    for (unsigned i = 0; i < PORTS; i++)
        if (serial_present(com_ports[i]))
            use_port(com_ports[i], baud);
}

void console_io_early(void)
{
    static const struct console_ops ops = { NULL, guest_input };
    console_init(&console, &ops, shell_ops_get(), logring_init(early_log, sizeof(early_log)));
    use_all_ports(115200);
    console_add_sink(&console, early_sink, sizeof(early_sink));
}

void console_io_memory(void)
{
    void *log = host_object(LOGRING_SIZE), *sink = host_object(CONSOLE_SINK_SIZE);
    console_io_drain();
    console_lock();
    if (log)
        console_move_log(&console, logring_init(log, LOGRING_SIZE));
    if (sink)
        console_move_sink(&console, 0, sink, CONSOLE_SINK_SIZE);
    console_unlock();
}

void console_io_configure(const struct config_host *host, uint16_t spcr_port)
{
    console_io_drain();
    ports = 0;
    if (host->consoles == 0 && spcr_port && serial_present(spcr_port))
        use_port(spcr_port, host->baud);
    else if (host->consoles == 0)
        use_all_ports(host->baud);
    for (uint32_t i = 0; i < host->consoles; i++)
        if (host->console[i].kind == CONFIG_CONSOLE_UART)
            use_port(host->console[i].port, host->baud);
    if (!ports) {                       /* better a console nobody asked for than none */
        use_all_ports(host->baud);
        log_warn("console: none of those named is available in this version; serial ports are used");
    }
    console_set_level(&console, host->log);
    console_set_escape(&console, host->escape);
}

uint32_t console_io_ports(uint16_t out[4])
{
    for (uint32_t i = 0; i < ports; i++)
        out[i] = port[i].port;
    return ports;
}

void console_io_irq(void) { atomic_fetch_add_explicit(&irqs_seen, 1, memory_order_relaxed); }

/* An empty transmitter interrupts as soon as it may: that shows whether interrupts arrive. */
static bool interrupts_arrive(struct serial *s)
{
    uint32_t before = atomic_load(&irqs_seen);
    uint64_t end = host_now() + IRQ_FIFO_NS;
    while (!serial_tx_empty(s) && host_now() < end)
        ;
    serial_enable_rx_irq(s);
    serial_want_tx_irq(s, true);
    end = host_now() + IRQ_TEST_NS;
    /* Counted as well: an emulated CPU may stand still for longer than that. */
    for (unsigned tries = 0; atomic_load(&irqs_seen) == before; tries++) {
        if (tries >= IRQ_TEST_TRIES && host_now() >= end)
            break;
        cpu_irq_window();
    }
    serial_want_tx_irq(s, false);
    return atomic_load(&irqs_seen) != before;
}

void console_io_irqs(void)
{
    for (uint32_t i = 0; i < ports; i++)
        if (!interrupts_arrive(&port[i])) {
            polled = true;
            log_warn("console: no interrupts from the port at 0x%x: it is looked at 100 times a second",
                     port[i].port);
        }
    irqs = true;
}

void console_io_guest_flush(struct vm *vm)
{
    if (!vm->out_len)
        return;
    console_lock();
    uint32_t n = vm->out_len;
    vm->out_len = 0;
    console_guest_output(&console, &vm->con, vm->out, n, host_now());
    sched_console_due();
    console_unlock();
}

/* A port that does not get rid of its bytes for so long is left out until it does. */
static bool port_ready(struct serial *s)
{
    if (serial_tx_empty(s)) {
        s->stuck = false;
        s->busy_since = 0;
        return true;
    }
    if (!s->busy_since)
        s->busy_since = host_now();
    s->stuck = host_now() - s->busy_since > STUCK_NS;
    return s->stuck;
}

static bool ports_ready(void)
{
    bool ready = ports > 0;
    for (uint32_t i = 0; i < ports; i++)
        ready = port_ready(&port[i]) && ready;
    return ready;
}

/* Hands over what the ports take now; true when there is more to write. */
static bool transmit(void)
{
    uint8_t burst[TX_BURST];
    while (console_tx_waiting(&console, 0)) {
        if (!ports_ready())
            return ports > 0;
        size_t n = console_tx_take(&console, 0, burst, sizeof(burst), host_now());
        if (!n)
            break;
        for (uint32_t p = 0; p < ports; p++)
            for (size_t i = 0; i < n && !port[p].stuck; i++)
                serial_tx(&port[p], burst[i]);
    }
    return false;
}

static void receive(struct serial *s)
{
    for (unsigned budget = 256; budget && console_input_room(&console); budget--) {
        int c = serial_poll_rx(s);
        if (c == SERIAL_NONE)
            return;
        uint8_t byte = (uint8_t)c;
        if (c == SERIAL_BREAK)
            console_break(&console, host_now());
        else
            console_input(&console, &byte, 1, host_now());
    }
}

/*
 * An edge-triggered line rises again only after it fell, so each round goes on until no
 * port has a reason left; when the budget ends first, the ports are looked at again soon.
 */
uint64_t console_io_serve(void)
{
    console_lock();
    for (uint32_t i = 0; i < vm_count; i++)
        console_io_guest_flush(vm_list[i]);
    uint64_t due = console_tick(&console, host_now());
    bool waiting = false, more = false;
    for (unsigned round = 0; round < 4; round++) {
        more = false;
        for (uint32_t p = 0; p < ports; p++)
            receive(&port[p]);
        waiting = transmit();
        for (uint32_t p = 0; p < ports && irqs; p++) {
            serial_want_tx_irq(&port[p], waiting);
            more = more || serial_irq_pending(&port[p]);
        }
        if (!more)
            break;
    }
    due = min_u64(due, console_deadline(&console));
    if (more)
        due = min_u64(due, host_now() + POLL_TX_NS);
    if (polled)
        due = min_u64(due, host_now() + (waiting ? POLL_TX_NS : POLL_RX_NS));
    console_unlock();
    return due;
}

void console_io_drain(void)
{
    console_lock();
    console_tick(&console, host_now());
    for (unsigned tries = 0; tries < 2000000 && transmit(); tries++)
        ;
    for (uint32_t p = 0; p < ports; p++)
        serial_flush(&port[p]);
    console_unlock();
}

/* ---- the log ---------------------------------------------------------------- */

void log_at(enum log_level level, const char *format, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, format);
    fmt_v(text, sizeof(text), format, ap);
    va_end(ap);
    console_lock();
    for (uint32_t i = 0; i < vm_count; i++)
        console_io_guest_flush(vm_list[i]);
    console_log_line(&console, level, text, host_now());
    sched_console_due();
    console_unlock();
    if (!irqs)
        console_io_drain();
}

/* For panics: no lock, no queue. */
void console_io_panic_write(const char *text, size_t n)
{
    uint8_t rest[64];
    size_t got;
    while ((got = console_tx_take(&console, 0, rest, sizeof(rest), 0)) != 0)
        for (uint32_t p = 0; p < ports; p++)
            serial_write_sync(&port[p], (const char *)rest, got);
    for (uint32_t p = 0; p < ports; p++)
        serial_write_sync(&port[p], text, n);
}
