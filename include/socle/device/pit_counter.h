/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One counter of an 8254, as a function of time. Intel 8254 data sheet (231164-005),
 * "Operational Description" and "Mode Definitions". Used by pit.c alone.
 *
 * Times are ticks of the counter's clock. Before any other call, pit_counter_sync
 * brings the counter to the time that is then given to the others.
 */
#ifndef SOCLE_DEVICE_PIT_COUNTER_H
#define SOCLE_DEVICE_PIT_COUNTER_H

#include "socle/state.h"
#include "socle/types.h"

#define PIT_NEVER INT64_MAX

struct pit_counter {
    int64_t  origin;            /* tick at which the count went into the counter; if running */
    int64_t  elapsed;           /* ticks counted since then; if stopped by the gate */
    int64_t  next_at;           /* tick at which `next` is loaded, and the origin it gets */
    int64_t  next_origin;
    uint32_t count;             /* loaded count, 1 to 65536 */
    uint32_t next;              /* count written, not loaded yet; 0: none */
    uint16_t idle;              /* what reads show while nothing is loaded */
    uint16_t latch;
    uint8_t  control;           /* bits 5:0 of the control word */
    uint8_t  mode, rw;          /* from it: 0-5; 1 LSB, 2 MSB, 3 both */
    uint8_t  low;               /* first byte of a two-byte write */
    uint8_t  latched;           /* bytes of `latch` left to read */
    uint8_t  status;            /* latched status byte */
    bool     bcd, gate;
    bool     loaded;            /* the counter holds a count written since the control word */
    bool     write_high, read_high;     /* next byte of a two-byte transfer is the high one */
    bool     status_latched;
};

/* A count that waited for the end of its cycle goes into the counter. */
void pit_counter_sync(struct pit_counter *c, int64_t t);

/* Level of OUT. */
bool pit_counter_out(const struct pit_counter *c, int64_t t);
uint8_t pit_counter_read(struct pit_counter *c, int64_t t);
void pit_counter_latch_count(struct pit_counter *c, int64_t t);
void pit_counter_latch_status(struct pit_counter *c, int64_t t);

/* The control word's low six bits; its RW field is not 0 (that is the latch command). */
void pit_counter_control(struct pit_counter *c, uint8_t control, int64_t t);
/* A byte of the count. True when the counter was affected now or a count is complete. */
bool pit_counter_write(struct pit_counter *c, uint8_t v, int64_t t);
/* Loads `count` (1 to 65536) as if written and due at once. */
void pit_counter_load(struct pit_counter *c, uint32_t count, int64_t t);
void pit_counter_gate(struct pit_counter *c, bool level, int64_t t);

/*
 * The first rising edge of OUT after t, not before `earliest`; PIT_NEVER when there is
 * none. For a counter whose gate is tied high.
 */
int64_t pit_counter_next_edge(const struct pit_counter *c, int64_t t, int64_t earliest);

/* Fields within an open record. False: not a state a counter can have. */
void pit_counter_save(const struct pit_counter *c, struct state_out *o);
MUST_CHECK bool pit_counter_restore(struct pit_counter *c, struct state_in *in, bool gate);
/* Is t a time that arithmetic on loaded states can stand? */
bool pit_tick_ok(int64_t t);

#endif
