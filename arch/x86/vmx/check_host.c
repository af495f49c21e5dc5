/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of the host's state at VM entry: SDM vol. 3, 27.2.2 to 27.2.4. */
#include "arch/x86/vmx/check_priv.h"

void vmx_check_fixed(struct vmx_check *c, struct named_field f, uint64_t fixed0, uint64_t fixed1,
                     uint64_t free)
{
    uint64_t value = image_at(c->m, f.at);
    must(c, !(fixed0 & ~value & ~free), f.name, value, "must have the bits set that VMX operation needs");
    must(c, !(value & ~fixed1 & ~free), f.name, value, "must not have bits set that VMX operation excludes");
}

/* 27.2.2. */
static void check_registers(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    const struct vmx_facts *cpu = &c->l->cpu;
    uint32_t exit = c->word[WORD_EXIT];
    uint64_t long_mode = EFER_LMA | EFER_LME;
    vmx_check_fixed(c, (struct named_field){ "host CR0", FIELD_AT(host_cr0) }, cpu->cr0_fixed0, cpu->cr0_fixed1, 0);
    vmx_check_fixed(c, (struct named_field){ "host CR4", FIELD_AT(host_cr4) }, cpu->cr4_fixed0, cpu->cr4_fixed1, 0);
    must(c, !(m->host_cr4 & CR4_CET) || m->host_cr0 & CR0_WP, "host CR4", m->host_cr4, "CET needs CR0.WP");
    must(c, physical(c, m->host_cr3), "host CR3", m->host_cr3, MUST_BE_PHYSICAL);
    if (exit & EXIT_LOAD_PAT)
        must(c, entry_pat_valid(m->host_pat), "host PAT", m->host_pat, "each byte must be 0, 1, 4, 5, 6 or 7");
    if (exit & EXIT_LOAD_EFER) {
        must(c, !(m->host_efer & ~EFER_DEFINED), "host EFER", m->host_efer, "reserved bits must be clear");
        must(c, (m->host_efer & long_mode) == (exit & EXIT_HOST_64 ? long_mode : 0), "host EFER", m->host_efer,
             "LMA and LME must be as the exit controls say (64-bit host)");
    }
}

/* 27.2.2 (SYSENTER) and 27.2.3. */
static const struct named_field addresses[] = {
    { "host SYSENTER ESP", FIELD_AT(host_sysenter_esp) }, { "host SYSENTER EIP", FIELD_AT(host_sysenter_eip) },
    { "host FS base", FIELD_AT(host_fs_base) }, { "host GS base", FIELD_AT(host_gs_base) },
    { "host TR base", FIELD_AT(host_tr_base) }, { "host GDTR base", FIELD_AT(host_gdtr_base) },
    { "host IDTR base", FIELD_AT(host_idtr_base) },
};

/* 27.2.3. */
static const struct { struct named_field f; bool zero; } selectors[] = {
    { { "host CS selector", FIELD_AT(host_cs) }, false }, { { "host TR selector", FIELD_AT(host_tr) }, false },
    { { "host SS selector", FIELD_AT(host_ss) }, true }, { { "host DS selector", FIELD_AT(host_ds) }, true },
    { { "host ES selector", FIELD_AT(host_es) }, true }, { { "host FS selector", FIELD_AT(host_fs) }, true },
    { { "host GS selector", FIELD_AT(host_gs) }, true },
};

static void check_segments(struct vmx_check *c)
{
    for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
        uint64_t sel = image_at(c->m, selectors[i].f.at);
        must(c, !(sel & 7), selectors[i].f.name, sel, "RPL and TI must be 0");
        must(c, sel || selectors[i].zero, selectors[i].f.name, sel, "must not be 0");
    }
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        uint64_t address = image_at(c->m, addresses[i].at);
        must(c, canonical(c, address), addresses[i].name, address, MUST_BE_CANONICAL);
    }
}

/* 27.2.4; what it says about 32-bit hosts cannot come up once the first rule is met. */
static void check_address_space(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    bool host64 = c->word[WORD_EXIT] & EXIT_HOST_64;
    must(c, host64, "exit controls", m->exit, "must say that the host is 64-bit");
    if (!host64)
        return;
    must(c, m->host_cr4 & CR4_PAE, "host CR4", m->host_cr4, "PAE must be set: the host is 64-bit");
    must(c, canonical(c, m->host_rip), "host RIP", m->host_rip, MUST_BE_CANONICAL);
}

void vmx_check_host(struct vmx_check *c)
{
    check_registers(c);
    check_segments(c);
    check_address_space(c);
}
