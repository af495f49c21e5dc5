/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake/fake_vmx.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86/vmx/vmx_bits.h"
#include "socle/regs.h"

/* Values of such CPUs' capability MSRs (SDM vol. 3, appendix A), the TRUE ones where there are. */
#define COMMON \
    .has_vmx = true, .feature_readable = true, .feature = FEATURE_LOCKED | FEATURE_VMX, \
    .pin = 0x0000007f00000016, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000
#define BOCHS \
    COMMON, .exit = 0x007fffff00036dfb, .misc = 0x200401e0

const struct vmx_check_limits fake_vmx_cpus[CPU_COUNT] = {
    [CPU_WESTMERE] = { .phys_bits = 40, .linear_bits = 48, .cpu = {
        COMMON, .basic = 0x00da04000000000f, .proc = 0xfff9fffe04006172, .proc2 = 0x000000ff00000000,
        .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .misc = 0x000401e5,
        .ept_vpid = 0x00000f0106114141, .cr4_fixed1 = 0x267ff } },
    [CPU_HASWELL] = { .phys_bits = 39, .linear_bits = 48, .rtm = true, .cpu = {
        COMMON, .basic = 0x00da040000000012, .proc = 0xfff9fffe04006172, .proc2 = 0x00007cff00000000,
        .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb, .misc = 0x300481e5,
        .ept_vpid = 0x00000f0106334141, .cr4_fixed1 = 0x1727ff } },
    [CPU_SKYLAKE] = { .phys_bits = 39, .linear_bits = 48, .sgx = true, .rtm = true, .cpu = {
        COMMON, .basic = 0x00da040000000004, .proc = 0xfff9fffe04006172, .proc2 = 0x001ffcff00000000,
        .exit = 0x01ffffff00036dfb, .entry = 0x0003ffff000011fb, .misc = 0x7004c1e7,
        .ept_vpid = 0x00000f0106734141, .cr4_fixed1 = 0x3767ff } },
    [CPU_BOCHS_HASWELL] = { .phys_bits = 40, .linear_bits = 48, .cpu = {
        BOCHS, .basic = 0x00da04000000002b, .proc = 0xf7f9fffe04006172, .proc2 = 0x00047fff00000000,
        .entry = 0x0000ffff000011fb, .ept_vpid = 0x00000f0106334141, .cr4_fixed1 = 0x1767ff } },
    [CPU_BOCHS_SKYLAKE] = { .phys_bits = 40, .linear_bits = 48, .cpu = {
        BOCHS, .basic = 0x00da04000000002b, .proc = 0xf7f9fffe04006172, .proc2 = 0x02177fff00000000,
        .entry = 0x0000ffff000011fb, .ept_vpid = 0x00000f0106334141, .cr4_fixed1 = 0x3767ff } },
    [CPU_BOCHS_ICELAKE] = { .phys_bits = 40, .linear_bits = 48, .cpu = {
        BOCHS, .basic = 0x00da040000000004, .proc = 0xfff9fffe04006172, .proc2 = 0x02977fff00000000,
        .entry = 0x0000ffff000011fb, .ept_vpid = 0x00000f0106334141, .cr4_fixed1 = 0x776fff } },
    [CPU_BOCHS_TIGERLAKE] = { .phys_bits = 40, .linear_bits = 48, .cpu = {
        BOCHS, .basic = 0x01da040000000004, .proc = 0xfff9fffe04006172, .proc2 = 0x02977fff00000000,
        .entry = 0x0010ffff000011fb, .ept_vpid = 0x00000f0106b34141, .cr4_fixed1 = 0xf76fff } },
};

static void controls(struct vmcs_image *m, enum fake_vmx_cpu cpu)
{
    struct vmx_caps caps;
    char why[256];
    if (!vmx_evaluate(&fake_vmx_cpus[cpu].cpu, &caps, why, sizeof(why)))
        printf("model %d: %s\n", cpu, why);
    m->pin = caps.pin;
    m->proc = caps.proc;
    m->proc2 = caps.proc2;
    m->exit = caps.exit;
    m->entry = caps.entry;
    m->vpid = 1;
    m->msr_bitmap = 0x3000;
    m->virtual_apic = 0x4000;
    m->eptp = 0x5000 | EPTP_WB | EPTP_WALK_4 | (caps.ept_ad ? EPTP_AD : 0);
    m->link = ~0ull;
}

static void host(struct vmcs_image *m)
{
    m->host_cs = 8;
    m->host_ss = 0x10;
    m->host_tr = 0x18;
    m->host_pat = 0x0007040600070406;
    m->host_efer = EFER_LMA | EFER_LME | EFER_NXE | EFER_SCE;
    m->host_cr0 = 0x80010033;
    m->host_cr3 = 0x6000;
    m->host_cr4 = CR4_PAE | CR4_PGE | CR4_VMXE;
    m->host_gs_base = m->host_tr_base = m->host_gdtr_base = 0xffffffff80200000;
    m->host_idtr_base = m->host_rsp = m->host_rip = 0xffffffff80300000;
}

