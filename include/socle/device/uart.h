/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A serial port. National Semiconductor PC16550D data sheet (TL/C/8652).
 *
 * The transmitter is always empty: a guest's output is never slowed to the baud rate it
 * sets. Bytes are eight bits whatever the word length. On a PC, OUT2 connects the
 * interrupt output to the IRQ line, also here, and loopback disconnects it.
 *
 * Locking: port accesses, the alarm, uart_rx, uart_rx_break and uart_set_modem lock
 * the device themselves; init, reset, save and load need the VM to stand still.
 */
#ifndef SOCLE_DEVICE_UART_H
#define SOCLE_DEVICE_UART_H

#include "socle/bus.h"
#include "socle/dev.h"

enum { UART_FIFO = 16 };

/* Modem inputs as they stand in the modem status register. */
enum { UART_CTS = 0x10, UART_DSR = 0x20, UART_RI = 0x40, UART_DCD = 0x80 };

struct uart_backend {
    void *ctx;
    /* A byte left the transmitter. Under the port's lock; must not block or call back. */
    void (*tx)(void *ctx, uint8_t byte);
    /*
     * uart_rx had refused bytes and now there is room. Called without the lock, in the
     * vCPU's exit that made room; may call uart_rx. May be null.
     */
    void (*room)(void *ctx);
};

struct uart {
    struct spinlock       lock;
    const struct dev_env *env;
    struct uart_backend   back;
    uint32_t gsi;
    uint8_t  ier, fcr, lcr, mcr, scr;
    uint8_t  dll, dlm;
    uint8_t  lsr;               /* only OE, PE, FE, BI: sticky until read */
    uint8_t  msr;               /* only the delta bits */
    uint8_t  modem;             /* UART_CTS.. of the outside world */
    uint8_t  fifo[UART_FIFO];
    uint8_t  error[UART_FIFO];  /* PE, FE, BI of each character */
    uint8_t  head, used, errors;        /* oldest; how many; how many with errors */
    uint8_t  rbr;               /* what RBR shows while nothing is waiting */
    bool     thr_pending;       /* THRE interrupt raised and not yet seen */
    bool     timeout;           /* character timeout reached */
    bool     refused;           /* uart_rx left bytes behind */
    bool     line;
    struct alarm alarm;         /* character timeout */
};

void uart_init(struct uart *u, const struct dev_env *env, uint32_t gsi,
               const struct uart_backend *back);
/* Master reset: data sheet table II. The received bytes are dropped. */
void uart_reset(struct uart *u);
/* Eight ports at base. */
MUST_CHECK hv_status uart_attach(struct uart *u, struct pio_bus *b, uint16_t base);

/* Bytes from the line; returns how many were taken. Room is announced by back.room. */
size_t uart_rx(struct uart *u, const uint8_t *bytes, size_t n);
/* A break on the line; false when the FIFO is full. */
bool uart_rx_break(struct uart *u);
/* The modem inputs, UART_CTS.. or-ed. Initially CTS, DSR and DCD: a terminal is there. */
void uart_set_modem(struct uart *u, uint8_t lines);

void uart_save(const struct uart *u, struct state_out *o);
/* Sets the alarm, leaves the line alone. HV_INVALID: unchanged. */
MUST_CHECK hv_status uart_load(struct uart *u, struct state_in *in);

#endif
