/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors in a task switch: reading them, and loading LDTR and the segment registers
 * of the new task with the checks of SDM vol. 3, table 8-1. Called by task.c after the
 * switch was committed, so that what is wrong is the new task's problem.
 */
#include "task_priv.h"

enum {
    TYPE_ACCESSED   = 1,
    TYPE_WRITE      = 2,        /* data: writable */
    TYPE_READ       = 2,        /* code: readable */
    TYPE_CONFORMING = 4,
    TYPE_CODE       = 8,
    TYPE_LDT        = 2,        /* with S clear */
    TYPE_AT         = 5,        /* byte of a descriptor with P, DPL, S and type */
    TRIES           = 8,        /* for one descriptor that others keep changing */
};

enum emul_status task_raise(struct task *k, enum vector v, uint16_t sel)
{
    return emul_raise(k->c, v, (sel & SEL_NOT_NULL) | k->t->external);
}

enum emul_status task_map(struct task *k, uint64_t linear, unsigned size, unsigned access,
                          struct span *out)
{
    struct emul_ctx *c = k->c;
    enum emul_status e = emul_translate(c, (uint32_t)linear, size, access | GVA_IMPLICIT, out);

    if (e)
        return e;
    if (c->ops->is_ram(c->ops_ctx, out->at[0], out->first) &&
        (out->first == size || c->ops->is_ram(c->ops_ctx, out->at[1], size - out->first)))
        return EMUL_DONE;
    return emul_from_status(c, HV_RANGE);
}

enum emul_status task_map_type(struct task *k, uint64_t linear, struct span *out)
{
    return task_map(k, linear + TYPE_AT, 1, GVA_WRITE, out);
}

/* SDM vol. 3, 3.4.5, into the packed form of struct segment. */
static struct segment parse(uint16_t sel, uint64_t raw)
{
    uint32_t limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000));
    uint16_t attr = (uint16_t)((raw >> 40 & 0xff) | (raw >> 44 & 0xf00));

    return (struct segment){
        .sel = sel, .attr = attr, .limit = attr & SEG_G ? limit << 12 | 0xfff : limit,
        .base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000),
    };
}

enum emul_status task_descriptor(struct task *k, uint16_t sel, enum vector v,
                                 struct descriptor *d)
{
    const struct vcpu_state *s = k->c->s;
    bool local = sel & SEL_TI;
    uint64_t base = local ? s->ldtr.base : s->gdtr.base, raw;
    uint32_t limit = local ? s->ldtr.limit : s->gdtr.limit;
    struct span at;

    if (!(sel & SEL_NOT_NULL) || (local && !(s->ldtr.attr & SEG_P)) || (sel | 7u) > limit)
        return task_raise(k, v, sel);
    d->linear = (uint32_t)(base + (sel & ~7u));
    enum emul_status e = task_map(k, d->linear, sizeof(raw), GVA_READ, &at);
    e = e ? e : emul_read_span(k->c, &at, &raw);
    if (!e)
        d->seg = parse(sel, raw);
    return e;
}

/* May the new task use this as CS, SS, or for data? Else the exception of table 8-1. */
typedef enum emul_status (*segment_check)(struct task *k, const struct segment *g, unsigned cpl);

static unsigned dpl_of(const struct segment *g) { return (g->attr & SEG_DPL) >> SEG_DPL_SHIFT; }

/* The CPL will be CS.RPL: a conforming segment may be more privileged, others may not. */
static enum emul_status check_cs(struct task *k, const struct segment *g, unsigned cpl)
{
    unsigned dpl = dpl_of(g);

    if (!(g->attr & SEG_S) || !(g->attr & TYPE_CODE) ||
        (g->attr & TYPE_CONFORMING ? dpl > cpl : dpl != cpl))
        return task_raise(k, VEC_TS, g->sel);
    return g->attr & SEG_P ? EMUL_DONE : task_raise(k, VEC_NP, g->sel);
}

