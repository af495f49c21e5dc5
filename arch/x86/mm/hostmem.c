/* SPDX-License-Identifier: BSD-2-Clause */
/* See socle/hostmem.h. */
#include "arch/x86/mm/hostmem.h"

#include "socle/bits.h"
#include "socle/str.h"

struct frames host_frames;

void *host_ram(hpa_t at) { return phys_to_virt(at); }
hpa_t host_ram_address(const void *p) { return virt_to_phys(p); }
volatile void *host_device(hpa_t at, uint64_t len) { return hostmap_device(at, len); }

static unsigned order_of(uint32_t n)
{
    unsigned order = 0;
    while (1u << order < n)
        order++;
    return order;
}

void *host_pages(uint32_t n)
{
    static const struct frame_want want = { OWNER_HV, FRAME_HYPERVISOR, true, 0 };
    hpa_t at;
    if (!n || n > 512 || frame_alloc_run(&host_frames, &want, order_of(n), &at))
        return NULL;
    return phys_to_virt(at);
}

void host_pages_free(void *p, uint32_t n)
{
    if (p)
        frame_free_run(&host_frames, virt_to_phys(p), order_of(n));
}

static uint32_t pages_of(size_t size) { return (uint32_t)((size + PAGE_SIZE - 1) / PAGE_SIZE); }

void *host_object(size_t size) { return host_pages(pages_of(size)); }
void host_object_free(void *p, size_t size) { host_pages_free(p, pages_of(size)); }
