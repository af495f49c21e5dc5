/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the hypervisor itself, zeroed, from the machine's frame allocator. Any
 * CPU, not in interrupt handlers.
 */
#ifndef SOCLE_HOSTMEM_H
#define SOCLE_HOSTMEM_H

#include "socle/frame.h"
#include "socle/types.h"

/* The machine's physical memory. */
extern struct frames host_frames;

/* n physically contiguous zeroed pages in the direct map; null when there are none. */
void *host_pages(uint32_t n);
void host_pages_free(void *p, uint32_t n);

/* A zeroed object of any size: pages of its own, rounded up. For few, large objects. */
void *host_object(size_t size);
void host_object_free(void *p, size_t size);

/* Host-virtual address of physical RAM, and back. */
void *host_ram(hpa_t at);
hpa_t host_ram_address(const void *p);

/* Maps device registers uncached; null when out of memory, or no address. Boot. */
volatile void *host_device(hpa_t at, uint64_t len);

/* Unpredictable bytes: RDSEED/RDRAND where the CPU has them, mixed with timing. Any CPU. */
void host_random(void *buf, size_t n);

#endif
