/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which event a vCPU takes next, and what becomes of two that meet (SDM vol. 3, 6.9,
 * 6.15 and table 6-5; APM vol. 2, 8.2.9 and 8.5). Called by the run loop around every
 * entry. Neither windows nor registers are touched here: the backend and the run loop
 * act on the answers.
 */
#include "socle/inject.h"

#include "socle/assert.h"
#include "socle/regs.h"

enum { RECORD_ID = STATE_ID('E', 'V', 'N', 'T'), RECORD_VERSION = 1 };

/* Classes of SDM vol. 3, table 6-4. Interrupts and software events are benign. */
enum exc_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

void inject_init(struct inject_queue *q) { *q = (struct inject_queue){ 0 }; }

static enum exc_class class_of(const struct inject_event *e)
{
    if (e->kind != EVENT_EXCEPTION)
        return BENIGN;
    switch (e->vector) {
    case VEC_DE:
    case VEC_TS:
    case VEC_NP:
    case VEC_SS:
    case VEC_GP:
    case VEC_CP:
        return CONTRIBUTORY;
    case VEC_PF:
    case VEC_VE:
        return PAGE_FAULT;
    case VEC_DF:
        return DOUBLE_FAULT;
    }
    return BENIGN;
}

/* Table 6-5: what `second` makes when it is raised while `first` is being delivered. */
static enum inject_result combine(enum exc_class first, enum exc_class second)
{
    switch (first) {
    case BENIGN:
        break;
    case CONTRIBUTORY:
        return second == CONTRIBUTORY ? INJECT_DOUBLE : INJECT_QUEUED;
    case PAGE_FAULT:
        return second == CONTRIBUTORY || second == PAGE_FAULT ? INJECT_DOUBLE : INJECT_QUEUED;
    case DOUBLE_FAULT:
        return second == CONTRIBUTORY || second == PAGE_FAULT ? INJECT_TRIPLE : INJECT_QUEUED;
    }
    return INJECT_QUEUED;
}

/* #DF in place of two faults. CR2 keeps the address of the page fault in it, if any. */
static struct inject_event double_fault(const struct inject_event *a, const struct inject_event *b)
{
    const struct inject_event *with_cr2 = b->set_cr2 ? b : a;

    return (struct inject_event){
        .kind = EVENT_EXCEPTION, .vector = VEC_DF, .has_error = true, .error = 0,
        .set_cr2 = with_cr2->set_cr2, .cr2 = with_cr2->cr2,
    };
}

/*
 * An exception overtakes the event that was being delivered. An interrupt or NMI keeps
 * its claim for later; faults and software events come again by themselves, when the
 * instruction is executed again.
 */
static void set_aside(struct inject_queue *q)
{
    if (q->interrupted.kind == EVENT_IRQ)
        q->held = q->interrupted;
    if (q->interrupted.kind == EVENT_NMI)
        q->nmi = true;
    q->interrupted.kind = EVENT_NONE;
}

enum inject_result inject_add(struct inject_queue *q, const struct inject_event *e)
{
    const struct inject_event *first =
        q->exception.kind != EVENT_NONE ? &q->exception : &q->interrupted;
    enum inject_result r = combine(class_of(first), class_of(e));

    switch (r) {
    case INJECT_QUEUED:
        q->exception = *e;
        break;
    case INJECT_DOUBLE:
        q->exception = double_fault(first, e);
        break;
    case INJECT_TRIPLE:
        q->shutdown = true;
        q->exception.kind = EVENT_NONE;
        break;
    }
    set_aside(q);
    return r;
}

enum inject_result inject_exception(struct inject_queue *q, uint8_t vector, bool has_error,
                                    uint32_t error)
{
    return inject_add(q, &(struct inject_event){
        .kind = EVENT_EXCEPTION, .vector = vector, .has_error = has_error,
        .error = has_error ? error : 0,
    });
}

enum inject_result inject_page_fault(struct inject_queue *q, uint32_t error, uint64_t cr2)
{
    return inject_add(q, &(struct inject_event){
        .kind = EVENT_EXCEPTION, .vector = VEC_PF, .has_error = true, .error = error,
        .set_cr2 = true, .cr2 = cr2,
    });
}

enum inject_result inject_debug(struct inject_queue *q, uint64_t dr6)
{
    return inject_add(q, &(struct inject_event){
        .kind = EVENT_EXCEPTION, .vector = VEC_DB, .set_dr6 = true, .dr6 = dr6,
    });
}

void inject_nmi(struct inject_queue *q) { q->nmi = true; }

void inject_interrupted(struct inject_queue *q, const struct inject_event *e)
{
    q->interrupted = e ? *e : (struct inject_event){ 0 };
}

void inject_delivered(struct inject_queue *q) { q->interrupted.kind = EVENT_NONE; }

