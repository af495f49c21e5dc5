/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest is told about its machine: the memory map and the tables in the BIOS
 * area (ACPI, SMBIOS, MP table). One struct describes the machine to all builders, so
 * that they cannot disagree. Pure: the tables are built in a buffer the caller copies
 * to PLAT_BIOS_BASE.
 */
#ifndef SOCLE_GUEST_TABLES_H
#define SOCLE_GUEST_TABLES_H

#include "socle/platform.h"
#include "socle/status.h"
#include "socle/types.h"

struct guest_machine {
    uint32_t vcpus;             /* 1 to PLAT_MAX_VCPUS; APIC ID = index */
    uint64_t memory;            /* bytes of RAM, at least GUEST_MEMORY_MIN; a multiple of 4 KiB */
    uint8_t  com_ports;         /* bit 0: COM1, bit 1: COM2 */
    bool     has_8042, has_hpet, has_ecam;
    uint8_t  uuid[16];          /* RFC 4122 byte order */
    const char *name;           /* the guest's, for SMBIOS; may be null */
};

#define GUEST_MEMORY_MIN MIB(2)

/* ---- memory map (boot/tables/e820.c) ---- */

enum e820_type { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4 };
struct e820_entry { uint64_t base, len; enum e820_type type; };

enum { GUEST_E820_MAX = 16 };

struct guest_layout {
    uint64_t low_ram;           /* RAM from address 0 on, at most PLAT_HOLE_START */
    uint64_t high_ram;          /* RAM from PLAT_HOLE_END on; 0: none */
    uint32_t entries;
    struct e820_entry entry[GUEST_E820_MAX];    /* sorted, disjoint */
};

/* Lays out the guest's memory. Cannot fail for a valid machine. */
void guest_layout(struct guest_layout *l, const struct guest_machine *m);

/* Is all of [at, at+len) in one E820_RAM entry? */
bool guest_layout_is_ram(const struct guest_layout *l, uint64_t at, uint64_t len);

/*
 * Highest `align`-aligned address (a power of two) at or above `min` where len bytes of
 * E820_RAM end at or below `max`; false when there is none.
 */
MUST_CHECK bool guest_layout_top(const struct guest_layout *l, uint64_t len, uint64_t align,
                                 uint64_t min, uint64_t max, uint64_t *at);

/* ---- tables in the BIOS area ---- */

struct guest_tables {
    gpa_t rsdp, facs, smbios, mptable;          /* addresses of RSDP, FACS, both entry points */
};

/*
 * Fills `bios` (PLAT_BIOS_SIZE bytes: the contents of the area at PLAT_BIOS_BASE) with
 * all tables, a few real-mode services and the reset stub at 0xffff0. HV_INVALID: the machine's description is out
 * of range. VM setup.
 */
MUST_CHECK hv_status guest_tables_build(const struct guest_machine *m, uint8_t *bios,
                                        struct guest_tables *out);

/*
 * Fills the bottom of guest memory as firmware leaves it: real-mode interrupt vectors, which
 * lead into the BIOS area, and the BIOS data area. `page` has GUEST_LOWMEM_LEN bytes and
 * goes to address 0; every load plan contains it.
 */
#define GUEST_LOWMEM_LEN 0x500u
void guest_lowmem_build(uint8_t *page);

/* The parts of it, each writing into [buf, buf+cap) that will stand at `base`. HV_NOMEM: cap. */
MUST_CHECK hv_status guest_acpi_build(const struct guest_machine *m, uint8_t *buf, size_t cap,
                                      gpa_t base, struct guest_tables *out);
MUST_CHECK hv_status guest_smbios_build(const struct guest_machine *m, uint8_t *buf, size_t cap,
                                        gpa_t base, struct guest_tables *out);
MUST_CHECK hv_status guest_mptable_build(const struct guest_machine *m, uint8_t *buf, size_t cap,
                                         gpa_t base, struct guest_tables *out);

#endif
