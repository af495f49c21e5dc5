/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's SMBIOS tables (DMTF DSP0134, version 3.0): who made the machine, its UUID,
 * processors and memory, as dmidecode and the kernel's crash reports show them. Called
 * by guest_tables_build(). Not described: caches, slots, sensors.
 */
#include "tables_priv.h"

#include "socle/bits.h"
#include "socle/le.h"

enum { ENTRY_LEN = 24, STRING_LEN_MAX = 64 };

enum {                          /* handles */
    H_BIOS = 0x000, H_SYSTEM = 0x100, H_CHASSIS = 0x300, H_CPU = 0x400, H_ARRAY = 0x1000,
    H_DIMM = 0x1100, H_MAPPED = 0x1300, H_BOOT = 0x2000, H_END = 0x7f00, NO_ERROR_INFO = 0xfffe
};

struct build {
    const struct guest_machine *m;
    struct table_area area;
};

/* DSP0134, 6.1: a structure, its strings, one more NUL. null-terminated list, may be empty. */
static uint8_t *structure(struct build *b, uint8_t type, uint8_t len, uint16_t handle,
                          const char *const *strings)
{
    uint8_t *s = area_room(&b->area, len, 1);
    unsigned n = 0;
    for (; strings[n]; n++) {
        size_t size = strnlen(strings[n], STRING_LEN_MAX);
        uint8_t *t = area_room(&b->area, size + 1, 1);
        if (t)
            memcpy(t, strings[n], size);
    }
    area_room(&b->area, n ? 1 : 2, 1);
    if (b->area.full)
        return NULL;
    s[0] = type;
    s[1] = len;
    put_le16(s + 2, handle);
    return s;
}

/* 7.1: BIOS characteristics "not supported" (bit 3); extension: ACPI, virtual machine. */
static void bios_info(struct build *b)
{
    static const char *const strings[] = { "Socle", SOCLE_VERSION, "01/01/2026", NULL };
    uint8_t *s = structure(b, 0, 0x18, H_BIOS, strings);
    if (!s)
        return;
    s[4] = 1;
    s[5] = 2;
    put_le16(s + 6, PLAT_BIOS_BASE >> 4);
    s[8] = 3;
    s[9] = PLAT_BIOS_SIZE / KIB(64) - 1;
    put_le64(s + 0x0a, BIT(3));
    s[0x12] = BIT(0);
    s[0x13] = BIT(2) | BIT(4);
    memset(s + 0x14, 0xff, 4);                  /* release numbers: none */
}

