/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the host's ACPI tables: RSDP, then RSDT or XSDT, then every table they list
 * (ACPI 6.5, 5.2.5 to 5.2.8). Called once while the machine starts. Each table whose
 * length and checksum are right goes to its reader in hostacpi_tables.c; the others
 * are named in a warning and skipped. Reads memory only through the caller's callback.
 */
#include "socle/hostacpi.h"

#include "hostacpi_priv.h"
#include "socle/bits.h"
#include "socle/le.h"
#include "socle/log.h"

enum {
    RSDP_V1_LEN = 20, RSDP_V2_LEN = 36, ROOT_ENTRIES_MAX = 512, EBDA_POINTER = 0x40e,
    BIOS_START = 0xe0000, BIOS_LEN = 0x20000
};

static bool sums_to_zero(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;
    while (n--)
        sum = (uint8_t)(sum + *p++);
    return sum == 0;
}

/* 5.2.5.3: revision 0 has 20 bytes, later ones say their length. */
static bool rsdp_good(const uint8_t *p, uint32_t len)
{
    return len >= RSDP_V1_LEN && memcmp(p, "RSD PTR ", 8) == 0 && sums_to_zero(p, RSDP_V1_LEN);
}

/* Is the part that revision 2 added there and right? What follows it is not needed. */
static bool rsdp_extended(const uint8_t *p, uint32_t len)
{
    uint32_t own = p[15] >= 2 && len >= RSDP_V2_LEN ? get_le32(p + 20) : 0;
    return own >= RSDP_V2_LEN && (own > len || sums_to_zero(p, own));
}

/* The RSDP stands on a 16-byte boundary; a second one behind a broken one is taken. */
static uint32_t scan(const struct phys_map *mem, uint64_t start, uint64_t len, void *rsdp,
                     uint32_t cap)
{
    const uint8_t *p = mem->map(mem->ctx, hpa(start), len);
    for (uint64_t at = 0; p && at + RSDP_V1_LEN <= len; at += 16) {
        uint32_t n = (uint32_t)min_u64(min_u64(len - at, RSDP_V2_LEN), cap);
        if (!rsdp_good(p + at, n))
            continue;
        if (!rsdp_extended(p + at, n))
            n = RSDP_V1_LEN;
        memcpy(rsdp, p + at, n);
        return n;
    }
    return 0;
}

uint32_t host_acpi_find_rsdp(const struct phys_map *mem, void *rsdp, uint32_t cap)
{
    const uint8_t *p = mem->map(mem->ctx, hpa(EBDA_POINTER), 2);
    uint64_t ebda = p ? (uint64_t)get_le16(p) << 4 : 0;
    uint32_t n = 0;
    /* The word is garbage on machines without EBDA: only plausible places are looked at. */
    if (ebda >= 0x80000 && ebda < 0xa0000)
        n = scan(mem, ebda, 1024, rsdp, cap);
    return n ? n : scan(mem, BIOS_START, BIOS_LEN, rsdp, cap);
}

/* Four characters for a message; what is not printable becomes '?'. */
static void copy_sig(char to[5], const uint8_t *from)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
    to[4] = '\0';
}

/* Header first, since only it says how much there is to map. */
const uint8_t *acpi_map_table(const struct phys_map *mem, hpa_t at, uint32_t *len, char sig[5])
{
    const uint8_t *p = mem->map(mem->ctx, at, ACPI_HEADER_LEN);
    if (!p) {
        log_warn("ACPI: the table at %#llx is not in readable memory", (unsigned long long)at.v);
        return NULL;
    }
    copy_sig(sig, p);
    *len = get_le32(p + 4);
    if (*len < ACPI_HEADER_LEN || *len > ACPI_TABLE_MAX) {
        log_warn("ACPI: table %s at %#llx has an impossible length of %u bytes", sig,
                 (unsigned long long)at.v, *len);
        return NULL;
    }
    p = mem->map(mem->ctx, at, *len);
    if (!p) {
        log_warn("ACPI: table %s at %#llx, %u bytes, reaches outside readable memory", sig,
                 (unsigned long long)at.v, *len);
        return NULL;
    }
    if (!sums_to_zero(p, *len)) {
        log_warn("ACPI: table %s at %#llx has a wrong checksum", sig, (unsigned long long)at.v);
        return NULL;
    }
    return p;
}

