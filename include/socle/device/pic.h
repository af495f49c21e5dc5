/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's pair of 8259A interrupt controllers and the edge/level registers of its
 * chipset. Intel 8259A data sheet (231468-003); 82371SB (PIIX3) for ELCR.
 *
 * Locking: every function locks the pair itself, except init, reset, save and load,
 * which need the VM to stand still. Lines come from any context; the owner's
 * callback runs under the lock.
 */
#ifndef SOCLE_DEVICE_PIC_H
#define SOCLE_DEVICE_PIC_H

#include <stdatomic.h>
#include "socle/bus.h"
#include "socle/lock.h"
#include "socle/state.h"

enum { PIC_LINES = 16, PIC_CASCADE = 2 };

struct pic_chip {
    uint8_t line;               /* input levels */
    uint8_t latch;              /* rising edges seen and not acknowledged, line still high */
    uint8_t isr, imr;
    uint8_t elcr;               /* 1: this input is level triggered */
    uint8_t icw[4];             /* as written, ICW1 first; ICW4 zero when not sent */
    uint8_t step;               /* ICW expected next on the odd port: 2, 3 or 4; 0: none */
    uint8_t lowest;             /* input of lowest priority */
    bool    read_isr, poll, special_mask, rotate_aeoi;
};

struct pic {
    struct spinlock lock;
    struct pic_chip chip[2];    /* master, slave */
    atomic_bool     out;        /* the master's INT output */
    void          (*output)(void *ctx, bool level);
    void           *ctx;
};

/*
 * output (may be null) is told each change of the INT line, under the lock: it may
 * kick a vCPU or set a local APIC's LINT0, but not call back. Ends in the reset state.
 */
void pic_init(struct pic *p, void (*output)(void *ctx, bool level), void *ctx);

/*
 * Power-on, as a BIOS leaves it: vectors 0x08 and 0x70, all inputs masked, those of PCI level
 * triggered. Keeps input levels.
 */
void pic_reset(struct pic *p);

/* Ports 0x20-0x21, 0xa0-0xa1, 0x4d0-0x4d1. */
MUST_CHECK hv_status pic_attach(struct pic *p, struct pio_bus *b);

/*
 * Drives input irq (0-15; 2 is the cascade and ignored). As on the chip, a request
 * on an edge input is withdrawn when its line falls before it is acknowledged: an
 * edge source keeps its line high and lowers it just before the next edge.
 */
void pic_set_line(struct pic *p, unsigned irq, bool level);

/* Level of INT. Lock-free. */
static inline bool pic_output(const struct pic *p)
{
    return atomic_load_explicit(&p->out, memory_order_acquire);
}

/*
 * The CPU's interrupt acknowledge: the vector of the best request at this moment, or
 * the spurious vector (input 7) when none is left.
 */
uint8_t pic_ack(struct pic *p);

void pic_save(const struct pic *p, struct state_out *o);
/* HV_INVALID on a bad record; the pair is then unchanged. Does not call output. */
MUST_CHECK hv_status pic_load(struct pic *p, struct state_in *in);

#endif
