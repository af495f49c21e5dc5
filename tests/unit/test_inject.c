/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/inject.c: all pairs of table 6-5, priorities, windows, held events, save and load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "socle/inject.h"
#include "socle/regs.h"

static struct inject_queue q;
static struct inject_event out;
static bool irq_w, nmi_w;

static const struct inject_gates open = { .if_flag = true };

static int setup(void **unused)
{
    inject_init(&q);
    memset(&out, 0xee, sizeof(out));
    return 0;
}

static enum inject_next choose(struct inject_gates g)
{
    return inject_choose(&q, &g, &out, &irq_w, &nmi_w);
}

static struct inject_event exc(uint8_t vector)
{
    return (struct inject_event){ .kind = EVENT_EXCEPTION, .vector = vector };
}

static void nothing_pending_is_nothing(void **unused)
{
    assert_int_equal(choose(open), INJECT_NOTHING);
    assert_false(irq_w || nmi_w);
    assert_false(inject_pending(&q));
}

/* What SDM vol. 3, table 6-5 says for every pair of vectors: '.' serially, 'D', 'T'. */
static bool contributory(uint8_t v)
{
    return v == VEC_DE || (v >= VEC_TS && v <= VEC_GP) || v == VEC_CP;
}

static char expected(uint8_t first, uint8_t second)
{
    bool c = contributory(second), p = second == VEC_PF || second == VEC_VE;
    if (first == VEC_DF)
        return c || p ? 'T' : '.';
    if (contributory(first))
        return c ? 'D' : '.';
    if (first == VEC_PF || first == VEC_VE)
        return c || p ? 'D' : '.';
    return '.';
}

static void every_pair_of_exceptions_combines_by_the_table(void **unused)
{
    for (unsigned a = 0; a < 32; a++)
        for (unsigned b = 0; b < 32; b++) {
            if (a == VEC_NMI || b == VEC_NMI)
                continue;
            for (int queued = 0; queued < 2; queued++) {
                struct inject_event first = exc((uint8_t)a);
                inject_init(&q);
                if (queued)
                    inject_add(&q, &first);
                else
                    inject_interrupted(&q, &first);
                enum inject_result r = inject_exception(&q, (uint8_t)b, true, 77);
                enum inject_next n = choose(open);
                switch (expected((uint8_t)a, (uint8_t)b)) {
                case '.':
                    assert_int_equal(r, INJECT_QUEUED);
                    assert_int_equal(n, INJECT_EVENT);
                    assert_int_equal(out.vector, b);
                    assert_int_equal(out.error, 77);
                    break;
                case 'D':
                    assert_int_equal(r, INJECT_DOUBLE);
                    assert_int_equal(n, INJECT_EVENT);
                    assert_int_equal(out.vector, VEC_DF);
                    assert_true(out.has_error);
                    assert_int_equal(out.error, 0);
                    break;
                case 'T':
                    assert_int_equal(r, INJECT_TRIPLE);
                    assert_int_equal(n, INJECT_SHUTDOWN);
                    assert_true(inject_pending(&q));
                    break;
                }
                if (r == INJECT_TRIPLE)
                    continue;
                inject_taken(&q, &out);
                assert_false(inject_pending(&q));
            }
        }
}

static void fault_on_fault_on_fault_is_shutdown(void **unused)
{
    assert_int_equal(inject_page_fault(&q, 2, 0x1000), INJECT_QUEUED);
    assert_int_equal(inject_page_fault(&q, 0, 0x2000), INJECT_DOUBLE);
    assert_int_equal(choose(open), INJECT_EVENT);
    assert_int_equal(out.vector, VEC_DF);
    assert_true(out.set_cr2 && out.cr2 == 0x2000);      /* where the stack ended */
    inject_taken(&q, &out);
    inject_interrupted(&q, &out);
    assert_int_equal(inject_exception(&q, VEC_GP, true, 8), INJECT_TRIPLE);
    assert_int_equal(choose(open), INJECT_SHUTDOWN);
    assert_false(irq_w || nmi_w);
}

