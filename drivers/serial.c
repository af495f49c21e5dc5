/* SPDX-License-Identifier: BSD-2-Clause */
/* See serial.h. Register names and bits: National PC16550D datasheet, section 8. */
#include "drivers/serial.h"

#include "arch/x86/cpu/ops.h"

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };
enum { IER_RX = 1, IER_TX = 2, LSR_DR = 1, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64, LCR_8N1 = 3, LCR_DLAB = 128 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT2 = 8 };
enum { UART_CLOCK = 1843200 / 16, TX_SPIN = 100000 };

bool serial_present(uint16_t port)
{
    uint8_t old = inb((uint16_t)(port + SCR));
    outb((uint16_t)(port + SCR), 0x5a);
    bool ok = inb((uint16_t)(port + SCR)) == 0x5a;
    outb((uint16_t)(port + SCR), 0xa5);
    ok = ok && inb((uint16_t)(port + SCR)) == 0xa5;
    outb((uint16_t)(port + SCR), old);
    return ok && inb((uint16_t)(port + LSR)) != 0xff;
}

/* Until the last bit is on the line; bounded, for ports that never get there. */
static void wait_sent(uint16_t port)
{
    for (unsigned spin = 0; spin < TX_SPIN && !(inb((uint16_t)(port + LSR)) & LSR_TEMT); spin++)
        ;
}

void serial_flush(const struct serial *s) { wait_sent(s->port); }

void serial_init(struct serial *s, uint16_t port, uint32_t baud)
{
    uint32_t divisor = baud ? UART_CLOCK / baud : 1;
    if (divisor == 0)
        divisor = 1;
    s->port = port;
    s->tx_irq = s->stuck = false;
    s->busy_since = 0;
    wait_sent(port);                    /* what the boot loader, or we, wrote last */
    outb((uint16_t)(port + IER), 0);
    outb((uint16_t)(port + LCR), LCR_DLAB | LCR_8N1);
    outb((uint16_t)(port + DLL), (uint8_t)divisor);
    outb((uint16_t)(port + DLM), (uint8_t)(divisor >> 8));
    outb((uint16_t)(port + LCR), LCR_8N1);
    outb((uint16_t)(port + FCR), 0x07);         /* enable and clear FIFOs, trigger at 1 byte */
    outb((uint16_t)(port + MCR), MCR_DTR | MCR_RTS | MCR_OUT2);
    for (unsigned i = 0; i < 16 && inb((uint16_t)(port + LSR)) & LSR_DR; i++)
        inb((uint16_t)(port + RBR));
}

void serial_enable_rx_irq(struct serial *s) { outb((uint16_t)(s->port + IER), IER_RX); }

void serial_want_tx_irq(struct serial *s, bool want)
{
    if (want == s->tx_irq)
        return;
    s->tx_irq = want;
    outb((uint16_t)(s->port + IER), want ? IER_RX | IER_TX : IER_RX);
}

bool serial_irq_pending(struct serial *s) { return !(inb((uint16_t)(s->port + IIR)) & 1); }

int serial_poll_rx(struct serial *s)
{
    uint8_t lsr = inb((uint16_t)(s->port + LSR));
    if (lsr == 0xff || !(lsr & LSR_DR))
        return SERIAL_NONE;
    uint8_t byte = inb((uint16_t)(s->port + RBR));
    return lsr & LSR_BI ? SERIAL_BREAK : byte;
}

bool serial_tx_empty(struct serial *s) { return inb((uint16_t)(s->port + LSR)) & LSR_THRE; }

void serial_tx(struct serial *s, uint8_t byte) { outb((uint16_t)(s->port + THR), byte); }

void serial_write_sync(struct serial *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (unsigned spin = 0; spin < TX_SPIN && !serial_tx_empty(s); spin++)
            ;
        serial_tx(s, (uint8_t)text[i]);
    }
}
