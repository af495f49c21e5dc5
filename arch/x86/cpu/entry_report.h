/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings of a backend's entry checks in the log. */
#ifndef ARCH_X86_CPU_ENTRY_REPORT_H
#define ARCH_X86_CPU_ENTRY_REPORT_H

#include "arch/x86/cpu/entry_check.h"

enum { ENTRY_FINDINGS = 8 };

/* A line for each: "VM entry refused: guest TR access rights 0x89: type must be ...". */
void entry_report(const struct entry_finding *f, size_t count);

#endif
