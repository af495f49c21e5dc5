/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting one of the emulators with the serial port in our hands. */
#ifndef EMULATOR_H
#define EMULATOR_H

#include "proxy.h"

enum platform { PLATFORM_QEMU, PLATFORM_BOCHS_VMX, PLATFORM_BOCHS_SVM };

struct run_plan {
    enum platform platform;
    unsigned      cpus;
    uint64_t      memory;       /* bytes, whole MiB */
    bool          uefi, icount;
    bool          may_reboot;   /* else a reset ends the emulator where it can */
    char        **extra;        /* the emulator's own arguments, or null */
    const char   *iso;          /* to boot from; or, when null, started at once: */
    const char   *kernel, *modules, *options;   /* -kernel, -initrd, -append */
};

/*
 * Start the emulator and fill in p->to, from, words, emulator and pid. -1, or the exit
 * code after a message. They use temp_dir().
 */
int qemu_start(const struct run_plan *plan, struct proxy *p);
int bochs_start(const struct run_plan *plan, struct proxy *p);

/* After the end: what Bochs kept to itself, when it explains why nothing ran. */
void bochs_explain(void);

#endif
