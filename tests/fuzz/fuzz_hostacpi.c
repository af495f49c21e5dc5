/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's ACPI tables. The input is a list of {flags, 16-bit length, bytes}: each
 * becomes a table that the XSDT names, its length and checksum put right unless a flag
 * says otherwise; with another flag it is the DSDT of the tables after it. Every mapping
 * is an exact heap copy.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/hostacpi.h"
#include "socle/le.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PHYS = 256 << 10, XSDT = 0x100, FIRST = 0x1000, TABLES = 128, MAPS = 1024,
       KEEP_LENGTH = 1, KEEP_CHECKSUM = 2, IS_DSDT = 4 };

static uint8_t phys[PHYS];
static void *maps[MAPS];
static unsigned mapped;

static const void *map(void *ctx, hpa_t at, uint64_t len)
{
    if (!range_inside(at.v, len, 0, PHYS) || mapped == MAPS)
        return NULL;
    void *p = malloc(len ? len : 1);
    memcpy(p, phys + at.v, len);
    return maps[mapped++] = p;
}

static void fix(uint8_t *p, size_t at, size_t n)
{
    uint8_t sum = 0;
    p[at] = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

static void place(const uint8_t *data, size_t size)
{
    uint32_t at = FIRST, dsdt = 0, n = 0;
    memset(phys, 0, sizeof(phys));
    memcpy(phys + XSDT, "XSDT", 4);
    while (size >= 3 && n < TABLES) {
        uint8_t flags = data[0];
        size_t len = min_u64(get_le16(data + 1), size - 3);
        uint8_t *t = phys + at;
        if (len < 36 || at + len > PHYS)
            break;
        memcpy(t, data + 3, len);
        if (memcmp(t, "FACP", 4) == 0 && len >= 44 && dsdt)
            put_le32(t + 40, dsdt);
        if (!(flags & KEEP_LENGTH))
            put_le32(t + 4, (uint32_t)len);
        if (!(flags & KEEP_CHECKSUM))
            fix(t, 9, len);
        if (flags & IS_DSDT)
            dsdt = at;
        else
            put_le64(phys + XSDT + 36 + 8 * n++, at);
        at += (uint32_t)align_up(len, 16);
        data += 3 + len;
        size -= 3 + len;
    }
    put_le32(phys + XSDT + 4, 36 + 8 * n);
    fix(phys + XSDT, 9, 36 + 8 * n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct host_acpi h;
    const struct phys_map mem = { NULL, map };
    uint8_t rsdp[36] = "RSD PTR ";
    place(data, size);
    rsdp[15] = 2;
    put_le32(rsdp + 20, 36);
    put_le64(rsdp + 24, XSDT);
    fix(rsdp, 8, 20);
    fix(rsdp, 32, 36);
    if (host_acpi_parse(&h, &mem, rsdp, sizeof(rsdp)) == HV_OK) {
        hv_assert(h.present && h.tables <= HOST_TABLES_MAX);
        hv_assert(h.madt.cpus <= HOST_CPUS_MAX && h.madt.ioapics <= HOST_IOAPICS_MAX);
        hv_assert(h.madt.overrides <= HOST_OVERRIDES_MAX && h.madt.nmis <= HOST_NMIS_MAX);
        hv_assert(h.mcfg.n <= HOST_MCFG_MAX);
        hv_assert(!h.s5.valid || (h.s5.typ_a < 8 && h.s5.typ_b < 8));
    }
    (void)host_acpi_find_rsdp(&mem, rsdp, sizeof(rsdp));
    while (mapped)
        free(maps[--mapped]);
    return 0;
}
