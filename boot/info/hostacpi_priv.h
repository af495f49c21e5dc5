/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the finder and the readers of host ACPI tables; private to boot/info. */
#ifndef HOSTACPI_PRIV_H
#define HOSTACPI_PRIV_H

#include "socle/hostacpi.h"

enum { ACPI_HEADER_LEN = 36, ACPI_TABLE_MAX = 16 << 20 };

/*
 * The table at `at`, checked for readability, length and checksum; null after one
 * warning. sig becomes its printable signature.
 */
const uint8_t *acpi_map_table(const struct phys_map *mem, hpa_t at, uint32_t *len, char sig[5]);

/* Reads one checked table of `len` >= ACPI_HEADER_LEN bytes into h, if it is a known one. */
void acpi_read_table(struct host_acpi *h, const uint8_t *p, uint32_t len, const char *sig);

/* Reads a MADT; the others are short enough to stand together. */
void acpi_read_madt(struct host_acpi *h, const uint8_t *p, uint32_t len);

/* Looks for \_S5 in a definition block; true when found and understood. */
bool acpi_find_s5(struct host_acpi *h, const uint8_t *p, uint32_t len);

#endif
