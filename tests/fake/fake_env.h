/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM as a device under test sees it: clock, alarms, interrupt lines, guest memory. */
#ifndef FAKE_ENV_H
#define FAKE_ENV_H

#include "socle/dev.h"

enum { FAKE_LINES = 24, FAKE_RAM = 8u << 20, FAKE_ALARMS = 64 };

struct fake_env {
    struct dev_env     env;                 /* hand &f->env to the device */
    uint64_t           now;                 /* VM time in ns */
    struct alarm_queue alarms;
    struct alarm      *heap[FAKE_ALARMS];
    bool               line[FAKE_LINES];    /* current level */
    unsigned           rises[FAKE_LINES];   /* low-to-high edges so far */
    uint64_t           msi_addr;            /* last message */
    uint32_t           msi_data;
    unsigned           msis;
    unsigned           misused;             /* complaints about drivers */
    struct dev_work   *work;                /* deferred, in order */
    struct gmem        mem;                 /* FAKE_RAM bytes of RAM at 0 */
    hpa_t              blocks[FAKE_RAM >> BLOCK_SHIFT];
    uint8_t           *ram;
};

struct fake_env *fake_env_new(void);
void fake_env_free(struct fake_env *f);
/* Moves the clock on, firing each alarm at its own due time. */
void fake_env_advance(struct fake_env *f, uint64_t ns);

/* Does the first piece of deferred work; false: there is none. */
bool fake_env_work(struct fake_env *f);

/* One access to a handler, with the bus's convention for reads (preset to ones). */
uint64_t fake_read(bus_handler h, void *dev, uint64_t offset, unsigned size);
void fake_write(bus_handler h, void *dev, uint64_t offset, unsigned size, uint64_t value);

#endif
