/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads along on the serial console and keeps what the hypervisor says about its guests
 * (the lines of docs/console.md that are promised to stay). Pure.
 */
#ifndef WATCH_H
#define WATCH_H

#include "socle/types.h"

struct watch {
    char     line[512];         /* the unfinished line; longer ones are cut */
    size_t   len;
    unsigned hypervisor;        /* lines of the hypervisor */
    bool     one_boot;          /* in: what comes after a restart is not read any more */
    bool     restarted;         /* the hypervisor has begun a second time */
    bool     listens;           /* it has told how to open the prompt, or started guests */
    unsigned started, stopped;  /* guests, since boot */
    unsigned not_started;
    bool     all_stopped;       /* said, and no guest started since */
    bool     panic;
    char     trouble[256];      /* the first line that makes the run a failure, or "" */
    char     last[256];         /* the hypervisor's last line */
    char     grub_error[256];   /* the first error before the hypervisor spoke, or "" */
    bool     grub_gave_up;      /* it asks for a key before the hypervisor spoke */
};

void watch_bytes(struct watch *w, const char *bytes, size_t n);
/* The console has ended: the last line counts also without its end. */
void watch_end(struct watch *w);

#endif
