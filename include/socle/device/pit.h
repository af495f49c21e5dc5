/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8254 programmable interval timer with the PC's port 0x61. Intel 8254 data sheet
 * (231164-005). Counters are computed from VM time; only channel 0 uses an alarm.
 *
 * IRQ 0 follows OUT of channel 0 with two liberties. In modes 2 and 3 it falls just
 * before it rises, so that a vCPU which is late does not lose the tick. Ticks that were
 * not delivered in time are dropped, not caught up, and none come closer than 50 us,
 * whatever the count; counters and OUT run at the true rate all the same.
 *
 * Locking: port accesses and the alarm lock the device themselves; init, reset, save
 * and load need the VM to stand still.
 */
#ifndef SOCLE_DEVICE_PIT_H
#define SOCLE_DEVICE_PIT_H

#include "socle/bus.h"
#include "socle/dev.h"
#include "socle/device/pit_counter.h"

#define PIT_HZ 1193182u         /* 14.31818 MHz / 12 */

struct pit {
    struct spinlock       lock;
    const struct dev_env *env;
    struct pit_counter    ch[3];
    struct alarm          alarm;
    int64_t               edge_at;      /* tick at which IRQ 0 rises next; INT64_MAX: never */
    int64_t               last_edge;    /* tick of the last one, for the rate limit */
    uint8_t               port61;       /* bits 3:0 as written */
    bool                  line;         /* level of IRQ 0 */
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
