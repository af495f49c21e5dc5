/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs with VT-x as data, and images of a VMCS with which each would enter a guest; a table of
 * single faults is run over them.
 */
#ifndef TESTS_FAKE_FAKE_VMX_H
#define TESTS_FAKE_FAKE_VMX_H

#include "arch/x86/vmx/check.h"

enum fake_vmx_cpu {
    CPU_WESTMERE, CPU_HASWELL, CPU_SKYLAKE,
    CPU_BOCHS_HASWELL, CPU_BOCHS_SKYLAKE, CPU_BOCHS_ICELAKE, CPU_BOCHS_TIGERLAKE,
    CPU_COUNT
};

/* UG: as with an unrestricted guest; else that control is off. LONG_USER has CPL 3. */
enum fake_vmx_mode {
    MODE_REAL, MODE_V8086, MODE_PROTECTED, MODE_PROTECTED_UG, MODE_PAE, MODE_PAE_UG, MODE_LONG, MODE_LONG_UG,
    MODE_LONG_USER, MODE_COMPAT, MODE_COMPAT_UG,
    MODE_COUNT
};

extern const struct vmx_check_limits fake_vmx_cpus[CPU_COUNT];

/* The controls are those that probe.c chooses for this CPU. */
void fake_vmx_image(struct vmcs_image *m, enum fake_vmx_cpu cpu, enum fake_vmx_mode mode);

/* On a Skylake, in this mode: what is changed, and the only finding that this must give. */
struct fake_vmx_case {
    enum fake_vmx_mode mode;
    const char *field, *rule;
    struct { size_t at; uint64_t clear, set; } change[8];   /* applied in order */
    void (*on)(struct vmx_check_limits *l);                 /* another CPU */
};
#define SET(member, value)  { offsetof(struct vmcs_image, member), ~0ull, value }
#define OR(member, value)   { offsetof(struct vmcs_image, member), 0, value }
#define DROP(member, value) { offsetof(struct vmcs_image, member), value, 0 }

/* False: *text says what was found instead. */
bool fake_vmx_finds(const struct fake_vmx_case *t, char *text, size_t size);

#endif
