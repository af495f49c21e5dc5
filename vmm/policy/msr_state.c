/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset, save and load of the MSRs that the policy keeps (SDM vol. 3, table 10-1). A
 * loaded record passes the same checks as a guest's writes.
 */
#include "features.h"
#include "msr_table.h"
#include "socle/bits.h"
#include "socle/platform.h"
#include "socle/str.h"

#define RECORD_ID       STATE_ID('M', 'S', 'R', 'S')
#define RECORD_VERSION  1

#define MTRR_ENABLE         0x800ull
#define MTRR_FIXED_ENABLE   0x400ull
#define MTRR_VALID          0x800ull
#define TYPE_WB             6ull
#define WB_8_TIMES          0x0606060606060606ull

/* Fast strings on; no BTS, no PEBS. AMD has no such register. */
#define MISC_ENABLE_RESET   0x1801ull

static uint64_t misc_enable_reset(const struct guest_cpu *g)
{
    return g->vendor == CPU_INTEL ? MISC_ENABLE_RESET : 0;
}

void policy_msr_reset(struct msr_state *m, const struct guest_cpu *g)
{
    uint64_t unknown = m->unknown;
    memset(m, 0, sizeof(*m));
    m->unknown = unknown;
    m->misc_enable = misc_enable_reset(g);
}

void policy_msr_init_signal(struct msr_state *m)
{
    m->spec_ctrl = 0;           /* XSS keeps its value, as XCR0 does */
}

void policy_msr_firmware(struct msr_state *m, const struct guest_cpu *g)
{
    m->mtrr_def = MTRR_ENABLE | MTRR_FIXED_ENABLE | TYPE_WB;
    for (unsigned i = 0; i < MTRR_FIXED; i++)
        m->mtrr_fixed[i] = WB_8_TIMES;
    m->mtrr_fixed[policy_mtrr_fixed(MSR_MTRR_FIX16K + 1)] = 0;      /* 0xa0000: uncached */
    uint64_t size = PLAT_HOLE_END - PLAT_HOLE_START;
    m->mtrr_var[0] = PLAT_HOLE_START;
    m->mtrr_var[1] = (MASK64(g->phys_bits - 1, 0) & ~(size - 1)) | MTRR_VALID;
}

static void put_all(struct state_out *o, const uint64_t *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        state_put_u64(o, v[i]);
}

void policy_msr_save(const struct msr_state *m, struct state_out *o)
{
    state_begin(o, RECORD_ID, RECORD_VERSION);
    state_put_u64(o, m->mtrr_def);
    put_all(o, m->mtrr_fixed, MTRR_FIXED);
    put_all(o, m->mtrr_var, 2 * MTRR_VARIABLE);
    const uint64_t rest[] = {
        m->misc_enable, m->mcg_status, m->hwcr, m->syscfg, m->tsc_aux, m->xss, m->spec_ctrl,
    };
    put_all(o, rest, ARRAY_LEN(rest));
    state_end(o);
}

/* Every register of the record by its number, in the order it was saved in. */
static hv_status load_one(struct msr_view *v, uint32_t index, struct state_in *in)
{
    uint64_t value = state_get_u64(in), now;
    if (in->bad)
        return HV_INVALID;
    if (policy_msr_write(v, index, &value) != MSR_GP)
        return HV_OK;
    /* A register that this guest does not have was saved as zero. */
    return !value && policy_msr_read(v, index, &now) == MSR_GP ? HV_OK : HV_INVALID;
}

static hv_status load_range(struct msr_view *v, uint32_t first, unsigned n, struct state_in *in)
{
    hv_status s = HV_OK;
    for (unsigned i = 0; i < n && s == HV_OK; i++)
        s = load_one(v, first + i, in);
    return s;
}

static hv_status load_all(struct msr_view *v, struct state_in *in)
{
    static const struct { uint32_t first; unsigned n; } order[] = {
        { MSR_MTRR_DEF_TYPE, 1 }, { MSR_MTRR_FIX64K, 1 }, { MSR_MTRR_FIX16K, 2 },
        { MSR_MTRR_FIX4K, 8 }, { MSR_MTRR_PHYS0, 2 * MTRR_VARIABLE }, { MSR_MISC_ENABLE, 1 },
        { MSR_MCG_STATUS, 1 }, { MSR_HWCR, 1 }, { MSR_SYSCFG, 1 }, { MSR_TSC_AUX, 1 },
        { MSR_XSS, 1 }, { MSR_SPEC_CTRL, 1 },
    };
    hv_status s = HV_OK;
    for (unsigned i = 0; i < ARRAY_LEN(order) && s == HV_OK; i++)
        s = load_range(v, order[i].first, order[i].n, in);
    return s;
}

hv_status policy_msr_load(struct msr_state *m, const struct guest_cpu *g, struct state_in *in)
{
    static const struct vcpu_state no_registers;        /* none of these rules looks at any */
    struct msr_view v = { g, m, &no_registers, 0 };
    uint64_t unknown = m->unknown;
    uint16_t version;
    policy_msr_reset(m, g);
    hv_status s = state_open(in, RECORD_ID, RECORD_VERSION, &version);
    if (s != HV_OK)
        return s;
    s = load_all(&v, in);
    m->unknown = unknown;
    if (s == HV_OK)
        s = state_close(in);
    if (s != HV_OK)
        policy_msr_reset(m, g);
    return s;
}
