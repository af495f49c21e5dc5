/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any file as a kernel, through identification and all loaders. The first byte chooses
 * the guest's memory and the CPU. What a plan says must hold: segments in RAM, disjoint,
 * data inside the file or the arena.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/loader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct load_plan plan;

static bool within(const uint8_t *p, uint64_t len, const void *base, uint64_t size)
{
    return range_inside((uintptr_t)p, len, (uintptr_t)base, size);
}

static void check_plan(const struct load_request *r)
{
    hv_assert(plan.segments <= LOAD_SEGMENTS_MAX && plan.arena_used <= LOAD_ARENA_SIZE);
    hv_assert(plan.entry.efer || plan.entry.rip <= UINT32_MAX);
    for (uint32_t i = 0; i < plan.segments; i++) {
        const struct load_segment *s = &plan.segment[i];
        hv_assert(guest_layout_is_ram(r->layout, s->gpa.v, s->len + s->zero));
        hv_assert(s->len == 0 || within(s->data, s->len, r->kernel.data, r->kernel.len)
                  || within(s->data, s->len, plan.arena, plan.arena_used)
                  || within(s->data, s->len, r->file[0].data, r->file[0].len));
        for (uint32_t j = 0; j < i; j++)
            hv_assert(!range_overlaps(s->gpa.v, s->len + s->zero, plan.segment[j].gpa.v,
                                      plan.segment[j].len + plan.segment[j].zero));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t memory[] = { MIB(2), MIB(64), GIB(1), GIB(8) };
    char error[LOAD_ERROR_LEN];
    if (size < 1)
        return 0;
    struct guest_machine m = { .vcpus = 1, .memory = memory[data[0] & 3] };
    struct guest_layout layout;
    guest_layout(&layout, &m);
    const struct load_file file = { "initrd", "0123456", 7, "string" };
    const uint8_t rsdp[36] = { 0 }, seed[32] = { 0 };
    struct load_request r = {
        .kernel = { "fuzz", data + 1, size - 1, NULL }, .file = &file, .files = data[0] >> 3 & 1,
        .cmdline = "console=ttyS0", .layout = &layout, .rsdp = gpa(0xe0000), .rsdp_copy = rsdp,
        .seed = seed, .seed_len = sizeof(seed), .cpu_64bit = data[0] & 4,
    };
    (void)image_identify(r.kernel.data, r.kernel.len, NULL);
    hv_status checked = load_check(&r.kernel, error, sizeof(error));
    hv_status loaded = load_kernel(&plan, &r, error, sizeof(error));
    if (loaded == HV_OK) {
        hv_assert(checked == HV_OK);
        check_plan(&r);
    } else {
        hv_assert(strnlen(error, sizeof(error)) < sizeof(error));
    }
    (void)load_linux(&plan, &r, error, sizeof(error));
    (void)load_pvh(&plan, &r, error, sizeof(error));
    (void)load_multiboot1(&plan, &r, error, sizeof(error));
    (void)load_multiboot2(&plan, &r, error, sizeof(error));
    return 0;
}
