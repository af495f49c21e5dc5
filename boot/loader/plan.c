/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load plan under construction: segments, small blobs, initrds, and the two states
 * in which 32-bit and 64-bit kernels are entered. Called by the loaders of this folder.
 * Segment attributes: SDM vol. 3, 3.4.5; page tables: SDM vol. 3, 4.5. Copies nothing
 * into the guest itself.
 */
#include "load_priv.h"

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/le.h"

enum { GDT_ENTRIES = 4, BOOT_CS = 0x10, BOOT_DS = 0x18 };      /* selectors: boot.rst, 64-bit */

enum {
    ATTR_DATA   = SEG_G | SEG_DB | SEG_P | SEG_S | 0x3,         /* read, write, accessed */
    ATTR_CODE32 = SEG_G | SEG_DB | SEG_P | SEG_S | 0xb,         /* execute, read, accessed */
    ATTR_CODE64 = SEG_G | SEG_L | SEG_P | SEG_S | 0xb,
    ATTR_TSS    = SEG_P | 0xb,                                  /* busy 32/64-bit TSS */
    ATTR_LDT    = SEG_P | 0x2,
};

enum { PTE_P = BIT(0), PTE_W = BIT(1), PTE_PS = BIT(7), PT_ENTRIES = 512, PD_COUNT = 4 };

#define PAT_RESET   0x0007040600070406ull       /* SDM vol. 3, 12.12.4 */
#define DR6_RESET   0xffff0ff0ull
#define DR7_RESET   0x400ull

hv_status load_fail(const struct load_error *e, hv_status s, const char *format, ...)
{
    va_list args;
    size_t n = fmt(e->buf, e->len, "kernel \"%s\": ", e->kernel);
    va_start(args, format);
    if (n < e->len)
        fmt_v(e->buf + n, e->len - n, format, args);
    va_end(args);
    return s;
}

/* The arena keeps old bytes: plan_room() clears what it hands out. */
void plan_init(struct load_plan *p, enum image_kind kind, const char *entry_name)
{
    p->kind = kind;
    p->entry_name = entry_name;
    p->segments = 0;
    p->arena_used = 0;
    p->entry = (struct vcpu_state){ 0 };
}

void *plan_room(struct load_plan *p, size_t len)
{
    uint64_t at = align_up(p->arena_used, 8);
    if (at > LOAD_ARENA_SIZE || len > LOAD_ARENA_SIZE - at)
        return NULL;
    p->arena_used = (uint32_t)(at + len);
    return memset(p->arena + at, 0, len);
}

/* The last line of defence: no loader can place anything outside RAM or twice. */
hv_status plan_add(struct load_plan *p, const struct guest_layout *l, uint64_t at,
                   const void *data, uint64_t len, uint64_t zero)
{
    uint64_t total;
    if (!add_u64(len, zero, &total))
        return HV_RANGE;
    if (total == 0)
        return HV_OK;
    if (!guest_layout_is_ram(l, at, total))
        return HV_RANGE;
    for (uint32_t i = 0; i < p->segments; i++) {
        const struct load_segment *s = &p->segment[i];
        if (range_overlaps(at, total, s->gpa.v, s->len + s->zero))
            return HV_EXISTS;
    }
    if (p->segments == LOAD_SEGMENTS_MAX)
        return HV_NOMEM;
    p->segment[p->segments++] = (struct load_segment){ gpa(at), len ? data : NULL, len, zero };
    return HV_OK;
}

hv_status plan_add_blob(struct load_plan *p, const struct guest_layout *l, uint64_t at,
                        const void *data, size_t len)
{
    void *room = plan_room(p, len);
    if (!room)
        return HV_NOMEM;
    memcpy(room, data, len);
    return plan_add(p, l, at, room, len, 0);
}

/* False when the padded sizes do not fit 64 bits. */
static bool initrd_total(const struct load_request *r, uint64_t *total)
{
    *total = 0;
    for (uint32_t i = 0; i < r->files; i++)
        if (r->file[i].len > UINT64_MAX / 2 || !add_u64(*total, align_up(r->file[i].len, 4), total))
            return false;
    return true;
}

