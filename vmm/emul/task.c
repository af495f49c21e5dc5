/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware task switch (SDM vol. 3, 8.3). In three parts: everything that can go wrong
 * is tried, without a change; then the old task is saved and the new one's state read;
 * then the vCPU is in the new task, and loads its segments (task_seg.c) there. Called
 * by an exit handler, on CPUs that do not switch tasks of a guest themselves.
 */
#include "task_priv.h"

#include "socle/bits.h"
#include "socle/le.h"

#define DR6_BT          (1ull << 15)
#define DR7_LOCAL       0x155ull        /* L0-3 and LE */
/* EFLAGS that exist (SDM vol. 1, figure 3-8); the others are fixed. */
#define FLAGS_DEFINED   (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | \
                         RFLAGS_IF | RFLAGS_DF | RFLAGS_OF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | \
                         RFLAGS_VM | RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID)

enum {
    TSS_AVAILABLE = 1, TSS_BUSY = 2, TSS_32 = 8,        /* bits of the type, S clear */
    TSS_LINK      = 0,          /* selector of the previous task */
    TSS_CR3       = 0x1c,       /* 32 bit only, as the next */
    TSS_TRAP      = 0x64,
    TSS_BYTES     = 0x68,       /* the longer one's */
    CLEAR_TRIES   = 8,
    ATTR_V86      = 0xf3,       /* SDM vol. 3, 27.3.1.2 */
    ATTR_CODE3    = 0xfb,
    ATTR_DATA3    = 0xf3,
};

/*
 * What a switch saves lies in a row, in slots of `width` bytes: EIP, EFLAGS, the general
 * registers and the segment registers, both in the order of their numbers. All of it and
 * LDTR is loaded. SDM vol. 3, figures 8-2 and 8-10.
 */
enum { SLOT_EIP, SLOT_EFLAGS, SLOT_GPR, SLOT_SEG = SLOT_GPR + 8 };

struct layout {
    uint8_t size;               /* the limit has to be size - 1 at least */
    uint8_t width;
    uint8_t start;              /* of the slots */
    uint8_t segments;           /* a 16-bit TSS has no FS and GS */
    uint8_t ldt;
};

static const struct layout tss16 = { 0x2c, 2, 0x0e, SEG_FS, 0x2a };
static const struct layout tss32 = { TSS_BYTES, 4, 0x20, SEG_COUNT, 0x60 };

/* By the attributes of a TSS, busy or not; null: it is none. */
static const struct layout *layout_of(uint16_t attr)
{
    switch (attr & (SEG_S | SEG_TYPE) & ~(unsigned)TSS_BUSY) {
    case TSS_AVAILABLE:
        return &tss16;
    case TSS_AVAILABLE | TSS_32:
        return &tss32;
    }
    return NULL;
}

static unsigned saved_bytes(const struct layout *l) { return (SLOT_SEG + l->segments) * l->width; }

/* The switch after all checks: what will be read and written, ready to be. */
struct plan {
    const struct layout *old, *new;
    struct descriptor    tss;           /* the new one's */
    bool                 nested;        /* the old task stays busy and is linked to */
    struct span          save, load, link, busy, old_busy;
};

/* ---- checks: SDM vol. 3, 8.3, steps 1 to 5 ------------------------------------------ */

/*
 * The new TSS: in the GDT, available or for IRET busy, present, long enough. Wrong selectors
 * and types are #GP, for IRET #TS (table 8-1). Hardware did this before the exit (26.4.2),
 * but memory may have changed since.
 */
static enum emul_status check_new(struct task *k, struct plan *p)
{
    bool iret = k->t->source == TASK_IRET;
    enum vector wrong = iret ? VEC_TS : VEC_GP;
    uint16_t sel = k->t->selector;