static void double_fault_keeps_the_first_cr2(void **unused)
{
    inject_page_fault(&q, 2, 0x1234);
    assert_int_equal(inject_exception(&q, VEC_NP, true, 1), INJECT_DOUBLE);
    assert_true(q.exception.set_cr2 && q.exception.cr2 == 0x1234);
    inject_init(&q);
    inject_exception(&q, VEC_GP, true, 1);
    assert_int_equal(inject_exception(&q, VEC_SS, true, 1), INJECT_DOUBLE);
    assert_false(q.exception.set_cr2);
}

static void payloads_arrive(void **unused)
{
    inject_page_fault(&q, 0x15, 0xdead000);
    assert_int_equal(choose(open), INJECT_EVENT);
    assert_int_equal(out.kind, EVENT_EXCEPTION);
    assert_int_equal(out.vector, VEC_PF);
    assert_true(out.has_error && out.set_cr2 && !out.set_dr6);
    assert_int_equal(out.error, 0x15);
    assert_true(out.cr2 == 0xdead000);
    inject_taken(&q, &out);
    inject_debug(&q, 0x4000);
    choose(open);
    assert_int_equal(out.vector, VEC_DB);
    assert_true(out.set_dr6 && out.dr6 == 0x4000 && !out.has_error);
    inject_taken(&q, &out);
    inject_exception(&q, VEC_UD, false, 99);
    choose(open);
    assert_int_equal(out.error, 0);
    assert_false(out.has_error);
}

static void software_events_keep_their_length(void **unused)
{
    struct inject_event e = { .kind = EVENT_SOFT_INT, .vector = 0x80, .insn_len = 2 };
    inject_add(&q, &e);
    assert_int_equal(choose((struct inject_gates){ 0 }), INJECT_EVENT);    /* IF does not matter */
    assert_int_equal(out.kind, EVENT_SOFT_INT);
    assert_int_equal(out.insn_len, 2);
    inject_taken(&q, &out);
    /* Cut off by a page fault on the stack: the INT is executed again, not re-injected. */
    inject_interrupted(&q, &e);
    assert_int_equal(inject_page_fault(&q, 2, 5), INJECT_QUEUED);
    choose(open);
    assert_int_equal(out.vector, VEC_PF);
    inject_taken(&q, &out);
    assert_false(inject_pending(&q));
}

