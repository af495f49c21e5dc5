/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot information of both Multiboot versions. First byte 2: the rest is a Multiboot 2
 * list (its size put right); else the rest is physical memory from 0x1000 on, with the
 * Multiboot 1 structure first.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/bootinfo.h"
#include "socle/le.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE = 0x1000 };
struct memory { const uint8_t *p; size_t len; };

static const void *map(void *ctx, hpa_t at, uint64_t len)
{
    const struct memory *m = ctx;
    return range_inside(at.v, len, BASE, m->len) ? m->p + (at.v - BASE) : NULL;
}

static void check(const struct boot_info *bi)
{
    const struct boot_module *found;
    hv_assert(bi->modules <= BOOT_MODULES_MAX && bi->mems <= BOOT_MEM_MAX);
    hv_assert(bi->text_len <= BOOT_TEXT_SIZE && bi->rsdp_len <= BOOT_RSDP_MAX);
    for (uint32_t i = 0; i < bi->modules; i++) {
        hv_assert(bi->module[i].start.v <= UINT64_MAX - bi->module[i].len);
        hv_assert(strlen(boot_module_string(bi, &bi->module[i])) < BOOT_TEXT_SIZE);
    }
    for (uint32_t i = 0; i < bi->mems; i++)
        hv_assert(bi->mem[i].len && bi->mem[i].base <= UINT64_MAX - bi->mem[i].len);
    (void)boot_info_cmdline(bi);
    (void)boot_info_loader(bi);
    hv_assert(boot_info_find_module(bi, "kernel", &found) == HV_NOT_FOUND || found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boot_info bi;
    if (size < 9)
        return 0;
    uint8_t *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    if (data[0] == 2) {
        put_le32(copy, (uint32_t)(size - 1));
        if (boot_info_parse_mb2(&bi, copy, size - 1, hpa(BASE)) == HV_OK)
            check(&bi);
    } else {
        struct memory m = { copy, size - 1 };
        const struct phys_map mem = { &m, map };
        if (boot_info_parse_mb1(&bi, &mem, hpa(BASE)) == HV_OK)
            check(&bi);
    }
    free(copy);
    return 0;
}
