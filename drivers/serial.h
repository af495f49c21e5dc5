/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550 UARTs of the machine as console ports (National PC16550D datasheet). */
#ifndef DRIVERS_SERIAL_H
#define DRIVERS_SERIAL_H

#include "socle/types.h"

struct serial {
    uint16_t port;              /* 0: none */
    bool     tx_irq;            /* the transmit interrupt is enabled */
    bool     stuck;             /* has not sent for long: others do not wait for it */
    uint64_t busy_since;        /* ns; 0: was ready when last asked */
};

/* Events found by serial_poll_rx. */
enum { SERIAL_NONE = -1, SERIAL_BREAK = -2 };

/* Does a UART answer at this port? Leaves its settings alone. */
MUST_CHECK bool serial_present(uint16_t port);
/* 8N1 at `baud`, FIFOs on, no interrupts. */
void serial_init(struct serial *s, uint16_t port, uint32_t baud);
/* Received data raises the port's interrupt line. */
void serial_enable_rx_irq(struct serial *s);
/* Asks for (or stops) an interrupt when the transmitter is empty. */
void serial_want_tx_irq(struct serial *s, bool want);
/* Does the port drive its interrupt line? */
MUST_CHECK bool serial_irq_pending(struct serial *s);
/* A received byte, SERIAL_NONE, or SERIAL_BREAK. */
int serial_poll_rx(struct serial *s);
/* Room for at least one byte now: after true, up to 16 may be written without asking again. */
MUST_CHECK bool serial_tx_empty(struct serial *s);
void serial_tx(struct serial *s, uint8_t byte);
/* Waits (bounded) until everything written has left the port. */
void serial_flush(const struct serial *s);
/* Waits (bounded) for room and writes: boot messages and panics. */
void serial_write_sync(struct serial *s, const char *text, size_t n);

#endif
