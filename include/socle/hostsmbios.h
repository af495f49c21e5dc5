/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's identity from its SMBIOS tables (DMTF DSP0134). Like the ACPI parser it reads
 * memory through a callback only, and trusts no length.
 */
#ifndef SOCLE_HOSTSMBIOS_H
#define SOCLE_HOSTSMBIOS_H

#include "socle/bootinfo.h"

/*
 * The system's UUID (structure type 1), bytes in the table's order. False: there is none, or the
 * firmware says that it has not been set (all 0 or all 1). efi_system_table: 0 on a BIOS machine.
 */
MUST_CHECK bool host_smbios_uuid(const struct phys_map *mem, uint64_t efi_system_table, uint8_t uuid[16]);

#endif
