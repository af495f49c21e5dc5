/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's UUID from SMBIOS: both entry points, BIOS and EFI, and tables that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socle/hostsmbios.h"
#include "socle/le.h"

enum { MEMORY = 2 << 20, TABLE = 0x8000, ENTRY = 0xf0010, SYSTAB = 0x2000, CONFIG = 0x3000, EFI_ENTRY_AT = 0x4000 };

static uint8_t *memory;
static const uint8_t want[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static const void *map(void *ctx, hpa_t at, uint64_t len)
{
    return at.v < MEMORY && len <= MEMORY - at.v ? memory + at.v : NULL;
}

static const struct phys_map mem = { NULL, map };

static void seal(uint8_t *p, unsigned n, unsigned where)
{
    uint8_t sum = 0;
    p[where] = 0;
    for (unsigned i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    p[where] = (uint8_t)-sum;
}

/* A BIOS structure with strings, then the system's. */
static uint32_t structures(void)
{
    uint8_t *p = memory + TABLE;
    memset(p, 0, 256);
    p[1] = 24;
    memcpy(p + 24, "vendor\0version\0", 16);
    p += 40;
    p[0] = 1;
    p[1] = 27;
    memcpy(p + 8, want, 16);
    return 40 + 27 + 2;
}

static void entry3(uint32_t at, uint64_t table, uint32_t len)
{
    uint8_t *p = memory + at;
    memcpy(p, "_SM3_", 5);
    p[6] = 0x18;
    put_le32(p + 0x0c, len);
    put_le64(p + 0x10, table);
    seal(p, 0x18, 5);
}

static void entry2(uint32_t at, uint32_t table, uint16_t len)
{
    uint8_t *p = memory + at;
    memcpy(p, "_SM_", 4);
    memcpy(p + 0x10, "_DMI_", 5);
    put_le16(p + 0x16, len);
    put_le32(p + 0x18, table);
    seal(p + 0x10, 0xf, 5);
}

static void expect(bool found, uint64_t systab)
{
    uint8_t uuid[16] = { 0 };
    assert_int_equal(host_smbios_uuid(&mem, systab, uuid), found);
    if (found)
        assert_memory_equal(uuid, want, 16);
}

static void test_bios(void **state)
{
    expect(false, 0);
    entry3(ENTRY, TABLE, structures());
    expect(true, 0);
    memory[ENTRY + 8] ^= 1;                     /* checksum */
    expect(false, 0);
    entry2(ENTRY + 0x100, TABLE, (uint16_t)structures());
    expect(true, 0);
    memory[ENTRY + 0x100 + 0x1e] ^= 1;
    expect(false, 0);
}

static void test_efi(void **state)
{
    static const uint8_t guid[16] = { 0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a,
                                      0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94 };
    entry3(EFI_ENTRY_AT, TABLE, structures());
    put_le64(memory + SYSTAB + 104, 2);
    put_le64(memory + SYSTAB + 112, CONFIG);
    memcpy(memory + CONFIG + 24, guid, 16);
    put_le64(memory + CONFIG + 40, EFI_ENTRY_AT);
    expect(true, SYSTAB);
    expect(false, 0);
    put_le64(memory + SYSTAB + 104, UINT64_MAX);        /* more tables than memory */
    put_le64(memory + SYSTAB + 112, MEMORY - 48);
    expect(false, SYSTAB);
    expect(false, MEMORY - 8);
}

static void test_not_set(void **state)
{
    uint32_t len = structures();
    entry3(ENTRY, TABLE, len);
    memset(memory + TABLE + 48, 0xff, 16);
    expect(false, 0);
    memset(memory + TABLE + 48, 0, 16);
    expect(false, 0);
}

static void test_tables_that_lie(void **state)
{
    uint32_t len = structures();
    for (uint32_t cut = 0; cut < len; cut++) {
        entry3(ENTRY, TABLE, cut);
        expect(cut >= 40 + 27, 0);              /* the structure is whole, its end does not matter */
    }
    entry3(ENTRY, MEMORY - 4, len);
    expect(false, 0);
    entry3(ENTRY, TABLE, len);
    memory[TABLE + 1] = 3;                      /* shorter than its header */
    expect(false, 0);
    memory[TABLE + 1] = 0xff;
    expect(false, 0);
}

static int setup(void **state)
{
    memory = calloc(1, MEMORY);
    return !memory;
}

static int teardown(void **state)
{
    free(memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bios, setup, teardown),
        cmocka_unit_test_setup_teardown(test_efi, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables_that_lie, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