static void data_segments(struct vmcs_image *m, uint64_t sel, uint64_t base, uint64_t limit, uint64_t ar)
{
    m->es_sel = m->ss_sel = m->ds_sel = m->fs_sel = m->gs_sel = sel;
    m->es_base = m->ss_base = m->ds_base = m->fs_base = m->gs_base = base;
    m->es_limit = m->ss_limit = m->ds_limit = m->fs_limit = m->gs_limit = limit;
    m->es_ar = m->ss_ar = m->ds_ar = m->fs_ar = m->gs_ar = ar;
}

static void code_segment(struct vmcs_image *m, uint64_t sel, uint64_t base, uint64_t limit, uint64_t ar)
{
    m->cs_sel = sel;
    m->cs_base = base;
    m->cs_limit = limit;
    m->cs_ar = ar;
}

static void common_guest(struct vmcs_image *m)
{
    m->pat = 0x0007040600070406;
    m->dr7 = 0x400;
    m->rflags = RFLAGS_FIXED;
    m->cr4 = CR4_VMXE;
    m->tr_ar = 0x8b;
    m->tr_limit = 0x67;
    m->ldtr_ar = 0x82;
    m->ldtr_limit = 0xffff;
    m->gdtr_limit = m->idtr_limit = 0xffff;
}

static void long_mode(struct vmcs_image *m, uint64_t dpl)
{
    m->entry |= ENTRY_GUEST_64;
    m->cr4 |= CR4_PAE;
    m->efer = EFER_LMA | EFER_LME | EFER_NXE | EFER_SCE;
    m->rip = 0xffffffff81000000;
    code_segment(m, 0x10 | dpl, 0, 0xffffffff, 0xa09b | dpl << AR_DPL_SHIFT);
    data_segments(m, 0x18 | dpl, 0, 0xffffffff, 0xc093 | dpl << AR_DPL_SHIFT);
}

static bool with_ug(enum fake_vmx_mode mode)
{
    return mode == MODE_REAL || mode == MODE_PROTECTED_UG || mode == MODE_PAE_UG || mode == MODE_LONG_UG ||
           mode == MODE_COMPAT_UG;
}

void fake_vmx_image(struct vmcs_image *m, enum fake_vmx_cpu cpu, enum fake_vmx_mode mode)
{
    memset(m, 0, sizeof(*m));
    controls(m, cpu);
    host(m);
    common_guest(m);
    if (!with_ug(mode))
        m->proc2 &= ~(uint64_t)PROC2_UNRESTRICTED;
    if (mode == MODE_REAL) {
        m->cr0 = 0x60000030;
        m->rip = 0xfff0;
        code_segment(m, 0xf000, 0xffff0000, 0xffff, 0x9b);
        data_segments(m, 0, 0, 0xffff, 0x93);
        return;
    }
    m->cr0 = 0x80010033;
    m->rip = 0x100000;
    code_segment(m, 0x10, 0, 0xffffffff, 0xc09b);
    data_segments(m, 0x18, 0, 0xffffffff, 0xc093);
    if (mode == MODE_V8086) {
        m->rflags |= RFLAGS_VM;
        code_segment(m, 0x1234, 0x12340, 0xffff, 0xf3);
        data_segments(m, 0x1000, 0x10000, 0xffff, 0xf3);
    } else if (mode == MODE_PAE || mode == MODE_PAE_UG) {
        m->cr4 |= CR4_PAE;
        m->pdpte0 = 0x7001;
        m->pdpte3 = 0x8019;
    } else if (mode >= MODE_LONG) {
        long_mode(m, mode == MODE_LONG_USER ? 3 : 0);
        if (mode == MODE_COMPAT || mode == MODE_COMPAT_UG) {
            m->rip = 0x401000;
            m->cs_ar = 0xc09b;
        }
    }
}

bool fake_vmx_finds(const struct fake_vmx_case *t, char *text, size_t size)
{
    struct vmx_check_limits l = fake_vmx_cpus[CPU_SKYLAKE];
    struct vmcs_image m;
    struct entry_finding found[8];
    size_t used = 0;
    fake_vmx_image(&m, CPU_SKYLAKE, t->mode);
    for (size_t i = 0; i < ARRAY_LEN(t->change); i++) {
        uint64_t *field = (uint64_t *)((char *)&m + t->change[i].at);
        *field = (*field & ~t->change[i].clear) | t->change[i].set;
    }
    if (t->on)
        t->on(&l);
    size_t n = vmx_check_entry(&m, &l, found, ARRAY_LEN(found));
    text[0] = 0;
    for (size_t i = 0; i < n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "[%s 0x%llx: %s]", found[i].field,
                                 (unsigned long long)found[i].value, found[i].rule);
    return n == 1 && !strcmp(found[0].field, t->field) && !strcmp(found[0].rule, t->rule);
}
