/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR of a guest: which registers exist, what they hold, which values fault.
 * Called at every intercepted access; what needs clock, APIC or hardware goes back to
 * the core, with the value checked. See msr_table.c for the list.
 */
#include "features.h"
#include "msr_table.h"
#include "socle/bits.h"

#define FEATURE_CONTROL_LOCKED  1ull            /* VMX off, for good (SDM vol. 4) */
#define FSB_100_MHZ             5ull            /* SDM vol. 4, MSR_FSB_FREQ */
#define L2_ENABLED              0x101ull        /* SDM vol. 4, BBL_CR_CTL3 */
#define VM_CR_SVM_OFF           0x18ull         /* SVMDIS and LOCK (APM vol. 2, 15.30.1) */
#define DE_CFG_LFENCE           0x2ull          /* LFENCE serializes; the host sets it so */
#define HWCR_TSC_FREQ_SEL       BIT64(24)       /* TSC runs at P0 frequency: Linux looks */
#define HWCR_KEPT               BIT64(18)       /* McStatusWrEn */
#define HWCR_KNOWN              MASK64(35, 0)
#define SYSCFG_KEPT             (BIT64(18) | BIT64(20) | MASK64(22, 21))   /* MTRRs for DRAM */
#define MTRR_CAP_VALUE          (0x500ull | MTRR_VARIABLE)  /* fixed ranges, WC */
#define MISC_ENABLE_FAST_STRING 1ull
#define MISC_ENABLE_FIXED       0x1800ull       /* no BTS, no PEBS */
#define DEBUGCTL_INTEL          0xdfc3ull       /* bits that exist */
#define DEBUGCTL_AMD            0x3full

/* Bits of these LBR, BTF and trace controls vanish: nothing behind them is switched. */
static uint64_t debugctl_known(const struct guest_cpu *g)
{
    return g->vendor == CPU_AMD ? DEBUGCTL_AMD : DEBUGCTL_INTEL;
}

static bool has_flush_cmd(const struct guest_cpu *g) { return g->leaf7[0].edx & F7_EDX_L1D_FLUSH; }
static bool has_xss(const struct guest_cpu *g) { return g->leafd[1].eax & FD1_EAX_XSAVES; }

static bool has_tsc_aux(const struct guest_cpu *g)
{
    return (g->ext[1].edx & FE1_EDX_RDTSCP) || (g->leaf7[0].ecx & F7_ECX_RDPID);
}

static enum msr_result if_can(const struct guest_cpu *g, uint32_t can)
{
    return g->can & can ? MSR_CORE : MSR_GP;
}

static enum msr_result done(uint64_t *value, uint64_t v)
{
    *value = v;
    return MSR_OK;
}

static enum msr_result done_if(bool exists, uint64_t *value, uint64_t v)
{
    return exists ? done(value, v) : MSR_GP;
}

static enum msr_result unknown(struct msr_view *v)
{
    v->state->unknown++;
    return MSR_GP;
}