    if (sel & SEL_TI)
        return task_raise(k, wrong, sel);
    enum emul_status e = task_descriptor(k, sel, wrong, &p->tss);
    if (e)
        return e;
    p->new = layout_of(p->tss.seg.attr);
    if (!p->new || !(p->tss.seg.attr & TSS_BUSY) == iret)
        return task_raise(k, wrong, sel);
    if (!(p->tss.seg.attr & SEG_P))
        return task_raise(k, VEC_NP, sel);
    if (p->tss.seg.limit < p->new->size - 1u)
        return task_raise(k, VEC_TS, sel);
    return EMUL_DONE;
}

/*
 * Step 5, both TSSs and their descriptors are paged in, and for all that will be written
 * writable: after this nothing can fault before the switch is committed.
 */
static enum emul_status map_all(struct task *k, struct plan *p)
{
    const struct vcpu_state *s = k->c->s;
    uint64_t old = s->tr.base, new = p->tss.seg.base;
    enum emul_status e = task_map(k, old + p->old->start, saved_bytes(p->old), GVA_WRITE, &p->save);

    e = e ? e : task_map(k, new, p->new->size, GVA_READ, &p->load);
    if (!e && p->nested)
        e = task_map(k, new + TSS_LINK, 2, GVA_WRITE, &p->link);
    if (!e && k->t->source != TASK_IRET)
        e = task_map_type(k, p->tss.linear, &p->busy);
    if (!e && !p->nested)               /* where it is was checked when TR was loaded */
        e = task_map_type(k, s->gdtr.base + (s->tr.sel & ~7u), &p->old_busy);
    return e;
}

/* The old TSS is where TR says; one too short for what is saved is #TS. */
static enum emul_status prepare(struct task *k, struct plan *p)
{
    const struct segment *tr = &k->c->s->tr;

    p->nested = k->t->source == TASK_CALL || k->t->source == TASK_GATE;
    p->old = layout_of(tr->attr);
    if (!p->old || !(tr->attr & SEG_P))
        return EMUL_UNSUPPORTED;
    enum emul_status e = check_new(k, p);
    if (!e && tr->limit < p->old->start + saved_bytes(p->old) - 1)
        e = task_raise(k, VEC_TS, tr->sel);
    return e ? e : map_all(k, p);
}

/* ---- the old task: steps 6 to 10 ------------------------------------------------------ */

/*
 * Sets the new TSS's busy flag, as the CPU under a lock: two CPUs never get the same task
 * (SDM vol. 3, 9.1.2.1). The one who loses looks again, and finds it busy.
 */
static enum emul_status take_new(struct task *k, const struct plan *p)
{
    uint8_t old = (uint8_t)p->tss.seg.attr;
    bool changed;

    if (k->t->source == TASK_IRET)              /* it is set, and stays so (step 10) */
        return EMUL_DONE;
    enum emul_status e = emul_replace_span(k->c, &p->busy, old, old | TSS_BUSY, &changed);
    return !e && changed ? EMUL_RETRY : e;
}

/* JMP and IRET leave the old task for good: its TSS becomes available (step 7). */
static enum emul_status release_old(struct task *k, const struct plan *p)
{
    bool changed = !p->nested;
    enum emul_status e = EMUL_DONE;

    for (int i = 0; i < CLEAR_TRIES && changed && !e; i++) {
        uint8_t type;
        e = emul_read_span(k->c, &p->old_busy, &type);
        if (!e)
            e = emul_replace_span(k->c, &p->old_busy, type, type & ~(unsigned)TSS_BUSY, &changed);
    }
    /* Who writes to its own descriptor all the time gets what it made of it. */
    return e;
}

static void put_slot(const struct layout *l, uint8_t *slots, unsigned n, uint64_t v)
{
    if (l->width == 2)
        put_le16(slots + n * 2, (uint16_t)v);
    else
        put_le32(slots + n * 4, (uint32_t)v);
}

