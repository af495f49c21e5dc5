/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of start-up, in the order of boot/main.c. Boot CPU only. */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "socle/bootinfo.h"
#include "socle/hostacpi.h"
#include "socle/types.h"

/* Entered from entry.S on the boot stack. */
NORETURN void boot_main(uint32_t magic, uint32_t info, uint64_t load_base);

/*
 * This machine, or the way it was started, cannot run Socle: prints the reason, which is
 * not a fault of Socle, and halts.
 */
NORETURN void boot_refuse(const char *format, ...) PRINTF(1, 2);

/* memory.c: the machine's memory map, the frame allocator and the final page tables. */
void boot_memory(const struct boot_info *bi);
/* How parsers read physical memory while the boot page tables are in use. */
extern const struct phys_map boot_phys;

/* guests.c: reads the configuration. Later: makes and starts the guests in it. */
void boot_config(const struct boot_info *bi, const struct host_acpi *acpi);
void boot_guests(const struct boot_info *bi, const char *no_virt);

#endif
