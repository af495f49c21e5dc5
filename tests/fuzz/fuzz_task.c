/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes task switches: any TSSs, descriptors, page tables and registers, as a hostile
 * guest would set them up, while "another vCPU" rewrites descriptors. Only the guest's
 * memory is touched, every call ends, what is refused has changed no register, and what
 * is entered is a state that a CPU can be in.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "socle/bits.h"
#include "socle/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAM = 2u << 20, GDT = 0x1000, TSS = 0x2000, TABLE = 0x4000, TASKS = 8 };

struct input { const uint8_t *data; size_t left; };

static struct gmem mem;
static hpa_t block;
static struct input in;         /* also feeds the other vCPU */

static void check(bool ok)
{
    if (!ok)
        abort();
}

static uint64_t take(unsigned n)
{
    uint64_t v = 0;
    for (; n && in.left; n--, in.left--)
        v = v << 8 | *in.data++;
    return v;
}

/* Nothing happens while the memory is ROM. */
static void put(uint64_t at, uint64_t v, unsigned size) { check(gmem_write(&mem, gpa(at), &v, size) != HV_RANGE); }

static hv_status op_read(void *ctx, gpa_t at, void *buf, unsigned size)
{
    check((at.v & (PAGE_SIZE - 1)) + size <= PAGE_SIZE);
    if (gmem_read(&mem, at, buf, size) != HV_OK)
        memset(buf, 0xff, size);
    if (take(1) > 0xf0)
        put(GDT + (take(1) & 0x7f), take(1), 1);
    return HV_OK;
}

static hv_status op_write(void *ctx, gpa_t at, const void *buf, unsigned size)
{
    check((at.v & (PAGE_SIZE - 1)) + size <= PAGE_SIZE);
    return gmem_write(&mem, at, buf, size) == HV_OK ? HV_OK : take(1) & 1 ? HV_OK : HV_BUSY;
}

static bool op_is_ram(void *ctx, gpa_t at, size_t n)
{
    return gmem_contains(&mem, at, n) && (at.v < 0xa0000 || at.v >= 0xc0000);
}

static const struct emul_ops ops = { .read = op_read, .write = op_write, .is_ram = op_is_ram };

/* A descriptor: mostly a good one of the kind that its place is for, with a byte changed. */
static void put_descriptor(unsigned n)
{
    static const uint64_t flat[4] = {
        0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff,
    };
    uint64_t d = flat[n & 3];
    unsigned how = (unsigned)take(1);
    if (n >= TASKS)
        d = 0x0000890000000067 | (uint64_t)(TSS + (n - TASKS) * 0x80) << 16 |
            (how & 1 ? 2ull << 40 : 0);
    if (n == TASKS - 1)
        d = 0x0000820000000fff | (uint64_t)GDT << 16;
    if (how & 2)
        d ^= take(1) << 8 * (how >> 2 & 7);
    put(GDT + 8 * n, d, 8);
}

static void put_tss(unsigned n)
{
    uint64_t at = TSS + n * 0x80;
    for (unsigned i = 0; i < 0x68; i += 4)
        put(at + i, take(1) & 1 ? take(4) : take(1) << 8, 4);
    put(at + 0x1c, take(1) & 1 ? TABLE : take(2), 4);
    for (unsigned i = 0x48; i <= 0x60 && !(take(1) & 1); i += 4)
        put(at + i, i == 0x4c ? 0x20 : i == 0x60 ? 0x38 : 0x28, 4);
}

static void take_state(struct vcpu_state *s)
{
    unsigned mode = (unsigned)take(1);
    *s = (struct vcpu_state){ .rflags = RFLAGS_FIXED | take(3), .rip = take(4), .cpl = mode & 3 };
    s->cr0 = CR0_PE | (mode & 4 ? CR0_PG : 0) | (mode & 8 ? CR0_WP : 0) | (mode & 16 ? CR0_AM : 0);
    s->cr4 = mode & 32 ? CR4_PAE : CR4_PSE;
    s->cr3 = TABLE;
    s->dr7 = 0x400 | take(1);
    s->gdtr = (struct dtable){ GDT, 0x7f };
    s->tr = (struct segment){ 0x40, mode & 64 ? 0x83 : 0x8b, 0x67, TSS };
    if (mode & 128) {
        s->gdtr.base = take(4);
        s->tr.base = take(4);
        s->tr.limit = (uint32_t)take(4);
    }
    for (unsigned i = 0; i < GPR_COUNT; i++)
        s->gpr[i] = take(1) << 8;
    /* Identity for the RAM: one large page with CR4.PSE or PAE, or any tables. */
    put(TABLE, mode & 32 ? (TABLE + 0x1000) | 1 : 0x87, 8);
    put(TABLE + 0x1000, 0x87, 8);
    if (take(1) & 1)
        put(TABLE + (take(2) & 0x1ff8), take(8), 8);
}