static uint32_t get_slot(const struct layout *l, const uint8_t *slots, unsigned n)
{
    return l->width == 2 ? get_le16(slots + n * 2) : get_le32(slots + n * 4);
}

/*
 * Steps 6 and 8. The old task goes on behind the instruction that began the switch, where RF
 * must not hide a breakpoint; after an event RIP and RF are what the CPU would save. IRET
 * clears NT in what is saved. The upper halves of the selectors' slots are reserved.
 */
static enum emul_status save_old(struct task *k, const struct plan *p)
{
    const struct vcpu_state *s = k->c->s;
    uint64_t flags = s->rflags;
    uint8_t slots[TSS_BYTES] = { 0 };

    if (k->t->source == TASK_IRET)
        flags &= ~RFLAGS_NT;
    if (k->t->insn_len)
        flags &= ~RFLAGS_RF;
    put_slot(p->old, slots, SLOT_EIP, s->rip + k->t->insn_len);
    put_slot(p->old, slots, SLOT_EFLAGS, flags);
    for (unsigned i = 0; i < 8; i++)
        put_slot(p->old, slots, SLOT_GPR + i, s->gpr[i]);
    for (unsigned i = 0; i < p->old->segments; i++)
        put_slot(p->old, slots, SLOT_SEG + i, s->seg[i].sel);
    return emul_write_span(k->c, &p->save, slots);
}

/* From here on there is no way back. The new TSS is read last: it may be the old one. */
static enum emul_status leave(struct task *k, const struct plan *p, uint8_t tss[TSS_BYTES])
{
    enum emul_status e = take_new(k, p);

    if (e)
        return e;
    k->begun = true;
    e = release_old(k, p);
    e = e ? e : save_old(k, p);
    if (!e && p->nested)                        /* the link to return by */
        e = emul_write_span(k->c, &p->link, &k->c->s->tr.sel);
    return e ? e : emul_read_span(k->c, &p->load, tss);
}

/* ---- the new task: steps 11 to 14 ----------------------------------------------------- */

/*
 * Selectors are loaded, descriptors not yet. Should one be refused, the exception is taken
 * in the new task with what is here: at CPL 3 with a stack that cannot be used, so that its
 * handler gets the stack that the new TSS has for it. In virtual-8086 mode this is all.
 */
static void set_selectors(struct vcpu_state *s, const struct layout *l, const uint8_t *slots)
{
    bool v86 = s->rflags & RFLAGS_VM;

    for (unsigned i = 0; i < SEG_COUNT; i++) {
        uint16_t sel = i < l->segments ? (uint16_t)get_slot(l, slots, SLOT_SEG + i) : 0;
        s->seg[i] = (struct segment){ .sel = sel };
        if (v86) {
            s->seg[i].attr = ATTR_V86;
            s->seg[i].base = (uint32_t)sel << 4;
            s->seg[i].limit = 0xffff;
        }
    }
    if (!v86) {
        s->seg[SEG_CS].attr = ATTR_CODE3;
        s->seg[SEG_SS].attr = ATTR_DATA3;
    }
    s->cpl = 3;
}

/*
 * Everything that cannot fail: TR (step 11), the registers (step 12), CR0.TS, and the
 * local breakpoints, which end with their task (SDM vol. 3, 17.2.4).
 */
static void commit(struct task *k, const struct plan *p, const uint8_t *tss)
{
    struct vcpu_state *s = k->c->s;
    const struct layout *l = p->new;
    const uint8_t *slots = tss + l->start;
    /* From a 16-bit TSS: the SDM does not say; ones are what other emulators have. */
    uint32_t upper = l->width == 2 ? 0xffff0000 : 0;

    k->out->committed = true;
    s->tr = p->tss.seg;
    s->tr.attr |= TSS_BUSY;
    s->cr0 |= CR0_TS;
    s->dr7 &= ~DR7_LOCAL;
    s->shadow = 0;
    s->rip = get_slot(l, slots, SLOT_EIP);
    s->rflags = (get_slot(l, slots, SLOT_EFLAGS) & FLAGS_DEFINED) | RFLAGS_FIXED;
    if (p->nested)                              /* step 9 */
        s->rflags |= RFLAGS_NT;
    for (unsigned i = 0; i < 8; i++)
        s->gpr[i] = get_slot(l, slots, SLOT_GPR + i) | upper;
    s->ldtr = (struct segment){ .sel = get_le16(tss + l->ldt) };
    set_selectors(s, l, slots);
}