/* Some firmware lists a table twice; its contents must not count twice. */
static bool listed(const struct host_acpi *h, uint64_t at)
{
    for (uint32_t i = 0; i < h->tables; i++)
        if (h->table[i].at.v == at)
            return true;
    return false;
}

/* 0 entries are padding in real RSDTs and not worth a warning. */
static void add_table(struct host_acpi *h, const struct phys_map *mem, hpa_t at)
{
    struct host_table t = { .at = at };
    if (at.v == 0 || listed(h, at.v))
        return;
    if (h->tables == HOST_TABLES_MAX) {
        log_warn("ACPI: more than %u tables; the rest is ignored", (unsigned)HOST_TABLES_MAX);
        return;
    }
    const uint8_t *p = acpi_map_table(mem, at, &t.len, t.sig);
    if (!p)
        return;
    t.revision = p[8];
    h->table[h->tables++] = t;
    acpi_read_table(h, p, t.len, t.sig);
}

/* The entries of an RSDT (4 bytes each) or XSDT (8 bytes each); false: no usable root. */
static bool read_root(struct host_acpi *h, const struct phys_map *mem, hpa_t at, uint32_t width)
{
    uint32_t len;
    char sig[5];
    if (at.v == 0)
        return false;
    const uint8_t *p = acpi_map_table(mem, at, &len, sig);
    if (!p)
        return false;
    if (memcmp(sig, width == 8 ? "XSDT" : "RSDT", 4) != 0) {
        log_warn("ACPI: the root table at %#llx is called %s", (unsigned long long)at.v, sig);
        return false;
    }
    uint64_t n = min_u64((len - ACPI_HEADER_LEN) / width, ROOT_ENTRIES_MAX);
    for (uint64_t i = 0; i < n && h->tables < HOST_TABLES_MAX; i++) {
        const uint8_t *e = p + ACPI_HEADER_LEN + i * width;
        add_table(h, mem, hpa(width == 8 ? get_le64(e) : get_le32(e)));
    }
    return true;
}

/* 5.2.9: the FADT leads to the DSDT; a sleep state may also be in an SSDT. */
static void find_s5(struct host_acpi *h, const struct phys_map *mem)
{
    uint32_t len;
    char sig[5];
    if (h->fadt.valid && h->fadt.dsdt.v) {
        const uint8_t *p = acpi_map_table(mem, h->fadt.dsdt, &len, sig);
        if (p && acpi_find_s5(h, p, len))
            return;
    }
    for (uint32_t i = 0; i < h->tables; i++) {
        const struct host_table *t = &h->table[i];
        if (memcmp(t->sig, "SSDT", 4) != 0)
            continue;
        const uint8_t *p = mem->map(mem->ctx, t->at, t->len);
        if (p && acpi_find_s5(h, p, t->len))
            return;
    }
}

hv_status host_acpi_parse(struct host_acpi *h, const struct phys_map *mem, const void *rsdp,
                          uint32_t rsdp_len)
{
    const uint8_t *r = rsdp;
    memset(h, 0, sizeof(*h));
    if (!rsdp_good(r, rsdp_len)) {
        log_warn("ACPI: no root pointer (RSDP) with a right checksum");
        return HV_NOT_FOUND;
    }
    h->revision = r[15];
    for (unsigned i = 0; i < 6; i++)
        h->oem_id[i] = r[9 + i] >= 0x20 && r[9 + i] < 0x7f ? (char)r[9 + i] : '?';
    if (rsdp_extended(r, rsdp_len))
        h->present = read_root(h, mem, hpa(get_le64(r + 24)), 8);
    /* The old root is there for old systems, and for machines whose new one is broken. */
    if (!h->present)
        h->present = read_root(h, mem, hpa(get_le32(r + 16)), 4);
    if (!h->present) {
        log_warn("ACPI: no usable root table (RSDT or XSDT)");
        return HV_NOT_FOUND;
    }
    find_s5(h, mem);
    return HV_OK;
}

const struct host_table *host_acpi_table(const struct host_acpi *h, const char *sig)
{
    for (uint32_t i = 0; i < h->tables; i++)
        if (strcmp(h->table[i].sig, sig) == 0)
            return &h->table[i];
    return NULL;
}
