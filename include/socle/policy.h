/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPU a guest sees: CPUID leaves, MSRs and the legal values of control registers,
 * with every difference between vendors in one place. Pure functions over plain structs.
 *
 * Boot:     policy_capture() once, from the host's CPUID.
 * VM setup: policy_build() combines it with the VM's configuration into a guest_cpu, which
 *           never changes afterwards; policy_msr_reset() per vCPU.
 * Exits:    policy_cpuid(), policy_msr_read/write(), policy_cr*_write() and so on.
 */
#ifndef SOCLE_POLICY_H
#define SOCLE_POLICY_H

#include "socle/msr.h"
#include "socle/regs.h"
#include "socle/state.h"
#include "socle/types.h"

/* ---- the host's CPU ---- */

enum cpu_vendor { CPU_INTEL, CPU_AMD };     /* AMD includes Hygon; others count as Intel */

struct cpuid_regs { uint32_t eax, ebx, ecx, edx; };

enum {
    CPUID_LEAVES = 0x20, CPUID_EXT_LEAVES = 0x22, CPUID_HV_LEAVES = 0x11,
    CPUID_CACHES = 8, CPUID_XSTATES = 32, CPUID_LEAF7S = 3
};

/* Raw CPUID of the host. Leaves beyond max are zero. */
struct cpu_caps {
    enum cpu_vendor   vendor;
    uint32_t          max_basic, max_ext;           /* max_ext 0: no extended leaves */
    struct cpuid_regs basic[CPUID_LEAVES];          /* 0x00-0x1f, subleaf 0 */
    struct cpuid_regs ext[CPUID_EXT_LEAVES];        /* 0x80000000-0x80000021, subleaf 0 */
    struct cpuid_regs leaf4[CPUID_CACHES];          /* 4 and 0x8000001d, by subleaf */
    struct cpuid_regs leaf7[CPUID_LEAF7S];
    struct cpuid_regs leafd[CPUID_XSTATES];
    struct cpuid_regs leaf8000001d[CPUID_CACHES];
};

typedef void (*cpuid_fn)(void *ctx, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out);
void policy_capture(struct cpu_caps *host, cpuid_fn cpuid, void *ctx);

/* ---- a guest's CPU ---- */

/* What core and backend can do for this guest; a CPUID flag that needs it is hidden else. */
enum guest_cpu_can {
    CAN_X2APIC      = 1 << 0,
    CAN_DEADLINE    = 1 << 1,   /* TSC-deadline timer */
    CAN_KVMCLOCK    = 1 << 2,   /* the MSRs 0x4b564d00 and ...01, and their old numbers */
    CAN_TSC_STABLE  = 1 << 3,   /* the host's TSC was checked: invariant, in step on all CPUs */
    CAN_TSC_AUX     = 1 << 4,   /* TSC_AUX is switched: RDTSCP, RDPID */
    CAN_TSC_ADJUST  = 1 << 5,
    CAN_INVPCID     = 1 << 6,   /* INVPCID works in the guest */
    CAN_XSAVES      = 1 << 7,   /* XSAVES works, IA32_XSS is switched */
    CAN_PKU         = 1 << 8,   /* PKRU is switched */
    CAN_SPEC_CTRL   = 1 << 9,   /* SPEC_CTRL is switched, PRED_CMD passed on */
    CAN_UMIP        = 1 << 10,
    CAN_LA57        = 1 << 11,  /* nested paging and the emulator do 5-level guests */
    CAN_MSI_EXT     = 1 << 12,  /* msi_decode() extended destinations */
    CAN_PV_EOI      = 1 << 13,  /* the MSR 0x4b564d04; of no use where the CPU does the EOI */
};

struct guest_cpu_config {
    uint32_t vcpus;             /* 1 to 64; one socket, one thread per core, APIC ID = index */
    uint32_t can;               /* enum guest_cpu_can */
    uint64_t tsc_khz;           /* of the guest's TSC */
    uint64_t apic_khz;          /* APIC timer input: LAPIC_TIMER_HZ / 1000 */
    uint64_t xcr0;              /* state components that the core switches */
    uint8_t  phys_bits;         /* upper limit for MAXPHYADDR (nested tables); 0: the host's */
    uint32_t microcode;         /* the host's revision, as BIOS_SIGN_ID tells */
    uint64_t arch_capabilities; /* the host's MSR 0x10a, 0 if it has none */
};

/* Everything the functions below need to know about the guest's CPU. Built, then constant. */
struct guest_cpu {
    enum cpu_vendor   vendor;
    uint32_t          vcpus, can, microcode;
    uint32_t          max_basic, max_ext;
    struct cpuid_regs basic[CPUID_LEAVES];
    struct cpuid_regs ext[CPUID_EXT_LEAVES];
    struct cpuid_regs hv[CPUID_HV_LEAVES];          /* 0x40000000-0x40000010 */
    struct cpuid_regs leaf4[CPUID_CACHES];
    struct cpuid_regs leaf7[CPUID_LEAF7S];
    struct cpuid_regs leafd[CPUID_XSTATES];
    struct cpuid_regs leaf8000001d[CPUID_CACHES];
    uint64_t          cr4, efer, xcr0, xss;         /* bits a guest may set */
    uint64_t          spec_ctrl, pred_cmd;          /* bits of these MSRs; 0: no such MSR */
    uint64_t          arch_capabilities;
    uint64_t          platform_info;                /* MSR 0xce */
    uint8_t           phys_bits, lin_bits;
    uint8_t           core_shift;                   /* bits of the APIC ID that number cores */
};

