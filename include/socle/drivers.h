/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's own devices as the rest of the hypervisor sees them: start-up, work from the CPU's
 * loop, disks for guests, an uplink for a switch, and rows for the `devices` command.
 */
#ifndef SOCLE_DRIVERS_H
#define SOCLE_DRIVERS_H

#include "socle/blk.h"
#include "socle/config.h"
#include "socle/hostacpi.h"
#include "socle/shell.h"

struct vswitch;

/* Finds all devices, brings up those that have a driver, reads partition tables. Says what it found. Boot. */
void drivers_init(const struct host_acpi *acpi);

/* What devices' interrupts left to do. The CPU's loop, at each event: cheap when there is nothing. */
void drivers_serve(void);
/* Timeouts: due at this time; UINT64_MAX: never. Requests bring it forward as they start. */
uint64_t drivers_next(void);
/* Does what is due; returns drivers_next(). The CPU's loop. */
uint64_t drivers_tick(uint64_t now);

/*
 * The disk or partition that a configuration names, reserved for `who` (a guest's name; `writable` or
 * to be read only), until drivers_release_disk(). *out stays valid for ever; its resume and owner are
 * the taker's to set. Otherwise why[] is one phrase. Not under locks.
 */
MUST_CHECK hv_status drivers_take_disk(enum config_device_kind kind, const char *name, bool writable, const char *who,
                                       struct blk **out, char why[SHELL_WHY]);
void drivers_release_disk(struct blk *b, const char *who);
/* "vda1 (partition of vda, virtio-blk, 1.0 GiB, serial X)", for the line before a disk's first use. */
void drivers_describe_disk(const struct blk *b, char *buf, size_t size);

/* Joins the NIC that the configuration names to its switch. HV_NOT_FOUND, HV_EXISTS, ...: why[] says it. Boot. */
MUST_CHECK hv_status drivers_uplink(const struct config_switch *c, struct vswitch *sw, char why[SHELL_WHY]);

/* Before the machine goes off: what guests wrote goes to the media. Waits; no guest runs any more. */
void drivers_flush(void);

/* Rows for `devices` from number `first` on: PCI functions, then disks and partitions. */
size_t drivers_rows(size_t first, struct device_row *rows, size_t max);

#endif
