/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own address space.
 *   ffff8000_00000000  direct map: all RAM at its physical address, writable, never executable
 *   ffffc000_00000000  device registers, uncached
 *   ffffd000_00000000  CPU stacks, a guard page below each
 *   ffffffff_80000000  the image: text read-execute, constants read-only, data read-write
 * Nothing is writable and executable; the image's text is not in the direct map.
 */
#ifndef ARCH_X86_MM_HOSTMAP_H
#define ARCH_X86_MM_HOSTMAP_H

#include "socle/memmap.h"
#include "socle/status.h"
#include "socle/types.h"

#define DIRECT_MAP      0xffff800000000000ull
#define DEVICE_MAP      0xffffc00000000000ull
#define STACK_MAP       0xffffd00000000000ull
#define IMAGE_MAP       0xffffffff80000000ull

enum { CPU_STACK_SIZE = 16 << 10, STACK_SLOTS = 4 };     /* of a CPU: its own, one per IST */

/* Where a RAM address is seen. Before hostmap_init: below 4 GiB only. */
static inline void *phys_to_virt(hpa_t at) { return (void *)(DIRECT_MAP + at.v); }
static inline hpa_t virt_to_phys(const void *direct) { return hpa((uint64_t)direct - DIRECT_MAP); }
/* Physical address of something in the image. */
hpa_t image_to_phys(const void *p);

/* Remembers where the image was loaded. First thing at boot. */
void hostmap_early(uint64_t load_base);
/* Physical extent of the image, as loaded, with its bss. */
hpa_t hostmap_image_start(void);
uint64_t hostmap_image_size(void);

/* Builds the final page tables from the frame allocator and switches to them. Boot, once. */
MUST_CHECK hv_status hostmap_init(const struct memmap *ram);
/* Maps device registers uncached; null when out of memory or the address is RAM. Boot. */
volatile void *hostmap_device(hpa_t at, uint64_t len);
/* Maps one of a CPU's stacks and returns its top; null when out of memory. */
void *hostmap_stack(uint32_t cpu, uint32_t slot);

#endif
