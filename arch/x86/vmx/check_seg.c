/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of the guest's segment registers at VM entry: SDM vol. 3, 27.3.1.2. */
#include "arch/x86/vmx/check_priv.h"

enum { SEG_LDTR = SEG_COUNT, SEG_TR, SEG_ALL };
enum { TYPE_DATA = 3, TYPE_DATA_DOWN = 7, TYPE_CODE = 8, TYPE_CONFORMING = 12, TYPE_LDT = 2,
       TYPE_TSS16_BUSY = 3, TYPE_TSS_BUSY = 11, TYPE_ACCESSED = 1, TYPE_READABLE = 2 };

#define SELECTOR_RPL    3u
#define SELECTOR_TI     4u
#define AR_RESERVED     (MASK64(11, 8) | MASK64(31, 17))
#define AR_V8086        0xf3u

static const struct seg_at {
    const char *sel_name, *base_name, *limit_name, *ar_name;
    size_t sel, base, limit, ar;
} places[SEG_ALL] = {
#define SEG(name, s) { "guest " name " selector", "guest " name " base", "guest " name " limit", \
                       "guest " name " access rights", FIELD_AT(s##_sel), FIELD_AT(s##_base), \
                       FIELD_AT(s##_limit), FIELD_AT(s##_ar) }
    [SEG_ES] = SEG("ES", es), [SEG_CS] = SEG("CS", cs), [SEG_SS] = SEG("SS", ss), [SEG_DS] = SEG("DS", ds),
    [SEG_FS] = SEG("FS", fs), [SEG_GS] = SEG("GS", gs), [SEG_LDTR] = SEG("LDTR", ldtr), [SEG_TR] = SEG("TR", tr),
#undef SEG
};

struct seg_view {
    const struct seg_at *at;
    uint64_t sel, base, limit, ar;
    unsigned type, dpl;
    bool usable;
};

static struct seg_view view(const struct vmx_check *c, unsigned seg)
{
    const struct seg_at *at = &places[seg];
    uint64_t ar = image_at(c->m, at->ar);
    return (struct seg_view){
        .at = at, .sel = image_at(c->m, at->sel), .base = image_at(c->m, at->base),
        .limit = image_at(c->m, at->limit), .ar = ar, .type = ar & AR_TYPE,
        .dpl = ar >> AR_DPL_SHIFT & 3, .usable = !(ar & AR_UNUSABLE),
    };
}

static void rights(struct vmx_check *c, const struct seg_view *s, bool holds, const char *rule)
{
    must(c, holds, s->at->ar_name, s->ar, rule);
}

/* S, P, the reserved bits and G, the same for all. */
static void check_common(struct vmx_check *c, const struct seg_view *s, bool system)
{
    rights(c, s, !(s->ar & AR_S) == system, system ? "S must be clear" : "S must be set");
    rights(c, s, s->ar & AR_P, "P must be set");
    rights(c, s, !(s->ar & AR_RESERVED), "reserved bits must be clear");
    rights(c, s, !(s->ar & AR_G) || (s->limit & 0xfff) == 0xfff,
           "G must be clear: bits 11:0 of the limit are not all set");
    rights(c, s, s->ar & AR_G || !(s->limit >> 20), "G must be set: the limit has bits 31:20");
}

static void check_cs(struct vmx_check *c)
{
    struct seg_view s = view(c, SEG_CS), ss = view(c, SEG_SS);
    bool code = (s.type & TYPE_CODE) && (s.type & TYPE_ACCESSED);
    bool data = s.type == TYPE_DATA;
    if (c->unrestricted)
        rights(c, &s, code || data, "type must be 3 (data) or 9, 11, 13, 15 (accessed code)");
    else
        rights(c, &s, code, "type must be 9, 11, 13 or 15 (accessed code)");
    if (data)
        rights(c, &s, !s.dpl, "DPL must be 0 with type 3");
    else if (code && (s.type & TYPE_CONFORMING) == TYPE_CONFORMING)
        rights(c, &s, s.dpl <= ss.dpl, "DPL of conforming code must not be above that of SS");
    else if (code)
        rights(c, &s, s.dpl == ss.dpl, "DPL must be that of SS");
    rights(c, &s, !c->ia32e || !(s.ar & AR_L) || !(s.ar & AR_DB), "D must be clear with L set");
    check_common(c, &s, false);
}

/* SS.DPL is the CPL also of an unusable SS. */
static void check_ss(struct vmx_check *c)
{
    struct seg_view s = view(c, SEG_SS), cs = view(c, SEG_CS);
    if (!c->unrestricted) {
        must(c, (s.sel & SELECTOR_RPL) == (cs.sel & SELECTOR_RPL), s.at->sel_name, s.sel, "RPL must be that of CS");
        rights(c, &s, s.dpl == (s.sel & SELECTOR_RPL), "DPL must be the selector's RPL");
    }
    rights(c, &s, !s.dpl || (cs.type != TYPE_DATA && c->m->cr0 & CR0_PE),
           "DPL must be 0 in real mode or with CS type 3");
    if (!s.usable)
        return;
    rights(c, &s, s.type == TYPE_DATA || s.type == TYPE_DATA_DOWN, "type must be 3 or 7 (accessed, writable data)");
    check_common(c, &s, false);
}

static void check_data(struct vmx_check *c, unsigned seg)
{
    struct seg_view s = view(c, seg);
    if (!s.usable)
        return;
    rights(c, &s, s.type & TYPE_ACCESSED, "type must be accessed (bit 0)");
    rights(c, &s, !(s.type & TYPE_CODE) || s.type & TYPE_READABLE, "code must be readable (bit 1)");
    if (!c->unrestricted && s.type < TYPE_CONFORMING)
        rights(c, &s, s.dpl >= (s.sel & SELECTOR_RPL), "DPL must not be below the selector's RPL");
    check_common(c, &s, false);
}

static void check_v8086(struct vmx_check *c, unsigned seg)
{
    struct seg_view s = view(c, seg);
    must(c, s.base == s.sel << 4, s.at->base_name, s.base, "must be 16 times the selector in virtual-8086 mode");
    must(c, s.limit == 0xffff, s.at->limit_name, s.limit, "must be 0xffff in virtual-8086 mode");
    rights(c, &s, s.ar == AR_V8086, "must be 0xf3 in virtual-8086 mode");
}

/* Bases: the entry loads 64 bits of FS, GS and the system segments, of the others 32. */
static void check_base(struct vmx_check *c, unsigned seg)
{
    struct seg_view s = view(c, seg);
    bool always = seg == SEG_CS || seg == SEG_FS || seg == SEG_GS || seg == SEG_TR;
    if (!s.usable && !always)
        return;
    if (seg == SEG_FS || seg == SEG_GS || seg == SEG_LDTR || seg == SEG_TR)
        must(c, canonical(c, s.base), s.at->base_name, s.base, MUST_BE_CANONICAL);
    else
        must(c, !(s.base >> 32), s.at->base_name, s.base, "must have bits 63:32 clear");
}

static void check_tr(struct vmx_check *c)
{
    struct seg_view s = view(c, SEG_TR);
    must(c, !(s.sel & SELECTOR_TI), s.at->sel_name, s.sel, "TI must be clear");
    if (c->ia32e)
        rights(c, &s, s.type == TYPE_TSS_BUSY, "type must be 11 (busy 64-bit TSS)");
    else
        rights(c, &s, s.type == TYPE_TSS16_BUSY || s.type == TYPE_TSS_BUSY, "type must be 3 or 11 (busy TSS)");
    rights(c, &s, s.usable, "must be usable");
    check_common(c, &s, true);
}

static void check_ldtr(struct vmx_check *c)
{
    struct seg_view s = view(c, SEG_LDTR);
    if (!s.usable)
        return;
    must(c, !(s.sel & SELECTOR_TI), s.at->sel_name, s.sel, "TI must be clear");
    rights(c, &s, s.type == TYPE_LDT, "type must be 2 (LDT)");
    check_common(c, &s, true);
}

void vmx_check_segments(struct vmx_check *c)
{
    for (unsigned seg = 0; seg < SEG_ALL; seg++)
        check_base(c, seg);
    if (c->v8086) {
        for (unsigned seg = 0; seg < SEG_COUNT; seg++)
            check_v8086(c, seg);
    } else {
        check_cs(c);
        check_ss(c);
        check_data(c, SEG_DS);
        check_data(c, SEG_ES);
        check_data(c, SEG_FS);
        check_data(c, SEG_GS);
    }
    check_tr(c);
    check_ldtr(c);
}