/*
 * CR3 is loaded with paging on, by a 32-bit TSS. PAE's top entries are checked as by MOV CR3
 * (SDM vol. 3, 4.4.1); the old CR3 stays if they are bad.
 */
static enum emul_status load_cr3(struct task *k, const struct plan *p, const uint8_t *tss)
{
    struct vcpu_state *s = k->c->s;
    uint32_t cr3 = get_le32(tss + TSS_CR3);

    if (p->new != &tss32 || !(s->cr0 & CR0_PG) || s->cr3 == cr3)
        return EMUL_DONE;
    if ((s->cr4 & CR4_PAE) && !gva_pae_top_valid(k->c->w, cr3))
        return task_raise(k, VEC_GP, 0);
    s->cr3 = cr3;
    k->out->cr3_changed = true;
    return EMUL_DONE;
}

/* An exception's error code goes onto the new stack, as wide as the TSS (SDM vol. 2, INT n). */
static enum emul_status push_error(struct task *k, const struct plan *p)
{
    struct emul_ctx *c = k->c;
    enum emul_status e = emul_push(c, p->new->width, k->t->error);

    if (e == EMUL_EXCEPTION && c->exc.vector != VEC_PF)
        c->exc.error |= k->t->external;
    return e;
}

/* Steps 12 and 13 where they can fail, in the context of the new task. */
static enum emul_status enter(struct task *k, const struct plan *p, const uint8_t *tss)
{
    struct vcpu_state *s = k->c->s;
    enum emul_status e = load_cr3(k, p, tss);

    e = e ? e : task_load_ldtr(k);
    if (!e && !(s->rflags & RFLAGS_VM))
        e = task_load_segments(k);
    if (!e && k->t->source == TASK_GATE && k->t->has_error)
        e = push_error(k, p);
    if (e)
        return e;
    if (s->rip > s->seg[SEG_CS].limit)
        return task_raise(k, VEC_GP, 0);
    if (p->new == &tss32 && (tss[TSS_TRAP] & 1)) {      /* SDM vol. 3, 17.3.1.5 */
        s->dr6 |= DR6_BT;
        k->out->trap = true;
    }
    return EMUL_DONE;
}

enum emul_status emul_task_switch(struct emul_ctx *c, const struct task_switch *t,
                                  struct task_outcome *out)
{
    const struct vcpu_state *s = c->s;
    struct task k = { .c = c, .t = t, .out = out };
    uint8_t tss[TSS_BYTES];
    struct plan p;

    *out = (struct task_outcome){ 0 };
    c->insn = (struct insn){ .mode = INSN_32 };
    c->failure = HV_OK;
    c->step_trap = false;
    c->iterations = 0;
    /* Real and virtual-8086 mode know no tasks, but for events that leave the latter. */
    if (!(s->cr0 & CR0_PE) || (s->efer & EFER_LMA) ||
        ((s->rflags & RFLAGS_VM) && t->source != TASK_GATE))
        return EMUL_UNSUPPORTED;
    enum emul_status e = prepare(&k, &p);
    e = e ? e : leave(&k, &p, tss);
    if (!e) {
        commit(&k, &p, tss);
        e = enter(&k, &p, tss);
    }
    if (e == EMUL_RETRY && k.begun) {           /* half a switch cannot be done again */
        c->failure = HV_BUSY;
        e = EMUL_FAILED;
    }
    return e;
}
