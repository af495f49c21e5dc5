/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a guest's write to one of the PC's reset registers is told to the VM: the
 * keyboard controller, port 0x92 and port 0xcf9 all end in this callback.
 */
#ifndef SOCLE_DEVICE_RESET_H
#define SOCLE_DEVICE_RESET_H

#include "socle/types.h"

enum dev_reset {
    DEV_RESET_SOFT,             /* INIT to the CPUs; devices keep their state on real hardware */
    DEV_RESET_HARD              /* the whole platform */
};

/*
 * Called with the device's lock held, from a vCPU's exit: only note the request and
 * act on it after the exit.
 */
typedef void (*dev_reset_fn)(void *ctx, enum dev_reset kind);

#endif
