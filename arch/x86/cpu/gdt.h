/* SPDX-License-Identifier: BSD-2-Clause */
/* Selectors of the hypervisor's own descriptor table. */
#ifndef ARCH_X86_CPU_GDT_H
#define ARCH_X86_CPU_GDT_H

#define GDT_CODE 0x08
#define GDT_DATA 0x10
#define GDT_TSS  0x18

#endif