enum msr_result policy_msr_read(struct msr_view *v, uint32_t index, uint64_t *value)
{
    const struct guest_cpu *g = v->cpu;
    const struct msr_state *m = v->state;
    switch (policy_msr_kind(g->vendor, index)) {
    case M_UNKNOWN:         return unknown(v);
    case M_CORE:            return MSR_CORE;
    case M_TSC_ADJUST:      return if_can(g, CAN_TSC_ADJUST);
    case M_DEADLINE:        return if_can(g, CAN_DEADLINE);
    case M_KVM_CLOCK:       return if_can(g, CAN_KVMCLOCK);
    case M_PV_EOI:          return if_can(g, CAN_PV_EOI);
    case M_ZERO:
    case M_ZERO_RO:
    case M_ZERO_ONLY:
    case M_DEBUGCTL:
    case M_MC_BANK:         return done(value, 0);
    case M_REG:
    case M_REG_CANONICAL:
    case M_REG_LOW32:
    case M_SYSENTER_ADDRESS:
    case M_PAT:             return MSR_REG;
    case M_EFER:            return done(value, v->regs->efer);
    case M_MICROCODE:
        return done(value, g->vendor == CPU_AMD ? g->microcode : (uint64_t)g->microcode << 32);
    case M_FEATURE_CONTROL: return done(value, FEATURE_CONTROL_LOCKED);
    case M_CORE_COUNT:      return done(value, g->vcpus << 16 | g->vcpus);
    case M_FSB:             return done(value, FSB_100_MHZ);
    case M_L2_CONTROL:      return done(value, L2_ENABLED);
    case M_PLATFORM_INFO:   return done(value, g->platform_info);
    case M_MISC_ENABLE:     return done(value, m->misc_enable);
    case M_MTRR_CAP:        return done(value, MTRR_CAP_VALUE);
    case M_MTRR_DEF:        return done(value, m->mtrr_def);
    case M_MTRR_FIXED:      return done(value, m->mtrr_fixed[policy_mtrr_fixed(index)]);
    case M_MTRR_VARIABLE:   return done(value, m->mtrr_var[index - MSR_MTRR_PHYS0]);
    case M_MCG_CAP:         return done(value, MC_BANKS);
    case M_MCG_STATUS:      return done(value, m->mcg_status);
    case M_SPEC_CTRL:       return done_if(g->spec_ctrl, value, m->spec_ctrl);
    case M_PRED_CMD:
    case M_FLUSH_CMD:       return MSR_GP;      /* write-only */
    case M_ARCH_CAP:
        return done_if(g->leaf7[0].edx & F7_EDX_ARCH_CAP, value, g->arch_capabilities);
    case M_XSS:             return done_if(has_xss(g), value, m->xss);
    case M_TSC_AUX:         return done_if(has_tsc_aux(g), value, m->tsc_aux);
    case M_SYSCFG:          return done(value, m->syscfg);
    case M_HWCR:            return done(value, m->hwcr | HWCR_TSC_FREQ_SEL);
    case M_VM_CR:           return done(value, VM_CR_SVM_OFF);
    case M_DE_CFG:          return done(value, DE_CFG_LFENCE);
    }
    return MSR_GP;
}

/* ---- writes ---- */

static enum msr_result keep_if(bool legal, uint64_t *where, uint64_t value)
{
    if (!legal)
        return MSR_GP;
    *where = value;
    return MSR_OK;
}

/* Kept here and loaded into the hardware by the core. */
static enum msr_result load_if(bool legal, uint64_t *where, uint64_t value)
{
    return keep_if(legal, where, value) == MSR_OK ? MSR_CORE : MSR_GP;
}

/* WRMSR checks against the width the CPU supports, whatever CR4.LA57 says. */
static bool canonical(const struct guest_cpu *g, uint64_t addr)
{
    unsigned shift = 64u - g->lin_bits;
    return (uint64_t)((int64_t)(addr << shift) >> shift) == addr;
}

/*
 * Intel faults on addresses that are not canonical; AMD's registers have no upper bits in
 * the modes that use them, and sign-extend.
 */
static enum msr_result write_sysenter(const struct guest_cpu *g, uint64_t *value)
{
    if (canonical(g, *value))
        return MSR_REG;
    if (g->vendor == CPU_INTEL)
        return MSR_GP;
    *value = (uint64_t)(int32_t)(uint32_t)*value;
    return MSR_REG;
}

/* Control registers take anything; a status is only ever cleared (SDM vol. 3, 16.3.2). */
static enum msr_result write_mc_bank(const struct msr_state *m, uint32_t index, uint64_t value)
{
    bool control = (index - MSR_MC0_CTL) % 4 == 0;
    return control || !value || (m->hwcr & HWCR_KEPT) ? MSR_OK : MSR_GP;
}

static enum msr_result write_tsc_aux(const struct guest_cpu *g, struct msr_state *m,
                                     uint64_t *value)
{
    if (g->vendor == CPU_AMD)
        *value = (uint32_t)*value;
    return load_if(has_tsc_aux(g) && !(*value >> 32), &m->tsc_aux, *value);
}

