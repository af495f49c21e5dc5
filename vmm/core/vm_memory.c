/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's memory: taken block by block, cleared before it is mapped, given back in
 * pieces. Whole gigabytes where they are free, so that nested tables stay small.
 */
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/hostmem.h"
#include "socle/log.h"
#include "socle/vm.h"

enum { FREE_BUDGET = 64, BLOCKS_PER_GIB = 512 };
#define RESTART_RESERVE MIB(2)          /* left for what loading a kernel again takes meanwhile */
#define MEMORY_MAX      GIB(512)        /* of one guest: its list of blocks is one run of pages */

/* Memory promised to guests that are starting and have not taken it yet. */
static uint64_t promised;

static void keep_promise(struct vm *vm, uint64_t bytes)
{
    promised -= bytes;
    vm->promised -= bytes;
}

static uint64_t flush_generation;

static hv_status table_alloc(void *ctx, hpa_t *page)
{
    const struct vm *vm = ctx;
    return frame_alloc(&host_frames, &(struct frame_want){ vm->id, FRAME_HYPERVISOR, true, 0 }, page);
}

static void table_free(void *ctx, hpa_t page) { frame_free(&host_frames, page); }
static uint64_t *table_ptr(void *ctx, hpa_t page) { return host_ram(page); }

static gpa_t block_gpa(const struct vm *vm, uint32_t i)
{
    uint64_t low = vm->layout.low_ram >> BLOCK_SHIFT;
    return gpa(i < low ? (uint64_t)i << BLOCK_SHIFT : PLAT_HOLE_END + ((i - low) << BLOCK_SHIFT));
}

static hv_status add_slots(struct vm *vm)
{
    vm->mem = (struct gmem){ .window = host_ram(hpa(0)) };
    hv_status s = gmem_add(&vm->mem, gpa(0), vm->layout.low_ram, vm->block, false);
    if (!s && vm->layout.high_ram)
        s = gmem_add(&vm->mem, gpa(PLAT_HOLE_END), vm->layout.high_ram,
                     vm->block + (vm->layout.low_ram >> BLOCK_SHIFT), false);
    return s;
}

hv_status vm_memory_prepare(struct vm *vm)
{
    struct frame_stats stats;
    uint64_t need = vm->layout.low_ram + vm->layout.high_ram, extra = need / 256 + MIB(1);
    frame_stats(&host_frames, &stats);
    if (need > MEMORY_MAX) {
        fmt(vm->why, sizeof(vm->why), "a guest can have at most 512G of memory in this version");
        return HV_UNSUPPORTED;
    }
    uint64_t avail = stats.free > promised ? stats.free - promised : 0;
    if (avail < need + extra + RESTART_RESERVE) {
        char want[FMT_SIZE_LEN], have[FMT_SIZE_LEN];
        fmt(vm->why, sizeof(vm->why), "not enough memory: it wants %s, the machine has %s left",
            fmt_size(want, need), fmt_size(have, align_down(avail, MIB(1))));
        return HV_NOMEM;
    }
    vm->blocks = (uint32_t)(need >> BLOCK_SHIFT);
    vm->blocks_ready = 0;
    vm->block = host_object(vm->blocks * sizeof(*vm->block));
    struct pt_pages pages = { vm, table_alloc, table_free, table_ptr };
    hv_status s = vm->block ? ptab_init(&vm->nested, virt->nested_format, &pages, virt->nested_leaf()) : HV_NOMEM;
    s = s ? s : add_slots(vm);
    if (!s) {
        promised += need;
        vm->promised = need;
    }
    return s;
}

/* Takes a whole aligned GiB where the guest has one and the machine can spare it. */
static bool take_gib(struct vm *vm, uint32_t i)
{
    const struct frame_want want = { vm->id, FRAME_PRIVATE, false, 0 };
    hpa_t at;
    uint64_t low = vm->layout.low_ram >> BLOCK_SHIFT;
    uint64_t region_end = i < low ? low : vm->blocks;
    if (!is_aligned(block_gpa(vm, i).v, GIB(1)) || region_end - i < BLOCKS_PER_GIB ||
        frame_alloc_giga(&host_frames, &want, &at))
        return false;
    for (uint32_t n = 0; n < BLOCKS_PER_GIB; n++)
        vm->block[i + n] = hpa(at.v + ((uint64_t)n << BLOCK_SHIFT));
    return true;
}

/* One block per step: taken (unless its gigabyte was), cleared, mapped. */
hv_status vm_memory_step(struct vm *vm, bool *more)
{
    const struct frame_want want = { vm->id, FRAME_PRIVATE, false, 0 };
    uint32_t i = vm->blocks_ready;
    bool flush = false;
    if (!vm->block[i].v && !take_gib(vm, i)) {
        hv_status s = frame_alloc_block(&host_frames, &want, &vm->block[i]);
        if (s)
            return s;
    }
    frame_clear_block(&host_frames, vm->block[i]);
    hv_status s = ptab_map(&vm->nested, block_gpa(vm, i).v, vm->block[i], BLOCK_SIZE, PT_W | PT_X, PT_WB, &flush);
    if (s)
        return s;
    keep_promise(vm, BLOCK_SIZE);
    vm->blocks_ready++;
    *more = vm->blocks_ready < vm->blocks;
    if (!*more)
        ptab_join(&vm->nested, 0, PLAT_HOLE_END + align_up(vm->layout.high_ram, GIB(1)), &flush);
    return HV_OK;
}

/*
 * Tables first, then memory, which becomes free when every CPU has passed a flush of
 * what it may have cached (one CPU: at once).
 */
bool vm_memory_free_step(struct vm *vm)
{
    if (vm->nested.root.v) {
        if (ptab_fini(&vm->nested, FREE_BUDGET))
            vm->nested.root = hpa(0);
        return true;
    }
    if (vm->block) {
        keep_promise(vm, vm->promised);
        host_object_free(vm->block, vm->blocks * sizeof(*vm->block));
        vm->block = NULL;
        vm->mem.slots = 0;
        virt->forget_all();
        frame_flush_passed(&host_frames, ++flush_generation);
    }
    if (!frame_free_owner(&host_frames, vm->id, flush_generation, FREE_BUDGET))
        return true;
    return frame_release(&host_frames, FREE_BUDGET);
}
