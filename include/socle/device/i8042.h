/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8042 keyboard controller of a PS/2-class machine: IBM PS/2 Hardware Interface
 * Technical Reference, "Keyboard and Auxiliary Device Controller". It has two ports,
 * on which a keyboard and a mouse may be plugged; an empty port times out.
 *
 * Locking: port accesses and i8042_poll lock the device themselves; the other
 * functions need the VM to stand still.
 */
#ifndef SOCLE_DEVICE_I8042_H
#define SOCLE_DEVICE_I8042_H

#include "socle/bus.h"
#include "socle/dev.h"
#include "socle/device/reset.h"

enum i8042_port { I8042_KBD, I8042_AUX, I8042_PORTS };

/* A keyboard or mouse. Both functions run under the controller's lock. */
struct ps2_device {
    void *dev;
    void (*write)(void *dev, uint8_t byte);     /* a byte from the host */
    bool (*read)(void *dev, uint8_t *byte);     /* takes the next byte for the host, if any */
};

struct i8042 {
    struct spinlock          lock;
    const struct dev_env    *env;
    dev_reset_fn             reset;
    void                    *reset_ctx;
    const struct ps2_device *port[I8042_PORTS];     /* null: nothing plugged in */
    uint8_t ram[32];            /* internal RAM; byte 0 is the command byte */
    uint8_t status;             /* OBF, SYS, A2, AUXB, TO */
    uint8_t data;               /* output buffer */
    uint8_t command;            /* command whose parameter is expected on port 0x60; 0: none */
    bool    a20;
    bool    line[I8042_PORTS];  /* IRQ 1, IRQ 12 */
};

/* reset: the CPU reset line was pulsed; see reset.h. */
void i8042_init(struct i8042 *k, const struct dev_env *env, dev_reset_fn reset, void *reset_ctx);
/* As a BIOS leaves it: tested, keyboard enabled with interrupt and translation, A20 on. */
void i8042_reset(struct i8042 *k);
/* Ports 0x60 and 0x64. */
MUST_CHECK hv_status i8042_attach(struct i8042 *k, struct pio_bus *b);
/* Plugs a device in, or out (null). It stays the caller's. */
void i8042_plug(struct i8042 *k, enum i8042_port port, const struct ps2_device *d);
/* A plugged device has a byte to offer. */
void i8042_poll(struct i8042 *k);

void i8042_save(const struct i8042 *k, struct state_out *o);
/* Leaves the lines alone. HV_INVALID: unchanged. */
MUST_CHECK hv_status i8042_load(struct i8042 *k, struct state_in *in);

#endif
