/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firmware's memory map made of arbitrary bytes: the map must stay sorted and
 * disjoint, and the frame allocator that starts from it must hand out only memory that
 * the map calls RAM, each frame once. 256 MiB of memory are shown.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/frame.h"

#define SHOWN   MIB(256)
#define LARGEST MIB(512)        /* more RAM only makes the records larger and the run slow */

static struct memmap map;
static struct frames f;
static uint64_t run;
static uint64_t records, records_len;   /* the allocator's own, where it started with them */

static void check_map(void)
{
    hv_assert(map.count <= MEMMAP_MAX);
    for (uint32_t i = 0; i < map.count; i++) {
        const struct mem_range *r = &map.range[i];
        hv_assert(r->len && r->kind < MEM_KINDS && r->base + r->len <= PHYS_ADDR_END);
        hv_assert(is_aligned(r->base | r->len, PAGE_SIZE));
        hv_assert(i == 0 || r->base >= r[-1].base + r[-1].len);
        hv_assert(memmap_find(&map, r->base + r->len - 1) == r);
    }
}

/* Taken memory is marked in the memory itself: a second owner would find this run's mark. */
static void take(uint64_t at, uint64_t len, uint8_t *ram)
{
    uint64_t *mark = (uint64_t *)(void *)(ram + at);

    hv_assert(memmap_is(&map, at, len, MEM_RAM));
    hv_assert(!range_overlaps(at, len, records, records_len));
    hv_assert(*mark != (at ^ run * 0x9e3779b97f4a7c15ull));
    *mark = at ^ run * 0x9e3779b97f4a7c15ull;
}

static void use_memory(uint8_t *ram)
{
    struct frame_want frame = { OWNER_HV, FRAME_HYPERVISOR, false, 0 };
    struct frame_want block = { 1, FRAME_PRIVATE, false, 0 };
    struct frame_stats s;
    hpa_t at, first = { 0 };

    records = (uint64_t)((uint8_t *)f.block - ram);
    records_len = f.records << PAGE_SHIFT;
    for (int i = 0; i < 16; i++) {
        frame.limit = i % 3 == 0 ? MIB(1) : 0;
        if (frame_alloc(&f, &frame, &at) == HV_OK) {
            take(at.v, PAGE_SIZE, ram);
            first = at;
        }
        if (i < 4 && frame_alloc_block(&f, &block, &at) == HV_OK)
            take(at.v, BLOCK_SIZE, ram);
    }
    while (!frame_free_owner(&f, 1, 1, 1000))
        ;
    frame_flush_passed(&f, 1);
    while (frame_release(&f, 100))
        ;
    if (first.v)
        frame_free(&f, first);
    frame_stats(&f, &s);
    hv_assert(s.free + s.hypervisor == s.total && s.guests == 0 && s.deferred == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ENTRY = 17 };        /* shift, base, length */

    memmap_init(&map);
    for (size_t i = 0; i + ENTRY <= size && i < 16 * ENTRY; i += ENTRY) {
        uint64_t base, len;
        memcpy(&base, data + i + 1, 8);
        memcpy(&len, data + i + 9, 8);
        /* Most entries near each other, some anywhere. */
        unsigned shift = data[i] & 63;
        enum mem_kind kind = (enum mem_kind)((data[i] >> 6 | (base & 1) << 2) % MEM_KINDS);
        hv_status s = memmap_add(&map, base >> shift, len >> shift, kind);
        const struct mem_range *r = memmap_find(&map, base >> shift);
        hv_assert(s != HV_OK || kind == MEM_RAM || (r && r->kind >= kind));
    }
    check_map();
    if (memmap_end(&map, MEM_RAM) > LARGEST)
        return 0;
    static uint8_t *ram;
    if (!ram)
        ram = mmap(NULL, SHOWN, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    hv_assert(ram != MAP_FAILED);
    run++;
    if (frame_init(&f, &map, ram, SHOWN) == HV_OK)
        use_memory(ram);
    return 0;
}
