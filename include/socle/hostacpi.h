/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host's ACPI tables say, as plain numbers. The parser reads physical memory
 * only through a callback and trusts no length, pointer or checksum: a broken table is
 * named in one warning and skipped. It runs no AML; \_S5 is found by a byte scan.
 */
#ifndef SOCLE_HOSTACPI_H
#define SOCLE_HOSTACPI_H

#include "socle/bootinfo.h"
#include "socle/status.h"
#include "socle/types.h"

enum {
    HOST_CPUS_MAX = 512, HOST_IOAPICS_MAX = 32, HOST_OVERRIDES_MAX = 24, HOST_NMIS_MAX = 64,
    HOST_MCFG_MAX = 32, HOST_TABLES_MAX = 128,
};

/* Generic address (ACPI 6.5, 5.2.3.2); bits == 0 and addr == 0: absent. */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };
struct acpi_gas {
    uint8_t  space;             /* enum acpi_space, or other firmware values */
    uint8_t  bits, offset;      /* register width and bit offset */
    uint8_t  access;            /* 0 undefined, 1 byte, 2 word, 3 dword, 4 qword */
    uint64_t addr;
};

struct host_cpu {
    uint32_t apic_id, uid;
    bool     enabled, online_capable;
    bool     x2apic;            /* from a local x2APIC structure */
};
struct host_ioapic   { hpa_t addr; uint32_t gsi_base; uint8_t id; };
struct host_override {          /* ISA IRQ -> GSI */
    uint32_t gsi;
    uint8_t  irq;
    bool     level, active_low;
};
struct host_nmi {               /* local NMI pin */
    uint32_t uid;               /* UINT32_MAX: all processors */
    uint8_t  lint;
    bool     level, active_low;
};
struct host_mcfg     { hpa_t addr; uint16_t segment; uint8_t bus_start, bus_end; };
struct host_table    { char sig[5]; uint8_t revision; uint32_t len; hpa_t at; };

struct host_acpi {
    bool     present;           /* an RSDP with a usable root table was found */
    uint8_t  revision;          /* of the RSDP: 0 or 2 and up */
    char     oem_id[7];
    uint32_t tables;
    struct host_table table[HOST_TABLES_MAX];   /* checksums verified; DMAR, IVRS etc. are here */

    struct {
        bool     valid;
        bool     hw_reduced;
        uint32_t flags;         /* FADT Flags (ACPI 6.5, table 5.10) */
        uint16_t boot_arch;     /* IAPC_BOOT_ARCH; 0 before revision 2 */
        bool     boot_arch_valid;
        uint8_t  revision;
        uint16_t sci;
        uint32_t smi_cmd;
        uint8_t  acpi_enable, acpi_disable, century;
        struct acpi_gas pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm_timer, gpe0, gpe1;
        bool     pm_timer_32bit;
        bool     has_reset;
        struct acpi_gas reset;
        uint8_t  reset_value;
        struct acpi_gas sleep_control, sleep_status;    /* hardware-reduced machines */
        hpa_t    facs, dsdt;
    } fadt;

    struct { bool valid; uint8_t typ_a, typ_b; } s5;

    struct {
        bool     valid, pcat_compat;
        hpa_t    lapic;
        uint32_t cpus, ioapics, overrides, nmis;
        struct host_cpu      cpu[HOST_CPUS_MAX];        /* enabled or online capable only */
        struct host_ioapic   ioapic[HOST_IOAPICS_MAX];
        struct host_override override[HOST_OVERRIDES_MAX];
        struct host_nmi      nmi[HOST_NMIS_MAX];
    } madt;

    struct { bool valid; hpa_t addr; uint32_t id; uint16_t min_tick; uint8_t number; } hpet;
    struct { uint32_t n; struct host_mcfg seg[HOST_MCFG_MAX]; } mcfg;
    struct {
        bool     valid;
        uint8_t  type;          /* SPCR 1.08: 0 16550, 1 16450, 0x12 16550 with GAS, ... */
        struct acpi_gas port;
        uint32_t gsi;
        uint32_t baud;          /* 0: as the firmware left it */
    } spcr;
};

/*
 * Looks for the RSDP where PC firmware leaves it: the first KiB of the EBDA, then
 * 0xe0000-0xfffff (ACPI 6.5, 5.2.5.1). Copies up to `cap` bytes, returns the count, 0: none.
 */
uint32_t host_acpi_find_rsdp(const struct phys_map *mem, void *rsdp, uint32_t cap);

/*
 * Reads all tables that `rsdp` (rsdp_len bytes, e.g. boot_info.rsdp) leads to.
 * HV_NOT_FOUND: no usable RSDP or root table; one warning says why. Otherwise HV_OK,
 * and each part has its own `valid`. Boot, once.
 */
MUST_CHECK hv_status host_acpi_parse(struct host_acpi *h, const struct phys_map *mem,
                                     const void *rsdp, uint32_t rsdp_len);

/* The first table with this four-letter signature, or null. */
const struct host_table *host_acpi_table(const struct host_acpi *h, const char *sig);

#endif
