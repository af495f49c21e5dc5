/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's physical memory: one frame allocator, and small objects cut from its pages. */
#ifndef ARCH_X86_MM_HOSTMEM_H
#define ARCH_X86_MM_HOSTMEM_H

#include "arch/x86/mm/hostmap.h"
#include "socle/hostmem.h"

#endif
