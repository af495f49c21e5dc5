/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See hostmap.h. The direct map covers guest memory too: the gmem copies and the
 * loaders work through it, and it is neither executable nor reachable by a guest.
 */
#include "arch/x86/mm/hostmap.h"

#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/mm/hostmem.h"
#include "socle/bits.h"
#include "socle/ptab.h"
#include "socle/regs.h"

extern const uint8_t text_start[], text_end[], rodata_start[], rodata_end[], data_start[], image_end[];

static uint64_t load_base;
static struct ptab host;
static uint64_t device_next = DEVICE_MAP;

void hostmap_early(uint64_t base) { load_base = base; }

hpa_t image_to_phys(const void *p) { return hpa((uint64_t)p - IMAGE_MAP + load_base); }
hpa_t hostmap_image_start(void) { return hpa(load_base); }
uint64_t hostmap_image_size(void) { return (uint64_t)image_end - IMAGE_MAP; }

static hv_status page_alloc(void *ctx, hpa_t *page) { return frame_alloc_hv(&host_frames, page); }
static void page_free(void *ctx, hpa_t page) { frame_free(&host_frames, page); }
static uint64_t *page_ptr(void *ctx, hpa_t page) { return phys_to_virt(page); }

static hv_status map(uint64_t va, hpa_t at, uint64_t len, uint32_t prot, enum pt_type type)
{
    bool flush = false;
    return len ? ptab_map(&host, va, at, len, prot, type, &flush) : HV_OK;
}

static hv_status map_image_part(const uint8_t *from, const uint8_t *to, uint32_t prot)
{
    return map((uint64_t)from, image_to_phys(from), (uint64_t)(to - from), prot | PT_GLOBAL, PT_WB);
}

/* All RAM and what firmware keeps in RAM (tables), but not the image's code and constants. */
static hv_status map_direct(const struct memmap *m)
{
    uint64_t hide = load_base, hide_end = image_to_phys(rodata_end).v;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct mem_range *r = &m->range[i];
        if (r->kind == MEM_BAD)
            continue;
        /* Reserved ranges may be device registers: only RAM-like kinds are mapped cached. */
        if (r->kind == MEM_RESERVED && r->base >= MIB(1))
            continue;
        uint64_t end = r->base + r->len;
        uint64_t first_end = min_u64(end, max_u64(hide, r->base));
        uint64_t second = max_u64(r->base, min_u64(hide_end, end));
        hv_status s = map(DIRECT_MAP + r->base, hpa(r->base), first_end - r->base, PT_W | PT_GLOBAL, PT_WB);
        if (!s && second < end && second >= first_end)
            s = map(DIRECT_MAP + second, hpa(second), end - second, PT_W | PT_GLOBAL, PT_WB);
        if (s)
            return s;
    }
    return HV_OK;
}

static bool has_1g_pages(void)
{
    uint32_t r[4];
    cpuid(0x80000001, 0, r);
    return r[3] & BIT(26);
}

/* Supervisor protections that this CPU has; UMIP has no meaning without user mode. */
static void enable_protections(void)
{
    uint32_t r[4], cr4 = CR4_PGE | CR4_PSE | CR4_DE;
    cpuid(1, 0, r);
    if (r[3] & BIT(7))
        cr4 |= CR4_MCE;                 /* else a machine check is a silent reset */
    cpuid(0, 0, r);
    if (r[0] >= 7) {
        cpuid(7, 0, r);
        cr4 |= (r[1] & BIT(7) ? (uint32_t)CR4_SMEP : 0) | (r[1] & BIT(20) ? (uint32_t)CR4_SMAP : 0) |
               (r[2] & BIT(2) ? (uint32_t)CR4_UMIP : 0) |
               (r[2] & BIT(3) ? (uint32_t)CR4_PKE : 0);     /* for RDPKRU; we have no user pages */
    }
    write_cr4(read_cr4() | cr4);
}

hv_status hostmap_init(const struct memmap *ram)
{
    static const struct pt_pages pages = { NULL, page_alloc, page_free, page_ptr };
    hv_status s = ptab_init(&host, &pt_format_host, &pages, has_1g_pages() ? 3 : 2);
    s = s ? s : map_image_part(text_start, text_end, PT_X);
    s = s ? s : map_image_part(rodata_start, rodata_end, PT_R);
    s = s ? s : map_image_part(data_start, image_end, PT_W);
    s = s ? s : map_direct(ram);
    if (s)
        return s;
    wrmsr(MSR_PAT, PT_HOST_PAT);
    write_cr3(host.root.v);
    enable_protections();
    return HV_OK;
}

volatile void *hostmap_device(hpa_t at, uint64_t len)
{
    uint64_t first = align_down(at.v, PAGE_SIZE), end;
    if (!len || !add_u64(at.v, len, &end) || end > PHYS_ADDR_END)
        return NULL;
    uint64_t va = device_next, size = align_up(end, PAGE_SIZE) - first;
    if (size >= BLOCK_SIZE)             /* so that large pages can be used */
        va = align_up(va, BLOCK_SIZE) + (first & (BLOCK_SIZE - 1));
    if (map(va, hpa(first), size, PT_W | PT_GLOBAL, PT_UC))
        return NULL;
    device_next = va + size + PAGE_SIZE;        /* an unmapped page between two devices */
    return (volatile void *)(va + (at.v - first));
}

void *hostmap_stack(uint32_t cpu, uint32_t slot)
{
    uint64_t n = (uint64_t)cpu * STACK_SLOTS + slot;
    uint64_t va = STACK_MAP + n * 2 * CPU_STACK_SIZE + CPU_STACK_SIZE;     /* as much unmapped below */
    for (uint64_t off = 0; off < CPU_STACK_SIZE; off += PAGE_SIZE) {
        hpa_t page;
        if (frame_alloc_hv(&host_frames, &page) ||
            map(va + off, page, PAGE_SIZE, PT_W | PT_GLOBAL, PT_WB))
            return NULL;
    }
    return (void *)(va + CPU_STACK_SIZE);
}
