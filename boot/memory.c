/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader's memory map to the frame allocator and the hypervisor's own
 * page tables. The first MiB stays out of use: firmware and boot loader keep things
 * there, and application processors start in it.
 */
#include "arch/x86/mm/hostmem.h"
#include "boot/boot.h"
#include "socle/fmt.h"
#include "socle/log.h"
#include "socle/shell_ops.h"

#define BOOT_MAPPED GIB(4)              /* what entry.S has mapped */

static struct memmap map;

static const void *map_low(void *ctx, hpa_t at, uint64_t len)
{
    if (at.v >= BOOT_MAPPED || len > BOOT_MAPPED - at.v)
        return NULL;
    return phys_to_virt(at);
}

const struct phys_map boot_phys = { NULL, map_low };

static enum mem_kind kind_of(enum boot_mem_type t)
{
    switch (t) {
    case BOOT_MEM_RAM:
        return MEM_RAM;
    case BOOT_MEM_ACPI:
        return MEM_ACPI;
    case BOOT_MEM_NVS:
        return MEM_NVS;
    case BOOT_MEM_BAD:
        return MEM_BAD;
    case BOOT_MEM_RESERVED:
        break;
    }
    return MEM_RESERVED;
}

/* Odd entries are the firmware's mistake: said once, and left out. */
static void add(uint64_t base, uint64_t len, enum mem_kind kind)
{
    hv_status s = memmap_add(&map, base, len, kind);
    if (s)
        log_warn("memory map: entry at 0x%lx, length 0x%lx left out: %s", base, len, hv_status_text(s));
}

static void build_map(const struct boot_info *bi)
{
    memmap_init(&map);
    for (uint32_t i = 0; i < bi->mems; i++)
        add(bi->mem[i].base, bi->mem[i].len, kind_of(bi->mem[i].type));
    add(0, MIB(1), MEM_RESERVED);
    for (uint32_t i = 0; i < bi->modules; i++)
        if (bi->module[i].len)
            add(bi->module[i].start.v, bi->module[i].len, MEM_BOOT);
    add(hostmap_image_start().v, hostmap_image_size(), MEM_HYPERVISOR);
}

void boot_memory(const struct boot_info *bi)
{
    struct frame_stats stats;
    char size[FMT_SIZE_LEN];
    build_map(bi);
    if (frame_init(&host_frames, &map, phys_to_virt(hpa(0)), BOOT_MAPPED) || hostmap_init(&map))
        boot_refuse("this machine has too little memory to run Socle: %lu KiB of RAM free",
                    memmap_total(&map, MEM_RAM) / 1024);
    frame_set_reach(&host_frames, PHYS_ADDR_END);
    frame_stats(&host_frames, &stats);
    uint64_t files = memmap_total(&map, MEM_BOOT);
    shell_ops_files(files);
    log_info("memory: %s, %lu KiB of it in use by Socle, %lu KiB by files",
             fmt_size(size, stats.total & ~(MIB(1) - 1)), (stats.hypervisor - files) / 1024, files / 1024);
    if (stats.ignored)
        log_warn("memory: %lu MiB lie too far up to be used", stats.ignored >> 20);
}