static enum emul_status check_ss(struct task *k, const struct segment *g, unsigned cpl)
{
    if ((g->attr & (SEG_S | TYPE_CODE | TYPE_WRITE)) != (SEG_S | TYPE_WRITE) ||
        dpl_of(g) != cpl || (g->sel & SEL_RPL) != cpl)
        return task_raise(k, VEC_TS, g->sel);
    return g->attr & SEG_P ? EMUL_DONE : task_raise(k, VEC_SS, g->sel);
}

static enum emul_status check_data(struct task *k, const struct segment *g, unsigned cpl)
{
    bool code = g->attr & TYPE_CODE;
    unsigned dpl = dpl_of(g);

    if (!(g->attr & SEG_S) || (code && !(g->attr & TYPE_READ)))
        return task_raise(k, VEC_TS, g->sel);
    if (!(code && (g->attr & TYPE_CONFORMING)) && (dpl < cpl || dpl < (g->sel & SEL_RPL)))
        return task_raise(k, VEC_TS, g->sel);
    return g->attr & SEG_P ? EMUL_DONE : task_raise(k, VEC_NP, g->sel);
}

/*
 * One segment: reads, checks and marks the descriptor accessed, as the CPU does under a lock
 * (SDM vol. 3, 9.1.2.1). Where it changed in between it is read and checked anew.
 */
static enum emul_status load(struct task *k, uint16_t sel, segment_check check, unsigned cpl,
                             struct segment *out)
{
    for (int i = 0; i < TRIES; i++) {
        struct descriptor d;
        struct span type;
        bool changed = false;
        enum emul_status e = task_descriptor(k, sel, VEC_TS, &d);

        e = e ? e : check(k, &d.seg, cpl);
        if (!e && !(d.seg.attr & TYPE_ACCESSED)) {
            uint8_t old = (uint8_t)d.seg.attr;
            e = task_map_type(k, d.linear, &type);
            e = e ? e : emul_replace_span(k->c, &type, old, old | TYPE_ACCESSED, &changed);
            d.seg.attr |= TYPE_ACCESSED;
        }
        if (e)
            return e;
        if (!changed) {
            *out = d.seg;
            return EMUL_DONE;
        }
    }
    return EMUL_RETRY;
}

enum emul_status task_load_ldtr(struct task *k)
{
    uint16_t sel = k->c->s->ldtr.sel;
    struct descriptor d;

    if (!(sel & SEL_NOT_NULL))
        return EMUL_DONE;
    /* An LDT is in the GDT only: now, with LDTR empty, a selector with TI finds none. */
    enum emul_status e = task_descriptor(k, sel, VEC_TS, &d);
    if (e)
        return e;
    if ((d.seg.attr & (SEG_P | SEG_S | SEG_TYPE)) != (SEG_P | TYPE_LDT))
        return task_raise(k, VEC_TS, sel);
    k->c->s->ldtr = d.seg;
    return EMUL_DONE;
}

enum emul_status task_load_segments(struct task *k)
{
    static const enum seg data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
    struct vcpu_state *s = k->c->s;
    unsigned cpl = s->seg[SEG_CS].sel & SEL_RPL;
    struct segment cs, ss;
    enum emul_status e = load(k, s->seg[SEG_CS].sel, check_cs, cpl, &cs);

    e = e ? e : load(k, s->seg[SEG_SS].sel, check_ss, cpl, &ss);
    if (e)
        return e;
    /* Together: half of the old and half of the new would be no state of a CPU. */
    s->seg[SEG_CS] = cs;
    s->seg[SEG_SS] = ss;
    s->cpl = (uint8_t)cpl;
    for (unsigned i = 0; i < ARRAY_LEN(data); i++) {
        struct segment *g = &s->seg[data[i]];
        if (!(g->sel & SEL_NOT_NULL))
            continue;
        e = load(k, g->sel, check_data, cpl, g);
        if (e)
            return e;
    }
    return EMUL_DONE;
}
