/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VT-x's instructions as C functions: SDM vol. 3, chapter 31. Failure is reported in the
 * carry and zero flags (31.2).
 */
#ifndef ARCH_X86_VMX_INSN_H
#define ARCH_X86_VMX_INSN_H

#include "arch/x86/vmx/count.h"
#include "arch/x86/vmx/vmcs.h"
#include "socle/assert.h"

static inline MUST_CHECK bool vmxon(hpa_t region)
{
    bool ok;
    __asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(region.v) : "memory");
    return ok;
}

static inline void vmxoff(void) { __asm__ volatile("vmxoff" : : : "cc", "memory"); }

static inline MUST_CHECK bool vmclear(hpa_t vmcs)
{
    bool ok;
    __asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(vmcs.v) : "memory");
    return ok;
}

static inline MUST_CHECK bool vmptrld(hpa_t vmcs)
{
    bool ok;
    __asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(vmcs.v) : "memory");
    return ok;
}

/* Of the current VMCS. A field that the CPU lacks reads as 0. */
static inline uint64_t vmread(enum vmcs_field field)
{
    uint64_t v = 0;
    vmcs_count(false);
    __asm__ volatile("vmread %1, %0" : "+r"(v) : "r"((uint64_t)field) : "cc");
    return v;
}

/* False: there is no such field, or it is read-only. */
static inline MUST_CHECK bool vmwrite_safe(enum vmcs_field field, uint64_t v)
{
    bool ok;
    vmcs_count(true);
    __asm__ volatile("vmwrite %1, %2" : "=@cca"(ok) : "r"(v), "r"((uint64_t)field) : "memory");
    return ok;
}

static inline void vmwrite(enum vmcs_field field, uint64_t v)
{
    hv_assert(vmwrite_safe(field, v));
}

struct inv_descriptor { uint64_t what, address; };

static inline void invept(uint64_t type, uint64_t eptp)
{
    struct inv_descriptor d = { eptp, 0 };
    __asm__ volatile("invept %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}

static inline void invvpid(uint64_t type, uint16_t vpid)
{
    struct inv_descriptor d = { vpid, 0 };
    __asm__ volatile("invvpid %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}

#endif