/* 7.2. The UUID's first three fields are little-endian here (7.2.1). */
static void put_uuid(uint8_t *to, const uint8_t *uuid)
{
    static const uint8_t from[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    for (unsigned i = 0; i < sizeof(from); i++)
        to[i] = uuid[from[i]];
}

static void system_info(struct build *b)
{
    const char *name = b->m->name && b->m->name[0] ? b->m->name : "none";
    const char *const strings[] = { "Socle", "Socle Virtual Machine", SOCLE_VERSION, name,
                                    "Virtual Machine", NULL };
    uint8_t *s = structure(b, 1, 0x1b, H_SYSTEM, strings);
    if (!s)
        return;
    for (uint8_t i = 0; i < 4; i++)
        s[4 + i] = (uint8_t)(i + 1);            /* maker, product, version, serial number */
    put_uuid(s + 8, b->m->uuid);
    s[0x18] = 6;                                /* woken by the power switch */
    s[0x1a] = 5;                                /* family */
}

/* 7.4 */
static void chassis(struct build *b)
{
    static const char *const strings[] = { "Socle", NULL };
    uint8_t *s = structure(b, 3, 0x16, H_CHASSIS, strings);
    if (!s)
        return;
    s[4] = 1;
    s[5] = 1;                                   /* "other" */
    memset(s + 9, 3, 3);                        /* boot-up, power, thermal state: safe */
    s[12] = 2;                                  /* security: unknown */
}

/* 7.5: one socket with a core for each vCPU. */
static void processor(struct build *b)
{
    static const char *const strings[] = { "CPU 0", "Socle", NULL };
    uint8_t *s = structure(b, 4, 0x30, H_CPU, strings);
    if (!s)
        return;
    s[4] = 1;
    s[5] = 3;                                   /* central processor */
    s[6] = 1;                                   /* family: other */
    s[7] = 2;
    s[0x18] = 0x41;                             /* populated, enabled */
    s[0x19] = 1;                                /* upgrade: other */
    memset(s + 0x1a, 0xff, 6);                  /* no cache handles */
    memset(s + 0x23, (int)b->m->vcpus, 3);      /* cores, enabled cores, threads */
    put_le16(s + 0x26, BIT(2));                 /* 64-bit */
    put_le16(s + 0x28, 1);
    put_le16(s + 0x2a, (uint16_t)b->m->vcpus);
    put_le16(s + 0x2c, (uint16_t)b->m->vcpus);
    put_le16(s + 0x2e, (uint16_t)b->m->vcpus);
}

/* 7.17 */
static void memory_array(struct build *b)
{
    static const char *const strings[] = { NULL };
    uint8_t *s = structure(b, 16, 0x17, H_ARRAY, strings);
    if (!s)
        return;
    uint64_t kib = b->m->memory >> 10;
    bool small = kib < 0x80000000u;
    s[4] = 1;                                   /* location: other */
    s[5] = 3;                                   /* system memory */
    s[6] = 3;                                   /* no error correction */
    put_le32(s + 7, small ? (uint32_t)kib : 0x80000000u);
    put_le16(s + 0x0b, NO_ERROR_INFO);
    put_le16(s + 0x0d, 1);
    put_le64(s + 0x0f, small ? 0 : b->m->memory);
}

/* 7.18 */
static void memory_device(struct build *b)
{
    static const char *const strings[] = { "DIMM 0", "Socle", NULL };
    uint8_t *s = structure(b, 17, 0x28, H_DIMM, strings);
    if (!s)
        return;
    uint64_t mib = b->m->memory >> 20;
    bool small = mib < 0x7fff;
    put_le16(s + 4, H_ARRAY);
    put_le16(s + 6, NO_ERROR_INFO);
    memset(s + 8, 0xff, 4);                     /* widths: unknown */
    put_le16(s + 0x0c, small ? (uint16_t)mib : 0x7fff);
    s[0x0e] = 9;                                /* DIMM */
    s[0x10] = 1;
    s[0x12] = 7;                                /* RAM */
    put_le16(s + 0x13, BIT(1));                 /* detail: other */
    s[0x17] = 2;
    put_le32(s + 0x1c, small ? 0 : (uint32_t)mib);
}

/* 7.20. Addresses in KiB, the end inclusive; 0xffffffff: see the 64-bit fields. */
static void mapped(struct build *b, uint16_t index, uint64_t base, uint64_t len)
{
    static const char *const strings[] = { NULL };
    if (len == 0)
        return;
    uint8_t *s = structure(b, 19, 0x1f, (uint16_t)(H_MAPPED + index), strings);
    if (!s)
        return;
    bool small = (base + len) >> 10 < UINT32_MAX;
    put_le32(s + 4, small ? (uint32_t)(base >> 10) : UINT32_MAX);
    put_le32(s + 8, small ? (uint32_t)((base + len - 1) >> 10) : UINT32_MAX);
    put_le16(s + 12, H_ARRAY);
    s[14] = 1;
    put_le64(s + 15, small ? 0 : base);
    put_le64(s + 23, small ? 0 : base + len - 1);
}

static void build_structures(struct build *b)
{
    static const char *const none[] = { NULL };
    struct guest_layout l;
    guest_layout(&l, b->m);
    bios_info(b);
    system_info(b);
    chassis(b);
    processor(b);
    memory_array(b);
    memory_device(b);
    mapped(b, 0, 0, l.low_ram);
    mapped(b, 1, PLAT_HOLE_END, l.high_ram);
    structure(b, 32, 0x0b, H_BOOT, none);       /* 7.33: no errors at boot */
    structure(b, 127, 4, H_END, none);
}

/* 5.2.2: the 64-bit entry point. */
hv_status guest_smbios_build(const struct guest_machine *m, uint8_t *buf, size_t cap, gpa_t base,
                             struct guest_tables *out)
{
    if (!machine_valid(m) || !is_aligned(base.v, 16))
        return HV_INVALID;
    struct build b = { m, { buf, cap, 0, base.v, false } };
    uint8_t *e = area_room(&b.area, 32, 16);
    build_structures(&b);
    if (b.area.full)
        return HV_NOMEM;
    memcpy(e, "_SM3_", 5);
    e[6] = ENTRY_LEN;
    e[7] = 3;                                   /* version 3.0.0 */
    e[10] = 1;                                  /* revision of the entry point */
    put_le32(e + 12, (uint32_t)(b.area.used - 32));
    put_le64(e + 16, base.v + 32);
    e[5] = checksum8(e, ENTRY_LEN);
    out->smbios = base;
    return HV_OK;
}
