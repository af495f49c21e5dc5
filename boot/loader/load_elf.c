/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Placement of ELF kernels by their program headers (System V gABI, chapter 5), at the
 * physical addresses they name. Used by the PVH and Multiboot loaders. A hostile header
 * can at worst be refused: no sum is trusted before it is checked.
 */
#include "elf_file.h"
#include "load_priv.h"

#include "socle/bits.h"

/* Checks one PT_LOAD segment against the file and itself. */
static hv_status check_segment(const struct elf_segment *s, uint32_t i, uint64_t file_len,
                               const struct load_error *e)
{
    if (!range_inside(s->offset, s->file_len, 0, file_len))
        return load_fail(e, HV_INVALID, "truncated: its segment %u is at %llu, %llu bytes, the "
                         "file has %llu", i, (unsigned long long)s->offset,
                         (unsigned long long)s->file_len, (unsigned long long)file_len);
    if (s->mem_len < s->file_len || s->paddr > UINT64_MAX - s->mem_len)
        return load_fail(e, HV_INVALID, "damaged: its segment %u wraps around", i);
    return HV_OK;
}

/* Linkers give entry points as virtual addresses; the segment around one tells the difference. */
static void translate_entry(const struct elf_segment *s, uint64_t entry, uint64_t *physical)
{
    if (entry >= s->vaddr && entry - s->vaddr < s->mem_len)
        *physical = s->paddr + (entry - s->vaddr);
}

hv_status plan_add_elf(struct load_plan *p, const struct load_request *r, struct load_extent *out,
                       const struct load_error *e)
{
    struct elf_file f;
    unsigned loads = 0;
    if (!elf_open(&f, r->kernel.data, r->kernel.len))
        return load_fail(e, HV_INVALID, "damaged: its ELF program headers make no sense");
    *out = (struct load_extent){ f.entry, 0 };
    for (uint32_t i = 0; i < f.segments; i++) {
        struct elf_segment s;
        elf_segment(&f, i, &s);
        if (s.type != ELF_PT_LOAD || s.mem_len == 0)
            continue;
        hv_status status = check_segment(&s, i, f.len, e);
        if (status != HV_OK)
            return status;
        if (p) {
            status = plan_add(p, r->layout, s.paddr, f.p + s.offset, s.file_len,
                              s.mem_len - s.file_len);
            if (status != HV_OK)
                return plan_place_fail(r, s.paddr, s.mem_len, status, e);
        }
        translate_entry(&s, f.entry, &out->entry);
        out->end = max_u64(out->end, s.paddr + s.mem_len);
        loads++;
    }
    if (loads == 0)
        return load_fail(e, HV_INVALID, "an ELF file without anything to load");
    return HV_OK;
}

hv_status plan_check_entry(const struct load_extent *k, const struct load_error *e)
{
    if (k->entry <= UINT32_MAX)
        return HV_OK;
    return load_fail(e, HV_INVALID, "its entry %#llx is outside of everything it loads",
                     (unsigned long long)k->entry);
}
