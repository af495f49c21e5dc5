/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See regs_state.h. The record holds the fields in the order of struct vcpu_state. What
 * needs to know the guest's CPU (canonical addresses, offered bits) is checked by the
 * policy when the vCPU is put together again, not here.
 */
#include "socle/regs_state.h"

#include "socle/bits.h"

#define REGS_ID         STATE_ID('R', 'E', 'G', 'S')
#define REGS_VERSION    2
#define RFLAGS_VALID    0x3f7fd7ull
#define EFER_VALID      0xffffull
#define ATTR_VALID      0xfffu

static void put_segment(struct state_out *o, const struct segment *s)
{
    state_put_u16(o, s->sel);
    state_put_u16(o, s->attr);
    state_put_u32(o, s->limit);
    state_put_u64(o, s->base);
}

static bool get_segment(struct state_in *in, struct segment *s)
{
    s->sel = state_get_u16(in);
    s->attr = state_get_u16(in);
    s->limit = state_get_u32(in);
    s->base = state_get_u64(in);
    return !(s->attr & ~ATTR_VALID);
}

static void put_table(struct state_out *o, const struct dtable *t)
{
    state_put_u64(o, t->base);
    state_put_u32(o, t->limit);
}

static void get_table(struct state_in *in, struct dtable *t)
{
    t->base = state_get_u64(in);
    t->limit = state_get_u32(in);
}

/* The plain 64-bit fields behind the descriptor tables, in record order. */
enum { PLAIN = 21 };

static void plain_fields(struct vcpu_state *s, uint64_t *field[PLAIN])
{
    uint64_t *const all[PLAIN] = {
        &s->cr0, &s->cr2, &s->cr3, &s->cr4, &s->efer, &s->pdpte[0],
        &s->pdpte[1], &s->pdpte[2], &s->pdpte[3], &s->dr6, &s->dr7, &s->star, &s->lstar,
        &s->cstar, &s->sfmask, &s->kernel_gs_base, &s->sysenter_cs, &s->sysenter_esp,
        &s->sysenter_eip, &s->pat, &s->debugctl,
    };
    for (unsigned i = 0; i < PLAIN; i++)
        field[i] = all[i];
}

void regs_save(const struct vcpu_state *s, struct state_out *o)
{
    struct vcpu_state copy = *s;
    uint64_t *field[PLAIN];
    state_begin(o, REGS_ID, REGS_VERSION);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        state_put_u64(o, s->gpr[i]);
    state_put_u64(o, s->rip);
    state_put_u64(o, s->rflags);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        put_segment(o, &s->seg[i]);
    put_segment(o, &s->ldtr);
    put_segment(o, &s->tr);
    put_table(o, &s->gdtr);
    put_table(o, &s->idtr);
    plain_fields(&copy, field);
    for (unsigned i = 0; i < PLAIN; i++)
        state_put_u64(o, *field[i]);
    state_put_u8(o, s->cpl);
    state_put_u8(o, s->shadow);
    state_end(o);
}

static bool plausible(const struct vcpu_state *s)
{
    return !(s->rflags & ~RFLAGS_VALID) && s->rflags & RFLAGS_FIXED && !(s->efer & ~EFER_VALID) &&
           !(s->cr0 >> 32) && s->cpl <= 3 && !(s->shadow & ~(SHADOW_STI | SHADOW_MOV_SS));
}

hv_status regs_load(struct vcpu_state *s, struct state_in *in)
{
    struct vcpu_state n = { 0 };
    uint64_t *field[PLAIN];
    uint16_t version;
    bool ok = true;
    hv_status status = state_open(in, REGS_ID, REGS_VERSION, &version);
    if (status)
        return status;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        n.gpr[i] = state_get_u64(in);
    n.rip = state_get_u64(in);
    n.rflags = state_get_u64(in);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        ok = get_segment(in, &n.seg[i]) && ok;
    ok = get_segment(in, &n.ldtr) && ok;
    ok = get_segment(in, &n.tr) && ok;
    get_table(in, &n.gdtr);
    get_table(in, &n.idtr);
    plain_fields(&n, field);
    for (unsigned i = 0; i < PLAIN; i++)
        *field[i] = state_get_u64(in);
    n.cpl = state_get_u8(in);
    n.shadow = state_get_u8(in);
    status = state_close(in);
    if (status)
        return status;
    if (!ok || !plausible(&n))
        return HV_INVALID;
    *s = n;
    return HV_OK;
}
