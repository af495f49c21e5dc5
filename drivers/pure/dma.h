/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses as a real device sees memory: a type of their own, made by one call. Identity
 * today; with an IOMMU the space will be the device's own, and the call maps.
 */
#ifndef DRIVERS_PURE_DMA_H
#define DRIVERS_PURE_DMA_H

#include "socle/types.h"

struct dma_addr { uint64_t v; };
_Static_assert(sizeof(struct dma_addr) == 8, "descriptors contain it");

/* What a device reaches. window: host-virtual address of physical 0, as guests' memory has it. */
struct dma_space { const uint8_t *window; };

/* p lies in host RAM, contiguous there for as long as the device uses it. */
static inline struct dma_addr dma_map(const struct dma_space *s, const volatile void *p)
{
    return (struct dma_addr){ (uint64_t)p - (uint64_t)s->window };
}

#endif
