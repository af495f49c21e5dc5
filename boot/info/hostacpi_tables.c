/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of single host ACPI tables: FADT (ACPI 6.5, 5.2.9), HPET (IA-PC HPET 1.0a,
 * 3.2.4), MCFG (PCI Firmware 3.3, 4.1.2), SPCR (SPCR 1.08), and the byte scan for \_S5.
 * Called by hostacpi.c with tables whose length and checksum are right; what a table is
 * too short for counts as absent.
 */
#include "hostacpi_priv.h"

#include "socle/bits.h"
#include "socle/le.h"
#include "socle/log.h"

enum { GAS_LEN = 12, FADT_MIN = 116, FADT_HW_REDUCED = BIT(20), FADT_RESET = BIT(10) };

static struct acpi_gas get_gas(const uint8_t *p)
{
    return (struct acpi_gas){ .space = p[0], .bits = p[1], .offset = p[2], .access = p[3],
                              .addr = get_le64(p + 4) };
}

/*
 * A register that the FADT gives twice: the 64-bit form at `x` counts when it is there
 * and not zero, else the port at `legacy` (5.2.9, X_ fields).
 */
static struct acpi_gas fadt_register(const uint8_t *p, uint32_t len, uint32_t x, uint32_t legacy,
                                     unsigned bytes)
{
    struct acpi_gas g = { 0 };
    if (len >= x + GAS_LEN)
        g = get_gas(p + x);
    if (g.addr == 0 && get_le32(p + legacy))
        g = (struct acpi_gas){ .space = ACPI_SPACE_IO, .bits = (uint8_t)(bytes * 8),
                               .addr = get_le32(p + legacy) };
    return g;
}

/* The same choice for the two tables the FADT points to. */
static uint64_t fadt_address(const uint8_t *p, uint32_t len, uint32_t x, uint32_t legacy)
{
    uint64_t a = len >= x + 8 ? get_le64(p + x) : 0;
    return a ? a : get_le32(p + legacy);
}

/* Offsets: X_ form, legacy form, length of the block (table 5.9). */
static void read_fadt_registers(struct host_acpi *h, const uint8_t *p, uint32_t len)
{
    h->fadt.pm1a_evt = fadt_register(p, len, 148, 56, p[88]);
    h->fadt.pm1b_evt = fadt_register(p, len, 160, 60, p[88]);
    h->fadt.pm1a_cnt = fadt_register(p, len, 172, 64, p[89]);
    h->fadt.pm1b_cnt = fadt_register(p, len, 184, 68, p[89]);
    h->fadt.pm_timer = fadt_register(p, len, 208, 76, p[91]);
    h->fadt.gpe0 = fadt_register(p, len, 220, 80, p[92]);
    h->fadt.gpe1 = fadt_register(p, len, 232, 84, p[93]);
    if (len >= 268) {
        h->fadt.sleep_control = get_gas(p + 244);
        h->fadt.sleep_status = get_gas(p + 256);
    }
}

/* Lengths are checked field by field: firmware and revisions do not agree on the whole. */
static void read_fadt(struct host_acpi *h, const uint8_t *p, uint32_t len)
{
    if (len < FADT_MIN) {
        log_warn("ACPI: the FADT has only %u bytes", len);
        return;
    }
    h->fadt.valid = true;
    h->fadt.revision = p[8];
    h->fadt.flags = get_le32(p + 112);
    h->fadt.hw_reduced = p[8] >= 5 && (h->fadt.flags & FADT_HW_REDUCED);
    h->fadt.boot_arch_valid = p[8] >= 2;        /* revision 1 has reserved bytes there */
    h->fadt.boot_arch = p[8] >= 2 ? get_le16(p + 109) : 0;
    h->fadt.sci = get_le16(p + 46);
    h->fadt.smi_cmd = get_le32(p + 48);
    h->fadt.acpi_enable = p[52];
    h->fadt.acpi_disable = p[53];
    h->fadt.century = p[108];
    h->fadt.pm_timer_32bit = h->fadt.flags & BIT(8);
    h->fadt.facs = hpa(fadt_address(p, len, 132, 36));
    h->fadt.dsdt = hpa(fadt_address(p, len, 140, 40));
    read_fadt_registers(h, p, len);
    if (len >= 129 && (h->fadt.flags & FADT_RESET)) {
        h->fadt.reset = get_gas(p + 116);
        h->fadt.reset_value = p[128];
        h->fadt.has_reset = h->fadt.reset.addr != 0 && h->fadt.reset.space <= ACPI_SPACE_PCI;
    }
}

/* A table without a memory address cannot be used as the reference clock. */
static void read_hpet(struct host_acpi *h, const uint8_t *p, uint32_t len)
{
    if (h->hpet.valid)
        return;                                 /* the first block is the one with timers */
    if (len < 56 || p[40] != ACPI_SPACE_MEMORY || get_le64(p + 44) == 0) {
        log_warn("ACPI: the HPET table makes no sense");
        return;
    }
    h->hpet.valid = true;
    h->hpet.id = get_le32(p + 36);
    h->hpet.addr = hpa(get_le64(p + 44));
    h->hpet.number = p[52];
    h->hpet.min_tick = get_le16(p + 53);
}

