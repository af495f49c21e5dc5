/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the builders of guest tables; private to boot/tables. */
#ifndef TABLES_PRIV_H
#define TABLES_PRIV_H

#include "socle/guest_tables.h"

/* A buffer that will stand at guest-physical `base`, filled from the front. */
struct table_area {
    uint8_t *buf;
    size_t   cap, used;
    uint64_t base;
    bool     full;              /* something did not fit: the area is useless */
};

/* `len` zero bytes at a multiple of `align` (a power of two); null and `full` without room. */
uint8_t *area_room(struct table_area *a, size_t len, size_t align);

/* Guest-physical address of a byte inside the area. */
uint64_t area_address(const struct table_area *a, const uint8_t *p);

/* The byte that makes the sum of n bytes 0, given that it is itself 0 now. */
uint8_t checksum8(const uint8_t *p, size_t n);

/* Is the machine one the tables can describe? */
bool machine_valid(const struct guest_machine *m);

/* Writes the DSDT's AML, the header not included; 0: no room. */
size_t guest_dsdt_build(const struct guest_machine *m, uint8_t *buf, size_t cap);

/*
 * Puts BIOS services and the reset stub into the last 8 KiB of `segment`: the 64 KiB that
 * will stand at 0xf0000.
 */
void guest_bios_build(const struct guest_machine *m, uint8_t *segment);

#endif