static void check_entered(const struct vcpu_state *s)
{
    const struct segment *cs = &s->seg[SEG_CS], *ss = &s->seg[SEG_SS];
    check(!((s->rflags & ~0x3f7fd5ull) ^ RFLAGS_FIXED) && s->rip <= 0xffffffff && s->cpl <= 3);
    check((s->cr0 & CR0_TS) && !(s->dr7 & 0x155) && !s->shadow);
    check((s->tr.attr & 0x97) == 0x83 && s->tr.base <= 0xffffffff);
    check(!(s->ldtr.attr & SEG_P) || (s->ldtr.attr & 0x1f) == 2);
    if (s->rflags & RFLAGS_VM) {
        for (unsigned i = 0; i < SEG_COUNT; i++)
            check(s->seg[i].attr == 0xf3 && s->seg[i].limit == 0xffff && s->seg[i].base == (uint64_t)s->seg[i].sel << 4);
        check(s->cpl == 3);
        return;
    }
    unsigned cs_dpl = cs->attr >> SEG_DPL_SHIFT & 3;
    check((cs->attr & 0x99) == 0x99 && (cs->attr & 4 ? cs_dpl <= s->cpl : cs_dpl == s->cpl));
    check((ss->attr & 0x9b) == 0x93 && (ss->attr >> SEG_DPL_SHIFT & 3) == s->cpl);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        const struct segment *g = &s->seg[i];
        check(!g->attr || (g->attr & (SEG_P | SEG_S | 1)) == (SEG_P | SEG_S | 1));
        check((g->attr & SEG_G) ? (g->limit & 0xfff) == 0xfff : g->limit <= 0xfffff);
    }
}

static void check_outcome(const struct emul_ctx *c, const struct task_outcome *o, enum emul_status e,
                          const struct vcpu_state *before)
{
    check(e == EMUL_DONE || e >= EMUL_EXCEPTION);
    if (e == EMUL_EXCEPTION)
        check(c->exc.vector >= VEC_TS && c->exc.vector <= VEC_AC && c->exc.has_error);
    if (o->committed)
        check_entered(c->s);
    else
        check(e != EMUL_DONE && !memcmp(c->s, before, sizeof(*before)));
    check(!o->trap || e == EMUL_DONE);
    check(e != EMUL_RETRY || !o->committed);
    check(e != EMUL_FAILED || c->failure != HV_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vcpu_state s;
    struct gva_walker w = { .mem = &mem, .phys_bits = 36 };

    if (!mem.window) {
        mem.window = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(mem.window != MAP_FAILED && gmem_add(&mem, gpa(0), RAM, &block, false) == HV_OK);
    }
    check(madvise(mem.window, RAM, MADV_DONTNEED) == 0);        /* zero again */
    in = (struct input){ data, size };
    take_state(&s);
    for (unsigned n = 0; n < 16; n++)
        put_descriptor(n);
    for (unsigned n = 0; n < 8; n++)
        put_tss(n);
    mem.slot[0].readonly = take(1) == 0xff;

    struct emul_ctx c = { .s = &s, .w = &w, .ops = &ops };
    for (int i = 0; i < 4; i++) {
        unsigned how = (unsigned)take(1);
        struct vcpu_state before = s;
        struct task_outcome o;
        struct task_switch t = {
            .selector = (uint16_t)(how & 64 ? take(2) : 0x40 + (take(1) & 0x3f)),
            .source = (enum task_source)(how & 3), .external = how & 4, .has_error = how & 8,
            .error = (uint32_t)take(2), .insn_len = how >> 4 & 3,
        };
        enum emul_status e = emul_task_switch(&c, &t, &o);
        check_outcome(&c, &o, e, &before);
        if (e != EMUL_DONE && e != EMUL_EXCEPTION)
            break;
    }
    mem.slot[0].readonly = false;
    return 0;
}