/* Too little memory, or too large for the addresses this kernel can take? */
static hv_status no_room_for_initrd(const struct load_request *r, uint64_t min, uint64_t max,
                                    uint64_t len, const struct load_error *e)
{
    char size[FMT_SIZE_LEN], need[FMT_SIZE_LEN];
    uint64_t at;
    fmt_size(size, align_up(min_u64(len, GIB(1 << 20)), MIB(1)));
    if (guest_layout_top(r->layout, len, PAGE_SIZE, min, UINT64_MAX, &at))
        return load_fail(e, HV_RANGE, "its %s of initrd do not fit below address %#llx, where "
                         "this kernel wants them", size, (unsigned long long)max);
    fmt_size(need, align_up(min_u64(min, GIB(4)) + min_u64(len, GIB(1 << 20)), MIB(1)));
    return load_fail(e, HV_NOMEM, "with %s of initrd it needs at least %s of memory", size, need);
}

/* High up, since kernels allocate from below and unpack themselves there. */
hv_status plan_add_initrds(struct load_plan *p, const struct load_request *r, uint64_t min,
                           uint64_t max, uint64_t *at, uint64_t *len, const struct load_error *e)
{
    *at = *len = 0;
    if (r->files == 0)
        return HV_OK;
    if (r->files > LOAD_FILES_MAX)
        return load_fail(e, HV_RANGE, "%u initrds; at most %u are possible", r->files,
                         (unsigned)LOAD_FILES_MAX);
    if (!initrd_total(r, len))
        return load_fail(e, HV_RANGE, "the initrds' sizes add up to nonsense");
    if (!guest_layout_top(r->layout, *len, PAGE_SIZE, min, max, at))
        return no_room_for_initrd(r, min, max, *len, e);
    uint64_t pos = *at;
    for (uint32_t i = 0; i < r->files; i++) {
        uint64_t n = r->file[i].len;
        hv_status s = plan_add(p, r->layout, pos, r->file[i].data, n, align_up(n, 4) - n);
        if (s != HV_OK)
            return load_fail(e, s, "initrd \"%s\" does not fit: %s", r->file[i].name,
                             hv_status_text(s));
        pos += align_up(n, 4);
    }
    return HV_OK;
}

/* Too little memory is the user's to fix, an address no guest has is the file's fault. */
hv_status plan_place_fail(const struct load_request *r, uint64_t at, uint64_t len, hv_status s,
                          const struct load_error *e)
{
    char need[FMT_SIZE_LEN], has[FMT_SIZE_LEN];
    uint64_t end = at + len;
    if (s == HV_RANGE && end > r->layout->low_ram && end <= PLAT_HOLE_START)
        return load_fail(e, HV_NOMEM, "it needs at least %s of memory, the guest has %s",
                         fmt_size(need, align_up(end, MIB(1))),
                         fmt_size(has, r->layout->low_ram + r->layout->high_ram));
    if (s == HV_RANGE)
        return load_fail(e, HV_INVALID, "it wants to be at %#llx to %#llx, where a guest has no "
                         "memory", (unsigned long long)at, (unsigned long long)end);
    return load_fail(e, s, "it cannot be placed at %#llx: %s", (unsigned long long)at,
                     hv_status_text(s));
}

/* Right behind the kernel, where simple kernels that map only their surroundings see them. */
hv_status plan_add_modules(struct load_plan *p, const struct load_request *r, uint64_t min,
                           uint64_t at[LOAD_FILES_MAX], const struct load_error *e)
{
    uint64_t pos = align_up(min, PAGE_SIZE);
    if (r->files > LOAD_FILES_MAX)
        return load_fail(e, HV_RANGE, "%u modules; at most %u are possible", r->files,
                         (unsigned)LOAD_FILES_MAX);
    for (uint32_t i = 0; i < r->files; i++) {
        uint64_t len = r->file[i].len;
        if (len > PLAT_HOLE_START)
            return load_fail(e, HV_RANGE, "module \"%s\" is larger than 3 GiB", r->file[i].name);
        hv_status s = plan_add(p, r->layout, pos, r->file[i].data, len, 0);
        if (s != HV_OK)
            return plan_place_fail(r, pos, len, s, e);
        at[i] = pos;
        pos = align_up(pos + len, PAGE_SIZE);
    }
    return HV_OK;
}

