/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/regs_state.c: what is saved comes back; impossible registers do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/regs_state.h"

enum { BUF = 1024 };

static void random_state(struct vcpu_state *s)
{
    uint8_t *p = (uint8_t *)s;
    for (size_t i = 0; i < sizeof(*s); i++)
        p[i] = (uint8_t)rand();
    s->rflags = (s->rflags & 0x3f7fd5) | RFLAGS_FIXED;
    s->efer &= 0xffff;
    s->cr0 &= 0xffffffff;
    s->cpl &= 3;
    s->shadow &= 3;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        s->seg[i].attr &= 0xfff;
    s->ldtr.attr &= 0xfff;
    s->tr.attr &= 0xfff;
}

static size_t save(const struct vcpu_state *s, uint8_t buf[BUF])
{
    struct state_out o = { .buf = buf, .cap = BUF };
    regs_save(s, &o);
    assert_true(o.len <= BUF);
    return o.len;
}

static hv_status load(struct vcpu_state *s, const uint8_t *buf, size_t len)
{
    struct state_in in = { .buf = buf, .len = len };
    return regs_load(s, &in);
}

/* Saving what was loaded gives the same bytes, and every byte of the fields takes part. */
static void round_trip(void **unused)
{
    uint8_t a[BUF], b[BUF];
    struct vcpu_state s, t;
    srand(1);
    for (unsigned n = 0; n < 200; n++) {
        random_state(&s);
        size_t len = save(&s, a);
        memset(&t, 0x55, sizeof(t));
        assert_int_equal(load(&t, a, len), HV_OK);
        assert_int_equal(save(&t, b), len);
        assert_memory_equal(a, b, len);
        assert_memory_equal(s.gpr, t.gpr, sizeof(s.gpr));
        assert_int_equal(s.debugctl, t.debugctl);
        assert_int_equal(s.seg[SEG_GS].base, t.seg[SEG_GS].base);
        assert_int_equal(s.idtr.limit, t.idtr.limit);
    }
}

static void damaged(void **unused)
{
    uint8_t a[BUF];
    struct vcpu_state s, t, before;
    srand(2);
    random_state(&s);
    random_state(&t);
    size_t len = save(&s, a);
    before = t;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_not_equal(load(&t, a, cut), HV_OK);
    assert_memory_equal(&before, &t, sizeof(t));
}

static void refused(struct vcpu_state s)
{
    uint8_t a[BUF];
    struct vcpu_state t;
    memset(&t, 0, sizeof(t));
    size_t len = save(&s, a);
    assert_int_equal(load(&t, a, len), HV_INVALID);
    assert_int_equal(t.rip, 0);
}

static void impossible(void **unused)
{
    struct vcpu_state good, s;
    srand(3);
    random_state(&good);
    s = good; s.rflags &= ~RFLAGS_FIXED; refused(s);
    s = good; s.rflags |= 1ull << 15; refused(s);
    s = good; s.rflags |= 1ull << 40; refused(s);
    s = good; s.efer |= 1ull << 16; refused(s);
    s = good; s.cr0 |= 1ull << 32; refused(s);
    s = good; s.cpl = 4; refused(s);
    s = good; s.shadow = 4; refused(s);
    s = good; s.seg[SEG_SS].attr |= 0x1000; refused(s);
    s = good; s.tr.attr |= 0x8000; refused(s);
    s = good; s.ldtr.attr |= 0x8000; refused(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(damaged), cmocka_unit_test(impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
