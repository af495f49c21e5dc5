/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's one console: the pure console of vmm/console joined to the serial
 * ports, to the guests' ports and to the log. All functions take the console's lock
 * themselves, which the holding CPU may take again.
 */
#ifndef SOCLE_CONSOLE_IO_H
#define SOCLE_CONSOLE_IO_H

#include "socle/config.h"
#include "socle/console.h"
#include "socle/types.h"

struct vm;

/* First lines can be printed from here on: finds the serial ports that answer. Boot. */
void console_io_early(void);
/* Memory can be had: the log and the queue of lines get their full size. Boot. */
void console_io_memory(void);
/* Uses the ports and settings that the configuration names. Boot. */
void console_io_configure(const struct config_host *host, uint16_t spcr_port);
/* Ports in use, for routing their interrupts. */
uint32_t console_io_ports(uint16_t ports[4]);
/*
 * Interrupts are routed, as far as the machine says: uses them where they arrive, and
 * looks at the ports from time to time where they do not. Boot.
 */
void console_io_irqs(void);
/* A port's interrupt came. Interrupt handler. */
void console_io_irq(void);

struct console *console_lock(void);
void console_unlock(void);

/* Bytes of a guest's port that wait in its buffer go to the console. */
void console_io_guest_flush(struct vm *vm);
/* Serves the ports: input, output, deadlines. The CPU's loop. Returns the next deadline in ns. */
uint64_t console_io_serve(void);
/* Writes out everything queued, waiting for the ports: boot, end of the machine's run. */
void console_io_drain(void);
/* For panics: writes at once, without lock or queue. */
void console_io_panic_write(const char *text, size_t n);

#endif
