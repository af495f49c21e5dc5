/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sits between the terminal and the emulator's serial port: passes bytes both ways,
 * reads along (watch.h), and notices when the run is over.
 */
#ifndef PROXY_H
#define PROXY_H

#include <sys/types.h>

#include "tool.h"
#include "watch.h"

enum proxy_end {
    END_EXITED,         /* the emulator ended by itself */
    END_LEFT,           /* the operator pressed Ctrl-A x, or nobody reads our output */
    END_TIMEOUT,
    END_SIGNAL,         /* a signal asked us to end */
    END_RESTARTED,      /* the machine has restarted, and this run is for one boot only */
    END_OVER,           /* nothing more can come: a panic, GRUB's error, a machine that
                           should have switched itself off */
};

struct proxy {
    int          to, from;      /* the serial port; may be the same descriptor */
    int          words;         /* the emulator's stderr, or -1 */
    const char  *emulator;      /* its name, in front of its words */
    pid_t        pid;
    uint64_t     timeout_ms;    /* 0: none */
    bool         goes_off;      /* the machine powers off once nothing runs any more */
    unsigned     autostart;     /* guests that start by themselves */
    struct watch watch;
    int          status;        /* out: wait status, valid after END_EXITED */
};

/* Until the end; ends the emulator on all ways out. Closes the descriptors. */
enum proxy_end proxy_run(struct proxy *p);

uint64_t monotonic_ms(void);

#endif
