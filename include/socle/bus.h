/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two address buses of a VM: ports and MMIO. Each device registers ranges; the
 * bus does what every device would otherwise have to repeat: the whole access must
 * lie inside one range and have an accepted width, else reads give ones and writes
 * vanish. Lookups of ports take constant time.
 */
#ifndef SOCLE_BUS_H
#define SOCLE_BUS_H

#include "socle/dev.h"
#include "socle/status.h"

enum {
    BUS_MAX_RANGES = 64,        /* per bus */
    PIO_PAGES_MAX  = 32,        /* 256-port pages that hold a range */
};

/*
 * Whoever answers where no range is: PCI functions, whose BARs move. Ranges go first: an
 * access that touches one never gets here. The handler sees the address, sets offset and
 * cuts values to the access's size itself. False: nobody.
 */
struct bus_rest {
    bool (*access)(void *ctx, uint64_t addr, struct bus_access *a);
    void  *ctx;
};

struct pio_bus {
    uint8_t          page[256];                 /* port >> 8 -> 1 + index of index[], 0: none */
    uint8_t          index[PIO_PAGES_MAX][256]; /* port & 255 -> 1 + range, 0: nobody */
    uint8_t          pages, ranges;
    struct bus_range range[BUS_MAX_RANGES];
    struct bus_rest  rest;                      /* access null: nobody */
};

struct mmio_bus {
    uint8_t          ranges;
    struct bus_rest  rest;
    struct bus_range range[BUS_MAX_RANGES];     /* sorted by base */
};

void pio_bus_init(struct pio_bus *b);
void mmio_bus_init(struct mmio_bus *b);

/* HV_EXISTS on overlap, HV_RANGE outside of the space or len 0, HV_NOMEM when full. VM setup. */
MUST_CHECK hv_status pio_attach(struct pio_bus *b, const struct bus_range *r);
MUST_CHECK hv_status mmio_attach(struct mmio_bus *b, const struct bus_range *r);

/*
 * Performs an access; false when neither a range nor the rest answers at `addr` (a read then
 * has all ones).
 * Widths the range does not have: true, reads all ones, writes ignored. An access that
 * leaves its range is nobody's. Called by the vCPU's exit handler without locks.
 */
bool pio_access(const struct pio_bus *b, uint16_t port, struct bus_access *a);
bool mmio_access(const struct mmio_bus *b, gpa_t addr, struct bus_access *a);

#endif