enum msr_result policy_msr_write(struct msr_view *v, uint32_t index, uint64_t *value)
{
    const struct guest_cpu *g = v->cpu;
    struct msr_state *m = v->state;
    uint64_t x = *value;
    switch (policy_msr_kind(g->vendor, index)) {
    case M_UNKNOWN:         return unknown(v);
    case M_CORE:            return MSR_CORE;
    case M_TSC_ADJUST:      return if_can(g, CAN_TSC_ADJUST);
    case M_DEADLINE:        return if_can(g, CAN_DEADLINE);
    case M_KVM_CLOCK:       return if_can(g, CAN_KVMCLOCK);
    case M_PV_EOI:          return if_can(g, CAN_PV_EOI);
    case M_ZERO:
    case M_MICROCODE:       /* Intel: written with 0 before CPUID gives the revision */
    case M_L2_CONTROL:
    case M_VM_CR:           /* locked */
    case M_DE_CFG:          return MSR_OK;
    case M_ZERO_ONLY:       return x ? MSR_GP : MSR_OK;
    case M_ZERO_RO:
    case M_FEATURE_CONTROL: /* locked */
    case M_CORE_COUNT:
    case M_FSB:
    case M_PLATFORM_INFO:
    case M_MTRR_CAP:
    case M_MCG_CAP:
    case M_ARCH_CAP:        return MSR_GP;
    case M_REG:             return MSR_REG;
    case M_REG_CANONICAL:   return canonical(g, x) ? MSR_REG : MSR_GP;
    case M_REG_LOW32:       *value = (uint32_t)x; return MSR_REG;
    case M_SYSENTER_ADDRESS: return write_sysenter(g, value);
    case M_PAT:             return policy_pat_ok(x) ? MSR_REG : MSR_GP;
    case M_EFER:            return policy_efer_write(g, v->regs, x, value) ? MSR_CORE : MSR_GP;
    case M_MISC_ENABLE:     return keep_if(true, &m->misc_enable,
                                           (x & MISC_ENABLE_FAST_STRING) | MISC_ENABLE_FIXED);
    case M_DEBUGCTL:        return x & ~debugctl_known(g) ? MSR_GP : MSR_OK;
    case M_MTRR_DEF:        return keep_if(policy_mtrr_def_ok(x), &m->mtrr_def, x);
    case M_MTRR_FIXED:
        return keep_if(policy_mtrr_fixed_ok(x), &m->mtrr_fixed[policy_mtrr_fixed(index)], x);
    case M_MTRR_VARIABLE:
        index -= MSR_MTRR_PHYS0;
        return keep_if(policy_mtrr_variable_ok(g, index, x), &m->mtrr_var[index], x);
    case M_MCG_STATUS:      return keep_if(!(x & ~7ull), &m->mcg_status, x);
    case M_MC_BANK:         return write_mc_bank(m, index, x);
    case M_SPEC_CTRL:       return load_if(g->spec_ctrl && !(x & ~g->spec_ctrl), &m->spec_ctrl, x);
    case M_PRED_CMD:        return g->pred_cmd && !(x & ~g->pred_cmd) ? MSR_CORE : MSR_GP;
    case M_FLUSH_CMD:       return has_flush_cmd(g) && !(x & ~1ull) ? MSR_CORE : MSR_GP;
    case M_XSS:             return load_if(has_xss(g) && !(x & ~g->xss), &m->xss, x);
    case M_TSC_AUX:         return write_tsc_aux(g, m, value);
    case M_SYSCFG:          return keep_if(true, &m->syscfg, x & SYSCFG_KEPT);
    case M_HWCR:            return keep_if(!(x & ~HWCR_KNOWN), &m->hwcr, x & HWCR_KEPT);
    }
    return MSR_GP;
}

uint64_t *policy_msr_reg(struct vcpu_state *s, uint32_t index, uint32_t *group)
{
    *group = REGS_MSR;
    switch (index) {
    case MSR_SYSENTER_CS:       return &s->sysenter_cs;
    case MSR_SYSENTER_ESP:      return &s->sysenter_esp;
    case MSR_SYSENTER_EIP:      return &s->sysenter_eip;
    case MSR_STAR:              return &s->star;
    case MSR_LSTAR:             return &s->lstar;
    case MSR_CSTAR:             return &s->cstar;
    case MSR_SFMASK:            return &s->sfmask;
    case MSR_KERNEL_GS_BASE:    return &s->kernel_gs_base;
    case MSR_PAT:               return &s->pat;
    default:                    break;
    }
    *group = REGS_SEG;
    return &s->seg[index == MSR_FS_BASE ? SEG_FS : SEG_GS].base;
}