/* Each entry covers a range of buses of one segment; a bad one does not spoil the rest. */
static void read_mcfg(struct host_acpi *h, const uint8_t *p, uint32_t len)
{
    for (uint32_t at = 44; at <= len && len - at >= 16; at += 16) {
        struct host_mcfg m = { hpa(get_le64(p + at)), get_le16(p + at + 8), p[at + 10],
                               p[at + 11] };
        if (m.addr.v == 0 || m.addr.v > UINT64_MAX - MIB(256) || m.bus_end < m.bus_start) {
            log_warn("ACPI: the MCFG names an impossible range");
            continue;
        }
        if (h->mcfg.n == HOST_MCFG_MAX) {
            log_warn("ACPI: the MCFG names more than %u ranges", (unsigned)HOST_MCFG_MAX);
            return;
        }
        h->mcfg.seg[h->mcfg.n++] = m;
    }
}

/* Offsets from the SPCR document: interrupt types at 52, GSI at 54, baud code at 58. */
static void read_spcr(struct host_acpi *h, const uint8_t *p, uint32_t len)
{
    if (len < 80 || get_le64(p + 44) == 0)
        return;                                 /* address 0: redirection is off */
    h->spcr.valid = true;
    h->spcr.type = p[36];
    h->spcr.port = get_gas(p + 40);
    if (p[52] & BIT(1))
        h->spcr.gsi = get_le32(p + 54);
    else if (p[52] & BIT(0))
        h->spcr.gsi = p[53];
    switch (p[58]) {
    case 3: h->spcr.baud = 9600; break;
    case 4: h->spcr.baud = 19200; break;
    case 6: h->spcr.baud = 57600; break;
    case 7: h->spcr.baud = 115200; break;
    default: break;                             /* 0: as it is */
    }
}

/* Tables without a reader (DMAR, IVRS, SRAT, ...) stay in the list for their users. */
void acpi_read_table(struct host_acpi *h, const uint8_t *p, uint32_t len, const char *sig)
{
    static const struct {
        char sig[5];
        void (*read)(struct host_acpi *h, const uint8_t *p, uint32_t len);
    } readers[] = {
        { "FACP", read_fadt }, { "APIC", acpi_read_madt }, { "HPET", read_hpet },
        { "MCFG", read_mcfg }, { "SPCR", read_spcr },
    };
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        if (memcmp(readers[i].sig, sig, 4) == 0)
            readers[i].read(h, p, len);
}

/* An AML integer as firmware writes sleep types: constant or byte. Returns bytes used, 0: other. */
static uint32_t aml_small_int(const uint8_t *p, uint32_t room, uint8_t *v)
{
    if (room >= 1 && p[0] <= 1) {               /* ZeroOp, OneOp */
        *v = p[0];
        return 1;
    }
    if (room >= 2 && p[0] == 0x0a) {            /* BytePrefix */
        *v = p[1];
        return 2;
    }
    if (room >= 3 && p[0] == 0x0b) {            /* WordPrefix */
        *v = p[1];
        return 3;
    }
    if (room >= 5 && p[0] == 0x0c) {            /* DWordPrefix */
        *v = p[1];
        return 5;
    }
    return 0;
}

/* The package behind a name: PackageOp, PkgLength (1 to 4 bytes), count, SLP_TYPa, SLP_TYPb. */
static bool read_s5_package(struct host_acpi *h, const uint8_t *p, uint32_t room)
{
    uint8_t a, b = 0;
    if (room < 3 || p[0] != 0x12)
        return false;
    uint32_t at = 2 + (p[1] >> 6);
    if (at >= room || p[at] == 0)
        return false;
    uint8_t count = p[at++];
    uint32_t n = aml_small_int(p + at, room - at, &a);
    if (n == 0)
        return false;
    at += n;
    if (count > 1 && aml_small_int(p + at, room - at, &b) == 0)
        return false;
    h->s5.valid = true;
    h->s5.typ_a = a & 7;                        /* three bits in PM1x_CNT (4.8.3.2.1) */
    h->s5.typ_b = b & 7;
    return true;
}

/* NameOp before the name, with or without the root prefix, tells a definition from a use. */
bool acpi_find_s5(struct host_acpi *h, const uint8_t *p, uint32_t len)
{
    for (uint32_t at = ACPI_HEADER_LEN + 1; len >= 4 && at <= len - 4; at++) {
        if (p[at] != '_' || memcmp(p + at, "_S5_", 4) != 0)
            continue;
        bool named = p[at - 1] == 0x08
            || (p[at - 1] == '\\' && at >= ACPI_HEADER_LEN + 2 && p[at - 2] == 0x08);
        if (named && read_s5_package(h, p + at + 4, len - at - 4))
            return true;
    }
    return false;
}