static void interrupted_events_go_again_first(void **unused)
{
    static const struct inject_event cut[] = {
        { .kind = EVENT_IRQ, .vector = 0x41 },
        { .kind = EVENT_NMI, .vector = 2 },
        { .kind = EVENT_EXCEPTION, .vector = VEC_GP, .has_error = true, .error = 8 },
        { .kind = EVENT_SOFT_EXCEPTION, .vector = 3, .insn_len = 1 },
        { .kind = EVENT_ICEBP, .vector = 1, .insn_len = 1 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(cut); i++) {
        inject_init(&q);
        inject_interrupted(&q, &cut[i]);
        inject_nmi(&q);
        assert_int_equal(choose((struct inject_gates){ .nmi_blocked = true, .irq_pending = true }),
                         INJECT_EVENT);
        assert_memory_equal(&out, &cut[i], sizeof(out));
        assert_true(irq_w && nmi_w);
        inject_taken(&q, &out);
        assert_true(q.nmi);                 /* the pending NMI is another one */
        inject_interrupted(&q, NULL);
        assert_int_equal(q.interrupted.kind, EVENT_NONE);
    }
}

static void an_overtaken_interrupt_is_held_for_if(void **unused)
{
    struct inject_event irq = { .kind = EVENT_IRQ, .vector = 0x41 };
    struct inject_gates closed = { .irq_pending = true };
    inject_interrupted(&q, &irq);
    inject_page_fault(&q, 0, 1);
    assert_int_equal(choose(open), INJECT_EVENT);
    assert_int_equal(out.vector, VEC_PF);
    assert_true(irq_w);
    inject_taken(&q, &out);
    assert_int_equal(choose(closed), INJECT_NOTHING);
    assert_true(irq_w);
    struct inject_gates both = { .if_flag = true, .irq_pending = true };
    assert_int_equal(choose(both), INJECT_EVENT);
    assert_int_equal(out.kind, EVENT_IRQ);
    assert_int_equal(out.vector, 0x41);
    assert_true(irq_w);                     /* the controller's own waits */
    inject_taken(&q, &out);
    assert_int_equal(choose(both), INJECT_IRQ);
    assert_false(irq_w);
}

static void an_overtaken_nmi_stays_pending(void **unused)
{
    struct inject_event nmi = { .kind = EVENT_NMI, .vector = 2 };
    inject_interrupted(&q, &nmi);
    inject_exception(&q, VEC_GP, true, 0);
    choose(open);
    assert_int_equal(out.vector, VEC_GP);
    assert_true(nmi_w);
    inject_taken(&q, &out);
    assert_int_equal(choose(open), INJECT_EVENT);
    assert_int_equal(out.kind, EVENT_NMI);
    assert_false(nmi_w);
    inject_taken(&q, &out);
    assert_false(inject_pending(&q));
}

static void priorities_and_gates(void **unused)
{
    struct inject_gates g = { .if_flag = true, .irq_pending = true };
    inject_nmi(&q);
    inject_debug(&q, 1);
    assert_int_equal(choose(g), INJECT_EVENT);
    assert_int_equal(out.vector, VEC_DB);           /* trap of the last instruction first */
    assert_true(irq_w && nmi_w);
    inject_taken(&q, &out);
    assert_int_equal(choose(g), INJECT_EVENT);
    assert_int_equal(out.kind, EVENT_NMI);
    assert_int_equal(out.vector, VEC_NMI);
    assert_true(irq_w && !nmi_w);
    g.nmi_blocked = true;                           /* then the interrupt goes before the NMI */
    assert_int_equal(choose(g), INJECT_IRQ);
    assert_true(!irq_w && nmi_w);
    for (int i = 0; i < 3; i++) {
        struct inject_gates s = { .if_flag = i != 0, .sti_shadow = i == 1, .movss_shadow = i == 2,
                                  .irq_pending = true, .nmi_blocked = true };
        assert_int_equal(choose(s), INJECT_NOTHING);
        assert_true(irq_w && nmi_w);
        s.nmi_blocked = false;
        assert_int_equal(choose(s), i == 0 ? INJECT_EVENT : INJECT_NOTHING);
        assert_int_equal(nmi_w, i != 0);
    }
    q.nmi = false;
    assert_int_equal(choose((struct inject_gates){ .nmi_blocked = true }), INJECT_NOTHING);
    assert_false(irq_w || nmi_w);
}

static void nmis_collapse_into_one(void **unused)
{
    inject_nmi(&q);
    inject_nmi(&q);
    assert_int_equal(choose(open), INJECT_EVENT);
    inject_taken(&q, &out);
    assert_int_equal(choose(open), INJECT_NOTHING);
}

static void plain_exception_replaces_an_earlier_one(void **unused)
{
    inject_exception(&q, VEC_UD, false, 0);
    assert_int_equal(inject_exception(&q, VEC_GP, true, 4), INJECT_QUEUED);
    choose(open);
    assert_int_equal(out.vector, VEC_GP);
    inject_taken(&q, &out);
    assert_int_equal(choose(open), INJECT_NOTHING);
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    inject_save(&q, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void a_delivered_event_is_over(void **unused)
{
    static const enum inject_kind kinds[] = { EVENT_IRQ, EVENT_NMI, EVENT_EXCEPTION, EVENT_SOFT_INT };
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct inject_event e = { .kind = kinds[i], .vector = kinds[i] == EVENT_NMI ? 2 : VEC_GP };
        inject_interrupted(&q, &e);
        inject_delivered(&q);
        assert_false(inject_pending(&q));
        /* What comes after it makes no double fault, and puts nothing aside. */
        assert_int_equal(inject_exception(&q, VEC_TS, true, 8), INJECT_QUEUED);
        choose(open);
        inject_taken(&q, &out);
        assert_false(inject_pending(&q));
    }
}

static void save_and_load_round_trip(void **unused)
{
    uint8_t a[256], b[256];
    struct inject_event irq = { .kind = EVENT_IRQ, .vector = 0xfe };
    for (unsigned bits = 0; bits < 32; bits++) {
        inject_init(&q);
        if (bits & 1)
            inject_interrupted(&q, &irq);
        if (bits & 2)
            inject_page_fault(&q, 7, 0x123456789abcull);
        if (bits & 4)
            inject_nmi(&q);
        if (bits & 8)
            inject_interrupted(&q, &(struct inject_event){ .kind = EVENT_SOFT_INT,
                                                          .vector = 9, .insn_len = 2 });
        q.shutdown = bits & 16;
        size_t n = save(a, sizeof(a));
        struct inject_queue before = q;
        memset(&q, 0xff, sizeof(q));
        struct state_in in = { .buf = a, .len = n };
        assert_int_equal(inject_load(&q, &in), HV_OK);
        assert_int_equal(in.pos, n);
        assert_int_equal(save(b, sizeof(b)), n);
        assert_memory_equal(a, b, n);
        assert_int_equal(q.nmi, before.nmi);
        assert_int_equal(q.shutdown, before.shutdown);
        assert_int_equal(q.exception.kind, before.exception.kind);
        assert_int_equal(q.held.kind, before.held.kind);
        assert_true(!q.exception.kind || q.exception.cr2 == before.exception.cr2);
    }
}

static void hostile_records_are_refused_or_sane(void **unused)
{
    uint8_t good[256], bad[256];
    inject_interrupted(&q, &(struct inject_event){ .kind = EVENT_IRQ, .vector = 0x30 });
    inject_page_fault(&q, 7, 5);
    inject_interrupted(&q, &(struct inject_event){ .kind = EVENT_NMI, .vector = 2 });
    size_t n = save(good, sizeof(good));
    struct inject_queue kept;
    memset(&kept, 0x11, sizeof(kept));
    unsigned refused = 0;
    for (size_t i = 0; i < n; i++)
        for (unsigned v = 0; v < 256; v++) {
            memcpy(bad, good, n);
            bad[i] = (uint8_t)v;
            struct state_in in = { .buf = bad, .len = n };
            memcpy(&q, &kept, sizeof(q));
            if (inject_load(&q, &in) != HV_OK) {
                assert_memory_equal(&q, &kept, sizeof(q));
                refused++;
                continue;
            }
            assert_true(q.interrupted.kind < EVENT_KINDS && q.exception.kind < EVENT_KINDS);
            assert_true(q.held.kind == EVENT_NONE || q.held.kind == EVENT_IRQ);
            assert_true(q.exception.kind != EVENT_EXCEPTION || q.exception.vector < 32);
            assert_true(q.interrupted.kind != EVENT_NMI || q.interrupted.vector == 2);
            assert_true(q.interrupted.kind >= EVENT_SOFT_INT || q.interrupted.insn_len == 0);
        }
    assert_true(refused > 1000);
    struct state_in in = { .buf = good, .len = n - 1 };
    assert_int_not_equal(inject_load(&q, &in), HV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_pending_is_nothing, setup),
        cmocka_unit_test_setup(every_pair_of_exceptions_combines_by_the_table, setup),
        cmocka_unit_test_setup(fault_on_fault_on_fault_is_shutdown, setup),
        cmocka_unit_test_setup(double_fault_keeps_the_first_cr2, setup),
        cmocka_unit_test_setup(payloads_arrive, setup),
        cmocka_unit_test_setup(software_events_keep_their_length, setup),
        cmocka_unit_test_setup(interrupted_events_go_again_first, setup),
        cmocka_unit_test_setup(an_overtaken_interrupt_is_held_for_if, setup),
        cmocka_unit_test_setup(an_overtaken_nmi_stays_pending, setup),
        cmocka_unit_test_setup(priorities_and_gates, setup),
        cmocka_unit_test_setup(nmis_collapse_into_one, setup),
        cmocka_unit_test_setup(plain_exception_replaces_an_earlier_one, setup),
        cmocka_unit_test_setup(a_delivered_event_is_over, setup),
        cmocka_unit_test_setup(save_and_load_round_trip, setup),
        cmocka_unit_test_setup(hostile_records_are_refused_or_sane, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
