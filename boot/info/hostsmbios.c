/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See hostsmbios.h. The entry point is on a 16-byte boundary of the BIOS area, or named by the
 * EFI configuration table (DSP0134 3.6, 5.2); it leads to the structures, of which only the
 * system information (7.2) is read.
 */
#include "socle/hostsmbios.h"

#include "socle/bits.h"
#include "socle/le.h"

enum { BIOS_START = 0xf0000, BIOS_LEN = 0x10000, STRUCTURES_MAX = 4096, TABLE_MAX = 1 << 20 };
enum { ENTRY2_LEN = 0x1f, ENTRY3_LEN = 0x18, TYPE_SYSTEM = 1, TYPE_END = 127, UUID_AT = 8 };
enum { EFI_TABLES_MAX = 256, EFI_ENTRY = 24 };

struct table { uint64_t at; uint32_t len; };

static bool sums_to_zero(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;
    while (n--)
        sum = (uint8_t)(sum + *p++);
    return sum == 0;
}

/* 5.2.2: 64-bit entry point; 5.2.1: the older one. n: bytes readable at p. */
static bool read_entry(const uint8_t *p, size_t n, struct table *t)
{
    if (n >= ENTRY3_LEN && memcmp(p, "_SM3_", 5) == 0 && p[6] >= ENTRY3_LEN && p[6] <= n && sums_to_zero(p, p[6])) {
        *t = (struct table){ get_le64(p + 0x10), get_le32(p + 0x0c) };
        return true;
    }
    if (n >= ENTRY2_LEN && memcmp(p, "_SM_", 4) == 0 && memcmp(p + 0x10, "_DMI_", 5) == 0 &&
        sums_to_zero(p + 0x10, ENTRY2_LEN - 0x10)) {
        *t = (struct table){ get_le32(p + 0x18), get_le16(p + 0x16) };
        return true;
    }
    return false;
}

static bool find_in_bios(const struct phys_map *mem, struct table *t)
{
    const uint8_t *p = mem->map(mem->ctx, hpa(BIOS_START), BIOS_LEN);
    for (size_t at = 0; p && at < BIOS_LEN; at += 16)
        if (read_entry(p + at, BIOS_LEN - at, t))
            return true;
    return false;
}

/* UEFI 2.10, 4.3 and 4.6.1: number and address of the configuration tables, each a GUID and an address. */
static bool find_in_efi(const struct phys_map *mem, uint64_t system_table, struct table *t)
{
    static const uint8_t guid3[16] = { 0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a,
                                       0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94 };
    static const uint8_t guid2[16] = { 0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11,
                                       0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d };
    const uint8_t *p = mem->map(mem->ctx, hpa(system_table), 120);
    uint64_t n = p ? min_u64(get_le64(p + 104), EFI_TABLES_MAX) : 0;
    const uint8_t *c = n ? mem->map(mem->ctx, hpa(get_le64(p + 112)), n * EFI_ENTRY) : NULL;
    for (uint64_t i = 0; c && i < n; i++) {
        const uint8_t *e = c + i * EFI_ENTRY;
        if (memcmp(e, guid3, 16) != 0 && memcmp(e, guid2, 16) != 0)
            continue;
        const uint8_t *entry = mem->map(mem->ctx, hpa(get_le64(e + 16)), ENTRY2_LEN);
        if (entry && read_entry(entry, ENTRY2_LEN, t))
            return true;
    }
    return false;
}

/* 6.1.3: the strings behind a structure end with two zeros. 0: no end. */
static uint32_t past_strings(const uint8_t *p, uint32_t at, uint32_t len)
{
    for (; at + 1 < len; at++)
        if (!p[at] && !p[at + 1])
            return at + 2;
    return 0;
}

static bool is_set(const uint8_t uuid[16])
{
    for (unsigned i = 1; i < 16; i++)
        if (uuid[i] != uuid[0])
            return true;
    return uuid[0] != 0 && uuid[0] != 0xff;
}

static bool find_uuid(const uint8_t *p, uint32_t len, uint8_t uuid[16])
{
    uint32_t at = 0;
    for (unsigned i = 0; i < STRUCTURES_MAX && at + 4 <= len; i++) {
        uint8_t type = p[at], size = p[at + 1];
        if (size < 4 || size > len - at || type == TYPE_END)
            return false;
        if (type == TYPE_SYSTEM && size >= UUID_AT + 16) {
            memcpy(uuid, p + at + UUID_AT, 16);
            return is_set(uuid);
        }
        at = past_strings(p, at + size, len);
        if (!at)
            return false;
    }
    return false;
}

bool host_smbios_uuid(const struct phys_map *mem, uint64_t efi_system_table, uint8_t uuid[16])
{
    struct table t;
    if (!(efi_system_table && find_in_efi(mem, efi_system_table, &t)) && !find_in_bios(mem, &t))
        return false;
    uint32_t len = (uint32_t)min_u64(t.len, TABLE_MAX);
    const uint8_t *p = len ? mem->map(mem->ctx, hpa(t.at), len) : NULL;
    return p && find_uuid(p, len, uuid);
}