void policy_build(struct guest_cpu *g, const struct cpu_caps *host,
                  const struct guest_cpu_config *c);

/* ---- CPUID ---- */

/* The part of a vCPU's state that shows in CPUID. */
struct cpuid_facts {
    uint32_t apic_id;
    bool     apic_enabled;      /* lapic_enabled(): leaf 1 EDX bit 9 */
    uint64_t cr4, xcr0, xss;
};

void policy_cpuid(const struct guest_cpu *g, const struct cpuid_facts *f, uint32_t leaf,
                  uint32_t subleaf, struct cpuid_regs *out);

/* ---- MSRs ---- */

enum { MTRR_VARIABLE = 8, MTRR_FIXED = 11 };

/* The MSRs that are nothing but memory, per vCPU. */
struct msr_state {
    uint64_t mtrr_def, mtrr_fixed[MTRR_FIXED], mtrr_var[2 * MTRR_VARIABLE];
    uint64_t misc_enable, mcg_status, hwcr, syscfg;
    uint64_t tsc_aux, xss, spec_ctrl;
    uint64_t unknown;           /* accesses to MSRs that do not exist: not saved, for `exits` */
};

struct msr_view {
    const struct guest_cpu  *cpu;
    struct msr_state        *state;
    const struct vcpu_state *regs;      /* REGS_CR valid: EFER rules */
    uint32_t                 vcpu;
};

enum msr_result {
    MSR_OK,         /* done; a read's value is filled in */
    MSR_GP,         /* #GP(0) */
    MSR_REG,        /* lives in struct vcpu_state: use policy_msr_reg(). A write's value is
                     * checked and adjusted in *value */
    MSR_CORE,       /* the core must act, see below. A write's value is checked */
};

/*
 * MSR_CORE is returned for: TSC, TSC_ADJUST, TSC_DEADLINE, APIC_BASE and 0x800-0x8ff (the
 * lapic functions check them), KVM's MSRs, writes of EFER (*value is what to load, with
 * LMA), TSC_AUX, XSS and SPEC_CTRL (stored already; load them into hardware), PRED_CMD and
 * FLUSH_CMD (issue them).
 */
enum msr_result policy_msr_read(struct msr_view *v, uint32_t index, uint64_t *value);
enum msr_result policy_msr_write(struct msr_view *v, uint32_t index, uint64_t *value);

/* The field and its group (REGS_*) for an index that gave MSR_REG. */
uint64_t *policy_msr_reg(struct vcpu_state *s, uint32_t index, uint32_t *group);

/* Power-up values; an INIT keeps MTRRs, machine check and TSC_AUX (SDM vol. 3, table 10-1). */
void policy_msr_reset(struct msr_state *m, const struct guest_cpu *g);
/*
 * What firmware leaves in the MTRRs, for guests started without one: write-back, except
 * for the VGA window and the hole below 4 GiB (platform.h).
 */
void policy_msr_firmware(struct msr_state *m, const struct guest_cpu *g);
void policy_msr_init_signal(struct msr_state *m);
void policy_msr_save(const struct msr_state *m, struct state_out *o);
MUST_CHECK hv_status policy_msr_load(struct msr_state *m, const struct guest_cpu *g,
                                     struct state_in *in);

/* ---- control registers: false is #GP(0); outputs are then untouched ---- */

/* s: cr0, cr4, efer and CS valid. Gives the value CR0 takes and EFER with its new LMA. */
MUST_CHECK bool policy_cr0_write(const struct guest_cpu *g, const struct vcpu_state *s,
                                 uint64_t value, uint64_t *cr0, uint64_t *efer);
/* *flush: the write invalidates the TLB (SDM vol. 3, 4.10.4.1). May be null. */
MUST_CHECK bool policy_cr3_write(const struct guest_cpu *g, const struct vcpu_state *s,
                                 uint64_t value, uint64_t *cr3, bool *flush);
MUST_CHECK bool policy_cr4_write(const struct guest_cpu *g, const struct vcpu_state *s,
                                 uint64_t value, uint64_t *cr4);
MUST_CHECK bool policy_efer_write(const struct guest_cpu *g, const struct vcpu_state *s,
                                  uint64_t value, uint64_t *efer);
/* XSETBV with ECX = index; the caller has checked CPL and CR4.OSXSAVE. */
MUST_CHECK bool policy_xcr_write(const struct guest_cpu *g, uint32_t index, uint64_t value);

/* Is the address canonical under the guest's present paging depth? */
static inline bool policy_canonical(const struct vcpu_state *s, uint64_t addr)
{
    unsigned shift = s->cr4 & CR4_LA57 ? 7 : 16;
    return (uint64_t)((int64_t)(addr << shift) >> shift) == addr;
}

#endif
