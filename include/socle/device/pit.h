/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8254 programmable interval timer with the PC's port 0x61. Intel 8254 data sheet
 * (231164-005). Counters are computed from VM time; only channel 0 uses an alarm.
 *
 * Locking: port accesses and the alarm lock the device themselves; init, reset, save
 * and load need the VM to stand still.
 */
#ifndef SOCLE_DEVICE_PIT_H
#define SOCLE_DEVICE_PIT_H

#include "socle/bus.h"
#include "socle/dev.h"

#define PIT_HZ 1193182u

struct pit_channel {
    int64_t  origin;            /* tick at which the count went into the counter; if running */
    int64_t  elapsed;           /* ticks counted since then; if stopped by the gate */
    int64_t  next_at;           /* tick at which `next` is loaded, and the origin it gets */
    int64_t  next_origin;
    uint32_t count;             /* loaded count, 1 to 65536 */
    uint32_t next;              /* count written, not loaded yet; 0: none */
    uint16_t idle;              /* what reads show while nothing is loaded */
    uint16_t latch;
    uint8_t  mode, rw;          /* 0-5; RW field: 1 LSB, 2 MSB, 3 both */
    uint8_t  low;               /* first byte of a two-byte write */
    uint8_t  latched;           /* bytes of `latch` left to read */
    uint8_t  status;            /* latched status byte */
    bool     bcd, gate;
    bool     loaded;            /* the counter holds a count written since the control word */
    bool     write_high, read_high;     /* next byte of a two-byte transfer is the high one */
    bool     status_latched;
};

struct pit {
    struct spinlock       lock;
    const struct dev_env *env;
    struct pit_channel    ch[3];
    struct alarm          alarm;
    int64_t               last_edge;    /* tick of the last interrupt, for the rate limit */
    uint8_t               port61;       /* bits 3:0 as written */
    bool                  line;         /* channel 0's OUT as IRQ 0 last saw it */
};

void pit_init(struct pit *p, const struct dev_env *env);
/* As a BIOS leaves it: channel 0 in mode 3 at 18.2 Hz. Drives the line, sets the alarm. */
void pit_reset(struct pit *p);
/* Ports 0x40-0x43 and 0x61. */
MUST_CHECK hv_status pit_attach(struct pit *p, struct pio_bus *b);
void pit_save(const struct pit *p, struct state_out *o);
/* Sets the alarm, leaves the line alone. HV_INVALID: unchanged. */
MUST_CHECK hv_status pit_load(struct pit *p, struct state_in *in);

#endif