/* SDM vol. 3, figure 3-8: a flat descriptor with limit 4 GiB - 1. */
static uint64_t flat_descriptor(unsigned attr)
{
    return 0x000f00000000ffffull | (uint64_t)(attr & 0xff) << 40 | (uint64_t)(attr >> 8) << 52;
}

/*
 * What every kernel finds. The IDT stays empty: a fault before the kernel has its own stops
 * the guest at once instead of running wild.
 */
static hv_status enter_flat(struct load_plan *p, const struct guest_layout *l, uint64_t rip,
                            unsigned code_attr)
{
    const uint64_t gdt[GDT_ENTRIES] = { 0, 0, flat_descriptor(code_attr),
                                        flat_descriptor(ATTR_DATA) };
    struct vcpu_state *s = &p->entry;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        s->seg[i] = (struct segment){ BOOT_DS, ATTR_DATA, UINT32_MAX, 0 };
    s->seg[SEG_CS] = (struct segment){ BOOT_CS, (uint16_t)code_attr, UINT32_MAX, 0 };
    s->tr = (struct segment){ 0, ATTR_TSS, 0x67, 0 };
    s->ldtr = (struct segment){ 0, ATTR_LDT, 0xffff, 0 };
    s->gdtr = (struct dtable){ LOW_GDT, sizeof(gdt) - 1 };
    s->rip = rip;
    s->rflags = RFLAGS_FIXED;
    s->cr0 = CR0_PE | CR0_ET;
    s->dr6 = DR6_RESET;
    s->dr7 = DR7_RESET;
    s->pat = PAT_RESET;
    uint8_t *low = plan_room(p, GUEST_LOWMEM_LEN);
    if (!low)
        return HV_NOMEM;
    guest_lowmem_build(low);
    hv_status status = plan_add(p, l, 0, low, GUEST_LOWMEM_LEN, 0);
    return status == HV_OK ? plan_add_blob(p, l, LOW_GDT, gdt, sizeof(gdt)) : status;
}

/* boot.rst, 32-bit protocol; Multiboot 3.2 and PVH ask for the same. */
hv_status plan_enter_32(struct load_plan *p, const struct guest_layout *l, uint64_t rip)
{
    return enter_flat(p, l, rip, ATTR_CODE32);
}

/* PML4, PDPT and four directories of 2 MiB pages, in this order. */
static hv_status add_page_tables(struct load_plan *p, const struct guest_layout *l)
{
    const size_t size = (2 + PD_COUNT) * PAGE_SIZE;
    uint64_t *t = plan_room(p, size);
    if (!t)
        return HV_NOMEM;
    uint64_t *pdpt = t + PT_ENTRIES, *pd = pdpt + PT_ENTRIES;
    t[0] = (LOW_TABLES + PAGE_SIZE) | PTE_P | PTE_W;
    for (unsigned i = 0; i < PD_COUNT; i++)
        pdpt[i] = (LOW_TABLES + (2 + i) * PAGE_SIZE) | PTE_P | PTE_W;
    for (uint64_t i = 0; i < PD_COUNT * PT_ENTRIES; i++)
        pd[i] = i << BLOCK_SHIFT | PTE_P | PTE_W | PTE_PS;
    return plan_add(p, l, LOW_TABLES, t, size, 0);
}

/* boot.rst, 64-bit protocol. */
hv_status plan_enter_64(struct load_plan *p, const struct guest_layout *l, uint64_t rip)
{
    hv_status s = enter_flat(p, l, rip, ATTR_CODE64);
    if (s != HV_OK)
        return s;
    p->entry.cr0 |= CR0_PG;
    p->entry.cr3 = LOW_TABLES;
    p->entry.cr4 = CR4_PAE;
    p->entry.efer = EFER_LME | EFER_LMA;
    return add_page_tables(p, l);
}

/* What copying will cost, zeroed bytes included. */
uint64_t load_plan_bytes(const struct load_plan *p)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->segments; i++)
        sum += p->segment[i].len + p->segment[i].zero;
    return sum;
}