/*
 * Order of SDM vol. 3, table 6-2: what belongs to instructions already executed comes
 * first, then NMI, then external interrupts. MOV SS holds all interrupts off for one
 * instruction; STI too, and some CPUs refuse an NMI then (SDM vol. 3, 27.3.1.5).
 */
enum inject_next inject_choose(const struct inject_queue *q, const struct inject_gates *g,
                               struct inject_event *out, bool *irq_window, bool *nmi_window)
{
    static const struct inject_event nmi = { .kind = EVENT_NMI, .vector = VEC_NMI };
    bool shadow = g->sti_shadow || g->movss_shadow;
    bool irq = q->held.kind != EVENT_NONE || g->irq_pending;
    enum inject_next next = INJECT_EVENT;

    *irq_window = irq;
    *nmi_window = q->nmi;
    if (q->shutdown) {
        *irq_window = *nmi_window = false;
        return INJECT_SHUTDOWN;
    }
    if (q->interrupted.kind != EVENT_NONE) {
        *out = q->interrupted;
    } else if (q->exception.kind != EVENT_NONE) {
        *out = q->exception;
    } else if (q->nmi && !g->nmi_blocked && !shadow) {
        *out = nmi;
        *nmi_window = false;
    } else if (irq && g->if_flag && !shadow) {
        *out = q->held;
        next = q->held.kind != EVENT_NONE ? INJECT_EVENT : INJECT_IRQ;
        /* With one held, the controller's own has to wait for another window. */
        *irq_window = next == INJECT_EVENT && g->irq_pending;
    } else {
        next = INJECT_NOTHING;
    }
    return next;
}

void inject_taken(struct inject_queue *q, const struct inject_event *e)
{
    if (q->interrupted.kind != EVENT_NONE)
        q->interrupted.kind = EVENT_NONE;
    else if (q->exception.kind != EVENT_NONE)
        q->exception.kind = EVENT_NONE;
    else if (e->kind == EVENT_NMI)
        q->nmi = false;
    else if (e->kind == EVENT_IRQ)
        q->held.kind = EVENT_NONE;
}

/* ---- saving and loading ---- */

static void save_event(const struct inject_event *e, struct state_out *o)
{
    state_put_u8(o, (uint8_t)e->kind);
    if (e->kind == EVENT_NONE)
        return;
    state_put_u8(o, e->vector);
    state_put_u8(o, e->insn_len);
    state_put_u8(o, (uint8_t)(e->has_error | e->set_cr2 << 1 | e->set_dr6 << 2));
    state_put_u32(o, e->error);
    state_put_u64(o, e->cr2);
    state_put_u64(o, e->dr6);
}

static bool valid_event(const struct inject_event *e, uint8_t flags)
{
    bool software = e->kind >= EVENT_SOFT_INT;

    return e->kind < EVENT_KINDS && flags < 8 && e->insn_len <= 15 &&
           (software || e->insn_len == 0) && (e->kind != EVENT_NMI || e->vector == VEC_NMI) &&
           (e->kind != EVENT_EXCEPTION || (e->vector < 32 && e->vector != VEC_NMI)) &&
           (e->kind == EVENT_EXCEPTION || flags == 0);
}

static bool load_event(struct inject_event *e, struct state_in *in)
{
    *e = (struct inject_event){ .kind = (enum inject_kind)state_get_u8(in) };
    if (e->kind == EVENT_NONE)
        return true;
    e->vector = state_get_u8(in);
    e->insn_len = state_get_u8(in);
    uint8_t flags = state_get_u8(in);
    e->has_error = flags & 1;
    e->set_cr2 = flags & 2;
    e->set_dr6 = flags & 4;
    e->error = state_get_u32(in);
    e->cr2 = state_get_u64(in);
    e->dr6 = state_get_u64(in);
    return valid_event(e, flags);
}

void inject_save(const struct inject_queue *q, struct state_out *o)
{
    state_begin(o, RECORD_ID, RECORD_VERSION);
    save_event(&q->interrupted, o);
    save_event(&q->exception, o);
    save_event(&q->held, o);
    state_put_u8(o, (uint8_t)(q->nmi | q->shutdown << 1));
    state_end(o);
}

hv_status inject_load(struct inject_queue *q, struct state_in *in)
{
    struct inject_queue n;
    uint16_t version;

    hv_status s = state_open(in, RECORD_ID, RECORD_VERSION, &version);
    if (s)
        return s;
    bool good = load_event(&n.interrupted, in);
    good = load_event(&n.exception, in) && good;
    good = load_event(&n.held, in) && good;
    uint8_t flags = state_get_u8(in);
    n.nmi = flags & 1;
    n.shutdown = flags & 2;
    good = good && flags < 4 && (n.held.kind == EVENT_NONE || n.held.kind == EVENT_IRQ) &&
           n.exception.kind != EVENT_IRQ && n.exception.kind != EVENT_NMI;
    s = state_close(in);
    if (s || !good)
        return HV_INVALID;
    *q = n;
    return HV_OK;
}
